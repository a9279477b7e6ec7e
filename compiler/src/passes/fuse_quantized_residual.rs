//! Lets a convolution of bytes add the map of bytes that is added to its result. Bit-exact.
//!
//! Only where the sum is known to be one of integers: it takes no time beside the convolution then, and the map between them no room. As
//! with floats, no cycle arises, and the other map must be computed by the graph.

use std::collections::BTreeMap;

use peleec_runtime::BinaryKind;

use crate::ir::{Content, Graph, NodeId, Source};
use crate::ops::quantized_conv::QuantizedConv;
use crate::ops::{Op, QuantizedBinary};

pub(crate) fn fuse_quantized_residual(graph: &mut Graph) -> usize {
    let order = graph.ids();
    let position: BTreeMap<_, _> = order.iter().zip(0..).map(|(&id, i): (&NodeId, usize)| (id, i)).collect();
    let mut fused = 0;
    for &add in &order {
        let (Some(a), Some(b)) = (graph.input(add, 0), graph.input(add, 1)) else { continue };
        // Of two convolutions the later one adds: by then the other's result is there.
        let pairs = if position.get(&a.node) > position.get(&b.node) { [(0, a, b), (1, b, a)] } else { [(1, b, a), (0, a, b)] };
        let found = pairs.into_iter().find_map(|(slot, conv, residual)| Some((conv, residual, sum(graph, add, slot, conv, residual)?)));
        let Some((conv, residual, binary)) = found else { continue };
        graph.absorb(conv.node, add);
        graph.set_input(conv.node, QuantizedConv::RESIDUAL, Some(residual));
        if let Content::Op(Op::QuantizedConv(op)) = &mut graph.node_mut(conv.node).content {
            op.residual = Some(Box::new(binary));
        }
        fused += 1;
    }
    fused
}

/// What the convolution, which `add` reads at `slot`, has to do with its result, the first operand, and with the other map.
fn sum(graph: &Graph, add: NodeId, slot: usize, conv: Source, residual: Source) -> Option<QuantizedBinary> {
    let (Op::QuantizedBinary(binary), Op::QuantizedConv(op)) = (graph.op(add)?, graph.op(conv.node)?) else { return None };
    let ty = graph.ty(conv);
    let can_add = op.pool.is_none()
        && op.residual.is_none()
        && !op.is_depthwise(&graph.ty(graph.input(conv.node, 1)?).shape)
        && graph.sole_consumer(conv.node) == Some(add)
        && ty.shape.rank() > 2
        && graph.ty(residual) == ty
        && graph.ty(graph.input(conv.node, 0)?).dtype == ty.dtype
        && graph.op(residual.node).is_some();
    if !can_add || binary.binary.kind != BinaryKind::Add {
        return None;
    }
    let mut binary = binary.clone();
    if slot == 1 {
        binary.from.reverse();
    }
    binary.sum(ty.dtype).is_some().then_some(binary)
}

#[cfg(test)]
mod tests {
    use peleec_runtime::BinaryKind;

    use super::fuse_quantized_residual;
    use crate::ir::Source;
    use crate::ir::test_build::Build;
    use crate::ops::quantize::Direction;
    use crate::ops::quantized_conv::{QuantizedConv, Requantization, limits};
    use crate::ops::{Binary, Op, Quantize, QuantizedBinary};
    use crate::passes::equivalence::{check, square};
    use crate::passes::unsign_bytes;
    use crate::tensor::{DType, Data, Shape, Tensor};

    fn steps(direction: Direction, scale: f32, zero: i32) -> Quantize {
        Quantize { direction, scale: [scale].into(), zero: vec![zero], axis: 1, block: None }
    }

    fn input(build: &mut Build, dtype: DType) -> Source {
        let x = build.input("x", &[1, 4, 5, 5]);
        build.op("x.q", Op::Quantize(steps(Direction::Quantize(dtype), 0.0125, 3)), &[x])
    }

    /// From four channels to as many, of windows of three pixels a side.
    fn conv(build: &mut Build, name: &str, x: Source, group: usize) -> Source {
        let dtype = build.graph.ty(x).dtype;
        let count = 4 * 4 / group * 9;
        let weights: Vec<i8> = (0..count).map(|i| (i * 37 % 255) as u8 as i8).collect();
        let weights = Tensor::new(Shape(vec![4, 4 / group, 3, 3]), Data::I8(weights.into())).unwrap();
        let w = build.graph.add_constant(&format!("{name}.w"), weights);
        let bias = Tensor::new(Shape(vec![4]), Data::I32([900, -77, 5, 0].into())).unwrap();
        let b = build.graph.add_constant(&format!("{name}.b"), bias);
        let mut window = square(3);
        window.pads = [1; 4];
        let requantization = Requantization::new(&[0.003, 0.002, 0.004, 0.005], 5, limits(dtype)).unwrap();
        let op = QuantizedConv { window, group, input_zero: 3, requantization, dtype, pool: None, residual: None };
        build.op(name, Op::QuantizedConv(op), &[x, w, b])
    }

    /// Bytes whose steps are three numbers.
    fn joined(build: &mut Build, name: &str, kind: BinaryKind, scales: [f32; 3], least: i32, operands: [Source; 2]) -> Source {
        let dtype = build.graph.ty(operands[0]).dtype;
        let from = [(scales[0], 5), (scales[1], 3)].map(|(scale, zero)| steps(Direction::Dequantize, scale, zero));
        let to = steps(Direction::Quantize(dtype), scales[2], -4);
        let [low, high] = limits(dtype);
        let binary = QuantizedBinary { binary: Binary { kind }, from, to, dtype, limits: [low.max(least), high] };
        build.op(name, Op::QuantizedBinary(binary), &operands)
    }

    /// Of which a sum of integers gives the same bytes.
    const SCALES: [f32; 3] = [0.0123, 0.0345, 0.0321];

    fn add(build: &mut Build, name: &str, operands: [Source; 2]) -> Source {
        joined(build, name, BinaryKind::Add, SCALES, -4, operands)
    }

    #[test]
    fn the_convolution_is_either_operand() {
        for dtype in [DType::I8, DType::U8] {
            for (comes_first, least) in [(true, i32::MIN), (true, -4), (false, i32::MIN), (false, 20)] {
                let mut build = Build::new();
                let x = input(&mut build, dtype);
                let y = conv(&mut build, "y", x, 1);
                let operands = if comes_first { [y, x] } else { [x, y] };
                let sum = joined(&mut build, "sum", BinaryKind::Add, SCALES, least, operands);
                build.output(sum);
                let (fused, after, lines) = check(build, fuse_quantized_residual);
                assert_eq!((fused, &*lines[1]), (1, "%sum = QuantizedConv(%x.q, %y.w, %y.b, %x.q)"));
                assert_eq!(after.label(after.outputs()[0].source.node), "QLinearConv + Add");
            }
        }
    }

    #[test]
    fn the_later_of_two_convolutions_adds() {
        let mut build = Build::new();
        let x = input(&mut build, DType::I8);
        let (early, late) = (conv(&mut build, "early", x, 1), conv(&mut build, "late", x, 2));
        let sum = add(&mut build, "sum", [early, late]);
        build.output(sum);
        let (fused, _, lines) = check(build, fuse_quantized_residual);
        assert_eq!((fused, &*lines[2]), (1, "%sum = QuantizedConv(%x.q, %late.w, %late.b, %early)"));
    }

    #[test]
    fn a_chain_of_blocks_has_no_cycle() {
        let mut build = Build::new();
        let mut y = input(&mut build, DType::I8);
        for name in ["a", "b", "c"] {
            let branch = conv(&mut build, name, y, 1);
            y = add(&mut build, &format!("{name}.sum"), [y, branch]);
        }
        build.output(y);
        let (fused, _, lines) = check(build, fuse_quantized_residual);
        assert_eq!((fused, &*lines[3]), (3, "%c.sum = QuantizedConv(%b.sum, %c.w, %c.b, %b.sum)"));
    }

    /// Both operands and the result are turned, or none.
    #[test]
    fn bytes_of_a_residual_change_their_type_together() {
        let mut build = Build::new();
        let x = input(&mut build, DType::I8);
        let (a, b) = (conv(&mut build, "a", x, 1), conv(&mut build, "b", x, 1));
        let sum = add(&mut build, "sum", [a, b]);
        let last = conv(&mut build, "last", sum, 1);
        build.output(last);
        let (fused, graph, _) = check(build, fuse_quantized_residual);
        assert_eq!(fused, 1);
        let (turned, after, _) = check(Build { graph }, unsign_bytes);
        assert_eq!((turned, after.to_string().matches(": u8[").count()), (3, 3), "{after}");
        // What the caller sees stays, and with it what is added to it.
        let mut build = Build::new();
        let x = input(&mut build, DType::I8);
        let seen = conv(&mut build, "seen", x, 1);
        let y = conv(&mut build, "y", x, 1);
        let sum = add(&mut build, "sum", [seen, y]);
        let last = conv(&mut build, "last", sum, 1);
        build.output(seen);
        build.output(last);
        let (fused, graph, _) = check(build, fuse_quantized_residual);
        assert_eq!(fused, 1);
        let (turned, after, _) = check(Build { graph }, unsign_bytes);
        assert_eq!((turned, after.to_string().matches(": u8[").count()), (1, 1), "{after}");
    }

    #[test]
    fn what_is_no_sum_of_integers_or_of_one_channel_stays() {
        let halves = [0.25, 0.25, 0.5];
        for (kind, scales, group) in [(BinaryKind::Add, halves, 1), (BinaryKind::Sub, SCALES, 1), (BinaryKind::Add, SCALES, 4)] {
            let mut build = Build::new();
            let x = input(&mut build, DType::I8);
            let y = conv(&mut build, "y", x, group);
            let sum = joined(&mut build, "sum", kind, scales, i32::MIN, [y, x]);
            build.output(sum);
            assert_eq!(check(build, fuse_quantized_residual).0, 0, "{kind:?} {scales:?} {group}");
        }
    }

    #[test]
    fn a_convolution_that_is_an_output_or_read_twice_stays() {
        let mut build = Build::new();
        let x = input(&mut build, DType::I8);
        let (seen, twice) = (conv(&mut build, "seen", x, 1), conv(&mut build, "twice", x, 1));
        let sums = [add(&mut build, "sum", [seen, x]), add(&mut build, "double", [twice, twice])];
        build.output(seen);
        sums.into_iter().for_each(|sum| build.output(sum));
        assert_eq!(check(build, fuse_quantized_residual).0, 0);
    }
}
