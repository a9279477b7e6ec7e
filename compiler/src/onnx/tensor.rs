//! `TensorProto` to [`Tensor`] and back: half and double floats become `f32`, 16-bit integers `i32`.
//!
//! The length of the data is compared with the shape before anything is allocated for the elements.

use std::sync::Arc;

use half::{bf16, f16};
use prost::Message;
use prost::bytes::Bytes;
use thiserror::Error;

use super::prescan::{ScanError, scan_tensor};
use super::wire::TensorProto;
use crate::node::{Element, element};
use crate::tensor::{DType, Data, Shape, Tensor, TensorType};

/// Most elements that a tensor may have.
pub(crate) const MAX_ELEMENTS: usize = 1 << 28;
/// Largest extent of a dimension.
pub(crate) const MAX_DIM: i64 = i32::MAX as i64;
const MAX_RANK: usize = 16;

/// Why a stored tensor cannot be read.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum TensorError {
    /// The file breaks the wire format or a size limit.
    #[error("{0}")]
    Wire(String),
    /// A dimension is negative or too large, or there are too many.
    #[error("its dimensions are {0:?} (at most {MAX_RANK}, each from 0 to {MAX_DIM})")]
    Dims(Vec<i64>),
    /// The product of the dimensions is above the limit.
    #[error("its shape {0} has more than {MAX_ELEMENTS} elements")]
    TooLarge(Shape),
    /// The data's length is not what the shape needs.
    #[error("it holds {found} where its type {ty} needs {needed}")]
    Length {
        /// Amount and unit that the file has.
        found: String,
        /// Amount and unit that the shape asks for.
        needed: String,
        /// Type that the file states.
        ty: TensorType,
    },
    /// Raw data and a typed list, or two typed lists.
    #[error("it holds its elements twice, in `{0}` and `{1}`")]
    TwoPayloads(&'static str, &'static str),
    /// An element of a typed list does not fit the element type.
    #[error("it holds the value {0}, which its element type {1} cannot")]
    Range(i64, &'static str),
    /// A valid element type that peleec does not take.
    #[error("its element type is {0}")]
    DType(String),
    /// The elements are in another file.
    #[error("its elements are stored in another file")]
    External,
}

impl TensorError {
    /// Whether the tensor is valid ONNX of a kind that peleec does not take.
    pub(crate) fn is_unsupported(&self) -> bool {
        matches!(self, TensorError::DType(_) | TensorError::External | TensorError::TooLarge(_))
    }
}

impl From<ScanError> for TensorError {
    fn from(error: ScanError) -> Self {
        TensorError::Wire(error.to_string())
    }
}

/// Reads a file that holds one tensor (`input_0.pb` of the ONNX backend tests): its name and value.
pub fn read_tensor(bytes: impl Into<Bytes>) -> Result<(String, Tensor), TensorError> {
    let bytes = bytes.into();
    scan_tensor(&bytes)?;
    let proto = TensorProto::decode(bytes).map_err(|error| TensorError::Wire(error.to_string()))?;
    if proto.data_location == Some(1) {
        return Err(TensorError::External);
    }
    let tensor = decode(&proto, None)?;
    Ok((proto.name.unwrap_or_default(), tensor))
}

/// The bytes of a file that holds one tensor; what [`read_tensor`] reads.
pub fn write_tensor(name: &str, tensor: &Tensor) -> Vec<u8> {
    encode(name, tensor).encode_to_vec()
}

/// The type that the tensor has once decoded; reads no element.
pub(crate) fn header(proto: &TensorProto) -> Result<(Element, TensorType), TensorError> {
    let element = element(proto.data_type).map_err(TensorError::DType)?;
    let dims: Option<Vec<usize>> = proto.dims.iter().map(|&dim| usize::try_from(dim).ok().filter(|_| dim <= MAX_DIM)).collect();
    let dims = dims
        .filter(|dims| dims.len() <= MAX_RANK)
        .ok_or_else(|| TensorError::Dims(proto.dims.iter().copied().take(MAX_RANK + 1).collect()))?;
    let shape = Shape(dims);
    match shape.checked_elements() {
        Some(count) if count <= MAX_ELEMENTS => Ok((element, TensorType { dtype: element.dtype, shape })),
        _ => Err(TensorError::TooLarge(shape)),
    }
}

/// The value of a stored tensor; `external` holds its bytes where the file keeps them elsewhere.
pub(crate) fn decode(proto: &TensorProto, external: Option<&[u8]>) -> Result<Tensor, TensorError> {
    let (element, ty) = header(proto)?;
    let count = ty.shape.elements();
    let raw = external.or(proto.raw_data.as_deref()).filter(|raw| !raw.is_empty());
    let data = match (raw, one_payload(proto, raw.is_some())?) {
        (Some(raw), None) => {
            check_length(raw.len(), count * element.bytes, "bytes", &ty)?;
            from_raw(element, raw)
        }
        (_, Some((_, len))) => {
            check_length(len, count, "elements", &ty)?;
            from_lists(element, proto, &ty)?
        }
        (None, None) => {
            check_length(0, count, "elements", &ty)?;
            from_raw(element, &[])
        }
    };
    Tensor::new(ty.shape.clone(), data).ok_or_else(|| length_error("another number of elements".to_owned(), count, "elements", &ty))
}

/// The one typed list with elements, by field name and length; an error where elements stand in two places.
fn one_payload(proto: &TensorProto, raw: bool) -> Result<Option<(&'static str, usize)>, TensorError> {
    let lists = [
        ("float_data", proto.float_data.len()),
        ("int32_data", proto.int32_data.len()),
        ("int64_data", proto.int64_data.len()),
        ("double_data", proto.double_data.len()),
        ("uint64_data", proto.uint64_data.len()),
    ];
    let mut used = lists.into_iter().filter(|&(_, len)| len > 0);
    match (used.next(), used.next()) {
        (Some((first, _)), Some((second, _))) => Err(TensorError::TwoPayloads(first, second)),
        (Some((list, _)), None) if raw => Err(TensorError::TwoPayloads("raw_data", list)),
        (list, _) => Ok(list),
    }
}

fn check_length(found: usize, needed: usize, unit: &str, ty: &TensorType) -> Result<(), TensorError> {
    if found == needed { Ok(()) } else { Err(length_error(format!("{found} {unit}"), needed, unit, ty)) }
}

fn length_error(found: String, needed: usize, unit: &str, ty: &TensorType) -> TensorError {
    TensorError::Length { found, needed: format!("{needed} {unit}"), ty: ty.clone() }
}

/// Reads little-endian elements; the caller has compared the length.
fn from_raw(element: Element, raw: &[u8]) -> Data {
    match element.name {
        "float16" => Data::F32(each(raw, |bytes| f16::from_le_bytes(bytes).to_f32())),
        "bfloat16" => Data::F32(each(raw, |bytes| bf16::from_le_bytes(bytes).to_f32())),
        "double" => Data::F32(each(raw, |bytes| f64::from_le_bytes(bytes) as f32)),
        "uint32" => Data::I64(each(raw, |bytes| u32::from_le_bytes(bytes).into())),
        "int16" => Data::I32(each(raw, |bytes| i16::from_le_bytes(bytes).into())),
        "uint16" => Data::I32(each(raw, |bytes| u16::from_le_bytes(bytes).into())),
        _ => Data::from_le_bytes(element.dtype, raw),
    }
}

fn each<const N: usize, T>(raw: &[u8], read: impl Fn([u8; N]) -> T) -> Arc<[T]> {
    raw.as_chunks().0.iter().map(|&bytes| read(bytes)).collect()
}

/// Reads the typed list that the schema prescribes for the element type; another list has the wrong length, zero.
fn from_lists(element: Element, proto: &TensorProto, ty: &TensorType) -> Result<Data, TensorError> {
    let count = ty.shape.elements();
    let ints = &proto.int32_data;
    let (len, list) = match element.name {
        "float" => (proto.float_data.len(), "float_data"),
        "double" => (proto.double_data.len(), "double_data"),
        "int64" => (proto.int64_data.len(), "int64_data"),
        "uint32" => (proto.uint64_data.len(), "uint64_data"),
        _ => (ints.len(), "int32_data"),
    };
    check_length(len, count, &format!("elements in `{list}`"), ty)?;
    Ok(match element.name {
        "float" => Data::F32(proto.float_data.as_slice().into()),
        "double" => Data::F32(proto.double_data.iter().map(|&x| x as f32).collect()),
        "float16" => Data::F32(ranged(ints, element, |x| u16::try_from(x).ok().map(|bits| f16::from_bits(bits).to_f32()))?),
        "bfloat16" => Data::F32(ranged(ints, element, |x| u16::try_from(x).ok().map(|bits| bf16::from_bits(bits).to_f32()))?),
        "int64" => Data::I64(proto.int64_data.as_slice().into()),
        "uint32" => Data::I64(ranged(&proto.uint64_data, element, |x| u32::try_from(x).ok().map(i64::from))?),
        "int32" => Data::I32(ints.as_slice().into()),
        "int16" => Data::I32(ranged(ints, element, |x| i16::try_from(x).ok().map(i32::from))?),
        "uint16" => Data::I32(ranged(ints, element, |x| u16::try_from(x).ok().map(i32::from))?),
        "int8" => Data::I8(ranged(ints, element, |x| i8::try_from(x).ok())?),
        "uint8" => Data::U8(ranged(ints, element, |x| u8::try_from(x).ok())?),
        _ => Data::Bool(ints.iter().map(|&x| x != 0).collect()),
    })
}

fn ranged<S: Copy + TryInto<i64>, T>(values: &[S], element: Element, read: impl Fn(S) -> Option<T>) -> Result<Arc<[T]>, TensorError> {
    let value = |&x: &S| read(x).ok_or_else(|| TensorError::Range(x.try_into().unwrap_or(i64::MAX), element.name));
    values.iter().map(value).collect()
}

/// The tensor as an initializer or a test vector, in raw little-endian data.
pub(crate) fn encode(name: &str, tensor: &Tensor) -> TensorProto {
    TensorProto {
        dims: tensor.shape().iter().map(|&dim| dim as i64).collect(),
        data_type: Some(code(tensor.dtype())),
        name: Some(name.to_owned()),
        raw_data: Some(tensor.as_bytes().to_vec().into()),
        ..TensorProto::default()
    }
}

/// The value of `TensorProto.DataType` for an element type of the graph.
pub(crate) fn code(dtype: DType) -> i32 {
    match dtype {
        DType::F32 => 1,
        DType::U8 => 2,
        DType::I8 => 3,
        DType::I32 => 6,
        DType::I64 => 7,
        DType::Bool => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proto(dims: &[i64], data_type: i32, raw: &[u8]) -> TensorProto {
        TensorProto { dims: dims.to_vec(), data_type: Some(data_type), raw_data: Some(raw.to_vec().into()), ..TensorProto::default() }
    }

    #[test]
    fn written_tensors_read_back() {
        let tensor = Tensor::f32([2, 3], vec![1.0, -2.5, 0.0, 3.0, 4.0, f32::MIN_POSITIVE]).unwrap();
        assert_eq!(read_tensor(write_tensor("x", &tensor)), Ok(("x".to_owned(), tensor)));
        let flags = Tensor::new(Shape(vec![2]), Data::Bool(vec![true, false].into())).unwrap();
        assert_eq!(read_tensor(write_tensor("", &flags)).unwrap().1, flags);
    }

    #[test]
    fn every_float_becomes_f32() {
        for (code, raw) in [(10, vec![0x00, 0x3e]), (16, vec![0xc0, 0x3f]), (11, 1.5f64.to_le_bytes().to_vec())] {
            assert_eq!(decode(&proto(&[], code, &raw), None).unwrap().as_f32(), Some(&[1.5][..]), "type {code}");
        }
        let halves = TensorProto { dims: vec![1], data_type: Some(10), int32_data: vec![0x3e00], ..TensorProto::default() };
        assert_eq!(decode(&halves, None).unwrap().as_f32(), Some(&[1.5][..]));
    }

    #[test]
    fn narrow_integers_keep_their_sign() {
        assert_eq!(decode(&proto(&[2], 3, &[0xff, 1]), None).unwrap().to_i64s(), Some(vec![-1, 1]));
        assert_eq!(decode(&proto(&[2], 2, &[0xff, 1]), None).unwrap().to_i64s(), Some(vec![255, 1]));
        let wide = TensorProto { dims: vec![1], data_type: Some(3), int32_data: vec![300], ..TensorProto::default() };
        assert_eq!(decode(&wide, None), Err(TensorError::Range(300, "int8")));
    }

    #[test]
    fn a_wrong_length_is_named_before_anything_is_allocated() {
        let error = decode(&proto(&[1 << 14, 1 << 14], 1, &[0; 8]), None).unwrap_err();
        assert_eq!(error.to_string(), "it holds 8 bytes where its type f32[16384,16384] needs 1073741824 bytes");
        assert!(matches!(decode(&proto(&[1 << 30, 1 << 30, 1 << 30], 1, &[]), None), Err(TensorError::TooLarge(_))));
        assert!(matches!(decode(&proto(&[-1], 1, &[]), None), Err(TensorError::Dims(_))));
        assert!(matches!(decode(&proto(&[1], 1, &[]), None), Err(TensorError::Length { .. })));
    }

    #[test]
    fn two_payloads_are_refused() {
        let both = TensorProto { float_data: vec![1.0], ..proto(&[1], 1, &[0; 4]) };
        assert_eq!(decode(&both, None), Err(TensorError::TwoPayloads("raw_data", "float_data")));
        let wrong_list = TensorProto { dims: vec![1], data_type: Some(1), int64_data: vec![1], ..TensorProto::default() };
        assert!(matches!(decode(&wrong_list, None), Err(TensorError::Length { .. })));
    }

    #[test]
    fn an_empty_list_of_integers_is_a_tensor() {
        assert_eq!(decode(&proto(&[0], 7, &[]), None).unwrap().to_i64s(), Some(vec![]));
        assert_eq!(decode(&TensorProto { raw_data: None, ..proto(&[0], 7, &[]) }, None).unwrap().to_i64s(), Some(vec![]));
    }
}
