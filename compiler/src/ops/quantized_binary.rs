//! `Add`, `Sub`, `Mul` and `Div` between `DequantizeLinear` and `QuantizeLinear`: integers of 8 bits. Its nodes come of fusion.

use super::operands::{output, tensor, typed};
use super::{Binary, OpError, Operator, Quantize};
use crate::ir::{DType, Tensor, TensorType};
use crate::lower::{Lowering, kernels};

/// What a function of floats makes of both dequantised inputs, quantised and limited.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct QuantizedBinary {
    pub(crate) binary: Binary,
    pub(crate) from: [Quantize; 2],
    pub(crate) to: Quantize,
    /// Of the results.
    pub(crate) dtype: DType,
    pub(crate) limits: [i32; 2],
}

impl Operator for QuantizedBinary {
    fn op_type(&self) -> Option<&'static str> {
        self.binary.op_type()
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let (a, b) = (typed(inputs, 0)?, typed(inputs, 1)?);
        if a.dtype != b.dtype {
            return Err(OpError::new(format!("the inputs are {a} and {b}")).supported("two inputs of one element type"));
        }
        let [a, b] = [a, b].map(|ty| TensorType::f32(ty.shape.clone()));
        let joined = self.binary.infer(&[Some(&a), Some(&b)])?;
        output(self.dtype, joined[0].shape.clone())
    }

    fn runs(&self, inputs: &[Option<&TensorType>]) -> bool {
        inputs.iter().flatten().all(|ty| matches!(ty.dtype, DType::I8 | DType::U8))
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let floats = |slot: usize| self.from[slot].evaluate(&[Some(tensor(inputs, slot)?)]);
        let (a, b) = (floats(0)?, floats(1)?);
        let joined = self.binary.evaluate(&[a.first(), b.first()])?;
        self.to.limited(&joined[0], self.limits)
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let [left, right] = &self.from;
        let (from, to) = ([left.steps()?, right.steps()?], self.to.steps()?);
        let reads = vec![ctx.input(0)?, ctx.input(1)?];
        ctx.step(kernels::QuantizedBinary { kind: self.binary.kind, from, to, limits: self.limits }, reads);
        Ok(())
    }
}
