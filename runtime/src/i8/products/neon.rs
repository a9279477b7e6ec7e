//! Products of bytes by NEON, in two ways: eight filters by the value of a pixel that is named, widened to 16 bits; or sixteen channels of a
//! pixel by those of a filter, two products to a sum of 16 bits.
//!
//! Loads are by assembly, as the compiler makes single bytes of an intrinsic's load where addresses have to be aligned.

use core::arch::aarch64::*;
use core::arch::asm;

use super::{add_products, signs};
use crate::element::Element;
use crate::lanes::arithmetic::ChannelTaps;

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

pub(super) const PIXELS: usize = 4;
/// How many filters are worked on together.
pub(super) const FILTERS: usize = 4;

/// Channels of a vector.
const CHANNELS: usize = 16;

/// [`Products::add_run`](super::sealed::Products::add_run) for bytes, filter by filter.
///
/// # Safety
/// As there, of a tile of `PIXELS` by as many filters as `w` has, whose sums lie at `sums`, `N` a pixel.
#[inline(always)]
pub(super) unsafe fn add_filters<F: Element, const N: usize>(
    sums: *mut i32,
    mut x: [*const u8; PIXELS],
    mut w: [*const i8; FILTERS],
    len: usize,
) {
    let mut here = [[zero(); FILTERS]; PIXELS];
    let mut of_weights = [zero(); FILTERS];
    let mut left = len;
    while left > 0 {
        let (mut last_x, mut last_w) = ([[0u8; CHANNELS]; PIXELS], [[0i8; CHANNELS]; FILTERS]);
        // SAFETY: the caller's contract: so many channels are left. What is less than a vector is read from copies, behind which zeros lie.
        unsafe {
            if left < CHANNELS {
                for (last, x) in last_x.iter_mut().zip(&mut x) {
                    x.copy_to_nonoverlapping(last.as_mut_ptr(), left);
                    *x = last.as_ptr();
                }
                for (last, w) in last_w.iter_mut().zip(&mut w) {
                    w.copy_to_nonoverlapping(last.as_mut_ptr(), left);
                    *w = last.as_ptr();
                }
            }
            let weights = w.map(|w| load_vector(w.cast()));
            if turns::<F>() {
                for (sum, &weights) in of_weights.iter_mut().zip(&weights) {
                    *sum = vpadalq_s16(*sum, vpaddlq_s8(weights));
                }
            }
            for (here, x) in here.iter_mut().zip(x) {
                let values = load_vector(x);
                let values = if turns::<F>() { veorq_s8(values, vdupq_n_s8(i8::MIN)) } else { values };
                for (sum, &weights) in here.iter_mut().zip(&weights) {
                    let products = vmull_s8(vget_low_s8(values), vget_low_s8(weights));
                    *sum = vpadalq_s16(*sum, vmlal_high_s8(products, values, weights));
                }
            }
        }
        x = x.map(|x| x.wrapping_add(CHANNELS));
        w = w.map(|w| w.wrapping_add(CHANNELS));
        left -= left.min(CHANNELS);
    }
    for (p, here) in here.into_iter().enumerate() {
        // SAFETY: so many sums.
        unsafe {
            let mut here = here;
            if turns::<F>() {
                for (here, of_weights) in here.iter_mut().zip(of_weights) {
                    *here = vaddq_s32(*here, vshlq_n_s32::<7>(of_weights));
                }
            }
            let [a, b, c, d] = here;
            let sums = sums.add(p * N);
            store_sums(vaddq_s32(load_sums(sums), vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d))), sums);
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
fn zero() -> int32x4_t {
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

/// # Safety
/// `to` is writable for four values.
#[inline(always)]
pub(super) unsafe fn store_sums(sums: int32x4_t, to: *mut i32) {
    // SAFETY: the caller's contract.
    unsafe { asm!("st1 {{{0:v}.4s}}, [{1}]", in(vreg) sums, in(reg) to, options(nostack, preserves_flags)) };
}
