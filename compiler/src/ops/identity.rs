//! `Identity`, and `Dropout` at inference: the output is the input.

use super::operands::{tensor, typed};
use super::{OpError, Operator};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::plan::problem::Relation;
use crate::steps::Lowering;
use crate::tensor::{Data, Tensor, TensorType};

/// One input; `Dropout`'s mask is not computed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Identity;

/// The way out of a form for training.
const INFERENCE: &str = "export the model in inference mode";

impl Operator for Identity {
    const ATTRIBUTES: &'static [KnownAttribute] = &[
        known::flag("is_test").only(&["1"]).of(&["Dropout"]).help(INFERENCE),
        known::ignored("ratio").of(&["Dropout"]),
        known::ignored("seed").of(&["Dropout"]),
    ];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        if node.op_type == "Dropout"
            && let Some(training) = node.known_input(2, "training_mode")?
            && !matches!(training.data(), Data::Bool(flags) if !flags.contains(&true))
        {
            let refusal = OpError::unsupported("input `training_mode` is true").supported("false");
            return Err(refusal.help(INFERENCE));
        }
        if node.op_type == "Dropout" && node.opset < 7 && !node.flag("is_test")?.unwrap_or(false) {
            return Err(OpError::unsupported("attribute `is_test` is 0").supported("1").help(INFERENCE));
        }
        Ok(Identity)
    }

    fn data_inputs(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        Ok(vec![typed(inputs, 0)?.clone()])
    }

    /// Elements of any type move.
    fn runs(&self, _inputs: &[Option<&TensorType>]) -> bool {
        true
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        Ok(vec![tensor(inputs, 0)?.clone()])
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let (read, output) = (ctx.input(0)?, ctx.output());
        let write = ctx.whole(output);
        ctx.push_move(read, write, Relation::Same);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::test_case::{Case, floats};
    use crate::tensor::{Data, Shape, Tensor};

    fn training(flag: bool) -> Case {
        let flag = Tensor::new(Shape(vec![]), Data::Bool([flag].into())).unwrap();
        Case::new("Dropout", 13).floats(&[2], &[1.0, 2.0]).floats(&[], &[0.5]).known(flag)
    }

    #[test]
    fn passes_its_input_on() {
        assert_eq!(Case::new("Identity", 13).i64s(&[1, 2]).evaluate(), Ok(Tensor::i64s([1, 2])));
        let old = Case::new("Dropout", 7).with("ratio", crate::node::Attribute::Float(0.5)).floats(&[1], &[3.0]);
        assert_eq!(old.values(), [3.0]);
        assert_eq!(training(false).evaluate(), Ok(floats(&[2], &[1.0, 2.0])));
    }

    #[test]
    fn training_is_refused() {
        assert_eq!(training(true).refusal(), "input `training_mode` is true (supported: false)");
        assert!(Case::new("Identity", 13).refusal().contains("missing"));
    }
}
