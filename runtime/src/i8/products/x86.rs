//! Products of bytes by AVX2 and AVX-512: pairs of channels, widened to 16 bits, whose two products one instruction adds.
//!
//! The values of the pixels are widened first, a few channels at a time, so that a pair is one load into every lane.

use core::arch::x86_64::*;
use core::mem::MaybeUninit;

use super::signs;
use crate::element::Element;
use crate::lanes::arithmetic::ChannelTaps;

/// Channels that are widened at a time.
const CHANNELS: usize = 128;

/// [`Products::add_run`](super::sealed::Products::add_run) for bytes and whole vectors of filters.
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
            #[cfg(not(target_feature = "avx512bw"))]
            if const { N.is_multiple_of(16) } {
                add_pairs_256::<Q, N, 2>(sums, wide, w, pairs);
            } else {
                add_pairs_256::<Q, N, 1>(sums, wide, w, pairs);
            }
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
        while at + 16 <= len {
            let bytes = _mm_loadu_si128(x.wrapping_add(at).cast());
            let values = if signs::<F>() == Some(false) { _mm256_cvtepu8_epi16(bytes) } else { _mm256_cvtepi8_epi16(bytes) };
            _mm256_storeu_si256(wide.wrapping_add(at).cast(), values);
            at += 16;
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

add_pairs!(
    add_pairs_256, 8, __m256i: _mm256_loadu_si256 _mm256_storeu_si256 _mm256_cvtepi8_epi16(_mm_loadu_si128) _mm256_set1_epi32
        _mm256_madd_epi16 _mm256_add_epi32
);
#[cfg(target_feature = "avx512bw")]
add_pairs!(
    add_pairs_512, 16, __m512i: _mm512_loadu_si512 _mm512_storeu_si512 _mm512_cvtepi8_epi16(_mm256_loadu_si256) _mm512_set1_epi32
        _mm512_madd_epi16 _mm512_add_epi32
);

/// [`Products::add_taps`](super::sealed::Products::add_taps) for bytes.
///
/// # Safety
/// As there; `N` is 8 or 16.
#[inline(always)]
pub(super) unsafe fn add_taps<F: Element, const Q: usize, const N: usize>(
    taps: &ChannelTaps,
    x: [*const F; Q],
    w: *const i8,
    sums: &mut [[i32; N]; Q],
) {
    // SAFETY: the caller's contract.
    unsafe {
        if N == 8 {
            return add_taps_256::<F, Q, N, 1>(taps, x, w, sums);
        }
        #[cfg(target_feature = "avx512bw")]
        add_taps_512::<F, Q, N, 1>(taps, x, w, sums);
        #[cfg(not(target_feature = "avx512bw"))]
        add_taps_256::<F, Q, N, 2>(taps, x, w, sums);
    }
}

macro_rules! add_taps {
    ($name:ident, $lanes:literal, $vector:ty: $load:ident $store:ident $signed:ident $unsigned:ident($bytes:ident) $splat:ident $and:ident $multiply:ident $add:ident) => {
        /// Adds the products of taps, of `B` vectors of channels. The instruction that adds the products of two halves of a lane multiplies
        /// two values of 16 bits where the upper half of one is zero.
        ///
        /// # Safety
        /// As [`add_taps`]; `N` is `B` times as many channels as lanes.
        #[inline(always)]
        unsafe fn $name<F: Element, const Q: usize, const N: usize, const B: usize>(
            taps: &ChannelTaps,
            mut x: [*const F; Q],
            mut w: *const i8,
            sums: &mut [[i32; N]; Q],
        ) {
            // SAFETY: the caller's contract.
            unsafe {
                let load = |sums: &[i32; N]| core::array::from_fn(|b| $load(sums.as_ptr().add(b * $lanes).cast()));
                let mut here: [[$vector; B]; Q] = sums.each_ref().map(load);
                for _ in 0..taps.rows {
                    for _ in 0..taps.columns {
                        let weight = |b: usize| $and($signed($bytes(w.add(b * $lanes).cast())), $splat(0xffff));
                        let weights: [$vector; B] = core::array::from_fn(weight);
                        for (here, x) in here.iter_mut().zip(x) {
                            for (b, (here, weights)) in here.iter_mut().zip(weights).enumerate() {
                                let bytes = $bytes(x.add(b * $lanes).cast());
                                let values = if signs::<F>() == Some(false) { $unsigned(bytes) } else { $signed(bytes) };
                                *here = $add(*here, $multiply(weights, values));
                            }
                        }
                        x = x.map(|x| x.wrapping_byte_add(taps.column));
                        w = w.wrapping_byte_add(taps.weights_column);
                    }
                    x = x.map(|x| x.wrapping_byte_add(taps.row));
                    w = w.wrapping_byte_add(taps.weights_row);
                }
                for (sums, here) in sums.iter_mut().zip(here) {
                    for (b, here) in here.into_iter().enumerate() {
                        $store(sums.as_mut_ptr().add(b * $lanes).cast(), here);
                    }
                }
            }
        }
    };
}

add_taps!(
    add_taps_256, 8, __m256i: _mm256_loadu_si256 _mm256_storeu_si256 _mm256_cvtepi8_epi32 _mm256_cvtepu8_epi32(_mm_loadl_epi64)
        _mm256_set1_epi32 _mm256_and_si256 _mm256_madd_epi16 _mm256_add_epi32
);
#[cfg(target_feature = "avx512bw")]
add_taps!(
    add_taps_512, 16, __m512i: _mm512_loadu_si512 _mm512_storeu_si512 _mm512_cvtepi8_epi32 _mm512_cvtepu8_epi32(_mm_loadu_si128)
        _mm512_set1_epi32 _mm512_and_si512 _mm512_madd_epi16 _mm512_add_epi32
);
