//! Two independent decoders, peleec's messages over prost and onnx-protobuf, see the same file.

use std::fmt::Write;

use codegen_tests::cases::{blocks, errors, operators};
use onnx_protobuf::{AttributeProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use peleec::ModelFile;
use protobuf::Message;

/// The outline of `peleec::outline`, from the other decoder's view.
fn outline(bytes: &[u8]) -> String {
    let model = ModelProto::parse_from_bytes(bytes).expect("onnx-protobuf decodes it");
    let mut text = String::new();
    for import in &model.opset_import {
        _ = writeln!(text, "opset {:?} {}", import.domain, import.version);
    }
    for (what, values) in [("input", &model.graph.input), ("output", &model.graph.output)] {
        values.iter().for_each(|value| text += &format!("{what} {}\n", value_text(value)));
    }
    model.graph.initializer.iter().for_each(|tensor| text += &format!("initializer {}\n", tensor_text(tensor)));
    model.graph.node.iter().for_each(|node| text += &node_text(node));
    text
}

fn value_text(value: &ValueInfoProto) -> String {
    let tensor = value.type_.tensor_type();
    let dim = |dim: &onnx_protobuf::tensor_shape_proto::Dimension| match (dim.has_dim_value(), dim.has_dim_param()) {
        (true, _) => dim.dim_value().to_string(),
        (_, true) => dim.dim_param().to_owned(),
        _ => "?".to_owned(),
    };
    let dims: Vec<_> = tensor.shape.dim.iter().map(dim).collect();
    format!("{} type {} {dims:?}", value.name, tensor.elem_type)
}

fn tensor_text(tensor: &TensorProto) -> String {
    let mut bytes = tensor.raw_data.clone();
    tensor.float_data.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
    tensor.int32_data.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
    tensor.int64_data.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
    tensor.double_data.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let typed = tensor.float_data.len() + tensor.int32_data.len() + tensor.int64_data.len() + tensor.double_data.len();
    format!("{} type {} {:?} raw {} typed {typed} {hash:016x}", tensor.name, tensor.data_type, tensor.dims, tensor.raw_data.len())
}

fn node_text(node: &NodeProto) -> String {
    let mut text = format!("node {:?} {} {} {:?} -> {:?}\n", node.domain, node.op_type, node.name, node.input, node.output);
    node.attribute.iter().for_each(|attribute| text += &format!("  {}\n", attribute_text(attribute)));
    text
}

fn attribute_text(a: &AttributeProto) -> String {
    let t = a.t.as_ref().map(tensor_text);
    format!("{} kind {} f {:?} i {} s {:?} floats {:?} ints {:?} t {t:?}", a.name, a.type_.value(), a.f, a.i, a.s, a.floats, a.ints)
}

fn check(name: &str, bytes: Vec<u8>) {
    let other = outline(&bytes);
    let ours = peleec::outline(&ModelFile::from_bytes(name, bytes)).map_err(|error| format!("{name}: {error}")).expect("peleec decodes it");
    assert!(ours == other, "{name}: the decoders differ:\n{}", first_difference(&ours, &other));
}

fn first_difference(a: &str, b: &str) -> String {
    let lines = a.lines().zip(b.lines()).find(|(a, b)| a != b);
    lines.map_or_else(|| "one has more lines".to_owned(), |(a, b)| format!("{a}\n{b}"))
}

#[test]
fn both_decoders_see_the_same_stored_models() {
    let stored = models::networks().into_iter().chain(models::operator_cases());
    for model in stored {
        check(&model.name, std::fs::read(&model.path).expect("a stored model is there"));
    }
}

#[test]
fn both_decoders_see_the_same_cases_and_zoo() {
    for case in operators::CASES.iter().chain(blocks::CASES).chain([&blocks::MINI]).chain(errors::CASES.iter().map(|(case, _)| case)) {
        check(case.name, (case.build)());
    }
    for name in ["pelee-304", "peleenet-224"] {
        check(name, peleec::zoo::build(name, &peleec::zoo::ZooOptions::default()).expect("the zoo has it"));
    }
}
