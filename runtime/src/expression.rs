//! Values as the Rust expressions that build them, for tools that write code.

use core::fmt::{Result, Write};

use crate::views::Pixels;

/// A value that can be written as the Rust expression that builds it, bit for bit. Paths begin with the name of this crate; the type of a
/// geometry goes by the name `Kernel`.
pub trait Expression {
    /// Writes the expression.
    ///
    /// # Errors
    /// Those of `to`.
    fn write(&self, to: &mut dyn Write) -> Result;
}

/// Writes values with commas between them.
pub(crate) fn list(to: &mut dyn Write, open: &str, values: &[&dyn Expression], close: &str) -> Result {
    to.write_str(open)?;
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            to.write_str(", ")?;
        }
        value.write(to)?;
    }
    to.write_str(close)
}

macro_rules! displayed {
    ($($ty:ty)+) => {$(
        impl Expression for $ty {
            fn write(&self, to: &mut dyn Write) -> Result {
                write!(to, "{self}")
            }
        }
    )+};
}

displayed!(i8 u8 i32 u32 i64 bool);

impl Expression for f32 {
    fn write(&self, to: &mut dyn Write) -> Result {
        if self.is_finite() { write!(to, "{self:?}") } else { write!(to, "f32::from_bits({})", self.to_bits()) }
    }
}

impl<T: Expression, const N: usize> Expression for [T; N] {
    fn write(&self, to: &mut dyn Write) -> Result {
        list(to, "[", &self.each_ref().map(|value| value as &dyn Expression), "]")
    }
}

impl<T: Expression> Expression for Option<T> {
    fn write(&self, to: &mut dyn Write) -> Result {
        match self {
            None => to.write_str("None"),
            Some(value) => list(to, "Some(", &[value], ")"),
        }
    }
}

impl Expression for Pixels {
    fn write(&self, to: &mut dyn Write) -> Result {
        let default = Pixels::new([self.height, self.width, self.channels]);
        list(to, "peleec_runtime::Pixels::new(", &[&[self.height, self.width, self.channels]], ")")?;
        let distances = |map: &Pixels| [map.row, map.pixel, map.channel];
        if distances(self) != distances(&default) {
            list(to, ".distances(", &[&distances(self)], ")")?;
        }
        if self.ring != default.ring { list(to, ".ring(", &[&self.ring], ")") } else { Ok(()) }
    }
}
