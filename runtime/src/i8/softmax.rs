//! Softmax of integers, over floats that never lie in memory.

use core::marker::PhantomData;

use crate::element::Element;
use crate::f32::LONGEST_SUM;
use crate::f32::exp::exp;
use crate::geometry::strided_geometry;
use crate::kernel::strided_kernel;
use crate::quantize::{dequantizer, quantizer};
use crate::views::{MAX_RANK, Odometer};

strided_geometry! {
    /// Geometry of what [`Softmax`](crate::Softmax) makes of what [`Dequantize`](crate::Dequantize) makes of the input, by
    /// [`Quantize`](crate::Quantize), to the bit: along the last of up to six strided dimensions; unused leading dimensions are one.
    pub struct QuantizedSoftmax [F: Element, T: Element] [F, T]
    options {
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
    derived {
        /// Both types.
        elements: PhantomData<(F, T)> = PhantomData,
    }
}

impl<F: Element, T: Element> QuantizedSoftmax<F, T> {
    /// Computes every element. Between the sum and the quotients there is no place for the powers of a long row, which are computed twice.
    ///
    /// # Safety
    /// `extent()` is some; `x` is readable and `y` writable for its lengths; no element of the output is one of the input.
    #[inline(never)]
    pub(crate) unsafe fn run(&self, x: *const F, y: *mut T) {
        let last = MAX_RANK - 1;
        let (count, steps) = (self.dims[last] as usize, [self.input[last] as usize, self.output[last] as usize]);
        let float = dequantizer::<F>(self.from_scale, self.from_zero);
        let quantized = quantizer::<T>(self.scale, self.zero, [self.low, self.high]);
        let mut index = Odometer::new(&self.dims);
        let is_kept = count <= MOST_KEPT;
        loop {
            let (x, y) = (x.wrapping_add(index.at(&self.input)), y.wrapping_add(index.at(&self.output)));
            // SAFETY: the index lies inside the dimensions, so the offsets lie inside the extents.
            let value = |i: usize| float(unsafe { *x.add(i * steps[0]) });
            // SAFETY: as above.
            let write = |i: usize, result: f32| unsafe { *y.add(i * steps[1]) = quantized(result) };
            if is_kept && HAS_VECTORS {
                // SAFETY: as above.
                let mut inputs = [unsafe { *x }; MOST_KEPT];
                for (i, input) in inputs.iter_mut().enumerate().take(count) {
                    // SAFETY: as above.
                    *input = unsafe { *x.add(i * steps[0]) };
                }
                let (mut values, mut results) = ([0.0; MOST_KEPT], [T::from_i32(0); MOST_KEPT]);
                for (value, &input) in values.iter_mut().zip(&inputs) {
                    *value = float(input);
                }
                share_out(&mut values, count);
                for (result, &share) in results.iter_mut().zip(&values) {
                    *result = quantized(share);
                }
                for (i, &result) in results.iter().enumerate().take(count) {
                    // SAFETY: as above.
                    unsafe { *y.add(i * steps[1]) = result };
                }
            } else {
                one_by_one(count, value, write);
            }
            if !index.advance() {
                return;
            }
        }
    }
}

/// The softmax of `count` values, each written once.
#[inline(always)]
fn one_by_one(count: usize, value: impl Fn(usize) -> f32, write: impl Fn(usize, f32)) {
    let mut max = value(0);
    for i in 1..count {
        let value = value(i);
        max = if value > max { value } else { max };
    }
    if count <= MOST_KEPT {
        let mut powers = [0.0_f32; MOST_KEPT];
        for (i, power) in powers.iter_mut().enumerate().take(count) {
            *power = value(i) - max;
        }
        for power in powers.iter_mut().take(count) {
            *power = exp(*power);
        }
        let sum = powers.iter().take(count).fold(0.0, |sum, power| sum + power);
        for power in powers.iter_mut().take(count) {
            *power /= sum;
        }
        for (i, power) in powers.iter().enumerate().take(count) {
            write(i, *power);
        }
    } else {
        let (mut sum, mut i) = (0.0, 0);
        while i < count {
            let (mut part, end) = (0.0, count.min(i + LONGEST_SUM));
            while i < end {
                part += exp(value(i) - max);
                i += 1;
            }
            sum += part;
        }
        for i in 0..count {
            write(i, exp(value(i) - max) / sum);
        }
    }
}

/// The same of a row that ends in copies of its first value, all of it in vectors but the sum, whose order is that of the row.
#[inline(always)]
fn share_out(values: &mut [f32; MOST_KEPT], count: usize) {
    let (mut greatest, mut half) = (*values, MOST_KEPT / 2);
    while half > 0 {
        for i in 0..half {
            let (one, other) = (greatest[i], greatest[i + half]);
            greatest[i] = if other > one { other } else { one };
        }
        half /= 2;
    }
    for value in values.iter_mut() {
        *value = exp(*value - greatest[0]);
    }
    let sum = values.iter().take(count).fold(0.0, |sum, power| sum + power);
    for value in values.iter_mut() {
        *value /= sum;
    }
}

/// Whether rustc has vectors for a row: elsewhere each value takes instructions of its own, and the values that fill a row up as many.
const HAS_VECTORS: bool = cfg!(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")));

/// The longest row whose powers are kept, as on the stack there is always room for so many.
const MOST_KEPT: usize = 32;

strided_kernel!([F: Element, T: Element,] QuantizedSoftmax<F, T>, F => T, |self, at| self.run(at.x, at.y));

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::*;

    /// A core has one of the two: both give the same bits, whatever lies in the row.
    #[test]
    fn vectors_give_the_bits_of_one_by_one() {
        let mut state = 1_u32;
        for round in 0..400 {
            let count = 1 + round % MOST_KEPT;
            let scale = [0.02, 0.4, 3.0, 0.0, -0.1][round % 5];
            let mut values = [0.0; MOST_KEPT];
            for value in &mut values[..count] {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *value = (state >> 24) as f32 * scale;
            }
            let first = values[0];
            values[count..].fill(first);
            let wanted = [const { Cell::new(0.0) }; MOST_KEPT];
            one_by_one(count, |i| values[i], |i, share| wanted[i].set(share));
            share_out(&mut values, count);
            for (i, (found, wanted)) in values.iter().zip(&wanted).enumerate().take(count) {
                assert_eq!(found.to_bits(), wanted.get().to_bits(), "{i} of {count}");
            }
        }
    }
}
