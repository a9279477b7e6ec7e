//! `ConstantOfShape`: one value in every place of a shape that is known when compiling.
//!
//! A few bytes of a file ask for as much memory as they please, so the tensor is made once the whole file is known to be within its limits.

use super::operands::{evaluated, output};
use super::{OpError, Operator};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::tensor::{Shape, Tensor, TensorType};

/// The most elements that one node may ask for.
const MOST_ELEMENTS: usize = 1 << 28;

/// No inputs: the shape is read when the node is parsed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConstantOfShape {
    /// One element.
    element: Tensor,
    shape: Shape,
}

impl Operator for ConstantOfShape {
    const ATTRIBUTES: &'static [KnownAttribute] = &[known::tensor("value")];

    /// `value`'s one element (a float zero where it is left out), and the shape that input 0 holds.
    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let found = node.known_ints(0, "input")?.ok_or_else(|| OpError::new("input 0 is missing"))?;
        let dims = found.iter().map(|&dim| usize::try_from(dim)).collect::<Result<Vec<_>, _>>();
        let shape = dims.map(Shape).map_err(|_| OpError::new(format!("input `input` holds a negative extent: {found:?}")))?;
        if shape.checked_elements().is_none_or(|elements| elements > MOST_ELEMENTS) {
            return Err(OpError::unsupported(format!("asks for a tensor of shape {shape}")).supported(format!("{MOST_ELEMENTS} elements")));
        }
        let zero = Tensor::f32([1], [0.0]);
        let element = node.tensor("value")?.or(zero.as_ref()).filter(|tensor| tensor.shape().elements() == 1);
        let element = element.ok_or_else(|| OpError::new("attribute `value` has another element count").supported("1 element"))?;
        Ok(ConstantOfShape { element: element.clone(), shape })
    }

    fn data_inputs(&self) -> usize {
        0
    }

    fn infer(&self, _inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        output(self.element.dtype(), self.shape.clone())
    }

    fn evaluate(&self, _inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        evaluated(Some(self.element.gathered(&self.shape, |_| 0)))
    }
}

#[cfg(test)]
mod tests {
    use crate::node::Attribute;
    use crate::ops::test_case::{Case, floats};
    use crate::tensor::Tensor;

    #[test]
    fn of_shape() {
        let case = |dims: &[i64]| Case::new("ConstantOfShape", 9).i64s(dims);
        assert_eq!(case(&[2]).evaluate(), Ok(floats(&[2], &[0.0, 0.0])));
        assert_eq!(case(&[]).evaluate(), Ok(floats(&[], &[0.0])));
        assert_eq!(case(&[2]).with("value", Attribute::Tensor(Tensor::i64s([7]))).evaluate(), Ok(Tensor::i64s([7, 7])));
        assert!(case(&[-1]).refusal().contains("negative extent"));
        assert!(case(&[1 << 40, 1 << 40]).refusal().contains("asks for"));
        assert!(case(&[2]).with("value", Attribute::Tensor(Tensor::i64s([7, 8]))).refusal().contains("1 element"));
        assert!(Case::new("ConstantOfShape", 9).input(&[1]).refusal().contains("run time"));
    }

    #[test]
    fn the_largest_is_known_before_it_is_made() {
        let case = |elements: i64| Case::new("ConstantOfShape", 9).i64s(&[1 << 14, elements]);
        assert_eq!(case(1 << 14).shape(), Ok(vec![1 << 14, 1 << 14]));
        assert!(case((1 << 14) + 1).refusal().contains("supported: 268435456 elements"));
    }
}
