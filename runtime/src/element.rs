//! The types that the elements of a tensor have in memory.

/// An element of a tensor: a number without padding, of which every pattern of bits is one. Sealed.
pub trait Element: sealed::Number {}

mod sealed {
    /// Memory of any bytes, aligned for it, holds one.
    pub trait Number: Copy + Send + Sync + 'static {}
}

macro_rules! elements {
    ($($element:ty)+) => {$(
        impl sealed::Number for $element {}
        impl Element for $element {}
    )+};
}

elements!(f32 i8 u8 i16 i32 i64);
