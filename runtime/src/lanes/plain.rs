//! Portable Rust: what every instruction set must equal, bit for bit.

/// `acc += x * w`, lane by lane; the product is rounded before it is added.
#[inline(always)]
#[cfg_attr(not(test), allow(dead_code, reason = "a machine with vectors of its own uses it in tests only"))]
pub(crate) fn multiply_add<const N: usize>(acc: &mut [f32; N], x: f32, w: &[f32; N]) {
    for n in 0..N {
        acc[n] += x * w[n];
    }
}

/// `acc += r`, lane by lane.
#[inline(always)]
#[cfg_attr(not(test), allow(dead_code, reason = "a machine with vectors of its own uses it in tests only"))]
pub(crate) fn add<const N: usize>(acc: &mut [f32; N], r: &[f32; N]) {
    for n in 0..N {
        acc[n] += r[n];
    }
}

/// The greater of `acc` and `r`, lane by lane; `acc` where neither is.
#[inline(always)]
#[cfg_attr(not(test), allow(dead_code, reason = "a machine with vectors of its own uses it in tests only"))]
pub(crate) fn max<const N: usize>(acc: &mut [f32; N], r: &[f32; N]) {
    for n in 0..N {
        acc[n] = if r[n] > acc[n] { r[n] } else { acc[n] };
    }
}

/// Negative lanes become zero; NaN and -0.0 pass.
#[inline(always)]
#[cfg_attr(not(test), allow(dead_code, reason = "a machine with vectors of its own uses it in tests only"))]
pub(crate) fn relu<const N: usize>(acc: &mut [f32; N]) {
    for lane in acc {
        *lane = if *lane < 0.0 { 0.0 } else { *lane };
    }
}
