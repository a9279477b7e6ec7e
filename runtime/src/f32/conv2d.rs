//! Convolution with any kernel, stride, pads, dilation and group; also the matrix product with constant weights (a 1x1 kernel).

mod pooled;
mod tiles;

use core::ops::Range;

use pooled::pooled;
use tiles::{cut, rectangle};

use super::activation::Activation;
use super::pool::PoolKind;
use super::taps::{Inside, taps_inside};
use crate::executor::part_of;
use crate::lanes::arithmetic::Arithmetic;
use crate::views::{Extent, Pixels, small, window_fits};

/// Geometry of a convolution whose register tile is `T` pixels by `N` output channels.
///
/// `y = activation(bias + sum over (ky, kx, ci) of x * w + residual)`, summed in that order; taps that fall on padding are left out.
/// Weights are packed by group and by blocks of `N` output channels, the last block padded with zeros:
/// `[group][filters / N rounded up] { bias [N], [kernel height][kernel width][depth][N] }`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conv2d<A, const T: usize, const N: usize> {
    /// The map that is read.
    pub input: Pixels,
    /// The map that is written.
    pub output: Pixels,
    /// A map of the output's size that is added before the activation.
    pub residual: Option<Pixels>,
    /// Height and width of the kernel.
    pub kernel: [u32; 2],
    /// Distance between windows, in rows and pixels.
    pub strides: [u32; 2],
    /// Distance between taps, in rows and pixels.
    pub dilations: [u32; 2],
    /// Rows of padding above and pixels of padding left of the input; below and right it is what the output's size asks for.
    pub pads: [u32; 2],
    /// Number of groups.
    pub group: u32,
    /// Input channels of one group.
    pub depth: u32,
    /// Output channels of one group.
    pub filters: u32,
    /// Output rows and columns that one pass over the weights computes.
    pub band: [u32; 2],
    /// What is applied to each result.
    pub activation: Activation,
    /// A pool, kernel 2x2 and stride 2, of what the convolution would give, which must be 1x1 with a stride of one, no padding and no
    /// residual. The output is the pooled map, rounded down or up: a last window may be cut off at the map's edge. `T` must be a
    /// multiple of four.
    pub pool: Option<PoolKind>,
    /// The numeric class of the sums, and the unit that makes them.
    pub arithmetic: A,
}

impl<A: Arithmetic, const T: usize, const N: usize> Conv2d<A, T, N> {
    /// The same convolution by another unit and under another register tile; its weights are packed for that one.
    pub const fn retiled<U: Arithmetic, const P: usize, const M: usize>(&self, arithmetic: U) -> Conv2d<U, P, M> {
        let Conv2d { input, output, residual, kernel, strides, dilations, pads, group, depth, filters, band, activation, pool, .. } = *self;
        Conv2d { input, output, residual, kernel, strides, dilations, pads, group, depth, filters, band, activation, pool, arithmetic }
    }

    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        let Pixels { height, width, channels, .. } = self.output;
        let groups_fit = self.group as u64 * self.depth as u64 == self.input.channels as u64
            && self.group as u64 * self.filters as u64 == channels as u64;
        let steps =
            self.strides[0] > 0 && self.strides[1] > 0 && self.band[0] > 0 && self.band[1] > 0 && self.kernel[0] > 0 && self.kernel[1] > 0;
        let window = window_fits(&self.output, &self.strides, &self.kernel, &self.dilations) && small(&self.pads);
        if !groups_fit || !steps || !window || T == 0 || N == 0 || !self.pool_fits() {
            return None;
        }
        let r = match &self.residual {
            None => 0,
            Some(map) if map.height == height && map.width == width && map.channels == channels => match map.extent() {
                Some(extent) => extent,
                None => return None,
            },
            Some(_) => return None,
        };
        let taps = self.kernel[0] as u64 * self.kernel[1] as u64;
        let blocks = self.group as u64 * (self.filters as u64).div_ceil(N as u64);
        let Some(block) = taps.checked_mul(self.depth as u64 * N as u64) else { return None };
        let Some(w) = blocks.checked_mul(block + N as u64) else { return None };
        match (self.input.extent(), self.output.extent()) {
            (Some(x), Some(y)) if w < u32::MAX as u64 => Some(Extent { x, r, w: w as usize, y }),
            _ => None,
        }
    }

    /// Whether there is no pool, or one that a tile can compute.
    const fn pool_fits(&self) -> bool {
        let (Pixels { height, width, .. }, Conv2d { kernel, strides, pads, .. }) = (self.input, *self);
        let pointwise = kernel[0] == 1 && kernel[1] == 1 && strides[0] == 1 && strides[1] == 1 && pads[0] == 0 && pads[1] == 0;
        let halved = halves(self.output.height, height) && halves(self.output.width, width);
        self.pool.is_none() || T.is_multiple_of(4) && pointwise && halved && self.residual.is_none()
    }

    fn blocks(&self) -> usize {
        self.group as usize * div_ceil(self.filters as usize, N)
    }

    /// Whether parts are made of pixels; else of channels, as the weights of a small map are what takes long to read.
    fn parts_of_pixels(&self) -> bool {
        let enough = if self.pool.is_some() { 4 * T } else { 16 * T };
        self.output.height as usize * self.output.width as usize >= enough
    }

    /// Into how many parts the output can be cut, up to `most`.
    pub(crate) fn parts(&self, most: usize) -> usize {
        let units = match self.output.height {
            _ if !self.parts_of_pixels() => self.blocks(),
            1 => self.output.width as usize / T,
            height => height as usize,
        };
        most.min(units).max(1)
    }

    /// Part `part` of `parts`: a range of rows, of the columns where there is one row, or of blocks of channels.
    #[inline(always)]
    pub(crate) fn piece(&self, part: usize, parts: usize) -> Piece {
        let (rows, columns) = (self.output.height as usize, self.output.width as usize);
        let all = Piece { rows: 0..rows, columns: 0..columns, blocks: 0..self.blocks() };
        if parts <= 1 {
            all
        } else if !self.parts_of_pixels() {
            Piece { blocks: part_of(all.blocks.end, 1, part, parts), ..all }
        } else if rows == 1 {
            Piece { columns: part_of(columns, T, part, parts), ..all }
        } else {
            Piece { rows: part_of(rows, 1, part, parts), ..all }
        }
    }

    /// Computes a piece of the output.
    ///
    /// # Safety
    /// `extent()` is some; `x`, `r` and `w` are readable and `y` writable for its lengths; the piece lies in the output; no
    /// element of the output is an element of an operand.
    #[inline(always)]
    pub(crate) unsafe fn run(&self, piece: Piece, x: *const f32, r: *const f32, w: *const f32, y: *mut f32) {
        let operands = Operands { x, r, w, y };
        // SAFETY: the caller's contract; the input's channels are adjacent where `channel` is one.
        unsafe {
            if const { T.is_multiple_of(4) } && self.pool.is_some() {
                if self.input.channel == 1 {
                    leaf::<A, T, N, true, true>(self, piece, operands)
                } else {
                    leaf::<A, T, N, false, true>(self, piece, operands)
                }
            } else if self.input.channel == 1 {
                leaf::<A, T, N, true, false>(self, piece, operands)
            } else {
                leaf::<A, T, N, false, false>(self, piece, operands)
            }
        }
    }
}

/// Rows, columns and blocks of channels of an output.
pub(crate) struct Piece {
    rows: Range<usize>,
    columns: Range<usize>,
    blocks: Range<usize>,
}

#[derive(Clone, Copy)]
struct Operands {
    x: *const f32,
    r: *const f32,
    w: *const f32,
    y: *mut f32,
}

/// A range of output rows or columns that have the same taps on the input.
#[derive(Clone, Copy)]
struct Run {
    begin: usize,
    end: usize,
    taps: Inside,
}

impl<A: Arithmetic, const T: usize, const N: usize> Conv2d<A, T, N> {
    /// The rows (axis 0) or columns (axis 1) whose windows lie wholly on the input.
    #[inline(always)]
    fn interior(&self, axis: usize) -> Range<usize> {
        let extent = if axis == 0 { self.input.height } else { self.input.width } as usize;
        let (pad, stride) = (self.pads[axis] as usize, self.strides[axis] as usize);
        let reach = (self.kernel[axis] as usize - 1) * self.dilations[axis] as usize;
        div_ceil(pad, stride)..div_ceil((extent + pad).saturating_sub(reach), stride)
    }

    /// A run that begins at `begin` and ends before `limit`, along rows (axis 0) or columns (axis 1).
    #[inline(always)]
    fn run_from(&self, axis: usize, interior: &Range<usize>, begin: usize, limit: usize) -> Run {
        if interior.contains(&begin) {
            return Run { begin, end: limit.min(interior.end), taps: Inside { begin: 0, end: self.kernel[axis] as usize } };
        }
        let extent = if axis == 0 { self.input.height } else { self.input.width };
        let (kernel, stride, dilation, pad) = (self.kernel[axis], self.strides[axis], self.dilations[axis], self.pads[axis]);
        let taps = |at| taps_inside(kernel, stride, dilation, pad, extent, at);
        let first = taps(begin);
        let mut end = begin + 1;
        while end < limit && taps(end) == first {
            end += 1;
        }
        Run { begin, end, taps: first }
    }

    /// Cuts a piece of the output into rectangles of pixels that have the same taps.
    #[inline(always)]
    fn for_each_rectangle(&self, interior: &[Range<usize>; 2], [rows, columns]: [Range<usize>; 2], mut work: impl FnMut(Run, Run)) {
        let mut row = rows.start;
        while row < rows.end {
            let run = self.run_from(0, &interior[0], row, rows.end);
            let mut column = columns.start;
            while column < columns.end {
                let columns = self.run_from(1, &interior[1], column, columns.end);
                work(run, columns);
                column = columns.end;
            }
            row = run.end;
        }
    }

    /// Work of one block of channels under tiles of `pixels` pixels: the number of tiles, and the sum of their taps.
    pub fn tiles(&self, pixels: usize) -> [u64; 2] {
        let mut total = [0, 0];
        let interior = [self.interior(0), self.interior(1)];
        for_each_band(self.band, [0..self.output.height as usize, 0..self.output.width as usize], |piece| {
            if self.pool.is_some() {
                let tiles: usize = self.windows(piece).iter().map(|windows| windows.tiles(pixels)).sum();
                total = [total[0] + tiles as u64, total[1] + tiles as u64];
                return;
            }
            self.for_each_rectangle(&interior, piece, |rows, columns| {
                let taps = (rows.taps.end - rows.taps.begin) * (columns.taps.end - columns.taps.begin);
                let tiles = cut(pixels, rows.end - rows.begin, columns.end - columns.begin, taps * self.depth as usize).1 as u64;
                total = [total[0] + tiles, total[1] + tiles * taps as u64];
            });
        });
        total
    }
}

/// Whether `output` is half of `input`, rounded down or up.
const fn halves(output: u32, input: u32) -> bool {
    output == input / 2 || output == input.div_ceil(2)
}

/// # Safety
/// As [`Conv2d::run`]; with `DENSE` the input's channels are adjacent, and `POOLED` says whether there is a pool.
#[inline(never)]
unsafe fn leaf<A: Arithmetic, const T: usize, const N: usize, const DENSE: bool, const POOLED: bool>(
    g: &Conv2d<A, T, N>,
    piece: Piece,
    at: Operands,
) {
    let block_len = N + (g.kernel[0] as usize) * (g.kernel[1] as usize) * (g.depth as usize) * N;
    let interior = [g.interior(0), g.interior(1)];
    let Piece { rows, columns, blocks } = piece;
    for_each_band(g.band, [rows, columns], |[rows, columns]| {
        let (mut w, mut index) = (at.w, 0);
        for group in 0..g.group as usize {
            let mut filter = 0;
            while filter < g.filters as usize {
                let block = Block {
                    w,
                    channel: group * g.depth as usize,
                    filter: group * g.filters as usize + filter,
                    valid: N.min(g.filters as usize - filter),
                };
                if blocks.contains(&index) {
                    if POOLED {
                        for windows in g.windows([rows.clone(), columns.clone()]) {
                            // SAFETY: the windows lie in the output.
                            unsafe { pooled::<A, T, N, DENSE>(g, at, block, windows) };
                        }
                    } else {
                        g.for_each_rectangle(&interior, [rows.clone(), columns.clone()], |rows, columns| {
                            // SAFETY: the runs' pixels lie inside the output and their taps inside the input.
                            unsafe { rectangle::<A, T, N, DENSE>(g, at, block, rows, columns) };
                        });
                    }
                }
                index += 1;
                w = w.wrapping_add(block_len);
                filter += N;
            }
        }
    });
}

/// Cuts an output into pieces of `band` rows and columns.
#[inline(always)]
fn for_each_band(band: [u32; 2], [rows, columns]: [Range<usize>; 2], mut work: impl FnMut([Range<usize>; 2])) {
    let mut row = rows.start;
    while row < rows.end {
        let last_row = rows.end.min(row + band[0] as usize);
        let mut column = columns.start;
        while column < columns.end {
            let last_column = columns.end.min(column + band[1] as usize);
            work([row..last_row, column..last_column]);
            column = last_column;
        }
        row = last_row;
    }
}

/// `N` output channels of one group.
#[derive(Clone, Copy)]
struct Block {
    w: *const f32,
    /// First input channel of the group.
    channel: usize,
    /// First output channel.
    filter: usize,
    /// How many of the `N` exist.
    valid: usize,
}

/// The quotient rounded up; zero for a divisor of zero, which no geometry with an extent has.
#[inline(always)]
#[allow(clippy::manual_div_ceil, clippy::manual_checked_ops, reason = "the standard functions are not inlined at opt-level z, and panic")]
fn div_ceil(a: usize, b: usize) -> usize {
    if b == 0 { 0 } else { (a + b - 1) / b }
}
