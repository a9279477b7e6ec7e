//! `Sum`: any number of inputs, which broadcast; a pass makes it a chain of `Add`s, from the first input on.

use peleec_runtime::BinaryKind;

use super::operands::typed;
use super::{Binary, OpError, Operator};
use crate::node::NodeView;
use crate::tensor::{Tensor, TensorType};

/// Inputs: one or more.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sum;

const ADD: Binary = Binary { kind: BinaryKind::Add };

impl Operator for Sum {
    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        node.input_type(0)?;
        Ok(Sum)
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let mut sum = typed(inputs, 0)?.clone();
        for input in &inputs[1..] {
            sum = ADD.infer(&[Some(&sum), *input])?.remove(0);
        }
        Ok(vec![sum])
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let first = super::operands::tensor(inputs, 0)?;
        let mut sum = first.clone();
        for input in &inputs[1..] {
            sum = ADD.evaluate(&[Some(&sum), *input])?.remove(0);
        }
        Ok(vec![sum])
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::test_case::{Case, floats};

    #[test]
    fn any_number_of_inputs() {
        let one = || Case::new("Sum", 8).floats(&[2], &[1.0, 2.0]);
        assert_eq!(one().values(), [1.0, 2.0]);
        assert_eq!(one().floats(&[1], &[10.0]).floats(&[2, 1], &[0.0, 100.0]).evaluate(), Ok(floats(&[2, 2], &[11.0, 12.0, 111.0, 112.0])));
    }

    #[test]
    fn refusals() {
        assert!(Case::new("Sum", 8).refusal().contains("missing"));
        assert!(Case::new("Sum", 8).input(&[2]).input(&[3]).refusal().contains("do not broadcast"));
        assert!(Case::new("Sum", 8).input(&[2]).none().input(&[2]).refusal().contains("missing"));
    }
}
