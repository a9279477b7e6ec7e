//! Turns a batch normalization that nothing absorbs into a depthwise 1x1 convolution, or for other ranks into a product and a sum.
//!
//! The constants are computed in f64 and rounded once; a product and a sum round twice where the convolution of class `fused` does once.

use peleec_runtime::{Activation, BinaryKind};

use super::channels::{PerChannel, of_batch_normalization, set_parameter};
use crate::ir::{Content, Graph, NodeId, Source, Value};
use crate::ops::{BatchNormalization, Binary, Conv, Op};
use crate::tensor::window::Window;
use crate::tensor::{Shape, Tensor};

pub(crate) fn fold_batch_normalization(graph: &mut Graph) -> usize {
    let mut folded = 0;
    for id in graph.ids() {
        let Some(per_channel) = of_batch_normalization(graph, id) else { continue };
        let Some(rank) = graph.input(id, 0).map(|x| graph.ty(x).shape.rank()) else { continue };
        let is_finite = per_channel.scale.iter().chain(&per_channel.shift).all(|&v| (v as f32).is_finite());
        if per_channel.scale.is_empty() || !is_finite {
            continue;
        }
        if (3..=4).contains(&rank) {
            become_depthwise(graph, id, &per_channel, rank);
        } else {
            become_scale(graph, id, &per_channel, rank);
        }
        folded += 1;
    }
    folded
}

fn become_depthwise(graph: &mut Graph, id: NodeId, PerChannel { scale, shift }: &PerChannel, rank: usize) {
    let channels = scale.len();
    let label = graph.label(id);
    let mut kernel = vec![1; rank];
    kernel[0] = channels;
    set_parameter(graph, id, 1, "W", Tensor::from_fn(&Shape(kernel), |c| scale[c] as f32));
    set_parameter(graph, id, Conv::BIAS, "B", Tensor::from_fn(&Shape(vec![channels]), |c| shift[c] as f32));
    graph.set_input(id, BatchNormalization::MEAN, None);
    graph.set_input(id, BatchNormalization::VARIANCE, None);
    let window = Window::pointwise();
    let node = graph.node_mut(id);
    node.content = Content::Op(Op::Conv(Conv { window, group: channels, activation: Activation::Identity, pool: None }));
    node.chain = vec![label];
}

/// `x * scale + shift`, of constants that broadcast along all axes but the second.
fn become_scale(graph: &mut Graph, id: NodeId, PerChannel { scale, shift }: &PerChannel, rank: usize) {
    let Some(x) = graph.input(id, 0) else { return };
    let (name, label) = (graph.node(id).name.clone(), graph.label(id));
    let mut shape = vec![1; rank.max(2) - 1];
    shape[0] = scale.len();
    let mut constant = |part: &str, values: &[f64]| {
        graph.add_constant(&format!("{name}/{part}"), Tensor::from_fn(&Shape(shape.clone()), |c| values[c] as f32))
    };
    let (factor, addend) = (constant("scale", scale), constant("shift", shift));
    let binary = |kind| Op::Binary(Binary { kind });
    let scaled = Value { name: format!("{name}/scaled"), ty: graph.ty(x).clone() };
    let product = graph.add_op(&format!("{name}/scaled"), binary(BinaryKind::Mul), &[Some(x), Some(factor)], vec![scaled]);
    graph.node_mut(product.node).chain = vec![label.clone()];
    graph.read_only(id, &[Source { node: product.node, slot: 0 }, addend]);
    let node = graph.node_mut(id);
    node.content = Content::Op(binary(BinaryKind::Add));
    node.chain = vec![label];
}

#[cfg(test)]
mod tests {
    use super::fold_batch_normalization;
    use crate::ir::test_build::Build;
    use crate::ops::{BatchNormalization, Op};
    use crate::passes::equivalence::check;

    fn normalized(shape: &[usize], variances: &[f32]) -> Build {
        let mut build = Build::new();
        let x = build.input("x", shape);
        let n = [*shape.get(1).unwrap_or(&1)];
        let [scale, bias, mean] = ["scale", "bias", "mean"].map(|name| build.seeded(name, &n));
        let variance = build.constant("var", &n, variances);
        let y = build.op("bn", Op::BatchNormalization(BatchNormalization { epsilon: 1e-5 }), &[x, scale, bias, mean, variance]);
        build.output(y);
        build
    }

    #[test]
    fn maps_of_one_and_two_dimensions() {
        for shape in [&[2, 3, 4, 4][..], &[2, 3, 4]] {
            let (folded, after, lines) = check(normalized(shape, &[0.5, 1.0, 2.0]), fold_batch_normalization);
            assert_eq!((folded, lines), (1, vec!["%bn = Conv(%x, %bn/W, %bn/B)".to_owned()]));
            assert_eq!(after.label(after.outputs()[0].source.node), "BatchNormalization");
        }
    }

    #[test]
    fn other_ranks_are_a_product_and_a_sum() {
        for shape in [&[2, 3][..], &[2, 3, 4, 2, 2], &[1, 3, 2, 1, 2, 3]] {
            let (folded, after, lines) = check(normalized(shape, &[0.5, 1.0, 2.0]), fold_batch_normalization);
            let expected = ["%bn/scaled = Binary(%x, %bn/scale)", "%bn = Binary(%bn/scaled, %bn/shift)"];
            assert_eq!((folded, lines), (1, expected.map(str::to_owned).to_vec()), "{shape:?}");
            assert_eq!(after.label(after.outputs()[0].source.node), "BatchNormalization");
        }
        assert_eq!(check(normalized(&[5], &[0.5]), fold_batch_normalization).0, 1);
    }

    #[test]
    fn impossible_variances_stay() {
        assert_eq!(check(normalized(&[1, 1, 2, 2], &[f32::INFINITY]), fold_batch_normalization).0, 1);
        let mut build = normalized(&[1, 1, 2, 2], &[-1.0]);
        assert_eq!(fold_batch_normalization(&mut build.graph), 0);
    }

    #[test]
    fn parameters_from_run_time_stay() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 1, 2, 2]);
        let parameter = build.input("parameter", &[1]);
        let one = build.constant("one", &[1], &[1.0]);
        let y = build.op("bn", Op::BatchNormalization(BatchNormalization { epsilon: 1e-5 }), &[x, parameter, one, one, one]);
        build.output(y);
        assert_eq!(check(build, fold_batch_normalization).0, 0);
    }
}
