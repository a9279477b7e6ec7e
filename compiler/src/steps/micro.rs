//! Which micro-kernel a convolution gets: the unit that makes its sums, its register tile, and how much of the output one pass over
//! the weights computes.

use peleec_runtime::{Conv2d, Pixels, Plain, PoolKind};

use super::words::words;
use crate::diagnostics::OpError;
use crate::target::{NumericClass, Profile, Target};
use crate::tensor::window::Window;

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

impl Unit {
    /// Whether product and sum are rounded once.
    pub(crate) fn is_fused(self) -> bool {
        match self {
            Unit::Plain | Unit::VfpPlain => false,
            Unit::Fused | Unit::VfpFused | Unit::Mve => true,
        }
    }

    /// The runtime's type.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Unit::Plain => "peleec_runtime::Plain",
            Unit::Fused => "peleec_runtime::Fused",
            Unit::Mve => "peleec_runtime::Mve",
            Unit::VfpPlain => "peleec_runtime::Vfp<peleec_runtime::Plain>",
            Unit::VfpFused => "peleec_runtime::Vfp<peleec_runtime::Fused>",
        }
    }
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
    /// What the output is pooled by; its size is then that of the pooled map.
    pub(crate) pool: Option<PoolKind>,
}

/// A micro-kernel with the pixels of one pass over the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) micro: MicroKernel,
    pub(crate) span: usize,
    /// Of the whole map, as the tiles' figures have it.
    pub(crate) cost: u64,
}

/// What a row of a map takes under one block of channels beyond its part of the whole map, in hundredths of an instruction: for borders,
/// for tiles that are not full, and for the call. Counted on the networks of `models`, where it is much the same for all; none where it was
/// not.
pub(crate) fn row_cost(target: Target) -> Option<u64> {
    match target {
        Target::CortexM4F | Target::CortexM7 | Target::CortexM33 => Some(108_000),
        Target::CortexM55 => Some(160_000),
        Target::Aarch64 | Target::Aarch64Dotprod => Some(213_000),
        Target::Generic | Target::X86_64V3 | Target::X86_64V4 | Target::X86_64V4Vnni | Target::CortexM0Plus | Target::CortexM3 => None,
    }
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

/// Pixels and channels of a register tile, and what one input channel of one tap takes, in hundredths of an instruction or, on x86-64, of a
/// cycle.
type Tile = (usize, usize, u64);

/// The tiles of a machine. The figures are read from the machine code of the inner loops, on x86-64-v4 from layers that were timed; those
/// of x86-64-v3 are estimates in proportion, and where there is one tile to choose the figure does not matter.
fn tiles(profile: Profile) -> &'static [Tile] {
    match (profile.target, profile.numeric) {
        (Target::Generic, _) => &[(4, 8, 1700)],
        (Target::X86_64V4 | Target::X86_64V4Vnni, _) => {
            &[(12, 16, 1300), (12, 32, 2560), (9, 32, 1920), (6, 64, 2480), (5, 64, 2070), (1, 64, 800)]
        }
        (Target::X86_64V3, NumericClass::Fused) => &[(6, 16, 1300), (4, 24, 1300), (1, 32, 800)],
        (Target::X86_64V3, NumericClass::Plain) => &[(5, 16, 1300), (4, 16, 1050), (1, 32, 800)],
        (Target::Aarch64 | Target::Aarch64Dotprod, NumericClass::Fused) => {
            &[(5, 16, 2450), (4, 16, 2025), (8, 8, 2025), (12, 4, 1650), (1, 32, 1750)]
        }
        (Target::Aarch64 | Target::Aarch64Dotprod, NumericClass::Plain) => &[(4, 16, 4150), (8, 8, 4150), (12, 4, 3100), (1, 32, 2600)],
        (Target::CortexM0Plus | Target::CortexM3, _) => &[(2, 4, 80_000)],
        (Target::CortexM4F | Target::CortexM7 | Target::CortexM33, _) => &[(4, 4, 1900), (1, 16, 2000)],
        (Target::CortexM55, NumericClass::Fused) => &[(3, 8, 975)],
        (Target::CortexM55, NumericClass::Plain) => &[(2, 8, 3300)],
    }
}

/// The bytes of input that one pass over the weights should find in a near cache; none where a machine has no cache to speak of.
fn near_cache(target: Target) -> Option<usize> {
    match target {
        Target::Generic | Target::X86_64V3 | Target::X86_64V4 | Target::X86_64V4Vnni | Target::Aarch64 | Target::Aarch64Dotprod => {
            Some(128 << 10)
        }
        _ => None,
    }
}

/// Whether a tile of `pixels` pixels is made of whole windows of a pool.
fn holds_windows(pixels: usize) -> bool {
    pixels.is_multiple_of(4)
}

/// Whether a convolution can have a pool.
pub(crate) fn can_pool(profile: Profile) -> bool {
    tiles(profile).iter().any(|&(pixels, ..)| holds_windows(pixels))
}

/// The micro-kernel of least cost, and its span; an error where none of the target serves.
pub(crate) fn choose(problem: &Problem<'_>, profile: Profile) -> Result<Choice, OpError> {
    choices(problem, profile).min_by_key(|choice| choice.cost).ok_or_else(|| no_tile(profile))
}

/// Every micro-kernel that serves, with its span.
pub(crate) fn choices(problem: &Problem<'_>, profile: Profile) -> impl Iterator<Item = Choice> {
    let unit = unit(profile);
    let serve = tiles(profile).iter().filter(move |&&(pixels, ..)| problem.pool.is_none() || holds_windows(pixels));
    serve.map(move |&(pixels, channels, step)| {
        let micro = MicroKernel { unit, pixels, channels };
        let choice = Choice { micro, span: problem.span(micro, profile.target), cost: 0 };
        Choice { cost: problem.cost(&choice, step), ..choice }
    })
}

/// What is said where no micro-kernel serves.
pub(crate) fn no_tile(profile: Profile) -> OpError {
    OpError::new(format!("has no register tile on {}", profile.target))
}

impl Problem<'_> {
    fn pixels(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// All pixels where there is no cache, or the weights outweigh the input, which then stays in it. Elsewhere as many as keep their input
    /// there, and rows enough to fill tiles along border columns, or with the windows of a pool.
    fn span(&self, micro: MicroKernel, target: Target) -> usize {
        let taps: usize = self.window.kernel.iter().product();
        // Of the input's pixels those that one of the output takes, and of the output's those that a tile gives.
        let (stride, tile) = match self.pool {
            Some(_) => (4, micro.pixels / 4),
            None => (self.window.strides.iter().product(), micro.pixels),
        };
        let weights = taps * self.depth * self.filters;
        let input = self.input[0] * self.input[1] * self.depth;
        let Some(cache) = near_cache(target).filter(|_| weights <= input) else { return self.pixels() };
        let least = if self.window.is_pointwise() && self.pool.is_none() { tile } else { tile * self.output[1] };
        let cached = cache / 4 / (self.depth * stride).max(1);
        cached.next_multiple_of(tile).max(least).min(self.pixels())
    }

    /// The whole convolution's cost, nearly: of each channel of each tap by `step`, of the tap's addresses, and of what a tile's start, its
    /// epilogue and its stores take.
    fn cost(&self, choice: &Choice, step: u64) -> u64 {
        let MicroKernel { pixels, channels, .. } = choice.micro;
        let [tiles, taps] = self.geometry(choice).tiles(pixels);
        let tap = 500 + 200 * pixels as u64;
        let tile = 12_000 + 400 * pixels as u64 + step;
        let blocks = self.filters.div_ceil(channels) as u64 * self.group as u64;
        blocks * (taps * (self.depth as u64 * step + tap) + tiles * tile)
    }

    /// The convolution over maps that lie alone.
    fn geometry(&self, choice: &Choice) -> Conv2d<Plain, 1, 1> {
        let flat = self.window.is_pointwise() && self.pool.is_none();
        let map = |[height, width]: [usize; 2], channels: usize| {
            Pixels::new(words(if flat { [1, height * width, channels] } else { [height, width, channels] }))
        };
        let output = map(self.output, 1);
        let conv = Conv2d::new(map(self.input, self.depth), output).kernel(words(self.window.kernel)).strides(words(self.window.strides));
        let conv = conv.dilations(words(self.window.dilations)).pads(words([self.window.pads[0], self.window.pads[1]]));
        conv.band(band(choice.span, &output)).pool(self.pool)
    }
}

/// A span of pixels as rows and columns of a map; the most there are where that is all of it.
pub(super) fn band(span: usize, map: &Pixels) -> [u32; 2] {
    let span = u32::try_from(span).unwrap_or(u32::MAX).max(1);
    if u64::from(span) >= u64::from(map.height) * u64::from(map.width) {
        return [u32::MAX; 2];
    }
    if map.height == 1 { [1, span.min(map.width)] } else { [(span / map.width.max(1)).clamp(1, map.height), map.width] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_fits_its_map() {
        let window = Window::pointwise();
        let profile = Profile { target: Target::X86_64V4, numeric: NumericClass::Fused };
        let tile = |pixels: usize, filters: usize| {
            let problem = Problem { window: &window, input: [1, pixels], output: [1, pixels], group: 1, depth: 256, filters, pool: None };
            let MicroKernel { pixels, channels, .. } = choose(&problem, profile).expect("there are tiles").micro;
            (pixels, channels)
        };
        assert_eq!([tile(1, 1000), tile(5776, 16), tile(25, 256)], [(1, 64), (12, 16), (5, 64)]);
    }

    /// Every machine has tiles for every class that it has, and the least of them all is taken.
    #[test]
    fn the_least_of_all_tiles_is_taken() {
        let windows = [Window::pointwise(), Window { kernel: [3, 3], pads: [1; 4], strides: [2, 2], ..Window::pointwise() }];
        for profile in Target::ALL.iter().flat_map(|&target| target.classes().iter().map(move |&numeric| Profile { target, numeric })) {
            assert_eq!(unit(profile).is_fused(), profile.numeric == NumericClass::Fused, "{profile:?}");
            for (window, pool) in windows.iter().flat_map(|window| [None, Some(PoolKind::Max)].map(|pool| (window, pool))) {
                for (side, depth, filters, group) in [(1_usize, 512, 1000, 1), (7, 3, 5, 2), (150, 64, 32, 1)] {
                    // A pool halves the map.
                    let out = side.div_ceil(window.strides[0]) / if pool.is_some() { 2 } else { 1 };
                    if out == 0 {
                        continue;
                    }
                    let problem = Problem { window, input: [side; 2], output: [out; 2], group, depth, filters, pool };
                    let all: Vec<Choice> = choices(&problem, profile).collect();
                    assert_eq!(all.is_empty(), pool.is_some() && !can_pool(profile), "{profile:?}");
                    let Ok(least) = choose(&problem, profile) else {
                        assert!(all.is_empty());
                        continue;
                    };
                    assert!(all.iter().all(|choice| choice.cost >= least.cost) && all.contains(&least), "{problem:?} {profile:?}");
                    for Choice { micro, span, cost } in all {
                        assert!(pool.is_none() || micro.pixels.is_multiple_of(4));
                        assert!((1..=out * out).contains(&span), "{span} of {problem:?} on {profile:?}");
                        // At least what the multiplications of all tiles take, were these all full.
                        let least = tiles(profile).iter().find(|tile| (tile.0, tile.1) == (micro.pixels, micro.channels)).unwrap().2;
                        let blocks = (filters.div_ceil(micro.channels) * group) as u64;
                        let inner = if window.is_pointwise() || side == 1 { 1 } else { 4 };
                        assert!(cost >= blocks * inner * depth as u64 * least, "{problem:?} {profile:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_band_has_no_more_pixels_than_its_span_but_a_row() {
        for (height, width) in [(1, 1), (1, 9), (5, 1), (4, 7), (9, 3)] {
            let map = Pixels::new([height, width, 2]);
            for span in 0..=80_usize {
                let [rows, columns] = band(span, &map);
                if span.max(1) >= (height * width) as usize {
                    assert_eq!([rows, columns], [u32::MAX; 2]);
                    continue;
                }
                assert!((1..=height).contains(&rows) && (1..=width).contains(&columns), "{span} of {height}x{width}");
                // One row more, or a column, would be too many.
                let next = if height == 1 { columns + 1 } else { (rows + 1) * width };
                assert!((rows * columns) as usize <= span.max(if height == 1 { 1 } else { width as usize }), "{span} of {height}x{width}");
                assert!(next as usize > span, "{span} of {height}x{width} is {rows}x{columns}");
            }
        }
    }
}
