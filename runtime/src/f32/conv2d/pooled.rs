//! A convolution whose results a 2x2 pool takes from the registers: tiles are made of the pool's windows.

use core::ops::Range;

use super::tiles::{Strip, activate, scatter};
use super::{Block, Conv2d, div_ceil};
use crate::f32::pool::PoolKind;
use crate::f32::rows::Pointers;
use crate::lanes::arithmetic::{Arithmetic, Taps};
use crate::lanes::{Vector, with_vectors};
use crate::views::Pixels;

/// A rectangle of a pool's windows that are cut off alike.
#[derive(Clone)]
pub(super) struct Windows {
    rows: Range<usize>,
    columns: Range<usize>,
    /// Whether none is cut off; else at most two pixels of each are on the map.
    whole: bool,
}

impl Windows {
    /// How many tiles of `pixels` pixels they take: four pixels a whole window, two for any other.
    #[inline(always)]
    pub(super) fn tiles(&self, pixels: usize) -> usize {
        let windows = (self.rows.end - self.rows.start) * (self.columns.end - self.columns.start);
        div_ceil(if self.whole { windows } else { div_ceil(windows, 2) }, pixels / 4)
    }
}

impl<A: Arithmetic, const T: usize, const N: usize> Conv2d<A, T, N> {
    /// A piece of a pool's output: whole windows, then those that the right edge cuts off, then those that the lower edge does.
    #[inline(always)]
    pub(super) fn windows(&self, [rows, columns]: [Range<usize>; 2]) -> [Windows; 3] {
        let bottom = (self.input.height as usize / 2).max(rows.start).min(rows.end);
        let right = (self.input.width as usize / 2).max(columns.start).min(columns.end);
        [
            Windows { rows: rows.start..bottom, columns: columns.start..right, whole: true },
            Windows { rows: rows.start..bottom, columns: right..columns.end, whole: false },
            Windows { rows: bottom..rows.end, columns, whole: false },
        ]
    }
}

/// [`rectangle`] for windows of a pool.
///
/// # Safety
/// As [`leaf`]; the windows lie in the output.
#[inline(always)]
pub(super) unsafe fn pooled<A: Arithmetic, const T: usize, const N: usize, const DENSE: bool>(
    g: &Conv2d<A, T, N>,
    at: Pointers,
    block: Block,
    windows: Windows,
) {
    with_vectors!(N, |V, B| {
        let mut lane = 0;
        while lane < N {
            let strip = Strip { lane, whole: lane + B * V::LANES <= block.valid && g.output.channel == 1 };
            // SAFETY: the caller's contract.
            unsafe { pooled_tiles::<A, V, T, N, B, DENSE>(g, at, block, strip, &windows) };
            lane += B * V::LANES;
        }
    });
}

/// Two of a tile's pixels: a row of a whole window, or what is on the map of one that is cut off.
#[derive(Clone, Copy)]
struct Half {
    /// The window's place in the output.
    y: *mut f32,
    /// Whether the second pixel is on the map; else it is the first again.
    pair: bool,
}

/// A strip of a pool's windows, tile after tile. A last tile that is not full computes windows twice, to the same bits.
///
/// # Safety
/// As [`pooled`].
#[inline(always)]
unsafe fn pooled_tiles<A: Arithmetic, V: Vector, const T: usize, const N: usize, const B: usize, const DENSE: bool>(
    g: &Conv2d<A, T, N>,
    at: Pointers,
    block: Block,
    strip: Strip,
    windows: &Windows,
) {
    let (input, output) = (&g.input, &g.output);
    let taps = Taps { count: [1, 1], depth: g.depth as usize, channel: input.channel as usize, steps: [0, 0], row: 0 };
    let w = block.w.wrapping_add(strip.lane);
    let sums = A::prepare::<V, B, N, DENSE>(w, w.wrapping_add(N), taps);
    let x = at.x.wrapping_add(block.channel * taps.channel);
    let y = at.y.wrapping_add((block.filter + strip.lane) * output.channel as usize);
    let (down, right) = (input.row as usize, input.pixel as usize);
    let (last_row, last_column) = ((input.height as usize).saturating_sub(1), (input.width as usize).saturating_sub(1));
    let max = g.pool == Some(PoolKind::Max);
    let [mut row, mut column] = [windows.rows.start, windows.columns.start];
    // The next window's first pixel and those right of it and below it, as far as they are on the map, and the window's place.
    let mut next = || {
        let first = x.wrapping_add(2 * row * down + 2 * column * right);
        let beside = if 2 * column < last_column { right } else { 0 };
        let under = if 2 * row < last_row { down } else { 0 };
        let y = y.wrapping_add(row * output.row as usize + column * output.pixel as usize);
        column += 1;
        if column >= windows.columns.end {
            (row, column) = if row + 1 < windows.rows.end { (row + 1, windows.columns.start) } else { (row, column - 1) };
        }
        (first, beside, under, y)
    };
    let mut pixels = [x; T];
    let mut halves = [[Half { y, pair: false }; 2]; T];
    for _ in 0..windows.tiles(T) {
        for (pixels, halves) in pixels.as_chunks_mut::<4>().0.iter_mut().zip(&mut halves) {
            let (first, beside, under, y) = next();
            if windows.whole {
                let second = first.wrapping_add(under);
                *pixels = [first, first.wrapping_add(beside), second, second.wrapping_add(beside)];
                *halves = [Half { y, pair: true }; 2];
            } else {
                // Of the two distances one is zero.
                let (second, second_beside, second_under, second_y) = next();
                let [step, second_step] = [beside + under, second_beside + second_under];
                *pixels = [first, first.wrapping_add(step), second, second.wrapping_add(second_step)];
                *halves = [Half { y, pair: step > 0 }, Half { y: second_y, pair: second_step > 0 }];
            }
        }
        // SAFETY: the pixels are on the map, and the windows in the output.
        unsafe {
            let mut sums: [[V; B]; T] = A::sums::<V, T, B, N, DENSE>(&sums, pixels);
            activate::<A, V, T, B>(g.activation, &mut sums);
            let valid = block.valid.saturating_sub(strip.lane);
            for ([a, b, c, d], [first, second]) in sums.as_chunks::<4>().0.iter().zip(&halves) {
                let mut result = begun(max, a);
                if first.pair {
                    join(max, &mut result, b);
                }
                if windows.whole {
                    join(max, &mut result, c);
                    join(max, &mut result, d);
                    complete(max, 4.0, result, first.y, output, strip.whole, valid);
                } else {
                    complete(max, if first.pair { 2.0 } else { 1.0 }, result, first.y, output, strip.whole, valid);
                    let mut result = begun(max, c);
                    if second.pair {
                        join(max, &mut result, d);
                    }
                    complete(max, if second.pair { 2.0 } else { 1.0 }, result, second.y, output, strip.whole, valid);
                }
            }
        }
    }
}

/// A window of one value; a sum starts from zero as that of `Pool2d` does.
#[inline(always)]
fn begun<V: Vector, const B: usize>(max: bool, value: &[V; B]) -> [V; B] {
    let mut result = *value;
    if !max {
        result = [V::splat(0.0); B];
        join(max, &mut result, value);
    }
    result
}

/// Takes a value into a window's result.
#[inline(always)]
fn join<V: Vector, const B: usize>(max: bool, result: &mut [V; B], value: &[V; B]) {
    for b in 0..B {
        result[b] = if max { result[b].max(value[b]) } else { result[b].add(value[b]) };
    }
}

/// Divides the sum of an average by `count`, and stores `valid` channels of a pixel of `map`.
///
/// # Safety
/// As [`finish`], of the pixel `y`.
#[inline(always)]
unsafe fn complete<V: Vector, const B: usize>(
    max: bool,
    count: f32,
    mut result: [V; B],
    y: *mut f32,
    map: &Pixels,
    whole: bool,
    valid: usize,
) {
    if !max {
        for b in 0..B {
            result[b] = result[b].divide(V::splat(count));
        }
    }
    // SAFETY: the caller's contract.
    unsafe {
        if whole {
            for b in 0..B {
                result[b].store(y.add(b * V::LANES));
            }
        } else {
            scatter(&result, y, map, valid);
        }
    }
}
