//! One range, and with it one scale, for all that concats join along channels, in place of one for each part: as other tools have it.

use std::collections::BTreeSet;

use super::rewrite::joins_channels;
use super::{Calibration, Range};
use crate::ir::{Graph, NodeId, Source};
use crate::ops::Op;
use crate::ops::pool::PoolKind;

/// Gives all parts of what concats of channels join the range of them all; also what maxima and moves, which keep a scale, lead there or on
/// from there.
pub(crate) fn share(graph: &Graph, calibration: &mut Calibration) {
    let mut done = BTreeSet::new();
    for id in graph.ids().into_iter().filter(|&id| joins_channels(graph, id)) {
        let host = Source { node: id, slot: 0 };
        if done.contains(&host) {
            continue;
        }
        let members = of_one_scale(graph, host);
        let name = |member: &Source| graph.value(*member).name.as_str();
        let ranges = members.iter().filter_map(|member| calibration.tensors.get(name(member)).copied());
        if let Some(all) = ranges.reduce(Range::and) {
            for member in &members {
                calibration.tensors.entry(name(member).to_owned()).and_modify(|range| *range = all);
            }
        }
        done.extend(members);
    }
}

/// All values that have the scale of one, where a concat of channels has one scale.
fn of_one_scale(graph: &Graph, value: Source) -> BTreeSet<Source> {
    let (mut found, mut left) = (BTreeSet::new(), vec![value]);
    while let Some(value) = left.pop() {
        if !found.insert(value) {
            continue;
        }
        let readers = graph.consumers(value).into_iter().map(|(reader, _)| reader);
        for id in readers.chain([value.node]).filter(|&id| keeps_scale(graph, id)) {
            left.push(Source { node: id, slot: 0 });
            left.extend(graph.node_inputs(id).into_iter().flatten());
        }
    }
    found
}

fn keeps_scale(graph: &Graph, id: NodeId) -> bool {
    match graph.op(id) {
        Some(Op::Pool(pool)) => pool.kind == PoolKind::Max,
        Some(Op::Reshape(_) | Op::Transpose(_)) => true,
        _ => joins_channels(graph, id),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::rewrite::quantize;
    use super::*;
    use crate::ir::test_build::Build;
    use crate::ops::{Concat, Pool};
    use crate::passes::equivalence::{conv, square};
    use crate::tensor::window::Window;

    /// A dense block of two layers behind a maximum; beside it a concat along rows.
    fn block() -> (Graph, Calibration) {
        let mut build = Build::new();
        let x = build.input("x", &[1, 4, 8, 8]);
        let stem = conv(&mut build, "stem", x, 4, 1);
        let window = Window { strides: [2, 2], ..square(2) };
        let trunk = build.op("trunk", Op::Pool(Pool { kind: PoolKind::Max, window }), &[stem]);
        let a = conv(&mut build, "a", trunk, 2, 1);
        let first = build.op("first", Op::Concat(Concat { axis: 1 }), &[trunk, a]);
        let b = conv(&mut build, "b", first, 2, 1);
        let second = build.op("second", Op::Concat(Concat { axis: 1 }), &[first, b]);
        let [c, d] = ["c", "d"].map(|name| conv(&mut build, name, second, 2, 1));
        let rows = build.op("rows", Op::Concat(Concat { axis: 2 }), &[c, d]);
        build.output(rows);
        let range = |(name, max): (&str, f32)| (name.to_owned(), Range { min: -max / 2.0, max });
        let names = ["x", "stem", "trunk", "a", "first", "b", "second", "c", "d", "rows"];
        let ranges = names.into_iter().zip([9.0, 4.0, 3.0, 1.0, 3.0, 0.5, 3.0, 7.0, 8.0, 8.0]).map(range);
        (build.graph, Calibration::new("", 1, ranges.collect()))
    }

    #[test]
    fn what_a_host_holds_has_the_range_of_all() {
        let (graph, mut calibration) = block();
        let before = calibration.tensors.clone();
        share(&graph, &mut calibration);
        let changed: BTreeMap<&str, Range> = calibration
            .tensors
            .iter()
            .filter(|(name, range)| before[*name] != **range)
            .map(|(name, range)| (name.as_str(), *range))
            .collect();
        let all = Range { min: -2.0, max: 4.0 };
        assert_eq!(changed, ["a", "b", "first", "second", "trunk"].map(|name| (name, all)).into());
        assert_eq!(calibration.tensors["stem"], all);
        let once = calibration.clone();
        share(&graph, &mut calibration);
        assert_eq!(calibration, once);
    }

    /// The scales of the parts stand in the sums that read them: one for all four channels of parts, or one for each part.
    #[test]
    fn shared_ranges_are_one_scale_of_all_producers() {
        let (graph, slices) = block();
        let mut shared = slices.clone();
        share(&graph, &mut shared);
        let scales = |calibration: &Calibration| {
            let read = super::super::rewrite::terms(&graph, calibration).unwrap().into_iter();
            let read: Vec<Vec<f32>> = read.filter(|terms| terms.input == "second").map(|terms| terms.scale).collect();
            assert_eq!(quantize(&mut graph.clone(), calibration, false).unwrap(), 5);
            assert_eq!(read[0], read[1]);
            read[0].clone()
        };
        let step = |max: f32| max / 127.0;
        assert_eq!(scales(&shared), [step(4.0)]);
        assert_eq!(scales(&slices), [step(4.0), step(4.0), step(4.0), step(4.0), step(1.0), step(1.0), step(0.5), step(0.5)]);
    }
}
