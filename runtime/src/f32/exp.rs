//! The exponential function of class `plain`: additions and multiplications in one fixed order, so the bits are the same everywhere.

/// `exp(x)`, within 2 units in the last place; results below the smallest normal number are zero, above the largest infinite.
///
/// `x = k ln 2 + r` with `|r| <= ln 2 / 2`, split in two parts so that `r` is exact to the last bit (Cody and Waite); `exp(r)` by
/// the polynomial of degree 6 that Cephes' `expf` uses (Moshier); `2^k` by the exponent's bits.
#[inline]
pub fn exp(x: f32) -> f32 {
    const LOG2_E: f32 = core::f32::consts::LOG2_E;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    /// Adding and taking away 1.5 * 2^23 rounds to the nearest integer.
    const ROUND: f32 = 12_582_912.0;
    /// `ln` of the largest finite and of the smallest normal number. The limits are chosen at the end: without a branch, loops
    /// over `exp` become vectors.
    const HIGH: f32 = 88.722_83;
    const LOW: f32 = -87.336_54;
    let limited = if x > HIGH { HIGH } else { x };
    let limited = if limited < LOW { LOW } else { limited };
    let shifted = limited * LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = (limited - k * LN_2_HIGH) - k * LN_2_LOW;
    let e = near_zero(r) + 1.0;
    let k = shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    // Two steps, since 2^128 has no encoding while e * 2^128 may be finite.
    let half = k >> 1;
    let value = e * power_of_two(half) * power_of_two(k.wrapping_sub(half));
    let value = if x > HIGH { f32::INFINITY } else { value };
    if x < LOW { 0.0 } else { value }
}

/// `exp(x) - 1`, off by at most 2 * 2^-23 of its value.
#[inline]
pub(crate) fn exp_minus_one(x: f32) -> f32 {
    /// Half of `ln 2`.
    const NEAR: f32 = 0.346_57;
    if x < NEAR && x > -NEAR { near_zero(x) } else { exp(x) - 1.0 }
}

/// `exp(r) - 1` for `|r| <= ln 2 / 2`.
#[inline(always)]
fn near_zero(r: f32) -> f32 {
    let mut p = 1.987_569_2e-4;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    p * (r * r) + r
}

#[inline(always)]
pub(super) fn power_of_two(k: i32) -> f32 {
    f32::from_bits((k.wrapping_add(127) << 23) as u32)
}

#[cfg(test)]
mod tests {
    use super::exp;

    #[test]
    fn exp_is_within_two_units_of_the_double_precision_value() {
        let mut x = -87.0f32;
        while x < 88.7 {
            let wanted = f64::exp(x.into());
            let error = (f64::from(exp(x)) - wanted).abs() / wanted;
            assert!(error < 2.0 * f64::from(f32::EPSILON), "exp({x}) is off by {error}");
            x += 0.003_7;
        }
    }

    #[test]
    fn exp_has_its_limits() {
        assert_eq!([exp(0.0), exp(-200.0), exp(200.0)], [1.0, 0.0, f32::INFINITY]);
        assert!(exp(f32::NAN).is_nan());
    }

    extern crate std;
}
