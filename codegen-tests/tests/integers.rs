//! Integers, truth and computed indices at run time: plan and kernels give the very elements of naive evaluation, extremes included.

use codegen_tests::cases::onnx::{Attr, Onnx};
use codegen_tests::compare::{Closeness, compare};
use peleec::{DType, ModelFile, Options, Placement, Shape, Tensor, TensorType, compile, import};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// Element types of integers, with their numbers in ONNX.
const INTEGERS: [(DType, i32); 4] = [(DType::I8, 3), (DType::U8, 2), (DType::I32, 6), (DType::I64, 7)];
const TRUTH: (DType, i32) = (DType::Bool, 9);
const FLOAT: (DType, i32) = (DType::F32, 1);

/// Operators of two integers; the last five give truth.
const BINARY: [&str; 14] =
    ["Add", "Sub", "Mul", "Div", "Min", "Max", "Mod", "C's Mod", "Pow", "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"];

const OF_TRUTH: [&str; 4] = ["And", "Or", "Xor", "Equal"];

const UNARY: [&str; 7] = ["Neg", "Abs", "Sign", "Relu", "Clip", "CumSum", "Cast"];

/// Extents of an output, and which of its axes an operand has: those whose bit is set, of those behind the first few.
#[derive(Clone, Debug)]
struct Operand {
    kept: usize,
    left_out: usize,
    elements: Vec<usize>,
}

impl Operand {
    fn dims(&self, output: &[usize]) -> Vec<usize> {
        let dims = output.iter().enumerate().map(|(axis, &dim)| if self.kept >> axis & 1 == 1 { dim } else { 1 });
        dims.skip(self.left_out.min(output.len())).collect()
    }

    /// A tensor of small numbers and extremes.
    fn tensor(&self, dtype: DType, dims: &[usize]) -> Tensor {
        let ty = TensorType::new(dtype, Shape(dims.to_vec()));
        let elements = self.elements.iter().cycle().take(dims.iter().product());
        let bytes: Vec<u8> = elements.flat_map(|&choice| element(dtype, choice)).collect();
        Tensor::from_le_bytes(&ty, &bytes).expect("as many values as elements")
    }
}

fn element(dtype: DType, choice: usize) -> Vec<u8> {
    match dtype {
        DType::Bool => return vec![(choice % 2) as u8],
        DType::F32 => return (choice as f32 - 7.5).to_le_bytes().to_vec(),
        _ => {}
    }
    let least = i64::MIN >> (64 - 8 * dtype.bytes());
    let values = [0, 1, 2, 3, 7, 45, -1, -2, -7, least, least + 1, !least, !least - 1];
    values[choice % values.len()].to_le_bytes()[..dtype.bytes()].to_vec()
}

fn operand() -> impl Strategy<Value = Operand> {
    let elements = prop::collection::vec(0..26usize, 1..40);
    (0..16usize, prop_oneof![2 => Just(0usize), 1 => 1..4usize], elements).prop_map(|(kept, left_out, elements)| Operand {
        kept,
        left_out,
        elements,
    })
}

fn extents() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1..5usize, 0..4)
}

fn run<S: Strategy>(strategy: S, check: impl Fn(S::Value) -> Result<(), String>) {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 300;
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(1);
    }
    let result = TestRunner::new(config).run(&strategy, |value| check(value).map_err(TestCaseError::fail));
    assert!(result.is_ok(), "{}", result.map_or_else(|error| error.to_string(), |()| String::new()));
}

/// Compares what the model's plans compute with what the graph means.
fn same(onnx: Onnx, inputs: &[Tensor]) -> Result<(), String> {
    let file = ModelFile::from_bytes("integers", onnx.bytes());
    let imported = import(&file, &Options::default()).map_err(|problems| format!("not imported: {problems}"))?;
    let wanted = imported.graph.evaluate(inputs).map_err(|error| error.to_string())?;
    for outputs in [Placement::Arena, Placement::Caller] {
        let compilation = compile(&file, &Options { outputs, ..Options::default() }).map_err(|error| format!("not compiled: {error}"))?;
        let found = compilation.execute(inputs).map_err(|error| error.to_string())?;
        compare(&found, &wanted, Closeness::Bits).map_err(|fault| format!("{fault} of {inputs:?}"))?;
        compilation.files().map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn binary(operator: &str, (dtype, code): (DType, i32), output: &[usize], operands: &[Operand; 2]) -> Result<(), String> {
    let mut onnx = Onnx::new(18);
    let [a, b] = operands.each_ref().map(|operand| operand.tensor(dtype, &operand.dims(output)));
    let names = [("a", &a), ("b", &b)].map(|(name, value)| onnx.typed_input(name, code, value.shape()));
    let gives_truth = BINARY[9..].contains(&operator);
    let fmod = [("fmod", Attr::Int(1))];
    let (op_type, attributes) = if operator == "C's Mod" { ("Mod", &fmod[..]) } else { (operator, &fmod[..0]) };
    let y = onnx.op(op_type, "y", &[&names[0], &names[1]], attributes);
    onnx.typed_output(&y, if gives_truth { TRUTH.1 } else { code });
    same(onnx, &[a, b])
}

#[test]
fn functions_of_two_integers() {
    run((0..BINARY.len(), 0..INTEGERS.len(), extents(), [operand(), operand()]), |(operator, ty, output, operands)| {
        binary(BINARY[operator], INTEGERS[ty], &output, &operands)
    });
}

#[test]
fn functions_of_truth() {
    run((0..OF_TRUTH.len(), extents(), [operand(), operand()]), |(operator, output, operands)| {
        binary(OF_TRUTH[operator], TRUTH, &output, &operands)
    });
}

#[test]
fn functions_of_one_integer() {
    run((0..UNARY.len(), 0..INTEGERS.len(), extents(), operand(), 0..16usize), |(operator, ty, dims, operand, number)| {
        let (dtype, code) = INTEGERS[ty];
        let mut onnx = Onnx::new(18);
        let x = operand.tensor(dtype, &dims);
        let mut inputs = vec![onnx.typed_input("x", code, &dims)];
        let (op_type, flag) = (UNARY[operator], |bit: usize| Attr::Int((number >> bit & 1) as i64));
        let attributes = match op_type {
            "Clip" => {
                for (name, choice) in [("low", number), ("high", 12 - number % 3)] {
                    // Small numbers, which floats hold, and extremes, which are no limits.
                    let choice = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11][choice % 11];
                    inputs.push(onnx.initializer(name, &[], code, element(dtype, choice)));
                }
                vec![]
            }
            "CumSum" if dims.is_empty() => return Ok(()),
            "CumSum" => {
                inputs.push(onnx.ints("axis", &[(number % dims.len()) as i64]));
                vec![("exclusive", flag(2)), ("reverse", flag(3))]
            }
            "Cast" => vec![("to", Attr::Int(TRUTH.1.into()))],
            _ => vec![],
        };
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let y = onnx.op(op_type, "y", &inputs, &attributes);
        onnx.typed_output(&y, if op_type == "Cast" { TRUTH.1 } else { code });
        same(onnx, &[x])
    });
}

#[test]
fn a_choice_of_elements_of_any_type() {
    run((0..6usize, extents(), [operand(), operand(), operand()]), |(ty, output, operands)| {
        let (dtype, code) = [INTEGERS[0], INTEGERS[1], INTEGERS[2], INTEGERS[3], TRUTH, FLOAT][ty];
        let mut onnx = Onnx::new(18);
        let [choice, a, b] = [(0, DType::Bool), (1, dtype), (2, dtype)].map(|(index, dtype): (usize, DType)| {
            let operand: &Operand = &operands[index];
            operand.tensor(dtype, &operand.dims(&output))
        });
        let inputs = [("choice", &choice, TRUTH.1), ("a", &a, code), ("b", &b, code)];
        let [choice_name, a_name, b_name] = inputs.map(|(name, value, code)| onnx.typed_input(name, code, value.shape()));
        let y = onnx.op("Where", "y", &[&choice_name, &a_name, &b_name], &[]);
        onnx.typed_output(&y, code);
        same(onnx, &[choice, a, b])
    });
}

#[test]
fn slices_by_computed_indices() {
    let data = (0..6usize, prop::collection::vec(1..5usize, 1..4), operand(), any::<bool>());
    run((data, 2..4usize, extents(), operand(), 0..3usize), |((ty, dims, data, is_known), by, shape, indices, axis)| {
        let (dtype, code) = [INTEGERS[0], INTEGERS[1], INTEGERS[2], INTEGERS[3], TRUTH, FLOAT][ty];
        let shape = &shape[..shape.len().min(2)];
        let (data, indices) = (data.tensor(dtype, &dims), indices.tensor(INTEGERS[by].0, shape));
        let mut onnx = Onnx::new(18);
        let given =
            if is_known { onnx.initializer("data", &dims, code, data.as_bytes().to_vec()) } else { onnx.typed_input("data", code, &dims) };
        let by = onnx.typed_input("indices", INTEGERS[by].1, shape);
        let y = onnx.op("Gather", "y", &[&given, &by], &[("axis", Attr::Int((axis % dims.len()) as i64))]);
        onnx.typed_output(&y, code);
        if is_known { same(onnx, &[indices]) } else { same(onnx, &[data, indices]) }
    });
}

/// Integers by floats, of which every other is whole, and by integers of another type.
#[test]
fn powers_with_exponents_of_another_type() {
    let types = [INTEGERS[0], INTEGERS[1], INTEGERS[2], INTEGERS[3], FLOAT];
    run((0..INTEGERS.len(), 0..types.len(), 0..8usize), |(ty, of_exponents, first)| {
        let (base, exponent) = (INTEGERS[ty], types[of_exponents]);
        let numbers: Vec<u8> =
            (0..7).flat_map(|k| [0_i64, 1, 4, 9, 16, 25, 100][(k + first) % 7].to_le_bytes()[..base.0.bytes()].to_vec()).collect();
        let exponents = (0..7usize).flat_map(|k| match exponent.0 {
            DType::F32 => (k as f32 * 0.5).to_le_bytes().to_vec(),
            dtype => (k as i64).to_le_bytes()[..dtype.bytes()].to_vec(),
        });
        let tensor = |(dtype, _): (DType, i32), bytes: Vec<u8>| {
            Tensor::from_le_bytes(&TensorType::new(dtype, Shape(vec![7])), &bytes).expect("as many values as elements")
        };
        let inputs = [tensor(base, numbers), tensor(exponent, exponents.collect())];
        let mut onnx = Onnx::new(18);
        let names = [("a", base.1), ("b", exponent.1)].map(|(name, code)| onnx.typed_input(name, code, &[7]));
        let y = onnx.op("Pow", "y", &[&names[0], &names[1]], &[]);
        onnx.typed_output(&y, base.1);
        same(onnx, &inputs)
    });
}

#[test]
fn extremes_of_bytes_and_of_truth() {
    let shapes = prop::collection::vec(1..5usize, 1..5);
    run((0..3usize, any::<bool>(), shapes, operand(), 0..4usize), |(ty, is_max, dims, operand, axis)| {
        let (dtype, code) = [INTEGERS[0], INTEGERS[1], TRUTH][ty];
        let mut onnx = Onnx::new(20);
        let (x, axes) = (onnx.typed_input("x", code, &dims), onnx.ints("axes", &[(axis % dims.len()) as i64]));
        let y = onnx.op(if is_max { "ReduceMax" } else { "ReduceMin" }, "y", &[&x, &axes], &[("keepdims", Attr::Int((axis / 2) as i64))]);
        onnx.typed_output(&y, code);
        same(onnx, &[operand.tensor(dtype, &dims)])
    });
}

#[test]
fn constants_around_elements_of_any_type() {
    let shapes = prop::collection::vec(1..4usize, 1..5);
    run((0..6usize, shapes, operand(), 0..26usize, any::<[u8; 8]>()), |(ty, dims, operand, value, pads)| {
        let (dtype, code) = [INTEGERS[0], INTEGERS[1], INTEGERS[2], INTEGERS[3], TRUTH, FLOAT][ty];
        let pads: Vec<i64> = pads.iter().take(2 * dims.len()).map(|pad| i64::from(pad % 3)).collect();
        let mut onnx = Onnx::new(18);
        let (x, pads) = (onnx.typed_input("x", code, &dims), onnx.ints("pads", &pads));
        let value = onnx.initializer("value", &[], code, element(dtype, value));
        let y = onnx.op("Pad", "y", &[&x, &pads, &value], &[]);
        onnx.typed_output(&y, code);
        same(onnx, &[operand.tensor(dtype, &dims)])
    });
}

/// What onnxruntime's `quantize_dynamic` makes of a convolution and of a product: bytes whose scale follows from each input.
#[test]
fn bytes_that_are_quantised_on_the_way() {
    run((any::<bool>(), prop::collection::vec(-9..9i32, 1..30), any::<[u8; 8]>()), |(is_map, values, weights)| {
        let (dims, of_weights): (&[usize], &[usize]) = if is_map { (&[1, 2, 4, 3], &[2, 2, 2, 1]) } else { (&[4, 2], &[2, 4]) };
        let pads = [("pads", Attr::Ints(&[1, 0, 0, 2]))];
        let (op_type, attributes) = if is_map { ("ConvInteger", &pads[..]) } else { ("MatMulInteger", &pads[..0]) };
        let values = values.iter().cycle().take(dims.iter().product()).map(|&value| value as f32 * 0.37);
        let mut onnx = Onnx::new(18);
        let x = onnx.input("x", dims);
        let bytes = onnx.op("DynamicQuantizeLinear", "bytes", &[&x], &[]);
        onnx.last_node().output = ["bytes", "scale", "zero"].map(str::to_owned).to_vec();
        let w = onnx.initializer("w", of_weights, INTEGERS[0].1, weights.to_vec());
        let sums = onnx.op(op_type, "sums", &[&bytes, &w, "zero"], attributes);
        let floats = onnx.op("Cast", "floats", &[&sums], &[("to", Attr::Int(FLOAT.1.into()))]);
        let y = onnx.op("Mul", "y", &[&floats, "scale"], &[]);
        for (name, (_, code)) in [(&*bytes, INTEGERS[1]), ("scale", FLOAT), ("zero", INTEGERS[1]), (&*sums, INTEGERS[2]), (&*y, FLOAT)] {
            onnx.typed_output(name, code);
        }
        same(onnx, &[Tensor::f32(dims.to_vec(), values.collect::<Vec<_>>()).expect("as many values as elements")])
    });
}

/// Bytes of a scale a block, to floats and back; the last block may be shorter.
#[test]
fn bytes_of_a_scale_a_block() {
    let shapes = prop::collection::vec(1..6usize, 1..5);
    run((0..2usize, any::<bool>(), shapes, operand(), 0..4usize, 1..4usize), |(ty, has_zeros, dims, operand, axis, block)| {
        let ((dtype, code), axis) = (INTEGERS[ty], axis % dims.len());
        let mut blocks = dims.clone();
        blocks[axis] = dims[axis].div_ceil(block);
        let count: usize = blocks.iter().product();
        let mut onnx = Onnx::new(21);
        let x = onnx.typed_input("x", code, &dims);
        let scales: Vec<f32> = (0..count).map(|k| 0.3 + k as f32 * 0.41).collect();
        let scales = onnx.floats("scales", &blocks, &scales);
        let zeros = (0..count).map(|k| if has_zeros { (3 + 40 * k % 200) as u8 } else { 0 }).collect();
        let zeros = onnx.initializer("zeros", &blocks, code, zeros);
        let attributes = [("axis", Attr::Int(axis as i64)), ("block_size", Attr::Int(block as i64))];
        let floats = onnx.op("DequantizeLinear", "floats", &[&x, &scales, &zeros], &attributes);
        let y = onnx.op("QuantizeLinear", "y", &[&floats, &scales, &zeros], &attributes);
        onnx.output(&floats);
        onnx.typed_output(&y, code);
        same(onnx, &[operand.tensor(dtype, &dims)])
    });
}

/// Bytes of a scale a channel, to floats and back.
#[test]
fn bytes_of_a_scale_a_channel() {
    let shapes = prop::collection::vec(1..5usize, 1..5);
    run((0..2usize, any::<[bool; 2]>(), shapes, operand(), 0..4usize), |(ty, has_zeros, dims, operand, axis)| {
        let ((dtype, code), axis) = (INTEGERS[ty], axis % dims.len());
        let mut onnx = Onnx::new(19);
        let x = onnx.typed_input("x", code, &dims);
        let convert = |onnx: &mut Onnx, way: usize, x: &str| {
            let (op_type, name) = [("DequantizeLinear", "floats"), ("QuantizeLinear", "bytes")][way];
            let scales: Vec<f32> = (0..dims[axis]).map(|k| 0.3 + (k + way) as f32 * 0.41).collect();
            let scales = onnx.floats(&format!("scales_{way}"), &[scales.len()], &scales);
            let zeros = (0..dims[axis]).map(|k| if has_zeros[way] { (3 + 40 * k) as u8 } else { 0 }).collect();
            let zeros = onnx.initializer(&format!("zeros_{way}"), &[dims[axis]], code, zeros);
            onnx.op(op_type, name, &[x, &scales, &zeros], &[("axis", Attr::Int(axis as i64))])
        };
        let floats = convert(&mut onnx, 0, &x);
        let y = convert(&mut onnx, 1, &floats);
        onnx.output(&floats);
        onnx.typed_output(&y, code);
        same(onnx, &[operand.tensor(dtype, &dims)])
    });
}
