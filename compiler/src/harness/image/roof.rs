//! The most that the core computes with the instructions that the program is built for.

use std::hint::black_box;

#[cfg(target_arch = "aarch64")]
use core::arch::aarch64::{float32x4_t as Lanes, vdupq_n_f32 as splat, vfmaq_f32 as multiply_add};
#[cfg(all(target_arch = "x86_64", not(target_feature = "fma")))]
use core::arch::x86_64::{__m128 as Lanes, _mm_add_ps, _mm_mul_ps, _mm_set1_ps as splat};
#[cfg(all(target_feature = "fma", not(target_feature = "avx512f")))]
use core::arch::x86_64::{__m256 as Lanes, _mm256_fmadd_ps as multiply_add, _mm256_set1_ps as splat};
#[cfg(target_feature = "avx512f")]
use core::arch::x86_64::{__m512 as Lanes, _mm512_fmadd_ps as multiply_add, _mm512_set1_ps as splat};

/// Floating-point operations of one call of `multiply_and_add`.
pub(crate) const OPERATIONS: usize = 2 * CHAINS * ROUNDS * (size_of::<Lanes>() / 4);

/// Sums that do not wait for each other: enough to hide the latency of a step, and few enough for sixteen registers.
const CHAINS: usize = 12;
const ROUNDS: usize = 10_000;

/// Multiplies and adds in registers for some 10 to 100 microseconds.
#[inline(never)]
pub(crate) fn multiply_and_add() {
    let (a, b) = (black_box(0.5), black_box(0.25));
    // SAFETY: the build enables the instructions.
    #[allow(unused_unsafe, reason = "some compilers see that by themselves")]
    unsafe {
        let (a, b) = (splat(a), splat(b));
        macro_rules! chains {
            ($($chain:ident)*) => {
                $(let mut $chain = a;)*
                for _ in 0..ROUNDS {
                    $($chain = multiply_add($chain, a, b);)*
                }
                $(black_box($chain);)*
            };
        }
        chains!(c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 c10 c11);
    }
}

#[cfg(all(target_arch = "x86_64", not(target_feature = "fma")))]
#[inline(always)]
unsafe fn multiply_add(x: Lanes, a: Lanes, b: Lanes) -> Lanes {
    // SAFETY: every x86-64 has the instructions.
    unsafe { _mm_add_ps(_mm_mul_ps(x, a), b) }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
use plain::{Lanes, multiply_add, splat};

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod plain {
    pub(super) type Lanes = f32;

    pub(super) fn splat(x: f32) -> f32 {
        x
    }

    pub(super) fn multiply_add(x: f32, a: f32, b: f32) -> f32 {
        x * a + b
    }
}
