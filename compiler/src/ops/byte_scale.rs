//! What the bytes of a tensor stand for, where one scale and one zero point are those of all.

use serde::Serialize;

use super::quantize::Direction;
use super::{Operator, Quantize};
use crate::tensor::{DType, Data, Tensor};

/// What a byte stands for: `scale * (byte - zero_point)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ByteScale {
    /// Of one step.
    pub scale: f32,
    /// The byte that stands for zero.
    pub zero_point: i32,
}

impl ByteScale {
    /// As the operator has it.
    pub(crate) fn of(op: &Quantize) -> Option<Self> {
        let (&[scale], &[zero_point]) = (&op.scale[..], &op.zero[..]) else { return None };
        Some(ByteScale { scale, zero_point })
    }

    /// The values of bytes, as `DequantizeLinear` has them; none of what is no bytes.
    pub fn floats(self, tensor: &Tensor) -> Option<Vec<f32>> {
        let float = |byte: i32| byte.wrapping_sub(self.zero_point) as f32 * self.scale;
        match tensor.data() {
            Data::I8(bytes) => Some(bytes.iter().map(|&byte| float(byte.into())).collect()),
            Data::U8(bytes) => Some(bytes.iter().map(|&byte| float(byte.into())).collect()),
            _ => None,
        }
    }

    /// Values as bytes of a type, as `QuantizeLinear` has them; none where that is no type of bytes.
    pub fn bytes(self, values: &Tensor, dtype: DType) -> Option<Tensor> {
        if !matches!(dtype, DType::I8 | DType::U8) {
            return None;
        }
        let (scale, zero) = ([self.scale].into(), vec![self.zero_point]);
        let quantize = Quantize { direction: Direction::Quantize(dtype), scale, zero, axis: 1, block: None };
        quantize.evaluate(&[Some(values)]).ok()?.pop()
    }
}
