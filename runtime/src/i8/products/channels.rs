//! Sums over one channel each, as those of a depthwise convolution are: of some pixels by some adjacent channels.

use crate::element::Element;
use crate::lanes::arithmetic::ChannelTaps;

/// [`Products::add_taps`](super::sealed::Products::add_taps) by vectors where the build has them, and in plain Rust elsewhere.
///
/// # Safety
/// As there.
#[cfg_attr(not(target_arch = "arm"), inline(always))]
#[cfg_attr(target_arch = "arm", inline(never))]
pub(super) unsafe fn add_taps<F: Element, const P: usize, const N: usize>(
    taps: &ChannelTaps,
    x: [*const F; P],
    w: *const i8,
    sums: &mut [[i32; N]; P],
) {
    #[cfg(all(target_arch = "x86_64", target_feature = "avx2"))]
    if const { (N == 8 || N == 16) && super::signs::<F>().is_some() } {
        // SAFETY: the caller's contract; as many channels.
        return unsafe { super::x86::add_taps(taps, x, w, sums) };
    }
    #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
    if const { (N == 8 || N == 16) && super::signs::<F>().is_some() } {
        // SAFETY: the caller's contract; as many channels.
        return unsafe { super::neon::add_taps(taps, x, w, sums) };
    }
    // SAFETY: the caller's contract.
    unsafe { add_plainly(taps, x, w, sums) }
}

/// # Safety
/// As [`Products::add_taps`](super::sealed::Products::add_taps).
#[inline(always)]
unsafe fn add_plainly<F: Element, const P: usize, const N: usize>(
    taps: &ChannelTaps,
    mut x: [*const F; P],
    mut w: *const i8,
    sums: &mut [[i32; N]; P],
) {
    let mut here = *sums;
    for _ in 0..taps.rows {
        for _ in 0..taps.columns {
            for (sums, x) in here.iter_mut().zip(x) {
                // SAFETY: the caller's contract.
                unsafe { add_products(sums, x, w) };
            }
            for x in &mut x {
                *x = x.wrapping_byte_add(taps.column);
            }
            w = w.wrapping_byte_add(taps.weights_column);
            // Written out, the loop is large for what a small core does with it.
            #[cfg(all(target_arch = "arm", not(miri)))]
            // SAFETY: no instruction.
            unsafe {
                core::arch::asm!("", options(nostack, preserves_flags));
            }
        }
        for x in &mut x {
            *x = x.wrapping_byte_add(taps.row);
        }
        w = w.wrapping_byte_add(taps.weights_row);
    }
    *sums = here;
}

/// Adds the products of a tap, all values at once.
///
/// # Safety
/// `x` and `w` are readable for `N` elements.
#[inline(always)]
unsafe fn add_products<F: Element, const N: usize>(sums: &mut [i32; N], x: *const F, w: *const i8) {
    // SAFETY: the caller's contract.
    unsafe {
        for ((sum, x), w) in sums.iter_mut().zip(*x.cast::<[F; N]>()).zip(*w.cast::<[i8; N]>()) {
            *sum = sum.wrapping_add(x.cast::<i32>().wrapping_mul(i32::from(w)));
        }
    }
}
