//! `Gather`: slices of any element type picked by integer indices along one axis; folded where the data is known.

use super::operands::{axis, output, output_shape, product, tensor, typed};
use super::{OpError, Operator};
use crate::ir::{DType, Tensor, TensorType};
use crate::onnx::node::NodeView;

/// Inputs: `data` and `indices`; an index may count from the end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Gather {
    pub(crate) axis: usize,
}

impl Operator for Gather {
    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        Ok(Gather { axis: axis(node.int("axis")?.unwrap_or(0), node.input_type(0)?.shape.rank())? })
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
        false
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let shape = output_shape(self, inputs)?;
        let (data, indices) = (tensor(inputs, 0)?, tensor(inputs, 1)?);
        let (extent, inner) = (data.shape()[self.axis], product(&data.shape()[self.axis + 1..]));
        let found = indices.to_i64s().ok_or_else(|| OpError::new("`indices` holds no integers"))?;
        let picked = found.iter().map(|&index| in_range(index, extent)).collect::<Result<Vec<_>, _>>()?;
        let source = |i: usize| {
            let (slice, at) = (i / inner, i % inner);
            (slice / picked.len() * extent + picked[slice % picked.len()]) * inner + at
        };
        Ok(vec![data.gathered(&shape, source)])
    }
}

fn in_range(index: i64, extent: usize) -> Result<usize, OpError> {
    axis(index, extent).map_err(|_| OpError::new(format!("`indices` holds {index} where the axis has {extent} elements")))
}

#[cfg(test)]
mod tests {
    use crate::ir::Tensor;
    use crate::ops::case::{Case, floats};

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
    fn refusals() {
        let case = |index| Case::new("Gather", 13).floats(&[2], &[1.0, 2.0]).i64s(&[index]).evaluate();
        for index in [2, -3, i64::MIN] {
            let text = format!("`indices` holds {index} where the axis has 2 elements");
            assert_eq!(case(index).unwrap_err().to_string(), text);
        }
        assert!(Case::new("Gather", 13).input(&[]).i64s(&[0]).refusal().contains("axis 0"));
        assert!(Case::new("Gather", 13).input(&[2]).input(&[1]).refusal().contains("`indices` is f32[1]"));
    }
}
