//! Elements picked by indices that are computed.

use core::marker::PhantomData;

use crate::element::Element;
use crate::geometry::geometry;
use crate::integer::Integer;
use crate::kernel::strided_kernel;
use crate::views::{Extent, MAX_RANK, Odometer, extent};

geometry! {
    /// Geometry of slices of a tensor of elements of type `T`, picked along one axis by integers of type `I`. An index below zero counts
    /// from the end of the axis; one that lies outside then is the nearest that does not. Unused leading dimensions are one.
    pub struct Gather [T: Element, I: Integer] [T, I] {
        /// Extents of the output, outermost first.
        dims: [u32; MAX_RANK],
        /// Distance in the tensor for a step along each dimension; zero along those of the indices.
        input: [u32; MAX_RANK],
        /// Distance in the indices for a step along each dimension; zero along those of the tensor.
        indices: [u32; MAX_RANK],
        /// Distance in the output for a step along each dimension.
        output: [u32; MAX_RANK],
        /// Extent of the axis, and distance in the tensor for a step along it.
        axis: [u32; 2],
    }
    options {}
    by_hand {}
    derived {
        /// The types of the elements and of the indices.
        elements: PhantomData<(T, I)> = PhantomData,
    }
}

impl<T: Element, I: Integer> Gather<T, I> {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        let ([a, b, c, d, e, f], [count, step]) = (self.dims, self.axis);
        let [g, h, i, j, k, l] = self.input;
        let input = extent(&[a, b, c, d, e, f, count], &[g, h, i, j, k, l, step]);
        match (input, extent(&self.dims, &self.indices), extent(&self.dims, &self.output)) {
            (Some(x), Some(r), Some(y)) => Some(Extent { x, r, w: 0, y }),
            _ => None,
        }
    }

    /// Where the slice of an index begins.
    #[inline(always)]
    fn place(&self, index: I) -> usize {
        let [count, step] = self.axis;
        let (index, count): (i64, _) = (index.cast(), i64::from(count));
        let index = if index < 0 { index.wrapping_add(count) } else { index };
        // Limits in this order need no check, and no geometry that has an extent has an axis without elements.
        (index.min(count.wrapping_sub(1)).max(0) as usize).wrapping_mul(step as usize)
    }

    /// Copies every element.
    ///
    /// # Safety
    /// `extent()` is some; `x` and `r` are readable and `y` writable for its lengths; no element of the output is an element of an
    /// operand.
    #[inline(never)]
    pub(crate) unsafe fn run(&self, x: *const T, r: *const I, y: *mut T) {
        let last = MAX_RANK - 1;
        let steps = [self.input[last] as usize, self.indices[last] as usize, self.output[last] as usize];
        let mut index = Odometer::new(&self.dims);
        loop {
            let x = x.wrapping_add(index.at(&self.input));
            let r = r.wrapping_add(index.at(&self.indices));
            let y = y.wrapping_add(index.at(&self.output));
            let mut slice = 0;
            for i in 0..self.dims[last] as usize {
                // SAFETY: the index lies inside the dimensions and the slice inside the axis, so the offsets lie inside the extents.
                unsafe {
                    if i == 0 || steps[1] > 0 {
                        slice = self.place(*r.add(i * steps[1]));
                    }
                    *y.add(i * steps[2]) = *x.add(slice + i * steps[0]);
                }
            }
            if !index.advance() {
                return;
            }
        }
    }
}

strided_kernel!([T: Element, I: Integer,] Gather<T, I>, T, I => T, |self, at| self.run(at.x, at.r, at.y), apart: |_| false);
