//! Computes now what depends on constants alone, and the shapes of tensors. Bit-exact as far as naive evaluation is.
//!
//! Large results, and work that would take long, are left to the firmware.

use crate::ir::{Graph, NodeId, Source};
use crate::node::USUAL_RANK;
use crate::ops::Op;
use crate::tensor::{Tensor, TensorType};

/// The largest constant that folding makes of others, in bytes. Import has counted what is made of nothing.
const MOST_BYTES: usize = 64 << 20;

/// Elements, products and bytes of growth that are computed at most for a graph, in all runs of the pass together: a rewrite makes it run
/// again.
const MOST_WORK: u64 = 1 << 28;

/// As much as that of a file without any weights, which are what folding is for: small files are not to ask for much time or memory.
const LEAST_WORK: u64 = 1 << 25;

/// What a byte of a file's values adds to it: they are folded a few times each.
const WORK_A_BYTE: u64 = 4;

pub(crate) fn fold_constants(graph: &mut Graph) -> usize {
    fold(graph, |op| !op.is_awaited())
}

/// Folds what passes before this one look for as it is.
pub(crate) fn fold_dequantized(graph: &mut Graph) -> usize {
    fold(graph, Op::is_awaited)
}

/// What may be computed for the graph.
fn most_work(graph: &Graph) -> u64 {
    LEAST_WORK.saturating_add(WORK_A_BYTE.saturating_mul(graph.stored_bytes as u64)).min(MOST_WORK)
}

fn fold(graph: &mut Graph, takes: impl Fn(&Op) -> bool) -> usize {
    let (mut folded, most) = (0, most_work(graph));
    for id in graph.ids() {
        if !graph.op(id).is_some_and(&takes) {
            continue;
        }
        let Some(cost) = cost(graph, id) else { continue };
        let work = graph.folding_work.saturating_add(cost);
        if work > most {
            continue;
        }
        let Some(computed) = known(graph, id) else { continue };
        // What cannot be computed took the time as well.
        graph.folding_work = work;
        let Some(values) = computed else { continue };
        let inputs = graph.node_inputs(id);
        graph.fold(id, values);
        inputs.into_iter().flatten().for_each(|source| graph.release(source));
        folded += 1;
    }
    folded
}

/// What evaluating `id` takes, where it may be folded at all.
fn cost(graph: &Graph, id: NodeId) -> Option<u64> {
    let op = graph.op(id)?;
    let outputs = &graph.node(id).outputs;
    let elements = outputs.iter().map(|output| output.ty.shape.elements()).fold(0, usize::saturating_add);
    let bytes = outputs.iter().map(|output| output.ty.bytes()).fold(0, usize::saturating_add);
    let (inputs, types) = (graph.node_inputs(id), types(graph, id));
    if bytes > MOST_BYTES && !inputs.is_empty() || !graph.has_room_for(bytes) {
        return None;
    }
    let work = op.work(&types);
    if inputs.is_empty() {
        return Some(work);
    }
    let carried = outputs.iter().map(|output| &output.ty);
    let rank = carried.chain(types.iter().flatten().copied()).map(|ty| ty.shape.rank()).max().unwrap_or(0);
    let weight = 1 + rank.saturating_sub(USUAL_RANK) as u64;
    // What nothing else reads goes when it is folded, and what takes its place is no growth.
    let is_freed = |source: &Source| graph.count_readers(*source, 2) == 1 && !graph.is_output(*source);
    let freed =
        inputs.into_iter().flatten().filter(is_freed).map(|source| graph.ty(source).shape.elements()).fold(0, usize::saturating_add);
    let growth = elements.saturating_sub(freed).saturating_mul(bytes / elements.max(1));
    Some(work.max(elements as u64).saturating_mul(weight).saturating_add(growth as u64))
}

/// What `id` gives, or nothing where its inputs' values do not go together; none where they are not known.
fn known(graph: &Graph, id: NodeId) -> Option<Option<Vec<Tensor>>> {
    let op = graph.op(id)?;
    if let Some(value) = op.value(&types(graph, id)) {
        return Some(Some(vec![value]));
    }
    let mut values = Vec::new();
    for input in graph.node_inputs(id) {
        values.push(match input {
            Some(source) => Some(graph.constant(source)?),
            None => None,
        });
    }
    let carried = graph.node(id).outputs.iter().map(|output| &output.ty);
    Some(op.evaluate(&values).ok().filter(|values| values.iter().map(Tensor::ty).eq(carried.cloned())))
}

fn types(graph: &Graph, id: NodeId) -> Vec<Option<&TensorType>> {
    graph.node_inputs(id).into_iter().map(|source| source.map(|s| graph.ty(s))).collect()
}

#[cfg(test)]
mod tests {
    use peleec_runtime::BinaryKind;

    use super::{LEAST_WORK, MOST_WORK, fold_constants};
    use crate::ir::MAX_CONSTANT_BYTES;
    use crate::ir::test_build::Build;
    use crate::ops::{Binary, Concat, Constant, Gather, Op, Pool, ShapeOf, pool::PoolKind};
    use crate::passes::equivalence::check;
    use crate::tensor::Tensor;
    use crate::tensor::window::Window;

    /// `Concat(Gather(Shape(x), 0), -1)`, as exporters write the target of a reshape.
    #[test]
    fn a_computed_shape_is_folded() {
        let mut build = Build::new();
        let x = build.input("x", &[2, 3, 4, 4]);
        let shape = build.op("shape", Op::ShapeOf(ShapeOf::Extents { start: 0, end: 4 }), &[x]);
        let index = build.op("index", Op::Constant(Constant { value: Tensor::i64s([0]) }), &[]);
        let batch = build.op("batch", Op::Gather(Gather { axis: 0, is_known: true }), &[shape, index]);
        let rest = build.op("rest", Op::Constant(Constant { value: Tensor::i64s([-1]) }), &[]);
        let target = build.op("target", Op::Concat(Concat { axis: 0 }), &[batch, rest]);
        build.output(target);
        let (folded, after, lines) = check(build, fold_constants);
        assert_eq!((folded, lines.len()), (5, 0));
        assert_eq!(after.constant(after.outputs()[0].source), Some(&Tensor::i64s([2, -1])));
    }

    #[test]
    fn an_operator_of_two_results_becomes_two_constants() {
        let mut model = crate::onnx::write::ModelWriter::new("g", 13);
        let values: Vec<f32> = (0..1u32 << 17).map(|i| i as f32).collect();
        model.initializer("k", &Tensor::f32([1 << 17], values).unwrap()).node("Split", "split", &["k"], &["a", "b"], &[]);
        model.output("a", &crate::tensor::TensorType::f32([1])).output("b", &crate::tensor::TensorType::f32([1]));
        let (mut graph, _) = crate::onnx::import(model.finish().into(), &Default::default(), None).unwrap();
        assert_eq!((fold_constants(&mut graph), graph.verify()), (1, vec![]));
        let first =
            |index: usize| graph.constant(graph.outputs()[index].source).and_then(Tensor::as_f32).map(|values| (values.len(), values[0]));
        assert_eq!((first(0), first(1)), (Some((1 << 16, 0.0)), Some((1 << 16, 65536.0))));
    }

    #[test]
    fn what_depends_on_an_input_stays() {
        let mut build = Build::new();
        let x = build.input("x", &[2]);
        let c = build.constant("c", &[2], &[1.0, 2.0]);
        let y = build.op("y", Op::Binary(Binary { kind: BinaryKind::Add }), &[x, c]);
        build.output(y);
        assert_eq!(check(build, fold_constants).0, 0);
    }

    #[test]
    fn large_results_and_long_work_stay() {
        let mut build = Build::new();
        let column = build.constant("column", &[1 << 13, 1], &[0.0; 1 << 13]);
        let row = build.constant("row", &[1, 1 << 12], &[0.0; 1 << 12]);
        build.op("large", Op::Binary(Binary { kind: BinaryKind::Add }), &[column, row]);
        let cells = build.constant("cells", &[1, 1, 2, 2], &[0.0; 4]);
        let window = Window { kernel: [1 << 16, 1 << 16], strides: [1 << 16, 1 << 16], pads: [0xffff; 4], ..Window::pointwise() };
        build.op("long", Op::Pool(Pool { kind: PoolKind::Max, window }), &[cells]);
        assert_eq!(fold_constants(&mut build.graph), 0);
    }

    #[test]
    fn all_runs_share_one_limit_and_what_fails_counts() {
        let mut build = Build::new();
        let two = build.constant("two", &[1], &[2.0]);
        let four = build.op("four", Op::Binary(Binary { kind: BinaryKind::Mul }), &[two, two]);
        build.output(four);
        let nine = build.graph.add_constant("nine", Tensor::i64s([9]));
        build.op("impossible", Op::Gather(Gather { axis: 0, is_known: true }), &[two, nine]);
        let mut spent = build.graph.clone();
        spent.folding_work = MOST_WORK;
        assert_eq!(fold_constants(&mut spent), 0);
        let mut graph = build.graph;
        assert_eq!(fold_constants(&mut graph), 1);
        let work = graph.folding_work;
        assert_eq!(fold_constants(&mut graph), 0);
        assert!(work > 0 && graph.folding_work > work, "{work} and {}", graph.folding_work);
    }

    #[test]
    fn what_grows_costs_its_bytes_and_files_with_weights_may_cost_more() {
        let added = |stored_bytes: usize| {
            let mut build = Build::new();
            build.graph.stored_bytes = stored_bytes;
            let column = build.constant("column", &[1 << 10, 1], &[0.0; 1 << 10]);
            let row = build.constant("row", &[1, 1 << 10], &[0.0; 1 << 10]);
            for index in 0..10 {
                let sum = build.op(&format!("sum{index}"), Op::Binary(Binary { kind: BinaryKind::Add }), &[column, row]);
                build.output(sum);
            }
            (fold_constants(&mut build.graph), build.graph.folding_work)
        };
        let (few, work) = added(0);
        assert!(few < 10 && work <= LEAST_WORK && work >= few as u64 * 5 * ((1 << 20) - (1 << 11)), "{few}, {work}");
        assert_eq!(added(LEAST_WORK as usize).0, 10);
    }

    /// A chain keeps one value at a time, which is no growth, but its elements count, more of them along many axes.
    #[test]
    fn a_chain_keeps_its_last_value() {
        let folded = |shape: &[usize]| {
            let mut build = Build::new();
            let mut value = build.constant("first", shape, &[0.5; 1 << 10]);
            let one = build.constant("one", &[1], &[1.0]);
            for index in 0..4 {
                value = build.op(&format!("sum{index}"), Op::Binary(Binary { kind: BinaryKind::Add }), &[value, one]);
            }
            build.output(value);
            assert_eq!(fold_constants(&mut build.graph), 4);
            assert!(build.graph.has_room_for(MAX_CONSTANT_BYTES - (1 << 12)));
            build.graph.folding_work
        };
        let mut long = [1usize; 16];
        long[3] = 1 << 10;
        assert_eq!(folded(&[1 << 10]), 4 << 10);
        assert_eq!(folded(&long), 12 * (4 << 10));
    }

    #[test]
    fn a_value_with_two_consumers_is_folded_once_and_a_refusal_stays() {
        let mut build = Build::new();
        let two = build.constant("two", &[1], &[2.0]);
        let four = build.op("four", Op::Binary(Binary { kind: BinaryKind::Mul }), &[two, two]);
        let eight = build.op("eight", Op::Binary(Binary { kind: BinaryKind::Mul }), &[four, two]);
        let sixteen = build.op("sixteen", Op::Binary(Binary { kind: BinaryKind::Mul }), &[four, four]);
        build.output(eight);
        build.output(sixteen);
        let seven = build.graph.add_constant("seven", Tensor::i64s([7]));
        build.op("impossible", Op::Gather(Gather { axis: 0, is_known: true }), &[seven, seven]);
        let mut after = build.graph.clone();
        assert_eq!(fold_constants(&mut after), 3);
        assert_eq!(after.constant(sixteen).and_then(Tensor::as_f32), Some(&[16.0][..]));
        assert_eq!(fold_constants(&mut after), 0);
    }
}
