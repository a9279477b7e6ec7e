//! Lets a convolution apply the activation that follows it before it stores. Bit-exact.

use peleec_runtime::Activation;

use crate::ir::{Content, Graph};
use crate::ops::Op;

pub(crate) fn fuse_activation(graph: &mut Graph) -> usize {
    let mut fused = 0;
    for id in graph.ids() {
        if !matches!(graph.op(id), Some(Op::Conv(conv)) if conv.activation == Activation::Identity && conv.pool.is_none()) {
            continue;
        }
        let Some(consumer) = graph.sole_consumer(id) else { continue };
        let Some(Op::Unary(unary)) = graph.op(consumer) else { continue };
        let activation = unary.activation;
        graph.absorb(id, consumer);
        if let Content::Op(Op::Conv(conv)) = &mut graph.node_mut(id).content {
            conv.activation = activation;
        }
        fused += 1;
    }
    fused
}

#[cfg(test)]
mod tests {
    use peleec_runtime::{Activation, BinaryKind};

    use super::fuse_activation;
    use crate::ir::Source;
    use crate::ir::test_build::Build;
    use crate::ops::{Binary, Op, Unary};
    use crate::passes::equivalence::{check, conv};

    fn unary(build: &mut Build, name: &str, activation: Activation, x: Source) -> Source {
        build.op(name, Op::Unary(Unary { activation }), &[x])
    }

    #[test]
    fn each_activation() {
        let limits = [Activation::Relu, Activation::LeakyRelu(0.1), Activation::Clip(0.0, 0.5)];
        for activation in limits.into_iter().chain([Activation::Sigmoid, Activation::HardSwish, Activation::Swish(1.0)]) {
            let mut build = Build::new();
            let x = build.input("x", &[1, 2, 3, 3]);
            let y = conv(&mut build, "conv", x, 2, 3);
            let y = unary(&mut build, "y", activation, y);
            build.output(y);
            let (fused, after, lines) = check(build, fuse_activation);
            assert_eq!((fused, lines), (1, vec!["%y = Conv(%x, %conv.w, %conv.b)".to_owned()]));
            assert!(after.label(after.outputs()[0].source.node).starts_with("Conv + "));
        }
    }

    #[test]
    fn one_activation_only_and_only_at_once() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 2, 3, 3]);
        let y = conv(&mut build, "conv", x, 2, 1);
        let y = build.op("add", Op::Binary(Binary { kind: BinaryKind::Add }), &[y, x]);
        let y = unary(&mut build, "y", Activation::Relu, y);
        build.output(y);
        assert_eq!(check(build, fuse_activation).0, 0);

        let mut build = Build::new();
        let x = build.input("x", &[1, 2, 3, 3]);
        let y = conv(&mut build, "conv", x, 2, 1);
        let y = unary(&mut build, "first", Activation::Sigmoid, y);
        let y = unary(&mut build, "second", Activation::Sigmoid, y);
        build.output(y);
        let (fused, _, lines) = check(build, fuse_activation);
        assert_eq!((fused, &*lines[1]), (1, "%second = Unary(%first)"));
    }

    #[test]
    fn a_convolution_that_is_an_output_or_read_twice_stays() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 2, 3, 3]);
        let output = conv(&mut build, "output", x, 2, 1);
        let y = unary(&mut build, "y", Activation::Relu, output);
        let twice = conv(&mut build, "twice", x, 2, 1);
        let (z, other) = (unary(&mut build, "z", Activation::Relu, twice), unary(&mut build, "other", Activation::Sigmoid, twice));
        [output, y, z, other].into_iter().for_each(|source| build.output(source));
        assert_eq!(check(build, fuse_activation).0, 0);
    }
}
