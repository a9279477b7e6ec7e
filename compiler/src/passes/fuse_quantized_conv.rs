//! Turns a convolution of dequantised bytes, or a product of vectors with weights, whose result is quantised into one of bytes, with an
//! activation that only limits.
//!
//! Its sums are exact, where those of floats are rounded: a result may differ by one step where a sum lies next to the middle of two, and
//! where a bias of floats is no whole number of the sums' steps, by that rest. What an `Add` adds to a product is taken as a bias where it
//! is a whole number of them.

use peleec_runtime::{Activation, BinaryKind};

use super::channels::is_bare_conv;
use super::quantized::{bytes_of, dequantizes, limited, quantizes};
use crate::ir::{Content, Graph, NodeId, Source};
use crate::ops::quantized_conv::{QuantizedConv, Requantization, limits};
use crate::ops::{Conv, MatMul, Op};
use crate::tensor::window::Window;
use crate::tensor::{Data, Shape, Tensor};

pub(crate) fn fuse_quantized_conv(graph: &mut Graph) -> usize {
    let mut fused = 0;
    for id in graph.ids() {
        let Some(Fusion { op, x, weights, bias, absorbed }) = fusion(graph, id) else { continue };
        let name = graph.node(id).name.clone();
        let w = match weights {
            Weights::Stored(source) => source,
            Weights::Made(value) if graph.has_room_for(value.bytes()) => graph.add_constant(&format!("{name}.weights"), value),
            Weights::Made(_) => continue,
        };
        let b = graph.add_constant(&format!("{name}.bias"), bias);
        for consumer in absorbed {
            graph.absorb(id, consumer);
        }
        graph.read_only(id, &[x, w, b]);
        graph.node_mut(id).content = Content::Op(Op::QuantizedConv(op));
        fused += 1;
    }
    fused
}

/// What a convolution becomes.
struct Fusion {
    op: QuantizedConv,
    /// The bytes that it reads.
    x: Source,
    weights: Weights,
    bias: Tensor,
    /// What follows it, in order: an activation, and what quantises the result.
    absorbed: Vec<NodeId>,
}

/// Weights of signed bytes around zero, the filters first.
enum Weights {
    /// As the file has them.
    Stored(Source),
    Made(Tensor),
}

fn fusion(graph: &Graph, id: NodeId) -> Option<Fusion> {
    let rank = |slot: usize| Some(graph.ty(graph.input(id, slot)?).shape.rank());
    let (window, group, filter_axis) = match graph.op(id)? {
        Op::Conv(conv) if conv.window.depth.is_none() && is_bare_conv(graph, id) => (conv.window.clone(), conv.group, 0),
        Op::MatMul(MatMul { alpha: 1.0, beta: 1.0, trans_a: false, trans_b }) if (rank(0)?, rank(1)?) == (2, 2) => {
            (Window::pointwise(), 1, usize::from(!trans_b))
        }
        _ => return None,
    };
    let (x, input) = bytes_of(graph, graph.input(id, 0)?)?;
    let (weights, around_zero, weight_scales) = weights(graph, graph.input(id, 1)?, filter_axis)?;
    let mut last = graph.sole_consumer(id)?;
    let mut absorbed = vec![last];
    let added = addend(graph, id, last);
    if added.is_some() {
        last = graph.sole_consumer(last)?;
        absorbed.push(last);
    }
    let mut activation = Activation::Identity;
    if let Some(Op::Unary(unary)) = graph.op(last) {
        activation = unary.activation;
        last = graph.sole_consumer(last)?;
        absorbed.push(last);
    }
    let (result, dtype) = quantizes(graph, last)?;
    let limits = limited(limits(dtype), activation, result)?;
    let (input_scale, scale) = (f64::from(*input.scale.first()?), f64::from(*result.scale.first()?));
    let sum_scales: Vec<f64> = weight_scales.iter().map(|&scale| input_scale * f64::from(scale)).collect();
    let filters = around_zero.shape()[0];
    let scale_of = |filter: usize| sum_scales[if sum_scales.len() == 1 { 0 } else { filter }];
    let factors: Vec<f64> = (0..filters).map(|filter| scale_of(filter) / scale).collect();
    let steps = match added.or_else(|| graph.input(id, Conv::BIAS)) {
        Some(source) => bias_steps(graph, source, filters, scale_of)?,
        None => vec![0.0; filters],
    };
    if added.is_some() && !steps.iter().all(|&steps| is_whole(steps)) {
        return None;
    }
    let bias = rounded(&steps, &factors)?;
    let requantization = Requantization::new(&factors, *result.zero.first()?, limits)?;
    let input_zero = *input.zero.first()?;
    let Data::I8(values) = around_zero.data() else { return None };
    if !requantization.admits_all(values, &bias, graph.ty(x).dtype, input_zero) {
        return None;
    }
    let op = QuantizedConv { window, group, input_zero, requantization, dtype, pool: None, residual: None };
    Some(Fusion { op, x, weights, bias: Tensor::new(Shape(vec![filters]), Data::I32(bias.into()))?, absorbed })
}

/// Known weights, their values, and their scales, one or one a filter.
fn weights(graph: &Graph, source: Source, filter_axis: usize) -> Option<(Weights, Tensor, &[f32])> {
    let (place, op) = dequantizes(graph, source.node)?;
    let stored = graph.constant(place)?;
    let per_filter = op.scale.len() > 1;
    let rank = stored.shape().rank();
    if rank < 2 || per_filter && op.axis != filter_axis as i64 && op.axis != filter_axis as i64 - rank as i64 {
        return None;
    }
    if filter_axis == 0 && matches!(stored.data(), Data::I8(_)) && op.zero.iter().all(|&zero| zero == 0) {
        return Some((Weights::Stored(place), stored.clone(), &op.scale));
    }
    let (filters, inner) = (stored.shape()[filter_axis], stored.shape().elements().checked_div(stored.shape()[filter_axis])?);
    let mut dims = stored.shape().0.clone();
    dims.swap(0, filter_axis);
    let stored = stored.to_i64s()?;
    let around_zero = (0..filters * inner).map(|index| {
        let (filter, at) = (index / inner, index % inner);
        let stored = stored[if filter_axis == 0 { index } else { at * filters + filter }];
        i8::try_from(stored - i64::from(op.zero[if per_filter { filter } else { 0 }])).ok()
    });
    let around_zero: Vec<i8> = around_zero.collect::<Option<_>>()?;
    let around_zero = Tensor::new(Shape(dims), Data::I8(around_zero.into()))?;
    Some((Weights::Made(around_zero.clone()), around_zero, &op.scale))
}

/// What `reader` adds to the product `id`, where that has no bias of its own and the sum has its shape.
fn addend(graph: &Graph, id: NodeId, reader: NodeId) -> Option<Source> {
    let is_bare = matches!(graph.op(id), Some(Op::MatMul(_))) && graph.input(id, MatMul::ADDEND).is_none();
    let adds = matches!(graph.op(reader), Some(Op::Binary(binary)) if binary.kind == BinaryKind::Add);
    let [product, sum] = [id, reader].map(|node| Source { node, slot: 0 });
    if !is_bare || !adds || graph.ty(product) != graph.ty(sum) {
        return None;
    }
    [0, 1].into_iter().filter_map(|slot| graph.input(reader, slot)).find(|&source| source != product)
}

/// A known bias, one value a filter, in steps of the sums.
fn bias_steps(graph: &Graph, source: Source, filters: usize, scale: impl Fn(usize) -> f64) -> Option<Vec<f64>> {
    let shape = &graph.ty(source).shape;
    if shape.elements() != filters || shape.last() != Some(&filters) {
        return None;
    }
    Some(match dequantizes(graph, source.node) {
        Some((stored, op)) => {
            let at = |filter: usize| if op.scale.len() == 1 { 0 } else { filter };
            let steps = |(filter, &value): (usize, &i64)| {
                let ratio = f64::from(op.scale[at(filter)]) / scale(filter);
                // A scale that was rounded to a float stands for the product.
                let ratio = if (ratio - 1.0).abs() < 1e-6 { 1.0 } else { ratio };
                (value - i64::from(op.zero[at(filter)])) as f64 * ratio
            };
            graph.constant(stored)?.to_i64s()?.iter().enumerate().map(steps).collect()
        }
        None => graph.constant(source)?.as_f32()?.iter().enumerate().map(|(filter, &value)| f64::from(value) / scale(filter)).collect(),
    })
}

/// Whether a number of steps is whole, but for how floats round it, its scale and their product.
fn is_whole(steps: f64) -> bool {
    (steps - steps.round()).abs() <= 2.0 * f64::from(f32::EPSILON) * steps.abs()
}

/// A bias in whole steps; none where rounding it would show in results.
fn rounded(steps: &[f64], factors: &[f64]) -> Option<Vec<i32>> {
    let whole = |(steps, factor): (&f64, &f64)| {
        let shows = (steps - steps.round()).abs() * factor > 0.125;
        (steps.abs() < f64::from(i32::MAX) && !shows).then(|| steps.round() as i32)
    };
    steps.iter().zip(factors).map(whole).collect()
}

#[cfg(test)]
mod tests {
    use peleec_runtime::{Activation, BinaryKind};

    use super::fuse_quantized_conv;
    use crate::ir::test_build::Build;
    use crate::ir::{Graph, Source};
    use crate::ops::quantize::Direction;
    use crate::ops::{Binary, MatMul, Op, Quantize, Unary};
    use crate::passes::equivalence::{check, conv_op};
    use crate::passes::quantized::in_floats;
    use crate::passes::run;
    use crate::tensor::{DType, Data, Shape, Tensor};

    fn op(direction: Direction, scale: &[f32], zero: i32) -> Op {
        Op::Quantize(Quantize { direction, scale: scale.into(), zero: vec![zero; scale.len()], axis: 0, block: None })
    }

    /// Four channels of bytes through a convolution to three, in steps that floats hold exactly.
    fn network(dtype: DType, zero: i32, scales: &[f32], activation: Option<Activation>) -> (Build, Source) {
        let mut build = Build::new();
        let x = build.input("x", &[1, 4, 5, 5]);
        let x = build.op("x.q", op(Direction::Quantize(dtype), &[0.125], zero), &[x]);
        let x = build.op("x.d", op(Direction::Dequantize, &[0.125], zero), &[x]);
        let weights: Vec<i8> = (0..3 * 4 * 9).map(|i| (i * 37 % 256) as u8 as i8).collect();
        let w = build.graph.add_constant("w", Tensor::new(Shape(vec![3, 4, 3, 3]), Data::I8(weights.into())).unwrap());
        let w = build.op("w.d", op(Direction::Dequantize, scales, 0), &[w]);
        let b = build.graph.add_constant("b", Tensor::new(Shape(vec![3]), Data::I32([900, -77, 5].into())).unwrap());
        let sums: Vec<f32> = scales.iter().map(|scale| scale * 0.125).collect();
        let b = build.op("b.d", op(Direction::Dequantize, &sums, 0), &[b]);
        let mut conv = conv_op(3);
        conv.window.pads = [1, 0, 1, 1];
        let mut y = build.op("y", Op::Conv(conv), &[x, w, b]);
        if let Some(activation) = activation {
            y = build.op("a", Op::Unary(Unary { activation }), &[y]);
        }
        let y = build.op("q", op(Direction::Quantize(dtype), &[4.0 + 1.0 / 64.0], zero), &[y]);
        (build, y)
    }

    fn outline(mut build: Build, y: Source) -> (usize, Graph, Vec<String>) {
        build.output(y);
        check(build, fuse_quantized_conv)
    }

    #[test]
    fn bytes_come_in_and_go_out() {
        for (dtype, zero) in [(DType::I8, 0), (DType::I8, -7), (DType::U8, 128), (DType::U8, 3)] {
            for scales in [&[0.5][..], &[0.5, 0.0625, 2.0]] {
                for activation in [None, Some(Activation::Relu), Some(Activation::Clip(-8.0, 40.0))] {
                    let (build, y) = network(dtype, zero, scales, activation);
                    let (fused, graph, lines) = outline(build, y);
                    let last = lines.last().map(String::as_str);
                    assert_eq!((fused, last), (1, Some("%q = QuantizedConv(%x.q, %w, %y.bias)")), "{lines:?}");
                    let label = graph.label(graph.outputs()[0].source.node);
                    assert!(label.starts_with("Conv") && label.ends_with("QuantizeLinear"), "{label}");
                }
            }
        }
    }

    #[test]
    fn vectors_times_weights() {
        for trans_b in [true, false] {
            let mut build = Build::new();
            let x = build.input("x", &[2, 4]);
            let x = build.op("x.q", op(Direction::Quantize(DType::I8), &[0.125], 2), &[x]);
            let x = build.op("x.d", op(Direction::Dequantize, &[0.125], 2), &[x]);
            let shape = if trans_b { vec![3, 4] } else { vec![4, 3] };
            let weights: Vec<i8> = (0..12).map(|i| (i * 37 % 256) as u8 as i8).collect();
            let w = build.graph.add_constant("w", Tensor::new(Shape(shape), Data::I8(weights.into())).unwrap());
            let axis = i64::from(!trans_b);
            let scale = [0.5, 0.25, 1.0].into();
            let per_filter = Quantize { direction: Direction::Dequantize, scale, zero: vec![0; 3], axis, block: None };
            let w = build.op("w.d", Op::Quantize(per_filter), &[w]);
            let c = build.constant("c", &[3], &[1.0, -2.0, 0.5]);
            let y = build.op("y", Op::MatMul(MatMul { alpha: 1.0, beta: 1.0, trans_a: false, trans_b }), &[x, w, c]);
            let y = build.op("q", op(Direction::Quantize(DType::I8), &[0.51], -3), &[y]);
            let (fused, _, lines) = outline(build, y);
            let weights = if trans_b { "w" } else { "y.weights" };
            assert_eq!((fused, lines.last().unwrap()), (1, &format!("%q = QuantizedConv(%x.q, %{weights}, %y.bias)")));
        }
    }

    /// What is added to a product of vectors.
    #[derive(Clone, Copy, Debug)]
    enum Added {
        Floats([f32; 3]),
        /// Integers in steps of each column, or of all.
        Stored(&'static [f32]),
    }

    /// Sums are in steps of 1/16, 1/32 and 1/8.
    fn biased(added: Added, comes_first: bool, activation: Option<Activation>) -> Build {
        let mut build = Build::new();
        let x = build.input("x", &[2, 4]);
        let x = build.op("x.q", op(Direction::Quantize(DType::I8), &[0.125], 2), &[x]);
        let x = build.op("x.d", op(Direction::Dequantize, &[0.125], 2), &[x]);
        let weights: Vec<i8> = (0..12).map(|i| (i * 37 % 256) as u8 as i8).collect();
        let w = build.graph.add_constant("w", Tensor::new(Shape(vec![4, 3]), Data::I8(weights.into())).unwrap());
        let scale = [0.5, 0.25, 1.0].into();
        let per_filter = Quantize { direction: Direction::Dequantize, scale, zero: vec![0; 3], axis: 1, block: None };
        let w = build.op("w.d", Op::Quantize(per_filter), &[w]);
        let y = build.op("y", Op::MatMul(MatMul { alpha: 1.0, beta: 1.0, trans_a: false, trans_b: false }), &[x, w]);
        let b = match added {
            Added::Floats(values) => build.constant("b", &[3], &values),
            Added::Stored(scale) => {
                let b = build.graph.add_constant("b", Tensor::new(Shape(vec![3]), Data::I32([7, -77, 9].into())).unwrap());
                build.op("b.d", op(Direction::Dequantize, scale, 0), &[b])
            }
        };
        let operands = if comes_first { [b, y] } else { [y, b] };
        let mut y = build.op("sum", Op::Binary(Binary { kind: BinaryKind::Add }), &operands);
        if let Some(activation) = activation {
            y = build.op("a", Op::Unary(Unary { activation }), &[y]);
        }
        let y = build.op("q", op(Direction::Quantize(DType::I8), &[0.51], -3), &[y]);
        build.output(y);
        build
    }

    #[test]
    fn a_bias_that_an_add_adds_in_whole_steps() {
        for added in [Added::Stored(&[0.0625, 0.03125, 0.125]), Added::Floats([1.0, -2.0, 0.5])] {
            for (comes_first, activation) in [(false, None), (true, None), (false, Some(Activation::Relu))] {
                let (fused, graph, lines) = check(biased(added, comes_first, activation), fuse_quantized_conv);
                assert_eq!((fused, lines.last().unwrap().as_str()), (1, "%q = QuantizedConv(%x.q, %y.weights, %y.bias)"), "{added:?}");
                let label = graph.label(graph.outputs()[0].source.node);
                assert!(label.starts_with("MatMul + Add + ") && label.ends_with("QuantizeLinear"), "{label}");
            }
        }
    }

    /// However little the rest of a step would show in results.
    #[test]
    fn a_bias_that_an_add_adds_in_broken_steps_stays_and_is_counted() {
        for added in [Added::Stored(&[0.1]), Added::Floats([0.03, 0.0, 0.0])] {
            let (fused, mut graph, _) = check(biased(added, false, None), fuse_quantized_conv);
            assert_eq!(fused, 0, "{added:?}");
            run(&mut graph, |_, _| {});
            assert_eq!(in_floats(&graph).into_iter().collect::<Vec<_>>(), [("MatMul + Add".to_owned(), 1)], "{added:?}");
        }
    }

    /// A bias a row, one of broken steps that show, and weights for each of several products.
    #[test]
    fn products_of_other_forms_stay_floats() {
        for (m, addend, values, stacked) in
            [(3, [3, 1], [1.0, 2.0, 3.0], 0), (3, [1, 3], [0.03, 0.0, 0.0], 0), (1, [1, 3], [1.0, 2.0, 3.0], 5)]
        {
            let mut build = Build::new();
            let x = build.input("x", &[m, 4]);
            let x = build.op("x.q", op(Direction::Quantize(DType::I8), &[0.125], 2), &[x]);
            let x = build.op("x.d", op(Direction::Dequantize, &[0.125], 2), &[x]);
            let shape = if stacked > 0 { vec![stacked, 4, 3] } else { vec![4, 3] };
            let weights: Vec<i8> = (0..shape.iter().product()).map(|i: usize| (i * 37 % 256) as u8 as i8).collect();
            let w = build.graph.add_constant("w", Tensor::new(Shape(shape), Data::I8(weights.into())).unwrap());
            let w = build.op("w.d", op(Direction::Dequantize, &[0.5], 0), &[w]);
            let product = MatMul { alpha: 1.0, beta: 1.0, trans_a: false, trans_b: false };
            let c = build.constant("c", &addend, &values);
            let inputs = if stacked > 0 { vec![x, w] } else { vec![x, w, c] };
            let y = build.op("y", Op::MatMul(product), &inputs);
            let y = build.op("q", op(Direction::Quantize(DType::I8), &[0.01], -3), &[y]);
            assert_eq!(outline(build, y).0, 0, "{addend:?} {stacked}");
        }
    }

    #[test]
    fn what_others_read_or_no_limit_says_stays() {
        let (mut build, y) = network(DType::I8, 0, &[0.5], Some(Activation::Sigmoid));
        build.output(y);
        assert_eq!(check(build, fuse_quantized_conv).0, 0);
        let (mut build, y) = network(DType::I8, 0, &[0.5], None);
        let floats = build.graph.input(y.node, 0).unwrap();
        build.output(floats);
        build.output(y);
        assert_eq!(check(build, fuse_quantized_conv).0, 0);
    }

    #[test]
    fn sums_that_may_leave_32_bits_stay_floats() {
        let (build, y) = network(DType::I8, 0, &[1e9], None);
        assert_eq!(outline(build, y).0, 0);
    }
}
