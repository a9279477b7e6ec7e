//! `If` whose condition is known: the branch takes its place, and the other one may hold anything.

use prost::Message;

use super::{codes, read};
use crate::ir::Graph;
use crate::onnx::wire::{AttributeProto, GraphProto, kind};
use crate::onnx::write::ModelWriter;
use crate::tensor::{DType, Data, Shape, Tensor, TensorType};

/// A branch of one node whose result is called `result`.
pub(super) fn branch(op_type: &str, inputs: &[&str], result: &str) -> GraphProto {
    let mut branch = ModelWriter::new("branch", 17);
    branch.node(op_type, op_type, inputs, &[result], &[]).output(result, &TensorType::f32([1]));
    branch.graph
}

pub(super) fn add_if(model: &mut ModelWriter, condition: &str, branches: [&GraphProto; 2], output: &str) {
    model.node("If", output, &[condition], &[output], &[]);
    let attribute = |(name, graph): (&str, &GraphProto)| AttributeProto {
        name: Some(name.to_owned()),
        kind: Some(kind::GRAPH),
        g: Some(graph.encode_to_vec().into()),
        ..AttributeProto::default()
    };
    let node = model.graph.node.last_mut().unwrap();
    node.attribute = ["then_branch", "else_branch"].into_iter().zip(branches).map(attribute).collect();
}

/// `x` f32[1,6], its second extent `b`, and the flag `c` that says whether it is six.
pub(super) fn shaped() -> ModelWriter {
    let mut model = ModelWriter::new("g", 17);
    model.input("x", &TensorType::f32([1, 6])).node("Shape", "shape", &["x"], &["s"], &[]);
    model.initializer("at", &Tensor::i64([], [1]).unwrap()).initializer("six", &Tensor::i64([], [6]).unwrap());
    model.node("Gather", "b", &["s", "at"], &["b"], &[]).node("Equal", "c", &["b", "six"], &["c"], &[]);
    model
}

fn taken(model: &mut ModelWriter) -> Graph {
    let (graph, _) = read(model.output("y", &TensorType::f32([1])).finish()).unwrap();
    assert_eq!(graph.verify(), Vec::<String>::new());
    graph
}

#[test]
fn the_branch_that_is_chosen_stands_in_its_place() {
    for (op_type, label) in [("Equal", "Relu"), ("Less", "Sigmoid")] {
        let mut model = shaped();
        model.node(op_type, "flag", &["b", "six"], &["flag"], &[]);
        add_if(&mut model, "flag", [&branch("Relu", &["x"], "r"), &branch("Sigmoid", &["x"], "r")], "y");
        let graph = taken(&mut model);
        assert_eq!(graph.operators().into_keys().collect::<Vec<_>>(), [label]);
    }
}

#[test]
fn the_other_branch_is_not_looked_at() {
    let mut model = shaped();
    add_if(&mut model, "c", [&branch("Relu", &["x"], "r"), &branch("Loop", &["nowhere"], "r")], "y");
    taken(&mut model);
    let mut model = shaped();
    add_if(&mut model, "c", [&branch("Loop", &["x"], "r"), &branch("Relu", &["x"], "r")], "y");
    model.output("y", &TensorType::f32([1]));
    let problems = read(model.finish()).unwrap_err();
    assert_eq!((problems.0.len(), problems.0[0].title.as_str()), (1, "operator `Loop` is not supported"));
}

#[test]
fn a_branch_reads_what_is_defined_behind_it_in_the_file() {
    let mut model = shaped();
    add_if(&mut model, "c", [&branch("Relu", &["late"], "r"), &branch("Relu", &["x"], "r")], "y");
    model.node("Sigmoid", "late", &["x"], &["late"], &[]);
    assert_eq!(taken(&mut model).operators().len(), 2);
}

#[test]
fn names_of_a_branch_are_its_own() {
    let mut model = shaped();
    let inner = branch("Relu", &["x"], "r");
    add_if(&mut model, "c", [&inner, &inner], "first");
    add_if(&mut model, "c", [&branch("Sigmoid", &["first"], "r"), &inner], "y");
    assert_eq!(taken(&mut model).operators().len(), 2);
    let mut model = shaped();
    add_if(&mut model, "c", [&branch("Relu", &["x"], "s"), &inner], "first");
    model.node("Reshape", "y", &["first", "s"], &["y"], &[]);
    let graph = taken(&mut model);
    assert_eq!(graph.ty(graph.outputs()[0].source).shape.to_vec(), [1, 6]);
}

#[test]
fn branches_lie_in_branches() {
    let mut inner = ModelWriter::new("outer branch", 17);
    add_if(&mut inner, "c", [&branch("Relu", &["x"], "r"), &branch("Loop", &["x"], "r")], "n");
    inner.output("n", &TensorType::f32([1]));
    let mut model = shaped();
    add_if(&mut model, "c", [&inner.graph, &branch("Loop", &["x"], "r")], "y");
    assert_eq!(taken(&mut model).operators().into_keys().collect::<Vec<_>>(), ["Relu"]);
}

#[test]
fn a_known_result_is_a_constant_and_an_input_may_be_handed_on() {
    let mut constant = ModelWriter::new("branch", 17);
    constant.initializer("k", &Tensor::i64s([3, 2])).output("k", &TensorType::new(DType::I64, [2]));
    let mut model = shaped();
    add_if(&mut model, "c", [&constant.graph, &branch("Relu", &["x"], "r")], "target");
    model.node("Reshape", "y", &["x", "target"], &["y"], &[]);
    let graph = taken(&mut model);
    assert_eq!(graph.ty(graph.outputs()[0].source).shape.to_vec(), [3, 2]);
    let mut handed_on = ModelWriter::new("branch", 17);
    handed_on.output("x", &TensorType::f32([1]));
    let mut model = shaped();
    add_if(&mut model, "c", [&handed_on.graph, &constant.graph], "same");
    model.node("Relu", "y", &["same"], &["y"], &[]);
    taken(&mut model);
}

#[test]
fn refusals() {
    let relu = branch("Relu", &["x"], "r");
    let refused = |build: &dyn Fn(&mut ModelWriter)| {
        let mut model = shaped();
        build(&mut model);
        codes(&read(model.output("y", &TensorType::f32([1])).finish()))
    };
    assert_eq!(refused(&|model| add_if(model, "b", [&relu, &relu], "y")), ["PL0303"]);
    assert_eq!(refused(&|model| add_if(model, "nowhere", [&relu, &relu], "y")), ["PL0202"]);
    assert_eq!(refused(&|model| add_if(model, "c", [&branch("Relu", &["nowhere"], "r"), &relu], "y")), ["PL0202"]);
    assert_eq!(refused(&|model| add_if(model, "c", [&GraphProto::default(), &relu], "y")), ["PL0303"]);
    assert_eq!(
        refused(&|model| {
            model.input("flag", &TensorType::new(DType::Bool, []));
            add_if(model, "flag", [&relu, &relu], "y");
        }),
        ["PL0304"]
    );
    assert_eq!(
        refused(&|model| {
            add_if(model, "c", [&relu, &relu], "y");
            model.graph.node.last_mut().unwrap().attribute[0].g = Some(vec![0xff; 9].into());
        }),
        ["PL0303"]
    );
}

#[test]
fn deep_branches_end_in_words() {
    let mut inner = branch("Relu", &["x"], "r0");
    for depth in 1..40 {
        let mut outer = ModelWriter::new("branch", 17);
        let result = format!("r{depth}");
        add_if(&mut outer, "c", [&inner, &GraphProto::default()], &result);
        outer.output(&result, &TensorType::f32([1]));
        inner = outer.graph;
    }
    let mut model = shaped();
    add_if(&mut model, "c", [&inner, &GraphProto::default()], "y");
    let problems = read(model.output("y", &TensorType::f32([1])).finish()).unwrap_err();
    assert!(problems.0[0].found.as_deref().unwrap().contains("deep in branches"), "{problems}");
}

#[test]
fn a_flag_of_several_elements_is_no_condition() {
    let mut model = shaped();
    model.initializer("flags", &Tensor::new(Shape(vec![2]), Data::Bool([true, true].into())).unwrap());
    let relu = branch("Relu", &["x"], "r");
    add_if(&mut model, "flags", [&relu, &relu], "y");
    assert_eq!(codes(&read(model.output("y", &TensorType::f32([1])).finish())), ["PL0303"]);
}
