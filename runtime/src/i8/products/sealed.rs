//! What a unit does.

use core::mem::MaybeUninit;

use super::{Block, ChannelWindow, Runs, WeightOrder, plain, signs};
use crate::element::Element;
use crate::i8::requantize::Prepared;
use crate::lanes::arithmetic::ChannelTaps;

/// The sums of a tile of pixels by filters.
pub trait Products: Copy + Sync + Send + PartialEq + core::fmt::Debug + 'static {
    /// The order of the weights.
    const ORDER: WeightOrder;

    /// Copies elements that lie so far from `x`.
    ///
    /// # Safety
    /// Each of the distances leads to a readable element; there are as many as are written.
    #[inline(always)]
    unsafe fn gather<F: Element>(x: *const F, distances: &[usize], to: &mut [F]) {
        // SAFETY: the caller's contract.
        unsafe { plain::gather(x, distances, to) }
    }

    /// Writes the sums of a tile before any product.
    ///
    /// # Safety
    /// There are `N` biases.
    #[inline(always)]
    unsafe fn begin<const Q: usize, const N: usize>(sums: &mut MaybeUninit<[[i32; N]; Q]>, biases: *const i32) {
        // SAFETY: the caller's contract.
        unsafe { plain::begin(sums, biases) }
    }

    /// Whether the sums of a tile stand by filters, each of which has those of all pixels, and not by pixels. A unit that says so has `begin`
    /// and `add_run` of its own.
    #[inline(always)]
    fn is_by_filters<const Q: usize, const N: usize>() -> bool {
        false
    }

    /// Where the sum of a pixel and a filter stands in a tile.
    #[inline(always)]
    fn place<const Q: usize, const N: usize>(q: usize, n: usize) -> usize {
        if Self::is_by_filters::<Q, N>() { n.wrapping_mul(Q).wrapping_add(q) } else { q.wrapping_mul(N).wrapping_add(n) }
    }

    /// The sums of a pixel.
    ///
    /// # Safety
    /// The tile has the pixel.
    #[inline(always)]
    unsafe fn row<const Q: usize, const N: usize>(sums: &[[i32; N]; Q], q: usize) -> [i32; N] {
        let mut row = [0; N];
        for (n, sum) in row.iter_mut().enumerate() {
            // SAFETY: the caller's contract.
            *sum = unsafe { *sums.as_ptr().cast::<i32>().wrapping_add(Self::place::<Q, N>(q, n)) };
        }
        row
    }

    /// Adds the products of `len` adjacent channels of some pixels to the sums of those filters of the block that exist; what the others
    /// have is of no use. `w` are the weights of the first channel of the first filter.
    ///
    /// # Safety
    /// Each of `x` is readable for `len` channels, and `w` for their weights in the block; a run begins where a word does.
    unsafe fn add_run<F: Element, const Q: usize, const N: usize>(
        sums: &mut [[i32; N]; Q],
        x: [*const F; Q],
        w: *const i8,
        len: usize,
        block: Block,
    );

    /// Whether runs are added together where they are equally far from each other.
    const JOINS_RUNS: bool = false;

    /// As [`add_run`](Self::add_run), of some runs.
    ///
    /// # Safety
    /// As there, at every run.
    #[inline(always)]
    unsafe fn add_runs<F: Element, const Q: usize, const N: usize>(
        sums: &mut [[i32; N]; Q],
        x: [*const F; Q],
        w: *const i8,
        runs: Runs,
        block: Block,
    ) {
        // SAFETY: the caller's contract.
        unsafe { plain::add_runs::<Self, F, Q, N>(sums, x, w, runs, block) }
    }

    /// Adds to the sums of `P` pixels, of `N` adjacent channels each, the products of the taps. `x` and `w` are those of the first tap.
    ///
    /// # Safety
    /// Each of `x` is readable for the channels at every tap, and `w` for their weights; there are taps.
    #[inline(always)]
    unsafe fn add_taps<F: Element, const P: usize, const N: usize>(
        taps: &ChannelTaps,
        x: [*const F; P],
        w: *const i8,
        sums: &mut [[i32; N]; P],
    ) {
        // SAFETY: the caller's contract.
        unsafe { super::channels::add_taps(taps, x, w, sums) }
    }

    /// Whether depthwise convolutions are computed a window at a time.
    const WINDOWS: bool = cfg!(target_arch = "arm");

    /// Writes the results of a pixel's window in all channels, which are adjacent. `x` and `w` are those of the kernel's first tap, be it
    /// on the input or not.
    ///
    /// # Safety
    /// The taps' distances lead from `x` and `w` to as many elements as there are channels, those of taps on padding from `w` alone; the
    /// biases and the multipliers are readable, and `y` is writable; there are at least four channels.
    #[inline(always)]
    unsafe fn write_window<F: Element, T: Element>(window: &ChannelWindow, rule: &Prepared<'_>, x: *const F, w: *const i8, y: *mut T) {
        // SAFETY: the caller's contract; bytes of either kind have the same bits.
        unsafe {
            if let (Some(of_x), Some(of_y)) = const { (signs::<F>(), signs::<T>()) }
                && Self::write_window_bytes(window, rule, x.cast(), w, y.cast(), [of_x, of_y])
            {
                return;
            }
            window.write::<F, T, Self>(rule, x, w, y);
        }
    }

    /// [`write_window`](Self::write_window) of bytes by a leaf, where there is one. `signed` says of those that are read, and of those that are
    /// written, whether they have signs. Gives whether they are written.
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    unsafe fn write_window_bytes(_: &ChannelWindow, _: &Prepared<'_>, _: *const u8, _: *const i8, _: *mut u8, _signed: [bool; 2]) -> bool {
        false
    }

    /// Whether the core multiplies to 64 bits.
    const WIDE: bool = true;

    /// Writes the results of adjacent sums.
    ///
    /// # Safety
    /// `sums` and `multipliers` are readable for `count` values, and `y` is writable.
    #[inline(always)]
    unsafe fn write<T: Element>(rule: &Prepared<'_>, sums: *const i32, multipliers: *const i32, y: *mut T, count: usize) {
        // SAFETY: the caller's contract; bytes of either kind have the same bits.
        unsafe {
            let done = match const { signs::<T>() } {
                Some(signed) => Self::write_bytes(rule, sums, multipliers, y.cast(), count, signed),
                None => None,
            };
            match done {
                None => Self::write_each(rule, sums, multipliers, y, count),
                Some(done) if done < count => {
                    let (sums, multipliers) = (sums.wrapping_add(done), multipliers.wrapping_add(done));
                    Self::write_each(rule, sums, multipliers, y.wrapping_add(done), count.wrapping_sub(done));
                }
                Some(_) => {}
            }
        }
    }

    /// [`write`](Self::write) of bytes by a leaf, where there is one for so many by this rule. `signed` says whether they have signs. Gives
    /// how many are written: all, or those of whole vectors.
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    unsafe fn write_bytes(_: &Prepared<'_>, _: *const i32, _: *const i32, _: *mut u8, _count: usize, _signed: bool) -> Option<usize> {
        None
    }

    /// [`write`](Self::write) without a leaf. Beside leaves of vectors it is out of line, for the sake of what calls [`write`](Self::write).
    ///
    /// # Safety
    /// As there.
    #[cfg_attr(all(target_arch = "aarch64", target_feature = "neon"), inline(never))]
    #[cfg_attr(not(all(target_arch = "aarch64", target_feature = "neon")), inline(always))]
    unsafe fn write_each<T: Element>(rule: &Prepared<'_>, sums: *const i32, multipliers: *const i32, y: *mut T, count: usize) {
        // SAFETY: the caller's contract.
        unsafe {
            if Self::WIDE {
                rule.rule.write_all::<T, true>(sums, multipliers, y, count);
            } else {
                rule.rule.write_all::<T, false>(sums, multipliers, y, count);
            }
        }
    }

    /// Writes the results of the first `n_pixels` pixels of a tile, whose first channels lie at `y`; pixels behind those are the first
    /// again, and may be written.
    ///
    /// # Safety
    /// As [`write`](Self::write), for each pixel; `count` is no more than `N`.
    #[inline(always)]
    unsafe fn write_tile<T: Element, const Q: usize, const N: usize>(
        rule: &Prepared<'_>,
        sums: &[[i32; N]; Q],
        multipliers: *const i32,
        y: [*mut T; Q],
        n_pixels: usize,
        count: usize,
    ) {
        // SAFETY: the caller's contract; bytes of either kind have the same bits.
        unsafe {
            if let Some(signed) = const { signs::<T>() }
                && Self::write_tile_bytes(rule, sums, multipliers, &*y.as_ptr().cast(), count, signed)
            {
                return;
            }
            Self::write_pixels(rule, sums, multipliers, y, n_pixels, count);
        }
    }

    /// [`write_tile`](Self::write_tile) of bytes by a leaf, where there is one for such tiles by this rule. `signed` says whether they have
    /// signs. Gives whether they are written.
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    unsafe fn write_tile_bytes<const Q: usize, const N: usize>(
        _: &Prepared<'_>,
        _sums: &[[i32; N]; Q],
        _multipliers: *const i32,
        _: &[*mut u8; Q],
        _count: usize,
        _signed: bool,
    ) -> bool {
        false
    }

    /// [`write_tile`](Self::write_tile) pixel by pixel. Beside leaves of vectors it is out of line, for the sake of what calls it.
    ///
    /// # Safety
    /// As there.
    #[cfg_attr(all(target_arch = "aarch64", target_feature = "neon"), inline(never))]
    #[cfg_attr(not(all(target_arch = "aarch64", target_feature = "neon")), inline(always))]
    unsafe fn write_pixels<T: Element, const Q: usize, const N: usize>(
        rule: &Prepared<'_>,
        sums: &[[i32; N]; Q],
        multipliers: *const i32,
        y: [*mut T; Q],
        n_pixels: usize,
        count: usize,
    ) {
        // Elsewhere a pixel takes few instructions, and the loop is written out, as it is over values and not places.
        #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
        let y = y.iter().copied();
        if Self::is_by_filters::<Q, N>() {
            for (q, y) in y.into_iter().take(n_pixels).enumerate() {
                // SAFETY: the caller's contract; the tile has the pixel.
                unsafe { Self::write(rule, Self::row(sums, q).as_ptr(), multipliers, y, count) };
            }
        } else {
            for (sums, y) in sums.iter().zip(y).take(n_pixels) {
                // SAFETY: the caller's contract.
                unsafe { Self::write(rule, sums.as_ptr(), multipliers, y, count) };
            }
        }
    }

    /// Writes the results of sums of the four pixels of a window, averaged, in tiles of `Q` by `N`. The steps lead from the sum of a pixel to
    /// that of the one to the right of it, of the one below, and of the next filter.
    ///
    /// # Safety
    /// The sums, for each pixel, and `multipliers` are readable for `count` values, and `y` is writable.
    #[inline(always)]
    unsafe fn write_averages<T: Element, const Q: usize, const N: usize>(
        rule: &crate::Requantize,
        averaged: [i32; 2],
        (sums, steps): (*const i32, [usize; 3]),
        multipliers: *const i32,
        y: *mut T,
        count: usize,
    ) {
        let [right, down, filter] = steps;
        // SAFETY: the caller's contract; bytes of either kind have the same bits. Sums of a pixel are adjacent where they do not stand by
        // filters.
        unsafe {
            if let Some(signed) = const { signs::<T>() }
                && Self::write_average_bytes(rule, averaged, (sums, steps), multipliers, y.cast(), count, signed)
            {
                return;
            }
            let write = |sums: *const i32, multipliers: *const i32, y: *mut T, count: usize| {
                if Self::WIDE {
                    rule.write_averages::<T, true>(averaged, (sums, [right, down]), multipliers, y, count);
                } else {
                    rule.write_averages::<T, false>(averaged, (sums, [right, down]), multipliers, y, count);
                }
            };
            if Self::is_by_filters::<Q, N>() {
                for n in 0..count {
                    write(sums.wrapping_add(n.wrapping_mul(filter)), multipliers.wrapping_add(n), y.wrapping_add(n), 1);
                }
            } else {
                write(sums, multipliers, y, count);
            }
        }
    }

    /// [`write_averages`](Self::write_averages) of bytes by a leaf, where there is one for so many by this rule. `signed` says whether they have
    /// signs. Gives whether they are written.
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    unsafe fn write_average_bytes(
        _: &crate::Requantize,
        _averaged: [i32; 2],
        _: (*const i32, [usize; 3]),
        _multipliers: *const i32,
        _: *mut u8,
        _count: usize,
        _signed: bool,
    ) -> bool {
        false
    }
}
