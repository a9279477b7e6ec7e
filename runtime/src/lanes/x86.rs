//! 4 lanes of `f32` on every x86-64, 8 with AVX and FMA, 16 with AVX-512.

use core::arch::x86_64::*;

use super::Vector;

macro_rules! vector {
    ($name:ident($register:ty), $lanes:literal: $splat:ident $zero:ident $load:ident $store:ident $add:ident $multiply:ident $divide:ident $max:ident $min:ident $fused:path) => {
        #[derive(Clone, Copy)]
        pub(crate) struct $name($register);

        impl Vector for $name {
            const LANES: usize = $lanes;
            const GROUP: usize = 1;
            type Group = $name;

            #[inline(always)]
            fn splat(value: f32) -> Self {
                // SAFETY: the build enables the instructions, as the type's `cfg` says; so below.
                $name(unsafe { $splat(value) })
            }

            #[inline(always)]
            unsafe fn load(from: *const f32) -> Self {
                // SAFETY: the caller's contract.
                $name(unsafe { $load(from) })
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut f32) {
                // SAFETY: the caller's contract.
                unsafe { $store(to, self.0) }
            }

            #[inline(always)]
            fn expect_store(to: *mut f32) {
                if cfg!(target_feature = "avx2") {
                    // SAFETY: a prefetch changes nothing, and takes any address.
                    unsafe { _mm_prefetch::<_MM_HINT_ET0>(to.cast_const().cast()) }
                }
            }

            #[inline(always)]
            unsafe fn next_group(from: &mut *const f32) -> Self {
                // SAFETY: the caller's contract.
                let value = unsafe { **from };
                *from = from.wrapping_add(1);
                $name::splat(value)
            }

            #[inline(always)]
            fn add(self, other: Self) -> Self {
                // SAFETY: as in `splat`.
                $name(unsafe { $add(self.0, other.0) })
            }

            #[inline(always)]
            fn divide(self, divisor: Self) -> Self {
                // SAFETY: as in `splat`.
                $name(unsafe { $divide(self.0, divisor.0) })
            }

            /// The instruction gives its second operand for NaN and for zeros.
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                // SAFETY: as in `splat`.
                $name(unsafe { $max(other.0, self.0) })
            }

            /// As `max`.
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                // SAFETY: as in `splat`.
                $name(unsafe { $min(other.0, self.0) })
            }

            #[inline(always)]
            fn multiply(self, other: Self) -> Self {
                // SAFETY: as in `splat`.
                $name(unsafe { $multiply(self.0, other.0) })
            }

            #[inline(always)]
            fn relu(self) -> Self {
                // SAFETY: as in `splat`.
                $name(unsafe { $max($zero(), self.0) })
            }

            #[inline(always)]
            fn multiply_add<const FUSED: bool>(self, x: Self, w: Self) -> Self {
                // SAFETY: as in `splat`.
                $name(unsafe { if FUSED { $fused(x.0, w.0, self.0) } else { $add(self.0, $multiply(x.0, w.0)) } })
            }

            #[inline(always)]
            fn multiply_add_nth<const FUSED: bool, const INDEX: i32>(self, x: Self, w: Self) -> Self {
                self.multiply_add::<FUSED>(x, w)
            }
        }
    };
}

vector! {
    Sse(__m128), 4:
    _mm_set1_ps _mm_setzero_ps _mm_loadu_ps _mm_storeu_ps _mm_add_ps _mm_mul_ps _mm_div_ps _mm_max_ps _mm_min_ps sse_fused
}

#[cfg(all(target_feature = "avx", target_feature = "fma"))]
vector! {
    Avx(__m256), 8:
    _mm256_set1_ps _mm256_setzero_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_add_ps _mm256_mul_ps _mm256_div_ps _mm256_max_ps _mm256_min_ps _mm256_fmadd_ps
}

#[cfg(target_feature = "avx512f")]
vector! {
    Avx512(__m512), 16:
    _mm512_set1_ps _mm512_setzero_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_add_ps _mm512_mul_ps _mm512_div_ps _mm512_max_ps _mm512_min_ps _mm512_fmadd_ps
}

/// `x * w + sum`, rounded once.
#[cfg(target_feature = "fma")]
use _mm_fmadd_ps as sse_fused;

/// `x * w + sum`, rounded once, lane by lane, where no instruction does it.
///
/// # Safety
/// None is needed: unsafe as the instruction is.
#[cfg(not(target_feature = "fma"))]
#[inline(always)]
unsafe fn sse_fused(x: __m128, w: __m128, sum: __m128) -> __m128 {
    let lanes = |vector: __m128| {
        let mut lanes = [0.0; 4];
        // SAFETY: the array has the vector's lanes.
        unsafe { _mm_storeu_ps(lanes.as_mut_ptr(), vector) };
        lanes
    };
    let (x, w, sum) = (lanes(x), lanes(w), lanes(sum));
    let lanes: [f32; 4] = core::array::from_fn(|n| super::portable::fused(sum[n], x[n], w[n]));
    // SAFETY: as above.
    unsafe { _mm_loadu_ps(lanes.as_ptr()) }
}
