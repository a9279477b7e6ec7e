//! A byte of each filter at a time, for Cortex-M3.

#[cfg(all(target_arch = "arm", not(miri)))]
mod products;

use super::{Block, WeightOrder, plain, sealed};
use crate::element::Element;

/// A byte of each filter at a time, by the instructions of a Cortex-M3, which a Cortex-M0+ lacks, where the crate is built for an ARM core of
/// 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thumb2;

impl sealed::Products for Thumb2 {
    const ORDER: WeightOrder = WeightOrder::Words(1);

    #[inline(never)]
    unsafe fn add_run<F: Element, const Q: usize, const N: usize>(
        sums: &mut [[i32; N]; Q],
        x: [*const F; Q],
        w: *const i8,
        len: usize,
        block: Block,
    ) {
        #[cfg(all(target_arch = "arm", not(miri)))]
        if const { Q == products::PIXELS && N.is_multiple_of(2) && N <= products::MOST_FILTERS && matches!(super::signs::<F>(), Some(true)) }
        {
            // SAFETY: the caller's contract; tiles of that size.
            return unsafe { products::add_run::<N>((&raw mut *sums).cast(), x.as_ptr().cast(), w, len, block) };
        }
        _ = block;
        // SAFETY: the caller's contract.
        unsafe { plain::add_words::<F, Q, N, 1>(sums, x, w, len) }
    }
}
