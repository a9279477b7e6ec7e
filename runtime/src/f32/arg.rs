//! Where the greatest or the least element stands along one dimension: as an index, or as a one among zeros.

use core::marker::PhantomData;

use crate::element::Element;
use crate::geometry::{geometry, strided_geometry};
use crate::kernel::strided_kernel;
use crate::views::{Extent, MAX_RANK, Odometer, extent};

geometry! {
    /// Geometry of the index of the greatest element along the last of up to six strided dimensions, the first of several; unused leading
    /// dimensions are one. What is not a number is taken only where it comes first.
    pub struct Arg [F: Element] [F] {
        /// Extents of the input, outermost first.
        dims: [u32; MAX_RANK],
        /// Distance in the input for a step along each dimension.
        input: [u32; MAX_RANK],
        /// Distance in the output for a step along each dimension but the last.
        output: [u32; MAX_RANK],
    }
    options {
        /// The least element instead.
        least: bool = false,
        /// The last of several instead.
        last: bool = false,
    }
    by_hand {}
    derived {
        /// The input's type.
        elements: PhantomData<F> = PhantomData,
    }
}

impl<F: Element> Arg<F> {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        let mut dims = self.dims;
        dims[LAST] = 1;
        match (extent(&self.dims, &self.input), extent(&dims, &self.output)) {
            (Some(x), Some(y)) => Some(Extent { x, r: 0, w: 0, y }),
            _ => None,
        }
    }

    /// Computes every index.
    ///
    /// # Safety
    /// `extent()` is some; `x` is readable and `y` writable for its lengths; no element of the output is one of the input.
    #[inline(never)]
    pub(crate) unsafe fn run(&self, x: *const F, y: *mut i64) {
        let is_better = |value: F, best: F| {
            let is_beyond = if self.least { value < best } else { value > best };
            is_beyond || (self.last && value == best)
        };
        let mut index = Odometer::new(&self.dims);
        loop {
            let x = x.wrapping_add(index.at(&self.input));
            // SAFETY: the index lies inside the dimensions, so the offsets lie inside the extents.
            unsafe {
                let found = best(x, self.input[LAST] as usize, self.dims[LAST] as usize, is_better);
                *y.add(index.at(&self.output)) = found as i64;
            }
            if !index.advance() {
                return;
            }
        }
    }
}

strided_kernel!([F: Element,] Arg<F>, F => i64, |self, at| self.run(at.x, at.y));

strided_geometry! {
    /// Geometry of a one where the greatest element stands along the last of up to six strided dimensions, the first of several, and zeros
    /// elsewhere; unused leading dimensions are one.
    pub struct Hardmax [] [] in_place: is_in_place
    options {}
    derived {}
}

impl Hardmax {
    /// Computes every element.
    ///
    /// # Safety
    /// `extent()` is some; `x` is readable and `y` writable for its lengths. The output may be the input under the same strides.
    #[inline(never)]
    pub(crate) unsafe fn run(&self, x: *const f32, y: *mut f32) {
        let count = self.dims[LAST] as usize;
        let mut index = Odometer::new(&self.dims);
        loop {
            let (x, y) = (x.wrapping_add(index.at(&self.input)), y.wrapping_add(index.at(&self.output)));
            // SAFETY: the index lies inside the dimensions, so the offsets lie inside the extents.
            unsafe {
                let greatest = best(x, self.input[LAST] as usize, count, |value, best| value > best);
                for i in 0..count {
                    *y.add(i * self.output[LAST] as usize) = if i == greatest { 1.0 } else { 0.0 };
                }
            }
            if !index.advance() {
                return;
            }
        }
    }
}

strided_kernel!([] Hardmax, f32 => f32, |self, at| self.run(at.x, at.y), in_place: is_in_place);

/// The index of the element than which none behind it is better.
///
/// # Safety
/// `x` is readable for `count` elements, one at least, that are `step` apart.
#[inline(always)]
unsafe fn best<F: Element>(x: *const F, step: usize, count: usize, is_better: impl Fn(F, F) -> bool) -> usize {
    // SAFETY: the caller's contract.
    unsafe {
        let (mut best, mut found) = (*x, 0);
        for i in 1..count {
            let value = *x.add(i * step);
            if is_better(value, best) {
                (best, found) = (value, i);
            }
        }
        found
    }
}

const LAST: usize = MAX_RANK - 1;
