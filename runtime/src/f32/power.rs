//! Powers and remainders of class `plain`: operations of one rounding each in one fixed order, so the bits are the same everywhere.

use super::exp::power_of_two;

const SIGN: u32 = 0x8000_0000;
const INFINITE: u32 = 0x7f80_0000;
/// Bits of the mantissa.
const MANTISSA: u32 = 23;
const FRACTION: u32 = (1 << MANTISSA) - 1;

/// `x` to the power of `y`, within 3 units in the last place, subnormal results too; special values as C's `pow` has them: the power of
/// zero is one, as are all powers of one, and those of a negative number exist where `y` is whole.
#[inline]
pub fn power(x: f32, y: f32) -> f32 {
    if y == 0.0 || x == 1.0 {
        return 1.0;
    }
    if x.is_nan() || y.is_nan() {
        return f32::NAN;
    }
    let size = magnitude(x);
    let is_negative = x.to_bits() & SIGN != 0;
    let result = if y.to_bits() & !SIGN == INFINITE {
        match (size == 1.0, (size > 1.0) == (y > 0.0)) {
            (true, _) => return 1.0,
            (_, true) => f32::INFINITY,
            (_, false) => 0.0,
        }
    } else if size == 0.0 || size == f32::INFINITY {
        if (size == 0.0) == (y > 0.0) { 0.0 } else { f32::INFINITY }
    } else if is_negative && !is_whole(y) {
        return f32::NAN;
    } else {
        power_of_positive(size, y)
    };
    if is_negative && is_odd(y) { -result } else { result }
}

/// The remainder of `a / b` with the quotient cut towards zero, as C's `fmod`: exact, with the sign of `a`; not a number where `a` is
/// infinite or `b` is zero.
#[inline]
pub fn remainder(a: f32, b: f32) -> f32 {
    let (sign, a_bits, b_bits) = (a.to_bits() & SIGN, a.to_bits() & !SIGN, b.to_bits() & !SIGN);
    if a_bits >= INFINITE || b_bits > INFINITE {
        return f32::NAN;
    }
    if a_bits < b_bits {
        return a;
    }
    let ((mut exponent, a_mantissa), (least, b_mantissa)) = (parts(a_bits), parts(b_bits));
    let Some(mut rest) = a_mantissa.checked_rem(b_mantissa) else { return f32::NAN };
    // Long division: the remainder is below `b_mantissa`, so that twice as much is less than twice that.
    while exponent > least {
        rest <<= 1;
        if rest >= b_mantissa {
            rest = rest.wrapping_sub(b_mantissa);
        }
        exponent = exponent.wrapping_sub(1);
    }
    while rest != 0 && rest >> MANTISSA == 0 && exponent > 1 {
        rest <<= 1;
        exponent = exponent.wrapping_sub(1);
    }
    let is_normal = rest >> MANTISSA != 0;
    let exponent = if is_normal { exponent << MANTISSA } else { 0 };
    f32::from_bits(sign | exponent | (rest & FRACTION))
}

/// The remainder of `a / b` with the quotient rounded down, as Python's `%` has it: with the sign of `b`, zero too; not a number where `a`
/// is infinite or `b` is zero. Where the signs of `a` and `b` differ it is rounded once.
#[inline]
pub fn floor_remainder(a: f32, b: f32) -> f32 {
    let rest = remainder(a, b);
    if rest == 0.0 {
        return f32::from_bits(b.to_bits() & SIGN);
    }
    if (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
}

/// Exponent and mantissa of a finite number's magnitude, in units in the last place of subnormal numbers at exponent one.
#[inline(always)]
fn parts(bits: u32) -> (u32, u32) {
    match bits >> MANTISSA {
        0 => (1, bits),
        exponent => (exponent, (bits & FRACTION) | (1 << MANTISSA)),
    }
}

#[inline(always)]
fn magnitude(x: f32) -> f32 {
    f32::from_bits(x.to_bits() & !SIGN)
}

/// From here on every number is even.
const ALL_EVEN: f32 = 16_777_216.0;

#[inline(always)]
fn is_whole(y: f32) -> bool {
    magnitude(y) >= ALL_EVEN || (y as i32) as f32 == y
}

#[inline(always)]
fn is_odd(y: f32) -> bool {
    magnitude(y) < ALL_EVEN && (y as i32) as f32 == y && y as i32 & 1 != 0
}

/// `2^(y log2 x)` for finite `x > 0` and finite `y`. The logarithm is a sum of two floats: of `x = 2^k m` with `m` between the square
/// roots of a half and of two, `ln m = 2 s + s^3 P(s^2)` where `s = (m - 1) / (m + 1)`.
#[inline(always)]
fn power_of_positive(x: f32, y: f32) -> f32 {
    /// The bits of the square root of a half.
    const LEAST: u32 = 0x3f35_04f3;
    const LOG2_E: [f32; 2] = [core::f32::consts::LOG2_E, 1.925_963e-8];
    /// Adding and taking away 1.5 * 2^23 rounds to the nearest integer.
    const ROUND: f32 = 12_582_912.0;
    let (scaled, below) = if x < f32::MIN_POSITIVE { (x * ALL_EVEN, 24) } else { (x, 0) };
    let k = (scaled.to_bits().wrapping_sub(LEAST) as i32) >> MANTISSA;
    let m = f32::from_bits(scaled.to_bits().wrapping_sub((k << MANTISSA) as u32));
    let k = k.wrapping_sub(below) as f32;
    // The quotient as a sum of two.
    let f = m - 1.0;
    let g = 2.0 + f;
    let g_rest = f - (g - 2.0);
    let s = f / g;
    let [near, rest] = product(s, g);
    let s_rest = (((f - near) - rest) - s * g_rest) / g;
    let square = s * s;
    let mut p = 0.233_341_53;
    p = p * square + 0.285_500_7;
    p = p * square + 0.400_001_4;
    p = p * square + 0.666_666_7;
    let (twice, more) = (s + s, s_rest + s_rest + s * square * p);
    let ln = twice + more;
    let ln_rest = more - (ln - twice);
    let [log, rest] = product(ln, LOG2_E[0]);
    let rest = rest + (ln * LOG2_E[1] + ln_rest * LOG2_E[0]);
    let log2 = k + log;
    let log2_rest = (log - (log2 - k)) + rest;
    let [e, rest] = product(y, log2);
    if e >= 129.0 {
        return f32::INFINITY;
    }
    if e <= -151.0 {
        return 0.0;
    }
    let rest = rest + y * log2_rest;
    let shifted = e + ROUND;
    let n = shifted - ROUND;
    let r = (e - n) + rest;
    let mut q = 1.530_380_7e-5;
    q = q * r + 1.546_156_7e-4;
    q = q * r + 1.333_347_9e-3;
    q = q * r + 9.618_056e-3;
    q = q * r + 5.550_411e-2;
    q = q * r + 0.240_226_5;
    q = q * r + core::f32::consts::LN_2;
    let value = q * r + 1.0;
    let n = shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    // Two steps, since neither 2^128 nor a subnormal power has an exponent of its own.
    let half = n >> 1;
    value * power_of_two(half) * power_of_two(n.wrapping_sub(half))
}

/// The product of two floats as a sum of two (Dekker): without a fused operation, of halves whose products are exact.
#[inline(always)]
fn product(a: f32, b: f32) -> [f32; 2] {
    let high = |x: f32| f32::from_bits(x.to_bits() & 0xffff_f000);
    let (a_high, b_high) = (high(a), high(b));
    let (a_low, b_low) = (a - a_high, b - b_high);
    let product = a * b;
    [product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low]
}

#[cfg(test)]
mod tests {
    use super::{floor_remainder, power, remainder};

    /// As a fraction of the distance between `wanted`, rounded, and the next float.
    fn error(found: f32, wanted: f64) -> f64 {
        let rounded = (wanted as f32).abs().max(f32::MIN_POSITIVE);
        let unit = f64::from(f32::from_bits(rounded.to_bits() + 1)) - f64::from(rounded);
        (f64::from(found) - wanted).abs() / unit
    }

    #[test]
    fn power_is_within_three_units_of_the_double_precision_value() {
        let mut tried = 0;
        for x in (1..0x7f80_0000).step_by(1_500_007).map(f32::from_bits) {
            let mut y = -150.0f32;
            while y < 150.0 {
                let wanted = f64::from(x).powf(f64::from(y));
                if wanted < f64::from(f32::MAX) && wanted > 1e-45 {
                    let error = error(power(x, y), wanted);
                    assert!(error < 3.0, "{x} to {y} is off by {error}");
                    tried += 1;
                }
                y += if y.abs() < 3.0 { 0.031_7 } else { 1.37 };
            }
        }
        assert!(tried > 100_000);
    }

    #[test]
    fn power_has_its_limits() {
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        assert_eq!([power(nan, 0.0), power(1.0, nan), power(-1.0, inf), power(-1.0, -inf)], [1.0; 4]);
        assert_eq!([power(-8.0, 3.0), power(-2.0, -2.0), power(2.0, 128.0), power(-2.0, 127.0)], [-512.0, 0.25, inf, -1.701_411_8e38]);
        assert_eq!([power(0.0, -1.0), power(-0.0, -1.0), power(-0.0, -2.0), power(0.5, inf)], [inf, -inf, inf, 0.0]);
        assert_eq!([power(-inf, 3.0), power(-inf, 0.5), power(inf, -1.0), power(0.5, -inf)], [-inf, inf, 0.0, inf]);
        assert_eq!([power(2.0, -149.0), power(2.0, -151.0), power(-3.0, 1e38)], [f32::from_bits(1), 0.0, inf]);
        assert_eq!(power(-0.0, 3.0).to_bits(), (-0.0f32).to_bits());
        assert!(power(-8.0, 0.5).is_nan() && power(nan, 1.0).is_nan() && power(2.0, nan).is_nan());
    }

    #[test]
    fn remainder_is_exact() {
        let values = [0.0, 1e-45, 3e-42, 1.1e-38, 1.2e-38, 0.1, 1.0, 2.1, 3.4, 7.2, 8.0, 16_777_216.0, 3e38, f32::INFINITY, f32::NAN];
        for (a, b) in values.into_iter().flat_map(|a| values.into_iter().map(move |b| (a, b))) {
            for (a, b) in [(a, b), (-a, b), (a, -b), (-a, -b)] {
                let (found, wanted) = (remainder(a, b), a % b);
                assert!(found.to_bits() == wanted.to_bits() || found.is_nan() && wanted.is_nan(), "{a} % {b} is {found}, not {wanted}");
            }
        }
    }

    /// As Python has it.
    #[test]
    fn floor_remainder_has_the_sign_of_the_divisor() {
        let inf = f32::INFINITY;
        let found = |pairs: [(f32, f32); 4]| pairs.map(|(a, b)| floor_remainder(a, b).to_bits());
        let bits = |values: [f32; 4]| values.map(f32::to_bits);
        assert_eq!(found([(-5.5, 2.0), (5.5, -2.0), (5.5, 2.0), (-5.5, -2.0)]), bits([0.5, -0.5, 1.5, -1.5]));
        assert_eq!(found([(0.0, -2.0), (-0.0, 2.0), (-6.0, 3.0), (6.0, -3.0)]), bits([-0.0, 0.0, 0.0, -0.0]));
        assert_eq!(found([(-3.0, inf), (3.0, inf), (-1.0, -inf), (1.0, -inf)]), bits([inf, 3.0, -1.0, -inf]));
        assert!([(inf, 2.0), (1.0, 0.0), (f32::NAN, 1.0), (1.0, f32::NAN)].into_iter().all(|(a, b)| floor_remainder(a, b).is_nan()));
    }

    extern crate std;
}
