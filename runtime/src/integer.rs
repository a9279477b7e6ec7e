//! Arithmetic of integers as two's complement has it: what is too wide wraps, and no operation panics.

/// An integer among the elements of tensors. Sealed.
pub trait Integer: sealed::Integer {}
impl<T: sealed::Integer> Integer for T {}

pub(crate) mod sealed {
    use crate::element::Element;

    /// Beside what elements of all types have.
    pub trait Integer: Element {
        /// The difference, which wraps.
        fn minus(self, other: Self) -> Self;

        /// The product, which wraps.
        fn times(self, other: Self) -> Self;

        /// The quotient, cut towards zero: it wraps, and is zero where the divisor is.
        fn quotient(self, divisor: Self) -> Self;

        /// What division leaves, with the sign of `self`: zero where the divisor is.
        fn remainder(self, divisor: Self) -> Self;
    }
}

macro_rules! integers {
    ($($integer:ident)+) => {$(
        impl sealed::Integer for $integer {
            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }

            #[inline(always)]
            fn times(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }

            #[inline(always)]
            fn quotient(self, divisor: Self) -> Self {
                match self.checked_div(divisor) {
                    Some(quotient) => quotient,
                    None if divisor == 0 => 0,
                    // The least number by minus one, which would be one more than the greatest.
                    None => self,
                }
            }

            #[inline(always)]
            fn remainder(self, divisor: Self) -> Self {
                // None is left of the least number by minus one, too.
                self.checked_rem(divisor).unwrap_or(0)
            }
        }
    )+};
}

integers!(i8 u8 i16 i32 i64);

/// What division leaves, with the sign of the divisor: zero where that is zero.
#[inline(always)]
pub(crate) fn modulo<T: Integer>(a: T, divisor: T) -> T {
    let (rest, zero) = (a.remainder(divisor), T::from_i32(0));
    if rest != zero && (rest < zero) != (divisor < zero) { rest.plus(divisor) } else { rest }
}

/// The power, which wraps; one with an exponent below zero is cut towards zero, and zero has none, which gives zero.
#[inline]
pub(crate) fn power<T: Integer>(base: T, exponent: i64) -> T {
    let (zero, one) = (T::from_i32(0), T::from_i32(1));
    if exponent < 0 {
        let minus_one = zero.minus(one);
        return if base == one || (base == minus_one && exponent & 1 == 0) {
            one
        } else if base == minus_one {
            minus_one
        } else {
            zero
        };
    }
    let (mut result, mut square, mut rest) = (one, base, exponent);
    while rest > 0 {
        if rest & 1 == 1 {
            result = result.times(square);
        }
        square = square.times(square);
        rest >>= 1;
    }
    result
}
