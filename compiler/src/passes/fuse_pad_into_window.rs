//! Lets a convolution or pool pad by itself what a `Pad` padded in front of it; only where the result is the same.
//!
//! - `Conv`: pads of zero. Bit-exact for finite weights.
//! - `AveragePool`: pads of zero that its divisor counts. Bit-exact.
//! - `MaxPool`: pads that never win: of the lowest float or byte, or not above zero in front of a map without negative values, as an
//!   activation leaves it. Every window keeps a cell of the map. Bit-exact for maps without NaN, but for the sign of zero.
//! - `QuantizedConv` and `QuantizedPool`: pads of the byte that stands for zero, as above. Bit-exact.

use crate::ir::{Content, Graph, NodeId, Source};
use crate::ops::operands::Sum;
use crate::ops::pad::PadMode;
use crate::ops::pool::PoolKind;
use crate::ops::quantized_conv::limits;
use crate::ops::{Op, Pad, Pool, unary};
use crate::tensor::DType;
use crate::tensor::window::Window;

pub(crate) fn fuse_pad_into_window(graph: &mut Graph) -> usize {
    let mut fused = 0;
    for id in graph.ids() {
        let Some((consumer, op)) = padding_itself(graph, id) else { continue };
        graph.prepend(id, consumer);
        graph.node_mut(consumer).content = Content::Op(op);
        fused += 1;
    }
    fused
}

/// The sole reader of the `Pad` `id`, and the operator that does both.
fn padding_itself(graph: &Graph, id: NodeId) -> Option<(NodeId, Op)> {
    let Op::Pad(pad) = graph.op(id)? else { return None };
    let (consumer, input) = (graph.sole_consumer(id)?, graph.input(id, 0)?);
    if graph.input(consumer, 0) != Some(Source { node: id, slot: 0 }) {
        return None;
    }
    let op = match (graph.op(consumer)?, pad.mode) {
        (Op::Conv(conv), PadMode::Constant(value)) if value == 0.0 && conv.pool.is_none() => {
            let mut conv = conv.clone();
            conv.window = widened(&conv.window, pad)?;
            Op::Conv(conv)
        }
        (Op::QuantizedConv(conv), PadMode::Integer(value)) if value == i64::from(conv.input_zero) => {
            let mut conv = conv.clone();
            conv.window = widened(&conv.window, pad)?;
            Op::QuantizedConv(conv)
        }
        (Op::Pool(pool), mode) => {
            let kind = padded_kind(graph, pool, mode, input)?;
            Op::Pool(Pool { kind, window: widened(&pool.window, pad)? })
        }
        (Op::QuantizedPool(average), PadMode::Integer(value)) => {
            let mut average = average.clone();
            // Longer sums are of blocks, which would begin elsewhere.
            let is_one_sum = average.pool.window.kernel.iter().product::<usize>() <= Sum::LONGEST;
            if !is_one_sum || !average.from.zero.iter().all(|&zero| i64::from(zero) == value) {
                return None;
            }
            average.pool = Pool { kind: counting(&average.pool)?, window: widened(&average.pool.window, pad)? };
            Op::QuantizedPool(average)
        }
        _ => return None,
    };
    // With `ceil_mode` the two can differ in their last window, and a window may come to lie in padding alone.
    let mut inputs = graph.node_inputs(consumer);
    inputs[0] = Some(input);
    let types: Vec<_> = inputs.iter().map(|source| source.map(|s| graph.ty(s))).collect();
    let output = graph.ty(Source { node: consumer, slot: 0 });
    (op.infer(&types).ok()? == [output.clone()]).then_some((consumer, op))
}

/// `window` with the pads of `pad` added to its own, if those lie on the spatial axes alone.
fn widened(window: &Window, pad: &Pad) -> Option<Window> {
    let (added, along) = match pad.pads[..] {
        [0, 0, left, 0, 0, right] => ([0, left, 0, right], [0; 2]),
        [0, 0, top, left, 0, 0, bottom, right] => ([top, left, bottom, right], [0; 2]),
        [0, 0, front, top, left, 0, 0, back, bottom, right] => ([top, left, bottom, right], [front, back]),
        _ => return None,
    };
    let mut window = window.clone();
    let depth = window.depth.iter_mut().flat_map(|depth| depth.pads.iter_mut().zip(along));
    for (own, more) in window.pads.iter_mut().zip(added).chain(depth) {
        *own = own.checked_add(more)?;
    }
    Some(window)
}

/// The kind of the pool that pads by itself what was padded in this way.
fn padded_kind(graph: &Graph, pool: &Pool, mode: PadMode, input: Source) -> Option<PoolKind> {
    match (pool.kind, mode) {
        (PoolKind::Max, PadMode::Constant(value)) => {
            let never_wins = value <= f32::MIN || (value <= 0.0 && is_non_negative(graph, input));
            never_wins.then_some(PoolKind::Max)
        }
        (PoolKind::Max, PadMode::Integer(value)) => {
            let dtype = graph.ty(input).dtype;
            let never_wins = matches!(dtype, DType::I8 | DType::U8) && value == i64::from(limits(dtype)[0]);
            never_wins.then_some(PoolKind::Max)
        }
        (PoolKind::Average { .. }, PadMode::Constant(0.0)) => counting(pool),
        _ => None,
    }
}

/// The average to which padded cells are the cells that they were, which count; its own pads must then count as well, or not be there.
fn counting(pool: &Pool) -> Option<PoolKind> {
    let PoolKind::Average { count_include_pad } = pool.kind else { return None };
    (count_include_pad || pool.window.is_unpadded()).then_some(PoolKind::Average { count_include_pad: true })
}

fn is_non_negative(graph: &Graph, source: Source) -> bool {
    let activation = match graph.op(source.node) {
        Some(Op::Conv(conv)) => conv.activation,
        Some(Op::Unary(unary)) => unary.activation,
        _ => return false,
    };
    unary::is_non_negative(activation)
}

#[cfg(test)]
mod tests {
    use peleec_runtime::Activation;

    use super::fuse_pad_into_window;
    use crate::ir::Source;
    use crate::ir::test_build::Build;
    use crate::ops::pad::PadMode;
    use crate::ops::pool::PoolKind;
    use crate::ops::quantize::Direction;
    use crate::ops::quantized_conv::Requantization;
    use crate::ops::{Op, Pad, Pool, Quantize, QuantizedConv, QuantizedPool, Unary};
    use crate::passes::equivalence::{check, conv, square};
    use crate::tensor::window::{Axis, Window};
    use crate::tensor::{DType, Data, Shape, Tensor};

    const COUNTED: PoolKind = PoolKind::Average { count_include_pad: true };
    const INSIDE: PoolKind = PoolKind::Average { count_include_pad: false };

    /// Pads of 1 at the top and left, `bottom` and `right` at the other ends.
    fn spatial(bottom: usize, right: usize, value: f32) -> Op {
        Op::Pad(Pad { pads: vec![0, 0, 1, 1, 0, 0, bottom, right], mode: PadMode::Constant(value) })
    }

    /// `Pool(Pad(x))`, of an activated map if asked.
    fn pooled(activation: Option<Activation>, pad: Op, kind: PoolKind, window: Window) -> Build {
        let mut build = Build::new();
        let mut x = build.input("x", &[1, 2, 5, 5]);
        if let Some(activation) = activation {
            x = build.op("map", Op::Unary(Unary { activation }), &[x]);
        }
        let y = build.op("pad", pad, &[x]);
        let y = build.op("pool", Op::Pool(Pool { kind, window }), &[y]);
        build.output(y);
        build
    }

    fn rewrites(build: Build) -> usize {
        check(build, fuse_pad_into_window).0
    }

    #[test]
    fn into_a_convolution() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 2, 5, 5]);
        let y = build.op("pad", spatial(0, 2, 0.0), &[x]);
        let y = conv(&mut build, "conv", y, 3, 3);
        build.output(y);
        let (fused, after, lines) = check(build, fuse_pad_into_window);
        assert_eq!((fused, lines), (1, vec!["%conv = Conv(%x, %conv.w, %conv.b)".to_owned()]));
        assert!(after.to_string().contains("pads: [1, 1, 0, 2]"));
        assert_eq!(after.label(after.outputs()[0].source.node), "Pad + Conv");
    }

    #[test]
    fn into_an_average_that_counts_pads() {
        let two = Window { strides: [2, 2], ..square(2) };
        let (fused, after, _) = check(pooled(None, spatial(0, 0, 0.0), INSIDE, two.clone()), fuse_pad_into_window);
        assert_eq!(fused, 1);
        assert!(after.to_string().contains("count_include_pad: true"));
        let own = Window { pads: [1; 4], ..square(3) };
        assert_eq!(rewrites(pooled(None, spatial(1, 1, 0.0), COUNTED, own.clone())), 1);
        assert_eq!(rewrites(pooled(None, spatial(1, 1, 0.0), INSIDE, own)), 0);
        assert_eq!(rewrites(pooled(None, spatial(0, 0, 1.0), INSIDE, two)), 0);
    }

    /// Local response normalisation as PyTorch writes it averages over channels as depths.
    #[test]
    fn into_an_average_along_the_depth() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 1, 5, 2, 2]);
        let pads = vec![0, 0, 2, 0, 0, 0, 0, 1, 0, 0];
        let y = build.op("pad", Op::Pad(Pad { pads, mode: PadMode::Constant(0.0) }), &[x]);
        let depth = Axis { kernel: 4, ..Axis::POINT };
        let window = Window { depth: Some(Box::new(depth)), ..Window::pointwise() };
        let y = build.op("pool", Op::Pool(Pool { kind: INSIDE, window }), &[y]);
        build.output(y);
        let (fused, after, _) = check(build, fuse_pad_into_window);
        assert_eq!(fused, 1);
        let text = after.to_string();
        assert!(text.contains("count_include_pad: true") && text.contains("pads: [2, 1]"), "{text}");
    }

    /// The padded map has 7 columns, so a fourth window starts at 6, in the trailing pad: the pool that pads by itself leaves it out.
    #[test]
    fn not_into_a_pool_whose_last_window_would_be_lost() {
        let two = Window { strides: [2, 2], ceil_mode: true, ..square(2) };
        assert_eq!(rewrites(pooled(None, spatial(1, 1, 0.0), INSIDE, two.clone())), 0);
        assert_eq!(rewrites(pooled(None, spatial(0, 0, 0.0), INSIDE, two)), 1);
    }

    #[test]
    fn into_a_maximum_over_which_the_pad_never_wins() {
        let three = || square(3);
        for (activation, value, expected) in [
            (None, f32::NEG_INFINITY, 1),
            (None, f32::MIN, 1),
            (None, 0.0, 0),
            (Some(Activation::Relu), 0.0, 1),
            (Some(Activation::Relu), 1.0, 0),
            (Some(Activation::Clip(0.0, 6.0)), 0.0, 1),
            (Some(Activation::Clip(-1.0, 6.0)), 0.0, 0),
            (Some(Activation::LeakyRelu(0.1)), 0.0, 0),
        ] {
            let build = pooled(activation, spatial(1, 1, value), PoolKind::Max, three());
            assert_eq!(rewrites(build), expected, "{activation:?} padded with {value}");
        }
        // A window of one cell in the pad is a maximum of nothing.
        assert_eq!(rewrites(pooled(Some(Activation::Relu), spatial(1, 1, 0.0), PoolKind::Max, square(1))), 0);
    }

    fn steps(direction: Direction) -> Quantize {
        Quantize { direction, scale: [1.0 / 64.0].into(), zero: vec![7], axis: 1, block: None }
    }

    /// Bytes of which 7 stands for zero, with `value` around them.
    fn padded_bytes(build: &mut Build, dtype: DType, value: i64) -> Source {
        let x = build.input("x", &[1, 2, 5, 5]);
        let x = build.op("bytes", Op::Quantize(steps(Direction::Quantize(dtype))), &[x]);
        build.op("pad", Op::Pad(Pad { pads: vec![0, 0, 1, 1, 0, 0, 0, 1], mode: PadMode::Integer(value) }), &[x])
    }

    #[test]
    fn into_a_convolution_of_bytes_where_the_byte_stands_for_zero() {
        for (value, expected) in [(7, 1), (0, 0)] {
            let mut build = Build::new();
            let x = padded_bytes(&mut build, DType::I8, value);
            let weights: Vec<i8> = (0..3 * 2 * 9).map(|i| (i * 37 % 255 - 127) as i8).collect();
            let w = build.graph.add_constant("w", Tensor::new(Shape(vec![3, 2, 3, 3]), Data::I8(weights.into())).unwrap());
            let b = build.graph.add_constant("b", Tensor::new(Shape(vec![3]), Data::I32([900, -77, 5].into())).unwrap());
            let requantization = Requantization::new(&[0.01, 0.02, 0.005], 3, [-128, 127]).unwrap();
            let conv =
                QuantizedConv { window: square(3), group: 1, input_zero: 7, requantization, dtype: DType::I8, pool: None, residual: None };
            let y = build.op("conv", Op::QuantizedConv(conv), &[x, w, b]);
            build.output(y);
            let (fused, after, _) = check(build, fuse_pad_into_window);
            assert_eq!((fused, after.to_string().contains("pads: [1, 1, 0, 1]")), (expected, expected == 1), "{value}");
        }
    }

    #[test]
    fn into_an_average_of_bytes_that_counts_pads() {
        let own = || Window { pads: [1; 4], ..square(3) };
        let large = || Window { kernel: [5, 300], pads: [0, 150, 0, 150], ..Window::pointwise() };
        for (value, kind, window, expected) in [
            (7, INSIDE, square(3), 1),
            (7, COUNTED, own(), 1),
            (7, INSIDE, own(), 0),
            (0, INSIDE, square(3), 0),
            // A sum of more than 1024 terms is one of blocks.
            (7, COUNTED, large(), 0),
        ] {
            let mut build = Build::new();
            let x = padded_bytes(&mut build, DType::I8, value);
            let (from, to) = (steps(Direction::Dequantize), steps(Direction::Quantize(DType::I8)));
            let average = QuantizedPool { pool: Pool { kind, window }, from, to, dtype: DType::I8, limits: [-128, 127] };
            let y = build.op("pool", Op::QuantizedPool(average), &[x]);
            build.output(y);
            assert_eq!(rewrites(build), expected, "{value} {kind:?}");
        }
    }

    #[test]
    fn into_a_maximum_of_bytes_where_the_byte_is_the_lowest() {
        for (dtype, value, expected) in [(DType::I8, -128, 1), (DType::I8, 7, 0), (DType::U8, 0, 1), (DType::U8, 7, 0)] {
            let mut build = Build::new();
            let x = padded_bytes(&mut build, dtype, value);
            let y = build.op("pool", Op::Pool(Pool { kind: PoolKind::Max, window: square(3) }), &[x]);
            build.output(y);
            assert_eq!(rewrites(build), expected, "{dtype} {value}");
        }
    }

    #[test]
    fn other_pads_and_other_readers_stay() {
        let channels = Op::Pad(Pad { pads: vec![0, 1, 0, 0, 0, 0, 0, 0], mode: PadMode::Constant(0.0) });
        assert_eq!(rewrites(pooled(None, channels, INSIDE, square(2))), 0);
        let mirrored = Op::Pad(Pad { pads: vec![0, 0, 1, 1, 0, 0, 0, 0], mode: PadMode::Reflect });
        assert_eq!(rewrites(pooled(None, mirrored, INSIDE, square(2))), 0);
        let mut build = pooled(None, spatial(0, 0, 0.0), INSIDE, square(2));
        let pad = build.graph.ids().into_iter().find(|&id| build.graph.node(id).name == "pad").unwrap();
        build.output(Source { node: pad, slot: 0 });
        assert_eq!(rewrites(build), 0);
    }
}
