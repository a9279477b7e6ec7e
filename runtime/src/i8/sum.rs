//! Sums and differences of two maps of bytes, in integers alone.

use core::marker::PhantomData;
use core::ops::Range;

use super::binary::{PairLeaf, pair_rows};
use super::requantize::limited;
use crate::element::ByteElement;
use crate::geometry::geometry;
use crate::kernel::map_kernel;
use crate::rows::{Area, Pointers, RowWindow};
use crate::views::{Extent, Pixels};

geometry! {
    /// Geometry of `y = (factors[0] * x + factors[1] * r + offset) >> shift`, limited: what a [`QuantizedBinary`](crate::QuantizedBinary)
    /// gives, where someone who knows its scales found such numbers. The arithmetic is that of `i32` and wraps; the shift rounds down. An
    /// operand has the output's extents; where it is broadcast, its distance is zero.
    pub struct QuantizedSum [F: ByteElement, T: ByteElement] [F, T] {
        /// The first operand.
        input: Pixels,
        /// The second operand, which is the second input.
        second: Pixels,
        /// The map that is written.
        output: Pixels,
    }
    options {
        /// Of each operand; one by default.
        factors: [i32; 2] = [1; 2],
        /// What is added to the products.
        offset: i32 = 0,
        /// How far the sum is shifted; the low five bits count.
        shift: u32 = 0,
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

impl<F: ByteElement, T: ByteElement> QuantizedSum<F, T> {
    pair_rows!(F => T);

    /// # Safety
    /// As [`PairLeaf`].
    #[inline(never)]
    unsafe fn area(&self, rows: Range<usize>, columns: Range<usize>, x: *const F, r: *const F, y: *mut T) {
        for_each_line([&self.input, &self.second, &self.output], [rows, columns], self.output.channels, |[of_x, of_r, of_y], count| {
            // SAFETY: the pixels exist, and so do their channels, one `step` after the other.
            unsafe { self.line(count, x.wrapping_add(of_x), r.wrapping_add(of_r), y.wrapping_add(of_y)) };
        });
    }

    /// Computes `count` elements that follow each other.
    ///
    /// # Safety
    /// `x` and `r` are readable and `y` is writable for so many elements, each a `step` of its map behind the one before.
    #[inline(always)]
    unsafe fn line(&self, count: usize, x: *const F, r: *const F, y: *mut T) {
        let is_dense = step(&self.input) == 1 && step(&self.second) == 1 && step(&self.output) == 1;
        // Some cores have an instruction for these limits.
        let saturates = self.low == T::LIMITS[0] && self.high == T::LIMITS[1];
        // SAFETY: the caller's contract.
        unsafe {
            if is_dense && saturates {
                self.saturated(count, x, r, y);
            } else {
                self.stepped(count, x, r, y);
            }
        }
    }

    /// As [`line`](Self::line), of adjacent elements whose limits are those of their type; a function of its own, as it takes all registers.
    ///
    /// # Safety
    /// As `line`.
    #[cfg_attr(not(target_arch = "arm"), inline(always))]
    #[cfg_attr(target_arch = "arm", inline(never))]
    unsafe fn saturated(&self, count: usize, x: *const F, r: *const F, y: *mut T) {
        for i in 0..count {
            // SAFETY: the caller's contract.
            unsafe { *y.add(i) = T::from_i32(limited(self.shifted(*x.add(i), *r.add(i)), T::LIMITS[0], T::LIMITS[1])) };
        }
    }

    /// As [`line`](Self::line), of any steps and limits.
    ///
    /// # Safety
    /// As `line`.
    #[cfg_attr(not(target_arch = "arm"), inline(always))]
    #[cfg_attr(target_arch = "arm", inline(never))]
    unsafe fn stepped(&self, count: usize, x: *const F, r: *const F, y: *mut T) {
        let (x_step, r_step, y_step) = (step(&self.input), step(&self.second), step(&self.output));
        let is_dense = x_step == 1 && r_step == 1 && y_step == 1;
        let [low, high] = [self.low, self.high];
        // SAFETY: the caller's contract.
        unsafe {
            if is_dense {
                for i in 0..count {
                    *y.add(i) = T::from_i32(limited(self.shifted(*x.add(i), *r.add(i)), low, high));
                }
            } else {
                for i in 0..count {
                    let (a, b) = (*x.add(i.wrapping_mul(x_step)), *r.add(i.wrapping_mul(r_step)));
                    *y.add(i.wrapping_mul(y_step)) = T::from_i32(limited(self.shifted(a, b), low, high));
                }
            }
        }
    }

    /// The result before it is limited.
    #[inline(always)]
    fn shifted(&self, a: F, b: F) -> i32 {
        shifted(self.factors, self.offset, self.shift, [a, b])
    }
}

/// The sum of two elements by these numbers, before it is limited.
#[inline(always)]
pub(super) fn shifted<F: ByteElement>([left, right]: [i32; 2], offset: i32, shift: u32, [a, b]: [F; 2]) -> i32 {
    let sum = offset.wrapping_add(a.cast::<i32>().wrapping_mul(left));
    sum.wrapping_add(b.cast::<i32>().wrapping_mul(right)).wrapping_shr(shift)
}

/// Calls `line` with where elements that follow each other begin in each map, and with how many those are: those of a row where the pixels of
/// all maps follow each other, or else those of a pixel.
#[inline(always)]
pub(super) fn for_each_line<const M: usize>(
    maps: [&Pixels; M],
    [rows, columns]: [Range<usize>; 2],
    channels: u32,
    mut line: impl FnMut([usize; M], usize),
) {
    let joins = maps.iter().all(|map| joins(map));
    for row in rows {
        let mut column = columns.start;
        while column < columns.end {
            let width = if joins { columns.end.wrapping_sub(column) } else { 1 };
            line(maps.map(|map| map.place(row, column)), width.wrapping_mul(channels as usize));
            column = column.wrapping_add(width);
        }
    }
}

/// How far apart the elements of a pixel lie; of one channel, pixels.
#[inline(always)]
pub(super) fn step(map: &Pixels) -> usize {
    if map.channels == 1 { map.pixel as usize } else { map.channel as usize }
}

/// Whether the pixels of a row follow each other as their channels do.
#[inline(always)]
fn joins(map: &Pixels) -> bool {
    map.pixel as usize == step(map).wrapping_mul(map.channels as usize)
}

map_kernel!([F: ByteElement, T: ByteElement,] QuantizedSum<F, T>, F, F => T);
