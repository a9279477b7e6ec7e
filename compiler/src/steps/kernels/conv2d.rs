//! `Conv2d`: convolution under a register tile of the target, with an epilogue and maybe a pool; also the product with constant weights.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use peleec_runtime::{Activation, Extent, Fused, Operands, Pixels, Plain, PoolKind, RegionError, RowWindow};

use super::bound::{expression, run};
use super::{Bound, Cost, Kernel, LeafKind, Places, Views, Work, rows_of};
use crate::diagnostics::OpError;
use crate::plan::problem::{Access, CHANNELS, Rows};
use crate::steps::micro::{self, Choice, MicroKernel, band};
use crate::steps::words::words;
use crate::steps::{Lowering, Packed};
use crate::tensor::window::Window;

/// A convolution of `group` groups.
#[derive(Clone, Debug)]
pub(crate) struct Conv2d {
    pub(crate) window: Window,
    pub(crate) group: usize,
    pub(crate) activation: Activation,
    /// What the output is pooled by, 2x2 with a stride of 2.
    pub(crate) pool: Option<PoolKind>,
    pub(crate) choice: Choice,
}

/// What a convolution with constant weights computes.
pub(crate) struct Convolution<'a> {
    pub(crate) window: Window,
    pub(crate) group: usize,
    pub(crate) activation: Activation,
    pub(crate) pool: Option<PoolKind>,
    /// `[filters, depth, kernel height, kernel width]`, with `depth` the input's channels of one group.
    pub(crate) weights: &'a [f32],
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) filters: usize,
    pub(crate) depth: usize,
}

/// The most products of one sum, as rounding errors grow with their number. A longer one is made of sums over blocks of channels, as
/// many blocks as it has times [`BLOCK`] products and as many channels in each, the residual and the bias in the first; so it is part of
/// the numeric class.
const LONGEST_SUM: usize = 4096;
const BLOCK: usize = 2048;

impl Convolution<'_> {
    /// Whether a sum has to be cut.
    pub(crate) fn is_long(&self) -> bool {
        self.blocks().nth(1).is_some()
    }

    /// The channels of each block. Groups are never so deep as to be cut.
    fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (taps, depth) = (self.window.kernel.iter().product::<usize>().max(1), self.depth);
        let is_cut = self.group == 1 && taps * depth > LONGEST_SUM;
        let most = if is_cut { depth.div_ceil((taps * depth).div_ceil(BLOCK)) } else { depth }.max(1);
        (0..depth).step_by(most).map(move |begin| begin..depth.min(begin + most))
    }

    /// Packs the weights for maps of the extents of `x` and `y`.
    pub(crate) fn packed(&self, ctx: &mut Lowering<'_>, x: &Access, y: &Access) -> Result<PackedConvolution, OpError> {
        let maps = [extents(x), extents(y)];
        let blocks: Result<Vec<_>, OpError> = self.blocks().map(|channels| self.block(ctx, channels, maps)).collect();
        Ok(PackedConvolution { blocks: blocks? })
    }

    /// What the step over some channels needs.
    fn block(&self, ctx: &mut Lowering<'_>, channels: Range<usize>, [input, output]: [[usize; 2]; 2]) -> Result<Block, OpError> {
        let (window, group, depth) = (self.window.clone(), self.group, channels.len());
        let [kh, kw] = window.kernel;
        let problem = micro::Problem { window: &window, input, output, group, depth, filters: self.filters / group, pool: self.pool };
        let (weights, shape) = (self.weights_of(&channels), [self.filters, depth, kh, kw]);
        let bias = self.bias.filter(|_| channels.start == 0);
        let choice = ctx.choice(&problem, &weights, bias, shape)?;
        let packed = pack(&weights, bias, shape, group, choice.micro.channels);
        let packed = ctx.add_weights(&packed, size_of_val(&weights[..]));
        let activation = if channels.end == self.depth { self.activation } else { Activation::Identity };
        let convolved = if self.pool.is_some() { input } else { output };
        let macs = (self.filters * convolved[0] * convolved[1]) as u64 * (depth * kh * kw) as u64;
        let kernel = Arc::new(Conv2d { window, group, activation, pool: self.pool, choice });
        Ok(Block { channels, kernel, weights: packed, macs })
    }

    fn weights_of(&self, channels: &Range<usize>) -> Cow<'_, [f32]> {
        if channels.len() == self.depth {
            return Cow::Borrowed(self.weights);
        }
        let taps: usize = self.window.kernel.iter().product();
        let filters = self.weights.chunks_exact(self.depth * taps);
        Cow::Owned(filters.flat_map(|filter| &filter[channels.start * taps..channels.end * taps]).copied().collect())
    }
}

/// A convolution whose weights are packed, for maps of the same extents: as many as there are share them.
pub(crate) struct PackedConvolution {
    blocks: Vec<Block>,
}

/// What a step over some channels of the input needs.
struct Block {
    channels: Range<usize>,
    kernel: Arc<dyn Kernel>,
    weights: Packed,
    macs: u64,
}

impl PackedConvolution {
    /// One step over all channels.
    pub(crate) fn of_one(channels: usize, kernel: Arc<dyn Kernel>, weights: Packed, macs: u64) -> Self {
        PackedConvolution { blocks: vec![Block { channels: 0..channels, kernel, weights, macs }] }
    }

    /// Emits the steps from `x` and a residual to `y`: one, or one a block of channels, and then there is no pool.
    pub(crate) fn lower(&self, ctx: &mut Lowering<'_>, x: &Access, residual: Option<Access>, y: &Access) {
        let mut second = residual;
        for (index, block) in self.blocks.iter().enumerate() {
            let to = if index + 1 == self.blocks.len() { y.clone() } else { ctx.like(y) };
            let mut from = x.clone();
            if self.blocks.len() > 1 {
                from.start[CHANNELS] += block.channels.start;
                from.dims[CHANNELS] = block.channels.len();
            }
            let reads = [Some(from), second.replace(to.clone())].into_iter().flatten().collect();
            ctx.push(Arc::clone(&block.kernel), reads, to, &block.weights, block.macs);
        }
    }
}

/// Height and width of `[M, C]`, `[1, C, W]` or `[1, C, H, W]`.
fn extents(access: &Access) -> [usize; 2] {
    match access.dims[..] {
        [rows, _] => [1, rows],
        [_, _, width] => [1, width],
        [_, _, height, width, ..] => [height, width],
        _ => [1, 1],
    }
}

impl Kernel for Conv2d {
    fn places(&self) -> Places {
        let window = &self.window;
        let rows = match self.pool {
            Some(_) => Rows { stride: 2, divisor: 1, pad: 0, reach: 2 },
            None => rows_of(window),
        };
        Places { interleaves: true, splits: self.group == 1 && window.is_pointwise(), in_place: false, rows: Some(rows) }
    }

    fn cost(&self, channels: usize) -> Cost {
        let blocks = self.group * (channels / self.group).div_ceil(self.choice.micro.channels);
        Cost { whole: self.choice.cost, row_blocks: blocks as u64 }
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let Conv2d { window, group, activation, pool, choice: Choice { micro, span, .. } } = self;
        let second = views.inputs.get(1).map(|view| view.pixels());
        let (rest, residual) = if views.split { (second, None) } else { (None, second) };
        let maps = Maps { input: views.inputs[0].pixels(), output: views.output.pixels(), rest, residual };
        let maps = if window.is_pointwise() && pool.is_none() && !views.by_rows { maps.flattened() } else { maps };
        // In a row of a map even border pixels stand alone: narrow tiles serve them.
        let gains = views.by_rows && pool.is_none() && micro.pixels > 1;
        let conv = Here::new(maps.input, maps.output).rest(maps.rest).residual(maps.residual).group(words([*group])[0]);
        let conv = conv.kernel(words(window.kernel)).strides(words(window.strides)).dilations(words(window.dilations));
        let conv = conv.pads(words([window.pads[0], window.pads[1]])).band(band(*span, &maps.output));
        let conv = conv.epilogue(*activation).pool(*pool);
        let conv = conv.general(gains || conv.needs_general());
        Ok(Work::Kernel(Box::new(BoundConv2d { conv, micro: *micro })))
    }
}

pub(super) struct Maps {
    pub(super) input: Pixels,
    pub(super) output: Pixels,
    pub(super) rest: Option<Pixels>,
    pub(super) residual: Option<Pixels>,
}

impl Maps {
    /// All pixels in one row, where a 1x1 convolution sees rows that follow each other without a gap.
    pub(super) fn flattened(self) -> Self {
        let Maps { input, output, rest, residual } = self;
        let flat = |map: &Pixels| map.row == map.width * map.pixel;
        if ![Some(input), Some(output), rest, residual].iter().flatten().all(flat) {
            return self;
        }
        let join = |map: Pixels| Pixels { height: 1, width: map.height * map.width, row: map.height * map.row, ring: 1, ..map };
        Maps { input: join(input), output: join(output), rest: rest.map(join), residual: residual.map(join) }
    }
}

/// The one tile by which convolutions of a class run in this process, as tiles change no bit: pixels and channels.
type Here = peleec_runtime::Conv2d<Plain, 4, HERE>;
const HERE: usize = 8;

/// A convolution over maps, and what computes it on the target.
#[derive(Debug)]
struct BoundConv2d {
    conv: Here,
    micro: MicroKernel,
}

impl Bound for BoundConv2d {
    fn name(&self) -> String {
        let MicroKernel { pixels, channels, .. } = self.micro;
        format!("conv2d {pixels}x{channels}{}", if self.conv.pool.is_some() { " + pool" } else { "" })
    }

    fn kind(&self) -> String {
        let MicroKernel { unit, pixels, channels } = self.micro;
        format!("peleec_runtime::Conv2d<{}, {pixels}, {channels}>", unit.path())
    }

    fn value(&self) -> String {
        expression(&self.conv)
    }

    fn extent(&self) -> Option<Extent> {
        let w = self.conv.weights(u32::try_from(self.micro.channels).ok()?)?;
        Some(Extent { w, ..self.conv.extent()? })
    }

    fn row_window(&self) -> Option<RowWindow> {
        Some(self.conv.row_window())
    }

    fn run(&self, row: Option<usize>, operands: Operands<'_>) -> Result<(), RegionError> {
        match self.micro.unit.is_fused() {
            true => run(row, &self.conv.by::<Fused>(), operands),
            false => run(row, &self.conv, operands),
        }
    }

    fn weights_here<'a>(&self, packed: &'a [u8]) -> Cow<'a, [u8]> {
        if self.micro.channels == HERE {
            return Cow::Borrowed(packed);
        }
        let taps = self.conv.kernel.iter().product::<u32>() as usize;
        let (channels, filters) = (self.conv.output.channels as usize, self.conv.filters() as usize);
        let floats = repacked(
            bytemuck::cast_slice(packed),
            [channels / filters.max(1), filters],
            1 + taps * self.conv.depth() as usize,
            self.micro.channels,
            HERE,
        );
        Cow::Owned(bytemuck::cast_slice(&floats).to_vec())
    }

    fn leaf(&self) -> Option<(LeafKind, bool)> {
        let kind = LeafKind { micro: self.micro, is_pooled: self.conv.pool.is_some(), is_dense: self.conv.input.channel == 1 };
        Some((kind, self.conv.general))
    }

    fn generalise(&mut self) {
        self.conv.general = true;
    }
}

/// Packs `[M, depth, kH, kW]` weights and a bias: by group and by blocks of `n` filters, each block its bias and then
/// `[kH][kW][depth][n]`; what a block has beyond the group's filters is zero.
pub(crate) fn pack(weights: &[f32], bias: Option<&[f32]>, [filters, depth, kh, kw]: [usize; 4], group: usize, n: usize) -> Vec<f32> {
    let per_group = filters / group;
    let taps = kh * kw;
    let mut packed = Vec::with_capacity(group * per_group.div_ceil(n) * n * (1 + taps * depth));
    for g in 0..group {
        for first in (0..per_group).step_by(n) {
            let filter = |lane: usize| (first + lane < per_group).then_some(g * per_group + first + lane);
            packed.extend((0..n).map(|lane| filter(lane).zip(bias).map_or(0.0, |(m, bias)| bias[m])));
            for tap in 0..taps {
                for ci in 0..depth {
                    packed.extend((0..n).map(|lane| filter(lane).map_or(0.0, |m| weights[(m * depth + ci) * taps + tap])));
                }
            }
        }
    }
    packed
}

/// Weights that were packed in blocks of `from` filters, in blocks of `to`; a filter has `values` values.
fn repacked(packed: &[f32], [groups, filters]: [usize; 2], values: usize, from: usize, to: usize) -> Vec<f32> {
    let of_group = filters.div_ceil(from) * from * values;
    let mut result = Vec::with_capacity(groups * filters.div_ceil(to) * to * values);
    for group in 0..groups {
        let group = packed.get(group * of_group..).unwrap_or_default();
        for first in (0..filters).step_by(to) {
            for value in 0..values {
                let at = |filter: usize| filter / from * from * values + value * from + filter % from;
                let lane = |lane: usize| if first + lane < filters { group.get(at(first + lane)).copied() } else { None };
                result.extend((0..to).map(|index| lane(index).unwrap_or(0.0)));
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_last_block_is_filled_with_zeros() {
        let weights: Vec<f32> = (1..=6).map(|i| i as f32).collect();
        let packed = pack(&weights, Some(&[10.0, 20.0, 30.0]), [3, 2, 1, 1], 1, 2);
        assert_eq!(packed, [10.0, 20.0, 1.0, 3.0, 2.0, 4.0, 30.0, 0.0, 5.0, 0.0, 6.0, 0.0]);
    }

    #[test]
    fn weights_are_packed_anew_for_another_tile() {
        let weights: Vec<f32> = (0..2 * 11 * 3 * 4).map(|i| i as f32).collect();
        let bias: Vec<f32> = (0..22).map(|i| -(i as f32)).collect();
        let packed = |n: usize| pack(&weights, Some(&bias), [22, 3, 2, 2], 2, n);
        for (from, to) in [(4, 8), (64, 8), (8, 3), (1, 16)] {
            assert_eq!(repacked(&packed(from), [2, 11], 13, from, to), packed(to), "{from} to {to}");
        }
    }
}
