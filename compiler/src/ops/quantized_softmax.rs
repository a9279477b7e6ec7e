//! `Softmax` between `DequantizeLinear` and `QuantizeLinear`: integers of 8 bits. Its nodes come of fusion.

use super::operands::{output, tensor, typed};
use super::{OpError, Operator, Quantize, Softmax};
use crate::steps::{Lowering, kernels};
use crate::tensor::{DType, Tensor, TensorType};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Op;
    use crate::ops::quantize::Direction;
    use crate::ops::test_case::{Case, executed};

    #[test]
    fn a_softmax_of_bytes_by_its_definition() {
        for (dims, axis, opset) in
            [(vec![2, 5], -1, 13), (vec![2, 3, 4], 1, 13), (vec![1, 3, 2, 4], 1, 13), (vec![2, 3, 4], 1, 11), (vec![1], 0, 13)]
        {
            let case = Case::new("Softmax", opset).input(&dims).int("axis", axis);
            let Ok(Op::Softmax(softmax)) = case.parse() else { unreachable!("it is a softmax") };
            let steps = |direction, scale, zero| Quantize { direction, scale: [scale].into(), zero: vec![zero], axis: 1, block: None };
            let (from, to) = (steps(Direction::Dequantize, 0.25, 7), steps(Direction::Quantize(DType::I8), 1.0 / 256.0, -128));
            let op = QuantizedSoftmax { softmax, from, to, dtype: DType::I8, limits: [-128, 127] };
            let ty = TensorType::new(DType::U8, dims.clone());
            let x = Tensor::from_low_bytes(&ty, |at| (at * 11 % 23) as u8);
            let found = op.evaluate(&[Some(&x)]).unwrap();
            assert_eq!(op.infer(&[Some(&ty)]), Ok(vec![found[0].ty()]));
            let bytes = found[0].to_i64s().unwrap();
            // Before operator set 13 the axes from this one on are one.
            let first = if axis < 0 { dims.len() - 1 } else { axis as usize };
            let is_along = |other: usize| if opset < 13 { other >= first } else { other == first };
            let index = |at: usize| crate::tensor::unravel(at, &dims);
            for at in 0..bytes.len() {
                let own = index(at);
                let group = (0..bytes.len()).filter(|&other| (0..dims.len()).all(|axis| is_along(axis) || index(other)[axis] == own[axis]));
                let power = |at: usize| (((at * 11 % 23) as f64 - 7.0) * 0.25).exp();
                let steps = 256.0 * power(at) / group.map(power).sum::<f64>() - 128.0;
                assert!((bytes[at] as f64 - steps.min(127.0)).abs() <= 0.5 + 1e-4, "{dims:?} at {at}: {} is not {steps}", bytes[at]);
            }
            assert_eq!(executed(&Op::QuantizedSoftmax(op), &[Some(&x)], &[]), Ok(found), "{dims:?} along {axis}");
        }
    }
}
