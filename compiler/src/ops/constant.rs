//! `Constant`, `Range` and `NonZero`: a tensor that is known when compiling.

use super::operands::{is_true, output};
use super::{OpError, Operator};
use crate::ir::tensor::unravel;
use crate::ir::{Data, Shape, Tensor, TensorType, elements};
use crate::onnx::node::{Attribute, NodeView};

/// The most elements that an operator may ask for whose input gives the size of its output.
const MOST_ELEMENTS: usize = 1 << 22;

/// No inputs: what the value follows from is read when the node is parsed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Constant {
    pub(crate) value: Tensor,
}

impl Operator for Constant {
    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let value = match node.op_type {
            "Range" => range(node)?,
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
    let forms = ["value", "value_float", "value_floats", "value_int", "value_ints"];
    let refusal = || {
        let names: Vec<_> = node.attributes.keys().map(|name| format!("`{name}`")).collect();
        OpError::unsupported(format!("its attributes are [{}]", names.join(", "))).supported(format!("one of {}", forms.join(", ")))
    };
    let mut found = forms.into_iter().filter_map(|name| node.attributes.get(name));
    let form = found.next().ok_or_else(refusal)?;
    if found.next().is_some() {
        return Err(OpError::new("several attributes hold a value").supported("one"));
    }
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

/// The numbers from `start` to before `limit`, `delta` apart; all three of one type.
fn range(node: &NodeView<'_>) -> Result<Tensor, OpError> {
    let names = ["start", "limit", "delta"];
    let scalar = |slot: usize| {
        let tensor = node.known_input(slot, names[slot])?.ok_or_else(|| OpError::new(format!("input {slot} is missing")))?;
        let refusal = || OpError::new(format!("input `{}` is {}", names[slot], tensor.ty())).supported("one number");
        if tensor.shape().elements() == 1 { Ok(tensor.data().clone()) } else { Err(refusal()) }
    };
    let counted = |count: f64| {
        let refusal = || OpError::unsupported(format!("asks for {count} numbers")).supported(format!("{MOST_ELEMENTS}"));
        if count.is_finite() && count <= MOST_ELEMENTS as f64 { Ok(count.max(0.0) as usize) } else { Err(refusal()) }
    };
    let steps = |start: i64, limit: i64, delta: i64| counted(((limit as f64 - start as f64) / delta as f64).ceil());
    let at = |start: i64, delta: i64, i: usize| start.wrapping_add(delta.wrapping_mul(i as i64));
    let (data, count) = match (scalar(0)?, scalar(1)?, scalar(2)?) {
        (Data::F32(a), Data::F32(b), Data::F32(d)) => {
            let count = counted(((f64::from(b[0]) - f64::from(a[0])) / f64::from(d[0])).ceil())?;
            (Data::F32((0..count).map(|i| a[0] + i as f32 * d[0]).collect()), count)
        }
        (Data::I64(a), Data::I64(b), Data::I64(d)) => {
            let count = steps(a[0], b[0], d[0])?;
            (Data::I64((0..count).map(|i| at(a[0], d[0], i)).collect()), count)
        }
        (Data::I32(a), Data::I32(b), Data::I32(d)) => {
            let [a, b, d] = [a, b, d].map(|v| i64::from(v[0]));
            let count = steps(a, b, d)?;
            (Data::I32((0..count).map(|i| at(a, d, i) as i32).collect()), count)
        }
        _ => return Err(OpError::new("the inputs are not numbers of one type")),
    };
    Tensor::new(Shape(vec![count]), data).ok_or_else(|| OpError::new("the numbers cannot be counted"))
}

/// The indices of the elements that are not zero, a row an axis.
fn non_zero(node: &NodeView<'_>) -> Result<Tensor, OpError> {
    let x = node.known_input(0, "X")?.ok_or_else(|| OpError::new("input 0 is missing"))?;
    let found: Vec<usize> = elements!(x.data(), values => positions(values, is_true));
    let rank = x.shape().rank();
    let indices: Vec<_> = found.iter().map(|&flat| unravel(flat, x.shape())).collect();
    let by_axis: Vec<i64> = (0..rank).flat_map(|axis| indices.iter().map(move |index| index[axis] as i64)).collect();
    Tensor::i64([rank, found.len()], by_axis).ok_or_else(|| OpError::new("the indices cannot be counted"))
}

fn positions<T>(values: &[T], is_there: impl Fn(&T) -> bool) -> Vec<usize> {
    values.iter().enumerate().filter(|(_, value)| is_there(value)).map(|(index, _)| index).collect()
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
    fn one_value_only() {
        let two = Case::new("Constant", 13).int("value_int", 3).with("value_float", Attribute::Float(2.5));
        assert_eq!(two.refusal(), "several attributes hold a value (supported: one)");
    }

    #[test]
    fn ranges_of_every_number() {
        let scalar = |value| Tensor::i64([], [value]).unwrap();
        let ints = |a, b, d| Case::new("Range", 11).known(scalar(a)).known(scalar(b)).known(scalar(d));
        assert_eq!(ints(1, 6, 2).evaluate(), Ok(Tensor::i64s([1, 3, 5])));
        assert_eq!(ints(3, 0, -1).evaluate(), Ok(Tensor::i64s([3, 2, 1])));
        assert_eq!(ints(3, 3, 1).evaluate(), Ok(Tensor::i64s([])));
        assert_eq!(Case::new("Range", 11).floats(&[], &[0.0]).floats(&[], &[1.0]).floats(&[], &[0.4]).values(), [0.0, 0.4, 0.8]);
        assert!(ints(0, 1, 0).refusal().contains("numbers"));
        assert!(ints(i64::MIN, i64::MAX, 1).refusal().contains("asks for"));
        assert!(Case::new("Range", 11).known(scalar(0)).i64s(&[1, 2]).known(scalar(1)).refusal().contains("one number"));
        assert!(Case::new("Range", 11).known(scalar(0)).floats(&[], &[1.0]).known(scalar(1)).refusal().contains("one type"));
    }

    #[test]
    fn what_is_not_zero() {
        let case = Case::new("NonZero", 13).floats(&[2, 2], &[1.0, 0.0, 3.0, 4.0]).evaluate().unwrap();
        assert_eq!((case.shape().to_vec(), case.to_i64s()), (vec![2, 3], Some(vec![0, 1, 1, 0, 0, 1])));
        assert_eq!(Case::new("NonZero", 13).i64s(&[0]).shape(), Ok(vec![1, 0]));
        assert!(Case::new("NonZero", 13).input(&[2]).refusal().contains("run time"));
    }
}
