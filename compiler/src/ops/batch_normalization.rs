//! `BatchNormalization`: inference only; each channel is scaled and shifted by its running statistics.
//!
//! Passes fold it into what is before it, or turn it into a convolution or a product and a sum; what they leave has no kernel.

use super::operands::{float_type, floats, output_shape, product};
use super::{OpError, Operator};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::steps::Lowering;
use crate::tensor::{Tensor, TensorType};

/// Inputs: `X` [N,C,..] or [N] of one channel, `scale`, `B`, `mean` and `var`, each [C].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BatchNormalization {
    pub(crate) epsilon: f32,
}

impl BatchNormalization {
    /// Input slots of the parameters.
    pub(crate) const SCALE: usize = 1;
    pub(crate) const BIAS: usize = 2;
    pub(crate) const MEAN: usize = 3;
    pub(crate) const VARIANCE: usize = 4;

    const PARAMETERS: [(usize, &str); 4] = [(Self::SCALE, "scale"), (Self::BIAS, "B"), (Self::MEAN, "mean"), (Self::VARIANCE, "var")];
}

/// The way out of a form for training.
const INFERENCE: &str = "export the model in inference mode";

impl Operator for BatchNormalization {
    const ATTRIBUTES: &'static [KnownAttribute] = &[
        known::float("epsilon"),
        known::flag("is_test").only(&["1"]).help(INFERENCE),
        known::flag("training_mode").only(&["0"]).help(INFERENCE),
        known::flag("spatial").only(&["1"]),
        known::ignored("momentum"),
    ];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        // Their only values have nothing to say: the list refuses the others.
        node.flag("training_mode")?;
        node.flag("spatial")?;
        if node.opset < 7 && !node.flag("is_test")?.unwrap_or(false) {
            return Err(OpError::unsupported("attribute `is_test` is 0").supported("1").help(INFERENCE));
        }
        if node.outputs > 1 {
            let found = format!("{} outputs are asked for, which is the training form", node.outputs);
            return Err(OpError::unsupported(found).supported("1 output").help(INFERENCE));
        }
        Ok(BatchNormalization { epsilon: node.finite("epsilon")?.unwrap_or(1e-5) })
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let x = float_type(inputs, 0)?;
        let channels = match x.shape[..] {
            [] => return Err(OpError::new(format!("`X` is {x}")).supported("[N,C,..]")),
            [_] => 1,
            [_, channels, ..] => channels,
        };
        for (slot, name) in Self::PARAMETERS {
            let parameter = float_type(inputs, slot)?;
            if parameter.shape[..] != [channels] {
                return Err(OpError::new(format!("`{name}` is {parameter} where `X` is {x}")).supported(format!("[{channels}]")));
            }
        }
        Ok(vec![x.clone()])
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let shape = output_shape(self, inputs)?;
        let (x, scale, bias) = (floats(inputs, 0)?, floats(inputs, Self::SCALE)?, floats(inputs, Self::BIAS)?);
        let (mean, variance) = (floats(inputs, Self::MEAN)?, floats(inputs, Self::VARIANCE)?);
        let (channels, inner) = (scale.len(), product(shape.get(2..).unwrap_or_default()));
        let normalize = |i: usize| {
            let c = i / inner % channels;
            (x[i] - mean[c]) / (variance[c] + self.epsilon).sqrt() * scale[c] + bias[c]
        };
        Ok(vec![Tensor::from_fn(&shape, normalize)])
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        for (slot, name) in Self::PARAMETERS {
            ctx.weights(slot, name)?;
        }
        let variance = ctx.weights(Self::VARIANCE, "var")?;
        let is_positive = |&v: &f32| f64::from(v) + f64::from(self.epsilon) > 0.0;
        let found = match variance.iter().position(|v| !is_positive(v)) {
            Some(channel) => format!("the variance of channel {channel} is {}, with `epsilon` {}", variance[channel], self.epsilon),
            None => "a parameter leaves the range of f32 when scale and variance are joined".to_owned(),
        };
        let help =
            "set such variances to 0 in the training framework and export again: rounding to half floats may have made them negative";
        Err(OpError::unsupported(found).supported("variances that are positive with `epsilon` added").help(help))
    }
}

#[cfg(test)]
mod tests {
    use crate::node::Attribute;
    use crate::ops::test_case::Case;

    fn case(opset: i64) -> Case {
        let case = Case::new("BatchNormalization", opset).with("epsilon", Attribute::Float(0.0));
        let case = case.floats(&[1, 2, 1, 2], &[1.0, 2.0, 3.0, 4.0]);
        case.floats(&[2], &[1.0, 10.0]).floats(&[2], &[0.0, 5.0]).floats(&[2], &[1.0, 3.0]).floats(&[2], &[4.0, 1.0])
    }

    #[test]
    fn each_channel_has_its_own_statistics() {
        assert_eq!(case(9).values(), [0.0, 0.5, 5.0, 15.0]);
        assert_eq!(case(15).values(), [0.0, 0.5, 5.0, 15.0]);
    }

    #[test]
    fn one_dimension_is_one_channel() {
        let ones = |case: Case| case.floats(&[1], &[2.0]).floats(&[1], &[1.0]).floats(&[1], &[0.0]).floats(&[1], &[1.0]);
        let case = ones(Case::new("BatchNormalization", 15).with("epsilon", Attribute::Float(0.0)).floats(&[3], &[1.0, 2.0, 3.0]));
        assert_eq!(case.values(), [3.0, 5.0, 7.0]);
        assert!(ones(Case::new("BatchNormalization", 15).input(&[])).refusal().contains("`X` is f32[]"));
    }

    #[test]
    fn refusals() {
        assert_eq!(case(15).int("training_mode", 1).refusal(), "attribute `training_mode` is 1 (supported: 0)");
        assert_eq!(case(7).int("spatial", 0).refusal(), "attribute `spatial` is 0 (supported: 1)");
        assert!(case(15).with("epsilon", Attribute::Float(f32::INFINITY)).refusal().contains("`epsilon` is inf"));
        assert!(case(15).int("training_mode", 7).refusal().contains("`training_mode` is 7"));
        let mut training = case(9);
        training.outputs = 5;
        assert!(training.refusal().contains("training form"));
        let short = Case::new("BatchNormalization", 9).input(&[1, 2, 3]).input(&[2]).input(&[2]).input(&[3]).input(&[2]);
        assert_eq!(short.refusal(), "`mean` is f32[3] where `X` is f32[1,2,3] (supported: [2])");
        assert!(Case::new("BatchNormalization", 9).input(&[1, 2, 3]).input(&[2]).refusal().contains("missing"));
    }
}
