//! What a kernel does to a result before it stores it.

use super::elementary::with_sign;
use super::exp::exp;
use crate::lanes::{FLOATS_BY_INSTRUCTION, MOST_LANES, Vector};

/// An element-wise function of one variable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// The value itself.
    Identity,
    /// Negative values become zero; NaN passes.
    Relu,
    /// Negative values are multiplied by the slope.
    LeakyRelu(f32),
    /// Limits to `[low, high]`, to `high` where `low` is greater; NaN passes.
    Clip(f32, f32),
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `x` times `x / 6 + 1 / 2` limited to `[0, 1]`.
    HardSwish,
    /// `x` times `1 / (1 + exp(-alpha * x))` of this `alpha`, which is one for SiLU; off by at most 1.5 of 2^-23 of the value for that.
    /// Where the second factor is zero, so is the product, of infinity, too, with the sign of `x`.
    Swish(f32),
}

impl crate::Expression for Activation {
    fn write(&self, to: &mut dyn core::fmt::Write) -> core::fmt::Result {
        use crate::expression::list;
        match self {
            Activation::LeakyRelu(slope) => list(to, "peleec_runtime::Activation::LeakyRelu(", &[slope], ")"),
            Activation::Clip(low, high) => list(to, "peleec_runtime::Activation::Clip(", &[low, high], ")"),
            Activation::Swish(alpha) => list(to, "peleec_runtime::Activation::Swish(", &[alpha], ")"),
            other => write!(to, "peleec_runtime::Activation::{other:?}"),
        }
    }
}

impl Activation {
    /// The function's value at `x`.
    #[inline(always)]
    pub fn apply(self, x: f32) -> f32 {
        match self {
            Activation::Identity => x,
            Activation::Relu => x.relu(),
            Activation::LeakyRelu(slope) => {
                if x < 0.0 {
                    slope * x
                } else {
                    x
                }
            }
            Activation::Clip(low, high) => x.clip(low, high),
            Activation::Sigmoid => sigmoid(x),
            Activation::HardSwish => x * Activation::Clip(0.0, 1.0).apply(x * (1.0 / 6.0) + 0.5),
            Activation::Swish(alpha) => {
                let gate = sigmoid(alpha * x);
                if gate == 0.0 { with_sign(0.0, x) } else { x * gate }
            }
        }
    }

    /// Applies the function to every lane.
    #[inline(always)]
    pub(crate) fn apply_lanes<V: Vector, const B: usize>(self, vectors: &mut [V; B]) {
        match self {
            Activation::Identity => {}
            Activation::Relu => {
                for vector in vectors {
                    *vector = vector.relu();
                }
            }
            Activation::Clip(low, high) if FLOATS_BY_INSTRUCTION => {
                for vector in vectors {
                    *vector = vector.clip(low, high);
                }
            }
            // A negative value is less than its product with such a slope, and any other greater or equal.
            Activation::LeakyRelu(slope) if FLOATS_BY_INSTRUCTION && slope > 0.0 && slope <= 1.0 => {
                for vector in vectors {
                    *vector = vector.max(vector.multiply(V::splat(slope)));
                }
            }
            Activation::HardSwish if FLOATS_BY_INSTRUCTION => {
                for vector in vectors {
                    let gate = vector.multiply(V::splat(1.0 / 6.0)).add(V::splat(0.5)).clip(0.0, 1.0);
                    *vector = vector.multiply(gate);
                }
            }
            other => {
                for vector in vectors {
                    // The function is out of line, and what it is lent stays in memory: a copy keeps the vector in its register.
                    let mut lanes = [0.0; MOST_LANES];
                    // SAFETY: no vector has more lanes.
                    unsafe { vector.store(lanes.as_mut_ptr()) };
                    other.apply_rare(&mut lanes[..V::LANES]);
                    // SAFETY: as above.
                    *vector = unsafe { V::load(lanes.as_ptr()) };
                }
            }
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
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}
