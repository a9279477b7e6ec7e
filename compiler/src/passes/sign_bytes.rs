//! Makes signed bytes of unsigned ones, as kernels of bytes are made for: every value and its zero point is 128 less. Bit-exact.
//!
//! Or unsigned ones of signed, for a target whose instruction multiplies those.

use std::collections::BTreeSet;

use crate::ir::{Content, Graph, NodeId, Source};
use crate::ops::pad::PadMode;
use crate::ops::pool::PoolKind;
use crate::ops::quantize::Direction;
use crate::ops::quantized_conv::QuantizedConv;
use crate::ops::{Op, Pad, Quantize};
use crate::tensor::DType;

pub(crate) fn sign_bytes(graph: &mut Graph) -> usize {
    turn(graph, Turn { from: DType::U8, to: DType::I8, less: 128 })
}

/// The other way round. It is no part of the table, as each undoes the other: lowering has it done where the target wants it.
pub(crate) fn unsign_bytes(graph: &mut Graph) -> usize {
    turn(graph, Turn { from: DType::I8, to: DType::U8, less: -128 })
}

/// What becomes of bytes.
#[derive(Clone, Copy)]
struct Turn {
    from: DType,
    to: DType,
    /// How much less a byte then is.
    less: i32,
}

fn turn(graph: &mut Graph, turn: Turn) -> usize {
    let values = convertible(graph, turn.from);
    let readers: BTreeSet<NodeId> = values.iter().flat_map(|&value| graph.consumers(value)).map(|(reader, _)| reader).collect();
    for id in readers {
        let inputs: Vec<bool> = graph.node_inputs(id).into_iter().map(|input| input.is_some_and(|input| values.contains(&input))).collect();
        if let Content::Op(op) = &mut graph.node_mut(id).content {
            turn.inputs(op, &inputs);
        }
    }
    for value in &values {
        let node = graph.node_mut(value.node);
        node.outputs[value.slot].ty.dtype = turn.to;
        if let Content::Op(op) = &mut node.content {
            turn.output(op);
        }
    }
    values.len()
}

/// The values of a type all of whose makers and readers can do with the other, and those that only pass them on with them.
fn convertible(graph: &Graph, from: DType) -> BTreeSet<Source> {
    let of = |id: NodeId| Source { node: id, slot: 0 };
    let is_of_type = |source: Source| graph.ty(source).dtype == from;
    let makes = |id: NodeId| graph.op(id).is_some_and(converts) && graph.node(id).outputs.len() == 1;
    let made = graph.ids().into_iter().filter(|&id| makes(id)).map(of).filter(|&value| is_of_type(value) && !graph.is_output(value));
    let mut values: BTreeSet<Source> = made.collect();
    let all_in = |id: NodeId, values: &BTreeSet<Source>| {
        graph.node_inputs(id).into_iter().all(|input| input.is_some_and(|input| values.contains(&input)))
    };
    loop {
        let stays = |&value: &Source| {
            let passes_on = |id: NodeId| graph.op(id).is_some_and(moves);
            let read = graph.consumers(value).into_iter().all(|(reader, slot)| {
                let takes = match graph.op(reader) {
                    Some(Op::QuantizedConv(conv)) if conv.residual.is_some() => {
                        let both = [0, QuantizedConv::RESIDUAL].map(|slot| graph.input(reader, slot));
                        both.iter().all(|input| input.is_some_and(|input| values.contains(&input)))
                    }
                    Some(Op::QuantizedConv(_)) => slot == 0,
                    // Of both operands, or of none.
                    Some(Op::QuantizedBinary(_)) => all_in(reader, &values),
                    Some(op) => converts(op) || is_dequantize(op),
                    None => false,
                };
                takes && (!passes_on(reader) || values.contains(&of(reader)))
            });
            read && (!passes_on(value.node) || all_in(value.node, &values))
        };
        let left: BTreeSet<Source> = values.iter().copied().filter(stays).collect();
        if left.len() == values.len() {
            return values;
        }
        values = left;
    }
}

/// Whether an operator can give bytes of either type.
fn converts(op: &Op) -> bool {
    let makes =
        matches!(op, Op::QuantizedConv(_) | Op::Lookup(_) | Op::QuantizedPool(_) | Op::QuantizedSoftmax(_) | Op::QuantizedBinary(_));
    makes || moves(op) || matches!(op, Op::Quantize(Quantize { direction: Direction::Quantize(_), scale, .. }) if scale.len() == 1)
}

/// Whether it gives what it reads, and a constant at most.
fn moves(op: &Op) -> bool {
    match op {
        Op::Pool(pool) => pool.kind == PoolKind::Max,
        op => matches!(op, Op::Concat(_) | Op::Pad(_) | Op::Reshape(_) | Op::Transpose(_)),
    }
}

fn is_dequantize(op: &Op) -> bool {
    matches!(op, Op::Quantize(op) if op.direction == Direction::Dequantize)
}

/// What makes of the bits of a byte those of the byte that is 128 more or less.
const UPPER: u8 = 0x80;

impl Turn {
    fn inputs(self, op: &mut Op, inputs: &[bool]) {
        match op {
            Op::Quantize(op) => self.shift(op),
            Op::QuantizedConv(conv) => {
                conv.input_zero -= self.less;
                if let Some(binary) = &mut conv.residual {
                    // What is added to is turned as what is added.
                    binary.from.iter_mut().for_each(|from| self.shift(from));
                    self.convolved(conv);
                }
            }
            Op::Lookup(op) => {
                let table = op.table.clone();
                for (bits, entry) in (0..=u8::MAX).zip(op.table.iter_mut()) {
                    *entry = table[usize::from(bits ^ UPPER)];
                }
            }
            Op::QuantizedPool(op) => self.shift(&mut op.from),
            Op::QuantizedSoftmax(op) => self.shift(&mut op.from),
            Op::QuantizedBinary(op) => op.from.iter_mut().zip(inputs).filter(|(_, shifts)| **shifts).for_each(|(from, _)| self.shift(from)),
            _ => {}
        }
    }

    fn output(self, op: &mut Op) {
        match op {
            Op::Quantize(op) => self.quantize(op),
            Op::QuantizedConv(op) => match &mut op.residual {
                Some(binary) => self.result(&mut binary.to, &mut binary.limits, &mut binary.dtype),
                None => self.convolved(op),
            },
            Op::Pad(Pad { mode: PadMode::Integer(value), .. }) => *value -= i64::from(self.less),
            Op::Lookup(op) => {
                op.table.iter_mut().for_each(|entry| *entry ^= UPPER);
                op.dtype = self.to;
            }
            Op::QuantizedPool(op) => self.result(&mut op.to, &mut op.limits, &mut op.dtype),
            Op::QuantizedSoftmax(op) => self.result(&mut op.to, &mut op.limits, &mut op.dtype),
            Op::QuantizedBinary(op) => self.result(&mut op.to, &mut op.limits, &mut op.dtype),
            _ => {}
        }
    }

    fn convolved(self, op: &mut QuantizedConv) {
        let common = &mut op.requantization.common;
        (common.zero, common.low, common.high) = (common.zero - self.less, common.low - self.less, common.high - self.less);
        op.dtype = self.to;
    }

    fn shift(self, op: &mut Quantize) {
        op.zero.iter_mut().for_each(|zero| *zero -= self.less);
    }

    fn quantize(self, op: &mut Quantize) {
        self.shift(op);
        op.direction = Direction::Quantize(self.to);
    }

    fn result(self, to: &mut Quantize, limits: &mut [i32; 2], dtype: &mut DType) {
        self.quantize(to);
        *limits = limits.map(|limit| limit - self.less);
        *dtype = self.to;
    }
}

#[cfg(test)]
mod tests {
    use peleec_runtime::{Activation, BinaryKind};

    use super::sign_bytes;
    use crate::ir::Source;
    use crate::ir::test_build::Build;
    use crate::ops::pool::PoolKind;
    use crate::ops::quantize::Direction;
    use crate::ops::{Binary, Concat, Op, Pool, Quantize, Unary};
    use crate::passes::equivalence::{assert_same_meaning, check, conv_op, square};
    use crate::passes::{PASSES, run};
    use crate::tensor::{DType, Data, Shape, Tensor};

    fn op(direction: Direction, scale: f32, zero: i32) -> Op {
        Op::Quantize(Quantize { direction, scale: [scale].into(), zero: vec![zero], axis: 1, block: None })
    }

    fn through(build: &mut Build, name: &str, x: Source, scale: f32, zero: i32) -> Source {
        let bytes = build.op(&format!("{name}.q"), op(Direction::Quantize(DType::U8), scale, zero), &[x]);
        build.op(&format!("{name}.d"), op(Direction::Dequantize, scale, zero), &[bytes])
    }

    /// Every operator over bytes, each once: no unsigned value is left between input and output.
    #[test]
    fn a_network_of_unsigned_bytes_becomes_one_of_signed() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 4, 6, 6]);
        let x = through(&mut build, "x", x, 1.0 / 64.0, 130);
        let weights: Vec<i8> = (0..4 * 4 * 9).map(|i| (i * 37 % 255 - 127) as i8).collect();
        let w = build.graph.add_constant("w", Tensor::new(Shape(vec![4, 4, 3, 3]), Data::I8(weights.into())).unwrap());
        let w = build.op("w.d", op(Direction::Dequantize, 1.0 / 128.0, 0), &[w]);
        let mut conv = conv_op(3);
        conv.window.pads = [1; 4];
        let y = build.op("conv", Op::Conv(conv), &[x, w]);
        let y = through(&mut build, "y", y, 1.0 / 16.0, 100);
        let pool = build.op("pool", Op::Pool(Pool { kind: PoolKind::Max, window: square(2) }), &[y]);
        let average = build.op("average", Op::Pool(Pool { kind: PoolKind::Average { count_include_pad: false }, window: square(2) }), &[y]);
        let average = through(&mut build, "average", average, 1.0 / 32.0, 90);
        let leaky = build.op("leaky", Op::Unary(Unary { activation: Activation::LeakyRelu(0.5) }), &[average]);
        let leaky = through(&mut build, "leaky", leaky, 1.0 / 16.0, 100);
        let sum = build.op("sum", Op::Binary(Binary { kind: BinaryKind::Add }), &[pool, leaky]);
        let sum = through(&mut build, "sum", sum, 1.0 / 16.0, 100);
        let joined = build.op("joined", Op::Concat(Concat { axis: 1 }), &[sum, pool]);
        build.output(joined);
        let (before, mut after) = (build.graph.clone(), build.graph);
        let totals = run(&mut after, |_, _| {});
        assert_same_meaning(&before, &after);
        let index = PASSES.iter().position(|(name, _)| *name == "sign_bytes").expect("it is in the table");
        assert!(totals[index].1 >= 7, "{totals:?}");
        let unsigned = |line: &&str| line.contains("u8[");
        assert_eq!(after.to_string().lines().filter(unsigned).count(), 0, "{after}");
    }

    /// A function of two values reads both of one type.
    #[test]
    fn an_operand_that_cannot_change_keeps_the_other() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 2, 2, 2]);
        let x = through(&mut build, "x", x, 0.25, 100);
        let stored = Tensor::new(Shape(vec![1, 2, 2, 2]), Data::U8([0, 50, 100, 150, 200, 250, 255, 128].into())).unwrap();
        let stored = build.graph.add_constant("stored", stored);
        let stored = build.op("stored.d", op(Direction::Dequantize, 0.125, 7), &[stored]);
        let sum = build.op("sum", Op::Binary(Binary { kind: BinaryKind::Add }), &[x, stored]);
        let sum = through(&mut build, "sum", sum, 0.5, 128);
        build.output(sum);
        let (before, mut after) = (build.graph.clone(), build.graph);
        run(&mut after, |_, _| {});
        assert_same_meaning(&before, &after);
        assert!(after.to_string().contains("QuantizedBinary"), "{after}");
    }

    /// Values that the caller gives or gets, and what passes them on, keep their type.
    #[test]
    fn what_the_caller_sees_stays() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 2, 4, 4]);
        let bytes = build.op("bytes", op(Direction::Quantize(DType::U8), 0.25, 3), &[x]);
        let pool = build.op("pool", Op::Pool(Pool { kind: PoolKind::Max, window: square(2) }), &[bytes]);
        build.output(pool);
        let floats = build.op("floats", op(Direction::Dequantize, 0.25, 3), &[bytes]);
        build.output(floats);
        assert_eq!(check(build, sign_bytes).0, 0);
    }
}
