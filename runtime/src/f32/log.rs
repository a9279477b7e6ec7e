//! The natural logarithm of class `plain`: additions and multiplications in one fixed order, so the bits are the same everywhere.

/// `ln(x)`, within one unit in the last place (0.84 at most); minus infinity at zero, and no number below.
///
/// `x = 2^k m` with `m` from `sqrt(1/2)` to `sqrt(2)`; `ln(m)` by the polynomial that Cephes' `logf` uses (Moshier); `k ln 2` in two
/// parts, the smaller one first.
#[inline]
pub fn log(x: f32) -> f32 {
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    /// The bits of the square root of one half, at which `m` begins.
    const BEGIN: u32 = 0x3f35_04f3;
    let is_subnormal = x < f32::MIN_POSITIVE;
    let bits = (if is_subnormal { x * 8_388_608.0 } else { x }).to_bits();
    let k = bits.wrapping_sub(BEGIN) as i32 >> 23;
    let r = f32::from_bits(bits.wrapping_sub((k << 23) as u32)) - 1.0;
    let k = k.wrapping_sub(if is_subnormal { 23 } else { 0 }) as f32;
    let square = r * r;
    let mut p = 0.070_376_836;
    p = p * r - 0.115_146_1;
    p = p * r + 0.116_769_984;
    p = p * r - 0.124_201_41;
    p = p * r + 0.142_493_23;
    p = p * r - 0.166_680_57;
    p = p * r + 0.200_007_14;
    p = p * r - 0.249_999_94;
    p = p * r + 0.333_333_3;
    let small = r * (square * p) + k * LN_2_LOW - square * 0.5;
    let value = (r + small) + k * LN_2_HIGH;
    // Chosen at the end, as `exp` does.
    let value = if x < f32::INFINITY { value } else { x };
    let outside = if x == 0.0 { f32::NEG_INFINITY } else { f32::NAN };
    if x > 0.0 { value } else { outside }
}

#[cfg(test)]
mod tests {
    use super::log;

    #[test]
    fn log_is_within_a_unit_of_the_double_precision_value() {
        // A step that shares no factor with a power of two, and every float next to one.
        let sparse = (1..0x7f80_0000).step_by(3_001);
        for x in sparse.chain(0x3f7f_0000..0x3f81_0000).map(f32::from_bits) {
            let wanted = f64::ln(x.into());
            let nearest = (wanted as f32).abs();
            let unit = f64::from(f32::from_bits(nearest.to_bits() + 1) - nearest);
            let error = (f64::from(log(x)) - wanted).abs();
            assert!(error <= unit, "log({x}) is off by {error}");
        }
    }

    #[test]
    fn log_has_its_limits() {
        assert_eq!([log(1.0), log(0.0), log(-0.0), log(f32::INFINITY)], [0.0, f32::NEG_INFINITY, f32::NEG_INFINITY, f32::INFINITY]);
        assert!(log(-1.0).is_nan() && log(f32::NEG_INFINITY).is_nan() && log(f32::NAN).is_nan());
    }

    extern crate std;
}
