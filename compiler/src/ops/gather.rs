//! `Gather`: slices of any element type picked by integer indices along one axis, which may be computed at run time.
//!
//! A known index that lies outside the axis is refused. One that is computed is then the nearest inside.

use std::sync::Arc;

use super::operands::{axis, output, output_shape, product, tensor, typed};
use super::{OpError, Operator};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::plan::problem::{Relation, TensorId};
use crate::steps::kernels::{Gather as Kernel, Strided};
use crate::steps::{Lowering, Packed};
use crate::tensor::{DType, Tensor, TensorType};

/// Inputs: `data` and `indices`; an index may count from the end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Gather {
    pub(crate) axis: usize,
    /// Whether `indices` are known when compiling.
    pub(crate) is_known: bool,
}

/// The most steps in which slices are copied.
const MOST_STEPS: usize = 64;

impl Operator for Gather {
    const ATTRIBUTES: &'static [KnownAttribute] = &[known::int("axis")];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let axis = axis(node.int("axis")?.unwrap_or(0), node.input_type(0)?.shape.rank())?;
        Ok(Gather { axis, is_known: node.input(1).is_some_and(|indices| indices.value.is_some()) })
    }

    fn data_inputs(&self) -> usize {
        2
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let (data, indices) = (typed(inputs, 0)?, typed(inputs, 1)?);
        if !matches!(indices.dtype, DType::I32 | DType::I64) {
            return Err(OpError::new(format!("`indices` is {indices}")).supported("i32, i64"));
        }
        if self.axis >= data.shape.rank() {
            return Err(OpError::new(format!("`data` is {data}, which has no axis {}", self.axis)));
        }
        output(data.dtype, [&data.shape[..self.axis], &indices.shape[..], &data.shape[self.axis + 1..]].concat())
    }

    fn runs(&self, _inputs: &[Option<&TensorType>]) -> bool {
        true
    }

    /// A step for all known indices in a row that lie as far from each other, where those are few; else one that reads the indices.
    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let x = ctx.tensor(0)?;
        let mut shape = ctx.shape_of(x).clone();
        let known = ctx.constant(1).and_then(Tensor::to_i64s);
        let picked = known.map(|indices| self.picked(&indices, shape[self.axis])).transpose()?;
        let parts = picked.as_deref().map(evenly_spaced).filter(|parts| parts.len() <= MOST_STEPS);
        let (Some(picked), Some(parts)) = (picked, parts) else {
            let reads = vec![ctx.whole(x), ctx.input(1)?];
            ctx.step(Kernel { axis: self.axis }, reads);
            return Ok(());
        };
        shape.0[self.axis] = picked.len();
        let is_whole = shape == ctx.shape();
        let y = if is_whole { ctx.output() } else { ctx.output_as(shape) };
        copy_parts(ctx, [x, y], self.axis, parts)?;
        if !is_whole {
            ctx.finish(y);
        }
        Ok(())
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let shape = output_shape(self, inputs)?;
        let (data, indices) = (tensor(inputs, 0)?, tensor(inputs, 1)?);
        let (extent, inner) = (data.shape()[self.axis], product(&data.shape()[self.axis + 1..]));
        let found = indices.to_i64s().ok_or_else(|| OpError::new("`indices` holds no integers"))?;
        let picked = self.picked(&found, extent)?;
        let source = |i: usize| {
            let (slice, at) = (i / inner, i % inner);
            (slice / picked.len() * extent + picked[slice % picked.len()]) * inner + at
        };
        Ok(vec![data.gathered(&shape, source)])
    }
}

impl Gather {
    /// Places along an axis; an error where an index lies outside and is known, or the axis has no elements.
    fn picked(&self, indices: &[i64], extent: usize) -> Result<Vec<usize>, OpError> {
        let nearest = |index: i64| if index < 0 { 0 } else { extent - 1 };
        let place = |&index: &i64| match in_range(index, extent) {
            Err(_) if !self.is_known && extent > 0 => Ok(nearest(index)),
            found => found,
        };
        indices.iter().map(place).collect()
    }
}

/// Evenly spaced indices of an axis: the first, the distance and their number.
pub(super) type Part = (usize, i64, usize);

/// Emits a step for each of these parts of `axis` of `from`, which come to lie one behind the other in `to`.
pub(super) fn copy_parts(ctx: &mut Lowering<'_>, [from, to]: [TensorId; 2], axis: usize, parts: Vec<Part>) -> Result<(), OpError> {
    if parts.len() > MOST_STEPS {
        let found = format!("copies {} parts of axis {axis}, of evenly spaced elements each", parts.len());
        return Err(OpError::unsupported(found).supported(format!("at most {MOST_STEPS}")));
    }
    let mut start = 0;
    for (first, step, len) in parts {
        let (mut read, mut write) = (ctx.whole(from), ctx.whole(to));
        let reach = step.unsigned_abs() as usize * (len - 1);
        read.start[axis] = if step < 0 { first - reach } else { first };
        read.dims[axis] = reach + 1;
        (write.start[axis], write.dims[axis]) = (start, len);
        start += len;
        if step == 1 {
            ctx.push_move(read, write, Relation::Same);
        } else {
            let mut steps = vec![1; read.dims.len()];
            steps[axis] = step;
            ctx.push(Arc::new(Strided { steps }), vec![read], write, &Packed::default(), 0);
        }
    }
    Ok(())
}

/// The longest runs of indices that lie as far from each other; one alone is one apart.
pub(super) fn evenly_spaced(indices: &[usize]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = indices;
    while let Some((&first, behind)) = rest.split_first() {
        let distance = |pair: &[usize]| pair[1] as i64 - pair[0] as i64;
        let step = behind.first().map_or(1, |&second| second as i64 - first as i64);
        let len = 1 + rest.windows(2).take_while(|pair| distance(pair) == step).count();
        parts.push((first, step, len));
        rest = &rest[len..];
    }
    parts
}

fn in_range(index: i64, extent: usize) -> Result<usize, OpError> {
    axis(index, extent).map_err(|_| OpError::new(format!("`indices` holds {index} where the axis has {extent} elements")))
}

#[cfg(test)]
mod tests {
    use crate::ir::test_build::Random;
    use crate::ops::test_case::{Case, floats};
    use crate::tensor::Shape;
    use crate::tensor::{DType, Tensor, TensorType};
    use crate::tensor::{ravel, unravel};

    #[test]
    fn a_dimension_of_a_shape() {
        let scalar = Tensor::i64([], [-1]).unwrap();
        let dim = Case::new("Gather", 13).i64s(&[1, 3, 224, 200]).known(scalar).evaluate().unwrap();
        assert_eq!((dim.shape().rank(), dim.to_i64s()), (0, Some(vec![200])));
    }

    #[test]
    fn slices() {
        let case = |axis| Case::new("Gather", 13).int("axis", axis).floats(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(case(0).i64s(&[1, 0, -2]).evaluate(), Ok(floats(&[3, 3], &[4.0, 5.0, 6.0, 1.0, 2.0, 3.0, 1.0, 2.0, 3.0])));
        assert_eq!(case(-1).i64s(&[2, 0]).evaluate(), Ok(floats(&[2, 2], &[3.0, 1.0, 6.0, 4.0])));
        assert_eq!(case(0).i64s(&[]).shape(), Ok(vec![0, 3]));
        assert!(case(0).i64s(&[]).values().is_empty());
    }

    #[test]
    fn indices_run_in_even_steps() {
        let parts = super::evenly_spaced(&[2, 1, 0, 5, 5, 5, 7, 9, 8]);
        assert_eq!(parts, [(2, -1, 3), (5, 0, 3), (7, 2, 2), (8, 1, 1)]);
        let known = Case::new("Gather", 13).input(&[2, 3]).i64s(&[1, 0]);
        assert!(known.parse().unwrap().runs(&[]) && super::evenly_spaced(&[]).is_empty());
    }

    #[test]
    fn computed_indices_stay_inside() {
        let computed = Case::new("Gather", 13).input(&[2, 3]).typed(TensorType::new(DType::I64, [2])).parse().unwrap();
        assert!(computed.runs(&[]));
        let (data, indices) = (floats(&[2, 1], &[1.0, 2.0]), Tensor::i64s([-1, 2, -3, i64::MIN, i64::MAX]));
        let found = computed.evaluate(&[Some(&data), Some(&indices)]).unwrap();
        assert_eq!(found, [floats(&[5, 1], &[2.0, 2.0, 1.0, 1.0, 2.0])]);
        assert!(computed.evaluate(&[Some(&floats(&[0, 1], &[])), Some(&indices)]).is_err());
    }

    #[test]
    fn refusals() {
        let case = |index| Case::new("Gather", 13).floats(&[2], &[1.0, 2.0]).i64s(&[index]).evaluate();
        for index in [2, -3, i64::MIN] {
            let text = format!("`indices` holds {index} where the axis has 2 elements");
            assert_eq!(case(index).unwrap_err().to_string(), text);
        }
        assert!(Case::new("Gather", 13).input(&[]).i64s(&[0]).refusal().contains("axis 0"));
        assert!(Case::new("Gather", 13).input(&[2]).input(&[1]).refusal().contains("`indices` is f32[1]"));
    }

    /// Known in few steps and in many, and computed, along any axis.
    #[test]
    fn slices_at_run_time_are_those_of_their_indices() {
        let mut random = Random(1);
        for round in 0..120 {
            let mut dims: Vec<usize> = (0..1 + random.index(3)).map(|_| 1 + random.index(4)).collect();
            let axis = random.index(dims.len());
            // Now and then so many that no steps are made of them.
            let picked: Vec<usize> = if round % 8 == 0 { vec![90] } else { (0..random.index(3)).map(|_| 1 + random.index(4)).collect() };
            dims[axis] = 1 + random.index(6);
            let extent = dims[axis] as i64;
            let indices: Vec<i64> = (0..picked.iter().product()).map(|_| random.index(2 * extent as usize) as i64 - extent).collect();
            let values: Vec<f32> = (0..dims.iter().product()).map(|at: usize| at as f32).collect();
            let to = [&dims[..axis], &picked, &dims[axis + 1..]].concat();
            let value = |flat: usize| {
                let at = unravel(flat, &to);
                let pick = indices[ravel(&at[axis..axis + picked.len()], &Shape(picked.clone()).strides())].rem_euclid(extent);
                let own = [&at[..axis], &[pick as usize], &at[axis + picked.len()..]].concat();
                values[ravel(&own, &Shape(dims.clone()).strides())]
            };
            let wanted = floats(&to, &(0..to.iter().product()).map(value).collect::<Vec<_>>());
            let named = axis as i64 - if round % 2 == 0 { dims.len() as i64 } else { 0 };
            let case =
                Case::new("Gather", 13).int("axis", named).floats(&dims, &values).known(Tensor::i64(picked.clone(), &indices[..]).unwrap());
            for constants in [&[][..], &[0], &[1]] {
                assert_eq!(case.computed(constants), wanted, "{dims:?} along {axis} by {indices:?}, {constants:?} known");
            }
        }
    }
}
