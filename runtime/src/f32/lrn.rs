//! Values over a power of the squares of the channels beside them.

use core::ops::Range;

use super::elementary::log;
use super::exp::exp;
use crate::cast::converted;
use crate::geometry::geometry;
use crate::kernel::map_kernel;
use crate::rows::{Area, MapLeaf, Pointers, RowWindow, Wrap, map_rows};
use crate::views::{Extent, Pixels};

geometry! {
    /// Geometry of `y = x / (bias + alpha * sum)^beta`, where the sum is that of the squares of the channel and of some before and behind
    /// it, as far as there are such, in their order.
    pub struct Lrn [] [] {
        /// The map that is read.
        input: Pixels,
        /// The map that is written.
        output: Pixels,
        /// How many channels before it and behind it.
        reach: [u32; 2],
    }
    options {
        /// What is added to the sum; one by default.
        bias: f32 = 1.0,
        /// The factor of the sum; one by default.
        alpha: f32 = 1.0,
        /// The exponent; one by default.
        beta: f32 = 1.0,
    }
    by_hand {}
    derived {}
}

impl Lrn {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        converted(&self.input, &self.output)
    }

    /// What a row of the output is made of.
    pub const fn row_window(&self) -> RowWindow {
        RowWindow::SAME
    }

    map_rows!(f32, f32 => f32);

    /// What computes an area of the output.
    #[inline(always)]
    pub(crate) fn leaf(&self) -> MapLeaf<Self> {
        Self::area
    }

    /// # Safety
    /// As [`MapLeaf`].
    #[inline(never)]
    unsafe fn area(&self, rows: Range<usize>, columns: Range<usize>, x: *const f32, _: *const f32, y: *mut f32, _: Wrap) {
        let at = |map: &Pixels, row: usize, column: usize| {
            row.wrapping_mul(map.row as usize).wrapping_add(column.wrapping_mul(map.pixel as usize))
        };
        let (x_step, y_step) = (self.input.channel as usize, self.output.channel as usize);
        let (channels, [below, above]) = (self.output.channels as usize, self.reach.map(|reach| reach as usize));
        for row in rows {
            for column in columns.clone() {
                let x = x.wrapping_add(at(&self.input, row, column));
                let y = y.wrapping_add(at(&self.output, row, column));
                for c in 0..channels {
                    let mut sum = 0.0;
                    // SAFETY: the pixel and the channels exist.
                    unsafe {
                        for near in c.saturating_sub(below)..channels.min(c.saturating_add(above).saturating_add(1)) {
                            let value = *x.add(near * x_step);
                            sum += value * value;
                        }
                        let power = exp(-self.beta * log(self.bias + self.alpha * sum));
                        *y.add(c * y_step) = *x.add(c * x_step) * power;
                    }
                }
            }
        }
    }
}

map_kernel!([] Lrn, f32, f32 => f32);
