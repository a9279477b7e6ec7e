//! Graphs that end where they are asked to, and inputs whose shapes are given.

use prost::Message;

use super::branches::{add_if, branch, shaped as shaped_by_six};
use super::{codes, conv_relu, extent, import_with, named};
use crate::diagnostics::{Diagnostic, Problems};
use crate::ir::Graph;
use crate::onnx::ImportOptions;
use crate::onnx::wire::{TensorTypeProto, TypeProto, ValueInfoProto};
use crate::onnx::write::ModelWriter;
use crate::tensor::{DType, Tensor, TensorType};

type Imported = Result<(Graph, Vec<Diagnostic>), Problems>;

fn ended(model: &ModelWriter, names: &[&str]) -> Imported {
    let output_names = names.iter().map(|&name| name.to_owned()).collect();
    import_with(model.finish(), &ImportOptions { output_names, ..ImportOptions::default() })
}

fn shaped(model: &ModelWriter, shapes: &[(&str, &[usize])]) -> Imported {
    let input_shapes = shapes.iter().map(|&(name, dims)| (name.to_owned(), dims.to_vec())).collect();
    import_with(model.finish(), &ImportOptions { input_shapes, ..ImportOptions::default() })
}

fn names(types: &[(String, TensorType)]) -> Vec<&str> {
    types.iter().map(|(name, _)| name.as_str()).collect()
}

/// The last error, its title and what would be accepted or was found.
fn told(imported: Imported) -> (&'static str, String, String, u8) {
    let problems = imported.unwrap_err();
    let last = problems.0.last().cloned().unwrap();
    (last.code, last.title, last.supported.or(last.found).unwrap_or_default(), problems.exit_code())
}

#[test]
fn a_graph_ends_at_the_tensors_that_are_asked_for_in_their_order() {
    let mut model = conv_relu();
    model.node("Neg", "/neg", &["y"], &["z"], &[]).output("z", &TensorType::f32([1, 3, 4, 4]));
    for asked in [&["c"][..], &["y", "c"], &["z", "c", "y"], &["x", "y"], &["b", "y"]] {
        let (graph, _) = ended(&model, asked).unwrap();
        assert_eq!((names(&graph.output_types()), graph.verify()), (asked.to_vec(), vec![]));
    }
    let whole = ended(&model, &[]).unwrap().0;
    assert_eq!(names(&whole.output_types()), ["y", "z"]);
}

#[test]
fn what_no_output_needs_is_not_looked_at() {
    let mut model = conv_relu();
    let sequence = TypeProto::decode(&[0x22, 0][..]).unwrap();
    model.graph.input.push(ValueInfoProto { name: Some("list".to_owned()), r#type: Some(sequence) });
    model
        .input_dims("size", DType::F32, &[extent(1), named("height")])
        .node("NonMaxSuppression", "/select", &["y", "size", "nowhere"], &["kept"], &[])
        .node("Add", "/round", &["kept", "about"], &["round"], &[])
        .node("Frobnicate", "/about", &["round", "list"], &["about"], &[])
        .output("about", &TensorType::f32([1]));
    model.graph.output.remove(0);
    assert_eq!(ended(&model, &[]).unwrap_err().exit_code(), 3);
    let (graph, notes) = ended(&model, &["c"]).unwrap();
    assert_eq!((names(&graph.input_types()), names(&graph.output_types())), (vec!["x"], vec!["c"]));
    assert_eq!(codes(&Ok((graph, notes))), ["PL0209"]);
}

#[test]
fn an_input_that_only_the_branch_not_taken_reads_is_left_out() {
    let mut model = shaped_by_six();
    let six = TensorType::f32([1, 6]);
    model.input("z", &six).input("w", &six).node("Neg", "/late", &["w"], &["late"], &[]);
    add_if(&mut model, "c", [&branch("Relu", &["x"], "r"), &branch("Add", &["z", "late"], "r")], "y");
    model.node("Neg", "/n", &["y"], &["n"], &[]).output("n", &six);
    let (graph, _) = ended(&model, &["y"]).unwrap();
    assert_eq!((names(&graph.input_types()), graph.verify()), (vec!["x"], vec![]));
    assert_eq!(graph.operators().into_keys().collect::<Vec<_>>(), ["Relu"]);
    let whole = ended(&model, &[]).unwrap().0;
    assert_eq!(names(&whole.input_types()), ["x", "z", "w"], "a file that is not cut keeps its inputs");
}

#[test]
fn a_shape_that_nothing_needs_is_warned_of() {
    let mut model = conv_relu();
    model.input("size", &TensorType::f32([2])).node("Neg", "/neg", &["size"], &["s"], &[]).output("s", &TensorType::f32([2]));
    let options = ImportOptions {
        output_names: vec!["c".to_owned()],
        input_shapes: [("size".to_owned(), vec![4]), ("x".to_owned(), vec![1, 2, 4, 4])].into(),
        ..ImportOptions::default()
    };
    assert_eq!(codes(&import_with(model.finish(), &options)), ["PL0208"]);
}

#[test]
fn unknown_outputs_are_named_with_those_that_are_near() {
    let mut model = conv_relu();
    model.node("Neg", "/neg", &["y"], &["/head/Neg_output_0"], &[]);
    let (code, title, near, exit) = told(ended(&model, &["y", "/head/Neg_output"]));
    assert_eq!((code, title.as_str(), exit), ("PL0212", "no tensor of the graph is called `/head/Neg_output`", 2));
    assert_eq!(near, "`/head/Neg_output_0`");
    let far = told(ended(&model, &["somewhere else"])).2;
    assert_eq!(far, "the outputs of the file's nodes, `y`, `/head/Neg_output_0`, `c` among them");
    let twice = told(ended(&model, &["y", "c", "y"]));
    assert_eq!((twice.1.as_str(), twice.3), ("the output `y` is asked for twice", 2));
    assert_eq!(codes(&ended(&model, &["", "no", "no"])), ["PL0212"; 3]);
}

#[test]
fn a_shape_that_is_given_stands_in_place_of_the_files() {
    let mut model = conv_relu();
    model.node("Neg", "/neg", &["y"], &["z"], &[]).output("z", &TensorType::f32([1, 3, 4, 4]));
    let (graph, notes) = shaped(&model, &[("x", &[2, 2, 9, 5])]).unwrap();
    assert_eq!((notes.len(), graph.input_types()[0].1.shape[..].to_vec()), (0, vec![2, 2, 9, 5]));
    assert!(graph.output_types().iter().all(|(_, ty)| *ty == TensorType::f32([2, 3, 9, 5])));
    // What is given for a dimension by its name counts less.
    let options = ImportOptions {
        input_dims: [("batch".to_owned(), 7)].into(),
        input_shapes: [("x".to_owned(), vec![1, 2, 4, 4])].into(),
        ..ImportOptions::default()
    };
    let (graph, notes) = import_with(model.finish(), &options).unwrap();
    assert_eq!((notes.len(), graph.input_types()[0].1.shape[0]), (0, 1));
}

#[test]
fn an_input_without_a_shape_is_given_one() {
    let mut model = ModelWriter::new("g", 17);
    let tensor_type = Some(TensorTypeProto { elem_type: Some(1), shape: None });
    model.graph.input.push(ValueInfoProto { name: Some("x".to_owned()), r#type: Some(TypeProto { tensor_type }) });
    model.node("Relu", "r", &["x"], &["y"], &[]).output("y", &TensorType::f32([1]));
    let problems = shaped(&model, &[]).unwrap_err();
    assert_eq!(problems.0[0].help.as_deref(), Some("--input-shape x=1,3,304,304"));
    let (graph, _) = shaped(&model, &[("x", &[2, 3])]).unwrap();
    assert_eq!(graph.output_types()[0].1, TensorType::f32([2, 3]));
}

#[test]
fn shapes_that_no_input_can_have_are_refused() {
    let mut model = conv_relu();
    model.input("w", &TensorType::f32([3, 2, 3, 3])).initializer("k", &Tensor::i64s([1]));
    let unknown = told(shaped(&model, &[("image", &[1])]));
    assert_eq!((unknown.0, unknown.1.as_str(), unknown.3), ("PL0213", "no input of the graph is called `image`", 2));
    assert_eq!(unknown.2, "`x`");
    assert_eq!(told(shaped(&model, &[("w", &[3, 2, 3, 3])])).0, "PL0213");
    let rank = told(shaped(&model, &[("x", &[2, 4])]));
    assert_eq!((rank.0, rank.2.as_str(), rank.3), ("PL0213", "4, as many as `x` [batch,2,4,4] has", 2));
    for (dims, code) in [([1, 2, 0, 4], "PL0204"), ([1, 2, usize::MAX, 4], "PL0204"), ([1, 2, 1 << 20, 1 << 20], "PL0206")] {
        assert_eq!(told(shaped(&model, &[("x", &dims)])).0, code, "{dims:?}");
    }
    assert_eq!(told(shaped(&model, &[("x", &[1; 17])])).0, "PL0205");
    assert_eq!(told(shaped(&model, &[("x", &[1, 3, 4, 4])])).0, "PL0303", "three channels where the weights have two");
}
