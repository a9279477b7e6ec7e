//! What the operators ask of their inputs and attributes (types, elements, axes), and the doors through which they give outputs.

use super::{OpError, Operator};
use crate::node::NodeView;
use crate::tensor::{DType, Data, Shape, Tensor, TensorType};

/// Naive evaluation refuses to make a larger tensor; no activation of a model that fits a device comes near.
const MOST_ELEMENTS: usize = 1 << 28;

/// Products that take as long as an exponential or a power.
pub(super) const FUNCTION_WORK: usize = 32;

/// The work of a function of each element of input 0.
pub(super) fn function_work(inputs: &[Option<&TensorType>]) -> u64 {
    typed(inputs, 0).map_or(0, |ty| ty.shape.elements().saturating_mul(FUNCTION_WORK) as u64)
}

/// The type of input `slot`.
pub(crate) fn typed<'a>(inputs: &[Option<&'a TensorType>], slot: usize) -> Result<&'a TensorType, OpError> {
    inputs.get(slot).copied().flatten().ok_or_else(|| missing(slot))
}

/// The type of input `slot`, which must be `f32`.
pub(crate) fn float_type<'a>(inputs: &[Option<&'a TensorType>], slot: usize) -> Result<&'a TensorType, OpError> {
    let ty = typed(inputs, slot)?;
    if ty.dtype == DType::F32 { Ok(ty) } else { Err(not_float(slot, ty.dtype)) }
}

/// The value of input `slot`.
pub(crate) fn tensor<'a>(inputs: &[Option<&'a Tensor>], slot: usize) -> Result<&'a Tensor, OpError> {
    inputs.get(slot).copied().flatten().ok_or_else(|| missing(slot))
}

/// The elements of input `slot`, which must be `f32`.
pub(crate) fn floats<'a>(inputs: &[Option<&'a Tensor>], slot: usize) -> Result<&'a [f32], OpError> {
    let tensor = tensor(inputs, slot)?;
    tensor.as_f32().ok_or_else(|| not_float(slot, tensor.dtype()))
}

/// Elements of a type of integers; of values that are too wide the low bits are left.
pub(super) fn integers(dtype: DType, values: impl Iterator<Item = i64>) -> Data {
    match dtype {
        DType::I8 => Data::I8(values.map(|x| x as i8).collect()),
        DType::U8 => Data::U8(values.map(|x| x as u8).collect()),
        DType::I32 => Data::I32(values.map(|x| x as i32).collect()),
        _ => Data::I64(values.collect()),
    }
}

fn missing(slot: usize) -> OpError {
    OpError::new(format!("input {slot} is missing"))
}

fn not_float(slot: usize, found: DType) -> OpError {
    OpError::unsupported(format!("input {slot} is {found}")).supported("f32")
}

/// One output of this type, if its extents can be multiplied.
pub(crate) fn output(dtype: DType, shape: impl Into<Shape>) -> Result<Vec<TensorType>, OpError> {
    let shape = shape.into();
    let product = shape.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim.max(1)));
    match product {
        Some(elements) if elements <= isize::MAX as usize / 8 => Ok(vec![TensorType { dtype, shape }]),
        _ => Err(OpError::new(format!("the output {shape} has too many elements to be counted"))),
    }
}

/// The shape of the first output that `op` infers for these inputs, small enough to be evaluated.
pub(crate) fn output_shape(op: &impl Operator, inputs: &[Option<&Tensor>]) -> Result<Shape, OpError> {
    let types: Vec<_> = inputs.iter().map(|input| input.map(Tensor::ty)).collect();
    let types: Vec<_> = types.iter().map(Option::as_ref).collect();
    let inferred = op.infer(&types)?;
    let shape = inferred.into_iter().next().map(|ty| ty.shape).ok_or_else(|| OpError::new("has no output"))?;
    if shape.elements() > MOST_ELEMENTS {
        return Err(OpError::unsupported(format!("the output {shape} is too large to be evaluated")));
    }
    Ok(shape)
}

/// One evaluated output.
pub(crate) fn evaluated(tensor: Option<Tensor>) -> Result<Vec<Tensor>, OpError> {
    tensor.map(|tensor| vec![tensor]).ok_or_else(|| OpError::new("the output's elements do not fill its shape"))
}

/// `found`, an axis that may count from the end, as an index below `rank`.
pub(crate) fn axis(found: i64, rank: usize) -> Result<usize, OpError> {
    let from_start = if found < 0 { found.checked_add_unsigned(rank as u64) } else { Some(found) };
    let axis = from_start.and_then(|axis| usize::try_from(axis).ok()).filter(|&axis| axis < rank);
    axis.ok_or_else(|| {
        let refusal = OpError::new(format!("axis {found} is not one of {rank} dimensions"));
        if rank == 0 { refusal } else { refusal.supported(format!("-{rank} to {}", rank - 1)) }
    })
}

/// `found` as indices below `rank`, in the order given; an axis must not be named twice.
pub(crate) fn distinct_axes(found: &[i64], rank: usize) -> Result<Vec<usize>, OpError> {
    let axes = found.iter().map(|&a| axis(a, rank)).collect::<Result<Vec<_>, _>>()?;
    let mut sorted = axes.clone();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(OpError::new(format!("`axes` {found:?} names axis {} twice", pair[0]))),
        None => Ok(axes),
    }
}

/// Integers that some opsets give as input `slot` and others as an attribute.
pub(crate) fn ints(node: &NodeView<'_>, slot: usize, name: &str) -> Result<Option<Vec<i64>>, OpError> {
    match node.known_ints(slot, name)? {
        Some(ints) => Ok(Some(ints)),
        None => Ok(node.ints(name)?.map(<[i64]>::to_vec)),
    }
}

/// An element as truth: whether it is not zero.
pub(super) fn is_true<T: Default + PartialEq>(element: &T) -> bool {
    *element != T::default()
}

/// The product of `dims`, which come from a shape whose elements can be counted.
pub(crate) fn product(dims: &[usize]) -> usize {
    dims.iter().fold(1, |product, &dim| product.saturating_mul(dim))
}

/// A naive sum: as class `plain` makes it, term by term, or in double precision where it has more terms than the class adds in one go.
#[derive(Clone, Copy)]
pub(crate) struct Sum {
    plain: f32,
    double: f64,
    terms: usize,
}

impl Sum {
    /// The most terms that a pool, a mean or a softmax adds in one go.
    pub(crate) const LONGEST: usize = 1024;
    /// The most products that a convolution or a product of matrices adds in one go. The kernel for two computed matrices goes in blocks
    /// of 1024: there the two agree but for rounding.
    pub(super) const LONGEST_OF_PRODUCTS: usize = 4096;

    pub(super) fn from(start: f32) -> Self {
        Sum { plain: start, double: f64::from(start), terms: 0 }
    }

    pub(super) fn add(&mut self, term: f32) {
        self.add_product(term, 1.0);
    }

    pub(super) fn add_product(&mut self, x: f32, w: f32) {
        self.plain += x * w;
        self.double += f64::from(x) * f64::from(w);
        self.terms += 1;
    }

    /// The sum, of which at most `longest` terms are added in one go.
    pub(super) fn value(&self, longest: usize) -> f32 {
        if self.terms > longest { self.double as f32 } else { self.plain }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_count_from_either_end() {
        assert_eq!(axis(-1, 4), Ok(3));
        assert_eq!(axis(0, 1), Ok(0));
        for (found, rank) in [(4, 4), (-5, 4), (0, 0), (i64::MIN, 4), (i64::MAX, 4)] {
            assert!(axis(found, rank).is_err(), "{found} of {rank}");
        }
        assert_eq!(distinct_axes(&[-1, 0], 3), Ok(vec![2, 0]));
        assert_eq!(distinct_axes(&[-1, 2], 3).unwrap_err().to_string(), "`axes` [-1, 2] names axis 2 twice");
    }

    #[test]
    fn an_uncountable_output_is_refused() {
        assert!(output(DType::F32, [1 << 40, 1 << 40]).is_err());
        assert!(output(DType::F32, [0, 1 << 40, 1 << 40]).is_err());
        assert!(output(DType::F32, [0, 7]).is_ok());
    }
}
