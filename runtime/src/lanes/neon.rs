//! 4 lanes of `f32`: NEON. Lanes beyond the last full vector are left to the plain twin's loop.

use core::arch::aarch64::{vaddq_f32, vbslq_f32, vcgtq_f32, vcltzq_f32, vdupq_n_f32, vld1q_f32, vmulq_n_f32, vst1q_f32};

const LANES: usize = 4;

/// `acc += x * w`, lane by lane; the product is rounded before it is added.
#[inline(always)]
pub(crate) fn multiply_add<const N: usize>(acc: &mut [f32; N], x: f32, w: &[f32; N]) {
    let mut n = 0;
    // SAFETY: the build enables the instructions (`cfg` in `mod.rs`), and every vector lies inside the arrays.
    unsafe {
        while n + LANES <= N {
            let product = vmulq_n_f32(vld1q_f32(w.as_ptr().add(n)), x);
            let sum = vaddq_f32(vld1q_f32(acc.as_ptr().add(n)), product);
            vst1q_f32(acc.as_mut_ptr().add(n), sum);
            n += LANES;
        }
    }
    while n < N {
        acc[n] += x * w[n];
        n += 1;
    }
}

/// `acc += r`, lane by lane.
#[inline(always)]
pub(crate) fn add<const N: usize>(acc: &mut [f32; N], r: &[f32; N]) {
    let mut n = 0;
    // SAFETY: as above.
    unsafe {
        while n + LANES <= N {
            let sum = vaddq_f32(vld1q_f32(acc.as_ptr().add(n)), vld1q_f32(r.as_ptr().add(n)));
            vst1q_f32(acc.as_mut_ptr().add(n), sum);
            n += LANES;
        }
    }
    while n < N {
        acc[n] += r[n];
        n += 1;
    }
}

/// The greater of `acc` and `r`, lane by lane; `acc` where neither is.
#[inline(always)]
pub(crate) fn max<const N: usize>(acc: &mut [f32; N], r: &[f32; N]) {
    let mut n = 0;
    // SAFETY: as above.
    unsafe {
        while n + LANES <= N {
            let (a, b) = (vld1q_f32(acc.as_ptr().add(n)), vld1q_f32(r.as_ptr().add(n)));
            let value = vbslq_f32(vcgtq_f32(b, a), b, a);
            vst1q_f32(acc.as_mut_ptr().add(n), value);
            n += LANES;
        }
    }
    while n < N {
        acc[n] = if r[n] > acc[n] { r[n] } else { acc[n] };
        n += 1;
    }
}

/// Negative lanes become zero; NaN and -0.0 pass.
#[inline(always)]
pub(crate) fn relu<const N: usize>(acc: &mut [f32; N]) {
    let mut n = 0;
    // SAFETY: as above.
    unsafe {
        let zero = vdupq_n_f32(0.0);
        while n + LANES <= N {
            let value = vld1q_f32(acc.as_ptr().add(n));
            let value = vbslq_f32(vcltzq_f32(value), zero, value);
            vst1q_f32(acc.as_mut_ptr().add(n), value);
            n += LANES;
        }
    }
    while n < N {
        acc[n] = if acc[n] < 0.0 { 0.0 } else { acc[n] };
        n += 1;
    }
}
