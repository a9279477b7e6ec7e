//! Convolution with any kernel, stride, pads, dilation and group; also the matrix product with constant weights (a 1x1 kernel).

use core::ops::Range;

use super::activation::Activation;
use crate::lanes::{add, multiply_add};
use crate::views::{Extent, Pixels, small, window_fits};

/// Geometry of a convolution whose register tile is `T` pixels by `N` output channels.
///
/// `y = activation(bias + sum over (ky, kx, ci) of x * w + residual)`, summed in that order; taps that fall on padding are left out.
/// Weights are packed by group and by blocks of `N` output channels, the last block padded with zeros:
/// `[group][filters / N rounded up] { bias [N], [kernel height][kernel width][depth][N] }`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conv2d<const T: usize, const N: usize> {
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
    /// Output rows that one pass over the weights computes.
    pub band: u32,
    /// What is applied to each result.
    pub activation: Activation,
}

impl<const T: usize, const N: usize> Conv2d<T, N> {
    /// The same convolution under another register tile; its weights are packed for that one.
    pub const fn retiled<const P: usize, const M: usize>(&self) -> Conv2d<P, M> {
        let Conv2d { input, output, residual, kernel, strides, dilations, pads, group, depth, filters, band, activation } = *self;
        Conv2d { input, output, residual, kernel, strides, dilations, pads, group, depth, filters, band, activation }
    }

    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        let Pixels { height, width, channels, .. } = self.output;
        let groups_fit = self.group as u64 * self.depth as u64 == self.input.channels as u64
            && self.group as u64 * self.filters as u64 == channels as u64;
        let steps = self.strides[0] > 0 && self.strides[1] > 0 && self.band > 0 && self.kernel[0] > 0 && self.kernel[1] > 0;
        let window = window_fits(&self.output, &self.strides, &self.kernel, &self.dilations) && small(&self.pads);
        if !groups_fit || !steps || !window || T == 0 || N == 0 {
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

    /// Computes the output rows `rows`.
    ///
    /// # Safety
    /// `extent()` is some; `x`, `r` and `w` are readable and `y` writable for its lengths; `rows` lies in the output; no
    /// element of the output is an element of an operand.
    #[inline(always)]
    pub(crate) unsafe fn run(&self, rows: Range<usize>, x: *const f32, r: *const f32, w: *const f32, y: *mut f32) {
        let operands = Operands { x, r, w, y };
        // SAFETY: the caller's contract; the input's channels are adjacent where `channel` is one.
        unsafe {
            if self.input.channel == 1 { leaf::<T, N, true>(self, rows, operands) } else { leaf::<T, N, false>(self, rows, operands) }
        }
    }
}

#[derive(Clone, Copy)]
struct Operands {
    x: *const f32,
    r: *const f32,
    w: *const f32,
    y: *mut f32,
}

/// The taps of a window that lie on the input.
#[derive(Clone, Copy, PartialEq)]
struct Taps {
    begin: usize,
    end: usize,
}

/// The taps of `kernel` at output position `at` that lie inside `extent`.
#[inline(always)]
fn taps_inside(kernel: u32, stride: u32, dilation: u32, pad: u32, extent: u32, at: usize) -> Taps {
    let (kernel, dilation, pad) = (kernel as usize, dilation as usize, pad as usize);
    let origin = at * stride as usize;
    let (mut begin, mut end) = (0, kernel);
    while begin < end && origin + begin * dilation < pad {
        begin += 1;
    }
    while end > begin && origin + (end - 1) * dilation >= extent as usize + pad {
        end -= 1;
    }
    Taps { begin, end }
}

/// A range of output rows or columns that have the same taps on the input.
#[derive(Clone, Copy)]
struct Run {
    begin: usize,
    end: usize,
    taps: Taps,
}

impl<const T: usize, const N: usize> Conv2d<T, N> {
    /// The longest run that begins at `begin` and ends before `limit`, along rows (axis 0) or columns (axis 1).
    #[inline(always)]
    fn run_from<const AXIS: usize>(&self, begin: usize, limit: usize) -> Run {
        let extent = if AXIS == 0 { self.input.height } else { self.input.width };
        let taps = |at| taps_inside(self.kernel[AXIS], self.strides[AXIS], self.dilations[AXIS], self.pads[AXIS], extent, at);
        let first = taps(begin);
        let mut end = begin + 1;
        while end < limit && taps(end) == first {
            end += 1;
        }
        Run { begin, end, taps: first }
    }
}

/// # Safety
/// As [`Conv2d::run`]; with `DENSE` the input's channels are adjacent.
#[inline(never)]
unsafe fn leaf<const T: usize, const N: usize, const DENSE: bool>(g: &Conv2d<T, N>, rows: Range<usize>, at: Operands) {
    let width = g.output.width as usize;
    let block_len = N + (g.kernel[0] as usize) * (g.kernel[1] as usize) * (g.depth as usize) * N;
    let mut first = rows.start;
    while first < rows.end {
        let last = rows.end.min(first + g.band as usize);
        let mut w = at.w;
        for group in 0..g.group as usize {
            let mut filter = 0;
            while filter < g.filters as usize {
                let block = Block {
                    w,
                    channel: group * g.depth as usize,
                    filter: group * g.filters as usize + filter,
                    valid: N.min(g.filters as usize - filter),
                };
                let mut y = first;
                while y < last {
                    let rows = g.run_from::<0>(y, last);
                    let mut x = 0;
                    while x < width {
                        let columns = g.run_from::<1>(x, width);
                        // SAFETY: the runs' pixels lie inside the output and their taps inside the input.
                        unsafe { rectangle::<T, N, DENSE>(g, at, block, rows, columns) };
                        x = columns.end;
                    }
                    y = rows.end;
                }
                w = w.wrapping_add(block_len);
                filter += N;
            }
        }
        first = last;
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

/// A rectangle of output pixels that have the same taps, cut into tiles along its rows, along its columns, or pixel after pixel
/// without regard to lines, whichever fills the tiles best. A last tile that is not full computes pixels twice, to the same bits.
///
/// # Safety
/// As [`leaf`]; the rectangle lies inside the output and the taps inside the input.
#[inline(always)]
unsafe fn rectangle<const T: usize, const N: usize, const DENSE: bool>(
    g: &Conv2d<T, N>,
    at: Operands,
    block: Block,
    rows: Run,
    columns: Run,
) {
    let taps = [rows.taps, columns.taps];
    let (height, width) = (rows.end - rows.begin, columns.end - columns.begin);
    let tiles = |lines: usize, length: usize| if length < T { usize::MAX } else { lines * length.div_ceil(T) };
    let (across, down, through) = (tiles(height, width), tiles(width, height), (height * width).div_ceil(T));
    let best = across.min(down);
    // Pixels in a line are cheaper to address, by about an eighth.
    if through < best - best / 8 {
        let mut next = [rows.begin, columns.begin];
        for _ in 0..through {
            let pixels = core::array::from_fn(|_| {
                let pixel = next;
                next[1] += 1;
                if next[1] == columns.end {
                    next = if next[0] + 1 < rows.end { [next[0] + 1, columns.begin] } else { pixel };
                }
                pixel
            });
            // SAFETY: the pixels lie inside the rectangle.
            unsafe { tile::<T, N, DENSE>(g, at, block, pixels, taps) };
        }
        return;
    }
    let across = across <= down;
    let (along, lines) = if across { (columns, rows) } else { (rows, columns) };
    for line in lines.begin..lines.end {
        let mut next = along.begin;
        while next < along.end {
            let start = next.min(along.end - T);
            let pixels = core::array::from_fn(|p| if across { [line, start + p] } else { [start + p, line] });
            // SAFETY: the pixels lie inside the rectangle.
            unsafe { tile::<T, N, DENSE>(g, at, block, pixels, taps) };
            next += T;
        }
    }
}

/// `T` pixels, given as (row, column), by `N` channels.
///
/// # Safety
/// As [`leaf`]; the pixels exist and `taps` lie inside the input for each of them.
#[inline(always)]
unsafe fn tile<const T: usize, const N: usize, const DENSE: bool>(
    g: &Conv2d<T, N>,
    at: Operands,
    block: Block,
    pixels: [[usize; 2]; T],
    [rows, columns]: [Taps; 2],
) {
    let (depth, map) = (g.depth as usize, &g.input);
    let channel = if DENSE { 1 } else { map.channel as usize };
    let steps = [g.strides[0] as usize * map.row as usize, g.strides[1] as usize * map.pixel as usize];
    let tap_steps = [g.dilations[0] as usize * map.row as usize, g.dilations[1] as usize * map.pixel as usize];
    let padding = g.pads[0] as usize * map.row as usize + g.pads[1] as usize * map.pixel as usize;
    let origins = pixels.map(|[y, x]| at.x.wrapping_add(y * steps[0] + x * steps[1] + block.channel * channel).wrapping_sub(padding));
    // SAFETY: the offsets below are those of taps and pixels inside the maps, and of weights inside the block.
    unsafe {
        let mut acc = [*block.w.cast::<[f32; N]>(); T];
        for ky in rows.begin..rows.end {
            for kx in columns.begin..columns.end {
                let x = origins.map(|origin| origin.wrapping_add(ky * tap_steps[0] + kx * tap_steps[1]));
                let w = block.w.add(N + (ky * g.kernel[1] as usize + kx) * depth * N);
                accumulate::<T, N, DENSE>(&mut acc, x, w, [depth, channel]);
            }
        }
        if let Some(map) = &g.residual {
            for (sums, pixel) in acc.iter_mut().zip(pixels) {
                add_residual(sums, at.r.add(offset(map, pixel, block.filter)), map, block.valid);
            }
        }
        g.activation.apply_tile(&mut acc);
        for (sums, pixel) in acc.iter().zip(pixels) {
            store(sums, at.y.add(offset(&g.output, pixel, block.filter)), &g.output, block.valid);
        }
    }
}

/// Where a channel of a pixel lies in its map.
#[inline(always)]
fn offset(map: &Pixels, [y, x]: [usize; 2], channel: usize) -> usize {
    y * map.row as usize + x * map.pixel as usize + channel * map.channel as usize
}

/// Adds the products of one tap: `depth` channels of `T` pixels.
///
/// # Safety
/// Every pointer of `x` is readable at `ci * channel` for each channel, `w` for `depth * N` values.
#[inline(always)]
unsafe fn accumulate<const T: usize, const N: usize, const DENSE: bool>(
    acc: &mut [[f32; N]; T],
    x: [*const f32; T],
    w: *const f32,
    [depth, channel]: [usize; 2],
) {
    let channel = if DENSE { 1 } else { channel };
    let mut sums = *acc;
    for ci in 0..depth {
        // SAFETY: the caller's contract.
        unsafe {
            let weights = *w.add(ci * N).cast::<[f32; N]>();
            for (sums, x) in sums.iter_mut().zip(x) {
                multiply_add(sums, *x.add(ci * channel), &weights);
            }
        }
    }
    *acc = sums;
}

/// # Safety
/// `r` is readable for `valid` channels of a pixel of `map`.
#[inline(always)]
unsafe fn add_residual<const N: usize>(sums: &mut [f32; N], r: *const f32, map: &Pixels, valid: usize) {
    // SAFETY: the caller's contract.
    unsafe {
        if valid == N && map.channel == 1 {
            add(sums, &*r.cast::<[f32; N]>());
        } else {
            for (n, sum) in sums.iter_mut().enumerate().take(valid) {
                *sum += *r.add(n * map.channel as usize);
            }
        }
    }
}

/// # Safety
/// `y` is writable for `valid` channels of a pixel of `map`.
#[inline(always)]
unsafe fn store<const N: usize>(sums: &[f32; N], y: *mut f32, map: &Pixels, valid: usize) {
    // SAFETY: the caller's contract.
    unsafe {
        if valid == N && map.channel == 1 {
            *y.cast::<[f32; N]>() = *sums;
        } else {
            for (n, sum) in sums.iter().enumerate().take(valid) {
                *y.add(n * map.channel as usize) = *sum;
            }
        }
    }
}
