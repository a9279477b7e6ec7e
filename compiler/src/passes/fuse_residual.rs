//! Lets a convolution add the tensor that an `Add` adds to its result. Bit-exact.
//!
//! The convolution's only reader is the `Add`, so whatever depends on the convolution depends on the `Add`, and the other operand,
//! which feeds the `Add`, does not: no cycle arises. That operand must be computed by the graph, since inputs have another layout.

use std::collections::BTreeMap;

use peleec_runtime::BinaryKind;

use super::channels::is_bare_conv;
use crate::ir::{Graph, NodeId, Source};
use crate::ops::{Conv, Op};

pub(crate) fn fuse_residual(graph: &mut Graph) -> usize {
    let order = graph.ids();
    let position: BTreeMap<_, _> = order.iter().zip(0..).map(|(&id, i): (&NodeId, usize)| (id, i)).collect();
    let mut fused = 0;
    for &add in &order {
        if !matches!(graph.op(add), Some(Op::Binary(binary)) if binary.kind == BinaryKind::Add) {
            continue;
        }
        let (Some(a), Some(b)) = (graph.input(add, 0), graph.input(add, 1)) else { continue };
        // Of two convolutions the later one adds: by then the other's result is there.
        let pairs = if position.get(&a.node) > position.get(&b.node) { [(a, b), (b, a)] } else { [(b, a), (a, b)] };
        let Some((conv, residual)) = pairs.into_iter().find(|&(conv, residual)| can_add(graph, add, conv, residual)) else { continue };
        graph.absorb(conv.node, add);
        graph.set_input(conv.node, Conv::RESIDUAL, Some(residual));
        fused += 1;
    }
    fused
}

fn can_add(graph: &Graph, add: NodeId, conv: Source, residual: Source) -> bool {
    is_bare_conv(graph, conv.node)
        && graph.sole_consumer(conv.node) == Some(add)
        && graph.ty(conv) == graph.ty(residual)
        && graph.op(residual.node).is_some()
}

#[cfg(test)]
mod tests {
    use peleec_runtime::{Activation, BinaryKind};

    use super::fuse_residual;
    use crate::ir::Source;
    use crate::ir::test_build::Build;
    use crate::ops::{Binary, Op, Unary};
    use crate::passes::equivalence::{check, conv};
    use crate::passes::fuse_activation::fuse_activation;

    fn add(build: &mut Build, name: &str, operands: [Source; 2]) -> Source {
        build.op(name, Op::Binary(Binary { kind: BinaryKind::Add }), &operands)
    }

    fn relu(build: &mut Build, name: &str, x: Source) -> Source {
        build.op(name, Op::Unary(Unary { activation: Activation::Relu }), &[x])
    }

    #[test]
    fn the_later_convolution_adds_and_then_activates() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 2, 3, 3]);
        let (early, late) = (conv(&mut build, "early", x, 2, 1), conv(&mut build, "late", x, 2, 1));
        let sum = add(&mut build, "sum", [late, early]);
        let y = relu(&mut build, "y", sum);
        build.output(y);
        let (fused, mut after, lines) = check(build, fuse_residual);
        assert_eq!((fused, &*lines[1]), (1, "%sum = Conv(%x, %late.w, %late.b, %early)"));
        assert_eq!(fuse_activation(&mut after), 1);
        assert_eq!(after.label(after.outputs()[0].source.node), "Conv + Add + Relu");
    }

    #[test]
    fn a_chain_of_blocks_has_no_cycle() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 2, 3, 3]);
        let mut y = relu(&mut build, "relu", x);
        for name in ["a", "b", "c"] {
            let branch = conv(&mut build, name, y, 2, 1);
            y = add(&mut build, &format!("{name}.sum"), [y, branch]);
        }
        build.output(y);
        let (fused, _, lines) = check(build, fuse_residual);
        assert_eq!((fused, &*lines[3]), (3, "%c.sum = Conv(%b.sum, %c.w, %c.b, %b.sum)"));
    }

    #[test]
    fn not_with_a_graph_input_a_broadcast_or_an_activated_convolution() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 2, 3, 3]);
        let a = conv(&mut build, "a", x, 2, 1);
        let with_input = add(&mut build, "with_input", [a, x]);
        let (b, small) = (conv(&mut build, "b", x, 2, 1), conv(&mut build, "small", x, 1, 1));
        let broadcast = add(&mut build, "broadcast", [b, small]);
        let (c, d) = (conv(&mut build, "c", x, 2, 1), relu(&mut build, "d", x));
        let c = relu(&mut build, "c.relu", c);
        let activated = add(&mut build, "activated", [c, d]);
        [with_input, broadcast, activated].into_iter().for_each(|source| build.output(source));
        assert_eq!(check(build, fuse_residual).0, 0);
    }

    #[test]
    fn a_convolution_that_is_an_output_or_read_twice_stays() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 2, 3, 3]);
        let other = relu(&mut build, "other", x);
        let output = conv(&mut build, "output", x, 2, 1);
        let sum = add(&mut build, "sum", [output, other]);
        let twice = conv(&mut build, "twice", x, 2, 1);
        let double = add(&mut build, "double", [twice, twice]);
        [output, sum, double].into_iter().for_each(|source| build.output(source));
        assert_eq!(check(build, fuse_residual).0, 0);
    }
}
