//! `exp(x - max) / sum(exp(x - max))` along one dimension.

use super::LONGEST_SUM;
use super::exp::exp;
use crate::geometry::strided_geometry;
use crate::kernel::strided_kernel;
use crate::views::{MAX_RANK, Odometer};

strided_geometry! {
    /// Geometry of a softmax along the last of up to six strided dimensions; unused leading dimensions are one.
    pub struct Softmax [] [] in_place: is_in_place
    options {}
    derived {}
}

impl Softmax {
    /// Computes every element; the sum runs in the order of the dimension, in blocks of [`LONGEST_SUM`].
    ///
    /// # Safety
    /// `extent()` is some; `x` is readable and `y` writable for its lengths. The output may be the input under the same strides.
    #[inline(never)]
    pub(crate) unsafe fn run(&self, x: *const f32, y: *mut f32) {
        let rows = self.dims[ROW] as usize;
        let mut outer = self.dims;
        outer[ROW] = 1;
        let mut index = Odometer::new(&outer);
        loop {
            let (x, y) = (x.wrapping_add(index.at(&self.input)), y.wrapping_add(index.at(&self.output)));
            let at = |r: usize| (x.wrapping_add(r * self.input[ROW] as usize), y.wrapping_add(r * self.output[ROW] as usize));
            let mut r = 0;
            // SAFETY: the index lies inside the dimensions, so the offsets lie inside the extents.
            unsafe {
                while r + TOGETHER <= rows {
                    self.rows::<TOGETHER>(at(r), self.dims[LAST] as usize);
                    r += TOGETHER;
                }
                while r < rows {
                    self.rows::<1>(at(r), self.dims[LAST] as usize);
                    r += 1;
                }
            }
            if !index.advance() {
                return;
            }
        }
    }

    /// `R` rows in step with each other, as each sum waits for the one before.
    ///
    /// # Safety
    /// `x` is readable and `y` writable for `count` elements of each row.
    #[inline(always)]
    unsafe fn rows<const R: usize>(&self, (x, y): (*const f32, *mut f32), count: usize) {
        let input = |r: usize, i: usize| x.wrapping_add(r * self.input[ROW] as usize + i * self.input[LAST] as usize);
        let output = |r: usize, i: usize| y.wrapping_add(r * self.output[ROW] as usize + i * self.output[LAST] as usize);
        // SAFETY: the elements are those of the rows.
        unsafe {
            let mut max: [f32; R] = core::array::from_fn(|r| *input(r, 0));
            for i in 1..count {
                for r in 0..R {
                    let value = *input(r, i);
                    max[r] = if value > max[r] { value } else { max[r] };
                }
            }
            for r in 0..R {
                let x = Row { first: input(r, 0), step: self.input[LAST] as usize, count };
                x.map(output(r, 0), self.output[LAST] as usize, |x| exp(x - max[r]));
            }
            let (mut sum, mut i) = ([0.0; R], 0);
            while i < count {
                let (mut part, end) = ([0.0; R], count.min(i + LONGEST_SUM));
                while i < end {
                    for r in 0..R {
                        part[r] += *output(r, i);
                    }
                    i += 1;
                }
                for r in 0..R {
                    sum[r] += part[r];
                }
            }
            for r in 0..R {
                let y = Row { first: output(r, 0), step: self.output[LAST] as usize, count };
                y.map(output(r, 0), self.output[LAST] as usize, |y| y / sum[r]);
            }
        }
    }
}

strided_kernel!([] Softmax, f32 => f32, |self, at| self.run(at.x, at.y), in_place: is_in_place);

/// What the softmax of a row has where the row has a value, with the bits of [`Softmax`]; none of no values.
#[inline]
pub(crate) fn share(value: f32, row: impl Iterator<Item = f32> + Clone) -> Option<f32> {
    let max = row.clone().reduce(|max, value| if value > max { value } else { max })?;
    let (mut sum, mut part, mut terms) = (0.0, 0.0, 0_usize);
    for value in row {
        part += exp(value - max);
        terms = terms.wrapping_add(1);
        if terms == LONGEST_SUM {
            sum += part;
            (part, terms) = (0.0, 0);
        }
    }
    Some(exp(value - max) / (sum + part))
}

/// Elements of which a function is wanted.
#[derive(Clone, Copy)]
struct Row {
    first: *const f32,
    step: usize,
    count: usize,
}

impl Row {
    /// Writes the function's values, `step` apart; the output may be the input.
    ///
    /// # Safety
    /// The row is readable, and `to` writable for as many elements.
    #[inline(always)]
    unsafe fn map(self, to: *mut f32, step: usize, f: impl Fn(f32) -> f32) {
        let mut i = 0;
        while i < self.count {
            let present = CHUNK.min(self.count - i);
            // SAFETY: the elements are those of the row.
            unsafe {
                let at = |n: usize| self.first.wrapping_add((i + n) * self.step);
                let whole = self.step == 1 && present == CHUNK;
                let values: [f32; CHUNK] =
                    if whole { *at(0).cast() } else { core::array::from_fn(|n| *at(if n < present { n } else { 0 })) };
                // By index: `map` keeps a check of bounds where code is to be small.
                let mut results = [0.0; CHUNK];
                for n in 0..CHUNK {
                    results[n] = f(values[n]);
                }
                if whole && step == 1 {
                    *to.wrapping_add(i).cast() = results;
                } else {
                    for n in 0..CHUNK {
                        if n < present {
                            *to.wrapping_add((i + n) * step) = results[n];
                        }
                    }
                }
            }
            i += CHUNK;
        }
    }
}

/// The dimension of the rows, and that of a row's elements.
const ROW: usize = MAX_RANK - 2;
const LAST: usize = MAX_RANK - 1;

/// Rows that are computed together.
const TOGETHER: usize = 8;

/// Elements of a row whose functions are computed together: without a branch, the loop over them becomes vectors.
const CHUNK: usize = 8;
