//! Maps of another size: each pixel of some neighbours' values, by tables.

use core::ops::Range;

use crate::geometry::geometry;
use crate::kernel::map_kernel;
use crate::lanes::{Eight, Four, Sixteen, Vector};
use crate::rows::{Area, MapLeaf, Pointers, RowWindow, Wrap, map_rows};
use crate::views::{Extent, Pixels, small};

geometry! {
    /// Geometry of a resize. The weights say for each row of the output, then for each column, what it is made of: the number of the first
    /// row or column of the input, and the factors of `taps` of them from there on, as the bits of floats. Sums begin at zero and run over
    /// (ky, kx); each product of a row's factor and a column's is multiplied with the value. One tap in both directions is copied. In place
    /// of rows that `reads` does not name, and of rows and columns that the input does not have, the nearest are read.
    pub struct Resample [] [] {
        /// The map that is read.
        input: Pixels,
        /// The map that is written.
        output: Pixels,
    }
    options {
        /// How many rows and columns of the input a pixel is made of; one by default.
        taps: [u32; 2] = [1, 1],
        /// What a pixel is whose first row or column is below zero; zero by default.
        outside: f32 = 0.0,
        /// Stride, divisor, pad and reach of what rows are made of: row y of `reach` rows from `y * stride / divisor - pad` on, the
        /// quotient rounded down; the row of the same number by default.
        reads: [u32; 4] = [1, 1, 0, 1],
    }
    by_hand {}
    derived {}
}

impl Resample {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        let [stride, divisor, pad, reach] = self.reads;
        let fits = self.input.height <= 1 << 30 && self.output.height as u64 * stride as u64 <= 1 << 30;
        if self.input.channels != self.output.channels || !fits || !small(&self.taps) || !small(&[pad, reach]) {
            return None;
        }
        if self.taps[0] == 0 || self.taps[1] == 0 || divisor == 0 || reach <= pad {
            return None;
        }
        // The rows of the last window begin on the map or above it, and so do all others; that of the first ends on it or below.
        let last = (self.output.height as u64).saturating_sub(1) * stride as u64 / divisor as u64;
        if last >= self.input.height as u64 + pad as u64 {
            return None;
        }
        let rows = self.output.height as u64 * (1 + self.taps[0] as u64);
        let w = rows + self.output.width as u64 * (1 + self.taps[1] as u64);
        match (self.input.extent(), self.output.extent()) {
            (Some(x), Some(y)) if w < u32::MAX as u64 && self.output.is_exclusive() => Some(Extent { x, r: 0, w: w as usize, y }),
            _ => None,
        }
    }

    /// What a row of the output is made of.
    pub const fn row_window(&self) -> RowWindow {
        let [stride, divisor, pad, kernel] = self.reads;
        RowWindow { kernel, stride, divisor, dilation: 1, pad }
    }

    map_rows!(f32, i32 => f32);

    /// What computes an area of the output.
    #[inline(always)]
    pub(crate) fn leaf(&self) -> MapLeaf<Self, f32, i32, f32> {
        area
    }
}

map_kernel!([] Resample, f32, i32 => f32);

/// # Safety
/// As [`MapLeaf`].
#[inline(never)]
unsafe fn area(g: &Resample, rows: Range<usize>, columns: Range<usize>, x: *const f32, w: *const i32, y: *mut f32, wrap: Wrap) {
    let [row_len, column_len] = [1 + g.taps[0] as usize, 1 + g.taps[1] as usize];
    let column_table = w.wrapping_add((g.output.height as usize).wrapping_mul(row_len));
    let (pad, reach) = (g.reads[2] as usize, g.reads[3] as usize);
    let channels = g.output.channels as usize;
    let dense = g.input.channel == 1 && g.output.channel == 1;
    for oy in rows {
        let origin = g.row_window().origin(oy);
        let end = (origin + reach).wrapping_sub(pad).min(g.input.height as usize);
        let span = Span { first: origin.saturating_sub(pad), last: end.wrapping_sub(1), tap: pad.wrapping_sub(origin) };
        let row = w.wrapping_add(oy.wrapping_mul(row_len));
        for ox in columns.clone() {
            let column = column_table.wrapping_add(ox.wrapping_mul(column_len));
            let at = oy.wrapping_mul(g.output.row as usize).wrapping_add(ox.wrapping_mul(g.output.pixel as usize));
            let pixel = Pixel { g, x, y: y.wrapping_add(at), row, column, span, wrap };
            let mut c = 0;
            // SAFETY: the channels exist.
            unsafe {
                if dense {
                    c = pixel.channels::<Sixteen>(c, channels);
                    c = pixel.channels::<Eight>(c, channels);
                    c = pixel.channels::<Four>(c, channels);
                }
                while c < channels {
                    pixel.compute::<f32>(c);
                    c += 1;
                }
            }
        }
    }
}

/// The rows of the input that may be read for a row of the output, of which there is one at least.
#[derive(Clone, Copy)]
struct Span {
    first: usize,
    last: usize,
    /// What makes a row's number its number in the window; it wraps.
    tap: usize,
}

/// An output pixel.
struct Pixel<'a> {
    g: &'a Resample,
    x: *const f32,
    y: *mut f32,
    /// Its row's and its column's place in the tables.
    row: *const i32,
    column: *const i32,
    span: Span,
    wrap: Wrap,
}

impl Pixel<'_> {
    /// Adjacent channels from `c` on, as far as whole vectors go; gives the first that is left.
    ///
    /// # Safety
    /// As [`MapLeaf`]; the pixel has `channels` channels.
    #[inline(always)]
    unsafe fn channels<V: Vector>(&self, mut c: usize, channels: usize) -> usize {
        while c + V::LANES <= channels {
            // SAFETY: the channels exist.
            unsafe { self.compute::<V>(c) };
            c += V::LANES;
        }
        c
    }

    /// The channels of a vector from `c` on.
    ///
    /// # Safety
    /// As [`MapLeaf`]; channels from `c` on exist for every lane, and are adjacent where there is more than one.
    #[inline(always)]
    unsafe fn compute<V: Vector>(&self, c: usize) {
        let g = self.g;
        let x = self.x.wrapping_add(c.wrapping_mul(g.input.channel as usize));
        let y = self.y.wrapping_add(c.wrapping_mul(g.output.channel as usize));
        // SAFETY: the tables have entries for the row and the column, each of the taps; what they name is moved onto the map.
        unsafe {
            let (row, column) = (*self.row, *self.column);
            let result = if row < 0 || column < 0 {
                V::splat(g.outside)
            } else if g.taps == [1, 1] {
                V::load(x.wrapping_add(self.line(row, 0).wrapping_add(self.across(column, 0))))
            } else {
                let mut sum = V::splat(0.0);
                for ky in 0..g.taps[0] as usize {
                    let line = x.wrapping_add(self.line(row, ky));
                    let by_row = f32::from_bits((*self.row.add(1 + ky)).cast_unsigned());
                    for kx in 0..g.taps[1] as usize {
                        let value = V::load(line.wrapping_add(self.across(column, kx)));
                        let by_column = f32::from_bits((*self.column.add(1 + kx)).cast_unsigned());
                        sum = sum.multiply_add::<false>(value, V::splat(by_row * by_column));
                    }
                }
                sum
            };
            result.store(y);
        }
    }

    /// Where tap `ky` of the rows from `first` on begins.
    #[inline(always)]
    fn line(&self, first: i32, ky: usize) -> usize {
        let row = (first as usize).wrapping_add(ky).max(self.span.first).min(self.span.last);
        row.wrapping_mul(self.g.input.row as usize).wrapping_sub(self.wrap.back_at(row.wrapping_add(self.span.tap)))
    }

    /// Where tap `kx` of the columns from `first` on lies in a row.
    #[inline(always)]
    fn across(&self, first: i32, kx: usize) -> usize {
        let column = (first as usize).wrapping_add(kx).min((self.g.input.width as usize).wrapping_sub(1));
        column.wrapping_mul(self.g.input.pixel as usize)
    }
}
