//! What bytes at the border of a network stand for, and bytes there in place of floats.

use super::{Calibration, Range, steps};
use crate::ir::{Content, Graph, NodeId, Source, Value};
use crate::ops::ByteScale;
use crate::ops::quantize::Direction;
use crate::ops::{Op, Quantize};
use crate::passes::quantized::{bytes_of, quantizes};
use crate::tensor::{DType, TensorType};

/// What inputs and outputs stand for, where they are bytes of which that is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Border {
    pub(crate) inputs: Vec<Option<ByteScale>>,
    pub(crate) outputs: Vec<Option<ByteScale>>,
}

impl Border {
    /// What a graph says before any pass: of an input how all that read it dequantise it, of an output how it was quantised.
    pub(crate) fn of(graph: &Graph) -> Self {
        let input = |&id: &NodeId| {
            let readers = graph.consumers(Source { node: id, slot: 0 });
            let steps = readers.into_iter().map(|(reader, _)| ByteScale::of(bytes_of(graph, Source { node: reader, slot: 0 })?.1));
            alike(steps)
        };
        let output = |source: Source| ByteScale::of(quantizes(graph, source.node)?.0);
        let outputs = graph.outputs().iter().map(|returned| output(returned.source)).collect();
        Border { inputs: graph.inputs().iter().map(input).collect(), outputs }
    }

    /// Names and types of inputs as they are meant: of floats where their bytes stand for some.
    pub(crate) fn meant(&self, inputs: Vec<(String, TensorType)>) -> Vec<(String, TensorType)> {
        let scales = self.inputs.iter().map(Option::is_some).chain(std::iter::repeat(false));
        let meant = |((name, ty), is_known): ((String, TensorType), bool)| (name, if is_known { TensorType::f32(ty.shape) } else { ty });
        inputs.into_iter().zip(scales).map(meant).collect()
    }

    /// Lets inputs of floats that are only quantised, all in one way, be bytes, and outputs that were dequantised; how many that are.
    pub(crate) fn move_inwards(&mut self, graph: &mut Graph) -> usize {
        let mut moved = 0;
        for (id, known) in graph.inputs().to_vec().into_iter().zip(&mut self.inputs) {
            let floats = Source { node: id, slot: 0 };
            let readers = graph.consumers(floats);
            let steps = readers.iter().map(|&(reader, _)| {
                let (op, dtype) = quantizes(graph, reader).filter(|(_, dtype)| matches!(dtype, DType::I8 | DType::U8))?;
                Some((ByteScale::of(op)?, dtype))
            });
            let Some((scale, dtype)) = alike(steps).filter(|_| !graph.is_output(floats)) else { continue };
            graph.node_mut(id).outputs[0].ty.dtype = dtype;
            for (reader, _) in readers {
                graph.bypass(reader, floats);
            }
            *known = Some(scale);
            moved += 1;
        }
        for (index, known) in self.outputs.iter_mut().enumerate() {
            let floats = graph.outputs()[index].source;
            let Some((bytes, op)) = bytes_of(graph, floats) else { continue };
            // An input that is returned stays what it is.
            let Some(scale) = ByteScale::of(op).filter(|_| !matches!(graph.node(bytes.node).content, Content::Input)) else { continue };
            graph.return_instead(index, bytes);
            *known = Some(scale);
            moved += 1;
        }
        moved
    }
}

/// What all say, if they say the same.
fn alike<T: PartialEq>(mut all: impl Iterator<Item = Option<T>>) -> Option<T> {
    let first = all.next()??;
    all.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

/// Quantises outputs of floats whose range is known and that are not dequantised yet, of a graph that has bytes: softmaxes, and what a
/// calibration knows.
pub(crate) fn quantize_outputs(graph: &mut Graph, calibration: Option<&Calibration>) {
    if !graph.ids().into_iter().any(|id| matches!(graph.op(id), Some(Op::Quantize(_) | Op::QuantizedConv(_)))) {
        return;
    }
    for index in 0..graph.outputs().len() {
        let floats = graph.outputs()[index].source;
        let Value { name, ty } = graph.value(floats).clone();
        if ty.dtype != DType::F32 || graph.op(floats.node).is_none() || bytes_of(graph, floats).is_some() {
            continue;
        }
        let observed = || calibration?.tensors.get(&name).copied();
        let range = if is_share(graph, floats) { Some(Range { min: 0.0, max: 1.0 }) } else { observed() };
        let Some(range) = range else { continue };
        let (scale, zero) = steps(range);
        let op = |direction| Op::Quantize(Quantize { direction, scale: [scale].into(), zero: vec![zero], axis: 1, block: None });
        let quantized = Value { name: format!("{name}_bytes"), ty: TensorType::new(DType::I8, ty.shape.clone()) };
        let bytes = graph.add_op(&format!("{name}_quantize"), op(Direction::Quantize(DType::I8)), &[Some(floats)], vec![quantized]);
        let value = Value { name: format!("{name}_dequantized"), ty };
        let source = graph.add_op(&format!("{name}_dequantize"), op(Direction::Dequantize), &[Some(bytes)], vec![value]);
        graph.return_instead(index, source);
    }
}

/// Whether values are a softmax's, which lie between zero and one, or only moves of such.
fn is_share(graph: &Graph, mut value: Source) -> bool {
    loop {
        match (graph.op(value.node), graph.input(value.node, 0)) {
            (Some(Op::Softmax(_)), _) => return true,
            (Some(Op::Reshape(_) | Op::Transpose(_)), Some(input)) => value = input,
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use peleec_runtime::Activation;

    use super::*;
    use crate::ir::test_build::Build;
    use crate::ops::{Softmax, Unary};
    use crate::passes::equivalence::conv;
    use crate::passes::run;

    fn step(direction: Direction, scale: f32, zero: i32) -> Op {
        Op::Quantize(Quantize { direction, scale: [scale].into(), zero: vec![zero], axis: 1, block: None })
    }

    const TO: Direction = Direction::Quantize(DType::U8);

    /// A network between floats: the input in bytes and limited, and a softmax of the input in bytes by another scale.
    fn network(second: f32) -> Graph {
        let mut build = Build::new();
        let x = build.input("x", &[1, 4]);
        let q = build.op("q", step(TO, 0.5, 3), &[x]);
        let other = build.op("other", step(TO, second, 3), &[x]);
        let y = build.op("limits", step(Direction::Dequantize, 0.5, 3), &[q]);
        let y = build.op("limited", Op::Unary(Unary { activation: Activation::Clip(-1.0, 1.0) }), &[y]);
        let y = build.op("y.q", step(TO, 0.5, 3), &[y]);
        let y = build.op("y", step(Direction::Dequantize, 0.5, 3), &[y]);
        let z = build.op("z", step(Direction::Dequantize, 0.25, 7), &[other]);
        let shares = build.op("shares", Op::Softmax(Softmax { axis: 1, flatten: false }), &[z]);
        build.output(y);
        build.output(shares);
        build.graph
    }

    #[test]
    fn floats_at_the_border_become_bytes() {
        let mut graph = network(0.5);
        let mut border = Border::of(&graph);
        assert_eq!(border, Border { inputs: vec![None], outputs: vec![None, None] });
        quantize_outputs(&mut graph, None);
        run(&mut graph, |_, _| {});
        assert_eq!(border.move_inwards(&mut graph), 3);
        run(&mut graph, |_, _| {});
        assert!(graph.verify().is_empty(), "{:?}", graph.verify());
        let known = |scale, zero_point| Some(ByteScale { scale, zero_point });
        // Bytes are signed inside.
        assert_eq!((border.inputs[0], border.outputs[0]), (known(0.5, -125), known(0.5, -125)));
        // A share is a byte of 256 from zero to one.
        assert_eq!(border.outputs[1], known(1.0 / 255.0, -128));
        let types: Vec<DType> = graph.input_types().into_iter().chain(graph.output_types()).map(|(_, ty)| ty.dtype).collect();
        assert_eq!(types, [DType::I8; 3]);
        assert_eq!(graph.input_types()[0].0, "x");
        assert_eq!(Border::of(&graph).outputs, [None; 2]);
    }

    #[test]
    fn what_is_quantised_in_two_ways_stays() {
        let mut graph = network(0.25);
        let mut border = Border::of(&graph);
        assert_eq!(border.move_inwards(&mut graph), 1);
        assert_eq!((border.inputs[0], graph.input_types()[0].1.dtype), (None, DType::F32));
    }

    /// What the graph itself says of its bytes.
    #[test]
    fn bytes_of_the_graph_have_scales() {
        let mut build = Build::new();
        let x = build.graph.add_input("x", TensorType::new(DType::U8, [1, 4, 2, 2]));
        let floats = build.op("floats", step(Direction::Dequantize, 0.5, 3), &[x]);
        let y = conv(&mut build, "y", floats, 4, 1);
        let bytes = build.op("bytes", step(TO, 0.125, 9), &[y]);
        build.output(bytes);
        let known = |scale, zero_point| vec![Some(ByteScale { scale, zero_point })];
        assert_eq!(Border::of(&build.graph), Border { inputs: known(0.5, 3), outputs: known(0.125, 9) });
    }
}
