//! `DepthwiseConv2d`: every channel has a kernel of its own.

use std::sync::Arc;

use peleec_runtime::{Activation, Extent, Fused, Operands, Plain, RegionError, RowWindow};

use super::bound::{expression, run};
use super::{Bound, Convolution, Cost, Kernel, PackedConvolution, Places, Views, Work, rows_of};
use crate::diagnostics::OpError;
use crate::plan::problem::Access;
use crate::steps::Lowering;
use crate::steps::micro::{self, Unit};
use crate::steps::words::words;
use crate::tensor::window::Window;

/// As many output as input channels, each of its own.
#[derive(Clone, Debug)]
pub(crate) struct DepthwiseConv2d {
    pub(crate) window: Window,
    pub(crate) activation: Activation,
    pub(crate) unit: Unit,
}

impl DepthwiseConv2d {
    /// Packs the weights for maps of the extents of `to`.
    pub(crate) fn packed(ctx: &mut Lowering<'_>, convolution: &Convolution<'_>, to: &Access) -> PackedConvolution {
        let Convolution { window, activation, weights, bias, filters, .. } = convolution;
        let packed = pack(weights, *bias, *filters, window.kernel.iter().product());
        let packed = ctx.add_weights(&packed, size_of_val(*weights));
        let macs = to.dims.iter().product::<usize>() as u64 * window.kernel.iter().product::<usize>() as u64;
        let kernel = DepthwiseConv2d { window: window.clone(), activation: *activation, unit: micro::unit(ctx.profile()) };
        PackedConvolution::of_one(*filters, Arc::new(kernel), packed, macs)
    }
}

impl Kernel for DepthwiseConv2d {
    fn places(&self) -> Places {
        let rows = rows_of(&self.window);
        Places { interleaves: true, splits: false, in_place: false, rows: Some(rows) }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let DepthwiseConv2d { window, activation, unit } = self;
        let conv = Here::new(views.inputs[0].pixels(), views.output.pixels()).kernel(words(window.kernel));
        let conv = conv.strides(words(window.strides)).dilations(words(window.dilations));
        let conv = conv.pads(words([window.pads[0], window.pads[1]])).activation(*activation);
        Ok(Work::Kernel(Box::new(BoundDepthwiseConv2d { conv, unit: *unit })))
    }
}

/// As it runs in this process where products are rounded; fused otherwise.
type Here = peleec_runtime::DepthwiseConv2d<Plain>;

/// A convolution over maps, and what computes it on the target.
#[derive(Debug)]
struct BoundDepthwiseConv2d {
    conv: Here,
    unit: Unit,
}

impl Bound for BoundDepthwiseConv2d {
    fn name(&self) -> String {
        "depthwise_conv2d".to_owned()
    }

    fn kind(&self) -> String {
        format!("peleec_runtime::DepthwiseConv2d<{}>", self.unit.path())
    }

    fn value(&self) -> String {
        expression(&self.conv)
    }

    fn extent(&self) -> Option<Extent> {
        self.conv.extent()
    }

    fn row_window(&self) -> Option<RowWindow> {
        Some(self.conv.row_window())
    }

    fn run(&self, row: Option<usize>, operands: Operands<'_>) -> Result<(), RegionError> {
        match self.unit.is_fused() {
            true => run(row, &self.conv.by::<Fused>(), operands),
            false => run(row, &self.conv, operands),
        }
    }
}

/// Packs `[C, 1, kH, kW]` weights and a bias: the bias, then `[kH][kW][C]`.
fn pack(weights: &[f32], bias: Option<&[f32]>, channels: usize, taps: usize) -> Vec<f32> {
    let mut packed: Vec<f32> = (0..channels).map(|c| bias.map_or(0.0, |bias| bias[c])).collect();
    for tap in 0..taps {
        packed.extend((0..channels).map(|c| weights[c * taps + tap]));
    }
    packed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_channels_of_a_tap_are_packed_together() {
        let weights = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(pack(&weights, Some(&[10.0, 20.0]), 2, 3), [10.0, 20.0, 1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(pack(&weights[..4], None, 2, 2), [0.0, 0.0, 1.0, 3.0, 2.0, 4.0]);
    }
}
