//! The sliding window that convolutions and pools share: its attributes and its shape rule.
//!
//! One spatial dimension is held as two, with a height of one.

use crate::ir::Shape;
use crate::onnx::node::NodeView;
use crate::ops::OpError;

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

    /// Reads the window's attributes; `kernel` is the weights' extent where `kernel_shape` is left out, `input` the type's shape.
    pub(crate) fn parse(node: &NodeView<'_>, kernel: Option<&[usize]>, input: &Shape) -> Result<Self, OpError> {
        let spatial = spatial_rank(input)?;
        let kernel = match (node.ints("kernel_shape")?, kernel) {
            (Some(ints), _) => pair(ints, spatial, "kernel_shape", 1)?,
            (None, Some(dims)) => pair(&dims.iter().map(|&d| d as i64).collect::<Vec<_>>(), spatial, "kernel_shape", 1)?,
            (None, None) => return Err(OpError::new("attribute `kernel_shape` is missing")),
        };
        let or_ones = |name| node.ints(name)?.map_or(Ok([1, 1]), |ints| pair(ints, spatial, name, 1));
        let mut window = Window {
            kernel,
            strides: or_ones("strides")?,
            dilations: or_ones("dilations")?,
            pads: explicit_pads(node, spatial)?,
            ceil_mode: node.int("ceil_mode")?.unwrap_or(0) != 0,
        };
        match node.string("auto_pad")?.unwrap_or("NOTSET") {
            "NOTSET" => {}
            "VALID" => window.pads = [0; 4],
            "SAME_UPPER" => window.pad_same(input, false),
            "SAME_LOWER" => window.pad_same(input, true),
            other => {
                return Err(OpError::new(format!("attribute `auto_pad` is `{other}`")).supported("NOTSET, VALID, SAME_UPPER, SAME_LOWER"));
            }
        }
        window.output(input)?;
        Ok(window)
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
    fn pad_same(&mut self, input: &Shape, lower: bool) {
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
fn spatial_rank(shape: &Shape) -> Result<usize, OpError> {
    match shape.rank() {
        3 | 4 => Ok(shape.rank() - 2),
        rank => Err(OpError::unsupported(format!("input has {rank} dimensions: {shape}")).supported("[N,C,W] and [N,C,H,W]")),
    }
}

/// Attribute `name` as (height, width), each at least `least` and at most 2^16.
fn pair(ints: &[i64], spatial: usize, name: &str, least: i64) -> Result<[usize; 2], OpError> {
    let ok = ints.len() == spatial && ints.iter().all(|&i| (least..=1 << 16).contains(&i));
    match (ok, ints) {
        (true, &[w]) => Ok([least.max(1) as usize, w as usize]),
        (true, &[h, w]) => Ok([h as usize, w as usize]),
        _ => Err(OpError::new(format!("attribute `{name}` is {ints:?}")).supported(format!("{spatial} values from {least} to 65536"))),
    }
}

fn explicit_pads(node: &NodeView<'_>, spatial: usize) -> Result<[usize; 4], OpError> {
    let Some(ints) = node.ints("pads")? else { return Ok([0; 4]) };
    let ok = ints.len() == 2 * spatial && ints.iter().all(|i| (0..=1 << 16).contains(i));
    match (ok, ints) {
        (true, &[left, right]) => Ok([0, left as usize, 0, right as usize]),
        (true, &[t, l, b, r]) => Ok([t, l, b, r].map(|i| i as usize)),
        _ => Err(OpError::new(format!("attribute `pads` is {ints:?}")).supported(format!("{} values from 0 to 65536", 2 * spatial))),
    }
}
