//! The element types that ONNX numbers, and what they become.

use crate::tensor::DType;

/// An ONNX element type: its schema name, its bytes in raw data, and what it becomes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Element {
    pub(crate) name: &'static str,
    pub(crate) bytes: usize,
    pub(crate) dtype: DType,
    code: i32,
}

const ELEMENTS: &[Element] = &[
    Element { code: 1, name: "float", bytes: 4, dtype: DType::F32 },
    Element { code: 2, name: "uint8", bytes: 1, dtype: DType::U8 },
    Element { code: 3, name: "int8", bytes: 1, dtype: DType::I8 },
    Element { code: 4, name: "uint16", bytes: 2, dtype: DType::I32 },
    Element { code: 5, name: "int16", bytes: 2, dtype: DType::I32 },
    Element { code: 6, name: "int32", bytes: 4, dtype: DType::I32 },
    Element { code: 7, name: "int64", bytes: 8, dtype: DType::I64 },
    Element { code: 9, name: "bool", bytes: 1, dtype: DType::Bool },
    Element { code: 10, name: "float16", bytes: 2, dtype: DType::F32 },
    Element { code: 11, name: "double", bytes: 8, dtype: DType::F32 },
    Element { code: 12, name: "uint32", bytes: 4, dtype: DType::I64 },
    Element { code: 16, name: "bfloat16", bytes: 2, dtype: DType::F32 },
];

/// Looks up a value of `TensorProto.DataType`; the name of one that is not read.
pub(crate) fn element(code: Option<i32>) -> Result<Element, String> {
    let code = code.unwrap_or(0);
    let named = |name: &str| Err(name.to_owned());
    match (ELEMENTS.iter().find(|element| element.code == code), code) {
        (Some(element), _) => Ok(*element),
        (None, 8) => named("string"),
        (None, 13) => named("uint64"),
        (None, 14 | 15) => named("complex"),
        (None, 17..=20) => named("an 8-bit float"),
        (None, 21 | 22) => named("a 4-bit integer"),
        (None, other) => Err(format!("number {other} of the ONNX list")),
    }
}
