//! Modules as text: which functions they have, what these take, and where weights lie.

use std::collections::BTreeSet;

use super::{float, int, long};
use crate::node::Attribute;
use crate::onnx::write::ModelWriter;
use crate::steps::bind::Region;
use crate::tensor::{DType, Tensor, TensorType};
use crate::{Compilation, InputForm, ModelFile, Options, Placement, RamBudget, compile};

const MAP: [usize; 4] = [1, 2, 6, 5];

fn compiled(model: &ModelWriter, options: &Options) -> Compilation {
    compile(&ModelFile::from_bytes("net", model.finish()), options).unwrap()
}

fn module(compilation: &Compilation) -> String {
    String::from_utf8(compilation.files().unwrap().remove(0).bytes).unwrap()
}

/// A model with inputs of one type, to which nodes are added.
fn model(inputs: &[&str], ty: &TensorType) -> ModelWriter {
    let mut model = ModelWriter::new("g", 17);
    for name in inputs {
        model.input(name, ty);
    }
    model
}

/// Adds a convolution that keeps the map's size, all of whose weights are `value`, under a name of their own.
fn conv(model: &mut ModelWriter, name: &str, [x, y]: [&str; 2], value: f32, bias: f32) {
    let [weights, biases] = ["weights", "biases"].map(|what| format!("{name} {what}"));
    model
        .initializer(&weights, &Tensor::f32([2, 2, 3, 3], vec![value; 36]).unwrap())
        .initializer(&biases, &Tensor::f32([2], vec![bias; 2]).unwrap())
        .node("Conv", name, &[x, &weights, &biases], &[y], &[("pads", Attribute::Ints(vec![1; 4]))]);
}

/// The functions of a module, each on a line.
fn signatures(module: &str) -> Vec<String> {
    let lines = module.match_indices("fn ").filter(|&(at, _)| {
        let before = module[..at].rsplit('\n').next().unwrap_or_default();
        ["", "pub ", "pub const "].contains(&before.trim_start())
    });
    let signature = |(at, _): (usize, &str)| {
        let (signature, _) = module[at..].split_once('{').unwrap_or_default();
        signature.split_whitespace().collect::<Vec<_>>().join(" ").replace("( ", "(").replace(", )", ")")
    };
    lines.map(signature).collect()
}

/// The name of a function, and those of its parameters.
fn names(signature: &str) -> (&str, Vec<&str>) {
    let (name, parameters) = signature.split_once('(').unwrap();
    (&name[3..], parameters.split(", ").filter_map(|parameter| Some(parameter.split_once(": ")?.0)).collect())
}

#[test]
fn long_numbers_are_grouped() {
    let shown = [0, 99_999, 100_000, 1_234_567].map(|value| int(value).to_string());
    assert_eq!(shown, ["0", "99999", "100_000", "1_234_567"]);
    assert_eq!(long(u64::MAX).to_string(), "18_446_744_073_709_551_615");
}

#[test]
fn floats_are_read_back_as_they_were() {
    for value in [0.0, -0.0, 1.0, -1.5, 0.1, 1.0 / 3.0, 16_777_216.0, 1e-45, f32::MIN_POSITIVE, f32::MAX, f32::MIN] {
        let text = float(value).to_string().replace(' ', "");
        assert_eq!(text.parse::<f32>().map(f32::to_bits), Ok(value.to_bits()), "{text}");
        // What has no point would be an integer.
        assert!(text.contains(['.', 'e']), "{text}");
    }
}

#[test]
fn layers_of_equal_weights_share_their_place() {
    let two = |second: f32, bias: f32| {
        let mut model = model(&["x"], &TensorType::f32(MAP));
        conv(&mut model, "first", ["x", "a"], 0.5, 1.0);
        conv(&mut model, "second", ["a", "y"], second, bias);
        model.output("y", &TensorType::f32(MAP));
        let compilation = compiled(&model, &Options::default());
        let text = module(&compilation);
        let weights: Vec<Region> = compilation.layers.iter().map(|layer| layer.w).collect();
        let bytes = compilation.files().unwrap()[1].bytes.len();
        (text, [weights[0], weights[1]], bytes)
    };
    let (text, [first, second], bytes) = two(0.5, 1.0);
    assert_eq!((first, bytes), (second, first.bytes()));
    assert_eq!(text.matches(&format!("WEIGHTS.get::<f32, {}, {}>()", first.at, first.len)).count(), 2, "{text}");
    // Other weights, or another bias: of each layer its own.
    for (weight, bias) in [(0.25, 1.0), (0.5, 2.0)] {
        let (text, [first, second], bytes) = two(weight, bias);
        assert!(first.at == 0 && second.at >= first.end() && bytes == second.end(), "{first:?} {second:?} {bytes}");
        for region in [first, second] {
            assert_eq!(text.matches(&format!("WEIGHTS.get::<f32, {}, {}>()", region.at, region.len)).count(), 1, "{text}");
        }
    }
}

#[test]
fn names_that_clash_are_made_unique() {
    let ty = TensorType::f32(MAP);
    let mut model = model(&["x.1", "x/1"], &ty);
    conv(&mut model, "conv.1", ["x.1", "a"], 0.5, 0.0);
    conv(&mut model, "Conv/1", ["a", "b"], 0.25, 0.0);
    conv(&mut model, "stream_1", ["b", "y"], 0.125, 0.0);
    conv(&mut model, "run", ["x/1", "x_1"], 0.5, 0.0);
    model.output("y", &ty).output("x_1", &ty);
    for outputs in [Placement::Arena, Placement::Caller] {
        let text = module(&compiled(&model, &Options { outputs, ram_budget: RamBudget::Least, ..Options::default() }));
        let signatures = signatures(&text);
        let functions: Vec<_> = signatures.iter().map(|signature| names(signature)).collect();
        let unique: BTreeSet<_> = functions.iter().map(|(name, _)| *name).collect();
        assert_eq!(unique.len(), functions.len(), "{signatures:?}");
        for (function, parameters) in &functions {
            let unique: BTreeSet<_> = parameters.iter().collect();
            assert_eq!(unique.len(), parameters.len(), "{function}: {parameters:?}");
        }
        // The second input is the one that the last layer reads.
        let (layers, calls) = match outputs {
            Placement::Arena => (
                &["conv_1", "conv_1_2", "stream_1", "run_"][..],
                ["Model::conv_1(arena, executor, x_1);", "Model::run_(arena, executor, x_1_2);"],
            ),
            Placement::Caller => (
                &["conv_1", "conv_1_2", "stream_1", "stream_1_2", "run_"][..],
                ["Model::stream_1_2(arena, executor, x_1, y);", "Model::run_(executor, x_1_2, x_1_3);"],
            ),
        };
        assert!(layers.iter().all(|layer| unique.contains(layer)), "{unique:?}");
        assert!(calls.iter().all(|call| text.contains(call)), "{text}");
    }
}

/// What options change in the functions of a module.
#[test]
fn outputs_of_the_callers_and_inputs_by_rows_are_arguments() {
    let mut model = model(&["x"], &TensorType::f32(MAP));
    conv(&mut model, "first", ["x", "a"], 0.5, 0.0);
    conv(&mut model, "second", ["a", "y"], 0.25, 0.0);
    model.output("y", &TensorType::f32(MAP));
    let of = |outputs, input| {
        let text = module(&compiled(&model, &Options { outputs, input, ..Options::default() }));
        let mut signatures = signatures(&text);
        signatures.retain(|signature| !["new", "over", "default"].contains(&names(signature).0));
        signatures
    };
    let (run, executor) = ("&mut self", "executor: &impl peleec_runtime::Executor");
    let inside = format!("arena: &mut Activations, {executor}");
    let (whole, rows, y) = ("x: &[f32; 60]", "x: &mut impl FnMut(usize, &mut [[f32; 2]; 5])", "y: &mut [f32; 60]");
    assert_eq!(
        of(Placement::Arena, InputForm::Whole),
        [
            format!("fn run({run}, {whole}) -> Outputs<'_>"),
            format!("fn run_with({run}, {executor}, {whole}) -> Outputs<'_>"),
            format!("fn first({inside}, {whole})"),
            format!("fn second({inside})"),
        ]
    );
    assert_eq!(
        of(Placement::Caller, InputForm::Rows),
        [
            format!("fn run_into({run}, {rows}, {y})"),
            format!("fn run_into_with({run}, {executor}, {rows}, {y})"),
            // It asks for the rows, by no kernel.
            format!("fn x(arena: &mut Activations, {rows})"),
            format!("fn first({inside})"),
            format!("fn second({inside}, {y})"),
        ]
    );
}

#[test]
fn an_input_is_an_argument_once_however_often_it_is_read() {
    let ty = TensorType::f32([2, 3]);
    let mut model = model(&["x", "unread"], &ty);
    model.node("Add", "sum", &["x", "x"], &["y"], &[]).output("y", &ty);
    let text = module(&compiled(&model, &Options::default()));
    let signatures = signatures(&text);
    let of = |function: &str| signatures.iter().map(|signature| names(signature)).find(|(name, _)| *name == function).unwrap().1;
    assert_eq!((of("run"), of("sum")), (vec!["x", "unread"], vec!["arena", "executor", "x"]));
    assert!(text.contains("Model::sum(arena, executor, x);") && text.contains("LAYER.run(executor, x, x, &[], to);"), "{text}");
    // Or rustc would warn of it.
    assert!(text.contains("let _ = unread;") && !text.contains("let _ = x;"), "{text}");
}

#[test]
fn scales_go_by_the_names_of_what_they_are_of() {
    let ty = TensorType::new(DType::I8, [1, 2, 4, 4]);
    let mut model = model(&["a.b", "a/b"], &ty);
    for (name, scale) in [("half", 0.5), ("quarter", 0.25)] {
        model.initializer(name, &Tensor::f32([1], vec![scale]).unwrap());
    }
    for (name, zero) in [("three", 3_i8), ("less", -7)] {
        let zero = Tensor::from_le_bytes(&TensorType::new(DType::I8, [1]), &zero.to_le_bytes()).unwrap();
        model.initializer(name, &zero);
    }
    model
        .node("DequantizeLinear", "left", &["a.b", "half", "three"], &["l"], &[])
        .node("DequantizeLinear", "right", &["a/b", "quarter", "less"], &["r"], &[])
        .node("Add", "sum", &["l", "r"], &["s"], &[])
        .node("QuantizeLinear", "bytes", &["s", "quarter", "three"], &["A B"], &[])
        .output("A B", &ty);
    let text = module(&compiled(&model, &Options::default()));
    for (name, scale, zero) in [("A_B", "0.5", "3"), ("A_B_2", "0.25", "-7"), ("A_B_3", "0.25", "3")] {
        let constants = [format!("pub const {name}_SCALE: f32 = {scale};"), format!("pub const {name}_ZERO_POINT: i32 = {zero};")];
        assert!(constants.iter().all(|constant| text.contains(constant)), "{constants:?} in {text}");
    }
    // The result's doc names its own.
    assert!(text.contains("Bytes of [`A_B_3_SCALE`] and [`A_B_3_ZERO_POINT`]."), "{text}");
}
