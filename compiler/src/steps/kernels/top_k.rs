//! `TopK`: the greatest or the least elements along one axis, or where they stand.

use peleec_runtime::{Element, TopKIndices, TopKResult, TopKValues};

use super::bound::{Plainly, of_element};
use super::softmax::moved_last;
use super::{Cost, Kernel, Places, View, Views, Work};
use crate::diagnostics::OpError;
use crate::steps::views::Common;
use crate::steps::words::words;

/// Of one input: as many as the output has along the axis.
#[derive(Clone, Debug)]
pub(crate) struct TopK {
    pub(crate) axis: usize,
    /// The least elements instead of the greatest.
    pub(crate) least: bool,
    /// Their indices instead of themselves.
    pub(crate) indices: bool,
}

impl Kernel for TopK {
    fn places(&self) -> Places {
        Places { interleaves: false, splits: false, in_place: false, rows: None }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let (input, output) = (&views.inputs[0], views.output);
        of_element!(input.dtype, F => {
            if self.indices {
                self.bound::<F, TopKIndices>(input, output, "TopKIndices")
            } else {
                self.bound::<F, TopKValues>(input, output, "TopKValues")
            }
        })
    }
}

impl TopK {
    fn bound<F: Element, K: TopKResult<F>>(&self, input: &View, output: &View, result: &str) -> Result<Work, OpError> {
        let [dims, from, to] = [&input.dims, &input.strides, &output.strides].map(|values| moved_last(values, self.axis));
        let common = Common::new(&dims, [&from, &to], dims.len() - 1)?;
        let [count] = words([output.dims[self.axis]]);
        let geometry = peleec_runtime::TopK::<F, K>::new(common.dims(), count, common.strides(0), common.strides(1));
        let kind = format!("TopK<{}, peleec_runtime::{result}>", input.dtype.element());
        Ok(Work::Kernel(Box::new(Plainly { geometry: geometry.least(self.least), name: "top_k", kind: kind.into() })))
    }
}
