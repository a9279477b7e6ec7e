//! `Pool2d`: maximum or average over windows.

use peleec_runtime::PoolKind;

use super::bound::Plainly;
use super::{Cost, Kernel, Places, Views, Work, rows_of};
use crate::diagnostics::OpError;
use crate::steps::words::words;
use crate::tensor::window::Window;

/// A pool of any window.
#[derive(Clone, Debug)]
pub(crate) struct Pool2d {
    pub(crate) window: Window,
    pub(crate) kind: PoolKind,
}

impl Kernel for Pool2d {
    fn places(&self) -> Places {
        let rows = rows_of(&self.window);
        Places { interleaves: true, splits: false, in_place: false, rows: Some(rows) }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let window = &self.window;
        let pool = peleec_runtime::Pool2d::new(views.inputs[0].pixels(), views.output.pixels(), self.kind);
        let pool = pool.kernel(words(window.kernel)).strides(words(window.strides));
        let geometry = pool.dilations(words(window.dilations)).pads(words(window.pads));
        Ok(Work::Kernel(Box::new(Plainly { geometry, name: "pool2d", kind: "Pool2d".into() })))
    }
}
