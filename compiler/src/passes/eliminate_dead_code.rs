//! Removes operators and constants that no graph output depends on. Bit-exact.

use std::collections::BTreeSet;

use crate::ir::{Content, Graph, Source};

pub(crate) fn eliminate_dead_code(graph: &mut Graph) -> usize {
    let returned: BTreeSet<_> = graph.outputs().iter().map(|output| output.source.node).collect();
    let mut removed = 0;
    for id in graph.ids().into_iter().rev() {
        if matches!(graph.node(id).content, Content::Input) || returned.contains(&id) {
            continue;
        }
        let is_read = (0..graph.node(id).outputs.len()).any(|slot| graph.is_read(Source { node: id, slot }));
        if !is_read {
            graph.remove(id);
            removed += 1;
        }
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::eliminate_dead_code;
    use crate::ir::test_build::Build;
    use crate::ops::{Identity, Op};
    use crate::passes::equivalence::{check, conv};

    #[test]
    fn an_unread_chain_goes_with_its_constants() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 2, 2, 2]);
        let y = build.op("y", Op::Identity(Identity), &[x]);
        let dead = conv(&mut build, "dead", x, 2, 1);
        build.op("deader", Op::Identity(Identity), &[dead]);
        build.output(y);
        let (removed, after, lines) = check(build, eliminate_dead_code);
        assert_eq!((removed, after.node_count()), (4, 2));
        assert_eq!(lines, ["%y = Identity(%x)"]);
    }

    #[test]
    fn inputs_outputs_and_what_they_need_stay() {
        let mut build = Build::new();
        build.input("unused", &[1]);
        let x = build.input("x", &[1, 2, 2, 2]);
        let y = conv(&mut build, "y", x, 2, 1);
        let z = build.op("z", Op::Identity(Identity), &[y]);
        build.output(y);
        build.output(z);
        assert_eq!(check(build, eliminate_dead_code).0, 0);
    }
}
