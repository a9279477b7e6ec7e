//! A convolution whose sums a 2x2 pool averages before they become bytes: the pixels of a tile are those at one place of so many windows,
//! and the tile is computed for each of the four places.

use core::ops::Range;

use super::{Maps, QuantizedConv2d, RUN, Reading, Strip, Strips};
use crate::conv2d::halves;
use crate::element::Element;
use crate::i8::products::ByteArithmetic;
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
        let strips = Strips { w, words: self.block_words() as usize, channel: 0, first: 0, n_filters };
        // Rows of a ring are computed one at a time: their windows are alike.
        let has_lower = 2 * rows.start + 1 < self.input.height as usize;
        let of_rest = self.rest.as_ref().map_or(Wrap::NEVER, |rest| self.row_window().place(rest, rows.start).1);
        let [back, back_in_rest] = [wrap, of_rest].map(|wrap| if has_lower { wrap.back_at(1) } else { 0 });
        let maps = |x: *const F, r: *const F| Maps { x, r, y, wrap: Wrap::NEVER, padding: [F::from_i32(self.input_zero); RUN] };
        let maps = [maps(x, r), maps(x.wrapping_sub(back), r.wrapping_sub(back_in_rest))];
        for strip in strips.each::<N>() {
            self.tiles(&rows, &columns, &[0..0, 0..0], |places, n_pixels, _| {
                let mut products = [[0i32; N]; P];
                for (ky, maps) in maps.iter().enumerate() {
                    for kx in 0..2 {
                        let pixels = self.pixels(places, ky, kx);
                        // SAFETY: the pixels lie on the input, and the block's header exists.
                        unsafe {
                            let mut sums = strip.biases::<N, P>();
                            match reading {
                                Reading::Runs { .. } => self.add_runs(&strip, maps, &pixels, [1, depth], &mut sums),
                                Reading::Both => self.add_both::<DENSE>(&strip, maps, &pixels, &mut sums),
                                Reading::Gathered => self.add_gathered(&strip, maps, &pixels, &mut sums),
                            }
                            // A number that is known is for vectors.
                            let count = if cfg!(target_arch = "arm") { strip.valid } else { N };
                            for (products, sums) in products.iter_mut().zip(&sums) {
                                U::add_products(
                                    &self.requantize,
                                    self.averaged,
                                    sums.as_ptr(),
                                    strip.w.wrapping_add(N),
                                    products.as_mut_ptr(),
                                    count,
                                );
                            }
                        }
                    }
                }
                // SAFETY: the places lie in the output.
                unsafe { self.finish_pooled(&strip, y, places, n_pixels, &products) };
            });
        }
    }

    /// The pixels at one place of windows; where the map's edge cuts it off, those before.
    #[inline(always)]
    fn pixels(&self, windows: &[[usize; 2]; P], ky: usize, kx: usize) -> [[usize; 2]; P] {
        let [last_row, last_column] = [self.input.height, self.input.width].map(|extent| (extent as usize).wrapping_sub(1));
        windows.map(|[oy, ox]| [(2 * oy + ky).min(last_row), (2 * ox + kx).min(last_column)])
    }

    /// Makes outputs of what the first `n_pixels` windows have added.
    ///
    /// # Safety
    /// The windows lie in the output.
    #[inline(never)]
    unsafe fn finish_pooled(&self, strip: &Strip, y: *mut T, windows: &[[usize; 2]; P], n_pixels: usize, products: &[[i32; N]; P]) {
        let (output, channel) = (&self.output, self.output.channel as usize);
        for (&[oy, ox], products) in windows.iter().zip(products).take(n_pixels) {
            let at = oy.wrapping_mul(output.row as usize).wrapping_add(ox.wrapping_mul(output.pixel as usize));
            let y = y.wrapping_add(at.wrapping_add(strip.filter.wrapping_mul(channel)));
            let result = |products: i32| T::from_i32(self.requantize.averaged(products));
            // SAFETY: the channels that exist, up to `N`, lie in the output.
            unsafe {
                if cfg!(not(target_arch = "arm")) && strip.valid == N && channel == 1 {
                    for (n, &products) in products.iter().enumerate() {
                        *y.wrapping_add(n) = result(products);
                    }
                } else {
                    for (n, &products) in products.iter().enumerate().take(strip.valid) {
                        *y.wrapping_add(n.wrapping_mul(channel)) = result(products);
                    }
                }
            }
        }
    }
}
