//! What a kernel does to a result before it stores it.

use super::elementary::with_sign;
use super::exp::exp;
use crate::lanes::{MOST_LANES, Vector};

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
    /// `x` times `1 / (1 + exp(-alpha * x))` of this `alpha`, which is one for SiLU; for that off by at most 2 of 2^-23 of the value, or of
    /// 1e-29 where that is more.
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
            Activation::Swish(alpha) => swish(alpha, x),
        }
    }

    /// Applies the function to the sums of a tile.
    #[inline(always)]
    pub(crate) fn apply_to<V: Vector, const T: usize, const B: usize>(self, sums: &mut [[V; B]; T]) {
        // What the function is lent stays in memory: a copy keeps the sums in their registers.
        let mut copy = *sums;
        self.apply_lanes(copy.as_flattened_mut());
        *sums = copy;
    }

    /// Applies the function to every lane. Out of line, as what a network seldom has would take registers from what it often has.
    #[inline(never)]
    fn apply_lanes<V: Vector>(self, vectors: &mut [V]) {
        match self {
            Activation::Identity => {}
            Activation::Relu => {
                for vector in vectors {
                    *vector = vector.relu();
                }
            }
            Activation::Clip(low, high) => {
                for vector in vectors {
                    *vector = vector.clip(low, high);
                }
            }
            // A negative value is less than its product with such a slope, and any other greater or equal.
            Activation::LeakyRelu(slope) if slope > 0.0 && slope <= 1.0 => {
                for vector in vectors {
                    *vector = vector.max(vector.multiply(V::splat(slope)));
                }
            }
            Activation::HardSwish => {
                for vector in vectors {
                    let gate = vector.multiply(V::splat(1.0 / 6.0)).add(V::splat(0.5)).clip(0.0, 1.0);
                    *vector = vector.multiply(gate);
                }
            }
            Activation::Sigmoid if HAS_VECTORS => lane_by_lane(vectors, sigmoid),
            Activation::Swish(alpha) if HAS_VECTORS => lane_by_lane(vectors, |x| swish(alpha, x)),
            other => lane_by_lane(vectors, |x| other.apply(x)),
        }
    }
}

/// Whether rustc makes vectors of a loop over floats. On Cortex-M it makes none, and with a loop of its own for `Sigmoid` leaves on an emulated M55
/// gave zero of what is not a number, for a reason that was not found: there all goes through the one copy of `apply`.
const HAS_VECTORS: bool = cfg!(not(target_arch = "arm"));

/// Applies a function to each lane. Where it has no branch, the loop becomes vectors.
#[inline(always)]
fn lane_by_lane<V: Vector>(vectors: &mut [V], function: impl Fn(f32) -> f32) {
    for vector in vectors {
        let mut lanes = [0.0; MOST_LANES];
        // SAFETY: no vector has more lanes.
        unsafe { vector.store(lanes.as_mut_ptr()) };
        for x in &mut lanes[..V::LANES] {
            *x = function(*x);
        }
        // SAFETY: as above.
        *vector = unsafe { V::load(lanes.as_ptr()) };
    }
}

#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

#[inline(always)]
fn swish(alpha: f32, x: f32) -> f32 {
    let gate = sigmoid(alpha * x);
    if gate == 0.0 { with_sign(0.0, x) } else { x * gate }
}

#[cfg(test)]
mod tests {
    use super::Activation;
    use crate::lanes::{Eight, Four, Sixteen, Vector};

    const VALUES: [f32; 24] = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.3,
        -0.3,
        2.9,
        -2.9,
        3.0,
        -3.0,
        7.5,
        -7.5,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        f32::MAX,
        f32::MIN,
        f32::MIN_POSITIVE,
        -f32::MIN_POSITIVE,
        1e-42,
        -1e-42,
        1e-30,
        -1e-30,
        -0.499_999_97,
    ];

    fn same_as_one_by_one<V: Vector>(activation: Activation) {
        for first in 0..VALUES.len() {
            let values: [f32; 16] = core::array::from_fn(|n| VALUES[(first + n) % VALUES.len()]);
            // SAFETY: no vector has more lanes, here and below.
            let mut vectors = [unsafe { V::load(values.as_ptr()) }];
            let mut found = [0.0; 16];
            activation.apply_lanes(&mut vectors);
            // SAFETY: as above.
            unsafe { vectors[0].store(found.as_mut_ptr()) };
            for (&found, x) in found[..V::LANES].iter().zip(values) {
                let wanted = activation.apply(x);
                let same = found.to_bits() == wanted.to_bits() || found.is_nan() && wanted.is_nan();
                assert!(same, "{activation:?} of {x}: {found} is not {wanted}");
            }
        }
    }

    #[test]
    fn vectors_give_what_each_lane_gives() {
        let slopes = [0.1, 1.0, 1e-40, 1.5, -0.2, 0.0].map(Activation::LeakyRelu);
        let limits = [(-0.5, 0.5), (2.0, -1.0), (0.0, 6.0), (f32::MIN, f32::MAX)].map(|(low, high)| Activation::Clip(low, high));
        let others = [Activation::Identity, Activation::Relu, Activation::Sigmoid, Activation::HardSwish, Activation::Swish(1.0)];
        for activation in slopes.into_iter().chain(limits).chain(others) {
            same_as_one_by_one::<f32>(activation);
            same_as_one_by_one::<Four>(activation);
            same_as_one_by_one::<Eight>(activation);
            same_as_one_by_one::<Sixteen>(activation);
        }
    }
}
