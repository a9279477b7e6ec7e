//! `Conv2d`: convolution under a register tile of the target, with an epilogue and maybe a pool; also the product with constant weights.

use std::borrow::Cow;

use peleec_runtime::{Activation, Extent, Fused, Operands, Pixels, Plain, PoolKind, RegionError, RowWindow};

use super::bound::{expression, run};
use super::{Bound, Cost, Kernel, LeafKind, Places, Views, Work, words};
use crate::diagnostics::OpError;
use crate::ir::window::Window;
use crate::lower::micro::{self, Choice, MicroKernel, band};
use crate::plan::problem::Rows;
use crate::target::Profile;

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

impl Conv2d {
    /// A product with constant weights `[filters, depth]` over `rows` rows of channels, and the weights packed for it.
    pub(crate) fn linear(
        weights: &[f32],
        bias: Option<&[f32]>,
        [rows, filters, depth]: [usize; 3],
        profile: Profile,
    ) -> Result<(Self, Vec<f32>), OpError> {
        let window = Window::pointwise();
        let problem = micro::Problem { window: &window, input: [1, rows], output: [1, rows], group: 1, depth, filters, pool: None };
        let choice = micro::choose(&problem, profile)?;
        let packed = pack(weights, bias, [filters, depth, 1, 1], 1, choice.micro.channels);
        Ok((Conv2d { window, group: 1, activation: Activation::Identity, pool: None, choice }, packed))
    }
}

impl Kernel for Conv2d {
    fn places(&self) -> Places {
        let window = &self.window;
        let rows = match self.pool {
            Some(_) => Rows { stride: 2, pad: 0, reach: 2 },
            None => Rows { stride: window.strides[0], pad: window.pads[0], reach: window.reach(0) },
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
        let conv = conv.activation(*activation).pool(*pool);
        let conv = conv.general(gains || conv.needs_general());
        Ok(Work::Kernel(Box::new(BoundConv2d { conv, micro: *micro })))
    }
}

struct Maps {
    input: Pixels,
    output: Pixels,
    rest: Option<Pixels>,
    residual: Option<Pixels>,
}

impl Maps {
    /// All pixels in one row, where a 1x1 convolution sees rows that follow each other without a gap.
    fn flattened(self) -> Self {
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
