//! The door for code that learns the geometry at run time: the same leaves, with lengths compared on every call.

use crate::f32::conv2d::Conv2d;
use crate::f32::depthwise::DepthwiseConv2d;
use crate::f32::elementwise::{Binary, Map};
use crate::f32::matmul::MatMul;
use crate::f32::pad::Pad;
use crate::f32::pool::Pool2d;
use crate::f32::softmax::Softmax;
use crate::lanes::arithmetic::Arithmetic;
use crate::layer::interleaved;
use crate::views::Extent;

/// Where an operand begins: in the arena, or in a slice outside it.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// At this element of the arena.
    Arena(usize),
    /// At the start of this slice.
    Outside(&'a [f32]),
}

/// The operands of one run of a kernel.
#[derive(Debug)]
pub struct Operands<'a> {
    /// The arena, which holds the output and perhaps the inputs.
    pub arena: &'a mut [f32],
    /// The input.
    pub x: Place<'a>,
    /// The second input, for kernels that have one.
    pub r: Place<'a>,
    /// The weights.
    pub w: &'a [f32],
    /// The arena's element at which the output begins.
    pub y: usize,
}

/// Why a kernel did not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionError {
    /// The geometry contradicts itself.
    Geometry,
    /// A view leaves its operand.
    Outside,
    /// The output shares elements with an input.
    Overlap,
}

/// A kernel's geometry, for [`run_checked`]. Sealed: its leaves are this crate's.
pub trait Kernel: sealed::Leaf {}
impl<K: sealed::Leaf> Kernel for K {}

mod sealed {
    use super::Extent;

    /// The leaf behind a geometry.
    pub trait Leaf {
        /// The operands' lengths.
        fn lengths(&self) -> Option<Extent>;

        /// Whether an input at `x` and an output at `y` of one buffer share no element although their extents overlap.
        fn apart(&self, _x: usize, _y: usize) -> bool {
            false
        }

        /// Computes the whole output.
        ///
        /// # Safety
        /// `lengths()` is some, the pointers serve for its lengths, and the output shares no element with an input.
        unsafe fn compute(&self, x: *const f32, r: *const f32, w: *const f32, y: *mut f32);
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

            unsafe fn compute(&self, x: *const f32, r: *const f32, w: *const f32, y: *mut f32) {
                // SAFETY: the caller's contract.
                unsafe { self.run(self.piece(0, 1), x, r, w, y) }
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
    ($($geometry:ty: |$self:ident, $x:ident, $r:ident, $y:ident| $call:expr;)+) => {$(
        impl sealed::Leaf for $geometry {
            fn lengths(&self) -> Option<Extent> {
                self.extent()
            }

            unsafe fn compute(&$self, $x: *const f32, $r: *const f32, _: *const f32, $y: *mut f32) {
                // SAFETY: the caller's contract.
                unsafe { $call }
            }
        }
    )+};
}

strided_leaves! {
    Map: |self, x, _r, y| self.run(x, y);
    Pad: |self, x, _r, y| self.run(x, y);
    Softmax: |self, x, _r, y| self.run(x, y);
    Binary: |self, x, r, y| self.run(x, r, y);
    MatMul: |self, x, r, y| self.run(x, r, y);
}

/// Computes the whole output of `kernel`.
///
/// # Errors
/// [`RegionError`] where the operands do not serve the geometry; nothing is written then.
pub fn run_checked<K: Kernel>(kernel: &K, operands: Operands<'_>) -> Result<(), RegionError> {
    let extent = kernel.lengths().ok_or(RegionError::Geometry)?;
    let Operands { arena, x, r, w, y } = operands;
    let fits = |place: Place<'_>, len: usize| match place {
        Place::Arena(at) => at <= arena.len() && len <= arena.len() - at,
        Place::Outside(slice) => len <= slice.len(),
    };
    if !fits(x, extent.x) || !fits(r, extent.r) || !fits(Place::Arena(y), extent.y) || extent.w > w.len() {
        return Err(RegionError::Outside);
    }
    let apart = |place: Place<'_>, len: usize| match place {
        Place::Arena(at) => at + len <= y || y + extent.y <= at,
        Place::Outside(_) => true,
    };
    let interleaved = matches!(x, Place::Arena(at) if kernel.apart(at, y));
    if !(apart(x, extent.x) || interleaved) || !(extent.r == 0 || apart(r, extent.r)) {
        return Err(RegionError::Overlap);
    }
    let base = arena.as_mut_ptr();
    let pointer = |place: Place<'_>| match place {
        Place::Arena(at) => base.wrapping_add(at).cast_const(),
        Place::Outside(slice) => slice.as_ptr(),
    };
    // SAFETY: the lengths were compared above, and the output shares no element with an input.
    unsafe { kernel.compute(pointer(x), pointer(r), w.as_ptr(), base.wrapping_add(y)) };
    Ok(())
}
