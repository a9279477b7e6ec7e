//! Depthwise convolution: every channel has one kernel of its own.

use core::marker::PhantomData;
use core::ops::Range;

use super::activation::Activation;
use crate::geometry::geometry;
use crate::kernel::map_kernel;
use crate::lanes::arithmetic::FloatArithmetic;
use crate::lanes::{Eight, Four, Sixteen, Vector};
use crate::rows::{Area, MapLeaf, Pointers, Wrap, map_rows, window_rows};
use crate::views::{Extent, Pixels, small, window_fits};

geometry! {
    /// Geometry of a depthwise convolution. Input and output have the same channels; weights are `bias [channels]`, then
    /// `[kernel height][kernel width][channels]`. Sums run over (ky, kx); taps that fall on padding are left out.
    pub struct DepthwiseConv2d [A: FloatArithmetic] [A] {
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
        /// What is applied to each result; nothing by default.
        activation: Activation = Activation::Identity,
    }
    by_hand {}
    derived {
        /// The numeric class of the sums.
        arithmetic: PhantomData<A> = PhantomData,
    }
}

impl<A: FloatArithmetic> DepthwiseConv2d<A> {
    /// The same by another unit.
    pub const fn by<U: FloatArithmetic>(&self) -> DepthwiseConv2d<U> {
        let DepthwiseConv2d { input, output, kernel, strides, dilations, pads, activation, .. } = *self;
        DepthwiseConv2d { input, output, kernel, strides, dilations, pads, activation, arithmetic: PhantomData }
    }

    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        let window = window_fits(&self.input, &self.output, &self.strides, &self.kernel, &self.dilations);
        if self.input.channels != self.output.channels || !window || !small(&self.pads) {
            return None;
        }
        let taps = self.kernel[0] as u64 * self.kernel[1] as u64 + 1;
        match (self.input.extent(), self.output.extent(), taps.checked_mul(self.input.channels as u64)) {
            (Some(x), Some(y), Some(w)) if w < u32::MAX as u64 && self.output.is_exclusive() => Some(Extent { x, r: 0, w: w as usize, y }),
            _ => None,
        }
    }

    window_rows!();
    map_rows!(f32, f32 => f32);

    /// What computes an area of the output.
    #[inline(always)]
    pub(crate) fn leaf(&self) -> MapLeaf<Self> {
        Self::area
    }

    /// # Safety
    /// As [`MapLeaf`].
    #[inline(never)]
    unsafe fn area(&self, rows: Range<usize>, columns: Range<usize>, x: *const f32, w: *const f32, y: *mut f32, wrap: Wrap) {
        let at = Places { x, w, y, wrap };
        let channels = self.output.channels as usize;
        let dense = self.input.channel == 1 && self.output.channel == 1;
        for oy in rows {
            for ox in columns.clone() {
                let mut c = 0;
                // SAFETY: the channels exist.
                unsafe {
                    if dense {
                        c = self.channels::<Sixteen>([oy, ox, c], &at);
                        c = self.channels::<Eight>([oy, ox, c], &at);
                        c = self.channels::<Four>([oy, ox, c], &at);
                    }
                    while c < channels {
                        self.pixel::<f32>([oy, ox, c], &at);
                        c += 1;
                    }
                }
            }
        }
    }

    /// The channels of one pixel from `c` on, as far as whole vectors go; gives the first that is left.
    ///
    /// # Safety
    /// As [`MapLeaf`]; the channels are adjacent.
    #[inline(always)]
    unsafe fn channels<V: Vector>(&self, [oy, ox, mut c]: [usize; 3], at: &Places) -> usize {
        while c + V::LANES <= self.output.channels as usize {
            // SAFETY: the channels exist.
            unsafe { self.pixel::<V>([oy, ox, c], at) };
            c += V::LANES;
        }
        c
    }

    /// The channels of a vector, in one pixel; with more lanes than one they are adjacent.
    ///
    /// # Safety
    /// As [`MapLeaf`]; channels from `c` on exist for every lane.
    #[inline(always)]
    unsafe fn pixel<V: Vector>(&self, [oy, ox, c]: [usize; 3], at: &Places) {
        let channels = self.output.channels as usize;
        let Places { x, w, y, wrap } = *at;
        // SAFETY: the taps lie inside the input, since each is compared with its extent.
        unsafe {
            let mut sums = [V::load(w.add(c))];
            for ky in 0..self.kernel[0] as usize {
                let Some(iy) = self.tap(0, oy, ky, self.input.height) else { continue };
                let row = iy.wrapping_mul(self.input.row as usize).wrapping_sub(wrap.back_at(ky));
                for kx in 0..self.kernel[1] as usize {
                    let Some(ix) = self.tap(1, ox, kx, self.input.width) else { continue };
                    let x = x.wrapping_add(row.wrapping_add(ix * self.input.pixel as usize + c * self.input.channel as usize));
                    let w = w.add((1 + ky * self.kernel[1] as usize + kx) * channels + c);
                    sums[0] = A::multiply_add(sums[0], V::load(x), V::load(w));
                }
            }
            self.activation.apply_lanes(&mut sums);
            let map = &self.output;
            let row = oy.wrapping_mul(map.row as usize);
            sums[0].store(y.wrapping_add(row.wrapping_add(ox * map.pixel as usize + c * map.channel as usize)));
        }
    }

    /// The input row or column of tap `k` at output position `at`; none on padding.
    #[inline(always)]
    fn tap(&self, axis: usize, at: usize, k: usize, extent: u32) -> Option<usize> {
        let i = (at * self.strides[axis] as usize + k * self.dilations[axis] as usize).wrapping_sub(self.pads[axis] as usize);
        (i < extent as usize).then_some(i)
    }
}

/// Where the operands of an area begin.
struct Places {
    x: *const f32,
    w: *const f32,
    y: *mut f32,
    wrap: Wrap,
}

map_kernel!([A: FloatArithmetic,] DepthwiseConv2d<A>, f32, f32 => f32);
