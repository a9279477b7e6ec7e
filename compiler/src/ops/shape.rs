//! `Shape` and `Size`: known when compiling, since every extent is.

use super::operands::{output, output_shape, tensor, typed};
use super::{OpError, Operator};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::tensor::{DType, Tensor, TensorType};

/// One input of any type; the output holds its extents from axis `start` to before `end`, or the number of its elements.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ShapeOf {
    Extents { start: usize, end: usize },
    Count,
}

impl Operator for ShapeOf {
    const ATTRIBUTES: &'static [KnownAttribute] = &[known::int("start").of(&["Shape"]), known::int("end").of(&["Shape"])];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let rank = node.input_type(0)?.shape.rank();
        if node.op_type == "Size" {
            return Ok(ShapeOf::Count);
        }
        // ONNX clamps both ends, so no value is out of range.
        let clamped = |found: i64| {
            let from_start = if found < 0 { found.saturating_add_unsigned(rank as u64) } else { found };
            usize::try_from(from_start).unwrap_or(0).min(rank)
        };
        let start = clamped(node.int("start")?.unwrap_or(0));
        let end = node.int("end")?.map_or(rank, clamped);
        Ok(ShapeOf::Extents { start, end: end.max(start) })
    }

    fn op_type(&self) -> Option<&'static str> {
        Some(if *self == ShapeOf::Count { "Size" } else { "Shape" })
    }

    fn data_inputs(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let input = typed(inputs, 0)?;
        match *self {
            ShapeOf::Count => output(DType::I64, []),
            ShapeOf::Extents { start, end } if end <= input.shape.rank() => output(DType::I64, [end - start]),
            ShapeOf::Extents { start, end } => Err(OpError::new(format!("axes {start} to {end} of {input} are asked for"))),
        }
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        output_shape(self, inputs)?;
        let ty = tensor(inputs, 0)?.ty();
        self.value(&[Some(&ty)]).map(|value| vec![value]).ok_or_else(|| OpError::new("an extent does not fit an integer"))
    }

    fn value(&self, inputs: &[Option<&TensorType>]) -> Option<Tensor> {
        let shape = &typed(inputs, 0).ok()?.shape;
        let ShapeOf::Extents { start, end } = *self else {
            return Tensor::i64([], [i64::try_from(shape.checked_elements()?).ok()?]);
        };
        let dims = shape.get(start..end)?;
        Some(Tensor::i64s(dims.iter().map(|&dim| i64::try_from(dim)).collect::<Result<Vec<_>, _>>().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::test_case::Case;
    use crate::tensor::{Tensor, TensorType};

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
        assert_eq!(value(Case::new("Size", 13).input(&[1, 3, 8, 6])), Tensor::i64([], [144]));
        assert!(Case::new("Shape", 13).refusal().contains("missing"));
    }
}
