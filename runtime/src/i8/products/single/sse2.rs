//! Products of bytes by SSE2, which builds for x86-64 have that ask for nothing: pairs of channels, widened to 16 bits, whose two products
//! one instruction adds.
//!
//! The values of the pixels are widened first, a few channels at a time, so that a pair is one load into every lane.

use core::arch::x86_64::*;
use core::mem::MaybeUninit;

use crate::element::Element;
use crate::i8::products::signs;

/// Filters of a tile.
pub(super) const FILTERS: usize = 8;

/// Channels that are widened at a time.
const CHANNELS: usize = 128;

/// Bytes that are widened by one instruction.
const AT_ONCE: usize = 8;

/// [`Products::add_run`](crate::i8::products::sealed::Products::add_run) for bytes.
///
/// # Safety
/// As there; `N` is `FILTERS`.
#[inline(always)]
pub(super) unsafe fn add_run<F: Element, const Q: usize, const N: usize>(
    sums: &mut [[i32; N]; Q],
    mut x: [*const F; Q],
    mut w: *const i8,
    len: usize,
) {
    let halves = |sums: &[i32; N]| [sums.as_ptr(), sums.as_ptr().wrapping_add(FILTERS / 2)];
    // SAFETY: the caller's contract: two vectors a pixel.
    let mut here = sums.each_ref().map(|sums| halves(sums).map(|half| unsafe { _mm_loadu_si128(half.cast()) }));
    let mut left = len;
    while left > 0 {
        let count = left.min(CHANNELS);
        let mut wide = MaybeUninit::<[[i16; CHANNELS]; Q]>::uninit();
        let wide = wide.as_mut_ptr().cast::<[i16; CHANNELS]>();
        // SAFETY: the caller's contract: so many channels of each pixel, for which there is room, and their weights; the last of an odd number
        // is widened with a zero behind it.
        unsafe {
            for (q, x) in x.into_iter().enumerate() {
                widen(wide.add(q).cast(), x, count);
            }
            for pair in 0..count.div_ceil(2) {
                let first = _mm_loadl_epi64(w.cast());
                let second = if 2 * pair + 1 < count { _mm_loadl_epi64(w.add(FILTERS).cast()) } else { _mm_setzero_si128() };
                let pairs = _mm_unpacklo_epi8(first, second);
                let weights = [_mm_unpacklo_epi8(pairs, pairs), _mm_unpackhi_epi8(pairs, pairs)].map(|twice| _mm_srai_epi16::<8>(twice));
                for (q, here) in here.iter_mut().enumerate() {
                    let values = _mm_set1_epi32(wide.add(q).cast::<i32>().add(pair).read_unaligned());
                    for (here, weights) in here.iter_mut().zip(weights) {
                        *here = _mm_add_epi32(*here, _mm_madd_epi16(weights, values));
                    }
                }
                w = w.wrapping_add(2 * FILTERS);
            }
        }
        x = x.map(|x| x.wrapping_add(count));
        left -= count;
    }
    for (sums, here) in sums.iter_mut().zip(here) {
        for (half, here) in [0, FILTERS / 2].into_iter().zip(here) {
            // SAFETY: as above.
            unsafe { _mm_storeu_si128(sums.as_mut_ptr().wrapping_add(half).cast(), here) };
        }
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
            let bytes = _mm_loadl_epi64(x.wrapping_add(at).cast());
            let values = if const { matches!(signs::<F>(), Some(true)) } {
                _mm_srai_epi16::<8>(_mm_unpacklo_epi8(bytes, bytes))
            } else {
                _mm_unpacklo_epi8(bytes, _mm_setzero_si128())
            };
            _mm_storeu_si128(wide.wrapping_add(at).cast(), values);
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
