//! Numbers of one type as numbers of another.

use core::marker::PhantomData;
use core::ops::Range;

use crate::element::Element;
use crate::geometry::geometry;
use crate::kernel::map_kernel;
use crate::rows::{Area, MapLeaf, Pointers, RowWindow, Wrap, map_rows};
use crate::views::{Extent, Pixels};

geometry! {
    /// Geometry of `y = x as T`, for elements of type `F`. As in Rust, floats are cut towards zero and saturate, and what is not a number
    /// becomes zero; of an integer that is too wide the low bits are left; floats are the nearest to an integer.
    pub struct Cast [F: Element, T: Element] [F, T] {
        /// The map that is read.
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

impl<F: Element, T: Element> Cast<F, T> {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        converted(&self.input, &self.output)
    }

    /// What a row of the output is made of.
    pub const fn row_window(&self) -> RowWindow {
        RowWindow::SAME
    }

    map_rows!(F, F => T);

    /// What computes an area of the output.
    #[inline(always)]
    pub(crate) fn leaf(&self) -> MapLeaf<Self, F, F, T> {
        Self::area
    }

    /// # Safety
    /// As [`MapLeaf`].
    #[inline(never)]
    unsafe fn area(&self, rows: Range<usize>, columns: Range<usize>, x: *const F, _: *const F, y: *mut T, _: Wrap) {
        // SAFETY: the caller's contract.
        unsafe { convert([&self.input, &self.output], rows, columns, x, y, F::cast) };
    }
}

/// Computes each element of an area of the second map of the one in its place in the first.
///
/// # Safety
/// As [`MapLeaf`].
#[inline(always)]
pub(crate) unsafe fn convert<F: Element, T: Element>(
    [input, output]: [&Pixels; 2],
    rows: Range<usize>,
    columns: Range<usize>,
    x: *const F,
    y: *mut T,
    function: impl Fn(F) -> T,
) {
    let at =
        |map: &Pixels, [row, column]: [usize; 2]| row.wrapping_mul(map.row as usize).wrapping_add(column.wrapping_mul(map.pixel as usize));
    let (x_step, y_step) = (input.channel as usize, output.channel as usize);
    for row in rows {
        for column in columns.clone() {
            let x = x.wrapping_add(at(input, [row, column]));
            let y = y.wrapping_add(at(output, [row, column]));
            for c in 0..output.channels as usize {
                // SAFETY: the pixel and the channel exist.
                unsafe { *y.add(c * y_step) = function(*x.add(c * x_step)) };
            }
        }
    }
}

/// The lengths of maps of which one is made element by element of the other, or none where they contradict each other.
pub(crate) const fn converted(input: &Pixels, output: &Pixels) -> Option<Extent> {
    if input.height != output.height || input.width != output.width || input.channels != output.channels {
        return None;
    }
    match (input.extent(), output.extent()) {
        (Some(x), Some(y)) if output.is_exclusive() => Some(Extent { x, r: 0, w: 0, y }),
        _ => None,
    }
}

map_kernel!([F: Element, T: Element,] Cast<F, T>, F, F => T);
