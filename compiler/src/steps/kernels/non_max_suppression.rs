//! `NonMaxSuppression`: the boxes of each image and class that overlap none of a better score.

use super::bound::Plainly;
use super::{Cost, Kernel, Places, Views, Work};
use crate::diagnostics::OpError;
use crate::steps::words::words;

/// Of boxes `[images, boxes, 4]` and scores `[images, classes, boxes]`.
#[derive(Clone, Debug)]
pub(crate) struct NonMaxSuppression {
    /// The most boxes of a class, of those that there are.
    pub(crate) count: usize,
    /// The part of their union that two boxes of a class may have in common.
    pub(crate) overlap: f32,
    /// What a score must exceed.
    pub(crate) above: Option<f32>,
    /// A box is its centre and its size instead of two corners.
    pub(crate) centred: bool,
}

impl Kernel for NonMaxSuppression {
    fn places(&self) -> Places {
        Places { interleaves: false, splits: false, in_place: false, rows: None }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let (boxes, scores, output) = (&views.inputs[0], &views.inputs[1], views.output);
        let [count] = words([self.count]);
        let geometry = peleec_runtime::NonMaxSuppression::new(
            all(&scores.dims)?,
            count,
            self.overlap,
            all(&boxes.strides)?,
            all(&scores.strides)?,
            all(&output.strides)?,
        );
        let geometry = geometry.above(self.above).centred(self.centred);
        Ok(Work::Kernel(Box::new(Plainly { geometry, name: "non_max_suppression", kind: "NonMaxSuppression".into() })))
    }
}

/// Extents or strides of an operand of `N` dimensions.
fn all<const N: usize>(values: &[usize]) -> Result<[u32; N], OpError> {
    let values =
        <[usize; N]>::try_from(values).map_err(|_| OpError::new(format!("an operand has {} dimensions, not {N}", values.len())))?;
    Ok(words(values))
}
