//! Floats as bytes of a scale, and back: ONNX's QuantizeLinear and DequantizeLinear with one scale a tensor.

use core::marker::PhantomData;
use core::ops::Range;

use crate::cast::{convert, converted};
use crate::element::Element;
use crate::geometry::geometry;
use crate::kernel::map_kernel;
use crate::rows::{Area, MapLeaf, Pointers, RowWindow, Wrap, map_rows};
use crate::views::{Extent, Pixels};

geometry! {
    /// Geometry of `y = round(x / scale) + zero`, limited to `low..=high`, which lie within 2^21 of `zero`; beyond that results mean nothing. A quotient between two integers becomes the even one; what is not
    /// a number becomes `low`.
    pub struct Quantize [T: Element] [T] {
        /// The map that is read.
        input: Pixels,
        /// The map that is written.
        output: Pixels,
        /// What one step of the result stands for; above zero.
        scale: f32,
        /// The result that stands for zero.
        zero: i32,
    }
    options {
        /// The least result.
        low: i32 = 0,
        /// The greatest result.
        high: i32 = 255,
    }
    by_hand {}
    derived {
        /// The results' type.
        elements: PhantomData<T> = PhantomData,
    }
}

impl<T: Element> Quantize<T> {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        converted(&self.input, &self.output)
    }

    /// What a row of the output is made of.
    pub const fn row_window(&self) -> RowWindow {
        RowWindow::SAME
    }

    map_rows!(f32, f32 => T);

    /// What computes an area of the output.
    #[inline(always)]
    pub(crate) fn leaf(&self) -> MapLeaf<Self, f32, f32, T> {
        Self::area
    }

    /// # Safety
    /// As [`MapLeaf`].
    #[inline(never)]
    unsafe fn area(&self, rows: Range<usize>, columns: Range<usize>, x: *const f32, _: *const f32, y: *mut T, _: Wrap) {
        let Quantize { scale, zero, low, high, .. } = *self;
        // SAFETY: the caller's contract.
        unsafe { convert([&self.input, &self.output], rows, columns, x, y, quantizer(scale, zero, [low, high])) };
    }
}

/// What makes bytes of floats: as [`Quantize`] has it.
#[inline(always)]
pub(crate) fn quantizer<T: Element>(scale: f32, zero: i32, limits: [i32; 2]) -> impl Fn(f32) -> T {
    let bounds = limits.map(|bound| bound.saturating_sub(zero) as f32);
    move |x| T::from_i32(round(x / scale, bounds).wrapping_add(zero))
}

/// What makes floats of bytes: as [`Dequantize`] has it.
#[inline(always)]
pub(crate) fn dequantizer<F: Element>(scale: f32, zero: i32) -> impl Fn(F) -> f32 {
    move |x| x.cast::<i32>().wrapping_sub(zero) as f32 * scale
}

/// The nearest integer to `x`, the even one of two, within bounds that lie within 2^21 of zero.
#[inline(always)]
pub(crate) const fn round(x: f32, [low, high]: [f32; 2]) -> i32 {
    // From 2^23 to 2^24 floats are the integers: the sum is rounded to one, and its low bits count from this number on.
    const MIDDLE: f32 = 12_582_912.0;
    // By comparisons, as some cores call a function for `max`; what is not a number is not greater.
    let least = if x > low { x } else { low };
    let limited = if least < high { least } else { high };
    ((limited + MIDDLE).to_bits() as i32).wrapping_sub(MIDDLE.to_bits() as i32)
}

map_kernel!([T: Element,] Quantize<T>, f32, f32 => T);

geometry! {
    /// Geometry of `y = (x - zero) * scale`, in `f32`.
    pub struct Dequantize [F: Element] [F] {
        /// The map that is read.
        input: Pixels,
        /// The map that is written.
        output: Pixels,
        /// What one step of the input stands for.
        scale: f32,
        /// The input that stands for zero.
        zero: i32,
    }
    options {}
    by_hand {}
    derived {
        /// The input's type.
        elements: PhantomData<F> = PhantomData,
    }
}

impl<F: Element> Dequantize<F> {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        converted(&self.input, &self.output)
    }

    /// What a row of the output is made of.
    pub const fn row_window(&self) -> RowWindow {
        RowWindow::SAME
    }

    map_rows!(F, F => f32);

    /// What computes an area of the output.
    #[inline(always)]
    pub(crate) fn leaf(&self) -> MapLeaf<Self, F, F, f32> {
        Self::area
    }

    /// # Safety
    /// As [`MapLeaf`].
    #[inline(never)]
    unsafe fn area(&self, rows: Range<usize>, columns: Range<usize>, x: *const F, _: *const F, y: *mut f32, _: Wrap) {
        // SAFETY: the caller's contract.
        unsafe { convert([&self.input, &self.output], rows, columns, x, y, dequantizer(self.scale, self.zero)) };
    }
}

map_kernel!([F: Element,] Dequantize<F>, F, F => f32);
