//! The doors to the kernels: a layer whose operands' lengths were proven when it was built.

use crate::executor::{Executor, for_each_part};
use crate::f32::conv2d::Conv2d;
use crate::f32::depthwise::DepthwiseConv2d;
use crate::f32::elementwise::{Binary, Map};
use crate::f32::matmul::MatMul;
use crate::f32::pad::Pad;
use crate::f32::pool::Pool2d;
use crate::f32::rows::Pointers;
use crate::f32::softmax::Softmax;
use crate::lanes::arithmetic::Arithmetic;
use crate::views::{Extent, Pixels};

/// A kernel with geometry `G` over an input of `X` values, weights of `W`, an output of `Y` and, where the kernel has one, a second
/// input of `R`.
///
/// `new` is the only way to build one. Used in a `const`, it fails to compile where a view leaves its operand.
///
/// ```
/// use peleec_runtime::{Activation, Layer, Map};
/// const LAYER: Layer<Map, 4, 0, 4> =
///     Layer::<Map, 4, 0, 4>::new(Map { dims: [1, 1, 1, 1, 1, 4], input: [0, 0, 0, 0, 0, 1], output: [0, 0, 0, 0, 0, 1], activation: Activation::Relu });
/// let mut y = [0.0; 4];
/// LAYER.run(&[-1.0, 2.0, -3.0, 4.0], &mut y);
/// assert_eq!(y, [0.0, 2.0, 0.0, 4.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Layer<G, const X: usize, const W: usize, const Y: usize, const R: usize = 0>(G);

/// A kernel with geometry `G` whose input and output are interleaved channel slices of one region of `Z` values, with weights of `W`.
///
/// The input begins at element `x` of the region, the output at element `y`. `new` asserts that no element belongs to both.
#[derive(Clone, Copy, Debug)]
pub struct Within<G, const Z: usize, const W: usize> {
    geometry: G,
    x: usize,
    y: usize,
}

/// A kernel with geometry `G` that computes one row of its output at a time. Its maps may be rings; the other parameters are those of
/// [`Layer`].
///
/// `new` fails to compile, too, where a ring of the input is shorter than a window. The caller sees to it that the rows of a window are
/// stored when their row is computed: a row is written to its slot of the output's ring.
///
/// ```
/// use peleec_runtime::{OneCore, Pixels, Pool2d, PoolKind, RowLayer};
/// const INPUT: Pixels = Pixels { height: 4, width: 2, channels: 1, row: 2, pixel: 1, channel: 1, ring: 2 };
/// const OUTPUT: Pixels = Pixels { height: 2, width: 1, channels: 1, row: 1, pixel: 1, channel: 1, ring: 2 };
/// const POOL: Pool2d =
///     Pool2d { input: INPUT, output: OUTPUT, kind: PoolKind::Max, kernel: [2, 2], strides: [2, 2], dilations: [1, 1], pads: [0; 4] };
/// const LAYER: RowLayer<Pool2d, 4, 0, 2> = RowLayer::<Pool2d, 4, 0, 2>::new(POOL);
/// let mut y = [0.0; 2];
/// LAYER.run_row(&OneCore, 0, &[1.0, 2.0, 3.0, 4.0], &[], &mut y);
/// LAYER.run_row(&OneCore, 1, &[5.0, 6.0, 7.0, 8.0], &[], &mut y);
/// assert_eq!(y, [4.0, 8.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RowLayer<G, const X: usize, const W: usize, const Y: usize, const R: usize = 0>(G);

/// As [`RowLayer`], with input and output in one region of `Z` values.
///
/// The input begins at element `x` of the region, the output at element `y`. `new` asserts that they are interleaved as those of
/// [`Within`] are, or that the memory of every row that is written lies apart from that of the rows that are read for it: so an output may
/// grow over rows of its input that nothing needs any more. A second input lies outside the region.
#[derive(Clone, Copy, Debug)]
pub struct WithinRows<G, const Z: usize, const W: usize, const R: usize = 0> {
    geometry: G,
    x: usize,
    y: usize,
}

const fn admit(extent: Option<Extent>, x: usize, w: usize, y: usize, r: usize) {
    assert!(extent.is_some(), "the geometry contradicts itself");
    if let Some(extent) = extent {
        assert!(extent.x <= x, "the input's view leaves its region");
        assert!(extent.r <= r, "the second input's view leaves its region");
        assert!(extent.w <= w, "the weights leave their range");
        assert!(extent.y <= y, "the output's view leaves its region");
    }
}

/// Whether two maps share no element since their channels are adjacent and apart within a pixel: every pixel of both begins at the
/// map's own distance from a multiple of one pitch.
pub(crate) const fn interleaved(a: usize, a_map: &Pixels, b: usize, b_map: &Pixels) -> bool {
    let pitch = gcd(pitch(a_map), pitch(b_map));
    if pitch == 0 || a_map.channel != 1 || b_map.channel != 1 {
        return false;
    }
    let behind = (b % pitch + pitch - a % pitch) % pitch;
    a_map.channels as usize <= behind && behind + b_map.channels as usize <= pitch
}

/// What divides the distance between any two pixels of the map; zero where there is one.
const fn pitch(map: &Pixels) -> usize {
    let row = if map.height > 1 { map.row as usize } else { 0 };
    let pixel = if map.width > 1 { map.pixel as usize } else { 0 };
    gcd(row, pixel)
}

const fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Computes a whole layer (`None`) or a row of it (`Some`): part by part, where there are cores to share it.
macro_rules! share {
    ($executor:expr, $geometry:expr, $pointers:expr, $row:expr) => {{
        let (geometry, pointers, row): (_, Pointers, Option<usize>) = (&$geometry, $pointers, $row);
        let cores = $executor.cores();
        let parts = if cores > 1 { geometry.parts(row, cores.saturating_mul(2)) } else { 1 };
        let leaf = geometry.leaf();
        for_each_part($executor, parts, |part| geometry.run(leaf, geometry.piece(row, part, parts), pointers));
    }};
}

macro_rules! weighted_layers {
    ($([$($generics:tt)*] $geometry:ty;)+) => {$(
        impl<$($generics)* const X: usize, const W: usize, const Y: usize> Layer<$geometry, X, W, Y> {
            /// Asserts that every view stays inside its operand, and that none is a ring.
            pub const fn new(geometry: $geometry) -> Self {
                assert!(geometry.is_whole(), "a map of a whole layer is a ring");
                admit(geometry.extent(), X, W, Y, 0);
                Layer(geometry)
            }

            /// Computes the whole output `y` from `x` and the weights `w`.
            #[inline(always)]
            pub fn run<E: Executor + ?Sized>(&self, executor: &E, x: &[f32; X], w: &[f32; W], y: &mut [f32; Y]) {
                let pointers = Pointers::new(x.as_ptr(), x.as_ptr(), w.as_ptr(), y.as_mut_ptr());
                // SAFETY: `new` proved the lengths; `y` is exclusive, so it is apart from what is read.
                unsafe { share!(executor, self.0, pointers, None) }
            }
        }

        impl<$($generics)* const Z: usize, const W: usize> Within<$geometry, Z, W> {
            /// Asserts that both views stay inside the region and share no element, and that none is a ring.
            pub const fn new(geometry: $geometry, x: usize, y: usize) -> Self {
                assert!(x <= Z && y <= Z, "a view leaves its region");
                assert!(geometry.is_whole(), "a map of a whole layer is a ring");
                admit(geometry.extent(), Z - x, W, Z - y, 0);
                assert!(interleaved(x, &geometry.input, y, &geometry.output), "input and output share elements");
                Within { geometry, x, y }
            }

            /// Computes the whole output from the input and the weights `w`, both slices of `z`.
            #[inline(always)]
            pub fn run<E: Executor + ?Sized>(&self, executor: &E, w: &[f32; W], z: &mut [f32; Z]) {
                let z = z.as_mut_ptr();
                // SAFETY: `new` proved that both views lie inside the region and share no element.
                unsafe {
                    let pointers = Pointers::new(z.add(self.x), z, w.as_ptr(), z.add(self.y));
                    share!(executor, self.geometry, pointers, None)
                }
            }
        }

        impl<$($generics)* const X: usize, const W: usize, const Y: usize> RowLayer<$geometry, X, W, Y> {
            /// Asserts that every view stays inside its operand, and that the input's ring holds all rows of one window.
            pub const fn new(geometry: $geometry) -> Self {
                admit(geometry.extent(), X, W, Y, 0);
                assert!(geometry.holds_windows(), "the input's ring is shorter than a window");
                RowLayer(geometry)
            }

            /// Computes row `row` of the output `y` from `x` and the weights `w`; nothing where the output has no such row.
            #[inline(always)]
            pub fn run_row<E: Executor + ?Sized>(&self, executor: &E, row: usize, x: &[f32; X], w: &[f32; W], y: &mut [f32; Y]) {
                if row >= self.0.output.height as usize {
                    return;
                }
                let pointers = Pointers::new(x.as_ptr(), x.as_ptr(), w.as_ptr(), y.as_mut_ptr());
                // SAFETY: `new` proved the lengths, and the row is one of the output; `y` is exclusive, so it is apart from what is read.
                unsafe { share!(executor, self.0, self.0.at_row(row, pointers), Some(row)) }
            }
        }

        impl<$($generics)* const Z: usize, const W: usize, const R: usize> WithinRows<$geometry, Z, W, R> {
            /// Asserts that both views stay inside the region, that the input's ring holds all rows of one window, and that no element of a
            /// row that is written is one that is read for it.
            pub const fn new(geometry: $geometry, x: usize, y: usize) -> Self {
                assert!(x <= Z && y <= Z, "a view leaves its region");
                admit(geometry.extent(), Z - x, W, Z - y, R);
                assert!(geometry.holds_windows(), "the input's ring is shorter than a window");
                let mut row = if interleaved(x, &geometry.input, y, &geometry.output) { geometry.output.height as usize } else { 0 };
                while row < geometry.output.height as usize {
                    assert!(geometry.row_apart(row, x, y), "a row is written over one that is read for it");
                    row += 1;
                }
                WithinRows { geometry, x, y }
            }
        }

        impl<$($generics)* const Z: usize, const W: usize> WithinRows<$geometry, Z, W> {
            /// Computes row `row` of the output from the input, both in `z`, and the weights `w`; nothing where the output has no such row.
            #[inline(always)]
            pub fn run_row<E: Executor + ?Sized>(&self, executor: &E, row: usize, w: &[f32; W], z: &mut [f32; Z]) {
                if row >= self.geometry.output.height as usize {
                    return;
                }
                let z = z.as_mut_ptr();
                // SAFETY: `new` proved that both views lie inside the region, and that the row, which is one of the output, shares no element
                // with what is read for it.
                unsafe {
                    let pointers = Pointers::new(z.add(self.x), z, w.as_ptr(), z.add(self.y));
                    share!(executor, self.geometry, self.geometry.at_row(row, pointers), Some(row))
                }
            }
        }
    )+};
}

weighted_layers! {
    [A: Arithmetic, const T: usize, const N: usize,] Conv2d<A, T, N>;
    [A: Arithmetic,] DepthwiseConv2d<A>;
    [] Pool2d;
}

impl<A: Arithmetic, const T: usize, const N: usize, const X: usize, const W: usize, const Y: usize, const R: usize>
    Layer<Conv2d<A, T, N>, X, W, Y, R>
{
    /// As `new`, for a convolution with a residual, or an input's rest, of `R` values.
    pub const fn with_second(geometry: Conv2d<A, T, N>) -> Self {
        assert!(geometry.is_whole(), "a map of a whole layer is a ring");
        admit(geometry.extent(), X, W, Y, R);
        Layer(geometry)
    }

    /// Computes the whole output `y` from `x`, the second input `r` and the weights `w`.
    #[inline(always)]
    pub fn run_second<E: Executor + ?Sized>(&self, executor: &E, x: &[f32; X], r: &[f32; R], w: &[f32; W], y: &mut [f32; Y]) {
        let pointers = Pointers::new(x.as_ptr(), r.as_ptr(), w.as_ptr(), y.as_mut_ptr());
        // SAFETY: `with_second` proved the lengths; `y` is exclusive, so it is apart from what is read.
        unsafe { share!(executor, self.0, pointers, None) }
    }
}

impl<A: Arithmetic, const T: usize, const N: usize, const X: usize, const W: usize, const Y: usize, const R: usize>
    RowLayer<Conv2d<A, T, N>, X, W, Y, R>
{
    /// As `new`, for a convolution with a residual, or an input's rest, of `R` values.
    pub const fn with_second(geometry: Conv2d<A, T, N>) -> Self {
        admit(geometry.extent(), X, W, Y, R);
        assert!(geometry.holds_windows(), "the input's ring is shorter than a window");
        RowLayer(geometry)
    }

    /// Computes row `row` of the output `y` from `x`, the second input `r` and the weights `w`; nothing where the output has no such row.
    #[inline(always)]
    pub fn run_row_second<E: Executor + ?Sized>(
        &self,
        executor: &E,
        row: usize,
        x: &[f32; X],
        r: &[f32; R],
        w: &[f32; W],
        y: &mut [f32; Y],
    ) {
        if row >= self.0.output.height as usize {
            return;
        }
        let pointers = Pointers::new(x.as_ptr(), r.as_ptr(), w.as_ptr(), y.as_mut_ptr());
        // SAFETY: `with_second` proved the lengths, and the row is one of the output; `y` is exclusive, so it is apart from what is read.
        unsafe { share!(executor, self.0, self.0.at_row(row, pointers), Some(row)) }
    }
}

impl<A: Arithmetic, const T: usize, const N: usize, const Z: usize, const W: usize, const R: usize> WithinRows<Conv2d<A, T, N>, Z, W, R> {
    /// Computes row `row` of the output from the input, both in `z`, the second input `r` and the weights `w`; nothing where the output has
    /// no such row.
    #[inline(always)]
    pub fn run_row_second<E: Executor + ?Sized>(&self, executor: &E, row: usize, r: &[f32; R], w: &[f32; W], z: &mut [f32; Z]) {
        if row >= self.geometry.output.height as usize {
            return;
        }
        let z = z.as_mut_ptr();
        // SAFETY: `new` proved that all views lie inside their operands, and that the row, which is one of the output, shares no element with
        // what is read for it.
        unsafe {
            let pointers = Pointers::new(z.add(self.x), r.as_ptr(), w.as_ptr(), z.add(self.y));
            share!(executor, self.geometry, self.geometry.at_row(row, pointers), Some(row))
        }
    }
}

macro_rules! unary_layers {
    ($($geometry:ty;)+) => {$(
        impl<const X: usize, const Y: usize> Layer<$geometry, X, 0, Y> {
            /// Asserts that every view stays inside its operand.
            pub const fn new(geometry: $geometry) -> Self {
                admit(geometry.extent(), X, 0, Y, 0);
                Layer(geometry)
            }

            /// Computes the whole output `y` from `x`.
            #[inline(always)]
            pub fn run(&self, x: &[f32; X], y: &mut [f32; Y]) {
                // SAFETY: `new` proved the lengths; `y` is exclusive, so it is apart from what is read.
                unsafe { self.0.run(x.as_ptr(), y.as_mut_ptr()) }
            }
        }
    )+};
}

/// A kernel with geometry `G` that writes the values of a region of `Z` where it reads them.
///
/// `new` fails to compile where an element of the output would lie where another of the input does.
#[derive(Clone, Copy, Debug)]
pub struct InPlace<G, const Z: usize>(G);

macro_rules! in_place_layers {
    ($($geometry:ty;)+) => {$(
        impl<const Z: usize> InPlace<$geometry, Z> {
            /// Asserts that the view stays inside the region, and is the same for input and output.
            pub const fn new(geometry: $geometry) -> Self {
                admit(geometry.extent(), Z, 0, Z, 0);
                assert!(geometry.is_in_place(), "elements would not stay in their places");
                InPlace(geometry)
            }

            /// Computes the whole output from and to `z`.
            #[inline(always)]
            pub fn run(&self, z: &mut [f32; Z]) {
                let z = z.as_mut_ptr();
                // SAFETY: `new` proved the lengths, and that each element stays in its place; `z` is exclusive.
                unsafe { self.0.run(z, z) }
            }
        }
    )+};
}

in_place_layers! {
    Map;
    Softmax;
}

unary_layers! {
    Map;
    Pad;
    Softmax;
}

macro_rules! binary_layers {
    ($($geometry:ty;)+) => {$(
        impl<const X: usize, const Y: usize, const R: usize> Layer<$geometry, X, 0, Y, R> {
            /// Asserts that every view stays inside its operand.
            pub const fn new(geometry: $geometry) -> Self {
                admit(geometry.extent(), X, 0, Y, R);
                Layer(geometry)
            }

            /// Computes the whole output `y` from `x` and `r`.
            #[inline(always)]
            pub fn run(&self, x: &[f32; X], r: &[f32; R], y: &mut [f32; Y]) {
                // SAFETY: `new` proved the lengths; `y` is exclusive, so it is apart from what is read.
                unsafe { self.0.run(x.as_ptr(), r.as_ptr(), y.as_mut_ptr()) }
            }
        }
    )+};
}

binary_layers! {
    Binary;
    MatMul;
}
