//! `Shape`: known when compiling, since every extent is.

use super::operands::{output, output_shape, tensor, typed};
use super::{OpError, Operator};
use crate::ir::{DType, Tensor, TensorType};
use crate::onnx::node::NodeView;

/// One input of any type; the output holds its extents from axis `start` to before `end`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ShapeOf {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Operator for ShapeOf {
    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let rank = node.input_type(0)?.shape.rank();
        // ONNX clamps both ends, so no value is out of range.
        let clamped = |found: i64| {
            let from_start = if found < 0 { found.saturating_add_unsigned(rank as u64) } else { found };
            usize::try_from(from_start).unwrap_or(0).min(rank)
        };
        let start = clamped(node.int("start")?.unwrap_or(0));
        let end = node.int("end")?.map_or(rank, clamped);
        Ok(ShapeOf { start, end: end.max(start) })
    }

    fn op_type(&self) -> Option<&'static str> {
        Some("Shape")
    }

    fn data_inputs(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let input = typed(inputs, 0)?;
        if self.end > input.shape.rank() {
            return Err(OpError::new(format!("axes {} to {} of {input} are asked for", self.start, self.end)));
        }
        output(DType::I64, [self.end - self.start])
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        output_shape(self, inputs)?;
        let ty = tensor(inputs, 0)?.ty();
        self.value(&[Some(&ty)]).map(|value| vec![value]).ok_or_else(|| OpError::new("an extent does not fit an integer"))
    }

    fn value(&self, inputs: &[Option<&TensorType>]) -> Option<Tensor> {
        let dims = typed(inputs, 0).ok()?.shape.get(self.start..self.end)?;
        Some(Tensor::i64s(dims.iter().map(|&dim| i64::try_from(dim)).collect::<Result<Vec<_>, _>>().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use crate::ir::{Tensor, TensorType};
    use crate::ops::case::Case;

    fn value(case: Case) -> Option<Tensor> {
        let (op, ty) = (case.parse().unwrap(), TensorType::f32([1, 3, 8, 6]));
        let value = op.value(&[Some(&ty)]);
        assert_eq!(value.as_ref().map(Tensor::ty), Some(op.infer(&[Some(&ty)]).unwrap().remove(0)));
        value
    }

    #[test]
    fn the_value_is_known_without_the_input() {
        let shape = || Case::new("Shape", 15).input(&[1, 3, 8, 6]);
        assert_eq!(value(shape()), Some(Tensor::i64s([1, 3, 8, 6])));
        assert_eq!(value(shape().int("start", -2)), Some(Tensor::i64s([8, 6])));
        assert_eq!(value(shape().int("start", 1).int("end", -1)), Some(Tensor::i64s([3, 8])));
        assert_eq!(value(shape().int("start", -9).int("end", 9)), Some(Tensor::i64s([1, 3, 8, 6])));
        assert_eq!(value(shape().int("start", 3).int("end", 1)), Some(Tensor::i64s([])));
        assert_eq!(Case::new("Shape", 13).i64s(&[7, 7]).evaluate(), Ok(Tensor::i64s([2])));
        assert!(Case::new("Shape", 13).refusal().contains("missing"));
    }
}
