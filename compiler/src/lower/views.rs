//! Views of operands, as maps of pixels or under common dimensions: joined where all operands step as one, ordered for the output.

use peleec_runtime::{MAX_RANK, Pixels};

use super::words::words;
use crate::diagnostics::OpError;
use crate::ir::DType;

/// Elements' type, and extents and strides in ONNX's order.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) dtype: DType,
    pub(crate) dims: Vec<usize>,
    pub(crate) strides: Vec<usize>,
    /// The rows of the buffer, where it is a ring.
    pub(crate) ring: Option<usize>,
}

impl View {
    /// A map of pixels: `[M, C]`, `[1, C, W]` or `[1, C, H, W]`.
    pub(crate) fn pixels(&self) -> Pixels {
        let at = |axis: Option<usize>| axis.map_or((1, 0), |axis| (self.dims[axis], self.strides[axis]));
        let (height, width) = match self.dims.len() {
            2 => (None, Some(0)),
            3 => (None, Some(2)),
            _ => (Some(2), Some(3)),
        };
        let ((height, row), (width, pixel)) = (at(height), at(width));
        let (channels, channel) = at(Some(1));
        let channel = if channels == 1 { 1 } else { channel };
        let pixel = if width == 1 { if height == 1 { channels * channel } else { row } } else { pixel };
        let row = if height == 1 { width * pixel } else { row };
        let [height, width, channels, row, pixel, channel] = words([height, width, channels, row, pixel, channel]);
        let ring = self.ring.and_then(|ring| u32::try_from(ring).ok()).map_or(height, |ring| ring.min(height));
        Pixels { height, width, channels, row, pixel, channel, ring }
    }

    /// The strides broadcast to `dims`: zero along repeated dimensions.
    pub(crate) fn broadcast(&self, dims: &[usize]) -> Vec<usize> {
        let missing = dims.len() - self.dims.len();
        let own = |axis: usize| if self.dims[axis] == 1 { 0 } else { self.strides[axis] };
        (0..dims.len()).map(|axis| axis.checked_sub(missing).map_or(0, own)).collect()
    }
}

/// Element-wise operands: `N` stride lists over common dimensions, at most [`MAX_RANK`] of them after joining.
pub(crate) struct Common<const N: usize> {
    dims: Vec<usize>,
    strides: [Vec<usize>; N],
}

impl<const N: usize> Common<N> {
    /// Joins dimensions that all operands step through as one, the last operand's longest steps outermost; dimensions from
    /// `fixed` on keep their place.
    pub(crate) fn new(dims: &[usize], strides: [&[usize]; N], fixed: usize) -> Result<Self, OpError> {
        let mut axes: Vec<usize> = (0..dims.len()).filter(|&axis| axis >= fixed || dims[axis] > 1).collect();
        let movable = axes.iter().filter(|&&axis| axis < fixed).count();
        axes[..movable].sort_by_key(|&axis| std::cmp::Reverse(strides[N - 1][axis]));
        let mut common = Common { dims: Vec::new(), strides: [const { Vec::new() }; N] };
        for axis in axes {
            let joins = axis < fixed
                && common.dims.last().is_some()
                && (0..N).all(|i| common.strides[i].last() == Some(&(dims[axis] * strides[i][axis])));
            match common.dims.last_mut() {
                Some(last) if joins => *last *= dims[axis],
                _ => common.dims.push(dims[axis]),
            }
            for (list, strides) in common.strides.iter_mut().zip(&strides) {
                if joins {
                    list.pop();
                }
                list.push(strides[axis]);
            }
        }
        if common.dims.len() > MAX_RANK {
            return Err(OpError::unsupported(format!("needs {} dimensions at run time", common.dims.len())).supported("6 dimensions"));
        }
        Ok(common)
    }

    pub(crate) fn dims(&self) -> [u32; MAX_RANK] {
        leading(&self.dims, 1)
    }

    pub(crate) fn strides(&self, operand: usize) -> [u32; MAX_RANK] {
        leading(&self.strides[operand], 0)
    }
}

/// `values` at the end, `fill` before them.
pub(crate) fn leading(values: &[usize], fill: u32) -> [u32; MAX_RANK] {
    let mut result = [fill; MAX_RANK];
    for (slot, &value) in result.iter_mut().rev().zip(values.iter().rev()) {
        *slot = u32::try_from(value).unwrap_or(u32::MAX);
    }
    result
}
