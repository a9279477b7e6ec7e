//! What a unit does.

use core::mem::MaybeUninit;

use super::{Block, ChannelWindow, Runs, WeightOrder};
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
    #[cfg_attr(not(target_arch = "arm"), inline(always))]
    #[cfg_attr(target_arch = "arm", inline(never))]
    unsafe fn gather<F: Element>(x: *const F, distances: &[usize], to: &mut [F]) {
        for (to, &distance) in to.iter_mut().zip(distances) {
            // SAFETY: the caller's contract.
            *to = unsafe { *x.wrapping_add(distance) };
        }
    }

    /// Writes the sums of a tile before any product.
    ///
    /// # Safety
    /// There are `N` biases.
    #[inline(always)]
    unsafe fn begin<const Q: usize, const N: usize>(sums: &mut MaybeUninit<[[i32; N]; Q]>, biases: *const i32) {
        // SAFETY: the caller's contract; a tile has `Q` rows.
        unsafe {
            let biases = *biases.cast::<[i32; N]>();
            for q in 0..Q {
                sums.as_mut_ptr().cast::<[i32; N]>().add(q).write(biases);
            }
        }
    }

    /// Whether the sums of a tile stand by filters, each of which has those of all pixels, and not by pixels. A unit that says so has `begin`,
    /// `add_run`, `write_tile` and `write_averages` of its own.
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
        mut x: [*const F; Q],
        w: *const i8,
        runs: Runs,
        block: Block,
    ) {
        for run in 0..runs.count {
            let w = w.wrapping_add(Self::ORDER.place(run * runs.len, 0, N, block.filter));
            // SAFETY: the caller's contract.
            unsafe { Self::add_run(sums, x, w, runs.len, block) };
            x = x.map(|x| x.wrapping_add(runs.step));
        }
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
        // SAFETY: the caller's contract.
        unsafe { window.write::<F, T, Self>(rule, x, w, y) }
    }

    /// Writes the results of adjacent sums.
    ///
    /// # Safety
    /// `sums` and `multipliers` are readable for `count` values, and `y` is writable.
    #[inline(always)]
    unsafe fn write<T: Element>(rule: &Prepared<'_>, sums: *const i32, multipliers: *const i32, y: *mut T, count: usize) {
        // SAFETY: the caller's contract.
        unsafe { rule.rule.write_all::<T, true>(sums, multipliers, y, count) }
    }

    /// Writes the results of the first `n_pixels` pixels of a tile, whose first channels lie at `y`; pixels behind those are the first
    /// again.
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
        for (sums, y) in sums.iter().zip(y).take(n_pixels) {
            // SAFETY: the caller's contract.
            unsafe { Self::write(rule, sums.as_ptr(), multipliers, y, count) };
        }
    }

    /// Writes the results of sums of the four pixels of a window, averaged. The steps lead from the sum of a pixel to that of the one to the
    /// right of it, of the one below, and of the next filter.
    ///
    /// # Safety
    /// The sums, for each pixel, and `multipliers` are readable for `count` values, and `y` is writable.
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
        unsafe { rule.write_averages::<T, true>(averaged, (sums, [right, down]), multipliers, y, count) }
    }
}
