//! Lets averages, softmaxes, and functions of two values read bytes and give bytes where what they read is dequantised and what they give is quantised,
//! with an activation that only limits. Bit-exact: they go through the same floats, which no longer lie in memory.

use peleec_runtime::Activation;

use super::quantized::{bytes_of, limited, quantizes};
use crate::ir::{Content, Graph, NodeId, Source};
use crate::ops::pool::PoolKind;
use crate::ops::quantized_conv::limits;
use crate::ops::{Op, Quantize, QuantizedBinary, QuantizedPool, QuantizedSoftmax};
use crate::tensor::TensorType;

pub(crate) fn fuse_through_floats(graph: &mut Graph) -> usize {
    let mut fused = 0;
    for id in graph.ids() {
        let Some(Fusion { op, bytes, absorbed }) = fusion(graph, id) else { continue };
        for consumer in absorbed {
            graph.absorb(id, consumer);
        }
        graph.read_only(id, &bytes);
        graph.node_mut(id).content = Content::Op(op);
        fused += 1;
    }
    fused
}

/// What an operator over floats becomes.
struct Fusion {
    op: Op,
    /// What it reads.
    bytes: Vec<Source>,
    /// What follows it, in order: an activation, and what quantises the result.
    absorbed: Vec<NodeId>,
}

fn fusion(graph: &Graph, id: NodeId) -> Option<Fusion> {
    let goes = match graph.op(id)? {
        Op::Pool(pool) => pool.kind != PoolKind::Max && pool.window.depth.is_none(),
        Op::Binary(_) | Op::Softmax(_) => true,
        _ => false,
    };
    let inputs: Vec<(Source, &Quantize)> =
        graph.node_inputs(id).into_iter().filter(|_| goes).map(|source| bytes_of(graph, source?)).collect::<Option<_>>()?;
    let (first, result) = (graph.ty(inputs.first()?.0), graph.ty(Source { node: id, slot: 0 }));
    // Operands that are broadcast are maps to the kernel.
    let goes_with = |ty: &TensorType| ty.dtype == first.dtype && (result.shape.rank() <= 4 || ty.shape == first.shape);
    if !inputs.iter().all(|(bytes, _)| goes_with(graph.ty(*bytes))) {
        return None;
    }
    let mut absorbed = vec![graph.sole_consumer(id)?];
    let mut activation = Activation::Identity;
    if let Some(Op::Unary(unary)) = graph.op(absorbed[0]) {
        activation = unary.activation;
        absorbed.push(graph.sole_consumer(absorbed[0])?);
    }
    let (to, dtype) = quantizes(graph, *absorbed.last()?)?;
    let (limits, to) = (limited(limits(dtype), activation, to)?, to.clone());
    let op = match (graph.op(id)?, &inputs[..]) {
        (Op::Pool(pool), [(_, from)]) => Op::QuantizedPool(QuantizedPool { pool: pool.clone(), from: (*from).clone(), to, dtype, limits }),
        (Op::Softmax(softmax), [(_, from)]) => {
            Op::QuantizedSoftmax(QuantizedSoftmax { softmax: softmax.clone(), from: (*from).clone(), to, dtype, limits })
        }
        (Op::Binary(binary), [(_, left), (_, right)]) => {
            let from = [(*left).clone(), (*right).clone()];
            Op::QuantizedBinary(QuantizedBinary { binary: binary.clone(), from, to, dtype, limits })
        }
        _ => return None,
    };
    Some(Fusion { op, bytes: inputs.into_iter().map(|(bytes, _)| bytes).collect(), absorbed })
}

#[cfg(test)]
mod tests {
    use peleec_runtime::{Activation, BinaryKind};

    use super::fuse_through_floats;
    use crate::ir::Source;
    use crate::ir::test_build::Build;
    use crate::ops::pool::PoolKind;
    use crate::ops::quantize::Direction;
    use crate::ops::{Binary, Op, Pool, Quantize, Softmax, Unary};
    use crate::passes::equivalence::{check, square};
    use crate::tensor::DType;

    fn op(direction: Direction, scale: f32, zero: i32) -> Op {
        Op::Quantize(Quantize { direction, scale: [scale].into(), zero: vec![zero], axis: 1, block: None })
    }

    fn through(build: &mut Build, name: &str, dtype: DType, scale: f32) -> Source {
        let x = build.input(name, &[1, 3, 5, 5]);
        let bytes = build.op(&format!("{name}.q"), op(Direction::Quantize(dtype), scale, 2), &[x]);
        build.op(&format!("{name}.d"), op(Direction::Dequantize, scale, 2), &[bytes])
    }

    fn finish(build: &mut Build, y: Source, activation: Option<Activation>, dtype: DType) {
        let y = activation.map_or(y, |activation| build.op("limited", Op::Unary(Unary { activation }), &[y]));
        let bytes = build.op("bytes", op(Direction::Quantize(dtype), 0.0123, -3), &[y]);
        build.output(bytes);
    }

    #[test]
    fn averages_of_bytes() {
        for kind in [PoolKind::Average { count_include_pad: false }, PoolKind::Average { count_include_pad: true }] {
            for activation in [None, Some(Activation::Relu), Some(Activation::Clip(-0.1, 0.2))] {
                let mut build = Build::new();
                let x = through(&mut build, "x", DType::U8, 1.0 / 64.0);
                let mut window = square(3);
                window.pads = [1; 4];
                let y = build.op("y", Op::Pool(Pool { kind, window }), &[x]);
                finish(&mut build, y, activation, DType::I8);
                let (fused, _, lines) = check(build, fuse_through_floats);
                assert_eq!((fused, lines.last().map(String::as_str)), (1, Some("%bytes = QuantizedPool(%x.q)")), "{lines:?}");
            }
        }
    }

    #[test]
    fn sums_of_bytes_of_two_scales() {
        for kind in [BinaryKind::Add, BinaryKind::Sub, BinaryKind::Mul, BinaryKind::Div] {
            for activation in [None, Some(Activation::Relu)] {
                let mut build = Build::new();
                let [a, b] = [("a", 1.0 / 64.0), ("b", 1.0 / 50.0)].map(|(name, scale)| through(&mut build, name, DType::I8, scale));
                let y = build.op("y", Op::Binary(Binary { kind }), &[a, b]);
                finish(&mut build, y, activation, DType::U8);
                let (fused, _, lines) = check(build, fuse_through_floats);
                assert_eq!((fused, lines.last().map(String::as_str)), (1, Some("%bytes = QuantizedBinary(%a.q, %b.q)")), "{lines:?}");
            }
        }
    }

    #[test]
    fn softmaxes_of_bytes() {
        for flatten in [false, true] {
            let mut build = Build::new();
            let x = through(&mut build, "x", DType::U8, 1.0 / 16.0);
            let y = build.op("y", Op::Softmax(Softmax { axis: 1, flatten }), &[x]);
            let bytes = build.op("bytes", op(Direction::Quantize(DType::U8), 1.0 / 255.0, 0), &[y]);
            build.output(bytes);
            let (fused, _, lines) = check(build, fuse_through_floats);
            assert_eq!((fused, lines.last().map(String::as_str)), (1, Some("%bytes = QuantizedSoftmax(%x.q)")), "{lines:?}");
        }
    }

    #[test]
    fn what_is_not_all_bytes_of_one_type_stays() {
        for activation in [None, Some(Activation::Sigmoid)] {
            let mut build = Build::new();
            let a = through(&mut build, "a", DType::I8, 0.5);
            let b = if activation.is_some() { a } else { through(&mut build, "b", DType::U8, 0.5) };
            let y = build.op("y", Op::Binary(Binary { kind: BinaryKind::Add }), &[a, b]);
            finish(&mut build, y, activation, DType::I8);
            assert_eq!(check(build, fuse_through_floats).0, 0);
        }
    }
}
