//! Products of bytes by AVX2 and AVX-512: pairs of channels, widened to 16 bits, whose two products one instruction adds.
//!
//! The values of the pixels are widened first, a few channels at a time, so that a pair is one load into every lane.

use core::arch::x86_64::*;
use core::mem::MaybeUninit;

use super::signs;
use crate::Requantize;
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

/// The methods of a unit whose results are made by vectors.
macro_rules! results {
    () => {
        #[inline(always)]
        unsafe fn write_bytes(
            rule: &crate::i8::requantize::Prepared<'_>,
            sums: *const i32,
            multipliers: *const i32,
            y: *mut u8,
            count: usize,
            _: bool,
        ) -> Option<usize> {
            // SAFETY: the caller's contract.
            unsafe { Some(crate::i8::products::x86::write::<1>(rule.rule, [sums], multipliers, [y], count)) }
        }

        #[inline(always)]
        unsafe fn write_tile_bytes<const Q: usize, const N: usize>(
            rule: &crate::i8::requantize::Prepared<'_>,
            sums: &[[i32; N]; Q],
            multipliers: *const i32,
            y: &[*mut u8; Q],
            count: usize,
            _: bool,
        ) -> bool {
            let fits = N.is_multiple_of(crate::i8::products::x86::LEAST) && count == N;
            if fits {
                // SAFETY: the caller's contract: whole vectors of each pixel, of which those behind the last may be written.
                unsafe { crate::i8::products::x86::write(rule.rule, sums.each_ref().map(|sums| sums.as_ptr()), multipliers, *y, N) };
            }
            fits
        }
    };
}
pub(super) use results;

/// Results of the narrowest vector.
pub(super) const LEAST: usize = 8;

/// Writes the results of some pixels, in whole vectors; gives how many results of each those have.
///
/// # Safety
/// Each of `sums`, and `multipliers`, are readable for `count` values, and each of `y` is writable.
#[inline(always)]
pub(super) unsafe fn write<const Q: usize>(
    rule: &Requantize,
    sums: [*const i32; Q],
    multipliers: *const i32,
    y: [*mut u8; Q],
    count: usize,
) -> usize {
    let mut done = 0;
    // SAFETY: the caller's contract: a vector of values is left each time.
    unsafe {
        #[cfg(target_feature = "avx512bw")]
        while done + 16 <= count {
            write_512(rule, sums, multipliers, y, done);
            done += 16;
        }
        while done + LEAST <= count {
            write_256(rule, sums, multipliers, y, done);
            done += LEAST;
        }
    }
    done
}

macro_rules! write {
    ($name:ident: $load:ident $splat:ident $shift_left:ident $multiply:ident $upper:ident $blend:ident $add:ident $shift:ident $max:ident $min:ident $pack:ident $store:ident) => {
        /// Writes the results of a vector of sums of each pixel, from filter `first` on. An instruction multiplies every other of them: the
        /// upper half of its products, in the places of the sums, is what is wanted.
        ///
        /// # Safety
        /// Each of `sums`, and `multipliers`, are readable for a vector there, and each of `y` is writable for its results.
        #[inline(always)]
        unsafe fn $name<const Q: usize>(rule: &Requantize, sums: [*const i32; Q], multipliers: *const i32, y: [*mut u8; Q], first: usize) {
            // SAFETY: the caller's contract; the build enables the instructions, as the `cfg` of the caller says.
            unsafe {
                let by = |shift: u32| _mm_cvtsi32_si128((shift % i32::BITS) as i32);
                let (left, right, offset) = (by(rule.left), by(rule.right), $splat(rule.offset()));
                let (low, high) = ($splat(rule.low), $splat(rule.high));
                let of_even = $load(multipliers.wrapping_add(first).cast());
                let of_odd = $upper::<32>(of_even);
                for (sums, y) in sums.into_iter().zip(y) {
                    let sums = $shift_left($load(sums.wrapping_add(first).cast()), left);
                    let even = $upper::<32>($multiply(sums, of_even));
                    let odd = $multiply($upper::<32>(sums), of_odd);
                    let rounded = $shift($add($blend(even, odd), offset), right);
                    $store(y.wrapping_add(first).cast(), $pack($min($max(rounded, low), high)));
                }
            }
        }
    };
}

write!(
    write_256: _mm256_loadu_si256 _mm256_set1_epi32 _mm256_sll_epi32 _mm256_mul_epi32 _mm256_srli_epi64 odd_of_256 _mm256_add_epi32
        _mm256_sra_epi32 _mm256_max_epi32 _mm256_min_epi32 low_bytes _mm_storel_epi64
);
#[cfg(target_feature = "avx512bw")]
write!(
    write_512: _mm512_loadu_si512 _mm512_set1_epi32 _mm512_sll_epi32 _mm512_mul_epi32 _mm512_srli_epi64 odd_of_512 _mm512_add_epi32
        _mm512_sra_epi32 _mm512_max_epi32 _mm512_min_epi32 _mm512_cvtepi32_epi8 _mm_storeu_si128
);

/// The second's values in odd places, and the first's in even ones.
#[inline(always)]
fn odd_of_256(even: __m256i, odd: __m256i) -> __m256i {
    // SAFETY: the build enables the instruction, as the `cfg` of this file says.
    unsafe { _mm256_blend_epi32::<0b1010_1010>(even, odd) }
}

/// As [`odd_of_256`].
#[cfg(target_feature = "avx512bw")]
#[inline(always)]
fn odd_of_512(even: __m512i, odd: __m512i) -> __m512i {
    // SAFETY: as there.
    unsafe { _mm512_mask_blend_epi32(0b1010_1010_1010_1010, even, odd) }
}

/// The low byte of each value, in the lower half of the vector.
#[inline(always)]
fn low_bytes(values: __m256i) -> __m128i {
    // SAFETY: the build enables the instructions, as the `cfg` of this file says.
    unsafe {
        let low = _mm_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
        let packed = _mm256_shuffle_epi8(values, _mm256_broadcastsi128_si256(low));
        _mm_unpacklo_epi32(_mm256_castsi256_si128(packed), _mm256_extracti128_si256::<1>(packed))
    }
}
