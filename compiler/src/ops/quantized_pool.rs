//! `AveragePool` between `DequantizeLinear` and `QuantizeLinear`: integers of 8 bits. Its nodes come of fusion.

use std::sync::Arc;

use super::operands::{output, tensor, typed};
use super::{OpError, Operator, Pool, Quantize};
use crate::steps::kernels::AveragePool2d;
use crate::steps::{Lowering, Packed};
use crate::tensor::{DType, Tensor, TensorType};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Op;
    use crate::ops::quantize::Direction;
    use crate::ops::test_case::{Case, executed};

    fn steps(direction: Direction, scale: f32, zero: i32) -> Quantize {
        Quantize { direction, scale: [scale].into(), zero: vec![zero], axis: 1, block: None }
    }

    fn pool(case: &Case, dtype: DType, limits: [i32; 2]) -> QuantizedPool {
        let Ok(Op::Pool(pool)) = case.parse() else { unreachable!("it is a pool") };
        QuantizedPool { pool, from: steps(Direction::Dequantize, 0.5, 3), to: steps(Direction::Quantize(dtype), 0.25, -2), dtype, limits }
    }

    /// Of two images, with padding that is another on each side and counts or does not.
    #[test]
    fn an_average_of_bytes_by_its_definition() {
        let (channels, height, width) = (3, 5, 4);
        let x = Tensor::from_low_bytes(&TensorType::new(DType::I8, [2, channels, height, width]), |at| (at * 37) as u8);
        let bytes = x.to_i64s().unwrap();
        for (include_pad, limits) in [(0, [-128, 127]), (1, [-128, 127]), (1, [-2, 60])] {
            let case = Case::new("AveragePool", 19).input(&[2, channels, height, width]).ints("kernel_shape", &[3, 2]);
            let case = case.ints("strides", &[2, 1]).ints("pads", &[1, 0, 2, 1]).int("count_include_pad", include_pad);
            let op = pool(&case, DType::I8, limits);
            let found = op.evaluate(&[Some(&x)]).unwrap();
            assert_eq!(found[0].shape()[..], [2, channels, 3, 4]);
            assert_eq!(executed(&Op::QuantizedPool(op), &[Some(&x)], &[]).as_ref(), Ok(&found));
            for (at, byte) in found[0].to_i64s().unwrap().into_iter().enumerate() {
                let [map, row, column] = [at / 12, at / 4 % 3, at % 4];
                let taps = (0..6).map(|tap| [2 * row + tap / 2, column + tap % 2]);
                let inside = |&[y, x]: &[usize; 2]| (1..=height).contains(&y) && x < width;
                let values: Vec<f64> =
                    taps.filter(inside).map(|[y, x]| (bytes[(map * height + y - 1) * width + x] - 3) as f64 * 0.5).collect();
                let count = if include_pad == 1 { 6 } else { values.len() };
                let steps = values.iter().sum::<f64>() / count as f64 / 0.25;
                // Halfway between two either is near.
                let wanted = (steps - 2.0).clamp(limits[0].into(), limits[1].into());
                assert!((byte as f64 - wanted).abs() <= 0.5 + 1e-5, "{byte} is not {wanted}");
            }
        }
    }

    #[test]
    fn results_have_a_type_of_their_own() {
        let case = Case::new("GlobalAveragePool", 1).input(&[1, 2, 3, 3]);
        let op = pool(&case, DType::U8, [0, 255]);
        let input = TensorType::new(DType::I8, [1, 2, 3, 3]);
        assert_eq!(op.infer(&[Some(&input)]), Ok(vec![TensorType::new(DType::U8, [1, 2, 1, 1])]));
        assert_eq!((op.runs(&[Some(&input)]), op.runs(&[Some(&TensorType::f32([1]))])), (true, false));
        let most = Tensor::from_low_bytes(&input, |_| 127);
        // 62 in steps of a quarter is 248, less two.
        let wanted = Tensor::from_low_bytes(&TensorType::new(DType::U8, [1, 2, 1, 1]), |_| 246);
        assert_eq!(executed(&Op::QuantizedPool(op), &[Some(&most)], &[]), Ok(vec![wanted]));
    }
}
