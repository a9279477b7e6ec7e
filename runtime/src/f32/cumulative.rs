//! Sums of all elements up to each, along one dimension.

use core::marker::PhantomData;

use crate::element::Element;
use crate::geometry::strided_geometry;
use crate::kernel::strided_kernel;
use crate::views::{MAX_RANK, Odometer};

strided_geometry! {
    /// Geometry of sums along the last of up to six strided dimensions, each of the elements up to its place; unused leading dimensions
    /// are one. Those of integers wrap.
    pub struct CumulativeSum [T: Element] [T] in_place: is_in_place
    options {
        /// Whether the element in the place itself is left out.
        exclusive: bool = false,
        /// Whether sums run from the end.
        reverse: bool = false,
    }
    derived {
        /// The type of the elements.
        element: PhantomData<T> = PhantomData,
    }
}

impl<T: Element> CumulativeSum<T> {
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
