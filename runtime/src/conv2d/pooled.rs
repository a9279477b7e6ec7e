//! A convolution whose results a 2x2 pool takes from the registers: tiles are made of the pool's windows.

use core::mem::MaybeUninit;
use core::ops::Range;

use super::rectangles::Block;
use super::tiles::{Reads, strip_of};
use super::{Conv2d, PointersOf, div_ceil};
use crate::lanes::arithmetic::{Arithmetic, Half, Strip};
use crate::lanes::{Vector, with_vectors};
use crate::rows::Wrap;
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
    at: PointersOf<A>,
    block: Block,
    windows: Windows,
) {
    with_vectors!(N, |V, B| {
        let mut lane = 0;
        while lane < N {
            let strip = strip_of(&block, lane, B * V::LANES, &g.output);
            // SAFETY: the caller's contract.
            unsafe { pooled_tiles::<A, V, T, N, B, DENSE, GENERAL>(g, at, block, strip, &windows) };
            lane += B * V::LANES;
        }
    });
}

/// A map that windows are made of, from the first channel that is read.
struct Source<X> {
    x: *const X,
    /// Distances between pixels.
    down: usize,
    right: usize,
    /// What leads to the second row of a window.
    under: usize,
}

impl<X> Source<X> {
    #[inline(always)]
    fn new(x: *const X, map: &Pixels, wrap: Wrap) -> Self {
        let down = map.row as usize;
        Source { x, down, right: map.pixel as usize, under: down.wrapping_sub(wrap.back_at(1)) }
    }

    /// The pixels of a whole window.
    #[inline(always)]
    fn four(&self, window: Window) -> [*const X; 4] {
        let above = self.first(window);
        let below = above.wrapping_add(self.under);
        [above, above.wrapping_add(self.right), below, below.wrapping_add(self.right)]
    }

    /// The pixels of one that is cut off; the first twice where it is the only one.
    #[inline(always)]
    fn two(&self, window: Window) -> [*const X; 2] {
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
    fn first(&self, Window { row, column, .. }: Window) -> *const X {
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

/// A strip of a pool's windows, tile after tile. A last tile that is not full computes windows twice, to the same bits.
///
/// # Safety
/// As [`pooled`].
#[inline(always)]
unsafe fn pooled_tiles<A: Arithmetic, V: Vector, const T: usize, const N: usize, const B: usize, const DENSE: bool, const GENERAL: bool>(
    g: &Conv2d<A, T, N>,
    at: PointersOf<A>,
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
            let places = |source: &Source<A::Input>| {
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
            let mut sums = MaybeUninit::<[[A::Sum<V>; B]; T]>::uninit();
            A::sums::<V, T, B, N, DENSE, GENERAL>(&prepared, |segment| if segment == 0 { pixels } else { others }, false, &mut sums);
            A::finish_pooled::<V, T, B>(g, strip, windows.whole, &halves, sums.assume_init_mut());
        }
    }
}
