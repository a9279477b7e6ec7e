//! `Cast`: numbers of one type as numbers of another.

use peleec_runtime::Element;

use super::bound::{Plainly, of_element};
use super::{Cost, Kernel, Places, Views, Work};
use crate::diagnostics::OpError;
use crate::plan::problem::Rows;
use crate::steps::views::View;

/// Between the types of its operands.
#[derive(Clone, Debug)]
pub(crate) struct Cast;

impl Kernel for Cast {
    fn places(&self) -> Places {
        Places { interleaves: false, splits: false, in_place: false, rows: Some(Rows::SAME) }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let (input, output) = (&views.inputs[0], views.output);
        Ok(of_element!(input.dtype, F => of_element!(output.dtype, T => cast::<F, T>(input, output))))
    }
}

fn cast<F: Element, T: Element>(input: &View, output: &View) -> Work {
    let geometry = peleec_runtime::Cast::<F, T>::new(input.pixels(), output.pixels());
    let kind = format!("Cast<{}, {}>", input.dtype.element(), output.dtype.element());
    Work::Kernel(Box::new(Plainly { geometry, name: "cast", kind: kind.into() }))
}
