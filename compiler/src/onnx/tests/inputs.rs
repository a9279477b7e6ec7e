//! Inputs of every type and shape that a file can state.

use super::{codes, conv_relu, extent, import_with, named, read};
use crate::diagnostics::{Diagnostic, Severity};
use crate::onnx::ImportOptions;
use crate::onnx::wire::{Dimension, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto};
use crate::onnx::write::ModelWriter;
use crate::tensor::{DType, Tensor, TensorType};

/// A graph that gives its one input, `x`, of ONNX's element type of this number.
fn given(element: Option<i32>, dims: &[Dimension]) -> ModelWriter {
    let mut model = ModelWriter::new("g", 17);
    let tensor_type = Some(TensorTypeProto { elem_type: element, shape: Some(TensorShapeProto { dim: dims.to_vec() }) });
    let input = ValueInfoProto { name: Some("x".to_owned()), r#type: Some(TypeProto { tensor_type }) };
    model.graph.output.push(ValueInfoProto { name: Some("x".to_owned()), r#type: None });
    model.graph.input.push(input);
    model
}

/// The input's type, and the codes of what is said.
fn taken(model: &ModelWriter, pins: &[(&str, usize)]) -> (Option<TensorType>, Vec<&'static str>) {
    let input_dims = pins.iter().map(|&(name, extent)| (name.to_owned(), extent)).collect();
    let result = import_with(model.finish(), &ImportOptions { input_dims, ..ImportOptions::default() });
    let ty = result.as_ref().ok().map(|(graph, _)| graph.input_types()[0].1.clone());
    (ty, codes(&result))
}

fn refusal(model: &ModelWriter) -> Diagnostic {
    let problems = read(model.finish()).unwrap_err();
    problems.0.into_iter().find(|problem| problem.severity == Severity::Error).unwrap()
}

/// ONNX's list of element types has numbers from 0 on; what is to come has greater ones.
#[test]
fn element_types() {
    let as_they_are = [(1, DType::F32), (2, DType::U8), (3, DType::I8), (6, DType::I32), (7, DType::I64), (9, DType::Bool)];
    for number in (-1..30).chain([i32::MIN, i32::MAX]) {
        let found = taken(&given(Some(number), &[extent(2)]), &[]);
        let wanted = match as_they_are.iter().find(|(known, _)| *known == number) {
            Some(&(_, dtype)) => (Some(TensorType::new(dtype, [2])), vec![]),
            // Half, double and brain floats.
            None if [10, 11, 16].contains(&number) => (Some(TensorType::f32([2])), vec!["PL0210"]),
            None => (None, vec!["PL0205"]),
        };
        assert_eq!(found, wanted, "element type {number}");
    }
    assert_eq!(taken(&given(None, &[extent(2)]), &[]), (None, vec!["PL0205"]));
}

/// An extent that is not above zero is as good as none; it goes by the name that the file has for it, or by its place.
#[test]
fn extents() {
    let unnamed = |value| Dimension { dim_value: Some(value), dim_param: None };
    let both = |value| Dimension { dim_value: Some(value), dim_param: Some("n".to_owned()) };
    for dim in [unnamed(0), unnamed(-1), unnamed(i64::MIN), Dimension::default(), named("")] {
        let model = given(Some(1), &[extent(1), dim.clone()]);
        assert_eq!(taken(&model, &[]).1, ["PL0204"], "{dim:?}");
        assert_eq!(taken(&model, &[("x.1", 5)]), (Some(TensorType::f32([1, 5])), vec![]), "{dim:?}");
    }
    let model = given(Some(1), &[extent(1), both(0)]);
    assert_eq!(taken(&model, &[("n", 5)]).0, Some(TensorType::f32([1, 5])));
    // What the file says is said: there is nothing to pin.
    assert_eq!(taken(&given(Some(1), &[extent(1), both(4)]), &[("n", 5)]), (Some(TensorType::f32([1, 4])), vec!["PL0208"]));
    for pin in [0, 1 << 31, usize::MAX] {
        assert_eq!(taken(&model, &[("n", pin)]).1, ["PL0204"], "{pin}");
    }
    for (dims, code) in [
        (vec![extent(i64::MAX)], "PL0204"),
        (vec![extent(i64::from(i32::MAX)), extent(1)], "PL0206"),
        (vec![extent(1 << 16); 4], "PL0206"),
        (vec![extent(1); 17], "PL0205"),
    ] {
        assert_eq!(taken(&given(Some(1), &dims), &[]), (None, vec![code]), "{dims:?}");
    }
    assert_eq!(taken(&given(Some(1), &[]), &[]).0, Some(TensorType::f32([])));
    assert_eq!(taken(&given(Some(1), &vec![extent(1); 16]), &[]).0.map(|ty| ty.shape.rank()), Some(16));
}

#[test]
fn an_extent_of_several_inputs_is_given_once() {
    let mut model = ModelWriter::new("g", 17);
    for name in ["a", "b"] {
        model.input_dims(name, DType::F32, &[named("batch"), named("side"), named("side")]);
    }
    model.node("Add", "sum", &["a", "b"], &["y"], &[]).output("y", &TensorType::f32([1]));
    let pins = |pins: &[(&str, usize)]| {
        let input_dims = pins.iter().map(|&(name, extent)| (name.to_owned(), extent)).collect();
        import_with(model.finish(), &ImportOptions { input_dims, ..ImportOptions::default() })
    };
    let (graph, notes) = pins(&[("side", 3)]).unwrap();
    assert_eq!(graph.output_types()[0].1, TensorType::f32([1, 3, 3]));
    // Of one cause there is one note.
    assert_eq!((notes.len(), notes[0].code, &notes[0].also[..]), (1, "PL0209", &["b".to_owned()][..]));
    assert_eq!(pins(&[("side", 3), ("batch", 2)]).unwrap().0.output_types()[0].1, TensorType::f32([2, 3, 3]));
    let problems = pins(&[("batch", 2)]).unwrap_err();
    assert_eq!(problems.0.len(), 1, "{problems}");
    assert_eq!(problems.0[0].help.as_deref(), Some("--input-dim side=N"), "one flag for both places");
}

/// Whatever a file calls an extent, a flag that is shown can be typed as it is.
#[test]
fn flags_of_odd_names() {
    let fixed = "export the model with fixed input sizes, such as [1,3,304,304]";
    for (name, help) in [
        ("height", "--input-dim height=N"),
        ("2*h", "--input-dim='2*h=N'"),
        ("$(reboot)", "--input-dim='$(reboot)=N'"),
        ("it's", "--input-dim='it'\\''s=N'"),
        ("-h", "--input-dim='-h=N'"),
        ("h\n", fixed),
        ("h\u{1b}[2J", fixed),
        ("\u{202e}h", fixed),
        (&"h".repeat(101), fixed),
    ] {
        let model = given(Some(1), &[extent(1), named(name)]);
        assert_eq!(refusal(&model).help.as_deref(), Some(help), "{name:?}");
    }
}

#[test]
fn inputs_have_names_of_their_own() {
    let twice = |name: &str| {
        let mut model = conv_relu();
        model.input(name, &TensorType::f32([1])).input(name, &TensorType::f32([2]));
        codes(&read(model.finish()))
    };
    assert_eq!(twice("z"), ["PL0209", "PL0201"]);
    assert_eq!(twice(""), ["PL0209", "PL0201", "PL0201"]);
    let mut unnamed = conv_relu();
    unnamed.graph.input.push(ValueInfoProto { name: None, r#type: None });
    assert_eq!(codes(&read(unnamed.finish())), ["PL0209", "PL0201"]);
    assert_eq!(refusal(conv_relu().input(&"n".repeat(4097), &TensorType::f32([1]))).code, "PL0102");
    // A stored value's own type counts, and its symbolic extents are nobody's.
    let mut stored = conv_relu();
    stored.input_dims("w", DType::I8, &[named("filters"), named("height")]);
    assert_eq!(codes(&read(stored.finish())), ["PL0209"]);
    // What a node defines is not the graph's to give.
    let mut defined = conv_relu();
    defined.input("c", &TensorType::f32([1]));
    assert_eq!(codes(&read(defined.finish())), ["PL0209", "PL0201"]);
}

#[test]
fn an_input_may_be_a_result() {
    let mut model = ModelWriter::new("g", 17);
    let ty = TensorType::new(DType::I64, [2]);
    model.input("x", &ty).output("x", &ty).output("x", &ty);
    let (graph, notes) = read(model.finish()).unwrap();
    assert_eq!((graph.verify(), notes.len()), (vec![], 0));
    let x = Tensor::i64s([3, 4]);
    assert_eq!(graph.evaluate(std::slice::from_ref(&x)).unwrap(), [x.clone(), x]);
}
