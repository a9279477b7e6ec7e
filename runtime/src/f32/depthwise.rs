//! Depthwise convolution: every channel has one kernel of its own.

#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))]
mod windows;

use core::marker::PhantomData;
use core::ops::Range;

use super::activation::Activation;
use super::epilogue::activate;
use crate::geometry::geometry;
use crate::kernel::map_kernel;
use crate::lanes::arithmetic::{ChannelTaps, FloatArithmetic};
use crate::lanes::{Eight, Four, Sixteen, Vector};
use crate::rows::{Area, MapLeaf, Pointers, Wrap, map_rows, window_rows};
use crate::taps::{Inside, taps_inside};
use crate::views::{Extent, Pixels, small, window_fits};

/// Pixels of a tile: as many sums as the sixteen registers of a small unit hold, and as many products as keep a large one busy.
const PIXELS: usize = 4;

geometry! {
    /// Geometry of a depthwise convolution. Input and output have the same channels; weights are `bias [channels]`, then
    /// `[kernel height][kernel width][channels]`. Sums run over (ky, kx); taps that fall on padding are left out.
    pub struct DepthwiseConv2d [A: FloatArithmetic] [A] {
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
        /// What is applied to each result; nothing by default.
        activation: Activation = Activation::Identity,
    }
    by_hand {}
    derived {
        /// The numeric class of the sums.
        arithmetic: PhantomData<A> = PhantomData,
    }
}

impl<A: FloatArithmetic> DepthwiseConv2d<A> {
    /// The same by another unit.
    pub const fn by<U: FloatArithmetic>(&self) -> DepthwiseConv2d<U> {
        let DepthwiseConv2d { input, output, kernel, strides, dilations, pads, activation, .. } = *self;
        DepthwiseConv2d { input, output, kernel, strides, dilations, pads, activation, arithmetic: PhantomData }
    }

    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        let window = window_fits(&self.input, &self.output, &self.strides, &self.kernel, &self.dilations);
        if self.input.channels != self.output.channels || !window || !small(&self.pads) {
            return None;
        }
        let taps = self.kernel[0] as u64 * self.kernel[1] as u64 + 1;
        match (self.input.extent(), self.output.extent(), taps.checked_mul(self.input.channels as u64)) {
            (Some(x), Some(y), Some(w)) if w < u32::MAX as u64 && self.output.is_exclusive() => Some(Extent { x, r: 0, w: w as usize, y }),
            _ => None,
        }
    }

    window_rows!();
    map_rows!(f32, f32 => f32);

    /// What computes an area of the output.
    #[inline(always)]
    pub(crate) fn leaf(&self) -> MapLeaf<Self> {
        #[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))]
        return self.windows().unwrap_or(Self::area);
        #[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))))]
        Self::area
    }

    /// # Safety
    /// As [`MapLeaf`].
    #[inline(never)]
    unsafe fn area(&self, rows: Range<usize>, columns: Range<usize>, x: *const f32, w: *const f32, y: *mut f32, wrap: Wrap) {
        let whole = self.whole_columns(&columns);
        for oy in rows {
            let row = Row { x, w, y, wrap, oy, taps: self.taps(0, oy) };
            let mut ox = columns.start;
            while ox < columns.end {
                // SAFETY: the pixels exist, and so do the taps on the input; where a tile begins further left, it computes pixels again.
                unsafe {
                    if !whole.contains(&ox) || whole.len() < PIXELS {
                        self.tile::<1>(&row, ox, self.taps(1, ox));
                        ox += 1;
                    } else {
                        let first = ox.min(whole.end - PIXELS);
                        self.tile::<PIXELS>(&row, first, Inside { begin: 0, end: self.kernel[1] as usize });
                        ox = first + PIXELS;
                    }
                }
            }
        }
    }

    /// Those of the columns whose windows lie on the input with all their columns.
    fn whole_columns(&self, columns: &Range<usize>) -> Range<usize> {
        let whole = Inside { begin: 0, end: self.kernel[1] as usize };
        let Range { mut start, mut end } = *columns;
        while start < end && self.taps(1, start) != whole {
            start += 1;
        }
        while start < end && self.taps(1, end - 1) != whole {
            end -= 1;
        }
        start..end
    }

    /// The taps along an axis that lie on the input, for a row or a column of the output.
    #[inline(always)]
    fn taps(&self, axis: usize, at: usize) -> Inside {
        let extent = [self.input.height, self.input.width][axis];
        taps_inside(self.kernel[axis], self.strides[axis], self.dilations[axis], self.pads[axis], extent, at)
    }

    /// The row or column of tap `tap` for a row or a column of the output.
    #[inline(always)]
    fn place(&self, axis: usize, at: usize, tap: usize) -> usize {
        let origin = (at * self.strides[axis] as usize).wrapping_sub(self.pads[axis] as usize);
        origin.wrapping_add(tap.wrapping_mul(self.dilations[axis] as usize))
    }

    /// `T` pixels of a row from `ox` on, whose windows have the same columns on the input.
    ///
    /// # Safety
    /// As [`MapLeaf`]; the pixels exist, and their windows' columns lie on the input.
    #[inline(always)]
    unsafe fn tile<const T: usize>(&self, row: &Row, ox: usize, columns: Inside) {
        let channels = self.output.channels as usize;
        let at = Tile::new(self, row, ox, columns);
        let mut c = 0;
        // SAFETY: the channels exist; those of a vector are adjacent where they are in both maps.
        unsafe {
            if self.input.channel == 1 && self.output.channel == 1 {
                c = self.vectors::<Sixteen, T>(c, &at);
                c = self.vectors::<Eight, T>(c, &at);
                c = self.vectors::<Four, T>(c, &at);
                if c < channels && channels >= Four::LANES {
                    // Those of the last vector that are there already are computed again.
                    self.sums::<Four, T>(channels - Four::LANES, &at);
                    return;
                }
            }
            while c < channels {
                self.sums::<f32, T>(c, &at);
                c += 1;
            }
        }
    }

    /// The channels of a tile from `c` on, as far as whole vectors go; gives the first that is left.
    ///
    /// # Safety
    /// As [`tile`](Self::tile); the channels are adjacent.
    #[inline(always)]
    unsafe fn vectors<V: Vector, const T: usize>(&self, mut c: usize, at: &Tile) -> usize {
        while c + V::LANES <= self.output.channels as usize {
            // SAFETY: the channels exist.
            unsafe { self.sums::<V, T>(c, at) };
            c += V::LANES;
        }
        c
    }

    /// The channels of a vector, in the pixels of a tile.
    ///
    /// # Safety
    /// As [`tile`](Self::tile); channels from `c` on exist for every lane, and with more lanes than one they are adjacent.
    #[inline(always)]
    unsafe fn sums<V: Vector, const T: usize>(&self, c: usize, at: &Tile) {
        let (input, output) = (&self.input, &self.output);
        // Distances wrap as addresses do: with one pixel, or one tap, they may be of any size.
        let next = (input.pixel as usize).wrapping_mul(self.strides[1] as usize);
        // SAFETY: the bias and the taps of the channels are there, and the outputs' places, by the caller's contract.
        unsafe {
            let mut sums = [[V::load(at.bias.wrapping_add(c))]; T];
            for segment in at.segments.iter().filter(|segment| segment.taps.rows > 0) {
                let x = segment.x.wrapping_add(c * input.channel as usize);
                let x = core::array::from_fn(|t| x.wrapping_add(next.wrapping_mul(t)));
                A::add_taps(&segment.taps, x, segment.w.wrapping_add(c), &mut sums);
            }
            self.activate(&mut sums);
            for (t, sums) in sums.iter().enumerate() {
                sums[0].store(at.y.wrapping_add((output.pixel as usize).wrapping_mul(t).wrapping_add(c * output.channel as usize)));
            }
        }
    }

    /// Applies the activation to the sums of a tile.
    #[inline(always)]
    fn activate<V: Vector, const T: usize>(&self, sums: &mut [[V; 1]; T]) {
        match self.activation {
            Activation::Clip(low, high) => A::clip_in_line(sums, low, high),
            activation => activate::<A, V, T, 1>(activation, sums),
        }
    }
}

/// A row of the output, and where the operands of its area begin.
struct Row {
    x: *const f32,
    w: *const f32,
    y: *mut f32,
    wrap: Wrap,
    oy: usize,
    /// The rows of its window.
    taps: Inside,
}

/// Where a tile's first channel finds its operands.
struct Tile {
    bias: *const f32,
    y: *mut f32,
    /// The rows of the windows before those that wrap in a ring, and these.
    segments: [Segment; 2],
}

/// Rows of a tile's windows that lie in memory one behind the other.
struct Segment {
    x: *const f32,
    w: *const f32,
    taps: ChannelTaps,
}

impl Tile {
    #[inline(always)]
    fn new<A: FloatArithmetic>(conv: &DepthwiseConv2d<A>, row: &Row, ox: usize, columns: Inside) -> Self {
        let (input, output) = (&conv.input, &conv.output);
        let channels = input.channels as usize;
        let [kernel_row, width] = [conv.kernel[1] as usize * channels, columns.end - columns.begin];
        let steps = [
            (conv.dilations[0] as usize).wrapping_mul(input.row as usize),
            (conv.dilations[1] as usize).wrapping_mul(input.pixel as usize),
        ];
        let bytes = |elements: usize| elements.wrapping_mul(size_of::<f32>());
        let segment = |rows: Range<usize>, back: usize| {
            let y = conv.place(0, row.oy, rows.start).wrapping_mul(input.row as usize).wrapping_sub(back);
            let x = conv.place(1, ox, columns.begin).wrapping_mul(input.pixel as usize);
            let taps = ChannelTaps {
                rows: if width == 0 { 0 } else { rows.end.saturating_sub(rows.start) },
                columns: width,
                column: bytes(steps[1]),
                row: bytes(steps[0].wrapping_sub(steps[1].wrapping_mul(width))),
                weights_column: bytes(channels),
                weights_row: bytes(kernel_row - width * channels),
            };
            let w = channels + rows.start * kernel_row + columns.begin * channels;
            Segment { x: row.x.wrapping_add(x.wrapping_add(y)), w: row.w.wrapping_add(w), taps }
        };
        let Inside { begin, end } = row.taps;
        let wrapped = row.wrap.tap.max(begin).min(end);
        let place = row.oy.wrapping_mul(output.row as usize).wrapping_add(ox * output.pixel as usize);
        Tile { bias: row.w, y: row.y.wrapping_add(place), segments: [segment(begin..wrapped, 0), segment(wrapped..end, row.wrap.back)] }
    }
}

map_kernel!([A: FloatArithmetic,] DepthwiseConv2d<A>, f32, f32 => f32);
