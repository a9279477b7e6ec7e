//! A convolution whose sums a 2x2 pool averages before they become bytes: of so many windows as a tile has pixels, two tiles hold the upper
//! pixels, and two the lower ones.

use core::mem::MaybeUninit;
use core::ops::Range;

use super::tiles::tiles;
use super::{Maps, QuantizedConv2d, RUN, Reading, Strip, Strips};
use crate::conv2d::halves;
use crate::element::Element;
use crate::i8::products::ByteArithmetic;
use crate::i8::requantize::Prepared;
use crate::rows::Wrap;

impl<F: Element, T: Element, U: ByteArithmetic, const P: usize, const N: usize> QuantizedConv2d<F, T, U, P, N> {
    /// Whether there is no pool, or one of a convolution that sees a pixel at a time.
    pub(super) const fn pool_fits(&self) -> bool {
        let (input, output) = (&self.input, &self.output);
        !self.averages() || self.is_pointwise() && halves(output.height, input.height) && halves(output.width, input.width)
    }

    /// # Safety
    /// As [`Leaf`](super::Leaf), of a geometry with a pool; the channels of the input and of its rest are adjacent where `DENSE`.
    #[inline(never)]
    pub(super) unsafe fn pooled<const DENSE: bool>(
        &self,
        [rows, columns]: [Range<usize>; 2],
        [x, r]: [*const F; 2],
        w: *const i32,
        y: *mut T,
        wrap: Wrap,
    ) {
        if columns.is_empty() {
            return;
        }
        let (depth, n_filters) = (self.depth() as usize, self.output.channels as usize);
        let reading = self.reading::<DENSE>();
        let strips = Strips { w, words: self.block_words() as usize, bytes: self.filter_bytes() as usize, channel: 0, first: 0, n_filters };
        // Rows of a ring are computed one at a time: their windows are alike.
        let has_lower = 2 * rows.start + 1 < self.input.height as usize;
        let of_rest = self.rest.as_ref().map_or(Wrap::NEVER, |rest| self.row_window().place(rest, rows.start).1);
        let [back, back_in_rest] = [wrap, of_rest].map(|wrap| if has_lower { wrap.back_at(1) } else { 0 });
        let (padding, rule) = ([F::from_i32(self.input_zero); RUN], Prepared::new(&self.requantize));
        let upper = Maps { x, r, y, wrap: Wrap::NEVER, padding, rule };
        let lower = Maps { x: x.wrapping_sub(back), r: r.wrapping_sub(back_in_rest), ..upper };
        for strip in strips.each::<N>() {
            let tile = |places: &[[usize; 2]; P], n_pixels, _| {
                // SAFETY: the pixels lie on the input, the block's header exists, and the places lie in the output.
                unsafe {
                    let mut sums = [const { MaybeUninit::<[[i32; N]; P]>::uninit() }; 4];
                    for sums in &mut sums {
                        U::begin(sums, strip.w);
                    }
                    let sums = &mut *(&raw mut sums).cast::<[[[[i32; N]; P]; 2]; 2]>();
                    for ((ky, maps), sums) in [(0, &upper), (1, &lower)].into_iter().zip(&mut *sums) {
                        let pixels = self.pixels(places, ky);
                        for (pixels, sums) in pixels.iter().zip(sums).take(if 2 * n_pixels <= P { 1 } else { 2 }) {
                            match reading {
                                Reading::Runs { .. } => self.add_runs(&strip, maps, pixels, [1, depth], sums),
                                Reading::Both => self.add_both::<DENSE>(&strip, maps, pixels, sums),
                                Reading::Gathered => self.add_gathered(&strip, maps, pixels, sums),
                            }
                        }
                    }
                    self.finish_pooled(&strip, y, places, n_pixels, sums);
                }
            };
            // Windows are read by their pixels, so that none of a tile need be adjacent.
            tiles(&rows, &columns, &[0..0, 0..0], |places| tile(places, P, false), tile);
        }
    }

    /// The pixels of a row of windows, by twos, as two tiles; where the map's edge cuts a window off, the pixel before.
    #[inline(always)]
    fn pixels(&self, windows: &[[usize; 2]; P], ky: usize) -> [[[usize; 2]; P]; 2] {
        let [last_row, last_column] = [self.input.height, self.input.width].map(|extent| (extent as usize).wrapping_sub(1));
        let mut pixels = [[[0; 2]; P]; 2];
        for (pair, &[oy, ox]) in pixels.as_flattened_mut().as_chunks_mut::<2>().0.iter_mut().zip(windows) {
            let row = (2 * oy + ky).min(last_row);
            *pair = [[row, 2 * ox], [row, (2 * ox + 1).min(last_column)]];
        }
        pixels
    }

    /// Makes outputs of the sums of the first `n_pixels` windows.
    ///
    /// # Safety
    /// The block's header exists, and the windows lie in the output.
    #[inline(never)]
    unsafe fn finish_pooled(&self, strip: &Strip, y: *mut T, windows: &[[usize; 2]; P], n_pixels: usize, sums: &[[[[i32; N]; P]; 2]; 2]) {
        let (output, channel) = (&self.output, self.output.channel as usize);
        let (of_tiles, multipliers) = (sums.as_ptr().cast::<i32>(), strip.w.wrapping_add(N));
        let filter = U::place::<P, N>(0, 1);
        // Of a row's pixels, which are those of two tiles.
        let place = |pixel: usize| match pixel.checked_sub(P) {
            Some(pixel) if U::is_by_filters::<P, N>() => (P * N).wrapping_add(U::place::<P, N>(pixel, 0)),
            _ => U::place::<P, N>(pixel, 0),
        };
        for (window, &[oy, ox]) in windows.iter().take(n_pixels).enumerate() {
            let (left, right) = (place(2 * window), place(2 * window + 1));
            let sums = of_tiles.wrapping_add(left);
            let steps = [right.wrapping_sub(left), 2 * P * N, filter];
            let y = y.wrapping_add(output.place(oy, ox).wrapping_add(strip.filter.wrapping_mul(channel)));
            // A number that is known is for vectors.
            let known = cfg!(not(target_arch = "arm")) && strip.valid == N;
            let write = |n: usize, count: usize| {
                let (sums, multipliers) = (sums.wrapping_add(n.wrapping_mul(filter)), multipliers.wrapping_add(n));
                let y = y.wrapping_add(n.wrapping_mul(channel));
                // SAFETY: the channels that exist, up to `N`, lie in the output, and a row of windows has two tiles.
                unsafe { U::write_averages::<T, P, N>(&self.requantize, self.averaged, (sums, steps), multipliers, y, count) }
            };
            if channel == 1 {
                write(0, if known { N } else { strip.valid });
            } else {
                for n in 0..strip.valid {
                    write(n, 1);
                }
            }
        }
    }
}
