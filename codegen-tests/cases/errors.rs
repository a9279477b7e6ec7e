//! Models that are refused, each for one reason or for several at once.

use super::Case;
use super::onnx::{Attr, Onnx};

/// Every sort of refusal, with its exit code.
pub const CASES: &[(Case, u8)] = &[
    (Case { name: "every_unsupported_operator_is_listed", build: unsupported_operators }, 4),
    (Case { name: "a_pad_of_another_mode", build: symmetric_pad }, 3),
    (Case { name: "symbolic_sizes", build: symbolic_sizes }, 4),
    (Case { name: "weights_that_are_computed", build: computed_weights }, 4),
    (Case { name: "a_cycle", build: cycle }, 3),
    (Case { name: "a_missing_tensor", build: missing_tensor }, 3),
    (Case { name: "weights_of_the_wrong_length", build: short_weights }, 3),
    (Case { name: "an_unknown_operator_set", build: unknown_opset }, 4),
    (Case { name: "a_name_that_is_taken", build: name_taken }, 3),
    (Case { name: "channels_that_do_not_match", build: wrong_channels }, 3),
    (Case { name: "weights_that_are_not_numbers", build: nan_weights }, 3),
    (Case { name: "import_and_lowering_are_told_in_one_run", build: both_stages }, 4),
    (Case { name: "one_cause_at_many_nodes", build: one_cause }, 4),
    (Case { name: "an_operator_that_is_only_folded", build: only_folded }, 4),
    (Case { name: "a_graph_that_can_be_cut", build: cut_before_the_end }, 4),
    (Case { name: "a_variance_below_zero", build: negative_variance }, 4),
    (Case { name: "a_gemm_that_has_no_kernel", build: gemm_of_tensors }, 4),
    (Case { name: "a_transpose_of_too_many_dimensions", build: many_dimensions }, 4),
    (Case { name: "an_attribute_outside_its_domain", build: keepdims_2 }, 3),
    (Case { name: "an_input_too_many", build: surplus_input }, 3),
    (Case { name: "a_result_without_elements", build: empty_result }, 4),
    (Case { name: "dimensions_with_odd_names", build: odd_dimensions }, 4),
];

fn model(opset: i64, build: impl FnOnce(&mut Onnx, &str) -> String) -> Vec<u8> {
    let mut onnx = Onnx::new(opset);
    let x = onnx.input("x", &[1, 4, 6, 6]);
    let y = build(&mut onnx, &x);
    onnx.output(&y);
    onnx.bytes()
}

fn unsupported_operators() -> Vec<u8> {
    model(17, |onnx, x| {
        let resized = onnx.op("RoiAlign", "/fpn/up/RoiAlign", &[x], &[("mode", Attr::Text("max"))]);
        let other = onnx.op("GridSample", "/warp/GridSample", &[x], &[]);
        onnx.op("Add", "/sum", &[&resized, &other], &[])
    })
}

fn symmetric_pad() -> Vec<u8> {
    model(17, |onnx, x| {
        let pads = onnx.ints("pads", &[0, 0, 1, 1, 0, 0, 1, 1]);
        onnx.op("Pad", "/pad", &[x, &pads], &[("mode", Attr::Text("symmetric"))])
    })
}

fn symbolic_sizes() -> Vec<u8> {
    let mut onnx = Onnx::new(17);
    let x = onnx.symbolic_input("image", 2, "height", &[1, 3, 8]);
    let rows = onnx.symbolic_input("rows", 0, "batch", &[8]);
    let y = onnx.op("Add", "sum", &[&x, &rows], &[]);
    onnx.output(&y);
    onnx.bytes()
}

fn computed_weights() -> Vec<u8> {
    model(17, |onnx, x| {
        let w = onnx.op("Sigmoid", "/w", &[x], &[]);
        onnx.op("Conv", "/conv", &[x, &w], &[])
    })
}

fn cycle() -> Vec<u8> {
    model(17, |onnx, x| {
        onnx.op("Add", "a", &[x, "b"], &[]);
        onnx.op("Relu", "b", &["a"], &[])
    })
}

fn missing_tensor() -> Vec<u8> {
    model(17, |onnx, x| onnx.op("Add", "sum", &[x, "nowhere"], &[]))
}

fn short_weights() -> Vec<u8> {
    model(17, |onnx, x| {
        let w = onnx.initializer("w", &[4, 4, 1, 1], 1, vec![0; 60]);
        onnx.op("Conv", "conv", &[x, &w], &[])
    })
}

fn unknown_opset() -> Vec<u8> {
    model(99, |onnx, x| onnx.op("Relu", "relu", &[x], &[]))
}

fn name_taken() -> Vec<u8> {
    model(17, |onnx, x| {
        onnx.op("Relu", "y", &[x], &[]);
        onnx.op("Sigmoid", "y", &[x], &[])
    })
}

fn wrong_channels() -> Vec<u8> {
    model(17, |onnx, x| onnx.conv("/conv", x, &[8, 5, 3, 3], &[]))
}

/// What import refuses does not hide what has no kernel, before it and behind it.
fn both_stages() -> Vec<u8> {
    model(17, |onnx, x| {
        let w = onnx.op("Sigmoid", "/w", &[x], &[]);
        let conv = onnx.op("Conv", "/conv", &[x, &w], &[]);
        let resized = onnx.op("GridSample", "/warp", &[&w], &[]);
        let beside = onnx.op("Add", "/sum", &[&resized, &conv], &[]);
        onnx.op("Relu", "/end", &[&beside], &[])
    })
}

fn one_cause() -> Vec<u8> {
    model(17, |onnx, x| {
        (0..9).fold(x.to_owned(), |joined, i| {
            let act = onnx.op("Shrink", &format!("/act.{i}"), &[x], &[]);
            onnx.op("Add", &format!("/add.{i}"), &[&joined, &act], &[])
        })
    })
}

fn only_folded() -> Vec<u8> {
    model(17, |onnx, x| {
        let row = onnx.weights("row", &[6]);
        let less = onnx.op("Less", "less", &[x, &row], &[]);
        let counts = onnx.op("Cast", "counts", &[&less], &[("to", Attr::Int(7))]);
        let product = onnx.op("ReduceProd", "product", &[&counts], &[]);
        onnx.op("Cast", "floats", &[&product], &[("to", Attr::Int(1))])
    })
}

fn cut_before_the_end() -> Vec<u8> {
    model(17, |onnx, x| {
        let y = onnx.op("Relu", "relu", &[x], &[]);
        onnx.op("Shrink", "shrink", &[&y], &[])
    })
}

fn negative_variance() -> Vec<u8> {
    model(17, |onnx, x| {
        let parameters = ["scale", "bias", "mean"].map(|name| onnx.weights(name, &[4]));
        let variance = onnx.floats("variance", &[4], &[0.5, 1.0, -0.001, 2.0]);
        onnx.op("BatchNormalization", "norm", &[x, &parameters[0], &parameters[1], &parameters[2], &variance], &[])
    })
}

fn gemm_of_tensors() -> Vec<u8> {
    let mut onnx = Onnx::new(17);
    let (a, b) = (onnx.input("a", &[2, 3]), onnx.input("b", &[3, 4]));
    let y = onnx.op("Gemm", "fc", &[&a, &b], &[("alpha", Attr::Float(0.5))]);
    onnx.output(&y);
    onnx.bytes()
}

fn many_dimensions() -> Vec<u8> {
    let mut onnx = Onnx::new(17);
    let x = onnx.input("x", &[2; 8]);
    let y = onnx.op("Transpose", "turn", &[&x], &[("perm", Attr::Ints(&[7, 6, 5, 4, 3, 2, 1, 0]))]);
    onnx.output(&y);
    onnx.bytes()
}

fn keepdims_2() -> Vec<u8> {
    model(17, |onnx, x| onnx.op("ReduceMean", "mean", &[x], &[("keepdims", Attr::Int(2))]))
}

fn surplus_input() -> Vec<u8> {
    model(17, |onnx, x| onnx.op("Relu", "relu", &[x, x], &[]))
}

fn empty_result() -> Vec<u8> {
    model(17, |onnx, _| onnx.floats("none", &[0, 4], &[]))
}

fn odd_dimensions() -> Vec<u8> {
    let mut onnx = Onnx::new(17);
    let x = onnx.symbolic_input("a", 1, "h w/2+1", &[1]);
    let z = onnx.symbolic_input("b", 1, "it's=$HOME", &[1]);
    let y = onnx.op("Add", "sum", &[&x, &z], &[]);
    onnx.output(&y);
    onnx.bytes()
}

fn nan_weights() -> Vec<u8> {
    model(17, |onnx, x| {
        let row = onnx.floats("row", &[6], &[1.0, f32::NAN, 2.0, 3.0, 4.0, 5.0]);
        onnx.op("Add", "sum", &[x, &row], &[])
    })
}
