//! What the doors ask of a kernel, and the one macro by which a kernel's file ends: it makes all of its doors.
//!
//! Doors are built by `const fn`s, which no trait can have, so that each kernel has its own; they run by the trait.

use crate::executor::Executor;
use crate::views::Extent;

/// A geometry whose kernel this crate has. Sealed.
pub trait Kernel: sealed::Leaf {}
impl<K: sealed::Leaf> Kernel for K {}

pub(crate) mod sealed {
    use super::{Executor, Extent};
    use crate::element::Element;
    use crate::rows::{Pointers, RowWindow};

    /// Where the operands of a kernel begin.
    pub(crate) type PointersOf<K> = Pointers<<K as Leaf>::Input, <K as Leaf>::Weight, <K as Leaf>::Output, <K as Leaf>::Second>;

    /// The leaf behind a geometry.
    pub trait Leaf: Copy {
        /// The elements of the input.
        type Input: Element;
        /// The elements of the second input.
        type Second: Element;
        /// The elements of the weights.
        type Weight: Element;
        /// The elements of the output.
        type Output: Element;

        /// The operands' lengths.
        fn lengths(&self) -> Option<Extent>;

        /// Whether an input at element `x` and an output at element `y` of one buffer share no element although their extents overlap, or
        /// share each with itself where that does no harm.
        fn apart(&self, x: usize, y: usize) -> bool;

        /// Whether every row of every map is stored.
        fn is_whole(&self) -> bool;

        /// How many rows the output has, where rows are computed one at a time.
        fn rows(&self) -> Option<usize>;

        /// What a row of the output is made of, where rows are computed one at a time.
        fn window(&self) -> Option<RowWindow>;

        /// Whether the rings of the inputs hold all rows of one window.
        fn holds_windows(&self) -> bool;

        /// As `apart`, for what is read and written for one of the rows.
        fn row_apart(&self, row: usize, x: usize, y: usize) -> bool;

        /// As `row_apart`, for a second input, of which the same row is read, that begins at element `r`.
        fn second_row_apart(&self, row: usize, r: usize, y: usize) -> bool;

        /// Computes the whole output.
        ///
        /// # Safety
        /// `lengths()` is some, every map is stored whole, the pointers serve for its lengths, and the output shares no element with an
        /// input but as `apart` allows.
        unsafe fn compute<E: Executor + ?Sized>(&self, executor: &E, at: PointersOf<Self>);

        /// Computes row `row` of the output.
        ///
        /// # Safety
        /// `lengths()` is some, `row` is one of `rows()`, `holds_windows()`, the pointers serve for its lengths, and the row shares no
        /// element with what is read for it.
        unsafe fn compute_row<E: Executor + ?Sized>(&self, executor: &E, row: usize, at: PointersOf<Self>);
    }
}

/// The doors of a kernel over maps, which shares its work among cores and can compute rows one at a time. Its geometry has `input` and
/// `output`, `extent`, `is_whole`, `holds_windows`, `row_apart`, `second_row_apart`, `leaf`, `parts`, `piece`, `run`, and `at_row`, which finds a row.
macro_rules! map_kernel {
    ([$($generics:tt)*] $geometry:ty, $input:ty, $weight:ty => $output:ty) => {
        impl<$($generics)*> $crate::kernel::sealed::Leaf for $geometry {
            type Input = $input;
            type Second = $input;
            type Weight = $weight;
            type Output = $output;

            fn lengths(&self) -> Option<$crate::views::Extent> {
                self.extent()
            }

            fn apart(&self, x: usize, y: usize) -> bool {
                $crate::layer::interleaved(x, &self.input, y, &self.output)
            }

            fn is_whole(&self) -> bool {
                self.is_whole()
            }

            #[inline(always)]
            fn rows(&self) -> Option<usize> {
                Some(self.output.height as usize)
            }

            fn window(&self) -> Option<$crate::rows::RowWindow> {
                Some(self.row_window())
            }

            fn holds_windows(&self) -> bool {
                self.holds_windows()
            }

            fn row_apart(&self, row: usize, x: usize, y: usize) -> bool {
                self.row_apart(row, x, y)
            }

            fn second_row_apart(&self, row: usize, r: usize, y: usize) -> bool {
                self.second_row_apart(row, r, y)
            }

            #[inline(always)]
            unsafe fn compute<E: $crate::executor::Executor + ?Sized>(
                &self,
                executor: &E,
                at: $crate::rows::Pointers<$input, $weight, $output>,
            ) {
                // SAFETY: the caller's contract.
                unsafe { $crate::kernel::share!(executor, self, at, None) }
            }

            #[inline(always)]
            unsafe fn compute_row<E: $crate::executor::Executor + ?Sized>(
                &self,
                executor: &E,
                row: usize,
                at: $crate::rows::Pointers<$input, $weight, $output>,
            ) {
                // SAFETY: the caller's contract.
                unsafe { $crate::kernel::share!(executor, self, self.at_row(row, at), Some(row)) }
            }
        }

        impl<$($generics)* const X: usize, const W: usize, const Y: usize, const R: usize> $crate::Layer<$geometry, X, W, Y, R> {
            /// Asserts that every view stays inside its operand, and that none is a ring.
            pub const fn new(geometry: $geometry) -> Self {
                Self::of(geometry, geometry.extent(), geometry.is_whole())
            }
        }

        impl<$($generics)* const Z: usize, const W: usize, const R: usize> $crate::Within<$geometry, Z, W, R> {
            /// Asserts that both views stay inside the region and share no element, and that none is a ring.
            pub const fn new(geometry: $geometry, x: usize, y: usize) -> Self {
                let apart = $crate::layer::interleaved(x, &geometry.input, y, &geometry.output);
                Self::of(geometry, geometry.extent(), geometry.is_whole(), apart, [x, y])
            }
        }

        impl<$($generics)* const X: usize, const W: usize, const Y: usize, const R: usize> $crate::RowLayer<$geometry, X, W, Y, R> {
            /// Asserts that every view stays inside its operand, and that the input's ring holds all rows of one window.
            pub const fn new(geometry: $geometry) -> Self {
                Self::of(geometry, geometry.extent(), geometry.holds_windows())
            }
        }

        impl<$($generics)* const Z: usize, const W: usize, const R: usize> $crate::WithinRows<$geometry, Z, W, R> {
            /// Asserts that both views stay inside the region, that the input's ring holds all rows of one window, and that no element of a
            /// row that is written is one that is read for it.
            pub const fn new(geometry: $geometry, x: usize, y: usize) -> Self {
                let layer = Self::of(geometry, geometry.extent(), geometry.holds_windows(), [x, y]);
                let interleaved = $crate::layer::interleaved(x, &geometry.input, y, &geometry.output);
                let mut row = if interleaved { geometry.output.height as usize } else { 0 };
                while row < geometry.output.height as usize {
                    assert!(geometry.row_apart(row, x, y), "a row is written over one that is read for it");
                    row += 1;
                }
                layer
            }
        }

        impl<$($generics)* const X: usize, const W: usize, const Z: usize> $crate::SecondWithinRows<$geometry, X, W, Z> {
            /// Asserts that all views stay inside their operands, that the input's ring holds all rows of one window, and that no element of
            /// a row that is written is one of the second input's row that is read for it.
            pub const fn new(geometry: $geometry, r: usize, y: usize) -> Self {
                let layer = Self::of(geometry, geometry.extent(), geometry.holds_windows(), [r, y]);
                let mut row = 0;
                while row < geometry.output.height as usize {
                    assert!(geometry.second_row_apart(row, r, y), "a row is written over one that is read for it");
                    row += 1;
                }
                layer
            }
        }
    };
}
pub(crate) use map_kernel;

/// Computes a whole layer (`None`) or a row of it (`Some`): part by part, where there are cores to share it.
macro_rules! share {
    ($executor:expr, $geometry:expr, $pointers:expr, $row:expr) => {{
        let (geometry, pointers, row): (_, _, Option<usize>) = ($geometry, $pointers, $row);
        let cores = $executor.cores();
        let parts = if cores > 1 { geometry.parts(row, cores.saturating_mul(2)) } else { 1 };
        let leaf = geometry.leaf();
        $crate::executor::for_each_part($executor, parts, |part| geometry.run(leaf, geometry.piece(row, part, parts), pointers));
    }};
}
pub(crate) use share;

/// The doors of a kernel over strided views, which computes its whole output at once: by `run` from the pointers. `in_place` says that its
/// output may lie over its input, where that method of the geometry does. A kernel whose second input is of another type names both
/// inputs' types, and says by `apart` whether an output may begin where its first input does.
macro_rules! strided_kernel {
    (
        [$($generics:tt)*] $geometry:ty, $input:ty => $output:ty,
        |$self:ident, $at:ident| $run:expr, in_place: $in_place:ident
    ) => {
        $crate::kernel::strided_kernel!(
            [$($generics)*] $geometry, $input, $input => $output, |$self, $at| $run, apart: Self::$in_place
        );

        impl<$($generics)* const Z: usize> $crate::InPlace<$geometry, Z> {
            /// Asserts that the view stays inside the region, and is the same for input and output.
            pub const fn new(geometry: $geometry) -> Self {
                Self::of(geometry, geometry.extent(), geometry.$in_place())
            }
        }
    };
    ([$($generics:tt)*] $geometry:ty, $input:ty => $output:ty, |$self:ident, $at:ident| $run:expr) => {
        $crate::kernel::strided_kernel!([$($generics)*] $geometry, $input, $input => $output, |$self, $at| $run, apart: |_| false);
    };
    (
        [$($generics:tt)*] $geometry:ty, $input:ty, $second:ty => $output:ty,
        |$self:ident, $at:ident| $run:expr, apart: $apart:expr
    ) => {
        impl<$($generics)*> $crate::kernel::sealed::Leaf for $geometry {
            type Input = $input;
            type Second = $second;
            type Weight = $input;
            type Output = $output;

            fn lengths(&self) -> Option<$crate::views::Extent> {
                self.extent()
            }

            fn apart(&self, x: usize, y: usize) -> bool {
                let apart: fn(&Self) -> bool = $apart;
                x == y && apart(self)
            }

            fn is_whole(&self) -> bool {
                true
            }

            fn rows(&self) -> Option<usize> {
                None
            }

            fn window(&self) -> Option<$crate::rows::RowWindow> {
                None
            }

            fn holds_windows(&self) -> bool {
                false
            }

            fn row_apart(&self, _row: usize, _x: usize, _y: usize) -> bool {
                false
            }

            fn second_row_apart(&self, _row: usize, _r: usize, _y: usize) -> bool {
                false
            }

            #[inline(always)]
            unsafe fn compute<E: $crate::executor::Executor + ?Sized>(
                &$self,
                _executor: &E,
                $at: $crate::rows::Pointers<$input, $input, $output, $second>,
            ) {
                // SAFETY: the caller's contract.
                unsafe { $run }
            }

            unsafe fn compute_row<E: $crate::executor::Executor + ?Sized>(
                &self,
                _executor: &E,
                _row: usize,
                _at: $crate::rows::Pointers<$input, $input, $output, $second>,
            ) {
            }
        }

        impl<$($generics)* const X: usize, const Y: usize, const R: usize> $crate::Layer<$geometry, X, 0, Y, R> {
            /// Asserts that every view stays inside its operand.
            pub const fn new(geometry: $geometry) -> Self {
                Self::of(geometry, geometry.extent(), true)
            }
        }
    };
}
pub(crate) use strided_kernel;
