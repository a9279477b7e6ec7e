//! What the edits leave behind: readers, results, labels and the bytes of constants.

use peleec_runtime::{Activation, BinaryKind};

use super::*;
use crate::ir::test_build::Build;
use crate::ops::{Binary, Unary};

fn relu() -> Op {
    Op::Unary(Unary { activation: Activation::Relu })
}

/// `a` of an input, and a sum of it with itself.
fn twice() -> (Build, [Source; 3]) {
    let mut build = Build::new();
    let x = build.input("x", &[2]);
    let a = build.op("a", relu(), &[x]);
    let sum = build.op("sum", Op::Binary(Binary { kind: BinaryKind::Add }), &[a, a]);
    (build, [x, a, sum])
}

#[test]
fn what_read_a_value_reads_the_one_in_its_place() {
    let (mut build, [x, a, sum]) = twice();
    build.output(a);
    build.output(sum);
    build.graph.add_output("again", a);
    let mut graph = build.graph;
    assert_eq!(graph.consumers(a), [(sum.node, 0), (sum.node, 1)]);
    assert_eq!([1, 2, 3].map(|most| graph.count_readers(a, most)), [1, 2, 2]);
    graph.bypass(a.node, x);
    assert!(!graph.contains(a.node) && graph.is_output(x) && !graph.is_output(a));
    assert_eq!(graph.node_inputs(sum.node), [Some(x), Some(x)]);
    let results = |graph: &Graph| graph.outputs().iter().map(|output| output.source).collect::<Vec<_>>();
    assert_eq!(results(&graph), [x, sum, x]);
    graph.return_instead(0, sum);
    assert_eq!(results(&graph), [sum, sum, x]);
    assert!(graph.is_output(x), "it is still the last one");
    graph.return_instead(2, sum);
    assert!(!graph.is_output(x) && graph.is_output(sum));
}

#[test]
fn a_sole_consumer_shares_with_nobody() {
    let (mut build, [x, a, sum]) = twice();
    let b = build.op("b", relu(), &[sum]);
    let mut graph = build.graph;
    assert_eq!([x, a, sum, b].map(|source| graph.sole_consumer(source.node)), [Some(a.node), None, Some(b.node), None]);
    graph.add_output("sum", sum);
    assert_eq!(graph.sole_consumer(sum.node), None);
}

#[test]
fn slots_are_filled_and_left_out_one_by_one() {
    let (build, [x, a, sum]) = twice();
    let mut graph = build.graph;
    graph.set_input(sum.node, 0, None);
    assert_eq!(graph.node_inputs(sum.node), [None, Some(a)]);
    graph.set_input(sum.node, 1, Some(x));
    assert_eq!((graph.input(sum.node, 0), graph.input(sum.node, 1)), (None, Some(x)));
    graph.read_only(sum.node, &[a]);
    assert_eq!(graph.node_inputs(sum.node), [Some(a)]);
    // What reads comes behind what it reads, whichever was added first.
    let late = graph.add_op("late", relu(), &[Some(x)], Vec::new());
    graph.set_input(a.node, 0, Some(late));
    assert_eq!(graph.ids(), [x.node, late.node, a.node, sum.node]);
}

#[test]
fn merged_nodes_keep_the_labels_in_their_order() {
    let (mut build, [x, a, sum]) = twice();
    let b = build.op("b", relu(), &[sum]);
    build.output(b);
    let mut graph = build.graph;
    let labels: Vec<String> = [sum, b].iter().flat_map(|source| graph.labels(source.node)).collect();
    graph.absorb(sum.node, b.node);
    assert!(!graph.contains(b.node));
    assert_eq!((graph.labels(sum.node), graph.label(sum.node)), (labels.clone(), labels.join(" + ")));
    assert_eq!((graph.value(sum).name.as_str(), graph.outputs()[0].source), ("b", sum));
    let all = [graph.labels(a.node), labels].concat();
    graph.read_only(sum.node, &[a]);
    graph.prepend(a.node, sum.node);
    assert_eq!((graph.labels(sum.node), graph.node_inputs(sum.node)), (all, vec![Some(x)]));
}

#[test]
fn only_what_results_need_is_kept() {
    let (mut build, [x, a, sum]) = twice();
    let other = build.input("other", &[2]);
    let unread = build.op("unread", relu(), &[other]);
    build.output(a);
    let mut graph = build.graph;
    graph.keep_needed();
    assert_eq!((graph.inputs(), graph.ids()), (&[x.node][..], vec![x.node, a.node]));
    assert!([sum, other, unread].iter().all(|source| !graph.contains(source.node)));
}

#[test]
fn bytes_of_constants_are_counted() {
    let (mut build, [_, a, sum]) = twice();
    let w = build.constant("w", &[3], &[1.0; 3]);
    let b = build.op("b", relu(), &[w]);
    let mut graph = build.graph;
    let room = |graph: &Graph| [0, 1].map(|more| graph.has_room_for(MAX_CONSTANT_BYTES - 12 + more));
    assert_eq!(room(&graph), [true, false]);
    graph.release(w);
    assert!(graph.constant(w).is_some_and(|value| value.bytes() == 12), "it is read");
    graph.fold(a.node, vec![Tensor::f32([2], [1.0, 2.0]).unwrap()]);
    assert_eq!((graph.node_inputs(a.node), graph.constant_input(sum.node, 1).is_some()), (vec![], true));
    assert_eq!(graph.constant_bytes, 12 + 8);
    graph.bypass(b.node, a);
    graph.release(w);
    assert_eq!(graph.constant_bytes, 8);
    graph.remove(w.node);
    graph.remove(a.node);
    assert_eq!(graph.constant_bytes, 0);
}
