//! The door for code that learns the geometry at run time: the same leaves over bytes, with lengths and alignment compared on every call.

use crate::executor::OneCore;
use crate::kernel::Kernel;
use crate::kernel::sealed::PointersOf;
use crate::rows::Pointers;
use crate::views::Extent;

/// Where an input begins: in the arena, or in a slice outside it.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// At this byte of the arena.
    Arena(usize),
    /// At the start of this slice.
    Outside(&'a [u8]),
}

/// Where the output begins: in the arena, or in a slice outside it.
#[derive(Debug)]
pub enum Destination<'a> {
    /// At this byte of the arena.
    Arena(usize),
    /// At the start of this slice.
    Outside(&'a mut [u8]),
}

/// The operands of one run of a kernel, as bytes that are aligned for its elements.
#[derive(Debug)]
pub struct Operands<'a> {
    /// The arena, which may hold the output and the inputs.
    pub arena: &'a mut [u8],
    /// The input.
    pub x: Place<'a>,
    /// The second input, for kernels that have one.
    pub r: Place<'a>,
    /// The weights.
    pub w: &'a [u8],
    /// The output.
    pub y: Destination<'a>,
}

/// Why a kernel did not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionError {
    /// The geometry contradicts itself, or its maps are not stored as the call asks: whole, or with all rows of a window.
    Geometry,
    /// A view leaves its operand.
    Outside,
    /// An operand is not aligned for its elements.
    Misaligned,
    /// The output shares elements with an input.
    Overlap,
}

/// Computes the whole output of `kernel`.
///
/// # Errors
/// [`RegionError`] where the operands do not serve the geometry; nothing is written then.
pub fn run_checked<K: Kernel>(kernel: &K, operands: Operands<'_>) -> Result<(), RegionError> {
    if !kernel.is_whole() {
        return Err(RegionError::Geometry);
    }
    let pointers = pointers(kernel, operands, [&|x, y| kernel.apart(x, y), &|_, _| false])?;
    // SAFETY: the lengths were compared, and the output shares no element with an input.
    unsafe { kernel.compute(&OneCore, pointers) };
    Ok(())
}

/// Computes row `row` of the output of `kernel`, a convolution, a pool or a sum of maps; nothing where the output has no such row. The output may begin
/// in the memory of an input where the row shares no element with what is read for it.
///
/// # Errors
/// [`RegionError`] where the operands do not serve the geometry; nothing is written then.
pub fn run_row_checked<K: Kernel>(kernel: &K, row: usize, operands: Operands<'_>) -> Result<(), RegionError> {
    let rows = kernel.rows().filter(|_| kernel.holds_windows()).ok_or(RegionError::Geometry)?;
    let apart = |x, y| row >= rows || kernel.apart(x, y) || kernel.row_apart(row, x, y);
    let second_apart = |r, y| row >= rows || kernel.second_row_apart(row, r, y);
    let pointers = pointers(kernel, operands, [&apart, &second_apart])?;
    if row < rows {
        // SAFETY: the lengths and the rings were compared, and the row, which is one of the output, shares no element with what is read for
        // it.
        unsafe { kernel.compute_row(&OneCore, row, pointers) };
    }
    Ok(())
}

/// Some memory, and the byte of it at which an operand begins.
#[derive(Clone, Copy)]
struct Span {
    memory: *const u8,
    len: usize,
    at: usize,
}

/// How many elements an operand has, and their size and alignment.
#[derive(Clone, Copy)]
struct Elements {
    count: usize,
    size: usize,
    align: usize,
}

impl Elements {
    fn of<T>(count: usize) -> Self {
        Elements { count, size: size_of::<T>(), align: align_of::<T>() }
    }

    fn bytes(&self) -> usize {
        self.count * self.size
    }
}

impl Span {
    /// Whether the elements lie in the memory.
    fn holds(&self, elements: Elements) -> bool {
        let left = self.len.checked_sub(self.at);
        left.zip(elements.count.checked_mul(elements.size)).is_some_and(|(left, bytes)| bytes <= left)
    }

    /// Where the operand begins; an error where there are elements for which that is not aligned.
    fn begin(&self, elements: Elements) -> Result<*const u8, RegionError> {
        let begin = self.memory.wrapping_add(self.at);
        if elements.count == 0 || begin.addr().is_multiple_of(elements.align) { Ok(begin) } else { Err(RegionError::Misaligned) }
    }
}

/// Says of an input and an output whose extents overlap in one memory whether they may, by their first elements.
type Apart<'a> = &'a dyn Fn(usize, usize) -> bool;

/// Where the operands begin, once they are known to serve, as far as `apart` has it for the input and for the second one.
fn pointers<K: Kernel>(kernel: &K, operands: Operands<'_>, apart: [Apart<'_>; 2]) -> Result<PointersOf<K>, RegionError> {
    let Extent { x, r, w, y } = kernel.lengths().ok_or(RegionError::Geometry)?;
    let inputs = [Elements::of::<K::Input>(x), Elements::of::<K::Second>(r), Elements::of::<K::Weight>(w)];
    let ([x, r, w], y) = begins(operands, inputs, Elements::of::<K::Output>(y), apart)?;
    Ok(Pointers::new(x.cast(), r.cast(), w.cast(), y.cast()))
}

/// Where operands of so many elements begin; once for all kernels, as there are hundreds.
fn begins(
    operands: Operands<'_>,
    [x_elements, r_elements, w_elements]: [Elements; 3],
    y_elements: Elements,
    apart: [Apart<'_>; 2],
) -> Result<([*const u8; 3], *mut u8), RegionError> {
    let Operands { arena, x, r, w, y } = operands;
    let (arena, len) = (arena.as_mut_ptr(), arena.len());
    let inside = |at| Span { memory: arena, len, at };
    let span = |place: Place<'_>| match place {
        Place::Arena(at) => (inside(at), true),
        Place::Outside(slice) => (Span { memory: slice.as_ptr(), len: slice.len(), at: 0 }, false),
    };
    let ((x, x_inside), (r, r_inside)) = (span(x), span(r));
    let w = Span { memory: w.as_ptr(), len: w.len(), at: 0 };
    let (memory, y, y_inside) = match y {
        Destination::Arena(at) => (arena, inside(at), true),
        Destination::Outside(slice) => {
            let memory = slice.as_mut_ptr();
            (memory, Span { memory, len: slice.len(), at: 0 }, false)
        }
    };
    if !x.holds(x_elements) || !r.holds(r_elements) || !w.holds(w_elements) || !y.holds(y_elements) {
        return Err(RegionError::Outside);
    }
    let overlaps = |span: Span, bytes: usize| y_inside && span.at < y.at + y_elements.bytes() && y.at < span.at + bytes;
    // What lies in one memory is counted in elements of one size, or not at all.
    let place = |at: usize| at.checked_div(y_elements.size);
    let may_overlap = |apart: Apart<'_>, span: Span, elements: Elements| {
        elements.size == y_elements.size && place(span.at).zip(place(y.at)).is_some_and(|(input, y)| apart(input, y))
    };
    let x_overlaps = x_inside && overlaps(x, x_elements.bytes()) && !may_overlap(apart[0], x, x_elements);
    let r_overlaps = r_inside && r_elements.count > 0 && overlaps(r, r_elements.bytes()) && !may_overlap(apart[1], r, r_elements);
    if x_overlaps || r_overlaps {
        return Err(RegionError::Overlap);
    }
    y.begin(y_elements)?;
    Ok(([x.begin(x_elements)?, r.begin(r_elements)?, w.begin(w_elements)?], memory.wrapping_add(y.at)))
}
