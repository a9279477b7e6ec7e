//! Convolution of integers of 8 bits.

mod pooled;
mod residual;
mod tiles;
mod windows;

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ops::Range;

pub use residual::QuantizedConv2dSum;

use self::tiles::tiles;
use super::products::{Block, ByteArithmetic, WeightOrder};
use super::requantize::{Prepared, Requantize};
use crate::conv2d::is_ring;
use crate::element::Element;
use crate::geometry::geometry;
use crate::kernel::map_kernel;
use crate::rows::{Area, Pointers, RowWindow, Wrap, areas};
use crate::views::{Extent, Pixels, small, window_fits};

geometry! {
    /// Geometry of a convolution of integers whose register tile is `P` pixels by `N` output channels, by the unit `U`.
    ///
    /// `y = requantize(bias + sum over (ky, kx, ci) of x * w)`, where taps that fall on padding count as `input_zero`: what that stands for is
    /// taken off in the bias. Weights are `i32`s, packed by group and by blocks of `N` output channels, the last block padded with zeros:
    /// `[group][filters / N rounded up] { bias [N], multiplier [N], bytes of N filters, filled up to whole values }`, the lowest byte of a
    /// value first. A filter has `[kernel height][kernel width][depth]` bytes, and zeros up to the end of a word of the unit's; those of a
    /// block lie in its [order](ByteArithmetic::ORDER). `depth` and `filters` are the input's and the output's channels of one group.
    pub struct QuantizedConv2d [F: Element, T: Element, U: ByteArithmetic, const P: usize, const N: usize] [F, T, U, P, N] {
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
        /// A map of the input's height and width that holds the channels behind those of `input`, as a concat of both would hold them: only
        /// for a 1x1 kernel of one group, with a stride of one and no padding. It is the second input.
        rest: Option<Pixels> = None,
        /// What taps on padding count as: the element of the input that stands for zero.
        input_zero: i32 = 0,
        /// What makes outputs of sums.
        requantize: Requantize = Requantize::DEFAULT,
        /// The least and the greatest of what is added for an average, kernel 2x2 and stride 2, as [`Requantize`] says; by default nothing lies
        /// between, and there is no average. Only for a 1x1 kernel of one group, with a stride of one and no padding. The output is the pooled
        /// map, rounded down or up: a last window may be cut off at the map's edge.
        averaged: [i32; 2] = [0, -1],
    }
    by_hand {}
    derived {
        /// Both types, and the unit that makes the sums.
        elements: PhantomData<(F, T, U)> = PhantomData,
    }
}

/// Computes rows and columns of the output.
///
/// # Safety
/// The geometry's `extent()` is some and the leaf is its own; `x`, `r` and `w` are readable and `y` writable for its lengths, moved as
/// `at_row` says where one row is computed, as `wrap` is; the area lies in the output; no element that is written is one that is read.
type Leaf<G, F, T> = unsafe fn(geometry: &G, area: [Range<usize>; 2], inputs: [*const F; 2], w: *const i32, y: *mut T, wrap: Wrap);

/// The rows that a convolution, with a sum behind it or without, reads for one of its output, and how pieces of its output are computed.
macro_rules! conv_rows {
    ($input:ty => $output:ty) => {
        areas!();

        /// Computes a piece of the output by this geometry's leaf.
        ///
        /// # Safety
        /// As [`Leaf`].
        #[inline(always)]
        pub(crate) unsafe fn run(&self, leaf: Leaf<Self, $input, $output>, area: Area, at: Pointers<$input, i32, $output>) {
            // SAFETY: the caller's contract.
            unsafe { leaf(self, [area.rows, area.columns], [at.x, at.r], at.w, at.y, at.wraps[0]) }
        }
    };
}
use conv_rows;

impl<F: Element, T: Element, U: ByteArithmetic, const P: usize, const N: usize> QuantizedConv2d<F, T, U, P, N> {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        let (input, output) = (&self.input, &self.output);
        let group = self.group;
        let grouped = group > 0 && input.channels.is_multiple_of(group) && output.channels.is_multiple_of(group);
        let Some(r) = self.rest_extent() else { return None };
        let tile = P > 0 && N > 0 && P <= MOST_TILE && N <= MOST_TILE;
        if !tile
            || self.requantize.low > self.requantize.high
            || !grouped
            || !self.pool_fits()
            || !window_fits(input, output, &self.strides, &self.kernel, &self.dilations)
            || !small(&self.pads)
        {
            return None;
        }
        match (input.extent(), output.extent(), self.weights(<U as ByteArithmetic>::ORDER, N as u32)) {
            (Some(x), Some(y), Some(w)) if output.is_exclusive() => Some(Extent { x, r, w, y }),
            _ => None,
        }
    }

    /// The length of the weights, packed in blocks of `block` output channels in this order, or none where its bytes exceed `u32` or
    /// there are no blocks.
    pub const fn weights(&self, order: WeightOrder, block: u32) -> Option<usize> {
        if block == 0 || self.group == 0 {
            return None;
        }
        let blocks = (self.output.channels / self.group).div_ceil(block) as u64 * self.group as u64;
        match (self.words_of(order, block) as u64).checked_mul(blocks) {
            Some(words) if words < u32::MAX as u64 / 4 => Some(words as usize),
            _ => None,
        }
    }

    /// The length of the rest, or none where it does not go with the input.
    const fn rest_extent(&self) -> Option<usize> {
        let Some(rest) = &self.rest else { return Some(0) };
        let QuantizedConv2d { input, output, .. } = self;
        // Every pixel of the output is one of the input.
        let inside = output.height <= input.height && output.width <= input.width;
        if self.is_pointwise() && rest.covers(input) && inside { rest.extent() } else { None }
    }

    /// Whether every pixel has a window of its own, which is that pixel of the input with all its channels.
    const fn is_pointwise(&self) -> bool {
        let QuantizedConv2d { kernel, strides, pads, group, .. } = *self;
        kernel[0] == 1 && kernel[1] == 1 && strides[0] == 1 && strides[1] == 1 && pads[0] == 0 && pads[1] == 0 && group == 1
    }

    /// Input channels of one group.
    const fn depth(&self) -> u32 {
        let rest = match &self.rest {
            None => 0,
            Some(rest) => rest.channels,
        };
        let channels = self.input.channels.saturating_add(rest);
        match self.group {
            0 => channels,
            group => channels / group,
        }
    }

    /// Bytes of a filter; saturating.
    const fn filter_bytes(&self) -> u32 {
        self.filter_in(<U as ByteArithmetic>::ORDER)
    }

    /// The same in any order.
    const fn filter_in(&self, order: WeightOrder) -> u32 {
        order.filter(self.kernel[0].saturating_mul(self.kernel[1]).saturating_mul(self.depth()))
    }

    /// Values of the packed weights that a block has; saturating.
    const fn block_words(&self) -> u32 {
        self.words_of(<U as ByteArithmetic>::ORDER, N as u32)
    }

    /// The same of any block.
    const fn words_of(&self, order: WeightOrder, block: u32) -> u32 {
        self.filter_in(order).saturating_mul(block).div_ceil(4).saturating_add(block.saturating_mul(2))
    }

    /// Whether there is an average.
    const fn averages(&self) -> bool {
        self.averaged[0] <= self.averaged[1]
    }

    /// What a row of the output is made of: a pool's window, or the kernel's.
    pub const fn row_window(&self) -> RowWindow {
        if self.averages() {
            return RowWindow::TWO;
        }
        RowWindow { kernel: self.kernel[0], stride: self.strides[0], divisor: 1, dilation: self.dilations[0], pad: self.pads[0] }
    }

    /// Whether every row of every map is stored.
    pub(crate) const fn is_whole(&self) -> bool {
        !self.input.is_ring() && !self.output.is_ring() && !is_ring(&self.rest)
    }

    /// Whether the rings of the input and of its rest hold all rows of one window.
    pub(crate) const fn holds_windows(&self) -> bool {
        self.row_window().held_by_both(&self.input, &self.rest)
    }

    /// A second input is the rest of the first.
    pub(crate) const fn second_row_apart(&self, _row: usize, _r: usize, _y: usize) -> bool {
        false
    }

    /// The pointers by which a leaf finds output row `row`, its window, and the first row of the rest.
    #[inline(always)]
    pub(crate) fn at_row(&self, row: usize, at: Pointers<F, i32, T>) -> Pointers<F, i32, T> {
        let first = if self.averages() { 2 * row } else { row };
        let r = self.rest.as_ref().map_or(0, |rest| rest.shift(first));
        Pointers { r: at.r.wrapping_add(r), ..at.moved(row, &self.row_window(), &self.input, &self.output) }
    }

    conv_rows!(F => T);

    /// What computes an area of the output.
    #[inline(always)]
    pub(crate) fn leaf(&self) -> Leaf<Self, F, T> {
        let rest = self.rest.as_ref().is_none_or(|rest| rest.channel == 1);
        match (self.input.channel == 1 && rest, self.averages()) {
            (true, false) => Self::area::<true>,
            (false, false) => Self::area::<false>,
            (true, true) => Self::pooled::<true>,
            (false, true) => Self::pooled::<false>,
        }
    }

    /// # Safety
    /// As [`Leaf`]; the channels of the input and of its rest are adjacent where `DENSE`.
    #[inline(never)]
    unsafe fn area<const DENSE: bool>(
        &self,
        [rows, columns]: [Range<usize>; 2],
        [x, r]: [*const F; 2],
        w: *const i32,
        y: *mut T,
        wrap: Wrap,
    ) {
        if columns.is_empty() {
            return;
        }
        let depth = self.depth() as usize;
        let n_filters = (self.output.channels as usize).checked_div(self.group as usize).unwrap_or(0);
        let reading = self.reading::<DENSE>();
        let window = if reading == Reading::Gathered { self.filter_bytes() as usize } else { 0 };
        let inner = [self.interior::<0>(), self.interior::<1>()];
        let maps = Maps { x, r, y, wrap, padding: [F::from_i32(self.input_zero); RUN], rule: Prepared::new(&self.requantize) };
        let (mut block, mut channel, mut first) = (w, 0, 0);
        for _ in 0..self.group {
            let strips =
                Strips { w: block, words: self.block_words() as usize, bytes: self.filter_bytes() as usize, channel, first, n_filters };
            // SAFETY: the pixels lie in the area, and the windows of those that are inside on the input.
            unsafe {
                if reading == Reading::Gathered && window <= RUN {
                    let distances = self.distances(&maps);
                    // What has been gathered serves all filters.
                    let tile = |places: &[[usize; 2]; P], n_pixels, is_inside| {
                        let mut gathered = [maps.padding; P];
                        self.gather_windows(&maps, channel, places, is_inside, &distances, &mut gathered);
                        for strip in strips.each::<N>() {
                            let mut sums = MaybeUninit::uninit();
                            U::begin(&mut sums, strip.w);
                            let sums = sums.assume_init_mut();
                            let runs = gathered.each_ref().map(|run| run.as_ptr());
                            // Up to the end of a word: what weights there are behind the window's are zeros.
                            U::add_run(sums, runs, strip.weights::<N>(), window, self.block(&strip));
                            self.finish(&strip, &maps, places, n_pixels, sums);
                        }
                    };
                    tiles(&rows, &columns, &inner, |places| tile(places, P, true), tile);
                } else {
                    for strip in strips.each::<N>() {
                        // Two functions, so that each is part of the loop that calls it, and this one knows of its pixels that they are adjacent.
                        let adjacent = |places: &[[usize; 2]; P]| {
                            let mut sums = MaybeUninit::uninit();
                            U::begin(&mut sums, strip.w);
                            let sums = sums.assume_init_mut();
                            match reading {
                                Reading::Runs { per_row, len } => self.add_runs(&strip, &maps, places, [per_row, len], sums),
                                Reading::Both => self.add_both::<DENSE>(&strip, &maps, places, sums),
                                Reading::Gathered => self.add_gathered(&strip, &maps, places, sums),
                            }
                            self.finish(&strip, &maps, places, P, sums);
                        };
                        let others = |places: &[[usize; 2]; P], n_pixels, is_inside| {
                            let mut sums = MaybeUninit::uninit();
                            U::begin(&mut sums, strip.w);
                            let sums = sums.assume_init_mut();
                            match reading {
                                Reading::Runs { per_row, len } if is_inside => {
                                    self.add_runs_apart(&strip, &maps, places, [per_row, len], sums);
                                }
                                Reading::Runs { .. } => self.add_taps(&strip, &maps, places, sums),
                                Reading::Both => self.add_both::<DENSE>(&strip, &maps, places, sums),
                                Reading::Gathered => self.add_gathered(&strip, &maps, places, sums),
                            }
                            self.finish(&strip, &maps, places, n_pixels, sums);
                        };
                        tiles(&rows, &columns, &inner, adjacent, others);
                    }
                }
            }
            block = block.wrapping_add(strips.words * n_filters.div_ceil(N));
            channel += depth;
            first += n_filters;
        }
    }

    /// How windows are read: without copying where that makes runs of some length, each of whole words of the weights.
    #[inline(always)]
    fn reading<const DENSE: bool>(&self) -> Reading {
        let (depth, [height, width]) = (self.depth() as usize, self.kernel.map(|extent| extent as usize));
        let word = <U as ByteArithmetic>::ORDER.word() as usize;
        let is_single = height == 1 && width == 1;
        if self.rest.is_some() {
            return Reading::Both;
        }
        if !DENSE || !is_single && (depth < SHORT || !depth.is_multiple_of(word)) {
            return Reading::Gathered;
        }
        // Taps of a row that follow each other in memory are one run.
        match self.input.pixel as usize == depth && self.dilations[1] == 1 {
            true => Reading::Runs { per_row: 1, len: width.wrapping_mul(depth) },
            false => Reading::Runs { per_row: width, len: depth },
        }
    }

    /// The rows (axis 0) or columns (axis 1) of the output whose windows lie wholly on the input.
    #[inline(never)]
    fn interior<const AXIS: usize>(&self) -> Range<usize> {
        let last = (self.kernel[AXIS] as usize).saturating_sub(1);
        let (extent, input) = if AXIS == 0 { (self.output.height, self.input.height) } else { (self.output.width, self.input.width) };
        let is_inside = |at: usize| self.tap(AXIS, at, 0, input).is_some() && self.tap(AXIS, at, last, input).is_some();
        let mut interior = 0..extent as usize;
        while interior.start < interior.end && !is_inside(interior.start) {
            interior.start += 1;
        }
        while interior.end > interior.start && !is_inside(interior.end - 1) {
            interior.end -= 1;
        }
        interior
    }

    /// The input row or column of tap `k` at output position `at`; none on padding.
    #[inline(always)]
    fn tap(&self, axis: usize, at: usize, k: usize, extent: u32) -> Option<usize> {
        let i = (at * self.strides[axis] as usize + k * self.dilations[axis] as usize).wrapping_sub(self.pads[axis] as usize);
        (i < extent as usize).then_some(i)
    }

    /// What runs of a block have in common.
    #[inline(always)]
    fn block(&self, strip: &Strip) -> Block {
        Block { filter: strip.bytes, valid: strip.valid }
    }

    /// Where the weights of byte `at` of a block's filters begin.
    #[inline(always)]
    fn weights_at(&self, strip: &Strip, at: usize) -> *const i8 {
        strip.weights::<N>().wrapping_add(<U as ByteArithmetic>::ORDER.place(at, 0, N, self.filter_bytes() as usize))
    }

    /// Makes outputs of the sums of the first `n_pixels`.
    ///
    /// # Safety
    /// The block's header exists, and the pixels lie in the output.
    #[inline(never)]
    unsafe fn finish(&self, strip: &Strip, maps: &Maps<'_, F, T>, places: &[[usize; 2]; P], n_pixels: usize, sums: &[[i32; N]; P]) {
        // SAFETY: the channels that exist, up to `N`, lie in the output.
        unsafe {
            if self.output.channel != 1 {
                return self.finish_apart(strip, maps, places, n_pixels, sums);
            }
            let mut y = [maps.y.wrapping_add(strip.filter); P];
            for (y, &[oy, ox]) in y.iter_mut().zip(places) {
                *y = y.wrapping_add(self.output.place(oy, ox));
            }
            // A number that is known is for vectors; of a loop that is not written out smaller cores have more.
            let count = if cfg!(not(target_arch = "arm")) && strip.valid == N { N } else { strip.valid };
            U::write_tile(&maps.rule, sums, strip.w.wrapping_add(N), y, n_pixels, count);
        }
    }

    /// As [`finish`](Self::finish), where the output's channels are not adjacent.
    ///
    /// # Safety
    /// As there.
    #[cfg_attr(not(target_arch = "arm"), inline(always))]
    #[cfg_attr(target_arch = "arm", inline(never))]
    unsafe fn finish_apart(&self, strip: &Strip, maps: &Maps<'_, F, T>, places: &[[usize; 2]; P], n_pixels: usize, sums: &[[i32; N]; P]) {
        let step = U::place::<P, N>(0, 1);
        let channel = self.output.channel as usize;
        for (q, &[oy, ox]) in places.iter().take(n_pixels).enumerate() {
            let sums = (sums.as_ptr().cast::<i32>().wrapping_add(U::place::<P, N>(q, 0)), step);
            let at = self.output.place(oy, ox).wrapping_add(strip.filter.wrapping_mul(channel));
            // SAFETY: the channels that exist, up to `N`, lie in the output.
            unsafe { self.requantize.write_apart(sums, strip.w.wrapping_add(N), (maps.y.wrapping_add(at), channel), strip.valid) };
        }
    }
}

/// The most pixels, or output channels, of a register tile.
const MOST_TILE: usize = 64;

/// Channels of a run where some pixels' are padding, or are copied.
const RUN: usize = 64;

/// Fewer channels of a tap are copied, as what each run costs beside its products is more.
const SHORT: usize = 8;

/// How windows are read.
#[derive(Clone, Copy, PartialEq)]
enum Reading {
    /// Where they lie, so many runs a row of the kernel.
    Runs { per_row: usize, len: usize },
    /// By copies.
    Gathered,
    /// Of two maps.
    Both,
}

/// The blocks of a group's output channels.
struct Strips {
    /// Where the weights of the first begin.
    w: *const i32,
    /// Values of the weights of each.
    words: usize,
    /// Bytes of a filter.
    bytes: usize,
    /// First input channel of the group.
    channel: usize,
    /// First output channel of the group.
    first: usize,
    n_filters: usize,
}

impl Strips {
    #[inline(always)]
    fn each<const N: usize>(&self) -> impl Iterator<Item = Strip> {
        (0..self.n_filters.div_ceil(N)).map(|block| Strip {
            w: self.w.wrapping_add(block * self.words),
            bytes: self.bytes,
            channel: self.channel,
            filter: self.first + block * N,
            valid: N.min(self.n_filters - block * N),
        })
    }
}

/// A block of output channels.
struct Strip {
    /// Where its weights begin.
    w: *const i32,
    /// Bytes of a filter.
    bytes: usize,
    /// First input channel of its group.
    channel: usize,
    /// Its first output channel.
    filter: usize,
    /// How many of its channels exist.
    valid: usize,
}

impl Strip {
    /// Where the bytes of its filters begin.
    #[inline(always)]
    fn weights<const N: usize>(&self) -> *const i8 {
        self.w.wrapping_add(2 * N).cast()
    }
}

/// Where input and output lie, a run of padding, and what makes outputs of sums.
struct Maps<'a, F, T> {
    x: *const F,
    /// The rest of the input.
    r: *const F,
    y: *mut T,
    wrap: Wrap,
    padding: [F; RUN],
    rule: Prepared<'a>,
}

map_kernel!([F: Element, T: Element, U: ByteArithmetic, const P: usize, const N: usize,] QuantizedConv2d<F, T, U, P, N>, F, i32 => T);
