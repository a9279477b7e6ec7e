//! Four bytes of each filter at a time, for instructions that add four products.

#[cfg(all(target_arch = "aarch64", target_feature = "dotprod"))]
mod dotprod;
#[cfg(all(target_arch = "x86_64", target_feature = "avx512vnni"))]
mod vnni;

#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
use super::neon;
use super::{Block, QUAD, Runs, WeightOrder, plain, sealed};
use crate::element::Element;

/// Four bytes of each filter at a time: by AVX-512 VNNI, or by NEON's dot product, where the build has them, and by plain Rust elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quads;

impl sealed::Products for Quads {
    const ORDER: WeightOrder = WeightOrder::Words(QUAD as u32);

    #[inline(always)]
    unsafe fn add_run<F: Element, const Q: usize, const N: usize>(
        sums: &mut [[i32; N]; Q],
        x: [*const F; Q],
        w: *const i8,
        len: usize,
        block: Block,
    ) {
        // SAFETY: the caller's contract.
        unsafe { Self::add_runs(sums, x, w, Runs { count: 1, len, step: 0 }, block) }
    }

    const JOINS_RUNS: bool = true;

    #[inline(always)]
    unsafe fn add_runs<F: Element, const Q: usize, const N: usize>(
        sums: &mut [[i32; N]; Q],
        x: [*const F; Q],
        w: *const i8,
        runs: Runs,
        _: Block,
    ) {
        #[cfg(all(target_arch = "x86_64", target_feature = "avx512vnni"))]
        if const { N > 0 && N.is_multiple_of(vnni::LANES) && super::signs::<F>().is_some() } {
            // SAFETY: the caller's contract; a whole number of vectors.
            return unsafe { vnni::add_runs(sums, &x, w, runs) };
        }
        #[cfg(all(target_arch = "aarch64", target_feature = "dotprod"))]
        if const { dotprod::fits::<F, Q, N>() } {
            // SAFETY: the caller's contract; tiles of that size.
            return unsafe { dotprod::add_runs::<F>((&raw mut *sums).cast(), *x.as_ptr().cast(), w, runs) };
        }
        // SAFETY: the caller's contract.
        unsafe { add_plainly(sums, x, w, runs) }
    }

    #[cfg(all(target_arch = "x86_64", target_feature = "avx2"))]
    super::x86::results!();

    #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
    neon::results!();
}

/// [`Products::add_runs`](sealed::Products::add_runs) in plain Rust.
///
/// # Safety
/// As there.
#[inline(never)]
unsafe fn add_plainly<F: Element, const Q: usize, const N: usize>(
    sums: &mut [[i32; N]; Q],
    mut x: [*const F; Q],
    mut w: *const i8,
    runs: Runs,
) {
    for _ in 0..runs.count {
        // SAFETY: the caller's contract.
        unsafe { plain::add_words::<F, Q, N, QUAD>(sums, x, w, runs.len) };
        x = x.map(|x| x.wrapping_add(runs.step));
        w = w.wrapping_add(runs.len.div_ceil(QUAD).wrapping_mul(QUAD * N));
    }
}
