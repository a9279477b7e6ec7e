//! `Constant` and `ConstantOfShape`: a tensor that is known when compiling.

use super::operands::output;
use super::{OpError, Operator};
use crate::ir::{Shape, Tensor, TensorType};
use crate::onnx::node::{Attribute, NodeView};

/// The most elements that `ConstantOfShape` may ask for.
const MOST_ELEMENTS: usize = 1 << 20;

/// No inputs: `ConstantOfShape`'s shape is read when the node is parsed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Constant {
    pub(crate) value: Tensor,
}

impl Operator for Constant {
    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let value = if node.op_type == "ConstantOfShape" { of_shape(node)? } else { given(node)? };
        Ok(Constant { value })
    }

    fn data_inputs(&self) -> usize {
        0
    }

    fn infer(&self, _inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        output(self.value.dtype(), self.value.shape().clone())
    }

    fn evaluate(&self, _inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        Ok(vec![self.value.clone()])
    }

    fn value(&self, _inputs: &[Option<&TensorType>]) -> Option<Tensor> {
        Some(self.value.clone())
    }
}

/// The one attribute that holds `Constant`'s value.
fn given(node: &NodeView<'_>) -> Result<Tensor, OpError> {
    let forms = ["value", "value_float", "value_floats", "value_int", "value_ints"];
    let refusal = || {
        let names: Vec<_> = node.attributes.keys().map(|name| format!("`{name}`")).collect();
        OpError::unsupported(format!("its attributes are [{}]", names.join(", "))).supported(format!("one of {}", forms.join(", ")))
    };
    let form = forms.into_iter().find_map(|name| node.attributes.get(name)).ok_or_else(refusal)?;
    let tensor = match form {
        Attribute::Tensor(tensor) => Some(tensor.clone()),
        Attribute::Float(value) => Tensor::f32([], [*value]),
        Attribute::Floats(values) => Tensor::f32([values.len()], values.as_slice()),
        Attribute::Int(value) => Tensor::i64([], [*value]),
        Attribute::Ints(values) => Some(Tensor::i64s(values.as_slice())),
        Attribute::String(_) | Attribute::Other(_) => None,
    };
    tensor.ok_or_else(refusal)
}

/// `value`'s one element (a float zero where it is left out) in every place of the shape that input 0 holds.
fn of_shape(node: &NodeView<'_>) -> Result<Tensor, OpError> {
    let found = node.known_ints(0, "input")?.ok_or_else(|| OpError::new("input 0 is missing"))?;
    let dims = found.iter().map(|&dim| usize::try_from(dim)).collect::<Result<Vec<_>, _>>();
    let shape = dims.map(Shape).map_err(|_| OpError::new(format!("input `input` holds a negative extent: {found:?}")))?;
    if shape.checked_elements().is_none_or(|elements| elements > MOST_ELEMENTS) {
        return Err(OpError::unsupported(format!("asks for a tensor of shape {shape}")).supported(format!("{MOST_ELEMENTS} elements")));
    }
    let zero = Tensor::f32([1], [0.0]);
    let element = node.tensor("value")?.or(zero.as_ref()).filter(|tensor| tensor.shape().elements() == 1);
    let element = element.ok_or_else(|| OpError::new("attribute `value` has another element count").supported("1 element"))?;
    Ok(element.gathered(&shape, |_| 0))
}

#[cfg(test)]
mod tests {
    use crate::ir::Tensor;
    use crate::onnx::node::Attribute;
    use crate::ops::case::{Case, floats};

    #[test]
    fn every_form_of_the_value() {
        let value = |name: &str, attribute| Case::new("Constant", 13).with(name, attribute).evaluate();
        assert_eq!(value("value", Attribute::Tensor(floats(&[1, 2], &[1.0, 2.0]))), Ok(floats(&[1, 2], &[1.0, 2.0])));
        assert_eq!(value("value_float", Attribute::Float(2.5)), Ok(floats(&[], &[2.5])));
        assert_eq!(value("value_floats", Attribute::Floats(vec![2.5])), Ok(floats(&[1], &[2.5])));
        assert_eq!(value("value_int", Attribute::Int(3)).unwrap().to_i64s(), Some(vec![3]));
        assert_eq!(value("value_ints", Attribute::Ints(vec![1, -1])), Ok(Tensor::i64s([1, -1])));
        let text = Case::new("Constant", 13).with("value_string", Attribute::String("x".to_owned()));
        assert!(text.refusal().starts_with("its attributes are [`value_string`] (supported: one of value,"));
    }

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
}
