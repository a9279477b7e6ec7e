//! `Constant` and `NonZero`: a tensor that is known when compiling.

use super::operands::{is_true, output};
use super::{OpError, Operator};
use crate::node::known::{self, KnownAttribute};
use crate::node::{GROWTH_COST, NodeView};
use crate::tensor::{Tensor, TensorType, elements};

/// No inputs: what the value follows from is read when the node is parsed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Constant {
    pub(crate) value: Tensor,
}

/// The operator that has attributes.
const CONSTANT: &[&str] = &["Constant"];

impl Operator for Constant {
    const ATTRIBUTES: &'static [KnownAttribute] = &[
        known::tensor("value").of(CONSTANT),
        known::float("value_float").of(CONSTANT),
        known::floats("value_floats").of(CONSTANT),
        known::int("value_int").of(CONSTANT),
        known::ints("value_ints").of(CONSTANT),
        known::refused("sparse_value").of(CONSTANT),
        known::refused("value_string").of(CONSTANT),
        known::refused("value_strings").of(CONSTANT),
    ];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let value = match node.op_type {
            "NonZero" => non_zero(node)?,
            _ => given(node)?,
        };
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
    let forms = [
        node.tensor("value")?.cloned(),
        node.any_float("value_float")?.and_then(|value| Tensor::f32([], [value])),
        node.floats("value_floats")?.and_then(|values| Tensor::f32([values.len()], values)),
        node.int("value_int")?.and_then(|value| Tensor::i64([], [value])),
        node.ints("value_ints")?.map(Tensor::i64s),
    ];
    let mut found = forms.into_iter().flatten();
    match (found.next(), found.next()) {
        (Some(value), None) => Ok(value),
        (None, _) => {
            let supported = "one of value, value_float, value_floats, value_int, value_ints";
            Err(OpError::unsupported("no attribute holds a value").supported(supported))
        }
        _ => Err(OpError::new("several attributes hold a value").supported("one")),
    }
}

/// The indices of the elements that are not zero, a row an axis. A file's bits become whole numbers, a few for each axis, so both the
/// search and what it finds are counted.
fn non_zero(node: &NodeView<'_>) -> Result<Tensor, OpError> {
    let x = node.known_input(0, "X")?.ok_or_else(|| OpError::new("input 0 is missing"))?;
    let rank = x.shape().rank();
    node.spend(x.shape().elements() as u64)?;
    let count = elements!(x.data(), values => values.iter().filter(|value| is_true(*value)).count());
    node.spend((count as u64).saturating_mul(rank as u64 + 1).saturating_mul(GROWTH_COST))?;
    let found: Vec<usize> = elements!(x.data(), values => positions(values, is_true));
    let strides = x.shape().strides();
    let axes = x.shape().iter().zip(&strides);
    let by_axis: Vec<i64> = axes.flat_map(|(dim, stride)| found.iter().map(move |flat| (flat / stride % dim) as i64)).collect();
    Tensor::i64([rank, found.len()], by_axis).ok_or_else(|| OpError::new("the indices cannot be counted"))
}

fn positions<T>(values: &[T], is_there: impl Fn(&T) -> bool) -> Vec<usize> {
    values.iter().enumerate().filter(|(_, value)| is_there(value)).map(|(index, _)| index).collect()
}

#[cfg(test)]
mod tests {
    use crate::node::Attribute;
    use crate::ops::test_case::{Case, floats};
    use crate::tensor::Tensor;

    #[test]
    fn every_form_of_the_value() {
        let value = |name: &str, attribute| Case::new("Constant", 13).with(name, attribute).evaluate();
        assert_eq!(value("value", Attribute::Tensor(floats(&[1, 2], &[1.0, 2.0]))), Ok(floats(&[1, 2], &[1.0, 2.0])));
        assert_eq!(value("value_float", Attribute::Float(2.5)), Ok(floats(&[], &[2.5])));
        assert_eq!(value("value_floats", Attribute::Floats(vec![2.5])), Ok(floats(&[1], &[2.5])));
        assert_eq!(value("value_int", Attribute::Int(3)).unwrap().to_i64s(), Some(vec![3]));
        assert_eq!(value("value_ints", Attribute::Ints(vec![1, -1])), Ok(Tensor::i64s([1, -1])));
        let text = Case::new("Constant", 13).with("value_string", Attribute::String("x".to_owned()));
        assert!(text.refusal().starts_with("attribute `value_string` (supported: value, "));
        assert!(Case::new("Constant", 13).refusal().starts_with("no attribute holds a value (supported: one of value, "));
    }

    #[test]
    fn one_value_only() {
        let two = Case::new("Constant", 13).int("value_int", 3).with("value_float", Attribute::Float(2.5));
        assert_eq!(two.refusal(), "several attributes hold a value (supported: one)");
    }

    #[test]
    fn what_is_not_zero() {
        let case = Case::new("NonZero", 13).floats(&[2, 2], &[1.0, 0.0, 3.0, 4.0]).evaluate().unwrap();
        assert_eq!((case.shape().to_vec(), case.to_i64s()), (vec![2, 3], Some(vec![0, 1, 1, 0, 0, 1])));
        assert_eq!(Case::new("NonZero", 13).i64s(&[0]).shape(), Ok(vec![1, 0]));
        assert_eq!(Case::new("NonZero", 13).floats(&[], &[2.0]).shape(), Ok(vec![0, 1]));
        assert!(Case::new("NonZero", 13).input(&[2]).refusal().contains("run time"));
    }

    #[test]
    fn what_is_found_is_counted() {
        // Four elements, of which two are found, two numbers each.
        let case = |budget| Case::new("NonZero", 13).floats(&[1, 4], &[1.0, 0.0, 0.0, 4.0]).budget(budget);
        assert_eq!(case(4 + 2 * 3 * 8).shape(), Ok(vec![2, 2]));
        assert!(case(4 + 2 * 3 * 8 - 1).refusal().contains("takes too long"));
        assert!(case(3).refusal().contains("takes too long"));
    }
}
