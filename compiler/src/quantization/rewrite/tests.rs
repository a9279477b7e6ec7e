//! Quantised graphs against their definition: which values become bytes, by which scales.

use std::collections::BTreeMap;

use peleec_runtime::{Activation, BinaryKind};

use super::super::Rounded;
use super::{Calibration, Range, quantize, steps, terms};
use crate::ir::test_build::{Build, seeded};
use crate::ir::{Graph, Source};
use crate::observation::return_all;
use crate::ops::pool::PoolKind;
use crate::ops::{Binary, Concat, Conv, MatMul, Op, Pool, Reshape, Unary};
use crate::passes::equivalence::{conv, conv_op, square};
use crate::passes::run;
use crate::tensor::window::Window;
use crate::tensor::{Shape, Tensor};

/// The ranges of every value, by naive evaluation.
fn calibration(graph: &Graph, inputs: &[Tensor]) -> Calibration {
    let mut observed = graph.clone();
    return_all(&mut observed);
    let values = observed.evaluate(inputs).unwrap();
    let named = observed.outputs().iter().map(|output| output.name.clone()).zip(values);
    let given = graph.input_types().into_iter().map(|(name, _)| name).zip(inputs.iter().cloned());
    let tensors: BTreeMap<_, _> = named.chain(given).map(|(name, value)| (name, Range::of(value.as_f32().unwrap()).unwrap())).collect();
    Calibration::new("", 1, tensors)
}

/// Power of the values by that of the differences.
fn ratio(floats: &Tensor, bytes: &Tensor) -> f64 {
    let (floats, bytes) = (floats.as_f32().unwrap(), bytes.as_f32().unwrap());
    let signal: f64 = floats.iter().map(|&x| f64::from(x).powi(2)).sum();
    let noise: f64 = floats.iter().zip(bytes).map(|(&x, &y)| f64::from(x - y).powi(2)).sum();
    signal / noise
}

/// Convolutions plain, grouped and without any weight but a bias, concats in concats, a pool, and a product with turned weights.
#[test]
fn a_network_of_bytes_is_near_to_that_of_floats() {
    let mut build = Build::new();
    let x = build.input("x", &[1, 4, 8, 8]);
    let relu = |build: &mut Build, name: &str, x| build.op(name, Op::Unary(Unary { activation: Activation::Relu }), &[x]);
    let [a, b, c] = ["a", "b", "c"].map(|name| {
        let y = conv(&mut build, name, x, 4, 1);
        relu(&mut build, &format!("{name}.relu"), y)
    });
    let inner = build.op("inner", Op::Concat(Concat { axis: 1 }), &[a, b]);
    let joined = build.op("joined", Op::Concat(Concat { axis: 1 }), &[inner, c]);
    let (w, bias) = (build.seeded("grouped.w", &[6, 4, 3, 3]), build.seeded("grouped.b", &[6]));
    let grouped = build.op("grouped", Op::Conv(Conv { group: 3, ..conv_op(3) }), &[joined, w, bias]);
    let grouped = build.op("clip", Op::Unary(Unary { activation: Activation::Clip(-0.5, 2.0) }), &[grouped]);
    let (w, bias) = (build.constant("none.w", &[2, 6, 1, 1], &[0.0; 12]), build.constant("none.b", &[2], &[0.5, -0.25]));
    let none = build.op("none", Op::Conv(conv_op(1)), &[grouped, w, bias]);
    let all = build.op("all", Op::Concat(Concat { axis: 1 }), &[grouped, none]);
    let pool = build.op("pool", Op::Pool(Pool { kind: PoolKind::Average { count_include_pad: false }, window: square(6) }), &[all]);
    let flat = build.op("flat", Op::Reshape(Reshape { shape: Shape(vec![1, 8]) }), &[pool]);
    let w = build.seeded("w", &[8, 5]);
    let y = build.op("y", Op::MatMul(MatMul { alpha: 1.0, beta: 1.0, trans_a: false, trans_b: false }), &[flat, w]);
    build.graph.add_output("another name", y);
    build.output(joined);
    let inputs = [seeded(&Shape(vec![1, 4, 8, 8]), 3)];
    let (floats, mut graph) = (build.graph.clone(), build.graph);
    let calibration = calibration(&floats, &inputs);
    assert_eq!(quantize(&mut graph, &calibration, false).unwrap(), 6);
    run(&mut graph, |_, _| {});
    assert!(graph.verify().is_empty(), "{:?}", graph.verify());
    let (wanted, found) = (floats.evaluate(&inputs).unwrap(), graph.evaluate(&inputs).unwrap());
    for (wanted, found) in wanted.iter().zip(&found) {
        assert!(ratio(wanted, found) > 300.0, "{}\n{graph}", ratio(wanted, found));
    }
    assert!(!graph.to_string().contains("= Conv"), "{graph}");
}

/// An average of sums is nearer to floats than one of bytes, which a map that is returned, too, gives.
#[test]
fn an_average_is_one_of_sums() {
    let limits = [Activation::Identity, Activation::Relu, Activation::Clip(-0.5, 1.0)];
    for (activation, ceil_mode) in limits.into_iter().flat_map(|activation| [(activation, false), (activation, true)]) {
        let network = |returns_map: bool| {
            let mut build = Build::new();
            let x = build.input("x", &[1, 8, 17, 16]);
            let y = conv(&mut build, "conv", x, 6, 1);
            let y = if activation == Activation::Identity { y } else { build.op("limited", Op::Unary(Unary { activation }), &[y]) };
            let window = Window { strides: [2, 2], ceil_mode, ..square(2) };
            let pool = build.op("pool", Op::Pool(Pool { kind: PoolKind::Average { count_include_pad: false }, window }), &[y]);
            build.output(pool);
            if returns_map {
                build.output(y);
            }
            build.graph
        };
        let inputs = [seeded(&Shape(vec![1, 8, 17, 16]), 3)];
        let floats = network(false).evaluate(&inputs).unwrap().remove(0);
        let calibration = calibration(&network(false), &inputs);
        let quantized = |returns_map: bool| {
            let mut graph = network(returns_map);
            assert_eq!(quantize(&mut graph, &calibration, false).unwrap(), 1);
            run(&mut graph, |_, _| {});
            assert!(graph.verify().is_empty(), "{:?}", graph.verify());
            (graph.evaluate(&inputs).unwrap().remove(0), graph)
        };
        let (of_sums, graph) = quantized(false);
        let lines = graph.to_string();
        assert!(lines.contains("AverageOfSums") && !lines.contains("= Pool"), "{lines}");
        let label = if activation == Activation::Identity { "Conv + AveragePool" } else { "+ AveragePool" };
        assert!(graph.ids().into_iter().any(|id| graph.label(id).ends_with(label)), "{lines}");
        let (of_bytes, graph) = quantized(true);
        assert!(!graph.to_string().contains("AverageOfSums"), "{graph}");
        // As a reader of bytes would have it.
        let (scale, zero) = steps(calibration.tensors["pool"]);
        let rounded = of_bytes.as_f32().unwrap().iter().map(|&value| {
            let byte = (value / scale).round_ties_even() as i32 + zero;
            (byte.clamp(i8::MIN.into(), i8::MAX.into()) - zero) as f32 * scale
        });
        let of_bytes = Tensor::f32(of_bytes.shape().clone(), rounded.collect::<Vec<_>>()).unwrap();
        let [sums, bytes] = [ratio(&floats, &of_sums), ratio(&floats, &of_bytes)];
        assert!(sums > bytes && bytes > 10_000.0, "{activation:?}: {sums} and {bytes}");
    }
}

/// Other pools are of bytes.
#[test]
fn only_windows_of_a_pointwise_convolution_are_averages_of_sums() {
    let halving = Window { strides: [2, 2], ..square(2) };
    let average = PoolKind::Average { count_include_pad: false };
    let others = [(3, average, halving.clone()), (1, PoolKind::Max, halving), (1, average, square(2))];
    for (kernel, kind, window) in others {
        let mut build = Build::new();
        let x = build.input("x", &[1, 3, 8, 8]);
        let y = conv(&mut build, "conv", x, 4, kernel);
        let y = build.op("pool", Op::Pool(Pool { kind, window }), &[y]);
        let y = conv(&mut build, "next", y, 2, 1);
        build.output(y);
        let calibration = calibration(&build.graph, &[seeded(&Shape(vec![1, 3, 8, 8]), 3)]);
        assert_eq!(quantize(&mut build.graph, &calibration, false).unwrap(), 2);
        assert!(!build.graph.to_string().contains("AverageOfSums"), "{}", build.graph);
    }
}

/// Weights that were rounded for these ranges are taken as they are; under others they are refused.
#[test]
fn stored_weights_are_taken() {
    let mut build = Build::new();
    let x = build.input("x", &[1, 4, 2, 2]);
    let y = conv(&mut build, "y", x, 3, 1);
    build.output(y);
    let mut calibration = calibration(&build.graph, &[seeded(&Shape(vec![1, 4, 2, 2]), 3)]);
    let found = terms(&build.graph, &calibration).unwrap();
    assert!(found.len() == 1 && found[0].per_filter() == 4 && found[0].nearest().iter().any(|byte| byte.abs() == 127));
    let stored = found.into_iter().map(|terms| (terms.output, Rounded { steps: terms.steps, bytes: vec![7; 12] })).collect();
    calibration.take_weights(stored).unwrap();
    let mut graph = build.graph.clone();
    assert_eq!(quantize(&mut graph, &calibration, false).unwrap(), 1);
    let weights = graph.ids().into_iter().find(|&id| graph.node(id).name == "y.weights").unwrap();
    let weights = graph.constant(Source { node: weights, slot: 0 }).unwrap();
    assert_eq!(weights.to_i64s().unwrap(), [7; 12]);
    calibration.tensors.insert("x".to_owned(), Range { min: -3.0, max: 3.0 });
    let refusal = quantize(&mut build.graph, &calibration, false).unwrap_err();
    assert!(refusal.to_string().contains("the weights that make `y` were rounded for other ranges"), "{refusal}");
}

/// What goes into one output of bytes has its scale, joined along any axis; a sum of more axes than a map's stays one of floats.
#[test]
fn all_that_goes_into_an_output_has_its_scale() {
    let mut build = Build::new();
    let x = build.input("x", &[1, 4, 4, 4]);
    let mut part = |name: &str, shape: &[usize]| {
        let y = conv(&mut build, name, x, 4, 1);
        build.op(&format!("{name}.shaped"), Op::Reshape(Reshape { shape: Shape(shape.to_vec()) }), &[y])
    };
    let parts = [part("a", &[64]), part("b", &[64])];
    let wide = [part("c", &[1, 4, 1, 4, 4]), part("d", &[1, 1, 4, 4, 4])];
    let joined = build.op("joined", Op::Concat(Concat { axis: 0 }), &parts);
    build.output(joined);
    let sum = build.op("sum", Op::Binary(Binary { kind: BinaryKind::Add }), &wide);
    build.output(sum);
    let inputs = [seeded(&Shape(vec![1, 4, 4, 4]), 3)];
    let (floats, mut graph) = (build.graph.clone(), build.graph);
    let calibration = calibration(&floats, &inputs);
    assert_eq!(quantize(&mut graph, &calibration, true).unwrap(), 4);
    run(&mut graph, |_, _| {});
    assert!(graph.verify().is_empty(), "{:?}", graph.verify());
    let returned = graph.outputs()[0].source;
    assert!(crate::passes::quantized::bytes_of(&graph, returned).is_some(), "{graph}");
    assert!(!graph.to_string().contains("QuantizedBinary"), "{graph}");
    let (wanted, found) = (floats.evaluate(&inputs).unwrap(), graph.evaluate(&inputs).unwrap());
    for (wanted, found) in wanted.iter().zip(&found) {
        assert!(ratio(wanted, found) > 300.0, "{}\n{graph}", ratio(wanted, found));
    }
}

#[test]
fn what_is_not_known_is_named() {
    let mut build = Build::new();
    let x = build.input("x", &[1, 4, 2, 2]);
    let y = conv(&mut build, "y", x, 4, 1);
    build.output(y);
    let refusal = quantize(&mut build.graph, &Calibration::new("", 1, BTreeMap::new()), false).unwrap_err();
    assert!(refusal.to_string().contains("no range of 1 tensors, `y` the first"), "{refusal}");
    let mut kept = Calibration::new("", 1, BTreeMap::new());
    kept.keep_float.push("y".to_owned());
    assert_eq!(quantize(&mut build.graph, &kept, false).unwrap(), 0);
    // Nor is what leads to it quantised for it.
    let mut build = Build::new();
    let x = build.input("x", &[1, 4, 1, 1]);
    let flat = build.op("flat", Op::Reshape(Reshape { shape: Shape(vec![1, 4]) }), &[x]);
    let w = build.seeded("w", &[4, 5]);
    let y = build.op("y", Op::MatMul(MatMul { alpha: 1.0, beta: 1.0, trans_a: false, trans_b: false }), &[flat, w]);
    build.output(y);
    let before = build.graph.to_string();
    assert_eq!(quantize(&mut build.graph, &kept, false).unwrap(), 0);
    assert_eq!(build.graph.to_string(), before);
}
