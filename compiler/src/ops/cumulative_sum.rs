//! `CumSum`: along one axis, the sum of all elements up to each; the axis must be known.

use std::sync::Arc;

use super::operands::{axis, evaluated, output, output_shape, product, tensor, typed};
use super::{OpError, Operator};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::steps::Lowering;
use crate::steps::kernels::CumulativeSum as Kernel;
use crate::tensor::{DType, Data, Shape, Tensor, TensorType};

/// One input; the axis is read when the node is parsed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CumulativeSum {
    pub(crate) axis: usize,
    /// An element's own value is left out of its sum.
    pub(crate) exclusive: bool,
    /// Sums run from the end.
    pub(crate) reverse: bool,
}

impl Operator for CumulativeSum {
    const ATTRIBUTES: &'static [KnownAttribute] = &[known::flag("exclusive"), known::flag("reverse")];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let rank = node.input_type(0)?.shape.rank();
        let axis = match node.known_ints(1, "axis")?.as_deref() {
            Some(&[found]) => axis(found, rank)?,
            Some(found) => return Err(OpError::new(format!("`axis` is {found:?}")).supported("one number")),
            None => return Err(OpError::new("`axis` is missing")),
        };
        let (exclusive, reverse) = (node.flag("exclusive")?.unwrap_or(false), node.flag("reverse")?.unwrap_or(false));
        Ok(CumulativeSum { axis, exclusive, reverse })
    }

    fn op_type(&self) -> Option<&'static str> {
        Some("CumSum")
    }

    fn data_inputs(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let input = typed(inputs, 0)?;
        if input.dtype == DType::Bool {
            return Err(OpError::new(format!("the input is {input}")).supported("numbers"));
        }
        output(input.dtype, input.shape.clone())
    }

    fn runs(&self, inputs: &[Option<&TensorType>]) -> bool {
        self.infer(inputs).is_ok()
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let shape = output_shape(self, inputs)?;
        let data = match tensor(inputs, 0)?.data() {
            Data::F32(v) => Data::F32(self.sums(&shape, v, 0.0, |a, b| a + b)),
            Data::I8(v) => Data::I8(self.sums(&shape, v, 0, i8::wrapping_add)),
            Data::U8(v) => Data::U8(self.sums(&shape, v, 0, u8::wrapping_add)),
            Data::I32(v) => Data::I32(self.sums(&shape, v, 0, i32::wrapping_add)),
            Data::I64(v) => Data::I64(self.sums(&shape, v, 0, i64::wrapping_add)),
            Data::Bool(_) => return Err(OpError::new("the input holds no numbers")),
        };
        evaluated(Tensor::new(shape, data))
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let read = ctx.input(0)?;
        ctx.step(Kernel { axis: self.axis, exclusive: self.exclusive, reverse: self.reverse }, vec![read]);
        Ok(())
    }
}

impl CumulativeSum {
    fn sums<T: Copy>(&self, shape: &Shape, values: &[T], zero: T, add: fn(T, T) -> T) -> Arc<[T]> {
        let mut values = values.to_vec();
        let (extent, inner) = (shape[self.axis], product(&shape[self.axis + 1..]));
        for run in 0..values.len().checked_div(extent).unwrap_or(0) {
            let first = run / inner * extent * inner + run % inner;
            let mut sum = zero;
            for i in 0..extent {
                let i = if self.reverse { extent - 1 - i } else { i };
                let value = &mut values[first + i * inner];
                let so_far = sum;
                sum = add(sum, *value);
                *value = if self.exclusive { so_far } else { sum };
            }
        }
        values.into()
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::test_case::Case;
    use crate::tensor::{Data, Shape, Tensor};

    fn case(axis: i64) -> Case {
        let axis = Tensor::i64([], [axis]).unwrap();
        Case::new("CumSum", 14).floats(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).known(axis)
    }

    /// The examples of ONNX's description.
    #[test]
    fn sums_run_along_an_axis() {
        assert_eq!(case(0).values(), [1.0, 2.0, 3.0, 5.0, 7.0, 9.0]);
        assert_eq!(case(-1).values(), [1.0, 3.0, 6.0, 4.0, 9.0, 15.0]);
        assert_eq!(case(1).int("exclusive", 1).values(), [0.0, 1.0, 3.0, 0.0, 4.0, 9.0]);
        assert_eq!(case(1).int("reverse", 1).values(), [6.0, 5.0, 3.0, 15.0, 11.0, 6.0]);
        assert_eq!(case(1).int("reverse", 1).int("exclusive", 1).values(), [5.0, 3.0, 0.0, 11.0, 6.0, 0.0]);
    }

    #[test]
    fn integers_wrap() {
        let case = Case::new("CumSum", 14).i64s(&[i64::MAX, 1, 5]).i64s(&[0]);
        assert_eq!(case.evaluate(), Ok(Tensor::i64s([i64::MAX, i64::MIN, i64::MIN + 5])));
        let bytes = Tensor::new(Shape(vec![2]), Data::U8([200, 100].into())).unwrap();
        let wrapped = Tensor::new(Shape(vec![2]), Data::U8([200, 44].into())).unwrap();
        assert_eq!(Case::new("CumSum", 14).known(bytes).i64s(&[0]).evaluate(), Ok(wrapped));
    }

    #[test]
    fn refusals() {
        assert!(case(2).refusal().contains("axis 2"));
        assert!(Case::new("CumSum", 14).input(&[3]).refusal().contains("`axis` is missing"));
        assert!(Case::new("CumSum", 14).input(&[3]).i64s(&[0, 0]).refusal().contains("one number"));
        let truth = Tensor::new(Shape(vec![1]), Data::Bool([true].into())).unwrap();
        assert_eq!(Case::new("CumSum", 14).known(truth).i64s(&[0]).refusal(), "the input is bool[1] (supported: numbers)");
    }
}
