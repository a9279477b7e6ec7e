//! `QuantizedBinary`: an element-wise function of two tensors of integers of 8 bits, either of which may be broadcast.

use peleec_runtime::BinaryKind;

use super::bound::{Plainly, of_byte};
use super::quantize::Steps;
use super::{Cost, Kernel, Places, Views, Work};
use crate::diagnostics::OpError;
use crate::lower::views::Common;

/// Of two inputs of one type.
#[derive(Clone, Debug)]
pub(crate) struct QuantizedBinary {
    pub(crate) kind: BinaryKind,
    pub(crate) from: [Steps; 2],
    pub(crate) to: Steps,
    /// The least and the greatest result.
    pub(crate) limits: [i32; 2],
}

impl Kernel for QuantizedBinary {
    fn places(&self) -> Places {
        Places { interleaves: false, splits: false, in_place: false, rows: None }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let (output, [low, high]) = (views.output, self.limits);
        let input = views.inputs[0].dtype;
        let [left, right] = [0, 1].map(|index| views.inputs[index].broadcast(&output.dims));
        let common = Common::new(&output.dims, [&left, &right, &output.strides], usize::MAX)?;
        let [left, right, to] = [0, 1, 2].map(|operand| common.strides(operand));
        let kind = format!("QuantizedBinary<{}, {}>", input.element(), output.dtype.element()).into();
        of_byte!(input, F => of_byte!(output.dtype, T => {
            let binary = peleec_runtime::QuantizedBinary::<F, T>::new(common.dims(), left, right, to, self.kind);
            let binary = binary.from_scales(self.from.map(|from| from.scale)).from_zeros(self.from.map(|from| from.zero));
            let geometry = binary.scale(self.to.scale).zero(self.to.zero).low(low).high(high);
            Ok(Work::Kernel(Box::new(Plainly { geometry, name: "quantized binary", kind })))
        }))
    }
}
