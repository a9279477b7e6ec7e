//! Lets transposes and reshapes of widened elements move the narrow ones, which are cast behind them. Bit-exact.
//!
//! So a picture of bytes whose channels come last becomes a view, and its cast a map whose rows can be computed one by one.

use crate::ir::{Graph, NodeId, Source, Value};
use crate::ops::Op;
use crate::tensor::TensorType;

pub(crate) fn sink_casts(graph: &mut Graph) -> usize {
    let mut sunk = 0;
    for id in graph.ids() {
        while let Some((given, mover)) = mover(graph, id) {
            exchange(graph, id, given, mover);
            sunk += 1;
        }
    }
    sunk
}

/// What a widening cast reads, and the transpose or reshape that alone reads the cast.
fn mover(graph: &Graph, id: NodeId) -> Option<(Source, NodeId)> {
    let Some(Op::Cast(cast)) = graph.op(id) else { return None };
    let given = graph.input(id, 0)?;
    let mover = graph.sole_consumer(id)?;
    let moves = matches!(graph.op(mover), Some(Op::Transpose(_) | Op::Reshape(_)));
    (moves && graph.ty(given).dtype.bytes() < cast.to.bytes()).then_some((given, mover))
}

/// Puts the cast behind the mover; each node keeps its name, and the last value its own.
fn exchange(graph: &mut Graph, cast: NodeId, given: Source, mover: NodeId) {
    let (before, after) = (Source { node: cast, slot: 0 }, Source { node: mover, slot: 0 });
    let last = graph.value(after).clone();
    let ty = TensorType::new(graph.ty(given).dtype, last.ty.shape.clone());
    let moved = Value { name: graph.value(before).name.clone(), ty };
    graph.replace_uses(after, before);
    graph.set_input(mover, 0, Some(given));
    graph.set_input(cast, 0, Some(after));
    graph.node_mut(mover).outputs = vec![moved];
    graph.node_mut(cast).outputs = vec![last];
}

#[cfg(test)]
mod tests {
    use super::sink_casts;
    use crate::ir::Source;
    use crate::ir::test_build::Build;
    use crate::ops::{Cast, Op, Reshape, Transpose};
    use crate::passes::equivalence::check;
    use crate::tensor::{DType, Shape, TensorType};

    fn cast(to: DType) -> Op {
        Op::Cast(Cast { to })
    }

    fn turn() -> Op {
        Op::Transpose(Transpose { perm: vec![0, 3, 1, 2] })
    }

    /// A picture of bytes, channels last.
    fn picture(build: &mut Build) -> Source {
        build.graph.add_input("x", TensorType::new(DType::U8, [1, 4, 5, 3]))
    }

    #[test]
    fn bytes_are_moved_before_they_are_widened() {
        let mut build = Build::new();
        let x = picture(&mut build);
        let wide = build.op("wide", cast(DType::F32), &[x]);
        let turned = build.op("turned", turn(), &[wide]);
        let flat = build.op("flat", Op::Reshape(Reshape { shape: Shape(vec![1, 60]) }), &[turned]);
        build.output(flat);
        let (sunk, graph, lines) = check(build, sink_casts);
        assert_eq!(sunk, 2);
        assert_eq!(lines, ["%wide = Transpose(%x)", "%turned = Reshape(%wide)", "%flat = Cast(%turned)"]);
        assert_eq!(graph.outputs()[0].name, "flat");
    }

    #[test]
    fn what_becomes_narrow_is_cast_first() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 4, 5, 3]);
        let narrow = build.op("narrow", cast(DType::U8), &[x]);
        let turned = build.op("turned", turn(), &[narrow]);
        build.output(turned);
        assert_eq!(check(build, sink_casts).0, 0);
    }

    #[test]
    fn a_cast_that_others_read_stays() {
        let mut build = Build::new();
        let x = picture(&mut build);
        let wide = build.op("wide", cast(DType::F32), &[x]);
        let turned = build.op("turned", turn(), &[wide]);
        build.output(turned);
        build.output(wide);
        assert_eq!(check(build, sink_casts).0, 0);
    }
}
