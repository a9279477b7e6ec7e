//! Convolution of integers of 8 bits.

use core::marker::PhantomData;
use core::ops::Range;

use super::products::{Block, ByteArithmetic};
use super::requantize::Requantize;
use crate::element::Element;
use crate::geometry::geometry;
use crate::kernel::map_kernel;
use crate::rows::{Area, MapLeaf, Pointers, Wrap, map_rows, window_rows};
use crate::views::{Extent, Pixels, small, window_fits};

geometry! {
    /// Geometry of a convolution of integers whose register tile is `P` pixels by `N` output channels, by the unit `U`.
    ///
    /// `y = requantize(bias + sum over (ky, kx, ci) of x * w)`, where taps that fall on padding count as `input_zero`: what that stands for is
    /// taken off in the bias. Weights are `i32`s, packed by group and by blocks of `N` output channels, the last block padded with zeros:
    /// `[group][filters / N rounded up] { bias [N], multiplier [N], bytes of N filters, filled up to whole values }`, the lowest byte of a
    /// value first. A filter has `[kernel height][kernel width][depth]` bytes, and those of a block lie in the unit's
    /// [order](ByteArithmetic::ORDER); `depth` and `filters` are the input's and the output's channels of one group.
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

impl<F: Element, T: Element, U: ByteArithmetic, const P: usize, const N: usize> QuantizedConv2d<F, T, U, P, N> {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        let (input, output) = (&self.input, &self.output);
        let group = self.group;
        let grouped = group > 0 && input.channels.is_multiple_of(group) && output.channels.is_multiple_of(group);
        let tile = P > 0 && N > 0 && P <= MOST_TILE && N <= MOST_TILE;
        if !tile
            || self.requantize.low > self.requantize.high
            || !grouped
            || !window_fits(input, output, &self.strides, &self.kernel, &self.dilations)
            || !small(&self.pads)
        {
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

    /// Bytes of a filter; saturating.
    const fn filter_bytes(&self) -> u32 {
        <U as ByteArithmetic>::ORDER.filter(self.kernel[0].saturating_mul(self.kernel[1]).saturating_mul(self.depth()))
    }

    /// Values of the packed weights that a block has; saturating.
    const fn block_words(&self) -> u32 {
        self.filter_bytes().saturating_mul(N as u32).div_ceil(4).saturating_add(2 * N as u32)
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
        if columns.is_empty() {
            return;
        }
        let depth = self.depth() as usize;
        let n_filters = (self.output.channels as usize).checked_div(self.group as usize).unwrap_or(0);
        let taps = self.kernel[0] as usize * self.kernel[1] as usize;
        let reading = self.reading::<DENSE>();
        let inner = [self.interior::<0>(), self.interior::<1>()];
        let maps = Maps { x, y, wrap, padding: [F::from_i32(self.input_zero); RUN] };
        let (mut block, mut channel, mut first) = (w, 0, 0);
        for _ in 0..self.group {
            let strips = Strips { w: block, words: self.block_words() as usize, channel, first, n_filters };
            // SAFETY: the pixels lie in the area, and the windows of those that are inside on the input.
            unsafe {
                if reading == Reading::Gathered && taps * depth <= RUN {
                    // What has been gathered serves all filters.
                    self.tiles(&rows, &columns, &inner, |places, n_pixels, is_inside| {
                        let mut gathered = [maps.padding; P];
                        self.gather_windows(&maps, channel, places, is_inside, &mut gathered);
                        for strip in strips.each::<N>() {
                            let mut sums = strip.biases::<N, P>();
                            U::add_run(
                                &mut sums,
                                gathered.each_ref().map(|run| run.as_ptr()),
                                strip.weights::<N>(),
                                taps * depth,
                                self.block(&strip),
                            );
                            self.finish(&strip, &maps, places, n_pixels, &sums);
                        }
                    });
                } else {
                    for strip in strips.each::<N>() {
                        self.tiles(&rows, &columns, &inner, |places, n_pixels, is_inside| {
                            let mut sums = strip.biases::<N, P>();
                            match reading {
                                Reading::Runs { per_row, len } if is_inside => {
                                    self.add_runs(&strip, &maps, places, [per_row, len], &mut sums)
                                }
                                Reading::Runs { .. } => self.add_taps(&strip, &maps, places, &mut sums),
                                Reading::Gathered => self.add_gathered(&strip, &maps, places, &mut sums),
                            }
                            self.finish(&strip, &maps, places, n_pixels, &sums);
                        });
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
        if !DENSE || !is_single && (depth < SHORT || !depth.is_multiple_of(word)) {
            return Reading::Gathered;
        }
        // Taps of a row that follow each other in memory are one run.
        match self.input.pixel as usize == depth && self.dilations[1] == 1 {
            true => Reading::Runs { per_row: 1, len: width * depth },
            false => Reading::Runs { per_row: width, len: depth },
        }
    }

    /// Calls `each` with the pixels of every tile of an area, how many those are, and whether they all are inside: `P` adjacent ones, where
    /// that is so. Other tiles, as borders are narrow, go on in the next row; what they have behind their last pixel is the first again.
    #[inline(always)]
    fn tiles(
        &self,
        rows: &Range<usize>,
        columns: &Range<usize>,
        inner: &[Range<usize>; 2],
        mut each: impl FnMut(&[[usize; 2]; P], usize, bool),
    ) {
        let end = inner[1].end.min(columns.end);
        let is_inside = |[oy, ox]: [usize; 2]| inner[0].contains(&oy) && inner[1].start <= ox && ox + P <= end;
        let after = |[oy, ox]: [usize; 2], n: usize| if ox + n == columns.end { [oy + 1, columns.start] } else { [oy, ox + n] };
        let mut next = [rows.start, columns.start];
        while next[0] < rows.end {
            if is_inside(next) {
                let [oy, ox] = next;
                next = after(next, P);
                each(&core::array::from_fn(|p| [oy, ox + p]), P, true);
                continue;
            }
            let (mut places, mut n_pixels) = ([next; P], 0);
            for place in &mut places {
                if next[0] < rows.end && (n_pixels == 0 || !is_inside(next)) {
                    *place = next;
                    n_pixels += 1;
                    next = after(next, 1);
                }
            }
            each(&places, n_pixels, false);
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
        Block { filter: self.filter_bytes() as usize, valid: strip.valid }
    }

    /// Where the weights of byte `at` of a block's filters begin.
    #[inline(always)]
    fn weights_at(&self, strip: &Strip, at: usize) -> *const i8 {
        strip.weights::<N>().wrapping_add(<U as ByteArithmetic>::ORDER.place(at, 0, N, self.filter_bytes() as usize))
    }

    /// Where the windows of pixels begin, which may be before the input.
    #[inline(always)]
    fn origins(&self, maps: &Maps<F, T>, channel: usize, places: &[[usize; 2]; P]) -> [*const F; P] {
        let input = &self.input;
        let first = |at: usize, axis: usize| (at * self.strides[axis] as usize).wrapping_sub(self.pads[axis] as usize);
        let channel = channel.wrapping_mul(input.channel as usize);
        places.map(|[oy, ox]| {
            let row = first(oy, 0).wrapping_mul(input.row as usize);
            maps.x.wrapping_add(row.wrapping_add(first(ox, 1).wrapping_mul(input.pixel as usize)).wrapping_add(channel))
        })
    }

    /// What leads from a window's beginning to a tap.
    #[inline(always)]
    fn distance(&self, maps: &Maps<F, T>, ky: usize, kx: usize) -> usize {
        let row = (ky * self.dilations[0] as usize).wrapping_mul(self.input.row as usize).wrapping_sub(maps.wrap.back_at(ky));
        row.wrapping_add((kx * self.dilations[1] as usize).wrapping_mul(self.input.pixel as usize))
    }

    /// Whether a tap of the window at a place lies on the input.
    #[inline(always)]
    fn is_on_input(&self, [oy, ox]: [usize; 2], ky: usize, kx: usize) -> bool {
        self.tap(0, oy, ky, self.input.height).is_some() && self.tap(1, ox, kx, self.input.width).is_some()
    }

    /// Adds the products of windows that lie on the input, run by run.
    ///
    /// # Safety
    /// As [`MapLeaf`]; the windows of the places lie on the input.
    #[inline(always)]
    unsafe fn add_runs(
        &self,
        strip: &Strip,
        maps: &Maps<F, T>,
        places: &[[usize; 2]; P],
        [per_row, len]: [usize; 2],
        sums: &mut [[i32; N]; P],
    ) {
        let origins = self.origins(maps, strip.channel, places);
        let mut at = 0;
        for ky in 0..self.kernel[0] as usize {
            for kx in 0..per_row {
                let distance = self.distance(maps, ky, kx);
                // SAFETY: the caller's contract.
                unsafe { U::add_run(sums, origins.map(|x| x.wrapping_add(distance)), self.weights_at(strip, at), len, self.block(strip)) };
                at += len;
            }
        }
    }

    /// Adds the products of windows tap by tap: some lie on padding.
    ///
    /// # Safety
    /// As [`MapLeaf`]; the places lie in the output.
    #[inline(never)]
    unsafe fn add_taps(&self, strip: &Strip, maps: &Maps<F, T>, places: &[[usize; 2]; P], sums: &mut [[i32; N]; P]) {
        let (depth, origins) = (self.depth() as usize, self.origins(maps, strip.channel, places));
        let mut at = 0;
        for ky in 0..self.kernel[0] as usize {
            for kx in 0..self.kernel[1] as usize {
                let (distance, on_input) = (self.distance(maps, ky, kx), places.map(|place| self.is_on_input(place, ky, kx)));
                let n_on_input = on_input.iter().filter(|is_on_input| **is_on_input).count();
                let nothing = n_on_input == 0 && self.input_zero == 0;
                let longest = if n_on_input == P { depth } else { RUN };
                let mut done = if nothing { depth } else { 0 };
                while done < depth {
                    let len = longest.min(depth - done);
                    let mut x = origins.map(|x| x.wrapping_add(distance).wrapping_add(done));
                    for (x, on_input) in x.iter_mut().zip(on_input) {
                        *x = if on_input { *x } else { maps.padding.as_ptr() };
                    }
                    // SAFETY: the tap's channels lie on the input, and padding is as long as the run.
                    unsafe { U::add_run(sums, x, self.weights_at(strip, at + done), len, self.block(strip)) };
                    done += len;
                }
                at += depth;
            }
        }
    }

    /// Adds the products of windows that are copied first, part by part.
    ///
    /// # Safety
    /// As [`MapLeaf`]; the places lie in the output.
    #[inline(never)]
    unsafe fn add_gathered(&self, strip: &Strip, maps: &Maps<F, T>, places: &[[usize; 2]; P], sums: &mut [[i32; N]; P]) {
        let values = self.kernel[0] as usize * self.kernel[1] as usize * self.depth() as usize;
        let mut gathered = [maps.padding; P];
        let mut at = 0;
        while at < values {
            let len = RUN.min(values - at);
            // SAFETY: the caller's contract.
            unsafe {
                self.gather(maps, strip.channel, places, at, len, &mut gathered);
                U::add_run(sums, gathered.each_ref().map(|run| run.as_ptr()), self.weights_at(strip, at), len, self.block(strip));
            }
            at += len;
        }
    }

    /// Copies windows, which are no longer than a run.
    ///
    /// # Safety
    /// As [`MapLeaf`]; the places lie in the output, and their windows on the input where they are inside.
    #[inline(never)]
    unsafe fn gather_windows(
        &self,
        maps: &Maps<F, T>,
        channel: usize,
        places: &[[usize; 2]; P],
        is_inside: bool,
        gathered: &mut [[F; RUN]; P],
    ) {
        let (depth, [height, width]) = (self.depth() as usize, self.kernel.map(|extent| extent as usize));
        let (step, pixel) = (self.input.channel as usize, (self.dilations[1] as usize).wrapping_mul(self.input.pixel as usize));
        for ((to, origin), place) in gathered.iter_mut().zip(self.origins(maps, channel, places)).zip(places) {
            let mut to = to.as_mut_ptr();
            for ky in 0..height {
                let mut x = origin.wrapping_add(self.distance(maps, ky, 0));
                for kx in 0..width {
                    let end = to.wrapping_add(depth);
                    if is_inside || self.is_on_input(*place, ky, kx) {
                        let mut x = x;
                        while to != end {
                            // SAFETY: the channel lies on the input, and the window in the run.
                            unsafe { *to = *x };
                            (to, x) = (to.wrapping_add(1), x.wrapping_add(step));
                        }
                    }
                    (to, x) = (end, x.wrapping_add(pixel));
                }
            }
        }
    }

    /// Copies `len` values of windows from value `at` on.
    ///
    /// # Safety
    /// As [`MapLeaf`]; the places lie in the output.
    #[inline(never)]
    unsafe fn gather(
        &self,
        maps: &Maps<F, T>,
        channel: usize,
        places: &[[usize; 2]; P],
        at: usize,
        len: usize,
        gathered: &mut [[F; RUN]; P],
    ) {
        let (depth, width, step) = (self.depth() as usize, self.kernel[1] as usize, self.input.channel as usize);
        let origins = self.origins(maps, channel, places);
        // Counted, as not every core divides.
        let [mut ky, mut kx, mut c] = [0, 0, at];
        let after = |ky: usize, kx: usize| if kx + 1 == width { [ky + 1, 0] } else { [ky, kx + 1] };
        while c >= depth && depth > 0 {
            [ky, kx] = after(ky, kx);
            c -= depth;
        }
        let mut done = 0;
        while done < len.min(RUN) {
            let here = (depth - c).min(len - done);
            let distance = self.distance(maps, ky, kx).wrapping_add(c.wrapping_mul(step));
            for ((gathered, origin), place) in gathered.iter_mut().zip(origins).zip(places) {
                let is_on_input = self.is_on_input(*place, ky, kx);
                let mut x = origin.wrapping_add(distance);
                for value in gathered.iter_mut().skip(done).take(here) {
                    // SAFETY: the channel lies on the input.
                    *value = if is_on_input { unsafe { *x } } else { maps.padding[0] };
                    x = x.wrapping_add(step);
                }
            }
            [ky, kx] = after(ky, kx);
            c = 0;
            done += here;
        }
    }

    /// Makes outputs of the sums of the first `n_pixels`.
    ///
    /// # Safety
    /// The block's header exists, and the pixels lie in the output.
    #[inline(never)]
    unsafe fn finish(&self, strip: &Strip, maps: &Maps<F, T>, places: &[[usize; 2]; P], n_pixels: usize, sums: &[[i32; N]; P]) {
        let (output, channel) = (&self.output, self.output.channel as usize);
        let multipliers = strip.w.wrapping_add(N);
        for (&[oy, ox], sums) in places.iter().zip(sums).take(n_pixels) {
            let at = oy.wrapping_mul(output.row as usize).wrapping_add(ox.wrapping_mul(output.pixel as usize));
            let y = maps.y.wrapping_add(at.wrapping_add(strip.filter.wrapping_mul(channel)));
            // A number that is known is for vectors; of a loop that is not written out smaller cores have more.
            let known = cfg!(not(target_arch = "arm")) && strip.valid == N;
            // SAFETY: the channels that exist, up to `N`, lie in the output.
            unsafe {
                if channel != 1 {
                    for n in 0..strip.valid {
                        *y.wrapping_add(n * channel) = T::from_i32(self.requantize.apply(*sums.as_ptr().add(n), *multipliers.add(n)));
                    }
                } else {
                    U::write(&self.requantize, sums.as_ptr(), multipliers, y, if known { N } else { strip.valid });
                }
            }
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
}

/// The blocks of a group's output channels.
struct Strips {
    /// Where the weights of the first begin.
    w: *const i32,
    /// Values of the weights of each.
    words: usize,
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
    /// First input channel of its group.
    channel: usize,
    /// Its first output channel.
    filter: usize,
    /// How many of its channels exist.
    valid: usize,
}

impl Strip {
    /// The sums of `P` pixels before any product.
    ///
    /// # Safety
    /// The block's header exists.
    #[inline(always)]
    unsafe fn biases<const N: usize, const P: usize>(&self) -> [[i32; N]; P] {
        // SAFETY: the caller's contract.
        [unsafe { *self.w.cast::<[i32; N]>() }; P]
    }

    /// Where the bytes of its filters begin.
    #[inline(always)]
    fn weights<const N: usize>(&self) -> *const i8 {
        self.w.wrapping_add(2 * N).cast()
    }
}

/// Where input and output lie, and a run of padding.
struct Maps<F, T> {
    x: *const F,
    y: *mut T,
    wrap: Wrap,
    padding: [F; RUN],
}

map_kernel!([F: Element, T: Element, U: ByteArithmetic, const P: usize, const N: usize,] QuantizedConv2d<F, T, U, P, N>, F, i32 => T);
