//! Functions of one byte, by a table.

use core::marker::PhantomData;
use core::ops::Range;

use crate::cast::{convert, converted};
use crate::element::Element;
use crate::geometry::geometry;
use crate::kernel::map_kernel;
use crate::rows::{Area, MapLeaf, Pointers, RowWindow, Wrap, map_rows};
use crate::views::{Extent, Pixels};

geometry! {
    /// Geometry of `y = table[x]`, where the 256 weights are the table, and the bits of `x` are taken for a number from 0 on.
    pub struct Lookup [F: Element, T: Element] [F, T] {
        /// The map that is read; of its elements the low eight bits count.
        input: Pixels,
        /// The map that is written.
        output: Pixels,
    }
    options {}
    by_hand {}
    derived {
        /// Both types.
        elements: PhantomData<(F, T)> = PhantomData,
    }
}

impl<F: Element, T: Element> Lookup<F, T> {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        match converted(&self.input, &self.output) {
            Some(extent) => Some(Extent { w: TABLE, ..extent }),
            None => None,
        }
    }

    /// What a row of the output is made of.
    pub const fn row_window(&self) -> RowWindow {
        RowWindow::SAME
    }

    map_rows!(F, T => T);

    /// What computes an area of the output.
    #[inline(always)]
    pub(crate) fn leaf(&self) -> MapLeaf<Self, F, T, T> {
        Self::area
    }

    /// # Safety
    /// As [`MapLeaf`].
    #[inline(never)]
    unsafe fn area(&self, rows: Range<usize>, columns: Range<usize>, x: *const F, w: *const T, y: *mut T, _: Wrap) {
        // SAFETY: the caller's contract: the table has an entry for every byte.
        unsafe { convert([&self.input, &self.output], rows, columns, x, y, |x: F| *w.add(x.bits() as usize % TABLE)) };
    }
}

/// Entries of a table.
const TABLE: usize = 256;

map_kernel!([F: Element, T: Element,] Lookup<F, T>, F, T => T);
