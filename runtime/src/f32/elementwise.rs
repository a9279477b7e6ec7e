//! Element-wise functions of one and of two tensors, over strided views of up to six dimensions; a copy is the identity.

use super::activation::Activation;
use crate::geometry::{geometry, named, strided_geometry};
use crate::kernel::strided_kernel;
use crate::views::{Extent, MAX_RANK, Odometer, extent};

strided_geometry! {
    /// Geometry of `y = activation(x)`. Unused leading dimensions are one. The input's strides may be in any order: a transpose is a
    /// map with permuted strides; so is a copy into a slice.
    pub struct Map [] [] in_place: is_in_place
    options {
        /// The function; none by default, which copies.
        activation: Activation = Activation::Identity,
    }
    derived {}
}

impl Map {
    /// Computes every element.
    ///
    /// # Safety
    /// `extent()` is some; `x` is readable and `y` writable for its lengths; no element of the output is an element of the input, or
    /// they are the same place and `is_in_place()`.
    #[inline(never)]
    pub(crate) unsafe fn run(&self, x: *const f32, y: *mut f32) {
        let last = MAX_RANK - 1;
        let (x_step, y_step) = (self.input[last] as usize, self.output[last] as usize);
        let mut index = Odometer::new(&self.dims);
        loop {
            let (x, y) = (x.wrapping_add(index.at(&self.input)), y.wrapping_add(index.at(&self.output)));
            for i in 0..self.dims[last] as usize {
                // SAFETY: the index lies inside the dimensions, so the offsets lie inside the extents.
                unsafe { *y.add(i * y_step) = self.activation.apply(*x.add(i * x_step)) };
            }
            if !index.advance() {
                return;
            }
        }
    }
}

strided_kernel!([] Map, f32 => f32, |self, at| self.run(at.x, at.y), in_place: is_in_place);

/// The function of a [`Binary`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BinaryKind {
    /// `a + b`.
    Add,
    /// `a - b`.
    Sub,
    /// `a * b`.
    Mul,
    /// `a / b`.
    Div,
}

named!(BinaryKind);

impl BinaryKind {
    /// The function's value.
    #[inline(always)]
    pub(crate) fn apply(self, a: f32, b: f32) -> f32 {
        match self {
            BinaryKind::Add => a + b,
            BinaryKind::Sub => a - b,
            BinaryKind::Mul => a * b,
            BinaryKind::Div => a / b,
        }
    }
}

geometry! {
    /// Geometry of `y = x op r`. A broadcast dimension of an operand has stride zero. Unused leading dimensions are one.
    pub struct Binary [] [] {
        /// Extents of the output, outermost first.
        dims: [u32; MAX_RANK],
        /// Distance in the first operand for a step along each dimension.
        left: [u32; MAX_RANK],
        /// Distance in the second operand.
        right: [u32; MAX_RANK],
        /// Distance in the output.
        output: [u32; MAX_RANK],
        /// The function.
        kind: BinaryKind,
    }
    options {}
    by_hand {}
    derived {}
}

impl Binary {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        match (extent(&self.dims, &self.left), extent(&self.dims, &self.right), extent(&self.dims, &self.output)) {
            (Some(x), Some(r), Some(y)) => Some(Extent { x, r, w: 0, y }),
            _ => None,
        }
    }

    /// Computes every element.
    ///
    /// # Safety
    /// `extent()` is some; `x` and `r` are readable and `y` writable for its lengths; no element of the output is an element of an
    /// operand.
    #[inline(never)]
    pub(crate) unsafe fn run(&self, x: *const f32, r: *const f32, y: *mut f32) {
        let last = MAX_RANK - 1;
        let steps = [self.left[last] as usize, self.right[last] as usize, self.output[last] as usize];
        let mut index = Odometer::new(&self.dims);
        loop {
            let x = x.wrapping_add(index.at(&self.left));
            let r = r.wrapping_add(index.at(&self.right));
            let y = y.wrapping_add(index.at(&self.output));
            for i in 0..self.dims[last] as usize {
                // SAFETY: the index lies inside the dimensions, so the offsets lie inside the extents.
                unsafe {
                    let (a, b) = (*x.add(i * steps[0]), *r.add(i * steps[1]));
                    *y.add(i * steps[2]) = self.kind.apply(a, b);
                }
            }
            if !index.advance() {
                return;
            }
        }
    }
}

strided_kernel!([] Binary, f32 => f32, |self, at| self.run(at.x, at.r, at.y));
