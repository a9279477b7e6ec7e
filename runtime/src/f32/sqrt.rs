//! The square root, digit by digit: `core` has none, and no core need have an instruction for it.

/// The float nearest to the square root of `x`, as IEEE 754 has it; no number below zero.
///
/// The significand is an integer whose root is found bit by bit (as in fdlibm); what is left over decides how it is rounded.
#[inline]
pub fn sqrt(x: f32) -> f32 {
    let is_usual = x > 0.0 && x < f32::INFINITY;
    if !is_usual {
        // Both zeros, infinity and what is not a number are their own roots.
        return if x < 0.0 { f32::NAN } else { x };
    }
    let is_subnormal = x < f32::MIN_POSITIVE;
    let bits = (if is_subnormal { x * 16_777_216.0 } else { x }).to_bits();
    let exponent = ((bits >> 23) as i32).wrapping_sub(if is_subnormal { 127 + 24 } else { 127 });
    // An odd exponent gives one factor of two to the significand.
    let mut rest = ((bits & 0x007f_ffff) | 0x0080_0000) << (1 + (exponent & 1));
    let (mut root, mut twice, mut bit) = (0u32, 0u32, 1u32 << 24);
    while bit != 0 {
        let taken = twice.wrapping_add(bit);
        if taken <= rest {
            twice = taken.wrapping_add(bit);
            rest = rest.wrapping_sub(taken);
            root = root.wrapping_add(bit);
        }
        rest <<= 1;
        bit >>= 1;
    }
    // The root has one bit more than a significand. No root lies in the middle between two floats.
    let rounded = if rest == 0 { root } else { root.wrapping_add(root & 1) };
    f32::from_bits((rounded >> 1).wrapping_add(0x3f00_0000).wrapping_add(((exponent >> 1) << 23) as u32))
}

#[cfg(test)]
mod tests {
    use super::sqrt;

    #[test]
    fn sqrt_is_the_nearest_float() {
        for x in (0..0x7f80_0000).step_by(1_009).chain(0x3f7f_f000..0x3f80_1000).map(f32::from_bits) {
            assert_eq!(sqrt(x).to_bits(), f32::sqrt(x).to_bits(), "{x}");
        }
    }

    #[test]
    fn sqrt_has_its_limits() {
        assert_eq!([sqrt(0.0).to_bits(), sqrt(-0.0).to_bits()], [0.0f32.to_bits(), (-0.0f32).to_bits()]);
        assert_eq!(sqrt(f32::INFINITY), f32::INFINITY);
        assert!(sqrt(-1.0).is_nan() && sqrt(f32::NEG_INFINITY).is_nan() && sqrt(f32::NAN).is_nan());
    }

    extern crate std;
}
