//! `QuantizedDepthwiseConv2d`: convolution of integers of 8 bits whose every channel has a kernel of its own.

use peleec_runtime::{ByteArithmetic, Dsp, Element, Mve, Requantize, Single, Thumb};

use super::bound::{Plainly, of_byte};
use super::{Cost, Kernel, Parts, Places, Views, Work, rows_of};
use crate::diagnostics::OpError;
use crate::steps::words::words;
use crate::target::Target;
use crate::tensor::window::Window;

/// As many output as input channels, each of its own.
#[derive(Clone, Debug)]
pub(crate) struct QuantizedDepthwiseConv2d {
    pub(crate) window: Window,
    pub(crate) input_zero: i32,
    pub(crate) requantize: Requantize,
    pub(crate) target: Target,
}

impl QuantizedDepthwiseConv2d {
    /// Packs weights, with what padding and zeros of the input stand for taken off the biases: the biases, the multipliers, and then bytes of
    /// `[kH][kW][C]`, four a value, filled up with zeros.
    pub(crate) fn pack(&self, Parts { weights, bias, multipliers, .. }: &Parts<'_>) -> Vec<i32> {
        let taps = self.window.kernel.iter().product::<usize>();
        let filter = |channel: usize| &weights[channel * taps..][..taps];
        let sum = |channel: usize| filter(channel).iter().map(|&w| i32::from(w)).fold(0, i32::wrapping_add);
        let biases = bias.iter().enumerate().map(|(channel, bias)| bias.wrapping_sub(self.input_zero.wrapping_mul(sum(channel))));
        let mut packed: Vec<i32> = biases.chain(multipliers.iter().copied()).collect();
        let mut bytes: Vec<u8> = Vec::with_capacity(weights.len().next_multiple_of(4));
        for tap in 0..taps {
            bytes.extend((0..bias.len()).map(|channel| filter(channel)[tap].cast_unsigned()));
        }
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        packed.extend(bytes.as_chunks().0.iter().map(|&word| i32::from_le_bytes(word)));
        packed
    }

    fn bound<F: Element, T: Element, U: ByteArithmetic>(&self, unit: &str, views: &Views<'_>) -> Work {
        let (window, input, output) = (&self.window, &views.inputs[0], views.output);
        let conv = peleec_runtime::QuantizedDepthwiseConv2d::<F, T, U>::new(input.pixels(), output.pixels());
        let conv = conv.kernel(words(window.kernel)).strides(words(window.strides)).dilations(words(window.dilations));
        let conv = conv.pads(words([window.pads[0], window.pads[1]]));
        let geometry = conv.input_zero(self.input_zero).requantize(self.requantize);
        let kind = format!("QuantizedDepthwiseConv2d<{}, {}, peleec_runtime::{unit}>", input.dtype.element(), output.dtype.element());
        Work::Kernel(Box::new(Plainly { geometry, name: "quantized depthwise conv2d", kind: kind.into() }))
    }
}

impl Kernel for QuantizedDepthwiseConv2d {
    fn places(&self) -> Places {
        let rows = rows_of(&self.window);
        Places { interleaves: true, splits: false, in_place: false, rows: Some(rows) }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        of_byte!(views.inputs[0].dtype, F => of_byte!(views.output.dtype, T => Ok(match self.target {
            Target::CortexM55 => self.bound::<F, T, Mve>("Mve", views),
            Target::CortexM0Plus => self.bound::<F, T, Thumb>("Thumb", views),
            Target::CortexM4F | Target::CortexM7 | Target::CortexM33 => self.bound::<F, T, Dsp>("Dsp", views),
            _ => self.bound::<F, T, Single>("Single", views),
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_a_tap_stand_side_by_side() {
        let window = Window { kernel: [1, 2], ..Window::pointwise() };
        let conv = QuantizedDepthwiseConv2d { window, input_zero: 2, requantize: Requantize::DEFAULT, target: Target::Generic };
        let (weights, bias, multipliers) = ([1, 2, 3, 4, -1, 6], [10, 20, 30], [7, 8, 9]);
        let packed = conv.pack(&Parts { weights: &weights, bias: &bias, multipliers: &multipliers, depth: 1 });
        assert_eq!(packed[..6], [10 - 2 * 3, 20 - 2 * 7, 30 - 2 * 5, 7, 8, 9]);
        let bytes: Vec<u8> = packed[6..].iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(bytes, [1, 3, 0xff, 2, 4, 6, 0, 0]);
    }
}
