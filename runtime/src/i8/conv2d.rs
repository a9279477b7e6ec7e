//! Convolution of integers of 8 bits, in plain Rust.

use core::marker::PhantomData;
use core::ops::Range;

use super::requantize::Requantize;
use crate::element::Element;
use crate::geometry::geometry;
use crate::kernel::map_kernel;
use crate::rows::{Area, MapLeaf, Pointers, Wrap, map_rows, window_rows};
use crate::views::{Extent, Pixels, small, window_fits};

geometry! {
    /// Geometry of a convolution of integers whose register tile is `P` pixels by `N` output channels.
    ///
    /// `y = requantize(bias + sum over (ky, kx, ci) of x * w)`, where taps that fall on padding count as `input_zero`: what that stands for is
    /// taken off in the bias. Weights are `i32`s, packed by group and by blocks of `N` output channels, the last block padded with zeros:
    /// `[group][filters / N rounded up] { bias [N], multiplier [N], [kernel height][kernel width][depth][N] bytes, filled up to whole values }`,
    /// the lowest byte of a value first, where `depth` and `filters` are the input's and the output's channels of one group.
    pub struct QuantizedConv2d [F: Element, T: Element, const P: usize, const N: usize] [F, T, P, N] {
        /// The map that is read.
        input: Pixels,
        /// The map that is written.
        output: Pixels,
    }
    options {
        /// Height and width of the kernel; one by default.
        kernel: [u32; 2] = [1, 1],
        /// Distance between windows, in rows and pixels; one by default.
        strides: [u32; 2] = [1, 1],
        /// Distance between taps, in rows and pixels; one by default.
        dilations: [u32; 2] = [1, 1],
        /// Rows of padding above and pixels of padding left of the input; none by default.
        pads: [u32; 2] = [0, 0],
        /// Number of groups.
        group: u32 = 1,
        /// What taps on padding count as: the input that stands for zero.
        input_zero: i32 = 0,
        /// What makes outputs of sums.
        requantize: Requantize = Requantize::DEFAULT,
    }
    by_hand {}
    derived {
        /// Both types.
        elements: PhantomData<(F, T)> = PhantomData,
    }
}

impl<F: Element, T: Element, const P: usize, const N: usize> QuantizedConv2d<F, T, P, N> {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        let (input, output) = (&self.input, &self.output);
        let group = self.group;
        let grouped = group > 0 && input.channels.is_multiple_of(group) && output.channels.is_multiple_of(group);
        let tile = P > 0 && N > 0 && P <= MOST_TILE && N <= MOST_TILE;
        if !tile || !grouped || !window_fits(input, output, &self.strides, &self.kernel, &self.dilations) || !small(&self.pads) {
            return None;
        }
        let blocks = (output.channels / group).div_ceil(N as u32) as u64 * group as u64;
        match (input.extent(), output.extent(), (self.block_words() as u64).checked_mul(blocks)) {
            (Some(x), Some(y), Some(w)) if w < u32::MAX as u64 / 4 && output.is_exclusive() => Some(Extent { x, r: 0, w: w as usize, y }),
            _ => None,
        }
    }

    /// Input channels of one group.
    const fn depth(&self) -> u32 {
        match self.group {
            0 => self.input.channels,
            group => self.input.channels / group,
        }
    }

    /// Values of the packed weights that a block has; saturating.
    const fn block_words(&self) -> u32 {
        let bytes = self.kernel[0].saturating_mul(self.kernel[1]).saturating_mul(self.depth()).saturating_mul(N as u32);
        bytes.div_ceil(4).saturating_add(2 * N as u32)
    }

    window_rows!();
    map_rows!(F, i32 => T);

    /// What computes an area of the output.
    #[inline(always)]
    pub(crate) fn leaf(&self) -> MapLeaf<Self, F, i32, T> {
        if self.input.channel == 1 { Self::area::<true> } else { Self::area::<false> }
    }

    /// # Safety
    /// As [`MapLeaf`]; the input's channels are adjacent where `DENSE`.
    #[inline(never)]
    unsafe fn area<const DENSE: bool>(&self, rows: Range<usize>, columns: Range<usize>, x: *const F, w: *const i32, y: *mut T, wrap: Wrap) {
        let n_filters = (self.output.channels as usize).checked_div(self.group as usize).unwrap_or(0);
        let interior = self.interior();
        let (mut block, mut channel, mut first) = (w, 0, 0);
        for _ in 0..self.group {
            let mut filter = 0;
            while filter < n_filters {
                let strip = Strip { w: block, channel, filter: first + filter, valid: N.min(n_filters - filter) };
                for oy in rows.clone() {
                    let line = Line { x, y, oy, wrap };
                    let is_whole = self.is_inside(0, oy, self.input.height);
                    let mut ox = columns.start;
                    while ox < columns.end {
                        // SAFETY: the pixels lie in the area.
                        unsafe {
                            if is_whole && interior.start <= ox && ox + P <= interior.end.min(columns.end) {
                                self.tile::<P, DENSE, true>(&strip, &line, ox);
                                ox += P;
                            } else {
                                self.tile::<1, DENSE, false>(&strip, &line, ox);
                                ox += 1;
                            }
                        }
                    }
                }
                block = block.wrapping_add(self.block_words() as usize);
                filter += N;
            }
            channel += self.depth() as usize;
            first += n_filters;
        }
    }

    /// The columns whose windows lie wholly on the input.
    #[inline(always)]
    fn interior(&self) -> Range<usize> {
        let width = self.output.width as usize;
        let mut interior = 0..width;
        while interior.start < width && !self.is_inside(1, interior.start, self.input.width) {
            interior.start += 1;
        }
        while interior.end > interior.start && !self.is_inside(1, interior.end - 1, self.input.width) {
            interior.end -= 1;
        }
        interior
    }

    /// Whether all taps of the windows at row (axis 0) or column (axis 1) `at` lie inside `extent`.
    #[inline(always)]
    fn is_inside(&self, axis: usize, at: usize, extent: u32) -> bool {
        self.tap(axis, at, 0, extent).is_some() && self.tap(axis, at, (self.kernel[axis] as usize).saturating_sub(1), extent).is_some()
    }

    /// The input row or column of tap `k` at output position `at`; none on padding.
    #[inline(always)]
    fn tap(&self, axis: usize, at: usize, k: usize, extent: u32) -> Option<usize> {
        let i = (at * self.strides[axis] as usize + k * self.dilations[axis] as usize).wrapping_sub(self.pads[axis] as usize);
        (i < extent as usize).then_some(i)
    }

    /// `Q` pixels of a line from column `ox` on, of which all taps lie inside where `WHOLE`.
    ///
    /// # Safety
    /// As [`MapLeaf`]; the pixels lie in the output.
    #[inline(always)]
    unsafe fn tile<const Q: usize, const DENSE: bool, const WHOLE: bool>(&self, strip: &Strip, line: &Line<F, T>, ox: usize) {
        let (input, output) = (&self.input, &self.output);
        let (depth, kernel) = (self.depth() as usize, self.kernel.map(|extent| extent as usize));
        // SAFETY: the block's header and weights, the taps inside the input, and the channels of the pixels exist.
        unsafe {
            let mut sums = [*strip.w.cast::<[i32; N]>(); Q];
            let mut w = strip.w.add(2 * N).cast::<[i8; N]>();
            let channel = strip.channel.wrapping_mul(input.channel as usize);
            let step = (self.strides[1] as usize).wrapping_mul(input.pixel as usize);
            if WHOLE {
                // Taps of a row that follow each other in memory are one run.
                let joined = DENSE && input.pixel as usize == depth && self.dilations[1] == 1;
                let (runs, len) = if joined { (1, kernel[1] * depth) } else { (kernel[1], depth) };
                let first = |at: usize, axis: usize| (at * self.strides[axis] as usize).wrapping_sub(self.pads[axis] as usize);
                let row = first(line.oy, 0).wrapping_mul(input.row as usize);
                let column = first(ox, 1).wrapping_mul(input.pixel as usize);
                let mut row = line.x.wrapping_add(row.wrapping_add(column).wrapping_add(channel));
                for ky in 0..kernel[0] {
                    let mut x = row.wrapping_sub(line.wrap.back_at(ky));
                    for _ in 0..runs {
                        let pixels = core::array::from_fn(|p| x.wrapping_add(p.wrapping_mul(step)));
                        add_run::<F, Q, N, DENSE>(&mut sums, pixels, input.channel as usize, w, len);
                        x = x.wrapping_add((self.dilations[1] as usize).wrapping_mul(input.pixel as usize));
                        w = w.add(len);
                    }
                    row = row.wrapping_add((self.dilations[0] as usize).wrapping_mul(input.row as usize));
                }
            } else {
                for ky in 0..kernel[0] {
                    let iy = self.tap(0, line.oy, ky, input.height);
                    for kx in 0..kernel[1] {
                        if let (Some(iy), Some(ix)) = (iy, self.tap(1, ox, kx, input.width)) {
                            let row = iy.wrapping_mul(input.row as usize).wrapping_sub(line.wrap.back_at(ky));
                            let at = ix.wrapping_mul(input.pixel as usize).wrapping_add(channel);
                            let x = line.x.wrapping_add(row.wrapping_add(at));
                            let pixels = core::array::from_fn(|p| x.wrapping_add(p.wrapping_mul(step)));
                            add_run::<F, Q, N, DENSE>(&mut sums, pixels, input.channel as usize, w, depth);
                        } else {
                            for at in 0..depth {
                                add_products(&mut sums, [self.input_zero; Q], &*w.add(at));
                            }
                        }
                        w = w.add(depth);
                    }
                }
            }
            let multipliers = strip.w.add(N);
            let row = line.oy.wrapping_mul(output.row as usize);
            for (p, sums) in sums.iter().enumerate() {
                let at = row.wrapping_add((ox + p).wrapping_mul(output.pixel as usize));
                let y = line.y.wrapping_add(at.wrapping_add(strip.filter.wrapping_mul(output.channel as usize)));
                for (n, &sum) in sums.iter().enumerate().take(strip.valid) {
                    *y.add(n * output.channel as usize) = T::from_i32(self.requantize.apply(sum, *multipliers.add(n)));
                }
            }
        }
    }
}

/// Adds the products of a run of channels, which lie `step` apart, of some pixels. Out of line, so that a core with few registers has them
/// for the sums.
///
/// # Safety
/// Each of `x` is readable for `len` channels, `w` for their weights.
#[inline(never)]
unsafe fn add_run<F: Element, const Q: usize, const N: usize, const DENSE: bool>(
    sums: &mut [[i32; N]; Q],
    mut x: [*const F; Q],
    step: usize,
    w: *const [i8; N],
    len: usize,
) {
    let step = if DENSE { 1 } else { step };
    let mut here = *sums;
    let (mut w, end) = (w, w.wrapping_add(len));
    while w != end {
        // SAFETY: the caller's contract.
        unsafe { add_products(&mut here, x.map(|x| (*x).cast::<i32>()), &*w) };
        x = x.map(|x| x.wrapping_add(step));
        w = w.wrapping_add(1);
        // Loads of a later round would take registers that the sums need, where these fill a core that has no vectors.
        #[cfg(all(target_arch = "arm", not(miri)))]
        if N < 8 {
            // SAFETY: no instruction.
            unsafe { core::arch::asm!("", options(nostack, preserves_flags)) };
        }
    }
    *sums = here;
}

/// The most pixels, or output channels, of a register tile.
const MOST_TILE: usize = 64;

/// Adds the products of a channel of some pixels with its weights.
#[inline(always)]
fn add_products<const Q: usize, const N: usize>(sums: &mut [[i32; N]; Q], x: [i32; Q], w: &[i8; N]) {
    for (sums, x) in sums.iter_mut().zip(x) {
        for (sum, &w) in sums.iter_mut().zip(w) {
            *sum = sum.wrapping_add(x.wrapping_mul(i32::from(w)));
        }
    }
}

/// A block of output channels.
struct Strip {
    /// Where its weights begin.
    w: *const i32,
    /// First input channel of its group.
    channel: usize,
    /// Its first output channel.
    filter: usize,
    /// How many of its channels exist.
    valid: usize,
}

/// A row of the output.
struct Line<F, T> {
    x: *const F,
    y: *mut T,
    oy: usize,
    wrap: Wrap,
}

map_kernel!([F: Element, T: Element, const P: usize, const N: usize,] QuantizedConv2d<F, T, P, N>, F, i32 => T);
