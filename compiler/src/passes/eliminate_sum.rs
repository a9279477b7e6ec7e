//! Turns a `Sum` into a chain of `Add`s, from its first input on. Bit-exact; other engines may add in another order.

use peleec_runtime::BinaryKind;

use crate::ir::{Content, Graph, NodeId, Source, Value};
use crate::ops::{Binary, Op};

pub(crate) fn eliminate_sum(graph: &mut Graph) -> usize {
    let mut split = 0;
    for id in graph.ids() {
        if !matches!(graph.op(id), Some(Op::Sum(_))) {
            continue;
        }
        let inputs: Vec<Source> = graph.node_inputs(id).into_iter().flatten().collect();
        if let [first, middle @ .., last] = inputs.as_slice() {
            let so_far = middle.iter().enumerate().try_fold(*first, |sum, (at, &next)| add(graph, id, at, [sum, next]));
            let Some(so_far) = so_far else { continue };
            graph.read_only(id, &[so_far, *last]);
            graph.node_mut(id).content = Content::Op(ADD);
            split += 1;
        }
    }
    split
}

const ADD: Op = Op::Binary(Binary { kind: BinaryKind::Add });

/// Adds a node that adds `operands` for the sum `id`.
fn add(graph: &mut Graph, id: NodeId, at: usize, operands: [Source; 2]) -> Option<Source> {
    let ty = ADD.infer(&operands.map(|source| Some(graph.ty(source)))).ok()?.into_iter().next()?;
    let (name, label) = (format!("{}/{at}", graph.node(id).name), graph.label(id));
    let sum = graph.add_op(&name, ADD, &operands.map(Some), vec![Value { name: name.clone(), ty }]);
    graph.node_mut(sum.node).chain = vec![label];
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::eliminate_sum;
    use crate::ir::test_build::Build;
    use crate::ops::{Op, Sum};
    use crate::passes::equivalence::check;

    #[test]
    fn any_number_of_inputs() {
        let mut build = Build::new();
        let [a, b, c] = [("a", &[2, 1][..]), ("b", &[1, 3]), ("c", &[3])].map(|(name, shape)| build.input(name, shape));
        let two = build.op("two", Op::Sum(Sum), &[a, b]);
        let four = build.op("four", Op::Sum(Sum), &[a, b, c, a]);
        build.output(two);
        build.output(four);
        let (split, _, lines) = check(build, eliminate_sum);
        let expected =
            ["%two = Binary(%a, %b)", "%four/0 = Binary(%a, %b)", "%four/1 = Binary(%four/0, %c)", "%four = Binary(%four/1, %a)"];
        assert_eq!((split, lines), (2, expected.map(str::to_owned).to_vec()));
    }

    #[test]
    fn a_sum_of_one_is_an_identity_of_another_pass() {
        let mut build = Build::new();
        let a = build.input("a", &[2]);
        let sum = build.op("sum", Op::Sum(Sum), &[a]);
        build.output(sum);
        assert_eq!(check(build, eliminate_sum).0, 0);
    }
}
