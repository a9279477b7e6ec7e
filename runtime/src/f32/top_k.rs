//! The greatest or the least elements along one dimension, or where they stand.

use core::marker::PhantomData;

use crate::element::Element;
use crate::geometry::geometry;
use crate::kernel::strided_kernel;
use crate::views::{Extent, MAX_RANK, Odometer, extent};

/// What a [`TopK`] writes of each element that it finds: the element, or its index. Sealed.
pub trait TopKResult<F: Element>: sealed::Found<F> {}
impl<F: Element, K: sealed::Found<F>> TopKResult<F> for K {}

pub(crate) mod sealed {
    use core::fmt::Debug;

    use crate::element::Element;

    /// What becomes of an element and its index.
    pub trait Found<F: Element>: Copy + Debug + PartialEq + Send + Sync + 'static {
        /// The type of what is written.
        type Output: Element;

        /// What is written.
        fn found(value: F, index: usize) -> Self::Output;
    }
}

/// The elements themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopKValues;

impl<F: Element> sealed::Found<F> for TopKValues {
    type Output = F;

    #[inline(always)]
    fn found(value: F, _index: usize) -> F {
        value
    }
}

/// Their indices along the dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopKIndices;

impl<F: Element> sealed::Found<F> for TopKIndices {
    type Output = i64;

    #[inline(always)]
    fn found(_value: F, index: usize) -> i64 {
        index as i64
    }
}

geometry! {
    /// Geometry of the `count` greatest elements along the last of up to six strided dimensions, the greatest first and of equal ones that
    /// of the lower index; unused leading dimensions are one. What is not a number comes behind all numbers.
    ///
    /// Each element is found by a pass over the dimension: good for a few of many, not for sorting all.
    pub struct TopK [F: Element, K: TopKResult<F>] [F, K] {
        /// Extents of the input, outermost first.
        dims: [u32; MAX_RANK],
        /// How many elements are found: the output's extent along the last dimension.
        count: u32,
        /// Distance in the input for a step along each dimension.
        input: [u32; MAX_RANK],
        /// Distance in the output for a step along each dimension.
        output: [u32; MAX_RANK],
    }
    options {
        /// The least elements instead, the least first.
        least: bool = false,
    }
    by_hand {}
    derived {
        /// The input's type, and what is written.
        found: PhantomData<(F, K)> = PhantomData,
    }
}

impl<F: Element, K: TopKResult<F>> TopK<F, K> {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        if self.count > self.dims[LAST] {
            return None;
        }
        let mut found = self.dims;
        found[LAST] = self.count;
        match (extent(&self.dims, &self.input), extent(&found, &self.output)) {
            (Some(x), Some(y)) => Some(Extent { x, r: 0, w: 0, y }),
            _ => None,
        }
    }

    /// Writes every element, or its index.
    ///
    /// # Safety
    /// `extent()` is some; `x` is readable and `y` writable for its lengths; no element of the output is one of the input.
    #[inline(never)]
    pub(crate) unsafe fn run(&self, x: *const F, y: *mut K::Output) {
        let mut index = Odometer::new(&self.dims);
        loop {
            let (x, y) = (x.wrapping_add(index.at(&self.input)), y.wrapping_add(index.at(&self.output)));
            let mut last = None;
            for place in 0..self.count as usize {
                // SAFETY: the index lies inside the dimensions, so the offsets lie inside the extents.
                unsafe {
                    last = self.behind(last, x);
                    // There are `count` elements, so that one is always left.
                    if let Some((value, at)) = last {
                        *y.add(place * self.output[LAST] as usize) = K::found(value, at);
                    }
                }
            }
            if !index.advance() {
                return;
            }
        }
    }

    /// The first of the elements that come behind `last`, or of all.
    ///
    /// # Safety
    /// `x` is readable for the last dimension's elements.
    #[inline(always)]
    unsafe fn behind(&self, last: Option<(F, usize)>, x: *const F) -> Option<(F, usize)> {
        let mut first: Option<(F, usize)> = None;
        for i in 0..self.dims[LAST] as usize {
            // SAFETY: the caller's contract.
            let value = unsafe { *x.add(i * self.input[LAST] as usize) };
            let is_behind = last.is_none_or(|(found, at)| self.precedes(found, value) || (at < i && !self.precedes(value, found)));
            if is_behind && first.is_none_or(|(best, _)| self.precedes(value, best)) {
                first = Some((value, i));
            }
        }
        first
    }

    /// Whether `a` comes before `b` wherever the two stand.
    #[inline(always)]
    fn precedes(&self, a: F, b: F) -> bool {
        let is_beyond = if self.least { a < b } else { a > b };
        is_beyond || (is_number(a) && !is_number(b))
    }
}

strided_kernel!([F: Element, K: TopKResult<F>,] TopK<F, K>, F => K::Output, |self, at| self.run(at.x, at.y));

#[inline(always)]
fn is_number<F: Element>(value: F) -> bool {
    value.partial_cmp(&value).is_some()
}

const LAST: usize = MAX_RANK - 1;
