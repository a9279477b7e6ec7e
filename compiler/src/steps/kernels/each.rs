//! `Each`: a function of each element, which is a type of the runtime's.

use peleec_runtime::Function;

use super::bound::Plainly;
use super::{Cost, Kernel, Places, Views, Work};
use crate::diagnostics::OpError;
use crate::plan::problem::Rows;

/// Of floats.
#[derive(Clone, Debug)]
pub(crate) struct Each<F> {
    pub(crate) function: F,
}

impl<F: Function> Kernel for Each<F> {
    fn places(&self) -> Places {
        Places { interleaves: true, splits: false, in_place: false, rows: Some(Rows::SAME) }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let geometry = peleec_runtime::Each::new(views.inputs[0].pixels(), views.output.pixels(), self.function);
        let kind = format!("Each<peleec_runtime::f32::function::{}>", F::NAME);
        Ok(Work::Kernel(Box::new(Plainly { geometry, name: "function", kind: kind.into() })))
    }
}
