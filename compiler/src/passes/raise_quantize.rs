//! Quantises the parts of a concat rather than the whole, where all of them come of bytes, and what is padded rather than what padding
//! gives. Bit-exact.

use super::quantized::{bytes_of, quantizes};
use crate::ir::{Content, Graph, NodeId, Value};
use crate::ops::pad::PadMode;
use crate::ops::{Op, Operator, Pad, Quantize};
use crate::tensor::{Tensor, TensorType};

pub(crate) fn raise_quantize(graph: &mut Graph) -> usize {
    let mut raised = 0;
    for id in graph.ids() {
        if !matches!(graph.op(id), Some(Op::Concat(_) | Op::Pad(_))) {
            continue;
        }
        let Some(reader) = graph.sole_consumer(id) else { continue };
        let Some((op, dtype)) = quantizes(graph, reader).map(|(op, dtype)| (op.clone(), dtype)) else { continue };
        let Some(of_bytes) = of_bytes(graph, id, &op) else { continue };
        let mut quantized = Vec::new();
        for (slot, part) in graph.node_inputs(id).into_iter().flatten().enumerate() {
            let name = format!("{}_{slot}", graph.node(reader).name);
            let ty = TensorType::new(dtype, graph.ty(part).shape.clone());
            quantized.push(graph.add_op(&name, Op::Quantize(op.clone()), &[Some(part)], vec![Value { name: name.clone(), ty }]));
        }
        graph.read_only(id, &quantized);
        graph.absorb(id, reader);
        graph.node_mut(id).content = Content::Op(of_bytes);
        raised += 1;
    }
    raised
}

/// What a concat or a pad is where its inputs are quantised in this way.
fn of_bytes(graph: &Graph, id: NodeId, op: &Quantize) -> Option<Op> {
    match graph.op(id)? {
        Op::Concat(concat) => {
            let come_of_bytes = graph.node_inputs(id).into_iter().flatten().all(|part| bytes_of(graph, part).is_some());
            come_of_bytes.then(|| Op::Concat(concat.clone()))
        }
        Op::Pad(Pad { pads, mode: PadMode::Constant(value) }) => {
            let byte = op.evaluate(&[Some(&Tensor::f32([1], [*value])?)]).ok()?.pop()?.to_i64s()?.first().copied()?;
            Some(Op::Pad(Pad { pads: pads.clone(), mode: PadMode::Integer(byte) }))
        }
        Op::Pad(pad) => Some(Op::Pad(pad.clone())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::raise_quantize;
    use crate::ir::test_build::Build;
    use crate::ops::pad::PadMode;
    use crate::ops::quantize::Direction;
    use crate::ops::{Concat, Op, Pad, Quantize};
    use crate::passes::equivalence::check;
    use crate::tensor::DType;

    #[test]
    fn parts_of_other_scales_are_quantised_each() {
        let op = |direction, scale: f32| Op::Quantize(Quantize { direction, scale: [scale].into(), zero: vec![1], axis: 1, block: None });
        let mut build = Build::new();
        let parts = [("a", 0.5), ("b", 0.25)].map(|(name, scale)| {
            let x = build.input(name, &[1, 2, 2, 2]);
            let bytes = build.op(&format!("{name}.q"), op(Direction::Quantize(DType::U8), scale), &[x]);
            build.op(&format!("{name}.d"), op(Direction::Dequantize, scale), &[bytes])
        });
        let joined = build.op("joined", Op::Concat(Concat { axis: 1 }), &parts);
        let bytes = build.op("bytes", op(Direction::Quantize(DType::U8), 0.125), &[joined]);
        build.output(bytes);
        let (raised, _, lines) = check(build, raise_quantize);
        assert_eq!(raised, 1);
        assert!(lines.contains(&"%bytes = Concat(%bytes_0, %bytes_1)".to_owned()), "{lines:?}");
    }

    /// Whether the constant is zero, between two steps, or beyond the last one.
    #[test]
    fn what_is_padded_is_quantised_before() {
        let op = Quantize { direction: Direction::Quantize(DType::U8), scale: [0.125].into(), zero: vec![3], axis: 1, block: None };
        for (mode, became) in [
            (PadMode::Constant(0.0), PadMode::Integer(3)),
            (PadMode::Constant(0.3), PadMode::Integer(5)),
            (PadMode::Constant(-1e9), PadMode::Integer(0)),
            (PadMode::Edge, PadMode::Edge),
        ] {
            let mut build = Build::new();
            let x = build.input("x", &[1, 2, 3, 3]);
            let padded = build.op("padded", Op::Pad(Pad { pads: vec![0, 0, 1, 1, 0, 0, 0, 2], mode }), &[x]);
            let bytes = build.op("bytes", Op::Quantize(op.clone()), &[padded]);
            build.output(bytes);
            let (raised, graph, lines) = check(build, raise_quantize);
            assert_eq!((raised, lines.last().map(String::as_str)), (1, Some("%bytes = Pad(%bytes_0)")), "{lines:?}");
            let last = graph.op(graph.outputs()[0].source.node);
            assert!(matches!(last, Some(Op::Pad(pad)) if pad.mode == became), "{last:?}");
        }
    }

    #[test]
    fn a_padded_map_that_others_read_stays() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 2, 3, 3]);
        let padded = build.op("padded", Op::Pad(Pad { pads: vec![0, 0, 1, 1, 0, 0, 0, 2], mode: PadMode::Constant(0.0) }), &[x]);
        let op = Quantize { direction: Direction::Quantize(DType::I8), scale: [0.125].into(), zero: vec![3], axis: 1, block: None };
        let bytes = build.op("bytes", Op::Quantize(op), &[padded]);
        build.output(bytes);
        build.output(padded);
        assert_eq!(check(build, raise_quantize).0, 0);
    }
}
