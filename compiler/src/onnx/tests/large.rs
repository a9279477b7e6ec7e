//! Work grows with the graph and not with its square: what import, passes and lowering look at is counted for a graph and its double.

use super::read;
use crate::ir::graph::visits;
use crate::node::Attribute;
use crate::onnx::write::ModelWriter;
use crate::tensor::{Tensor, TensorType};

/// Edges that are looked at from the file to the steps.
fn visited(model: &ModelWriter) -> u64 {
    visits::of(|| {
        let (mut graph, _) = read(model.finish()).unwrap();
        crate::passes::run(&mut graph, |_, _| {});
        let profile = crate::Options::default().profile().unwrap();
        assert!(crate::lower::lower(&graph, profile).is_ok());
    })
}

fn is_linear(name: &str, build: impl Fn(usize) -> ModelWriter) {
    let (once, twice) = (visited(&build(500)), visited(&build(1000)));
    assert!(once > 0 && twice <= 2 * once + once / 10, "{name}: {once} edges are looked at, and {twice} for twice the graph");
}

const ROW: [usize; 2] = [1, 4];

fn writer() -> ModelWriter {
    let mut model = ModelWriter::new("g", 17);
    model.input("x", &TensorType::f32(ROW));
    model
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("y{i}")).collect()
}

#[test]
fn chains() {
    is_linear("chain", |n| {
        let mut model = writer();
        let names = names(n);
        for (i, name) in names.iter().enumerate() {
            let before = i.checked_sub(1).map_or("x", |before| &names[before]);
            model.node("Relu", name, &[before], &[name], &[]);
        }
        model.output(&names[n - 1], &TensorType::f32(ROW));
        model
    });
}

#[test]
fn many_inputs_and_outputs() {
    is_linear("outputs of one tensor", |n| {
        let mut model = writer();
        for name in names(n) {
            model.node("Relu", &name, &["x"], &[&name], &[]).output(&name, &TensorType::f32(ROW));
        }
        model
    });
    is_linear("inputs and outputs", |n| {
        let mut model = ModelWriter::new("g", 17);
        for name in names(n) {
            let input = format!("{name}.in");
            model.input(&input, &TensorType::f32(ROW)).node("Relu", &name, &[&input], &[&name], &[]);
            model.output(&name, &TensorType::f32(ROW));
        }
        model
    });
}

#[test]
fn many_operands() {
    for (op_type, attribute) in [("Concat", Some(("axis", Attribute::Int(1)))), ("Sum", None)] {
        is_linear(op_type, |n| {
            let mut model = writer();
            let names = names(n);
            for name in &names {
                model.node("Relu", name, &["x"], &[name], &[]);
            }
            let operands: Vec<&str> = names.iter().map(String::as_str).collect();
            model.node(op_type, "z", &operands, &["z"], attribute.as_slice()).output("z", &TensorType::f32(ROW));
            model
        });
    }
}

#[test]
fn many_readers() {
    is_linear("reshapes of a reshape", |n| {
        let mut model = writer();
        model.initializer("s", &Tensor::i64s([2, 2])).initializer("t", &Tensor::i64s([4, 1])).node(
            "Reshape",
            "f",
            &["x", "s"],
            &["f"],
            &[],
        );
        for name in names(n) {
            model.node("Reshape", &name, &["f", "t"], &[&name], &[]).output(&name, &TensorType::f32(ROW));
        }
        model
    });
    is_linear("identities of a tensor", |n| {
        let mut model = writer();
        model.node("Relu", "f", &["x"], &["f"], &[]);
        for name in names(n) {
            let same = format!("{name}.same");
            model.node("Identity", &same, &["f"], &[&same], &[]).node("Sigmoid", &name, &[&same], &[&name], &[]);
            model.output(&name, &TensorType::f32(ROW));
        }
        model
    });
}

#[test]
fn convolutions_that_share_weights() {
    is_linear("convolutions", |n| {
        let mut model = ModelWriter::new("g", 17);
        let map = TensorType::f32([1, 2, 2, 2]);
        model.input("x", &map).initializer("w", &Tensor::f32([2, 2, 1, 1], [0.5; 4]).unwrap());
        ["scale", "bias", "mean", "var"].iter().for_each(|name| _ = model.initializer(name, &Tensor::f32([2], [1.0, 2.0]).unwrap()));
        let names = names(n);
        for (i, name) in names.iter().enumerate() {
            let before = i.checked_sub(1).map_or("x", |before| &names[before]);
            let (conv, normal) = (format!("{name}.conv"), format!("{name}.normal"));
            model.node("Conv", &conv, &[before, "w"], &[&conv], &[]);
            model.node("BatchNormalization", &normal, &[&conv, "scale", "bias", "mean", "var"], &[&normal], &[]);
            model.node("Relu", name, &[&normal], &[name], &[]);
        }
        model.output(&names[n - 1], &map);
        model
    });
}
