//! `CumulativeSum`: sums of all elements up to each along one axis.

use peleec_runtime::Element;

use super::bound::{Plainly, of_element};
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
        of_element!(views.output.dtype, T => self.bound::<T>(views))
    }
}

impl CumulativeSum {
    fn bound<T: Element>(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let common = along(self.axis, views)?;
        let sum = peleec_runtime::CumulativeSum::<T>::new(common.dims(), common.strides(0), common.strides(1));
        let geometry = sum.exclusive(self.exclusive).reverse(self.reverse);
        let kind = format!("CumulativeSum<{}>", views.output.dtype.element());
        Ok(Work::Kernel(Box::new(Plainly { geometry, name: "cumulative sum", kind: kind.into() })))
    }
}
