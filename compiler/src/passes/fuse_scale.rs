//! Folds `Mul`, `Add`, `Sub` and `Div` by a constant a channel (or one for all) into the weights of the convolution in front of it.
//!
//! The new weights are computed in f64 and rounded once.

use peleec_runtime::BinaryKind;

use super::channels::{PerChannel, is_bare_conv, rescale_conv};
use crate::ir::{Graph, NodeId, Source};
use crate::ops::Op;
use crate::tensor::Tensor;

pub(crate) fn fuse_scale(graph: &mut Graph) -> usize {
    let mut fused = 0;
    for id in graph.ids() {
        while is_bare_conv(graph, id) {
            let Some(consumer) = graph.sole_consumer(id) else { break };
            let Some(per_channel) = of_binary(graph, id, consumer) else { break };
            if !rescale_conv(graph, id, &per_channel) {
                break;
            }
            graph.absorb(id, consumer);
            fused += 1;
        }
    }
    fused
}

/// What `binary` does to each channel of `conv`, where its other operand is a constant.
fn of_binary(graph: &Graph, conv: NodeId, binary: NodeId) -> Option<PerChannel> {
    let Op::Binary(op) = graph.op(binary)? else { return None };
    let output = Source { node: conv, slot: 0 };
    let conv_slot = if graph.input(binary, 0) == Some(output) { 0 } else { 1 };
    let shape = &graph.ty(output).shape;
    let constants = per_channel(graph.constant_input(binary, 1 - conv_slot)?, shape)?;
    let n = constants.len();
    let negative = || constants.iter().map(|c| -c).collect();
    let (scale, shift) = match (op.kind, conv_slot) {
        (BinaryKind::Add, _) => (vec![1.0; n], constants),
        (BinaryKind::Mul, _) => (constants, vec![0.0; n]),
        (BinaryKind::Sub, 0) => (vec![1.0; n], negative()),
        (BinaryKind::Sub, _) => (vec![-1.0; n], constants),
        (BinaryKind::Div, 0) => (constants.iter().map(|c| 1.0 / c).collect(), vec![0.0; n]),
        (BinaryKind::Div, _) => return None,
    };
    Some(PerChannel { scale, shift })
}

/// The elements of `constant`, one a channel of a map of shape `map`, where it broadcasts along all other axes.
fn per_channel(constant: &Tensor, map: &[usize]) -> Option<Vec<f64>> {
    let (values, channels) = (constant.as_f32()?, *map.get(1)?);
    let missing = map.len().checked_sub(constant.shape().rank())?;
    let fits = constant.shape().iter().enumerate().all(|(i, &dim)| dim == 1 || (i + missing == 1 && dim == channels));
    let value = |c: usize| Some(f64::from(*values.get(if values.len() == 1 { 0 } else { c })?));
    if fits { (0..channels).map(value).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use peleec_runtime::BinaryKind;

    use super::fuse_scale;
    use crate::ir::Source;
    use crate::ir::test_build::Build;
    use crate::ops::{Binary, Op};
    use crate::passes::equivalence::{check, conv};

    fn binary(build: &mut Build, name: &str, kind: BinaryKind, operands: [Source; 2]) -> Source {
        build.op(name, Op::Binary(Binary { kind }), &operands)
    }

    #[test]
    fn every_form_of_a_scale() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 3, 4, 4]);
        let scalar = build.constant("scalar", &[], &[1.5]);
        let full = build.constant("full", &[1, 2, 1, 1], &[0.5, -2.0]);
        let short = build.constant("short", &[2, 1, 1], &[3.0, 4.0]);
        let mut y = conv(&mut build, "conv", x, 2, 3);
        y = binary(&mut build, "mul", BinaryKind::Mul, [y, full]);
        y = binary(&mut build, "add", BinaryKind::Add, [short, y]);
        y = binary(&mut build, "sub", BinaryKind::Sub, [y, scalar]);
        y = binary(&mut build, "from", BinaryKind::Sub, [full, y]);
        y = binary(&mut build, "div", BinaryKind::Div, [y, short]);
        build.output(y);
        let (fused, _, lines) = check(build, fuse_scale);
        assert_eq!((fused, lines), (5, vec!["%div = Conv(%x, %conv/W, %conv/B)".to_owned()]));
    }

    #[test]
    fn other_constants_and_divisions_stay() {
        let others: [(&[usize], BinaryKind); 4] = [
            (&[4], BinaryKind::Mul),
            (&[1, 2, 4, 4], BinaryKind::Add),
            (&[3, 1, 1, 1], BinaryKind::Add),
            (&[1, 1, 2, 1, 1], BinaryKind::Mul),
        ];
        for (shape, kind) in others {
            let mut build = Build::new();
            let x = build.input("x", &[1, 3, 4, 4]);
            let c = build.seeded("c", shape);
            let y = conv(&mut build, "conv", x, 2, 1);
            let y = binary(&mut build, "y", kind, [y, c]);
            build.output(y);
            assert_eq!(check(build, fuse_scale).0, 0, "{shape:?}");
        }
        let mut build = Build::new();
        let x = build.input("x", &[1, 3, 4, 4]);
        let c = build.constant("c", &[], &[2.0]);
        let y = conv(&mut build, "conv", x, 2, 1);
        binary(&mut build, "y", BinaryKind::Div, [c, y]);
        let zero = build.constant("zero", &[], &[0.0]);
        let z = conv(&mut build, "conv2", x, 2, 1);
        binary(&mut build, "z", BinaryKind::Div, [z, zero]);
        assert_eq!(check(build, fuse_scale).0, 0);
    }

    #[test]
    fn a_convolution_that_is_an_output_or_read_twice_stays() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 3, 4, 4]);
        let c = build.constant("c", &[], &[2.0]);
        let output = conv(&mut build, "output", x, 2, 1);
        let y = binary(&mut build, "y", BinaryKind::Mul, [output, c]);
        let squared = conv(&mut build, "squared", x, 2, 1);
        let z = binary(&mut build, "z", BinaryKind::Mul, [squared, squared]);
        [output, y, z].into_iter().for_each(|source| build.output(source));
        assert_eq!(check(build, fuse_scale).0, 0);
    }
}
