//! Depthwise convolution: every channel has one kernel of its own.

use core::ops::Range;

use super::activation::Activation;
use crate::views::{Extent, Pixels, small, window_fits};

/// Geometry of a depthwise convolution. Input and output have the same channels; weights are `bias [channels]`, then
/// `[kernel height][kernel width][channels]`. Sums run over (ky, kx); taps that fall on padding are left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DepthwiseConv2d {
    /// The map that is read.
    pub input: Pixels,
    /// The map that is written.
    pub output: Pixels,
    /// Height and width of the kernel.
    pub kernel: [u32; 2],
    /// Distance between windows, in rows and pixels.
    pub strides: [u32; 2],
    /// Distance between taps, in rows and pixels.
    pub dilations: [u32; 2],
    /// Rows of padding above and pixels of padding left of the input.
    pub pads: [u32; 2],
    /// What is applied to each result.
    pub activation: Activation,
}

impl DepthwiseConv2d {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        let taps = self.kernel[0] as u64 * self.kernel[1] as u64 + 1;
        let window = window_fits(&self.output, &self.strides, &self.kernel, &self.dilations);
        if self.input.channels != self.output.channels || !window || !small(&self.pads) {
            return None;
        }
        let w = taps * self.input.channels as u64;
        match (self.input.extent(), self.output.extent()) {
            (Some(x), Some(y)) if w < u32::MAX as u64 => Some(Extent { x, r: 0, w: w as usize, y }),
            _ => None,
        }
    }

    /// Computes the output rows `rows`.
    ///
    /// # Safety
    /// `extent()` is some; `x` and `w` are readable and `y` writable for its lengths; `rows` lies in the output; no element of the
    /// output is an element of the input.
    #[inline(never)]
    pub(crate) unsafe fn run(&self, rows: Range<usize>, x: *const f32, _: *const f32, w: *const f32, y: *mut f32) {
        const LANES: usize = 4;
        let channels = self.output.channels as usize;
        for oy in rows {
            for ox in 0..self.output.width as usize {
                let mut c = 0;
                // SAFETY: the channels exist.
                unsafe {
                    while c + LANES <= channels {
                        self.pixel::<LANES>([oy, ox, c], x, w, y);
                        c += LANES;
                    }
                    while c < channels {
                        self.pixel::<1>([oy, ox, c], x, w, y);
                        c += 1;
                    }
                }
            }
        }
    }

    /// `N` channels of one pixel.
    ///
    /// # Safety
    /// As [`run`](Self::run); channels `c .. c + N` exist.
    #[inline(always)]
    unsafe fn pixel<const N: usize>(&self, [oy, ox, c]: [usize; 3], x: *const f32, w: *const f32, y: *mut f32) {
        let channels = self.output.channels as usize;
        // SAFETY: the taps lie inside the input, since each is compared with its extent.
        unsafe {
            let mut acc: [f32; N] = *w.add(c).cast();
            for ky in 0..self.kernel[0] as usize {
                let Some(iy) = self.tap(0, oy, ky, self.input.height) else { continue };
                for kx in 0..self.kernel[1] as usize {
                    let Some(ix) = self.tap(1, ox, kx, self.input.width) else { continue };
                    let x = x.add(iy * self.input.row as usize + ix * self.input.pixel as usize + c * self.input.channel as usize);
                    let w = w.add((1 + ky * self.kernel[1] as usize + kx) * channels + c);
                    for n in 0..N {
                        acc[n] += *x.add(n * self.input.channel as usize) * *w.add(n);
                    }
                }
            }
            let map = &self.output;
            let y = y.add(oy * map.row as usize + ox * map.pixel as usize + c * map.channel as usize);
            for n in 0..N {
                *y.add(n * map.channel as usize) = self.activation.apply(acc[n]);
            }
        }
    }

    /// The input row or column of tap `k` at output position `at`; none on padding.
    #[inline(always)]
    fn tap(&self, axis: usize, at: usize, k: usize, extent: u32) -> Option<usize> {
        let i = (at * self.strides[axis] as usize + k * self.dilations[axis] as usize).wrapping_sub(self.pads[axis] as usize);
        (i < extent as usize).then_some(i)
    }
}
