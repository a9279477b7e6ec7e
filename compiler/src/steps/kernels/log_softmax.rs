//! `LogSoftmax` along one axis.

use super::bound::Plainly;
use super::softmax::along;
use super::{Cost, Kernel, Places, Views, Work};
use crate::diagnostics::OpError;

/// Of one input.
#[derive(Clone, Debug)]
pub(crate) struct LogSoftmax {
    pub(crate) axis: usize,
}

impl Kernel for LogSoftmax {
    fn places(&self) -> Places {
        Places { interleaves: false, splits: false, in_place: true, rows: None }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let common = along(self.axis, views)?;
        let geometry = peleec_runtime::LogSoftmax::new(common.dims(), common.strides(0), common.strides(1));
        Ok(Work::Kernel(Box::new(Plainly { geometry, name: "log_softmax", kind: "LogSoftmax".into() })))
    }
}
