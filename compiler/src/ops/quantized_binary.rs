//! `Add`, `Sub`, `Mul` and `Div` between `DequantizeLinear` and `QuantizeLinear`: integers of 8 bits. Its nodes come of fusion.

use std::sync::Arc;

use super::operands::{output, tensor, typed};
use super::{Binary, OpError, Operator, Quantize};
use crate::ir::{DType, Shape, Tensor, TensorType};
use crate::lower::{FEW_IMAGES, Lowering, Packed, kernels};
use crate::plan::problem::{ROWS, TensorId};

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

impl QuantizedBinary {
    /// Over floats, of maps that have a row for each of the output's or not.
    pub(crate) fn kernel(&self, has_rows: bool) -> Result<kernels::QuantizedBinary, OpError> {
        let [left, right] = &self.from;
        let (from, to) = ([left.steps()?, right.steps()?], self.to.steps()?);
        Ok(kernels::QuantizedBinary { kind: self.binary.kind, from, to, limits: self.limits, has_rows })
    }

    /// In integers, of maps of a type that have its result's extents; none where that would change a bit.
    pub(crate) fn sum(&self, from: DType) -> Option<kernels::QuantizedSum> {
        kernels::QuantizedSum::proven(&self.kernel(true).ok()?, from, self.dtype)
    }
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
        let (shape, is_known) = (ctx.shape(), ctx.constant(0).is_some() || ctx.constant(1).is_some());
        let operands = [ctx.tensor(0)?, ctx.tensor(1)?];
        let same = operands.iter().all(|&operand| *ctx.shape_of(operand) == shape);
        // Of many images one row is made, where that can be.
        let as_map = |own: &Shape| match own.rank() {
            4 if !same || shape[0] <= FEW_IMAGES => Some(own.clone()),
            _ if same => Some(Shape(vec![1, own.elements()])),
            rank => Some(Shape(vec![1; 4_usize.checked_sub(rank)?].into_iter().chain(own.iter().copied()).collect())),
        };
        let of_maps = || Some((as_map(&shape)?, [as_map(ctx.shape_of(operands[0]))?, as_map(ctx.shape_of(operands[1]))?]));
        let Some((map, maps)) = of_maps() else {
            return Err(OpError::unsupported(format!("broadcasts to {} dimensions", shape.rank())).supported("4 dimensions"));
        };
        let has_rows = !is_known && maps.iter().all(|own| own.get(ROWS) == map.get(ROWS));
        let binary = self.kernel(has_rows)?;
        let kernel: Arc<dyn kernels::Kernel> = match kernels::QuantizedSum::proven(&binary, ctx.dtype_of(operands[0]), self.dtype) {
            Some(sum) => Arc::new(sum),
            None => Arc::new(binary),
        };
        let mut reads = Vec::new();
        for (operand, own) in operands.into_iter().zip(maps) {
            reads.push(if *ctx.shape_of(operand) == own { operand } else { ctx.viewed(operand, own) });
        }
        let write = if map == shape { ctx.output() } else { ctx.output_as(map.clone()) };
        ctx.images(map[0])?;
        for n in 0..map[0] {
            let image = |&operand: &TensorId| ctx.image(operand, if ctx.shape_of(operand)[0] == 1 { 0 } else { n });
            let (reads, write) = (reads.iter().map(image).collect(), ctx.image(write, n));
            ctx.push(kernel.clone(), reads, write, &Packed::default(), 0);
        }
        if map != shape {
            ctx.finish(write);
        }
        Ok(())
    }
}
