//! `Not`, `And`, `Or`, `Xor`, `Equal`, `Less`, `LessOrEqual`, `Greater`, `GreaterOrEqual`, `Mod`, `Pow`, `Min`, `Max`, `Mean`, `Where`,
//! `IsNaN` and `IsInf`: element-wise with broadcasting, of floats, integers and booleans, as each takes them. A row of the table each.
//!
//! Integers wrap, what division by zero leaves is zero, and powers of exponents below zero are cut towards zero, which is what such a power
//! of zero gives. So are powers of fractions, which are the runtime's: doubles are less exact.

use peleec_runtime::PowerByFloat;

use super::broadcast::{aligned_at_the_end, broadcast, source_index};
use super::operands::{FUNCTION_WORK, evaluated, output, output_shape, tensor, typed};
use super::{OpError, Operator, pairwise};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::steps::Lowering;
use crate::tensor::{DType, Data, Shape, Tensor, TensorType};

/// One element.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Value {
    F(f32),
    I(i64),
    B(bool),
}

/// What an operator does with one element of each input; `None` where it is not defined for them.
type Function = fn(&[Value]) -> Option<Value>;

/// An operator: its name, the slot of the input whose element type is the output's (none: booleans), its fewest inputs, its meaning.
#[derive(Clone, Copy)]
struct Row {
    name: &'static str,
    like: Option<usize>,
    least: usize,
    function: Function,
}

const fn same(name: &'static str, least: usize, function: Function) -> Row {
    Row { name, like: Some(0), least, function }
}

const fn test(name: &'static str, least: usize, function: Function) -> Row {
    Row { name, like: None, least, function }
}

use Value::{B, F, I};

/// What division leaves, with the sign of `a`.
fn remainder(a: i64, b: i64) -> i64 {
    if b == 0 { 0 } else { a.wrapping_rem(b) }
}

/// What division leaves where it rounds towards minus infinity, as `Mod` does for integers.
fn floor_mod(a: i64, b: i64) -> i64 {
    let rest = remainder(a, b);
    if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }
}

/// The same of floats, as Python has it: zero has the sign of `b`, too.
fn float_floor_mod(a: f32, b: f32) -> f32 {
    let rest = a % b;
    if rest == 0.0 {
        0.0_f32.copysign(b)
    } else if (rest < 0.0) != (b < 0.0) {
        rest + b
    } else {
        rest
    }
}

fn power(base: i64, exponent: i64) -> i64 {
    match (base, u64::try_from(exponent)) {
        (_, Ok(exponent)) => {
            let (high, low) = ((exponent >> 32) as u32, exponent as u32);
            let of_high = base.wrapping_pow(1 << 31).wrapping_pow(2).wrapping_pow(high);
            of_high.wrapping_mul(base.wrapping_pow(low))
        }
        (1, Err(_)) => 1,
        (-1, Err(_)) => {
            if exponent % 2 == 0 {
                1
            } else {
                -1
            }
        }
        (_, Err(_)) => 0,
    }
}

fn tested(values: &[Value], holds: impl Fn(f32) -> bool) -> Option<Value> {
    if let [F(x)] = *values { Some(B(holds(x))) } else { None }
}

/// The sum in the order of the values by their number.
fn mean(values: &[Value]) -> Option<Value> {
    let mut floats = values.iter().map(|value| if let F(x) = value { Some(*x) } else { None });
    let first = floats.next()??;
    let sum = floats.try_fold(first, |sum, value| Some(sum + value?))?;
    Some(F(sum / values.len() as f32))
}

fn compared(values: &[Value], holds: impl Fn(std::cmp::Ordering) -> bool) -> Option<Value> {
    let order = match *values {
        [F(a), F(b)] => a.partial_cmp(&b),
        [I(a), I(b)] => Some(a.cmp(&b)),
        _ => return None,
    };
    Some(B(order.is_some_and(holds)))
}

fn extreme(values: &[Value], wanted: std::cmp::Ordering) -> Option<Value> {
    let better = |a: Value, b: Value| match (a, b) {
        (F(a), F(b)) => Some(F(if a.is_nan() || a.partial_cmp(&b) == Some(wanted) { a } else { b })),
        (I(a), I(b)) => Some(I(if a.cmp(&b) == wanted { a } else { b })),
        _ => None,
    };
    let (first, rest) = values.split_first()?;
    rest.iter().try_fold(*first, |best, &value| better(best, value))
}

fn logic(values: &[Value], f: impl Fn(bool, bool) -> bool) -> Option<Value> {
    if let [B(a), B(b)] = *values { Some(B(f(a, b))) } else { None }
}

const ROWS: &[Row] = &[
    same("Not", 1, |v| if let [B(x)] = *v { Some(B(!x)) } else { None }),
    same("And", 2, |v| logic(v, |a, b| a && b)),
    same("Or", 2, |v| logic(v, |a, b| a || b)),
    same("Xor", 2, |v| logic(v, |a, b| a != b)),
    test("Equal", 2, |v| if let [B(a), B(b)] = *v { Some(B(a == b)) } else { compared(v, std::cmp::Ordering::is_eq) }),
    test("Less", 2, |v| compared(v, std::cmp::Ordering::is_lt)),
    test("LessOrEqual", 2, |v| compared(v, std::cmp::Ordering::is_le)),
    test("Greater", 2, |v| compared(v, std::cmp::Ordering::is_gt)),
    test("GreaterOrEqual", 2, |v| compared(v, std::cmp::Ordering::is_ge)),
    same("Mod", 2, |v| match *v {
        [I(a), I(b)] => Some(I(floor_mod(a, b))),
        [F(a), F(b)] => Some(F(float_floor_mod(a, b))),
        _ => None,
    }),
    // C's remainder, by `fmod`.
    same("Fmod", 2, |v| match *v {
        [I(a), I(b)] => Some(I(remainder(a, b))),
        [F(a), F(b)] => Some(F(a % b)),
        _ => None,
    }),
    same("Pow", 2, |v| match *v {
        [I(a), I(b)] => Some(I(power(a, b))),
        [I(a), F(b)] => Some(I(PowerByFloat::of(a, b))),
        [F(a), I(b)] => Some(F(f64::from(a).powf(b as f64) as f32)),
        [F(a), F(b)] => Some(F(a.powf(b))),
        _ => None,
    }),
    same("Min", 1, |v| extreme(v, std::cmp::Ordering::Less)),
    same("Max", 1, |v| extreme(v, std::cmp::Ordering::Greater)),
    same("Mean", 1, mean),
    test("IsNaN", 1, |v| tested(v, f32::is_nan)),
    test("IsInf", 1, |v| tested(v, f32::is_infinite)),
    test("IsInfPositive", 1, |v| tested(v, |x| x == f32::INFINITY)),
    test("IsInfNegative", 1, |v| tested(v, |x| x == f32::NEG_INFINITY)),
    Row {
        name: "Where",
        like: Some(1),
        least: 3,
        function: |v| if let [B(choice), a, b] = *v { Some(if choice { a } else { b }) } else { None },
    },
];

/// Products that take as long as finding an input's element for one of the output's.
const LOOKED_FOR: usize = 4;

/// One input or more, which broadcast.
#[derive(Clone, Copy)]
pub(crate) struct Elementwise {
    row: &'static Row,
}

impl PartialEq for Elementwise {
    fn eq(&self, other: &Self) -> bool {
        self.row.name == other.row.name
    }
}

impl std::fmt::Debug for Elementwise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.row.name)
    }
}

/// The operators of two inputs that `axis` aligned in operator set 1.
const ALIGNED: &[&str] = &["And", "Or", "Xor", "Equal", "Less", "Greater", "Pow"];

impl Operator for Elementwise {
    const ATTRIBUTES: &'static [KnownAttribute] = &[
        known::int("axis").of(ALIGNED),
        known::ignored("broadcast").of(ALIGNED),
        known::flag("fmod").of(&["Mod"]),
        known::flag("detect_negative").of(&["IsInf"]),
        known::flag("detect_positive").of(&["IsInf"]),
    ];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let name = match node.op_type {
            "Mod" if node.flag("fmod")?.unwrap_or(false) => "Fmod",
            "IsInf" => infinity(node)?,
            other => other,
        };
        let row = ROWS.iter().find(|row| row.name == name).ok_or_else(|| OpError::unsupported("is in no row"))?;
        if node.inputs.len() < row.least {
            return Err(OpError::new(format!("has {} inputs", node.inputs.len())).supported(format!("{}", row.least)));
        }
        if node.inputs.len() == 2 {
            aligned_at_the_end(node)?;
        }
        Ok(Elementwise { row })
    }

    /// Each element of each input is looked for, for each of the output's.
    fn work(&self, inputs: &[Option<&TensorType>]) -> u64 {
        let elements = self.infer(inputs).ok().and_then(|types| Some(types.first()?.shape.elements()));
        let of_one = if self.row.name == "Pow" { FUNCTION_WORK } else { LOOKED_FOR };
        elements.unwrap_or(0).saturating_mul(inputs.len()).saturating_mul(of_one) as u64
    }

    fn op_type(&self) -> Option<&'static str> {
        Some(match self.row.name {
            "Fmod" => "Mod",
            "IsInfPositive" | "IsInfNegative" => "IsInf",
            name => name,
        })
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let mut shape = Shape::default();
        for slot in 0..inputs.len() {
            shape = broadcast(&shape, &typed(inputs, slot)?.shape)?;
        }
        // One element of each type tells whether the operator is defined for them.
        let types: Vec<_> = inputs.iter().flatten().map(|ty| ty.dtype).collect();
        let ones: Vec<_> = types.iter().map(|dtype| one(*dtype)).collect();
        let compared = types.get(self.row.like.unwrap_or(0)..).unwrap_or_default();
        let alike = self.row.name == "Pow" || compared.windows(2).all(|pair| pair[0] == pair[1]);
        let result = (self.row.function)(&ones).filter(|_| alike);
        let (Some(_), Some(dtype)) = (result, self.row.like.map_or(Some(DType::Bool), |slot| types.get(slot).copied())) else {
            let names: Vec<_> = types.iter().map(DType::to_string).collect();
            return Err(OpError::new(format!("the inputs are of types {}", names.join(", "))));
        };
        output(dtype, shape)
    }

    fn runs(&self, inputs: &[Option<&TensorType>]) -> bool {
        pairwise::runs(self.row.name, inputs)
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        pairwise::lower(self.row.name, ctx)
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let shape = output_shape(self, inputs)?;
        let tensors = (0..inputs.len()).map(|slot| tensor(inputs, slot)).collect::<Result<Vec<_>, _>>()?;
        let element = |i: usize| {
            let values: Vec<_> = tensors.iter().map(|tensor| at(tensor, source_index(i, &shape, tensor.shape()))).collect();
            (self.row.function)(&values).ok_or_else(|| OpError::new(format!("is not defined for {values:?}")))
        };
        let values = (0..shape.elements()).map(element).collect::<Result<Vec<_>, _>>()?;
        let dtype = self.row.like.and_then(|slot| tensors.get(slot)).map_or(DType::Bool, |tensor| tensor.dtype());
        evaluated(Tensor::new(shape, collected(dtype, &values)))
    }
}

/// The row of `IsInf` for the infinities that count.
fn infinity(node: &NodeView<'_>) -> Result<&'static str, OpError> {
    match (node.flag("detect_negative")?.unwrap_or(true), node.flag("detect_positive")?.unwrap_or(true)) {
        (true, true) => Ok("IsInf"),
        (false, true) => Ok("IsInfPositive"),
        (true, false) => Ok("IsInfNegative"),
        (false, false) => Err(OpError::unsupported("`detect_negative` and `detect_positive` are 0").supported("one of them or both as 1")),
    }
}

fn one(dtype: DType) -> Value {
    match dtype {
        DType::F32 => F(1.0),
        DType::I8 | DType::U8 | DType::I32 | DType::I64 => I(1),
        DType::Bool => B(true),
    }
}

fn at(tensor: &Tensor, index: usize) -> Value {
    match tensor.data() {
        Data::F32(v) => F(v[index]),
        Data::I8(v) => I(v[index].into()),
        Data::U8(v) => I(v[index].into()),
        Data::I32(v) => I(v[index].into()),
        Data::I64(v) => I(v[index]),
        Data::Bool(v) => B(v[index]),
    }
}

/// The values as elements of `dtype`, which is theirs but for the width of integers.
fn collected(dtype: DType, values: &[Value]) -> Data {
    let float = |value: &Value| if let F(x) = value { *x } else { 0.0 };
    let integer = |value: &Value| if let I(x) = value { *x } else { 0 };
    match dtype {
        DType::F32 => Data::F32(values.iter().map(float).collect()),
        DType::I8 => Data::I8(values.iter().map(|value| integer(value) as i8).collect()),
        DType::U8 => Data::U8(values.iter().map(|value| integer(value) as u8).collect()),
        DType::I32 => Data::I32(values.iter().map(|value| integer(value) as i32).collect()),
        DType::I64 => Data::I64(values.iter().map(integer).collect()),
        DType::Bool => Data::Bool(values.iter().map(|value| *value == B(true)).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::ROWS;
    use crate::ops::Operator as _;
    use crate::ops::test_case::{Case, floats};
    use crate::tensor::{DType, Data, Shape, Tensor, TensorType};

    fn bools(values: &[bool]) -> Tensor {
        Tensor::new(Shape(vec![values.len()]), Data::Bool(values.into())).unwrap()
    }

    fn of_ints(name: &'static str, inputs: &[&[i64]]) -> Tensor {
        inputs.iter().fold(Case::new(name, 18), |case, values| case.i64s(values)).evaluate().unwrap()
    }

    #[test]
    fn floats_are_raised() {
        assert_eq!(Case::new("Pow", 18).floats(&[2], &[9.0, 0.5]).i64s(&[2]).values(), [81.0, 0.25]);
        assert_eq!(Case::new("Pow", 18).floats(&[1], &[9.0]).i64s(&[0]).values(), [1.0]);
        let of_integers = Case::new("Pow", 18).i64s(&[3, 9, 10, -1, 0]).floats(&[5], &[39.0, 0.5, 0.5, -3.0, -1.0]);
        assert_eq!(of_integers.evaluate(), Ok(Tensor::i64s([4_052_555_153_018_976_267, 3, 3, -1, 0])));
        // The eighth power of 79, less one.
        let beside = Case::new("Pow", 18).i64s(&[1_517_108_809_906_560]).floats(&[1], &[0.125]);
        assert_eq!(beside.evaluate(), Ok(Tensor::i64s([78])));
    }

    #[test]
    fn integers_keep_their_type() {
        assert_eq!(of_ints("Mod", &[&[7, -7, 7], &[3, 3, -3]]), Tensor::i64s([1, 2, -2]));
        assert_eq!(of_ints("Min", &[&[7, 1], &[3, 3], &[5]]), Tensor::i64s([3, 1]));
        assert_eq!(of_ints("Max", &[&[7, 1]]), Tensor::i64s([7, 1]));
        assert_eq!(of_ints("Mod", &[&[7, -7, i64::MIN], &[0, 0, -1]]), Tensor::i64s([0, 0, 0]));
        assert_eq!(of_ints("Pow", &[&[2, 3, -1, -1, 2, 0], &[10, 1 << 62, -3, -4, -1, -1]]), Tensor::i64s([1024, 1, -1, 1, 0, 0]));
        let fmod = Case::new("Mod", 13).int("fmod", 1).i64s(&[-7]).i64s(&[3]);
        assert_eq!(fmod.evaluate(), Ok(Tensor::i64s([-1])));
    }

    #[test]
    fn comparisons_and_logic_give_booleans() {
        let of = |name| of_ints(name, &[&[1, 2, 3], &[2]]);
        assert_eq!((of("Less"), of("LessOrEqual")), (bools(&[true, false, false]), bools(&[true, true, false])));
        assert_eq!((of("Greater"), of("GreaterOrEqual")), (bools(&[false, false, true]), bools(&[false, true, true])));
        assert_eq!(of("Equal"), bools(&[false, true, false]));
        let logic =
            |name| Case::new(name, 13).known(bools(&[false, false, true, true])).known(bools(&[false, true, false, true])).evaluate();
        assert_eq!(logic("And"), Ok(bools(&[false, false, false, true])));
        assert_eq!(logic("Or"), Ok(bools(&[false, true, true, true])));
        assert_eq!(logic("Xor"), Ok(bools(&[false, true, true, false])));
        assert_eq!(logic("Equal"), Ok(bools(&[true, false, false, true])));
        assert_eq!(Case::new("Not", 13).known(bools(&[true])).evaluate(), Ok(bools(&[false])));
        let chosen = Case::new("Where", 16).known(bools(&[true, false])).floats(&[2], &[1.0, 2.0]).floats(&[], &[9.0]);
        assert_eq!(chosen.evaluate(), Ok(floats(&[2], &[1.0, 9.0])));
    }

    /// Values of onnxruntime.
    #[test]
    fn floats_pass_what_is_no_number() {
        let nan = f32::NAN;
        let of = |name, other: [f32; 5]| {
            let values = Case::new(name, 13).floats(&[5], &[nan, 1.0, 3.0, 2.0, -4.0]).floats(&[5], &other).values();
            values.into_iter().map(|value| if value.is_nan() { None } else { Some(value) }).collect::<Vec<_>>()
        };
        let other = [1.0, nan, 2.0, 3.0, -4.0];
        assert_eq!(of("Min", other), [None, None, Some(2.0), Some(2.0), Some(-4.0)]);
        assert_eq!(of("Max", other), [None, None, Some(3.0), Some(3.0), Some(-4.0)]);
        let mean = Case::new("Mean", 13).floats(&[2], &[1.0, 2.0]).floats(&[2], &[4.0, 7.0]).floats(&[1], &[0.25]);
        assert_eq!(mean.values(), [1.75, 9.25 / 3.0]);
        let rest = Case::new("Mod", 13).int("fmod", 1).floats(&[4], &[-5.5, 7.25, 5.0, -6.0]).floats(&[4], &[2.0, -3.5, 8.0, 3.0]);
        assert_eq!(rest.values(), [-1.5, 0.25, 5.0, -0.0]);
        let signed = Case::new("Mod", 28).floats(&[4], &[-5.5, 7.25, 5.0, -6.0]).floats(&[4], &[2.0, -3.5, f32::NEG_INFINITY, -3.0]);
        assert_eq!(
            signed.values().into_iter().map(f32::to_bits).collect::<Vec<_>>(),
            [0.5, -3.25, f32::NEG_INFINITY, -0.0].map(f32::to_bits)
        );
    }

    #[test]
    fn tests_of_what_is_no_number() {
        let case = |name| Case::new(name, 10).floats(&[4], &[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1.0]);
        assert_eq!(case("IsNaN").evaluate(), Ok(bools(&[true, false, false, false])));
        assert_eq!(case("IsInf").evaluate(), Ok(bools(&[false, true, true, false])));
        assert_eq!(case("IsInf").int("detect_negative", 0).evaluate(), Ok(bools(&[false, true, false, false])));
        assert_eq!(case("IsInf").int("detect_positive", 0).evaluate(), Ok(bools(&[false, false, true, false])));
        let neither = case("IsInf").int("detect_negative", 0).int("detect_positive", 0);
        assert_eq!(neither.refusal(), "`detect_negative` and `detect_positive` are 0 (supported: one of them or both as 1)");
    }

    #[test]
    fn what_runs() {
        let runs = |name: &'static str, types: &[DType]| {
            let types: Vec<_> = types.iter().map(|&dtype| TensorType::new(dtype, [2])).collect();
            let case = types.iter().fold(Case::new(name, 18), |case, ty| case.typed(ty.clone()));
            case.parse().unwrap().runs(&types.iter().map(Some).collect::<Vec<_>>())
        };
        let (float, truth, long) = (DType::F32, DType::Bool, DType::I64);
        assert!(["Min", "Max", "Mean", "Pow", "Less", "Equal"].into_iter().all(|name| runs(name, &[float, float])));
        assert!(
            runs("Pow", &[float, long]) && runs("Equal", &[truth, truth]) && runs("Less", &[long, long]) && runs("Or", &[truth, truth])
        );
        assert!(runs("Where", &[truth, float, float]) && runs("Where", &[truth, long, long]) && runs("Where", &[truth; 3]));
        let byte = DType::U8;
        assert!(["Min", "Max", "Mod", "Pow"].into_iter().all(|name| runs(name, &[long, long]) && runs(name, &[byte, byte])));
        assert!(runs("Pow", &[long, float]) && runs("Pow", &[byte, long]) && runs("Mod", &[float, float]));
    }

    #[test]
    fn refusals() {
        assert_eq!(Case::new("Less", 13).i64s(&[1]).floats(&[1], &[1.0]).refusal(), "the inputs are of types i64, f32");
        assert_eq!(Case::new("Mod", 13).floats(&[1], &[1.0]).i64s(&[1]).refusal(), "the inputs are of types f32, i64");
        assert!(Case::new("Where", 16).known(bools(&[true])).i64s(&[1]).refusal().contains("has 2 inputs"));
        assert!(Case::new("Where", 16).known(bools(&[true])).i64s(&[1]).floats(&[1], &[1.0]).refusal().contains("bool, i64, f32"));
        assert!(Case::new("Not", 13).i64s(&[1]).refusal().contains("i64"));
        assert!(Case::new("Mod", 13).int("fmod", 2).i64s(&[1]).i64s(&[1]).refusal().contains("`fmod` is 2"));
    }

    #[test]
    fn every_row_is_listed() {
        for row in ROWS {
            let op_type = super::Elementwise { row }.op_type();
            assert!(crate::ops::OPERATORS.iter().any(|(name, ..)| Some(*name) == op_type), "{}", row.name);
        }
    }
}
