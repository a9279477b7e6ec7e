//! What the passes over quantised tensors ask of a graph.

use std::collections::BTreeMap;

use peleec_runtime::Activation;

use crate::ir::{DType, Graph, NodeId, Source, Value};
use crate::ops::quantize::Direction;
use crate::ops::{Op, Quantize};

/// What a node dequantises, by scales of channels at most.
pub(super) fn dequantizes(graph: &Graph, id: NodeId) -> Option<(Source, &Quantize)> {
    match graph.op(id) {
        Some(Op::Quantize(op)) if op.direction == Direction::Dequantize && op.block.is_none() => Some((graph.input(id, 0)?, op)),
        _ => None,
    }
}

/// The bytes of which a value is dequantised by one scale, and how.
pub(crate) fn bytes_of(graph: &Graph, value: Source) -> Option<(Source, &Quantize)> {
    let (bytes, op) = dequantizes(graph, value.node)?;
    (op.scale.len() == 1 && matches!(graph.ty(bytes).dtype, DType::I8 | DType::U8)).then_some((bytes, op))
}

/// How a node quantises what it reads, to which type.
pub(crate) fn quantizes(graph: &Graph, id: NodeId) -> Option<(&Quantize, DType)> {
    match graph.op(id) {
        Some(Op::Quantize(op)) => match op.direction {
            Direction::Quantize(to) if op.scale.len() == 1 => Some((op, to)),
            _ => None,
        },
        _ => None,
    }
}

/// Limits that an activation makes narrower; none where it does more than that.
pub(crate) fn limited([low, high]: [i32; 2], activation: Activation, result: &Quantize) -> Option<[i32; 2]> {
    let (scale, zero) = (*result.scale.first()?, *result.zero.first()?);
    // As the bound itself would be quantised.
    let step = |bound: f32| ((bound / scale).round_ties_even() + zero as f32) as i32;
    match activation {
        Activation::Identity => Some([low, high]),
        Activation::Relu => Some([low.max(zero).min(high), high]),
        Activation::Clip(least, most) if least <= most => Some([low.max(step(least)).min(high), high.min(step(most)).max(low)]),
        _ => None,
    }
}

/// What reads dequantised bytes as floats, by the operators that it stands for, and how often; what is quantised at once is not counted.
pub(crate) fn in_floats(graph: &Graph) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for id in graph.ids() {
        let reads_bytes = || graph.node_inputs(id).into_iter().flatten().any(|source| bytes_of(graph, source).is_some());
        if graph.op(id).is_some() && !matches!(graph.op(id), Some(Op::Quantize(_))) && reads_bytes() {
            *counts.entry(graph.label(id)).or_default() += 1;
        }
    }
    counts
}

/// Lets `id`, whose results are floats, give bytes of a type instead, which a new node dequantises for all that read them.
pub(super) fn dequantize_behind(graph: &mut Graph, id: NodeId, dtype: DType, op: Quantize) {
    let floats = graph.value(Source { node: id, slot: 0 }).clone();
    let name = format!("{}_bytes", floats.name);
    let mut ty = floats.ty.clone();
    ty.dtype = dtype;
    let bytes = Source { node: id, slot: 0 };
    let dequantized = graph.add_op(&format!("{}_dequantize", graph.node(id).name.clone()), Op::Quantize(op), &[], vec![floats]);
    graph.replace_uses(bytes, dequantized);
    graph.node_mut(id).outputs = vec![Value { name, ty }];
    graph.set_input(dequantized.node, 0, Some(bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_activation_limits_bytes_as_it_does_what_they_stand_for() {
        let steps = Quantize { direction: Direction::Quantize(DType::I8), scale: [0.5].into(), zero: vec![10], axis: 1, block: None };
        let limited = |activation| limited([-128, 127], activation, &steps);
        assert_eq!(limited(Activation::Identity), Some([-128, 127]));
        assert_eq!(limited(Activation::Relu), Some([10, 127]));
        assert_eq!(limited(Activation::Clip(-1.0, 6.0)), Some([8, 22]));
        // Bounds that no byte reaches limit nothing, or all to the last byte.
        assert_eq!(limited(Activation::Clip(-1e9, 1e9)), Some([-128, 127]));
        assert_eq!(limited(Activation::Clip(100.0, 200.0)), Some([127, 127]));
        assert_eq!(limited(Activation::Clip(-200.0, -100.0)), Some([-128, -128]));
        assert_eq!([Activation::Clip(1.0, -1.0), Activation::Sigmoid, Activation::LeakyRelu(0.1)].map(limited), [None; 3]);
    }
}
