//! Bytes that are quantised while the network runs: what onnxruntime gives, bit for bit.

use super::read;
use crate::ir::Graph;
use crate::node::Attribute;
use crate::onnx::write::ModelWriter;
use crate::tensor::{DType, Data, Shape, Tensor, TensorType};

fn bytes(shape: &[usize], values: &[u8]) -> Tensor {
    Tensor::new(Shape(shape.to_vec()), Data::U8(values.into())).unwrap()
}

fn imported(model: &ModelWriter) -> Graph {
    let (graph, _) = read(model.finish()).unwrap();
    assert_eq!(graph.verify(), Vec::<String>::new());
    graph
}

fn integers(graph: &Graph, input: Tensor) -> Vec<i64> {
    graph.evaluate(&[input]).unwrap()[0].to_i64s().unwrap()
}

/// As onnxruntime's `quantize_dynamic` writes a convolution.
#[test]
fn a_convolution_of_what_is_quantised_on_the_way() {
    let weights = [1, -2, 3, 4, -5, 6, 7, -8, 100, -100, 50, 25, 0, 1, 2, 3, -1, -1, -1, -1, 2, 2, 2, 2];
    let mut model = ModelWriter::new("g", 17);
    model.input("x", &TensorType::f32([1, 2, 2, 3])).output("c", &TensorType::new(DType::I32, [1])).output("y", &TensorType::f32([1]));
    model.initializer("w", &Tensor::new(Shape(vec![3, 2, 2, 2]), Data::I8(weights.into())).unwrap());
    model.initializer("of_w", &Tensor::f32([], [0.02]).unwrap());
    model.node("DynamicQuantizeLinear", "quantize", &["x"], &["q", "s", "z"], &[]);
    model.node("ConvInteger", "conv", &["q", "w", "z"], &["c"], &[("pads", Attribute::Ints(vec![1, 1, 0, 0]))]);
    model.node("Cast", "cast", &["c"], &["floats"], &[("to", Attribute::Int(1))]).node("Mul", "scale", &["s", "of_w"], &["m"], &[]);
    model.node("Mul", "mul", &["floats", "m"], &["y"], &[]);
    let graph = imported(&model);
    let x = [-1.5, 0.25, 2.0, 0.75, -0.5, 1.0, 3.0, -2.0, 0.1, 0.3, -0.7, 1.9];
    let found = graph.evaluate(&[Tensor::f32([1, 2, 2, 3], x).unwrap()]).unwrap();
    let sums = [-1528, 1711, -307, 1102, -1076, -553, -1441, -3475, 3011, 8748, -7830, -8701, 382, 165, -309, 374, 111, -212];
    assert_eq!(found[0].to_i64s().unwrap(), sums);
    let scaled = found[1].as_f32().unwrap();
    assert_eq!((scaled[0], scaled[7], scaled[11], scaled[17]), (-0.599_215_7, -1.362_745, -3.412_156_8, -0.083_137_25));
}

#[test]
fn a_product_with_zero_points_of_columns_and_rows() {
    let product = |zero: &Tensor| {
        let mut model = ModelWriter::new("g", 10);
        model.input("a", &TensorType::new(DType::U8, [2, 3])).output("y", &TensorType::new(DType::I32, [1]));
        model.initializer("b", &bytes(&[3, 2], &[1, 200, 3, 4, 5, 6])).initializer("of_b", &bytes(&[2], &[3, 100]));
        model.initializer("of_a", zero).node("MatMulInteger", "n", &["a", "b", "of_a", "of_b"], &["y"], &[]);
        integers(&imported(&model), bytes(&[2, 3], &[1, 2, 3, 250, 251, 252]))
    };
    assert_eq!(product(&bytes(&[], &[2])), [4, -194, 4, -22_604]);
    assert_eq!(product(&bytes(&[2], &[2, 250])), [4, -194, 4, -284]);
}

#[test]
fn scales_and_zero_points_follow_from_extremes() {
    let mut model = ModelWriter::new("g", 11);
    model.input("x", &TensorType::f32([4])).output("q", &TensorType::new(DType::U8, [1])).output("s", &TensorType::f32([1]));
    model.output("z", &TensorType::new(DType::U8, [1])).node("DynamicQuantizeLinear", "n", &["x"], &["q", "s", "z"], &[]);
    let graph = imported(&model);
    for (x, bytes, scale, zero) in [
        ([0.0; 4], [0; 4], 1.0, 0),
        ([255.0, 1.0, 0.5, 1.5], [255, 1, 0, 2], 1.0, 0),
        ([-255.0, -1.0, -0.5, -1.5], [0, 254, 255, 253], 1.0, 255),
        ([-127.5, 127.5, 0.0, 1.0], [0, 255, 128, 129], 1.0, 128),
    ] {
        let found = graph.evaluate(&[Tensor::f32([4], x).unwrap()]).unwrap();
        assert!(*found[0].data() == Data::U8(bytes.into()), "{x:?} became {:?}", found[0]);
        assert_eq!((found[1].as_f32(), found[2].to_i64s()), (Some(&[scale][..]), Some(vec![zero])));
    }
}

#[test]
fn results_may_be_left_out() {
    let mut model = ModelWriter::new("g", 11);
    model.input("x", &TensorType::f32([4])).output("q", &TensorType::new(DType::U8, [1]));
    model.node("DynamicQuantizeLinear", "n", &["x"], &["q", "", "z"], &[]);
    let graph = imported(&model);
    assert_eq!(graph.node(graph.outputs()[0].source.node).name, "n");
}

fn refusal(op_type: &str, x: &TensorType, weights: Option<&Tensor>, zeros: [&str; 2]) -> String {
    let mut model = ModelWriter::new("g", 10);
    model.input("x", x).input("z", &TensorType::new(DType::U8, [])).output("y", &TensorType::new(DType::I32, [1]));
    model.initializer("zeros", &bytes(&[2], &[0; 2]));
    match weights {
        Some(weights) => model.initializer("w", weights),
        None => model.input("w", &TensorType::new(DType::U8, [1, 1])),
    };
    model.node(op_type, "n", &["x", "w", zeros[0], zeros[1]], &["y"], &[]);
    let problems = read(model.finish()).unwrap_err();
    assert_eq!(problems.0[0].node.as_ref().map(|node| node.op_type.as_str()), Some(op_type));
    problems.0[0].found.clone().unwrap_or_default()
}

#[test]
fn refusals() {
    let row = |dtype| TensorType::new(dtype, [1, 300]);
    let large = bytes(&[300, 1], &[255; 300]);
    assert_eq!(refusal("MatMulInteger", &row(DType::U8), Some(&large), ["z", ""]), "a sum of products can be 19507500");
    assert!(refusal("MatMulInteger", &row(DType::F32), Some(&large), ["", ""]).contains("input `x` is f32[1,300]"));
    assert!(refusal("MatMulInteger", &row(DType::I8), Some(&large), ["z", ""]).contains("its zero point is u8[]"));
    assert!(refusal("MatMulInteger", &row(DType::U8), None, ["", ""]).contains("`w` is computed at run time"));
    let small = bytes(&[300, 1], &[1; 300]);
    assert!(refusal("MatMulInteger", &row(DType::U8), Some(&small), ["", "z"]).contains("`z` is computed at run time"));
    assert!(refusal("MatMulInteger", &row(DType::U8), Some(&small), ["zeros", ""]).contains("the bytes are u8[1,300]"));
    let (map, filter) = (TensorType::new(DType::U8, [1, 1, 2, 2]), bytes(&[1, 1, 1, 1], &[1]));
    assert!(refusal("ConvInteger", &map, Some(&filter), ["zeros", ""]).contains("input `zeros` is u8[2]"));
    assert!(refusal("ConvInteger", &map, Some(&filter), ["", "zeros"]).contains("their zero point is u8[2]"));
}
