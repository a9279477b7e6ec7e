//! `CumulativeSum`: sums of all elements up to each along one axis.

use super::bound::Plainly;
use super::softmax::along;
use super::{Cost, Kernel, Places, Views, Work};
use crate::diagnostics::OpError;

/// Of one input.
#[derive(Clone, Debug)]
pub(crate) struct CumulativeSum {
    pub(crate) axis: usize,
    pub(crate) exclusive: bool,
    pub(crate) reverse: bool,
}

impl Kernel for CumulativeSum {
    fn places(&self) -> Places {
        Places { interleaves: false, splits: false, in_place: true, rows: None }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let common = along(self.axis, views)?;
        let sum = peleec_runtime::CumulativeSum::new(common.dims(), common.strides(0), common.strides(1));
        let geometry = sum.exclusive(self.exclusive).reverse(self.reverse);
        Ok(Work::Kernel(Box::new(Plainly { geometry, name: "cumulative sum", kind: "CumulativeSum".into() })))
    }
}
