//! `MaxPool2d`: the maximum over windows of integers of 8 bits.

use super::bound::{Plainly, of_byte};
use super::{Cost, Kernel, Places, Views, Work, rows_of};
use crate::diagnostics::OpError;
use crate::steps::words::words;
use crate::tensor::window::Window;

/// A pool of any window.
#[derive(Clone, Debug)]
pub(crate) struct MaxPool2d {
    pub(crate) window: Window,
}

impl Kernel for MaxPool2d {
    fn places(&self) -> Places {
        let rows = rows_of(&self.window);
        Places { interleaves: true, splits: false, in_place: false, rows: Some(rows) }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let (window, input, output) = (&self.window, &views.inputs[0], views.output);
        let kind = format!("MaxPool2d<{}>", output.dtype.element()).into();
        of_byte!(output.dtype, T => {
            let pool = peleec_runtime::MaxPool2d::<T>::new(input.pixels(), output.pixels()).kernel(words(window.kernel));
            let pool = pool.strides(words(window.strides)).dilations(words(window.dilations));
            let geometry = pool.pads(words([window.pads[0], window.pads[1]]));
            Ok(Work::Kernel(Box::new(Plainly { geometry, name: "max pool2d", kind })))
        })
    }
}
