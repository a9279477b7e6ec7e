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
