//! How a convolution's sums are made: the numeric class, and the unit that makes them.

use core::mem::offset_of;

use super::Vector;
use crate::views::Pixels;

/// Every product is rounded before it is added.
///
/// With one order of addition the same bits on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plain;

/// Product and sum are rounded once, as an instruction for fused multiply-add does.
///
/// With one order of addition the same bits on every machine; slow where a machine has no such instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fused;

/// The numeric class of a kernel's sums, and the unit that makes them. Sealed.
pub trait Arithmetic: sealed::Sums {}
impl<S: sealed::Sums> Arithmetic for S {}

/// [`Arithmetic`] over `f32`. Sealed.
pub trait FloatArithmetic:
    Arithmetic + sealed::Channelwise<Input = f32, Weight = f32, Output = f32, Epilogue = crate::f32::activation::Activation>
{
}
impl<A> FloatArithmetic for A where
    A: Arithmetic + sealed::Channelwise<Input = f32, Weight = f32, Output = f32, Epilogue = crate::f32::activation::Activation>
{
}

/// Taps of a tile's windows that lie on the input, and how they lie in memory. The sums of a tile go over one or two such: the second where
/// the rows of a ring wrap, or where channels lie in another map.
#[derive(Clone, Copy)]
pub struct Taps<W = f32> {
    /// The first tap's weights.
    pub w: *const W,
    /// Rows and columns of taps.
    pub count: [usize; 2],
    /// Channels of a tap.
    pub depth: usize,
    /// Distance between channels of the input.
    pub channel: usize,
    /// Distance in the input between taps, along rows and columns.
    pub steps: [usize; 2],
    /// Distance in the weights between rows of taps; between channels it is the `N` of the block.
    pub row: usize,
}

/// Taps of a depthwise window that lie on the input. Distances are in bytes, and wrap as addresses do: some lead back.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ChannelTaps {
    /// Rows and columns of taps.
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Between taps of a row in the input, and from behind a row to the next.
    pub(crate) column: usize,
    pub(crate) row: usize,
    /// The same in the weights.
    pub(crate) weights_column: usize,
    pub(crate) weights_row: usize,
}

// Leaves load these by one instruction.
const _: () = {
    let word = size_of::<usize>();
    assert!(offset_of!(ChannelTaps, rows) == 0 && offset_of!(ChannelTaps, columns) == word);
    assert!(offset_of!(ChannelTaps, column) == 2 * word && offset_of!(ChannelTaps, row) == 3 * word);
    assert!(offset_of!(ChannelTaps, weights_column) == 4 * word && offset_of!(ChannelTaps, weights_row) == 5 * word);
};

/// A pixel's places in the input, in the output, and in the residual or the input's rest.
#[derive(Clone, Copy)]
pub struct Pixel<X, Y> {
    pub(crate) x: *const X,
    pub(crate) y: *mut Y,
    pub(crate) r: *const X,
}

/// What a geometry says of where sums go. Asked of the geometry itself, whose address a leaf has anyway.
pub trait Ends<E> {
    /// The map that is written.
    fn output(&self) -> &Pixels;
    /// A map that is added first.
    fn residual(&self) -> &Option<Pixels>;
    /// What makes outputs of sums.
    fn epilogue(&self) -> &E;
    /// Whether a pool of what is computed is its maximum; else it is an average.
    fn is_max(&self) -> bool;
}

/// Two of a tile's pixels: a row of a whole window of a pool, or what is on the map of one that is cut off.
#[derive(Clone, Copy)]
pub struct Half<Y> {
    /// The window's place in the output.
    pub(crate) y: *mut Y,
    /// Whether the second pixel is on the map; else it is the first again.
    pub(crate) pair: bool,
}

/// The channels of a tile.
#[derive(Clone, Copy)]
pub struct Strip {
    /// The first lane of the block.
    pub(crate) lane: usize,
    /// How many channels are left from there on.
    pub(crate) valid: usize,
    /// Whether a channel stands behind every lane, and they are adjacent in the output.
    pub(crate) whole: bool,
}

/// Tiles for what does not fill one of `T` pixels.
#[derive(Clone, Copy)]
pub struct Narrow {
    /// How many pixels such a tile has.
    pub pixels: usize,
    /// Up to how many pixels are computed by such tiles in less time than by one of `T`; fewer than `T`.
    pub most: usize,
}

impl Narrow {
    #[cfg_attr(not(all(target_arch = "arm", target_abi = "eabihf")), allow(dead_code, reason = "for tiles that have a leaf of their own"))]
    pub(crate) const NONE: Narrow = Narrow { pixels: 1, most: 0 };

    /// For tiles of `T` pixels by `B` vectors: as narrow as keeps a core busy, which goes on with another sum while one is in the making.
    #[inline(always)]
    pub(crate) const fn of_vectors<V: Vector, const T: usize, const B: usize>() -> Self {
        // Sums in the making; where vectors are of 256 bits, cores start two products at a time.
        let busy = if V::LANES == 8 { 8 } else { 4 };
        let pixels = if B >= 4 {
            1
        } else if B >= 2 {
            2
        } else {
            4
        };
        let time = if pixels * B < busy { busy } else { pixels * B + 1 };
        Narrow { pixels, most: if pixels < T { pixels * ((T * B - 1) / time) } else { 0 } }
    }
}

pub(crate) mod sealed {
    use core::mem::MaybeUninit;

    use super::{ChannelTaps, Ends, Half, Narrow, Pixel, Strip, Taps, Vector};
    use crate::Expression;
    use crate::element::Element;

    /// The sums of a tile: of what elements they are made, how, and what is made of them.
    pub trait Sums: Copy + Sync {
        /// The elements of a map that is read.
        type Input: Element;
        /// The values of packed weights.
        type Weight: Element;
        /// The elements of a map that is written.
        type Output: Element;
        /// The sums of as many channels as a vector has lanes.
        type Sum<V: Vector>: Copy;
        /// What makes an output of a sum.
        type Epilogue: Copy + PartialEq + core::fmt::Debug + Send + Sync + Expression;
        /// The epilogue that changes nothing.
        const IDENTITY: Self::Epilogue;
        /// Channels of a tap that a value of the packed weights holds.
        const WORD: usize;
        /// Values of the packed weights that a filter has before those of its taps.
        const HEADER: usize;

        /// Whether product and sum are rounded once.
        const FUSED: bool;

        /// `sum + x * w`, lane by lane.
        #[inline(always)]
        fn multiply_add<V: Vector>(sum: V, x: V, w: V) -> V {
            if Self::FUSED { sum.multiply_add::<true>(x, w) } else { sum.multiply_add::<false>(x, w) }
        }

        /// What the sums of all tiles of a size with the same taps have in common.
        type Prepared;

        /// The sums of tiles whose bias stands at `bias`, over the taps `first` and then `second`.
        fn prepare<V: Vector, const T: usize, const B: usize, const N: usize, const DENSE: bool>(
            bias: *const Self::Weight,
            first: Taps<Self::Weight>,
            second: Option<Taps<Self::Weight>>,
        ) -> Self::Prepared;

        /// Goes on to the bias and the weights `elements` behind.
        ///
        /// # Safety
        /// `prepared` is made for such tiles.
        unsafe fn advance<V: Vector, const T: usize, const B: usize, const N: usize>(prepared: &mut Self::Prepared, elements: usize);

        /// The narrow tiles beside tiles of `T` pixels by `B` vectors, a strip of a block of `N` channels.
        #[inline(always)]
        fn narrow<V: Vector, const T: usize, const B: usize, const N: usize>() -> Narrow {
            Narrow::of_vectors::<V, T, B>()
        }

        /// `T` pixels by `B` vectors, a strip of a block of `N` channels: the bias and every product of the taps, in the order
        /// (ky, kx, ci). `x` gives the pixels of the first taps (0) and of the second (1), of which there are none without `SPLIT`. Where
        /// the tile is `narrow`, which it is not without `SPLIT`, the pixels behind those of a narrow tile have the sums of its last. Every
        /// value of `sums` is written.
        ///
        /// # Safety
        /// `prepared` is made for such tiles; the bias is readable for `B` vectors; each pointer of `x` for every channel of every tap,
        /// which are adjacent where `DENSE`; the weights for the taps.
        unsafe fn sums<V: Vector, const T: usize, const B: usize, const N: usize, const DENSE: bool, const SPLIT: bool>(
            prepared: &Self::Prepared,
            x: impl Fn(usize) -> [*const Self::Input; T],
            narrow: bool,
            sums: &mut MaybeUninit<[[Self::Sum<V>; B]; T]>,
        );

        /// Adds the residual, makes outputs of the sums of a tile and stores them.
        ///
        /// # Safety
        /// The strip's channels that exist are writable in the pixels of the output, and readable in a residual.
        unsafe fn finish<V: Vector, const T: usize, const B: usize>(
            ends: &impl Ends<Self::Epilogue>,
            strip: Strip,
            pixels: [Pixel<Self::Input, Self::Output>; T],
            sums: &mut [[Self::Sum<V>; B]; T],
        );

        /// As [`finish`](Self::finish), of a tile that is made of windows of a 2x2 pool: four pixels a `whole` window, two for any other.
        ///
        /// # Safety
        /// The channels of the halves' places that exist are writable.
        unsafe fn finish_pooled<V: Vector, const T: usize, const B: usize>(
            ends: &impl Ends<Self::Epilogue>,
            strip: Strip,
            whole: bool,
            halves: &[[Half<Self::Output>; 2]; T],
            sums: &mut [[Self::Sum<V>; B]; T],
        );

        /// Negative sums become zero.
        #[inline(always)]
        fn relu<V: Vector, const T: usize, const B: usize>(sums: &mut [[V; B]; T]) {
            for vector in sums.as_flattened_mut() {
                *vector = vector.relu();
            }
        }

        /// Limits sums to `[low, high]`.
        #[inline(always)]
        fn clip<V: Vector, const T: usize, const B: usize>(sums: &mut [[V; B]; T], low: f32, high: f32) {
            crate::f32::activation::Activation::Clip(low, high).apply_to(sums);
        }
    }

    /// Sums over one channel each, as those of a depthwise convolution are.
    pub trait Channelwise: Sums<Input = f32, Weight = f32, Output = f32> {
        /// Adds to the sums of `T` pixels, a channel a lane, the products of the taps, in the order (ky, kx). `x` and `w` are those of the
        /// first tap.
        ///
        /// # Safety
        /// The pointers of `x` are readable for a vector at every tap, `w` for the weights of each.
        unsafe fn add_taps<V: Vector, const T: usize>(taps: &ChannelTaps, x: [*const f32; T], w: *const f32, sums: &mut [[V; 1]; T]);

        /// As [`clip`](Sums::clip), in line where the sums are in registers.
        fn clip_in_line<V: Vector, const T: usize>(sums: &mut [[V; 1]; T], low: f32, high: f32);
    }
}

/// # Safety
/// `from` is readable for `B` vectors.
#[inline(always)]
pub(crate) unsafe fn load<V: Vector, const B: usize>(from: *const f32) -> [V; B] {
    // SAFETY: the caller's contract.
    unsafe { V::load_all(from) }
}
