//! A tensor inside a larger one of a constant value.

use crate::element::Element;
use crate::expression::Expression;
use crate::geometry::geometry;
use crate::kernel::strided_kernel;
use crate::views::{Extent, MAX_RANK, Odometer, extent};

geometry! {
    /// Geometry of a pad of elements of type `T` with a constant, over strided views of up to six dimensions; unused leading dimensions are
    /// one.
    pub struct Pad [T: Element + Expression] [T] {
        /// Extents of the output, outermost first.
        dims: [u32; MAX_RANK],
        /// Extents of the input.
        inner: [u32; MAX_RANK],
        /// Index of the output at which the input begins.
        begin: [u32; MAX_RANK],
        /// Distance in the input for a step along each dimension.
        input: [u32; MAX_RANK],
        /// Distance in the output for a step along each dimension.
        output: [u32; MAX_RANK],
        /// The value around the input.
        value: T,
    }
    options {}
    by_hand {}
    derived {}
}

impl<T: Element + Expression> Pad<T> {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        let mut axis = 0;
        while axis < MAX_RANK {
            if self.begin[axis].checked_add(self.inner[axis]).is_none() {
                return None;
            }
            axis += 1;
        }
        match (extent(&self.inner, &self.input), extent(&self.dims, &self.output)) {
            (Some(x), Some(y)) => Some(Extent { x, r: 0, w: 0, y }),
            _ => None,
        }
    }

    /// Writes every element.
    ///
    /// # Safety
    /// `extent()` is some; `x` is readable and `y` writable for its lengths; no element of the output is an element of the input.
    #[inline(never)]
    pub(crate) unsafe fn run(&self, x: *const T, y: *mut T) {
        let last = MAX_RANK - 1;
        let mut index = Odometer::new(&self.dims);
        loop {
            let y = y.wrapping_add(index.at(&self.output));
            for i in 0..self.dims[last] {
                // SAFETY: the index lies inside the output; `inside` answers only for elements of the input.
                unsafe {
                    let value = self.inside(index.index(), i).map_or(self.value, |at| *x.add(at));
                    *y.add(i as usize * self.output[last] as usize) = value;
                }
            }
            if !index.advance() {
                return;
            }
        }
    }

    /// Where the input's element lies that comes to output index `outer` and last index `i`; none on the pad.
    fn inside(&self, outer: &[u32; MAX_RANK], i: u32) -> Option<usize> {
        let mut at = 0usize;
        let mut axes = outer.iter().zip(&self.begin).zip(&self.inner).zip(&self.input).enumerate();
        axes.all(|(axis, (((&index, &begin), &inner), &stride))| {
            let index = (if axis == MAX_RANK - 1 { i } else { index }).wrapping_sub(begin);
            // Before the comparison, so that no branch is between: on the pad it means nothing.
            at = at.wrapping_add((index as usize).wrapping_mul(stride as usize));
            index < inner
        })
        .then_some(at)
    }
}

strided_kernel!([T: Element + Expression,] Pad<T>, T => T, |self, at| self.run(at.x, at.y));
