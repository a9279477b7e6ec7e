//! Quantised operators are imported as what they mean.

use super::read;
use crate::ir::Graph;
use crate::node::Attribute;
use crate::onnx::write::ModelWriter;
use crate::tensor::{DType, Data, Shape, Tensor, TensorType};

fn bytes(shape: &[usize], values: &[i8]) -> Tensor {
    Tensor::new(Shape(shape.to_vec()), Data::I8(values.into())).unwrap()
}

/// A picture of bytes `x` and parameters: scales `s` and `t`, a zero point `z`.
fn model(opset: i64) -> ModelWriter {
    let mut model = ModelWriter::new("g", opset);
    model.input("x", &TensorType::new(DType::I8, [1, 2, 3, 3])).output("y", &TensorType::new(DType::I8, [1]));
    for (name, scale) in [("s", 0.5), ("t", 0.25)] {
        model.initializer(name, &Tensor::f32([], [scale]).unwrap());
    }
    model.initializer("z", &bytes(&[], &[1]));
    model
}

fn operators(model: &ModelWriter) -> (Graph, Vec<String>) {
    let (graph, _) = read(model.finish()).unwrap();
    assert_eq!(graph.verify(), Vec::<String>::new());
    let lines =
        graph.ids().into_iter().filter(|&id| graph.op(id).is_some()).map(|id| format!("{}: {}", graph.node(id).name, graph.label(id)));
    let lines = lines.collect();
    (graph, lines)
}

/// The graph's one result for `x` counting up from -9.
fn evaluated(graph: &Graph) -> Data {
    let x: Vec<i8> = (-9..9).collect();
    graph.evaluate(&[bytes(&[1, 2, 3, 3], &x)]).unwrap()[0].data().clone()
}

#[test]
fn a_convolution_with_a_bias() {
    let mut model = model(13);
    model.initializer("w", &bytes(&[1, 2, 1, 1], &[2, -1])).initializer("zw", &bytes(&[], &[0]));
    model.initializer("b", &Tensor::new(Shape(vec![1]), Data::I32([4].into())).unwrap());
    model.node("QLinearConv", "conv", &["x", "s", "z", "w", "s", "zw", "t", "z", "b"], &["y"], &[]);
    let (graph, lines) = operators(&model);
    assert!(lines.contains(&"conv: Conv".to_owned()) && lines.contains(&"conv_quantize: QuantizeLinear".to_owned()), "{lines:?}");
    // One step of the sums is the result's: 2 * (x - 1) - (x + 9 - 1) + 4, and 1 for zero.
    assert!(evaluated(&graph) == Data::I8((-9..0).map(|x: i8| 2 * (x - 1) - (x + 8) + 4 + 1).collect()));
}

#[test]
fn a_product_of_matrices_with_a_scale_for_each_column() {
    let mut model = ModelWriter::new("g", 13);
    model.input("a", &TensorType::new(DType::I8, [1, 2])).output("y", &TensorType::new(DType::I8, [1, 2]));
    for (name, scales) in [("s", &[0.5][..]), ("sb", &[0.5, 0.25]), ("t", &[0.25])] {
        let shape: &[usize] = if scales.len() > 1 { &[2] } else { &[] };
        model.initializer(name, &Tensor::f32(shape.to_vec(), scales).unwrap());
    }
    model.initializer("z", &bytes(&[], &[1])).initializer("b", &bytes(&[2, 2], &[1, 3, 2, 5]));
    model.node("QLinearMatMul", "n", &["a", "s", "z", "b", "sb", "z", "t", "z"], &["y"], &[]);
    let (graph, _) = operators(&model);
    // [2, -4] times [[0, 2], [1, 4]], in steps of one and of a half, and 1 for zero.
    let found = graph.evaluate(&[bytes(&[1, 2], &[3, -3])]).unwrap();
    assert!(*found[0].data() == Data::I8([-3, -5].into()), "{:?}", found[0]);
}

/// As onnxruntime's quantiser leaves the constant of a `Pad`.
#[test]
fn a_number_that_is_dequantised_is_known() {
    let mut model = ModelWriter::new("g", 13);
    model.input("x", &TensorType::f32([1, 2])).output("y", &TensorType::f32([1, 4]));
    model.initializer("pads", &Tensor::i64s([0, 1, 0, 1])).initializer("s", &Tensor::f32([], [0.5]).unwrap());
    model.initializer("z", &bytes(&[], &[1])).initializer("b", &bytes(&[], &[4]));
    model.node("DequantizeLinear", "d", &["b", "s", "z"], &["c"], &[]);
    model.node("Pad", "pad", &["x", "pads", "c"], &["y"], &[]);
    let (graph, lines) = operators(&model);
    assert!(lines.contains(&"pad: Pad".to_owned()), "{lines:?}");
    let found = graph.evaluate(&[Tensor::f32([1, 2], [7.0, 8.0]).unwrap()]).unwrap();
    assert_eq!(found[0].as_f32(), Some(&[1.5, 7.0, 8.0, 1.5][..]));
}

#[test]
fn a_result_whose_type_nothing_says_is_refused() {
    let mut model = model(11);
    model.node("QLinearSigmoid", "n", &["x", "s", "z", "s"], &["y"], &[]).domain("com.microsoft");
    assert_eq!(read(model.finish()).unwrap_err().0[0].code, "PL0302");
}

/// What a name of megabytes would become for each of many inputs.
#[test]
fn names_are_made_of_the_beginning_of_long_ones() {
    let long = "n".repeat(4000);
    let mut model = model(11);
    let inputs: Vec<&str> = ["t", "z"].into_iter().chain((0..50).flat_map(|_| ["x", "s", "z"])).collect();
    model.node("QLinearConcat", "n", &inputs, &[&long], &[("axis", Attribute::Int(1))]).domain("com.microsoft");
    model.output(&long, &TensorType::new(DType::I8, [1]));
    model.graph.output.remove(0);
    let (graph, _) = operators(&model);
    assert!(graph.ids().into_iter().filter(|&id| graph.label(id) == "DequantizeLinear").all(|id| graph.node(id).name.len() < 100));
}

#[test]
fn operators_of_microsoft() {
    let leaky = |x: i8| if x < 1 { (f32::from(x - 1) / 2.0).round_ties_even() as i8 + 1 } else { x };
    for (op_type, inputs, expected) in [
        ("QLinearAdd", &["x", "s", "z", "x", "t", "z", "t", "z"][..], (-9..9).map(|x: i8| 3 * (x - 1) + 1).collect::<Vec<_>>()),
        ("QLinearMul", &["x", "s", "z", "x", "s", "z", "t", "z"], (-9..9).map(|x: i32| ((x - 1) * (x - 1) + 1).min(127) as i8).collect()),
        ("QLinearLeakyRelu", &["x", "s", "z", "s", "z"], (-9..9).map(leaky).collect()),
    ] {
        let mut model = model(11);
        let attributes = [("alpha", Attribute::Float(0.5))];
        model.node(op_type, "n", inputs, &["y"], if op_type == "QLinearLeakyRelu" { &attributes } else { &[] }).domain("com.microsoft");
        let (graph, _) = operators(&model);
        assert!(evaluated(&graph) == Data::I8(expected.into()), "{op_type}");
    }
}

/// `beta` is one of Gemm's attributes that QGemm has not.
#[test]
fn an_attribute_of_the_meaning_alone_changes_nothing() {
    let mut model = ModelWriter::new("g", 13);
    model.input("a", &TensorType::new(DType::I8, [1, 2])).output("y", &TensorType::new(DType::I8, [1, 2]));
    model.initializer("s", &Tensor::f32([], [0.5]).unwrap()).initializer("t", &Tensor::f32([], [0.25]).unwrap());
    model.initializer("z", &bytes(&[], &[1])).initializer("b", &bytes(&[2, 2], &[1, 3, 2, 5]));
    model.initializer("c", &Tensor::new(Shape(vec![2]), Data::I32([4, 8].into())).unwrap());
    let inputs = ["a", "s", "z", "b", "s", "z", "c", "t", "z"];
    model.node("QGemm", "n", &inputs, &["y"], &[("beta", Attribute::Float(2.0))]).domain("com.microsoft");
    let (graph, _) = operators(&model);
    // [1, -2] times [[0, 1], [1/2, 2]] plus [1, 2], in steps of a quarter, and 1 for zero.
    let found = graph.evaluate(&[bytes(&[1, 2], &[3, -3])]).unwrap();
    assert!(*found[0].data() == Data::I8([1, -3].into()), "{:?}", found[0]);
}

#[test]
fn a_concat_takes_any_number() {
    let mut model = model(11);
    model.node("QLinearConcat", "n", &["t", "z", "x", "s", "z", "x", "t", "z", "x", "s", "z"], &["y"], &[("axis", Attribute::Int(1))]);
    model.domain("com.microsoft");
    let (graph, lines) = operators(&model);
    assert_eq!(lines.len(), 5);
    assert_eq!(graph.ty(graph.outputs()[0].source).shape.0, [1, 6, 3, 3]);
}

#[test]
fn names_that_the_file_has_are_left_to_it() {
    let mut model = model(11);
    // What the first input would be called.
    model.node("Identity", "other", &["x"], &["y_DequantizeLinear_1"], &[]);
    model.node("QLinearSigmoid", "n", &["y_DequantizeLinear_1", "s", "z", "s", "z"], &["y"], &[]).domain("com.microsoft");
    let (_, lines) = operators(&model);
    assert_eq!(lines.len(), 4, "{lines:?}");
}

#[test]
fn what_has_no_meaning_here_is_refused() {
    let mut layout = model(11);
    layout.node("QLinearGlobalAveragePool", "n", &["x", "s", "z", "s", "z"], &["y"], &[("channels_last", Attribute::Int(1))]);
    layout.domain("com.microsoft");
    assert_eq!(read(layout.finish()).unwrap_err().0[0].code, "PL0302");
    let mut short = model(11);
    short.node("QLinearConcat", "n", &["t", "z", "x"], &["y"], &[("axis", Attribute::Int(1))]).domain("com.microsoft");
    let problems = read(short.finish()).unwrap_err();
    assert_eq!(problems.0[0].found.as_deref(), Some("input 1 is missing"));
    assert_eq!(problems.0[0].node.as_ref().map(|node| node.op_type.as_str()), Some("QLinearConcat"));
    let mut wide = model(13);
    wide.initializer("wide", &Tensor::new(Shape(vec![]), Data::I32([0].into())).unwrap());
    wide.node("DequantizeLinear", "d", &["x", "s", "z"], &["d"], &[]).node("QuantizeLinear", "q", &["d", "s", "wide"], &["y"], &[]);
    assert_eq!(read(wide.finish()).unwrap_err().0[0].found.as_deref(), Some("integers of 16 bits"));
}
