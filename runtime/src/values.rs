//! The elements of a model's inputs and outputs, for code that does not know their types.

use crate::element::{Element, ElementType};

macro_rules! kinds {
    ($($kind:ident $element:ident)+) => {
        /// The elements of an input.
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Values<'a> {
            $(
                #[doc = concat!("`", stringify!($element), "`.")]
                $kind(&'a [$element]),
            )+
        }

        /// The elements of an output, to be written.
        #[derive(Debug, PartialEq)]
        #[non_exhaustive]
        pub enum ValuesMut<'a> {
            $(
                #[doc = concat!("`", stringify!($element), "`.")]
                $kind(&'a mut [$element]),
            )+
        }

        impl<'a> Values<'a> {
            /// The number of elements.
            pub const fn len(&self) -> usize {
                match self {
                    $(Values::$kind(elements) => elements.len(),)+
                }
            }

            /// The type of the elements.
            pub const fn element(&self) -> ElementType {
                match self {
                    $(Values::$kind(_) => ElementType::$kind,)+
                }
            }

            /// The bytes of the elements, in the order of this machine.
            pub const fn as_bytes(&self) -> &'a [u8] {
                match self {
                    // SAFETY: elements have no padding, so all of their bytes are initialised.
                    $(Values::$kind(elements) => unsafe { core::slice::from_raw_parts(elements.as_ptr().cast(), size_of_val(*elements)) },)+
                }
            }

            /// Folds the bits of every element: the low 32, and of longer elements the high 32 behind them.
            fn fold(&self, seed: u32, each: impl Fn(u32, u32) -> u32) -> u32 {
                match self {
                    $(Values::$kind(elements) => fold(elements, seed, each),)+
                }
            }
        }

        impl ValuesMut<'_> {
            /// The elements, to be read.
            pub const fn values(&self) -> Values<'_> {
                match self {
                    $(ValuesMut::$kind(elements) => Values::$kind(elements),)+
                }
            }

            /// The same elements, for a shorter time.
            pub const fn reborrow(&mut self) -> ValuesMut<'_> {
                match self {
                    $(ValuesMut::$kind(elements) => ValuesMut::$kind(elements),)+
                }
            }

            /// The bytes of the elements, in the order of this machine.
            pub const fn as_bytes_mut(&mut self) -> &mut [u8] {
                match self {
                    $(ValuesMut::$kind(elements) => {
                        let len = size_of_val(*elements);
                        // SAFETY: elements have no padding, and any bytes are elements.
                        unsafe { core::slice::from_raw_parts_mut(elements.as_mut_ptr().cast(), len) }
                    })+
                }
            }
        }
    };
}

kinds! { F32 f32 I8 i8 U8 u8 I16 i16 I32 i32 I64 i64 }

fn fold<T: Element>(elements: &[T], seed: u32, each: impl Fn(u32, u32) -> u32) -> u32 {
    elements.iter().fold(seed, |hash, element| {
        let bits = element.bits();
        let hash = each(hash, bits as u32);
        if size_of::<T>() > size_of::<u32>() { each(hash, (bits >> 32) as u32) } else { hash }
    })
}

impl<'a> Values<'a> {
    /// Whether there are no elements.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements as an array; none where they are of another type or number.
    pub fn array<T: Element, const N: usize>(self) -> Option<&'a [T; N]> {
        T::of(self)?.try_into().ok()
    }
}

impl<'a> ValuesMut<'a> {
    /// The elements as an array; none where they are of another type or number.
    pub fn array_mut<T: Element, const N: usize>(self) -> Option<&'a mut [T; N]> {
        T::of_mut(self)?.try_into().ok()
    }
}

impl<'a, T: Element> From<&'a [T]> for Values<'a> {
    fn from(elements: &'a [T]) -> Self {
        T::values(elements)
    }
}

impl<'a, T: Element, const N: usize> From<&'a [T; N]> for Values<'a> {
    fn from(elements: &'a [T; N]) -> Self {
        T::values(elements)
    }
}

impl<'a, T: Element> From<&'a mut [T]> for ValuesMut<'a> {
    fn from(elements: &'a mut [T]) -> Self {
        T::values_mut(elements)
    }
}

impl<'a, T: Element, const N: usize> From<&'a mut [T; N]> for ValuesMut<'a> {
    fn from(elements: &'a mut [T; N]) -> Self {
        T::values_mut(elements)
    }
}

/// Folds the bits of `values` into `seed` (FNV-1a over 32-bit words, of which a longer element has two): equal on every machine that
/// computes the same bits.
pub fn checksum<'a>(seed: u32, values: impl Into<Values<'a>>) -> u32 {
    values.into().fold(seed ^ 0x811c_9dc5, |hash, word| (hash ^ word).wrapping_mul(0x0100_0193))
}
