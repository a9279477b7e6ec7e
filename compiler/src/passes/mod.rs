//! The rewrites between import and lowering: one table, a file a pass, each a function from a graph to its number of rewrites.
//!
//! Invariant: a pass leaves a valid graph with the same inputs, outputs and meaning; `verify` runs after each in debug builds.

mod channels;
mod eliminate_dead_code;
mod eliminate_empty;
mod eliminate_identity;
mod eliminate_requantize;
mod eliminate_sum;
#[cfg(test)]
pub(crate) mod equivalence;
mod fold_batch_normalization;
mod fold_constants;
mod fuse_activation;
mod fuse_batch_normalization;
mod fuse_function;
mod fuse_lookup;
mod fuse_matmul_bias;
mod fuse_pad_into_window;
pub(crate) mod fuse_pool;
mod fuse_quantized_conv;
mod fuse_quantized_residual;
mod fuse_residual;
mod fuse_scale;
mod fuse_through_floats;
mod merge_reshapes;
mod nest_concats;
pub(crate) mod quantized;
mod raise_quantize;
mod sign_bytes;
mod sink_casts;
mod sink_dequantize;

pub(crate) use sign_bytes::unsign_bytes;

use crate::ir::Graph;

/// Rewrites what it can and says how often; a second call in a row rewrites nothing.
pub(crate) type Pass = fn(&mut Graph) -> usize;

/// Dead readers keep a value from having a sole consumer, so they go first. Constants must be known before a fusion asks for them.
/// What is computed of one value alone is one function before passes ask what becomes of a byte, or of a convolution's sums.
/// `fold_batch_normalization` would take what a convolution can absorb, so both fusions into convolutions come before it.
/// A convolution between bytes pads by itself, so `fuse_pad_into_window` comes before what makes it one of bytes.
/// A residual is added before the activation, so `fuse_residual` precedes `fuse_activation`.
/// Bytes are signed when no pass looks for unsigned ones any more.
/// A convolution of bytes adds a map of its results' type, so `fuse_quantized_residual` comes when types are as they stay.
/// Quantised weights are floats only where no operator wants them as they are, so `fold_dequantized` follows what looks for these.
/// Lists of maps are nested when each is known to stay floats or bytes, as an inner list may be read by others.
/// Nothing comes behind a pool in a convolution, so `fuse_pool` comes after all that goes before it.
pub(crate) const PASSES: &[(&str, Pass)] = &[
    ("eliminate_dead_code", eliminate_dead_code::eliminate_dead_code),
    ("fold_constants", fold_constants::fold_constants),
    ("eliminate_empty", eliminate_empty::eliminate_empty),
    ("eliminate_identity", eliminate_identity::eliminate_identity),
    ("eliminate_sum", eliminate_sum::eliminate_sum),
    ("merge_reshapes", merge_reshapes::merge_reshapes),
    ("fuse_function", fuse_function::fuse_function),
    ("sink_casts", sink_casts::sink_casts),
    ("fuse_pad_into_window", fuse_pad_into_window::fuse_pad_into_window),
    ("fuse_quantized_conv", fuse_quantized_conv::fuse_quantized_conv),
    ("sink_dequantize", sink_dequantize::sink_dequantize),
    ("raise_quantize", raise_quantize::raise_quantize),
    ("eliminate_requantize", eliminate_requantize::eliminate_requantize),
    ("fuse_through_floats", fuse_through_floats::fuse_through_floats),
    ("fuse_lookup", fuse_lookup::fuse_lookup),
    ("sign_bytes", sign_bytes::sign_bytes),
    ("fuse_quantized_residual", fuse_quantized_residual::fuse_quantized_residual),
    ("fold_dequantized", fold_constants::fold_dequantized),
    ("nest_concats", nest_concats::nest_concats),
    ("fuse_batch_normalization", fuse_batch_normalization::fuse_batch_normalization),
    ("fuse_scale", fuse_scale::fuse_scale),
    ("fold_batch_normalization", fold_batch_normalization::fold_batch_normalization),
    ("fuse_residual", fuse_residual::fuse_residual),
    ("fuse_activation", fuse_activation::fuse_activation),
    ("fuse_pool", fuse_pool::fuse_pool),
    ("fuse_matmul_bias", fuse_matmul_bias::fuse_matmul_bias),
];

/// The passes' names, in the order of the table.
pub fn pass_names() -> impl Iterator<Item = &'static str> {
    PASSES.iter().map(|&(name, _)| name)
}

/// Networks need some ten restarts; the bound is for graphs that were made to need one a node.
const MOST_RESTARTS: usize = 100;

/// Passes that make of floats what bytes are not made of: they run when it is known which values stay floats.
const AFTER_QUANTIZATION: [&str; 3] = ["fuse_residual", "fuse_activation", "fuse_pool"];

/// Runs the table without what comes after quantisation.
pub(crate) fn run_before_quantization(graph: &mut Graph, after: impl FnMut(&'static str, &Graph)) {
    let table: Vec<_> = PASSES.iter().copied().filter(|(name, _)| !AFTER_QUANTIZATION.contains(name)).collect();
    run_table(&table, graph, after);
}

/// Runs the table until no pass finds anything, each pass only on a graph in which the earlier ones find nothing more.
///
/// `after` sees the graph after a pass's first run and after each later run that changed it.
pub(crate) fn run(graph: &mut Graph, after: impl FnMut(&'static str, &Graph)) -> Vec<(&'static str, usize)> {
    run_table(PASSES, graph, after)
}

fn run_table(table: &[(&'static str, Pass)], graph: &mut Graph, mut after: impl FnMut(&'static str, &Graph)) -> Vec<(&'static str, usize)> {
    let mut totals: Vec<_> = table.iter().map(|&(name, _)| (name, 0)).collect();
    let (mut next, mut n_seen, mut n_restarts) = (0, 0, 0);
    while let Some(&(name, pass)) = table.get(next) {
        let rewrites = pass(graph);
        if cfg!(debug_assertions) {
            let faults = graph.verify();
            assert!(faults.is_empty(), "pass `{name}` leaves an invalid graph: {faults:?}");
        }
        if rewrites > 0 || next == n_seen {
            after(name, graph);
        }
        totals[next].1 += rewrites;
        n_seen = n_seen.max(next + 1);
        let again = rewrites > 0 && n_restarts < MOST_RESTARTS;
        n_restarts += usize::from(again);
        next = if again { 0 } else { next + 1 };
    }
    totals
}

#[cfg(test)]
mod tests {
    use peleec_runtime::{Activation, BinaryKind};

    use super::equivalence::{assert_same_meaning, conv, conv_op, outline};
    use super::run;
    use crate::ir::Source;
    use crate::ir::test_build::Build;
    use crate::ops::pad::PadMode;
    use crate::ops::quantize::Direction;
    use crate::ops::{BatchNormalization, Binary, Identity, Op, Pad, Quantize, Unary};
    use crate::tensor::{DType, Data, Shape, Tensor};

    fn parameters(build: &mut Build, name: &str) -> [Source; 4] {
        let variance = build.constant(&format!("{name}.var"), &[4], &[0.5, 1.0, 1.5, 2.0]);
        let [scale, bias, mean] = ["scale", "bias", "mean"].map(|part| build.seeded(&format!("{name}.{part}"), &[4]));
        [scale, bias, mean, variance]
    }

    /// A residual block as a Caffe converter writes it: BatchNormalization, Mul and Add after each convolution, then Add and Relu.
    #[test]
    fn a_residual_block_becomes_two_convolutions() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 4, 3, 3]);
        let mut tails = Vec::new();
        for name in ["a", "b"] {
            let y = conv(&mut build, name, x, 4, 1);
            let [scale, bias, mean, variance] = parameters(&mut build, name);
            let y = build.op(
                &format!("{name}.bn"),
                Op::BatchNormalization(BatchNormalization { epsilon: 1e-5 }),
                &[y, scale, bias, mean, variance],
            );
            let factor = build.seeded(&format!("{name}.factor"), &[1, 4, 1, 1]);
            let y = build.op(&format!("{name}.mul"), Op::Binary(Binary { kind: BinaryKind::Mul }), &[y, factor]);
            let y = build.op(&format!("{name}.dropout"), Op::Identity(Identity), &[y]);
            let y = build.op(&format!("{name}.add"), Op::Binary(Binary { kind: BinaryKind::Add }), &[y, factor]);
            tails.push(y);
        }
        let sum = build.op("sum", Op::Binary(Binary { kind: BinaryKind::Add }), &tails);
        let relu = build.op("relu", Op::Unary(Unary { activation: Activation::Relu }), &[sum]);
        build.output(relu);
        let (before, mut after) = (build.graph.clone(), build.graph);
        let mut seen = Vec::new();
        let totals = run(&mut after, |name, _| seen.push(name));
        assert_eq!(outline(&after), ["%a.add = Conv(%x, %a/W, %a/B)", "%relu = Conv(%x, %b/W, %b/B, %a.add)"]);
        let last = *after.ids().last().unwrap();
        assert_eq!(after.label(last), "Conv + BatchNormalization + Mul + Add + Add + Relu");
        assert_same_meaning(&before, &after);
        let total = |wanted| totals.iter().find(|(name, _)| *name == wanted).unwrap().1;
        assert_eq!((total("fuse_batch_normalization"), total("fuse_scale"), total("fuse_residual")), (2, 4, 1));
        assert!(super::PASSES.iter().all(|(name, _)| seen.contains(name)));
    }

    fn quantize(direction: Direction, scale: f32, zero: i32) -> Op {
        Op::Quantize(Quantize { direction, scale: [scale].into(), zero: vec![zero], axis: 1, block: None })
    }

    fn through_bytes(build: &mut Build, name: &str, x: Source, scale: f32) -> Source {
        let bytes = build.op(&format!("{name}.q"), quantize(Direction::Quantize(DType::U8), scale, 3), &[x]);
        build.op(&format!("{name}.d"), quantize(Direction::Dequantize, scale, 3), &[bytes])
    }

    /// With a pair of its own behind it or without one; what is not zero stays a pad of bytes.
    #[test]
    fn a_pad_before_a_convolution_of_bytes() {
        for (value, has_pair, expected) in [(0.0, true, 0), (0.0, false, 0), (0.5, true, 1)] {
            let mut build = Build::new();
            let x = build.input("x", &[1, 4, 5, 5]);
            let x = through_bytes(&mut build, "x", x, 0.125);
            let pads = vec![0, 0, 1, 1, 0, 0, 0, 2];
            let mut x = build.op("padded", Op::Pad(Pad { pads, mode: PadMode::Constant(value) }), &[x]);
            if has_pair {
                x = through_bytes(&mut build, "padded", x, 0.125);
            }
            let weights: Vec<i8> = (0..3 * 4 * 9).map(|i| (i * 37 % 255 - 127) as i8).collect();
            let w = build.graph.add_constant("w", Tensor::new(Shape(vec![3, 4, 3, 3]), Data::I8(weights.into())).unwrap());
            let w = build.op("w.d", quantize(Direction::Dequantize, 0.5, 0), &[w]);
            let y = build.op("y", Op::Conv(conv_op(3)), &[x, w]);
            let y = through_bytes(&mut build, "y", y, 4.0 + 1.0 / 64.0);
            build.output(y);
            let (before, mut after) = (build.graph.clone(), build.graph);
            run(&mut after, |_, _| {});
            assert_same_meaning(&before, &after);
            let text = after.to_string();
            let counts = [" = QuantizedConv", " = Pad", ": u8["].map(|part| text.matches(part).count());
            assert_eq!(counts, [1, expected, 0], "{text}");
        }
    }

    #[test]
    fn alternating_scales_and_normalizations_all_go() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 4, 2, 2]);
        let mut y = conv(&mut build, "conv", x, 4, 1);
        for i in 0..5 {
            let factor = build.seeded(&format!("factor{i}"), &[4, 1, 1]);
            y = build.op(&format!("mul{i}"), Op::Binary(Binary { kind: BinaryKind::Mul }), &[y, factor]);
            let [scale, bias, mean, variance] = parameters(&mut build, &format!("bn{i}"));
            let normalize = Op::BatchNormalization(BatchNormalization { epsilon: 1e-5 });
            y = build.op(&format!("bn{i}"), normalize, &[y, scale, bias, mean, variance]);
        }
        build.output(y);
        let (before, mut after) = (build.graph.clone(), build.graph);
        run(&mut after, |_, _| {});
        assert_eq!(outline(&after), ["%bn4 = Conv(%x, %conv/W, %conv/B)"]);
        assert_same_meaning(&before, &after);
    }
}
