//! Maximum and average over windows.

use core::ops::Range;

use super::LONGEST_SUM;
use crate::geometry::{geometry, named};
use crate::kernel::map_kernel;
use crate::lanes::arithmetic::load;
use crate::lanes::{Eight, Four, Sixteen, Vector};
use crate::rows::{Area, MapLeaf, Pointers, Wrap, map_rows, window_rows};
use crate::taps::taps_inside;
use crate::views::{Extent, Pixels, small, window_fits};

/// What a pool does with the values of a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PoolKind {
    /// The largest; padding never wins.
    Max,
    /// The sum divided by the number of values inside the map.
    AverageInside,
    /// The sum divided by the number of positions inside the map and its declared padding.
    AveragePadded,
}

named!(PoolKind);

geometry! {
    /// Geometry of a pool. Sums run over (ky, kx), those over more than 1024 values in blocks of so many. A window without a value of the
    /// map gives minus infinity or a sum of zero.
    pub struct Pool2d [] [] {
        /// The map that is read.
        input: Pixels,
        /// The map that is written.
        output: Pixels,
        /// Maximum or average.
        kind: PoolKind,
    }
    options {
        /// Height and width of the window; one by default.
        kernel: [u32; 2] = [1, 1],
        /// Distance between windows, in rows and pixels; one by default.
        strides: [u32; 2] = [1, 1],
        /// Distance between taps, in rows and pixels; one by default.
        dilations: [u32; 2] = [1, 1],
        /// Padding above, left, below and right; none by default.
        pads: [u32; 4] = [0; 4],
    }
    by_hand {}
    derived {}
}

impl Pool2d {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        let pads = small(&[self.pads[0], self.pads[1]]) && small(&[self.pads[2], self.pads[3]]);
        let window = window_fits(&self.input, &self.output, &self.strides, &self.kernel, &self.dilations);
        if self.input.channels != self.output.channels || !window || !pads {
            return None;
        }
        match (self.input.extent(), self.output.extent()) {
            (Some(x), Some(y)) if self.output.is_exclusive() => Some(Extent { x, r: 0, w: 0, y }),
            _ => None,
        }
    }

    window_rows!();
    map_rows!(f32, f32 => f32);

    /// What computes an area of the output.
    #[inline(always)]
    pub(crate) fn leaf(&self) -> MapLeaf<Self> {
        match (self.kind, self.row_window().wraps_in(&self.input)) {
            (PoolKind::Max, false) => max,
            (PoolKind::Max, true) => max_of_ring,
            (PoolKind::AverageInside | PoolKind::AveragePadded, false) => average,
            (PoolKind::AverageInside | PoolKind::AveragePadded, true) => average_of_ring,
        }
    }

    /// The window at output row (axis 0) or column (axis 1) `at`.
    #[inline(always)]
    pub(crate) fn window(&self, axis: usize, at: usize) -> Window {
        let extent = if axis == 0 { self.input.height } else { self.input.width };
        let (dilation, pad) = (self.dilations[axis] as usize, self.pads[axis] as usize);
        let origin = at * self.strides[axis] as usize;
        let inside = taps_inside(self.kernel[axis], self.strides[axis], self.dilations[axis], self.pads[axis], extent, at);
        let count = match self.kind {
            PoolKind::AveragePadded => {
                let end = extent as usize + self.pads[axis] as usize + self.pads[axis + 2] as usize;
                (0..self.kernel[axis] as usize).filter(|k| origin + k * dilation < end).count()
            }
            PoolKind::Max | PoolKind::AverageInside => inside.end - inside.begin,
        };
        let first = (origin + inside.begin * dilation).wrapping_sub(pad);
        Window { begin: inside.begin, first, taps: inside.end - inside.begin, count }
    }
}

map_kernel!([] Pool2d, f32, f32 => f32);

/// A window along one axis.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    /// The first tap on the map.
    pub(crate) begin: usize,
    /// Its position in the input.
    pub(crate) first: usize,
    /// Taps on the map.
    pub(crate) taps: usize,
    /// What an average is divided by.
    pub(crate) count: usize,
}

/// Functions that are not generic are compiled with this crate: one that is compiled for a layer is unrolled for its numbers of channels
/// and taps, and takes up to twice the instructions.
macro_rules! leaves {
    ($($name:ident: $max:literal $ring:literal;)+) => {$(
        /// # Safety
        /// As [`MapLeaf`].
        #[inline(never)]
        unsafe fn $name(g: &Pool2d, rows: Range<usize>, columns: Range<usize>, x: *const f32, _: *const f32, y: *mut f32, wrap: Wrap) {
            // SAFETY: the caller's contract.
            unsafe { area::<$max, $ring>(g, rows, columns, x, y, wrap) }
        }
    )+};
}

leaves! {
    max: true false;
    max_of_ring: true true;
    average: false false;
    average_of_ring: false true;
}

/// Computes an area of the output.
///
/// # Safety
/// As [`MapLeaf`]; `MAX` says whether it is a maximum, and `RING` whether rows of a window may wrap in the input.
#[inline(always)]
unsafe fn area<const MAX: bool, const RING: bool>(
    g: &Pool2d,
    rows: Range<usize>,
    columns: Range<usize>,
    x: *const f32,
    y: *mut f32,
    wrap: Wrap,
) {
    let channels = g.output.channels as usize;
    let dense = g.input.channel == 1 && g.output.channel == 1;
    for oy in rows {
        let row = g.window(0, oy);
        // The wrap counts from the kernel's first row, the pixels' taps from the first on the map.
        let wrap = Wrap { tap: wrap.tap - row.begin.min(wrap.tap), ..wrap };
        for ox in columns.clone() {
            let column = g.window(1, ox);
            let step = |dilation: u32, distance: u32| (dilation as usize).wrapping_mul(distance as usize);
            let offset =
                |map: &Pixels, [y, x]: [usize; 2]| y.wrapping_mul(map.row as usize).wrapping_add(x.wrapping_mul(map.pixel as usize));
            let pixel = Pixel {
                x: x.wrapping_add(offset(&g.input, [row.first, column.first])),
                y: y.wrapping_add(offset(&g.output, [oy, ox])),
                taps: [row.taps, column.taps],
                steps: [step(g.dilations[0], g.input.row), step(g.dilations[1], g.input.pixel)],
                count: (row.count * column.count) as f32,
                wrap,
            };
            if !MAX && row.taps * column.taps > LONGEST_SUM {
                // SAFETY: the channels exist.
                unsafe { pixel.long_averages(g) };
                continue;
            }
            let mut c = 0;
            // SAFETY: the channels exist.
            unsafe {
                if dense {
                    c = pixel.channels::<MAX, RING, Sixteen, 4>(c, channels);
                    c = pixel.channels::<MAX, RING, Sixteen, 1>(c, channels);
                    c = pixel.channels::<MAX, RING, Eight, 1>(c, channels);
                    c = pixel.channels::<MAX, RING, Four, 1>(c, channels);
                }
                while c < channels {
                    pixel.compute::<MAX, RING, f32, 1>(c * g.input.channel as usize, c * g.output.channel as usize);
                    c += 1;
                }
            }
        }
    }
}

/// An output pixel with its window.
struct Pixel {
    /// The first tap.
    x: *const f32,
    y: *mut f32,
    /// Rows and columns of taps on the map.
    taps: [usize; 2],
    /// Distances between them.
    steps: [usize; 2],
    /// What an average is divided by.
    count: f32,
    /// Where rows of taps wrap.
    wrap: Wrap,
}

impl Pixel {
    /// Adjacent channels from `c` on, `B` vectors at a time as far as that goes; gives the first that is left.
    ///
    /// # Safety
    /// As [`MapLeaf`]; the pixel has `channels` channels.
    #[inline(always)]
    unsafe fn channels<const MAX: bool, const RING: bool, V: Vector, const B: usize>(&self, mut c: usize, channels: usize) -> usize {
        while c + B * V::LANES <= channels {
            // SAFETY: the channels exist.
            unsafe { self.compute::<MAX, RING, V, B>(c, c) };
            c += B * V::LANES;
        }
        c
    }

    /// `B` vectors of channels, `x` elements behind the input's first and `y` behind the output's.
    ///
    /// # Safety
    /// As [`MapLeaf`]; the channels exist, and the window lies on the map.
    #[inline(always)]
    unsafe fn compute<const MAX: bool, const RING: bool, V: Vector, const B: usize>(&self, x: usize, y: usize) {
        let empty = self.taps[0] == 0 || self.taps[1] == 0;
        let x = self.x.wrapping_add(x);
        // SAFETY: the taps lie on the map, and without one nothing is read.
        unsafe {
            let mut result: [V; B] = match MAX {
                true if empty => [V::splat(f32::NEG_INFINITY); B],
                true => load(x),
                false => [V::splat(0.0); B],
            };
            let mut line = x;
            for ky in 0..self.taps[0] {
                // Without a ring no rows lie earlier.
                if RING && ky == self.wrap.tap {
                    line = line.wrapping_sub(self.wrap.back);
                }
                for kx in 0..self.taps[1] {
                    let offset = ky * self.steps[0] + kx * self.steps[1];
                    let values: [V; B] = load(if RING { line.wrapping_add(offset) } else { line.add(offset) });
                    for b in 0..B {
                        result[b] = if MAX { result[b].max(values[b]) } else { result[b].add(values[b]) };
                    }
                }
            }
            for b in 0..B {
                let value = if MAX { result[b] } else { result[b].divide(V::splat(self.count)) };
                value.store(self.y.add(y + b * V::LANES));
            }
        }
    }

    /// The averages of all channels whose sums go in blocks of [`LONGEST_SUM`] values. Out of line, as few networks have such.
    ///
    /// # Safety
    /// As [`compute`](Self::compute).
    #[inline(never)]
    unsafe fn long_averages(&self, g: &Pool2d) {
        for c in 0..g.output.channels as usize {
            let (x, y) = (self.x.wrapping_add(c * g.input.channel as usize), self.y.wrapping_add(c * g.output.channel as usize));
            // SAFETY: the caller's contract.
            unsafe { *y = self.long_sum(x) / self.count };
        }
    }

    /// The sum of the channel at `x`.
    ///
    /// # Safety
    /// As [`compute`](Self::compute).
    unsafe fn long_sum(&self, x: *const f32) -> f32 {
        let (mut sum, mut part, mut taken) = (0.0, 0.0, 0);
        for ky in 0..self.taps[0] {
            let line = x.wrapping_add((ky * self.steps[0]).wrapping_sub(self.wrap.back_at(ky)));
            for kx in 0..self.taps[1] {
                // SAFETY: the taps lie on the map.
                part += unsafe { *line.wrapping_add(kx * self.steps[1]) };
                taken += 1;
                if taken == LONGEST_SUM {
                    (sum, part, taken) = (sum + part, 0.0, 0);
                }
            }
        }
        sum + part
    }
}
