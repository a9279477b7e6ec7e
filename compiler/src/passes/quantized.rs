//! What the passes over quantised tensors ask of a graph.

use std::collections::BTreeMap;

use peleec_runtime::Activation;

use crate::ir::{Graph, NodeId, Source, Value};
use crate::ops::quantize::Direction;
use crate::ops::{Op, Quantize};
use crate::tensor::DType;

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
    use crate::ops::{Function, Unary};
    use crate::tensor::{Shape, Tensor, TensorType};

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

    /// What is quantised behind an activation is what is quantised before it, limited.
    #[test]
    fn limits_are_as_narrow_as_an_activation() {
        for (scale, zero, bounds) in
            [(0.5, 10, [-128, 127]), (0.1, -128, [-128, 127]), (0.3, 127, [-128, 127]), (0.07, 128, [0, 255]), (1.0, 0, [5, 9])]
        {
            let steps =
                Quantize { direction: Direction::Quantize(DType::I8), scale: [scale].into(), zero: vec![zero], axis: 1, block: None };
            let quantized = |x: f32, [low, high]: [i32; 2]| (((x / scale).round_ties_even() + zero as f32) as i32).max(low).min(high);
            for activation in [
                Activation::Relu,
                Activation::Clip(-1.07, 6.0),
                Activation::Clip(0.0, 0.0),
                Activation::Clip(2.0, 900.0),
                Activation::Clip(-900.0, -2.0),
            ] {
                let found = limited(bounds, activation, &steps).unwrap();
                assert!(bounds[0] <= found[0] && found[0] <= found[1] && found[1] <= bounds[1], "{found:?} of {bounds:?}");
                for x in (-4000..4000).map(|x| x as f32 * 0.01) {
                    let activated = match activation {
                        Activation::Clip(low, high) => x.max(low).min(high),
                        _ => x.max(0.0),
                    };
                    assert_eq!(
                        quantized(activated, bounds),
                        quantized(x, found),
                        "{activation:?} of {x} at {scale}, {zero} within {bounds:?}"
                    );
                }
            }
        }
    }

    fn steps(direction: Direction, scale: &[f32], zero: i32) -> Quantize {
        Quantize { direction, scale: scale.into(), zero: vec![zero; scale.len()], axis: 1, block: None }
    }

    fn add(graph: &mut Graph, name: &str, op: Op, x: Source, ty: TensorType) -> Source {
        graph.add_op(name, op, &[Some(x)], vec![Value { name: name.to_owned(), ty }])
    }

    /// Bytes, floats of one scale and of a scale a channel, and bytes again.
    #[test]
    fn bytes_are_known_by_one_scale() {
        let mut graph = Graph::new("test", 13);
        let (bytes, floats) = (TensorType::new(DType::U8, [1, 2]), TensorType::f32([1, 2]));
        let x = graph.add_input("x", bytes.clone());
        let one = add(&mut graph, "one", Op::Quantize(steps(Direction::Dequantize, &[0.5], 3)), x, floats.clone());
        let each = add(&mut graph, "each", Op::Quantize(steps(Direction::Dequantize, &[0.5, 0.25], 3)), x, floats.clone());
        let relu = add(&mut graph, "relu", Op::Unary(Unary { activation: Activation::Relu }), one, floats.clone());
        let to =
            add(&mut graph, "to", Op::Quantize(steps(Direction::Quantize(DType::I8), &[0.5], 0)), one, TensorType::new(DType::I8, [1, 2]));
        let apart = Op::Quantize(steps(Direction::Quantize(DType::I8), &[0.5, 0.5], 0));
        let apart = add(&mut graph, "apart", apart, relu, TensorType::new(DType::I8, [1, 2]));
        assert_eq!(bytes_of(&graph, one).map(|(source, op)| (source, op.zero[0])), Some((x, 3)));
        assert!(bytes_of(&graph, each).is_none() && bytes_of(&graph, relu).is_none() && bytes_of(&graph, x).is_none());
        assert!(dequantizes(&graph, each.node).is_some() && dequantizes(&graph, to.node).is_none());
        assert_eq!(quantizes(&graph, to.node).map(|(_, dtype)| dtype), Some(DType::I8));
        assert!(quantizes(&graph, apart.node).is_none() && quantizes(&graph, one.node).is_none() && quantizes(&graph, relu.node).is_none());
        // What is quantised at once is no operator over floats.
        let counted: Vec<_> = in_floats(&graph).into_iter().collect();
        assert_eq!(counted, [("Relu".to_owned(), 1)]);
        // Integers of 32 bits are no bytes.
        let wide = graph.add_input("wide", TensorType::new(DType::I32, [1, 2]));
        let of_wide = add(&mut graph, "of_wide", Op::Quantize(steps(Direction::Dequantize, &[0.5], 0)), wide, floats);
        assert!(bytes_of(&graph, of_wide).is_none() && dequantizes(&graph, of_wide.node).is_some());
    }

    /// All that read the floats, and the result, read what is dequantised; the names stay with the floats.
    #[test]
    fn a_node_gives_bytes_that_are_dequantised_behind_it() {
        let mut graph = Graph::new("test", 13);
        let ty = TensorType::f32([2, 2]);
        let x = graph.add_input("x", ty.clone());
        let y = add(&mut graph, "y", Op::Unary(Unary { activation: Activation::Relu }), x, ty.clone());
        let readers = ["a", "b"]
            .map(|name| add(&mut graph, name, Op::Function(Function { kind: crate::ops::function::Kind::Neg {} }), y, ty.clone()));
        for source in [readers[0], readers[1], y] {
            let name = graph.value(source).name.clone();
            graph.add_output(&name, source);
        }
        // In place of the activation stands what gives the same in bytes.
        graph.node_mut(y.node).content = crate::ir::Content::Op(Op::Quantize(steps(Direction::Quantize(DType::I8), &[0.5], 1)));
        dequantize_behind(&mut graph, y.node, DType::I8, steps(Direction::Dequantize, &[0.5], 1));
        assert!(graph.verify().is_empty(), "{:?}", graph.verify());
        let floats = graph.input(readers[0].node, 0).unwrap();
        assert_eq!((graph.value(floats).name.as_str(), &graph.value(floats).ty), ("y", &ty));
        assert_eq!((graph.input(readers[1].node, 0), graph.outputs()[2].source), (Some(floats), floats));
        assert_eq!(bytes_of(&graph, floats).map(|(source, _)| graph.value(source).name.clone()), Some("y_bytes".to_owned()));
        let found = graph.evaluate(&[Tensor::f32(Shape(vec![2, 2]), [0.2, -0.26, 100.0, -100.0]).unwrap()]).unwrap();
        assert_eq!(found[2].as_f32(), Some(&[0.0, -0.5, 63.0, -64.5][..]));
        assert_eq!((found[0].as_f32(), found[0].clone()), (Some(&[-0.0, 0.5, -63.0, 64.5][..]), found[1].clone()));
    }
}
