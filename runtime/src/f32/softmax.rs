//! `exp(x - max) / sum(exp(x - max))` along one dimension.

use super::elementwise::Odometer;
use super::exp::exp;
use crate::views::{Extent, MAX_RANK, extent};

/// Geometry of a softmax along the last of up to six strided dimensions; unused leading dimensions are one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Softmax {
    /// Extents, outermost first; the softmax runs along the last.
    pub dims: [u32; MAX_RANK],
    /// Distance in the input for a step along each dimension.
    pub input: [u32; MAX_RANK],
    /// Distance in the output for a step along each dimension.
    pub output: [u32; MAX_RANK],
}

impl Softmax {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        match (extent(&self.dims, &self.input), extent(&self.dims, &self.output)) {
            (Some(x), Some(y)) => Some(Extent { x, r: 0, w: 0, y }),
            _ => None,
        }
    }

    /// Computes every element; the sum runs in the order of the dimension.
    ///
    /// # Safety
    /// `extent()` is some; `x` is readable and `y` writable for its lengths. The output may be the input under the same strides.
    #[inline(never)]
    pub(crate) unsafe fn run(&self, x: *const f32, y: *mut f32) {
        let last = MAX_RANK - 1;
        let (count, x_step, y_step) = (self.dims[last] as usize, self.input[last] as usize, self.output[last] as usize);
        let mut index = Odometer::new(&self.dims);
        loop {
            let (x, y) = (x.wrapping_add(index.at(&self.input)), y.wrapping_add(index.at(&self.output)));
            // SAFETY: the index lies inside the dimensions, so the offsets lie inside the extents.
            unsafe {
                let mut max = *x;
                for i in 1..count {
                    let value = *x.add(i * x_step);
                    max = if value > max { value } else { max };
                }
                for i in 0..count {
                    *y.add(i * y_step) = exp(*x.add(i * x_step) - max);
                }
                let mut sum = 0.0;
                for i in 0..count {
                    sum += *y.add(i * y_step);
                }
                for i in 0..count {
                    *y.add(i * y_step) /= sum;
                }
            }
            if !index.advance() {
                return;
            }
        }
    }
}
