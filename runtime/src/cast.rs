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
    let channels = output.channels as usize;
    let is_run = |map: &Pixels| map.channel == 1 && (map.pixel as usize == channels || columns.len() == 1);
    for row in rows {
        let first = [row, columns.start];
        let (x, y) = (x.wrapping_add(at(input, first)), y.wrapping_add(at(output, first)));
        let pixels = Axis { count: columns.len(), steps: [input.pixel, output.pixel] };
        let channels = Axis { count: channels, steps: [input.channel, output.channel] };
        // SAFETY: the pixels and the channels exist.
        unsafe {
            if is_run(input) && is_run(output) {
                let run = Axis { count: pixels.count.saturating_mul(channels.count), steps: [1, 1] };
                convert_all(Axis::ONE, run, x, y, &function);
            } else if input.pixel == 1 && input.channel != 1 {
                convert_all(channels, pixels, x, y, &function);
            } else {
                convert_all(pixels, channels, x, y, &function);
            }
        }
    }
}

/// Elements of both maps along a dimension.
struct Axis {
    count: usize,
    steps: [u32; 2],
}

impl Axis {
    const ONE: Axis = Axis { count: 1, steps: [0, 0] };
}

/// Computes the elements along two dimensions, the inner of which is adjacent in the first map where any is.
///
/// # Safety
/// The elements of both dimensions exist.
#[inline(always)]
unsafe fn convert_all<F: Element, T: Element>(outer: Axis, inner: Axis, x: *const F, y: *mut T, function: &impl Fn(F) -> T) {
    let [x_step, y_step] = inner.steps.map(|step| step as usize);
    for o in 0..outer.count {
        let (x, y) = (x.wrapping_add(o * outer.steps[0] as usize), y.wrapping_add(o * outer.steps[1] as usize));
        let has_vectors = cfg!(not(target_arch = "arm")) && x_step == 1;
        // SAFETY: the caller's contract.
        unsafe {
            if has_vectors && y_step == 1 {
                for i in 0..inner.count {
                    *y.add(i) = function(*x.add(i));
                }
                continue;
            }
            let mut done = 0;
            while has_vectors && done + TOGETHER <= inner.count {
                let mut results = [function(*x); TOGETHER];
                for (i, result) in results.iter_mut().enumerate() {
                    *result = function(*x.add(done + i));
                }
                for (i, result) in results.into_iter().enumerate() {
                    *y.add((done + i) * y_step) = result;
                }
                done += TOGETHER;
            }
            for i in done..inner.count {
                *y.add(i * y_step) = function(*x.add(i * x_step));
            }
        }
    }
}

/// Adjacent elements that are computed together where their results are not adjacent.
const TOGETHER: usize = 64;

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
