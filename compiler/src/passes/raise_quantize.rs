//! Quantises the parts of a concat rather than the whole, where all of them come of bytes. Bit-exact.

use super::quantized::{bytes_of, quantizes};
use crate::ir::{Graph, TensorType, Value};
use crate::ops::Op;

pub(crate) fn raise_quantize(graph: &mut Graph) -> usize {
    let mut raised = 0;
    for id in graph.ids() {
        if !matches!(graph.op(id), Some(Op::Concat(_))) {
            continue;
        }
        let Some(reader) = graph.sole_consumer(id) else { continue };
        let Some((op, dtype)) = quantizes(graph, reader).map(|(op, dtype)| (op.clone(), dtype)) else { continue };
        let parts: Vec<_> = graph.node_inputs(id).into_iter().flatten().collect();
        if !parts.iter().all(|&part| bytes_of(graph, part).is_some()) {
            continue;
        }
        let mut quantized = Vec::new();
        for (slot, part) in parts.into_iter().enumerate() {
            let name = format!("{}_{slot}", graph.node(reader).name);
            let ty = TensorType::new(dtype, graph.ty(part).shape.clone());
            quantized.push(graph.add_op(&name, Op::Quantize(op.clone()), &[Some(part)], vec![Value { name: name.clone(), ty }]));
        }
        graph.read_only(id, &quantized);
        graph.absorb(id, reader);
        raised += 1;
    }
    raised
}

#[cfg(test)]
mod tests {
    use super::raise_quantize;
    use crate::ir::DType;
    use crate::ir::build::Build;
    use crate::ops::quantize::Direction;
    use crate::ops::{Concat, Op, Quantize};
    use crate::passes::equivalence::check;

    #[test]
    fn parts_of_other_scales_are_quantised_each() {
        let op = |direction, scale| Op::Quantize(Quantize { direction, scale: vec![scale], zero: vec![1], axis: 1, block: None });
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
}
