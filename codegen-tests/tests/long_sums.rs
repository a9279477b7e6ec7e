//! Sums of many terms: a constant picture or vector is where rounding errors all go one way. Against double precision, under every plan.

use codegen_tests::cases::onnx::{Attr, Onnx};
use peleec::{ModelFile, Options, RamBudget, Shape, Target, Tensor, compile};

/// Bright, and not a sum of few powers of two.
const BRIGHT: f32 = 100.3;

/// Runs a model of input `x` of one value, whole and in the least memory; all results, which are the same bits.
fn results(dims: &[usize], build: impl Fn(&mut Onnx, &str) -> String, target: Target) -> Vec<f32> {
    let mut onnx = Onnx::new(13);
    let x = onnx.input("x", dims);
    let y = build(&mut onnx, &x);
    onnx.output(&y);
    let file = ModelFile::from_bytes("long", onnx.bytes());
    let shape = Shape(dims.to_vec());
    let picture = Tensor::f32(shape.clone(), vec![BRIGHT; shape.elements()]).expect("as many values");
    let run = |ram_budget| {
        let compilation = compile(&file, &Options { ram_budget, target, ..Options::default() }).expect("it compiles");
        compilation.execute(std::slice::from_ref(&picture)).expect("it runs")[0].as_f32().expect("floats").to_vec()
    };
    let [whole, least] = [RamBudget::Bytes(usize::MAX), RamBudget::Least].map(run);
    assert_eq!(whole, least);
    whole
}

fn near(found: &[f32], wanted: f64) {
    for &value in found {
        assert!((f64::from(value) - wanted).abs() <= 2e-4 + 2e-4 * wanted.abs(), "{value} instead of {wanted}");
    }
}

#[test]
fn means_of_large_maps() {
    let pool = |onnx: &mut Onnx, x: &str| onnx.op("GlobalAveragePool", "pool", &[x], &[]);
    near(&results(&[1, 1, 1024, 1024], pool, Target::Generic), f64::from(BRIGHT));
    near(&results(&[1, 21, 96, 96], pool, Target::Generic), f64::from(BRIGHT));
    let window = [("kernel_shape", Attr::Ints(&[80, 70])), ("pads", Attr::Ints(&[3, 2, 3, 2])), ("strides", Attr::Ints(&[9, 9]))];
    let average = |onnx: &mut Onnx, x: &str| onnx.op("AveragePool", "pool", &[x], &window);
    near(&results(&[1, 5, 99, 98], average, Target::Generic), f64::from(BRIGHT));
    // A prime number of values, which no two factors cut.
    let mean = |onnx: &mut Onnx, x: &str| onnx.op("ReduceMean", "mean", &[x], &[("axes", Attr::Ints(&[-1])), ("keepdims", Attr::Int(0))]);
    near(&results(&[2, 65_537], mean, Target::Generic), f64::from(BRIGHT));
}

#[test]
fn products_of_long_vectors() {
    let gemm = |onnx: &mut Onnx, x: &str| {
        let b = onnx.floats("b", &[65_536, 2], &vec![0.01; 2 * 65_536]);
        let c = onnx.floats("c", &[2], &[3.0, 3.0]);
        onnx.op("Gemm", "gemm", &[x, &b, &c], &[])
    };
    for target in [Target::Generic, Target::CortexM7] {
        near(&results(&[2, 65_536], gemm, target), 65_536.0 * f64::from(BRIGHT) * f64::from(0.01f32) + 3.0);
    }
    let both = |onnx: &mut Onnx, x: &str| {
        let turned = onnx.op("Transpose", "turn", &[x], &[("perm", Attr::Ints(&[1, 0]))]);
        onnx.op("MatMul", "product", &[x, &turned], &[])
    };
    near(&results(&[2, 20_000], both, Target::Generic), 20_000.0 * f64::from(BRIGHT) * f64::from(BRIGHT));
}

/// With a residual, an activation and a pool behind, some of whose channels lie in a concat.
#[test]
fn deep_convolutions() {
    let block = |onnx: &mut Onnx, x: &str| {
        let flat = |onnx: &mut Onnx, name: &str, dims: &[usize], value: f32| onnx.floats(name, dims, &vec![value; dims.iter().product()]);
        let w = flat(onnx, "w", &[8, 700, 3, 3], 0.01);
        let narrow = flat(onnx, "narrow", &[8, 700, 1, 1], 0.001);
        let same = [("pads", Attr::Ints(&[1, 1, 1, 1]))];
        let deep = onnx.op("Conv", "deep", &[x, &w], &same);
        let skip = onnx.op("Conv", "skip", &[x, &narrow], &[]);
        let sum = onnx.op("Add", "add", &[&deep, &skip], &[]);
        let relu = onnx.op("Relu", "relu", &[&sum], &[]);
        onnx.op("MaxPool", "pool", &[&relu], &[("kernel_shape", Attr::Ints(&[2, 2])), ("strides", Attr::Ints(&[2, 2]))])
    };
    let wanted = 6300.0 * f64::from(BRIGHT) * f64::from(0.01f32) + 700.0 * f64::from(BRIGHT) * f64::from(0.001f32);
    near(&results(&[1, 700, 6, 6], block, Target::Generic), wanted);
}
