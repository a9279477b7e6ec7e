//! Sums, differences, products and quotients of two maps of integers, over floats that never lie in memory.

use core::marker::PhantomData;
use core::ops::Range;

use crate::element::Element;
use crate::f32::elementwise::BinaryKind;
use crate::geometry::geometry;
use crate::kernel::map_kernel;
use crate::quantize::{dequantizer, quantizer};
use crate::rows::{Area, Pointers, RowWindow};
use crate::views::{Extent, Pixels};

geometry! {
    /// Geometry of `y = x op r`: what [`Binary`](crate::Binary) makes of what [`Dequantize`](crate::Dequantize) makes of both, by
    /// [`Quantize`](crate::Quantize), to the bit. An operand has the output's extents; where it is broadcast, its distance is zero.
    pub struct QuantizedBinary [F: Element, T: Element] [F, T] {
        /// The first operand.
        input: Pixels,
        /// The second operand, which is the second input.
        second: Pixels,
        /// The map that is written.
        output: Pixels,
        /// The function.
        kind: BinaryKind,
    }
    options {
        /// What one step of each operand stands for; one by default.
        from_scales: [f32; 2] = [1.0; 2],
        /// Of each operand what stands for zero.
        from_zeros: [i32; 2] = [0; 2],
        /// What one step of the result stands for, above zero; one by default.
        scale: f32 = 1.0,
        /// The result that stands for zero.
        zero: i32 = 0,
        /// The least result.
        low: i32 = 0,
        /// The greatest result.
        high: i32 = 255,
    }
    by_hand {}
    derived {
        /// Both types.
        elements: PhantomData<(F, T)> = PhantomData,
    }
}

/// Computes rows and columns of the output of a kernel with two input maps of one type.
///
/// # Safety
/// The geometry's `extent()` is some and the leaf is its own; `x` and `r` are readable and `y` writable for its lengths, moved as `at_row`
/// says where one row is computed; the area lies in the output; no element that is written is one that is read.
pub(super) type PairLeaf<G, F, T> = unsafe fn(geometry: &G, rows: Range<usize>, columns: Range<usize>, x: *const F, r: *const F, y: *mut T);

/// What a kernel with two input maps of the output's extents asks of them, how rows are computed, and by which leaf: its `area`.
macro_rules! pair_rows {
    ($input:ty => $output:ty) => {
        /// The operands' lengths, or none where the geometry contradicts itself.
        pub const fn extent(&self) -> Option<Extent> {
            if !self.input.has_extents_of(&self.output) || !self.second.has_extents_of(&self.output) || !self.output.is_exclusive() {
                return None;
            }
            match (self.input.extent(), self.second.extent(), self.output.extent()) {
                (Some(x), Some(r), Some(y)) => Some(Extent { x, r, w: 0, y }),
                _ => None,
            }
        }

        /// What a row of the output is made of.
        pub const fn row_window(&self) -> RowWindow {
            RowWindow::SAME
        }

        /// Whether every row of every map is stored.
        pub(crate) const fn is_whole(&self) -> bool {
            !self.input.is_ring() && !self.second.is_ring() && !self.output.is_ring()
        }

        /// Whether the rings of both operands hold a row.
        pub(crate) const fn holds_windows(&self) -> bool {
            RowWindow::SAME.held_by(&self.input) && RowWindow::SAME.held_by(&self.second)
        }

        /// As `row_apart`, for the second operand.
        pub(crate) const fn second_row_apart(&self, row: usize, r: usize, y: usize) -> bool {
            RowWindow::SAME.apart(row, r, &self.second, y, &self.output)
        }

        /// The pointers by which a leaf finds output row `row` and those of the operands.
        #[inline(always)]
        pub(crate) fn at_row(&self, row: usize, at: Pointers<$input, $input, $output>) -> Pointers<$input, $input, $output> {
            let (x, r) = (at.x.wrapping_add(self.input.shift(row)), at.r.wrapping_add(self.second.shift(row)));
            Pointers { x, r, y: at.y.wrapping_add(self.output.shift(row)), ..at }
        }

        crate::rows::areas!();

        /// What computes an area of the output.
        #[inline(always)]
        pub(crate) fn leaf(&self) -> PairLeaf<Self, $input, $output> {
            Self::area
        }

        /// Computes an area of the output by this geometry's leaf.
        ///
        /// # Safety
        /// As [`PairLeaf`].
        #[inline(always)]
        pub(crate) unsafe fn run(&self, leaf: PairLeaf<Self, $input, $output>, area: Area, at: Pointers<$input, $input, $output>) {
            // SAFETY: the caller's contract.
            unsafe { leaf(self, area.rows, area.columns, at.x, at.r, at.y) }
        }
    };
}
pub(super) use pair_rows;

impl<F: Element, T: Element> QuantizedBinary<F, T> {
    pair_rows!(F => T);

    /// # Safety
    /// As [`PairLeaf`].
    #[inline(never)]
    unsafe fn area(&self, rows: Range<usize>, columns: Range<usize>, x: *const F, r: *const F, y: *mut T) {
        let ([left, right], [left_zero, right_zero]) = (self.from_scales, self.from_zeros);
        let (left, right) = (dequantizer::<F>(left, left_zero), dequantizer::<F>(right, right_zero));
        let quantized = quantizer::<T>(self.scale, self.zero, [self.low, self.high]);
        let [x_step, r_step, y_step] = [&self.input, &self.second, &self.output].map(|map| map.channel as usize);
        for row in rows {
            for column in columns.clone() {
                let x = x.wrapping_add(self.input.place(row, column));
                let r = r.wrapping_add(self.second.place(row, column));
                let y = y.wrapping_add(self.output.place(row, column));
                for c in 0..self.output.channels as usize {
                    // SAFETY: the pixel and the channel exist.
                    unsafe {
                        let (a, b) = (left(*x.add(c * x_step)), right(*r.add(c * r_step)));
                        *y.add(c * y_step) = quantized(self.kind.apply(a, b));
                    }
                }
            }
        }
    }
}

map_kernel!([F: Element, T: Element,] QuantizedBinary<F, T>, F, F => T);
