//! `QuantizedBinary`: an element-wise function of two maps of integers of 8 bits, either of which may be broadcast.

use peleec_runtime::{BinaryKind, Pixels};

use super::bound::{Plainly, of_byte};
use super::quantize::Steps;
use super::{Cost, Kernel, Places, Views, Work};
use crate::diagnostics::OpError;
use crate::plan::problem::Rows;
use crate::steps::views::View;

/// Of two inputs of one type.
#[derive(Clone, Debug)]
pub(crate) struct QuantizedBinary {
    pub(crate) kind: BinaryKind,
    pub(crate) from: [Steps; 2],
    pub(crate) to: Steps,
    /// The least and the greatest result.
    pub(crate) limits: [i32; 2],
    /// Whether both inputs have a row for each of the output's.
    pub(crate) has_rows: bool,
}

impl Kernel for QuantizedBinary {
    fn places(&self) -> Places {
        Places { interleaves: false, splits: false, in_place: false, rows: self.has_rows.then_some(Rows::SAME) }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let (output, [low, high]) = (views.output, self.limits);
        let (input, [left, right]) = (views.inputs[0].dtype, operands(views));
        let kind = format!("QuantizedBinary<{}, {}>", input.element(), output.dtype.element()).into();
        of_byte!(input, F => of_byte!(output.dtype, T => {
            let binary = peleec_runtime::QuantizedBinary::<F, T>::new(left, right, output.pixels(), self.kind);
            let binary = binary.from_scales(self.from.map(|from| from.scale)).from_zeros(self.from.map(|from| from.zero));
            let geometry = binary.scale(self.to.scale).zero(self.to.zero).low(low).high(high);
            Ok(Work::Kernel(Box::new(Plainly { geometry, name: "quantized binary", kind })))
        }))
    }
}

/// Both inputs as maps of the output's extents.
pub(super) fn operands(views: &Views<'_>) -> [Pixels; 2] {
    let dims = &views.output.dims;
    [0, 1].map(|index| {
        let view: &View = &views.inputs[index];
        View { dims: dims.clone(), strides: view.broadcast(dims), ..view.clone() }.pixels()
    })
}
