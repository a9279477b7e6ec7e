//! Vectors of the machine that the crate is built for, behind four functions over arrays of lanes.
//!
//! A file an instruction set; `plain` is the twin that serves every machine and gives the same bits. Kernels are written once over
//! these functions, so that speed does not hang on what the auto-vectoriser makes of a loop.

#[cfg(all(target_arch = "x86_64", target_feature = "avx512f"))]
mod avx512;
#[cfg(all(target_arch = "x86_64", target_feature = "avx512f"))]
pub(crate) use avx512::{add, max, multiply_add, relu};

#[cfg(all(target_arch = "x86_64", target_feature = "avx", not(target_feature = "avx512f")))]
mod avx;
#[cfg(all(target_arch = "x86_64", target_feature = "avx", not(target_feature = "avx512f")))]
pub(crate) use avx::{add, max, multiply_add, relu};

#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
mod neon;
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
pub(crate) use neon::{add, max, multiply_add, relu};

#[cfg(not(any(all(target_arch = "x86_64", target_feature = "avx"), all(target_arch = "aarch64", target_feature = "neon"))))]
pub(crate) use plain::{add, max, multiply_add, relu};

mod plain;

#[cfg(test)]
mod tests {
    use super::plain;

    /// Values of every kind: normal, tiny, huge, zeros of both signs, infinities, NaN.
    fn values<const N: usize>(seed: u32) -> [f32; N] {
        let special = [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MIN_POSITIVE / 4.0, f32::MAX, -1.5];
        core::array::from_fn(|i| {
            let mixed = (i as u32 + seed).wrapping_mul(0x9e37_79b9);
            if mixed.is_multiple_of(5) { special[(mixed >> 8) as usize % 8] } else { (mixed as i32) as f32 * 1.3e-9 }
        })
    }

    fn same_bits<const N: usize>(a: [f32; N], b: [f32; N]) {
        for (a, b) in a.into_iter().zip(b) {
            assert!(a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(), "{a} {b}");
        }
    }

    fn compare<const N: usize>() {
        for seed in 0..200 {
            let (start, other) = (values::<N>(seed), values::<N>(seed + 1000));
            let x = other[seed as usize % N];
            let (mut a, mut b) = (start, start);
            super::multiply_add(&mut a, x, &other);
            plain::multiply_add(&mut b, x, &other);
            same_bits(a, b);
            super::add(&mut a, &other);
            plain::add(&mut b, &other);
            same_bits(a, b);
            super::max(&mut a, &values(seed + 2000));
            plain::max(&mut b, &values(seed + 2000));
            same_bits(a, b);
            super::relu(&mut a);
            plain::relu(&mut b);
            same_bits(a, b);
        }
    }

    #[test]
    fn vectors_give_the_bits_of_their_plain_twin() {
        compare::<4>();
        compare::<16>();
        compare::<24>();
        compare::<37>();
    }
}
