//! A convolution whose results a 2x2 pool takes from the registers: tiles are made of the pool's windows.

use core::mem::MaybeUninit;
use core::ops::Range;

use super::tiles::{Reads, Strip, activate, scatter};
use super::{Block, Conv2d, div_ceil};
use crate::f32::pool::PoolKind;
use crate::lanes::arithmetic::Arithmetic;
use crate::lanes::{Vector, with_vectors};
use crate::rows::{Pointers, Wrap};
use crate::taps::Inside;
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
    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() || self.columns.is_empty()
    }

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
pub(super) unsafe fn pooled<A: Arithmetic, const T: usize, const N: usize, const DENSE: bool, const GENERAL: bool>(
    g: &Conv2d<A, T, N>,
    at: Pointers,
    block: Block,
    windows: Windows,
) {
    with_vectors!(N, |V, B| {
        let mut lane = 0;
        while lane < N {
            let strip = Strip::new(&block, lane, B * V::LANES, &g.output);
            // SAFETY: the caller's contract.
            unsafe { pooled_tiles::<A, V, T, N, B, DENSE, GENERAL>(g, at, block, strip, &windows) };
            lane += B * V::LANES;
        }
    });
}

/// A map that windows are made of, from the first channel that is read.
struct Source {
    x: *const f32,
    /// Distances between pixels.
    down: usize,
    right: usize,
    /// What leads to the second row of a window.
    under: usize,
}

impl Source {
    #[inline(always)]
    fn new(x: *const f32, map: &Pixels, wrap: Wrap) -> Self {
        let down = map.row as usize;
        Source { x, down, right: map.pixel as usize, under: down.wrapping_sub(wrap.back_at(1)) }
    }

    /// The pixels of a whole window.
    #[inline(always)]
    fn four(&self, window: Window) -> [*const f32; 4] {
        let above = self.first(window);
        let below = above.wrapping_add(self.under);
        [above, above.wrapping_add(self.right), below, below.wrapping_add(self.right)]
    }

    /// The pixels of one that is cut off; the first twice where it is the only one.
    #[inline(always)]
    fn two(&self, window: Window) -> [*const f32; 2] {
        let first = self.first(window);
        let step = if window.has_right {
            self.right
        } else if window.has_lower {
            self.under
        } else {
            0
        };
        [first, first.wrapping_add(step)]
    }

    #[inline(always)]
    fn first(&self, Window { row, column, .. }: Window) -> *const f32 {
        self.x.wrapping_add((2 * row).wrapping_mul(self.down).wrapping_add((2 * column).wrapping_mul(self.right)))
    }
}

/// A window's place in the output, and whether its right column and its lower row are on the map.
#[derive(Clone, Copy)]
struct Window {
    row: usize,
    column: usize,
    has_right: bool,
    has_lower: bool,
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
unsafe fn pooled_tiles<A: Arithmetic, V: Vector, const T: usize, const N: usize, const B: usize, const DENSE: bool, const GENERAL: bool>(
    g: &Conv2d<A, T, N>,
    at: Pointers,
    block: Block,
    strip: Strip,
    windows: &Windows,
) {
    let (input, output) = (&g.input, &g.output);
    let one = Inside { begin: 0, end: 1 };
    let Reads { x, first, second, .. } = Reads::new::<A, T, N, GENERAL>(g, &at, [one, one]);
    let mut prepared = A::prepare::<V, T, B, N, DENSE>(at.w, first, second);
    // SAFETY: prepared for these tiles.
    unsafe { A::advance::<V, T, B, N>(&mut prepared, block.w + strip.lane) };
    let source = Source::new(at.x.wrapping_add(x.wrapping_add(block.channel * input.channel as usize)), input, at.wraps[0]);
    let rest = g.rest.as_ref().filter(|_| GENERAL).map(|map| Source::new(at.r, map, at.wraps[1]));
    let y = at.y.wrapping_add((block.filter + strip.lane).wrapping_mul(output.channel as usize));
    let (last_row, last_column) = ((input.height as usize).saturating_sub(1), (input.width as usize).saturating_sub(1));
    let [mut row, mut column] = [windows.rows.start, windows.columns.start];
    let mut next = || {
        let window = Window { row, column, has_right: 2 * column < last_column, has_lower: 2 * row < last_row };
        let y = y.wrapping_add(row.wrapping_mul(output.row as usize).wrapping_add(column * output.pixel as usize));
        column += 1;
        if column >= windows.columns.end {
            (row, column) = if row + 1 < windows.rows.end { (row + 1, windows.columns.start) } else { (row, column - 1) };
        }
        (window, Half { y, pair: window.has_right || window.has_lower })
    };
    let mut pixels = [at.x; T];
    let mut others = [at.x; T];
    let mut halves = [[Half { y, pair: false }; 2]; T];
    for _ in 0..windows.tiles(T) {
        let places = pixels.as_chunks_mut::<4>().0.iter_mut().zip(others.as_chunks_mut::<4>().0);
        for ((pixels, others), halves) in places.zip(&mut halves) {
            let (window, half) = next();
            let (second, second_half) = if windows.whole { (window, half) } else { next() };
            *halves = [half, second_half];
            let places = |source: &Source| {
                if windows.whole {
                    return source.four(window);
                }
                let ([a, b], [c, d]) = (source.two(window), source.two(second));
                [a, b, c, d]
            };
            *pixels = places(&source);
            if let Some(rest) = &rest {
                *others = places(rest);
            }
        }
        // SAFETY: the pixels are on the map, and the windows in the output.
        unsafe {
            let mut sums = MaybeUninit::<[[V; B]; T]>::uninit();
            A::sums::<V, T, B, N, DENSE, GENERAL>(&prepared, |segment| if segment == 0 { pixels } else { others }, false, &mut sums);
            let sums = sums.assume_init_mut();
            activate::<A, V, T, B>(g.activation, sums);
            reduce(g.pool == Some(PoolKind::Max), sums, &halves, windows.whole, output, strip.whole, strip.valid);
        }
    }
}

/// Takes the windows of a tile together, and stores them.
///
/// # Safety
/// The places of `halves` are writable for `valid` channels of a pixel of `map`, which are all of the vectors' lanes and adjacent where
/// `dense`.
#[inline(always)]
unsafe fn reduce<V: Vector, const T: usize, const B: usize>(
    max: bool,
    sums: &[[V; B]; T],
    halves: &[[Half; 2]; T],
    whole: bool,
    map: &Pixels,
    dense: bool,
    valid: usize,
) {
    for ([a, b, c, d], [first, second]) in sums.as_chunks::<4>().0.iter().zip(halves) {
        let mut result = begun(max, a);
        if first.pair {
            join(max, &mut result, b);
        }
        // SAFETY: the caller's contract.
        unsafe {
            if whole {
                join(max, &mut result, c);
                join(max, &mut result, d);
                complete(max, 4.0, result, first.y, map, dense, valid);
            } else {
                complete(max, if first.pair { 2.0 } else { 1.0 }, result, first.y, map, dense, valid);
                let mut result = begun(max, c);
                if second.pair {
                    join(max, &mut result, d);
                }
                complete(max, if second.pair { 2.0 } else { 1.0 }, result, second.y, map, dense, valid);
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
