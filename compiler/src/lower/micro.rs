//! Which micro-kernel a convolution gets: the unit that makes its sums, its register tile, and how much of the output one pass over
//! the weights computes.

use peleec_runtime::{Activation, Conv2d, Pixels, Plain};

use crate::ops::window::Window;
use crate::target::{NumericClass, Profile, Target};

/// What makes a convolution's sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Unit {
    /// Each product is rounded.
    Plain,
    /// Fused multiply-add.
    Fused,
    /// As `Plain`, by the scalar floating-point unit of a Cortex-M.
    VfpPlain,
    /// As `Fused`, by the scalar floating-point unit of a Cortex-M.
    VfpFused,
    /// As `Fused`, by the vector unit of a Cortex-M55.
    Mve,
}

/// The const parameters of the runtime's convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct MicroKernel {
    pub(crate) unit: Unit,
    /// Pixels that the inner loop keeps in registers.
    pub(crate) pixels: usize,
    /// Output channels that it keeps of each; the weights are packed in blocks of as many.
    pub(crate) channels: usize,
}

/// What a convolution computes, apart from where its operands lie.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Problem<'a> {
    pub(crate) window: &'a Window,
    /// Height and width.
    pub(crate) input: [usize; 2],
    pub(crate) output: [usize; 2],
    pub(crate) group: usize,
    /// Input and output channels of a group.
    pub(crate) depth: usize,
    pub(crate) filters: usize,
}

/// A micro-kernel with the pixels of one pass over the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) micro: MicroKernel,
    pub(crate) span: usize,
}

/// The unit of a profile's sums.
pub(crate) fn unit(profile: Profile) -> Unit {
    let scalar = matches!(profile.target, Target::CortexM4F | Target::CortexM7 | Target::CortexM33);
    match (profile.numeric, scalar) {
        (NumericClass::Plain, false) => Unit::Plain,
        (NumericClass::Fused, false) if profile.target == Target::CortexM55 => Unit::Mve,
        (NumericClass::Fused, false) => Unit::Fused,
        (NumericClass::Plain, true) => Unit::VfpPlain,
        (NumericClass::Fused, true) => Unit::VfpFused,
    }
}

/// The micro-kernels of a machine, pixels by channels. The first is the one for maps of any size.
fn tiles(profile: Profile) -> &'static [(usize, usize)] {
    match (profile.target, profile.numeric) {
        (Target::Generic, _) => &[(4, 8)],
        (Target::X86_64V4, _) => &[(12, 16), (12, 32), (9, 32), (6, 64), (5, 64), (1, 64)],
        (Target::X86_64V3, NumericClass::Fused) => &[(6, 16), (1, 32)],
        (Target::X86_64V3, NumericClass::Plain) => &[(5, 16), (1, 32)],
        (Target::Aarch64, NumericClass::Fused) => &[(6, 16), (4, 16), (5, 16), (1, 32)],
        (Target::Aarch64, NumericClass::Plain) => &[(4, 16), (5, 16), (1, 32)],
        (Target::CortexM0Plus | Target::CortexM3, _) => &[(2, 4)],
        (Target::CortexM4F | Target::CortexM7 | Target::CortexM33, _) => &[(4, 4)],
        (Target::CortexM55, NumericClass::Fused) => &[(3, 8)],
        (Target::CortexM55, NumericClass::Plain) => &[(2, 8)],
    }
}

/// Lanes of the machine's vectors.
fn lanes(target: Target) -> usize {
    match target {
        Target::X86_64V4 => 16,
        Target::X86_64V3 => 8,
        Target::Generic | Target::Aarch64 | Target::CortexM55 => 4,
        Target::CortexM0Plus | Target::CortexM3 | Target::CortexM4F | Target::CortexM7 | Target::CortexM33 => 1,
    }
}

/// The bytes of input that one pass over the weights should find in a near cache; none where a machine has no cache to speak of.
fn near_cache(target: Target) -> Option<usize> {
    match target {
        Target::Generic | Target::X86_64V3 | Target::X86_64V4 | Target::Aarch64 => Some(128 << 10),
        _ => None,
    }
}

/// The micro-kernel that takes the fewest vector instructions, and its span.
pub(crate) fn choose(problem: &Problem<'_>, profile: Profile) -> Choice {
    let unit = unit(profile);
    let candidates = tiles(profile).iter().map(|&(pixels, channels)| MicroKernel { unit, pixels, channels });
    let choices = candidates.map(|micro| Choice { micro, span: problem.span(micro, profile.target) });
    let best = choices.min_by_key(|choice| problem.cost(choice, lanes(profile.target)));
    best.unwrap_or(Choice { micro: MicroKernel { unit, pixels: 1, channels: 1 }, span: 1 })
}

impl Problem<'_> {
    fn pixels(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// All pixels where the weights outweigh the input, which then stays in the cache. Elsewhere as many as keep their input there, and
    /// rows enough to fill tiles along border columns.
    fn span(&self, micro: MicroKernel, target: Target) -> usize {
        let taps: usize = self.window.kernel.iter().product();
        let weights = taps * self.depth * self.filters;
        let input = self.input[0] * self.input[1] * self.depth;
        let least = if self.window.is_pointwise() { micro.pixels } else { micro.pixels * self.output[1] };
        let cached = near_cache(target).map_or(0, |bytes| bytes / 4 / (self.depth * self.window.strides.iter().product::<usize>()).max(1));
        if weights > input { self.pixels() } else { cached.next_multiple_of(micro.pixels).max(least).min(self.pixels()) }
    }

    /// Vector instructions of the whole convolution, nearly: of each channel of each tap, and what a tile costs beside.
    fn cost(&self, choice: &Choice, lanes: usize) -> u64 {
        let MicroKernel { pixels, channels, .. } = choice.micro;
        let [tiles, taps] = self.geometry(choice).tiles(pixels);
        let vectors = channels.div_ceil(lanes);
        let step = (pixels * vectors + vectors) as u64;
        let tap = pixels as u64;
        let tile = (20 + 4 * pixels * vectors + 2 * pixels) as u64;
        let blocks = self.filters.div_ceil(channels) as u64 * self.group as u64;
        blocks * (taps * (self.depth as u64 * step + tap) + tiles * tile)
    }

    /// The convolution over maps that lie alone.
    fn geometry(&self, choice: &Choice) -> Conv2d<Plain, 1, 1> {
        let [kernel, strides, dilations] = [self.window.kernel, self.window.strides, self.window.dilations].map(super::bind::words);
        let flat = self.window.is_pointwise();
        let map = |[height, width]: [usize; 2]| {
            let [height, width] = super::bind::words(if flat { [1, height * width] } else { [height, width] });
            Pixels { height, width, channels: 1, row: width, pixel: 1, channel: 1 }
        };
        let (input, output) = (map(self.input), map(self.output));
        Conv2d {
            input,
            output,
            residual: None,
            kernel,
            strides,
            dilations,
            pads: super::bind::words([self.window.pads[0], self.window.pads[1]]),
            group: 1,
            depth: 1,
            filters: 1,
            band: band(choice.span, &output),
            activation: Activation::Identity,
            arithmetic: Plain,
        }
    }
}

/// A span of pixels as rows and columns of a map.
pub(super) fn band(span: usize, map: &Pixels) -> [u32; 2] {
    let span = u32::try_from(span).unwrap_or(u32::MAX).max(1);
    if map.height == 1 { [1, span.min(map.width)] } else { [(span / map.width.max(1)).clamp(1, map.height), map.width] }
}
