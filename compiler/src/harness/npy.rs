//! NumPy's array files, versions 1.0 to 3.0: a header of Python text, and the elements. Little-endian numbers and booleans are read.

use crate::tensor::Data;
use crate::{Shape, Tensor};

const MAGIC: &[u8] = b"\x93NUMPY";

/// Why a file is no array that can be read.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum NpyError {
    #[error("it is no .npy file; save it with numpy.save")]
    Magic,
    #[error("it is of .npy version {0}.{1}; supported are 1.0, 2.0 and 3.0")]
    Version(u8, u8),
    #[error("its header does not say {0}")]
    Header(&'static str),
    #[error("its elements are `{0}`; supported are <f4, <f8, <i4, <i8, |i1, |u1 and |b1; convert it with numpy's `astype`")]
    Elements(String),
    #[error("it holds {found} bytes of elements where {needed} are needed")]
    Length { found: usize, needed: u128 },
}

/// Reads an array; double floats become `f32`, and Fortran's order ONNX's.
pub(crate) fn read(file: &[u8]) -> Result<Tensor, NpyError> {
    let (header, bytes) = parts(file)?;
    let descr = quoted(value(header, "descr")).ok_or(NpyError::Header("what its elements are"))?;
    let shape = value(header, "shape").and_then(extents).ok_or(NpyError::Header("its shape"))?;
    let is_fortran = match value(header, "fortran_order") {
        Some(text) if text.starts_with("True") => true,
        Some(text) if text.starts_with("False") => false,
        _ => return Err(NpyError::Header("its order")),
    };
    let size = match descr {
        "<f4" | "<i4" => 4,
        "<f8" | "<i8" => 8,
        "|b1" | "|i1" | "|u1" => 1,
        _ => return Err(NpyError::Elements(descr.to_owned())),
    };
    let needed = shape.iter().try_fold(size, |product: u128, &extent| product.checked_mul(extent as u128)).unwrap_or(u128::MAX);
    if bytes.len() as u128 != needed {
        return Err(NpyError::Length { found: bytes.len(), needed });
    }
    let from = if is_fortran { fortran(&shape) } else { (0..shape.elements()).collect() };
    let data = match descr {
        "<f4" => Data::F32(take(bytes, &from, f32::from_le_bytes)),
        "<f8" => Data::F32(take(bytes, &from, |bytes| f64::from_le_bytes(bytes) as f32)),
        "<i4" => Data::I32(take(bytes, &from, i32::from_le_bytes)),
        "<i8" => Data::I64(take(bytes, &from, i64::from_le_bytes)),
        "|i1" => Data::I8(take(bytes, &from, i8::from_le_bytes)),
        "|u1" => Data::U8(take(bytes, &from, u8::from_le_bytes)),
        _ => Data::Bool(take(bytes, &from, |[byte]: [u8; 1]| byte != 0)),
    };
    Tensor::new(shape, data).ok_or(NpyError::Header("its shape"))
}

/// The header's text, and what follows it.
fn parts(file: &[u8]) -> Result<(&str, &[u8]), NpyError> {
    let rest = file.strip_prefix(MAGIC).ok_or(NpyError::Magic)?;
    let (len, rest) = match rest {
        [1, 0, a, b, rest @ ..] => (usize::from(u16::from_le_bytes([*a, *b])), rest),
        [2 | 3, 0, a, b, c, d, rest @ ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest),
        [1..=3, 0, ..] => return Err(NpyError::Header("how long it is")),
        [major, minor, ..] => return Err(NpyError::Version(*major, *minor)),
        _ => return Err(NpyError::Magic),
    };
    let (header, bytes) = rest.split_at_checked(len).ok_or(NpyError::Header("how long it is"))?;
    Ok((std::str::from_utf8(header).map_err(|_| NpyError::Header("anything in UTF-8"))?, bytes))
}

/// What follows a key of the header.
fn value<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let after = ['\'', '"'].into_iter().find_map(|quote| header.split_once(&format!("{quote}{key}{quote}")))?.1;
    Some(after.trim_start().strip_prefix(':')?.trim_start())
}

fn quoted(text: Option<&str>) -> Option<&str> {
    let text = text?;
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text[1..].split_once(quote).map(|(inside, _)| inside)
}

/// A tuple of numbers; Python 2 wrote `3L`.
fn extents(text: &str) -> Option<Shape> {
    let (inside, _) = text.strip_prefix('(')?.split_once(')')?;
    let numbers = inside.split(',').map(|number| number.trim().trim_end_matches('L')).filter(|number| !number.is_empty());
    numbers.map(|number| number.parse().ok()).collect::<Option<_>>().map(Shape)
}

/// For each element in row-major order, where it lies in column-major order.
fn fortran(shape: &Shape) -> Vec<usize> {
    let mut strides = vec![1; shape.rank()];
    for axis in 1..shape.rank() {
        strides[axis] = strides[axis - 1] * shape[axis - 1];
    }
    let row_major = shape.strides();
    let place = |at: usize| (0..shape.rank()).map(|axis| at / row_major[axis] % shape[axis] * strides[axis]).sum();
    (0..shape.elements()).map(place).collect()
}

fn take<T, const N: usize, C: FromIterator<T>>(bytes: &[u8], from: &[usize], read: impl Fn([u8; N]) -> T) -> C {
    let elements = bytes.as_chunks().0;
    from.iter().map(|&at| read(elements[at])).collect()
}

/// A file of version `major`.0 with such a header.
#[cfg(test)]
pub(super) fn file(major: u8, header: &str, elements: &[u8]) -> Vec<u8> {
    let len = (header.len() as u32).to_le_bytes();
    [MAGIC, &[major, 0], if major == 1 { &len[..2] } else { &len[..] }, header.as_bytes(), elements].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    #[test]
    fn every_version_and_element_type_reads() {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }      \n";
        let expected = Tensor::f32([2, 2], [1.0, 2.0, 3.0, 4.0]).unwrap();
        for major in 1..=3 {
            assert_eq!(read(&file(major, header, &bytes(&[1.0, 2.0, 3.0, 4.0]))), Ok(expected.clone()));
        }
        let doubles: Vec<u8> = [1.0f64, 2.0, 3.0, 4.0].iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(read(&file(1, &header.replace("<f4", "<f8"), &doubles)), Ok(expected));
        let long = file(1, "{\"shape\":(2L,),\"fortran_order\":False,\"descr\":\"<i8\"}", &[[1; 8], [255; 8]].concat());
        assert_eq!(read(&long), Ok(Tensor::i64([2], [0x0101_0101_0101_0101, -1]).unwrap()));
        let int = read(&file(1, &header.replace("<f4", "<i4").replace("(2, 2)", "(1,)"), &[5, 0, 0, 0])).unwrap();
        assert_eq!(int.to_i64s(), Some(vec![5]));
        let bytes = |kind| read(&file(1, &header.replace("<f4", kind).replace("(2, 2)", "(2,)"), &[5, 255])).unwrap().to_i64s();
        assert_eq!([bytes("|u1"), bytes("|i1")], [Some(vec![5, 255]), Some(vec![5, -1])]);
        let truth = read(&file(1, &header.replace("<f4", "|b1").replace("(2, 2)", "()"), &[1])).unwrap();
        assert_eq!(truth.ty().to_string(), "bool[]");
    }

    #[test]
    fn columns_first_becomes_rows_first() {
        let header = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }\n";
        let columns = bytes(&[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(read(&file(1, header, &columns)), Ok(Tensor::f32([2, 3], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).unwrap()));
    }

    #[test]
    fn what_lies_is_refused_before_anything_is_allocated() {
        let header = |descr: &str, shape: &str| format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n");
        let refused = |file: &[u8]| read(file).unwrap_err().to_string();
        assert!(refused(b"").starts_with("it is no .npy file") && refused(b"PK\x03\x04").starts_with("it is no .npy file"));
        assert_eq!(refused(b"\x93NUMPY\x04\x00aa"), "it is of .npy version 4.0; supported are 1.0, 2.0 and 3.0");
        assert_eq!(refused(b"\x93NUMPY\x01\x00\xff\xffa"), "its header does not say how long it is");
        assert_eq!(refused(b"\x93NUMPY\x02\x00\xff"), "its header does not say how long it is");
        assert!(refused(&file(1, &header("'>f4'", "(1,)"), &[0; 4])).starts_with("its elements are `>f4`; supported are <f4"));
        assert_eq!(refused(&file(1, &header("[('a', '<f4')]", "(1,)"), &[0; 4])), "its header does not say what its elements are");
        assert_eq!(refused(&file(1, &header("'<f4'", "(-1,)"), &[0; 4])), "its header does not say its shape");
        let huge = format!("({}, {0}, {0})", u64::MAX);
        assert!(refused(&file(1, &header("'<f4'", &huge), &[0; 4])).starts_with("it holds 4 bytes of elements where "));
        assert_eq!(refused(&file(1, &header("'<f4'", "(2,)"), &[0; 12])), "it holds 12 bytes of elements where 8 are needed");
        assert_eq!(refused(&file(1, "{'descr': '<f4', 'shape': ()}", &[0; 4])), "its header does not say its order");
    }
}
