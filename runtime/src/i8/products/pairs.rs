//! Two bytes of each filter at a time, for AVX2 and AVX-512.

#[cfg(all(target_arch = "x86_64", target_feature = "avx2"))]
use super::x86;
use super::{Block, WeightOrder, plain, sealed};
use crate::element::Element;

/// Two bytes of each filter at a time: by AVX2 or AVX-512 where the build has them, and by plain Rust elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pairs;

impl sealed::Products for Pairs {
    const ORDER: WeightOrder = WeightOrder::Words(2);

    #[inline(never)]
    unsafe fn add_run<F: Element, const Q: usize, const N: usize>(
        sums: &mut [[i32; N]; Q],
        x: [*const F; Q],
        w: *const i8,
        len: usize,
        _: Block,
    ) {
        #[cfg(all(target_arch = "x86_64", target_feature = "avx2"))]
        if const { N.is_multiple_of(8) && N > 0 && super::signs::<F>().is_some() } {
            // SAFETY: the caller's contract; a whole number of vectors.
            return unsafe { x86::add_run(sums, x, w, len) };
        }
        // SAFETY: the caller's contract.
        unsafe { plain::add_words::<F, Q, N, 2>(sums, x, w, len) }
    }

    #[cfg(all(target_arch = "x86_64", target_feature = "avx2"))]
    x86::results!();
}
