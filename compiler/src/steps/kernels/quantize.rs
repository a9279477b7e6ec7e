//! `Quantize` and `Dequantize`: floats as integers of a scale, and back.

use peleec_runtime::Element;

use super::bound::{Plainly, of_element};
use super::{Cost, Kernel, Places, Views, Work};
use crate::diagnostics::OpError;
use crate::plan::problem::Rows;
use crate::steps::views::View;

/// What integers stand for: `scale * (q - zero)`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steps {
    pub(crate) scale: f32,
    pub(crate) zero: i32,
}

/// From floats; one scale for all.
#[derive(Clone, Debug)]
pub(crate) struct Quantize {
    pub(crate) to: Steps,
    /// The least and the greatest result.
    pub(crate) limits: [i32; 2],
}

/// To floats; one scale for all.
#[derive(Clone, Debug)]
pub(crate) struct Dequantize {
    pub(crate) from: Steps,
}

fn places() -> Places {
    Places { interleaves: false, splits: false, in_place: false, rows: Some(Rows::SAME) }
}

impl Kernel for Quantize {
    fn places(&self) -> Places {
        places()
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let (input, output) = (&views.inputs[0], views.output);
        Ok(of_element!(output.dtype, T => self.bound::<T>(input, output)))
    }
}

impl Quantize {
    fn bound<T: Element>(&self, input: &View, output: &View) -> Work {
        let [low, high] = self.limits;
        let geometry = peleec_runtime::Quantize::<T>::new(input.pixels(), output.pixels(), self.to.scale, self.to.zero).low(low).high(high);
        let kind = format!("Quantize<{}>", output.dtype.element());
        Work::Kernel(Box::new(Plainly { geometry, name: "quantize", kind: kind.into() }))
    }
}

impl Kernel for Dequantize {
    fn places(&self) -> Places {
        places()
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let (input, output) = (&views.inputs[0], views.output);
        Ok(of_element!(input.dtype, F => self.bound::<F>(input, output)))
    }
}

impl Dequantize {
    fn bound<F: Element>(&self, input: &View, output: &View) -> Work {
        let geometry = peleec_runtime::Dequantize::<F>::new(input.pixels(), output.pixels(), self.from.scale, self.from.zero);
        let kind = format!("Dequantize<{}>", input.dtype.element());
        Work::Kernel(Box::new(Plainly { geometry, name: "dequantize", kind: kind.into() }))
    }
}
