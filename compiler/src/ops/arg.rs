//! `ArgMax` and `ArgMin`: the index of the greatest or the least element along an axis, as `i64`; of several the first, or the last with
//! `select_last_index`.
//!
//! What is not a number is taken only where it comes first.

use super::operands::{axis, evaluated, output, output_shape, product, tensor, typed};
use super::{OpError, Operator};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::steps::Lowering;
use crate::steps::kernels::Arg as Kernel;
use crate::tensor::{DType, Shape, Tensor, TensorType, elements};

/// One input of numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Arg {
    least: bool,
    axis: usize,
    /// The axis stays with an extent of one.
    keepdims: bool,
    last: bool,
}

impl Operator for Arg {
    const ATTRIBUTES: &'static [KnownAttribute] = &[known::int("axis"), known::flag("keepdims"), known::flag("select_last_index")];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        Ok(Arg {
            least: node.op_type == "ArgMin",
            axis: axis(node.int("axis")?.unwrap_or(0), node.input_type(0)?.shape.rank())?,
            keepdims: node.flag("keepdims")?.unwrap_or(true),
            last: node.flag("select_last_index")?.unwrap_or(false),
        })
    }

    fn op_type(&self) -> Option<&'static str> {
        Some(if self.least { "ArgMin" } else { "ArgMax" })
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
        match dims.get_mut(self.axis) {
            None => return Err(OpError::new(format!("the input is {x}, which has no axis {}", self.axis))),
            Some(0) => return Err(OpError::new(format!("the input is {x}: axis {} has no elements", self.axis))),
            Some(extent) => *extent = 1,
        }
        if !self.keepdims {
            dims.remove(self.axis);
        }
        output(DType::I64, dims)
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let (shape, x) = (output_shape(self, inputs)?, tensor(inputs, 0)?);
        let indices = elements!(x.data(), values => self.indices(values, x.shape()));
        evaluated(Tensor::i64(shape, indices))
    }

    fn runs(&self, inputs: &[Option<&TensorType>]) -> bool {
        inputs.iter().flatten().all(|ty| ty.dtype != DType::Bool)
    }

    fn work(&self, inputs: &[Option<&TensorType>]) -> u64 {
        typed(inputs, 0).map_or(0, |x| x.shape.elements() as u64)
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let read = ctx.input(0)?;
        ctx.step(Kernel { axis: self.axis, keepdims: self.keepdims, least: self.least, last: self.last }, vec![read]);
        Ok(())
    }
}

impl Arg {
    fn indices<T: Copy + PartialOrd>(&self, values: &[T], shape: &Shape) -> Vec<i64> {
        let (outer, count, inner) = (product(&shape[..self.axis]), shape[self.axis], product(&shape[self.axis + 1..]));
        let index = |first: usize| {
            let mut best = 0;
            for i in 1..count {
                let (value, found) = (values[first + i * inner], values[first + best * inner]);
                let is_beyond = if self.least { value < found } else { value > found };
                if is_beyond || (self.last && value == found) {
                    best = i;
                }
            }
            best as i64
        };
        (0..outer).flat_map(|o| (0..inner).map(move |i| o * count * inner + i)).map(index).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::test_case::Case;
    use crate::tensor::{DType, Tensor, TensorType};

    /// The example of ONNX's documentation.
    fn case(op_type: &'static str) -> Case {
        Case::new(op_type, 13).floats(&[2, 2], &[2.0, 1.0, 3.0, 10.0])
    }

    #[test]
    fn along_an_axis() {
        assert_eq!(case("ArgMax").int("axis", 1).int("keepdims", 0).evaluate(), Ok(Tensor::i64s([0, 1])));
        assert_eq!(case("ArgMax").evaluate(), Ok(Tensor::i64([1, 2], [1, 1]).unwrap()));
        assert_eq!(case("ArgMin").int("axis", -1).evaluate(), Ok(Tensor::i64([2, 1], [1, 0]).unwrap()));
        let maps = Case::new("ArgMax", 13).int("axis", 1).floats(&[1, 2, 3], &[1.0, 2.0, 3.0, 2.0, 1.0, 4.0]);
        assert_eq!(maps.evaluate(), Ok(Tensor::i64([1, 1, 3], [1, 0, 1]).unwrap()));
    }

    #[test]
    fn of_equal_elements_the_first_or_the_last() {
        let case = |op_type| Case::new(op_type, 12).int("keepdims", 0).i64s(&[5, 1, 5, 1]);
        assert_eq!(case("ArgMax").evaluate(), Ok(Tensor::i64([], [0]).unwrap()));
        assert_eq!(case("ArgMax").int("select_last_index", 1).evaluate(), Ok(Tensor::i64([], [2]).unwrap()));
        assert_eq!(case("ArgMin").int("select_last_index", 1).evaluate(), Ok(Tensor::i64([], [3]).unwrap()));
    }

    #[test]
    fn refusals() {
        assert!(case("ArgMax").int("axis", 2).refusal().contains("axis 2 is not one of 2 dimensions"));
        assert!(Case::new("ArgMax", 13).input(&[]).refusal().contains("0 dimensions"));
        assert!(Case::new("ArgMin", 13).input(&[0, 2]).refusal().contains("axis 0 has no elements"));
        assert!(Case::new("ArgMax", 13).typed(TensorType::new(DType::Bool, [2])).refusal().contains("bool"));
        assert!(case("ArgMax").int("select_last_index", 2).refusal().contains("`select_last_index` is 2"));
    }
}
