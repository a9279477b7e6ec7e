//! Scaling and shifting the output channels of a convolution, or the columns of a product, by rewriting its weights; several passes come
//! down to it.

use peleec_runtime::Activation;

use crate::ir::{Content, Graph, NodeId, Source};
use crate::ops::broadcast::{broadcast, source_index};
use crate::ops::{BatchNormalization, Conv, MatMul, Op};
use crate::tensor::{Shape, Tensor};

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
    replace_parameter(graph, conv, 1, "W", weights);
    replace_parameter(graph, conv, Conv::BIAS, "B", bias);
    true
}

/// As [`set_parameter`]; what was there before goes where nothing else reads it.
fn replace_parameter(graph: &mut Graph, id: NodeId, slot: usize, name: &str, value: Tensor) {
    let old = graph.input(id, slot);
    set_parameter(graph, id, slot, name, value);
    if let Some(old) = old {
        graph.release(old);
    }
}

/// Lets the product of matrices `id`, whose columns are the channels, compute `per_channel` of what it computed; false where it
/// cannot.
pub(crate) fn rescale_matmul(graph: &mut Graph, id: NodeId, per_channel: &PerChannel) -> bool {
    let Some((weights, addend)) = rescaled_matmul(graph, id, per_channel) else { return false };
    replace_parameter(graph, id, 1, "B", weights);
    replace_parameter(graph, id, MatMul::ADDEND, "C", addend);
    if let Content::Op(Op::MatMul(matmul)) = &mut graph.node_mut(id).content {
        matmul.beta = 1.0;
    }
    true
}

fn rescaled_matmul(graph: &Graph, id: NodeId, PerChannel { scale, shift }: &PerChannel) -> Option<(Tensor, Tensor)> {
    let Op::MatMul(op) = graph.op(id)? else { return None };
    let output = &graph.ty(Source { node: id, slot: 0 }).shape;
    let source = graph.input(id, 1)?;
    let weights = graph.constant(source)?;
    let (&[_, n], &[_, columns]) = (&output[..], &weights.shape()[..]) else { return None };
    let is_copy = graph.count_readers(source, 2) > 1 || graph.is_output(source);
    if scale.len() != n || shift.len() != n || is_copy && !graph.has_room_for(weights.bytes()) {
        return None;
    }
    let old = match graph.input(id, MatMul::ADDEND) {
        Some(source) => Some(graph.constant(source)?),
        None => None,
    };
    let column = |i: usize| if op.trans_b { i / columns } else { i % columns };
    let values = weights.as_f32()?;
    let rescaled = Tensor::from_fn(weights.shape(), |i| (f64::from(values[i]) * scale[column(i)]) as f32);
    let shape = broadcast(old.map_or(&[], |old| old.shape()), &[n]).ok()?;
    let added = old.map(|old| Some((old.shape(), old.as_f32()?)));
    let added = match added {
        Some(added) => Some(added?),
        None => None,
    };
    let addend = Tensor::from_fn(&shape, |i| {
        let old = added.map_or(0.0, |(old, values)| f64::from(op.beta) * f64::from(values[source_index(i, &shape, old)]));
        (old * scale[i % n] + shift[i % n]) as f32
    });
    (is_finite(&rescaled) && is_finite(&addend)).then_some((rescaled, addend))
}

fn is_finite(tensor: &Tensor) -> bool {
    tensor.as_f32().is_some_and(|values| values.iter().all(|v| v.is_finite()))
}

fn rescaled(graph: &Graph, conv: NodeId, PerChannel { scale, shift }: &PerChannel) -> Option<(Tensor, Tensor)> {
    let source = graph.input(conv, 1)?;
    let weights = graph.constant(source)?;
    let old_bias = match graph.input(conv, Conv::BIAS) {
        Some(source) => Some(graph.constant(source)?.as_f32()?),
        None => None,
    };
    let channels = *weights.shape().first()?;
    if channels == 0 || scale.len() != channels || shift.len() != channels || graph.count_readers(source, MOST_COPIES + 1) > MOST_COPIES {
        return None;
    }
    let is_copy = graph.count_readers(source, 2) > 1 || graph.is_output(source);
    if is_copy && !graph.has_room_for(weights.bytes()) {
        return None;
    }
    let (values, per_output) = (weights.as_f32()?, weights.shape().elements() / channels);
    let weights = Tensor::from_fn(weights.shape(), |i| (f64::from(values[i]) * scale[i / per_output]) as f32);
    let bias = Tensor::from_fn(&Shape(vec![channels]), |c| {
        let old = old_bias.map_or(0.0, |bias| f64::from(bias[c]));
        (old * scale[c] + shift[c]) as f32
    });
    (is_finite(&weights) && is_finite(&bias)).then_some((weights, bias))
}

/// Feeds input `slot` of `id` from a new constant, named for the node.
pub(crate) fn set_parameter(graph: &mut Graph, id: NodeId, slot: usize, name: &str, value: Tensor) {
    let name = format!("{}/{name}", graph.node(id).name);
    let source: Source = graph.add_constant(&name, value);
    graph.set_input(id, slot, Some(source));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::test_build::{Build, seeded};
    use crate::passes::equivalence::conv_op;

    /// What `per_channel` makes of a value with so many elements behind each channel.
    fn applied(value: &Tensor, PerChannel { scale, shift }: &PerChannel, behind: usize) -> Vec<f32> {
        let values = value.as_f32().unwrap().iter().enumerate();
        let channel = |i: usize| i / behind % scale.len();
        values.map(|(i, &x)| (f64::from(x) * scale[channel(i)] + shift[channel(i)]) as f32).collect()
    }

    fn assert_near(found: &Tensor, wanted: &[f32]) {
        let is_near = |(found, wanted): (&f32, &f32)| (found - wanted).abs() < 1e-5;
        let found = found.as_f32().unwrap();
        assert!(found.len() == wanted.len() && found.iter().zip(wanted).all(is_near), "{found:?} {wanted:?}");
    }

    #[test]
    fn a_convolution_is_rescaled_and_what_shares_its_weights_is_not() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 2, 3, 3]);
        let (w, b) = (build.seeded("w", &[2, 2, 1, 1]), build.seeded("b", &[2]));
        let [y, z] = ["y", "z"].map(|name| build.op(name, Op::Conv(conv_op(1)), &[x, w, b]));
        build.output(y);
        build.output(z);
        let (mut graph, inputs) = (build.graph, [seeded(&Shape(vec![1, 2, 3, 3]), 3)]);
        let before = graph.evaluate(&inputs).unwrap();
        for wrong in [
            PerChannel { scale: vec![1.0], shift: vec![0.0] },
            // Weights that are no finite numbers.
            PerChannel { scale: vec![f64::MAX; 2], shift: vec![0.0; 2] },
        ] {
            assert!(!rescale_conv(&mut graph, y.node, &wrong));
        }
        let per_channel = PerChannel { scale: vec![2.0, -0.5], shift: vec![1.0, 0.25] };
        assert!(is_bare_conv(&graph, y.node) && rescale_conv(&mut graph, y.node, &per_channel));
        let after = graph.evaluate(&inputs).unwrap();
        assert_near(&after[0], &applied(&before[0], &per_channel, 9));
        assert_eq!(after[1], before[1]);
    }

    #[test]
    fn a_product_is_rescaled_with_what_is_added_to_it() {
        for trans_b in [false, true] {
            let mut build = Build::new();
            let x = build.input("x", &[3, 2]);
            let w = build.seeded("w", if trans_b { &[4, 2] } else { &[2, 4] });
            let c = build.seeded("c", &[4]);
            let y = build.op("y", Op::MatMul(MatMul { alpha: 1.0, beta: 0.5, trans_a: false, trans_b }), &[x, w, c]);
            build.output(y);
            let (mut graph, inputs) = (build.graph, [seeded(&Shape(vec![3, 2]), 3)]);
            let before = graph.evaluate(&inputs).unwrap();
            let per_channel = PerChannel { scale: vec![2.0, -0.5, 1.0, 3.0], shift: vec![1.0, 0.25, -1.0, 0.0] };
            assert!(rescale_matmul(&mut graph, y.node, &per_channel));
            assert_near(&graph.evaluate(&inputs).unwrap()[0], &applied(&before[0], &per_channel, 1));
        }
    }

    fn normalization(variance: &[f32], epsilon: f32) -> Option<PerChannel> {
        let mut build = Build::new();
        let x = build.input("x", &[1, variance.len(), 2, 2]);
        let parameter = |build: &mut Build, name: &str, first: f32| {
            let values: Vec<f32> = (0..variance.len()).map(|c| first + c as f32).collect();
            build.constant(name, &[variance.len()], &values)
        };
        let [scale, bias, mean] = [("scale", 2.0), ("bias", -1.0), ("mean", 0.5)].map(|(name, first)| parameter(&mut build, name, first));
        let variance = build.constant("variance", &[variance.len()], variance);
        let y = build.op("y", Op::BatchNormalization(BatchNormalization { epsilon }), &[x, scale, bias, mean, variance]);
        of_batch_normalization(&build.graph, y.node)
    }

    #[test]
    fn a_normalisation_is_a_scale_and_a_shift() {
        let PerChannel { scale, shift } = normalization(&[4.0, 0.0], 0.25).unwrap();
        // scale / root(variance + epsilon), and bias less the mean times that.
        let wanted = [2.0 / 4.25_f64.sqrt(), 3.0 / 0.5];
        assert_eq!((scale, shift), (wanted.to_vec(), vec![-1.0 - 0.5 * wanted[0], 0.0 - 1.5 * wanted[1]]));
        assert!(
            normalization(&[1.0, -1.0], 0.5).is_none() && normalization(&[0.0], 0.0).is_none() && normalization(&[f32::NAN], 1.0).is_none()
        );
        assert!(normalization(&[-0.25, 1.0], 0.5).is_some());
    }

    /// A value a row, and one for all, become one a column; what is computed stays.
    #[test]
    fn what_is_added_to_a_product_may_broadcast() {
        for (addend, alpha) in [(None, 1.0), (Some(&[][..]), 1.0), (Some(&[3, 1]), -2.0), (Some(&[3, 4]), 0.5), (Some(&[1, 4]), 1.0)] {
            let mut build = Build::new();
            let (x, w) = (build.input("x", &[3, 2]), build.seeded("w", &[2, 4]));
            let mut inputs = vec![x, w];
            inputs.extend(addend.map(|dims| build.seeded("c", dims)));
            let y = build.op("y", Op::MatMul(MatMul { alpha, beta: -0.5, trans_a: false, trans_b: false }), &inputs);
            build.output(y);
            let (mut graph, x) = (build.graph, [seeded(&Shape(vec![3, 2]), 3)]);
            let before = graph.evaluate(&x).unwrap();
            let per_channel = PerChannel { scale: vec![2.0, -0.5, 0.0, 3.0], shift: vec![1.0, 0.25, -1.0, 0.0] };
            let wrong = PerChannel { scale: vec![1.0; 3], shift: vec![0.0; 3] };
            assert!(!rescale_matmul(&mut graph, y.node, &wrong) && rescale_matmul(&mut graph, y.node, &per_channel));
            assert!(graph.verify().is_empty());
            assert_near(&graph.evaluate(&x).unwrap()[0], &applied(&before[0], &per_channel, 1));
        }
        let mut build = Build::new();
        let inputs = [build.input("x", &[3, 2]), build.seeded("w", &[2, 4]), build.input("c", &[4])];
        let y = build.op("y", Op::MatMul(MatMul { alpha: 1.0, beta: 1.0, trans_a: false, trans_b: false }), &inputs);
        assert!(!rescale_matmul(&mut build.graph, y.node, &PerChannel { scale: vec![1.0; 4], shift: vec![0.0; 4] }));
    }
}
