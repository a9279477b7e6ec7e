//! The door for code that learns the geometry at run time: the same leaves over bytes, with lengths and alignment compared on every call.

use crate::f32::conv2d::Conv2d;
use crate::f32::depthwise::DepthwiseConv2d;
use crate::f32::elementwise::{Binary, Map};
use crate::f32::matmul::MatMul;
use crate::f32::pad::Pad;
use crate::f32::pool::Pool2d;
use crate::f32::rows::Pointers;
use crate::f32::softmax::Softmax;
use crate::lanes::arithmetic::Arithmetic;
use crate::layer::interleaved;
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

/// A kernel's geometry, for [`run_checked`] and [`run_row_checked`]. Sealed: its leaves are this crate's.
pub trait Kernel: sealed::Leaf {}
impl<K: sealed::Leaf> Kernel for K {}

mod sealed {
    use super::{Extent, Pointers};

    /// The leaf behind a geometry.
    pub trait Leaf {
        /// The operands' lengths.
        fn lengths(&self) -> Option<Extent>;

        /// Whether an input at `x` and an output at `y` of one buffer share no element although their extents overlap, or share each with
        /// itself where that does no harm.
        fn apart(&self, _x: usize, _y: usize) -> bool {
            false
        }

        /// Whether every row of every map is stored.
        fn is_whole(&self) -> bool {
            true
        }

        /// Whether rows are computed one at a time, and the rings of the inputs hold all rows of one window.
        fn has_rows(&self) -> bool {
            false
        }

        /// As `apart`, for what is read and written for one row.
        fn row_apart(&self, _row: usize, _x: usize, _y: usize) -> bool {
            false
        }

        /// Computes the whole output.
        ///
        /// # Safety
        /// `lengths()` is some, every map is stored whole, the pointers serve for its lengths, and the output shares no element with an
        /// input.
        unsafe fn compute(&self, at: Pointers);

        /// Computes row `row` of the output, if there is one and rows are computed one at a time.
        ///
        /// # Safety
        /// `lengths()` is some, `has_rows()`, the pointers serve for its lengths, and the row shares no element with what is read for it.
        unsafe fn compute_row(&self, _row: usize, _at: Pointers) {}
    }
}

macro_rules! map_leaves {
    ($([$($generics:tt)*] $geometry:ty;)+) => {$(
        impl<$($generics)*> sealed::Leaf for $geometry {
            fn lengths(&self) -> Option<Extent> {
                self.extent()
            }

            fn apart(&self, x: usize, y: usize) -> bool {
                interleaved(x, &self.input, y, &self.output)
            }

            fn is_whole(&self) -> bool {
                self.is_whole()
            }

            fn has_rows(&self) -> bool {
                self.holds_windows()
            }

            fn row_apart(&self, row: usize, x: usize, y: usize) -> bool {
                row >= self.output.height as usize || self.row_apart(row, x, y)
            }

            unsafe fn compute(&self, at: Pointers) {
                // SAFETY: the caller's contract.
                unsafe { self.run(self.leaf(), self.piece(None, 0, 1), at) }
            }

            unsafe fn compute_row(&self, row: usize, at: Pointers) {
                if row < self.output.height as usize {
                    // SAFETY: the caller's contract; the row is one of the output.
                    unsafe { self.run(self.leaf(), self.piece(Some(row), 0, 1), self.at_row(row, at)) }
                }
            }
        }
    )+};
}

map_leaves! {
    [A: Arithmetic, const T: usize, const N: usize] Conv2d<A, T, N>;
    [A: Arithmetic] DepthwiseConv2d<A>;
    [] Pool2d;
}

macro_rules! strided_leaves {
    ($($geometry:ty: |$self:ident, $x:ident, $r:ident, $y:ident| $call:expr, in place: $in_place:expr;)+) => {$(
        impl sealed::Leaf for $geometry {
            fn lengths(&self) -> Option<Extent> {
                self.extent()
            }

            fn apart(&$self, x: usize, y: usize) -> bool {
                x == y && $in_place
            }

            unsafe fn compute(&$self, at: Pointers) {
                let Pointers { x: $x, r: $r, y: $y, .. } = at;
                // SAFETY: the caller's contract.
                unsafe { $call }
            }
        }
    )+};
}

strided_leaves! {
    Map: |self, x, _r, y| self.run(x, y), in place: self.is_in_place();
    Pad: |self, x, _r, y| self.run(x, y), in place: false;
    Softmax: |self, x, _r, y| self.run(x, y), in place: self.is_in_place();
    Binary: |self, x, r, y| self.run(x, r, y), in place: false;
    MatMul: |self, x, r, y| self.run(x, r, y), in place: false;
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
    unsafe { kernel.compute(pointers) };
    Ok(())
}

/// Computes row `row` of the output of `kernel`, a convolution or a pool; nothing where the output has no such row. The output may begin
/// in the input's memory where the row shares no element with what is read for it.
///
/// # Errors
/// [`RegionError`] where the operands do not serve the geometry; nothing is written then.
pub fn run_row_checked<K: Kernel>(kernel: &K, row: usize, operands: Operands<'_>) -> Result<(), RegionError> {
    if !kernel.has_rows() {
        return Err(RegionError::Geometry);
    }
    let pointers = pointers(kernel, operands, |x, y| kernel.apart(x, y) || kernel.row_apart(row, x, y))?;
    // SAFETY: the lengths and the rings were compared, and the row shares no element with what is read for it.
    unsafe { kernel.compute_row(row, pointers) };
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
    fn holds(&self, elements: usize) -> bool {
        self.at <= self.len && elements <= (self.len - self.at) / size_of::<f32>()
    }

    fn begin(&self) -> *const u8 {
        self.memory.wrapping_add(self.at)
    }

    fn is_aligned(&self) -> bool {
        self.begin().cast::<f32>().is_aligned()
    }
}

/// Where the operands begin, once they are known to serve; `apart` says of an input and an output whose extents overlap in one memory
/// whether they may, by their first elements.
fn pointers<K: Kernel>(kernel: &K, operands: Operands<'_>, apart: impl Fn(usize, usize) -> bool) -> Result<Pointers, RegionError> {
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
    let all = [(x, extent.x), (r, extent.r), (w, extent.w), (y, extent.y)];
    if all.iter().any(|(span, elements)| !span.holds(*elements)) {
        return Err(RegionError::Outside);
    }
    if all.iter().any(|(span, elements)| *elements > 0 && !span.is_aligned()) {
        return Err(RegionError::Misaligned);
    }
    let bytes = |elements: usize| elements * size_of::<f32>();
    let overlaps = |input: Span, len: usize| y_inside && input.at < y.at + bytes(extent.y) && y.at < input.at + bytes(len);
    let x_overlaps = x_inside && overlaps(x, extent.x) && !apart(x.at / size_of::<f32>(), y.at / size_of::<f32>());
    if x_overlaps || r_inside && extent.r > 0 && overlaps(r, extent.r) {
        return Err(RegionError::Overlap);
    }
    let begin = |span: Span| span.begin().cast();
    Ok(Pointers::new(begin(x), begin(r), begin(w), memory.wrapping_add(y.at).cast()))
}
