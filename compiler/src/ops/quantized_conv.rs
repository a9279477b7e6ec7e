//! `QLinearConv`, and `Conv` or `Gemm` between `DequantizeLinear` and `QuantizeLinear`: integers of 8 bits, sums exact in 32.
//!
//! Its nodes come of fusion; the rule by which sums become results is [`Requantization`]. Where peleec itself quantises, they may average
//! sums over windows before they round these. Fusion may let them add another map to their results.

use std::sync::Arc;

use super::operands::{evaluated, output, output_shape, product, tensor, typed};
use super::{Conv, OpError, Operator, QuantizedBinary};
use crate::node::NodeView;
use crate::node::known::KnownAttribute;
use crate::plan::problem::Access;
use crate::steps::kernels::{Kernel, Parts, QuantizedConv2d, QuantizedDepthwiseConv2d, Tile};
use crate::steps::{Lowering, Packed};
use crate::tensor::window::{Window, hw, with_spatial};
use crate::tensor::{DType, Data, Shape, Tensor, TensorType};

/// `y = limited(round(factor * (B + sum of (X - input_zero) * W)) + zero)`. Inputs: `X` [N,C,H,W] of 8 bits, `W` [M,C/group,kH,kW] of
/// signed 8 bits and `B` [M] of 32, both known. Vectors [N,C] go with `W` [M,C]. Where maps are added to, the fourth is a map of the
/// result's type before that, which is that of `X`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct QuantizedConv {
    pub(crate) window: Window,
    pub(crate) group: usize,
    /// The input that stands for zero, as padding does.
    pub(crate) input_zero: i32,
    pub(crate) requantization: Requantization,
    /// Of the results, before anything is added.
    pub(crate) dtype: DType,
    /// What comes before sums are rounded, of a pointwise convolution of one group.
    pub(crate) pool: Option<Box<AverageOfSums>>,
    /// What makes bytes of the results, its first input, and of the fourth.
    pub(crate) residual: Option<Box<QuantizedBinary>>,
}

/// An average over 2x2 windows of pixels of their own, the last of which may be cut off at the map's edge.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AverageOfSums {
    pub(crate) window: Window,
    /// The least and the greatest of the [products](peleec_runtime::Requantize) that are averaged.
    pub(crate) limits: [i32; 2],
}

/// How sums become integers of 8 bits: `floor(factor * sum + 1 / 2) + zero`, limited, with one factor a channel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Requantization {
    /// Of each channel, `factor * 2^(32 + right - left)`, even.
    pub(crate) multipliers: Vec<i32>,
    /// What all channels have in common.
    pub(crate) common: peleec_runtime::Requantize,
}

impl Requantization {
    /// The most that products are shifted last: with more the zero point would leave 32 bits.
    const MOST_RIGHT: u32 = 20;
    /// The most that sums are shifted first.
    const MOST_LEFT: u32 = 20;

    /// By these factors; none where one is too large, or no number above zero.
    pub(crate) fn new(factors: &[f64], zero: i32, limits: [i32; 2]) -> Option<Self> {
        Self::shifted_by(Self::MOST_RIGHT, factors, zero, limits)
    }

    /// As [`new`](Self::new), for sums of up to this magnitude that are averaged before they are rounded, such that all stays in 32 bits. What
    /// is averaged has bounds, in steps of a result from zero; gives them as the products have them, too.
    pub(crate) fn averaging(most: i64, bounds: [f64; 2], factors: &[f64], zero: i32, limits: [i32; 2]) -> Option<(Self, [i32; 2])> {
        let rules = (1..=Self::MOST_RIGHT).rev().filter_map(|right| Self::shifted_by(right, factors, zero, limits));
        let bounded = |rule: Self| {
            let of_products = bounds.map(|bound| (bound * f64::from(rule.common.right).exp2()).round() as i32);
            (rule, of_products)
        };
        rules.map(bounded).find(|(rule, of_products)| rule.admits_averages(most, *of_products))
    }

    /// With products that are shifted last by no more than that.
    fn shifted_by(most_right: u32, factors: &[f64], zero: i32, [low, high]: [i32; 2]) -> Option<Self> {
        let most = factors.iter().copied().fold(0.0, f64::max);
        if !factors.iter().all(|factor| factor.is_finite() && *factor > 0.0) {
            return None;
        }
        let multiplier = |factor: f64, left: u32, right: u32| 2.0 * (factor * f64::from(31 + right as i32 - left as i32).exp2()).round();
        let fits = |left: u32, right: u32| multiplier(most, left, right) < f64::from(i32::MAX);
        let left = (0..=Self::MOST_LEFT).find(|&left| fits(left, 1))?;
        let right = (1..=most_right).rev().find(|&right| fits(left, right))?;
        let multipliers = factors.iter().map(|&factor| multiplier(factor, left, right) as i32).collect();
        Some(Requantization { multipliers, common: peleec_runtime::Requantize { left, right, zero, low, high } })
    }

    /// Whether the sums of filters, whose weights follow each other, with their biases stay in 32 bits all the way, whatever they are of.
    pub(crate) fn admits_all(&self, weights: &[i8], bias: &[i32], input: DType, input_zero: i32) -> bool {
        self.admits(Self::most(weights, bias, input, input_zero))
    }

    /// The greatest magnitude that the sums of such filters can have.
    pub(crate) fn most(weights: &[i8], bias: &[i32], input: DType, input_zero: i32) -> i64 {
        let [low, high] = limits(input);
        let most = i64::from((low - input_zero).abs().max((high - input_zero).abs()));
        let filters = weights.chunks(weights.len().checked_div(bias.len()).unwrap_or(0).max(1));
        let sums = filters.zip(bias).map(|(filter, &bias)| {
            let magnitudes: i64 = filter.iter().map(|&w| i64::from(w).abs()).sum();
            magnitudes.saturating_mul(most).saturating_add(i64::from(bias).abs())
        });
        sums.max().unwrap_or(0)
    }

    /// Whether a sum of up to this magnitude stays in 32 bits all the way.
    fn admits(&self, most: i64) -> bool {
        most <= i64::from(i32::MAX >> self.common.left)
    }

    /// Whether the products of four sums of up to this magnitude do so, limited and added, with what is added to them.
    fn admits_averages(&self, most: i64, [least, greatest]: [i32; 2]) -> bool {
        let peleec_runtime::Requantize { left, right, zero, .. } = self.common;
        let multiplier = i128::from(self.multipliers.iter().copied().max().unwrap_or(0));
        let product = (((i128::from(most) << left) * multiplier) >> 32) + 1;
        let reach = product.max(least.into()).max(-i128::from(greatest));
        // Bytes may become unsigned ones, whose zero is 128 more.
        let zero = i128::from(zero).abs().max((i128::from(zero) + 128).abs());
        let added = (zero << (right + 2)) + (1 << (right + 1));
        self.admits(most) && 4 * reach + added <= i32::MAX.into()
    }

    /// The result of the sums of a channel over a window, each of whose products has these limits.
    fn average(&self, channel: usize, sums: [i64; 4], [least, most]: [i32; 2]) -> i32 {
        let peleec_runtime::Requantize { left, right, zero, low, high } = self.common;
        let product = |sum: i64| ((i128::from(sum) << left) * i128::from(self.multipliers[channel])) >> 32;
        let products: i128 = sums.into_iter().map(|sum| product(sum).clamp(least.into(), most.into())).sum();
        let rounded = (products + (1 << (right + 1))) >> (right + 2);
        (rounded as i64 + i64::from(zero)).clamp(low.into(), high.into()) as i32
    }

    /// The result of a sum of a channel, as one quotient rounded down.
    fn apply(&self, channel: usize, sum: i64) -> i32 {
        let peleec_runtime::Requantize { left, right, zero, low, high } = self.common;
        let product = (i128::from(sum) << left) * i128::from(self.multipliers[channel]);
        let rounded = (product + (1i128 << (31 + right))) >> (32 + right);
        (rounded as i64 + i64::from(zero)).clamp(low.into(), high.into()) as i32
    }
}

/// The bounds of a type of 8 bits.
pub(crate) fn limits(dtype: DType) -> [i32; 2] {
    if dtype == DType::I8 { [i8::MIN.into(), i8::MAX.into()] } else { [u8::MIN.into(), u8::MAX.into()] }
}

impl QuantizedConv {
    pub(crate) const BIAS: usize = 2;
    pub(crate) const RESIDUAL: usize = 3;

    /// Whether every channel has a filter of its own.
    pub(crate) fn is_depthwise(&self, w: &Shape) -> bool {
        self.group > 1 && w[..2] == [self.group, 1]
    }

    /// The shape before the pool.
    fn convolved(&self, x: &Shape, filters: usize) -> Result<Shape, OpError> {
        Ok(with_spatial(x, x[0], filters, self.window.output(x)?))
    }
}

impl Operator for QuantizedConv {
    const ATTRIBUTES: &'static [KnownAttribute] = Conv::ATTRIBUTES;

    fn parse(_node: &NodeView<'_>) -> Result<Self, OpError> {
        let found = "stands in a branch of an `If`, or has attributes that it does not have in ONNX";
        Err(OpError::unsupported(found).supported("quantised operators as ONNX has them, outside of branches"))
    }

    fn op_type(&self) -> Option<&'static str> {
        Some("QLinearConv")
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let (x, w, b) = (typed(inputs, 0)?, typed(inputs, 1)?, typed(inputs, QuantizedConv::BIAS)?);
        let kernel = match x.shape.rank() {
            2 => &[],
            3 => &self.window.kernel[1..],
            _ => &self.window.kernel[..],
        };
        let fits = matches!(x.dtype, DType::I8 | DType::U8)
            && w.dtype == DType::I8
            && w.shape.rank() == x.shape.rank()
            && w.shape.get(1).and_then(|depth| depth.checked_mul(self.group)) == x.shape.get(1).copied()
            && w.shape[0].is_multiple_of(self.group)
            && w.shape[2..] == *kernel
            && *b == TensorType::new(DType::I32, [w.shape[0]])
            && (self.pool.is_none() || self.window.is_pointwise() && self.group == 1 && x.shape.rank() == 4)
            && (self.residual.is_none() || self.pool.is_none() && x.shape.rank() > 2 && !self.is_depthwise(&w.shape))
            && self.requantization.multipliers.len() == w.shape[0];
        if !fits {
            return Err(OpError::new(format!("`X` {x} does not go with `W` {w} and `B` {b} at group {}", self.group)));
        }
        if x.shape.rank() == 2 {
            return output(self.dtype, [x.shape[0], w.shape[0]]);
        }
        let convolved = self.convolved(&x.shape, w.shape[0])?;
        let results = match &self.pool {
            None => output(self.dtype, convolved)?,
            Some(pool) => output(self.dtype, with_spatial(&convolved, x.shape[0], w.shape[0], pool.window.output(&convolved)?))?,
        };
        let Some(binary) = &self.residual else { return Ok(results) };
        let residual = typed(inputs, QuantizedConv::RESIDUAL)?;
        if results != [residual.clone()] || residual.dtype != x.dtype {
            return Err(OpError::new(format!("the residual is {residual} where `X` is {x}")));
        }
        binary.infer(&[results.first(), Some(residual)])
    }

    fn runs(&self, inputs: &[Option<&TensorType>]) -> bool {
        inputs.iter().flatten().all(|ty| matches!(ty.dtype, DType::I8 | DType::U8 | DType::I32))
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let shape = output_shape(self, inputs)?;
        let numbers = |slot: usize| Ok(tensor(inputs, slot)?.to_i64s().unwrap_or_default());
        let (x, w, b) = (numbers(0)?, numbers(1)?, numbers(QuantizedConv::BIAS)?);
        let (xs, ws) = (tensor(inputs, 0)?.shape(), tensor(inputs, 1)?.shape());
        let extents = |shape: &Shape| if shape.rank() == 2 { [1, 1] } else { hw(shape) };
        let ([h, width], [oh, ow], depth) = (extents(xs), extents(&shape), ws[1]);
        let [kh, kw] = self.window.kernel;
        let sum = |n: usize, m: usize, y: usize, at: usize| {
            let first = m / (ws[0] / self.group) * depth;
            let mut sum = b[m];
            for (ky, iy) in self.window.taps(0, y, h) {
                for (kx, ix) in self.window.taps(1, at, width) {
                    for ci in 0..depth {
                        let value = x[((n * xs[1] + first + ci) * h + iy) * width + ix] - i64::from(self.input_zero);
                        sum += value * w[((m * depth + ci) * kh + ky) * kw + kx];
                    }
                }
            }
            sum
        };
        let mut results = Vec::with_capacity(shape.elements());
        for n in 0..shape[0] {
            for m in 0..shape[1] {
                for (y, at) in (0..oh).flat_map(|y| (0..ow).map(move |at| (y, at))) {
                    results.push(match &self.pool {
                        None => self.requantization.apply(m, sum(n, m, y, at)),
                        Some(pool) => {
                            let pixel = |ky: usize, kx: usize| sum(n, m, (2 * y + ky).min(h - 1), (2 * at + kx).min(width - 1));
                            self.requantization.average(m, [pixel(0, 0), pixel(0, 1), pixel(1, 0), pixel(1, 1)], pool.limits)
                        }
                    });
                }
            }
        }
        let data = match self.dtype {
            DType::I8 => Data::I8(results.into_iter().map(|result| result as i8).collect()),
            _ => Data::U8(results.into_iter().map(|result| result as u8).collect()),
        };
        let results = evaluated(Tensor::new(shape, data))?;
        match &self.residual {
            None => Ok(results),
            Some(binary) => binary.evaluate(&[results.first(), Some(tensor(inputs, QuantizedConv::RESIDUAL)?)]),
        }
    }

    fn macs(&self, inputs: &[Option<&TensorType>]) -> u64 {
        let (Ok(x), Ok(w), Ok(outputs)) = (typed(inputs, 0), typed(inputs, 1), self.infer(inputs)) else { return 0 };
        let sums = match self.pool {
            None => outputs[0].shape.elements(),
            Some(_) => self.convolved(&x.shape, w.shape[0]).map_or(0, |convolved| convolved.elements()),
        };
        sums.saturating_mul(product(&w.shape[1..])) as u64
    }

    /// A step an image.
    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let known = |slot: usize| ctx.constant(slot).ok_or_else(|| OpError::unsupported(format!("input {slot} is computed at run time")));
        let (w, b) = (known(1)?, known(QuantizedConv::BIAS)?);
        let (Data::I8(weights), Data::I32(bias)) = (w.data(), b.data()) else {
            return Err(OpError::new(format!("`W` is {} and `B` {}", w.ty(), b.ty())));
        };
        let &[filters, depth, ..] = &w.shape()[..] else { return Err(OpError::new("`W` has fewer than three dimensions")) };
        let (x, y) = (ctx.tensor(0)?, ctx.output());
        let (target, group, window, input_zero) = (ctx.profile().target, self.group, self.window.clone(), self.input_zero);
        let requantize = self.requantization.common;
        let residual = if self.residual.is_some() { Some(ctx.tensor(QuantizedConv::RESIDUAL)?) } else { None };
        let sum = self.residual.as_ref().and_then(|binary| binary.sum(self.dtype));
        // There may be none for bytes of the other type, which a target wants.
        let behind = match &self.residual {
            Some(binary) if sum.is_none() => Some((ctx.between_of(self.dtype, ctx.shape()), Arc::new(binary.kernel(true)?))),
            _ => None,
        };
        let parts = Parts { weights, bias, multipliers: &self.requantization.multipliers, depth };
        let (packed, kernel): (Vec<i32>, Arc<dyn Kernel>) = if self.is_depthwise(w.shape()) {
            let kernel = QuantizedDepthwiseConv2d { window, input_zero, requantize, target };
            (kernel.pack(&parts), Arc::new(kernel))
        } else {
            let tile = Tile::of(target, filters / group, weights, ctx.dtype_of(x), self.pool.is_some());
            let pool = self.pool.as_ref().map(|pool| pool.limits);
            let kernel = QuantizedConv2d { window, group, input_zero, requantize, pool, sum, tile };
            (kernel.pack(&parts), Arc::new(kernel))
        };
        let packed = ctx.add_weights(&packed, weights.len());
        let shape = ctx.shape();
        let sums = if self.pool.is_some() { self.convolved(ctx.shape_of(x), filters)? } else { shape.clone() };
        let macs = product(&sums[1..]) as u64 * product(&w.shape()[1..]) as u64;
        if shape.rank() == 2 {
            // Vectors are the pixels of a row.
            let [from, to] = [x, y].map(|tensor| Access { channel: Some(1), ..ctx.whole(tensor) });
            ctx.push(kernel, vec![from], to, &packed, macs * shape[0] as u64);
            return Ok(());
        }
        ctx.images(shape[0])?;
        for n in 0..shape[0] {
            let (from, to) = (ctx.image(x, n), ctx.image(y, n));
            let residual = residual.map(|residual| ctx.image(residual, n));
            let with_residual = |first: Access| [Some(first), residual].into_iter().flatten().collect();
            match &behind {
                None => ctx.push(kernel.clone(), with_residual(from), to, &packed, macs),
                Some((map, binary)) => {
                    let map = ctx.image(*map, n);
                    ctx.push(kernel.clone(), vec![from], map.clone(), &packed, macs);
                    ctx.push(binary.clone(), with_residual(map), to, &Packed::default(), 0);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use peleec_runtime::BinaryKind;

    use super::*;
    use crate::ir::test_build::Build;
    use crate::lower::lower;
    use crate::ops::quantize::Direction;
    use crate::ops::{Binary, Op, Quantize};
    use crate::target::{NumericClass, Profile, Target};

    /// The rule as its formula says it, in `f64`.
    fn nearest(factor: f64, sum: i64, zero: i32) -> i32 {
        ((factor * sum as f64 + 0.5).floor() as i32 + zero).clamp(-128, 127)
    }

    #[test]
    fn sums_go_to_the_nearest_and_halves_up() {
        let rule = Requantization::new(&[0.5, 0.125, 2.0_f64.powi(-20), 3.0], -3, [-128, 127]).unwrap();
        for (channel, factor) in [0.5, 0.125, 2.0_f64.powi(-20), 3.0].into_iter().enumerate() {
            for sum in [-5000, -40, -13, -12, -4, -3, -1, 0, 1, 3, 4, 12, 13, 40, 5000, 1 << 19, 1 << 20] {
                let expected = nearest(factor, sum, -3);
                assert_eq!(rule.apply(channel, sum), expected, "{factor} * {sum}");
                assert_eq!(rule.common.apply(sum as i32, rule.multipliers[channel]), expected, "{factor} * {sum}");
            }
        }
    }

    /// The runtime's two quotients are the one quotient of the formula, for factors of many sizes.
    #[test]
    fn nested_floors_are_one() {
        let mut seed = 1u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            seed >> 33
        };
        for _ in 0..20_000 {
            let factor = (1.0 + random() as f64 / 2.0_f64.powi(31)) * f64::from(-(random() as i32 % 22)).exp2();
            let rule = Requantization::new(&[factor], (random() % 256) as i32 - 128, [-128, 127]).unwrap();
            let sum = (random() as i32 as i64 - (1 << 30)) >> (rule.common.left + random() as u32 % 20);
            assert!(rule.admits(sum.abs()));
            assert_eq!(rule.common.apply(sum as i32, rule.multipliers[0]), rule.apply(0, sum), "{factor} * {sum}");
        }
    }

    /// The rule as its formula says it, in `f64`: products are rounded down to fractions of a result, their average to the nearest and
    /// halves up.
    #[test]
    fn averages_are_rounded_to_the_nearest() {
        let factors = [6, 8, 12].map(|shift: i32| f64::from(-shift).exp2());
        let (rule, limits) = Requantization::averaging(4000, [0.0, 20.0], &factors, -3, [-128, 127]).unwrap();
        let fraction = f64::from(rule.common.right).exp2();
        assert_eq!((limits, rule.common.right), ([0, 20 << 4], 4));
        for (channel, factor) in factors.into_iter().enumerate() {
            for sums in [[-5, -3, 1, 7], [0, 1, 0, 0], [128, 0, 0, 0], [127, 0, 0, 0], [3, -100, 4000, 41], [-4000; 4], [4000; 4]] {
                let product = |sum: i64| ((factor * sum as f64 * fraction).floor() / fraction).clamp(0.0, 20.0);
                let average = sums.map(product).iter().sum::<f64>() / 4.0;
                let expected = (average + 0.5).floor() as i32 - 3;
                assert_eq!(rule.average(channel, sums, limits), expected, "{factor} * {sums:?}");
            }
        }
    }

    /// Bits behind the point give way to the sum of four.
    #[test]
    fn averages_stay_in_32_bits() {
        let (unbounded, most_sum) = ([f64::NEG_INFINITY, f64::INFINITY], i64::from(i32::MAX));
        for (most, factor) in
            [(1 << 10, 0.25), (1 << 29, 2.0_f64.powi(-9)), (1 << 28, 1.0 / 300.0), ((1 << 29) - 1, 0.9), (most_sum, 0.9 / 64.0)]
        {
            let limits = [i8::MIN.into(), i8::MAX.into()];
            let Some((rule, bounds)) = Requantization::averaging(most, unbounded, &[factor], -128, limits) else {
                // Results beyond 2^28 steps.
                assert!(most as f64 * factor * 8.0 > f64::from(i32::MAX) / 2.0, "{most} {factor}");
                continue;
            };
            let peleec_runtime::Requantize { left, right, .. } = rule.common;
            let product = |sum: i64| ((i128::from(sum) << left) * i128::from(rule.multipliers[0])) >> 32;
            for sum in [most, -most] {
                let added = 4 * product(sum) + (-128 << (right + 2)) + (1 << (right + 1));
                assert!(i32::try_from(added).is_ok() && i32::try_from(4 * product(sum)).is_ok(), "{most} {factor}: {rule:?}");
                assert_eq!(rule.average(0, [sum; 4], bounds), if sum > 0 { 127 } else { -128 });
            }
            let plain = Requantization::new(&[factor], -128, limits).unwrap();
            assert_eq!(plain.common.right - rule.common.right, u32::from(most == most_sum));
        }
        // A bound beyond what sums reach counts as well.
        let (rule, bounds) = Requantization::averaging(10, [1e7, 1e7], &[0.001], 0, [-128, 127]).unwrap();
        assert!(bounds[0] > 10_000_000 && 4 * i64::from(bounds[0]) + (1 << (rule.common.right + 1)) <= i64::from(i32::MAX));
        assert_eq!(Requantization::averaging(10, [1e9, 1e9], &[0.001], 0, [-128, 127]), None);
    }

    /// Halves go to the even integer, which no sum of integers does.
    #[test]
    fn what_is_no_sum_of_integers_follows_the_convolution() {
        let steps = |direction: Direction, scale: f32| Quantize { direction, scale: [scale].into(), zero: vec![0], axis: 1, block: None };
        for (scale, reads) in [(0.31, vec![1, 2]), (0.5, vec![1, 1, 2])] {
            let mut build = Build::new();
            let x = build.input("x", &[1, 2, 4, 4]);
            let x = build.op("x.q", Op::Quantize(steps(Direction::Quantize(DType::I8), 0.1)), &[x]);
            let w = build.graph.add_constant("w", Tensor::new(Shape(vec![2, 2, 1, 1]), Data::I8([1, -2, 3, 4].into())).unwrap());
            let b = build.graph.add_constant("b", Tensor::new(Shape(vec![2]), Data::I32([5, 6].into())).unwrap());
            let from = [0.25, 0.25].map(|scale| steps(Direction::Dequantize, scale));
            let to = steps(Direction::Quantize(DType::I8), scale);
            let (binary, dtype, limits) = (Binary { kind: BinaryKind::Add }, DType::I8, [-128, 127]);
            let requantization = Requantization::new(&[0.5, 0.25], 0, limits).unwrap();
            let residual = Some(Box::new(QuantizedBinary { binary, from, to, dtype, limits }));
            let conv = QuantizedConv { window: Window::pointwise(), group: 1, input_zero: 0, requantization, dtype, pool: None, residual };
            let y = build.op("y", Op::QuantizedConv(conv), &[x, w, b, x]);
            build.output(y);
            let lowered = lower(&build.graph, Profile { target: Target::Generic, numeric: NumericClass::Plain }).unwrap();
            let computing = lowered.problem.steps.iter().filter(|step| step.relation.is_none());
            assert_eq!(computing.map(|step| step.reads.len()).collect::<Vec<_>>(), reads, "{scale}");
        }
    }

    #[test]
    fn factors_that_are_none_are_refused() {
        for factor in [0.0, -1.0, f64::NAN, f64::INFINITY, 2.0_f64.powi(20)] {
            assert_eq!(Requantization::new(&[factor], 0, [-128, 127]), None);
        }
        assert!(!Requantization::new(&[1.0], 0, [-128, 127]).unwrap().admits(1 << 29));
    }
}
