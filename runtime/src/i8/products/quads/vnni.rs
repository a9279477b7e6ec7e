//! Products of bytes by AVX-512 VNNI: four channels of sixteen filters at a time.
//!
//! The instruction multiplies bytes without signs by such with signs. Of a pixel's signed bytes the upper bit is turned, which adds 128 to
//! each; what that adds to sums is 128 times the sum of a filter's weights, and is taken off when a run ends.

use core::arch::x86_64::*;

use crate::element::Element;
use crate::i8::products::{QUAD, Runs, signs};

/// Filters of a vector.
pub(super) const LANES: usize = 16;

/// [`Products::add_runs`](crate::i8::products::sealed::Products::add_runs) for bytes and whole vectors of filters.
///
/// # Safety
/// As there; `N` is a multiple of 16, and not zero.
#[inline(never)]
pub(super) unsafe fn add_runs<F: Element, const Q: usize, const N: usize>(
    sums: &mut [[i32; N]; Q],
    x: &[*const F; Q],
    w: *const i8,
    runs: Runs,
) {
    // SAFETY: the caller's contract.
    unsafe {
        if const { N.is_multiple_of(2 * LANES) } {
            add_vectors::<F, Q, N, 2>(sums, *x, w, runs);
        } else {
            add_vectors::<F, Q, N, 1>(sums, *x, w, runs);
        }
    }
}

/// Adds the products, those of `B` vectors of filters at a time.
///
/// # Safety
/// As [`add_runs`]; `N` is a multiple of as many lanes.
#[inline(always)]
unsafe fn add_vectors<F: Element, const Q: usize, const N: usize, const B: usize>(
    sums: &mut [[i32; N]; Q],
    x: [*const F; Q],
    w: *const i8,
    Runs { count, len, step }: Runs,
) {
    let (whole, rest) = (len / QUAD * QUAD, len % QUAD);
    let mut first = 0;
    while first < N {
        let mut w = w.wrapping_add(QUAD * first);
        // SAFETY: the caller's contract: words of `N` filters; the build enables the instructions, as the `cfg` of this file says.
        unsafe {
            let load = |sums: &[i32; N]| core::array::from_fn(|b| _mm512_loadu_si512(sums.as_ptr().add(first + b * LANES).cast()));
            let mut tile = Tile { sums: sums.each_ref().map(load), of_weights: [_mm512_setzero_si512(); B] };
            for run in 0..count {
                let mut at = run.wrapping_mul(step);
                let end = at.wrapping_add(whole);
                while at != end {
                    tile.add::<F>(x.map(|x| x.wrapping_add(at).cast()), w);
                    w = w.wrapping_add(QUAD * N);
                    at = at.wrapping_add(QUAD);
                }
                if rest > 0 {
                    let last = x.map(|x| last_word(x.wrapping_add(at), rest));
                    tile.add::<F>(last.each_ref().map(|last| last.as_ptr()), w);
                    w = w.wrapping_add(QUAD * N);
                }
            }
            for (sums, here) in sums.iter_mut().zip(tile.sums) {
                for (b, (here, of_weights)) in here.into_iter().zip(tile.of_weights).enumerate() {
                    let here = if turns::<F>() { _mm512_sub_epi32(here, _mm512_slli_epi32::<7>(of_weights)) } else { here };
                    _mm512_storeu_si512(sums.as_mut_ptr().add(first + b * LANES).cast(), here);
                }
            }
        }
        first += B * LANES;
    }
}

/// The channels behind a run's last whole word; the weights of the others are zeros.
///
/// # Safety
/// `x` is readable for `len` of them, fewer than a word's.
#[inline(always)]
unsafe fn last_word<F: Element>(x: *const F, len: usize) -> [u8; QUAD] {
    let mut last = [0; QUAD];
    for (at, value) in last.iter_mut().enumerate().take(len) {
        // SAFETY: the caller's contract.
        *value = unsafe { *x.wrapping_add(at).cast::<u8>() };
    }
    last
}

/// Whether the upper bits of a pixel's bytes are turned.
const fn turns<F: Element>() -> bool {
    matches!(signs::<F>(), Some(true))
}

/// The sums of some pixels by `B` vectors of filters, and those of the weights.
struct Tile<const Q: usize, const B: usize> {
    sums: [[__m512i; B]; Q],
    of_weights: [__m512i; B],
}

impl<const Q: usize, const B: usize> Tile<Q, B> {
    /// Adds the products of four channels.
    ///
    /// # Safety
    /// Each of `x` is readable for four bytes, and `w` for those of as many filters.
    #[inline(always)]
    unsafe fn add<F: Element>(&mut self, x: [*const u8; Q], w: *const i8) {
        // SAFETY: the caller's contract.
        unsafe {
            let weights: [__m512i; B] = core::array::from_fn(|b| _mm512_loadu_si512(w.add(b * QUAD * LANES).cast()));
            if turns::<F>() {
                for (sum, weights) in self.of_weights.iter_mut().zip(weights) {
                    *sum = _mm512_dpbusd_epi32(*sum, _mm512_set1_epi8(1), weights);
                }
            }
            for (sums, x) in self.sums.iter_mut().zip(x) {
                let values = _mm512_set1_epi32(x.cast::<i32>().read_unaligned());
                let values = if turns::<F>() { _mm512_xor_si512(values, _mm512_set1_epi8(i8::MIN)) } else { values };
                for (sum, weights) in sums.iter_mut().zip(weights) {
                    *sum = _mm512_dpbusd_epi32(*sum, values, weights);
                }
            }
        }
    }
}
