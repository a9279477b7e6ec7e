//! `PRelu`: negative values are multiplied by their channel's slope.

use super::bound::Plainly;
use super::{Cost, Kernel, Places, Views, Work};
use crate::diagnostics::OpError;
use crate::plan::problem::Rows;

/// The weights are the slopes.
#[derive(Clone, Debug)]
pub(crate) struct PRelu;

impl Kernel for PRelu {
    fn places(&self) -> Places {
        Places { interleaves: true, splits: false, in_place: false, rows: Some(Rows::SAME) }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let geometry = peleec_runtime::PRelu::new(views.inputs[0].pixels(), views.output.pixels());
        Ok(Work::Kernel(Box::new(Plainly { geometry, name: "prelu", kind: "PRelu".into() })))
    }
}
