//! `Conv`: 1-D, 2-D or 3-D convolution with any kernel, stride, pads, `auto_pad`, dilation and group; of three axes up to 64 depths of output,
//! with weights once for each set of taps that padding leaves.
//!
//! Fusion adds inputs and an epilogue: `pool(activation(Conv(X, W) + B + residual))`.
//!
//! With three spatial axes each depth of the output is a convolution of its own over maps: the channels of the depths that its window sees
//! are those of one map, and weights on padding are left out. A sum so runs over (ky, kx, kz, ci), as `evaluate` has it. Where there are
//! groups, or the depths do not follow each other, there is a convolution a depth, which adds to the one before it: then the sums are
//! rounded one by one. Where a window lies in padding alone there is the bias.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use peleec_runtime::Activation;

use super::operands::{Sum, evaluated, float_type, floats, output, output_shape, product};
use super::{OpError, Operator, Pool, unary, volume, window};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::plan::problem::{Access, TensorId};
use crate::steps::kernels::{Convolution, DepthwiseConv2d, PackedConvolution};
use crate::steps::{Lowering, micro};
use crate::tensor::window::{Axis, Window, dhw, spatial_rank, with_spatial};
use crate::tensor::{DType, Shape, Tensor, TensorType};

/// Inputs: `X` [N,C,H,W], `W` [M,C/group,kH,kW], or with a depth before the height, optional `B` [M], optional residual of the
/// convolution's shape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Conv {
    pub(crate) window: Window,
    pub(crate) group: usize,
    pub(crate) activation: Activation,
    /// What the output is pooled by.
    pub(crate) pool: Option<Pool>,
}

impl Conv {
    pub(crate) const BIAS: usize = 2;
    pub(crate) const RESIDUAL: usize = 3;
}

impl Operator for Conv {
    const ATTRIBUTES: &'static [KnownAttribute] = &[
        known::int("group"),
        known::ints("kernel_shape"),
        known::ints("strides"),
        known::ints("dilations"),
        known::ints("pads"),
        window::AUTO_PAD,
    ];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let (x, w) = (node.input_type(0)?, node.input_type(1)?);
        let kernel = w.shape.get(2..).ok_or_else(|| OpError::new(format!("`W` is {w}")).supported("[M,C/group,kH,kW]"))?;
        let group = node.int("group")?.unwrap_or(1);
        let group = usize::try_from(group).ok().filter(|&g| g >= 1);
        let group = group.ok_or_else(|| OpError::new("attribute `group` is below 1"))?;
        let window = window::parse(node, Some(kernel), &x.shape, false)?;
        Ok(Conv { window, group, activation: Activation::Identity, pool: None })
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let convolved = output(DType::F32, self.convolved(inputs)?)?;
        match &self.pool {
            Some(pool) => pool.infer(&[convolved.first()]),
            None => Ok(convolved),
        }
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        if let Some(pool) = &self.pool {
            let map = Conv { pool: None, ..self.clone() }.evaluate(inputs)?;
            return pool.evaluate(&[map.first()]);
        }
        let shape = output_shape(self, inputs)?;
        let (x, w) = (floats(inputs, 0)?, floats(inputs, 1)?);
        let bias = inputs.get(Conv::BIAS).copied().flatten().and_then(Tensor::as_f32);
        let residual = inputs.get(Conv::RESIDUAL).copied().flatten().and_then(Tensor::as_f32);
        let [od, oh, ow] = dhw(&shape);
        let mut values = Vec::with_capacity(shape.elements());
        for n in 0..shape[0] {
            for m in 0..shape[1] {
                let start = bias.map_or(0.0, |bias| bias[m]);
                for (z, y) in (0..od).flat_map(|z| (0..oh).map(move |y| (z, y))) {
                    for at in 0..ow {
                        let sum = self.sum(start, (x, &inputs[0]), (w, &inputs[1]), [n, m, z, y, at]);
                        let sum = sum + residual.map_or(0.0, |residual| residual[values.len()]);
                        values.push(unary::activate(self.activation, sum));
                    }
                }
            }
        }
        evaluated(Tensor::f32(shape, values))
    }

    fn macs(&self, inputs: &[Option<&TensorType>]) -> u64 {
        let (Ok((_, w)), Ok(shape)) = (x_and_w(inputs), self.convolved(inputs)) else { return 0 };
        shape.elements().saturating_mul(product(&w.shape[1..])) as u64
    }

    /// A step an image, or a depth of its output, depthwise where every channel has its own kernel. A pool is a step of its own where no
    /// register tile of the target can hold whole windows, and where a sum is cut.
    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let weights = ctx.weights(1, "W")?;
        let bias = if ctx.has(Conv::BIAS) { Some(ctx.weights(Conv::BIAS, "B")?) } else { None };
        let Some(&[filters, depth, ..]) = ctx.constant(1).map(|w| &w.shape()[..]) else {
            return Err(OpError::new("`W` has fewer than three dimensions"));
        };
        let (window, group, activation) = (self.window.clone(), self.group, self.activation);
        let convolution = Convolution { window, group, activation, pool: None, weights, bias, filters, depth };
        if let Some(&along) = self.window.depth.as_deref() {
            return self.lower_depths(ctx, &convolution, along);
        }
        match &self.pool {
            None => {
                let y = ctx.output();
                convolution_to(ctx, &convolution, y)
            }
            Some(pool) if micro::can_pool(ctx.profile()) && !convolution.is_long() => {
                let y = ctx.output();
                convolution_to(ctx, &Convolution { pool: Some(pool.kind.lowered()), ..convolution }, y)
            }
            Some(pool) => {
                let x = ctx.tensor(0)?;
                let shape = with_spatial(ctx.shape_of(x), ctx.shape_of(x)[0], filters, self.window.output(ctx.shape_of(x))?);
                let map = ctx.between(shape);
                let last = ctx.set_last_aside();
                convolution_to(ctx, &convolution, map)?;
                ctx.go_on(last, "/pool");
                pool.lower_from(ctx, map)?;
                Ok(())
            }
        }
    }
}

/// A convolution of the first input to `y`, with a residual where there is one.
fn convolution_to(ctx: &mut Lowering<'_>, convolution: &Convolution<'_>, y: TensorId) -> Result<(), OpError> {
    let x = ctx.tensor(0)?;
    let residual = if ctx.has(Conv::RESIDUAL) { Some(ctx.tensor(Conv::RESIDUAL)?) } else { None };
    let batch = ctx.shape_of(y)[0];
    ctx.images(batch)?;
    let (from, to) = (ctx.image(x, 0), ctx.image(y, 0));
    let packed = pack(ctx, convolution, &from, residual.is_some(), &to)?;
    for n in 0..batch {
        let (from, to) = (ctx.image(x, n), ctx.image(y, n));
        let residual = residual.map(|residual| ctx.image(residual, n));
        packed.lower(ctx, &from, residual, &to);
    }
    Ok(())
}

/// Packs a convolution of one map, depthwise where every channel has its own kernel and nothing is added.
fn pack(
    ctx: &mut Lowering<'_>,
    convolution: &Convolution<'_>,
    from: &Access,
    has_residual: bool,
    to: &Access,
) -> Result<PackedConvolution, OpError> {
    let Convolution { depth, filters, group, .. } = *convolution;
    if depth == 1 && filters == group && group > 1 && !has_residual && convolution.pool.is_none() {
        return Ok(DepthwiseConv2d::packed(ctx, convolution, to));
    }
    convolution.packed(ctx, from, to)
}

impl Conv {
    /// Convolutions of maps for each depth of the output, by a window `along` the depth.
    fn lower_depths(&self, ctx: &mut Lowering<'_>, convolution: &Convolution<'_>, along: Axis) -> Result<(), OpError> {
        let (x, shape) = (ctx.tensor(0)?, ctx.shape());
        let (batch, channels, filters) = (shape[0], ctx.shape_of(x)[1], convolution.filters);
        let ([extent, ..], [depths, ..]) = (dhw(ctx.shape_of(x)), dhw(&shape));
        let runs = volume::runs(batch, depths, self.group == 1, |at| along.taps(at, extent).collect())?;
        volume::check_weights(&runs, convolution.weights.len(), along.kernel)?;
        let residual = if ctx.has(Conv::RESIDUAL) { Some(ctx.tensor(Conv::RESIDUAL)?) } else { None };
        let (from, residual) = (volume::joined(ctx, x), residual.map(|residual| volume::joined(ctx, residual)));
        let to = volume::output(ctx);
        let window = Window { depth: None, ..self.window.clone() };
        let plane = product(&window.kernel);
        ctx.images(batch)?;
        let mut packed = BTreeMap::new();
        for (n, at) in (0..batch).flat_map(|n| (0..depths).map(move |at| (n, at))) {
            let write = volume::depths(ctx, to, n, at..at + 1, filters);
            let mut second = residual.map(|residual| volume::depths(ctx, residual, n, at..at + 1, filters));
            if runs[at].is_empty() {
                volume::write_bias(ctx, convolution.bias, second, self.activation, write)?;
                continue;
            }
            for (run, part) in volume::parts(&runs[at]) {
                let read = volume::depths(ctx, from, n, run.depths(), channels);
                let write = if part.is_last { write.clone() } else { ctx.like(&write) };
                let packed = match packed.entry(part) {
                    Entry::Occupied(entry) => entry.into_mut(),
                    Entry::Vacant(entry) => {
                        let weights = volume::weights_of(convolution.weights, [convolution.depth, along.kernel, plane], part.taps);
                        let convolution = Convolution {
                            window: window.clone(),
                            group: self.group,
                            activation: if part.is_last { self.activation } else { Activation::Identity },
                            pool: None,
                            weights: &weights,
                            bias: convolution.bias.filter(|_| part.is_first),
                            filters,
                            depth: part.taps.len() * convolution.depth,
                        };
                        entry.insert(pack(ctx, &convolution, &read, second.is_some(), &write)?)
                    }
                };
                packed.lower(ctx, &read, second.replace(write.clone()), &write);
            }
        }
        volume::finish(ctx, to);
        Ok(())
    }

    /// The shape of the map before the pool.
    fn convolved(&self, inputs: &[Option<&TensorType>]) -> Result<Shape, OpError> {
        let (x, w) = x_and_w(inputs)?;
        let spatial = spatial_rank(&x.shape)?;
        let kernel = self.window.axes().map(|axis| axis.kernel);
        let fits = w.shape.rank() == x.shape.rank()
            && self.window.depth.is_some() == (spatial == 3)
            && w.shape[1].checked_mul(self.group) == Some(x.shape[1])
            && w.shape[0].is_multiple_of(self.group)
            && w.shape[2..] == kernel[3 - spatial..];
        if !fits {
            return Err(OpError::new(format!("`X` {x} does not go with `W` {w} at group {}", self.group)));
        }
        let extents = self.window.output(&x.shape)?;
        let shape = with_spatial(&x.shape, x.shape[0], w.shape[0], extents);
        if let Some(Some(bias)) = inputs.get(Conv::BIAS)
            && **bias != TensorType::f32([w.shape[0]])
        {
            return Err(OpError::new(format!("`B` is {bias} where `W` has {} output channels", w.shape[0])));
        }
        if let Some(Some(residual)) = inputs.get(Conv::RESIDUAL)
            && **residual != TensorType::f32(shape.clone())
        {
            return Err(OpError::new(format!("the residual is {residual} where the output is {shape}")));
        }
        Ok(shape)
    }

    /// One output: the products of the window in the order (ky, kx, kz, ci), which is the numeric contract of class `plain`.
    fn sum(&self, start: f32, x: (&[f32], &Option<&Tensor>), w: (&[f32], &Option<&Tensor>), [n, m, z, y, at]: [usize; 5]) -> f32 {
        let (Some(xs), Some(ws)) = (x.1.map(Tensor::shape), w.1.map(Tensor::shape)) else { return start };
        let ([d, h, width], channels) = (dhw(xs), ws[1]);
        let first = m / (ws[0] / self.group) * channels;
        let [depth, rows, columns] = self.window.axes();
        let mut sum = Sum::from(start);
        for (ky, iy) in rows.taps(y, h) {
            for (kx, ix) in columns.taps(at, width) {
                for (kz, iz) in depth.taps(z, d) {
                    for ci in 0..channels {
                        let value = x.0[(((n * xs[1] + first + ci) * d + iz) * h + iy) * width + ix];
                        let tap = (((m * channels + ci) * depth.kernel + kz) * rows.kernel + ky) * columns.kernel + kx;
                        sum.add_product(value, w.0[tap]);
                    }
                }
            }
        }
        sum.value(Sum::LONGEST_OF_PRODUCTS)
    }
}

fn x_and_w<'a>(inputs: &[Option<&'a TensorType>]) -> Result<(&'a TensorType, &'a TensorType), OpError> {
    Ok((float_type(inputs, 0)?, float_type(inputs, 1)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::test_build::Random;
    use crate::ops::Op;
    use crate::ops::test_case::{Case, executed};
    use crate::tensor::{ravel, unravel};

    fn ones(opset: i64) -> Case {
        let x: Vec<f32> = (1..=9u8).map(f32::from).collect();
        Case::new("Conv", opset).floats(&[1, 1, 3, 3], &x).floats(&[1, 1, 2, 2], &[1.0; 4])
    }

    #[test]
    fn windows() {
        assert_eq!(ones(11).values(), [12.0, 16.0, 24.0, 28.0]);
        assert_eq!(ones(11).ints("strides", &[2, 2]).ints("pads", &[1, 1, 0, 0]).values(), [1.0, 5.0, 11.0, 28.0]);
        assert_eq!(ones(11).ints("dilations", &[2, 2]).values(), [20.0]);
        assert_eq!(ones(11).string("auto_pad", "SAME_UPPER").values(), [12.0, 16.0, 9.0, 24.0, 28.0, 15.0, 15.0, 17.0, 9.0]);
        assert_eq!(ones(11).string("auto_pad", "SAME_LOWER").shape(), Ok(vec![1, 1, 3, 3]));
        assert_eq!(ones(11).floats(&[1], &[0.5]).values(), [12.5, 16.5, 24.5, 28.5]);
    }

    #[test]
    fn groups_and_one_dimension() {
        let depthwise = Case::new("Conv", 11).int("group", 2).floats(&[1, 2, 2], &[1.0, 2.0, 3.0, 4.0]).floats(&[2, 1, 1], &[10.0, 100.0]);
        assert_eq!(depthwise.values(), [10.0, 20.0, 300.0, 400.0]);
        assert_eq!(Case::new("Conv", 11).input(&[1, 3, 9]).input(&[4, 3, 3]).shape(), Ok(vec![1, 4, 7]));
        assert!(Case::new("Conv", 11).string("auto_pad", "SAME_UPPER").input(&[1, 1, 0]).input(&[1, 1, 1]).shape().is_ok());
    }

    /// A volume of 1 to 12, three deep, with what onnxruntime gives.
    fn volume(kernel: &[usize]) -> Case {
        let count = |n: usize| (1..=n as u8).map(f32::from).collect::<Vec<_>>();
        let weights = [&[1, 1][..], kernel].concat();
        Case::new("Conv", 11).floats(&[1, 1, 3, 2, 2], &count(12)).floats(&weights, &count(weights.iter().product()))
    }

    #[test]
    fn three_dimensions() {
        let padded = volume(&[3, 1, 2]).ints("pads", &[1, 0, 0, 1, 0, 0]);
        assert_eq!((padded.shape(), padded.values()), (Ok(vec![1, 1, 3, 2, 1]), vec![72.0, 108.0, 149.0, 191.0, 84.0, 104.0]));
        let strided = volume(&[2, 2, 2]).ints("strides", &[2, 1, 1]).ints("pads", &[1, 0, 0, 0, 0, 1]);
        assert_eq!(strided.values(), [70.0, 38.0, 348.0, 164.0]);
        let dilated = volume(&[2, 1, 1]).ints("dilations", &[2, 1, 1]);
        assert_eq!(dilated.values(), [19.0, 22.0, 25.0, 28.0]);
        let ends = [10.0, 12.0, 14.0, 16.0, 19.0, 22.0, 25.0, 28.0, 5.0, 6.0, 7.0, 8.0];
        assert_eq!(dilated.ints("pads", &[1, 0, 0, 1, 0, 0]).values(), ends);
        let count: Vec<f32> = (1..=8u8).map(f32::from).collect();
        let grouped = Case::new("Conv", 11).int("group", 2).floats(&[1, 2, 2, 1, 2], &count).floats(&[2, 1, 2, 1, 1], &count[..4]);
        assert_eq!(grouped.values(), [7.0, 10.0, 43.0, 50.0]);
        let beyond = volume(&[2, 1, 1]).ints("pads", &[2, 0, 0, 0, 0, 0]).floats(&[1], &[0.5]);
        assert_eq!(beyond.values()[..8], [0.5, 0.5, 0.5, 0.5, 2.5, 4.5, 6.5, 8.5]);
    }

    #[test]
    fn three_dimensions_padded_to_the_same_size() {
        let case = |auto_pad| volume(&[2, 1, 1]).string("auto_pad", auto_pad);
        let upper = [11.0, 14.0, 17.0, 20.0, 23.0, 26.0, 29.0, 32.0, 9.0, 10.0, 11.0, 12.0];
        let lower = [2.0, 4.0, 6.0, 8.0, 11.0, 14.0, 17.0, 20.0, 23.0, 26.0, 29.0, 32.0];
        assert_eq!((case("SAME_UPPER").values(), case("SAME_LOWER").values()), (upper.to_vec(), lower.to_vec()));
        assert_eq!(case("VALID").ints("pads", &[1; 6]).shape(), Ok(vec![1, 1, 2, 2, 2]));
    }

    #[test]
    fn refusals_of_three_dimensions() {
        assert!(volume(&[4, 1, 1]).refusal().contains("a kernel of extent 4 does not fit an input of 3"));
        assert!(volume(&[2, 1, 1]).ints("pads", &[1, 0, 0, 0]).refusal().contains("6 values"));
        assert!(volume(&[2, 1]).refusal().contains("3 values"));
        let deeper = Case::new("Conv", 11).input(&[1, 1, 2, 2, 2, 2]).input(&[1, 1, 1, 1, 1, 1]);
        assert!(deeper.refusal().contains("input has 6 dimensions"));
    }

    #[test]
    fn refusals() {
        let case = |group| Case::new("Conv", 11).int("group", group).input(&[1, 4, 5, 5]).input(&[6, 2, 3, 3]);
        assert_eq!(case(2).shape(), Ok(vec![1, 6, 3, 3]));
        assert!(case(1).refusal().contains("does not go with"));
        assert!(case(i64::MAX).refusal().contains("does not go with"));
        assert!(case(0).refusal().contains("`group`"));
        assert!(case(2).input(&[5]).refusal().contains("`B` is f32[5]"));
        assert!(case(2).input(&[6]).input(&[1, 6, 3, 3]).refusal().contains("4 inputs"));
        assert!(Case::new("Conv", 11).input(&[1, 4, 2, 2]).input(&[6, 4, 3, 3]).refusal().contains("does not fit"));
        assert!(Case::new("Conv", 11).input(&[1, 4]).input(&[6, 4]).refusal().contains("2 dimensions"));
        assert!(ones(11).string("auto_pad", "SOME").refusal().contains("`SOME`"));
        assert!(ones(11).ints("pads", &[-1, 0, 0, 0]).refusal().contains("`pads`"));
    }

    /// Of one to three axes, with another padding on each side, in groups, depthwise among them.
    #[test]
    fn random_convolutions_at_run_time_are_sums_over_their_windows() {
        let mut random = Random(1);
        for round in 0..90 {
            let axes = 1 + round % 3;
            let several =
                |random: &mut Random, least: usize, count: usize| (0..axes).map(|_| least + random.index(count)).collect::<Vec<_>>();
            let (group, depth, filters) = ([1, 1, 2, 3][random.index(4)], 1 + random.index(3), 1 + random.index(3));
            let depth = if group == 3 { 1 } else { depth };
            let (extents, kernel) = (several(&mut random, 3, 4), several(&mut random, 1, 3));
            let (strides, dilations) = (several(&mut random, 1, 3), several(&mut random, 1, 2));
            let pads = [several(&mut random, 0, 3), several(&mut random, 0, 3)];
            let reach = |axis: usize| (kernel[axis] - 1) * dilations[axis] + 1;
            let room = |axis: usize| (extents[axis] + pads[0][axis] + pads[1][axis]).checked_sub(reach(axis));
            let Some(sizes) = (0..axes).map(|axis| Some(room(axis)? / strides[axis] + 1)).collect::<Option<Vec<_>>>() else { continue };
            let (from, of_weights) =
                ([vec![1 + round % 2, group * depth], extents.clone()].concat(), [vec![group * filters, depth], kernel.clone()].concat());
            let to = [vec![1 + round % 2, group * filters], sizes].concat();
            let tensor = |random: &mut Random, dims: &[usize]| {
                let values: Vec<f32> = random.integers(dims.iter().product()).into_iter().map(|value| value as f32).collect();
                Tensor::f32(dims.to_vec(), values).unwrap()
            };
            let (x, w, bias) = (tensor(&mut random, &from), tensor(&mut random, &of_weights), tensor(&mut random, &to[1..2]));
            let has_bias = random.below(2) == 0;
            let sum = |place: usize| {
                let at = unravel(place, &to);
                let mut sum = if has_bias { bias.as_f32().unwrap()[at[1]] } else { 0.0 };
                for (tap, &weight) in w.as_f32().unwrap().iter().enumerate() {
                    let tap = unravel(tap, &of_weights);
                    let index = |axis: usize| (at[2 + axis] * strides[axis] + tap[2 + axis] * dilations[axis]).checked_sub(pads[0][axis]);
                    let inside = (0..axes).map(|axis| index(axis).filter(|&index| index < extents[axis])).collect::<Option<Vec<_>>>();
                    let Some(inside) = inside.filter(|_| tap[0] == at[1]) else { continue };
                    let channel = at[1] / filters * depth + tap[1];
                    sum += weight * x.as_f32().unwrap()[ravel(&[vec![at[0], channel], inside].concat(), &Shape(from.clone()).strides())];
                }
                sum
            };
            let wanted: Vec<f32> = (0..to.iter().product()).map(sum).collect();
            let words = |values: &[usize]| values.iter().map(|&value| value as i64).collect::<Vec<_>>();
            let case =
                Case::new("Conv", 11).int("group", group as i64).ints("strides", &words(&strides)).ints("dilations", &words(&dilations));
            let case = case.ints("pads", &words(&pads.concat())).known(x).known(w.clone());
            let case = if has_bias { case.known(bias.clone()) } else { case };
            let found = case.computed(&[1, 2]);
            assert_eq!((found.shape(), found.as_f32().unwrap()), (&Shape(to), &wanted[..]), "{from:?} by {of_weights:?} in {group} groups");
        }
    }

    /// Sums of one step and of several, with something added, an activation and a pool, whose maps may have a row and a column too many.
    #[test]
    fn what_fusion_adds_comes_in_its_order() {
        let mut random = Random(2);
        let mut tensor = |dims: &[usize], scale: f32| {
            let values: Vec<f32> = random.integers(dims.iter().product()).into_iter().map(|value| value as f32 * scale).collect();
            Tensor::f32(dims.to_vec(), values).unwrap()
        };
        for (depth, side, group, kernel) in [(3, 6, 1, 3), (470, 4, 1, 3), (4, 5, 2, 3), (3, 6, 1, 1), (3, 5, 1, 1)] {
            let filters = 4;
            let (x, w) = (tensor(&[2, depth, side, side], 1.0), tensor(&[filters, depth / group, kernel, kernel], 1.0));
            let (bias, residual) = (tensor(&[filters], 64.0), tensor(&[2, filters, side, side], 256.0));
            let pads = [kernel as i64 / 2; 4];
            let case = Case::new("Conv", 11).int("group", group as i64).ints("pads", &pads).known(x.clone()).known(w.clone());
            let plain = case.evaluate().unwrap();
            let Ok(Op::Conv(conv)) = case.parse() else { unreachable!("it is a convolution") };
            let pools = ["MaxPool", "AveragePool"].map(|name| {
                let pool = Case::new(name, 11).input(plain.shape()).ints("kernel_shape", &[2, 2]).ints("strides", &[2, 2]).parse();
                let Ok(Op::Pool(pool)) = pool else { unreachable!("it is a pool") };
                pool
            });
            let activations = [Activation::Identity, Activation::Relu, Activation::LeakyRelu(0.25), Activation::Clip(-300.0, 900.0)];
            for (activation, has_residual) in activations.into_iter().flat_map(|activation| [(activation, false), (activation, true)]) {
                // By the definition, of the plain sums.
                let sums = plain.as_f32().unwrap().iter().zip(residual.as_f32().unwrap()).enumerate();
                let sums = sums.map(|(at, (sum, residual))| {
                    let channel = at / (side * side) % filters;
                    let sum = sum + bias.as_f32().unwrap()[channel] + if has_residual { *residual } else { 0.0 };
                    match activation {
                        Activation::Relu => sum.max(0.0),
                        Activation::LeakyRelu(slope) if sum < 0.0 => sum * slope,
                        Activation::Clip(low, high) => sum.clamp(low, high),
                        _ => sum,
                    }
                });
                let sums: Vec<f32> = sums.collect();
                // A convolution that is pooled has a kernel of 1x1, and nothing is added.
                let is_pooled = kernel == 1 && !has_residual;
                for pool in [None, Some(&pools[0]), Some(&pools[1])].into_iter().filter(|pool| is_pooled || pool.is_none()) {
                    let half = side / 2;
                    let pooled = |at: usize| {
                        let (map, row, column) = (at / (half * half), at / half % half, at % half);
                        let value = |y: usize, x: usize| sums[(map * side + 2 * row + y) * side + 2 * column + x];
                        let four = [value(0, 0), value(0, 1), value(1, 0), value(1, 1)];
                        let is_max = pool.is_some_and(|pool| pool.kind == crate::ops::pool::PoolKind::Max);
                        if is_max { four.into_iter().fold(f32::MIN, f32::max) } else { four.iter().sum::<f32>() / 4.0 }
                    };
                    let wanted: Vec<f32> = if pool.is_some() { (0..2 * filters * half * half).map(pooled).collect() } else { sums.clone() };
                    let op = Op::Conv(Conv { activation, pool: pool.cloned(), ..conv.clone() });
                    let inputs = [Some(&x), Some(&w), Some(&bias), has_residual.then_some(&residual)];
                    let evaluated = op.evaluate(&inputs).unwrap().remove(0);
                    let found = executed(&op, &inputs, &[1, 2]).unwrap().remove(0);
                    let is_right = |tensor: &Tensor| tensor.as_f32() == Some(&wanted[..]);
                    assert!(is_right(&evaluated) && is_right(&found), "{op:?} of {depth} channels, something added {has_residual}");
                }
            }
        }
    }
}
