//! Pairs of channels, widened to 16 bits, whose two products one instruction adds: by SSE2, AVX2 or AVX-512.
//!
//! The values of the pixels are widened first, a few channels at a time, so that a pair is one load into every lane.

use core::arch::x86_64::*;
use core::mem::MaybeUninit;

use crate::element::Element;
use crate::i8::products::signs;

/// Channels that are widened at a time.
const CHANNELS: usize = 128;

/// [`Products::add_run`](crate::i8::products::sealed::Products::add_run) for bytes and whole vectors of filters.
///
/// # Safety
/// As there; `N` is a multiple of 8, and not zero.
#[inline(always)]
pub(super) unsafe fn add_run<F: Element, const Q: usize, const N: usize>(
    sums: &mut [[i32; N]; Q],
    mut x: [*const F; Q],
    mut w: *const i8,
    len: usize,
) {
    let mut left = len;
    while left > 0 {
        let here = left.min(CHANNELS);
        let mut wide = MaybeUninit::<[[i16; CHANNELS]; Q]>::uninit();
        let wide = wide.as_mut_ptr().cast::<i16>();
        for (q, x) in x.into_iter().enumerate() {
            // SAFETY: the caller's contract; a pixel has `CHANNELS` places, an even number.
            unsafe { widen(wide.wrapping_add(q * CHANNELS), x, here) };
        }
        let pairs = here.div_ceil(2);
        // SAFETY: the caller's contract: a word of a filter, filled up with a zero, holds a pair.
        unsafe {
            #[cfg(target_feature = "avx512bw")]
            if const { N.is_multiple_of(16) } {
                add_pairs_512::<Q, N, 1>(sums, wide, w, pairs);
            } else {
                add_pairs_256::<Q, N, 1>(sums, wide, w, pairs);
            }
            #[cfg(all(target_feature = "avx2", not(target_feature = "avx512bw")))]
            if const { N.is_multiple_of(16) } {
                add_pairs_256::<Q, N, 2>(sums, wide, w, pairs);
            } else {
                add_pairs_256::<Q, N, 1>(sums, wide, w, pairs);
            }
            #[cfg(not(target_feature = "avx2"))]
            add_pairs_128::<Q, N, 2>(sums, wide, w, pairs);
        }
        x = x.map(|x| x.wrapping_add(here));
        w = w.wrapping_add(2 * pairs * N);
        left -= here;
    }
}

/// Widens `len` bytes, and a zero to the second of a last pair.
///
/// # Safety
/// `x` is readable for as many, and `wide` writable for those of whole pairs.
#[inline(always)]
unsafe fn widen<F: Element>(wide: *mut i16, x: *const F, len: usize) {
    let mut at = 0;
    // SAFETY: so many bytes are left.
    unsafe {
        while at + AT_ONCE <= len {
            store_wide(wide.wrapping_add(at), x.wrapping_add(at).cast(), const { matches!(signs::<F>(), Some(true)) });
            at += AT_ONCE;
        }
        while at < len {
            *wide.wrapping_add(at) = (*x.wrapping_add(at)).cast::<i16>();
            at += 1;
        }
        if !len.is_multiple_of(2) {
            *wide.wrapping_add(len) = 0;
        }
    }
}

/// Bytes that [`store_wide`] widens.
const AT_ONCE: usize = if cfg!(target_feature = "avx2") { 16 } else { 8 };

/// Widens as many bytes, which are `signed` or not.
///
/// # Safety
/// `x` is readable, and `wide` writable for as many.
#[cfg(target_feature = "avx2")]
#[inline(always)]
unsafe fn store_wide(wide: *mut i16, x: *const u8, signed: bool) {
    // SAFETY: the caller's contract; the build enables the instructions, as the `cfg` says.
    unsafe {
        let bytes = _mm_loadu_si128(x.cast());
        _mm256_storeu_si256(wide.cast(), if signed { _mm256_cvtepi8_epi16(bytes) } else { _mm256_cvtepu8_epi16(bytes) });
    }
}

/// As above.
///
/// # Safety
/// As there.
#[cfg(not(target_feature = "avx2"))]
#[inline(always)]
unsafe fn store_wide(wide: *mut i16, x: *const u8, signed: bool) {
    // SAFETY: the caller's contract.
    unsafe {
        let bytes = _mm_loadl_epi64(x.cast());
        _mm_storeu_si128(wide.cast(), if signed { signed_words(bytes) } else { _mm_unpacklo_epi8(bytes, _mm_setzero_si128()) });
    }
}

/// The lower eight bytes with their signs.
#[cfg(not(target_feature = "avx2"))]
#[inline(always)]
fn signed_words(bytes: __m128i) -> __m128i {
    // SAFETY: the build enables the instructions, as the `cfg` of this file says.
    unsafe { _mm_srai_epi16::<8>(_mm_unpacklo_epi8(bytes, bytes)) }
}

macro_rules! add_pairs {
    ($name:ident, $lanes:literal, $vector:ty: $load:ident $store:ident $widen:ident($bytes:ident) $splat:ident $multiply:ident $add:ident) => {
        /// Adds the products of pairs of channels, `B` vectors of filters at a time.
        ///
        /// # Safety
        /// `wide` holds the pairs, `CHANNELS` values a pixel, and `w` is readable for their weights of `N` filters, a multiple of as many lanes.
        #[inline(always)]
        unsafe fn $name<const Q: usize, const N: usize, const B: usize>(
            sums: &mut [[i32; N]; Q],
            wide: *const i16,
            w: *const i8,
            pairs: usize,
        ) {
            let mut first = 0;
            while first < N {
                // SAFETY: the caller's contract.
                unsafe {
                    let load = |sums: &[i32; N]| core::array::from_fn(|b| $load(sums.as_ptr().add(first + b * $lanes).cast()));
                    let mut here: [[$vector; B]; Q] = sums.each_ref().map(load);
                    for pair in 0..pairs {
                        let weights: [$vector; B] =
                            core::array::from_fn(|b| $widen($bytes(w.add(2 * (pair * N + first + b * $lanes)).cast())));
                        for (q, here) in here.iter_mut().enumerate() {
                            let values = $splat(wide.add(q * CHANNELS + 2 * pair).cast::<i32>().read_unaligned());
                            for (here, weights) in here.iter_mut().zip(weights) {
                                *here = $add(*here, $multiply(weights, values));
                            }
                        }
                    }
                    for (sums, here) in sums.iter_mut().zip(here) {
                        for (b, here) in here.into_iter().enumerate() {
                            $store(sums.as_mut_ptr().add(first + b * $lanes).cast(), here);
                        }
                    }
                }
                first += B * $lanes;
            }
        }
    };
}

#[cfg(not(target_feature = "avx2"))]
add_pairs!(
    add_pairs_128, 4, __m128i: _mm_loadu_si128 _mm_storeu_si128 signed_words(_mm_loadl_epi64) _mm_set1_epi32 _mm_madd_epi16 _mm_add_epi32
);
#[cfg(target_feature = "avx2")]
add_pairs!(
    add_pairs_256, 8, __m256i: _mm256_loadu_si256 _mm256_storeu_si256 _mm256_cvtepi8_epi16(_mm_loadu_si128) _mm256_set1_epi32
        _mm256_madd_epi16 _mm256_add_epi32
);
#[cfg(target_feature = "avx512bw")]
add_pairs!(
    add_pairs_512, 16, __m512i: _mm512_loadu_si512 _mm512_storeu_si512 _mm512_cvtepi8_epi16(_mm256_loadu_si256) _mm512_set1_epi32
        _mm512_madd_epi16 _mm512_add_epi32
);
