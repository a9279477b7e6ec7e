//! A kernel bound to views: the runtime's geometry, which is run here and printed there.

use std::borrow::Cow;
use std::fmt::Debug;

use peleec_runtime::{
    Element, ElementType, Expression, Extent, Kernel, MAX_RANK, Map, Move, Operands, RegionError, RowWindow, run_checked, run_row_checked,
};

use super::LeafKind;
use crate::tensor::DType;

/// Gives a value for a type of elements, which goes by a name; for floats another where there is one. Truth is a byte.
macro_rules! of_element {
    ($dtype:expr, $element:ident => $value:expr) => {
        $crate::steps::kernels::bound::of_element!($dtype, $element => $value; floats: {
            type $element = f32;
            $value
        })
    };
    ($dtype:expr, $element:ident => $value:expr; floats: $floats:expr) => {
        match $dtype {
            $crate::tensor::DType::F32 => $floats,
            $crate::tensor::DType::I8 => {
                type $element = i8;
                $value
            }
            $crate::tensor::DType::U8 | $crate::tensor::DType::Bool => {
                type $element = u8;
                $value
            }
            $crate::tensor::DType::I32 => {
                type $element = i32;
                $value
            }
            $crate::tensor::DType::I64 => {
                type $element = i64;
                $value
            }
        }
    };
}
pub(super) use of_element;

/// Gives a value for a type of integers, which goes by a name, or an error for floats.
macro_rules! of_integer {
    ($dtype:expr, $element:ident => $value:expr) => {
        $crate::steps::kernels::bound::of_element!(
            $dtype,
            $element => $value;
            floats: Err(OpError::unsupported("works on f32").supported("integers"))
        )
    };
}
pub(super) use of_integer;

/// Gives a value for a type of elements of 8 bits, which goes by a name, or an error for any other.
macro_rules! of_byte {
    ($dtype:expr, $element:ident => $value:expr) => {
        match $dtype {
            $crate::tensor::DType::I8 => {
                type $element = i8;
                $value
            }
            $crate::tensor::DType::U8 => {
                type $element = u8;
                $value
            }
            other => Err(OpError::unsupported(format!("works on {other}")).supported("i8, u8")),
        }
    };
}
pub(super) use of_byte;

/// A geometry of the runtime.
pub(crate) trait Bound: Debug + Send + Sync {
    /// The kernel's name for people, with its register tile.
    fn name(&self) -> String;

    /// The geometry's type, as Rust code.
    fn kind(&self) -> String;

    /// The expression that builds the geometry, whose type goes by the name `Kernel`.
    fn value(&self) -> String;

    /// The operands' lengths, or none where the views contradict each other.
    fn extent(&self) -> Option<Extent>;

    /// The type of the packed weights' values.
    fn weights(&self) -> DType {
        DType::F32
    }

    /// The rows of the input that a row of the output is made of, where rows can be computed one by one.
    fn row_window(&self) -> Option<RowWindow>;

    /// Runs the kernel in this process: the whole output, or a row. The weights are those of [`weights_here`](Self::weights_here).
    fn run(&self, row: Option<usize>, operands: Operands<'_>) -> Result<(), RegionError>;

    /// Packed weights in the order in which [`run`](Self::run) reads them, which may be another than the target's.
    fn weights_here<'a>(&self, packed: &'a [u8]) -> Cow<'a, [u8]> {
        Cow::Borrowed(packed)
    }

    /// Which leaf it links, of several that serve it, and whether that is the general one.
    fn leaf(&self) -> Option<(LeafKind, bool)> {
        None
    }

    /// Takes the general leaf.
    fn generalise(&mut self) {}
}

/// A geometry that runs here as it does on the target.
#[derive(Debug)]
pub(super) struct Plainly<G> {
    pub(super) geometry: G,
    pub(super) name: &'static str,
    pub(super) kind: Cow<'static, str>,
}

impl<G: Kernel + Expression + Debug + Send + Sync> Bound for Plainly<G> {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn kind(&self) -> String {
        format!("peleec_runtime::{}", self.kind)
    }

    fn value(&self) -> String {
        expression(&self.geometry)
    }

    fn extent(&self) -> Option<Extent> {
        self.geometry.lengths()
    }

    fn weights(&self) -> DType {
        match G::Weight::TYPE {
            ElementType::I32 => DType::I32,
            ElementType::I8 => DType::I8,
            ElementType::U8 => DType::U8,
            _ => DType::F32,
        }
    }

    fn row_window(&self) -> Option<RowWindow> {
        self.geometry.window()
    }

    fn run(&self, row: Option<usize>, operands: Operands<'_>) -> Result<(), RegionError> {
        run(row, &self.geometry, operands)
    }
}

/// A copy of elements of a type from and to these strides.
pub(super) fn copied(dtype: DType, dims: [u32; MAX_RANK], input: [u32; MAX_RANK], output: [u32; MAX_RANK]) -> Box<dyn Bound> {
    if dtype == DType::F32 {
        // The function that networks have anyway.
        return Box::new(Plainly { geometry: Map::new(dims, input, output), name: "map", kind: "Map".into() });
    }
    let kind = format!("Move<{}>", dtype.element()).into();
    of_element!(dtype, T => Box::new(Plainly { geometry: Move::<T>::new(dims, input, output), name: "move", kind }))
}

/// The expression that builds a value.
pub(super) fn expression(value: &impl Expression) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    _ = value.write(&mut text);
    text
}

pub(super) fn run<K: Kernel>(row: Option<usize>, kernel: &K, operands: Operands<'_>) -> Result<(), RegionError> {
    match row {
        Some(row) => run_row_checked(kernel, row, operands),
        None => run_checked(kernel, operands),
    }
}

#[cfg(test)]
mod tests {
    use std::any::type_name;

    use super::*;
    use crate::diagnostics::OpError;

    #[test]
    fn every_type_has_its_element() {
        let types = [DType::F32, DType::I8, DType::U8, DType::Bool, DType::I32, DType::I64];
        let elements = types.map(|dtype| of_element!(dtype, T => type_name::<T>()));
        assert_eq!(elements, ["f32", "i8", "u8", "u8", "i32", "i64"]);
        let integers = types.map(|dtype| -> Result<&'static str, OpError> { of_integer!(dtype, T => Ok(type_name::<T>())) });
        assert_eq!(integers.map(Result::ok), [None, Some("i8"), Some("u8"), Some("u8"), Some("i32"), Some("i64")]);
        let bytes = types.map(|dtype| -> Result<&'static str, OpError> { of_byte!(dtype, T => Ok(type_name::<T>())) });
        assert_eq!(bytes.map(Result::ok), [None, Some("i8"), Some("u8"), None, None, None]);
    }
}
