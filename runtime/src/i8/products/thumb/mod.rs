//! A byte of each filter at a time, for Cortex-M0+.

#[cfg(all(target_arch = "arm", not(miri)))]
mod products;

use super::{Block, WeightOrder, plain, sealed};
use crate::element::Element;

/// A byte of each filter at a time, by the instructions that every Cortex-M has where the crate is built for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thumb;

impl sealed::Products for Thumb {
    const ORDER: WeightOrder = WeightOrder::Words(1);
    const WIDE: bool = false;

    #[inline(never)]
    unsafe fn add_run<F: Element, const Q: usize, const N: usize>(
        sums: &mut [[i32; N]; Q],
        x: [*const F; Q],
        w: *const i8,
        len: usize,
        _: Block,
    ) {
        #[cfg(all(target_arch = "arm", not(miri)))]
        if const { Q == 2 && N == 2 && matches!(super::signs::<F>(), Some(true)) } {
            // SAFETY: the caller's contract; tiles of that size.
            return unsafe { products::add_run((&raw mut *sums).cast(), x[0].cast(), x[1].cast(), w, len) };
        }
        // SAFETY: the caller's contract.
        unsafe { plain::add_words::<F, Q, N, 1>(sums, x, w, len) }
    }
}
