//! How a sum becomes an integer of 8 bits.

use core::fmt::{Result, Write};
use core::mem::offset_of;

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
        limited(self.rounded::<true>(sum, multiplier), self.low, self.high)
    }

    /// Writes the results of adjacent sums. Products are `WIDE` where a core multiplies to 64 bits.
    ///
    /// # Safety
    /// `sums` and `multipliers` are readable for `count` values, and `y` is writable.
    #[cfg_attr(not(target_arch = "arm"), inline(always))]
    #[cfg_attr(target_arch = "arm", inline(never))]
    pub(crate) unsafe fn write_all<T: Element, const WIDE: bool>(
        &self,
        sums: *const i32,
        multipliers: *const i32,
        y: *mut T,
        count: usize,
    ) {
        // Some cores have an instruction for these limits.
        let saturates = matches!(T::TYPE, ElementType::I8) && self.low == i8::MIN.into() && self.high == i8::MAX.into();
        // SAFETY: the caller's contract.
        unsafe {
            if saturates {
                for n in 0..count {
                    let result = self.rounded::<WIDE>(*sums.add(n), *multipliers.add(n));
                    *y.add(n) = T::from_i32(limited(result, i8::MIN.into(), i8::MAX.into()));
                }
            } else {
                for n in 0..count {
                    let result = self.rounded::<WIDE>(*sums.add(n), *multipliers.add(n));
                    *y.add(n) = T::from_i32(limited(result, self.low, self.high));
                }
            }
        }
    }

    /// Writes the results of sums that are as far from each other as `sums` says, as far from each other as `y` says.
    ///
    /// # Safety
    /// `sums` and `multipliers` are readable for `count` values, and `y` is writable.
    #[cfg_attr(not(target_arch = "arm"), inline(always))]
    #[cfg_attr(target_arch = "arm", inline(never))]
    pub(crate) unsafe fn write_apart<T: Element>(
        &self,
        (sums, step): (*const i32, usize),
        multipliers: *const i32,
        (y, step_of_y): (*mut T, usize),
        count: usize,
    ) {
        for n in 0..count {
            // SAFETY: the caller's contract.
            unsafe {
                let sum = *sums.wrapping_add(n.wrapping_mul(step));
                *y.wrapping_add(n.wrapping_mul(step_of_y)) = T::from_i32(self.apply(sum, *multipliers.add(n)));
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
    pub(crate) unsafe fn write_averages<T: Element, const WIDE: bool>(
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
                    *y.add(n) = T::from_i32(plain.averaged::<WIDE>([0, i32::MAX], (sums.add(n), steps), *multipliers.add(n)));
                }
            } else {
                for n in 0..count {
                    *y.add(n) = T::from_i32(self.averaged::<WIDE>(averaged, (sums.add(n), steps), *multipliers.add(n)));
                }
            }
        }
    }

    /// The result of a sum of each of four pixels.
    ///
    /// # Safety
    /// `sums` is readable for each pixel.
    #[inline(always)]
    unsafe fn averaged<const WIDE: bool>(&self, [least, most]: [i32; 2], (sums, steps): (*const i32, [usize; 2]), multiplier: i32) -> i32 {
        let mut products = 0i32;
        let [right, down] = steps;
        for step in [0, right, down, down.wrapping_add(right)] {
            // SAFETY: the caller's contract.
            let sum = unsafe { *sums.add(step) };
            products = products.wrapping_add(limited(self.product::<WIDE>(sum, multiplier), least, most));
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
    fn rounded<const WIDE: bool>(&self, sum: i32, multiplier: i32) -> i32 {
        self.product::<WIDE>(sum, multiplier).wrapping_add(self.offset()).wrapping_shr(self.right)
    }

    /// A sum in steps of `2^-right` of a result.
    #[inline(always)]
    fn product<const WIDE: bool>(&self, sum: i32, multiplier: i32) -> i32 {
        let sum = sum.wrapping_shl(self.left);
        if WIDE { ((i64::from(sum) * i64::from(multiplier)) >> 32) as i32 } else { upper_half(sum, multiplier) }
    }

    /// What is added to products before the last shift.
    #[inline(always)]
    pub(crate) fn offset(&self) -> i32 {
        self.zero.wrapping_shl(self.right).wrapping_add(1i32.wrapping_shl(self.right.wrapping_sub(1)))
    }
}

/// The upper half of a product of 64 bits, by products of 32.
#[inline(always)]
fn upper_half(a: i32, b: i32) -> i32 {
    let [(a, low_a), (b, low_b)] = [a, b].map(|factor| (factor >> 16, factor & 0xffff));
    let lowest = (low_a.wrapping_mul(low_b).cast_unsigned() >> 16).cast_signed();
    // Neither sum leaves 32 bits.
    let middle = a.wrapping_mul(low_b).wrapping_add(lowest);
    let other = low_a.wrapping_mul(b).wrapping_add(middle & 0xffff);
    a.wrapping_mul(b).wrapping_add(middle >> 16).wrapping_add(other >> 16)
}

/// A rule, with what units read of it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Prepared<'a> {
    /// Distances that a shift can have.
    pub(crate) left: u32,
    /// What is added between the shifts.
    pub(crate) offset: i32,
    pub(crate) right: u32,
    /// The limits, in each byte of four.
    pub(crate) low: u32,
    pub(crate) high: u32,
    pub(crate) rule: &'a Requantize,
}

// Leaves know these places.
const _: () = {
    assert!(offset_of!(Prepared, left) == 0 && offset_of!(Prepared, offset) == 4 && offset_of!(Prepared, right) == 8);
    assert!(offset_of!(Prepared, low) == 12 && offset_of!(Prepared, high) == 16);
};

impl<'a> Prepared<'a> {
    #[inline(always)]
    pub(crate) fn new(rule: &'a Requantize) -> Self {
        let [left, right] = [rule.left, rule.right].map(|by| by % i32::BITS);
        let [low, high] = [rule.low, rule.high].map(|limit| u32::from(limit as u8) * 0x0101_0101);
        Prepared { left, offset: rule.offset(), right, low, high, rule }
    }

    /// Whether the limits are bytes, with signs or without.
    #[cfg(any(all(target_arch = "arm", target_abi = "eabihf"), all(target_arch = "aarch64", target_feature = "neon")))]
    #[inline(always)]
    pub(crate) fn is_within(&self, signed: bool) -> bool {
        let fits = |limit: i32| limit == if signed { i32::from(limit as i8) } else { i32::from(limit as u8) };
        fits(self.rule.low) && fits(self.rule.high)
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

#[cfg(test)]
mod tests {
    use super::upper_half;

    #[test]
    fn products_by_halves_are_products() {
        let factors = [0, 1, 2, 0x7fff, 0x8000, 0xffff, 0x1_0000, 0x1_ffff, 0x7fff_0000, 0x7fff_8000, i32::MAX, 0x1234_5678];
        let factors = || factors.into_iter().flat_map(|factor| [factor, !factor]);
        for (a, b) in factors().flat_map(|a| factors().map(move |b| (a, b))) {
            assert_eq!(i64::from(upper_half(a, b)), (i64::from(a) * i64::from(b)) >> 32, "{a} * {b}");
        }
    }
}
