//! A filter after the other, for the vector unit of Cortex-M55.

#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
mod products;
#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
mod results;
#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
mod window;

#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
use super::ChannelWindow;
use super::{Block, WeightOrder, plain, sealed};
use crate::element::Element;
#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
use crate::i8::requantize::Prepared;
use crate::lanes::cortex::Mve;

impl sealed::Products for Mve {
    const ORDER: WeightOrder = WeightOrder::Filters;

    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    #[inline(always)]
    fn is_by_filters<const Q: usize, const N: usize>() -> bool {
        const { Q == products::PIXELS && N.is_multiple_of(2) && N <= products::MOST_FILTERS }
    }

    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    #[inline(always)]
    unsafe fn gather<F: Element>(x: *const F, distances: &[usize], to: &mut [F]) {
        // SAFETY: the caller's contract; bytes of either kind have the same bits.
        unsafe {
            if const { super::signs::<F>().is_some() } {
                products::gather::<0>(x.cast(), distances.as_ptr(), to.as_mut_ptr().cast(), to.len());
            } else {
                plain::gather(x, distances, to);
            }
        }
    }

    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    #[inline(always)]
    unsafe fn begin<const Q: usize, const N: usize>(sums: &mut core::mem::MaybeUninit<[[i32; N]; Q]>, biases: *const i32) {
        // SAFETY: the caller's contract; a tile of three pixels.
        unsafe {
            if Self::is_by_filters::<Q, N>() {
                products::begin::<0>(sums.as_mut_ptr().cast(), biases, N);
            } else {
                plain::begin(sums, biases);
            }
        }
    }

    #[inline(never)]
    unsafe fn add_run<F: Element, const Q: usize, const N: usize>(
        sums: &mut [[i32; N]; Q],
        x: [*const F; Q],
        w: *const i8,
        len: usize,
        block: Block,
    ) {
        #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
        if Self::is_by_filters::<Q, N>() {
            if const { matches!(super::signs::<F>(), Some(true)) } {
                // SAFETY: the caller's contract; tiles of that size.
                return unsafe { products::add_run((&raw mut *sums).cast(), x.as_ptr().cast(), w, len, block) };
            }
            for (q, x) in x.into_iter().enumerate() {
                // SAFETY: the caller's contract; the tile has the pixel.
                unsafe {
                    let mut row = [Self::row(sums, q)];
                    plain::add_filters(&mut row, [x], w, len, block);
                    for (n, sum) in row.as_flattened().iter().enumerate() {
                        *(&raw mut *sums).cast::<i32>().wrapping_add(Self::place::<Q, N>(q, n)) = *sum;
                    }
                }
            }
            return;
        }
        // SAFETY: the caller's contract.
        unsafe { plain::add_filters(sums, x, w, len, block) }
    }

    const WINDOWS: bool = true;

    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    #[inline(always)]
    unsafe fn write_window_bytes(
        window: &ChannelWindow,
        rule: &Prepared<'_>,
        x: *const u8,
        w: *const i8,
        y: *mut u8,
        signed: [bool; 2],
    ) -> bool {
        let fits = window.channels >= window::CHANNELS && rule.is_within(signed[1]);
        if fits {
            // SAFETY: the caller's contract.
            unsafe { window::write(window, rule, x, w, y, signed) };
        }
        fits
    }

    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    #[inline(always)]
    unsafe fn write_bytes(
        rule: &Prepared<'_>,
        sums: *const i32,
        multipliers: *const i32,
        y: *mut u8,
        count: usize,
        _: bool,
    ) -> Option<usize> {
        // SAFETY: the caller's contract.
        unsafe { results::write(rule.rule, sums, multipliers, y, count) };
        Some(count)
    }

    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    #[inline(always)]
    unsafe fn write_tile_bytes<const Q: usize, const N: usize>(
        rule: &Prepared<'_>,
        sums: &[[i32; N]; Q],
        multipliers: *const i32,
        y: &[*mut u8; Q],
        count: usize,
        _: bool,
    ) -> bool {
        if Self::is_by_filters::<Q, N>() {
            // SAFETY: the caller's contract; a tile of that size.
            unsafe { results::write_tile(rule.rule, sums.as_ptr().cast(), multipliers, y.as_ptr(), count) };
        }
        Self::is_by_filters::<Q, N>()
    }

    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    #[inline(always)]
    unsafe fn write_average_bytes(
        rule: &crate::Requantize,
        averaged: [i32; 2],
        sums: (*const i32, [usize; 3]),
        multipliers: *const i32,
        y: *mut u8,
        count: usize,
        _: bool,
    ) -> bool {
        // SAFETY: the caller's contract.
        unsafe { results::write_averages(rule, averaged, sums, multipliers, y, count) };
        true
    }
}
