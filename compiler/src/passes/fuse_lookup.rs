//! Turns what is computed of a byte alone and quantised again, such as an activation or the same number in steps of another scale, into a
//! lookup in a table. Bit-exact: the table holds what the floats would give.

use super::quantized::{bytes_of, quantizes};
use crate::ir::{Content, Graph, NodeId, Source};
use crate::ops::{Lookup, Op, Operator, Quantize};
use crate::tensor::Tensor;

pub(crate) fn fuse_lookup(graph: &mut Graph) -> usize {
    let mut fused = 0;
    for id in graph.ids() {
        let Some(Fusion { op, bytes, absorbed }) = fusion(graph, id) else { continue };
        for consumer in absorbed {
            graph.absorb(id, consumer);
        }
        graph.read_only(id, &[bytes]);
        graph.node_mut(id).content = Content::Op(Op::Lookup(op));
        fused += 1;
    }
    fused
}

/// What the first node that reads dequantised bytes becomes.
struct Fusion {
    op: Lookup,
    bytes: Source,
    /// What follows it, in order.
    absorbed: Vec<NodeId>,
}

fn fusion(graph: &Graph, id: NodeId) -> Option<Fusion> {
    let (bytes, dequantize) = bytes_of(graph, graph.input(id, 0)?)?;
    let mut values = evaluated(dequantize, Lookup::bytes(graph.ty(bytes).dtype)?)?;
    let (mut absorbed, mut at) = (Vec::new(), id);
    loop {
        if let Some((quantize, dtype)) = quantizes(graph, at) {
            let table = evaluated(quantize, values)?.to_i64s()?.into_iter().map(|byte| byte as u8).collect::<Vec<_>>();
            let op = Lookup { table: table.try_into().ok()?, dtype };
            return Some(Fusion { op, bytes, absorbed });
        }
        // As firmware computes it.
        let results: Vec<_> = match graph.op(at)? {
            Op::Unary(unary) => values.as_f32()?.iter().map(|&x| unary.activation.apply(x)).collect(),
            Op::Function(function) => values.as_f32()?.iter().map(|&x| function.kind.apply(x)).collect(),
            _ => return None,
        };
        values = Tensor::f32(values.shape().clone(), results)?;
        at = graph.sole_consumer(at)?;
        absorbed.push(at);
    }
}

fn evaluated(op: &Quantize, values: Tensor) -> Option<Tensor> {
    op.evaluate(&[Some(&values)]).ok()?.pop()
}

#[cfg(test)]
mod tests {
    use peleec_runtime::Activation;

    use super::fuse_lookup;
    use crate::ir::test_build::Build;
    use crate::ops::function::Kind;
    use crate::ops::quantize::Direction;
    use crate::ops::{Function, Op, Quantize, Unary};
    use crate::passes::equivalence::check;
    use crate::tensor::DType;

    fn op(direction: Direction, scale: f32, zero: i32) -> Op {
        Op::Quantize(Quantize { direction, scale: [scale].into(), zero: vec![zero], axis: 1, block: None })
    }

    #[test]
    fn functions_of_a_byte_are_tables() {
        let activations = [Activation::Relu, Activation::LeakyRelu(0.1), Activation::Clip(-1.0, 2.0), Activation::Swish(1.0)];
        let activations = activations.map(|activation| Some(Op::Unary(Unary { activation })));
        let functions = activations.into_iter().chain([None, Some(Op::Function(Function { kind: Kind::Tanh {} }))]).collect::<Vec<_>>();
        for (from, to) in [(DType::I8, DType::I8), (DType::U8, DType::U8), (DType::U8, DType::I8), (DType::I8, DType::U8)] {
            for function in &functions {
                let mut build = Build::new();
                let x = build.input("x", &[1, 3, 9, 9]);
                let bytes = build.op("bytes", op(Direction::Quantize(from), 1.0 / 128.0, 5), &[x]);
                let floats = build.op("floats", op(Direction::Dequantize, 1.0 / 128.0, 5), &[bytes]);
                let y = match function {
                    Some(function) => build.op("y", function.clone(), &[floats]),
                    None => floats,
                };
                let again = build.op("again", op(Direction::Quantize(to), 0.021, 9), &[y]);
                build.output(again);
                // What others read of the floats stays.
                build.output(floats);
                let (fused, graph, lines) = check(build, fuse_lookup);
                assert_eq!(fused, 1);
                assert!(lines.contains(&"%again = Lookup(%bytes)".to_owned()), "{lines:?}");
                let label = graph.label(graph.outputs()[0].source.node);
                assert!(label.ends_with("QuantizeLinear"), "{label}");
            }
        }
    }

    #[test]
    fn what_is_read_between_or_never_quantised_stays() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 3, 4, 4]);
        let bytes = build.op("bytes", op(Direction::Quantize(DType::I8), 0.25, 0), &[x]);
        let floats = build.op("floats", op(Direction::Dequantize, 0.25, 0), &[bytes]);
        let read = build.op("read", Op::Unary(Unary { activation: Activation::Relu }), &[floats]);
        let again = build.op("again", op(Direction::Quantize(DType::I8), 0.5, 0), &[read]);
        let last = build.op("last", Op::Unary(Unary { activation: Activation::Sigmoid }), &[floats]);
        for output in [read, again, last] {
            build.output(output);
        }
        assert_eq!(check(build, fuse_lookup).0, 0);
    }
}
