//! Four bytes of each filter at a time, for the DSP extension of Cortex-M4, M7 and M33.

/// What a leaf for the DSP extension begins with.
#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
macro_rules! cortex_m33 {
    () => {
        concat!(
            crate::lanes::cortex::requires!("mrs r0, primask", "thumbv7em-none-eabihf` or `thumbv8m.main-none-eabihf"),
            "\n.cpu cortex-m33"
        )
    };
}
#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
mod products;
#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
mod results;
#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
mod window;

#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
use super::ChannelWindow;
use super::{Block, QUAD, WeightOrder, plain, sealed};
use crate::element::Element;
#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
use crate::i8::requantize::Prepared;

/// Four bytes of each filter at a time: by the DSP extension of Cortex-M4, M7 and M33 where the crate is built for one with the hard-float
/// ABI, and by plain Rust elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dsp;

impl sealed::Products for Dsp {
    const ORDER: WeightOrder = WeightOrder::Words(QUAD as u32);

    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    #[inline(always)]
    unsafe fn begin<const Q: usize, const N: usize>(sums: &mut core::mem::MaybeUninit<[[i32; N]; Q]>, biases: *const i32) {
        // SAFETY: the caller's contract; a tile of four pixels.
        unsafe {
            if const { Q == products::PIXELS && N.is_multiple_of(8) && N > 0 && N <= products::MOST_FILTERS } {
                products::begin::<N>(biases, sums.as_mut_ptr().cast());
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
        if let Some(signed) = const { super::signs::<F>() }
            && const { Q == products::PIXELS && N.is_multiple_of(2) && N <= products::MOST_FILTERS }
        {
            // SAFETY: the caller's contract; tiles of that size.
            return unsafe { products::add_run::<N>((&raw mut *sums).cast(), x.as_ptr().cast(), w, len, block, signed) };
        }
        _ = block;
        // SAFETY: the caller's contract.
        unsafe { plain::add_words::<F, Q, N, QUAD>(sums, x, w, len) }
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
        let fits = rule.is_within(signed[1]);
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
        signed: bool,
    ) -> Option<usize> {
        // SAFETY: the caller's contract.
        unsafe { results::write(rule, sums, multipliers, y, count, signed) }
    }
}
