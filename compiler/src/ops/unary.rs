//! `Relu`, `LeakyRelu`, `Clip`, `Sigmoid`, `HardSwish` and `Swish`: element-wise, the output has the input's type; `Relu` and `Clip` take
//! integers, too.

use peleec_runtime::Activation;

use super::operands::{evaluated, float_type, floats, function_work, integers, output_shape, tensor, typed};
use super::{OpError, Operator, pairwise};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::steps::Lowering;
use crate::steps::kernels::Map;
use crate::tensor::{DType, Data, Tensor, TensorType};

/// One input; `Clip`'s bounds are read when the node is parsed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unary {
    pub(crate) activation: Activation,
}

impl Operator for Unary {
    const ATTRIBUTES: &'static [KnownAttribute] =
        &[known::float("alpha").of(&["LeakyRelu", "Swish"]), known::float("min").of(&["Clip"]), known::float("max").of(&["Clip"])];

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
            "Swish" => Activation::Swish(node.finite("alpha")?.unwrap_or(1.0)),
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
            Activation::Swish(_) => "Swish",
        })
    }

    fn data_inputs(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let input = typed(inputs, 0)?;
        if self.limits(input.dtype).is_some() {
            return Ok(vec![input.clone()]);
        }
        Ok(vec![float_type(inputs, 0)?.clone()])
    }

    fn runs(&self, inputs: &[Option<&TensorType>]) -> bool {
        self.infer(inputs).is_ok()
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let (shape, input) = (output_shape(self, inputs)?, tensor(inputs, 0)?);
        let data = match self.limits(input.dtype()).zip(input.to_i64s()) {
            Some(([low, high], values)) => integers(input.dtype(), values.into_iter().map(|x| x.max(low).min(high))),
            None => Data::F32(floats(inputs, 0)?.iter().map(|&x| activate(self.activation, x)).collect()),
        };
        evaluated(Tensor::new(shape, data))
    }

    fn work(&self, inputs: &[Option<&TensorType>]) -> u64 {
        if matches!(self.activation, Activation::Sigmoid | Activation::Swish(_)) { function_work(inputs) } else { 0 }
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let dtype = ctx.dtype();
        if let Some([low, high]) = self.limits(dtype) {
            let x = ctx.tensor(0)?;
            let (least, greatest) = (whole(f32::MIN, dtype), whole(f32::MAX, dtype));
            let y = pairwise::limited(ctx, x, [Some(low).filter(|&low| low > least), Some(high).filter(|&high| high < greatest)])?;
            ctx.finish(y);
            return Ok(());
        }
        let read = ctx.input(0)?;
        ctx.step(Map { activation: self.activation }, vec![read]);
        Ok(())
    }
}

impl Unary {
    /// The least and the greatest integer of a type that it gives; none where it takes no such elements.
    fn limits(&self, dtype: DType) -> Option<[i64; 2]> {
        match (self.activation, dtype) {
            (_, DType::F32 | DType::Bool) => None,
            (Activation::Relu, _) => Some([0, whole(f32::MAX, dtype)]),
            (Activation::Clip(low, high), _) => Some([low, high].map(|bound| whole(bound, dtype))),
            _ => None,
        }
    }
}

/// A bound as an integer of a type, which is the nearest where it has none so large.
fn whole(bound: f32, dtype: DType) -> i64 {
    match dtype {
        DType::I8 => (bound as i8).into(),
        DType::U8 => (bound as u8).into(),
        DType::I32 => (bound as i32).into(),
        _ => bound as i64,
    }
}

/// The naive meaning of an activation.
pub(crate) fn activate(activation: Activation, x: f32) -> f32 {
    match activation {
        Activation::Identity => x,
        Activation::Relu if x < 0.0 => 0.0,
        Activation::LeakyRelu(alpha) if x < 0.0 => alpha * x,
        Activation::Relu | Activation::LeakyRelu(_) => x,
        Activation::Clip(low, high) if x > high || x < low && low > high => high,
        Activation::Clip(low, _) if x < low => low,
        Activation::Clip(..) => x,
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Activation::HardSwish => x * (x * (1.0 / 6.0) + 0.5).clamp(0.0, 1.0),
        Activation::Swish(alpha) => x * activate(Activation::Sigmoid, alpha * x),
    }
}

/// Whether it gives no value below zero.
pub(crate) fn is_non_negative(activation: Activation) -> bool {
    match activation {
        Activation::Relu | Activation::Sigmoid => true,
        Activation::Clip(low, high) => low.min(high) >= 0.0,
        Activation::Identity | Activation::LeakyRelu(_) | Activation::HardSwish | Activation::Swish(_) => false,
    }
}

/// `Clip`'s bound: an attribute up to opset 10, an input since.
fn bound(node: &NodeView<'_>, slot: usize, name: &str, open: f32) -> Result<f32, OpError> {
    let known = match node.known_input(slot, name)? {
        Some(tensor) => Some(one(tensor, name, node.input_type(0)?.dtype)?),
        None => node.float(name)?,
    };
    match known.unwrap_or(open) {
        value if value.is_nan() => Err(OpError::new(format!("`{name}` is NaN")).supported("a number")),
        value => Ok(value.clamp(f32::MIN, f32::MAX)),
    }
}

/// The one element of a bound on elements of a type, which `Clip` holds as a float.
fn one(tensor: &Tensor, name: &str, dtype: DType) -> Result<f32, OpError> {
    let refused = || OpError::new(format!("input `{name}` is {}", tensor.ty())).supported(format!("one {dtype}"));
    if tensor.dtype() != dtype || tensor.shape().elements() != 1 {
        return Err(refused());
    }
    if let Some(&[value]) = tensor.as_f32() {
        return Ok(value);
    }
    let value = tensor.to_i64s().and_then(|values| values.first().copied()).ok_or_else(refused)?;
    if whole(value as f32, dtype) == value {
        return Ok(value as f32);
    }
    let found = format!("`{name}` is {value}, which is no f32");
    Err(OpError::unsupported(found).supported("integers of 24 bits, and longer ones that end in zeros").help("limit by `Min` and `Max`"))
}

#[cfg(test)]
mod tests {
    use crate::node::Attribute;
    use crate::ops::test_case::Case;
    use crate::tensor::{Data, Shape, Tensor};

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

    /// By ONNX's reference evaluator.
    #[test]
    fn swish_has_a_slope() {
        let case = || Case::new("Swish", 24).floats(&[5], &[-2.5, -0.5, 0.0, 0.5, 3.0]);
        let steep = case().with("alpha", Attribute::Float(2.0));
        let of_one: [f32; 5] = [-0.189_645_44, -0.188_770_35, 0.0, 0.311_229_65, 2.857_722_3];
        let of_two: [f32; 5] = [-0.016_732_127, -0.134_470_72, 0.0, 0.365_529_3, 2.992_582];
        for (case, expected) in [(case(), of_one), (steep, of_two)] {
            for (found, expected) in case.values().into_iter().zip(expected) {
                assert!((found - expected).abs() <= 2e-6 * expected.abs(), "{found} is not {expected}");
            }
        }
        assert_eq!(case().parse().unwrap().name(), "Swish");
        assert!(case().with("alpha", Attribute::Float(f32::INFINITY)).refusal().contains("`alpha` is inf"));
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
    fn integers_are_limited() {
        let case = |name| Case::new(name, 14).i64s(&[i64::MIN, -3, 0, 5, i64::MAX]);
        assert_eq!(case("Relu").evaluate(), Ok(Tensor::i64s([0, 0, 0, 5, i64::MAX])));
        assert_eq!(case("Clip").evaluate(), Ok(Tensor::i64s([i64::MIN, -3, 0, 5, i64::MAX])));
        let bound = |value| Tensor::i64([], [value]).unwrap();
        assert_eq!(case("Clip").known(bound(-2)).known(bound(4)).evaluate(), Ok(Tensor::i64s([-2, -2, 0, 4, 4])));
        assert_eq!(case("Clip").none().known(bound(i64::MAX)).evaluate(), case("Clip").evaluate());
        let bytes = |values: [i8; 3]| Tensor::new(Shape(vec![3]), Data::I8(values.into())).unwrap();
        let high = Tensor::new(Shape::default(), Data::I8([100].into())).unwrap();
        let clipped = Case::new("Clip", 14).known(bytes([-128, 7, 127])).none().known(high);
        assert_eq!(clipped.evaluate(), Ok(bytes([-128, 7, 100])));
        assert!(clipped.parse().unwrap().runs(&[Some(&bytes([0; 3]).ty())]));
        let odd = case("Clip").known(bound((1 << 24) + 1));
        assert!(odd.refusal().contains("`min` is 16777217, which is no f32"));
        assert_eq!(case("Clip").floats(&[], &[1.0]).refusal(), "input `min` is f32[] (supported: one i64)");
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
        assert_eq!(Case::new("Sigmoid", 13).i64s(&[1]).refusal(), "input 0 is i64 (supported: f32)");
    }
}
