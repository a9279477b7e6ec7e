//! Maxima of integers.

use core::marker::PhantomData;
use core::ops::Range;

use crate::element::Element;
use crate::geometry::geometry;
use crate::kernel::map_kernel;
use crate::rows::{Area, MapLeaf, Pointers, Wrap, map_rows, window_rows};
use crate::taps::{Inside, taps_inside};
use crate::views::{Extent, Pixels, small, window_fits};

geometry! {
    /// Geometry of the maximum of each window of integers, channel by channel. Padding never wins; every window has a tap on the input, or
    /// its result is zero.
    pub struct MaxPool2d [T: Element] [T] {
        /// The map that is read.
        input: Pixels,
        /// The map that is written.
        output: Pixels,
    }
    options {
        /// Height and width of the window; one by default.
        kernel: [u32; 2] = [1, 1],
        /// Distance between windows, in rows and pixels; one by default.
        strides: [u32; 2] = [1, 1],
        /// Distance between taps, in rows and pixels; one by default.
        dilations: [u32; 2] = [1, 1],
        /// Rows of padding above and pixels of padding left of the input; none by default.
        pads: [u32; 2] = [0, 0],
    }
    by_hand {}
    derived {
        /// The elements' type.
        elements: PhantomData<T> = PhantomData,
    }
}

impl<T: Element> MaxPool2d<T> {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        let window = window_fits(&self.input, &self.output, &self.strides, &self.kernel, &self.dilations);
        if self.input.channels != self.output.channels || !window || !small(&self.pads) {
            return None;
        }
        match (self.input.extent(), self.output.extent()) {
            (Some(x), Some(y)) if self.output.is_exclusive() => Some(Extent { x, r: 0, w: 0, y }),
            _ => None,
        }
    }

    window_rows!();
    map_rows!(T, T => T);

    /// What computes an area of the output.
    #[inline(always)]
    pub(crate) fn leaf(&self) -> MapLeaf<Self, T, T, T> {
        Self::area
    }

    /// # Safety
    /// As [`MapLeaf`].
    #[inline(never)]
    unsafe fn area(&self, rows: Range<usize>, columns: Range<usize>, x: *const T, _: *const T, y: *mut T, wrap: Wrap) {
        let (input, output) = (&self.input, &self.output);
        let taps = |axis: usize, extent: u32, at: usize| {
            taps_inside(self.kernel[axis], self.strides[axis], self.dilations[axis], self.pads[axis], extent, at)
        };
        for oy in rows {
            let ky = taps(0, input.height, oy);
            for ox in columns.clone() {
                let kx = taps(1, input.width, ox);
                let y = y.wrapping_add(output.place(oy, ox));
                let tap = |ky: usize, kx: usize| {
                    let iy = (oy * self.strides[0] as usize + ky * self.dilations[0] as usize) - self.pads[0] as usize;
                    let ix = (ox * self.strides[1] as usize + kx * self.dilations[1] as usize) - self.pads[1] as usize;
                    let row = iy.wrapping_mul(input.row as usize).wrapping_sub(wrap.back_at(ky));
                    x.wrapping_add(row.wrapping_add(ix.wrapping_mul(input.pixel as usize)))
                };
                let (channels, mut c) = (output.channels as usize, 0);
                // SAFETY: the taps lie inside the input; the pixel and the channels exist.
                unsafe {
                    if input.channel == 1 && output.channel == 1 {
                        while c + TOGETHER <= channels {
                            let greatest = greatest::<T, TOGETHER>([ky, kx], |ky, kx| tap(ky, kx).wrapping_add(c));
                            y.wrapping_add(c).cast::<[T; TOGETHER]>().write(greatest);
                            c += TOGETHER;
                        }
                    }
                    while c < channels {
                        let [greatest] = greatest([ky, kx], |ky, kx| tap(ky, kx).wrapping_add(c * input.channel as usize));
                        *y.wrapping_add(c * output.channel as usize) = greatest;
                        c += 1;
                    }
                }
            }
        }
    }
}

/// Channels that are computed together, where they are adjacent.
const TOGETHER: usize = 16;

/// The greatest element of each of `N` adjacent channels of the taps of a window; zeros where there are none.
///
/// # Safety
/// `at` points to the channels of every tap.
#[inline(always)]
unsafe fn greatest<T: Element, const N: usize>([ky, kx]: [Inside; 2], at: impl Fn(usize, usize) -> *const T) -> [T; N] {
    if ky.begin >= ky.end || kx.begin >= kx.end {
        return [T::from_i32(0); N];
    }
    // SAFETY: the caller's contract.
    let mut greatest = unsafe { at(ky.begin, kx.begin).cast::<[T; N]>().read() };
    for ky in ky.begin..ky.end {
        for kx in kx.begin..kx.end {
            // SAFETY: the caller's contract.
            let values = unsafe { at(ky, kx).cast::<[T; N]>().read() };
            for (greatest, value) in greatest.iter_mut().zip(values) {
                *greatest = if value > *greatest { value } else { *greatest };
            }
        }
    }
    greatest
}

map_kernel!([T: Element,] MaxPool2d<T>, T, T => T);
