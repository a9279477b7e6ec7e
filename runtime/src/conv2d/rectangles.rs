//! Cuts a convolution's output into bands, rectangles of pixels that have the same taps, and blocks of channels.

use core::ops::Range;

use super::tiles::cut;
use super::{Conv2d, div_ceil};
use crate::lanes::arithmetic::Arithmetic;
use crate::taps::{Inside, taps_inside};

/// A range of output rows or columns that have the same taps on the input.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) begin: usize,
    pub(super) end: usize,
    pub(super) taps: Inside,
}

/// `N` output channels of one group.
#[derive(Clone, Copy)]
pub(super) struct Block {
    /// Where its weights begin.
    pub(super) w: usize,
    /// First input channel of the group.
    pub(super) channel: usize,
    /// First output channel.
    pub(super) filter: usize,
    /// How many of the `N` exist.
    pub(super) valid: usize,
}

impl<A: Arithmetic, const T: usize, const N: usize> Conv2d<A, T, N> {
    /// The rows (axis 0) or columns (axis 1) whose windows lie wholly on the input.
    #[inline(always)]
    pub(super) fn interior(&self, axis: usize) -> Range<usize> {
        let extent = if axis == 0 { self.input.height } else { self.input.width } as usize;
        let (pad, stride) = (self.pads[axis] as usize, self.strides[axis] as usize);
        let reach = (self.kernel[axis] as usize - 1) * self.dilations[axis] as usize;
        div_ceil(pad, stride)..div_ceil((extent + pad).saturating_sub(reach), stride)
    }

    /// A run that begins at `begin` and ends before `limit`, along rows (axis 0) or columns (axis 1).
    #[inline(always)]
    fn run_from(&self, axis: usize, interior: &Range<usize>, begin: usize, limit: usize) -> Run {
        if interior.contains(&begin) {
            return Run { begin, end: limit.min(interior.end), taps: Inside { begin: 0, end: self.kernel[axis] as usize } };
        }
        let extent = if axis == 0 { self.input.height } else { self.input.width };
        let (kernel, stride, dilation, pad) = (self.kernel[axis], self.strides[axis], self.dilations[axis], self.pads[axis]);
        let taps = |at| taps_inside(kernel, stride, dilation, pad, extent, at);
        let first = taps(begin);
        let mut end = begin + 1;
        while end < limit && taps(end) == first {
            end += 1;
        }
        Run { begin, end, taps: first }
    }

    /// The blocks of channels whose numbers are in `range`.
    #[inline(always)]
    pub(super) fn blocks(&self, range: Range<usize>) -> impl Iterator<Item = Block> {
        let words = div_ceil(self.depth as usize, A::WORD);
        let len = A::HEADER * N + (self.kernel[0] as usize) * (self.kernel[1] as usize) * words * N;
        let (depth, filters) = (self.depth as usize, self.filters as usize);
        let per_group = div_ceil(filters, N).max(1);
        let group = range.start / per_group;
        let (mut channel, mut first, mut filter) = (group * depth, group * filters, (range.start - group * per_group) * N);
        range.map(move |index| {
            let block = Block { w: index.wrapping_mul(len), channel, filter: first + filter, valid: N.min(filters - filter) };
            filter += N;
            if filter >= filters {
                (channel, first, filter) = (channel + depth, first + filters, 0);
            }
            block
        })
    }

    /// Cuts a piece of the output into rectangles of pixels that have the same taps.
    #[inline(always)]
    pub(super) fn for_each_rectangle(
        &self,
        interior: &[Range<usize>; 2],
        [rows, columns]: [Range<usize>; 2],
        mut work: impl FnMut(Run, Run),
    ) {
        let mut row = rows.start;
        while row < rows.end {
            let run = self.run_from(0, &interior[0], row, rows.end);
            let mut column = columns.start;
            while column < columns.end {
                let columns = self.run_from(1, &interior[1], column, columns.end);
                work(run, columns);
                column = columns.end;
            }
            row = run.end;
        }
    }

    /// Work of one block of channels under tiles of `pixels` pixels: the number of tiles, and the sum of their taps. None where a band, a
    /// kernel or a stride is zero.
    pub fn tiles(&self, pixels: usize) -> [u64; 2] {
        if !self.window_fits() {
            return [0, 0];
        }
        let mut total = [0, 0];
        let interior = [self.interior(0), self.interior(1)];
        for_each_band(self.band, [0..self.output.height as usize, 0..self.output.width as usize], |piece| {
            if self.pool.is_some() {
                let tiles: usize = self.windows(piece).iter().map(|windows| windows.tiles(pixels)).sum();
                total = [total[0] + tiles as u64, total[1] + tiles as u64];
                return;
            }
            self.for_each_rectangle(&interior, piece, |rows, columns| {
                let taps = (rows.taps.end - rows.taps.begin) * (columns.taps.end - columns.taps.begin);
                let tiles = cut(pixels, rows.end - rows.begin, columns.end - columns.begin, taps * self.depth as usize).1 as u64;
                total = [total[0] + tiles, total[1] + tiles * taps as u64];
            });
        });
        total
    }
}

/// Cuts an output into pieces of `band` rows and columns.
#[inline(always)]
pub(super) fn for_each_band(band: [u32; 2], [rows, columns]: [Range<usize>; 2], mut work: impl FnMut([Range<usize>; 2])) {
    let mut row = rows.start;
    while row < rows.end {
        let last_row = rows.end.min(row.saturating_add(band[0] as usize));
        let mut column = columns.start;
        while column < columns.end {
            let last_column = columns.end.min(column.saturating_add(band[1] as usize));
            work([row..last_row, column..last_column]);
            column = last_column;
        }
        row = last_row;
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, Conv2d, for_each_band, taps_inside};
    use crate::lanes::arithmetic::Plain;
    use crate::views::Pixels;

    /// Every pixel lies in one rectangle, of which all pixels have its taps.
    #[test]
    fn rectangles_are_of_pixels_with_the_same_taps() {
        for (kernel, stride, dilation, pad) in [(1, 1, 1, 0), (3, 1, 1, 1), (3, 2, 1, 1), (2, 1, 3, 2), (5, 3, 1, 4), (3, 1, 2, 5)] {
            for (height, width) in (1..9).flat_map(|height| [1, 4, 9].map(|width| (height, width))) {
                let size = [height, width].map(|extent: u32| (extent + 2 * pad).saturating_sub((kernel - 1) * dilation + 1) / stride + 1);
                let [input, output] = [[height, width, 1], [size[0], size[1], 1]].map(Pixels::new);
                let conv = Conv2d::<Plain, 1, 1>::new(input, output).kernel([kernel; 2]).strides([stride; 2]);
                let conv = conv.dilations([dilation; 2]).pads([pad; 2]);
                let [rows, columns] = size.map(|extent| extent as usize);
                let mut seen = [[0_u8; 24]; 24];
                conv.for_each_rectangle(&[conv.interior(0), conv.interior(1)], [0..rows, 0..columns], |rows, columns| {
                    for (y, x) in (rows.begin..rows.end).flat_map(|y| (columns.begin..columns.end).map(move |x| (y, x))) {
                        seen[y][x] += 1;
                        let taps = [(height, y), (width, x)].map(|(extent, at)| taps_inside(kernel, stride, dilation, pad, extent, at));
                        assert!(taps == [rows.taps, columns.taps], "pixel {y},{x}: {conv:?}");
                    }
                });
                let once =
                    |(y, row): (usize, &[u8; 24])| row.iter().enumerate().all(|(x, &count)| count == u8::from(y < rows && x < columns));
                assert!(seen.iter().enumerate().all(once), "{conv:?}");
            }
        }
    }

    /// Of every group the filters, `N` at a time, in the order of their weights; from any block on the same.
    #[test]
    fn blocks_have_every_filter_of_every_group_once() {
        for (group, depth, filters) in [(1, 3, 4), (1, 3, 9), (2, 1, 5), (3, 2, 4), (4, 2, 1)] {
            let conv = Conv2d::<Plain, 1, 4>::new(Pixels::new([2, 2, group * depth]), Pixels::new([2, 2, group * filters]));
            let conv = conv.kernel([3, 2]).group(group);
            let count = (group * filters.div_ceil(4)) as usize;
            let (mut next, mut last) = (0, None);
            for (index, block) in conv.blocks(0..count).enumerate() {
                // A block's biases and the weights of its taps.
                assert_eq!(block.w, index * 4 * (1 + 3 * 2 * depth as usize), "{conv:?}");
                assert_eq!((block.filter, block.channel), (next, next / filters as usize * depth as usize), "{conv:?}");
                next += block.valid;
                last = Some(next);
                // None reaches into the next group.
                assert!((1..=4).contains(&block.valid) && (next - 1) / filters as usize == block.filter / filters as usize, "{conv:?}");
            }
            assert_eq!(last, Some((group * filters) as usize));
            let of = |block: Block| [block.w, block.channel, block.filter, block.valid];
            for first in 0..count {
                assert!(conv.blocks(first..count).map(of).eq(conv.blocks(0..count).skip(first).map(of)), "from {first}: {conv:?}");
            }
        }
    }

    #[test]
    fn bands_make_the_whole() {
        for band in [[1, 1], [2, 3], [5, 7], [1, u32::MAX], [u32::MAX, 2], [u32::MAX; 2]] {
            let mut seen = [[0_u8; 7]; 5];
            for_each_band(band, [1..5, 0..7], |[rows, columns]| {
                assert!(rows.len() <= band[0] as usize && columns.len() <= band[1] as usize);
                seen[rows].iter_mut().for_each(|row| row[columns.clone()].iter_mut().for_each(|count| *count += 1));
            });
            assert!(seen[0] == [0; 7] && seen[1..].iter().all(|row| *row == [1; 7]), "{band:?}");
        }
    }
}
