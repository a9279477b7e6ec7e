//! `QuantizedConv2d`: convolution of integers of 8 bits.

use peleec_runtime::{ByteArithmetic, ByteElement, Dsp, Filters, Mve, Pairs, Quads, Requantize, Single, Thumb, Thumb2, WeightOrder};

use super::bound::{Plainly, of_byte};
use super::conv2d::Maps;
use super::{Cost, Kernel, Places, QuantizedSum, Views, Work, rows_of};
use crate::diagnostics::OpError;
use crate::ir::DType;
use crate::ir::window::Window;
use crate::lower::views::View;
use crate::lower::words::words;
use crate::plan::problem::Rows;
use crate::target::Target;

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

    /// Output channels, and the order of their bytes.
    fn block(self) -> (usize, WeightOrder) {
        match self {
            Tile::TwoByOne => (1, <Single as ByteArithmetic>::ORDER),
            Tile::TwoByTwo => (2, <Single as ByteArithmetic>::ORDER),
            Tile::Thumb => (2, <Thumb as ByteArithmetic>::ORDER),
            Tile::ThreeByEight => (8, <Thumb2 as ByteArithmetic>::ORDER),
            Tile::FourByEight => (8, <Single as ByteArithmetic>::ORDER),
            Tile::FiltersByEight => (8, <Filters as ByteArithmetic>::ORDER),
            Tile::FiltersBySixteen => (16, <Filters as ByteArithmetic>::ORDER),
            Tile::PairsFourByEight => (8, <Pairs as ByteArithmetic>::ORDER),
            Tile::PairsSixBySixteen | Tile::PairsEightBySixteen => (16, <Pairs as ByteArithmetic>::ORDER),
            Tile::QuadsTwelveBySixteen | Tile::QuadsFourBySixteen => (16, <Quads as ByteArithmetic>::ORDER),
            Tile::QuadsTwelveByThirtyTwo => (32, <Quads as ByteArithmetic>::ORDER),
            Tile::DspByEight => (8, <Dsp as ByteArithmetic>::ORDER),
            Tile::DspBySixteen => (16, <Dsp as ByteArithmetic>::ORDER),
            Tile::DspByThirtyTwo => (32, <Dsp as ByteArithmetic>::ORDER),
            Tile::MveByEight => (8, <Mve as ByteArithmetic>::ORDER),
            Tile::MveBySixteen => (16, <Mve as ByteArithmetic>::ORDER),
            Tile::MveByThirtyTwo => (32, <Mve as ByteArithmetic>::ORDER),
        }
    }
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
        let (filters, (n, order)) = (bias.len(), self.tile.block());
        let per_group = filters / self.group;
        let values = weights.len().checked_div(filters).unwrap_or(0);
        let taps = values.checked_div(*depth).unwrap_or(0);
        let len = order.filter(words([values])[0]) as usize;
        let mut packed = Vec::new();
        for first in (0..filters).step_by(per_group.max(1)) {
            for block in (first..first + per_group).step_by(n) {
                let filter = |lane: usize| Some(block + lane).filter(|&filter| filter < first + per_group);
                let of = |filter: usize| &weights[filter * values..][..values];
                let sum = |filter: usize| of(filter).iter().map(|&w| i32::from(w)).fold(0, i32::wrapping_add);
                let biases = (0..n).map(|lane| filter(lane).map_or(0, |m| bias[m].wrapping_sub(self.input_zero.wrapping_mul(sum(m)))));
                packed.extend(biases);
                packed.extend((0..n).map(|lane| filter(lane).map_or(0, |m| multipliers[m])));
                let mut bytes = vec![0; (n * len).next_multiple_of(4)];
                for (lane, filter) in (0..n).filter_map(|lane| Some((lane, of(filter(lane)?)))) {
                    for (at, &weight) in filter.iter().enumerate() {
                        let (channel, tap) = (at / taps, at % taps);
                        bytes[order.place(tap * depth + channel, lane, n, len)] = weight.cast_unsigned();
                    }
                }
                packed.extend(bytes.as_chunks().0.iter().map(|&word| i32::from_le_bytes(word)));
            }
        }
        packed
    }

    fn bound<F: ByteElement, T: ByteElement, U: ByteArithmetic, const P: usize, const N: usize>(
        &self,
        unit: &str,
        views: &Views<'_>,
    ) -> Work {
        if let Some(sum) = &self.sum {
            return self.bound_to_sum::<F, T, U, P, N>(sum, unit, views);
        }
        let (window, input, output) = (&self.window, &views.inputs[0], views.output);
        let rest = views.inputs.get(1).map(View::pixels);
        let maps = Maps { input: input.pixels(), output: output.pixels(), rest, residual: None };
        let maps = if window.is_pointwise() && self.pool.is_none() && !views.by_rows { maps.flattened() } else { maps };
        let conv = peleec_runtime::QuantizedConv2d::<F, T, U, P, N>::new(maps.input, maps.output);
        let conv = conv.kernel(words(window.kernel)).strides(words(window.strides)).dilations(words(window.dilations));
        let conv = conv.pads(words([window.pads[0], window.pads[1]])).group(words([self.group])[0]).rest(maps.rest);
        let conv = conv.input_zero(self.input_zero).requantize(self.requantize);
        let geometry = self.pool.map_or(conv, |limits| conv.averaged(limits));
        let kind = format!("QuantizedConv2d<{}, {}, peleec_runtime::{unit}, {P}, {N}>", input.dtype.element(), output.dtype.element());
        let name = if self.pool.is_some() { "quantized conv2d + pool" } else { "quantized conv2d" };
        Work::Kernel(Box::new(Plainly { geometry, name, kind: kind.into() }))
    }

    fn bound_to_sum<F: ByteElement, T: ByteElement, U: ByteArithmetic, const P: usize, const N: usize>(
        &self,
        sum: &QuantizedSum,
        unit: &str,
        views: &Views<'_>,
    ) -> Work {
        let (window, [input, second], output) = (&self.window, [&views.inputs[0], &views.inputs[1]], views.output);
        let maps = Maps { input: input.pixels(), output: output.pixels(), rest: None, residual: Some(second.pixels()) };
        let maps = if window.is_pointwise() && !views.by_rows { maps.flattened() } else { maps };
        let residual = maps.residual.unwrap_or(maps.output);
        let conv = peleec_runtime::QuantizedConv2dSum::<F, T, U, P, N>::new(maps.input, residual, maps.output);
        let conv = conv.kernel(words(window.kernel)).strides(words(window.strides)).dilations(words(window.dilations));
        let conv = conv.pads(words([window.pads[0], window.pads[1]])).group(words([self.group])[0]);
        let conv = conv.input_zero(self.input_zero).requantize(self.requantize);
        let ([low, high], factors) = (sum.limits(), sum.factors);
        let geometry = conv.factors(factors).offset(sum.offset).shift(sum.shift).low(low).high(high);
        let kind = format!("QuantizedConv2dSum<{}, {}, peleec_runtime::{unit}, {P}, {N}>", input.dtype.element(), output.dtype.element());
        Work::Kernel(Box::new(Plainly { geometry, name: "quantized conv2d + sum", kind: kind.into() }))
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
        of_byte!(views.inputs[0].dtype, F => of_byte!(views.output.dtype, T => Ok(match self.tile {
            Tile::TwoByTwo => self.bound::<F, T, Single, 2, 2>("Single", views),
            Tile::Thumb => self.bound::<F, T, Thumb, 2, 2>("Thumb", views),
            Tile::ThreeByEight => self.bound::<F, T, Thumb2, 3, 8>("Thumb2", views),
            Tile::FourByEight => self.bound::<F, T, Single, 4, 8>("Single", views),
            Tile::TwoByOne => self.bound::<F, T, Single, 2, 1>("Single", views),
            Tile::FiltersByEight => self.bound::<F, T, Filters, 4, 8>("Filters", views),
            Tile::FiltersBySixteen => self.bound::<F, T, Filters, 4, 16>("Filters", views),
            Tile::PairsFourByEight => self.bound::<F, T, Pairs, 4, 8>("Pairs", views),
            Tile::PairsSixBySixteen => self.bound::<F, T, Pairs, 6, 16>("Pairs", views),
            Tile::PairsEightBySixteen => self.bound::<F, T, Pairs, 8, 16>("Pairs", views),
            Tile::QuadsTwelveBySixteen => self.bound::<F, T, Quads, 12, 16>("Quads", views),
            Tile::QuadsTwelveByThirtyTwo => self.bound::<F, T, Quads, 12, 32>("Quads", views),
            Tile::QuadsFourBySixteen => self.bound::<F, T, Quads, 4, 16>("Quads", views),
            Tile::DspByEight => self.bound::<F, T, Dsp, 4, 8>("Dsp", views),
            Tile::DspBySixteen => self.bound::<F, T, Dsp, 4, 16>("Dsp", views),
            Tile::DspByThirtyTwo => self.bound::<F, T, Dsp, 4, 32>("Dsp", views),
            Tile::MveByEight => self.bound::<F, T, Mve, 3, 8>("Mve", views),
            Tile::MveBySixteen => self.bound::<F, T, Mve, 3, 16>("Mve", views),
            Tile::MveByThirtyTwo => self.bound::<F, T, Mve, 3, 32>("Mve", views),
        })))
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
