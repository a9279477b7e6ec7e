//! A byte of each filter at a time, for any machine.

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod sse2;

#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
use super::neon;
use super::{Block, WeightOrder, plain, sealed};
use crate::element::Element;

/// In plain Rust, and by NEON or SSE2 where the build has them: a byte of each filter at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Single;

impl sealed::Products for Single {
    const ORDER: WeightOrder = WeightOrder::Words(1);

    /// Out of line, so that a core with few registers has them for the sums.
    #[inline(never)]
    unsafe fn add_run<F: Element, const Q: usize, const N: usize>(
        sums: &mut [[i32; N]; Q],
        mut x: [*const F; Q],
        w: *const i8,
        len: usize,
        _: Block,
    ) {
        #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
        if const { N == 8 && super::signs::<F>().is_some() } {
            // SAFETY: the caller's contract; vectors of 8 sums.
            return unsafe { neon::add_run(sums, x, w, len) };
        }
        #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
        if const { N == sse2::FILTERS && super::signs::<F>().is_some() } {
            // SAFETY: the caller's contract; tiles of that many filters.
            return unsafe { sse2::add_run(sums, x, w, len) };
        }
        let mut here = *sums;
        let (mut w, end) = (w.cast::<[i8; N]>(), w.cast::<[i8; N]>().wrapping_add(len));
        while w != end {
            // SAFETY: the caller's contract.
            unsafe { plain::add_products(&mut here, x.map(|x| (*x).cast::<i32>()), *w) };
            x = x.map(|x| x.wrapping_add(1));
            w = w.wrapping_add(1);
            // Loads of a later round would take registers that the sums need, where these fill a core that has no vectors.
            #[cfg(all(target_arch = "arm", not(miri)))]
            if N < 8 {
                // SAFETY: no instruction.
                unsafe { core::arch::asm!("", options(nostack, preserves_flags)) };
            }
        }
        *sums = here;
    }

    #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
    neon::results!();
}
