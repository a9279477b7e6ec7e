//! How a sum becomes an integer of 8 bits.

use core::fmt::{Result, Write};

use crate::expression::Expression;

/// What the channels of a sum have in common on the way to `floor(s * sum + 1 / 2) + zero`, limited to `low..=high`, for a factor `s` of
/// each channel.
///
/// The factor is `multiplier / 2^(32 + right - left)`, and the result `((sum << left) * multiplier / 2^32 + (zero << right) + 2^(right - 1))
/// >> right` with both quotients rounded down: as floors nest, that is the value above, exactly.
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
        let product = (i64::from(sum.wrapping_shl(self.left)) * i64::from(multiplier)) >> 32;
        let offset = self.zero.wrapping_shl(self.right).wrapping_add(1i32.wrapping_shl(self.right.wrapping_sub(1)));
        let result = (product as i32).wrapping_add(offset).wrapping_shr(self.right);
        if result < self.low {
            self.low
        } else if result > self.high {
            self.high
        } else {
            result
        }
    }
}

impl Expression for Requantize {
    fn write(&self, to: &mut dyn Write) -> Result {
        let Requantize { left, right, zero, low, high } = self;
        write!(to, "peleec_runtime::Requantize {{ left: {left}, right: {right}, zero: {zero}, low: {low}, high: {high} }}")
    }
}
