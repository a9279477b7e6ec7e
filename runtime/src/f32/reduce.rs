//! Reductions over any dimensions: sums of several kinds, products and extremes. A kind is a type, so that firmware links what it uses.

use core::marker::PhantomData;

use super::LONGEST_SUM;
use super::elementary::{log, sqrt};
use super::exp::exp;
use crate::geometry::geometry;
use crate::kernel::strided_kernel;
use crate::views::{Extent, MAX_RANK, Odometer, extent};

/// What a [`Reduce`] makes of elements. Sealed.
pub trait Reduction: sealed::Fold {}
impl<K: sealed::Fold> Reduction for K {}

pub(crate) mod sealed {
    use core::fmt::Debug;

    /// How elements become one: a term of each, the terms combined, and what is made of the whole.
    pub trait Fold: Copy + Debug + PartialEq + Send + Sync + 'static {
        /// What a reduction of nothing combines to.
        const START: f32;

        /// Whether terms take what is largest, which costs a pass of its own.
        const FROM_MAX: bool = false;

        /// What is combined of an element, from which `shift` is taken.
        fn term(x: f32, shift: f32) -> f32;

        /// Of what came before and a term, or another block of terms.
        fn combine(a: f32, b: f32) -> f32;

        /// The result.
        fn finish(total: f32, shift: f32) -> f32;
    }
}

/// Kinds: a name with what it is, where it starts, what it takes of an element, how it combines, and what it makes of the whole.
macro_rules! kinds {
    ($(
        $(#[$doc:meta])+ $kind:ident from $start:expr,
        |$x:ident, $shift:ident| $term:expr, |$a:ident, $b:ident| $combined:expr, |$total:ident, $last:ident| $result:expr $(, $max:ident)?;
    )+) => {$(
        $(#[$doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $kind;

        impl sealed::Fold for $kind {
            const START: f32 = $start;
            $(const $max: bool = true;)?

            #[inline(always)]
            fn term($x: f32, $shift: f32) -> f32 {
                $term
            }

            #[inline(always)]
            fn combine($a: f32, $b: f32) -> f32 {
                $combined
            }

            #[inline(always)]
            fn finish($total: f32, $last: f32) -> f32 {
                $result
            }
        }
    )+};
}

kinds! {
    /// The sum.
    ReduceSum from 0.0, |x, shift| x - shift, |a, b| a + b, |total, _shift| total;
    /// The product.
    ReduceProd from 1.0, |x, _shift| x, |a, b| a * b, |total, _shift| total;
    /// The least; what is not a number counts for nothing.
    ReduceMin from f32::INFINITY, |x, _shift| x, |a, b| if b < a { b } else { a }, |total, _shift| total;
    /// The greatest; what is not a number counts for nothing.
    ReduceMax from f32::NEG_INFINITY, |x, _shift| x, |a, b| if b > a { b } else { a }, |total, _shift| total;
    /// The sum of magnitudes.
    ReduceL1 from 0.0, |x, shift| magnitude(x - shift), |a, b| a + b, |total, _shift| total;
    /// The root of the sum of squares.
    ReduceL2 from 0.0, |x, shift| (x - shift) * (x - shift), |a, b| a + b, |total, _shift| sqrt(total);
    /// The sum of squares.
    ReduceSumSquare from 0.0, |x, shift| (x - shift) * (x - shift), |a, b| a + b, |total, _shift| total;
    /// The logarithm of the sum.
    ReduceLogSum from 0.0, |x, shift| x - shift, |a, b| a + b, |total, _shift| log(total);
    /// The logarithm of the sum of exponentials, of which the largest is taken out first.
    ReduceLogSumExp from 0.0, |x, shift| exp(x - shift), |a, b| a + b, |total, shift| log(total) + shift, FROM_MAX;
}

geometry! {
    /// Geometry of a reduction of all elements along some dimensions, for each index of others; unused leading dimensions are one. Elements
    /// are combined in the order of the dimensions, in blocks of 1024, which are combined in their order.
    pub struct Reduce [K: Reduction] [K] {
        /// Extents that are kept, outermost first.
        dims: [u32; MAX_RANK],
        /// Extents that are reduced, outermost first.
        over: [u32; MAX_RANK],
        /// Distance in the input for a step along each kept dimension, and along each reduced one.
        input: [[u32; MAX_RANK]; 2],
        /// Distance in the output for a step along each kept dimension.
        output: [u32; MAX_RANK],
    }
    options {}
    by_hand {}
    derived {
        /// The kind.
        kind: PhantomData<K> = PhantomData,
    }
}

impl<K: Reduction> Reduce<K> {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        match (nested_extent([&self.dims, &self.over], &self.input), extent(&self.dims, &self.output)) {
            (Some(x), Some(y)) => Some(Extent { x, r: 0, w: 0, y }),
            _ => None,
        }
    }

    /// Computes every element.
    ///
    /// # Safety
    /// `extent()` is some; `x` is readable and `y` writable for its lengths; no element of the output is one of the input.
    #[inline(never)]
    pub(crate) unsafe fn run(&self, x: *const f32, y: *mut f32) {
        let [outer, inner] = &self.input;
        let mut index = Odometer::new(&self.dims);
        loop {
            let (x, y) = (x.wrapping_add(index.at(outer)), y.wrapping_add(index.at(&self.output)));
            for i in 0..self.dims[LAST] as usize {
                let x = x.wrapping_add(i * outer[LAST] as usize);
                // SAFETY: both indices lie inside the dimensions, so the offsets lie inside the extents.
                unsafe {
                    let shift = if K::FROM_MAX { finite(fold::<ReduceMax>(&self.over, inner, x, 0.0)) } else { 0.0 };
                    let total = fold::<K>(&self.over, inner, x, shift);
                    *y.add(i * self.output[LAST] as usize) = K::finish(total, shift);
                }
            }
            if !index.advance() {
                return;
            }
        }
    }
}

strided_kernel!([K: Reduction,] Reduce<K>, f32 => f32, |self, at| self.run(at.x, at.y));

/// The terms of all elements of a view combined: in the order of its dimensions, in blocks of [`LONGEST_SUM`].
///
/// # Safety
/// `x` is readable for the view's extent, which is some.
pub(crate) unsafe fn fold<K: sealed::Fold>(dims: &[u32; MAX_RANK], strides: &[u32; MAX_RANK], x: *const f32, shift: f32) -> f32 {
    let (mut total, mut block, mut count) = (K::START, K::START, 0);
    let mut index = Odometer::new(dims);
    loop {
        let x = x.wrapping_add(index.at(strides));
        for i in 0..dims[LAST] as usize {
            // SAFETY: the index lies inside the dimensions, so the offset lies inside the extent.
            block = K::combine(block, K::term(unsafe { *x.add(i * strides[LAST] as usize) }, shift));
            count += 1;
            if count == LONGEST_SUM {
                total = K::combine(total, block);
                (block, count) = (K::START, 0);
            }
        }
        if !index.advance() {
            return K::combine(total, block);
        }
    }
}

/// The number of elements from the first to the last of a view whose dimensions come in two lists; none where an extent is zero or the
/// number exceeds `u32`.
pub(crate) const fn nested_extent([outer, inner]: [&[u32; MAX_RANK]; 2], strides: &[[u32; MAX_RANK]; 2]) -> Option<usize> {
    match (extent(outer, &strides[0]), extent(inner, &strides[1])) {
        (Some(outer), Some(inner)) if outer as u64 + inner as u64 <= u32::MAX as u64 => Some(outer + inner - 1),
        _ => None,
    }
}

/// `x` without its sign.
#[inline(always)]
fn magnitude(x: f32) -> f32 {
    f32::from_bits(x.to_bits() & (u32::MAX >> 1))
}

/// `x`, or zero where it is infinite: then nothing can be taken from others.
#[inline(always)]
fn finite(x: f32) -> f32 {
    if magnitude(x) < f32::INFINITY { x } else { 0.0 }
}

const LAST: usize = MAX_RANK - 1;
