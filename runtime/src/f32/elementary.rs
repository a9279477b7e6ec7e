//! Elementary functions of class `plain`, which `core` has not: a fixed order of additions, multiplications and divisions, so the bits are
//! the same everywhere. Errors are counted in 2^-23 of the value; they are the greatest of some 10^6 arguments, against double precision.

use super::exp::exp;

const SIGN: u32 = 1 << 31;

/// `x` without its sign.
#[inline(always)]
pub(crate) fn magnitude(x: f32) -> f32 {
    f32::from_bits(x.to_bits() & !SIGN)
}

/// The magnitude of `x` with the sign of `sign`.
#[inline(always)]
pub(crate) fn with_sign(x: f32, sign: f32) -> f32 {
    f32::from_bits((x.to_bits() & !SIGN) | (sign.to_bits() & SIGN))
}

/// The nearest integer, the even one of two; zeros keep the sign. Exact.
#[inline(always)]
pub(crate) fn round(x: f32) -> f32 {
    /// 2^23: from here on floats are integers, and sums are rounded to one.
    const INTEGERS: f32 = 8_388_608.0;
    let size = magnitude(x);
    if size < INTEGERS { with_sign((size + INTEGERS) - INTEGERS, x) } else { x }
}

/// The greatest integer that is not above. Exact.
#[inline(always)]
pub(crate) fn floor(x: f32) -> f32 {
    let nearest = round(x);
    if nearest > x { nearest - 1.0 } else { nearest }
}

/// The square root, rounded once: bit by bit, as in fdlibm.
#[inline]
pub(crate) fn sqrt(x: f32) -> f32 {
    if x.is_nan() || x < 0.0 {
        return f32::NAN;
    }
    if x == 0.0 || x == f32::INFINITY {
        return x;
    }
    let bits = x.to_bits();
    let (mut exponent, mut rest) = ((bits >> 23) as i32, bits & 0x7f_ffff);
    if exponent == 0 {
        let shift = rest.leading_zeros().wrapping_sub(8);
        rest = rest.wrapping_shl(shift);
        exponent = 1_i32.wrapping_sub(shift as i32);
    } else {
        rest |= 1 << 23;
    }
    exponent = exponent.wrapping_sub(127);
    // The root of an even power is a power.
    rest = rest.wrapping_shl(1 + (exponent & 1) as u32);
    let (mut root, mut twice, mut bit) = (0_u32, 0_u32, 1_u32 << 24);
    while bit != 0 {
        let taken = twice.wrapping_add(bit);
        if taken <= rest {
            twice = taken.wrapping_add(bit);
            rest = rest.wrapping_sub(taken);
            root = root.wrapping_add(bit);
        }
        rest = rest.wrapping_shl(1);
        bit >>= 1;
    }
    // The last bit is the one behind the result's; a root is never halfway between two floats.
    let rounded = if rest == 0 { root } else { root.wrapping_add(root & 1) };
    f32::from_bits((rounded >> 1).wrapping_add(0x3f00_0000).wrapping_add(((exponent >> 1) << 23) as u32))
}

/// The natural logarithm, off by at most 0.67.
///
/// `x = 2^k m` with `m` from the root of 1/2 to that of 2; `ln m` by the series in `s = (m - 1) / (m + 1)` that fdlibm's `logf` uses.
#[inline]
pub(crate) fn log(x: f32) -> f32 {
    const LN_2_HIGH: f32 = 0.693_138_1;
    const LN_2_LOW: f32 = 9.058_001e-6;
    const ONE: u32 = 0x3f80_0000;
    const ROOT_OF_HALF: u32 = 0x3f35_04f3;
    // Subnormal numbers are made normal, by 2^25.
    let (normal, less) = if x < f32::MIN_POSITIVE { (x * 33_554_432.0, 25) } else { (x, 0) };
    let bits = normal.to_bits().wrapping_add(ONE - ROOT_OF_HALF);
    let k = ((bits >> 23) as i32).wrapping_sub(127 + less) as f32;
    let f = f32::from_bits((bits & 0x7f_ffff).wrapping_add(ROOT_OF_HALF)) - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let even = w * (0.400_009_72 + w * 0.242_790_79);
    let odd = z * (0.666_666_6 + w * 0.284_987_87);
    let half = 0.5 * f * f;
    let value = s * (half + (odd + even)) + k * LN_2_LOW - half + f + k * LN_2_HIGH;
    if x > 0.0 {
        if x == f32::INFINITY { x } else { value }
    } else if x == 0.0 {
        f32::NEG_INFINITY
    } else {
        f32::NAN
    }
}

/// `ln(1 + x)` for `x` from 0 to 1: the logarithm of the rounded sum, and what rounding took.
#[inline]
pub(crate) fn log_of_one_and(x: f32) -> f32 {
    let sum = 1.0 + x;
    log(sum) + (x - (sum - 1.0)) / sum
}

/// The hyperbolic tangent, off by at most 1.2: near zero by the polynomial that Cephes' `tanhf` uses (Moshier).
#[inline]
pub(crate) fn tanh(x: f32) -> f32 {
    let size = magnitude(x);
    let value = if size < 0.625 {
        let z = size * size;
        let mut p = -5.704_988_7e-3;
        p = p * z + 2.063_908_8e-2;
        p = p * z - 5.373_971_5e-2;
        p = p * z + 1.333_144_2e-1;
        p = p * z - 3.333_328e-1;
        p * z * size + size
    } else {
        1.0 - 2.0 / (exp(size + size) + 1.0)
    };
    with_sign(value, x)
}

/// The error function, off by at most 0.7.
///
/// Up to one `x + x p(x^2)`, then `1 - exp(x q(x))`, where both polynomials are of least greatest error in the result: some 2^-28.
#[inline]
pub(crate) fn erf(x: f32) -> f32 {
    /// The result is one from here on.
    const FLAT: f32 = 4.0;
    let size = magnitude(x);
    let value = if size < 1.0 {
        let z = size * size;
        let mut p = 7.854_010_6e-5;
        p = p * z - 8.010_242_6e-4;
        p = p * z + 5.188_334e-3;
        p = p * z - 2.685_381_7e-2;
        p = p * z + 1.128_358_54e-1;
        p = p * z - 3.761_262_6e-1;
        p = p * z + 1.283_791_7e-1;
        p * size + size
    } else {
        let t = if size > FLAT { FLAT } else { size };
        let mut q = 2.106_435e-4;
        q = q * t - 3.186_948_8e-3;
        q = q * t + 2.279_847e-2;
        q = q * t - 1.051_161_5e-1;
        q = q * t - 6.358_315e-1;
        q = q * t - 1.128_480_1;
        1.0 - exp(q * t)
    };
    with_sign(value, x)
}
