//! `Add`, `Sub`, `Mul` and `Div` between `DequantizeLinear` and `QuantizeLinear`: integers of 8 bits. Its nodes come of fusion.

use std::sync::Arc;

use super::operands::{output, tensor, typed};
use super::{Binary, OpError, Operator, Quantize};
use crate::plan::problem::{ROWS, TensorId};
use crate::steps::{FEW_IMAGES, Lowering, Packed, kernels};
use crate::tensor::{DType, Shape, Tensor, TensorType};

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

#[cfg(test)]
mod tests {
    use peleec_runtime::BinaryKind;

    use super::*;
    use crate::ops::Op;
    use crate::ops::broadcast::source_index;
    use crate::ops::quantize::Direction;
    use crate::ops::test_case::executed;

    fn op(kind: BinaryKind, scales: [f32; 3]) -> QuantizedBinary {
        let steps = |direction, scale, zero| Quantize { direction, scale: [scale].into(), zero: vec![zero], axis: 1, block: None };
        let from = [steps(Direction::Dequantize, scales[0], 5), steps(Direction::Dequantize, scales[1], -9)];
        let to = steps(Direction::Quantize(DType::I8), scales[2], 11);
        QuantizedBinary { binary: Binary { kind }, from, to, dtype: DType::I8, limits: [-120, 127] }
    }

    /// What each byte stands for, by doubles, in steps of the result.
    fn wanted(op: &QuantizedBinary, bytes: [i64; 2]) -> f64 {
        let [a, b] = [0, 1].map(|side| (bytes[side] - i64::from(op.from[side].zero[0])) as f64 * f64::from(op.from[side].scale[0]));
        let value = match op.binary.kind {
            BinaryKind::Add => a + b,
            BinaryKind::Sub => a - b,
            BinaryKind::Mul => a * b,
            BinaryKind::Div => a / b,
        };
        (value / f64::from(op.to.scale[0]) + 11.0).clamp(-120.0, 127.0)
    }

    /// Shapes that are alike and such that broadcast, of few images and of many, with either operand known.
    #[test]
    fn functions_of_two_bytes_by_their_definition() {
        let shapes: [(&[usize], &[usize], &[usize]); 10] = [
            (&[1, 3, 4, 5], &[1, 3, 4, 5], &[1, 3, 4, 5]),
            (&[3, 2, 2, 3], &[3, 2, 2, 3], &[3, 2, 2, 3]),
            (&[65, 1, 2, 1], &[65, 1, 2, 1], &[65, 1, 2, 1]),
            (&[2, 3, 1, 5], &[1, 3, 4, 1], &[2, 3, 4, 5]),
            (&[1, 3, 4, 5], &[3, 1, 1], &[1, 3, 4, 5]),
            (&[5], &[5], &[5]),
            (&[2, 1, 2, 3, 2], &[2, 1, 2, 3, 2], &[2, 1, 2, 3, 2]),
            (&[], &[2, 3], &[2, 3]),
            (&[4, 1], &[1, 3], &[4, 3]),
            (&[1, 1], &[2, 1, 1, 1], &[2, 1, 1, 1]),
        ];
        for (kind, scales) in [
            // One that has a proof in integers, and others.
            (BinaryKind::Add, [0.25, 0.5, 0.25]),
            (BinaryKind::Sub, [0.031, 0.047, 0.059]),
            (BinaryKind::Mul, [0.1, 0.07, 0.3]),
            (BinaryKind::Div, [0.5, 0.31, 0.11]),
        ] {
            for (a, b, to) in shapes {
                let op = op(kind, scales);
                let [x, r] = [(a, 91), (b, 53)]
                    .map(|(dims, step)| Tensor::from_low_bytes(&TensorType::new(DType::I8, dims.to_vec()), |at| (at * step + 40) as u8));
                let found = op.evaluate(&[Some(&x), Some(&r)]).unwrap();
                assert_eq!(found[0].ty(), TensorType::new(DType::I8, to.to_vec()));
                let [left, right] = [&x, &r].map(|tensor| tensor.to_i64s().unwrap());
                for (at, byte) in found[0].to_i64s().unwrap().into_iter().enumerate() {
                    let shape = found[0].shape();
                    let bytes = [left[source_index(at, shape, x.shape())], right[source_index(at, shape, r.shape())]];
                    let wanted = wanted(&op, bytes);
                    assert!(wanted.is_nan() || (byte as f64 - wanted).abs() <= 0.5 + 1e-4, "{kind:?} of {bytes:?} is {byte}, not {wanted}");
                }
                for constants in [&[][..], &[0], &[1]] {
                    let executed = executed(&Op::QuantizedBinary(op.clone()), &[Some(&x), Some(&r)], constants);
                    assert_eq!(executed.as_ref(), Ok(&found), "{kind:?} of {a:?} and {b:?}, {constants:?} known");
                }
            }
        }
    }

    #[test]
    fn refusals() {
        let op = op(BinaryKind::Add, [1.0; 3]);
        let ty = |dtype, dims: &[usize]| TensorType::new(dtype, dims.to_vec());
        let infer = |a, b| op.infer(&[Some(&a), Some(&b)]).map_err(|error| error.to_string());
        assert!(infer(ty(DType::I8, &[2]), ty(DType::U8, &[2])).unwrap_err().contains("one element type"));
        assert!(infer(ty(DType::I8, &[2]), ty(DType::I8, &[3])).unwrap_err().contains("do not broadcast"));
        assert!(op.runs(&[Some(&ty(DType::U8, &[1]))]) && !op.runs(&[Some(&ty(DType::I32, &[1]))]));
        // Five axes that are not alike.
        let [x, r] = [&[2, 1, 2, 1, 2][..], &[2, 2, 1, 1, 2]].map(|dims| Tensor::from_low_bytes(&ty(DType::I8, dims), |_| 1));
        let refused = executed(&Op::QuantizedBinary(op), &[Some(&x), Some(&r)], &[]).unwrap_err();
        assert_eq!(refused.to_string(), "broadcasts to 5 dimensions (supported: 4 dimensions)");
    }
}
