//! `BatchNormalization`: inference only; each channel is scaled and shifted by its running statistics.
//!
//! Passes turn it into a convolution; what they leave has no kernel.

use super::operands::{float_type, floats, output_shape, product};
use super::{OpError, Operator};
use crate::ir::{Tensor, TensorType};
use crate::lower::Lowering;
use crate::onnx::node::NodeView;

/// Inputs: `X` [N,C,..], `scale`, `B`, `mean` and `var`, each [C].
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
}

impl Operator for BatchNormalization {
    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        if node.int("training_mode")?.unwrap_or(0) != 0 {
            return Err(OpError::unsupported("attribute `training_mode` is 1").supported("0").help("export the model in inference mode"));
        }
        if node.int("spatial")?.unwrap_or(1) == 0 {
            return Err(OpError::unsupported("attribute `spatial` is 0").supported("1"));
        }
        if node.outputs > 1 {
            let found = format!("{} outputs are asked for, which is the training form", node.outputs);
            return Err(OpError::unsupported(found).supported("1 output").help("export the model in inference mode"));
        }
        Ok(BatchNormalization { epsilon: node.float("epsilon")?.unwrap_or(1e-5) })
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let x = float_type(inputs, 0)?;
        let Some(&channels) = x.shape.get(1) else {
            return Err(OpError::new(format!("`X` is {x}")).supported("[N,C,..]"));
        };
        for (slot, name) in [(Self::SCALE, "scale"), (Self::BIAS, "B"), (Self::MEAN, "mean"), (Self::VARIANCE, "var")] {
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
        let (channels, inner) = (shape[1], product(&shape[2..]));
        let normalize = |i: usize| {
            let c = i / inner % channels;
            (x[i] - mean[c]) / (variance[c] + self.epsilon).sqrt() * scale[c] + bias[c]
        };
        Ok(vec![Tensor::from_fn(&shape, normalize)])
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let supported = "inputs of 3 or 4 dimensions, with constant parameters";
        Err(OpError::unsupported(format!("computes f32{} at run time", ctx.shape())).supported(supported))
    }
}

#[cfg(test)]
mod tests {
    use crate::onnx::node::Attribute;
    use crate::ops::case::Case;

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
    fn refusals() {
        assert_eq!(case(15).int("training_mode", 1).refusal(), "attribute `training_mode` is 1 (supported: 0)");
        assert_eq!(case(7).int("spatial", 0).refusal(), "attribute `spatial` is 0 (supported: 1)");
        let mut training = case(9);
        training.outputs = 5;
        assert!(training.refusal().contains("training form"));
        let short = Case::new("BatchNormalization", 9).input(&[1, 2, 3]).input(&[2]).input(&[2]).input(&[3]).input(&[2]);
        assert_eq!(short.refusal(), "`mean` is f32[3] where `X` is f32[1,2,3] (supported: [2])");
        assert!(Case::new("BatchNormalization", 9).input(&[1, 2, 3]).input(&[2]).refusal().contains("missing"));
    }
}
