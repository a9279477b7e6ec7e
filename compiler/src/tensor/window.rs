//! The sliding window that convolutions and pools share, and its shape rule.
//!
//! One spatial dimension is held as two, with a height of one; a third one, the depth, stands apart from the two that kernels know.

use std::fmt;

use super::Shape;
use crate::diagnostics::OpError;

/// Kernel, strides, dilations and pads of a window over (height, width); `auto_pad` is resolved into `pads`.
#[derive(Clone, PartialEq)]
pub(crate) struct Window {
    pub(crate) kernel: [usize; 2],
    pub(crate) strides: [usize; 2],
    pub(crate) dilations: [usize; 2],
    /// Top, left, bottom, right, in ONNX's order of `pads`.
    pub(crate) pads: [usize; 4],
    pub(crate) ceil_mode: bool,
    /// Along the first of three spatial axes; none where there are fewer.
    pub(crate) depth: Option<Box<Axis>>,
}

/// A window along one axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Axis {
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) dilation: usize,
    /// Before the map and behind it.
    pub(crate) pads: [usize; 2],
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Window");
        fields.field("kernel", &self.kernel).field("strides", &self.strides).field("dilations", &self.dilations);
        fields.field("pads", &self.pads).field("ceil_mode", &self.ceil_mode);
        if let Some(depth) = &self.depth {
            fields.field("depth", depth);
        }
        fields.finish()
    }
}

impl Axis {
    /// One tap, without stride or padding.
    pub(crate) const POINT: Axis = Axis { kernel: 1, stride: 1, dilation: 1, pads: [0; 2] };

    /// Whether every output position sees the one input position at its own place.
    pub(crate) fn is_pointwise(&self) -> bool {
        (self.kernel, self.stride, self.pads) == (1, 1, [0; 2])
    }

    /// Extent of the dilated kernel.
    pub(crate) fn reach(&self) -> usize {
        (self.kernel - 1) * self.dilation + 1
    }

    /// Pads such that the output is the extent divided by the stride, rounded up; the odd one comes first where `lower` says so.
    fn same_pads(&self, extent: usize, lower: bool) -> [usize; 2] {
        let out = extent.div_ceil(self.stride);
        let total = (out.saturating_sub(1) * self.stride + self.reach()).saturating_sub(extent);
        let (small, large) = (total / 2, total - total / 2);
        if lower { [large, small] } else { [small, large] }
    }

    /// How many windows there are. A last one that starts beyond the input and its leading pad is left out (ONNX's `ceil_mode`).
    fn output(&self, extent: usize, ceil_mode: bool) -> Result<usize, OpError> {
        let (reach, stride, pads) = (self.reach(), self.stride, self.pads);
        let Some(room) = (extent + pads[0] + pads[1]).checked_sub(reach) else {
            return Err(OpError::new(format!("a kernel of extent {reach} does not fit an input of {extent} padded by {pads:?}")));
        };
        let count = if ceil_mode { room.div_ceil(stride) } else { room / stride } + 1;
        Ok(if ceil_mode && (count - 1) * stride >= extent + pads[0] { count - 1 } else { count })
    }

    /// The input positions under output position `at`, with their kernel positions; padding is left out.
    pub(crate) fn taps(self, at: usize, extent: usize) -> impl Iterator<Item = (usize, usize)> {
        (0..self.kernel).filter_map(move |k| {
            let i = (at * self.stride + k * self.dilation).checked_sub(self.pads[0])?;
            (i < extent).then_some((k, i))
        })
    }

    /// How many positions of the window at `at` an average counts.
    pub(crate) fn count(&self, at: usize, extent: usize, include_pad: bool) -> usize {
        if !include_pad {
            return self.taps(at, extent).count();
        }
        let padded = extent + self.pads[0] + self.pads[1];
        padded.saturating_sub(at * self.stride).div_ceil(self.dilation).min(self.kernel)
    }

    /// Whether each of the first `n` windows has a tap inside the map.
    pub(crate) fn reaches_cells(&self, extent: usize, n: usize) -> bool {
        let (stride, dilation, pad) = (self.stride, self.dilation, self.pads[0]);
        // A window that starts before the map has its first inner tap at the first multiple of the dilation that reaches it.
        let early = (0..n.min(pad.div_ceil(stride))).all(|at| {
            let before = pad - at * stride;
            let first = before.div_ceil(dilation);
            first < self.kernel && first * dilation - before < extent
        });
        early && n.checked_sub(1).is_none_or(|last| last * stride < extent + pad)
    }
}

impl Window {
    /// One tap, without stride or padding.
    pub(crate) fn pointwise() -> Self {
        Window { kernel: [1, 1], strides: [1, 1], dilations: [1, 1], pads: [0; 4], ceil_mode: false, depth: None }
    }

    /// Whether every output pixel sees the one input pixel at its own place.
    pub(crate) fn is_pointwise(&self) -> bool {
        let is_flat = self.depth.as_ref().is_none_or(|depth| depth.is_pointwise());
        self.kernel == [1, 1] && self.strides == [1, 1] && self.is_unpadded() && is_flat
    }

    /// Whether there is no padding along any axis.
    pub(crate) fn is_unpadded(&self) -> bool {
        self.pads == [0; 4] && self.depth.as_ref().is_none_or(|depth| depth.pads == [0; 2])
    }

    /// The window that covers the whole map.
    pub(crate) fn whole(input: &Shape) -> Result<Self, OpError> {
        let spatial = spatial_rank(input)?;
        let [depth, height, width] = dhw(input);
        if [depth, height, width].contains(&0) {
            return Err(OpError::new(format!("the map {input} is empty")));
        }
        let depth = (spatial == 3).then(|| Box::new(Axis { kernel: depth, ..Axis::POINT }));
        Ok(Window { kernel: [height, width], depth, ..Window::pointwise() })
    }

    /// Pads such that the output is the input divided by the stride, rounded up.
    pub(crate) fn pad_same(&mut self, input: &Shape, lower: bool) {
        let [depth, rows, columns] = dhw(input);
        let ([top, bottom], [left, right]) = (self.axis(0).same_pads(rows, lower), self.axis(1).same_pads(columns, lower));
        self.pads = [top, left, bottom, right];
        if let Some(axis) = &mut self.depth {
            axis.pads = axis.same_pads(depth, lower);
        }
        self.ceil_mode = false;
    }

    /// The window along the rows (axis 0) or the columns (axis 1).
    pub(crate) fn axis(&self, axis: usize) -> Axis {
        let pads = [self.pads[axis], self.pads[axis + 2]];
        Axis { kernel: self.kernel[axis], stride: self.strides[axis], dilation: self.dilations[axis], pads }
    }

    /// The window along depth, rows and columns.
    pub(crate) fn axes(&self) -> [Axis; 3] {
        [self.depth.as_deref().copied().unwrap_or(Axis::POINT), self.axis(0), self.axis(1)]
    }

    /// Extent of the dilated kernel on `axis`.
    pub(crate) fn reach(&self, axis: usize) -> usize {
        self.axis(axis).reach()
    }

    /// Output depth, height and width.
    pub(crate) fn output(&self, input: &Shape) -> Result<[usize; 3], OpError> {
        let ([depth, rows, columns], extents) = (self.axes(), dhw(input));
        let of = |axis: Axis, extent: usize| axis.output(extent, self.ceil_mode);
        Ok([of(depth, extents[0])?, of(rows, extents[1])?, of(columns, extents[2])?])
    }

    /// The input rows (axis 0) or columns (axis 1) under output position `at`, with their kernel positions; padding is left out.
    pub(crate) fn taps(&self, axis: usize, at: usize, extent: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        self.axis(axis).taps(at, extent)
    }
}

/// Height and width of a map, a missing height being one.
pub(crate) fn hw(shape: &Shape) -> [usize; 2] {
    let [_, height, width] = dhw(shape);
    [height, width]
}

/// The spatial extents of a map, missing ones being one.
pub(crate) fn dhw(shape: &Shape) -> [usize; 3] {
    match shape[..] {
        [_, _, w] => [1, 1, w],
        [_, _, h, w] => [1, h, w],
        [_, _, d, h, w] => [d, h, w],
        _ => [1; 3],
    }
}

/// `[batch, channels]` followed by as many of `spatial`'s extents as `like` has.
pub(crate) fn with_spatial(like: &Shape, batch: usize, channels: usize, spatial: [usize; 3]) -> Shape {
    let missing = 5usize.saturating_sub(like.rank()).min(2);
    let mut dims = vec![batch, channels];
    dims.extend_from_slice(&spatial[missing..]);
    Shape(dims)
}

/// One to three: the number of spatial dimensions of an `[N, C, ..]` shape.
pub(crate) fn spatial_rank(shape: &Shape) -> Result<usize, OpError> {
    match shape.rank() {
        3..=5 => Ok(shape.rank() - 2),
        rank => Err(OpError::unsupported(format!("input has {rank} dimensions: {shape}")).supported("[N,C,W], [N,C,H,W] and [N,C,D,H,W]")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes() -> Vec<Axis> {
        let mut axes = Vec::new();
        for pads in [[0, 0], [1, 0], [0, 1], [2, 3], [5, 1]] {
            for (kernel, stride) in (1..4).flat_map(|kernel| (1..4).map(move |stride| (kernel, stride))) {
                axes.extend([1, 2].map(|dilation| Axis { kernel, stride, dilation, pads }));
            }
        }
        axes
    }

    /// Against a padded map, cell by cell.
    #[test]
    fn windows_see_the_cells_of_a_padded_map() {
        for (axis, extent) in axes().into_iter().flat_map(|axis| (1..9).map(move |extent| (axis, extent))) {
            let padding = |index: usize| vec![None; axis.pads[index]];
            let padded: Vec<Option<usize>> = [padding(0), (0..extent).map(Some).collect(), padding(1)].concat();
            let last = |at: usize| at * axis.stride + (axis.kernel - 1) * axis.dilation;
            let windows = (0..padded.len()).take_while(|&at| last(at) < padded.len()).count();
            assert_eq!(axis.output(extent, false).ok(), (windows > 0).then_some(windows), "{axis:?} of {extent}");
            let mut sees_all = true;
            for at in 0..windows + 2 {
                let cells: Vec<_> = (0..axis.kernel).map(|k| (k, padded.get(at * axis.stride + k * axis.dilation))).collect();
                let inner: Vec<_> = cells.iter().filter_map(|&(k, cell)| Some((k, (*cell?)?))).collect();
                assert_eq!(axis.taps(at, extent).collect::<Vec<_>>(), inner, "{axis:?} of {extent} at {at}");
                let counts = [false, true].map(|include_pad| axis.count(at, extent, include_pad));
                let there = cells.iter().filter(|(_, cell)| cell.is_some()).count();
                assert_eq!(counts, [inner.len(), there], "{axis:?} of {extent} at {at}");
                assert_eq!(axis.reaches_cells(extent, at), sees_all, "{axis:?} of {extent}, {at} windows");
                sees_all &= !inner.is_empty();
            }
        }
    }

    #[test]
    fn same_padding_divides_the_extent_by_the_stride() {
        for (axis, extent) in axes().into_iter().flat_map(|axis| (1..9).map(move |extent| (axis, extent))) {
            for lower in [false, true] {
                let pads = axis.same_pads(extent, lower);
                let same = Axis { pads, ..axis };
                assert_eq!(same.output(extent, false).ok(), Some(extent.div_ceil(axis.stride)), "{same:?} of {extent}");
                let [small, large] = if lower { [pads[1], pads[0]] } else { pads };
                assert!(large - small <= 1, "{same:?} of {extent}");
            }
        }
    }

    #[test]
    fn a_last_window_that_is_cut_off_begins_on_the_map() {
        let axis = |kernel, stride, pads| Axis { kernel, stride, dilation: 1, pads };
        for (axis, extent, floor, ceil) in [
            (axis(3, 2, [0, 0]), 6, 2, 3),
            (axis(3, 2, [0, 0]), 7, 3, 3),
            (axis(2, 3, [0, 0]), 4, 1, 2),
            // It would begin on the padding behind the map.
            (axis(1, 2, [0, 1]), 4, 3, 2),
            (axis(2, 2, [1, 1]), 3, 2, 2),
        ] {
            assert_eq!([false, true].map(|ceil_mode| axis.output(extent, ceil_mode).ok()), [Some(floor), Some(ceil)], "{axis:?}");
        }
    }

    #[test]
    fn a_shape_has_as_many_extents_as_the_one_that_it_is_like() {
        for (like, dims) in [(vec![1, 8, 9], vec![2, 3, 6]), (vec![1; 4], vec![2, 3, 5, 6]), (vec![1; 5], vec![2, 3, 4, 5, 6])] {
            assert_eq!(with_spatial(&Shape(like), 2, 3, [4, 5, 6]), Shape(dims));
        }
        assert!(Window::whole(&Shape(vec![1, 2, 0, 4])).is_err() && Window::whole(&Shape(vec![1, 2])).is_err());
        assert_eq!(Window::whole(&Shape(vec![1, 2, 3, 4])).map(|window| window.kernel), Ok([3, 4]));
    }
}
