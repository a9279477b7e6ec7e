//! Limits hold for everything together and at all times, and one cause is told once.

use std::time::{Duration, Instant};

use super::{conv_relu, read};
use crate::node::Attribute;
use crate::onnx::wire::{StringStringEntryProto, TensorProto};
use crate::onnx::write::ModelWriter;
use crate::onnx::{ImportOptions, import};
use crate::tensor::{Tensor, TensorType};

fn external(name: &str, file: &str, elements: i64) -> TensorProto {
    let entry = StringStringEntryProto { key: Some("location".to_owned()), value: Some(file.to_owned()) };
    TensorProto {
        name: Some(name.to_owned()),
        data_type: Some(1),
        dims: vec![elements],
        external_data: vec![entry],
        data_location: Some(1),
        ..TensorProto::default()
    }
}

/// `x` plus each of some values of 64 MiB in one sparse file.
fn adds(count: usize) -> ModelWriter {
    adds_of(count, 1 << 24)
}

fn adds_of(count: usize, elements: i64) -> ModelWriter {
    let mut model = ModelWriter::new("g", 17);
    model.input("x", &TensorType::f32([1]));
    for index in 0..count {
        let (name, sum) = (format!("w{index}"), format!("y{index}"));
        model.graph.initializer.push(external(&name, "w.bin", elements));
        model.node("Add", &sum, &["x", &name], &[&sum], &[]).output(&sum, &TensorType::f32([1]));
    }
    model
}

#[test]
fn all_constants_together_are_bounded_and_the_rest_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::File::create(folder.path().join("w.bin")).unwrap().set_len(64 << 20).unwrap();
    let options = ImportOptions { allow_external: true, ..ImportOptions::default() };
    let refused = import(adds(40).finish().into(), &options, Some(folder.path())).unwrap_err();
    let titles: Vec<_> = refused.problems.0.iter().map(|problem| problem.title.as_str()).collect();
    assert_eq!(titles, ["the model's constants are too large together"]);
    // 1 GiB: sixteen of them.
    assert_eq!(refused.graph.outputs().len(), 16);
}

#[test]
fn results_of_folding_count() {
    let mut model = ModelWriter::new("g", 17);
    model.input("x", &TensorType::f32([1])).initializer("n", &Tensor::i64s([1 << 20]));
    for index in 0..300 {
        let name = format!("k{index}");
        model.node("ConstantOfShape", &name, &["n"], &[&name], &[]).output(&name, &TensorType::f32([1 << 20]));
    }
    let problems = read(model.finish()).unwrap_err();
    assert_eq!(problems.0.len(), 1, "{problems}");
    assert_eq!(problems.0[0].title, "the model's constants are too large together");
}

/// Each of 16 MiB, of which none is made.
#[test]
fn a_bomb_of_constants_of_a_shape_is_refused_quickly() {
    let start = Instant::now();
    let mut model = ModelWriter::new("g", 17);
    model.input("x", &TensorType::f32([1])).initializer("n", &Tensor::i64s([1 << 22]));
    for index in 0..20_000 {
        let name = format!("k{index}");
        model.node("ConstantOfShape", &name, &["n"], &[&name], &[]).output(&name, &TensorType::f32([1 << 22]));
    }
    let refused = import(model.finish().into(), &ImportOptions::default(), None).unwrap_err();
    assert_eq!((refused.problems.0.len(), refused.is_over_limit), (1, true), "{}", refused.problems);
    let (outputs, operators) = (refused.graph.outputs().len(), refused.graph.operators());
    // The shape itself is a constant, too.
    assert_eq!((outputs, operators.get("ConstantOfShape").copied()), (63, Some(63)));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

/// What is small is made at once, as a shape may be, but no more than some of it.
#[test]
fn small_constants_of_a_shape_are_made_while_they_are_few() {
    let mut model = ModelWriter::new("g", 17);
    model.input("x", &TensorType::f32([1])).initializer("n", &Tensor::i64s([1 << 16]));
    for index in 0..1000 {
        let name = format!("k{index}");
        model.node("ConstantOfShape", &name, &["n"], &[&name], &[]).output(&name, &TensorType::f32([1 << 16]));
    }
    let (graph, _) = import(model.finish().into(), &ImportOptions::default(), None).unwrap();
    let left = graph.operators().get("ConstantOfShape").copied().unwrap_or_default();
    // Nine units an element, of 2^27: 227 of them are made, 57 MiB.
    assert_eq!(left, 1000 - 227);
}

#[test]
fn one_cause_is_told_once() {
    let problems = read(adds_of(168, 4).finish()).unwrap_err();
    let [error] = problems.0.as_slice() else { panic!("{problems}") };
    assert_eq!(error.title, "initializer `w0` cannot be read: its elements are stored in another file, `w.bin`");
    assert_eq!((error.also.len(), error.also[0].as_str()), (167, "initializer `w1`"));
    assert!(problems.to_string().contains("also:   initializer `w1`, initializer `w2`, initializer `w3`"), "{problems}");
    assert!(problems.to_string().contains("and 162 more"), "{problems}");
}

#[test]
fn files_that_are_missing_or_too_short_are_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let options = ImportOptions { allow_external: true, ..ImportOptions::default() };
    let errors = |model: &ModelWriter| import(model.finish().into(), &options, Some(folder.path())).unwrap_err().problems.0;
    assert_eq!(errors(&adds(5)).len(), 1);
    std::fs::write(folder.path().join("w.bin"), [0; 8]).unwrap();
    let short = errors(&adds(5));
    assert_eq!((short.len(), short[0].also.len()), (1, 4));
}

#[test]
fn unknown_operators_are_told_once_each() {
    let mut model = conv_relu();
    for index in 0..4 {
        let name = format!("/n{index}");
        let op_type = if index == 3 { "Other" } else { "Unknown" };
        model.node(op_type, &name, &["c"], &[&name], &[]).output(&name, &TensorType::f32([1]));
    }
    let problems = read(model.finish()).unwrap_err();
    assert_eq!(problems.0.len(), 3, "{problems}");
    assert_eq!((&problems.0[1].also[..], &problems.0[2].also[..]), (&["/n1".to_owned(), "/n2".to_owned()][..], &[][..]));
}

#[test]
fn tensors_among_attributes_are_bounded_before_they_are_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::File::create(folder.path().join("w.bin")).unwrap().set_len(64 << 20).unwrap();
    let mut model = ModelWriter::new("g", 17);
    model.node("Constant", "k", &[], &["k"], &[("value", Attribute::Tensor(Tensor::i64s([1])))]).output("k", &TensorType::f32([1]));
    let template = model.graph.node[0].attribute[0].clone();
    model.graph.node[0].attribute = (0..40)
        .map(|index| {
            let mut attribute = template.clone();
            attribute.name = Some(format!("a{index}"));
            attribute.t = Some(Box::new(external("", "w.bin", 1 << 24)));
            attribute
        })
        .collect();
    let options = ImportOptions { allow_external: true, ..ImportOptions::default() };
    let refused = import(model.finish().into(), &options, Some(folder.path())).unwrap_err();
    assert_eq!(refused.problems.0[0].title, "the node's attributes are too large together with the constants");
}
