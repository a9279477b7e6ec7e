//! `Softmax` between `DequantizeLinear` and `QuantizeLinear`: integers of 8 bits. Its nodes come of fusion.

use super::operands::{output, tensor, typed};
use super::{OpError, Operator, Quantize, Softmax};
use crate::ir::{DType, Tensor, TensorType};
use crate::lower::{Lowering, kernels};

/// What a softmax of floats makes of the dequantised input, quantised.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct QuantizedSoftmax {
    pub(crate) softmax: Softmax,
    pub(crate) from: Quantize,
    pub(crate) to: Quantize,
    /// Of the results.
    pub(crate) dtype: DType,
    pub(crate) limits: [i32; 2],
}

impl Operator for QuantizedSoftmax {
    fn op_type(&self) -> Option<&'static str> {
        Some("Softmax")
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let floats = TensorType::f32(typed(inputs, 0)?.shape.clone());
        let scores = self.softmax.infer(&[Some(&floats)])?;
        output(self.dtype, scores[0].shape.clone())
    }

    fn runs(&self, inputs: &[Option<&TensorType>]) -> bool {
        inputs.iter().flatten().all(|ty| matches!(ty.dtype, DType::I8 | DType::U8))
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let floats = self.from.evaluate(&[Some(tensor(inputs, 0)?)])?;
        let scores = self.softmax.evaluate(&[floats.first()])?;
        self.to.limited(&scores[0], self.limits)
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let (from, to) = (self.from.steps()?, self.to.steps()?);
        self.softmax.lower_by(ctx, |axis| kernels::QuantizedSoftmax { axis, from, to, limits: self.limits })
    }
}
