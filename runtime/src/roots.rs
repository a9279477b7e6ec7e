//! Powers of integers whose exponents are floats, in integers alone: of a fraction by square roots, as each of its bits is one of these.

use crate::integer::power;

/// The least float that every `i64` is below.
const BEYOND: f32 = 9_223_372_036_854_775_808.0;

/// Bits of an exponent behind the point. An exponent without any of these gives less than two.
const FRACTION: u32 = 29;

/// The power, cut towards zero: one of a whole exponent wraps, as [`power`] has it, any other saturates. It is exact where it is whole
/// before it is cut; elsewhere it may be cut from a little less. Zero is what is not a number, such as a power of a number
/// below zero, unless the exponent is whole.
#[inline(never)]
pub(crate) fn power_by_float(base: i64, exponent: f32) -> i64 {
    let whole = exponent as i64;
    if exponent < BEYOND && whole as f32 == exponent {
        return power(base, whole);
    }
    // What is even, or infinite, is so large that no `i64` has it.
    let is_beyond = exponent.abs() >= BEYOND;
    match base {
        1 => 1,
        -1 if is_beyond => 1,
        0 if exponent < 0.0 => i64::MAX,
        // An exponent that is not a number is neither.
        _ if exponent >= 63.0 && (base > 1 || (base < -1 && is_beyond)) => i64::MAX,
        _ if base > 1 && exponent > 0.0 => power_by_fraction(base, exponent),
        _ => 0,
    }
}

/// Of a base from two on, and an exponent that is above zero and less than 63.
#[inline(always)]
fn power_by_fraction(base: i64, exponent: f32) -> i64 {
    // Exact, but for what is below one part in 2^29.
    let fixed = (exponent * (1u32 << FRACTION) as f32) as u64;
    let base = Scaled::of(base.unsigned_abs());
    let (mut result, mut root) = (Scaled::of(1), base);
    let mut bits = fixed << (u64::BITS - FRACTION);
    while bits != 0 {
        root = root.root();
        if bits >> 63 == 1 {
            result = result.times(root);
        }
        bits <<= 1;
    }
    let (mut square, mut rest) = (base, fixed >> FRACTION);
    while rest != 0 {
        if rest & 1 == 1 {
            result = result.times(square);
        }
        square = square.times(square);
        rest >>= 1;
    }
    result.whole()
}

/// A number from one on: `mantissa * 2^(exponent - 63)`, with the mantissa's first bit set.
#[derive(Clone, Copy)]
struct Scaled {
    mantissa: u64,
    exponent: u32,
}

impl Scaled {
    #[inline(always)]
    fn of(number: u64) -> Self {
        let zeros = number.leading_zeros();
        Scaled { mantissa: number.wrapping_shl(zeros), exponent: 63u32.wrapping_sub(zeros) }
    }

    /// The product, cut.
    #[inline(always)]
    fn times(self, other: Self) -> Self {
        let product = u128::from(self.mantissa).wrapping_mul(u128::from(other.mantissa));
        let exponent = self.exponent.wrapping_add(other.exponent);
        match product >> 127 {
            0 => Scaled { mantissa: (product >> 63) as u64, exponent },
            _ => Scaled { mantissa: (product >> 64) as u64, exponent: exponent.wrapping_add(1) },
        }
    }

    /// The square root, cut: bit by bit.
    #[inline(always)]
    fn root(self) -> Self {
        let mut rest = u128::from(self.mantissa).wrapping_shl(63u32.wrapping_add(self.exponent & 1));
        let (mut root, mut bit) = (0u128, 1u128 << 126);
        while bit != 0 {
            let more = root.wrapping_add(bit);
            root >>= 1;
            if rest >= more {
                rest = rest.wrapping_sub(more);
                root = root.wrapping_add(bit);
            }
            bit >>= 2;
        }
        Scaled { mantissa: root as u64, exponent: self.exponent >> 1 }
    }

    /// Its whole part, as far as an `i64` holds it.
    #[inline(always)]
    fn whole(self) -> i64 {
        if self.exponent >= 63 { i64::MAX } else { self.mantissa.wrapping_shr(63u32.wrapping_sub(self.exponent)) as i64 }
    }
}

#[cfg(test)]
mod tests {
    use super::{BEYOND, power_by_float};

    /// Neighbours of numbers that are powers: their roots lie just beside a whole number, where doubles are rounded to it.
    #[test]
    fn roots_are_exact() {
        for root in 2..=300i64 {
            for halvings in 1..=3u32 {
                let Some(base) = root.checked_pow(1 << halvings) else { continue };
                let exponent = 0.5f32.powi(halvings as i32);
                let found = [base - 1, base, base + 1].map(|base| power_by_float(base, exponent));
                assert_eq!(found, [root - 1, root, root], "{base}^{exponent}");
                let odd = (0..5).fold(1i64, |power, _| power.saturating_mul(root));
                assert_eq!(power_by_float(base, 5.0 * exponent), odd, "{base}^{}", 5.0 * exponent);
            }
        }
        assert_eq!([99, 100, 101].map(|base| power_by_float(base, 1.5)), [985, 1000, 1015]);
    }

    #[test]
    fn powers_are_those_of_doubles() {
        for base in 2..=200i64 {
            for eighths in 1..64u8 {
                let exponent = f32::from(eighths) / 8.0 + 1.0 / 512.0;
                let wanted = (base as f64).powf(f64::from(exponent));
                // Doubles are as exact as that.
                if wanted < 1e12 && (wanted - wanted.round()).abs() > 1e-2 {
                    assert_eq!(power_by_float(base, exponent), wanted as i64, "{base}^{exponent}");
                }
            }
        }
    }

    #[test]
    fn powers_have_their_limits() {
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        let found = [(2, 62.5), (2, 63.5), (i64::MAX, 0.015), (i64::MAX, 1e-30), (3, 39.0), (2, 64.0)];
        let wanted = [6_521_908_912_666_391_106, i64::MAX, 1, 1, 4_052_555_153_018_976_267, 0];
        assert_eq!(found.map(|(base, exponent)| power_by_float(base, exponent)), wanted);
        assert_eq!([2, 1, 0, -1, -2].map(|base| power_by_float(base, 0.5)), [1, 1, 0, 0, 0]);
        assert_eq!([2, 1, 0, -1, -2].map(|base| power_by_float(base, -0.5)), [0, 1, i64::MAX, 0, 0]);
        assert_eq!([2, 1, 0, -1, -2].map(|base| power_by_float(base, nan)), [0, 1, 0, 0, 0]);
        assert_eq!([2, 1, 0, -1, -2].map(|base| power_by_float(base, inf)), [i64::MAX, 1, 0, 1, i64::MAX]);
        assert_eq!([3, -1].map(|base| power_by_float(base, BEYOND)), [i64::MAX, 1]);
        assert_eq!([2, 1, 0, -1, -2].map(|base| power_by_float(base, -inf)), [0, 1, i64::MAX, 1, 0]);
    }
}
