//! A filter after the other, for NEON without a dot product.

#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
mod neon;

use super::{Block, Runs, WeightOrder, plain, sealed};
use crate::element::Element;

/// A filter after the other, by NEON where the build has it, and by plain Rust elsewhere. Its weights are -127 or more: two products of -128
/// by -128 have no room in the sums of 16 bits that NEON makes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filters;

impl sealed::Products for Filters {
    const ORDER: WeightOrder = WeightOrder::Filters;

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

    #[inline(never)]
    unsafe fn add_runs<F: Element, const Q: usize, const N: usize>(
        sums: &mut [[i32; N]; Q],
        mut x: [*const F; Q],
        mut w: *const i8,
        runs: Runs,
        block: Block,
    ) {
        #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
        if const { Q == neon::PIXELS && N.is_multiple_of(neon::FILTERS) && super::signs::<F>().is_some() } {
            // SAFETY: the caller's contract; a tile of that many pixels, whose filters are a multiple of those.
            return unsafe { neon::add_runs::<F, N>((&raw mut *sums).cast(), *x.as_ptr().cast(), w, runs, block) };
        }
        for _ in 0..runs.count {
            // SAFETY: the caller's contract.
            unsafe { plain::add_filters(sums, x, w, runs.len, block) };
            x = x.map(|x| x.wrapping_add(runs.step));
            w = w.wrapping_add(runs.len);
        }
    }

    #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
    super::neon::results!();
}
