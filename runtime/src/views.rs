//! Views: how a kernel sees the elements of an operand, and how it counts through them.

/// The most dimensions that an element-wise view has.
pub const MAX_RANK: usize = 6;

/// A map of pixels inside a region: `height` rows of `width` pixels of `channels` values, with the distances between them in
/// elements. Element (y, x, c) lies at `y * row + x * pixel + c * channel`.
///
/// A dense NHWC map has `channel == 1`, `pixel == channels`, `row == width * pixel`; a channel slice of a wider host has a larger
/// `pixel`; a planar (NCHW) map has `pixel == 1`, `row == width`, `channel == height * width`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Rows.
    pub height: u32,
    /// Pixels in a row.
    pub width: u32,
    /// Values in a pixel.
    pub channels: u32,
    /// Distance between rows.
    pub row: u32,
    /// Distance between pixels of a row.
    pub pixel: u32,
    /// Distance between channels of a pixel.
    pub channel: u32,
    /// Rows that are stored: row y lies where row `y % ring` does. A map that is stored whole has `ring == height`.
    pub ring: u32,
}

impl Pixels {
    /// A dense map, channels-last, of so many rows, pixels in a row and values in a pixel, that is stored whole.
    pub const fn new([height, width, channels]: [u32; 3]) -> Self {
        // Such a map that is too large has no extent.
        let row = width.saturating_mul(channels);
        Pixels { height, width, channels, row, pixel: channels, channel: 1, ring: height }
    }

    /// With other distances: between rows, between pixels of a row, and between values of a pixel.
    #[must_use]
    pub const fn distances(self, [row, pixel, channel]: [u32; 3]) -> Self {
        Pixels { row, pixel, channel, ..self }
    }

    /// With so many rows that are stored.
    #[must_use]
    pub const fn ring(self, ring: u32) -> Self {
        Pixels { ring, ..self }
    }

    /// The number of elements from the first to the last of the rows that are stored, both included; none where an extent is zero or
    /// the number exceeds `u32`.
    pub const fn extent(&self) -> Option<usize> {
        let rows = if self.is_ring() { self.ring } else { self.height };
        extent(&[rows, self.width, self.channels], &[self.row, self.pixel, self.channel])
    }

    /// Whether every element of the rows that are stored has a place of its own, as kernels want of what several cores write: the distance
    /// along each axis is more than all shorter ones reach together.
    pub(crate) const fn is_exclusive(&self) -> bool {
        let rows = if self.is_ring() { self.ring } else { self.height };
        let axes = [(rows, self.row), (self.width, self.pixel), (self.channels, self.channel)];
        let mut axis = 0;
        while axis < axes.len() {
            let (extent, distance) = axes[axis];
            let (mut reach, mut other) = (0, 0);
            while other < axes.len() {
                let (extent, shorter) = axes[other];
                let is_shorter = shorter < distance || (shorter == distance && other > axis);
                if other != axis && is_shorter && extent > 1 {
                    reach += (extent as u64 - 1) * shorter as u64;
                }
                other += 1;
            }
            if extent > 1 && distance as u64 <= reach {
                return false;
            }
            axis += 1;
        }
        true
    }

    /// Whether this has as many rows, and as many pixels in a row, as that.
    pub(crate) const fn covers(&self, other: &Pixels) -> bool {
        self.height == other.height && self.width == other.width
    }

    /// Whether all three extents are those of the other map.
    pub(crate) const fn has_extents_of(&self, other: &Pixels) -> bool {
        self.covers(other) && self.channels == other.channels
    }

    /// Whether not all rows are stored.
    pub(crate) const fn is_ring(&self) -> bool {
        self.ring < self.height
    }

    /// The row in whose place row `row` lies.
    const fn slot(&self, row: usize) -> usize {
        if self.ring == 0 { 0 } else { row % self.ring as usize }
    }

    /// What leads from where row `row` would lie in a map that is stored whole to where it does; the arithmetic wraps.
    pub(crate) const fn shift(&self, row: usize) -> usize {
        self.slot(row).wrapping_sub(row).wrapping_mul(self.row as usize)
    }

    /// Where a pixel begins, if the map is stored whole; the arithmetic wraps.
    #[inline(always)]
    pub(crate) const fn place(&self, row: usize, column: usize) -> usize {
        row.wrapping_mul(self.row as usize).wrapping_add(column.wrapping_mul(self.pixel as usize))
    }

    /// The first element of row `row`, and one past its last.
    pub(crate) const fn row_span(&self, row: usize) -> (usize, usize) {
        let begin = self.slot(row) * self.row as usize;
        let last = (self.width as usize - 1) * self.pixel as usize + (self.channels as usize - 1) * self.channel as usize;
        (begin, begin + last + 1)
    }
}

/// The number of elements from the first to the last of a strided view, both included; none where an extent is zero or the number
/// exceeds `u32`.
pub(crate) const fn extent<const N: usize>(dims: &[u32; N], strides: &[u32; N]) -> Option<usize> {
    let mut last: u64 = 0;
    let mut axis = 0;
    while axis < N {
        if dims[axis] == 0 {
            return None;
        }
        last = match (dims[axis] as u64 - 1).checked_mul(strides[axis] as u64) {
            Some(reach) if reach <= u32::MAX as u64 => last + reach,
            _ => return None,
        };
        axis += 1;
    }
    if last < u32::MAX as u64 { Some(last as usize + 1) } else { None }
}

/// Whether every value is at most 2^20.
pub(crate) const fn small(values: &[u32; 2]) -> bool {
    values[0] <= 1 << 20 && values[1] <= 1 << 20
}

/// Whether the positions of every tap of a window from `input` to `output`, counted from the start of the padding, fit 31 bits.
pub(crate) const fn window_fits(input: &Pixels, output: &Pixels, strides: &[u32; 2], kernel: &[u32; 2], dilations: &[u32; 2]) -> bool {
    let map = input.height <= 1 << 30 && input.width <= 1 << 30;
    let (rows, columns) = (output.height as u64 * strides[0] as u64, output.width as u64 * strides[1] as u64);
    let (below, right) = (kernel[0] as u64 * dilations[0] as u64, kernel[1] as u64 * dilations[1] as u64);
    map && rows <= 1 << 30 && columns <= 1 << 30 && below <= 1 << 30 && right <= 1 << 30 && small(kernel)
}

/// What a geometry says about its operands' lengths, in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Input.
    pub x: usize,
    /// Second input (a residual, an operand); zero where there is none.
    pub r: usize,
    /// Weights; zero where there are none.
    pub w: usize,
    /// Output.
    pub y: usize,
}

/// Whether each element of one view lies where that of another of the same extents does, and apart from all others of a different index
/// along one dimension, if both begin at the same place.
pub(crate) const fn in_place(dims: &[u32; MAX_RANK], input: &[u32; MAX_RANK], output: &[u32; MAX_RANK]) -> bool {
    let mut axis = 0;
    while axis < MAX_RANK {
        if dims[axis] > 1 && (input[axis] != output[axis] || input[axis] == 0) {
            return false;
        }
        axis += 1;
    }
    true
}

/// Counts through every index of all dimensions but the last, innermost fastest.
pub(crate) struct Odometer {
    dims: [u32; MAX_RANK],
    index: [u32; MAX_RANK],
}

impl Odometer {
    pub(crate) fn new(dims: &[u32; MAX_RANK]) -> Self {
        Odometer { dims: *dims, index: [0; MAX_RANK] }
    }

    /// Where the present index lies under `strides`.
    pub(crate) fn at(&self, strides: &[u32; MAX_RANK]) -> usize {
        self.index.iter().zip(strides).map(|(i, stride)| *i as usize * *stride as usize).sum()
    }

    /// The present index.
    pub(crate) fn index(&self) -> &[u32; MAX_RANK] {
        &self.index
    }

    /// Steps on; false after the last index.
    pub(crate) fn advance(&mut self) -> bool {
        for (i, dim) in self.index.iter_mut().zip(&self.dims).rev().skip(1) {
            *i += 1;
            if *i < *dim {
                return true;
            }
            *i = 0;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers below a limit, the same in every run.
    struct Random(u32);

    impl Random {
        fn below(&mut self, n: u32) -> u32 {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (self.0 >> 8) % n
        }

        fn numbers<const N: usize>(&mut self, first: u32, n: u32) -> [u32; N] {
            [(); N].map(|()| first + self.below(n))
        }
    }

    /// Calls `each` with where every element of a map lies.
    fn elements(map: &Pixels, mut each: impl FnMut(usize)) {
        for y in 0..map.height.min(map.ring) {
            for x in 0..map.width {
                (0..map.channels).for_each(|c| each((y * map.row + x * map.pixel + c * map.channel) as usize));
            }
        }
    }

    #[test]
    fn exclusive_elements_share_no_place() {
        let (mut random, mut tally) = (Random(1), [0; 2]);
        for _ in 0..20_000 {
            let [height, width, channels] = random.numbers(1, 4);
            let (distances, ring) = (random.numbers::<3>(0, 14), 1 + random.below(height));
            let map = Pixels::new([height, width, channels]).distances(distances).ring(ring);
            let (mut taken, mut is_shared, mut last) = ([false; 256], false, 0);
            elements(&map, |at| {
                is_shared |= core::mem::replace(&mut taken[at], true);
                last = last.max(at);
            });
            assert_eq!(map.extent(), Some(last + 1), "{map:?}");
            assert!(!map.is_exclusive() || !is_shared, "{map:?}");
            tally[usize::from(map.is_exclusive())] += 1;
        }
        assert!(tally.iter().all(|&count| count > 1000), "{tally:?}");
    }

    /// Dense maps, slices of wider ones and planar maps are, whatever their extents: one element is exclusive of none.
    #[test]
    fn usual_maps_are_exclusive() {
        let mut random = Random(2);
        for _ in 0..2000 {
            let [height, width, channels] = random.numbers(1, 5);
            let (wider, more) = (channels + random.below(3), random.below(3));
            let dense = Pixels::new([height, width, channels]);
            for map in [
                dense,
                dense.distances([width * wider + more, wider, 1]),
                dense.distances([width, 1, height * width]),
                dense.distances([wider, wider * height, 1]),
            ] {
                assert!(map.is_exclusive() && map.ring(1).is_exclusive(), "{map:?}");
            }
        }
        assert!(Pixels::new([1, 1, 1]).distances([0, 0, 0]).is_exclusive());
        let most = u32::MAX;
        for map in [Pixels::new([2, 1, 1]).distances([most, most, most]), Pixels::new([1, 1, most]).distances([0, 0, 1])] {
            assert!(map.is_exclusive(), "{map:?}");
        }
    }

    #[test]
    fn an_extent_counts_to_the_last_element_or_there_is_none() {
        let most = u32::MAX;
        for (dims, strides, wanted) in [
            ([1, 1, 1], [most, most, most], Some(1)),
            ([2, 1, 1], [most - 1, 0, 0], Some(most as usize)),
            ([2, 1, 1], [most, 0, 0], None),
            ([2, 2, 1], [most - 1, 1, 0], None),
            ([most, 1, 1], [1, 0, 0], Some(most as usize)),
            ([most, most, most], [0, 0, 0], Some(1)),
            ([most, most, 2], [most, most, most], None),
            ([1, 0, 1], [1, 1, 1], None),
        ] {
            assert_eq!(extent(&dims, &strides), wanted, "{dims:?} {strides:?}");
        }
    }

    /// From where a row would lie in a map that is stored whole to where it does.
    #[test]
    fn rows_of_a_ring_lie_in_its_slots() {
        let mut random = Random(3);
        for _ in 0..2000 {
            let [height, width, channels] = random.numbers(1, 6);
            let map = Pixels::new([height, width, channels]).distances([width * channels + 1, channels, 1]).ring(1 + random.below(height));
            for row in 0..height as usize {
                let begin = row % map.ring as usize * map.row as usize;
                assert_eq!((row * map.row as usize).wrapping_add(map.shift(row)), begin);
                assert_eq!(map.row_span(row), (begin, begin + (width * channels) as usize));
            }
        }
        assert_eq!(Pixels::new([3, 1, 1]).ring(0).row_span(2), (0, 1), "a ring of no rows divides by nothing");
    }

    #[test]
    fn an_odometer_counts_through_all_but_the_last_dimension() {
        let mut random = Random(4);
        for _ in 0..300 {
            let (dims, strides) = (random.numbers::<MAX_RANK>(1, 3), random.numbers::<MAX_RANK>(0, 50));
            let mut odometer = Odometer::new(&dims);
            let count: u32 = dims[..MAX_RANK - 1].iter().product();
            for number in 0..count {
                let (mut rest, mut at) = (number, 0);
                for axis in (0..MAX_RANK - 1).rev() {
                    assert_eq!(odometer.index()[axis], rest % dims[axis]);
                    at += (rest % dims[axis]) as usize * strides[axis] as usize;
                    rest /= dims[axis];
                }
                assert_eq!(odometer.at(&strides), at);
                assert_eq!(odometer.advance(), number + 1 < count, "{dims:?}");
            }
        }
    }

    /// An element that is written over its input lies where it was read, and where no other is.
    #[test]
    fn views_that_lie_over_each_other() {
        let mut random = Random(5);
        let mut alike = 0;
        for _ in 0..20_000 {
            let mut dims = [1; MAX_RANK];
            dims[3..].copy_from_slice(&random.numbers::<3>(1, 3));
            let input = random.numbers::<MAX_RANK>(0, 4);
            let output = input.map(|stride| if random.below(8) == 0 { stride + 1 } else { stride });
            if !in_place(&dims, &input, &output) {
                continue;
            }
            alike += 1;
            let mut odometer = Odometer::new(&dims);
            let mut more = true;
            while more {
                let rests = [&input, &output].map(|strides| odometer.at(strides) + (dims[5] as usize - 1) * strides[5] as usize);
                assert_eq!(rests[0], rests[1], "{dims:?} {input:?} {output:?}");
                // A step along any one dimension is one in memory, too.
                assert!((0..MAX_RANK).all(|axis| dims[axis] == 1 || input[axis] > 0), "{dims:?} {input:?}");
                more = odometer.advance();
            }
        }
        assert!(alike > 1000, "{alike}");
        assert!(in_place(&[1, 1, 2, 3, 4, 5], &[0, 0, 60, 20, 5, 1], &[7, 9, 60, 20, 5, 1]));
        assert!(!in_place(&[1, 1, 2, 3, 4, 5], &[0, 0, 60, 20, 5, 0], &[0, 0, 60, 20, 5, 0]));
    }
}
