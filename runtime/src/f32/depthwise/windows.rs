//! Depthwise windows of neighbouring pixels, in vectors: a value of the input is loaded once for all windows of a row that have it.

use core::ops::Range;

use super::{DepthwiseConv2d, Row, Segment, Tile};
use crate::lanes::arithmetic::FloatArithmetic;
use crate::lanes::{Sixteen as Widest, Vector};
use crate::rows::{MapLeaf, Wrap};
use crate::taps::Inside;

/// The most pixels of a tile: their sums, a kernel's row of weights, and values between load and use share the registers, of
/// which there are 32 or 16.
const PIXELS: usize = if cfg!(any(target_arch = "aarch64", target_feature = "avx512f")) { 10 } else { 8 };

/// More columns of the input than any tile has: those of ten windows of seven, two apart.
const COLUMNS: usize = 9 * 2 + 7;

impl<A: FloatArithmetic> DepthwiseConv2d<A> {
    /// The leaf for its windows, if there is one.
    #[inline(always)]
    pub(super) fn windows(&self) -> Option<MapLeaf<Self>> {
        let [kernel, pad, stride, width] = [self.kernel[1], self.pads[1], self.strides[1], self.input.width].map(|extent| extent as usize);
        let adjacent = self.input.channel == 1 && self.output.channel == 1 && self.output.channels as usize >= Widest::LANES;
        let behind = ((self.output.width as usize).saturating_sub(1) * stride + kernel).saturating_sub(width + pad);
        if !adjacent || self.dilations[1] != 1 || pad.max(behind) > kernel / 2 {
            return None;
        }
        match (kernel, stride) {
            (3, 1) => Some(Self::windows_of::<3, 1>),
            (3, 2) => Some(Self::windows_of::<3, 2>),
            (5, 1) => Some(Self::windows_of::<5, 1>),
            (5, 2) => Some(Self::windows_of::<5, 2>),
            (7, 1) => Some(Self::windows_of::<7, 1>),
            _ => None,
        }
    }

    /// Windows of `K` columns, `S` apart, of which at most half of `K` lie off the input on either side.
    ///
    /// # Safety
    /// As [`MapLeaf`], where these are the windows.
    #[inline(never)]
    unsafe fn windows_of<const K: usize, const S: usize>(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
        x: *const f32,
        w: *const f32,
        y: *mut f32,
        wrap: Wrap,
    ) {
        for oy in rows {
            let row = Row { x, w, y, wrap, oy, taps: self.taps(0, oy) };
            let Range { start: mut ox, end } = columns;
            while ox < end {
                let count = match end - ox {
                    left if left <= PIXELS => left,
                    // Two alike rather than a short one.
                    left if left < 2 * PIXELS => left.div_ceil(2),
                    _ => PIXELS,
                };
                // SAFETY: the pixels exist.
                unsafe { self.windows_from::<K, S>(&row, ox, count) };
                ox += count;
            }
        }
    }

    /// `count` pixels of a row, from `ox` on.
    ///
    /// # Safety
    /// As [`windows_of`](Self::windows_of); the pixels exist.
    #[inline(always)]
    unsafe fn windows_from<const K: usize, const S: usize>(&self, row: &Row, ox: usize, count: usize) {
        let tile = Tile::new(self, row, ox, Inside { begin: 0, end: K });
        let (origin, begin) = (ox * S, self.pads[1] as usize);
        let end = begin + self.input.width as usize;
        let off = [begin.saturating_sub(origin), (origin + (count - 1) * S + K).saturating_sub(end)];
        // SAFETY: the caller's contract.
        unsafe {
            match count {
                PIXELS if off == [0; 2] => self.tile_of_windows::<K, S, PIXELS, false>(&tile, off),
                10 => self.tile_of_windows::<K, S, 10, true>(&tile, off),
                9 => self.tile_of_windows::<K, S, 9, true>(&tile, off),
                8 => self.tile_of_windows::<K, S, 8, true>(&tile, off),
                7 => self.tile_of_windows::<K, S, 7, true>(&tile, off),
                6 => self.tile_of_windows::<K, S, 6, true>(&tile, off),
                5 => self.tile_of_windows::<K, S, 5, true>(&tile, off),
                4 => self.tile_of_windows::<K, S, 4, true>(&tile, off),
                3 => self.tile_of_windows::<K, S, 3, true>(&tile, off),
                2 => self.tile_of_windows::<K, S, 2, true>(&tile, off),
                _ => self.tile_of_windows::<K, S, 1, true>(&tile, off),
            }
        }
    }

    /// `T` pixels in all channels. So many of their first columns and of their last ones are `off` the input; none, but on an `EDGE`.
    ///
    /// # Safety
    /// As [`windows_from`](Self::windows_from).
    #[inline(always)]
    unsafe fn tile_of_windows<const K: usize, const S: usize, const T: usize, const EDGE: bool>(&self, tile: &Tile, off: [usize; 2]) {
        let last = self.output.channels as usize - Widest::LANES;
        let pixel = (self.output.pixel as usize).wrapping_mul(size_of::<f32>());
        let segments = if tile.segments[1].taps.rows == 0 { &tile.segments[..1] } else { &tile.segments };
        let mut c = 0;
        loop {
            // SAFETY: the bias, the taps and the outputs' places are there for a vector's channels from `c` on.
            unsafe {
                let mut sums = [[Widest::load(tile.bias.wrapping_add(c))]; T];
                for segment in segments {
                    Self::add_rows::<Widest, K, S, T, EDGE>(segment, off, c, &mut sums);
                }
                self.activate(&mut sums);
                let mut y = tile.y.wrapping_add(c);
                for [sum] in sums {
                    sum.store_next(&mut y, pixel);
                }
            }
            if c == last {
                return;
            }
            // Those of the last vector that are there already are computed again.
            c = (c + Widest::LANES).min(last);
        }
    }

    /// Adds the products of some rows of taps to the sums of `T` pixels, in a vector's channels from `c` on. A window's columns come in
    /// their order: those that may be off the input first and last, each in all windows that have it.
    ///
    /// # Safety
    /// As [`tile_of_windows`](Self::tile_of_windows); the channels exist.
    #[inline(always)]
    unsafe fn add_rows<V: Vector, const K: usize, const S: usize, const T: usize, const EDGE: bool>(
        segment: &Segment,
        off: [usize; 2],
        c: usize,
        sums: &mut [[V; 1]; T],
    ) {
        let taps = segment.taps;
        let (mut x, mut w) = (segment.x.wrapping_add(c), segment.w.wrapping_add(c));
        let next_row = taps.row.wrapping_sub(taps.column.wrapping_mul((T - 1) * S));
        let (columns, edge) = (const { (T - 1) * S + K }, const { K / 2 });
        for _ in 0..taps.rows {
            // SAFETY: the columns that are not off the input are there, and the weights.
            unsafe {
                let weights: [V; K] = core::array::from_fn(|_| V::load_next(&mut w, taps.weights_column));
                for column in 0..edge {
                    if EDGE && column < off[0] {
                        x = x.wrapping_byte_add(taps.column);
                    } else {
                        Self::add_column::<V, K, S, T>(column, V::load_next(&mut x, taps.column), &weights, sums);
                    }
                }
                let mut values = [weights[0]; COLUMNS];
                for column in edge..columns - edge {
                    values[column] = V::load_next(&mut x, taps.column);
                }
                for kx in 0..K {
                    for t in 0..T {
                        let column = t * S + kx;
                        if column >= edge && column < columns - edge {
                            sums[t][0] = A::multiply_add(sums[t][0], values[column], weights[kx]);
                        }
                    }
                }
                for column in columns - edge..columns {
                    if EDGE && column >= columns - off[1] {
                        x = x.wrapping_byte_add(taps.column);
                    } else {
                        Self::add_column::<V, K, S, T>(column, V::load_next(&mut x, taps.column), &weights, sums);
                    }
                }
            }
            x = x.wrapping_byte_add(next_row);
        }
    }

    /// Adds the products of a column to the sums of the windows that have it.
    #[inline(always)]
    fn add_column<V: Vector, const K: usize, const S: usize, const T: usize>(
        column: usize,
        value: V,
        weights: &[V; K],
        sums: &mut [[V; 1]; T],
    ) {
        for t in 0..T {
            for kx in 0..K {
                if t * S + kx == column {
                    sums[t][0] = A::multiply_add(sums[t][0], value, weights[kx]);
                }
            }
        }
    }
}
