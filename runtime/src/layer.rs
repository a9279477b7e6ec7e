//! The doors to the kernels: a layer whose operands' lengths were proven when it was built.

use crate::executor::{Executor, for_each_part};
use crate::f32::conv2d::Conv2d;
use crate::f32::depthwise::DepthwiseConv2d;
use crate::f32::elementwise::{Binary, Map};
use crate::f32::matmul::MatMul;
use crate::f32::pad::Pad;
use crate::f32::pool::Pool2d;
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

/// The operands of a layer whose parts several cores compute.
#[derive(Clone, Copy)]
struct Operands {
    x: *const f32,
    r: *const f32,
    w: *const f32,
    y: *mut f32,
}

// SAFETY: the parts of a layer write different elements, and none is read.
unsafe impl Sync for Operands {}

/// Computes a whole layer: part by part, where there are cores to share it.
macro_rules! share {
    ($executor:expr, $geometry:expr, $operands:expr) => {{
        let (geometry, operands) = (&$geometry, &$operands);
        let cores = $executor.cores();
        let parts = if cores > 1 { geometry.parts(cores.saturating_mul(2)) } else { 1 };
        for_each_part($executor, parts, |part| {
            let Operands { x, r, w, y } = *operands;
            geometry.run(geometry.piece(part, parts), x, r, w, y);
        });
    }};
}

macro_rules! weighted_layers {
    ($([$($generics:tt)*] $geometry:ty;)+) => {$(
        impl<$($generics)* const X: usize, const W: usize, const Y: usize> Layer<$geometry, X, W, Y> {
            /// Asserts that every view stays inside its operand.
            pub const fn new(geometry: $geometry) -> Self {
                admit(geometry.extent(), X, W, Y, 0);
                Layer(geometry)
            }

            /// Computes the whole output `y` from `x` and the weights `w`.
            #[inline(always)]
            pub fn run<E: Executor + ?Sized>(&self, executor: &E, x: &[f32; X], w: &[f32; W], y: &mut [f32; Y]) {
                let operands = Operands { x: x.as_ptr(), r: x.as_ptr(), w: w.as_ptr(), y: y.as_mut_ptr() };
                // SAFETY: `new` proved the lengths; `y` is exclusive, so it is apart from what is read.
                unsafe { share!(executor, self.0, operands) }
            }
        }

        impl<$($generics)* const Z: usize, const W: usize> Within<$geometry, Z, W> {
            /// Asserts that both views stay inside the region and share no element.
            pub const fn new(geometry: $geometry, x: usize, y: usize) -> Self {
                assert!(x <= Z && y <= Z, "a view leaves its region");
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
                    let operands = Operands { x: z.add(self.x), r: z, w: w.as_ptr(), y: z.add(self.y) };
                    share!(executor, self.geometry, operands)
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
    /// As `new`, for a convolution with a residual of `R` values.
    pub const fn with_residual(geometry: Conv2d<A, T, N>) -> Self {
        admit(geometry.extent(), X, W, Y, R);
        Layer(geometry)
    }

    /// Computes the whole output `y` from `x`, the residual `r` and the weights `w`.
    #[inline(always)]
    pub fn run_residual<E: Executor + ?Sized>(&self, executor: &E, x: &[f32; X], r: &[f32; R], w: &[f32; W], y: &mut [f32; Y]) {
        let operands = Operands { x: x.as_ptr(), r: r.as_ptr(), w: w.as_ptr(), y: y.as_mut_ptr() };
        // SAFETY: `with_residual` proved the lengths; `y` is exclusive, so it is apart from what is read.
        unsafe { share!(executor, self.0, operands) }
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
