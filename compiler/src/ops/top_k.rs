//! `TopK`: the greatest or the least elements along an axis, in their order, and their indices as `i64`; of equal elements that of the lower
//! index comes first, and what is not a number last.
//!
//! How many must be known. Each takes a pass over the axis, of the values and of the indices where both are read. With `sorted` 0, for
//! which ONNX leaves the order open, it is the same.

use std::cmp::Ordering;
use std::sync::Arc;

use super::operands::{axis, evaluated, output, output_shape, product, tensor, typed};
use super::{OpError, Operator};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::steps::kernels::TopK as Kernel;
use crate::steps::{Lowering, Packed};
use crate::tensor::{DType, Shape, Tensor, TensorType, elements};

/// One input of numbers; how many are found is read when the node is parsed. Outputs: values and indices.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TopK {
    axis: usize,
    count: usize,
    least: bool,
}

/// The most comparisons of one output at run time.
const MOST_COMPARISONS: usize = 1 << 30;

impl Operator for TopK {
    const ATTRIBUTES: &'static [KnownAttribute] = &[known::int("axis"), known::int("k"), known::flag("largest"), known::ignored("sorted")];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let x = node.input_type(0)?;
        let axis = axis(node.int("axis")?.unwrap_or(-1), x.shape.rank())?;
        // `k` is an attribute before opset 10.
        let found = match node.known_ints(1, "K")? {
            Some(found) => found,
            None => node.int("k")?.map(|k| vec![k]).ok_or_else(|| OpError::new("`k` is missing"))?,
        };
        let count = match found[..] {
            [k] => usize::try_from(k).ok().filter(|k| (1..=x.shape[axis]).contains(k)),
            _ => None,
        };
        let refusal = || OpError::new(format!("`k` is {found:?} of axis {axis} of {x}")).supported(format!("1 to {}", x.shape[axis]));
        Ok(TopK { axis, count: count.ok_or_else(refusal)?, least: !node.flag("largest")?.unwrap_or(true) })
    }

    fn data_inputs(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let x = typed(inputs, 0)?;
        if x.dtype == DType::Bool {
            return Err(OpError::unsupported(format!("the input is {x}")).supported("numbers"));
        }
        let mut dims = x.shape.0.clone();
        match dims.get_mut(self.axis).filter(|extent| **extent >= self.count) {
            Some(extent) => *extent = self.count,
            None => return Err(OpError::new(format!("the input is {x}, of which {} along axis {} are asked for", self.count, self.axis))),
        }
        Ok([output(x.dtype, dims.clone())?, output(DType::I64, dims)?].concat())
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let (shape, x) = (output_shape(self, inputs)?, tensor(inputs, 0)?);
        let (extent, inner) = (x.shape()[self.axis], product(&x.shape()[self.axis + 1..]));
        let indices = elements!(x.data(), values => self.indices(values, x.shape()));
        let source = |flat: usize| {
            let outer = flat / inner / self.count;
            (outer * extent + indices[flat]) * inner + flat % inner
        };
        let values = x.gathered(&shape, source);
        let indices = indices.iter().map(|&index| index as i64).collect::<Vec<_>>();
        Ok([vec![values], evaluated(Tensor::i64(shape, indices))?].concat())
    }

    fn runs(&self, inputs: &[Option<&TensorType>]) -> bool {
        inputs.iter().flatten().all(|ty| ty.dtype != DType::Bool)
    }

    /// Comparisons of a sort.
    fn work(&self, inputs: &[Option<&TensorType>]) -> u64 {
        typed(inputs, 0).map_or(0, |x| (x.shape.elements() as u64).saturating_mul(64))
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let x = ctx.tensor(0)?;
        if ctx.shape_of(x).elements().saturating_mul(self.count) > MOST_COMPARISONS {
            let found = format!(
                "asks for {} of {} elements along axis {}, a pass over them for each",
                self.count,
                ctx.shape_of(x)[self.axis],
                self.axis
            );
            return Err(OpError::unsupported(found).supported(format!("{MOST_COMPARISONS} comparisons, or a smaller `k`")));
        }
        for (slot, indices) in [false, true].into_iter().enumerate() {
            if ctx.is_read(slot) {
                let (read, to) = (ctx.input(0)?, ctx.output_at(slot));
                let write = ctx.whole(to);
                ctx.push(Arc::new(Kernel { axis: self.axis, least: self.least, indices }), vec![read], write, &Packed::default(), 0);
            }
        }
        Ok(())
    }
}

impl TopK {
    /// The index of each element of the output along the axis.
    fn indices<T: Copy + PartialOrd>(&self, values: &[T], shape: &Shape) -> Vec<usize> {
        let (outer, extent, inner) = (product(&shape[..self.axis]), shape[self.axis], product(&shape[self.axis + 1..]));
        let mut indices = vec![0; outer * self.count * inner];
        for (o, i) in (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i))) {
            let at = |place: usize| values[(o * extent + place) * inner + i];
            let mut order: Vec<usize> = (0..extent).collect();
            order.sort_by(|&a, &b| self.order(at(a), at(b)));
            for (place, &index) in order.iter().take(self.count).enumerate() {
                indices[(o * self.count + place) * inner + i] = index;
            }
        }
        indices
    }

    fn order<T: Copy + PartialOrd>(&self, a: T, b: T) -> Ordering {
        let is_number = |value: T| value.partial_cmp(&value).is_some();
        match a.partial_cmp(&b) {
            Some(order) if self.least => order,
            Some(order) => order.reverse(),
            None => is_number(b).cmp(&is_number(a)),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::test_case::{Case, floats};
    use crate::tensor::{DType, Tensor, TensorType};

    fn both(case: &Case, x: &Tensor) -> Vec<Tensor> {
        case.parse().unwrap().evaluate(&[Some(x)]).unwrap()
    }

    #[test]
    fn along_an_axis() {
        let x = floats(&[2, 3], &[1.0, 5.0, 3.0, 4.0, 2.0, 6.0]);
        let case = |axis: i64| Case::new("TopK", 11).int("axis", axis).known(x.clone()).i64s(&[2]);
        let indices = |values: [i64; 4]| Tensor::i64([2, 2], values).unwrap();
        assert_eq!(both(&case(-1), &x), [floats(&[2, 2], &[5.0, 3.0, 6.0, 4.0]), indices([1, 2, 2, 0])]);
        assert_eq!(both(&case(-1).int("largest", 0), &x), [floats(&[2, 2], &[1.0, 3.0, 2.0, 4.0]), indices([0, 2, 1, 0])]);
        let columns = [floats(&[2, 3], &[4.0, 5.0, 6.0, 1.0, 2.0, 3.0]), Tensor::i64([2, 3], [1, 0, 1, 0, 1, 0]).unwrap()];
        assert_eq!(both(&case(0), &x), columns);
        let old = Case::new("TopK", 9).int("k", 1).known(x.clone());
        assert_eq!(both(&old, &x), [floats(&[2, 1], &[5.0, 6.0]), Tensor::i64([2, 1], [1, 2]).unwrap()]);
        assert_eq!(old.parse().unwrap().infer(&[Some(&x.ty())]).unwrap().len(), 2);
    }

    #[test]
    fn of_equal_elements_the_first_and_what_is_no_number_last() {
        let x = floats(&[5], &[f32::NAN, 0.0, 7.0, -0.0, 7.0]);
        for (largest, expected) in [(1, [2, 4, 1, 3, 0]), (0, [1, 3, 2, 4, 0])] {
            let case = Case::new("TopK", 11).int("largest", largest).known(x.clone()).i64s(&[5]);
            assert_eq!(both(&case, &x)[1], Tensor::i64s(expected));
        }
        let ints = Tensor::i64s([3, 9, 9]);
        let case = Case::new("TopK", 11).known(ints.clone()).i64s(&[2]);
        assert_eq!(both(&case, &ints), [Tensor::i64s([9, 9]), Tensor::i64s([1, 2])]);
    }

    #[test]
    fn refusals() {
        let case = |k: &[i64]| Case::new("TopK", 11).input(&[2, 3]).i64s(k).refusal();
        assert_eq!(case(&[4]), "`k` is [4] of axis 1 of f32[2,3] (supported: 1 to 3)");
        for k in [&[0][..], &[-1], &[], &[1, 1]] {
            assert!(case(k).contains("`k` is"), "{k:?}");
        }
        assert!(Case::new("TopK", 11).input(&[2]).input(&[1]).refusal().contains("run time"));
        assert!(Case::new("TopK", 9).input(&[2]).refusal().contains("missing"));
        assert!(Case::new("TopK", 11).input(&[]).i64s(&[1]).refusal().contains("0 dimensions"));
        assert!(Case::new("TopK", 11).typed(TensorType::new(DType::Bool, [2])).i64s(&[1]).refusal().contains("bool"));
    }

    /// Both outputs of one node, ties and what is not a number among them.
    #[test]
    fn both_results_at_run_time() {
        let nan = f32::NAN;
        let x = floats(&[2, 3, 2], &[1.0, nan, 3.0, 2.0, 3.0, 2.0, -0.0, nan, 0.0, nan, nan, nan]);
        for (largest, wanted, places) in [
            (1, [3.0, 2.0, 3.0, 2.0, -0.0, nan, 0.0, nan], [1, 1, 2, 2, 0, 0, 1, 1]),
            (0, [1.0, 2.0, 3.0, 2.0, -0.0, nan, 0.0, nan], [0, 1, 1, 2, 0, 0, 1, 1]),
        ] {
            let case = Case::new("TopK", 11).int("axis", 1).int("largest", largest).known(x.clone()).i64s(&[2]);
            let found = case.executed(&[]).unwrap();
            assert!(crate::ops::test_case::are_same(&found[0], &floats(&[2, 2, 2], &wanted)), "{:?}", found[0]);
            assert_eq!(found[1], Tensor::i64([2, 2, 2], places).unwrap());
        }
    }
}
