//! Convolutions, and products of vectors with weights, that can be sums of bytes: what they are of, and what their weights stand for.

use peleec_runtime::Activation;

use super::terms::MOST_WEIGHT;
use crate::ir::window::Window;
use crate::ir::{Graph, NodeId, Shape, Tensor};
use crate::ops::{Conv, MatMul, Op};

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
