//! `Strided`: a copy of elements that lie some steps apart, in their order or from the end, or that are repeated.

use peleec_runtime::Mirror;

use super::bound::{Plainly, copied, of_element};
use super::{Bound, Cost, Kernel, Places, Views, Work};
use crate::diagnostics::OpError;
use crate::steps::views::Common;

/// Of one input, whose elements from the first to the last along each axis it is given.
#[derive(Clone, Debug)]
pub(crate) struct Strided {
    /// An entry an axis: zero where the one element is repeated, below zero where the axis is read from its end.
    pub(crate) steps: Vec<i64>,
}

impl Kernel for Strided {
    fn places(&self) -> Places {
        Places { interleaves: false, splits: false, in_place: false, rows: None }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let (input, output) = (&views.inputs[0], views.output);
        let distances = input.strides.iter().zip(&self.steps);
        let distances: Vec<usize> = distances.map(|(stride, step)| stride * step.unsigned_abs() as usize).collect();
        let mirrored: Vec<usize> = self.steps.iter().map(|&step| usize::from(step < 0)).collect();
        if mirrored.iter().all(|&mirrored| mirrored == 0) {
            let common = Common::new(&output.dims, [&distances, &output.strides], usize::MAX)?;
            return Ok(Work::Kernel(copied(output.dtype, common.dims(), common.strides(0), common.strides(1))));
        }
        // As distances, marks of one keep a mirrored axis from being joined with another.
        let common = Common::new(&output.dims, [&distances, &mirrored, &output.strides], usize::MAX)?;
        let [input, mirrored, to] = [0, 1, 2].map(|operand| common.strides(operand));
        let kind = format!("Mirror<{}>", output.dtype.element()).into();
        let bound: Box<dyn Bound> = of_element!(output.dtype, T => {
            Box::new(Plainly { geometry: Mirror::<T>::new(common.dims(), input, mirrored, to), name: "mirror", kind })
        });
        Ok(Work::Kernel(bound))
    }
}
