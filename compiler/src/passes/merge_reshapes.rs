//! Lets a reshape of a reshape read what the first one read; the first goes if nothing else needs it. Bit-exact.

use crate::ir::Graph;
use crate::ops::Op;

pub(crate) fn merge_reshapes(graph: &mut Graph) -> usize {
    let mut merged = 0;
    for id in graph.ids() {
        if !matches!(graph.op(id), Some(Op::Reshape(_))) {
            continue;
        }
        let Some(first) = graph.input(id, 0).map(|source| source.node) else { continue };
        if !matches!(graph.op(first), Some(Op::Reshape(_))) {
            continue;
        }
        if graph.sole_consumer(first) == Some(id) {
            graph.prepend(first, id);
        } else {
            graph.set_input(id, 0, graph.input(first, 0));
        }
        merged += 1;
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::merge_reshapes;
    use crate::ir::test_build::Build;
    use crate::ops::{Op, Reshape, Transpose};
    use crate::passes::equivalence::check;
    use crate::tensor::Shape;

    fn reshape(shape: &[usize]) -> Op {
        Op::Reshape(Reshape { shape: Shape(shape.to_vec()) })
    }

    #[test]
    fn a_chain_becomes_one() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 2, 3, 4]);
        let a = build.op("a", reshape(&[1, 24]), &[x]);
        let b = build.op("b", reshape(&[6, 4]), &[a]);
        let c = build.op("c", reshape(&[1, 6, 4]), &[b]);
        build.output(c);
        let (merged, _, lines) = check(build, merge_reshapes);
        assert_eq!((merged, lines), (2, vec!["%c = Reshape(%x)".to_owned()]));
    }

    #[test]
    fn a_transpose_between_keeps_both() {
        let mut build = Build::new();
        let x = build.input("x", &[2, 3]);
        let a = build.op("a", reshape(&[3, 2]), &[x]);
        let b = build.op("b", Op::Transpose(Transpose { perm: vec![1, 0] }), &[a]);
        let c = build.op("c", reshape(&[6]), &[b]);
        build.output(c);
        assert_eq!(check(build, merge_reshapes).0, 0);
    }

    #[test]
    fn a_first_reshape_with_other_readers_stays() {
        let mut build = Build::new();
        let x = build.input("x", &[2, 3]);
        let a = build.op("a", reshape(&[3, 2]), &[x]);
        let b = build.op("b", reshape(&[6]), &[a]);
        build.output(a);
        build.output(b);
        let (merged, _, lines) = check(build, merge_reshapes);
        assert_eq!((merged, lines), (1, vec!["%a = Reshape(%x)".to_owned(), "%b = Reshape(%x)".to_owned()]));
    }
}
