//! Removes operators that hand on one of their inputs unchanged. Bit-exact, but that adding zero no longer turns -0.0 into 0.0
//! and a `Clip` without bounds no longer turns infinities into the largest floats.
//!
//! Between a graph input and a graph output an `Identity` stays, which copies one to the other.

use peleec_runtime::{Activation, BinaryKind};

use crate::ir::{Content, Graph, NodeId, Source};
use crate::ops::{Binary, Identity, Op};
use crate::tensor::{Data, Tensor};

pub(crate) fn eliminate_identity(graph: &mut Graph) -> usize {
    let mut removed = 0;
    for id in graph.ids() {
        let Some(kept) = handed_on(graph, id) else { continue };
        let output = Source { node: id, slot: 0 };
        let is_input = matches!(graph.node(kept.node).content, Content::Input);
        if graph.ty(kept) != graph.ty(output) {
            continue;
        }
        if !is_input || !graph.is_output(output) {
            graph.bypass(id, kept);
        } else if matches!(graph.op(id), Some(Op::Identity(_))) {
            continue;
        } else {
            become_identity(graph, id, kept);
        }
        removed += 1;
    }
    removed
}

fn become_identity(graph: &mut Graph, id: NodeId, kept: Source) {
    let label = graph.label(id);
    graph.read_only(id, &[kept]);
    let node = graph.node_mut(id);
    node.content = Content::Op(Op::Identity(Identity));
    node.chain = vec![label];
}

/// The input that `id` hands on, if its output has that input's type.
fn handed_on(graph: &Graph, id: NodeId) -> Option<Source> {
    let op = graph.op(id)?;
    let changes_nothing = match op {
        Op::Identity(_) | Op::Reshape(_) | Op::Cast(_) => true,
        Op::Transpose(transpose) => transpose.perm.is_sorted(),
        Op::Pad(pad) => pad.pads.iter().all(|&pad| pad == 0),
        Op::Concat(_) | Op::Sum(_) => graph.node_inputs(id).len() == 1,
        Op::Pick(pick) => pick.hands_on(),
        Op::Unary(unary) => is_open(unary.activation),
        Op::Pool(pool) => pool.window.is_pointwise(),
        Op::Binary(binary) => return beside_neutral(graph, id, binary),
        _ => false,
    };
    if changes_nothing { graph.input(id, 0) } else { None }
}

fn is_open(activation: Activation) -> bool {
    match activation {
        Activation::Identity => true,
        Activation::Clip(low, high) => low <= f32::MIN && high >= f32::MAX,
        _ => false,
    }
}

/// The operand whose partner is a constant that changes nothing: zero for `Add` and `Sub`, one for `Mul` and `Div`.
fn beside_neutral(graph: &Graph, id: NodeId, binary: &Binary) -> Option<Source> {
    let (neutral, commutes) = match binary.kind {
        BinaryKind::Add => (0, true),
        BinaryKind::Sub => (0, false),
        BinaryKind::Mul => (1, true),
        BinaryKind::Div => (1, false),
    };
    let is_neutral = |slot| graph.constant_input(id, slot).is_some_and(|tensor| is_all(tensor, neutral));
    if is_neutral(1) {
        graph.input(id, 0)
    } else if commutes && is_neutral(0) {
        graph.input(id, 1)
    } else {
        None
    }
}

fn is_all(tensor: &Tensor, value: i16) -> bool {
    match tensor.data() {
        Data::F32(v) => v.iter().all(|&x| x == f32::from(value)),
        Data::I8(v) => v.iter().all(|&x| i16::from(x) == value),
        Data::U8(v) => v.iter().all(|&x| i16::from(x) == value),
        Data::I32(v) => v.iter().all(|&x| x == i32::from(value)),
        Data::I64(v) => v.iter().all(|&x| x == i64::from(value)),
        Data::Bool(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use peleec_runtime::{Activation, BinaryKind};

    use super::eliminate_identity;
    use crate::ir::Source;
    use crate::ir::test_build::Build;
    use crate::ops::{Binary, Cast, Concat, Identity, Op, Pad, Pool, Reshape, Sum, Transpose, Unary, pad::PadMode, pool::PoolKind};
    use crate::passes::equivalence::{check, square};
    use crate::tensor::{DType, Shape};

    const SHAPE: [usize; 4] = [1, 2, 3, 3];

    fn relu(build: &mut Build, name: &str, x: Source) -> Source {
        build.op(name, Op::Unary(Unary { activation: Activation::Relu }), &[x])
    }

    fn binary(kind: BinaryKind) -> Op {
        Op::Binary(Binary { kind })
    }

    #[test]
    fn every_kind_of_no_op_goes() {
        let mut build = Build::new();
        let x = build.input("x", &SHAPE);
        let (zero, one) = (build.constant("zero", &[1], &[0.0]), build.constant("one", &[2, 1, 1], &[1.0, 1.0]));
        let no_ops = [
            Op::Identity(Identity),
            Op::Reshape(Reshape { shape: Shape(SHAPE.to_vec()) }),
            Op::Cast(Cast { to: DType::F32 }),
            Op::Transpose(Transpose { perm: vec![0, 1, 2, 3] }),
            Op::Pad(Pad { pads: vec![0; 8], mode: PadMode::Constant(1.0) }),
            Op::Concat(Concat { axis: 1 }),
            Op::Unary(Unary { activation: Activation::Clip(f32::MIN, f32::MAX) }),
            Op::Pool(Pool { kind: PoolKind::Average { count_include_pad: false }, window: square(1) }),
        ];
        let mut y = relu(&mut build, "first", x);
        for (i, op) in no_ops.into_iter().enumerate() {
            y = build.op(&format!("no_op{i}"), op, &[y]);
        }
        for (i, (kind, neutral)) in [(BinaryKind::Add, zero), (BinaryKind::Sub, zero), (BinaryKind::Div, one)].into_iter().enumerate() {
            y = build.op(&format!("binary{i}"), binary(kind), &[y, neutral]);
        }
        y = build.op("mul", binary(BinaryKind::Mul), &[one, y]);
        y = relu(&mut build, "last", y);
        build.output(y);
        let (removed, _, lines) = check(build, eliminate_identity);
        assert_eq!((removed, lines), (12, vec!["%first = Unary(%x)".to_owned(), "%last = Unary(%first)".to_owned()]));
    }

    #[test]
    fn what_changes_something_stays() {
        let mut build = Build::new();
        let x = build.input("x", &SHAPE);
        let zero = build.constant("zero", &[1], &[0.0]);
        let from_zero = build.op("from_zero", binary(BinaryKind::Sub), &[zero, x]);
        let growing = build.constant("growing", &[4, 1, 1, 1], &[0.0; 4]);
        let grown = build.op("grown", binary(BinaryKind::Add), &[from_zero, growing]);
        let pooled = build.op("pooled", Op::Pool(Pool { kind: PoolKind::Max, window: square(2) }), &[grown]);
        let turned = build.op("turned", Op::Transpose(Transpose { perm: vec![0, 1, 3, 2] }), &[pooled]);
        let clipped = build.op("clipped", Op::Unary(Unary { activation: Activation::Clip(0.0, f32::MAX) }), &[turned]);
        let joined = build.op("joined", Op::Concat(Concat { axis: 0 }), &[clipped, clipped]);
        build.output(joined);
        assert_eq!(check(build, eliminate_identity).0, 0);
    }

    #[test]
    fn what_is_left_between_an_input_and_an_output_is_an_identity() {
        let mut build = Build::new();
        let x = build.input("x", &SHAPE);
        let one = build.constant("one", &[1], &[1.0]);
        let cast = build.op("cast", Op::Cast(Cast { to: DType::F32 }), &[x]);
        let mul = build.op("mul", binary(BinaryKind::Mul), &[one, x]);
        let sum = build.op("sum", Op::Sum(Sum), &[x]);
        [cast, mul, sum].into_iter().for_each(|source| build.output(source));
        let (removed, after, lines) = check(build, eliminate_identity);
        assert_eq!((removed, lines), (3, ["cast", "mul", "sum"].map(|name| format!("%{name} = Identity(%x)")).to_vec()));
        assert_eq!(after.label(cast.node), "Cast");
    }

    #[test]
    fn a_graph_output_keeps_its_name_and_a_copy_of_the_input_stays() {
        let mut build = Build::new();
        let x = build.input("x", &SHAPE);
        let copy = build.op("copy", Op::Identity(Identity), &[x]);
        let y = relu(&mut build, "y", x);
        let named = build.op("named", Op::Identity(Identity), &[y]);
        build.output(copy);
        build.output(named);
        build.output(y);
        let (removed, after, lines) = check(build, eliminate_identity);
        assert_eq!((removed, lines), (1, vec!["%copy = Identity(%x)".to_owned(), "%y = Unary(%x)".to_owned()]));
        assert_eq!(after.outputs()[1].name, "named");
    }
}
