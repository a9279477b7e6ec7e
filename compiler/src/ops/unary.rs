//! `Relu`, `LeakyRelu`, `Clip`, `Sigmoid` and `HardSwish`: element-wise, the output has the input's type.

use peleec_runtime::Activation;

use super::operands::{evaluated, float_type, floats, output_shape};
use super::{OpError, Operator};
use crate::ir::{Tensor, TensorType};
use crate::lower::Lowering;
use crate::lower::kernels::Map;
use crate::onnx::node::NodeView;

/// One input; `Clip`'s bounds are read when the node is parsed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unary {
    pub(crate) activation: Activation,
}

impl Operator for Unary {
    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let activation = match node.op_type {
            "Relu" => Activation::Relu,
            "LeakyRelu" => Activation::LeakyRelu(node.finite("alpha")?.unwrap_or(0.01)),
            "Clip" => {
                // Where the bounds cross, ONNX gives the upper one for every element.
                let high = bound(node, 2, "max", f32::MAX)?;
                Activation::Clip(bound(node, 1, "min", f32::MIN)?.min(high), high)
            }
            "HardSwish" => Activation::HardSwish,
            _ => Activation::Sigmoid,
        };
        Ok(Unary { activation })
    }

    fn op_type(&self) -> Option<&'static str> {
        Some(match self.activation {
            Activation::Identity => "Identity",
            Activation::Relu => "Relu",
            Activation::LeakyRelu(_) => "LeakyRelu",
            Activation::Clip(..) => "Clip",
            Activation::Sigmoid => "Sigmoid",
            Activation::HardSwish => "HardSwish",
        })
    }

    fn data_inputs(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        Ok(vec![float_type(inputs, 0)?.clone()])
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let values: Vec<_> = floats(inputs, 0)?.iter().map(|&x| activate(self.activation, x)).collect();
        evaluated(Tensor::f32(output_shape(self, inputs)?, values))
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let read = ctx.input(0)?;
        ctx.step(Map { activation: self.activation }, vec![read]);
        Ok(())
    }
}

/// The naive meaning of an activation.
pub(crate) fn activate(activation: Activation, x: f32) -> f32 {
    match activation {
        Activation::Identity => x,
        Activation::Relu if x < 0.0 => 0.0,
        Activation::LeakyRelu(alpha) if x < 0.0 => alpha * x,
        Activation::Relu | Activation::LeakyRelu(_) => x,
        Activation::Clip(low, _) if x < low => low,
        Activation::Clip(_, high) if x > high => high,
        Activation::Clip(..) => x,
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Activation::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
    }
}

/// Whether it gives no value below zero.
pub(crate) fn is_non_negative(activation: Activation) -> bool {
    match activation {
        Activation::Relu | Activation::Sigmoid => true,
        Activation::Clip(low, _) => low >= 0.0,
        Activation::Identity | Activation::LeakyRelu(_) | Activation::HardSwish => false,
    }
}

/// `Clip`'s bound: an attribute up to opset 10, an input since.
fn bound(node: &NodeView<'_>, slot: usize, name: &str, open: f32) -> Result<f32, OpError> {
    let known = match node.known_input(slot, name)? {
        Some(tensor) => match tensor.as_f32() {
            Some([value]) => Some(*value),
            _ => return Err(OpError::new(format!("input `{name}` is {}", tensor.ty())).supported("one f32")),
        },
        None => node.float(name)?,
    };
    match known.unwrap_or(open) {
        value if value.is_nan() => Err(OpError::new(format!("`{name}` is NaN")).supported("a number")),
        value => Ok(value.clamp(f32::MIN, f32::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use crate::onnx::node::Attribute;
    use crate::ops::case::Case;

    const X: [f32; 3] = [-2.0, 0.5, 3.0];

    fn case(op_type: &'static str, opset: i64) -> Case {
        Case::new(op_type, opset).floats(&[3], &X)
    }

    #[test]
    fn each_activation() {
        assert_eq!(case("Relu", 13).values(), [0.0, 0.5, 3.0]);
        assert_eq!(case("LeakyRelu", 13).values(), [-0.02, 0.5, 3.0]);
        assert_eq!(case("LeakyRelu", 13).with("alpha", Attribute::Float(0.5)).values(), [-1.0, 0.5, 3.0]);
        assert_eq!(Case::new("HardSwish", 14).floats(&[4], &[-4.0, -1.5, 3.0, 7.0]).values(), [0.0, -0.375, 3.0, 7.0]);
        assert_eq!(Case::new("Sigmoid", 13).floats(&[1], &[0.0]).values(), [0.5]);
    }

    #[test]
    fn bounds_of_clip_are_attributes_or_inputs() {
        let old = case("Clip", 6).with("min", Attribute::Float(-1.0)).with("max", Attribute::Float(1.0));
        assert_eq!(old.values(), [-1.0, 0.5, 1.0]);
        assert_eq!(case("Clip", 13).none().floats(&[], &[1.0]).values(), [-2.0, 0.5, 1.0]);
        assert_eq!(case("Clip", 13).values(), X);
        assert_eq!(case("Clip", 13).floats(&[], &[2.0]).floats(&[], &[1.0]).values(), [1.0, 1.0, 1.0]);
    }

    #[test]
    fn refusals() {
        assert_eq!(case("Clip", 13).floats(&[], &[f32::NAN]).refusal(), "`min` is NaN (supported: a number)");
        assert_eq!(case("Clip", 13).floats(&[0], &[]).refusal(), "input `min` is f32[0] (supported: one f32)");
        assert!(case("Clip", 13).input(&[]).refusal().contains("run time"));
        assert_eq!(
            case("LeakyRelu", 13).with("alpha", Attribute::Float(f32::INFINITY)).refusal(),
            "attribute `alpha` is inf (supported: a finite number)"
        );
        assert!(case("LeakyRelu", 13).with("alpha", Attribute::Float(f32::NAN)).refusal().contains("NaN"));
        assert_eq!(case("Relu", 13).floats(&[], &[1.0]).refusal(), "`Relu` has 2 inputs (supported: at most 1)");
        assert!(Case::new("Relu", 14).i64s(&[1]).refusal().contains("i64"));
    }
}
