//! Depthwise convolution of integers of 8 bits: every channel has one kernel of its own.

use core::marker::PhantomData;
use core::ops::Range;

use super::products::{ByteArithmetic, ChannelWindow};
use super::requantize::{Prepared, Requantize};
use crate::element::Element;
use crate::geometry::geometry;
use crate::kernel::map_kernel;
use crate::lanes::arithmetic::ChannelTaps;
use crate::rows::{Area, MapLeaf, Pointers, Wrap, map_rows, window_rows};
use crate::taps::{Inside, taps_inside};
use crate::views::{Extent, Pixels, small, window_fits};

/// Pixels of a tile, which share what is read of the weights. A core without vectors has tiles only of what is not computed by windows.
const PIXELS: usize = if cfg!(target_arch = "arm") { 1 } else { 4 };

geometry! {
    /// Geometry of a depthwise convolution of integers, by the unit `U`. Input and output have the same channels.
    ///
    /// `y = requantize(bias + sum over (ky, kx) of x * w)`, where taps that fall on padding count as `input_zero`: what that stands for is
    /// taken off in the bias. Weights are `i32`s: `bias [channels]`, `multiplier [channels]`, then bytes of
    /// `[kernel height][kernel width][channels]`, filled up to whole values, the lowest byte of a value first.
    pub struct QuantizedDepthwiseConv2d [F: Element, T: Element, U: ByteArithmetic] [F, T, U] {
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
        /// What taps on padding count as: the element of the input that stands for zero.
        input_zero: i32 = 0,
        /// What makes outputs of sums.
        requantize: Requantize = Requantize::DEFAULT,
    }
    by_hand {}
    derived {
        /// Both types, and the unit that makes the sums.
        elements: PhantomData<(F, T, U)> = PhantomData,
    }
}

impl<F: Element, T: Element, U: ByteArithmetic> QuantizedDepthwiseConv2d<F, T, U> {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        let window = window_fits(&self.input, &self.output, &self.strides, &self.kernel, &self.dilations);
        let limits = self.requantize.low <= self.requantize.high;
        if self.input.channels != self.output.channels || !window || !small(&self.pads) || !limits {
            return None;
        }
        let (taps, channels) = (self.kernel[0] as u64 * self.kernel[1] as u64, self.input.channels as u64);
        match (self.input.extent(), self.output.extent(), taps.checked_mul(channels)) {
            (Some(x), Some(y), Some(bytes)) if self.output.is_exclusive() => {
                let w = bytes.div_ceil(4) + 2 * channels;
                if w < u32::MAX as u64 / 4 { Some(Extent { x, r: 0, w: w as usize, y }) } else { None }
            }
            _ => None,
        }
    }

    window_rows!();
    map_rows!(F, i32 => T);

    /// What computes an area of the output.
    #[inline(always)]
    pub(crate) fn leaf(&self) -> MapLeaf<Self, F, i32, T> {
        Self::area
    }

    /// # Safety
    /// As [`MapLeaf`].
    #[inline(never)]
    unsafe fn area(&self, rows: Range<usize>, columns: Range<usize>, x: *const F, w: *const i32, y: *mut T, wrap: Wrap) {
        let (input, output) = (&self.input, &self.output);
        if U::WINDOWS && input.channel == 1 && output.channel == 1 && ChannelWindow::fits(self.kernel, input.channels) {
            // SAFETY: the caller's contract.
            return unsafe { self.windows(rows, columns, x, w, y, wrap) };
        }
        let whole = if PIXELS > 1 { self.whole_columns(&columns) } else { 0..0 };
        for oy in rows {
            let row = self.row(oy, x, w, y, wrap);
            let mut ox = columns.start;
            while ox < columns.end {
                // SAFETY: the pixels exist, and so do the taps on the input; where a tile begins further left, it computes pixels again.
                unsafe {
                    if PIXELS > 1 && whole.contains(&ox) && whole.len() >= PIXELS {
                        let first = ox.min(whole.end - PIXELS);
                        self.tile::<PIXELS>(&row, first, Inside { begin: 0, end: self.kernel[1] as usize });
                        ox = first + PIXELS;
                    } else {
                        self.tile::<1>(&row, ox, self.taps(1, ox));
                        ox += 1;
                    }
                }
            }
        }
    }

    /// [`area`](Self::area), a window at a time.
    ///
    /// # Safety
    /// As there; there are windows for the geometry, and channels are adjacent.
    #[inline(always)]
    unsafe fn windows(&self, rows: Range<usize>, columns: Range<usize>, x: *const F, w: *const i32, y: *mut T, wrap: Wrap) {
        let (input, output, channels) = (&self.input, &self.output, self.input.channels as usize);
        let weights = w.wrapping_add(channels).wrapping_add(channels).cast::<i8>();
        let mut window = ChannelWindow::new(w, channels, F::from_i32(self.input_zero).cast());
        let rule = Prepared::new(&self.requantize);
        let mut above = rows.start;
        while above < rows.end {
            let (taps_y, below) = self.alike(0, above, rows.end);
            let mut left = columns.start;
            while left < columns.end {
                let (taps_x, right) = self.alike(1, left, columns.end);
                self.list(&mut window, [taps_y, taps_x], wrap);
                for oy in above..below {
                    let x = x.wrapping_add(self.place(0, oy, 0).wrapping_mul(input.row as usize));
                    let y = y.wrapping_add(oy.wrapping_mul(output.row as usize));
                    for ox in left..right {
                        let x = x.wrapping_add(self.place(1, ox, 0).wrapping_mul(input.pixel as usize));
                        let y = y.wrapping_add(ox.wrapping_mul(output.pixel as usize));
                        // SAFETY: the pixel exists, and so do its taps on the input.
                        unsafe { U::write_window(&window, &rule, x, weights, y) };
                    }
                }
                left = right;
            }
            above = below;
        }
    }

    /// The taps along an axis that lie on the input, for a row or a column of the output, and where those end up to `end` that have the same.
    #[inline(always)]
    fn alike(&self, axis: usize, at: usize, end: usize) -> (Inside, usize) {
        let (inside, mut next) = (self.taps(axis, at), at + 1);
        while next < end && self.taps(axis, next) == inside {
            next += 1;
        }
        (inside, next)
    }

    /// Lists all taps of a window, of whose rows and columns those of `taps` lie on the input.
    #[inline(never)]
    fn list(&self, window: &mut ChannelWindow, [rows, columns]: [Inside; 2], wrap: Wrap) {
        let (input, channels) = (&self.input, self.input.channels as usize);
        let row_step = (self.dilations[0] as usize).wrapping_mul(input.row as usize);
        let step = (self.dilations[1] as usize).wrapping_mul(input.pixel as usize);
        let (mut inside, mut padding) = (0, 0);
        let (mut row, mut of_w) = (0usize, 0usize);
        for ky in 0..self.kernel[0] as usize {
            let mut of_x = row.wrapping_sub(wrap.back_at(ky));
            for kx in 0..self.kernel[1] as usize {
                let tap = [of_x.wrapping_mul(size_of::<F>()), of_w];
                if ky >= rows.begin && ky < rows.end && kx >= columns.begin && kx < columns.end {
                    inside += usize::from(window.put(inside, tap));
                } else if window.pads() {
                    padding += usize::from(window.put_back(padding, tap));
                }
                of_x = of_x.wrapping_add(step);
                of_w = of_w.wrapping_add(channels);
                // One tap after the other: written out, the loop is large.
                #[cfg(all(target_arch = "arm", not(miri)))]
                // SAFETY: no instruction.
                unsafe {
                    core::arch::asm!("", options(nostack, preserves_flags));
                }
            }
            row = row.wrapping_add(row_step);
        }
        window.set(inside, padding);
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
    #[cfg_attr(not(target_arch = "arm"), inline(always))]
    #[cfg_attr(target_arch = "arm", inline(never))]
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

    /// Where row `oy` of the output finds its operands.
    #[inline(always)]
    fn row(&self, oy: usize, x: *const F, w: *const i32, y: *mut T, wrap: Wrap) -> Row<F, T> {
        let (input, channels) = (&self.input, self.input.channels as usize);
        let (sums, weights) = (w, w.wrapping_add(channels).wrapping_add(channels).cast::<i8>());
        let taps = self.taps(0, oy);
        let rows = |begin: usize, end: usize, back: usize| {
            let above = self.place(0, oy, begin).wrapping_mul(input.row as usize).wrapping_sub(back);
            let w = weights.wrapping_add(begin.wrapping_mul(self.kernel[1] as usize).wrapping_mul(channels));
            Rows { x: x.wrapping_add(above), w, count: end.saturating_sub(begin) }
        };
        let wrapped = wrap.tap.max(taps.begin).min(taps.end);
        let rows = [rows(taps.begin, wrapped, 0), rows(wrapped, taps.end, wrap.back)];
        Row { sums, weights, y: y.wrapping_add(oy.wrapping_mul(self.output.row as usize)), taps, rows }
    }

    /// `P` pixels of a row from `ox` on, whose windows have the same columns on the input.
    ///
    /// # Safety
    /// As [`MapLeaf`]; the pixels exist, and their windows' columns lie on the input.
    #[inline(always)]
    unsafe fn tile<const P: usize>(&self, row: &Row<F, T>, ox: usize, columns: Inside) {
        let (input, channels) = (&self.input, self.output.channels as usize);
        let width = columns.end.saturating_sub(columns.begin);
        let steps = [
            (self.dilations[0] as usize).wrapping_mul(input.row as usize),
            (self.dilations[1] as usize).wrapping_mul(input.pixel as usize),
        ];
        let bytes = |elements: usize| elements.wrapping_mul(size_of::<F>());
        let taps = |rows: usize| ChannelTaps {
            rows: if width == 0 { 0 } else { rows },
            columns: width,
            column: bytes(steps[1]),
            row: bytes(steps[0].wrapping_sub(steps[1].wrapping_mul(width))),
            weights_column: channels,
            weights_row: (self.kernel[1] as usize).wrapping_sub(width).wrapping_mul(channels),
        };
        let (x, w) = (self.place(1, ox, columns.begin).wrapping_mul(input.pixel as usize), columns.begin.wrapping_mul(channels));
        let segment = |rows: &Rows<F>| Segment { x: rows.x.wrapping_add(x), w: rows.w.wrapping_add(w), taps: taps(rows.count) };
        let [first, second] = &row.rows;
        let at = Tile {
            row,
            columns,
            is_padded: row.taps.end.saturating_sub(row.taps.begin) < self.kernel[0] as usize || width < self.kernel[1] as usize,
            segments: [segment(first), segment(second)],
            y: row.y.wrapping_add(ox.wrapping_mul(self.output.pixel as usize)),
        };
        let mut c = 0;
        // SAFETY: the channels exist; those that are computed together are adjacent in both maps.
        unsafe {
            if !U::WINDOWS && input.channel == 1 && self.output.channel == 1 {
                if PIXELS > 1 {
                    c = self.blocks::<P, MANY>(c, &at);
                    c = self.blocks::<P, SOME>(c, &at);
                }
                while c < channels && channels >= FEW {
                    // Those of the last block that are there already are computed again.
                    let first = c.min(channels - FEW);
                    self.block::<P, FEW>(first, &at);
                    c = first + FEW;
                }
            }
            while c < channels {
                self.block::<P, 1>(c, &at);
                c += 1;
            }
        }
    }

    /// The channels of a tile from `c` on, as far as whole blocks of `N` go; gives the first that is left.
    ///
    /// # Safety
    /// As [`tile`](Self::tile); the channels are adjacent.
    #[inline(always)]
    unsafe fn blocks<const P: usize, const N: usize>(&self, mut c: usize, at: &Tile<F, T>) -> usize {
        while c + N <= self.output.channels as usize {
            // SAFETY: the channels exist.
            unsafe { self.block::<P, N>(c, at) };
            c += N;
        }
        c
    }

    /// `N` channels in the pixels of a tile.
    ///
    /// # Safety
    /// As [`tile`](Self::tile); channels from `c` on exist, and more of them than one are adjacent.
    #[inline(always)]
    unsafe fn block<const P: usize, const N: usize>(&self, c: usize, at: &Tile<F, T>) {
        let (input, output, row) = (&self.input, &self.output, at.row);
        // Distances wrap as addresses do: with one pixel, or one tap, they may be of any size.
        let next = (input.pixel as usize).wrapping_mul(self.strides[1] as usize);
        // SAFETY: biases, multipliers and taps of the channels are there, and the outputs' places, by the caller's contract.
        unsafe {
            let mut biases = [*row.sums.wrapping_add(c).cast::<[i32; N]>()];
            if at.is_padded && self.input_zero != 0 {
                self.add_padding(&mut biases, row.weights.wrapping_add(c), [row.taps, at.columns]);
            }
            let [biases] = biases;
            let mut sums = [biases; P];
            for segment in at.segments.iter().filter(|segment| segment.taps.rows > 0) {
                let x = segment.x.wrapping_add(c.wrapping_mul(input.channel as usize));
                let x = core::array::from_fn(|p| x.wrapping_add(next.wrapping_mul(p)));
                U::add_taps(&segment.taps, x, segment.w.wrapping_add(c), &mut sums);
            }
            let (rule, multipliers) =
                (Prepared::new(&self.requantize), *row.sums.wrapping_add(output.channels as usize + c).cast::<[i32; N]>());
            for (p, sums) in sums.iter().enumerate() {
                let y = at.y.wrapping_add((output.pixel as usize).wrapping_mul(p)).wrapping_add(c.wrapping_mul(output.channel as usize));
                U::write(&rule, sums.as_ptr(), multipliers.as_ptr(), y, N);
            }
        }
    }

    /// Adds the products of taps on padding, which are those that lie not in `rows` and `columns`. `w` are the weights of the first tap.
    ///
    /// # Safety
    /// `w` is readable for the weights of `N` channels at every tap.
    #[inline(never)]
    unsafe fn add_padding<const N: usize>(&self, sums: &mut [[i32; N]; 1], w: *const i8, [rows, columns]: [Inside; 2]) {
        let padding = [F::from_i32(self.input_zero); N];
        let (channels, [height, width]) = (self.input.channels as usize, self.kernel.map(|extent| extent as usize));
        let above_and_below = [0..rows.begin, rows.end..height].map(|rows| (rows, 0..width));
        let left_and_right = [0..columns.begin, columns.end..width].map(|columns| (rows.begin..rows.end, columns));
        for (rows, columns) in above_and_below.into_iter().chain(left_and_right) {
            let [n_rows, n_columns] = [&rows, &columns].map(|taps| taps.end.saturating_sub(taps.start));
            let weights_row = width.wrapping_sub(n_columns).wrapping_mul(channels);
            let taps = ChannelTaps { rows: n_rows, columns: n_columns, column: 0, row: 0, weights_column: channels, weights_row };
            if n_rows > 0 && n_columns > 0 {
                let first = rows.start.wrapping_mul(width).wrapping_add(columns.start).wrapping_mul(channels);
                // SAFETY: the caller's contract; every tap reads the same padding.
                unsafe { U::add_taps(&taps, [padding.as_ptr()], w.wrapping_add(first), sums) };
            }
        }
    }
}

/// Channels that are computed together, where so many are left, and adjacent: by vectors of any machine that has them,
const MANY: usize = 16;
/// by shorter ones,
const SOME: usize = 8;
/// and what is left of them.
const FEW: usize = 4;

/// Where a row of the output finds its operands.
struct Row<F, T> {
    /// The biases, behind which the multipliers lie.
    sums: *const i32,
    /// Those of the first tap.
    weights: *const i8,
    y: *mut T,
    /// The rows of its windows that lie on the input.
    taps: Inside,
    /// Those before the ones that wrap in a ring, and these.
    rows: [Rows<F>; 2],
}

/// Rows of windows that lie in memory one behind the other, from the first column of the map and of the kernel on.
struct Rows<F> {
    x: *const F,
    w: *const i8,
    count: usize,
}

/// The same of a tile.
struct Segment<F> {
    x: *const F,
    w: *const i8,
    taps: ChannelTaps,
}

/// Where the first pixel of a tile finds its operands.
struct Tile<'a, F, T> {
    row: &'a Row<F, T>,
    /// The columns of its windows that lie on the input.
    columns: Inside,
    /// Whether some taps lie on padding.
    is_padded: bool,
    segments: [Segment<F>; 2],
    y: *mut T,
}

map_kernel!([F: Element, T: Element, U: ByteArithmetic,] QuantizedDepthwiseConv2d<F, T, U>, F, i32 => T);
