//! Good, broken and hostile files, built with the writer, through the whole import.

mod asked;
mod branches;
mod folding;
mod inputs;
mod integers;
mod large;
mod limits;
mod quantized;
mod steps;
mod sums;
mod told;
mod unused;

use std::time::{Duration, Instant};

use prost::bytes::Bytes;

use super::wire::{AttributeProto, Dimension, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, kind};
use super::write::ModelWriter;
use super::{ImportOptions, import, read_tensor};
use crate::diagnostics::{Diagnostic, Problems, Severity};
use crate::ir::Graph;
use crate::node::Attribute;
use crate::tensor::{DType, Tensor, TensorType};

fn named(name: &str) -> Dimension {
    Dimension { dim_value: None, dim_param: Some(name.to_owned()) }
}

fn extent(value: i64) -> Dimension {
    Dimension { dim_value: Some(value), dim_param: None }
}

fn read(bytes: impl Into<Bytes>) -> Result<(Graph, Vec<Diagnostic>), Problems> {
    import_with(bytes, &ImportOptions::default())
}

fn import_with(bytes: impl Into<Bytes>, options: &ImportOptions) -> Result<(Graph, Vec<Diagnostic>), Problems> {
    import(bytes.into(), options, None).map_err(|refused| refused.problems)
}

fn codes(result: &Result<(Graph, Vec<Diagnostic>), Problems>) -> Vec<&'static str> {
    let diagnostics = match result {
        Ok((_, diagnostics)) => diagnostics,
        Err(problems) => &problems.0,
    };
    diagnostics.iter().map(|diagnostic| diagnostic.code).collect()
}

/// `x` -> Conv -> Relu -> `y`, with a named batch.
fn conv_relu() -> ModelWriter {
    let mut model = ModelWriter::new("small", 17);
    model
        .input_dims("x", DType::F32, &[named("batch"), extent(2), extent(4), extent(4)])
        .initializer("w", &Tensor::f32([3, 2, 3, 3], vec![0.5; 54]).unwrap())
        .initializer("b", &Tensor::f32([3], vec![0.0, 1.0, -1.0]).unwrap())
        .node("Conv", "/conv", &["x", "w", "b"], &["c"], &[("pads", Attribute::Ints(vec![1; 4]))])
        .node("Relu", "/relu", &["c"], &["y"], &[])
        .output("y", &TensorType::f32([1, 3, 4, 4]));
    model
}

#[test]
fn a_good_model_becomes_a_valid_graph_with_a_note_on_its_batch() {
    let (graph, diagnostics) = read(conv_relu().finish()).unwrap();
    assert_eq!(graph.verify(), Vec::<String>::new());
    assert_eq!(graph.outputs()[0].name, "y");
    assert_eq!(*graph.ty(graph.outputs()[0].source), TensorType::f32([1, 3, 4, 4]));
    assert_eq!(diagnostics.len(), 1);
    assert_eq!((diagnostics[0].code, diagnostics[0].severity), ("PL0209", Severity::Note));
    let output = graph.evaluate(&[Tensor::f32([1, 2, 4, 4], vec![1.0; 32]).unwrap()]).unwrap();
    assert_eq!(output[0].as_f32().unwrap()[5], 9.0);
}

#[test]
fn a_batch_is_set_by_name() {
    let options = ImportOptions { input_dims: [("batch".to_owned(), 3)].into(), ..ImportOptions::default() };
    let (graph, diagnostics) = import_with(conv_relu().finish(), &options).unwrap();
    assert_eq!((graph.ty(graph.outputs()[0].source).shape[0], diagnostics.len()), (3, 0));
    let misspelt = ImportOptions { input_dims: [("bach".to_owned(), 3)].into(), ..ImportOptions::default() };
    assert_eq!(codes(&import_with(conv_relu().finish(), &misspelt)), ["PL0209", "PL0208"]);
}

#[test]
fn other_symbolic_extents_are_errors_that_name_the_flags() {
    let mut model = ModelWriter::new("g", 17);
    let dims = [Dimension::default(), extent(3), named("height"), Dimension::default()];
    model.input_dims("x", DType::F32, &dims).node("Relu", "r", &["x"], &["y"], &[]).output("y", &TensorType::f32([1]));
    let problems = read(model.finish()).unwrap_err();
    let error = &problems.0[1];
    assert_eq!((error.code, problems.exit_code()), ("PL0204", 4));
    assert_eq!(error.title, "input `x` has symbolic dimensions `height`, `x.3`");
    assert_eq!(error.help.as_deref(), Some("--input-dim height=N --input-dim x.3=N"));
    let pins = [("height".to_owned(), 5), ("x.3".to_owned(), 7)].into();
    let options = ImportOptions { input_dims: pins, ..ImportOptions::default() };
    let (graph, _) = import_with(model.finish(), &options).unwrap();
    assert_eq!(graph.ty(graph.outputs()[0].source).shape[..], [1, 3, 5, 7]);
}

#[test]
fn a_file_out_of_order_is_sorted() {
    let mut model = conv_relu();
    model.graph.node.reverse();
    assert!(read(model.finish()).is_ok());
}

#[test]
fn initializers_listed_as_inputs_are_constants() {
    let mut model = conv_relu();
    model.input("w", &TensorType::f32([3, 2, 3, 3]));
    assert_eq!(read(model.finish()).unwrap().0.inputs().len(), 1);
}

#[test]
fn every_unsupported_operator_is_listed_and_what_follows_is_not() {
    let mut model = conv_relu();
    model
        .node("Frobnicate", "/a", &["c"], &["a"], &[])
        .node("LSTM", "/b", &["a"], &["b2"], &[])
        .node("Relu", "/after", &["b2"], &["z"], &[])
        .output("z", &TensorType::f32([1]));
    let problems = read(model.finish()).unwrap_err();
    let errors: Vec<_> = problems.0.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).collect();
    assert_eq!(errors.iter().map(|error| error.code).collect::<Vec<_>>(), ["PL0301", "PL0301"]);
    let node = errors[1].node.as_ref().unwrap();
    assert_eq!((node.name.as_str(), node.index, node.total, node.opset), ("/b", 4, 5, 17));
    assert_eq!(errors[0].inputs[0].description, "f32[1,3,4,4]");
    assert!(errors[0].help.as_deref().unwrap().ends_with(": --output c"), "{:?}", errors[0].help);
    assert!(errors[1].help.as_deref().unwrap().contains("recurrent"));
    assert_eq!(problems.exit_code(), 4);
}

#[test]
fn control_flow_and_other_domains_are_refused_unseen() {
    let mut model = conv_relu();
    model.node("If", "/if", &["c"], &["a"], &[("then_branch", Attribute::Other("a graph"))]).node("FusedConv", "/f", &["c"], &["f"], &[]);
    model.graph.node[3].domain = Some("com.microsoft".to_owned());
    model.output("a", &TensorType::f32([1])).output("f", &TensorType::f32([1]));
    assert_eq!(codes(&read(model.finish())), ["PL0209", "PL0304", "PL0302"]);
}

#[test]
fn an_output_that_is_not_computed_may_be_named_but_not_read() {
    let mut model = conv_relu();
    model.node("Dropout", "/drop", &["c"], &["d", "mask"], &[]).output("d", &TensorType::f32([1, 3, 4, 4]));
    assert!(read(model.finish()).is_ok());
    model.node("Identity", "/read", &["mask"], &["m"], &[]).output("m", &TensorType::f32([1]));
    assert_eq!(codes(&read(model.finish())), ["PL0209", "PL0305"]);
}

#[test]
fn a_shape_computed_from_another_shape_is_known_and_one_from_data_is_not() {
    let mut model = conv_relu();
    model
        .node("Shape", "/shape", &["c"], &["s"], &[])
        .node("Reshape", "/same", &["c", "s"], &["r"], &[])
        .output("r", &TensorType::f32([1, 3, 4, 4]));
    let (graph, _) = read(model.finish()).unwrap();
    assert_eq!(graph.ty(graph.outputs()[1].source).shape[..], [1, 3, 4, 4]);
    model.input("wanted", &TensorType::new(DType::I64, [2])).node("Reshape", "/run", &["c", "wanted"], &["q"], &[]);
    model.output("q", &TensorType::f32([1]));
    let problems = read(model.finish()).unwrap_err();
    assert_eq!((problems.0[1].code, problems.exit_code()), ("PL0304", 4));
    assert_eq!(problems.0[1].inputs[1].description, "i64[2]");
}

#[test]
fn names_are_defined_once_and_before_use() {
    let mut model = conv_relu();
    model.node("Relu", "/again", &["c"], &["y"], &[]).node("Relu", "/lost", &["nowhere"], &["l"], &[]);
    let result = read(model.finish());
    assert_eq!(codes(&result), ["PL0209", "PL0201", "PL0202"]);
    assert_eq!(result.unwrap_err().exit_code(), 3);
    let mut model = conv_relu();
    model.initializer("w", &Tensor::f32([1], vec![0.0]).unwrap());
    assert_eq!(codes(&read(model.finish())), ["PL0201", "PL0209"]);
}

#[test]
fn a_cycle_is_named_once() {
    let mut model = conv_relu();
    model
        .node("Relu", "/p", &["q"], &["p"], &[])
        .node("Relu", "/q", &["p"], &["q"], &[])
        .node("Nope", "/n", &["q"], &["n"], &[])
        .output("n", &TensorType::f32([1]));
    let problems = read(model.finish()).unwrap_err();
    assert_eq!(problems.0[1].title, "nodes read each other in a cycle: `/p`, `/q`");
    assert_eq!(problems.0[2].code, "PL0301");
}

#[test]
fn missing_outputs_and_weights_are_errors() {
    let mut model = conv_relu();
    model.graph.initializer.remove(1);
    model.output("gone", &TensorType::f32([1]));
    assert_eq!(codes(&read(model.finish())), ["PL0209", "PL0202", "PL0207"]);
    let mut model = conv_relu();
    model.graph.output.clear();
    assert_eq!(codes(&read(model.finish())), ["PL0209", "PL0207"]);
}

#[test]
fn weights_of_another_length_kind_or_value_are_errors() {
    let damaged = |damage: &dyn Fn(&mut GraphProto)| {
        let mut model = conv_relu();
        damage(&mut model.graph);
        codes(&read(model.finish()))[1]
    };
    assert_eq!(damaged(&|graph| graph.initializer[0].raw_data = Some(vec![0; 7].into())), "PL0106");
    assert_eq!(damaged(&|graph| graph.initializer[0].data_type = Some(8)), "PL0107");
    assert_eq!(damaged(&|graph| graph.initializer[0].dims = vec![1 << 40, 1 << 40]), "PL0106");
    assert_eq!(damaged(&|graph| graph.initializer[1].raw_data = Some([0xff; 12].to_vec().into())), "PL0109");
    assert_eq!(damaged(&|graph| graph.initializer[0].data_location = Some(1)), "PL0108");
}

#[test]
fn attributes_are_checked_before_the_operator_reads_them() {
    let damaged = |damage: &dyn Fn(&mut Vec<AttributeProto>)| {
        let mut model = conv_relu();
        damage(&mut model.graph.node[0].attribute);
        read(model.finish()).unwrap_err().0.remove(1)
    };
    assert_eq!(damaged(&|list| list.push(list[0].clone())).title, "attribute `pads` is given twice");
    assert_eq!(damaged(&|list| list[0].kind = Some(kind::TENSOR)).title, "attribute `pads` is a tensor without a value");
    assert_eq!(damaged(&|list| list[0].kind = Some(kind::INT)).code, "PL0303");
    assert_eq!(damaged(&|list| list[0].ints = vec![-1; 4]).found.as_deref(), Some("attribute `pads` is [-1, -1, -1, -1]"));
}

#[test]
fn operator_sets_are_bounded_and_unambiguous() {
    let mut model = conv_relu();
    for (versions, exit) in [(vec![0], 4), (vec![29], 4), (vec![], 3), (vec![13, 17], 3)] {
        let import = |version| OperatorSetIdProto { domain: None, version: Some(version) };
        model.opsets = versions.into_iter().map(import).collect();
        let problems = read(model.finish()).unwrap_err();
        assert_eq!((problems.0[0].code, problems.exit_code()), ("PL0104", exit));
    }
    model.opsets = vec![
        OperatorSetIdProto { domain: Some("ai.onnx".to_owned()), version: Some(7) },
        OperatorSetIdProto { domain: Some("com.microsoft".to_owned()), version: Some(1) },
    ];
    assert!(read(model.finish()).is_ok());
}

#[test]
fn old_operator_sets_are_read_where_operators_mean_the_same() {
    let refusal = |opset, op_type: &str, attributes: &[(&str, Attribute)]| {
        let mut model = ModelWriter::new("g", opset);
        let hint = ("consumed_inputs", Attribute::Ints(vec![0]));
        model
            .input("x", &TensorType::f32([1, 2, 4, 4]))
            .node("Relu", "/relu", &["x"], &["r"], &[hint])
            .node(op_type, "/old", &["r"], &["y"], attributes)
            .output("y", &TensorType::f32([1, 2, 4, 4]));
        let problems = read(model.finish()).err()?;
        assert_eq!((problems.0.len(), problems.exit_code()), (1, 4));
        problems.0.into_iter().next().map(|problem| (problem.code, problem.title, problem.supported.unwrap_or_default()))
    };
    let (shape, axis) = ([("shape", Attribute::Ints(vec![0, -1]))], [("axis", Attribute::Int(1))]);
    for opset in 1..=5 {
        assert_eq!(refusal(opset, "Sigmoid", &[]), None);
        assert_eq!(refusal(opset, "Softmax", &axis), None);
        assert_eq!(refusal(opset, "Concat", &axis), None);
        assert_eq!(refusal(opset, "Reshape", &shape), None);
    }
    let old = |opset, op_type: &str, supported: &str| {
        let title = format!("operator `{op_type}` is not supported as operator set {opset} has it");
        assert_eq!(refusal(opset, op_type, &[]), Some(("PL0104", title, supported.to_owned())));
    };
    old(5, "Cast", "6 to 28");
    old(1, "Pad", "2 to 28");
    old(4, "Selu", "6 to 28");
    old(1, "Split", "2 to 28");
    old(5, "Tile", "6 to 28");
    old(6, "Upsample", "7 to 28");
}

#[test]
fn files_that_are_no_model_are_named() {
    let title = |bytes: &[u8]| read(bytes.to_vec()).unwrap_err().0.remove(0).title;
    assert_eq!(title(b""), "the file is empty");
    assert_eq!(title(b"<!DOCTYPE html><html>Not found</html>"), "the file is text, not an ONNX model");
    assert_eq!(title(b"version https://git-lfs.github.com/spec/v1\n"), "the file is a Git LFS pointer, not the model itself");
    assert_eq!(title(b"PK\x03\x04data.pkl"), "the file is a zip archive, perhaps a PyTorch checkpoint");
    assert_eq!(title(&[0x08, 0x08]), "the file holds no graph");
    let model = conv_relu().finish();
    assert!(title(&model[..model.len() / 2]).starts_with("the file ends early"));
}

#[test]
fn bombs_are_refused_quickly() {
    let start = Instant::now();
    let framed = |field: u8, content: Vec<u8>| {
        let mut file = vec![field];
        prost::encode_length_delimiter(content.len(), &mut file).unwrap();
        file.extend(content);
        file
    };
    assert_eq!(codes(&read(framed(0x3a, [0x0a, 0].repeat(5 << 20)))), ["PL0102"]);
    assert_eq!(codes(&read(framed(0x3a, [0x2a, 0].repeat(5 << 20)))), ["PL0102"]);
    assert_eq!(codes(&read([0x3a, 0].repeat(5 << 20))), ["PL0102"]);
    assert_eq!(codes(&read(vec![0x0b; 300_000])), ["PL0101"]);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[test]
fn thousands_of_inputs_and_refused_nodes_take_no_time() {
    let start = Instant::now();
    let mut model = conv_relu();
    for index in 0..20_000 {
        let (name, ty) = (format!("n{index}"), TensorType::f32([1]));
        model.input(&format!("in{index}"), &ty).node("Nope", &name, &["c"], &[&name], &[]).output(&name, &ty);
    }
    let problems = read(model.finish()).unwrap_err();
    assert_eq!((problems.0.len(), problems.0[1].also.len()), (2, 19_999));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn subgraphs_nested_ten_thousand_deep_are_not_entered() {
    let mut nested = Vec::new();
    for _ in 0..10_000 {
        // AttributeProto.g holds GraphProto.node holds NodeProto.attribute.
        for field in [0x32u8, 0x0a, 0x2a] {
            let mut outer = vec![field];
            prost::encode_length_delimiter(nested.len(), &mut outer).unwrap();
            outer.extend(&nested);
            nested = outer;
        }
    }
    let mut file = conv_relu().finish();
    file.push(0x3a);
    prost::encode_length_delimiter(nested.len(), &mut file).unwrap();
    file.extend(nested);
    assert!(read(file).is_err());
}

#[test]
fn small_constants_of_huge_rank_or_size_stay_cheap() {
    let mut model = ModelWriter::new("g", 17);
    model.input("x", &TensorType::f32([1 << 14, 1 << 14])).input("z", &TensorType::f32([1 << 20, 1 << 20]));
    model.node("Relu", "r", &["x"], &["y"], &[]).output("y", &TensorType::f32([1]));
    assert_eq!(codes(&read(model.finish())), ["PL0206"]);
}

#[test]
fn damaged_files_give_an_answer_and_never_a_panic() {
    let model = conv_relu().finish();
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let start = Instant::now();
    for _ in 0..4000 {
        let mut file = model.clone();
        for _ in 0..1 + random(4) {
            let at = random(file.len());
            match random(4) {
                0 => file[at] = random(256) as u8,
                1 => file[at] ^= 1 << random(8),
                2 => file.truncate(at.max(1)),
                _ => file.insert(at, random(256) as u8),
            }
        }
        if let Ok((graph, _)) = read(file) {
            assert_eq!(graph.verify(), Vec::<String>::new());
        }
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn nodes_may_lack_everything() {
    let mut model = conv_relu();
    model.graph.node.push(NodeProto::default());
    assert_eq!(codes(&read(model.finish())), ["PL0209"]);
    assert_eq!(
        codes(&read(prost::Message::encode_to_vec(&ModelProto { graph: Some(GraphProto::default()), ..ModelProto::default() }))),
        ["PL0104"]
    );
}

/// Folders with a `model.onnx` and vectors, below the repository's `models/`.
fn stored_models() -> Vec<std::path::PathBuf> {
    let models = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let mut folders: Vec<_> = std::fs::read_dir(models).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|folder| folder.join("model.onnx").is_file());
    folders.sort();
    folders
}

#[test]
fn every_stored_flavour_imports_and_evaluates_to_its_vectors() {
    let folders = stored_models();
    assert!(!folders.is_empty());
    for folder in folders {
        let model = std::fs::read(folder.join("model.onnx")).unwrap();
        if folder.ends_with("peleenet-dynamic-batch-20") || folder.ends_with("peleenet-dynamo-20") {
            continue;
        }
        let (graph, _) = read(model).unwrap_or_else(|problems| panic!("{}:\n{problems}", folder.display()));
        assert_eq!(graph.verify(), Vec::<String>::new(), "{}", folder.display());
        let vector = |name: &str| read_tensor(std::fs::read(folder.join("test_data_set_0").join(name)).unwrap()).unwrap().1;
        let inputs: Vec<_> = (0..graph.inputs().len()).map(|index| vector(&format!("input_{index}.pb"))).collect();
        for (index, output) in graph.evaluate(&inputs).unwrap().iter().enumerate() {
            let expected = vector(&format!("output_{index}.pb"));
            assert_eq!(output.ty(), expected.ty(), "{}", folder.display());
            let pairs = output.as_f32().unwrap().iter().zip(expected.as_f32().unwrap());
            let worst = pairs.map(|(a, b)| (a - b).abs() - 2e-4 * b.abs()).fold(0.0, f32::max);
            assert!(worst <= 2e-4, "{}: output {index} is off by {worst}", folder.display());
        }
    }
}
