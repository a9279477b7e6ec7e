//! Matrix product of two tensors that are both computed at run time; with constant weights it is a 1x1 convolution.

use super::LONGEST_SUM;
use crate::geometry::geometry;
use crate::kernel::strided_kernel;
use crate::views::{Extent, extent};

geometry! {
    /// Geometry of `y[b, m, n] = sum over k of x[b, m, k] * r[b, k, n]`, over strided views; a broadcast batch has stride zero.
    pub struct MatMul [] [] {
        /// Two batch dimensions, then rows, columns and depth: `[b0, b1, m, n, k]`.
        dims: [u32; 5],
        /// Distance in the left operand along `[b0, b1, m, k]`.
        left: [u32; 4],
        /// Distance in the right operand along `[b0, b1, k, n]`.
        right: [u32; 4],
        /// Distance in the output along `[b0, b1, m, n]`.
        output: [u32; 4],
    }
    options {}
    by_hand {}
    derived {}
}

impl MatMul {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        let [b0, b1, m, n, k] = self.dims;
        let left = extent(&[b0, b1, m, k], &self.left);
        let right = extent(&[b0, b1, k, n], &self.right);
        match (left, right, extent(&[b0, b1, m, n], &self.output)) {
            (Some(x), Some(r), Some(y)) => Some(Extent { x, r, w: 0, y }),
            _ => None,
        }
    }

    /// Computes every element; the sum runs over `k` upwards from zero, in blocks of [`LONGEST_SUM`].
    ///
    /// # Safety
    /// `extent()` is some; `x` and `r` are readable and `y` writable for its lengths; no element of the output is an element of an
    /// operand.
    #[inline(never)]
    pub(crate) unsafe fn run(&self, x: *const f32, r: *const f32, y: *mut f32) {
        let [b0, b1, m, n, k] = self.dims.map(|dim| dim as usize);
        let at =
            |strides: &[u32; 4], index: [usize; 4]| -> usize { index.iter().zip(strides).map(|(i, stride)| *i * *stride as usize).sum() };
        for p in 0..b0 {
            for q in 0..b1 {
                for row in 0..m {
                    for column in 0..n {
                        let x = x.wrapping_add(at(&self.left, [p, q, row, 0]));
                        let r = r.wrapping_add(at(&self.right, [p, q, 0, column]));
                        let (mut sum, mut i) = (0.0, 0);
                        // SAFETY: the indices lie inside the dimensions, so the offsets lie inside the extents.
                        unsafe {
                            while i < k {
                                let (mut part, end) = (0.0, k.min(i + LONGEST_SUM));
                                while i < end {
                                    part += *x.add(i * self.left[3] as usize) * *r.add(i * self.right[2] as usize);
                                    i += 1;
                                }
                                sum += part;
                            }
                            *y.add(at(&self.output, [p, q, row, column])) = sum;
                        }
                    }
                }
            }
        }
    }
}

strided_kernel!([] MatMul, f32 => f32, |self, at| self.run(at.x, at.r, at.y));
