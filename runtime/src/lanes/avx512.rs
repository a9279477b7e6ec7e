//! 16 lanes of `f32`: AVX-512. Lanes beyond the last full vector are left to the plain twin's loop.

use core::arch::x86_64::{
    _mm512_add_ps, _mm512_loadu_ps, _mm512_max_ps, _mm512_mul_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};

const LANES: usize = 16;

/// `acc += x * w`, lane by lane; the product is rounded before it is added.
#[inline(always)]
pub(crate) fn multiply_add<const N: usize>(acc: &mut [f32; N], x: f32, w: &[f32; N]) {
    let mut n = 0;
    // SAFETY: the build enables the instructions (`cfg` in `mod.rs`), and every vector lies inside the arrays.
    unsafe {
        let factor = _mm512_set1_ps(x);
        while n + LANES <= N {
            let product = _mm512_mul_ps(factor, _mm512_loadu_ps(w.as_ptr().add(n)));
            let sum = _mm512_add_ps(_mm512_loadu_ps(acc.as_ptr().add(n)), product);
            _mm512_storeu_ps(acc.as_mut_ptr().add(n), sum);
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
            let sum = _mm512_add_ps(_mm512_loadu_ps(acc.as_ptr().add(n)), _mm512_loadu_ps(r.as_ptr().add(n)));
            _mm512_storeu_ps(acc.as_mut_ptr().add(n), sum);
            n += LANES;
        }
    }
    while n < N {
        acc[n] += r[n];
        n += 1;
    }
}

/// The greater of `acc` and `r`, lane by lane; `acc` where neither is, since `max` gives its second operand for NaN and for zeros.
#[inline(always)]
pub(crate) fn max<const N: usize>(acc: &mut [f32; N], r: &[f32; N]) {
    let mut n = 0;
    // SAFETY: as above.
    unsafe {
        while n + LANES <= N {
            let value = _mm512_max_ps(_mm512_loadu_ps(r.as_ptr().add(n)), _mm512_loadu_ps(acc.as_ptr().add(n)));
            _mm512_storeu_ps(acc.as_mut_ptr().add(n), value);
            n += LANES;
        }
    }
    while n < N {
        acc[n] = if r[n] > acc[n] { r[n] } else { acc[n] };
        n += 1;
    }
}

/// Negative lanes become zero; NaN and -0.0 pass, since `max` gives its second operand for both.
#[inline(always)]
pub(crate) fn relu<const N: usize>(acc: &mut [f32; N]) {
    let mut n = 0;
    // SAFETY: as above.
    unsafe {
        let zero = _mm512_setzero_ps();
        while n + LANES <= N {
            let value = _mm512_max_ps(zero, _mm512_loadu_ps(acc.as_ptr().add(n)));
            _mm512_storeu_ps(acc.as_mut_ptr().add(n), value);
            n += LANES;
        }
    }
    while n < N {
        acc[n] = if acc[n] < 0.0 { 0.0 } else { acc[n] };
        n += 1;
    }
}
