//! The building blocks of Pelee, each as a model of its own.

use super::Case;
use super::onnx::{Attr, Onnx};

/// Every kind of block.
pub const CASES: &[Case] = &[
    Case { name: "stem", build: stem },
    Case { name: "dense_layer", build: dense_layer },
    Case { name: "transition", build: transition },
    Case { name: "ssd_head", build: ssd_head },
];

/// A mini-Pelee: one block of each kind.
pub const MINI: Case = Case { name: "mini_pelee", build: mini };

/// Every kernel of the runtime, each behind tensors that are computed, so that none is folded or fused away.
pub const KERNELS: Case = Case { name: "kernels", build: kernels };

const PAD_1: (&str, Attr<'_>) = ("pads", Attr::Ints(&[1, 1, 1, 1]));
const STRIDE_2: (&str, Attr<'_>) = ("strides", Attr::Ints(&[2, 2]));
const KERNEL_2: (&str, Attr<'_>) = ("kernel_shape", Attr::Ints(&[2, 2]));

fn conv_relu(onnx: &mut Onnx, name: &str, x: &str, weights: &[usize], attributes: &[(&str, Attr<'_>)]) -> String {
    let conv = onnx.conv(&format!("{name}/conv"), x, weights, attributes);
    onnx.op("Relu", &format!("{name}/relu"), &[&conv], &[])
}

/// Two ways from half the size: a pool, and a narrow 1x1 before a strided 3x3.
fn add_stem(onnx: &mut Onnx, x: &str) -> String {
    let first = conv_relu(onnx, "first", x, &[8, 3, 3, 3], &[PAD_1, STRIDE_2]);
    let pool = onnx.op("MaxPool", "pool", &[&first], &[KERNEL_2, STRIDE_2]);
    let narrow = conv_relu(onnx, "narrow", &first, &[4, 8, 1, 1], &[]);
    let stride = conv_relu(onnx, "stride", &narrow, &[8, 4, 3, 3], &[PAD_1, STRIDE_2]);
    let joined = onnx.op("Concat", "concat", &[&pool, &stride], &[("axis", Attr::Int(1))]);
    conv_relu(onnx, "join", &joined, &[8, 16, 1, 1], &[])
}

fn add_dense_layer(onnx: &mut Onnx, x: &str, name: &str, channels: usize) -> String {
    let near = conv_relu(onnx, &format!("{name}/near.0"), x, &[4, channels, 1, 1], &[]);
    let near = conv_relu(onnx, &format!("{name}/near.1"), &near, &[4, 4, 3, 3], &[PAD_1]);
    let far = conv_relu(onnx, &format!("{name}/far.0"), x, &[4, channels, 1, 1], &[]);
    let far = conv_relu(onnx, &format!("{name}/far.1"), &far, &[4, 4, 3, 3], &[PAD_1]);
    let far = conv_relu(onnx, &format!("{name}/far.2"), &far, &[4, 4, 3, 3], &[PAD_1]);
    onnx.op("Concat", &format!("{name}/concat"), &[x, &near, &far], &[("axis", Attr::Int(1))])
}

fn add_transition(onnx: &mut Onnx, x: &str, channels: usize) -> String {
    let conv = conv_relu(onnx, "transition", x, &[channels, channels, 1, 1], &[]);
    onnx.op("AveragePool", "shrink", &[&conv], &[KERNEL_2, STRIDE_2, ("ceil_mode", Attr::Int(1))])
}

/// A residual block and two heads, flattened for the concat over maps.
fn add_head(onnx: &mut Onnx, x: &str, name: &str, channels: usize) -> [String; 2] {
    let skip = onnx.conv(&format!("{name}/skip"), x, &[8, channels, 1, 1], &[]);
    let branch = conv_relu(onnx, &format!("{name}/branch.0"), x, &[4, channels, 1, 1], &[]);
    let branch = conv_relu(onnx, &format!("{name}/branch.1"), &branch, &[4, 4, 3, 3], &[PAD_1]);
    let branch = onnx.conv(&format!("{name}/branch.2"), &branch, &[8, 4, 1, 1], &[]);
    let sum = onnx.op("Add", &format!("{name}/add"), &[&branch, &skip], &[]);
    let map = onnx.op("Relu", &format!("{name}/relu"), &[&sum], &[]);
    [("loc", 8), ("conf", 6)].map(|(head, filters)| {
        let conv = onnx.conv(&format!("{name}/{head}"), &map, &[filters, 8, 1, 1], &[]);
        let turned = onnx.op("Transpose", &format!("{name}/{head}/turn"), &[&conv], &[("perm", Attr::Ints(&[0, 2, 3, 1]))]);
        onnx.op("Flatten", &format!("{name}/{head}/flat"), &[&turned], &[])
    })
}

fn stem() -> Vec<u8> {
    let mut onnx = Onnx::new(17);
    let x = onnx.input("image", &[1, 3, 16, 16]);
    let y = add_stem(&mut onnx, &x);
    onnx.output(&y);
    onnx.bytes()
}

fn dense_layer() -> Vec<u8> {
    let mut onnx = Onnx::new(17);
    let x = onnx.input("x", &[1, 8, 6, 6]);
    let first = conv_relu(&mut onnx, "before", &x, &[8, 8, 1, 1], &[]);
    let a = add_dense_layer(&mut onnx, &first, "1", 8);
    let b = add_dense_layer(&mut onnx, &a, "2", 16);
    let y = conv_relu(&mut onnx, "after", &b, &[4, 24, 1, 1], &[]);
    onnx.output(&y);
    onnx.bytes()
}

fn transition() -> Vec<u8> {
    let mut onnx = Onnx::new(17);
    let x = onnx.input("x", &[1, 8, 5, 5]);
    let y = add_transition(&mut onnx, &x, 8);
    onnx.output(&y);
    onnx.bytes()
}

/// Two maps, whose heads are joined to `loc` and, through a softmax, `conf`.
fn add_detector(onnx: &mut Onnx, maps: [(&str, usize); 2]) {
    let heads: Vec<_> = maps.iter().enumerate().map(|(i, (map, channels))| add_head(onnx, map, &format!("map.{i}"), *channels)).collect();
    let loc = onnx.op("Concat", "loc/concat", &[&heads[0][0], &heads[1][0]], &[("axis", Attr::Int(1))]);
    let conf = onnx.op("Concat", "conf/concat", &[&heads[0][1], &heads[1][1]], &[("axis", Attr::Int(1))]);
    let shape = onnx.ints("loc/shape", &[1, -1, 4]);
    let loc = onnx.op("Reshape", "loc", &[&loc, &shape], &[]);
    let shape = onnx.ints("conf/shape", &[1, -1, 3]);
    let scores = onnx.op("Reshape", "scores", &[&conf, &shape], &[]);
    let conf = onnx.op("Softmax", "conf", &[&scores], &[("axis", Attr::Int(2))]);
    onnx.output(&loc);
    onnx.output(&conf);
}

fn ssd_head() -> Vec<u8> {
    let mut onnx = Onnx::new(17);
    let x = onnx.input("x", &[1, 8, 4, 4]);
    let small = onnx.op("MaxPool", "small", &[&x], &[KERNEL_2, STRIDE_2]);
    add_detector(&mut onnx, [(&x, 8), (&small, 8)]);
    onnx.bytes()
}

fn mini() -> Vec<u8> {
    let mut onnx = Onnx::new(17);
    let x = onnx.input("image", &[1, 3, 20, 20]);
    let stem = add_stem(&mut onnx, &x);
    let dense = add_dense_layer(&mut onnx, &stem, "stage", 8);
    let small = add_transition(&mut onnx, &dense, 16);
    add_detector(&mut onnx, [(&dense, 16), (&small, 16)]);
    onnx.bytes()
}

fn kernels() -> Vec<u8> {
    let mut onnx = Onnx::new(17);
    let x = onnx.input("image", &[1, 6, 11, 11]);
    let wide = conv_relu(&mut onnx, "wide", &x, &[8, 6, 3, 3], &[PAD_1]);
    let far = [("pads", Attr::Ints(&[2, 2, 2, 2])), ("dilations", Attr::Ints(&[2, 2])), ("group", Attr::Int(2))];
    let far = onnx.conv("far", &wide, &[8, 4, 3, 3], &far);
    let far = onnx.op("LeakyRelu", "far/leaky", &[&far], &[("alpha", Attr::Float(0.1))]);
    let deep = onnx.conv("deep", &far, &[8, 1, 3, 3], &[PAD_1, ("group", Attr::Int(8))]);
    let window = [("kernel_shape", Attr::Ints(&[3, 3])), PAD_1, STRIDE_2];
    let most = onnx.op("MaxPool", "most", &[&deep], &window);
    let mean = onnx.op("AveragePool", "mean", &[&deep], &window);
    let product = onnx.op("Mul", "product", &[&most, &mean], &[]);
    let share = onnx.op("Sigmoid", "share", &[&mean], &[]);
    let quotient = onnx.op("Div", "quotient", &[&product, &share], &[]);
    let (pads, value) = (onnx.ints("pads", &[0, 0, 1, 1, 0, 0, 0, 0]), onnx.floats("value", &[], &[0.25]));
    let padded = onnx.op("Pad", "padded", &[&quotient, &pads, &value], &[]);
    let shrunk = conv_relu(&mut onnx, "shrunk", &padded, &[8, 8, 1, 1], &[]);
    let shrunk = onnx.op("AveragePool", "shrink", &[&shrunk], &[KERNEL_2, STRIDE_2, ("ceil_mode", Attr::Int(1))]);
    let skip = onnx.conv("skip", &shrunk, &[8, 8, 3, 3], &[PAD_1]);
    let sum = onnx.op("Add", "sum", &[&skip, &shrunk], &[]);
    let shape = onnx.ints("shape", &[8, 16]);
    let rows = onnx.op("Reshape", "rows", &[&sum, &shape], &[]);
    let columns = onnx.op("Transpose", "columns", &[&rows], &[("perm", Attr::Ints(&[1, 0]))]);
    let pairs = onnx.op("MatMul", "pairs", &[&rows, &columns], &[]);
    let pairs = onnx.op("Softmax", "softmax", &[&pairs], &[("axis", Attr::Int(1))]);
    onnx.output(&pairs);
    onnx.bytes()
}
