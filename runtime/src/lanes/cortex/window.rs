//! What the leaves of both units read: a window over the input, with every distance worked out.

use core::mem::MaybeUninit;

use crate::lanes::arithmetic::sealed::Sums;
use crate::lanes::arithmetic::{self, Taps};
use crate::lanes::{MOST_LANES, Vector};

/// What tiles with the same taps have in common, as the leaves read it. Distances are in bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Window {
    w: *const f32,
    bias: *const f32,
    rows: usize,
    columns: usize,
    /// Channels in fours, and what is left.
    fours: usize,
    ones: usize,
    /// What leads from behind the channels of a tap to the next tap of its row.
    column: usize,
    /// What leads from behind a row of taps to the next row, in the input and in the weights.
    row: usize,
    weights_row: usize,
    /// Between channels.
    channel: usize,
}

/// Computes from a window and its pixels the sums of a tile, pixel by pixel.
pub(super) type SumLeaf = unsafe extern "C" fn(window: *const Window, x: *const *const f32, sums: *mut f32);

/// What tiles have in common, for the leaves and for vectors.
#[repr(C)]
pub struct Prepared {
    window: Window,
    second: Option<Window>,
    other: arithmetic::Prepared,
}

impl Window {
    #[inline(always)]
    fn new<const N: usize, const DENSE: bool>(bias: *const f32, taps: Taps) -> Self {
        let Taps { w, count: [rows, mut columns], mut depth, channel, steps: [row, column], row: weights_row } = taps;
        if DENSE && column == depth {
            // The taps of a row follow each other without a gap.
            (columns, depth) = (columns.min(1), columns * depth);
        }
        let passed = if DENSE { depth } else { depth * channel };
        Window {
            w,
            bias,
            rows: if columns == 0 { 0 } else { rows },
            columns,
            fours: depth / 4,
            ones: depth % 4,
            column: 4 * column.wrapping_sub(passed),
            row: (4 * row).wrapping_sub(4 * columns * column),
            weights_row: 4 * weights_row.wrapping_sub(columns * depth * N),
            channel: 4 * channel,
        }
    }
}

impl Prepared {
    #[inline(always)]
    pub(super) fn new<const N: usize, const DENSE: bool>(bias: *const f32, first: Taps, second: Option<Taps>) -> Self {
        Prepared {
            window: Window::new::<N, DENSE>(bias, first),
            second: second.map(|taps| Window::new::<N, DENSE>(bias, taps)),
            other: arithmetic::Prepared::new(bias, first, second),
        }
    }

    /// [`Sums::sums`] by two leaves: one that begins with the bias, and one that begins with the sums so far, in the bias's place.
    ///
    /// # Safety
    /// As there; the leaves are ones for such tiles and channels.
    #[inline(always)]
    pub(super) unsafe fn by_leaf<V: Vector, const T: usize, const B: usize, const SPLIT: bool>(
        &self,
        x: impl Fn(usize) -> [*const f32; T],
        [begin, go_on]: [SumLeaf; 2],
        sums: &mut MaybeUninit<[[V; B]; T]>,
    ) {
        let sums = sums.as_mut_ptr().cast::<f32>();
        // SAFETY: the caller's contract: the window's pointers serve for all that the leaf reads. It writes every sum.
        unsafe {
            begin(&raw const self.window, x(0).as_ptr(), sums);
            if SPLIT && let Some(window) = &self.second {
                let window = Window { bias: sums, ..*window };
                go_on(&raw const window, x(1).as_ptr(), sums);
            }
        }
    }

    /// [`Sums::sums`] of tiles that have no leaf.
    ///
    /// # Safety
    /// As there.
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
    ) -> [[V; B]; T] {
        // SAFETY: the caller's contract.
        unsafe { arithmetic::sums::<A, V, T, B, N, DENSE, SPLIT>(&self.other, x) }
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
