//! Element types, shapes, and tensors of known value.

pub(crate) mod window;

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// Element type of a tensor. Half and double floats of a file are held as `F32`, its 16-bit integers as `I32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DType {
    /// 32-bit float.
    F32,
    /// 8-bit signed integer.
    I8,
    /// 8-bit unsigned integer.
    U8,
    /// 32-bit signed integer.
    I32,
    /// 64-bit signed integer.
    I64,
    /// One byte, true or false.
    Bool,
}

impl DType {
    /// All of them.
    pub const ALL: [DType; 6] = [DType::F32, DType::I8, DType::U8, DType::I32, DType::I64, DType::Bool];

    /// Size of an element in memory.
    pub fn bytes(self) -> usize {
        match self {
            DType::F32 | DType::I32 => 4,
            DType::I64 => 8,
            DType::I8 | DType::U8 | DType::Bool => 1,
        }
    }

    /// The Rust type that an element has in memory; truth is a byte, 0 or 1.
    pub fn element(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::I8 => "i8",
            DType::U8 | DType::Bool => "u8",
            DType::I32 => "i32",
            DType::I64 => "i64",
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == DType::Bool { "bool" } else { self.element() })
    }
}

/// Extents of a tensor, outermost first, in ONNX's order. A scalar has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Shape(pub Vec<usize>);

impl Shape {
    /// The number of elements, or `None` where the product does not fit `usize`.
    pub fn checked_elements(&self) -> Option<usize> {
        self.0.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim))
    }

    /// The number of elements of a shape that the importer has admitted.
    pub fn elements(&self) -> usize {
        self.checked_elements().unwrap_or(usize::MAX)
    }

    /// The number of dimensions.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// Row-major strides in elements.
    pub fn strides(&self) -> Vec<usize> {
        let mut strides = vec![1; self.rank()];
        for axis in (1..self.rank()).rev() {
            strides[axis - 1] = strides[axis] * self.0[axis];
        }
        strides
    }
}

impl std::ops::Deref for Shape {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl From<Vec<usize>> for Shape {
    fn from(dims: Vec<usize>) -> Self {
        Shape(dims)
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(dims: [usize; N]) -> Self {
        Shape(dims.to_vec())
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dims: Vec<String> = self.0.iter().map(usize::to_string).collect();
        write!(f, "[{}]", dims.join(","))
    }
}

/// Element type and shape of a tensor.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TensorType {
    /// Element type.
    pub dtype: DType,
    /// Extents in ONNX's order.
    pub shape: Shape,
}

impl TensorType {
    /// A type of `f32` elements.
    pub fn f32(shape: impl Into<Shape>) -> Self {
        TensorType { dtype: DType::F32, shape: shape.into() }
    }

    /// Size in memory.
    pub fn bytes(&self) -> usize {
        self.shape.elements().saturating_mul(self.dtype.bytes())
    }

    /// A type of any element type.
    pub fn new(dtype: DType, shape: impl Into<Shape>) -> Self {
        TensorType { dtype, shape: shape.into() }
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.dtype, self.shape)
    }
}

/// The elements of a tensor in row-major order; shared, since weights are large.
#[derive(Clone, PartialEq)]
pub(crate) enum Data {
    F32(Arc<[f32]>),
    I8(Arc<[i8]>),
    U8(Arc<[u8]>),
    I32(Arc<[i32]>),
    I64(Arc<[i64]>),
    Bool(Arc<[bool]>),
}

impl Data {
    /// Elements from their bytes, little-endian; bytes behind the last whole element are left out.
    pub(crate) fn from_le_bytes(dtype: DType, bytes: &[u8]) -> Self {
        match dtype {
            DType::F32 => Data::F32(bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()),
            DType::I8 => Data::I8(bytes.iter().map(|&byte| byte.cast_signed()).collect()),
            DType::U8 => Data::U8(bytes.into()),
            DType::I32 => Data::I32(bytes.as_chunks().0.iter().map(|&bytes| i32::from_le_bytes(bytes)).collect()),
            DType::I64 => Data::I64(bytes.as_chunks().0.iter().map(|&bytes| i64::from_le_bytes(bytes)).collect()),
            DType::Bool => Data::Bool(bytes.iter().map(|&byte| byte != 0).collect()),
        }
    }
}

/// Gives a value for data of any element type, whose elements go by a name.
macro_rules! elements {
    ($data:expr, $elements:ident => $value:expr) => {
        match $data {
            $crate::tensor::Data::F32($elements) => $value,
            $crate::tensor::Data::I8($elements) => $value,
            $crate::tensor::Data::U8($elements) => $value,
            $crate::tensor::Data::I32($elements) => $value,
            $crate::tensor::Data::I64($elements) => $value,
            $crate::tensor::Data::Bool($elements) => $value,
        }
    };
}
pub(crate) use elements;

/// As [`elements!`], for a value that is data of the same element type.
macro_rules! map_elements {
    ($data:expr, $elements:ident => $value:expr) => {
        match $data {
            $crate::tensor::Data::F32($elements) => $crate::tensor::Data::F32($value),
            $crate::tensor::Data::I8($elements) => $crate::tensor::Data::I8($value),
            $crate::tensor::Data::U8($elements) => $crate::tensor::Data::U8($value),
            $crate::tensor::Data::I32($elements) => $crate::tensor::Data::I32($value),
            $crate::tensor::Data::I64($elements) => $crate::tensor::Data::I64($value),
            $crate::tensor::Data::Bool($elements) => $crate::tensor::Data::Bool($value),
        }
    };
}

/// A tensor of known value; its element count equals the product of its shape.
#[derive(Clone, PartialEq)]
pub struct Tensor {
    shape: Shape,
    data: Data,
}

impl Tensor {
    /// A tensor of `f32`, or `None` where the lengths differ.
    pub fn f32(shape: impl Into<Shape>, values: impl Into<Arc<[f32]>>) -> Option<Self> {
        Tensor::new(shape.into(), Data::F32(values.into()))
    }

    /// A tensor of `i64`, or `None` where the lengths differ.
    pub fn i64(shape: impl Into<Shape>, values: impl Into<Arc<[i64]>>) -> Option<Self> {
        Tensor::new(shape.into(), Data::I64(values.into()))
    }

    /// A one-dimensional tensor of `i64`.
    pub(crate) fn i64s(values: impl Into<Arc<[i64]>>) -> Self {
        let values = values.into();
        Tensor { shape: Shape(vec![values.len()]), data: Data::I64(values) }
    }

    pub(crate) fn new(shape: Shape, data: Data) -> Option<Self> {
        let len = elements!(&data, values => values.len());
        (shape.checked_elements() == Some(len)).then_some(Tensor { shape, data })
    }

    /// Builds an `f32` tensor by asking for each element in row-major order.
    pub(crate) fn from_fn(shape: &Shape, value: impl FnMut(usize) -> f32) -> Self {
        Tensor { shape: shape.clone(), data: Data::F32((0..shape.elements()).map(value).collect()) }
    }

    /// Builds a tensor of integers or truth by asking for the low byte of each element, in row-major order; the other bytes are zero.
    pub(crate) fn from_low_bytes(ty: &TensorType, mut byte: impl FnMut(usize) -> u8) -> Self {
        let high = ty.dtype.bytes() - 1;
        let bytes: Vec<u8> = (0..ty.shape.elements()).flat_map(|i| std::iter::once(byte(i)).chain(std::iter::repeat_n(0, high))).collect();
        Tensor { shape: ty.shape.clone(), data: Data::from_le_bytes(ty.dtype, &bytes) }
    }

    /// Extents in ONNX's order.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    pub(crate) fn data(&self) -> &Data {
        &self.data
    }

    /// Element type.
    pub fn dtype(&self) -> DType {
        match self.data {
            Data::F32(_) => DType::F32,
            Data::I8(_) => DType::I8,
            Data::U8(_) => DType::U8,
            Data::I32(_) => DType::I32,
            Data::I64(_) => DType::I64,
            Data::Bool(_) => DType::Bool,
        }
    }

    /// Element type and shape.
    pub fn ty(&self) -> TensorType {
        TensorType { dtype: self.dtype(), shape: self.shape.clone() }
    }

    /// Bytes of the elements in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.shape.elements() * self.dtype().bytes()
    }

    /// The elements in row-major order, little-endian as this computer has them; truth is a byte, 0 or 1.
    pub fn as_bytes(&self) -> &[u8] {
        elements!(&self.data, values => bytemuck::cast_slice(values))
    }

    /// A tensor from the bytes of its elements in row-major order, little-endian, or `None` where there are fewer or more.
    pub fn from_le_bytes(ty: &TensorType, bytes: &[u8]) -> Option<Self> {
        let data = (ty.bytes() == bytes.len()).then(|| Data::from_le_bytes(ty.dtype, bytes))?;
        Tensor::new(ty.shape.clone(), data)
    }

    /// A tensor of the same element type without elements.
    pub(crate) fn nothing(&self) -> Self {
        self.gathered(&Shape(vec![0]), |i| i)
    }

    /// The elements, where they are `f32`.
    pub fn as_f32(&self) -> Option<&[f32]> {
        match &self.data {
            Data::F32(v) => Some(v),
            _ => None,
        }
    }

    /// The elements widened to `i64`, where they are integers.
    pub fn to_i64s(&self) -> Option<Vec<i64>> {
        match &self.data {
            Data::I64(v) => Some(v.to_vec()),
            Data::I8(v) => Some(v.iter().map(|&x| x.into()).collect()),
            Data::U8(v) => Some(v.iter().map(|&x| x.into()).collect()),
            Data::I32(v) => Some(v.iter().map(|&x| x.into()).collect()),
            _ => None,
        }
    }

    /// The same elements under another shape of the same element count.
    pub(crate) fn reshaped(&self, shape: Shape) -> Option<Self> {
        Tensor::new(shape, self.data.clone())
    }

    /// A new tensor of shape `shape` whose element `i` is this tensor's element `index(i)`; serves every operator that only moves elements.
    pub(crate) fn gathered(&self, shape: &Shape, index: impl Fn(usize) -> usize) -> Self {
        let indices = (0..shape.elements()).map(index);
        let data = map_elements!(&self.data, values => indices.map(|i| values[i]).collect());
        Tensor { shape: shape.clone(), data }
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        write!(f, "{} ", self.ty())?;
        if self.shape.elements() > SHOWN {
            return f.write_str("...");
        }
        elements!(&self.data, values => write!(f, "{values:?}"))
    }
}

/// Row-major multi-index of the flat position `flat` in `shape`.
pub(crate) fn unravel(mut flat: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for axis in (0..shape.len()).rev() {
        index[axis] = flat % shape[axis];
        flat /= shape[axis];
    }
    index
}

/// Flat position of `index` under `strides`.
pub(crate) fn ravel(index: &[usize], strides: &[usize]) -> usize {
    index.iter().zip(strides).map(|(i, s)| i * s).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_reads_back_from_its_bytes() {
        for dtype in DType::ALL {
            let ty = TensorType::new(dtype, [2, 3]);
            let tensor = Tensor::from_low_bytes(&ty, |i| (i % 2) as u8);
            assert_eq!((tensor.ty(), tensor.bytes(), tensor.as_bytes().len()), (ty.clone(), ty.bytes(), ty.bytes()));
            assert_eq!(Tensor::from_le_bytes(&ty, tensor.as_bytes()), Some(tensor.clone()));
            assert_eq!(Tensor::from_le_bytes(&ty, &tensor.as_bytes()[1..]), None);
            let numbers = tensor.to_i64s();
            let is_of_integers = !matches!(dtype, DType::F32 | DType::Bool);
            assert_eq!(numbers, is_of_integers.then(|| vec![0, 1, 0, 1, 0, 1]), "{dtype}");
            assert_eq!(tensor.nothing().ty(), TensorType::new(dtype, [0]));
        }
    }

    #[test]
    fn elements_fill_their_shape() {
        assert!(Tensor::f32([2, 2], [0.0; 3]).is_none() && Tensor::f32([2, 2], [0.0; 4]).is_some());
        let tensor = Tensor::i64([2, 3], [1, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!(tensor.reshaped(Shape(vec![4])), None);
        let turned = tensor.gathered(&Shape(vec![3, 2]), |i| i % 2 * 3 + i / 2);
        assert_eq!(Some(turned), Tensor::i64([3, 2], [1, 4, 2, 5, 3, 6]));
        assert_eq!((Shape(vec![usize::MAX, 2]).checked_elements(), Shape(vec![]).elements()), (None, 1));
    }

    #[test]
    fn an_index_leads_to_its_place_and_back() {
        let shape = Shape(vec![2, 3, 4]);
        assert_eq!(shape.strides(), [12, 4, 1]);
        let indices = (0..2).flat_map(|a| (0..3).flat_map(move |b| (0..4).map(move |c| vec![a, b, c])));
        for (flat, index) in indices.enumerate() {
            assert_eq!((ravel(&index, &shape.strides()), unravel(flat, &shape)), (flat, index));
        }
    }
}
