//! Four bytes of each filter at a time, for instructions that add four products.

#[cfg(all(target_arch = "aarch64", target_feature = "dotprod"))]
mod dotprod;
#[cfg(all(target_arch = "x86_64", target_feature = "avx512vnni"))]
mod vnni;

#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
use super::neon;
#[cfg(all(target_arch = "x86_64", target_feature = "avx2"))]
use super::x86;
use super::{Block, QUAD, WeightOrder, plain, sealed};
use crate::element::Element;

/// Four bytes of each filter at a time: by AVX-512 VNNI, or by NEON's dot product, where the build has them, and by plain Rust elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quads;

impl sealed::Products for Quads {
    const ORDER: WeightOrder = WeightOrder::Words(QUAD as u32);

    #[inline(never)]
    unsafe fn add_run<F: Element, const Q: usize, const N: usize>(
        sums: &mut [[i32; N]; Q],
        x: [*const F; Q],
        w: *const i8,
        len: usize,
        _: Block,
    ) {
        #[cfg(all(target_arch = "x86_64", target_feature = "avx512vnni"))]
        if const { N > 0 && N.is_multiple_of(vnni::LANES) && super::signs::<F>().is_some() } {
            // SAFETY: the caller's contract; a whole number of vectors.
            return unsafe { vnni::add_run(sums, x, w, len) };
        }
        #[cfg(all(target_arch = "aarch64", target_feature = "dotprod"))]
        if const { dotprod::fits::<F, Q, N>() } {
            let runs = super::Runs { count: 1, len, step: 0 };
            // SAFETY: the caller's contract; tiles of that size.
            return unsafe { dotprod::add_runs::<F>((&raw mut *sums).cast(), *x.as_ptr().cast(), w, runs) };
        }
        // SAFETY: the caller's contract.
        unsafe { plain::add_words::<F, Q, N, QUAD>(sums, x, w, len) }
    }

    #[cfg(all(target_arch = "aarch64", target_feature = "dotprod"))]
    const JOINS_RUNS: bool = true;

    #[cfg(all(target_arch = "aarch64", target_feature = "dotprod"))]
    #[inline(always)]
    unsafe fn add_runs<F: Element, const Q: usize, const N: usize>(
        sums: &mut [[i32; N]; Q],
        x: [*const F; Q],
        w: *const i8,
        runs: super::Runs,
        block: Block,
    ) {
        // SAFETY: the caller's contract; tiles of that size.
        unsafe {
            if const { dotprod::fits::<F, Q, N>() } {
                dotprod::add_runs::<F>((&raw mut *sums).cast(), *x.as_ptr().cast(), w, runs);
            } else {
                plain::add_runs::<Self, F, Q, N>(sums, x, w, runs, block);
            }
        }
    }

    #[cfg(all(target_arch = "x86_64", target_feature = "avx2"))]
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
        unsafe { Some(x86::write(rule.rule, sums, multipliers, y, count)) }
    }

    #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
    neon::results!();
}
