//! Scaling and shifting the output channels of a convolution by rewriting its weights; several passes come down to it.

use peleec_runtime::Activation;

use crate::ir::{Graph, NodeId, Shape, Source, Tensor};
use crate::ops::{BatchNormalization, Conv, Op};

/// `y = scale * x + shift`, one entry a channel.
pub(crate) struct PerChannel {
    pub(crate) scale: Vec<f64>,
    pub(crate) shift: Vec<f64>,
}

/// Weights that many convolutions share are copied at most this often.
const MOST_COPIES: usize = 64;

/// Whether `id` is a convolution to which nothing was added yet: the next operation acts on its plain sum.
pub(crate) fn is_bare_conv(graph: &Graph, id: NodeId) -> bool {
    let Some(Op::Conv(conv)) = graph.op(id) else { return false };
    conv.activation == Activation::Identity && conv.pool.is_none() && graph.input(id, Conv::RESIDUAL).is_none()
}

/// The parameters of the batch normalization `id`, where all are constant and the variance allows it.
pub(crate) fn of_batch_normalization(graph: &Graph, id: NodeId) -> Option<PerChannel> {
    let Op::BatchNormalization(op) = graph.op(id)? else { return None };
    let parameter = |slot| graph.constant_input(id, slot)?.as_f32();
    let (scale, bias) = (parameter(BatchNormalization::SCALE)?, parameter(BatchNormalization::BIAS)?);
    let (mean, variance) = (parameter(BatchNormalization::MEAN)?, parameter(BatchNormalization::VARIANCE)?);
    if !variance.iter().all(|&v| f64::from(v) + f64::from(op.epsilon) > 0.0) {
        return None;
    }
    let deviations = variance.iter().map(|&v| (f64::from(v) + f64::from(op.epsilon)).sqrt());
    let factors: Vec<_> = scale.iter().zip(deviations).map(|(&scale, deviation)| f64::from(scale) / deviation).collect();
    let shift = bias.iter().zip(mean).zip(&factors).map(|((&b, &mean), factor)| f64::from(b) - f64::from(mean) * factor).collect();
    Some(PerChannel { scale: factors, shift })
}

/// Lets the bare convolution `conv` compute `per_channel` of what it computed; false where its weights do not allow it.
pub(crate) fn rescale_conv(graph: &mut Graph, conv: NodeId, per_channel: &PerChannel) -> bool {
    let Some((weights, bias)) = rescaled(graph, conv, per_channel) else { return false };
    set_parameter(graph, conv, 1, "W", weights);
    set_parameter(graph, conv, Conv::BIAS, "B", bias);
    true
}

fn rescaled(graph: &Graph, conv: NodeId, PerChannel { scale, shift }: &PerChannel) -> Option<(Tensor, Tensor)> {
    let source = graph.input(conv, 1)?;
    let weights = graph.constant(source)?;
    let old_bias = match graph.input(conv, Conv::BIAS) {
        Some(source) => Some(graph.constant(source)?.as_f32()?),
        None => None,
    };
    let channels = *weights.shape().first()?;
    if channels == 0 || scale.len() != channels || shift.len() != channels || graph.consumers(source).len() > MOST_COPIES {
        return None;
    }
    let (values, per_output) = (weights.as_f32()?, weights.shape().elements() / channels);
    let weights = Tensor::from_fn(weights.shape(), |i| (f64::from(values[i]) * scale[i / per_output]) as f32);
    let bias = Tensor::from_fn(&Shape(vec![channels]), |c| {
        let old = old_bias.map_or(0.0, |bias| f64::from(bias[c]));
        (old * scale[c] + shift[c]) as f32
    });
    let is_finite = |tensor: &Tensor| tensor.as_f32().is_some_and(|values| values.iter().all(|v| v.is_finite()));
    (is_finite(&weights) && is_finite(&bias)).then_some((weights, bias))
}

/// Feeds input `slot` of `id` from a new constant, named for the node.
pub(crate) fn set_parameter(graph: &mut Graph, id: NodeId, slot: usize, name: &str, value: Tensor) {
    let name = format!("{}/{name}", graph.node(id).name);
    let source: Source = graph.add_constant(&name, value);
    graph.set_input(id, slot, Some(source));
}
