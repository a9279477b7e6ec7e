//! `AveragePool2d`: the average over windows of integers of 8 bits.

use super::bound::{Plainly, of_byte};
use super::quantize::Steps;
use super::{Cost, Kernel, Places, Views, Work, rows_of};
use crate::diagnostics::OpError;
use crate::steps::words::words;
use crate::tensor::window::Window;

/// A pool of any window.
#[derive(Clone, Debug)]
pub(crate) struct AveragePool2d {
    pub(crate) window: Window,
    pub(crate) kind: peleec_runtime::PoolKind,
    pub(crate) from: Steps,
    pub(crate) to: Steps,
    /// The least and the greatest result.
    pub(crate) limits: [i32; 2],
}

impl Kernel for AveragePool2d {
    fn places(&self) -> Places {
        Places { interleaves: false, splits: false, in_place: false, rows: Some(rows_of(&self.window)) }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let (window, input, output, [low, high]) = (&self.window, &views.inputs[0], views.output, self.limits);
        let kind = format!("AveragePool2d<{}, {}>", input.dtype.element(), output.dtype.element()).into();
        of_byte!(input.dtype, F => of_byte!(output.dtype, T => {
            let pool = peleec_runtime::AveragePool2d::<F, T>::new(input.pixels(), output.pixels(), self.kind);
            let pool = pool.kernel(words(window.kernel)).strides(words(window.strides)).dilations(words(window.dilations));
            let pool = pool.pads(words(window.pads)).from_scale(self.from.scale).from_zero(self.from.zero);
            let geometry = pool.scale(self.to.scale).zero(self.to.zero).low(low).high(high);
            Ok(Work::Kernel(Box::new(Plainly { geometry, name: "average pool2d", kind })))
        }))
    }
}
