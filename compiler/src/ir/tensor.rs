//! Element types, shapes, and tensors of known value.

use std::fmt;
use std::sync::Arc;

/// Element type of a tensor. Half and double floats of a file are held as `F32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DType {
    /// 32-bit float.
    F32,
    /// 32-bit signed integer.
    I32,
    /// 64-bit signed integer.
    I64,
    /// One byte, true or false.
    Bool,
}

impl DType {
    /// Size of an element in memory.
    pub fn bytes(self) -> usize {
        match self {
            DType::F32 | DType::I32 => 4,
            DType::I64 => 8,
            DType::Bool => 1,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DType::F32 => "f32",
            DType::I32 => "i32",
            DType::I64 => "i64",
            DType::Bool => "bool",
        })
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
    I32(Arc<[i32]>),
    I64(Arc<[i64]>),
    Bool(Arc<[bool]>),
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
        let len = match &data {
            Data::F32(v) => v.len(),
            Data::I32(v) => v.len(),
            Data::I64(v) => v.len(),
            Data::Bool(v) => v.len(),
        };
        (shape.checked_elements() == Some(len)).then_some(Tensor { shape, data })
    }

    /// Builds an `f32` tensor by asking for each element in row-major order.
    pub(crate) fn from_fn(shape: &Shape, value: impl FnMut(usize) -> f32) -> Self {
        Tensor { shape: shape.clone(), data: Data::F32((0..shape.elements()).map(value).collect()) }
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
        let data = match &self.data {
            Data::F32(v) => Data::F32(indices.map(|i| v[i]).collect()),
            Data::I32(v) => Data::I32(indices.map(|i| v[i]).collect()),
            Data::I64(v) => Data::I64(indices.map(|i| v[i]).collect()),
            Data::Bool(v) => Data::Bool(indices.map(|i| v[i]).collect()),
        };
        Tensor { shape: shape.clone(), data }
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        write!(f, "{} ", self.ty())?;
        match &self.data {
            Data::F32(v) if v.len() <= SHOWN => write!(f, "{v:?}"),
            Data::I32(v) if v.len() <= SHOWN => write!(f, "{v:?}"),
            Data::I64(v) if v.len() <= SHOWN => write!(f, "{v:?}"),
            Data::Bool(v) if v.len() <= SHOWN => write!(f, "{v:?}"),
            _ => f.write_str("..."),
        }
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
