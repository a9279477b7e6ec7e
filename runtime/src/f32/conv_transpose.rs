//! Transposed convolution: each pixel of the output gathers the products that a scattering would add to it.

use core::ops::Range;

use crate::geometry::geometry;
use crate::kernel::map_kernel;
use crate::lanes::{Eight, Four, Sixteen, Vector};
use crate::rows::{Area, MapLeaf, Pointers, RowWindow, Wrap, map_rows};
use crate::views::{Extent, Pixels, small};

geometry! {
    /// Geometry of a transposed convolution. Tap k of a pixel of the output is the pixel of the input at
    /// `(at + pad - k * dilation) / stride`, where that is a whole number and on the map. Weights are `bias [channels]`, then
    /// `[group][kernel height][kernel width][input channels of a group][output channels of a group]`. Sums begin at the bias and run over
    /// (ky, kx, ci); every product is rounded before it is added.
    pub struct ConvTranspose2d [] [] {
        /// The map that is read.
        input: Pixels,
        /// The map that is written.
        output: Pixels,
    }
    options {
        /// Height and width of the kernel; one by default.
        kernel: [u32; 2] = [1, 1],
        /// How far pixels of the input lie apart in the output, in rows and pixels; one by default.
        strides: [u32; 2] = [1, 1],
        /// Distance between taps, in rows and pixels; one by default.
        dilations: [u32; 2] = [1, 1],
        /// Rows and pixels that are cut off above and left of what the taps reach; none by default.
        pads: [u32; 2] = [0, 0],
        /// Groups of channels; one by default.
        group: u32 = 1,
    }
    by_hand {}
    derived {}
}

impl ConvTranspose2d {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        let maps =
            self.input.height <= 1 << 30 && self.input.width <= 1 << 30 && self.output.height <= 1 << 30 && self.output.width <= 1 << 30;
        let below = self.kernel[0] as u64 * self.dilations[0] as u64;
        let right = self.kernel[1] as u64 * self.dilations[1] as u64;
        if !maps || below > 1 << 30 || right > 1 << 30 || !small(&self.kernel) || !small(&self.strides) || !small(&self.pads) {
            return None;
        }
        let groups = self.input.channels.is_multiple_of(self.group) && self.output.channels.is_multiple_of(self.group);
        if self.strides[0] == 0 || self.strides[1] == 0 || self.group == 0 || !groups {
            return None;
        }
        let taps = self.kernel[0] as u64 * self.kernel[1] as u64;
        let per_channel = match taps.checked_mul(self.depth() as u64) {
            Some(products) if products < u32::MAX as u64 => products + 1,
            _ => return None,
        };
        match (self.input.extent(), self.output.extent(), per_channel.checked_mul(self.output.channels as u64)) {
            (Some(x), Some(y), Some(w)) if w < u32::MAX as u64 && self.output.is_exclusive() => Some(Extent { x, r: 0, w: w as usize, y }),
            _ => None,
        }
    }

    /// Channels of the input in a group.
    pub const fn depth(&self) -> u32 {
        match self.input.channels.checked_div(self.group) {
            Some(depth) => depth,
            None => 0,
        }
    }

    /// Channels of the output in a group.
    pub const fn filters(&self) -> u32 {
        match self.output.channels.checked_div(self.group) {
            Some(filters) => filters,
            None => 0,
        }
    }

    /// What a row of the output is made of: of rows that share a quotient by the stride, all rows that any of them is made of.
    pub const fn row_window(&self) -> RowWindow {
        let (stride, pad) = (self.strides[0], self.pads[0]);
        let reach = self.kernel[0].saturating_sub(1).saturating_mul(self.dilations[0]);
        let above = match reach.saturating_sub(pad).checked_div(stride) {
            Some(above) => above,
            None => 0,
        };
        let below = match stride.saturating_sub(1).saturating_add(pad).checked_div(stride) {
            Some(below) => below,
            None => 0,
        };
        RowWindow { kernel: above.saturating_add(below).saturating_add(1), stride: 1, divisor: stride, dilation: 1, pad: above }
    }

    map_rows!(f32, f32 => f32);

    /// What computes an area of the output.
    #[inline(always)]
    pub(crate) fn leaf(&self) -> MapLeaf<Self> {
        area
    }

    /// The input row (axis 0) or column (axis 1) of tap `k` at output position `at`; none where it falls between pixels or beside them.
    #[inline(always)]
    fn tap(&self, axis: usize, at: usize, k: usize, extent: u32) -> Option<usize> {
        let stride = self.strides[axis] as usize;
        let reach = (at + self.pads[axis] as usize).checked_sub(k * self.dilations[axis] as usize)?;
        let i = reach.checked_div(stride)?;
        (i * stride == reach && i < extent as usize).then_some(i)
    }
}

map_kernel!([] ConvTranspose2d, f32, f32 => f32);

/// # Safety
/// As [`MapLeaf`].
#[inline(never)]
unsafe fn area(g: &ConvTranspose2d, rows: Range<usize>, columns: Range<usize>, x: *const f32, w: *const f32, y: *mut f32, wrap: Wrap) {
    let (depth, filters) = (g.depth() as usize, g.filters() as usize);
    let taps = (g.kernel[0] as usize).wrapping_mul(g.kernel[1] as usize);
    let window = g.row_window();
    for oy in rows {
        let first_row = window.origin(oy).wrapping_sub(window.pad as usize);
        for ox in columns.clone() {
            let at = oy.wrapping_mul(g.output.row as usize).wrapping_add(ox.wrapping_mul(g.output.pixel as usize));
            for group in 0..g.group as usize {
                let products = taps.wrapping_mul(depth).wrapping_mul(filters);
                let filter = group.wrapping_mul(filters);
                let pixel = Pixel {
                    g,
                    at: [oy, ox],
                    x: x.wrapping_add(group.wrapping_mul(depth).wrapping_mul(g.input.channel as usize)),
                    bias: w.wrapping_add(filter),
                    w: w.wrapping_add((g.output.channels as usize).wrapping_add(group.wrapping_mul(products))),
                    y: y.wrapping_add(at.wrapping_add(filter.wrapping_mul(g.output.channel as usize))),
                    first_row,
                    wrap,
                };
                let mut c = 0;
                // SAFETY: the group has these channels.
                unsafe {
                    if g.output.channel == 1 {
                        c = pixel.channels::<Sixteen, 4>(c, filters);
                        c = pixel.channels::<Sixteen, 1>(c, filters);
                        c = pixel.channels::<Eight, 1>(c, filters);
                        c = pixel.channels::<Four, 1>(c, filters);
                    }
                    while c < filters {
                        pixel.compute::<f32, 1>(c);
                        c += 1;
                    }
                }
            }
        }
    }
}

/// A group's channels of an output pixel.
struct Pixel<'a> {
    g: &'a ConvTranspose2d,
    /// Its row and its column.
    at: [usize; 2],
    /// The group's first channel of the input.
    x: *const f32,
    /// The group's bias.
    bias: *const f32,
    /// The group's first tap.
    w: *const f32,
    y: *mut f32,
    /// The row of the input that is the window's first; it wraps.
    first_row: usize,
    wrap: Wrap,
}

impl Pixel<'_> {
    /// Adjacent channels from `c` on, `B` vectors at a time as far as that goes; gives the first that is left.
    ///
    /// # Safety
    /// As [`MapLeaf`]; the group has `filters` channels.
    #[inline(always)]
    unsafe fn channels<V: Vector, const B: usize>(&self, mut c: usize, filters: usize) -> usize {
        while c + B * V::LANES <= filters {
            // SAFETY: the channels exist.
            unsafe { self.compute::<V, B>(c) };
            c += B * V::LANES;
        }
        c
    }

    /// `B` vectors of channels from `c` on.
    ///
    /// # Safety
    /// As [`MapLeaf`]; channels from `c` on exist for every lane, and are adjacent where there is more than one.
    #[inline(always)]
    unsafe fn compute<V: Vector, const B: usize>(&self, c: usize) {
        let g = self.g;
        let (depth, filters, kernel_width) = (g.depth() as usize, g.filters() as usize, g.kernel[1] as usize);
        // SAFETY: the taps lie on the map, since each is compared with its extent, and each has weights for every channel.
        unsafe {
            let mut sums = V::load_all::<B>(self.bias.add(c));
            for ky in 0..g.kernel[0] as usize {
                let Some(iy) = g.tap(0, self.at[0], ky, g.input.height) else { continue };
                let back = self.wrap.back_at(iy.wrapping_sub(self.first_row));
                let line = iy.wrapping_mul(g.input.row as usize).wrapping_sub(back);
                for kx in 0..kernel_width {
                    let Some(ix) = g.tap(1, self.at[1], kx, g.input.width) else { continue };
                    let mut x = self.x.wrapping_add(line.wrapping_add(ix.wrapping_mul(g.input.pixel as usize)));
                    let mut w = self.w.wrapping_add((ky * kernel_width + kx).wrapping_mul(depth).wrapping_mul(filters).wrapping_add(c));
                    for _ in 0..depth {
                        let (value, factors) = (V::splat(*x), V::load_all::<B>(w));
                        for b in 0..B {
                            sums[b] = sums[b].multiply_add::<false>(value, factors[b]);
                        }
                        x = x.wrapping_add(g.input.channel as usize);
                        w = w.wrapping_add(filters);
                    }
                }
            }
            let y = self.y.wrapping_add(c.wrapping_mul(g.output.channel as usize));
            for b in 0..B {
                sums[b].store(y.wrapping_add(b * V::LANES));
            }
        }
    }
}
