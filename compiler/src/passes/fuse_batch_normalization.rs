//! Folds a batch normalization into the weights of the convolution, or of the product of matrices, in front of it. The new weights are
//! computed in f64 and rounded once.

use super::channels::{is_bare_conv, of_batch_normalization, rescale_conv, rescale_matmul};
use crate::ir::{Graph, NodeId, Source};
use crate::ops::Op;

pub(crate) fn fuse_batch_normalization(graph: &mut Graph) -> usize {
    let mut fused = 0;
    for id in graph.ids() {
        let rescale = match graph.op(id) {
            Some(Op::Conv(_)) => rescale_conv,
            Some(Op::MatMul(_)) => rescale_matmul,
            _ => continue,
        };
        while is_bare(graph, id) {
            let Some(consumer) = graph.sole_consumer(id) else { break };
            if graph.input(consumer, 0) != Some(Source { node: id, slot: 0 }) {
                break;
            }
            let Some(per_channel) = of_batch_normalization(graph, consumer) else { break };
            if !rescale(graph, id, &per_channel) {
                break;
            }
            graph.absorb(id, consumer);
            fused += 1;
        }
    }
    fused
}

fn is_bare(graph: &Graph, id: NodeId) -> bool {
    is_bare_conv(graph, id) || matches!(graph.op(id), Some(Op::MatMul(_)))
}

#[cfg(test)]
mod tests {
    use peleec_runtime::Activation;

    use super::fuse_batch_normalization;
    use crate::ir::Source;
    use crate::ir::test_build::Build;
    use crate::ops::{BatchNormalization, MatMul, Op, Unary};
    use crate::passes::equivalence::{check, conv, conv_op};

    fn normalize(build: &mut Build, x: Source, variances: &[f32]) -> Source {
        let n = [variances.len()];
        let [scale, bias, mean] = ["scale", "bias", "mean"].map(|name| build.seeded(name, &n));
        let variance = build.constant("var", &n, variances);
        build.op("bn", Op::BatchNormalization(BatchNormalization { epsilon: 1e-3 }), &[x, scale, bias, mean, variance])
    }

    #[test]
    fn conv_with_and_without_bias() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 3, 4, 4]);
        let y = conv(&mut build, "conv", x, 2, 3);
        let y = normalize(&mut build, y, &[0.5, 2.0]);
        build.output(y);
        let (fused, after, lines) = check(build, fuse_batch_normalization);
        assert_eq!((fused, lines), (1, vec!["%bn = Conv(%x, %conv/W, %conv/B)".to_owned()]));
        assert_eq!(after.label(after.outputs()[0].source.node), "Conv + BatchNormalization");

        let mut build = Build::new();
        let x = build.input("x", &[1, 3, 4, 4]);
        let w = build.seeded("w", &[2, 3, 3, 3]);
        let y = build.op("conv", Op::Conv(conv_op(3)), &[x, w]);
        let y = normalize(&mut build, y, &[0.5, 2.0]);
        build.output(y);
        assert_eq!(check(build, fuse_batch_normalization).0, 1);
    }

    #[test]
    fn products_whose_columns_are_the_channels() {
        let addends: [Option<&[usize]>; 6] = [None, Some(&[2]), Some(&[1, 2]), Some(&[]), Some(&[3, 1]), Some(&[3, 2])];
        for (addend, trans_b) in addends.into_iter().flat_map(|addend| [(addend, false), (addend, true)]) {
            let mut build = Build::new();
            let x = build.input("x", &[3, 4]);
            let w = build.seeded("w", if trans_b { &[2, 4] } else { &[4, 2] });
            let c = addend.map(|shape| build.seeded("c", shape));
            let op = Op::MatMul(MatMul { alpha: 0.5, beta: 2.0, trans_a: false, trans_b });
            let y = build.op("fc", op, &[x, w].into_iter().chain(c).collect::<Vec<_>>());
            let y = normalize(&mut build, y, &[0.5, 2.0]);
            build.output(y);
            let (fused, _, lines) = check(build, fuse_batch_normalization);
            assert_eq!((fused, lines), (1, vec!["%bn = MatMul(%x, %fc/B, %fc/C)".to_owned()]), "{addend:?}");
        }
    }

    #[test]
    fn not_where_rows_are_the_channels() {
        let mut build = Build::new();
        let (x, w) = (build.input("x", &[3, 2, 4]), build.seeded("w", &[4, 2]));
        let y = build.op("fc", Op::MatMul(MatMul { alpha: 1.0, beta: 1.0, trans_a: false, trans_b: false }), &[x, w]);
        let y = normalize(&mut build, y, &[0.5, 2.0]);
        build.output(y);
        assert_eq!(check(build, fuse_batch_normalization).0, 0);
    }

    #[test]
    fn not_past_an_activation_nor_with_a_variance_below_zero() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 3, 4, 4]);
        let y = conv(&mut build, "conv", x, 2, 1);
        let y = build.op("relu", Op::Unary(Unary { activation: Activation::Relu }), &[y]);
        let y = normalize(&mut build, y, &[0.5, 2.0]);
        build.output(y);
        assert_eq!(check(build, fuse_batch_normalization).0, 0);

        let mut build = Build::new();
        let x = build.input("x", &[1, 3, 4, 4]);
        let y = conv(&mut build, "conv", x, 2, 1);
        normalize(&mut build, y, &[-1.0, 2.0]);
        assert_eq!(check(build, fuse_batch_normalization).0, 0);
    }

    #[test]
    fn not_where_the_convolution_is_read_twice_or_is_an_output() {
        for is_output in [true, false] {
            let mut build = Build::new();
            let x = build.input("x", &[1, 3, 4, 4]);
            let y = conv(&mut build, "conv", x, 2, 1);
            let z = normalize(&mut build, y, &[0.5, 2.0]);
            build.output(z);
            let other = if is_output { y } else { build.op("relu", Op::Unary(Unary { activation: Activation::Relu }), &[y]) };
            build.output(other);
            assert_eq!(check(build, fuse_batch_normalization).0, 0);
        }
    }
}
