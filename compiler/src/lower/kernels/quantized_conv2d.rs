//! `QuantizedConv2d`: convolution of integers of 8 bits.

use peleec_runtime::{Element, Requantize};

use super::bound::{Plainly, of_byte};
use super::{Cost, Kernel, Places, Views, Work, rows_of};
use crate::diagnostics::OpError;
use crate::ir::window::Window;
use crate::lower::views::View;
use crate::lower::words::words;

/// A convolution of `group` groups.
#[derive(Clone, Debug)]
pub(crate) struct QuantizedConv2d {
    pub(crate) window: Window,
    pub(crate) group: usize,
    pub(crate) input_zero: i32,
    pub(crate) requantize: Requantize,
}

impl QuantizedConv2d {
    /// Packs `[M, depth, kH, kW]` weights: the biases, the multipliers, then of each filter its weights as `[kH][kW][depth]`, four a value.
    pub(crate) fn pack(weights: &[i8], bias: &[i32], multipliers: &[i32], depth: usize) -> Vec<i32> {
        let mut packed: Vec<i32> = bias.iter().chain(multipliers).copied().collect();
        let values = weights.len().checked_div(bias.len()).unwrap_or(0);
        let taps = values.checked_div(depth).unwrap_or(0);
        for filter in weights.chunks_exact(values.max(1)) {
            let mut bytes: Vec<u8> = (0..values).map(|at| filter[at % depth * taps + at / depth].cast_unsigned()).collect();
            bytes.resize(values.next_multiple_of(4), 0);
            packed.extend(bytes.as_chunks().0.iter().map(|&word| i32::from_le_bytes(word)));
        }
        packed
    }

    fn bound<F: Element, T: Element>(&self, input: &View, output: &View) -> Work {
        let window = &self.window;
        let conv = peleec_runtime::QuantizedConv2d::<F, T>::new(input.pixels(), output.pixels());
        let conv = conv.kernel(words(window.kernel)).strides(words(window.strides)).dilations(words(window.dilations));
        let conv = conv.pads(words([window.pads[0], window.pads[1]])).group(words([self.group])[0]);
        let geometry = conv.input_zero(self.input_zero).requantize(self.requantize);
        let kind = format!("QuantizedConv2d<{}, {}>", input.dtype.element(), output.dtype.element());
        Work::Kernel(Box::new(Plainly { geometry, name: "quantized conv2d", kind: kind.into() }))
    }
}

impl Kernel for QuantizedConv2d {
    fn places(&self) -> Places {
        let rows = rows_of(&self.window);
        Places { interleaves: true, splits: false, in_place: false, rows: Some(rows) }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let (input, output) = (&views.inputs[0], views.output);
        of_byte!(input.dtype, F => of_byte!(output.dtype, T => Ok(self.bound::<F, T>(input, output))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_a_filter_are_whole_words_with_channels_inside() {
        let weights: Vec<i8> = (1..=12).collect();
        let packed = QuantizedConv2d::pack(&weights, &[10, 20], &[30, 40], 3);
        assert_eq!(packed[..4], [10, 20, 30, 40]);
        let bytes: Vec<u8> = packed[4..].iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(bytes, [1, 3, 5, 2, 4, 6, 0, 0, 7, 9, 11, 8, 10, 12, 0, 0]);
    }
}
