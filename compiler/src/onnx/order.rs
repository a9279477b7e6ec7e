//! Who defines each name, and an order in which every node follows what it reads.
//!
//! Of the nodes that are ready, the first of the file comes first, so a sorted file keeps its order.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

/// Whether something that `wanted` needs is defined by each node.
pub(crate) fn live<'a>(wanted: impl Iterator<Item = &'a str>, reads: &[Vec<&'a str>], producers: &BTreeMap<&str, usize>) -> Vec<bool> {
    let mut is_live = vec![false; reads.len()];
    let mut waiting: Vec<&str> = wanted.collect();
    while let Some(name) = waiting.pop() {
        let Some(&producer) = producers.get(name) else { continue };
        if let Some(known) = is_live.get_mut(producer).filter(|known| !**known) {
            *known = true;
            waiting.extend(reads.get(producer).into_iter().flatten());
        }
    }
    is_live
}

/// The order of a file's nodes, and what keeps it from having one.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Order {
    /// Indices of the nodes that can be computed, in execution order.
    pub(crate) nodes: Vec<usize>,
    /// Nodes that cannot: they lie on a cycle or behind one.
    pub(crate) stuck: Vec<usize>,
    /// Each cycle: the indices of its nodes, ascending.
    pub(crate) cycles: Vec<Vec<usize>>,
}

/// Sorts nodes by the names that each reads; `producers` gives the node that defines a name.
pub(crate) fn order(reads: &[Vec<&str>], producers: &BTreeMap<&str, usize>) -> Order {
    let mut edges = Vec::new();
    let mut waiting = Vec::with_capacity(reads.len());
    for (to, names) in reads.iter().enumerate() {
        let before = edges.len();
        edges.extend(names.iter().filter_map(|name| producers.get(name)).map(|&from| (from, to)));
        waiting.push(edges.len() - before);
    }
    edges.sort_unstable();
    let mut ready: BTreeSet<usize> = waiting.iter().enumerate().filter(|(_, count)| **count == 0).map(|(index, _)| index).collect();
    let mut order = Order::default();
    while let Some(index) = ready.pop_first() {
        order.nodes.push(index);
        let first = edges.partition_point(|&(from, _)| from < index);
        for &(_, to) in edges.iter().skip(first).take_while(|&&(from, _)| from == index) {
            let Some(count) = waiting.get_mut(to) else { continue };
            *count -= 1;
            if *count == 0 {
                ready.insert(to);
            }
        }
    }
    order.stuck = waiting.iter().enumerate().filter(|(_, count)| **count > 0).map(|(index, _)| index).collect();
    if !order.stuck.is_empty() {
        order.cycles = cycles(reads.len(), &edges);
    }
    order
}

fn cycles(n_nodes: usize, edges: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let mut net = DiGraph::<(), (), usize>::default();
    for _ in 0..n_nodes {
        net.add_node(());
    }
    for &(from, to) in edges {
        net.add_edge(NodeIndex::new(from), NodeIndex::new(to), ());
    }
    let mut cycles: Vec<Vec<usize>> = kosaraju_scc(&net)
        .into_iter()
        .filter(|group| group.len() > 1 || group.iter().any(|&node| net.contains_edge(node, node)))
        .map(|group| group.into_iter().map(NodeIndex::index).collect())
        .collect();
    cycles.iter_mut().for_each(|cycle| cycle.sort_unstable());
    cycles.sort_unstable();
    cycles
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(nodes: &[(&[&str], &str)]) -> Order {
        let reads: Vec<_> = nodes.iter().map(|(reads, _)| reads.to_vec()).collect();
        order(&reads, &nodes.iter().enumerate().map(|(index, (_, output))| (*output, index)).collect())
    }

    #[test]
    fn a_sorted_file_keeps_its_order_and_another_is_sorted() {
        assert_eq!(sorted(&[(&["x"], "a"), (&["x"], "b"), (&["a", "a", "b"], "c")]).nodes, [0, 1, 2]);
        assert_eq!(sorted(&[(&["b"], "c"), (&["a"], "b"), (&["x"], "a")]).nodes, [2, 1, 0]);
    }

    #[test]
    fn cycles_are_found_and_what_lies_behind_them_is_stuck() {
        let order = sorted(&[(&["x", "c"], "b"), (&["b"], "c"), (&["c"], "d"), (&["e"], "e"), (&["x"], "f")]);
        assert_eq!(order, Order { nodes: vec![4], stuck: vec![0, 1, 2, 3], cycles: vec![vec![0, 1], vec![3]] });
    }
}
