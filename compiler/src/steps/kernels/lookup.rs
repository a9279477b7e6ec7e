//! `Lookup`: functions of one byte, by a table.

use super::bound::{Plainly, of_byte};
use super::{Cost, Kernel, Places, Views, Work};
use crate::diagnostics::OpError;
use crate::plan::problem::Rows;

/// The weights are the table.
#[derive(Clone, Debug)]
pub(crate) struct Lookup;

impl Kernel for Lookup {
    fn places(&self) -> Places {
        Places { interleaves: true, splits: false, in_place: false, rows: Some(Rows::SAME) }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let (input, output) = (&views.inputs[0], views.output);
        of_byte!(input.dtype, F => of_byte!(output.dtype, T => {
            let geometry = peleec_runtime::Lookup::<F, T>::new(input.pixels(), output.pixels());
            let kind = format!("Lookup<{}, {}>", input.dtype.element(), output.dtype.element());
            Ok(Work::Kernel(Box::new(Plainly { geometry, name: "lookup", kind: kind.into() })))
        }))
    }
}
