//! Views of operands, as maps of pixels or under common dimensions: joined where all operands step as one, ordered for the output.

use peleec_runtime::{MAX_RANK, Pixels};

use super::words::words;
use crate::diagnostics::OpError;
use crate::tensor::DType;

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

#[cfg(test)]
mod tests {
    use super::*;

    fn view(dims: &[usize], strides: &[usize], ring: Option<usize>) -> View {
        View { dtype: DType::F32, dims: dims.to_vec(), strides: strides.to_vec(), ring }
    }

    #[test]
    fn every_element_of_a_map_lies_where_its_view_says() {
        for (dims, strides, [rows, columns, channels]) in [
            (&[5, 3][..], &[7, 2][..], [None, Some(0), Some(1)]),
            (&[1, 3, 5], &[99, 2, 7], [None, Some(2), Some(1)]),
            (&[1, 3, 4, 5], &[0, 1, 20, 4], [Some(2), Some(3), Some(1)]),
            (&[1, 1, 4, 1], &[99, 50, 9, 70], [Some(2), Some(3), Some(1)]),
            (&[1, 3, 1, 1], &[99, 50, 9, 70], [Some(2), Some(3), Some(1)]),
        ] {
            let map = view(dims, strides, None).pixels();
            let extent = |axis: Option<usize>| axis.map_or(1, |axis| dims[axis]);
            assert_eq!([map.height, map.width, map.channels].map(|extent| extent as usize), [rows, columns, channels].map(extent));
            for index in 0..extent(rows) * extent(columns) * extent(channels) {
                let (pixel, c) = (index / extent(channels), index % extent(channels));
                let (y, x) = (pixel / extent(columns), pixel % extent(columns));
                let at = |axis: Option<usize>, place: usize| axis.map_or(0, |axis| place * strides[axis]);
                let found = y * map.row as usize + x * map.pixel as usize + c * map.channel as usize;
                assert_eq!(found, at(rows, y) + at(columns, x) + at(channels, c), "{map:?}");
            }
        }
    }

    #[test]
    fn a_ring_has_no_more_rows_than_its_map() {
        let ring = |rows| view(&[1, 2, 4, 3], &[0, 1, 6, 2], rows).pixels().ring;
        assert_eq!([None, Some(2), Some(9)].map(ring), [4, 2, 4]);
    }

    #[test]
    fn repeated_dimensions_take_no_step() {
        assert_eq!(view(&[3, 1], &[5, 7], None).broadcast(&[2, 3, 4]), [0, 5, 0]);
    }

    /// Where the elements lie in both operands.
    fn places(dims: &[usize], strides: [&[usize]; 2]) -> Vec<[usize; 2]> {
        let mut places = vec![[0, 0]];
        for (axis, &dim) in dims.iter().enumerate() {
            let steps = [strides[0][axis], strides[1][axis]];
            let along = |place: [usize; 2]| (0..dim).map(move |at| [place[0] + at * steps[0], place[1] + at * steps[1]]);
            places = places.into_iter().flat_map(along).collect();
        }
        places.sort_unstable();
        places
    }

    #[test]
    fn joined_dimensions_have_the_same_elements() {
        let dense: &[usize] = &[12, 4, 1];
        for (dims, strides, fixed, left) in [
            (&[2, 3, 4], [dense, dense], usize::MAX, &[24][..]),
            (&[2, 3, 4], [dense, dense], 2, &[6, 4]),
            // A transpose: two of the three still step as one.
            (&[2, 3, 4], [dense, &[3, 1, 6]], usize::MAX, &[4, 6]),
            // One of extent one is left out, and a broadcast one joins nothing.
            (&[2, 1, 3], [&[0, 0, 1], &[3, 3, 1]], usize::MAX, &[2, 3]),
        ] {
            let common = Common::new(dims, strides, fixed).unwrap();
            assert_eq!(common.dims, left);
            let dims_of = |words: [u32; MAX_RANK]| words.map(|word| word as usize);
            let [a, b] = [0, 1].map(|operand| dims_of(common.strides(operand)));
            assert_eq!(places(&dims_of(common.dims()), [&a, &b]), places(dims, strides));
        }
        let apart = Common::new(&[2; 7], [&[1, 2, 4, 8, 16, 32, 64], &[64, 32, 16, 8, 4, 2, 1]], usize::MAX);
        assert!(apart.err().is_some_and(|error| error.to_string().contains("7 dimensions")));
    }
}
