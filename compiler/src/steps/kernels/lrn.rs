//! `Lrn`: values over a power of the squares of the channels beside them.

use super::bound::Plainly;
use super::{Cost, Kernel, Places, Views, Work};
use crate::diagnostics::OpError;
use crate::plan::problem::Rows;
use crate::steps::words::words;

/// Of one map.
#[derive(Clone, Debug)]
pub(crate) struct Lrn {
    /// How many channels before and behind count.
    pub(crate) reach: [usize; 2],
    pub(crate) bias: f32,
    /// The factor of the sum of squares.
    pub(crate) alpha: f32,
    pub(crate) beta: f32,
}

impl Kernel for Lrn {
    fn places(&self) -> Places {
        Places { interleaves: true, splits: false, in_place: false, rows: Some(Rows::SAME) }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let lrn = peleec_runtime::Lrn::new(views.inputs[0].pixels(), views.output.pixels(), words(self.reach));
        let geometry = lrn.bias(self.bias).alpha(self.alpha).beta(self.beta);
        Ok(Work::Kernel(Box::new(Plainly { geometry, name: "lrn", kind: "Lrn".into() })))
    }
}
