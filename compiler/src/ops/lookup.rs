//! Functions of one byte, by a table. Its nodes come of fusion.

use super::operands::{evaluated, output, tensor, typed};
use super::{OpError, Operator};
use crate::ir::{DType, Data, Tensor, TensorType};
use crate::lower::{Lowering, kernels};

/// `y = table[x]`, for bytes of either kind.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lookup {
    /// The result of each byte, whose bits count from 0 on.
    pub(crate) table: Box<[u8; 256]>,
    /// Of the results, whose bits the table holds.
    pub(crate) dtype: DType,
}

impl Lookup {
    /// Every byte in the table's order, as a tensor.
    pub(crate) fn bytes(dtype: DType) -> Option<Tensor> {
        let bytes = 0..=u8::MAX;
        let data = match dtype {
            DType::I8 => Data::I8(bytes.map(u8::cast_signed).collect()),
            DType::U8 => Data::U8(bytes.collect()),
            _ => return None,
        };
        Tensor::new(crate::ir::Shape(vec![256]), data)
    }
}

impl Operator for Lookup {
    fn op_type(&self) -> Option<&'static str> {
        Some("QuantizeLinear")
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let input = typed(inputs, 0)?;
        if !matches!(input.dtype, DType::I8 | DType::U8) {
            return Err(OpError::unsupported(format!("input 0 is {}", input.dtype)).supported("i8, u8"));
        }
        output(self.dtype, input.shape.clone())
    }

    fn runs(&self, _inputs: &[Option<&TensorType>]) -> bool {
        true
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let input = tensor(inputs, 0)?;
        let bytes = input.to_i64s().unwrap_or_default();
        let results = bytes.into_iter().map(|byte| self.table[byte as u8 as usize]);
        let data = match self.dtype {
            DType::I8 => Data::I8(results.map(u8::cast_signed).collect()),
            _ => Data::U8(results.collect()),
        };
        evaluated(Tensor::new(input.shape().clone(), data))
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let packed = ctx.add_weights(&self.table[..], self.table.len());
        ctx.each_element(kernels::Lookup, &packed)
    }
}
