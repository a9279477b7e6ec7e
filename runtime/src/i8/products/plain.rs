//! What units do in plain Rust, where the build or the element has no leaf.

use core::mem::MaybeUninit;

use super::sealed::Products;
use super::{Block, Runs};
use crate::element::Element;

/// [`Products::gather`](super::sealed::Products::gather).
///
/// # Safety
/// As there.
#[cfg_attr(not(target_arch = "arm"), inline(always))]
#[cfg_attr(target_arch = "arm", inline(never))]
pub(super) unsafe fn gather<F: Element>(x: *const F, distances: &[usize], to: &mut [F]) {
    for (to, &distance) in to.iter_mut().zip(distances) {
        // SAFETY: the caller's contract.
        *to = unsafe { *x.wrapping_add(distance) };
    }
}

/// [`Products::begin`](super::sealed::Products::begin).
///
/// # Safety
/// As there.
#[inline(always)]
pub(super) unsafe fn begin<const Q: usize, const N: usize>(sums: &mut MaybeUninit<[[i32; N]; Q]>, biases: *const i32) {
    // SAFETY: the caller's contract; a tile has `Q` rows.
    unsafe {
        let biases = *biases.cast::<[i32; N]>();
        for q in 0..Q {
            sums.as_mut_ptr().cast::<[i32; N]>().add(q).write(biases);
        }
    }
}

/// [`Products::add_runs`](super::sealed::Products::add_runs) of the unit `U`.
///
/// # Safety
/// As there.
#[inline(always)]
pub(super) unsafe fn add_runs<U: Products, F: Element, const Q: usize, const N: usize>(
    sums: &mut [[i32; N]; Q],
    mut x: [*const F; Q],
    w: *const i8,
    runs: Runs,
    block: Block,
) {
    for run in 0..runs.count {
        let w = w.wrapping_add(U::ORDER.place(run * runs.len, 0, N, block.filter));
        // SAFETY: the caller's contract.
        unsafe { U::add_run(sums, x, w, runs.len, block) };
        x = x.map(|x| x.wrapping_add(runs.step));
    }
}

/// [`Products::add_run`](super::sealed::Products::add_run), by words of so many bytes of each filter.
///
/// # Safety
/// As there.
#[inline(always)]
pub(super) unsafe fn add_words<F: Element, const Q: usize, const N: usize, const WORD: usize>(
    sums: &mut [[i32; N]; Q],
    x: [*const F; Q],
    mut w: *const i8,
    len: usize,
) {
    let mut at = 0;
    while at < len {
        for byte in 0..WORD.min(len - at) {
            // SAFETY: the caller's contract.
            unsafe {
                let x = x.map(|x| (*x.wrapping_add(at + byte)).cast::<i32>());
                add_products(sums, x, core::array::from_fn(|n| *w.wrapping_add(n * WORD + byte)));
            }
        }
        w = w.wrapping_add(N * WORD);
        at += WORD;
    }
}

/// As [`add_words`], where the filters follow each other.
///
/// # Safety
/// As there.
#[inline(always)]
pub(super) unsafe fn add_filters<F: Element, const Q: usize, const N: usize>(
    sums: &mut [[i32; N]; Q],
    x: [*const F; Q],
    w: *const i8,
    len: usize,
    block: Block,
) {
    for at in 0..len {
        // SAFETY: the caller's contract.
        unsafe {
            let x = x.map(|x| (*x.wrapping_add(at)).cast::<i32>());
            add_products(sums, x, core::array::from_fn(|n| *w.wrapping_add(n * block.filter + at)));
        }
    }
}

/// Adds the products of a channel of some pixels with its weights.
#[inline(always)]
pub(super) fn add_products<const Q: usize, const N: usize>(sums: &mut [[i32; N]; Q], x: [i32; Q], w: [i8; N]) {
    for (sums, x) in sums.iter_mut().zip(x) {
        for (sum, w) in sums.iter_mut().zip(w) {
            *sum = sum.wrapping_add(x.wrapping_mul(i32::from(w)));
        }
    }
}
