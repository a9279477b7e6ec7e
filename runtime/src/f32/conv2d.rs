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
#[derive(Clone, Copy)]
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

/// # Safety
/// As [`Conv2d::run`]; with `DENSE` the input's channels are adjacent.
#[inline(never)]
unsafe fn leaf<const T: usize, const N: usize, const DENSE: bool>(g: &Conv2d<T, N>, rows: Range<usize>, at: Operands) {
    let width = g.output.width as usize;
    let columns = |ox| taps_inside(g.kernel[1], g.strides[1], g.dilations[1], g.pads[1], g.input.width, ox);
    let whole = |taps: Taps| taps.end - taps.begin == g.kernel[1] as usize;
    let mut inner = 0;
    while inner < width && !whole(columns(inner)) {
        inner += 1;
    }
    let mut outer = width;
    while outer > inner && !whole(columns(outer - 1)) {
        outer -= 1;
    }
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
                for oy in first..last {
                    let taps = taps_inside(g.kernel[0], g.strides[0], g.dilations[0], g.pads[0], g.input.height, oy);
                    let all = Taps { begin: 0, end: g.kernel[1] as usize };
                    // SAFETY: the taps lie inside the input, the pixels inside the output, the block inside the weights.
                    unsafe {
                        for ox in 0..inner {
                            tile::<1, T, N, DENSE>(g, at, block, [oy, ox], taps, columns(ox));
                        }
                        let mut ox = inner;
                        while ox + T <= outer {
                            tile::<T, T, N, DENSE>(g, at, block, [oy, ox], taps, all);
                            ox += T;
                        }
                        if ox < outer && outer - inner >= T {
                            // The last tile starts early: pixels are computed twice, to the same bits.
                            tile::<T, T, N, DENSE>(g, at, block, [oy, outer - T], taps, all);
                            ox = outer;
                        }
                        for ox in ox..width {
                            tile::<1, T, N, DENSE>(g, at, block, [oy, ox], taps, columns(ox));
                        }
                    }
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

/// `P` pixels by `N` channels of one output row.
///
/// # Safety
/// As [`leaf`]; pixels `ox .. ox + P` exist and `taps` lie inside the input for each of them.
#[inline(always)]
unsafe fn tile<const P: usize, const T: usize, const N: usize, const DENSE: bool>(
    g: &Conv2d<T, N>,
    at: Operands,
    block: Block,
    [oy, ox]: [usize; 2],
    rows: Taps,
    columns: Taps,
) {
    let (depth, pixel) = (g.depth as usize, g.input.pixel as usize);
    let channel = if DENSE { 1 } else { g.input.channel as usize };
    let step = g.strides[1] as usize * pixel;
    // SAFETY: the offsets below are those of taps and pixels inside the maps, and of weights inside the block.
    unsafe {
        let mut acc = [*block.w.cast::<[f32; N]>(); P];
        for ky in rows.begin..rows.end {
            let iy = oy * g.strides[0] as usize + ky * g.dilations[0] as usize - g.pads[0] as usize;
            let row = at.x.add(iy * g.input.row as usize + block.channel * channel);
            for kx in columns.begin..columns.end {
                let ix = ox * g.strides[1] as usize + kx * g.dilations[1] as usize - g.pads[1] as usize;
                let x = row.add(ix * pixel);
                let w = block.w.add(N + (ky * g.kernel[1] as usize + kx) * depth * N);
                accumulate::<P, N, DENSE>(&mut acc, x, w, [depth, step, channel]);
            }
        }
        if let Some(map) = &g.residual {
            let r = at.r.add(oy * map.row as usize + ox * map.pixel as usize + block.filter * map.channel as usize);
            add_residual(&mut acc, r, map, block.valid);
        }
        g.activation.apply_tile(&mut acc);
        let map = &g.output;
        let y = at.y.add(oy * map.row as usize + ox * map.pixel as usize + block.filter * map.channel as usize);
        store(&acc, y, map, block.valid);
    }
}

/// Adds the products of one tap: `depth` channels of `P` pixels, `step` apart.
///
/// # Safety
/// `x` is readable at `p * step + ci * channel` for each pixel and channel, `w` for `depth * N` values.
#[inline(always)]
unsafe fn accumulate<const P: usize, const N: usize, const DENSE: bool>(
    acc: &mut [[f32; N]; P],
    x: *const f32,
    w: *const f32,
    [depth, step, channel]: [usize; 3],
) {
    let channel = if DENSE { 1 } else { channel };
    let mut sums = *acc;
    let pixels: [*const f32; P] = core::array::from_fn(|p| x.wrapping_add(p * step));
    for ci in 0..depth {
        // SAFETY: the caller's contract.
        unsafe {
            let weights = *w.add(ci * N).cast::<[f32; N]>();
            for p in 0..P {
                multiply_add(&mut sums[p], *pixels[p].add(ci * channel), &weights);
            }
        }
    }
    *acc = sums;
}

/// # Safety
/// `r` is readable for `P` pixels of `valid` channels of `map`.
#[inline(always)]
unsafe fn add_residual<const P: usize, const N: usize>(acc: &mut [[f32; N]; P], r: *const f32, map: &Pixels, valid: usize) {
    for (p, sums) in acc.iter_mut().enumerate() {
        let r = r.wrapping_add(p * map.pixel as usize);
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
}

/// # Safety
/// `y` is writable for `P` pixels of `valid` channels of `map`.
#[inline(always)]
unsafe fn store<const P: usize, const N: usize>(acc: &[[f32; N]; P], y: *mut f32, map: &Pixels, valid: usize) {
    for (p, sums) in acc.iter().enumerate() {
        let y = y.wrapping_add(p * map.pixel as usize);
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
}
