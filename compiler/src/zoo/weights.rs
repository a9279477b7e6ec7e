//! Seeded numbers for weights and inputs: integer arithmetic, exact divisions and square roots only, so that every machine makes
//! the same bits.

use crate::tensor::{DType, Shape, Tensor, TensorType};

/// SplitMix64 (Steele, Lea, Flood 2014): a counter through a mixing function; every seed has the full period.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform from -1 up to 1, in steps of 2^-23.
    fn uniform(&mut self) -> f32 {
        (self.next() >> 40) as f32 / 8_388_608.0 - 1.0
    }

    /// Bell-shaped, mean 0, variance 1, within -3 and 3: the sum of three uniform numbers of variance 1/3.
    fn bell(&mut self) -> f32 {
        self.uniform() + self.uniform() + self.uniform()
    }
}

/// A tensor of mean 0 and standard deviation `deviation`. `name` picks the stream, so layers do not depend on their order.
pub(super) fn seeded(shape: &Shape, seed: u64, name: &str, deviation: f32) -> Tensor {
    let mut numbers = SplitMix64(SplitMix64(seed).next() ^ fnv1a(name));
    Tensor::from_fn(shape, |_| numbers.bell() * deviation)
}

/// A tensor of bytes as integers, all alike often; of truth, as many true as false.
pub(super) fn seeded_bytes(ty: &TensorType, seed: u64, name: &str) -> Tensor {
    let mut numbers = SplitMix64(SplitMix64(seed).next() ^ fnv1a(name));
    let most = if ty.dtype == DType::Bool { 1 } else { u8::MAX };
    Tensor::from_low_bytes(ty, |_| (numbers.next() >> 56) as u8 & most)
}

/// Weights that make sums of variance 1 out of `fan_in` inputs of mean square `square`: a half behind a ReLU (He et al. 2015).
pub(super) fn fitted(shape: &Shape, seed: u64, name: &str, fan_in: usize, square: f32) -> Tensor {
    seeded(shape, seed, name, (1.0 / (square * fan_in as f32)).sqrt())
}

/// The Fowler-Noll-Vo hash of the name, variant 1a, 64 bits.
fn fnv1a(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_numbers_are_those_of_the_published_generator() {
        let mut numbers = SplitMix64(1_234_567);
        assert_eq!([numbers.next(), numbers.next()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn values_have_the_stated_mean_and_deviation() {
        let tensor = seeded(&Shape(vec![100_000]), 7, "w", 0.5);
        let values = tensor.as_f32().unwrap();
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let variance = values.iter().map(|x| x * x).sum::<f32>() / values.len() as f32;
        assert!(mean.abs() < 0.01 && (variance - 0.25).abs() < 0.01, "{mean} {variance}");
    }
}
