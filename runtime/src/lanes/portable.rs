//! Portable Rust: what every instruction set must equal, bit for bit.

use super::Vector;

/// `x * w + sum`, rounded once.
///
/// The product of two `f32` is exact in `f64`. The sum is rounded to odd there: where it is inexact, its last bit is set, so that the
/// second rounding sees on which side of a tie the exact sum lies (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums").
#[inline(always)]
#[cfg_attr(not(test), allow(dead_code, reason = "a machine with an instruction for it uses it in tests only"))]
pub(crate) fn fused(sum: f32, x: f32, w: f32) -> f32 {
    let (product, addend) = (f64::from(x) * f64::from(w), f64::from(sum));
    let rounded = product + addend;
    let back = rounded - product;
    let error = (product - (rounded - back)) + (addend - back);
    let bits = rounded.to_bits();
    // Not for infinities and NaN, whose error is NaN.
    let inexact = (error > 0.0) | (error < 0.0);
    // Towards the exact sum: away from zero where the error has the sum's sign.
    let away = (error > 0.0) == (rounded > 0.0);
    let odd = if bits & 1 == 1 {
        bits
    } else if away {
        bits + 1
    } else {
        bits.wrapping_sub(1)
    };
    (if inexact { f64::from_bits(odd) } else { rounded }) as f32
}

#[inline(always)]
#[cfg_attr(not(test), allow(dead_code, reason = "a machine with vectors of its own uses it in tests only"))]
fn multiply_add<const FUSED: bool>(sum: f32, x: f32, w: f32) -> f32 {
    if FUSED { fused(sum, x, w) } else { sum + x * w }
}

/// A scalar is a vector of one lane.
impl Vector for f32 {
    const LANES: usize = 1;
    const GROUP: usize = 1;
    type Group = f32;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        value
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's contract.
        unsafe { *from }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's contract.
        unsafe { *to = self }
    }

    #[inline(always)]
    unsafe fn next_group(from: &mut *const f32) -> Self {
        // SAFETY: the caller's contract.
        let value = unsafe { **from };
        *from = from.wrapping_add(1);
        value
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self + other
    }

    #[inline(always)]
    fn divide(self, divisor: Self) -> Self {
        self / divisor
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        if other > self { other } else { self }
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        if other < self { other } else { self }
    }

    #[inline(always)]
    fn multiply(self, other: Self) -> Self {
        self * other
    }

    #[inline(always)]
    fn relu(self) -> Self {
        if self < 0.0 { 0.0 } else { self }
    }

    #[inline(always)]
    fn multiply_add<const FUSED: bool>(self, x: Self, w: Self) -> Self {
        multiply_add::<FUSED>(self, x, w)
    }

    #[inline(always)]
    fn multiply_add_nth<const FUSED: bool, const INDEX: i32>(self, x: Self, w: Self) -> Self {
        multiply_add::<FUSED>(self, x, w)
    }
}

/// Four lanes in an array.
#[derive(Clone, Copy)]
#[cfg_attr(not(test), allow(dead_code, reason = "a machine with vectors of its own uses it in tests only"))]
pub(crate) struct Quad([f32; 4]);

impl Quad {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let (Quad([a, b, c, d]), Quad([p, q, r, s])) = (self, other);
        Quad([f(a, p), f(b, q), f(c, r), f(d, s)])
    }
}

impl Vector for Quad {
    const LANES: usize = 4;
    const GROUP: usize = 1;
    type Group = Quad;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Quad([value; 4])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's contract.
        Quad(unsafe { *from.cast() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's contract.
        unsafe { *to.cast() = self.0 }
    }

    #[inline(always)]
    unsafe fn next_group(from: &mut *const f32) -> Self {
        // SAFETY: the caller's contract.
        Quad::splat(unsafe { f32::next_group(from) })
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, f32::add)
    }

    #[inline(always)]
    fn divide(self, divisor: Self) -> Self {
        self.zip(divisor, f32::divide)
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, Vector::max)
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.zip(other, Vector::min)
    }

    #[inline(always)]
    fn multiply(self, other: Self) -> Self {
        self.zip(other, f32::multiply)
    }

    #[inline(always)]
    fn relu(self) -> Self {
        let Quad([a, b, c, d]) = self;
        Quad([Vector::relu(a), Vector::relu(b), Vector::relu(c), Vector::relu(d)])
    }

    #[inline(always)]
    fn multiply_add<const FUSED: bool>(self, x: Self, w: Self) -> Self {
        let (Quad([a, b, c, d]), Quad([p, q, r, s]), Quad([k, l, m, n])) = (self, x, w);
        Quad([
            multiply_add::<FUSED>(a, p, k),
            multiply_add::<FUSED>(b, q, l),
            multiply_add::<FUSED>(c, r, m),
            multiply_add::<FUSED>(d, s, n),
        ])
    }

    #[inline(always)]
    fn multiply_add_nth<const FUSED: bool, const INDEX: i32>(self, x: Self, w: Self) -> Self {
        self.multiply_add::<FUSED>(x, w)
    }
}
