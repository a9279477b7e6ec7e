//! Rectangles of output pixels that have the same taps, tile after tile.

use core::mem::MaybeUninit;
use core::ops::Range;

use super::rectangles::{Block, Run};
use super::{Conv2d, PointersOf, div_ceil};
use crate::lanes::arithmetic::{Arithmetic, Narrow, Pixel, Strip, Taps};
use crate::lanes::{Vector, with_vectors};
use crate::taps::Inside;
use crate::views::Pixels;

/// How a rectangle of pixels is cut into tiles.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Cut {
    /// Along its rows.
    Across,
    /// Along its columns.
    Down,
    /// Pixel after pixel, without regard to lines.
    Through,
}

/// The way that fills tiles of `pixels` pixels best, and how many they are; a pixel takes `products` of a vector.
#[inline(always)]
pub(super) fn cut(pixels: usize, height: usize, width: usize, products: usize) -> (Cut, usize) {
    if height == 1 {
        return (if width < pixels { Cut::Through } else { Cut::Across }, div_ceil(width, pixels));
    }
    let tiles = |lines: usize, length: usize| if length < pixels { usize::MAX } else { lines * div_ceil(length, pixels) };
    let (across, down, through) = (tiles(height, width), tiles(width, height), div_ceil(height * width, pixels));
    let best = across.min(down);
    // Pixels that are not in a line are dearer to address, by as much as four products each.
    if best == usize::MAX || through * (products + 4) < best * products {
        (Cut::Through, through)
    } else if across <= down {
        (Cut::Across, across)
    } else {
        (Cut::Down, down)
    }
}

/// A rectangle of output pixels that have the same taps, under blocks of channels, as wide at a time as vectors go.
///
/// # Safety
/// As [`leaf`]; the rectangle lies inside the output and the taps inside the input.
#[inline(always)]
pub(super) unsafe fn rectangle<A: Arithmetic, const T: usize, const N: usize, const DENSE: bool, const GENERAL: bool>(
    g: &Conv2d<A, T, N>,
    at: PointersOf<A>,
    blocks: impl Iterator<Item = Block>,
    rows: Run,
    columns: Run,
) {
    // SAFETY: the caller's contract.
    with_vectors!(N, |V, B| unsafe { tiles::<A, V, T, N, B, DENSE, GENERAL>(g, at, blocks, rows, columns) });
}

/// `lanes` lanes of a block from `lane` on.
#[inline(always)]
pub(super) fn strip_of(block: &Block, lane: usize, lanes: usize, output: &Pixels) -> Strip {
    Strip { lane, valid: block.valid.saturating_sub(lane), whole: lane + lanes <= block.valid && output.channel == 1 }
}

/// Distances between pixels in the input, in the output, and in the residual or the input's rest.
#[derive(Clone, Copy)]
struct Step {
    x: usize,
    y: usize,
    r: usize,
}

impl<X: Copy, Y: Copy> Pixel<X, Y> {
    /// The pixel `count` steps on.
    #[inline(always)]
    fn after(self, count: usize, step: Step) -> Self {
        let Step { x, y, r } = step;
        // A row of a ring may lie far beyond it before the pointers' shift.
        Pixel {
            x: self.x.wrapping_add(count.wrapping_mul(x)),
            y: self.y.wrapping_add(count.wrapping_mul(y)),
            r: self.r.wrapping_add(count.wrapping_mul(r)),
        }
    }
}

/// How the windows of a strip are read.
pub(super) struct Reads<W> {
    /// Where the first taps of a pixel lie under the first block, from where its row and column say.
    pub(super) x: usize,
    /// The taps under the first strip of the first block, up to where a ring's rows wrap.
    pub(super) first: Taps<W>,
    /// Those behind that, or those of the input's rest.
    pub(super) second: Option<Taps<W>>,
    /// What leads from the first taps to the second, where both are of one map.
    behind: usize,
}

impl<W: Copy> Reads<W> {
    #[inline(always)]
    pub(super) fn new<A: Arithmetic<Weight = W>, const T: usize, const N: usize, const GENERAL: bool>(
        g: &Conv2d<A, T, N>,
        at: &PointersOf<A>,
        [rows, columns]: [Inside; 2],
    ) -> Self {
        let input = &g.input;
        let depth = if GENERAL && g.rest.is_some() { input.channels } else { g.depth } as usize;
        // Distances wrap as addresses do: with one tap, or one row, they may be of any size.
        let times = |count: u32, distance: u32| (count as usize).wrapping_mul(distance as usize);
        let steps = [times(g.dilations[0], input.row), times(g.dilations[1], input.pixel)];
        let words = |depth: usize| div_ceil(depth, A::WORD);
        let row = g.kernel[1] as usize * words(g.depth as usize) * N;
        let [wrap, _] = at.wraps;
        let split = if GENERAL { wrap.tap.min(rows.end).max(rows.begin) } else { rows.end };
        let channel = input.channel as usize;
        let begin = rows.begin.wrapping_mul(steps[0]).wrapping_add(columns.begin.wrapping_mul(steps[1]));
        let x = begin.wrapping_sub(times(g.pads[0], input.row).wrapping_add(times(g.pads[1], input.pixel)));
        let w = at.w.wrapping_add(A::HEADER * N + rows.begin * row + columns.begin * words(depth) * N);
        let first = Taps { w, count: [split - rows.begin, columns.end - columns.begin], depth, channel, steps, row };
        let second = match &g.rest {
            Some(map) if GENERAL => {
                let w = w.wrapping_add(words(depth) * N);
                Some(Taps { w, depth: map.channels as usize, channel: map.channel as usize, steps: [0, 0], ..first })
            }
            _ if split < rows.end => {
                let w = w.wrapping_add(first.count[0] * row);
                Some(Taps { w, count: [rows.end - split, first.count[1]], ..first })
            }
            _ => None,
        };
        Reads { x, first, second, behind: first.count[0].wrapping_mul(steps[0]).wrapping_sub(wrap.back) }
    }
}

/// A rectangle, strip after strip and tile after tile. A last tile that is not full computes pixels twice, to the same bits.
///
/// # Safety
/// As [`rectangle`].
#[inline(always)]
unsafe fn tiles<A: Arithmetic, V: Vector, const T: usize, const N: usize, const B: usize, const DENSE: bool, const GENERAL: bool>(
    g: &Conv2d<A, T, N>,
    at: PointersOf<A>,
    blocks: impl Iterator<Item = Block>,
    rows: Run,
    columns: Run,
) {
    let Reads { x, first, second, behind } = Reads::new::<A, T, N, GENERAL>(g, &at, [rows.taps, columns.taps]);
    let mut prepared = A::prepare::<V, T, B, N, DENSE>(at.w, first, second);
    let (input, output) = (&g.input, &g.output);
    // A rest begins with its first channel, a residual with that of the strip.
    let (beside, channel) = match (&g.rest, &g.residual) {
        (Some(map), _) if GENERAL => (Some(map), 0),
        (_, Some(map)) => (Some(map), map.channel as usize),
        _ => (None, 0),
    };
    let [r_row, r_pixel] = beside.map_or([0; 2], |map| [map.row as usize, map.pixel as usize]);
    let down = Step { x: (g.strides[0] as usize).wrapping_mul(input.row as usize), y: output.row as usize, r: r_row };
    let right = Step { x: (g.strides[1] as usize).wrapping_mul(input.pixel as usize), y: output.pixel as usize, r: r_pixel };
    let narrow = if GENERAL { A::narrow::<V, T, B, N>() } else { Narrow { pixels: T, most: 0 } };
    let products = (rows.taps.end - rows.taps.begin) * first.count[1] * g.depth as usize;
    let (height, width) = (rows.end - rows.begin, columns.end - columns.begin);
    // Narrow tiles serve a line that is shorter than a tile.
    let cut = if height == 1 && width <= narrow.most { Cut::Across } else { cut(T, height, width, products).0 };
    // SAFETY: the pixels lie inside the rectangle.
    let tile = |prepared: &A::Prepared, strip: Strip, pixels: [Pixel<A::Input, A::Output>; T], narrow: bool| unsafe {
        if strip.whole {
            for pixel in pixels {
                for b in 0..B {
                    V::expect_store(pixel.y.wrapping_add(b * V::LANES).cast());
                }
            }
        }
        // By index: `map` keeps a check of bounds where code is to be small.
        let x = |segment: usize| {
            let mut x = [at.x; T];
            for t in 0..T {
                x[t] = match segment {
                    0 => pixels[t].x,
                    _ if g.rest.is_some() => pixels[t].r,
                    _ => pixels[t].x.wrapping_add(behind),
                };
            }
            x
        };
        let mut sums = MaybeUninit::<[[A::Sum<V>; B]; T]>::uninit();
        A::sums::<V, T, B, N, DENSE, GENERAL>(prepared, x, narrow, &mut sums);
        A::finish::<V, T, B>(g, strip, pixels, sums.assume_init_mut());
    };
    let mut w = 0;
    for block in blocks {
        let mut lane = 0;
        while lane < N {
            let strip = strip_of(&block, lane, B * V::LANES, output);
            let filter = block.filter + lane;
            // SAFETY: prepared for these tiles.
            unsafe { A::advance::<V, T, B, N>(&mut prepared, (block.w + lane).wrapping_sub(w)) };
            w = block.w + lane;
            let origin = Pixel {
                x: at.x.wrapping_add(x.wrapping_add(block.channel * input.channel as usize)),
                // Of a strip without channels these mean nothing.
                y: at.y.wrapping_add(filter.wrapping_mul(output.channel as usize)),
                r: at.r.wrapping_add(filter.wrapping_mul(channel)),
            };
            let lines = [(rows.begin..rows.end, down), (columns.begin..columns.end, right)];
            for_each_tile(cut, narrow, origin, lines, |pixels, narrow| tile(&prepared, strip, pixels, narrow));
            lane += B * V::LANES;
        }
    }
}

/// Calls `tile` with the pixels of each tile of a rectangle whose lines begin at `origin`, counted from row and column zero, and whether it
/// is a narrow one, whose pixels are the first of them.
#[inline(always)]
fn for_each_tile<X: Copy, Y: Copy, const T: usize>(
    cut: Cut,
    narrow: Narrow,
    origin: Pixel<X, Y>,
    [(rows, down), (columns, right)]: [(Range<usize>, Step); 2],
    mut tile: impl FnMut([Pixel<X, Y>; T], bool),
) {
    if cut == Cut::Through {
        let [mut row, mut column] = [rows.start, columns.start];
        let mut line = origin.after(row, down).after(column, right);
        let mut next = line;
        let mut next_pixel = || {
            let pixel = next;
            column += 1;
            if column < columns.end {
                next = next.after(1, right);
            } else if row + 1 < rows.end {
                (row, column) = (row + 1, columns.start);
                line = line.after(1, down);
                next = line;
            }
            pixel
        };
        let mut left = (rows.end - rows.start) * (columns.end - columns.start);
        while left > 0 {
            let is_narrow = left <= narrow.most;
            let step = if is_narrow { narrow.pixels } else { T };
            let mut last = next_pixel();
            tile(
                core::array::from_fn(|p| {
                    if p > 0 && p < step {
                        last = next_pixel();
                    }
                    last
                }),
                is_narrow,
            );
            left = left.saturating_sub(step);
        }
        return;
    }
    let (run, lines, along, across) = if cut == Cut::Across { (columns, rows, right, down) } else { (rows, columns, down, right) };
    for line in lines {
        let line = origin.after(line, across);
        let mut next = run.start;
        while next < run.end {
            if run.end - next <= narrow.most {
                let (first, last) = (line.after(next, along), narrow.pixels.min(run.end - next) - 1);
                tile(core::array::from_fn(|p| first.after(p.min(last), along)), true);
                next += narrow.pixels;
            } else {
                let mut pixel = line.after(next.min(run.end - T), along);
                tile(
                    core::array::from_fn(|_| {
                        let this = pixel;
                        pixel = pixel.after(1, along);
                        this
                    }),
                    false,
                );
                next += T;
            }
        }
    }
}
