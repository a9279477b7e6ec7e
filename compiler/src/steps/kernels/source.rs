//! `Source`: asks the caller for the rows of a graph input. To the planner a kernel like any other, that reads nothing.

use std::ops::Range;

use peleec_runtime::{Extent, Pixels};

use super::bound::copied;
use super::{Bound, Cost, Kernel, Places, Views, Work};
use crate::diagnostics::OpError;
use crate::plan::problem::Rows;
use crate::steps::words::words;
use crate::tensor::DType;

/// Of graph input `input`.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) input: usize,
    /// Whether ONNX has the channels last.
    pub(crate) channels_last: bool,
}

impl Kernel for Source {
    fn places(&self) -> Places {
        Places { interleaves: false, splits: false, in_place: false, rows: Some(Rows::SAME) }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let output = views.output.pixels();
        let [_, channels, height, width] = [0, 1, 2, 3].map(|axis| views.output.dims[axis]);
        let distances = match self.channels_last {
            true => words([width * channels, channels, 1]),
            false => words([width, 1, height * width]),
        };
        let input = Pixels { ring: output.height, ..output }.distances(distances);
        Ok(Work::Source(Asked { index: self.input, input, output, channels_last: self.channels_last, dtype: views.output.dtype }))
    }
}

/// A graph input that the caller gives row by row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Asked {
    /// Which input it is.
    pub(crate) index: usize,
    /// What the input would be as an array.
    pub(crate) input: Pixels,
    /// Where its rows come to lie.
    pub(crate) output: Pixels,
    /// Whether ONNX has its channels last.
    pub(crate) channels_last: bool,
    /// The type of its elements.
    pub(crate) dtype: DType,
}

impl Asked {
    pub(crate) fn extent(&self) -> Option<Extent> {
        Some(Extent { x: self.input.extent()?, r: 0, w: 0, y: self.output.extent()? })
    }

    /// The rows that one call asks for: one, or all.
    pub(crate) fn rows(&self, row: Option<usize>) -> Range<usize> {
        row.map_or(0..self.output.height as usize, |row| row..row + 1)
    }

    /// The copy of row `row` of an array, and the elements at which it begins there and in the output.
    pub(crate) fn row(&self, row: usize) -> (Box<dyn Bound>, usize, usize) {
        let Asked { input, output, .. } = self;
        let strides = |map: &Pixels| [0, 0, 0, 0, map.pixel, map.channel];
        let copy = copied(self.dtype, [1, 1, 1, 1, input.width, input.channels], strides(input), strides(output));
        (copy, row * input.row as usize, row % output.ring.max(1) as usize * output.row as usize)
    }
}
