//! Products of bytes by NEON: eight filters by the value of a pixel that is named, widened to 16 bits.
//!
//! Loads are by assembly, as the compiler makes single bytes of an intrinsic's load where addresses have to be aligned.

use core::arch::aarch64::*;
use core::arch::asm;

use super::{add_products, signs};
use crate::element::Element;

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
unsafe fn load_sums(from: *const i32) -> int32x4_t {
    let sums: int32x4_t;
    // SAFETY: the caller's contract.
    unsafe { asm!("ld1 {{{0:v}.4s}}, [{1}]", out(vreg) sums, in(reg) from, options(pure, readonly, nostack, preserves_flags)) };
    sums
}

/// # Safety
/// `to` is writable for four values.
#[inline(always)]
unsafe fn store_sums(sums: int32x4_t, to: *mut i32) {
    // SAFETY: the caller's contract.
    unsafe { asm!("st1 {{{0:v}.4s}}, [{1}]", in(vreg) sums, in(reg) to, options(nostack, preserves_flags)) };
}
