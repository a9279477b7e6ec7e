//! Convolution with any kernel, stride, pads, dilation and group; also the matrix product with constant weights (a 1x1 kernel).

#![allow(clippy::needless_range_loop, reason = "loops over lanes are written by index, as the lanes of several arrays go together")]

mod pooled;
mod rectangles;
mod tiles;

use core::marker::PhantomData;
use core::ops::Range;

use pooled::pooled;
use rectangles::for_each_band;
use tiles::rectangle;

use crate::executor::part_of;
use crate::f32::pool::PoolKind;
use crate::geometry::geometry;
use crate::kernel::map_kernel;
use crate::lanes::arithmetic::sealed::Sums;
use crate::lanes::arithmetic::{Arithmetic, Ends};
use crate::rows::{Pointers, RowWindow, Wrap};
use crate::views::{Extent, Pixels, small, window_fits};

/// The most pixels, or output channels, of a register tile.
const MOST_TILE: usize = 256;

geometry! {
    /// Geometry of a convolution whose register tile is `T` pixels by `N` output channels.
    ///
    /// `y = activation(bias + sum over (ky, kx, ci) of x * w + residual)`, summed in that order; taps that fall on padding are left out.
    /// Weights are packed by group and by blocks of `N` output channels, the last block padded with zeros:
    /// `[group][filters / N rounded up] { bias [N], [kernel height][kernel width][depth][N] }`, where `depth` and `filters` are the input's
    /// and the output's channels of one group.
    pub struct Conv2d [A: Arithmetic, const T: usize, const N: usize] [A, T, N] {
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
        /// Rows of padding above and pixels of padding left of the input, none by default; below and right it is what the output's size
        /// asks for.
        pads: [u32; 2] = [0, 0],
        /// A map of the output's size that is added before the activation: the second input.
        residual: Option<Pixels> = None,
        /// What makes outputs of sums; over `f32` an activation. Nothing by default.
        epilogue: A::Epilogue = A::IDENTITY,
        /// A pool, kernel 2x2 and stride 2, of what the convolution would give, which must be 1x1 with a stride of one, no padding and no
        /// residual. The output is the pooled map, rounded down or up: a last window may be cut off at the map's edge. `T` must be a
        /// multiple of four.
        pool: Option<PoolKind> = None,
        /// Output rows and columns that one pass over the weights computes; all by default.
        band: [u32; 2] = [u32::MAX, u32::MAX],
        /// Whether the leaf is the one that serves every geometry. It must be where [`needs_general`](Self::needs_general) says so: where
        /// rows of a window may wrap in the input's ring, and where there is a rest. It should be where rows are computed, since that leaf
        /// has narrow tiles for what does not fill a tile, and where a program links it anyway.
        general: bool = false,
    }
    by_hand {
        /// A map of the input's height and width that holds the channels behind those of `input`.
        rest: Option<Pixels> = None,
        /// Number of groups.
        group: u32 = 1,
    }
    derived {
        /// Input channels of one group.
        depth: u32 = input.channels,
        /// Output channels of one group.
        filters: u32 = output.channels,
        /// The numeric class of the sums, and the unit that makes them.
        arithmetic: PhantomData<A> = PhantomData,
    }
}

impl<A: Arithmetic, const T: usize, const N: usize> Conv2d<A, T, N> {
    /// With the channels behind those of `input` in a map of its height and width, as a concat of both would hold them: only for a 1x1
    /// kernel of one group, with a stride of one, no padding and no residual. It is the second input.
    #[must_use]
    pub const fn rest(mut self, rest: Option<Pixels>) -> Self {
        self.rest = rest;
        self.grouped()
    }

    /// With the channels in so many groups.
    #[must_use]
    pub const fn group(mut self, group: u32) -> Self {
        self.group = group;
        self.grouped()
    }

    /// The same by another unit.
    pub const fn by<U: Arithmetic<Epilogue = A::Epilogue>>(&self) -> Conv2d<U, T, N> {
        let Conv2d { input, output, kernel, strides, dilations, pads, residual, epilogue, pool, band, general, rest, group, .. } = *self;
        let (depth, filters, arithmetic) = (self.depth, self.filters, PhantomData);
        Conv2d {
            input,
            output,
            kernel,
            strides,
            dilations,
            pads,
            residual,
            epilogue,
            pool,
            band,
            general,
            rest,
            group,
            depth,
            filters,
            arithmetic,
        }
    }

    /// The same over other maps.
    #[must_use]
    pub const fn over(mut self, input: Pixels, output: Pixels) -> Self {
        (self.input, self.output) = (input, output);
        self.grouped()
    }

    /// Input channels of one group.
    pub const fn depth(&self) -> u32 {
        self.depth
    }

    /// Output channels of one group.
    pub const fn filters(&self) -> u32 {
        self.filters
    }

    const fn grouped(mut self) -> Self {
        let channels = self.input.channels.saturating_add(channels_of(&self.rest));
        (self.depth, self.filters) = match self.group {
            0 => (0, 0),
            group => (channels / group, self.output.channels / group),
        };
        self
    }

    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        let tile = 0 < T && T <= MOST_TILE && 0 < N && N <= MOST_TILE;
        let fits = self.groups_fit() && self.window_fits() && self.pool_fits() && self.rest_fits();
        if !tile || !fits || self.needs_general() && !self.general {
            return None;
        }
        let (Some(x), Some(y), Some(r)) = (self.input.extent(), self.output.extent(), self.second_extent()) else { return None };
        match self.weights(N as u32) {
            Some(w) if self.output.is_exclusive() => Some(Extent { x, r, w, y }),
            _ => None,
        }
    }

    /// The length of the weights, packed in blocks of `block` output channels, or none where it exceeds `u32`.
    pub const fn weights(&self, block: u32) -> Option<usize> {
        let [height, width] = self.kernel;
        let blocks = match block {
            0 => return None,
            block => self.filters.div_ceil(block),
        };
        let factors = [height, width, self.depth.div_ceil(A::WORD as u32)];
        let (mut filter, mut index) = (1u64, 0);
        while index < factors.len() {
            filter = match filter.checked_mul(factors[index] as u64) {
                Some(product) if product < u32::MAX as u64 => product,
                _ => return None,
            };
            index += 1;
        }
        // Each factor is less than 2^32.
        let Some(lanes) = (self.group as u64 * blocks as u64).checked_mul(block as u64) else { return None };
        match lanes.checked_mul(filter + A::HEADER as u64) {
            Some(all) if all < u32::MAX as u64 => Some(all as usize),
            _ => None,
        }
    }

    /// Whether all groups together have the channels of both maps.
    const fn groups_fit(&self) -> bool {
        let rest = channels_of(&self.rest) as u64;
        self.group as u64 * self.depth as u64 == self.input.channels as u64 + rest
            && self.group as u64 * self.filters as u64 == self.output.channels as u64
    }

    const fn window_fits(&self) -> bool {
        let Conv2d { kernel, strides, dilations, pads, band, .. } = self;
        let positive = strides[0] > 0 && strides[1] > 0 && band[0] > 0 && band[1] > 0 && kernel[0] > 0 && kernel[1] > 0;
        positive && window_fits(&self.input, &self.output, strides, kernel, dilations) && small(pads)
    }

    /// The length of the second input, or none where its map does not fit.
    const fn second_extent(&self) -> Option<usize> {
        match (&self.residual, &self.rest) {
            (None, None) => Some(0),
            (Some(map), None) if map.has_extents_of(&self.output) => map.extent(),
            (None, Some(map)) if map.covers(&self.input) => map.extent(),
            _ => None,
        }
    }

    /// Whether every pixel has a window of its own, which is that pixel of the input.
    const fn is_pointwise(&self) -> bool {
        let Conv2d { kernel, strides, pads, .. } = *self;
        kernel[0] == 1 && kernel[1] == 1 && strides[0] == 1 && strides[1] == 1 && pads[0] == 0 && pads[1] == 0
    }

    /// Whether there is no pool, or one that a tile can compute.
    const fn pool_fits(&self) -> bool {
        let halved = halves(self.output.height, self.input.height) && halves(self.output.width, self.input.width);
        self.pool.is_none() || T.is_multiple_of(4) && self.is_pointwise() && halved && self.residual.is_none()
    }

    /// Whether there is no rest, or one that can be read beside the input.
    const fn rest_fits(&self) -> bool {
        self.rest.is_none() || self.group == 1 && self.is_pointwise()
    }

    /// Whether only the general leaf serves: tiles of the other one have no second taps.
    pub const fn needs_general(&self) -> bool {
        self.rest.is_some() || self.input.is_ring() && self.kernel[0] > 1
    }

    /// Whether every row of every map is stored.
    pub(crate) const fn is_whole(&self) -> bool {
        !self.input.is_ring() && !self.output.is_ring() && !is_ring(&self.rest) && !is_ring(&self.residual)
    }

    /// What a row of the output is made of: a pool's window, or the kernel's.
    pub const fn row_window(&self) -> RowWindow {
        if self.pool.is_some() {
            return RowWindow::TWO;
        }
        RowWindow { kernel: self.kernel[0], stride: self.strides[0], divisor: 1, dilation: self.dilations[0], pad: self.pads[0] }
    }

    /// Whether the rings of the input and of its rest hold all rows of one window.
    pub(crate) const fn holds_windows(&self) -> bool {
        self.row_window().held_by_both(&self.input, &self.rest)
    }

    /// Whether the span of output row `row` shares no element with that of any input row that it is made of, where the input begins at
    /// `x` and the output at `y` of one buffer.
    pub(crate) const fn row_apart(&self, row: usize, x: usize, y: usize) -> bool {
        self.row_window().apart(row, x, &self.input, y, &self.output)
    }

    /// As `row_apart`, for the row of a residual; not where the second input is the rest of the first.
    pub(crate) const fn second_row_apart(&self, row: usize, r: usize, y: usize) -> bool {
        match &self.residual {
            Some(map) => RowWindow::SAME.apart(row, r, map, y, &self.output),
            None => false,
        }
    }

    /// The pointers by which a leaf finds output row `row`, its window and its residual. One copy for all layers, as it is called once a
    /// row.
    #[inline(never)]
    pub(crate) fn at_row(&self, row: usize, at: PointersOf<A>) -> PointersOf<A> {
        let (x, wrap) = self.row_window().place(&self.input, row);
        let (r, rest_wrap) = match (&self.rest, &self.residual) {
            (Some(map), _) => self.row_window().place(map, row),
            (None, Some(map)) => (map.shift(row), Wrap::NEVER),
            (None, None) => (0, Wrap::NEVER),
        };
        let y = at.y.wrapping_add(self.output.shift(row));
        Pointers { x: at.x.wrapping_add(x), r: at.r.wrapping_add(r), y, wraps: [wrap, rest_wrap], ..at }
    }

    fn n_blocks(&self) -> usize {
        self.group as usize * div_ceil(self.filters as usize, N)
    }

    /// Whether parts are made of pixels; else of channels, as the weights of a small map are what takes long to read.
    fn parts_of_pixels(&self, row: Option<usize>) -> bool {
        let tile = if self.pool.is_some() { T / 4 } else { T };
        match row {
            Some(_) => self.output.width as usize >= 4 * tile,
            None => self.output.height as usize * self.output.width as usize >= 16 * tile,
        }
    }

    /// Into how many parts the output, or its row `row`, can be cut, up to `most`.
    pub(crate) fn parts(&self, row: Option<usize>, most: usize) -> usize {
        let units = match self.output.height {
            _ if !self.parts_of_pixels(row) => self.n_blocks(),
            height if row.is_none() && height > 1 => height as usize,
            _ => self.output.width as usize / self.columns_step(),
        };
        most.min(units).max(1)
    }

    /// Columns of the output that a tile computes.
    const fn columns_step(&self) -> usize {
        if self.pool.is_some() && T >= 4 { T / 4 } else { T }
    }

    /// Part `part` of `parts`: a range of rows, of the columns where one row is computed, or of blocks of channels.
    #[inline(always)]
    pub(crate) fn piece(&self, row: Option<usize>, part: usize, parts: usize) -> Piece {
        let columns = self.output.width as usize;
        let rows = match row {
            Some(row) => row..row + 1,
            None => 0..self.output.height as usize,
        };
        let all = Piece { rows: rows.clone(), columns: 0..columns, blocks: 0..self.n_blocks() };
        if parts <= 1 {
            all
        } else if !self.parts_of_pixels(row) {
            Piece { blocks: part_of(all.blocks.end, 1, part, parts), ..all }
        } else if row.is_some() || rows.end == 1 {
            Piece { columns: part_of(columns, self.columns_step(), part, parts), ..all }
        } else {
            Piece { rows: part_of(rows.end, 1, part, parts), ..all }
        }
    }

    /// What computes a piece of the output. A geometry that is known when a layer is built links with the one leaf that it needs.
    #[inline(always)]
    pub(crate) fn leaf(&self) -> Leaf<Self, A> {
        if self.general { self.leaf_of::<true>() } else { self.leaf_of::<false>() }
    }

    /// Computes a piece of the output by this geometry's leaf.
    ///
    /// # Safety
    /// As [`Leaf`].
    #[inline(always)]
    pub(crate) unsafe fn run(&self, leaf: Leaf<Self, A>, piece: Piece, at: PointersOf<A>) {
        // SAFETY: the caller's contract.
        unsafe { leaf(self, piece, at) }
    }

    /// The leaf that serves every geometry where `GENERAL`.
    #[inline(always)]
    fn leaf_of<const GENERAL: bool>(&self) -> Leaf<Self, A> {
        let adjacent = |map: &Pixels| map.channel == 1;
        let dense = adjacent(&self.input) && self.rest.as_ref().is_none_or(adjacent);
        match (const { T.is_multiple_of(4) } && self.pool.is_some(), dense) {
            (true, true) => leaf::<A, T, N, true, true, GENERAL>,
            (true, false) => leaf::<A, T, N, false, true, GENERAL>,
            (false, true) => leaf::<A, T, N, true, false, GENERAL>,
            (false, false) => leaf::<A, T, N, false, false, GENERAL>,
        }
    }
}

map_kernel!([A: Arithmetic, const T: usize, const N: usize,] Conv2d<A, T, N>, A::Input, A::Weight => A::Output);

impl<A: Arithmetic, const T: usize, const N: usize> Ends<A::Epilogue> for Conv2d<A, T, N> {
    #[inline(always)]
    fn output(&self) -> &Pixels {
        &self.output
    }

    #[inline(always)]
    fn residual(&self) -> &Option<Pixels> {
        &self.residual
    }

    #[inline(always)]
    fn epilogue(&self) -> &A::Epilogue {
        &self.epilogue
    }

    #[inline(always)]
    fn is_max(&self) -> bool {
        self.pool == Some(PoolKind::Max)
    }
}

/// Computes a piece of a convolution's output.
///
/// # Safety
/// The geometry's `extent()` is some and the leaf is its own; `x`, `r` and `w` are readable and `y` writable for its lengths, moved as
/// `at_row` says where the piece is of one row; the piece lies in the output; no element that is written is one that is read.
pub(crate) type Leaf<G, A> = unsafe fn(geometry: &G, piece: Piece, at: PointersOf<A>);

/// Where the operands of a convolution begin.
type PointersOf<A> = Pointers<<A as Sums>::Input, <A as Sums>::Weight, <A as Sums>::Output>;

/// Rows, columns and blocks of channels of an output.
pub(crate) struct Piece {
    rows: Range<usize>,
    columns: Range<usize>,
    blocks: Range<usize>,
}

/// Channels of a map that may not be there.
const fn channels_of(map: &Option<Pixels>) -> u32 {
    match map {
        None => 0,
        Some(map) => map.channels,
    }
}

/// Whether there is a map of which not all rows are stored.
pub(crate) const fn is_ring(map: &Option<Pixels>) -> bool {
    match map {
        None => false,
        Some(map) => map.is_ring(),
    }
}

/// Whether `output` is half of `input`, rounded down or up.
pub(crate) const fn halves(output: u32, input: u32) -> bool {
    output == input / 2 || output == input.div_ceil(2)
}

/// Computes a piece of the output.
///
/// # Safety
/// As [`Leaf`]; with `DENSE` the input's channels are adjacent, `POOLED` says whether there is a pool, and
/// `GENERAL` whether a tile may have second taps, those of an input's rest or behind where the rows of a ring wrap, and be narrow.
#[inline(never)]
unsafe fn leaf<A: Arithmetic, const T: usize, const N: usize, const DENSE: bool, const POOLED: bool, const GENERAL: bool>(
    g: &Conv2d<A, T, N>,
    piece: Piece,
    at: PointersOf<A>,
) {
    let interior = [g.interior(0), g.interior(1)];
    let Piece { rows, columns, blocks } = piece;
    for_each_band(g.band, [rows, columns], |area| {
        if GENERAL && !POOLED {
            // Rectangles of a row are small, so each is made ready once for all blocks.
            g.for_each_rectangle(&interior, area, |rows, columns| {
                // SAFETY: the runs' pixels lie inside the output and their taps inside the input.
                unsafe { rectangle::<A, T, N, DENSE, GENERAL>(g, at, g.blocks(blocks.clone()), rows, columns) };
            });
            return;
        }
        for block in g.blocks(blocks.clone()) {
            if POOLED {
                for windows in g.windows(area.clone()) {
                    if windows.is_empty() {
                        continue;
                    }
                    // SAFETY: the windows lie in the output.
                    unsafe { pooled::<A, T, N, DENSE, GENERAL>(g, at, block, windows) };
                }
            } else {
                g.for_each_rectangle(&interior, area.clone(), |rows, columns| {
                    // SAFETY: as above.
                    unsafe { rectangle::<A, T, N, DENSE, GENERAL>(g, at, core::iter::once(block), rows, columns) };
                });
            }
        }
    });
}

/// The quotient rounded up; zero for a divisor of zero, which no geometry with an extent has.
#[inline(always)]
#[allow(clippy::manual_div_ceil, clippy::manual_checked_ops, reason = "the standard functions are not inlined at opt-level z, and panic")]
fn div_ceil(a: usize, b: usize) -> usize {
    if b == 0 { 0 } else { (a + b - 1) / b }
}
