//! Sums of all elements up to each, along one dimension.

use core::marker::PhantomData;

use crate::element::Element;
use crate::geometry::geometry;
use crate::kernel::strided_kernel;
use crate::views::{Extent, MAX_RANK, Odometer, extent, in_place};

geometry! {
    /// Geometry of sums along the last of up to six strided dimensions, each of the elements up to its place; unused leading dimensions
    /// are one. Those of integers wrap.
    pub struct CumulativeSum [T: Element] [T] {
        /// Extents, outermost first; sums run along the last.
        dims: [u32; MAX_RANK],
        /// Distance in the input for a step along each dimension.
        input: [u32; MAX_RANK],
        /// Distance in the output for a step along each dimension.
        output: [u32; MAX_RANK],
    }
    options {
        /// Whether the element in the place itself is left out.
        exclusive: bool = false,
        /// Whether sums run from the end.
        reverse: bool = false,
    }
    by_hand {}
    derived {
        /// The type of the elements.
        element: PhantomData<T> = PhantomData,
    }
}

impl<T: Element> CumulativeSum<T> {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        match (extent(&self.dims, &self.input), extent(&self.dims, &self.output)) {
            (Some(x), Some(y)) => Some(Extent { x, r: 0, w: 0, y }),
            _ => None,
        }
    }

    /// Whether every element of the output lies where the input's does, if both begin at the same place.
    pub(crate) const fn is_in_place(&self) -> bool {
        in_place(&self.dims, &self.input, &self.output)
    }

    /// Computes every element; sums run in the order of the dimension, or against it, from zero.
    ///
    /// # Safety
    /// `extent()` is some; `x` is readable and `y` writable for its lengths. The output may be the input under the same strides.
    #[inline(never)]
    pub(crate) unsafe fn run(&self, x: *const T, y: *mut T) {
        let last = MAX_RANK - 1;
        let (x_step, y_step) = (self.input[last] as usize, self.output[last] as usize);
        let count = self.dims[last] as usize;
        let mut index = Odometer::new(&self.dims);
        loop {
            let (x, y) = (x.wrapping_add(index.at(&self.input)), y.wrapping_add(index.at(&self.output)));
            let mut sum = T::from_i32(0);
            for i in 0..count {
                let place = if self.reverse { count.wrapping_sub(1).wrapping_sub(i) } else { i };
                // SAFETY: the index lies inside the dimensions, so the offsets lie inside the extents.
                unsafe {
                    let so_far = sum;
                    sum = sum.plus(*x.add(place * x_step));
                    *y.add(place * y_step) = if self.exclusive { so_far } else { sum };
                }
            }
            if !index.advance() {
                return;
            }
        }
    }
}

strided_kernel!([T: Element,] CumulativeSum<T>, T => T, |self, at| self.run(at.x, at.y), in_place: is_in_place);
