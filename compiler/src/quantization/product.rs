//! Convolutions, and products of vectors with weights, that can be sums of bytes: what they are of, and what their weights stand for.

use peleec_runtime::Activation;

use super::terms::MOST_WEIGHT;
use crate::ir::{Graph, NodeId};
use crate::ops::{Conv, MatMul, Op};
use crate::tensor::window::Window;
use crate::tensor::{Shape, Tensor};

/// The greatest magnitude of a bias, in steps of the sums.
const MOST_BIAS: f64 = (1 << 29) as f64;

/// What a convolution, or a product with weights, is of.
pub(super) struct Product {
    pub(super) window: Window,
    pub(super) group: usize,
    /// The filters first.
    pub(super) weights: Tensor,
    pub(super) bias: Option<Vec<f32>>,
}

/// A node whose weights and bias are known.
pub(super) fn product(graph: &Graph, id: NodeId) -> Option<Product> {
    let rank = |slot: usize| Some(graph.ty(graph.input(id, slot)?).shape.rank());
    let (window, group, is_turned) = match graph.op(id)? {
        Op::Conv(Conv { window, group, activation: Activation::Identity, pool: None })
            if window.depth.is_none() && graph.input(id, Conv::RESIDUAL).is_none() =>
        {
            (window.clone(), *group, false)
        }
        Op::MatMul(MatMul { alpha: 1.0, beta: 1.0, trans_a: false, trans_b }) if (rank(0)?, rank(1)?) == (2, 2) => {
            (Window::pointwise(), 1, !trans_b)
        }
        _ => return None,
    };
    let weights = graph.constant_input(id, 1)?;
    weights.as_f32()?;
    let &[rows, columns, ..] = &weights.shape()[..] else { return None };
    let weights = match is_turned {
        true => weights.gathered(&Shape(vec![columns, rows]), |at| at % rows * columns + at / rows),
        false => weights.clone(),
    };
    let filters = weights.shape()[0];
    let bias = match graph.input(id, Conv::BIAS) {
        None => None,
        Some(source) => {
            let bias = graph.constant(source)?;
            let fits = bias.shape().elements() == filters && bias.shape().last() == Some(&filters);
            Some(bias.as_f32().filter(|_| fits)?.to_vec())
        }
    };
    Some(Product { window, group, weights, bias })
}

/// The terms that weights stand for, what a step of each filter's sums does, and biases in these. Inputs have one scale, or one a channel;
/// results `scale`.
pub(super) fn quantized(
    weights: &Tensor,
    bias: Option<&[f32]>,
    group: usize,
    inputs: &[f32],
    scale: f64,
) -> Option<(Vec<f64>, Vec<f64>, Vec<i32>)> {
    let (filters, values) = (weights.shape()[0], weights.as_f32()?);
    let depth = weights.shape()[1];
    let (per_filter, per_group) = (values.len().checked_div(filters)?, filters.checked_div(group)?);
    let taps = per_filter.checked_div(depth)?;
    let (mut all, mut steps, mut biases) = (Vec::with_capacity(values.len()), Vec::new(), Vec::new());
    for (filter, values) in values.chunks_exact(per_filter.max(1)).enumerate() {
        let first = filter.checked_div(per_group)? * depth;
        let scale_of = |at: usize| f64::from(if inputs.len() == 1 { inputs[0] } else { inputs[first + at / taps] });
        let terms: Vec<f64> = values.iter().enumerate().map(|(at, &value)| f64::from(value) * scale_of(at)).collect();
        let bias = bias.map_or(0.0, |bias| f64::from(bias[filter]));
        let most = terms.iter().fold(0.0, |most, term| f64::max(most, term.abs()));
        let step = f64::max(most / MOST_WEIGHT, bias.abs() / MOST_BIAS);
        if !step.is_finite() {
            return None;
        }
        let step = if step > 0.0 { step } else { scale };
        all.extend(terms);
        biases.push((bias / step).round() as i32);
        steps.push(step);
    }
    Some((all, steps, biases))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::test_build::Build;
    use crate::passes::equivalence::conv_op;

    /// The shape and the weights of what is multiplied.
    fn weights(build: &Build, id: NodeId) -> Option<(Vec<usize>, Vec<f32>)> {
        let Product { weights, .. } = product(&build.graph, id)?;
        Some((weights.shape().to_vec(), weights.as_f32()?.to_vec()))
    }

    #[test]
    fn a_product_has_its_filters_first() {
        let of = |alpha: f32, trans_b: bool| {
            let mut build = Build::new();
            let x = build.input("x", &[1, if trans_b { 3 } else { 2 }]);
            let w = build.constant("w", &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
            let y = build.op("y", Op::MatMul(MatMul { alpha, beta: 1.0, trans_a: false, trans_b }), &[x, w]);
            weights(&build, y.node)
        };
        assert_eq!(of(1.0, false), Some((vec![3, 2], vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0])));
        assert_eq!(of(1.0, true), Some((vec![2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])));
        assert_eq!(of(2.0, false), None);
    }

    #[test]
    fn what_is_computed_is_no_weight_and_no_bias() {
        let mut build = Build::new();
        let [x, computed] = ["x", "computed"].map(|name| build.input(name, &[1, 1, 1, 1]));
        let w = build.constant("w", &[1, 1, 1, 1], &[2.0]);
        let bias = build.constant("bias", &[1], &[3.0]);
        let given = build.input("given", &[1]);
        let relu = Conv { activation: Activation::Relu, ..conv_op(1) };
        let convs = [(conv_op(1), [x, w, bias]), (conv_op(1), [x, w, given]), (conv_op(1), [x, computed, bias]), (relu, [x, w, bias])];
        let found = convs.map(|(conv, inputs)| {
            let y = build.op("y", Op::Conv(conv), &inputs);
            product(&build.graph, y.node).and_then(|product| product.bias)
        });
        assert_eq!(found, [Some(vec![3.0]), None, None, None]);
    }

    #[test]
    fn steps_hold_the_largest_term_and_the_bias() {
        // Of two groups of one channel each, whose inputs have scales of their own; a filter without weights has any step.
        let two = Tensor::f32([2, 1, 1, 1], [3.0, 0.0]).unwrap();
        let found = quantized(&two, None, 2, &[0.5, 2.0], 0.25);
        assert_eq!(found, Some((vec![1.5, 0.0], vec![1.5 / 127.0, 0.25], vec![0, 0])));
        let one = Tensor::f32([1, 1, 1, 1], [1.0]).unwrap();
        let found = quantized(&one, Some(&[1e9]), 1, &[1.0], 0.25);
        assert_eq!(found, Some((vec![1.0], vec![1e9 / MOST_BIAS], vec![1 << 29])));
        let infinite = Tensor::f32([1, 1, 1, 1], [f32::INFINITY]).unwrap();
        assert_eq!(quantized(&infinite, None, 1, &[1.0], 0.25), None);
    }
}
