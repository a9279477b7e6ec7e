//! `ConvTranspose2d`: a transposed convolution, which gathers.

use super::bound::Plainly;
use super::{Cost, Kernel, Places, Views, Work};
use crate::diagnostics::OpError;
use crate::plan::problem::Rows;
use crate::steps::words::words;

/// The weights are the bias, then those of each group, the channels of the output fastest.
#[derive(Clone, Debug)]
pub(crate) struct ConvTranspose2d {
    pub(crate) kernel: [usize; 2],
    pub(crate) strides: [usize; 2],
    pub(crate) dilations: [usize; 2],
    /// Above and left.
    pub(crate) pads: [usize; 2],
    pub(crate) group: usize,
}

impl ConvTranspose2d {
    /// What rows are made of: of those that share a quotient by the stride, all rows that any of them is made of.
    fn rows(&self) -> Rows {
        let (stride, pad) = (self.strides[0], self.pads[0]);
        let reach = (self.kernel[0] - 1) * self.dilations[0];
        let (above, below) = (reach.saturating_sub(pad) / stride, pad.div_ceil(stride));
        Rows { stride: 1, divisor: stride, pad: above, reach: above + below + 1 }
    }
}

impl Kernel for ConvTranspose2d {
    fn places(&self) -> Places {
        Places { interleaves: false, splits: false, in_place: false, rows: Some(self.rows()) }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let conv = peleec_runtime::ConvTranspose2d::new(views.inputs[0].pixels(), views.output.pixels()).kernel(words(self.kernel));
        let conv = conv.strides(words(self.strides)).dilations(words(self.dilations)).pads(words(self.pads));
        let [group] = words([self.group]);
        let geometry = conv.group(group);
        Ok(Work::Kernel(Box::new(Plainly { geometry, name: "conv_transpose2d", kind: "ConvTranspose2d".into() })))
    }
}

/// Packs `[C, M/group, kH, kW]` weights and a bias: the bias, then `[group][kH][kW][C/group][M/group]`.
pub(crate) fn pack_transposed(weights: &[f32], bias: Option<&[f32]>, [group, depth, filters, taps]: [usize; 4]) -> Vec<f32> {
    let mut packed: Vec<f32> = (0..group * filters).map(|m| bias.map_or(0.0, |bias| bias[m])).collect();
    for (group, tap) in (0..group).flat_map(|group| (0..taps).map(move |tap| (group, tap))) {
        for ci in 0..depth {
            packed.extend((0..filters).map(|m| weights[((group * depth + ci) * filters + m) * taps + tap]));
        }
    }
    packed
}
