//! Exporters' arithmetic on shapes becomes numbers while a file is imported, and what is left of it is refused in words that help.

use super::read;
use crate::ir::Graph;
use crate::node::Attribute;
use crate::onnx::write::ModelWriter;
use crate::tensor::{DType, Data, Shape, Tensor, TensorType};

/// `x` f32[1,6,4,4] and its shape `s`; results are added by the caller.
fn shaped() -> ModelWriter {
    let mut model = ModelWriter::new("g", 17);
    model.input("x", &TensorType::f32([1, 6, 4, 4])).node("Shape", "shape", &["x"], &["s"], &[]);
    for (name, value) in [("zero", 0), ("one", 1), ("two", 2), ("minus", -1)] {
        model.initializer(name, &Tensor::i64s([value]));
    }
    model
}

fn imported(model: &mut ModelWriter) -> Graph {
    let (graph, _) = read(model.output("y", &TensorType::f32([1])).finish()).unwrap();
    assert_eq!(graph.verify(), Vec::<String>::new());
    graph
}

fn shape_of_result(model: &mut ModelWriter) -> Vec<usize> {
    let graph = imported(model);
    assert_eq!(graph.ids().into_iter().filter(|&id| graph.op(id).is_some()).count(), 1, "{graph}");
    graph.ty(graph.outputs()[0].source).shape.to_vec()
}

#[test]
fn slice_and_concat() {
    let mut model = shaped();
    model.node("Slice", "b", &["s", "zero", "two"], &["b"], &[]);
    model.node("Concat", "t", &["b", "minus"], &["t"], &[("axis", Attribute::Int(0))]).node("Reshape", "y", &["x", "t"], &["y"], &[]);
    assert_eq!(shape_of_result(&mut model), [1, 6, 16]);
}

#[test]
fn product_of_the_rest() {
    let mut model = shaped();
    model.initializer("rest", &Tensor::i64s([1, 2, 3])).node("Gather", "g", &["s", "rest"], &["g"], &[]);
    model.node("ReduceProd", "p", &["g"], &["p"], &[("keepdims", Attribute::Int(1))]);
    model.node("Concat", "t", &["minus", "p"], &["t"], &[("axis", Attribute::Int(0))]).node("Reshape", "y", &["x", "t"], &["y"], &[]);
    assert_eq!(shape_of_result(&mut model), [1, 96]);
}

#[test]
fn half_of_a_size_by_floats() {
    let mut model = shaped();
    model.initializer("half", &Tensor::f32([1], [2.5]).unwrap());
    model.node("Gather", "g", &["s", "two"], &["g"], &[]).node("Cast", "f", &["g"], &["f"], &[("to", Attribute::Int(1))]);
    model.node("Div", "d", &["f", "half"], &["d"], &[]).node("Floor", "l", &["d"], &["l"], &[]);
    model.node("Cast", "i", &["l"], &["i"], &[("to", Attribute::Int(7))]).node("Mul", "m", &["i", "two"], &["m"], &[]);
    model.node("Concat", "t", &["m", "minus"], &["t"], &[("axis", Attribute::Int(0))]).node("Reshape", "y", &["x", "t"], &["y"], &[]);
    assert_eq!(shape_of_result(&mut model), [2, 48]);
}

#[test]
fn pads_as_pytorch_computes_them() {
    let mut model = shaped();
    model
        .initializer("pads", &Tensor::i64s([1, 1, 1, 1]))
        .initializer("four", &Tensor::i64s([4]))
        .initializer("pairs", &Tensor::i64s([-1, 2]));
    model.initializer("least", &Tensor::i64s([i64::MIN + 1]));
    model.node("ConstantOfShape", "z", &["four"], &["z"], &[("value", Attribute::Tensor(Tensor::i64s([0])))]);
    model.node("Concat", "c", &["pads", "z"], &["c"], &[("axis", Attribute::Int(0))]).node("Reshape", "r", &["c", "pairs"], &["r"], &[]);
    model.node("Slice", "sl", &["r", "minus", "least", "zero", "minus"], &["sl"], &[]);
    model.node("Transpose", "tr", &["sl"], &["tr"], &[("perm", Attribute::Ints(vec![1, 0]))]);
    model.node("Reshape", "flat", &["tr", "minus"], &["flat"], &[]).node("Cast", "i", &["flat"], &["i"], &[("to", Attribute::Int(7))]);
    model.node("Pad", "y", &["x", "i"], &["y"], &[]);
    assert_eq!(shape_of_result(&mut model), [1, 6, 6, 6]);
}

#[test]
fn a_choice_between_extents() {
    let mut model = shaped();
    model.initializer("wanted", &Tensor::i64s([1, -1, 16])).node("Equal", "e", &["wanted", "minus"], &["e"], &[]);
    model.initializer("six", &Tensor::i64s([6])).node("Where", "w", &["e", "six", "wanted"], &["w"], &[]);
    model.node("Reshape", "y", &["x", "w"], &["y"], &[]);
    assert_eq!(shape_of_result(&mut model), [1, 6, 16]);
}

#[test]
fn parts_of_a_shape() {
    let mut model = shaped();
    model.node("Split", "sp", &["s"], &["a", "b"], &[]).node("ReduceProd", "p", &["b"], &["p"], &[]);
    model.node("Concat", "t", &["a", "p"], &["t"], &[("axis", Attribute::Int(0))]).node("Reshape", "y", &["x", "t"], &["y"], &[]);
    assert_eq!(shape_of_result(&mut model), [1, 6, 16]);
}

#[test]
fn large_values_wait_for_the_passes() {
    let mut model = shaped();
    model.initializer("w", &Tensor::f32([6, 6, 256, 256], vec![0.5; 6 * 6 * 256 * 256]).unwrap());
    model
        .initializer("start", &Tensor::i64s([0, 0]))
        .initializer("end", &Tensor::i64s([200, 200]))
        .initializer("axes", &Tensor::i64s([2, 3]));
    model.node("Slice", "cut", &["w", "start", "end", "axes"], &["cut"], &[]).node("Neg", "n", &["cut"], &["n"], &[]);
    model.node("Pad", "p", &["x", "pads"], &["p"], &[]).initializer("pads", &Tensor::i64s([0, 0, 200, 200, 0, 0, 0, 0]));
    model.node("Conv", "y", &["p", "n"], &["y"], &[]);
    let mut graph = imported(&mut model);
    assert_eq!(graph.operators().len(), 4);
    crate::passes::run(&mut graph, |_, _| {});
    assert!(graph.operators().keys().all(|name| name.ends_with("Conv") || name == "Pad"), "{graph}");
}

#[test]
fn at_run_time_they_are_refused() {
    let mut model = shaped();
    model.initializer("scales", &Tensor::f32([6], [0.5; 6]).unwrap());
    model.initializer("zeros", &Tensor::new(Shape(vec![6]), Data::I32([1; 6].into())).unwrap());
    model.node("Cast", "c", &["x"], &["c"], &[("to", Attribute::Int(6))]);
    model.node("DequantizeLinear", "n", &["c", "scales", "zeros"], &["y"], &[]);
    model.output("y", &TensorType::f32([1]));
    let problems = read(model.finish()).unwrap_err();
    let [error] = problems.0.as_slice() else { panic!("{problems}") };
    assert_eq!((error.code, error.found.as_deref()), ("PL0304", Some("input `c` is computed at run time")));
    assert_eq!(error.supported.as_deref(), Some("`DequantizeLinear` of constants and of what follows from shapes"));
}

#[test]
fn what_changes_nothing_is_taken_at_run_time() {
    let mut model = shaped();
    model
        .initializer("all", &Tensor::i64s([i64::MAX]))
        .initializer("ones", &Tensor::i64s([1, 1, 1, 1]))
        .initializer("k", &Tensor::f32([], [1.0]).unwrap());
    model.node("Slice", "a", &["x", "zero", "all"], &["a"], &[]).node("Expand", "b", &["a", "ones"], &["b"], &[]);
    model.node("Tile", "c", &["b", "ones"], &["c"], &[]).node("Split", "d", &["c"], &["d"], &[]).node(
        "CastLike",
        "y",
        &["d", "k"],
        &["y"],
        &[],
    );
    let mut graph = imported(&mut model);
    crate::passes::run(&mut graph, |_, _| {});
    assert_eq!(graph.operators().into_values().sum::<usize>(), 1, "{graph}");
}

#[test]
fn integers_that_are_an_input_are_not_constants() {
    let mut model = shaped();
    model.input("i", &TensorType::new(DType::I64, [4])).node("ReduceMax", "y", &["i"], &["y"], &[]);
    model.node("ReduceProd", "z", &["i"], &["z"], &[]);
    model.output("y", &TensorType::new(DType::I64, [1])).output("z", &TensorType::new(DType::I64, [1]));
    let problems = read(model.finish()).unwrap_err().0;
    assert!(problems.iter().all(|problem| problem.found.as_deref() == Some("input `i` is i64[4] at run time")));
    assert_eq!(problems[0].supported.as_deref(), Some("`ReduceMax` of f32 at run time"));
    assert_eq!(problems[1].supported.as_deref(), Some("`ReduceProd` of f32 at run time"));
}

#[test]
fn integers_are_computed_at_run_time() {
    let mut model = shaped();
    model.input("i", &TensorType::new(DType::I64, [4])).node("Neg", "n", &["i"], &["n"], &[]);
    model.node("Less", "l", &["i", "n"], &["l"], &[]).node("Where", "w", &["l", "i", "two"], &["w"], &[]);
    model.node("Div", "d", &["w", "n"], &["d"], &[]).node("Gather", "g", &["s", "d"], &["y"], &[]);
    let (graph, _) = read(model.output("y", &TensorType::new(DType::I64, [4])).finish()).unwrap();
    assert_eq!((graph.verify(), graph.operators().len()), (vec![], 5));
}

#[test]
fn what_is_no_number_is_folded_and_given_and_no_operator_reads_it() {
    let model = || {
        let mut model = shaped();
        model.initializer("k", &Tensor::f32([4], [f32::NAN, f32::INFINITY, 1.5, -2.5]).unwrap());
        model
    };
    let given = |graph: &Graph| graph.evaluate(&[Tensor::f32([1, 6, 4, 4], [0.0; 96]).unwrap()]).unwrap().remove(0);
    let mut whole = model();
    whole.node("Neg", "n", &["k"], &["n"], &[]).node("Cast", "c", &["n"], &["y"], &[("to", Attribute::Int(1))]);
    let found = given(&imported(&mut whole));
    let [nan, rest @ ..] = found.as_f32().unwrap() else { panic!("{found:?}") };
    assert!(nan.is_nan() && *rest == [f32::NEG_INFINITY, -1.5, 2.5]);
    let mut tested = model();
    let is_nan = Tensor::new(Shape(vec![4]), Data::Bool([true, false, false, false].into())).unwrap();
    assert_eq!(given(&imported(tested.node("IsNaN", "t", &["k"], &["y"], &[]))), is_nan);
    let refusals = [
        ("Add", vec!["x", "k"], "constant `k` holds a value that is no number"),
        ("Pad", vec!["x", "pads", "first"], "constant `first` holds a value that is no number"),
    ];
    for (op_type, inputs, title) in refusals {
        let mut model = model();
        model.initializer("pads", &Tensor::i64s([0; 8])).node("Gather", "g", &["k", "zero"], &["first"], &[]);
        model.node(op_type, "/reads", &inputs, &["y"], &[]).output("y", &TensorType::f32([1]));
        let problems = read(model.finish()).unwrap_err().0;
        assert_eq!((problems.len(), problems[0].code, problems[0].title.as_str()), (1, "PL0109", title));
        assert_eq!(problems[0].node.as_ref().map(|node| node.name.as_str()), Some("/reads"));
    }
}
