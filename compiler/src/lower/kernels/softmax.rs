//! `Softmax` along one axis.

use super::bound::Plainly;
use super::{Cost, Kernel, Places, Views, Work};
use crate::diagnostics::OpError;
use crate::lower::views::Common;

/// Of one input.
#[derive(Clone, Debug)]
pub(crate) struct Softmax {
    pub(crate) axis: usize,
}

/// Dimensions and strides of input and output, with `axis` as the last.
pub(super) fn along(axis: usize, views: &Views<'_>) -> Result<Common<2>, OpError> {
    let (input, output) = (&views.inputs[0], views.output);
    let [dims, a, b] = [&output.dims, &input.strides, &output.strides].map(|values| moved_last(values, axis));
    Common::new(&dims, [&a, &b], dims.len() - 1)
}

/// The values of all axes, that of `axis` last.
pub(super) fn moved_last(values: &[usize], axis: usize) -> Vec<usize> {
    let mut values = values.to_vec();
    let along = values.remove(axis);
    values.push(along);
    values
}

impl Kernel for Softmax {
    fn places(&self) -> Places {
        Places { interleaves: false, splits: false, in_place: true, rows: None }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let common = along(self.axis, views)?;
        let geometry = peleec_runtime::Softmax::new(common.dims(), common.strides(0), common.strides(1));
        Ok(Work::Kernel(Box::new(Plainly { geometry, name: "softmax", kind: "Softmax".into() })))
    }
}
