//! The sliding window that convolutions and pools share, and its shape rule.
//!
//! One spatial dimension is held as two, with a height of one.

use super::tensor::Shape;
use crate::diagnostics::OpError;

/// Kernel, strides, dilations and pads of a window over (height, width); `auto_pad` is resolved into `pads`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Window {
    pub(crate) kernel: [usize; 2],
    pub(crate) strides: [usize; 2],
    pub(crate) dilations: [usize; 2],
    /// Top, left, bottom, right, in ONNX's order of `pads`.
    pub(crate) pads: [usize; 4],
    pub(crate) ceil_mode: bool,
}

impl Window {
    /// One tap, without stride or padding.
    pub(crate) fn pointwise() -> Self {
        Window { kernel: [1, 1], strides: [1, 1], dilations: [1, 1], pads: [0; 4], ceil_mode: false }
    }

    /// Whether every output pixel sees the one input pixel at its own place.
    pub(crate) fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.strides == [1, 1] && self.pads == [0; 4]
    }

    /// The window that covers the whole map.
    pub(crate) fn whole(input: &Shape) -> Result<Self, OpError> {
        spatial_rank(input)?;
        let kernel = hw(input);
        if kernel.contains(&0) {
            return Err(OpError::new(format!("the map {input} is empty")));
        }
        Ok(Window { kernel, strides: [1, 1], dilations: [1, 1], pads: [0; 4], ceil_mode: false })
    }

    /// Pads such that the output is the input divided by the stride, rounded up.
    pub(crate) fn pad_same(&mut self, input: &Shape, lower: bool) {
        for (axis, extent) in hw(input).into_iter().enumerate() {
            let out = extent.div_ceil(self.strides[axis]);
            let total = (out.saturating_sub(1) * self.strides[axis] + self.reach(axis)).saturating_sub(extent);
            let (small, large) = (total / 2, total - total / 2);
            (self.pads[axis], self.pads[axis + 2]) = if lower { (large, small) } else { (small, large) };
        }
        self.ceil_mode = false;
    }

    /// Extent of the dilated kernel on `axis`.
    pub(crate) fn reach(&self, axis: usize) -> usize {
        (self.kernel[axis] - 1) * self.dilations[axis] + 1
    }

    /// Output height and width. A last window that starts beyond the input and its leading pad is left out (ONNX's `ceil_mode`).
    pub(crate) fn output(&self, input: &Shape) -> Result<[usize; 2], OpError> {
        let mut output = [0; 2];
        for (axis, extent) in hw(input).into_iter().enumerate() {
            let padded = extent + self.pads[axis] + self.pads[axis + 2];
            let Some(room) = padded.checked_sub(self.reach(axis)) else {
                let (reach, pads) = (self.reach(axis), [self.pads[axis], self.pads[axis + 2]]);
                return Err(OpError::new(format!("a kernel of extent {reach} does not fit an input of {extent} padded by {pads:?}")));
            };
            let stride = self.strides[axis];
            output[axis] = if self.ceil_mode { room.div_ceil(stride) } else { room / stride } + 1;
            if self.ceil_mode && (output[axis] - 1) * stride >= extent + self.pads[axis] {
                output[axis] -= 1;
            }
        }
        Ok(output)
    }

    /// The input rows (axis 0) or columns (axis 1) under output position `at`, with their kernel positions; padding is left out.
    pub(crate) fn taps(&self, axis: usize, at: usize, extent: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        (0..self.kernel[axis]).filter_map(move |k| {
            let i = (at * self.strides[axis] + k * self.dilations[axis]).checked_sub(self.pads[axis])?;
            (i < extent).then_some((k, i))
        })
    }
}

/// The spatial extents of a rank-3 or rank-4 shape, a missing height being one.
pub(crate) fn hw(shape: &Shape) -> [usize; 2] {
    match shape[..] {
        [_, _, w] => [1, w],
        [_, _, h, w] => [h, w],
        _ => [1, 1],
    }
}

/// `[batch, channels]` followed by as many of `spatial`'s extents as `like` has.
pub(crate) fn with_spatial(like: &Shape, batch: usize, channels: usize, [h, w]: [usize; 2]) -> Shape {
    Shape(if like.rank() == 3 { vec![batch, channels, w] } else { vec![batch, channels, h, w] })
}

/// One or two: the number of spatial dimensions of an `[N, C, ..]` shape.
pub(crate) fn spatial_rank(shape: &Shape) -> Result<usize, OpError> {
    match shape.rank() {
        3 | 4 => Ok(shape.rank() - 2),
        rank => Err(OpError::unsupported(format!("input has {rank} dimensions: {shape}")).supported("[N,C,W] and [N,C,H,W]")),
    }
}
