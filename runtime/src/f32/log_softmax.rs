//! `x - max - log(sum(exp(x - max)))` along one dimension: the logarithm of a softmax.

use super::LONGEST_SUM;
use super::elementary::log;
use super::exp::exp;
use crate::geometry::strided_geometry;
use crate::kernel::strided_kernel;
use crate::views::{MAX_RANK, Odometer};

strided_geometry! {
    /// Geometry of the logarithm of a softmax along the last of up to six strided dimensions; unused leading dimensions are one.
    pub struct LogSoftmax [] [] in_place: is_in_place
    options {}
    derived {}
}

impl LogSoftmax {
    /// Computes every element; the sum runs in the order of the dimension, in blocks of [`LONGEST_SUM`].
    ///
    /// # Safety
    /// `extent()` is some; `x` is readable and `y` writable for its lengths. The output may be the input under the same strides.
    #[inline(never)]
    pub(crate) unsafe fn run(&self, x: *const f32, y: *mut f32) {
        let last = MAX_RANK - 1;
        let (count, steps) = (self.dims[last] as usize, [self.input[last] as usize, self.output[last] as usize]);
        let mut index = Odometer::new(&self.dims);
        loop {
            let (x, y) = (x.wrapping_add(index.at(&self.input)), y.wrapping_add(index.at(&self.output)));
            // SAFETY: the index lies inside the dimensions, so the offsets lie inside the extents.
            let value = |i: usize| unsafe { *x.add(i * steps[0]) };
            let mut max = value(0);
            for i in 1..count {
                max = if value(i) > max { value(i) } else { max };
            }
            let (mut sum, mut i) = (0.0, 0);
            while i < count {
                let (mut part, end) = (0.0, count.min(i + LONGEST_SUM));
                while i < end {
                    part += exp(value(i) - max);
                    i += 1;
                }
                sum += part;
            }
            let log_sum = log(sum);
            for i in 0..count {
                // SAFETY: as above.
                unsafe { *y.add(i * steps[1]) = (value(i) - max) - log_sum };
            }
            if !index.advance() {
                return;
            }
        }
    }
}

strided_kernel!([] LogSoftmax, f32 => f32, |self, at| self.run(at.x, at.y), in_place: is_in_place);
