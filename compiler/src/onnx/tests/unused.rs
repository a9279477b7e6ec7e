//! What nothing uses keeps no model from being imported, whatever it is.

use prost::Message;

use super::{codes, conv_relu, read};
use crate::onnx::wire::{SparseTensorProto, SparseValuesProto, TensorProto, TypeProto, ValueInfoProto};
use crate::onnx::write::ModelWriter;
use crate::tensor::{Data, Shape, Tensor, TensorType};

fn is_taken(model: &ModelWriter) {
    let (graph, notes) = read(model.finish()).unwrap();
    assert_eq!((graph.verify(), notes.len(), graph.node_count()), (vec![], 1, 5));
}

#[test]
fn nodes_of_unknown_operators_and_what_only_they_read() {
    let mut model = conv_relu();
    model.node("Frobnicate", "/select", &["c", "labels"], &["s"], &[]).node("Softmax", "/behind", &["s"], &["t"], &[]);
    model.graph.initializer.push(TensorProto { name: Some("labels".to_owned()), data_type: Some(8), ..TensorProto::default() });
    is_taken(&model);
    model.output("s", &TensorType::f32([1]));
    assert_eq!(codes(&read(model.finish())), ["PL0209", "PL0301"]);
}

#[test]
fn values_of_any_type_length_and_number() {
    let stored =
        |data_type: i32| TensorProto { name: Some("k".to_owned()), data_type: Some(data_type), dims: vec![2], ..TensorProto::default() };
    for (value, code) in [(stored(8), "PL0107"), (stored(13), "PL0107"), (stored(99), "PL0107"), (stored(1), "PL0106")] {
        let mut model = conv_relu();
        model.graph.initializer.push(value);
        is_taken(&model);
        model.node("Relu", "/used", &["k"], &["u"], &[]).output("u", &TensorType::f32([2]));
        assert_eq!(codes(&read(model.finish())), ["PL0209", code]);
    }
    let mut model = conv_relu();
    model.graph.initializer.push(TensorProto { data_location: Some(1), ..stored(1) });
    is_taken(&model);
}

#[test]
fn sparse_values() {
    let mut model = conv_relu();
    let values = Some(SparseValuesProto { name: Some("sparse".to_owned()) });
    model.graph.sparse_initializer.push(SparseTensorProto { values });
    is_taken(&model);
    model.node("Relu", "/used", &["sparse"], &["u"], &[]).output("u", &TensorType::f32([2]));
    let problems = read(model.finish()).unwrap_err();
    assert_eq!((problems.0[1].code, problems.0[1].title.as_str()), ("PL0105", "initializer `sparse` is sparse"));
}

/// `ModelProto.functions`, with a function that holds nothing.
const FUNCTION: [u8; 3] = [0xca, 0x01, 0];

#[test]
fn functions() {
    let mut file = conv_relu().finish();
    file.extend(FUNCTION);
    assert!(read(file).is_ok());
    let mut model = conv_relu();
    model.node("Block", "/call", &["c"], &["u"], &[]).output("u", &TensorType::f32([2]));
    model.graph.node[2].domain = Some("my.functions".to_owned());
    let mut file = model.finish();
    file.extend(FUNCTION);
    let problems = read(file).unwrap_err();
    assert_eq!(problems.0[1].code, "PL0302");
    assert!(problems.0[1].help.as_deref().unwrap().contains("inline_local_functions"));
}

#[test]
fn long_names_of_what_is_not_needed() {
    let long = "ä".repeat(4000);
    let mut model = conv_relu();
    model.graph.name = Some(long.clone());
    model.graph.node[0].name = Some(long.clone());
    model.initializer(&long, &Tensor::i64s([1])).node("Relu", "/dead", &[&long], &["dead"], &[]);
    is_taken(&model);
    let mut file = model.finish();
    // `ModelProto.producer_name`.
    file.push(0x12);
    prost::encode_length_delimiter(long.len(), &mut file).unwrap();
    file.extend(long.as_bytes());
    assert!(read(file).is_ok());
    let long = "ä".repeat(4001);
    model.node("Relu", "/live", &["c"], &[&long], &[]).output(&long, &TensorType::f32([1]));
    let problems = read(model.finish()).unwrap_err();
    assert_eq!(problems.0[1].code, "PL0102");
    assert!(problems.0[1].title.starts_with("a name has 8002 bytes: `ä") && problems.0[1].title.len() < 300);
}

#[test]
fn an_input_that_is_no_tensor_is_named() {
    let mut model = conv_relu();
    // `TypeProto.sequence_type`, of nothing.
    let sequence = TypeProto::decode(&[0x22, 0][..]).unwrap();
    model.graph.input.push(ValueInfoProto { name: Some("list".to_owned()), r#type: Some(sequence) });
    let problems = read(model.finish()).unwrap_err();
    assert_eq!(problems.0[1].title, "graph input `list` is not a tensor");
}

#[test]
fn a_result_may_be_given_twice() {
    let mut model = conv_relu();
    model.graph.output.push(model.graph.output[0].clone());
    let (graph, _) = read(model.finish()).unwrap();
    assert_eq!((graph.outputs().len(), &graph.outputs()[0]), (2, &graph.outputs()[1]));
}

#[test]
fn infinities_are_values() {
    let mut model = conv_relu();
    let mask = Tensor::new(Shape(vec![4]), Data::F32([0.0, f32::NEG_INFINITY, 0.0, f32::INFINITY].into())).unwrap();
    model.initializer("mask", &mask).node("Add", "/mask", &["c", "mask"], &["m"], &[]).output("m", &TensorType::f32([1]));
    assert!(read(model.finish()).is_ok());
}

#[test]
fn a_result_without_elements_is_named() {
    let mut model = conv_relu();
    model.initializer("none", &Tensor::f32([0, 4], []).unwrap()).output("none", &TensorType::f32([0, 4]));
    let problems = read(model.finish()).unwrap_err();
    let error = &problems.0[1];
    assert_eq!((error.code, error.title.as_str()), ("PL0206", "graph output `none` has no elements"));
}
