//! Models that are refused, each for one reason or for several at once.

use super::Case;
use super::onnx::{Attr, Onnx};

/// Every sort of refusal, with its exit code.
pub const CASES: &[(Case, u8)] = &[
    (Case { name: "every_unsupported_operator_is_listed", build: unsupported_operators }, 4),
    (Case { name: "a_pad_of_another_mode", build: reflecting_pad }, 4),
    (Case { name: "symbolic_sizes", build: symbolic_sizes }, 4),
    (Case { name: "weights_that_are_computed", build: computed_weights }, 4),
    (Case { name: "a_cycle", build: cycle }, 3),
    (Case { name: "a_missing_tensor", build: missing_tensor }, 3),
    (Case { name: "weights_of_the_wrong_length", build: short_weights }, 3),
    (Case { name: "an_unknown_operator_set", build: unknown_opset }, 4),
    (Case { name: "a_name_that_is_taken", build: name_taken }, 3),
    (Case { name: "channels_that_do_not_match", build: wrong_channels }, 3),
    (Case { name: "weights_that_are_not_numbers", build: nan_weights }, 3),
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
        let resized = onnx.op("Resize", "/fpn/up/Resize", &[x], &[("mode", Attr::Text("cubic"))]);
        let other = onnx.op("GridSample", "/warp/GridSample", &[x], &[]);
        onnx.op("Add", "/sum", &[&resized, &other], &[])
    })
}

fn reflecting_pad() -> Vec<u8> {
    model(17, |onnx, x| {
        let pads = onnx.ints("pads", &[0, 0, 1, 1, 0, 0, 1, 1]);
        onnx.op("Pad", "/pad", &[x, &pads], &[("mode", Attr::Text("reflect"))])
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

fn nan_weights() -> Vec<u8> {
    model(17, |onnx, x| {
        let row = onnx.floats("row", &[2], &[1.0, f32::NAN]);
        onnx.op("Add", "sum", &[x, &row], &[])
    })
}
