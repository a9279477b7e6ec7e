//! Lets a Concat read an earlier Concat of its first or last inputs instead of each of them: a block that joins a growing list of maps
//! becomes a chain, whose maps share one buffer. Bit-exact.

use std::collections::HashMap;

use crate::ir::{Graph, NodeId, Source};
use crate::ops::Op;

/// The Concat that ends at each list of inputs along an axis, as a tree: a list is its parent's and one input more.
#[derive(Default)]
struct Lists {
    longer: HashMap<(usize, Source), usize>,
    ends: Vec<Option<NodeId>>,
}

impl Lists {
    /// The list of `list` and `next`, made if there is none.
    fn grown(&mut self, list: usize, next: Source) -> usize {
        let index = *self.longer.entry((list, next)).or_insert(self.ends.len());
        self.ends.resize(self.ends.len().max(index + 1), None);
        index
    }

    /// The Concat that may stand for the longest beginning of `inputs`, but not for all of them, and how many it stands for. It may itself be
    /// written as an inner Concat and what follows that one.
    fn beginning(&self, root: usize, inputs: &[Source]) -> Option<(NodeId, usize)> {
        let most = inputs.len().saturating_sub(1);
        let mut found = self.longest(root, &inputs[..most]);
        while let Some((inner, length)) = found {
            let Some(&list) = self.longer.get(&(root, Source { node: inner, slot: 0 })) else { break };
            let Some((outer, more)) = self.longest(list, &inputs[length..most]) else { break };
            found = Some((outer, length + more));
        }
        found
    }

    /// Of the lists that are `list` and inputs that follow each other, the longest that there is, and how many inputs it takes.
    fn longest(&self, mut list: usize, inputs: &[Source]) -> Option<(NodeId, usize)> {
        let mut found = None;
        for (index, &next) in inputs.iter().enumerate() {
            let Some(&longer) = self.longer.get(&(list, next)) else { break };
            list = longer;
            found = self.ends[list].map(|id| (id, index + 1)).or(found);
        }
        found
    }
}

pub(crate) fn nest_concats(graph: &mut Graph) -> usize {
    nest(graph, false) + nest(graph, true)
}

/// Nests beginnings of lists, or ends where they are read `backwards`.
fn nest(graph: &mut Graph, backwards: bool) -> usize {
    let directed = |mut inputs: Vec<Source>| {
        if backwards {
            inputs.reverse();
        }
        inputs
    };
    let concat = |id: NodeId| {
        let Some(Op::Concat(concat)) = graph.op(id) else { return None };
        let inputs = graph.node_inputs(id).into_iter().collect::<Option<Vec<_>>>()?;
        (inputs.len() > 1).then(|| (id, concat.axis, directed(inputs)))
    };
    let concats: Vec<(NodeId, usize, Vec<Source>)> = graph.ids().into_iter().filter_map(concat).collect();
    let (mut lists, mut roots) = (Lists::default(), HashMap::new());
    for (id, axis, inputs) in &concats {
        let root = *roots.entry(*axis).or_insert_with(|| {
            lists.ends.push(None);
            lists.ends.len() - 1
        });
        let list = inputs.iter().fold(root, |list, &next| lists.grown(list, next));
        lists.ends[list].get_or_insert(*id);
    }
    let mut nested = 0;
    // An edge is found at once where the ones that came after it are gone.
    for (id, axis, inputs) in concats.into_iter().rev() {
        let Some((earlier, length)) = roots.get(&axis).and_then(|&root| lists.beginning(root, &inputs)) else { continue };
        let joined = Source { node: earlier, slot: 0 };
        let inputs = [joined].into_iter().chain(inputs[length..].iter().copied()).collect();
        graph.read_only(id, &directed(inputs));
        nested += 1;
    }
    nested
}

#[cfg(test)]
mod tests {
    use super::nest_concats;
    use crate::ir::Source;
    use crate::ir::test_build::Build;
    use crate::ops::{Concat, Op};
    use crate::passes::equivalence::check;

    fn concat(build: &mut Build, name: &str, axis: usize, inputs: &[Source]) -> Source {
        build.op(name, Op::Concat(Concat { axis }), inputs)
    }

    fn inputs(build: &mut Build) -> [Source; 4] {
        ["a", "b", "c", "d"].map(|name| build.input(name, &[1, 2, 2, 2]))
    }

    #[test]
    fn a_growing_list_becomes_a_chain() {
        let mut build = Build::new();
        let [a, b, c, d] = inputs(&mut build);
        let lists: [&[Source]; 3] = [&[a, b], &[a, b, c], &[a, b, c, d]];
        for (name, list) in ["two", "three", "four"].into_iter().zip(lists) {
            let joined = concat(&mut build, name, 1, list);
            build.output(joined);
        }
        let (nested, _, lines) = check(build, nest_concats);
        assert_eq!(
            (nested, lines),
            (2, ["%two = Concat(%a, %b)", "%three = Concat(%two, %c)", "%four = Concat(%three, %d)"].map(str::to_owned).to_vec())
        );
    }

    /// However long the chain is that stands for a list, it is found at once.
    #[test]
    fn a_list_of_all_that_a_chain_has() {
        let mut build = Build::new();
        let maps: Vec<Source> = (0..6).map(|index| build.input(&format!("x{index}"), &[1, 2, 2, 2])).collect();
        let mut chain = maps[0];
        for (index, &map) in maps.iter().enumerate().take(5).skip(1) {
            chain = concat(&mut build, &format!("chain{index}"), 1, &[chain, map]);
        }
        let all = concat(&mut build, "all", 1, &maps);
        build.output(chain);
        build.output(all);
        let (nested, _, lines) = check(build, nest_concats);
        assert_eq!((nested, lines.last().map(String::as_str)), (1, Some("%all = Concat(%chain4, %x5)")));
    }

    /// The newest map comes first in some networks' lists.
    #[test]
    fn a_list_that_grows_at_its_front_and_both_ends_at_once() {
        let mut build = Build::new();
        let [a, b, c, d] = inputs(&mut build);
        let lists: [&[Source]; 4] = [&[c, d], &[b, c, d], &[a, b], &[a, b, a, c, d]];
        for (name, list) in ["two", "three", "head", "all"].into_iter().zip(lists) {
            let joined = concat(&mut build, name, 1, list);
            build.output(joined);
        }
        let (nested, _, lines) = check(build, nest_concats);
        assert_eq!(nested, 3);
        assert_eq!(lines[1..], ["%three = Concat(%b, %two)", "%head = Concat(%a, %b)", "%all = Concat(%head, %a, %two)"]);
    }

    #[test]
    fn other_axes_other_orders_and_equal_lists_stay() {
        let mut build = Build::new();
        let [a, b, c, _] = inputs(&mut build);
        let lists: [(usize, &[Source]); 4] = [(1, &[a, b]), (2, &[a, b, c]), (1, &[b, a, c]), (1, &[a, b])];
        for (index, (axis, list)) in lists.into_iter().enumerate() {
            let joined = concat(&mut build, &format!("list{index}"), axis, list);
            build.output(joined);
        }
        assert_eq!(check(build, nest_concats).0, 0);
    }
}
