//! Values of which the negative ones are multiplied by a slope that each channel has.

use core::ops::Range;

use crate::cast::converted;
use crate::geometry::geometry;
use crate::kernel::map_kernel;
use crate::rows::{Area, MapLeaf, Pointers, RowWindow, Wrap, map_rows};
use crate::views::{Extent, Pixels};

geometry! {
    /// Geometry of `y = x` where `x` is not negative, and `slope * x` elsewhere; the weights are the channels' slopes.
    pub struct PRelu [] [] {
        /// The map that is read.
        input: Pixels,
        /// The map that is written.
        output: Pixels,
    }
    options {}
    by_hand {}
    derived {}
}

impl PRelu {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        match converted(&self.input, &self.output) {
            Some(extent) => Some(Extent { w: self.output.channels as usize, ..extent }),
            None => None,
        }
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
    unsafe fn area(&self, rows: Range<usize>, columns: Range<usize>, x: *const f32, w: *const f32, y: *mut f32, _: Wrap) {
        let at = |map: &Pixels, row: usize, column: usize| {
            row.wrapping_mul(map.row as usize).wrapping_add(column.wrapping_mul(map.pixel as usize))
        };
        let (x_step, y_step) = (self.input.channel as usize, self.output.channel as usize);
        for row in rows {
            for column in columns.clone() {
                let x = x.wrapping_add(at(&self.input, row, column));
                let y = y.wrapping_add(at(&self.output, row, column));
                for c in 0..self.output.channels as usize {
                    // SAFETY: the pixel and the channel exist, and each channel has a slope.
                    unsafe {
                        let value = *x.add(c * x_step);
                        *y.add(c * y_step) = if value < 0.0 { *w.add(c) * value } else { value };
                    }
                }
            }
        }
    }
}

map_kernel!([] PRelu, f32, f32 => f32);
