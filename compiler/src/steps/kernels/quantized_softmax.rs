//! `QuantizedSoftmax`: a softmax of integers of 8 bits along one axis.

use super::bound::{Plainly, of_byte};
use super::quantize::Steps;
use super::softmax::along;
use super::{Cost, Kernel, Places, Views, Work};
use crate::diagnostics::OpError;

/// Of one input.
#[derive(Clone, Debug)]
pub(crate) struct QuantizedSoftmax {
    pub(crate) axis: usize,
    pub(crate) from: Steps,
    pub(crate) to: Steps,
    /// The least and the greatest result.
    pub(crate) limits: [i32; 2],
}

impl Kernel for QuantizedSoftmax {
    fn places(&self) -> Places {
        Places { interleaves: false, splits: false, in_place: false, rows: None }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let (common, [low, high]) = (along(self.axis, views)?, self.limits);
        let (input, output) = (views.inputs[0].dtype, views.output.dtype);
        let kind = format!("QuantizedSoftmax<{}, {}>", input.element(), output.element()).into();
        of_byte!(input, F => of_byte!(output, T => {
            let geometry = peleec_runtime::QuantizedSoftmax::<F, T>::new(common.dims(), common.strides(0), common.strides(1));
            let geometry = geometry.from_scale(self.from.scale).from_zero(self.from.zero);
            let geometry = geometry.scale(self.to.scale).zero(self.to.zero).low(low).high(high);
            Ok(Work::Kernel(Box::new(Plainly { geometry, name: "quantized softmax", kind })))
        }))
    }
}
