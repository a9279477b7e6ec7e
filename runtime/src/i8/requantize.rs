//! How a sum becomes an integer of 8 bits.

use core::fmt::{Result, Write};

use crate::element::{Element, ElementType};
use crate::expression::Expression;

/// What the channels of a sum have in common on the way to `floor(s * sum + 1 / 2) + zero`, limited to `low..=high`, for a factor `s` of
/// each channel.
///
/// The factor is `multiplier / 2^(32 + right - left)`, and the result `((sum << left) * multiplier / 2^32 + (zero << right) + 2^(right - 1))
/// >> right` with both quotients rounded down: as floors nest, that is the value above, exactly.
///
/// An average over the four pixels of a pool's window is of what the first quotient gives, steps of `2^-right` of a result, each limited as
/// an activation before the pool does: `(the sum of the four of limited((sum << left) * multiplier / 2^32) + (zero << (right + 2)) +
/// 2^(right + 1)) >> (right + 2)`, limited to `low..=high`. Of a window that the map's edge cuts off, the pixels that are there count as
/// often as makes four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requantize {
    /// How far sums are shifted first, for factors from 1/4 on.
    pub left: u32,
    /// How far products are shifted last; at least one.
    pub right: u32,
    /// The result that stands for zero.
    pub zero: i32,
    /// The least result.
    pub low: i32,
    /// The greatest result.
    pub high: i32,
}

impl Requantize {
    /// For a builder to begin with: factors of `multiplier / 2^31`, and the limits of a signed byte.
    pub const DEFAULT: Requantize = Requantize { left: 2, right: 1, zero: 0, low: -128, high: 127 };

    /// The result of one sum.
    #[inline(always)]
    pub fn apply(&self, sum: i32, multiplier: i32) -> i32 {
        limited(self.rounded(sum, multiplier), self.low, self.high)
    }

    /// Writes the results of adjacent sums.
    ///
    /// # Safety
    /// `sums` and `multipliers` are readable for `count` values, and `y` is writable.
    #[cfg_attr(not(target_arch = "arm"), inline(always))]
    #[cfg_attr(target_arch = "arm", inline(never))]
    pub(crate) unsafe fn write_all<T: Element>(&self, sums: *const i32, multipliers: *const i32, y: *mut T, count: usize) {
        // Some cores have an instruction for these limits.
        let saturates = matches!(T::TYPE, ElementType::I8) && self.low == i8::MIN.into() && self.high == i8::MAX.into();
        // SAFETY: the caller's contract.
        unsafe {
            if saturates {
                for n in 0..count {
                    let result = self.rounded(*sums.add(n), *multipliers.add(n));
                    *y.add(n) = T::from_i32(limited(result, i8::MIN.into(), i8::MAX.into()));
                }
            } else {
                for n in 0..count {
                    *y.add(n) = T::from_i32(self.apply(*sums.add(n), *multipliers.add(n)));
                }
            }
        }
    }

    /// Writes the results of adjacent sums of the four pixels of a window, averaged. `steps` lead from the sums of a pixel to those of the one
    /// to the right of it, and of the one below.
    ///
    /// # Safety
    /// `sums`, for each pixel, and `multipliers` are readable for `count` values, and `y` is writable.
    #[cfg_attr(not(target_arch = "arm"), inline(always))]
    #[cfg_attr(target_arch = "arm", inline(never))]
    pub(crate) unsafe fn write_averages<T: Element>(
        &self,
        averaged: [i32; 2],
        (sums, steps): (*const i32, [usize; 2]),
        multipliers: *const i32,
        y: *mut T,
        count: usize,
    ) {
        // Most cores have an instruction or two for these limits.
        let saturates = matches!(T::TYPE, ElementType::I8) && self.low == i8::MIN.into() && self.high == i8::MAX.into();
        let plain = Requantize { low: i8::MIN.into(), high: i8::MAX.into(), ..*self };
        // SAFETY: the caller's contract.
        unsafe {
            if saturates && averaged == [0, i32::MAX] {
                for n in 0..count {
                    *y.add(n) = T::from_i32(plain.averaged([0, i32::MAX], (sums.add(n), steps), *multipliers.add(n)));
                }
            } else {
                for n in 0..count {
                    *y.add(n) = T::from_i32(self.averaged(averaged, (sums.add(n), steps), *multipliers.add(n)));
                }
            }
        }
    }

    /// The result of a sum of each of four pixels.
    ///
    /// # Safety
    /// `sums` is readable for each pixel.
    #[inline(always)]
    unsafe fn averaged(&self, [least, most]: [i32; 2], (sums, steps): (*const i32, [usize; 2]), multiplier: i32) -> i32 {
        let mut products = 0i32;
        let [right, down] = steps;
        for step in [0, right, down, down.wrapping_add(right)] {
            // SAFETY: the caller's contract.
            let sum = unsafe { *sums.add(step) };
            products = products.wrapping_add(limited(self.product(sum, multiplier), least, most));
        }
        let quarter = self.quarter();
        limited(products.wrapping_add(quarter.offset()).wrapping_shr(quarter.right), self.low, self.high)
    }

    /// What makes results of the products of four pixels, added.
    #[inline(always)]
    pub(crate) fn quarter(&self) -> Requantize {
        Requantize { right: self.right.wrapping_add(2), ..*self }
    }

    /// The result before it is limited.
    #[inline(always)]
    fn rounded(&self, sum: i32, multiplier: i32) -> i32 {
        self.product(sum, multiplier).wrapping_add(self.offset()).wrapping_shr(self.right)
    }

    /// A sum in steps of `2^-right` of a result.
    #[inline(always)]
    fn product(&self, sum: i32, multiplier: i32) -> i32 {
        ((i64::from(sum.wrapping_shl(self.left)) * i64::from(multiplier)) >> 32) as i32
    }

    /// What is added to products before the last shift.
    #[inline(always)]
    pub(crate) fn offset(&self) -> i32 {
        self.zero.wrapping_shl(self.right).wrapping_add(1i32.wrapping_shl(self.right.wrapping_sub(1)))
    }
}

/// As `clamp`, without its assertion.
#[inline(always)]
pub(super) fn limited(result: i32, low: i32, high: i32) -> i32 {
    if result < low {
        low
    } else if result > high {
        high
    } else {
        result
    }
}

impl Expression for Requantize {
    fn write(&self, to: &mut dyn Write) -> Result {
        let Requantize { left, right, zero, low, high } = self;
        write!(to, "peleec_runtime::Requantize {{ left: {left}, right: {right}, zero: {zero}, low: {low}, high: {high} }}")
    }
}
