//! `Reshape`, `Flatten`, `Squeeze` and `Unsqueeze`: the same elements under another shape, of any element type.

use super::operands::{axis, distinct_axes, evaluated, ints, output, product, tensor, typed};
use super::{OpError, Operator};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::steps::Lowering;
use crate::tensor::{Shape, Tensor, TensorType};

/// One input; the shape follows from the attributes and the inputs that are read when the node is parsed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reshape {
    pub(crate) shape: Shape,
}

impl Operator for Reshape {
    const ATTRIBUTES: &'static [KnownAttribute] = &[
        known::ints("shape").of(&["Reshape"]),
        known::flag("allowzero").of(&["Reshape"]),
        known::int("axis").of(&["Flatten"]),
        known::ints("axes").of(&["Squeeze", "Unsqueeze"]),
    ];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let input = &node.input_type(0)?.shape;
        let dims = match node.op_type {
            "Flatten" => flattened(input, node.int("axis")?.unwrap_or(1))?,
            "Squeeze" => squeezed(input, ints(node, 1, "axes")?)?,
            "Unsqueeze" => unsqueezed(input, &ints(node, 1, "axes")?.ok_or_else(|| OpError::new("`axes` is missing"))?)?,
            _ => {
                let wanted = ints(node, 1, "shape")?.ok_or_else(|| OpError::new("input `shape` is missing"))?;
                reshaped(input, &wanted, node.flag("allowzero")?.unwrap_or(false))?
            }
        };
        Ok(Reshape { shape: Shape(dims) })
    }

    fn data_inputs(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let input = typed(inputs, 0)?;
        if input.shape.checked_elements() != self.shape.checked_elements() {
            return Err(OpError::new(format!("{input} does not have the elements of {}", self.shape)));
        }
        output(input.dtype, self.shape.clone())
    }

    /// Elements of any type move.
    fn runs(&self, _inputs: &[Option<&TensorType>]) -> bool {
        true
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        evaluated(tensor(inputs, 0)?.reshaped(self.shape.clone()))
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let input = ctx.tensor(0)?;
        ctx.finish(input);
        Ok(())
    }
}

/// `Reshape`: 0 copies the input's extent (unless zeros are allowed), one -1 takes what is left.
fn reshaped(input: &Shape, wanted: &[i64], allow_zero: bool) -> Result<Vec<usize>, OpError> {
    let refusal = |why: &str| OpError::new(format!("`shape` {wanted:?} for an input of shape {input} {why}"));
    let mut dims = Vec::with_capacity(wanted.len());
    let mut open = None;
    for (i, &dim) in wanted.iter().enumerate() {
        dims.push(match dim {
            0 if !allow_zero => *input.get(i).ok_or_else(|| refusal("copies an extent that is not there"))?,
            -1 if open.replace(i).is_none() => 1,
            -1 => return Err(refusal("leaves two extents open")),
            _ => usize::try_from(dim).map_err(|_| refusal("holds a negative extent"))?,
        });
    }
    if let Some(open) = open {
        let (all, others) = (input.checked_elements(), Shape(dims.clone()).checked_elements());
        let left = all.zip(others).filter(|&(all, others)| others > 0 && all.is_multiple_of(others));
        dims[open] = left.map(|(all, others)| all / others).ok_or_else(|| refusal("leaves an extent open that does not come out even"))?;
    }
    Ok(dims)
}

/// `Flatten`: the axes before `at`, and the rest.
fn flattened(input: &Shape, at: i64) -> Result<Vec<usize>, OpError> {
    let rank = input.rank();
    let at = if usize::try_from(at) == Ok(rank) { rank } else { axis(at, rank)? };
    Ok(vec![product(&input[..at]), product(&input[at..])])
}

/// `Squeeze`: without `axes`, or with none in the list, every extent of one goes.
fn squeezed(input: &Shape, found: Option<Vec<i64>>) -> Result<Vec<usize>, OpError> {
    let Some(found) = found.filter(|found| !found.is_empty()) else { return Ok(input.iter().copied().filter(|&dim| dim != 1).collect()) };
    let gone = distinct_axes(&found, input.rank())?;
    if let Some(&axis) = gone.iter().find(|&&axis| input[axis] != 1) {
        return Err(OpError::new(format!("`axes` {found:?} takes axis {axis} from {input}")).supported("axes of extent 1"));
    }
    let mut stays = vec![true; input.rank()];
    gone.iter().for_each(|&axis| stays[axis] = false);
    Ok(input.iter().zip(stays).filter(|(_, stays)| *stays).map(|(&dim, _)| dim).collect())
}

/// `Unsqueeze`: `axes` are positions in the output.
fn unsqueezed(input: &Shape, found: &[i64]) -> Result<Vec<usize>, OpError> {
    let rank = input.rank() + found.len();
    let mut is_new = vec![false; rank];
    distinct_axes(found, rank)?.iter().for_each(|&axis| is_new[axis] = true);
    let mut old = input.iter().copied();
    Ok(is_new.into_iter().map(|new| if new { 1 } else { old.next().unwrap_or(1) }).collect())
}

#[cfg(test)]
mod tests {
    use crate::ops::test_case::Case;
    use crate::tensor::Tensor;

    fn reshape(input: &[usize], shape: &[i64]) -> Case {
        Case::new("Reshape", 14).input(input).i64s(shape)
    }

    #[test]
    fn reshape_resolves_zero_and_minus_one() {
        let cases: [(&[usize], &[i64], &[usize]); 4] =
            [(&[1, 4, 19, 19], &[0, -1, 4], &[1, 361, 4]), (&[2, 3], &[3, 2], &[3, 2]), (&[1], &[], &[]), (&[6], &[-1], &[6])];
        for (input, shape, output) in cases {
            assert_eq!(reshape(input, shape).shape(), Ok(output.to_vec()), "{input:?} {shape:?}");
        }
        assert_eq!(reshape(&[0, 3], &[3, 0]).int("allowzero", 1).shape(), Ok(vec![3, 0]));
        assert_eq!(Case::new("Reshape", 14).i64s(&[1, 2]).i64s(&[2, 1]).evaluate().unwrap().to_i64s(), Some(vec![1, 2]));
    }

    #[test]
    fn before_operator_set_5_the_shape_is_an_attribute() {
        assert_eq!(Case::new("Reshape", 1).input(&[2, 3]).ints("shape", &[0, -1, 1]).shape(), Ok(vec![2, 3, 1]));
        assert_eq!(Case::new("Reshape", 5).input(&[2, 3]).refusal(), "input `shape` is missing");
    }

    #[test]
    fn reshape_refusals() {
        assert!(reshape(&[2, 3], &[-1, -1]).refusal().contains("two extents open"));
        assert!(reshape(&[2, 3], &[4, -1]).refusal().contains("come out even"));
        assert!(reshape(&[2, 3], &[0, -1]).int("allowzero", 1).refusal().contains("come out even"));
        assert!(reshape(&[2, 3], &[6, 1, 0]).refusal().contains("not there"));
        assert!(reshape(&[2, 3], &[-2, 3]).refusal().contains("negative"));
        assert_eq!(reshape(&[2, 3], &[7]).refusal(), "f32[2,3] does not have the elements of [7]");
        assert!(reshape(&[2, 3], &[i64::MAX, i64::MAX]).refusal().contains("does not have"));
        assert!(Case::new("Reshape", 14).input(&[2]).input(&[1]).refusal().contains("run time"));
        assert!(Case::new("Reshape", 14).input(&[2]).floats(&[1], &[2.0]).refusal().contains("not integers"));
    }

    #[test]
    fn flatten() {
        let flatten = |axis| Case::new("Flatten", 13).int("axis", axis).input(&[2, 3, 4]).shape();
        assert_eq!(Case::new("Flatten", 7).input(&[2, 3, 4]).shape(), Ok(vec![2, 12]));
        assert_eq!((flatten(0), flatten(3), flatten(-1)), (Ok(vec![1, 24]), Ok(vec![24, 1]), Ok(vec![6, 4])));
        assert!(flatten(4).is_err() && flatten(-4).is_err());
        assert_eq!(Case::new("Flatten", 13).int("axis", 0).input(&[]).shape(), Ok(vec![1, 1]));
    }

    #[test]
    fn squeeze_and_unsqueeze_take_axes_as_attribute_or_input() {
        let input = [1, 3, 1];
        assert_eq!(Case::new("Squeeze", 11).ints("axes", &[-1]).input(&input).shape(), Ok(vec![1, 3]));
        assert_eq!(Case::new("Squeeze", 13).input(&input).i64s(&[0, 2]).shape(), Ok(vec![3]));
        assert_eq!(Case::new("Squeeze", 13).input(&input).shape(), Ok(vec![3]));
        assert_eq!(Case::new("Squeeze", 13).input(&input).i64s(&[]).shape(), Ok(vec![3]));
        assert_eq!(Case::new("Squeeze", 11).ints("axes", &[]).input(&input).shape(), Ok(vec![3]));
        assert_eq!(Case::new("Unsqueeze", 13).input(&input).i64s(&[]).shape(), Ok(input.to_vec()));
        assert_eq!(Case::new("Unsqueeze", 11).ints("axes", &[0, 2]).input(&[3]).shape(), Ok(vec![1, 3, 1]));
        assert_eq!(Case::new("Unsqueeze", 13).input(&[3, 4]).i64s(&[-1, 1]).shape(), Ok(vec![3, 1, 4, 1]));
        let scalar = Tensor::i64([], [5]).unwrap();
        assert_eq!(Case::new("Unsqueeze", 13).known(scalar).i64s(&[0]).evaluate(), Ok(Tensor::i64s([5])));
    }

    #[test]
    fn squeeze_and_unsqueeze_refusals() {
        let squeeze = |axes: &[i64]| Case::new("Squeeze", 13).input(&[1, 3]).i64s(axes).refusal();
        assert_eq!(squeeze(&[1]), "`axes` [1] takes axis 1 from [1,3] (supported: axes of extent 1)");
        assert!(squeeze(&[2]).contains("axis 2"));
        let unsqueeze = |axes: &[i64]| Case::new("Unsqueeze", 13).input(&[3]).i64s(axes).refusal();
        assert!(unsqueeze(&[0, 0]).contains("twice") && unsqueeze(&[2]).contains("axis 2"));
        assert_eq!(Case::new("Unsqueeze", 13).input(&[3]).refusal(), "`axes` is missing");
    }
}
