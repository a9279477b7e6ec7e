//! Copies elements of any type to other places, in their order or from the end.

use core::marker::PhantomData;

use crate::element::Element;
use crate::geometry::{geometry, strided_geometry};
use crate::kernel::strided_kernel;
use crate::views::{Extent, MAX_RANK, Odometer, extent};

strided_geometry! {
    /// Geometry of a copy of elements of type `T`. Unused leading dimensions are one. The input's strides may be in any order: a transpose
    /// is a copy with permuted strides; so is one into a slice.
    pub struct Move [T: Element] [T]
    options {}
    derived {
        /// The type of the elements.
        element: PhantomData<T> = PhantomData,
    }
}

impl<T: Element> Move<T> {
    /// Copies every element.
    ///
    /// # Safety
    /// `extent()` is some; `x` is readable and `y` writable for its lengths; no element of the output is an element of the input.
    #[inline(never)]
    pub(crate) unsafe fn run(&self, x: *const T, y: *mut T) {
        let last = MAX_RANK - 1;
        let (x_step, y_step) = (self.input[last] as usize, self.output[last] as usize);
        let mut index = Odometer::new(&self.dims);
        loop {
            let (x, y) = (x.wrapping_add(index.at(&self.input)), y.wrapping_add(index.at(&self.output)));
            for i in 0..self.dims[last] as usize {
                // SAFETY: the index lies inside the dimensions, so the offsets lie inside the extents.
                unsafe { *y.add(i * y_step) = *x.add(i * x_step) };
            }
            if !index.advance() {
                return;
            }
        }
    }
}

strided_kernel!([T: Element,] Move<T>, T => T, |self, at| self.run(at.x, at.y));

geometry! {
    /// Geometry of a copy of elements of type `T`, of which some dimensions are read from their end. Unused leading dimensions are one.
    pub struct Mirror [T: Element] [T] {
        /// Extents, outermost first.
        dims: [u32; MAX_RANK],
        /// Distance in the input between neighbours along each dimension.
        input: [u32; MAX_RANK],
        /// Not zero for each dimension that is read from its end.
        mirrored: [u32; MAX_RANK],
        /// Distance in the output for a step along each dimension.
        output: [u32; MAX_RANK],
    }
    options {}
    by_hand {}
    derived {
        /// The type of the elements.
        element: PhantomData<T> = PhantomData,
    }
}

impl<T: Element> Mirror<T> {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        match (extent(&self.dims, &self.input), extent(&self.dims, &self.output)) {
            (Some(x), Some(y)) => Some(Extent { x, r: 0, w: 0, y }),
            _ => None,
        }
    }

    /// Where the element for `index` lies in the input.
    fn source(&self, index: &[u32; MAX_RANK]) -> usize {
        let places = index.iter().zip(&self.dims).zip(&self.input).zip(&self.mirrored);
        let place = places.map(|(((&i, &dim), &stride), &mirrored)| {
            let from = if mirrored == 0 { i } else { dim.wrapping_sub(1).wrapping_sub(i) };
            from as usize * stride as usize
        });
        place.sum()
    }

    /// Copies every element.
    ///
    /// # Safety
    /// `extent()` is some; `x` is readable and `y` writable for its lengths; no element of the output is an element of the input.
    #[inline(never)]
    pub(crate) unsafe fn run(&self, x: *const T, y: *mut T) {
        let last = MAX_RANK - 1;
        let (distance, y_step) = (self.input[last] as usize, self.output[last] as usize);
        let x_step = if self.mirrored[last] == 0 { distance } else { distance.wrapping_neg() };
        let mut index = Odometer::new(&self.dims);
        loop {
            let (x, y) = (x.wrapping_add(self.source(index.index())), y.wrapping_add(index.at(&self.output)));
            for i in 0..self.dims[last] as usize {
                // SAFETY: the index lies inside the dimensions, counted from either end, so the offsets lie inside the extents.
                unsafe { *y.add(i * y_step) = *x.wrapping_add(i.wrapping_mul(x_step)) };
            }
            if !index.advance() {
                return;
            }
        }
    }
}

strided_kernel!([T: Element,] Mirror<T>, T => T, |self, at| self.run(at.x, at.y));
