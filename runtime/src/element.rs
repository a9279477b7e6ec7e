//! The types that the elements of a tensor have in memory.

use core::ops::Add as _;

/// Which type the elements of a tensor have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ElementType {
    /// `f32`.
    F32,
    /// `i8`.
    I8,
    /// `u8`.
    U8,
    /// `i16`.
    I16,
    /// `i32`.
    I32,
    /// `i64`.
    I64,
}

/// An element of a tensor: a number without padding, of which every pattern of bits is one. Sealed.
pub trait Element: sealed::Number {
    /// Which one it is.
    const TYPE: ElementType;
}

/// An element of one byte. Sealed, as [`Element`] is.
pub trait ByteElement: Element {
    /// The least and the greatest.
    const LIMITS: [i32; 2];
}

impl ByteElement for i8 {
    const LIMITS: [i32; 2] = [-128, 127];
}

impl ByteElement for u8 {
    const LIMITS: [i32; 2] = [0, 255];
}

pub(crate) mod sealed {
    use core::fmt::Debug;

    use crate::values::{Values, ValuesMut};

    /// Memory of any bytes, aligned for it, holds one.
    pub trait Number: Copy + Debug + PartialEq + PartialOrd + Send + Sync + 'static {
        /// Cut towards zero for integers: what lies outside saturates, and what is not a number is zero.
        fn from_f32(x: f32) -> Self;

        /// The nearest float, or the low bits.
        fn from_i32(x: i32) -> Self;

        /// The nearest float, or the low bits.
        fn from_i64(x: i64) -> Self;

        /// As an element of another type.
        fn cast<T: Number>(self) -> T;

        /// The sum; that of integers wraps.
        fn plus(self, other: Self) -> Self;

        /// Its bits; the sign of an integer is extended.
        fn bits(self) -> u64;

        fn values(elements: &[Self]) -> Values<'_>;

        fn values_mut(elements: &mut [Self]) -> ValuesMut<'_>;

        fn of(values: Values<'_>) -> Option<&[Self]>;

        fn of_mut(values: ValuesMut<'_>) -> Option<&mut [Self]>;
    }
}

macro_rules! elements {
    ($($element:ident $kind:ident by $from:ident as $through:ident plus $plus:ident, |$x:ident| $bits:expr;)+) => {$(
        impl sealed::Number for $element {
            #[inline(always)]
            fn from_f32(x: f32) -> Self {
                x as $element
            }

            #[inline(always)]
            fn from_i32(x: i32) -> Self {
                x as $element
            }

            #[inline(always)]
            fn from_i64(x: i64) -> Self {
                x as $element
            }

            #[inline(always)]
            fn cast<T: sealed::Number>(self) -> T {
                T::$from(self as $through)
            }

            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                self.$plus(other)
            }

            #[inline(always)]
            fn bits(self) -> u64 {
                let $x = self;
                $bits
            }

            fn values(elements: &[Self]) -> crate::Values<'_> {
                crate::Values::$kind(elements)
            }

            fn values_mut(elements: &mut [Self]) -> crate::ValuesMut<'_> {
                crate::ValuesMut::$kind(elements)
            }

            fn of(values: crate::Values<'_>) -> Option<&[Self]> {
                if let crate::Values::$kind(elements) = values { Some(elements) } else { None }
            }

            fn of_mut(values: crate::ValuesMut<'_>) -> Option<&mut [Self]> {
                if let crate::ValuesMut::$kind(elements) = values { Some(elements) } else { None }
            }
        }

        impl Element for $element {
            const TYPE: ElementType = ElementType::$kind;
        }
    )+};
}

elements! {
    f32 F32 by from_f32 as f32 plus add, |x| x.to_bits().into();
    i8 I8 by from_i32 as i32 plus wrapping_add, |x| x as u64;
    u8 U8 by from_i32 as i32 plus wrapping_add, |x| x as u64;
    i16 I16 by from_i32 as i32 plus wrapping_add, |x| x as u64;
    i32 I32 by from_i32 as i32 plus wrapping_add, |x| x as u64;
    i64 I64 by from_i64 as i64 plus wrapping_add, |x| x as u64;
}
