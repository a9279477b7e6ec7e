//! Vectors of the machine that the crate is built for, behind one narrow trait.
//!
//! A file an instruction set; `portable` is the twin that serves every machine and gives the same bits. Kernels are written once over
//! [`Vector`], so that speed does not hang on what the auto-vectoriser makes of a loop.

pub(crate) mod arithmetic;
pub(crate) mod cortex;
mod portable;

#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
mod neon;

/// Some lanes of `f32` in a register.
///
/// Comparisons keep `self` where neither operand is greater, so that zeros of both signs and NaN are treated alike on every machine.
pub trait Vector: Copy {
    /// How many values it holds.
    const LANES: usize;
    /// How many values a [`Group`](Self::Group) holds: at most 4.
    const GROUP: usize;
    /// Factors that are loaded together, each then multiplied with every lane of a vector.
    type Group: Copy;

    /// The same value in every lane.
    fn splat(value: f32) -> Self;

    /// # Safety
    /// `LANES` values are readable.
    unsafe fn load(from: *const f32) -> Self;

    /// Adjacent vectors.
    ///
    /// # Safety
    /// `B` times `LANES` values are readable.
    #[inline(always)]
    unsafe fn load_all<const B: usize>(from: *const f32) -> [Self; B] {
        // SAFETY: the caller's contract.
        core::array::from_fn(|b| unsafe { Self::load(from.add(b * Self::LANES)) })
    }

    /// A vector; the pointer moves by so many bytes.
    ///
    /// # Safety
    /// `LANES` values are readable.
    #[inline(always)]
    #[cfg_attr(
        not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))),
        allow(dead_code, reason = "for kernels of machines that have vectors")
    )]
    unsafe fn load_next(from: &mut *const f32, bytes: usize) -> Self {
        // SAFETY: the caller's contract.
        let vector = unsafe { Self::load(*from) };
        *from = from.wrapping_byte_add(bytes);
        vector
    }

    /// # Safety
    /// `LANES` values are writable.
    unsafe fn store(self, to: *mut f32);

    /// As [`store`](Self::store); the pointer moves by so many bytes.
    ///
    /// # Safety
    /// `LANES` values are writable.
    #[inline(always)]
    #[cfg_attr(
        not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))),
        allow(dead_code, reason = "for kernels of machines that have vectors")
    )]
    unsafe fn store_next(self, to: &mut *mut f32, bytes: usize) {
        // SAFETY: the caller's contract.
        unsafe { self.store(*to) };
        *to = to.wrapping_byte_add(bytes);
    }

    /// Says that a vector will soon be stored there, where a machine has an instruction that fetches such lines.
    #[inline(always)]
    fn expect_store(_to: *mut f32) {}

    /// The next `GROUP` values; the pointer moves past them.
    ///
    /// # Safety
    /// `GROUP` values are readable.
    unsafe fn next_group(from: &mut *const f32) -> Self::Group;

    /// The sum, lane by lane.
    fn add(self, other: Self) -> Self;

    /// The quotient, lane by lane.
    fn divide(self, divisor: Self) -> Self;

    /// The greater value, lane by lane; `self` where neither is.
    fn max(self, other: Self) -> Self;

    /// The lesser value, lane by lane; `self` where neither is.
    fn min(self, other: Self) -> Self;

    /// The product, lane by lane.
    fn multiply(self, other: Self) -> Self;

    /// Limits each lane to `[low, high]`, to `high` where `low` is greater; NaN passes.
    #[inline(always)]
    fn clip(self, low: f32, high: f32) -> Self {
        self.max(Self::splat(low)).min(Self::splat(high))
    }

    /// Negative lanes become zero; NaN and -0.0 pass.
    fn relu(self) -> Self;

    /// `self + x * w`, lane by lane; rounded once where `FUSED`, else after the product and after the sum.
    fn multiply_add<const FUSED: bool>(self, x: Self, w: Self) -> Self;

    /// As [`multiply_add`](Self::multiply_add), `x` being value `INDEX` of the group.
    fn multiply_add_nth<const FUSED: bool, const INDEX: i32>(self, x: Self::Group, w: Self) -> Self;
}

#[cfg(all(target_arch = "x86_64", target_feature = "avx512f"))]
pub(crate) type Sixteen = x86::Avx512;
#[cfg(all(target_arch = "x86_64", target_feature = "avx", target_feature = "fma"))]
pub(crate) type Eight = x86::Avx;
#[cfg(target_arch = "x86_64")]
pub(crate) type Four = x86::Sse;

#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
pub(crate) type Four = neon::Neon;

#[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))))]
pub(crate) type Four = portable::Quad;
#[cfg(not(all(target_arch = "x86_64", target_feature = "avx", target_feature = "fma")))]
pub(crate) type Eight = Four;
#[cfg(not(all(target_arch = "x86_64", target_feature = "avx512f")))]
pub(crate) type Sixteen = Eight;

/// The most lanes that a vector has.
pub(crate) const MOST_LANES: usize = 16;

/// Evaluates `$body` with `$v` as the machine's widest vector of which `$n` lanes are a whole number, and with the constant `$b` as how
/// many of them are worked on together: at most four, the greatest number that divides theirs.
macro_rules! with_vectors {
    ($n:expr, |$v:ident, $b:ident| $body:expr) => {
        if const { $n % 16 == 0 } {
            crate::lanes::with_vectors!(@ $n, crate::lanes::Sixteen, |$v, $b| $body)
        } else if const { $n % 8 == 0 } {
            crate::lanes::with_vectors!(@ $n, crate::lanes::Eight, |$v, $b| $body)
        } else if const { $n % 4 == 0 } {
            crate::lanes::with_vectors!(@ $n, crate::lanes::Four, |$v, $b| $body)
        } else {
            crate::lanes::with_vectors!(@ $n, f32, |$v, $b| $body)
        }
    };
    (@ $n:expr, $vector:ty, |$v:ident, $b:ident| $body:expr) => {{
        type $v = $vector;
        let count = const { $n / <$vector as crate::lanes::Vector>::LANES };
        match count {
            _ if const { ($n / <$vector as crate::lanes::Vector>::LANES) % 4 == 0 } => {
                const $b: usize = 4;
                $body
            }
            _ if const { ($n / <$vector as crate::lanes::Vector>::LANES) % 3 == 0 } => {
                const $b: usize = 3;
                $body
            }
            _ if const { ($n / <$vector as crate::lanes::Vector>::LANES) % 2 == 0 } => {
                const $b: usize = 2;
                $body
            }
            _ => {
                const $b: usize = 1;
                $body
            }
        }
    }};
}
pub(crate) use with_vectors;

#[cfg(test)]
mod tests {
    use super::portable::{Quad, fused};
    use super::{Eight, Four, Sixteen, Vector};

    /// Values of every kind: normal, tiny, huge, zeros of both signs, infinities, NaN, and ones that make sums with ties.
    fn value(seed: u32) -> f32 {
        let special = [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MIN_POSITIVE / 4.0, f32::MAX, -1.5];
        let mixed = seed.wrapping_mul(0x9e37_79b9) ^ (seed >> 3).wrapping_mul(0x85eb_ca6b);
        match mixed % 5 {
            0 => special[(mixed >> 8) as usize % 8],
            1 => (1 << (mixed % 23)) as f32 + 1.0,
            2 => f32::from_bits(mixed.rotate_left(7)),
            _ => mixed.cast_signed() as f32 * 1.3e-9,
        }
    }

    fn values<V: Vector>(seed: u32) -> ([f32; 16], V) {
        let values = core::array::from_fn(|n| value(seed.wrapping_mul(16).wrapping_add(n as u32)));
        // SAFETY: no vector has more lanes.
        (values, unsafe { V::load(values.as_ptr()) })
    }

    fn lanes<V: Vector>(vector: V) -> [f32; 16] {
        let mut lanes = [0.0; 16];
        // SAFETY: no vector has more lanes.
        unsafe { vector.store(lanes.as_mut_ptr()) };
        lanes
    }

    fn same_bits<V: Vector>(found: V, wanted: impl Fn(usize) -> f32) {
        for (n, found) in lanes(found).into_iter().enumerate().take(V::LANES) {
            let wanted = wanted(n);
            assert!(found.to_bits() == wanted.to_bits() || found.is_nan() && wanted.is_nan(), "lane {n}: {found} {wanted}");
        }
    }

    fn equals_its_twin<V: Vector>() {
        for seed in 0..4000 {
            let ((a, va), (b, vb), (c, vc)) = (values::<V>(seed), values::<V>(seed + 5000), values::<V>(seed + 10_000));
            same_bits(va.add(vb), |n| a[n] + b[n]);
            same_bits(va.divide(vb), |n| a[n] / b[n]);
            same_bits(va.max(vb), |n| Vector::max(a[n], b[n]));
            same_bits(va.min(vb), |n| Vector::min(a[n], b[n]));
            same_bits(va.multiply(vb), |n| a[n] * b[n]);
            same_bits(va.relu(), |n| Vector::relu(a[n]));
            same_bits(va.clip(b[0], c[0]), |n| Vector::clip(a[n], b[0], c[0]));
            same_bits(va.clip(-0.0, 0.0), |n| Vector::clip(a[n], -0.0, 0.0));
            same_bits(va.multiply_add::<false>(vb, vc), |n| a[n] + b[n] * c[n]);
            same_bits(va.multiply_add::<true>(vb, vc), |n| fused(a[n], b[n], c[n]));
            // SAFETY: no group has more values.
            let group = unsafe { V::next_group(&mut b.as_ptr()) };
            same_bits(va.multiply_add_nth::<false, 0>(group, vc), |n| a[n] + b[0] * c[n]);
            same_bits(va.multiply_add_nth::<true, 0>(group, vc), |n| fused(a[n], b[0], c[n]));
            if V::GROUP == 4 {
                same_bits(va.multiply_add_nth::<false, 3>(group, vc), |n| a[n] + b[3] * c[n]);
                same_bits(va.multiply_add_nth::<true, 2>(group, vc), |n| fused(a[n], b[2], c[n]));
            }
        }
    }

    /// Three vectors, five values apart, are read and written one behind the other.
    fn walks<V: Vector>() {
        let from: [f32; 40] = core::array::from_fn(|n| value(n as u32));
        let mut to = [0.5; 40];
        let (mut x, mut y) = (from.as_ptr(), to.as_mut_ptr());
        for n in 0..3 {
            // SAFETY: no vector has more than 16 lanes.
            unsafe { V::load_next(&mut x, 20).store_next(&mut y, 20) };
            assert!(x == from.as_ptr().wrapping_add(5 * (n + 1)) && y == to.as_mut_ptr().wrapping_add(5 * (n + 1)));
        }
        for (n, (found, wanted)) in to.iter().zip(&from).enumerate() {
            let is_written = (0..3).any(|vector| (5 * vector..5 * vector + V::LANES).contains(&n));
            assert_eq!(found.to_bits(), if is_written { *wanted } else { 0.5 }.to_bits(), "value {n}");
        }
    }

    #[test]
    fn vectors_walk_over_memory() {
        walks::<f32>();
        walks::<Quad>();
        walks::<Four>();
        walks::<Eight>();
        walks::<Sixteen>();
    }

    #[test]
    fn vectors_give_the_bits_of_their_plain_twin() {
        equals_its_twin::<f32>();
        equals_its_twin::<Quad>();
        equals_its_twin::<Four>();
        equals_its_twin::<Eight>();
        equals_its_twin::<Sixteen>();
    }

    #[test]
    fn the_portable_fused_sum_is_rounded_once() {
        extern crate std;
        for seed in 0..2_000_000 {
            let (a, x, w) = (value(seed), value(seed ^ 0x5555_5555), value(seed.wrapping_mul(31) + 7));
            // Sums that nearly cancel or nearly tie, beside independent ones.
            for a in [a, -(x * w), f32::from_bits((x * w).to_bits() ^ 1), x * w * 0.000_000_1] {
                let (found, wanted) = (fused(a, x, w), x.mul_add(w, a));
                assert!(
                    found.to_bits() == wanted.to_bits() || found.is_nan() && wanted.is_nan(),
                    "{x:e} * {w:e} + {a:e}: {found:e} {wanted:e}"
                );
            }
        }
    }
}
