//! `LRN`: each value over a power of the mean square of the channels beside it.

use super::operands::{evaluated, float_type, floats, output_shape, product};
use super::pixels::each_pixel;
use super::{OpError, Operator};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::steps::kernels::Lrn as Kernel;
use crate::steps::{Lowering, Packed};
use crate::tensor::{Tensor, TensorType};

/// One input, [N,C,..]: `x / (bias + alpha / size * (sum of squares over size channels))^beta`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lrn {
    /// How many channels count; of an even number one more behind than before.
    size: usize,
    alpha: f32,
    beta: f32,
    bias: f32,
}

impl Operator for Lrn {
    const ATTRIBUTES: &'static [KnownAttribute] = &[known::int("size"), known::float("alpha"), known::float("beta"), known::float("bias")];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let size = match node.int("size")? {
            Some(size @ 1..=1024) => size as usize,
            Some(size) => return Err(OpError::unsupported(format!("attribute `size` is {size}")).supported("1 to 1024")),
            None => return Err(OpError::new("attribute `size` is missing")),
        };
        let (alpha, beta) = (node.finite("alpha")?.unwrap_or(1e-4), node.finite("beta")?.unwrap_or(0.75));
        let bias = node.finite("bias")?.unwrap_or(1.0);
        if alpha < 0.0 || beta < 0.0 || bias <= 0.0 {
            let found = format!("attributes `alpha`, `beta` and `bias` are {alpha}, {beta} and {bias}");
            return Err(OpError::unsupported(found).supported("`alpha` and `beta` not below 0, `bias` above 0"));
        }
        Ok(Lrn { size, alpha, beta, bias })
    }

    fn op_type(&self) -> Option<&'static str> {
        Some("LRN")
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let x = float_type(inputs, 0)?;
        if x.shape.rank() < 2 {
            return Err(OpError::new(format!("`X` is {x}")).supported("[N,C,..]"));
        }
        Ok(vec![x.clone()])
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let (shape, x) = (output_shape(self, inputs)?, floats(inputs, 0)?);
        let (channels, inner, [before, behind]) = (shape[1], product(&shape[2..]), self.reach());
        let value = |i: usize| {
            let c = i / inner % channels;
            let near = c.saturating_sub(before)..=(c + behind).min(channels - 1);
            let squares = near.map(|near| x[i - c * inner + near * inner]).map(|x| x * x);
            let sum = squares.fold(0.0, |sum, square| sum + square);
            x[i] / (self.bias + self.factor() * sum).powf(self.beta)
        };
        let values: Vec<f32> = (0..shape.elements()).map(value).collect();
        evaluated(Tensor::f32(shape, values))
    }

    fn work(&self, inputs: &[Option<&TensorType>]) -> u64 {
        float_type(inputs, 0).map_or(0, |x| product(&[x.shape.elements(), self.size]) as u64)
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let kernel = Kernel { reach: self.reach(), bias: self.bias, alpha: self.factor(), beta: self.beta };
        each_pixel(ctx, kernel, &Packed::default())
    }
}

impl Lrn {
    /// How many channels before and behind count.
    fn reach(&self) -> [usize; 2] {
        let before = (self.size - 1) / 2;
        [before, self.size - 1 - before]
    }

    /// The factor of the sum of squares.
    fn factor(&self) -> f32 {
        self.alpha / self.size as f32
    }
}

#[cfg(test)]
mod tests {
    use crate::node::Attribute;
    use crate::ops::test_case::Case;

    fn rounded(case: &Case) -> Vec<f32> {
        case.values().iter().map(|v| (v * 1e4).round() / 1e4).collect()
    }

    /// Values of onnxruntime; for even sizes, which it refuses, of the formula in double precision.
    #[test]
    fn across_channels() {
        let case = |size| {
            let case = Case::new("LRN", 13).int("size", size).with("alpha", Attribute::Float(0.5)).with("bias", Attribute::Float(2.0));
            case.floats(&[1, 4, 1, 2], &[1.0, -2.0, 3.0, 0.5, -4.0, 2.0, 1.5, 5.0])
        };
        assert_eq!(rounded(&case(3)), [0.3774, -0.9473, 0.7514, 0.2008, -0.9779, 0.4711, 0.4458, 1.183]);
        assert_eq!(rounded(&case(4)), [0.2883, -0.8706, 0.8318, 0.1279, -1.1282, 0.5453, 0.504, 1.3689]);
        let default = Case::new("LRN", 1).int("size", 1).floats(&[1, 1], &[100.0]);
        assert_eq!(rounded(&default), [59.4604]);
    }

    #[test]
    fn refusals() {
        assert_eq!(Case::new("LRN", 13).input(&[1, 2]).refusal(), "attribute `size` is missing");
        assert_eq!(Case::new("LRN", 13).int("size", 0).input(&[1, 2]).refusal(), "attribute `size` is 0 (supported: 1 to 1024)");
        assert!(Case::new("LRN", 13).int("size", 3).input(&[2]).refusal().contains("`X` is f32[2]"));
        assert!(
            Case::new("LRN", 13).int("size", 3).with("beta", Attribute::Float(f32::NAN)).input(&[1, 2]).refusal().contains("`beta` is NaN")
        );
    }
}
