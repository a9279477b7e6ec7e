//! What bytes at the border of a network stand for, and bytes there in place of floats.

use serde::Serialize;

use super::{Calibration, Range, steps};
use crate::ir::{Content, DType, Data, Graph, NodeId, Source, Tensor, TensorType, Value};
use crate::ops::quantize::Direction;
use crate::ops::{Op, Operator, Quantize};
use crate::passes::quantized::{bytes_of, quantizes};

/// What a byte stands for: `scale * (byte - zero_point)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ByteScale {
    /// Of one step.
    pub scale: f32,
    /// The byte that stands for zero.
    pub zero_point: i32,
}

impl ByteScale {
    fn of(op: &Quantize) -> Option<Self> {
        let (&[scale], &[zero_point]) = (&op.scale[..], &op.zero[..]) else { return None };
        Some(ByteScale { scale, zero_point })
    }

    /// The values of bytes, as `DequantizeLinear` has them; none of what is no bytes.
    pub fn floats(self, tensor: &Tensor) -> Option<Vec<f32>> {
        let float = |byte: i32| byte.wrapping_sub(self.zero_point) as f32 * self.scale;
        match tensor.data() {
            Data::I8(bytes) => Some(bytes.iter().map(|&byte| float(byte.into())).collect()),
            Data::U8(bytes) => Some(bytes.iter().map(|&byte| float(byte.into())).collect()),
            _ => None,
        }
    }

    /// Values as bytes of a type, as `QuantizeLinear` has them; none where that is no type of bytes.
    pub fn bytes(self, values: &Tensor, dtype: DType) -> Option<Tensor> {
        let (scale, zero) = (vec![self.scale], vec![self.zero_point]);
        let quantize = Quantize { direction: Direction::Quantize(dtype), scale, zero, axis: 1 };
        quantize.evaluate(&[Some(values)]).ok()?.pop()
    }
}

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

    /// Lets inputs of floats that are only quantised, all in one way, be bytes, if `moves_inputs`, and outputs that were dequantised; how
    /// many that are.
    pub(crate) fn move_inwards(&mut self, graph: &mut Graph, moves_inputs: bool) -> usize {
        let mut moved = 0;
        for (id, known) in graph.inputs().to_vec().into_iter().zip(&mut self.inputs).filter(|_| moves_inputs) {
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

/// Quantises outputs of floats whose range is known and that are not dequantised yet: softmaxes, and what a calibration knows.
pub(crate) fn quantize_outputs(graph: &mut Graph, calibration: Option<&Calibration>) {
    for index in 0..graph.outputs().len() {
        let floats = graph.outputs()[index].source;
        let Value { name, ty } = graph.value(floats).clone();
        if ty.dtype != DType::F32 || graph.op(floats.node).is_none() || bytes_of(graph, floats).is_some() {
            continue;
        }
        let observed = || calibration?.tensors.get(name.strip_suffix("_floats").unwrap_or(&name)).copied();
        let range = if is_share(graph, floats) { Some(Range { min: 0.0, max: 1.0 }) } else { observed() };
        let Some(range) = range else { continue };
        let (scale, zero) = steps(range);
        let op = |direction| Op::Quantize(Quantize { direction, scale: vec![scale], zero: vec![zero], axis: 1 });
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
