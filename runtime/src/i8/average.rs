//! Averages of integers, over floats that never lie in memory.

use core::marker::PhantomData;
use core::ops::Range;

use crate::element::Element;
use crate::f32::LONGEST_SUM;
use crate::f32::pool::{Pool2d, PoolKind};
use crate::geometry::geometry;
use crate::kernel::map_kernel;
use crate::quantize::{dequantizer, quantizer};
use crate::rows::{Area, MapLeaf, Pointers, Wrap, map_rows, window_rows};
use crate::views::{Extent, Pixels};

geometry! {
    /// Geometry of the average of each window, channel by channel: what [`Pool2d`](crate::Pool2d) makes of what
    /// [`Dequantize`](crate::Dequantize) makes of the input, by [`Quantize`](crate::Quantize), to the bit.
    pub struct AveragePool2d [F: Element, T: Element] [F, T] {
        /// The map that is read.
        input: Pixels,
        /// The map that is written.
        output: Pixels,
        /// Which average.
        kind: PoolKind,
    }
    options {
        /// Height and width of the window; one by default.
        kernel: [u32; 2] = [1, 1],
        /// Distance between windows, in rows and pixels; one by default.
        strides: [u32; 2] = [1, 1],
        /// Distance between taps, in rows and pixels; one by default.
        dilations: [u32; 2] = [1, 1],
        /// Padding above, left, below and right; none by default.
        pads: [u32; 4] = [0; 4],
        /// What one step of the input stands for; one by default.
        from_scale: f32 = 1.0,
        /// The input that stands for zero.
        from_zero: i32 = 0,
        /// What one step of the result stands for, above zero; one by default.
        scale: f32 = 1.0,
        /// The result that stands for zero.
        zero: i32 = 0,
        /// The least result.
        low: i32 = 0,
        /// The greatest result.
        high: i32 = 255,
    }
    by_hand {}
    derived {
        /// Both types.
        elements: PhantomData<(F, T)> = PhantomData,
    }
}

impl<F: Element, T: Element> AveragePool2d<F, T> {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        match self.kind {
            PoolKind::Max => None,
            PoolKind::AverageInside | PoolKind::AveragePadded => self.floats().extent(),
        }
    }

    window_rows!();
    map_rows!(F, F => T);

    /// The pool of floats.
    const fn floats(&self) -> Pool2d {
        let pool = Pool2d::new(self.input, self.output, self.kind).kernel(self.kernel).strides(self.strides);
        pool.dilations(self.dilations).pads(self.pads)
    }

    /// What computes an area of the output.
    #[inline(always)]
    pub(crate) fn leaf(&self) -> MapLeaf<Self, F, F, T> {
        Self::area
    }

    /// # Safety
    /// As [`MapLeaf`].
    #[inline(never)]
    unsafe fn area(&self, rows: Range<usize>, columns: Range<usize>, x: *const F, _: *const F, y: *mut T, wrap: Wrap) {
        let (pool, input, output) = (self.floats(), &self.input, &self.output);
        let quantized = quantizer::<T>(self.scale, self.zero, [self.low, self.high]);
        let dense = input.channel == 1 && output.channel == 1;
        for oy in rows {
            let row = pool.window(0, oy);
            for ox in columns.clone() {
                let column = pool.window(1, ox);
                let tap = |ky: usize, kx: usize| {
                    let down = row.first.wrapping_add(ky.wrapping_mul(self.dilations[0] as usize)).wrapping_mul(input.row as usize);
                    let along = column.first.wrapping_add(kx.wrapping_mul(self.dilations[1] as usize)).wrapping_mul(input.pixel as usize);
                    x.wrapping_add(down.wrapping_add(along).wrapping_sub(wrap.back_at(row.begin + ky)))
                };
                let y = y.wrapping_add(output.place(oy, ox));
                let (taps, count) = ([row.taps, column.taps], row.count.saturating_mul(column.count) as f32);
                let (channels, mut c) = (output.channels as usize, 0);
                // SAFETY: the taps lie inside the input; the pixel and the channels exist.
                unsafe {
                    while dense && c + TOGETHER <= channels {
                        let sums = self.sums::<TOGETHER>(taps, |ky, kx| tap(ky, kx).wrapping_add(c));
                        y.wrapping_add(c).cast::<[T; TOGETHER]>().write(sums.map(|sum| quantized(sum / count)));
                        c += TOGETHER;
                    }
                    while c < channels {
                        let [sum] = self.sums(taps, |ky, kx| tap(ky, kx).wrapping_add(c * input.channel as usize));
                        *y.wrapping_add(c * output.channel as usize) = quantized(sum / count);
                        c += 1;
                    }
                }
            }
        }
    }

    /// The sums of `N` adjacent channels over the taps of a window, in the order (ky, kx) and in blocks as floats have them.
    ///
    /// # Safety
    /// `at` points to the channels of every tap.
    #[inline(always)]
    unsafe fn sums<const N: usize>(&self, [rows, columns]: [usize; 2], at: impl Fn(usize, usize) -> *const F) -> [f32; N] {
        let dequantized = dequantizer::<F>(self.from_scale, self.from_zero);
        let (mut sums, mut parts, mut taken) = ([0.0; N], [0.0; N], 0);
        for ky in 0..rows {
            for kx in 0..columns {
                // SAFETY: the caller's contract.
                let values = unsafe { at(ky, kx).cast::<[F; N]>().read() };
                for (part, value) in parts.iter_mut().zip(values) {
                    *part += dequantized(value);
                }
                taken += 1;
                if taken == LONGEST_SUM && rows * columns > LONGEST_SUM {
                    for (sum, part) in sums.iter_mut().zip(&mut parts) {
                        (*sum, *part) = (*sum + *part, 0.0);
                    }
                    taken = 0;
                }
            }
        }
        for (sum, part) in sums.iter_mut().zip(parts) {
            *sum += part;
        }
        sums
    }
}

/// Channels that are computed together, where they are adjacent.
const TOGETHER: usize = 16;

map_kernel!([F: Element, T: Element,] AveragePool2d<F, T>, F, F => T);
