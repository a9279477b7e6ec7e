//! `Concat`: any number of inputs of any rank and element type along one axis.

use std::sync::Arc;

use super::operands::{axis, evaluated, output, output_shape, product, tensor, typed};
use super::{OpError, Operator};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::plan::problem::{Access, Relation};
use crate::steps::Lowering;
use crate::tensor::{Data, Tensor, TensorType};

/// Inputs: one or more, equal in all extents but `axis`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Concat {
    pub(crate) axis: usize,
}

impl Operator for Concat {
    const ATTRIBUTES: &'static [KnownAttribute] = &[known::int("axis")];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let default = if node.opset < 4 { Some(1) } else { None };
        let found = node.int("axis")?.or(default).ok_or_else(|| OpError::new("attribute `axis` is missing"))?;
        Ok(Concat { axis: axis(found, node.input_type(0)?.shape.rank())? })
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let mut joined = typed(inputs, 0)?.clone();
        for slot in 1..inputs.len() {
            let next = typed(inputs, slot)?;
            let same_rank = next.dtype == joined.dtype && next.shape.rank() == joined.shape.rank();
            let fits = same_rank && (0..joined.shape.rank()).all(|i| i == self.axis || joined.shape[i] == next.shape[i]);
            let extent = fits.then(|| joined.shape[self.axis].checked_add(next.shape[self.axis])).flatten();
            let refusal = || OpError::new(format!("input {slot} is {next}, which does not join {joined} on axis {}", self.axis));
            joined.shape.0[self.axis] = extent.ok_or_else(refusal)?;
        }
        output(joined.dtype, joined.shape)
    }

    /// Elements of any type move.
    fn runs(&self, _inputs: &[Option<&TensorType>]) -> bool {
        true
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let shape = output_shape(self, inputs)?;
        let tensors = (0..inputs.len()).map(|slot| tensor(inputs, slot)).collect::<Result<Vec<_>, _>>()?;
        let n_runs = product(&shape[..self.axis]);
        let data = match tensors[0].data() {
            Data::F32(_) => join(&tensors, n_runs, |data| if let Data::F32(v) = data { Some(v) } else { None }).map(Data::F32),
            Data::I8(_) => join(&tensors, n_runs, |data| if let Data::I8(v) = data { Some(v) } else { None }).map(Data::I8),
            Data::U8(_) => join(&tensors, n_runs, |data| if let Data::U8(v) = data { Some(v) } else { None }).map(Data::U8),
            Data::I32(_) => join(&tensors, n_runs, |data| if let Data::I32(v) = data { Some(v) } else { None }).map(Data::I32),
            Data::I64(_) => join(&tensors, n_runs, |data| if let Data::I64(v) = data { Some(v) } else { None }).map(Data::I64),
            Data::Bool(_) => join(&tensors, n_runs, |data| if let Data::Bool(v) = data { Some(v) } else { None }).map(Data::Bool),
        };
        evaluated(data.and_then(|data| Tensor::new(shape, data)))
    }

    /// Every input moves into its slice of the output; the planner lets the producers write there instead.
    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let output = ctx.output();
        let mut start = 0;
        for slot in 0..ctx.slots() {
            let read = ctx.input(slot)?;
            let mut write = Access { dims: read.dims.clone(), ..ctx.whole(output) };
            write.start[self.axis] = start;
            start += read.dims[self.axis];
            ctx.push_move(read, write, Relation::Same);
        }
        Ok(())
    }
}

/// Each tensor is `n_runs` runs of elements that stay together; the first runs of all come first.
fn join<T: Copy>(tensors: &[&Tensor], n_runs: usize, elements: impl Fn(&Data) -> Option<&Arc<[T]>>) -> Option<Arc<[T]>> {
    let parts = tensors.iter().map(|tensor| elements(tensor.data())).collect::<Option<Vec<_>>>()?;
    let mut joined = Vec::new();
    for run in 0..n_runs {
        for part in &parts {
            let len = part.len() / n_runs;
            joined.extend_from_slice(&part[run * len..(run + 1) * len]);
        }
    }
    Some(joined.into())
}

#[cfg(test)]
mod tests {
    use crate::ir::test_build::Random;
    use crate::ops::test_case::Case;
    use crate::tensor::Tensor;
    use crate::tensor::unravel;

    #[test]
    fn on_either_axis() {
        let case = |axis| Case::new("Concat", 13).int("axis", axis).floats(&[1, 2], &[1.0, 2.0]).floats(&[1, 2], &[3.0, 4.0]);
        assert_eq!((case(0).shape(), case(0).values()), (Ok(vec![2, 2]), vec![1.0, 2.0, 3.0, 4.0]));
        assert_eq!((case(-1).shape(), case(-1).values()), (Ok(vec![1, 4]), vec![1.0, 2.0, 3.0, 4.0]));
        let uneven = Case::new("Concat", 11).int("axis", 1).floats(&[2, 1], &[1.0, 4.0]).floats(&[2, 2], &[2.0, 3.0, 5.0, 6.0]);
        assert_eq!(uneven.values(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn before_operator_set_4_the_axis_has_a_default() {
        let case = |opset| Case::new("Concat", opset).floats(&[1, 2], &[1.0, 2.0]).floats(&[1, 2], &[3.0, 4.0]);
        assert_eq!(case(3).shape(), Ok(vec![1, 4]));
        assert_eq!(case(4).refusal(), "attribute `axis` is missing");
    }

    #[test]
    fn integers_one_input_and_empty_inputs() {
        let shape = Case::new("Concat", 13).int("axis", 0).i64s(&[1]).i64s(&[]).i64s(&[-1, 4]);
        assert_eq!(shape.evaluate(), Ok(Tensor::i64s([1, -1, 4])));
        assert_eq!(Case::new("Concat", 13).int("axis", 0).floats(&[1], &[7.0]).values(), [7.0]);
        assert_eq!(Case::new("Concat", 13).int("axis", 1).floats(&[0, 1], &[]).floats(&[0, 2], &[]).shape(), Ok(vec![0, 3]));
    }

    #[test]
    fn refusals() {
        let case = || Case::new("Concat", 13).int("axis", 1);
        assert_eq!(case().input(&[1, 2]).input(&[2, 2]).refusal(), "input 1 is f32[2,2], which does not join f32[1,2] on axis 1");
        assert!(case().input(&[1, 2]).input(&[1, 2, 1]).refusal().contains("input 1"));
        assert!(case().input(&[1, 2]).i64s(&[1]).refusal().contains("i64"));
        assert_eq!(case().input(&[2]).refusal(), "axis 1 is not one of 1 dimensions (supported: -1 to 0)");
        assert!(case().input(&[1, usize::MAX]).input(&[1, 1]).refusal().contains("does not join"));
        assert!(case().input(&[1, 1]).none().input(&[1, 1]).refusal().contains("missing"));
    }

    /// Along any axis, with one of them known or none.
    #[test]
    fn operands_at_run_time_lie_behind_each_other() {
        let mut random = Random(1);
        for round in 0..80 {
            let dims: Vec<usize> = (0..1 + random.index(4)).map(|_| 1 + random.index(3)).collect();
            let axis = random.index(dims.len());
            let lengths: Vec<usize> = (0..1 + random.index(4)).map(|_| 1 + random.index(3)).collect();
            let (mut case, mut wanted) = (Case::new("Concat", 13).int("axis", axis as i64 - dims.len() as i64), Vec::new());
            for (part, &length) in lengths.iter().enumerate() {
                let mut own = dims.clone();
                own[axis] = length;
                let begin: usize = lengths[..part].iter().sum();
                let values: Vec<f32> = (0..own.iter().product()).map(|at: usize| (100 * part + at) as f32).collect();
                wanted.extend(values.iter().enumerate().map(|(at, &value)| {
                    let mut index = unravel(at, &own);
                    index[axis] += begin;
                    (index, value)
                }));
                case = case.floats(&own, &values);
            }
            // In the order of the output's elements.
            wanted.sort_by(|a, b| a.0.cmp(&b.0));
            let found = case.computed([&[][..], &[0], &[1]][round % 3]);
            assert_eq!(
                found.as_f32().unwrap(),
                wanted.into_iter().map(|(_, value)| value).collect::<Vec<_>>(),
                "{lengths:?} along {axis} of {dims:?}"
            );
        }
    }
}
