//! Products of bytes by NEON: eight filters by the value of a pixel that is named, widened to 16 bits; and results of sums.
//!
//! Loads are by assembly, as the compiler makes single bytes of an intrinsic's load where addresses have to be aligned.

use core::arch::aarch64::*;
use core::arch::asm;
use core::ops::Range;

use super::plain::add_products;
use super::signs;
use crate::element::Element;
use crate::i8::requantize::{Prepared, Requantize};
use crate::lanes::arithmetic::ChannelTaps;

/// Results of a vector.
const RESULTS: usize = 16;

/// Those of half a vector.
const HALF: usize = RESULTS / 2;

/// [`Products::add_run`](super::sealed::Products::add_run) for bytes and blocks of eight filters.
///
/// # Safety
/// As there; `N` is 8.
#[inline(always)]
pub(super) unsafe fn add_run<F: Element, const Q: usize, const N: usize>(
    sums: &mut [[i32; N]; Q],
    mut x: [*const F; Q],
    mut w: *const i8,
    len: usize,
) {
    let mut here: [[int32x4_t; 2]; Q] = core::array::from_fn(|_| [zero(); 2]);
    for (here, sums) in here.iter_mut().zip(&*sums) {
        // SAFETY: eight sums.
        *here = unsafe { [load_sums(sums.as_ptr()), load_sums(sums.as_ptr().add(4))] };
    }
    let whole = len / 8;
    for _ in 0..whole {
        // SAFETY: the caller's contract: eight channels are left, each with the weights of eight filters.
        unsafe {
            let values = x.map(|x| load_bytes::<F>(x.cast()));
            macro_rules! channels {
                ($($lane:literal)+) => {$(
                    let weights = load_bytes::<i8>(w.add(8 * $lane));
                    for (here, values) in here.iter_mut().zip(&values) {
                        here[0] = vmlal_laneq_s16::<$lane>(here[0], vget_low_s16(weights), *values);
                        here[1] = vmlal_high_laneq_s16::<$lane>(here[1], weights, *values);
                    }
                )+};
            }
            channels!(0 1 2 3 4 5 6 7);
        }
        x = x.map(|x| x.wrapping_add(8));
        w = w.wrapping_add(64);
    }
    for (here, sums) in here.iter().zip(sums.iter_mut()) {
        // SAFETY: eight sums.
        unsafe {
            store_sums(here[0], sums.as_mut_ptr());
            store_sums(here[1], sums.as_mut_ptr().add(4));
        }
    }
    for at in 0..len % 8 {
        // SAFETY: the caller's contract.
        unsafe { add_products(sums, x.map(|x| (*x.wrapping_add(at)).cast::<i32>()), *w.cast::<[i8; N]>().wrapping_add(at)) };
    }
}

/// What a unit has of [`Products`](super::sealed::Products) whose results are made here.
macro_rules! results {
    () => {
        #[inline(always)]
        unsafe fn write_bytes(
            rule: &crate::i8::requantize::Prepared<'_>,
            sums: *const i32,
            multipliers: *const i32,
            y: *mut u8,
            count: usize,
            signed: bool,
        ) -> Option<usize> {
            // SAFETY: the caller's contract.
            unsafe { crate::i8::products::neon::write(rule, sums, multipliers, y, count, signed) }
        }

        #[inline(always)]
        unsafe fn write_tile_bytes<const Q: usize, const N: usize>(
            rule: &crate::i8::requantize::Prepared<'_>,
            sums: &[[i32; N]; Q],
            multipliers: *const i32,
            y: &[*mut u8; Q],
            count: usize,
            signed: bool,
        ) -> bool {
            // SAFETY: the caller's contract.
            unsafe { crate::i8::products::neon::write_tile(rule, sums, multipliers, y, count, signed) }
        }

        #[inline(always)]
        unsafe fn write_average_bytes(
            rule: &crate::Requantize,
            averaged: [i32; 2],
            (sums, [right, down, _]): (*const i32, [usize; 3]),
            multipliers: *const i32,
            y: *mut u8,
            count: usize,
            signed: bool,
        ) -> bool {
            // SAFETY: the caller's contract, sums of a pixel being adjacent; a geometry's limits are in their order.
            unsafe { crate::i8::products::neon::write_averages(rule, averaged, (sums, [right, down]), multipliers, y, count, signed) }
        }
    };
}
pub(super) use results;

/// [`Products::write_bytes`](super::sealed::Products::write_bytes), for limits that are bytes: whole vectors, and halves.
///
/// # Safety
/// As there.
#[inline(always)]
pub(super) unsafe fn write(
    rule: &Prepared<'_>,
    sums: *const i32,
    multipliers: *const i32,
    y: *mut u8,
    count: usize,
    signed: bool,
) -> Option<usize> {
    if !rule.is_within(signed) {
        return None;
    }
    // SAFETY: the caller's contract.
    unsafe {
        let done = write_vectors::<1, RESULTS>(rule, [sums], multipliers, [y], 0..count, signed);
        Some(write_vectors::<1, HALF>(rule, [sums], multipliers, [y], done..count, signed))
    }
}

/// [`Products::write_tile_bytes`](super::sealed::Products::write_tile_bytes), where a pixel's results fill a vector or half of one: what
/// multiplies sums is read once, and pixels behind the last are written again.
///
/// # Safety
/// As there.
#[inline(always)]
pub(super) unsafe fn write_tile<const Q: usize, const N: usize>(
    rule: &Prepared<'_>,
    sums: &[[i32; N]; Q],
    multipliers: *const i32,
    y: &[*mut u8; Q],
    count: usize,
    signed: bool,
) -> bool {
    let fits = (N == RESULTS || N == HALF) && count == N && rule.is_within(signed);
    if fits {
        // SAFETY: the caller's contract: so many sums of each pixel.
        unsafe { write_vectors::<Q, N>(rule, sums.each_ref().map(|sums| sums.as_ptr()), multipliers, *y, 0..N, signed) };
    }
    fits
}

/// Writes the results of as many vectors, or halves of one, as go into `of` those of each of some pixels; gives where they end.
///
/// # Safety
/// `N` is `RESULTS` or `HALF`; each of `sums`, and `multipliers`, are readable for so many values, and each of `y` is writable; the rule's
/// limits are bytes of that kind.
#[inline(always)]
unsafe fn write_vectors<const Q: usize, const N: usize>(
    rule: &Prepared<'_>,
    sums: [*const i32; Q],
    multipliers: *const i32,
    y: [*mut u8; Q],
    of: Range<usize>,
    signed: bool,
) -> usize {
    let mut done = of.start;
    while done + N <= of.end {
        // SAFETY: the caller's contract: so many sums are left.
        unsafe {
            let multipliers = load_values::<N>(multipliers.wrapping_add(done));
            for (sums, y) in sums.into_iter().zip(y) {
                write_vector::<N>(rule, sums.wrapping_add(done), multipliers, signed, y.wrapping_add(done));
            }
        }
        done += N;
    }
    done
}

/// [`Products::write_average_bytes`](super::sealed::Products::write_average_bytes), of a vector, for limits that are bytes.
///
/// # Safety
/// As there; the limits of what is added are in their order.
#[inline(always)]
pub(super) unsafe fn write_averages(
    rule: &Requantize,
    averaged: [i32; 2],
    (sums, [right, down]): (*const i32, [usize; 2]),
    multipliers: *const i32,
    y: *mut u8,
    count: usize,
    signed: bool,
) -> bool {
    let quarter = rule.quarter();
    let of_four = Prepared::new(&quarter);
    if count != RESULTS || !of_four.is_within(signed) {
        return false;
    }
    // SAFETY: the caller's contract: so many sums of each pixel.
    unsafe {
        let ([least, most], multipliers) = (averaged.map(|limit| vdupq_n_s32(limit)), load_values::<RESULTS>(multipliers));
        let mut added = [vdupq_n_s32(of_four.offset); 4];
        for step in [0, right, down, down.wrapping_add(right)] {
            for ((added, sums), multipliers) in added.iter_mut().zip(load_values::<RESULTS>(sums.wrapping_add(step))).zip(multipliers) {
                let products = products(&of_four, sums, multipliers);
                *added = vaddq_s32(*added, vminq_s32(vmaxq_s32(products, least), most));
            }
        }
        let results = added.map(|added| vshlq_s32(added, vdupq_n_s32(-of_four.right.cast_signed())));
        store_results(&of_four, results, signed, y, RESULTS);
    }
    true
}

/// Writes a vector of results, or half of one.
///
/// # Safety
/// `N` is `RESULTS` or `HALF`; `sums` are readable for so many values, and `y` is writable; the rule's limits are bytes of that kind.
#[inline(always)]
unsafe fn write_vector<const N: usize>(rule: &Prepared<'_>, sums: *const i32, multipliers: [int32x4_t; 4], signed: bool, y: *mut u8) {
    // SAFETY: the caller's contract.
    unsafe {
        let ([a, b, c, d], [of_a, of_b, of_c, of_d]) = (load_values::<N>(sums), multipliers);
        let (a, b) = (rounded(rule, a, of_a), rounded(rule, b, of_b));
        let (c, d) = if N == RESULTS { (rounded(rule, c, of_c), rounded(rule, d, of_d)) } else { (a, b) };
        store_results(rule, [a, b, c, d], signed, y, N);
    }
}

/// Results before they are limited.
#[inline(always)]
fn rounded(rule: &Prepared<'_>, sums: int32x4_t, multipliers: int32x4_t) -> int32x4_t {
    // SAFETY: as for `zero`.
    unsafe { vshlq_s32(vaddq_s32(products(rule, sums, multipliers), vdupq_n_s32(rule.offset)), vdupq_n_s32(-rule.right.cast_signed())) }
}

/// The upper halves of products of 64 bits. By assembly, as the compiler moves the upper half of each vector before it multiplies.
#[inline(always)]
fn products(rule: &Prepared<'_>, sums: int32x4_t, multipliers: int32x4_t) -> int32x4_t {
    let products: int32x4_t;
    // SAFETY: as for `zero`.
    unsafe {
        let sums = if rule.left == 0 { sums } else { vshlq_s32(sums, vdupq_n_s32(rule.left.cast_signed())) };
        asm!(
            "smull {low:v}.2d, {sums:v}.2s, {multipliers:v}.2s",
            "smull2 {high:v}.2d, {sums:v}.4s, {multipliers:v}.4s",
            "uzp2 {high:v}.4s, {low:v}.4s, {high:v}.4s",
            sums = in(vreg) sums, multipliers = in(vreg) multipliers, low = out(vreg) _, high = out(vreg) products,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    products
}

/// Limits results to bytes and to the rule's limits, and writes the first eight or all.
///
/// # Safety
/// `y` is writable for `count` bytes, which is 8 or 16; the rule's limits are bytes of that kind.
#[inline(always)]
unsafe fn store_results(rule: &Prepared<'_>, [a, b, c, d]: [int32x4_t; 4], signed: bool, y: *mut u8, count: usize) {
    // SAFETY: the caller's contract.
    unsafe {
        let first = vqmovn_high_s32(vqmovn_s32(a), b);
        let second = vqmovn_high_s32(vqmovn_s32(c), d);
        let [low, high] = [rule.low, rule.high].map(|limit| vreinterpretq_u8_u32(vdupq_n_u32(limit)));
        let bytes = if signed {
            let bytes = vqmovn_high_s16(vqmovn_s16(first), second);
            vreinterpretq_u8_s8(vminq_s8(vmaxq_s8(bytes, vreinterpretq_s8_u8(low)), vreinterpretq_s8_u8(high)))
        } else {
            vminq_u8(vmaxq_u8(vqmovun_high_s16(vqmovun_s16(first), second), low), high)
        };
        if count == 16 {
            asm!("st1 {{{0:v}.16b}}, [{1}]", in(vreg) bytes, in(reg) y, options(nostack, preserves_flags));
        } else {
            asm!("st1 {{{0:v}.8b}}, [{1}]", in(vreg) bytes, in(reg) y, options(nostack, preserves_flags));
        }
    }
}

/// [`Products::add_taps`](super::sealed::Products::add_taps) for bytes.
///
/// # Safety
/// As there; `N` is 8 or 16.
#[inline(always)]
pub(super) unsafe fn add_taps<F: Element, const Q: usize, const N: usize>(
    taps: &ChannelTaps,
    mut x: [*const F; Q],
    mut w: *const i8,
    sums: &mut [[i32; N]; Q],
) {
    let mut here = [[[zero(); 2]; 2]; Q];
    for (here, sums) in here.iter_mut().zip(&*sums) {
        for (b, here) in here.iter_mut().enumerate().take(N / 8) {
            let sums = sums.as_ptr().wrapping_add(8 * b);
            // SAFETY: eight sums.
            *here = unsafe { [load_sums(sums), load_sums(sums.add(4))] };
        }
    }
    for _ in 0..taps.rows {
        for _ in 0..taps.columns {
            for b in 0..N / 8 {
                // SAFETY: the caller's contract: eight channels of a tap.
                unsafe {
                    let weights = load_bytes::<i8>(w.wrapping_add(8 * b));
                    for (here, x) in here.iter_mut().zip(x) {
                        let Some([low, high]) = here.get_mut(b) else { return };
                        let values = load_bytes::<F>(x.wrapping_add(8 * b).cast());
                        *low = vmlal_s16(*low, vget_low_s16(values), vget_low_s16(weights));
                        *high = vmlal_high_s16(*high, values, weights);
                    }
                }
            }
            x = x.map(|x| x.wrapping_byte_add(taps.column));
            w = w.wrapping_byte_add(taps.weights_column);
        }
        x = x.map(|x| x.wrapping_byte_add(taps.row));
        w = w.wrapping_byte_add(taps.weights_row);
    }
    for (here, sums) in here.into_iter().zip(sums) {
        for (b, [low, high]) in here.into_iter().enumerate().take(N / 8) {
            let sums = sums.as_mut_ptr().wrapping_add(8 * b);
            // SAFETY: eight sums.
            unsafe {
                store_sums(low, sums);
                store_sums(high, sums.add(4));
            }
        }
    }
}

/// Whether the upper bits of a pixel's bytes are turned, which takes 128 off each.
pub(super) const fn turns<F: Element>() -> bool {
    matches!(signs::<F>(), Some(false))
}

/// # Safety
/// `from` is readable for sixteen bytes.
#[inline(always)]
pub(super) unsafe fn load_vector(from: *const u8) -> int8x16_t {
    let bytes: int8x16_t;
    // SAFETY: the caller's contract.
    unsafe { asm!("ld1 {{{0:v}.16b}}, [{1}]", out(vreg) bytes, in(reg) from, options(pure, readonly, nostack, preserves_flags)) };
    bytes
}

#[inline(always)]
pub(super) fn zero() -> int32x4_t {
    // SAFETY: the build has NEON, as the `cfg` of this file says; so below.
    unsafe { vdupq_n_s32(0) }
}

/// Eight bytes, widened.
///
/// # Safety
/// `from` is readable for eight bytes.
#[inline(always)]
unsafe fn load_bytes<F: Element>(from: *const i8) -> int16x8_t {
    let bytes: int8x8_t;
    // SAFETY: the caller's contract.
    unsafe {
        asm!("ld1 {{{0:v}.8b}}, [{1}]", out(vreg) bytes, in(reg) from, options(pure, readonly, nostack, preserves_flags));
        match signs::<F>() {
            Some(false) => vreinterpretq_s16_u16(vmovl_u8(vreinterpret_u8_s8(bytes))),
            _ => vmovl_s8(bytes),
        }
    }
}

/// # Safety
/// `from` is readable for four values.
#[inline(always)]
pub(super) unsafe fn load_sums(from: *const i32) -> int32x4_t {
    let sums: int32x4_t;
    // SAFETY: the caller's contract.
    unsafe { asm!("ld1 {{{0:v}.4s}}, [{1}]", out(vreg) sums, in(reg) from, options(pure, readonly, nostack, preserves_flags)) };
    sums
}

/// A vector of values, or half of one, twice.
///
/// # Safety
/// `N` is `RESULTS` or `HALF`; `from` is readable for so many values.
#[inline(always)]
unsafe fn load_values<const N: usize>(from: *const i32) -> [int32x4_t; 4] {
    // SAFETY: the caller's contract.
    unsafe {
        if N != RESULTS {
            let (a, b) = (load_sums(from), load_sums(from.wrapping_add(4)));
            return [a, b, a, b];
        }
        let (a, b, c, d);
        asm!(
            "ld1 {{v0.4s-v3.4s}}, [{}]",
            in(reg) from, out("v0") a, out("v1") b, out("v2") c, out("v3") d,
            options(pure, readonly, nostack, preserves_flags)
        );
        [a, b, c, d]
    }
}

/// # Safety
/// `to` is writable for four values.
#[inline(always)]
pub(super) unsafe fn store_sums(sums: int32x4_t, to: *mut i32) {
    // SAFETY: the caller's contract.
    unsafe { asm!("st1 {{{0:v}.4s}}, [{1}]", in(vreg) sums, in(reg) to, options(nostack, preserves_flags)) };
}
