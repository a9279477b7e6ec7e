//! `Neg`, `Abs`, `Sign`, `Floor`, `Ceil`, `Round`, `Sqrt`, `Reciprocal`, `Exp`, `Log`, `Tanh`, `Erf`, `Elu`, `Selu`, `Celu`, `Softplus`,
//! `Softsign`, `HardSigmoid`, `Gelu`, `Mish` and `ThresholdedRelu`: element-wise, the output has the input's type; `Neg`, `Abs` and `Sign`
//! of integers, too. A row of the table each.

use peleec_runtime::Function as _;
use peleec_runtime::f32::function;

use super::operands::{evaluated, function_work, integers, output, output_shape, tensor, typed};
use super::{OpError, Operator, pairwise};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::steps::{Lowering, Packed, kernels};
use crate::tensor::{DType, Data, Tensor, TensorType};

/// Makes the kinds of a table, whose names are those of the runtime's functions: each with its attributes and their defaults, and with its
/// naive meaning.
macro_rules! kinds {
    ($($name:ident { $($attribute:ident: $default:expr),* } |$x:ident| $meaning:expr;)+) => {
        /// Which function, with its parameters.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub(crate) enum Kind {
            $($name { $($attribute: f32),* },)+
        }

        impl Kind {
            /// The rows' attributes, and which of both Gelus it is.
            const ATTRIBUTES: &'static [KnownAttribute] = &[
                $($(known::float(stringify!($attribute)).of(&[stringify!($name)]),)*)+
                known::string("approximate").one_of(&["none", "tanh"]).of(&["Gelu"]),
            ];

            /// The row of this name, with the node's attributes.
            fn read(name: &str, node: &NodeView<'_>) -> Result<Self, OpError> {
                $(if name == stringify!($name) {
                    return Ok(Kind::$name { $($attribute: node.finite(stringify!($attribute))?.unwrap_or($default)),* });
                })+
                Err(OpError::unsupported("is in no row"))
            }

            /// The row's name.
            fn name(self) -> &'static str {
                match self {
                    $(Kind::$name { .. } => stringify!($name),)+
                }
            }

            /// The naive meaning.
            fn meaning(self, x: f32) -> f32 {
                match self {
                    $(Kind::$name { $($attribute),* } => {
                        let $x = x;
                        $meaning
                    })+
                }
            }

            /// The value that firmware computes.
            pub(crate) fn apply(self, x: f32) -> f32 {
                match self {
                    $(Kind::$name { $($attribute),* } => function::$name { $($attribute),* }.apply(x),)+
                }
            }

            fn lower(self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
                match self {
                    $(Kind::$name { $($attribute),* } => {
                        ctx.each_element(kernels::Each { function: function::$name { $($attribute),* } }, &Packed::default())
                    })+
                }
            }
        }
    };
}

kinds! {
    Neg {} |x| -x;
    Abs {} |x| x.abs();
    Sign {} |x| if x == 0.0 { x } else { x.signum() };
    Floor {} |x| x.floor();
    Ceil {} |x| x.ceil();
    Round {} |x| x.round_ties_even();
    Sqrt {} |x| x.sqrt();
    Reciprocal {} |x| x.recip();
    Exp {} |x| x.exp();
    Log {} |x| x.ln();
    Tanh {} |x| x.tanh();
    Erf {} |x| erf(x.into()) as f32;
    Elu { alpha: 1.0 } |x| if x < 0.0 { alpha * x.exp_m1() } else { x };
    Selu { alpha: 1.673_263_2, gamma: 1.050_701 } |x| gamma * if x < 0.0 { alpha * x.exp_m1() } else { x };
    Celu { alpha: 1.0 } |x| if x < 0.0 { alpha * (x / alpha).exp_m1() } else { x };
    Softplus {} |x| if x > 0.0 { x + (-x).exp().ln_1p() } else { x.exp().ln_1p() };
    Softsign {} |x| x / (1.0 + x.abs());
    HardSigmoid { alpha: 0.2, beta: 0.5 } |x| (alpha * x + beta).clamp(0.0, 1.0);
    Gelu {} |x| {
        let x = f64::from(x);
        (0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2))) as f32
    };
    GeluTanh {} |x| {
        let x = f64::from(x);
        let argument = std::f64::consts::FRAC_2_PI.sqrt() * (x + 0.044_715 * x.powi(3));
        (0.5 * x * (1.0 + argument.tanh())) as f32
    };
    Mish {} |x| x * x.exp().ln_1p().tanh();
    ThresholdedRelu { alpha: 1.0 } |x| if x > alpha { x } else { 0.0 };
}

/// The error function, by a series of terms of one sign.
fn erf(x: f64) -> f64 {
    if x.abs() > 6.0 {
        return x.signum();
    }
    let (mut term, mut sum, mut n) = (x, x, 1.0);
    while term.abs() > 1e-17 * sum.abs() {
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
        n += 1.0;
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
}

/// One input; of integers, too, for some kinds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Function {
    pub(crate) kind: Kind,
}

impl Function {
    /// What the kind makes of an integer, if it takes them.
    fn of_integer(&self, x: i64) -> Option<i64> {
        match self.kind {
            Kind::Neg {} => Some(x.wrapping_neg()),
            Kind::Abs {} => Some(x.wrapping_abs()),
            Kind::Sign {} => Some(x.signum()),
            _ => None,
        }
    }
}

impl Operator for Function {
    const ATTRIBUTES: &'static [KnownAttribute] = Kind::ATTRIBUTES;

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let name = match node.op_type {
            "Gelu" => match node.string("approximate")?.unwrap_or("none") {
                "none" => "Gelu",
                "tanh" => "GeluTanh",
                _ => return Err(node.unread("approximate")),
            },
            name => name,
        };
        let kind = Kind::read(name, node)?;
        if matches!(kind, Kind::Celu { alpha: 0.0 }) {
            return Err(OpError::new("attribute `alpha` is 0, by which `Celu` divides").supported("other numbers"));
        }
        Ok(Function { kind })
    }

    fn op_type(&self) -> Option<&'static str> {
        Some(if matches!(self.kind, Kind::GeluTanh {}) { "Gelu" } else { self.kind.name() })
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let input = typed(inputs, 0)?;
        let takes_integers = self.of_integer(0).is_some();
        match input.dtype {
            DType::F32 => {}
            DType::I8 | DType::U8 | DType::I32 | DType::I64 if takes_integers => {}
            other => {
                let supported = if takes_integers { "f32, integers" } else { "f32" };
                return Err(OpError::unsupported(format!("input 0 is {other}")).supported(supported));
            }
        }
        output(input.dtype, input.shape.clone())
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let (shape, input) = (output_shape(self, inputs)?, tensor(inputs, 0)?);
        let data = match input.as_f32() {
            Some(values) => Data::F32(values.iter().map(|&x| self.kind.meaning(x)).collect()),
            None => {
                let values = input.to_i64s().unwrap_or_default();
                integers(input.dtype(), values.into_iter().filter_map(|x| self.of_integer(x)))
            }
        };
        evaluated(Tensor::new(shape, data))
    }

    fn runs(&self, inputs: &[Option<&TensorType>]) -> bool {
        self.infer(inputs).is_ok()
    }

    fn work(&self, inputs: &[Option<&TensorType>]) -> u64 {
        match self.kind {
            Kind::Neg {} | Kind::Abs {} | Kind::Sign {} | Kind::Floor {} | Kind::Ceil {} | Kind::Round {} | Kind::Sqrt {} => 0,
            Kind::Reciprocal {} | Kind::Softsign {} | Kind::HardSigmoid { .. } | Kind::ThresholdedRelu { .. } => 0,
            _ => function_work(inputs),
        }
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let dtype = ctx.dtype();
        if dtype == DType::F32 {
            return self.kind.lower(ctx);
        }
        let x = ctx.tensor(0)?;
        let y = match self.kind {
            Kind::Neg {} => pairwise::negative(ctx, x)?,
            Kind::Abs {} if dtype == DType::U8 => x,
            Kind::Abs {} => pairwise::magnitude(ctx, x)?,
            Kind::Sign {} => pairwise::limited(ctx, x, [(dtype != DType::U8).then_some(-1), Some(1)])?,
            _ => return Err(super::too_large()),
        };
        ctx.finish(y);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Function;
    use crate::node::Attribute;
    use crate::ops::test_case::Case;
    use crate::ops::{OPERATORS, Op};
    use crate::tensor::{Data, Shape, Tensor, TensorType};

    /// An operator, its attributes and the results.
    type Row = (&'static str, &'static [(&'static str, f32)], [f32; 5]);

    const X: [f32; 5] = [-2.5, -0.5, 0.0, 0.5, 3.0];

    fn case(op_type: &'static str, attributes: &[(&str, f32)]) -> Case {
        let case = Case::new(op_type, 24).floats(&[5], &X);
        attributes.iter().fold(case, |case, &(name, value)| case.with(name, Attribute::Float(value)))
    }

    /// What is expected comes of `f32`, and of differences near zero there.
    fn assert_near(found: &[f32], expected: [f32; 5]) {
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() <= 2e-6 * expected.abs() + 2e-7, "{found} is not {expected}");
        }
    }

    /// By onnxruntime.
    #[test]
    fn each_function() {
        let rows: [Row; 15] = [
            ("Tanh", &[], [-0.986_614_35, -0.462_117_17, 0.0, 0.462_117_17, 0.995_054_7]),
            ("Erf", &[], [-0.999_593_1, -0.520_499_9, 0.0, 0.520_499_9, 0.999_977_9]),
            ("Elu", &[], [-0.917_915, -0.393_469_33, 0.0, 0.5, 3.0]),
            ("Elu", &[("alpha", 2.0)], [-1.835_83, -0.786_938_67, 0.0, 0.5, 3.0]),
            ("Selu", &[], [-1.613_785_7, -0.691_758_16, 0.0, 0.525_350_5, 3.152_103]),
            ("Selu", &[("alpha", 2.0), ("gamma", 3.0)], [-5.507_49, -2.360_816, 0.0, 1.5, 9.0]),
            ("Celu", &[], [-0.917_915, -0.393_469_33, 0.0, 0.5, 3.0]),
            ("Celu", &[("alpha", 2.0)], [-1.426_990_4, -0.442_398_43, 0.0, 0.5, 3.0]),
            ("Softplus", &[], [0.078_889_74, 0.474_077, std::f32::consts::LN_2, 0.974_077, 3.048_587_3]),
            ("Softsign", &[], [-0.714_285_73, -0.333_333_34, 0.0, 0.333_333_34, 0.75]),
            ("HardSigmoid", &[], [0.0, 0.4, 0.5, 0.6, 1.0]),
            ("HardSigmoid", &[("alpha", 0.5), ("beta", 0.6)], [0.0, 0.35, 0.6, 0.85, 1.0]),
            ("Mish", &[], [-0.196_816_2, -0.220_743_78, 0.0, 0.375_245_24, 2.986_535_5]),
            ("ThresholdedRelu", &[], [0.0, 0.0, 0.0, 0.0, 3.0]),
            ("ThresholdedRelu", &[("alpha", -1.0)], [0.0, -0.5, 0.0, 0.5, 3.0]),
        ];
        for (op_type, attributes, expected) in rows {
            assert_near(&case(op_type, attributes).values(), expected);
        }
    }

    /// By onnxruntime.
    #[test]
    fn gelu_is_of_two_kinds() {
        let erf = [-0.015_524_104, -0.154_268_77, 0.0, 0.345_731_23, 2.995_950_2];
        assert_near(&case("Gelu", &[]).values(), erf);
        assert_near(&case("Gelu", &[]).string("approximate", "none").values(), erf);
        let tanh = case("Gelu", &[]).string("approximate", "tanh");
        assert_near(&tanh.values(), [-0.015_084_296, -0.154_286, 0.0, 0.345_714, 2.996_362_7]);
        assert_eq!(tanh.parse().unwrap().name(), "Gelu");
    }

    #[test]
    fn floats_are_rounded() {
        let of = |name| Case::new(name, 18).floats(&[3], &[-1.5, 0.0, 2.5]).values();
        assert_eq!((of("Floor"), of("Ceil"), of("Round")), (vec![-2.0, 0.0, 2.0], vec![-1.0, 0.0, 3.0], vec![-2.0, 0.0, 2.0]));
        assert_eq!((of("Neg"), of("Abs"), of("Sign")), (vec![1.5, 0.0, -2.5], vec![1.5, 0.0, 2.5], vec![-1.0, 0.0, 1.0]));
        let of = |name, x| Case::new(name, 18).floats(&[1], &[x]).values();
        assert_eq!((of("Sqrt", 4.0), of("Reciprocal", 4.0)), (vec![2.0], vec![0.25]));
        assert_eq!((of("Exp", 0.0), of("Log", 1.0)), (vec![1.0], vec![0.0]));
    }

    #[test]
    fn what_is_no_number_is_not_above_a_threshold() {
        let case = Case::new("ThresholdedRelu", 10).floats(&[2], &[f32::NAN, 2.0]);
        assert_eq!(case.values(), [0.0, 2.0]);
        let Ok(Op::Function(Function { kind })) = case.parse() else { unreachable!("it is a row of the table") };
        assert_eq!([kind.apply(f32::NAN), kind.apply(2.0)], [0.0, 2.0]);
    }

    #[test]
    fn integers_keep_their_type() {
        let integers = |name| Case::new(name, 18).i64s(&[i64::MIN, -1, 0, 7]).evaluate();
        assert_eq!(integers("Neg"), Ok(Tensor::i64s([i64::MIN, 1, 0, -7])));
        assert_eq!(integers("Sign"), Ok(Tensor::i64s([-1, -1, 0, 1])));
        let narrow = Tensor::new(Shape(vec![1]), Data::I32([i32::MIN].into())).unwrap();
        assert_eq!(Case::new("Abs", 13).known(narrow.clone()).evaluate(), Ok(narrow));
        let op = Case::new("Abs", 13).i64s(&[1]).parse().unwrap();
        let (integers, floats) = (Tensor::i64s([1]).ty(), TensorType::f32([1]));
        assert_eq!([op.runs(&[Some(&integers)]), op.runs(&[Some(&floats)])], [true, true]);
    }

    /// What evaluation and firmware make of the same numbers.
    #[test]
    fn the_kernels_function_is_the_row() {
        let mut functions = 0;
        for &(op_type, ..) in OPERATORS {
            let Ok(Op::Function(Function { kind })) = case(op_type, &[]).parse() else { continue };
            for (x, value) in X.into_iter().zip(case(op_type, &[]).values()) {
                let found = kind.apply(x);
                let near = (found - value).abs() <= 1e-6 * value.abs().max(1.0);
                assert!(near || (found.is_nan() && value.is_nan()) || found == value, "{op_type} of {x}: {found}, {value}");
            }
            functions += 1;
        }
        assert_eq!(functions, 21);
    }

    #[test]
    fn refusals() {
        assert_eq!(case("Gelu", &[]).string("approximate", "erf").refusal(), "attribute `approximate` is `erf` (supported: none, tanh)");
        assert_eq!(case("Celu", &[("alpha", 0.0)]).refusal(), "attribute `alpha` is 0, by which `Celu` divides (supported: other numbers)");
        assert!(case("Elu", &[("alpha", f32::INFINITY)]).refusal().contains("`alpha` is inf"));
        assert_eq!(Case::new("Tanh", 13).i64s(&[1]).refusal(), "input 0 is i64 (supported: f32)");
        let truth = Tensor::new(Shape(vec![1]), Data::Bool([true].into())).unwrap();
        assert_eq!(Case::new("Neg", 13).known(truth).refusal(), "input 0 is bool (supported: f32, integers)");
        assert_eq!(Case::new("Exp", 13).refusal(), "input 0 is missing");
    }
}
