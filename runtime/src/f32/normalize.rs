//! Groups of elements less their mean, over their deviation or their norm, scaled and shifted.

use super::elementary::sqrt;
use super::reduce::{ReduceL1, ReduceSum, ReduceSumSquare, fold, nested_extent};
use crate::geometry::{geometry, named};
use crate::kernel::strided_kernel;
use crate::views::{Extent, MAX_RANK, Odometer, in_place};

/// What the elements of a group are divided by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NormKind {
    /// The root of their variance; their mean is taken from them first.
    Moments,
    /// The root of the mean of their squares.
    RootMeanSquare,
    /// The sum of their magnitudes; zeros stay zeros.
    L1,
    /// The root of the sum of their squares; zeros stay zeros.
    L2,
}

named!(NormKind);

geometry! {
    /// Geometry of `y = (x - mean) / divisor * scale + shift`: for each index of some dimensions, a group of the elements along others;
    /// unused leading dimensions are one. The mean is found before the variance. Both run over a group in the order of its dimensions,
    /// in blocks of 1024.
    pub struct Normalize [] [] {
        /// Extents along which there is a group for each index, outermost first.
        dims: [u32; MAX_RANK],
        /// Extents of a group, outermost first.
        over: [u32; MAX_RANK],
        /// Distance in the input for a step along each dimension from group to group, and along each inside a group.
        input: [[u32; MAX_RANK]; 2],
        /// Distance in the output, likewise.
        output: [[u32; MAX_RANK]; 2],
        /// What the elements of a group are divided by.
        kind: NormKind,
    }
    options {
        /// What is added to a variance or a mean of squares; zero by default.
        epsilon: f32 = 0.0,
        /// What is added to its root; zero by default.
        beside: f32 = 0.0,
        /// Distance in the second input, which has scales, for the same steps; none by default, where nothing is scaled.
        scales: Option<[[u32; MAX_RANK]; 2]> = None,
        /// How far behind its scale a shift lies.
        shift: u32 = 0,
    }
    by_hand {}
    derived {}
}

impl Normalize {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        let dims = [&self.dims, &self.over];
        let r = match &self.scales {
            None => 0,
            Some(strides) => match nested_extent(dims, strides) {
                Some(extent) if extent as u64 + self.shift as u64 <= u32::MAX as u64 => extent + self.shift as usize,
                _ => return None,
            },
        };
        match (nested_extent(dims, &self.input), nested_extent(dims, &self.output)) {
            (Some(x), Some(y)) => Some(Extent { x, r, w: 0, y }),
            _ => None,
        }
    }

    /// Whether every element of the output lies where the input's does, if both begin at the same place and there is no second input.
    pub(crate) const fn is_in_place(&self) -> bool {
        let outer = in_place(&self.dims, &self.input[0], &self.output[0]);
        outer && in_place(&self.over, &self.input[1], &self.output[1]) && self.scales.is_none()
    }

    /// Computes every element.
    ///
    /// # Safety
    /// `extent()` is some; `x` and `r` are readable and `y` writable for its lengths. The output may be the input under the same strides.
    #[inline(never)]
    pub(crate) unsafe fn run(&self, x: *const f32, r: *const f32, y: *mut f32) {
        let scales = self.scales.unwrap_or([[0; MAX_RANK]; 2]);
        let mut index = Odometer::new(&self.dims);
        loop {
            let x = x.wrapping_add(index.at(&self.input[0]));
            let r = r.wrapping_add(index.at(&scales[0]));
            let y = y.wrapping_add(index.at(&self.output[0]));
            for i in 0..self.dims[LAST] as usize {
                let x = x.wrapping_add(i * self.input[0][LAST] as usize);
                let r = r.wrapping_add(i * scales[0][LAST] as usize);
                let y = y.wrapping_add(i * self.output[0][LAST] as usize);
                // SAFETY: the index lies inside the dimensions, so the group lies inside the extents.
                unsafe { self.group(x, r, &scales[1], y) };
            }
            if !index.advance() {
                return;
            }
        }
    }

    /// Computes a group.
    ///
    /// # Safety
    /// `x` is readable and `y` writable for its elements, `r` readable for their scales and shifts where there are scales.
    #[inline(always)]
    unsafe fn group(&self, x: *const f32, r: *const f32, scales: &[u32; MAX_RANK], y: *mut f32) {
        // SAFETY: the caller's contract.
        let (mean, divisor) = unsafe { self.moments(x) };
        let (input, output) = (&self.input[1], &self.output[1]);
        let mut index = Odometer::new(&self.over);
        loop {
            let x = x.wrapping_add(index.at(input));
            let r = r.wrapping_add(index.at(scales));
            let y = y.wrapping_add(index.at(output));
            for i in 0..self.over[LAST] as usize {
                // SAFETY: the index lies inside the dimensions, so the offsets lie inside the extents.
                unsafe {
                    let value = (*x.add(i * input[LAST] as usize) - mean) / divisor;
                    let scale = r.wrapping_add(i * scales[LAST] as usize);
                    let value = if self.scales.is_some() { value * *scale + *scale.add(self.shift as usize) } else { value };
                    *y.add(i * output[LAST] as usize) = value;
                }
            }
            if !index.advance() {
                return;
            }
        }
    }

    /// What is taken from the elements of the group at `x`, and what they are divided by.
    ///
    /// # Safety
    /// `x` is readable for the group's elements.
    #[inline(always)]
    unsafe fn moments(&self, x: *const f32) -> (f32, f32) {
        let (over, steps) = (&self.over, &self.input[1]);
        let count = over.iter().fold(1u32, |count, &dim| count.wrapping_mul(dim)) as f32;
        // Of zeros alone a norm is zero.
        let norm = |sum: f32| if sum == 0.0 { 1.0 } else { sum };
        // SAFETY: the caller's contract.
        unsafe {
            match self.kind {
                NormKind::L1 => (0.0, norm(fold::<ReduceL1>(over, steps, x, 0.0))),
                NormKind::L2 => (0.0, norm(sqrt(fold::<ReduceSumSquare>(over, steps, x, 0.0)))),
                NormKind::Moments | NormKind::RootMeanSquare => {
                    let is_centred = self.kind == NormKind::Moments;
                    let mean = if is_centred { fold::<ReduceSum>(over, steps, x, 0.0) / count } else { 0.0 };
                    let variance = fold::<ReduceSumSquare>(over, steps, x, mean) / count;
                    (mean, sqrt(variance + self.epsilon) + self.beside)
                }
            }
        }
    }
}

strided_kernel!([] Normalize, f32 => f32, |self, at| self.run(at.x, at.r, at.y), in_place: is_in_place);

const LAST: usize = MAX_RANK - 1;
