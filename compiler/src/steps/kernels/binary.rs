//! `Binary`: an element-wise function of two tensors, either of which may be broadcast.

use peleec_runtime::BinaryKind;

use super::bound::Plainly;
use super::{Cost, Kernel, Places, Views, Work};
use crate::diagnostics::OpError;
use crate::steps::views::Common;

/// Of two inputs.
#[derive(Clone, Debug)]
pub(crate) struct Binary {
    pub(crate) kind: BinaryKind,
}

impl Kernel for Binary {
    fn places(&self) -> Places {
        Places { interleaves: false, splits: false, in_place: false, rows: None }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let output = views.output;
        let [left, right] = [0, 1].map(|index| views.inputs[index].broadcast(&output.dims));
        let common = Common::new(&output.dims, [&left, &right, &output.strides], usize::MAX)?;
        let [left, right, output] = [0, 1, 2].map(|operand| common.strides(operand));
        let geometry = peleec_runtime::Binary::new(common.dims(), left, right, output, self.kind);
        Ok(Work::Kernel(Box::new(Plainly { geometry, name: "binary", kind: "Binary".into() })))
    }
}
