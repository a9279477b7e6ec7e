//! The doors to the kernels: a layer whose operands' lengths were proven when it was built.
//!
//! In all of them an operand that a kernel has none of is an empty array.

use crate::executor::Executor;
use crate::kernel::Kernel;
use crate::rows::Pointers;
use crate::views::{Extent, Pixels};

/// A kernel with geometry `G` over an input of `X` elements, weights of `W`, an output of `Y` and, where the kernel has one, a second
/// input of `R`.
///
/// `new` is the only way to build one. Used in a `const`, it fails to compile where a view leaves its operand.
///
/// ```
/// use peleec_runtime::{Activation, Layer, Map, OneCore};
/// const RELU: Map = Map::new([1, 1, 1, 1, 1, 4], [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 1]).activation(Activation::Relu);
/// const LAYER: Layer<Map, 4, 0, 4> = Layer::<Map, 4, 0, 4>::new(RELU);
/// let mut y = [0.0; 4];
/// LAYER.run(&OneCore, &[-1.0, 2.0, -3.0, 4.0], &[], &[], &mut y);
/// assert_eq!(y, [0.0, 2.0, 0.0, 4.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Layer<G, const X: usize, const W: usize, const Y: usize, const R: usize = 0>(G);

/// A kernel with geometry `G` whose input and output are interleaved channel slices of one region of `Z` elements, with weights of `W` and,
/// where the kernel has one, a second input of `R` outside the region.
///
/// The input begins at element `x` of the region, the output at element `y`. `new` asserts that no element belongs to both.
#[derive(Clone, Copy, Debug)]
pub struct Within<G, const Z: usize, const W: usize, const R: usize = 0> {
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
/// const INPUT: Pixels = Pixels::new([4, 2, 1]).ring(2);
/// const POOL: Pool2d = Pool2d::new(INPUT, Pixels::new([2, 1, 1]), PoolKind::Max).kernel([2, 2]).strides([2, 2]);
/// const LAYER: RowLayer<Pool2d, 4, 0, 2> = RowLayer::<Pool2d, 4, 0, 2>::new(POOL);
/// let mut y = [0.0; 2];
/// LAYER.run_row(&OneCore, 0, &[1.0, 2.0, 3.0, 4.0], &[], &[], &mut y);
/// LAYER.run_row(&OneCore, 1, &[5.0, 6.0, 7.0, 8.0], &[], &[], &mut y);
/// assert_eq!(y, [4.0, 8.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RowLayer<G, const X: usize, const W: usize, const Y: usize, const R: usize = 0>(G);

/// As [`RowLayer`], with input and output in one region of `Z` elements.
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

/// As [`RowLayer`], with the second input and the output in one region of `Z` elements.
///
/// The second input begins at element `r` of the region, the output at element `y`. `new` asserts that the memory of every row that is
/// written lies apart from that of the second input's row that is read for it: so the sum of a map and another may grow over rows of
/// this other that nothing needs any more. The input lies outside the region.
#[derive(Clone, Copy, Debug)]
pub struct SecondWithinRows<G, const X: usize, const W: usize, const Z: usize> {
    geometry: G,
    r: usize,
    y: usize,
}

/// A kernel with geometry `G` that writes the elements of a region of `Z` where it reads them.
///
/// `new` fails to compile where an element of the output would lie where another of the input does.
#[derive(Clone, Copy, Debug)]
pub struct InPlace<G, const Z: usize>(G);

/// Asserts that operands of the lengths `[x, r, w, y]` serve.
const fn admit(extent: Option<Extent>, [x, r, w, y]: [usize; 4]) {
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
    let behind = (b % pitch + (pitch - a % pitch)) % pitch;
    a_map.channels as usize <= behind && behind as u64 + b_map.channels as u64 <= pitch as u64
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

impl<G: Copy, const X: usize, const W: usize, const Y: usize, const R: usize> Layer<G, X, W, Y, R> {
    pub(crate) const fn of(geometry: G, extent: Option<Extent>, is_whole: bool) -> Self {
        assert!(is_whole, "a map of a whole layer is a ring");
        admit(extent, [X, R, W, Y]);
        Layer(geometry)
    }
}

impl<G: Kernel, const X: usize, const W: usize, const Y: usize, const R: usize> Layer<G, X, W, Y, R> {
    /// Computes the whole output `y` from `x`, the second input `r` and the weights `w`.
    #[inline(always)]
    pub fn run<E: Executor + ?Sized>(
        &self,
        executor: &E,
        x: &[G::Input; X],
        r: &[G::Second; R],
        w: &[G::Weight; W],
        y: &mut [G::Output; Y],
    ) {
        let at = Pointers::new(x.as_ptr(), r.as_ptr(), w.as_ptr(), y.as_mut_ptr());
        // SAFETY: `of` proved the lengths; `y` is exclusive, so it is apart from what is read.
        unsafe { self.0.compute(executor, at) }
    }
}

impl<G: Copy, const Z: usize, const W: usize, const R: usize> Within<G, Z, W, R> {
    pub(crate) const fn of(geometry: G, extent: Option<Extent>, is_whole: bool, apart: bool, [x, y]: [usize; 2]) -> Self {
        assert!(x <= Z && y <= Z, "a view leaves its region");
        assert!(is_whole, "a map of a whole layer is a ring");
        admit(extent, [Z - x, R, W, Z - y]);
        assert!(apart, "input and output share elements");
        Within { geometry, x, y }
    }
}

impl<G: Kernel<Output = <G as crate::kernel::sealed::Leaf>::Input>, const Z: usize, const W: usize, const R: usize> Within<G, Z, W, R> {
    /// Computes the whole output from the input, both slices of `z`, the second input `r` and the weights `w`.
    #[inline(always)]
    pub fn run<E: Executor + ?Sized>(&self, executor: &E, r: &[G::Second; R], w: &[G::Weight; W], z: &mut [G::Input; Z]) {
        let z = z.as_mut_ptr();
        // SAFETY: `of` proved that both views lie inside the region and share no element.
        unsafe {
            let at = Pointers::new(z.add(self.x).cast_const(), r.as_ptr(), w.as_ptr(), z.add(self.y));
            self.geometry.compute(executor, at);
        }
    }
}

impl<G: Copy, const X: usize, const W: usize, const Y: usize, const R: usize> RowLayer<G, X, W, Y, R> {
    pub(crate) const fn of(geometry: G, extent: Option<Extent>, holds_windows: bool) -> Self {
        admit(extent, [X, R, W, Y]);
        assert!(holds_windows, "the input's ring is shorter than a window");
        RowLayer(geometry)
    }
}

impl<G: Kernel, const X: usize, const W: usize, const Y: usize, const R: usize> RowLayer<G, X, W, Y, R> {
    /// Computes row `row` of the output `y` from `x`, the second input `r` and the weights `w`; nothing where the output has no such row.
    #[inline(always)]
    pub fn run_row<E: Executor + ?Sized>(
        &self,
        executor: &E,
        row: usize,
        x: &[G::Input; X],
        r: &[G::Second; R],
        w: &[G::Weight; W],
        y: &mut [G::Output; Y],
    ) {
        let at = Pointers::new(x.as_ptr(), r.as_ptr(), w.as_ptr(), y.as_mut_ptr());
        if self.0.rows().is_some_and(|rows| row < rows) {
            // SAFETY: `of` proved the lengths, and the row is one of the output; `y` is exclusive, so it is apart from what is read.
            unsafe { self.0.compute_row(executor, row, at) }
        }
    }
}

impl<G: Copy, const Z: usize, const W: usize, const R: usize> WithinRows<G, Z, W, R> {
    /// Does not ask whether rows lie apart.
    pub(crate) const fn of(geometry: G, extent: Option<Extent>, holds_windows: bool, [x, y]: [usize; 2]) -> Self {
        assert!(x <= Z && y <= Z, "a view leaves its region");
        admit(extent, [Z - x, R, W, Z - y]);
        assert!(holds_windows, "the input's ring is shorter than a window");
        WithinRows { geometry, x, y }
    }
}

impl<G: Kernel<Output = <G as crate::kernel::sealed::Leaf>::Input>, const Z: usize, const W: usize, const R: usize> WithinRows<G, Z, W, R> {
    /// Computes row `row` of the output from the input, both in `z`, the second input `r` and the weights `w`; nothing where the output has
    /// no such row.
    #[inline(always)]
    pub fn run_row<E: Executor + ?Sized>(&self, executor: &E, row: usize, r: &[G::Second; R], w: &[G::Weight; W], z: &mut [G::Input; Z]) {
        let z = z.as_mut_ptr();
        if self.geometry.rows().is_some_and(|rows| row < rows) {
            // SAFETY: `new` proved that all views lie inside their operands, and that the row, which is one of the output, shares no
            // element with what is read for it.
            unsafe {
                let at = Pointers::new(z.add(self.x).cast_const(), r.as_ptr(), w.as_ptr(), z.add(self.y));
                self.geometry.compute_row(executor, row, at);
            }
        }
    }
}

impl<G: Copy, const X: usize, const W: usize, const Z: usize> SecondWithinRows<G, X, W, Z> {
    /// Does not ask whether rows lie apart.
    pub(crate) const fn of(geometry: G, extent: Option<Extent>, holds_windows: bool, [r, y]: [usize; 2]) -> Self {
        assert!(r <= Z && y <= Z, "a view leaves its region");
        admit(extent, [X, Z - r, W, Z - y]);
        assert!(holds_windows, "the input's ring is shorter than a window");
        SecondWithinRows { geometry, r, y }
    }
}

impl<G, const X: usize, const W: usize, const Z: usize> SecondWithinRows<G, X, W, Z>
where
    G: Kernel<Output = <G as crate::kernel::sealed::Leaf>::Second>,
{
    /// Computes row `row` of the output from the input `x`, the second input, which is in `z` as the output is, and the weights `w`;
    /// nothing where the output has no such row.
    #[inline(always)]
    pub fn run_row<E: Executor + ?Sized>(&self, executor: &E, row: usize, x: &[G::Input; X], w: &[G::Weight; W], z: &mut [G::Second; Z]) {
        let z = z.as_mut_ptr();
        if self.geometry.rows().is_some_and(|rows| row < rows) {
            // SAFETY: `new` proved that all views lie inside their operands, and that the row, which is one of the output, shares no
            // element with that of the second input; `x` is apart from `z`, which is exclusive.
            unsafe {
                let at = Pointers::new(x.as_ptr(), z.add(self.r).cast_const(), w.as_ptr(), z.add(self.y));
                self.geometry.compute_row(executor, row, at);
            }
        }
    }
}

impl<G: Copy, const Z: usize> InPlace<G, Z> {
    pub(crate) const fn of(geometry: G, extent: Option<Extent>, is_in_place: bool) -> Self {
        admit(extent, [Z, 0, 0, Z]);
        assert!(is_in_place, "elements would not stay in their places");
        InPlace(geometry)
    }
}

impl<G: Kernel<Output = <G as crate::kernel::sealed::Leaf>::Input>, const Z: usize> InPlace<G, Z> {
    /// Computes the whole output from and to `z`.
    #[inline(always)]
    pub fn run<E: Executor + ?Sized>(&self, executor: &E, z: &mut [G::Input; Z]) {
        let z = z.as_mut_ptr();
        // SAFETY: `of` proved the lengths, and that each element stays in its place; `z` is exclusive.
        unsafe { self.0.compute(executor, Pointers::new(z, z.cast_const().cast(), z.cast_const().cast(), z)) }
    }
}
