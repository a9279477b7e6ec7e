//! The door for code that learns the geometry at run time: the same leaves over bytes, with lengths and alignment compared on every call.

use crate::executor::OneCore;
use crate::kernel::Kernel;
use crate::kernel::sealed::PointersOf;
use crate::rows::Pointers;

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
    let pointers = pointers(kernel, operands, |x, y| kernel.apart(x, y))?;
    // SAFETY: the lengths were compared, and the output shares no element with an input.
    unsafe { kernel.compute(&OneCore, pointers) };
    Ok(())
}

/// Computes row `row` of the output of `kernel`, a convolution or a pool; nothing where the output has no such row. The output may begin
/// in the input's memory where the row shares no element with what is read for it.
///
/// # Errors
/// [`RegionError`] where the operands do not serve the geometry; nothing is written then.
pub fn run_row_checked<K: Kernel>(kernel: &K, row: usize, operands: Operands<'_>) -> Result<(), RegionError> {
    let rows = kernel.rows().filter(|_| kernel.holds_windows()).ok_or(RegionError::Geometry)?;
    let apart = |x, y| row >= rows || kernel.apart(x, y) || kernel.row_apart(row, x, y);
    let pointers = pointers(kernel, operands, apart)?;
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

impl Span {
    /// Whether so many elements lie in the memory.
    fn holds<T>(&self, elements: usize) -> bool {
        self.at <= self.len && elements <= (self.len - self.at) / size_of::<T>()
    }

    /// Where the operand begins; an error where there are elements for which that is not aligned.
    fn begin<T>(&self, elements: usize) -> Result<*const T, RegionError> {
        let begin = self.memory.wrapping_add(self.at).cast::<T>();
        if elements == 0 || begin.is_aligned() { Ok(begin) } else { Err(RegionError::Misaligned) }
    }
}

/// Where the operands begin, once they are known to serve; `apart` says of an input and an output whose extents overlap in one memory
/// whether they may, by their first elements.
fn pointers<K: Kernel>(kernel: &K, operands: Operands<'_>, apart: impl Fn(usize, usize) -> bool) -> Result<PointersOf<K>, RegionError> {
    let extent = kernel.lengths().ok_or(RegionError::Geometry)?;
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
    let inputs = x.holds::<K::Input>(extent.x) && r.holds::<K::Second>(extent.r);
    if !inputs || !w.holds::<K::Weight>(extent.w) || !y.holds::<K::Output>(extent.y) {
        return Err(RegionError::Outside);
    }
    let [input, second, output] = [size_of::<K::Input>(), size_of::<K::Second>(), size_of::<K::Output>()];
    let overlaps = |span: Span, bytes: usize| y_inside && span.at < y.at + extent.y * output && y.at < span.at + bytes;
    // What lies in one memory is counted in elements of one size, or not at all.
    let x_overlaps = x_inside && overlaps(x, extent.x * input) && !(input == output && apart(x.at / input, y.at / output));
    if x_overlaps || r_inside && extent.r > 0 && overlaps(r, extent.r * second) {
        return Err(RegionError::Overlap);
    }
    y.begin::<K::Output>(extent.y)?;
    let written = memory.wrapping_add(y.at).cast();
    Ok(Pointers::new(x.begin(extent.x)?, r.begin(extent.r)?, w.begin(extent.w)?, written))
}
