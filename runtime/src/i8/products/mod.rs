//! How the sums of a convolution of bytes are made: the unit that makes them, and the order of the weights that it reads.

mod channels;
#[cfg(all(target_arch = "aarch64", target_feature = "dotprod"))]
mod dotprod;
#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
mod dsp;
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
mod filters;
#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
mod mve;
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
mod neon;
pub(crate) mod sealed;
#[cfg(all(target_arch = "arm", not(miri)))]
mod thumb;
#[cfg(all(target_arch = "arm", not(miri)))]
mod thumb2;
#[cfg(all(target_arch = "x86_64", target_feature = "avx512vnni"))]
mod vnni;
mod window;
#[cfg(all(target_arch = "x86_64", target_feature = "avx2"))]
mod x86;

#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
use core::mem::MaybeUninit;

use crate::element::Element;
use crate::i8::requantize::Prepared;
use crate::lanes::cortex::Mve;
pub(crate) use window::ChannelWindow;

/// In plain Rust, and by NEON where the build has it: a byte of each filter at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Single;

/// A byte of each filter at a time, by the instructions that every Cortex-M has where the crate is built for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thumb;

/// A byte of each filter at a time, by the instructions of a Cortex-M3, which a Cortex-M0+ lacks, where the crate is built for an ARM core of
/// 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thumb2;

/// A filter after the other, by NEON where the build has it, and by plain Rust elsewhere. Its weights are -127 or more: two products of -128
/// by -128 have no room in the sums of 16 bits that NEON makes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filters;

/// Two bytes of each filter at a time: by AVX2 or AVX-512 where the build has them, and by plain Rust elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pairs;

/// Four bytes of each filter at a time: by AVX-512 VNNI, or by NEON's dot product, where the build has them, and by plain Rust elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quads;

/// Four bytes of each filter at a time: by the DSP extension of Cortex-M4, M7 and M33 where the crate is built for one with the hard-float
/// ABI, and by plain Rust elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dsp;

/// The unit that makes sums of bytes. Sealed. The same integers by each.
pub trait ByteArithmetic: sealed::Products {
    /// The order of the bytes of a block of filters.
    const ORDER: WeightOrder = <Self as sealed::Products>::ORDER;
}
impl<S: sealed::Products> ByteArithmetic for S {}

/// The order of the bytes of a block of filters. Those of one filter are in the order (ky, kx, channel).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightOrder {
    /// So many of each filter, then as many more of each; the last are filled up with zeros.
    Words(u32),
    /// One filter after the other.
    Filters,
}

impl WeightOrder {
    /// Bytes of a filter that lie together wherever it is read from.
    pub(crate) const fn word(&self) -> u32 {
        match *self {
            WeightOrder::Words(0) | WeightOrder::Filters => 1,
            WeightOrder::Words(word) => word,
        }
    }

    /// Bytes of a filter with so many weights; saturating.
    pub const fn filter(&self, weights: u32) -> u32 {
        weights.div_ceil(self.word()).saturating_mul(self.word())
    }

    /// Where weight `at` of filter `lane` lies in a block of `lanes` filters of `len` bytes each.
    pub const fn place(&self, at: usize, lane: usize, lanes: usize, len: usize) -> usize {
        match *self {
            WeightOrder::Words(_) => {
                let word = self.word() as usize;
                (at / word * lanes + lane) * word + at % word
            }
            WeightOrder::Filters => lane * len + at,
        }
    }
}

/// What all runs of channels of a block have in common.
#[derive(Clone, Copy)]
#[cfg_attr(not(target_arch = "arm"), allow(dead_code, reason = "not every unit asks for it"))]
pub struct Block {
    /// Bytes of a filter.
    pub(crate) filter: usize,
    /// How many filters of the block exist; not none.
    pub(crate) valid: usize,
}

/// Runs of as many channels each, whose weights follow each other.
#[derive(Clone, Copy)]
pub struct Runs {
    /// How many.
    pub(crate) count: usize,
    /// Channels of each.
    pub(crate) len: usize,
    /// Elements from the beginning of one to that of the next.
    pub(crate) step: usize,
}

/// [`Products::add_run`](sealed::Products::add_run) in plain Rust.
///
/// # Safety
/// As there.
#[inline(always)]
unsafe fn add_words<F: Element, const Q: usize, const N: usize, const WORD: usize>(
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
unsafe fn add_filters<F: Element, const Q: usize, const N: usize>(
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
fn add_products<const Q: usize, const N: usize>(sums: &mut [[i32; N]; Q], x: [i32; Q], w: [i8; N]) {
    for (sums, x) in sums.iter_mut().zip(x) {
        for (sum, w) in sums.iter_mut().zip(w) {
            *sum = sum.wrapping_add(x.wrapping_mul(i32::from(w)));
        }
    }
}

/// Whether elements are bytes, and whether those have signs.
#[cfg_attr(not(target_abi = "eabihf"), allow(dead_code, reason = "for units"))]
const fn signs<F: Element>() -> Option<bool> {
    match F::TYPE {
        crate::ElementType::I8 => Some(true),
        crate::ElementType::U8 => Some(false),
        _ => None,
    }
}

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
        if const { N == 8 && signs::<F>().is_some() } {
            // SAFETY: the caller's contract; vectors of 8 sums.
            return unsafe { neon::add_run(sums, x, w, len) };
        }
        let mut here = *sums;
        let (mut w, end) = (w.cast::<[i8; N]>(), w.cast::<[i8; N]>().wrapping_add(len));
        while w != end {
            // SAFETY: the caller's contract.
            unsafe { add_products(&mut here, x.map(|x| (*x).cast::<i32>()), *w) };
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

impl sealed::Products for Thumb {
    const ORDER: WeightOrder = WeightOrder::Words(1);

    #[inline(never)]
    unsafe fn add_run<F: Element, const Q: usize, const N: usize>(
        sums: &mut [[i32; N]; Q],
        x: [*const F; Q],
        w: *const i8,
        len: usize,
        _: Block,
    ) {
        #[cfg(all(target_arch = "arm", not(miri)))]
        if const { Q == 2 && N == 2 && matches!(signs::<F>(), Some(true)) } {
            // SAFETY: the caller's contract; tiles of that size.
            return unsafe { thumb::add_run((&raw mut *sums).cast(), x[0].cast(), x[1].cast(), w, len) };
        }
        // SAFETY: the caller's contract.
        unsafe { add_words::<F, Q, N, 1>(sums, x, w, len) }
    }

    #[inline(always)]
    unsafe fn write<T: Element>(rule: &Prepared<'_>, sums: *const i32, multipliers: *const i32, y: *mut T, count: usize) {
        // SAFETY: the caller's contract.
        unsafe { rule.rule.write_all::<T, false>(sums, multipliers, y, count) }
    }

    #[inline(always)]
    unsafe fn write_averages<T: Element>(
        rule: &crate::Requantize,
        averaged: [i32; 2],
        (sums, [right, down, _]): (*const i32, [usize; 3]),
        multipliers: *const i32,
        y: *mut T,
        count: usize,
    ) {
        // SAFETY: the caller's contract; sums of a pixel are adjacent.
        unsafe { rule.write_averages::<T, false>(averaged, (sums, [right, down]), multipliers, y, count) }
    }
}

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
        if const { Q == thumb2::PIXELS && N.is_multiple_of(2) && N <= thumb2::MOST_FILTERS && matches!(signs::<F>(), Some(true)) } {
            // SAFETY: the caller's contract; tiles of that size.
            return unsafe { thumb2::add_run::<N>((&raw mut *sums).cast(), x.as_ptr().cast(), w, len, block) };
        }
        _ = block;
        // SAFETY: the caller's contract.
        unsafe { add_words::<F, Q, N, 1>(sums, x, w, len) }
    }
}

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
        if const { N.is_multiple_of(8) && N > 0 && signs::<F>().is_some() } {
            // SAFETY: the caller's contract; a whole number of vectors.
            return unsafe { x86::add_run(sums, x, w, len) };
        }
        // SAFETY: the caller's contract.
        unsafe { add_words::<F, Q, N, 2>(sums, x, w, len) }
    }

    #[cfg(all(target_arch = "x86_64", target_feature = "avx2"))]
    #[inline(always)]
    unsafe fn write<T: Element>(rule: &Prepared<'_>, sums: *const i32, multipliers: *const i32, y: *mut T, count: usize) {
        // SAFETY: the caller's contract.
        unsafe { x86::write(rule.rule, sums, multipliers, y, count) }
    }
}

/// Bytes of a word of four.
const QUAD: usize = 4;

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
        if const { N > 0 && N.is_multiple_of(vnni::LANES) && signs::<F>().is_some() } {
            // SAFETY: the caller's contract; a whole number of vectors.
            return unsafe { vnni::add_run(sums, x, w, len) };
        }
        #[cfg(all(target_arch = "aarch64", target_feature = "dotprod"))]
        if const { Q == dotprod::PIXELS && N == dotprod::FILTERS && signs::<F>().is_some() } {
            // SAFETY: the caller's contract; tiles of that size.
            return unsafe { dotprod::add_runs::<F>((&raw mut *sums).cast(), *x.as_ptr().cast(), w, Runs { count: 1, len, step: 0 }) };
        }
        // SAFETY: the caller's contract.
        unsafe { add_words::<F, Q, N, QUAD>(sums, x, w, len) }
    }

    #[cfg(all(target_arch = "aarch64", target_feature = "dotprod"))]
    const JOINS_RUNS: bool = true;

    #[cfg(all(target_arch = "aarch64", target_feature = "dotprod"))]
    #[inline(always)]
    unsafe fn add_runs<F: Element, const Q: usize, const N: usize>(
        sums: &mut [[i32; N]; Q],
        mut x: [*const F; Q],
        w: *const i8,
        runs: Runs,
        block: Block,
    ) {
        if const { Q == dotprod::PIXELS && N == dotprod::FILTERS && signs::<F>().is_some() } {
            // SAFETY: the caller's contract; tiles of that size.
            return unsafe { dotprod::add_runs::<F>((&raw mut *sums).cast(), *x.as_ptr().cast(), w, runs) };
        }
        for run in 0..runs.count {
            // SAFETY: the caller's contract.
            unsafe { Self::add_run(sums, x, w.wrapping_add(run * runs.len * N), runs.len, block) };
            x = x.map(|x| x.wrapping_add(runs.step));
        }
    }

    #[cfg(all(target_arch = "x86_64", target_feature = "avx2"))]
    #[inline(always)]
    unsafe fn write<T: Element>(rule: &Prepared<'_>, sums: *const i32, multipliers: *const i32, y: *mut T, count: usize) {
        // SAFETY: the caller's contract.
        unsafe { x86::write(rule.rule, sums, multipliers, y, count) }
    }

    #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
    neon::results!();
}

impl sealed::Products for Dsp {
    const ORDER: WeightOrder = WeightOrder::Words(QUAD as u32);

    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    #[inline(always)]
    unsafe fn begin<const Q: usize, const N: usize>(sums: &mut MaybeUninit<[[i32; N]; Q]>, biases: *const i32) {
        // SAFETY: the caller's contract; a tile of four pixels.
        unsafe {
            if const { Q == dsp::PIXELS && N.is_multiple_of(8) && N > 0 && N <= dsp::MOST_FILTERS } {
                dsp::begin::<N>(biases, sums.as_mut_ptr().cast());
            } else {
                sums.write([*biases.cast::<[i32; N]>(); Q]);
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
        if const { Q == dsp::PIXELS && N.is_multiple_of(2) && N <= dsp::MOST_FILTERS && signs::<F>().is_some() } {
            // SAFETY: the caller's contract; tiles of that size.
            return unsafe { dsp::add_run::<N>((&raw mut *sums).cast(), x.as_ptr().cast(), w, len, block, signs::<F>() == Some(true)) };
        }
        _ = block;
        // SAFETY: the caller's contract.
        unsafe { add_words::<F, Q, N, QUAD>(sums, x, w, len) }
    }

    const WINDOWS: bool = true;

    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    #[inline(always)]
    unsafe fn write_window<F: Element, T: Element>(window: &ChannelWindow, rule: &Prepared<'_>, x: *const F, w: *const i8, y: *mut T) {
        // SAFETY: the caller's contract; bytes of either kind have the same bits in the output.
        unsafe {
            match const { (signs::<F>(), signs::<T>()) } {
                (Some(of_x), Some(of_y)) if rule.is_within(of_y) => {
                    dsp::write_window(window, rule, x.cast(), w, y.cast(), [of_x, of_y]);
                }
                _ => window.write::<F, T, Self>(rule, x, w, y),
            }
        }
    }

    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    #[inline(always)]
    unsafe fn write<T: Element>(rule: &Prepared<'_>, sums: *const i32, multipliers: *const i32, y: *mut T, count: usize) {
        // SAFETY: the caller's contract; bytes of either kind have the same bits.
        unsafe {
            match const { signs::<T>() } {
                Some(signed) if count >= dsp::RESULTS && rule.is_within(signed) => {
                    dsp::write(rule, sums, multipliers, y.cast(), count, signed);
                }
                _ => rule.rule.write_all::<T, true>(sums, multipliers, y, count),
            }
        }
    }
}

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
        if const { Q == filters::PIXELS && N.is_multiple_of(filters::FILTERS) && signs::<F>().is_some() } {
            // SAFETY: the caller's contract; a tile of that many pixels, whose filters are a multiple of those.
            return unsafe { filters::add_runs::<F, N>((&raw mut *sums).cast(), *x.as_ptr().cast(), w, runs, block) };
        }
        for _ in 0..runs.count {
            // SAFETY: the caller's contract.
            unsafe { add_filters(sums, x, w, runs.len, block) };
            x = x.map(|x| x.wrapping_add(runs.step));
            w = w.wrapping_add(runs.len);
        }
    }

    #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
    neon::results!();
}

impl sealed::Products for Mve {
    const ORDER: WeightOrder = WeightOrder::Filters;

    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    #[inline(always)]
    fn is_by_filters<const Q: usize, const N: usize>() -> bool {
        const { Q == mve::PIXELS && N.is_multiple_of(2) && N <= mve::MOST_FILTERS }
    }

    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    #[inline(always)]
    unsafe fn gather<F: Element>(x: *const F, distances: &[usize], to: &mut [F]) {
        // SAFETY: the caller's contract; bytes of either kind have the same bits.
        unsafe {
            if const { signs::<F>().is_some() } {
                mve::gather::<0>(x.cast(), distances.as_ptr(), to.as_mut_ptr().cast(), to.len());
            } else {
                for (to, &distance) in to.iter_mut().zip(distances) {
                    *to = *x.wrapping_add(distance);
                }
            }
        }
    }

    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    #[inline(always)]
    unsafe fn begin<const Q: usize, const N: usize>(sums: &mut MaybeUninit<[[i32; N]; Q]>, biases: *const i32) {
        // SAFETY: the caller's contract; a tile of three pixels.
        unsafe {
            if Self::is_by_filters::<Q, N>() {
                mve::begin::<0>(sums.as_mut_ptr().cast(), biases, N);
            } else {
                sums.write([*biases.cast::<[i32; N]>(); Q]);
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
            if const { matches!(signs::<F>(), Some(true)) } {
                // SAFETY: the caller's contract; tiles of that size.
                return unsafe { mve::add_run((&raw mut *sums).cast(), x.as_ptr().cast(), w, len, block) };
            }
            for (q, x) in x.into_iter().enumerate() {
                // SAFETY: the caller's contract; the tile has the pixel.
                unsafe {
                    let mut row = [Self::row(sums, q)];
                    add_filters(&mut row, [x], w, len, block);
                    for (n, sum) in row.as_flattened().iter().enumerate() {
                        *(&raw mut *sums).cast::<i32>().wrapping_add(Self::place::<Q, N>(q, n)) = *sum;
                    }
                }
            }
            return;
        }
        // SAFETY: the caller's contract.
        unsafe { add_filters(sums, x, w, len, block) }
    }

    const WINDOWS: bool = true;

    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    #[inline(always)]
    unsafe fn write_window<F: Element, T: Element>(window: &ChannelWindow, rule: &Prepared<'_>, x: *const F, w: *const i8, y: *mut T) {
        // SAFETY: the caller's contract; bytes of either kind have the same bits in the output.
        unsafe {
            match const { (signs::<F>(), signs::<T>()) } {
                (Some(of_x), Some(of_y)) if window.channels >= mve::CHANNELS && rule.is_within(of_y) => {
                    mve::write_window(window, rule, x.cast(), w, y.cast(), [of_x, of_y]);
                }
                _ => window.write::<F, T, Self>(rule, x, w, y),
            }
        }
    }

    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    #[inline(always)]
    unsafe fn write<T: Element>(rule: &Prepared<'_>, sums: *const i32, multipliers: *const i32, y: *mut T, count: usize) {
        // SAFETY: the caller's contract; bytes of either kind have the same bits.
        unsafe {
            if const { signs::<T>().is_some() } {
                mve::write(rule.rule, sums, multipliers, y.cast(), count);
            } else {
                rule.rule.write_all::<T, true>(sums, multipliers, y, count);
            }
        }
    }

    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    #[inline(always)]
    unsafe fn write_tile<T: Element, const Q: usize, const N: usize>(
        rule: &Prepared<'_>,
        sums: &[[i32; N]; Q],
        multipliers: *const i32,
        y: [*mut T; Q],
        n_pixels: usize,
        count: usize,
    ) {
        // SAFETY: the caller's contract; bytes of either kind have the same bits. Pixels behind the last are written again.
        unsafe {
            if Self::is_by_filters::<Q, N>() && const { signs::<T>().is_some() } {
                mve::write_tile(rule.rule, sums.as_ptr().cast(), multipliers, y.as_ptr().cast(), count);
            } else {
                for (q, y) in y.into_iter().take(n_pixels).enumerate() {
                    Self::write(rule, Self::row(sums, q).as_ptr(), multipliers, y, count);
                }
            }
        }
    }

    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    #[inline(always)]
    unsafe fn write_averages<T: Element>(
        rule: &crate::Requantize,
        averaged: [i32; 2],
        (sums, [right, down, filter]): (*const i32, [usize; 3]),
        multipliers: *const i32,
        y: *mut T,
        count: usize,
    ) {
        // SAFETY: the caller's contract; bytes of either kind have the same bits.
        unsafe {
            if const { signs::<T>().is_some() } {
                mve::write_averages(rule, averaged, (sums, [right, down, filter]), multipliers, y.cast(), count);
            } else {
                for n in 0..count {
                    let sums = (sums.wrapping_add(n.wrapping_mul(filter)), [right, down]);
                    rule.write_averages::<T, true>(averaged, sums, multipliers.wrapping_add(n), y.wrapping_add(n), 1);
                }
            }
        }
    }
}
