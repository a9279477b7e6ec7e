//! Takes operands without elements out of concats: a constant of no channels, as converters leave behind. Bit-exact.

use crate::ir::{Graph, Source};
use crate::ops::Op;

pub(crate) fn eliminate_empty(graph: &mut Graph) -> usize {
    let mut removed = 0;
    for id in graph.ids() {
        if !matches!(graph.op(id), Some(Op::Concat(_))) {
            continue;
        }
        let inputs: Vec<Source> = graph.node_inputs(id).into_iter().flatten().collect();
        let filled: Vec<Source> = inputs.iter().copied().filter(|&source| !graph.ty(source).shape.contains(&0)).collect();
        if !filled.is_empty() && filled.len() < inputs.len() {
            removed += inputs.len() - filled.len();
            graph.read_only(id, &filled);
        }
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::eliminate_empty;
    use crate::ir::test_build::Build;
    use crate::ops::{Concat, Op};
    use crate::passes::equivalence::check;

    #[test]
    fn operands_of_no_channels_go() {
        let mut build = Build::new();
        let (x, z) = (build.input("x", &[1, 2, 2, 2]), build.input("z", &[1, 1, 2, 2]));
        let empty = build.constant("empty", &[1, 0, 2, 2], &[]);
        let y = build.op("y", Op::Concat(Concat { axis: 1 }), &[empty, x, empty, z]);
        build.output(y);
        let (removed, _, lines) = check(build, eliminate_empty);
        assert_eq!((removed, lines), (2, vec!["%y = Concat(%x, %z)".to_owned()]));
    }

    #[test]
    fn full_operands_and_a_concat_of_nothing_stay() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 2]);
        let empty = build.constant("empty", &[1, 0], &[]);
        let y = build.op("y", Op::Concat(Concat { axis: 1 }), &[x, x]);
        build.op("z", Op::Concat(Concat { axis: 1 }), &[empty, empty]);
        build.output(y);
        assert_eq!(check(build, eliminate_empty).0, 0);
    }
}
