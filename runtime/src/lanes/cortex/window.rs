//! What the leaves of both units read: a window over the input, with every distance worked out.

use core::mem::{MaybeUninit, offset_of};

use crate::f32::arithmetic;
use crate::lanes::arithmetic::Taps;
use crate::lanes::arithmetic::sealed::Sums;
use crate::lanes::{MOST_LANES, Vector};

/// What tiles with the same taps have in common, as the leaves read it. Distances are in bytes, and wrap as addresses do: some lead back.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Window {
    pub(super) w: *const f32,
    pub(super) bias: *const f32,
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Channels in fours, and what is left.
    pub(super) fours: usize,
    pub(super) ones: usize,
    /// What leads from behind the channels of a tap to the next tap of its row.
    pub(super) column: usize,
    /// What leads from behind a row of taps to the next row, in the input and in the weights.
    pub(super) row: usize,
    pub(super) weights_row: usize,
    /// Between channels.
    pub(super) channel: usize,
    /// Not zero where a second window follows.
    pub(super) more: usize,
}

// Leaves load these by one instruction.
const _: () = {
    let word = size_of::<usize>();
    assert!(offset_of!(Window, bias) == offset_of!(Window, w) + word);
    assert!(offset_of!(Window, ones) == offset_of!(Window, fours) + word);
    assert!(offset_of!(Window, weights_row) == offset_of!(Window, row) + word);
    assert!(offset_of!(Windows, second) == size_of::<Window>());
};

/// Where a leaf's stack has what it was called with, behind the eight double registers that it saves.
pub(super) const SAVED_X: usize = 8 * size_of::<f64>();
pub(super) const SAVED_SUMS: usize = SAVED_X + size_of::<usize>();

/// Bytes of the pointers to the pixels of a tile, behind which those of the second window's lie.
pub(super) const fn pointers(pixels: usize) -> usize {
    pixels * size_of::<*const f32>()
}

/// Computes from a window and its pixels, and from the second ones if there are, the sums of a tile, pixel by pixel.
pub(super) type SumLeaf = unsafe extern "C" fn(window: *const Window, x: *const *const f32, sums: *mut f32);

/// What tiles have in common: those of one size are all computed by leaves or all by vectors.
#[derive(Clone, Copy)]
pub union Prepared {
    pub(super) for_leaf: Windows,
    pub(super) for_vectors: arithmetic::Prepared,
}

/// What leaves read.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Windows {
    first: Window,
    /// The window behind the first where that says so.
    second: MaybeUninit<Window>,
}

impl Window {
    #[inline(always)]
    fn new<const N: usize, const DENSE: bool>(bias: *const f32, taps: Taps, more: bool) -> Self {
        let Taps { w, count: [rows, mut columns], mut depth, channel, steps: [row, column], row: weights_row } = taps;
        if DENSE && column == depth {
            // The taps of a row follow each other without a gap.
            (columns, depth) = (columns.min(1), columns * depth);
        }
        let passed = if DENSE { depth } else { depth.wrapping_mul(channel) };
        let bytes = |elements: usize| elements.wrapping_mul(size_of::<f32>());
        Window {
            w,
            bias,
            rows: if columns == 0 { 0 } else { rows },
            columns,
            fours: depth / 4,
            ones: depth % 4,
            column: bytes(column.wrapping_sub(passed)),
            row: bytes(row).wrapping_sub(bytes(columns).wrapping_mul(column)),
            weights_row: bytes(weights_row.wrapping_sub(columns * depth * N)),
            channel: bytes(channel),
            more: more.into(),
        }
    }

    #[inline(always)]
    fn advance(&mut self, elements: usize) {
        self.w = self.w.wrapping_add(elements);
        self.bias = self.bias.wrapping_add(elements);
    }
}

impl Windows {
    /// Goes on to the bias and the weights `elements` behind.
    #[inline(always)]
    pub(super) fn advance(&mut self, elements: usize) {
        self.first.advance(elements);
        if self.first.more != 0 {
            // SAFETY: it is there where the first says so.
            unsafe { self.second.assume_init_mut() }.advance(elements);
        }
    }
}

impl Prepared {
    #[inline(always)]
    pub(super) fn for_leaf<const N: usize, const DENSE: bool>(bias: *const f32, first: Taps, second: Option<Taps>) -> Self {
        let for_leaf = Windows {
            first: Window::new::<N, DENSE>(bias, first, second.is_some()),
            second: second.map_or(MaybeUninit::uninit(), |taps| MaybeUninit::new(Window::new::<N, DENSE>(bias, taps, false))),
        };
        Prepared { for_leaf }
    }

    #[inline(always)]
    pub(super) fn for_vectors(bias: *const f32, first: Taps, second: Option<Taps>) -> Self {
        Prepared { for_vectors: arithmetic::Prepared::new(bias, first, second) }
    }

    /// [`Sums::sums`] by a leaf.
    ///
    /// # Safety
    /// As there; `self` is for leaves, and the leaf is one for such tiles and channels, and for a second window where there may be one.
    #[inline(always)]
    pub(super) unsafe fn by_leaf<V: Vector, const T: usize, const B: usize, const SPLIT: bool>(
        &self,
        x: impl Fn(usize) -> [*const f32; T],
        leaf: SumLeaf,
        sums: &mut MaybeUninit<[[V; B]; T]>,
    ) {
        let mut pixels = [MaybeUninit::uninit(); 2];
        pixels[0].write(x(0));
        // SAFETY: the caller's contract: the windows' pointers serve for all that the leaf reads. It writes every sum.
        unsafe {
            if SPLIT && self.for_leaf.first.more != 0 {
                pixels[1].write(x(1));
            }
            leaf((&raw const self.for_leaf).cast(), pixels.as_ptr().cast(), sums.as_mut_ptr().cast());
        }
    }

    /// [`Sums::sums`] of tiles that have no leaf.
    ///
    /// # Safety
    /// As there; `self` is for vectors.
    #[inline(always)]
    pub(super) unsafe fn by_vectors<
        A: Sums,
        V: Vector,
        const T: usize,
        const B: usize,
        const N: usize,
        const DENSE: bool,
        const SPLIT: bool,
    >(
        &self,
        x: impl Fn(usize) -> [*const f32; T],
        narrow: bool,
    ) -> [[V; B]; T] {
        // SAFETY: the caller's contract.
        unsafe { arithmetic::sums::<A, V, T, B, N, DENSE, SPLIT>(&self.for_vectors, x, narrow) }
    }
}

/// Applies a function of scalars to each lane.
#[inline(always)]
pub(super) fn lane_by_lane<V: Vector>(sum: V, x: V, w: V, f: unsafe extern "C" fn(f32, f32, f32) -> f32) -> V {
    let mut lanes = [[0.0; MOST_LANES]; 3];
    // SAFETY: no vector has more lanes; the function computes from its arguments only.
    unsafe {
        sum.store(lanes[0].as_mut_ptr());
        x.store(lanes[1].as_mut_ptr());
        w.store(lanes[2].as_mut_ptr());
        for n in 0..V::LANES {
            lanes[0][n] = f(lanes[0][n], lanes[1][n], lanes[2][n]);
        }
        V::load(lanes[0].as_ptr())
    }
}
