//! `AveragePool` between `DequantizeLinear` and `QuantizeLinear`: integers of 8 bits. Its nodes come of fusion.

use std::sync::Arc;

use super::operands::{output, tensor, typed};
use super::{OpError, Operator, Pool, Quantize};
use crate::ir::{DType, Tensor, TensorType};
use crate::lower::kernels::AveragePool2d;
use crate::lower::{Lowering, Packed};

/// What a pool of floats makes of the dequantised input, quantised and limited.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct QuantizedPool {
    /// An average.
    pub(crate) pool: Pool,
    pub(crate) from: Quantize,
    pub(crate) to: Quantize,
    /// Of the results.
    pub(crate) dtype: DType,
    pub(crate) limits: [i32; 2],
}

impl Operator for QuantizedPool {
    fn op_type(&self) -> Option<&'static str> {
        Some("AveragePool")
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let floats = TensorType::f32(typed(inputs, 0)?.shape.clone());
        let pooled = self.pool.infer(&[Some(&floats)])?;
        output(self.dtype, pooled[0].shape.clone())
    }

    fn runs(&self, inputs: &[Option<&TensorType>]) -> bool {
        inputs.iter().flatten().all(|ty| matches!(ty.dtype, DType::I8 | DType::U8))
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let floats = self.from.evaluate(&[Some(tensor(inputs, 0)?)])?;
        let pooled = self.pool.evaluate(&[floats.first()])?;
        self.to.limited(&pooled[0], self.limits)
    }

    fn work(&self, inputs: &[Option<&TensorType>]) -> u64 {
        typed(inputs, 0).map_or(0, |ty| self.pool.work(&[Some(&TensorType::f32(ty.shape.clone()))]))
    }

    /// A step an image.
    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let (from, to) = (self.from.steps()?, self.to.steps()?);
        let (x, batch, y) = (ctx.tensor(0)?, ctx.shape()[0], ctx.output());
        let (window, kind) = (self.pool.window.clone(), self.pool.kind.lowered());
        let kernel = Arc::new(AveragePool2d { window, kind, from, to, limits: self.limits });
        ctx.images(batch)?;
        for n in 0..batch {
            let (read, write) = (ctx.image(x, n), ctx.image(y, n));
            ctx.push(kernel.clone(), vec![read], write, &Packed::default(), 0);
        }
        Ok(())
    }
}
