//! Sums, differences, products and quotients of two tensors of integers, over floats that never lie in memory.

use core::marker::PhantomData;

use crate::element::Element;
use crate::f32::elementwise::BinaryKind;
use crate::geometry::geometry;
use crate::kernel::strided_kernel;
use crate::quantize::{dequantizer, quantizer};
use crate::views::{Extent, MAX_RANK, Odometer, extent};

geometry! {
    /// Geometry of `y = x op r`: what [`Binary`](crate::Binary) makes of what [`Dequantize`](crate::Dequantize) makes of both, by
    /// [`Quantize`](crate::Quantize), to the bit. A broadcast dimension of an operand has stride zero. Unused leading dimensions are one.
    pub struct QuantizedBinary [F: Element, T: Element] [F, T] {
        /// Extents of the output, outermost first.
        dims: [u32; MAX_RANK],
        /// Distance in the first operand for a step along each dimension.
        left: [u32; MAX_RANK],
        /// Distance in the second operand.
        right: [u32; MAX_RANK],
        /// Distance in the output.
        output: [u32; MAX_RANK],
        /// The function.
        kind: BinaryKind,
    }
    options {
        /// What one step of each operand stands for; one by default.
        from_scales: [f32; 2] = [1.0; 2],
        /// Of each operand what stands for zero.
        from_zeros: [i32; 2] = [0; 2],
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

impl<F: Element, T: Element> QuantizedBinary<F, T> {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        match (extent(&self.dims, &self.left), extent(&self.dims, &self.right), extent(&self.dims, &self.output)) {
            (Some(x), Some(r), Some(y)) => Some(Extent { x, r, w: 0, y }),
            _ => None,
        }
    }

    /// Computes every element.
    ///
    /// # Safety
    /// `extent()` is some; `x` and `r` are readable and `y` writable for its lengths; no element of the output is an element of an
    /// operand.
    #[inline(never)]
    pub(crate) unsafe fn run(&self, x: *const F, r: *const F, y: *mut T) {
        let last = MAX_RANK - 1;
        let steps = [self.left[last] as usize, self.right[last] as usize, self.output[last] as usize];
        let ([left, right], [left_zero, right_zero]) = (self.from_scales, self.from_zeros);
        let (left, right) = (dequantizer::<F>(left, left_zero), dequantizer::<F>(right, right_zero));
        let quantized = quantizer::<T>(self.scale, self.zero, [self.low, self.high]);
        let mut index = Odometer::new(&self.dims);
        loop {
            let x = x.wrapping_add(index.at(&self.left));
            let r = r.wrapping_add(index.at(&self.right));
            let y = y.wrapping_add(index.at(&self.output));
            for i in 0..self.dims[last] as usize {
                // SAFETY: the index lies inside the dimensions, so the offsets lie inside the extents.
                unsafe {
                    let (a, b) = (left(*x.add(i * steps[0])), right(*r.add(i * steps[1])));
                    *y.add(i * steps[2]) = quantized(self.kind.apply(a, b));
                }
            }
            if !index.advance() {
                return;
            }
        }
    }
}

strided_kernel!([F: Element, T: Element,] QuantizedBinary<F, T>, F => T, |self, at| self.run(at.x, at.r, at.y));
