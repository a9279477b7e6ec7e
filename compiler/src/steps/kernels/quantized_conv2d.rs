//! `QuantizedConv2d`: convolution of integers of 8 bits.

use std::borrow::Cow;
use std::fmt::Debug;

use peleec_runtime::{
    ByteArithmetic, ByteElement, Dsp, Expression, Extent, Filters, Mve, Operands, Pairs, Quads, RegionError, Requantize, RowWindow, Single,
    Thumb, Thumb2, WeightOrder,
};

use super::bound::{Plainly, of_byte};
use super::conv2d::Maps;
use super::{Bound, Cost, Kernel, Places, QuantizedSum, Views, Work, rows_of};
use crate::diagnostics::OpError;
use crate::plan::problem::Rows;
use crate::steps::views::View;
use crate::steps::words::words;
use crate::target::Target;
use crate::tensor::DType;
use crate::tensor::window::Window;

/// A convolution of `group` groups.
#[derive(Clone, Debug)]
pub(crate) struct QuantizedConv2d {
    pub(crate) window: Window,
    pub(crate) group: usize,
    pub(crate) input_zero: i32,
    pub(crate) requantize: Requantize,
    /// The limits of what is averaged over 2x2 windows with a stride of 2.
    pub(crate) pool: Option<[i32; 2]>,
    /// What makes bytes of the results and of those of a second input.
    pub(crate) sum: Option<QuantizedSum>,
    pub(crate) tile: Tile,
}

/// The unit that makes sums, and how many pixels and output channels it keeps in registers; weights are packed in blocks of as many
/// channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tile {
    /// For a Cortex-M0+, which computes in eight registers.
    Thumb,
    /// For cores without vectors.
    TwoByTwo,
    /// For the thirteen registers of a Cortex-M3.
    ThreeByEight,
    /// For vectors of any machine.
    FourByEight,
    /// For groups of fewer filters than a block.
    TwoByOne,
    /// For NEON, with few filters, but not for weights of -128.
    FiltersByEight,
    /// For NEON, but not for weights of -128.
    FiltersBySixteen,
    /// For AVX2, with few filters.
    PairsFourByEight,
    /// For AVX2.
    PairsSixBySixteen,
    /// For AVX-512.
    PairsEightBySixteen,
    /// For AVX-512 VNNI, with few filters.
    QuadsTwelveBySixteen,
    /// For AVX-512 VNNI.
    QuadsTwelveByThirtyTwo,
    /// For NEON's dot product.
    QuadsFourBySixteen,
    /// For the DSP extension of Cortex-M4, M7 and M33, with few filters.
    DspByEight,
    /// For the DSP extension.
    DspBySixteen,
    /// For the DSP extension, with many filters.
    DspByThirtyTwo,
    /// For the vector unit of a Cortex-M55, with few filters.
    MveByEight,
    /// For the vector unit of a Cortex-M55.
    MveBySixteen,
    /// For the vector unit of a Cortex-M55, with many filters.
    MveByThirtyTwo,
}

impl Tile {
    /// That of a target for groups of so many filters with these weights, over elements of this type, with a pool behind or without.
    pub(crate) fn of(target: Target, filters: usize, weights: &[i8], input: DType, is_pooled: bool) -> Self {
        match target {
            _ if filters < 2 => Tile::TwoByOne,
            Target::CortexM0Plus if input == DType::I8 => Tile::Thumb,
            Target::CortexM3 if input == DType::I8 && filters >= 4 => Tile::ThreeByEight,
            Target::CortexM0Plus | Target::CortexM3 => Tile::TwoByTwo,
            _ if filters < 4 => Tile::TwoByOne,
            Target::CortexM4F | Target::CortexM7 | Target::CortexM33 => match widest(filters, is_pooled) {
                32 => Tile::DspByThirtyTwo,
                16 => Tile::DspBySixteen,
                _ => Tile::DspByEight,
            },
            Target::CortexM55 if input == DType::I8 => match widest(filters, is_pooled) {
                32 => Tile::MveByThirtyTwo,
                16 => Tile::MveBySixteen,
                _ => Tile::MveByEight,
            },
            Target::X86_64V4 if filters >= 16 => Tile::PairsEightBySixteen,
            Target::X86_64V3 if filters >= 16 => Tile::PairsSixBySixteen,
            Target::X86_64V3 | Target::X86_64V4 => Tile::PairsFourByEight,
            Target::X86_64V4Vnni if filters > 16 => Tile::QuadsTwelveByThirtyTwo,
            Target::X86_64V4Vnni => Tile::QuadsTwelveBySixteen,
            Target::Aarch64 if weights.contains(&i8::MIN) => Tile::FourByEight,
            Target::Aarch64 if filters.div_ceil(8).is_multiple_of(2) => Tile::FiltersBySixteen,
            Target::Aarch64 => Tile::FiltersByEight,
            Target::Aarch64Dotprod => Tile::QuadsFourBySixteen,
            Target::Generic | Target::CortexM55 => Tile::FourByEight,
        }
    }

    /// The unit, its tile, and the order of a block's bytes.
    fn block(self) -> Block {
        match self {
            Tile::TwoByOne => Block::of::<Single>("Single", 2, 1),
            Tile::TwoByTwo => Block::of::<Single>("Single", 2, 2),
            Tile::Thumb => Block::of::<Thumb>("Thumb", 2, 2),
            Tile::ThreeByEight => Block::of::<Thumb2>("Thumb2", 3, 8),
            Tile::FourByEight => Block::of::<Single>("Single", 4, 8),
            Tile::FiltersByEight => Block::of::<Filters>("Filters", 4, 8),
            Tile::FiltersBySixteen => Block::of::<Filters>("Filters", 4, 16),
            Tile::PairsFourByEight => Block::of::<Pairs>("Pairs", 4, 8),
            Tile::PairsSixBySixteen => Block::of::<Pairs>("Pairs", 6, 16),
            Tile::PairsEightBySixteen => Block::of::<Pairs>("Pairs", 8, 16),
            Tile::QuadsTwelveBySixteen => Block::of::<Quads>("Quads", 12, 16),
            Tile::QuadsTwelveByThirtyTwo => Block::of::<Quads>("Quads", 12, 32),
            Tile::QuadsFourBySixteen => Block::of::<Quads>("Quads", 4, 16),
            Tile::DspByEight => Block::of::<Dsp>("Dsp", 4, 8),
            Tile::DspBySixteen => Block::of::<Dsp>("Dsp", 4, 16),
            Tile::DspByThirtyTwo => Block::of::<Dsp>("Dsp", 4, 32),
            Tile::MveByEight => Block::of::<Mve>("Mve", 3, 8),
            Tile::MveBySixteen => Block::of::<Mve>("Mve", 3, 16),
            Tile::MveByThirtyTwo => Block::of::<Mve>("Mve", 3, 32),
        }
    }
}

/// What a tile is to the runtime, and how a block of weights lies.
struct Block {
    /// The unit's name there.
    unit: &'static str,
    pixels: usize,
    /// Output channels.
    filters: usize,
    order: WeightOrder,
}

impl Block {
    const fn of<U: ByteArithmetic>(unit: &'static str, pixels: usize, filters: usize) -> Self {
        Block { unit, pixels, filters, order: <U as ByteArithmetic>::ORDER }
    }

    /// Packed weights of groups of filters with so many values: by group and by blocks of filters, each block its biases, its multipliers,
    /// which are the filter's `head`, and its bytes.
    fn packed(
        &self,
        [groups, filters]: [usize; 2],
        values: usize,
        head: impl Fn(usize) -> [i32; 2],
        byte: impl Fn(usize, usize) -> u8,
    ) -> Vec<i32> {
        let (n, len) = (self.filters, self.order.filter(words_of(values)) as usize);
        let mut packed = Vec::new();
        for group in 0..groups {
            for first in (0..filters).step_by(n) {
                let filter = |lane: usize| (first + lane < filters).then_some(group * filters + first + lane);
                for part in 0..2 {
                    packed.extend((0..n).map(|lane| filter(lane).map_or(0, |m| head(m)[part])));
                }
                let mut bytes = vec![0; (n * len).next_multiple_of(4)];
                for (lane, m) in (0..n).filter_map(|lane| Some((lane, filter(lane)?))) {
                    for at in 0..values {
                        bytes[self.order.place(at, lane, n, len)] = byte(m, at);
                    }
                }
                packed.extend(bytes.as_chunks().0.iter().map(|&word| i32::from_le_bytes(word)));
            }
        }
        packed
    }
}

fn words_of(values: usize) -> u32 {
    words([values])[0]
}

/// The widest of the blocks of 8, 16 and 32 filters by which so many take no more of the flash than by eights. A pool keeps the sums of four
/// tiles on the stack, where those of 32 filters are many.
fn widest(filters: usize, is_pooled: bool) -> usize {
    match filters.div_ceil(8) {
        eights if eights.is_multiple_of(4) && !is_pooled => 32,
        eights if eights.is_multiple_of(2) => 16,
        _ => 8,
    }
}

/// What a convolution is packed from.
pub(crate) struct Parts<'a> {
    /// `[filters, depth, kernel height, kernel width]`.
    pub(crate) weights: &'a [i8],
    pub(crate) bias: &'a [i32],
    pub(crate) multipliers: &'a [i32],
    pub(crate) depth: usize,
}

impl QuantizedConv2d {
    /// Packs weights, with what padding and zeros of the input stand for taken off the biases: by group and by blocks of filters, each block
    /// its biases, its multipliers and then the filters' bytes in the unit's order, four a value; what a block has beyond the group's filters
    /// is zero.
    pub(crate) fn pack(&self, Parts { weights, bias, multipliers, depth }: &Parts<'_>) -> Vec<i32> {
        let filters = bias.len();
        let values = weights.len().checked_div(filters).unwrap_or(0);
        let taps = values.checked_div(*depth).unwrap_or(0);
        let sum = |of: &[i8]| of.iter().map(|&w| i32::from(w)).fold(0, i32::wrapping_add);
        let head = |m: usize| [bias[m].wrapping_sub(self.input_zero.wrapping_mul(sum(&weights[m * values..][..values]))), multipliers[m]];
        let byte = |m: usize, at: usize| weights[m * values + at % depth * taps + at / depth].cast_unsigned();
        self.tile.block().packed([self.group, filters / self.group], values, head, byte)
    }

    fn bound<F: ByteElement, T: ByteElement>(&self, views: &Views<'_>) -> Work {
        if let Some(sum) = &self.sum {
            return self.bound_to_sum::<F, T>(sum, views);
        }
        let (window, input, output) = (&self.window, &views.inputs[0], views.output);
        let rest = views.inputs.get(1).map(View::pixels);
        let maps = Maps { input: input.pixels(), output: output.pixels(), rest, residual: None };
        let maps = if window.is_pointwise() && self.pool.is_none() && !views.by_rows { maps.flattened() } else { maps };
        let conv = peleec_runtime::QuantizedConv2d::<F, T, Single, 4, HERE>::new(maps.input, maps.output);
        let conv = conv.kernel(words(window.kernel)).strides(words(window.strides)).dilations(words(window.dilations));
        let conv = conv.pads(words([window.pads[0], window.pads[1]])).group(words([self.group])[0]).rest(maps.rest);
        let conv = conv.input_zero(self.input_zero).requantize(self.requantize);
        let geometry = self.pool.map_or(conv, |limits| conv.averaged(limits));
        let name = if self.pool.is_some() { "quantized conv2d + pool" } else { "quantized conv2d" };
        let Block { order, filters, .. } = self.tile.block();
        self.tiled(geometry, geometry.weights(order, words_of(filters)), name, "QuantizedConv2d", views)
    }

    fn bound_to_sum<F: ByteElement, T: ByteElement>(&self, sum: &QuantizedSum, views: &Views<'_>) -> Work {
        let (window, [input, second], output) = (&self.window, [&views.inputs[0], &views.inputs[1]], views.output);
        let maps = Maps { input: input.pixels(), output: output.pixels(), rest: None, residual: Some(second.pixels()) };
        let maps = if window.is_pointwise() && !views.by_rows { maps.flattened() } else { maps };
        let residual = maps.residual.unwrap_or(maps.output);
        let conv = peleec_runtime::QuantizedConv2dSum::<F, T, Single, 4, HERE>::new(maps.input, residual, maps.output);
        let conv = conv.kernel(words(window.kernel)).strides(words(window.strides)).dilations(words(window.dilations));
        let conv = conv.pads(words([window.pads[0], window.pads[1]])).group(words([self.group])[0]);
        let conv = conv.input_zero(self.input_zero).requantize(self.requantize);
        let ([low, high], factors) = (sum.limits(), sum.factors);
        let geometry = conv.factors(factors).offset(sum.offset).shift(sum.shift).low(low).high(high);
        let Block { order, filters, .. } = self.tile.block();
        let weights = geometry.weights(order, words_of(filters));
        self.tiled(geometry, weights, "quantized conv2d + sum", "QuantizedConv2dSum", views)
    }

    fn tiled<G>(&self, geometry: G, weights: Option<usize>, name: &'static str, kernel: &str, views: &Views<'_>) -> Work
    where
        G: peleec_runtime::Kernel + Expression + Debug + Send + Sync + 'static,
    {
        let (inputs, output) = (&views.inputs, views.output);
        // The second input of a sum is none of the convolution's.
        let maps = if self.sum.is_some() { &inputs[..1] } else { inputs };
        let depth = maps.iter().map(|map| map.pixels().channels as usize).sum::<usize>() / self.group;
        let filters = [self.group, output.pixels().channels as usize / self.group];
        let Block { unit, pixels, filters: n, .. } = self.tile.block();
        let kind = format!("{kernel}<{}, {}, peleec_runtime::{unit}, {pixels}, {n}>", inputs[0].dtype.element(), output.dtype.element());
        let values = self.window.kernel.iter().product::<usize>() * depth;
        Work::Kernel(Box::new(Tiled { plain: Plainly { geometry, name, kind: kind.into() }, tile: self.tile, weights, filters, values }))
    }
}

/// A geometry whose weights are packed for the target's tile, which here runs by the one of [`HERE`] filters: tiles change no bit.
#[derive(Debug)]
struct Tiled<G> {
    plain: Plainly<G>,
    tile: Tile,
    /// The length of the packed weights, where the geometry has one.
    weights: Option<usize>,
    /// Groups, and filters of each.
    filters: [usize; 2],
    /// Weights of a filter.
    values: usize,
}

/// Filters of a tile's block in this process.
const HERE: usize = 8;

impl<G: peleec_runtime::Kernel + Expression + Debug + Send + Sync> Bound for Tiled<G> {
    fn name(&self) -> String {
        self.plain.name()
    }

    fn kind(&self) -> String {
        self.plain.kind()
    }

    fn value(&self) -> String {
        self.plain.value()
    }

    fn extent(&self) -> Option<Extent> {
        Some(Extent { w: self.weights?, ..self.plain.extent()? })
    }

    fn weights(&self) -> DType {
        self.plain.weights()
    }

    fn row_window(&self) -> Option<RowWindow> {
        self.plain.row_window()
    }

    fn run(&self, row: Option<usize>, operands: Operands<'_>) -> Result<(), RegionError> {
        self.plain.run(row, operands)
    }

    fn weights_here<'a>(&self, packed: &'a [u8]) -> Cow<'a, [u8]> {
        let (block, here) = (self.tile.block(), Tile::FourByEight.block());
        if (block.filters, block.order) == (here.filters, here.order) {
            return Cow::Borrowed(packed);
        }
        let words: Vec<i32> = packed.as_chunks().0.iter().map(|&word| i32::from_ne_bytes(word)).collect();
        let (n, len) = (block.filters, block.order.filter(words_of(self.values)) as usize);
        let [_, per_group] = self.filters;
        let size = 2 * n + (n * len).div_ceil(4);
        let place = |m: usize| ((m / per_group * per_group.div_ceil(n) + m % per_group / n) * size, m % per_group % n);
        let word = |at: usize| words.get(at).copied().unwrap_or(0);
        let head = |m: usize| {
            let (begin, lane) = place(m);
            [word(begin + lane), word(begin + n + lane)]
        };
        let byte = |m: usize, at: usize| {
            let (begin, lane) = place(m);
            let at = block.order.place(at, lane, n, len);
            word(begin + 2 * n + at / 4).to_le_bytes()[at % 4]
        };
        Cow::Owned(bytemuck::cast_slice(&here.packed(self.filters, self.values, head, byte)).to_vec())
    }
}

impl Kernel for QuantizedConv2d {
    fn places(&self) -> Places {
        let rows = match self.pool {
            Some(_) => Rows { stride: 2, divisor: 1, pad: 0, reach: 2 },
            None => rows_of(&self.window),
        };
        Places { interleaves: true, splits: self.group == 1 && self.window.is_pointwise(), in_place: false, rows: Some(rows) }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        of_byte!(views.inputs[0].dtype, F => of_byte!(views.output.dtype, T => Ok(self.bound::<F, T>(views))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_a_block_stand_side_by_side() {
        let weights: Vec<i8> = (1..=12).collect();
        let window = Window { kernel: [1, 2], ..Window::pointwise() };
        let conv = QuantizedConv2d {
            window,
            group: 1,
            input_zero: 2,
            requantize: Requantize::DEFAULT,
            pool: None,
            sum: None,
            tile: Tile::TwoByTwo,
        };
        let (bias, multipliers) = ([10, 20, 30], [1, 2, 3]);
        let packed = conv.pack(&Parts { weights: &weights, bias: &bias, multipliers: &multipliers, depth: 2 });
        // The filters are 1 2 3 4, 5 6 7 8 and 9 10 11 12; the first tap has the first of each pair.
        assert_eq!(packed[..4], [10 - 2 * 10, 20 - 2 * 26, 1, 2]);
        let bytes: Vec<u8> = packed[4..6].iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(bytes, [1, 5, 3, 7, 2, 6, 4, 8]);
        assert_eq!((&packed[6..10], packed.len()), (&[30 - 2 * 42, 0, 3, 0][..], 12));
    }

    #[test]
    fn groups_have_blocks_of_their_own() {
        let conv = QuantizedConv2d {
            window: Window::pointwise(),
            group: 2,
            input_zero: 0,
            requantize: Requantize::DEFAULT,
            pool: None,
            sum: None,
            tile: Tile::TwoByOne,
        };
        let packed = conv.pack(&Parts { weights: &[1, 2, 3, 4], bias: &[10, 20], multipliers: &[5, 6], depth: 2 });
        assert_eq!(packed, [10, 5, 0x0201, 20, 6, 0x0403]);
    }
}
