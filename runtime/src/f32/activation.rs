//! What a kernel does to a result before it stores it.

use super::exp::exp;
use crate::lanes;

/// An element-wise function of one variable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// The value itself.
    Identity,
    /// Negative values become zero; NaN passes.
    Relu,
    /// Negative values are multiplied by the slope.
    LeakyRelu(f32),
    /// Limits to `[low, high]`; NaN passes.
    Clip(f32, f32),
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
}

impl Activation {
    /// The function's value at `x`.
    #[inline(always)]
    pub fn apply(self, x: f32) -> f32 {
        match self {
            Activation::Identity => x,
            Activation::Relu => relu(x),
            Activation::LeakyRelu(slope) => {
                if x < 0.0 {
                    slope * x
                } else {
                    x
                }
            }
            Activation::Clip(low, high) => {
                if x < low {
                    low
                } else if x > high {
                    high
                } else {
                    x
                }
            }
            Activation::Sigmoid => 1.0 / (1.0 + exp(-x)),
        }
    }

    /// Applies the function to every value of a tile; the choice is made once a tile.
    #[inline(always)]
    pub(crate) fn apply_tile<const T: usize, const N: usize>(self, tile: &mut [[f32; N]; T]) {
        match self {
            Activation::Identity => {}
            Activation::Relu => {
                for lanes in tile {
                    lanes::relu(lanes);
                }
            }
            other => other.apply_rare(tile.as_flattened_mut()),
        }
    }

    /// The functions that a network seldom has, out of line.
    #[inline(never)]
    fn apply_rare(self, values: &mut [f32]) {
        for x in values {
            *x = self.apply(*x);
        }
    }
}

#[inline(always)]
fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}
