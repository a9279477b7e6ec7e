//! Convolution of integers of 8 bits, in plain Rust.

use core::marker::PhantomData;
use core::ops::Range;

use super::requantize::Requantize;
use crate::element::Element;
use crate::geometry::geometry;
use crate::kernel::map_kernel;
use crate::rows::{Area, MapLeaf, Pointers, Wrap, map_rows, window_rows};
use crate::taps::taps_inside;
use crate::views::{Extent, Pixels, small, window_fits};

/// Output channels whose sums are made at a time.
const FILTERS: usize = 4;

geometry! {
    /// Geometry of a convolution of integers.
    ///
    /// `y = requantize(bias + sum over (ky, kx, ci) of (x - input_zero) * w)`; taps that fall on padding are left out. Weights are
    /// `i32`s: of each output channel its bias, then of each its multiplier, then of each its `[kernel height][kernel width][depth]` weights,
    /// four bytes a value, the lowest first, filled up with zeros; `depth` is the input's channels of one group.
    pub struct QuantizedConv2d [F: Element, T: Element] [F, T] {
        /// The map that is read.
        input: Pixels,
        /// The map that is written.
        output: Pixels,
    }
    options {
        /// Height and width of the kernel; one by default.
        kernel: [u32; 2] = [1, 1],
        /// Distance between windows, in rows and pixels; one by default.
        strides: [u32; 2] = [1, 1],
        /// Distance between taps, in rows and pixels; one by default.
        dilations: [u32; 2] = [1, 1],
        /// Rows of padding above and pixels of padding left of the input; none by default.
        pads: [u32; 2] = [0, 0],
        /// Number of groups.
        group: u32 = 1,
        /// The input that stands for zero.
        input_zero: i32 = 0,
        /// What makes outputs of sums.
        requantize: Requantize = Requantize::IDENTITY,
    }
    by_hand {}
    derived {
        /// Both types.
        elements: PhantomData<(F, T)> = PhantomData,
    }
}

impl<F: Element, T: Element> QuantizedConv2d<F, T> {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        let (input, output) = (&self.input, &self.output);
        let group = self.group;
        let grouped = group > 0 && input.channels.is_multiple_of(group) && output.channels.is_multiple_of(group);
        if !grouped || !window_fits(input, output, &self.strides, &self.kernel, &self.dilations) || !small(&self.pads) {
            return None;
        }
        let words = (self.filter_bytes() as u64).div_ceil(4) + 2;
        match (input.extent(), output.extent(), words.checked_mul(output.channels as u64)) {
            (Some(x), Some(y), Some(w)) if w < u32::MAX as u64 / 4 && output.is_exclusive() => Some(Extent { x, r: 0, w: w as usize, y }),
            _ => None,
        }
    }

    /// Bytes of weights that a filter has; saturating.
    const fn filter_bytes(&self) -> u32 {
        let depth = match self.group {
            0 => self.input.channels,
            group => self.input.channels / group,
        };
        self.kernel[0].saturating_mul(self.kernel[1]).saturating_mul(depth)
    }

    window_rows!();
    map_rows!(F, i32 => T);

    /// What computes an area of the output.
    #[inline(always)]
    pub(crate) fn leaf(&self) -> MapLeaf<Self, F, i32, T> {
        if self.input.channel == 1 { Self::area::<true> } else { Self::area::<false> }
    }

    /// # Safety
    /// As [`MapLeaf`]; the input's channels are adjacent where `DENSE`.
    #[inline(never)]
    unsafe fn area<const DENSE: bool>(&self, rows: Range<usize>, columns: Range<usize>, x: *const F, w: *const i32, y: *mut T, wrap: Wrap) {
        let (input, output) = (&self.input, &self.output);
        let n_filters = output.channels as usize;
        let filters = n_filters.checked_div(self.group as usize).unwrap_or(0);
        let depth = (input.channels as usize).checked_div(self.group as usize).unwrap_or(0);
        let filter_words = (self.filter_bytes() as usize).div_ceil(4);
        let taps = |axis: usize, extent: u32, at: usize| {
            taps_inside(self.kernel[axis], self.strides[axis], self.dilations[axis], self.pads[axis], extent, at)
        };
        for oy in rows {
            let ky = taps(0, input.height, oy);
            for ox in columns.clone() {
                let kx = taps(1, input.width, ox);
                let y = y.wrapping_add(oy.wrapping_mul(output.row as usize).wrapping_add(ox.wrapping_mul(output.pixel as usize)));
                let (mut first, mut filter) = (0, 0);
                while filter < n_filters {
                    // Up to `FILTERS` channels of a group; of fewer the last one is computed again.
                    let left = filters - (filter - first);
                    let each: [usize; FILTERS] = core::array::from_fn(|index| filter + index.min(left - 1));
                    // SAFETY: the filters exist, and the taps lie inside the input.
                    unsafe {
                        let mut sums = each.map(|filter| *w.add(filter));
                        let weights = each.map(|filter| w.add(2 * n_filters + filter * filter_words).cast::<i8>());
                        let channel = if filters == 0 { 0 } else { first / filters * depth };
                        for ky in ky.begin..ky.end {
                            let iy = (oy * self.strides[0] as usize + ky * self.dilations[0] as usize) - self.pads[0] as usize;
                            let row = iy.wrapping_mul(input.row as usize).wrapping_sub(wrap.back_at(ky));
                            for kx in kx.begin..kx.end {
                                let ix = (ox * self.strides[1] as usize + kx * self.dilations[1] as usize) - self.pads[1] as usize;
                                let at = ix.wrapping_mul(input.pixel as usize).wrapping_add(channel * input.channel as usize);
                                let x = x.wrapping_add(row.wrapping_add(at));
                                let tap = (ky * self.kernel[1] as usize + kx) * depth;
                                self.add_tap::<DENSE>(&mut sums, x, weights.map(|w| w.add(tap)), depth);
                            }
                        }
                        for (filter, sum) in each.into_iter().zip(sums) {
                            let result = self.requantize.apply(sum, *w.add(n_filters + filter));
                            *y.add(filter * output.channel as usize) = T::from_i32(result);
                        }
                    }
                    filter += FILTERS.min(left);
                    if filter - first >= filters {
                        first = filter;
                    }
                }
            }
        }
    }

    /// Adds the products of one tap.
    ///
    /// # Safety
    /// `x` is readable for `depth` channels, `w` for their weights.
    #[inline(always)]
    unsafe fn add_tap<const DENSE: bool>(&self, sums: &mut [i32; FILTERS], x: *const F, w: [*const i8; FILTERS], depth: usize) {
        let step = if DENSE { 1 } else { self.input.channel as usize };
        for c in 0..depth {
            // SAFETY: the caller's contract.
            unsafe {
                let x = (*x.add(c * step)).cast::<i32>().wrapping_sub(self.input_zero);
                for (sum, w) in sums.iter_mut().zip(w) {
                    *sum = sum.wrapping_add(x.wrapping_mul(i32::from(*w.add(c))));
                }
            }
        }
    }
}

map_kernel!([F: Element, T: Element,] QuantizedConv2d<F, T>, F, i32 => T);
