//! What is told of names, cycles and inputs that an operator refuses.

use super::{conv_relu, read};
use crate::onnx::write::ModelWriter;
use crate::tensor::{Tensor, TensorType};

#[test]
fn a_long_cycle_is_told_by_its_first_nodes() {
    for (count, rest) in [(5, ""), (6, ", 1 more"), (8, ", 3 more")] {
        let mut model = conv_relu();
        for index in 0..count {
            let [name, from, to] = [format!("/n{index}"), format!("t{}", (index + 1) % count), format!("t{index}")];
            model.node("Relu", &name, &[&from], &[&to], &[]);
        }
        model.output("t0", &TensorType::f32([1]));
        let problems = read(model.finish()).unwrap_err();
        let title = format!("nodes read each other in a cycle: `/n0`, `/n1`, `/n2`, `/n3`, `/n4`{rest}");
        assert_eq!(problems.0.iter().filter(|problem| problem.title == title).count(), 1, "{problems}");
    }
}

#[test]
fn a_name_that_nothing_defines_is_told_once() {
    let mut model = conv_relu();
    model
        .node("Add", "/first", &["nowhere", "c"], &["first"], &[])
        .node("Add", "/second", &["first", "nowhere"], &["second"], &[])
        .output("second", &TensorType::f32([1]));
    let problems = read(model.finish()).unwrap_err();
    let told: Vec<_> = problems.0.iter().filter(|problem| problem.code == "PL0202").collect();
    assert_eq!(told.iter().map(|problem| problem.title.as_str()).collect::<Vec<_>>(), ["nothing defines the tensor `nowhere`"]);
    // By the first that reads it; what follows from it is not told.
    assert_eq!((told[0].node.as_ref().map(|node| node.name.as_str()), problems.0.len()), (Some("/first"), 2), "{problems}");
}

#[test]
fn stored_values_have_names_of_their_own() {
    for (name, title) in [("", "an initializer has no name"), ("w", "initializer `w` is given twice")] {
        let mut model = conv_relu();
        model.initializer(name, &Tensor::i64s([1]));
        let problems = read(model.finish()).unwrap_err();
        assert_eq!((problems.0[0].code, problems.0[0].title.as_str()), ("PL0201", title));
    }
}

/// The type of each input, and the value where it is known and short.
#[test]
fn an_operator_that_refuses_is_told_with_its_inputs() {
    let described = |values: &[i64]| {
        let mut model = ModelWriter::new("g", 17);
        model
            .input("x", &TensorType::f32([2, 3]))
            .initializer("shape", &Tensor::i64s(values))
            .node("Reshape", "/r", &["x", "shape"], &["y"], &[])
            .output("y", &TensorType::f32([1]));
        let problems = read(model.finish()).unwrap_err();
        problems.0[0].inputs.iter().map(|input| format!("{} {}", input.name, input.description)).collect::<Vec<_>>()
    };
    assert_eq!(described(&[5, -7]), ["x f32[2,3]", "shape i64[2] = [5,-7]"]);
    assert_eq!(described(&[7, 1, 1, 1, 1, 1, 1, 1]), ["x f32[2,3]", "shape i64[8] = [7,1,1,1,1,1,1,1]"]);
    assert_eq!(described(&[7, 1, 1, 1, 1, 1, 1, 1, 1]), ["x f32[2,3]", "shape i64[9]"]);
}
