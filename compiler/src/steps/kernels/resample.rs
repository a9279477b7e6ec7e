//! `Resample`: a map of another size, by tables of what its rows and columns are made of.

use super::bound::Plainly;
use super::{Cost, Kernel, Places, Views, Work};
use crate::diagnostics::OpError;
use crate::plan::problem::Rows;
use crate::steps::words::words;

/// The weights are the tables: for each row, then for each column, the first that it is made of, and the bits of the taps' factors.
#[derive(Clone, Debug)]
pub(crate) struct Resample {
    /// Rows and columns that a pixel is made of.
    pub(crate) taps: [usize; 2],
    /// What a pixel is whose first row or column is below zero.
    pub(crate) outside: f32,
    /// Which rows each row is made of, where one number of rows grows or shrinks to a multiple or a part of it.
    pub(crate) rows: Option<Rows>,
}

impl Kernel for Resample {
    fn places(&self) -> Places {
        // A step that needs the same rows may run in parts, each of which would read the tables of the whole.
        Places { interleaves: true, splits: false, in_place: false, rows: self.rows.filter(|rows| *rows != Rows::SAME) }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let (input, output) = (views.inputs[0].pixels(), views.output.pixels());
        let reads = match self.places().rows {
            Some(Rows { stride, divisor, pad, reach }) => words([stride, divisor, pad, reach]),
            // Any row.
            None => [0, 1, 0, input.height],
        };
        let geometry = peleec_runtime::Resample::new(input, output).taps(words(self.taps)).outside(self.outside).reads(reads);
        Ok(Work::Kernel(Box::new(Plainly { geometry, name: "resample", kind: "Resample".into() })))
    }
}
