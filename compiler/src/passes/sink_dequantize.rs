//! Lets pools that take a maximum, moves and concats work on bytes, which are dequantised behind them. Bit-exact: all of them give elements
//! that they read, and dequantising keeps their order.

use super::quantized::{bytes_of, dequantize_behind};
use crate::ir::{Graph, NodeId, Source};
use crate::ops::pool::PoolKind;
use crate::ops::{Op, Quantize};
use crate::tensor::DType;

pub(crate) fn sink_dequantize(graph: &mut Graph) -> usize {
    let mut sunk = 0;
    for id in graph.ids() {
        let Some((bytes, dtype, op)) = all_bytes(graph, id) else { continue };
        dequantize_behind(graph, id, dtype, op);
        graph.read_only(id, &bytes);
        sunk += 1;
    }
    sunk
}

/// The bytes of which everything is dequantised that a node passes on, in one way.
fn all_bytes(graph: &Graph, id: NodeId) -> Option<(Vec<Source>, DType, Quantize)> {
    let passes_on = match graph.op(id)? {
        Op::Pool(pool) => pool.kind == PoolKind::Max,
        Op::Transpose(_) | Op::Reshape(_) | Op::Concat(_) => true,
        _ => false,
    };
    if !passes_on || graph.node(id).outputs.len() != 1 {
        return None;
    }
    let read: Vec<_> = graph.node_inputs(id).into_iter().map(|source| bytes_of(graph, source?)).collect::<Option<_>>()?;
    let (first, op) = read.first()?;
    let dtype = graph.ty(*first).dtype;
    let alike = |(bytes, other): &(Source, &Quantize)| graph.ty(*bytes).dtype == dtype && other.scale == op.scale && other.zero == op.zero;
    read.iter().all(alike).then(|| (read.iter().map(|(bytes, _)| *bytes).collect(), dtype, (*op).clone()))
}

#[cfg(test)]
mod tests {
    use super::sink_dequantize;
    use crate::ir::Source;
    use crate::ir::test_build::Build;
    use crate::ops::pool::PoolKind;
    use crate::ops::quantize::Direction;
    use crate::ops::{Concat, Op, Pool, Quantize, Reshape, Transpose};
    use crate::passes::equivalence::{check, square};
    use crate::tensor::{DType, Shape};

    /// A value that went through bytes.
    fn through(build: &mut Build, name: &str, x: Source, scale: f32) -> Source {
        let op = |direction| Op::Quantize(Quantize { direction, scale: [scale].into(), zero: vec![3], axis: 1, block: None });
        let bytes = build.op(&format!("{name}.q"), op(Direction::Quantize(DType::I8)), &[x]);
        build.op(&format!("{name}.d"), op(Direction::Dequantize), &[bytes])
    }

    #[test]
    fn what_gives_what_it_reads_moves_bytes() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 2, 4, 4]);
        let x = through(&mut build, "x", x, 0.25);
        let pool = build.op("pool", Op::Pool(Pool { kind: PoolKind::Max, window: square(2) }), &[x]);
        let turned = build.op("turned", Op::Transpose(Transpose { perm: vec![0, 2, 3, 1] }), &[pool]);
        let flat = build.op("flat", Op::Reshape(Reshape { shape: Shape(vec![1, 18]) }), &[turned]);
        build.output(flat);
        build.output(x);
        let (sunk, graph, lines) = check(build, sink_dequantize);
        assert_eq!(sunk, 3);
        let bytes = ["%pool_bytes = Pool(%x.q)", "%turned_bytes = Transpose(%pool_bytes)", "%flat_bytes = Reshape(%turned_bytes)"];
        assert!(bytes.iter().all(|line| lines.iter().any(|found| found == line)), "{lines:?}");
        assert_eq!(graph.outputs()[0].name, "flat");
    }

    #[test]
    fn a_concat_of_one_scale_moves_bytes_and_of_two_floats() {
        for (scales, sunk) in [([0.5, 0.5], 1), ([0.5, 0.25], 0)] {
            let mut build = Build::new();
            let parts = [("a", scales[0]), ("b", scales[1])].map(|(name, scale)| {
                let x = build.input(name, &[1, 2, 2, 2]);
                through(&mut build, name, x, scale)
            });
            let joined = build.op("joined", Op::Concat(Concat { axis: 1 }), &parts);
            build.output(joined);
            assert_eq!(check(build, sink_dequantize).0, sunk);
        }
    }
}
