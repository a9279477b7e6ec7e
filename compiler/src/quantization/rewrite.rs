//! Rewrites a graph of floats to one whose convolutions, and products of vectors with weights, are sums of bytes.
//!
//! A value of bytes stands for `scale * (q - zero)`, with a scale for all or one a channel. Maxima, moves and concats work on bytes, too;
//! what is left reads dequantised ones.

use std::collections::{BTreeMap, BTreeSet};

use peleec_runtime::Activation;

use super::product::{Product, product, quantized};
use super::terms::Terms;
use super::{Calibration, Range};
use crate::diagnostics::clean::clean;
use crate::error::Error;
use crate::ir::{Graph, NodeId, Source, Value};
use crate::ops::pool::PoolKind;
use crate::ops::quantize::Direction;
use crate::ops::quantized_conv::{AverageOfSums, QuantizedConv, Requantization, limits};
use crate::ops::{Op, Quantize, QuantizedBinary};
use crate::passes::fuse_pool::is_halving;
use crate::passes::quantized::limited;
use crate::tensor::window::Window;
use crate::tensor::{DType, Data, Shape, Tensor, TensorType};

/// Quantises what it can and says how many convolutions that were; an error where a range is missing. Outputs are given as bytes if
/// `returns_bytes`: all that goes into one has its scale.
pub(crate) fn quantize(graph: &mut Graph, calibration: &Calibration, returns_bytes: bool) -> Result<usize, Error> {
    rewrite(graph, calibration, returns_bytes, &mut |terms: &Terms| calibration.bytes(terms))
}

/// The weights of what [`quantize`] makes sums of bytes.
pub(crate) fn terms(graph: &Graph, calibration: &Calibration) -> Result<Vec<Terms>, Error> {
    let mut all = Vec::new();
    let mut collect = |terms: &Terms| -> Result<Vec<i8>, Error> {
        all.push(terms.clone());
        Ok(terms.nearest())
    };
    rewrite(&mut graph.clone(), calibration, false, &mut collect)?;
    Ok(all)
}

/// Makes bytes of weights.
type Round<'a> = dyn FnMut(&Terms) -> Result<Vec<i8>, Error> + 'a;

fn rewrite(graph: &mut Graph, calibration: &Calibration, returns_bytes: bool, round: &mut Round<'_>) -> Result<usize, Error> {
    let (bytes, asked, missing) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
    let kept = calibration.keep_float.iter().map(String::as_str).collect();
    let mut rewrite = Rewrite { calibration, kept, round, refusal: None, asked, bytes, missing, quantized: 0 };
    if returns_bytes {
        for output in graph.outputs().to_vec() {
            rewrite.ask(graph, output.source, None);
        }
    }
    for id in graph.ids() {
        // What cannot be quantised stays.
        _ = rewrite.node(graph, id);
    }
    if let Some(name) = rewrite.missing.first() {
        let found = format!("the calibration has no range of {} tensors, `{}` the first of them", rewrite.missing.len(), clean(name));
        return Err(Error::Data(format!(
            "{found}: their values are no finite numbers, or another peleec observed them; run `peleec quantize`"
        )));
    }
    if let Some(refusal) = rewrite.refusal {
        return Err(refusal);
    }
    let quantized = rewrite.quantized;
    for (floats, bytes) in rewrite.bytes {
        bytes.stand_for(graph, floats);
    }
    Ok(quantized)
}

struct Rewrite<'a> {
    calibration: &'a Calibration,
    /// The nodes that stay as they are.
    kept: BTreeSet<&'a str>,
    round: &'a mut Round<'a>,
    /// Why weights could not be rounded.
    refusal: Option<Error>,
    /// Ranges that values are to have for what is made of them.
    asked: BTreeMap<Source, Range>,
    /// Of values of floats the bytes that stand for them.
    bytes: BTreeMap<Source, Bytes>,
    /// Values of which nothing says the range.
    missing: BTreeSet<String>,
    /// Convolutions.
    quantized: usize,
}

/// Signed bytes, and what they stand for.
#[derive(Clone, Debug)]
struct Bytes {
    source: Source,
    /// One, or one a channel.
    scale: Vec<f32>,
    zero: i32,
    /// Whether floats were quantised to them.
    of_floats: bool,
}

impl Bytes {
    /// Lets what reads the floats read dequantised bytes; where channels have scales of their own, readers of floats keep the operator that
    /// makes them.
    fn stand_for(&self, graph: &mut Graph, floats: Source) {
        let &[scale] = &self.scale[..] else { return };
        if self.of_floats {
            return;
        }
        let value = graph.value(floats).clone();
        graph.node_mut(floats.node).outputs[floats.slot].name = format!("{}_floats", value.name);
        let op = of_bytes(Direction::Dequantize, scale, self.zero);
        let dequantized = graph.add_op(&format!("{}_dequantize", value.name), Op::Quantize(op), &[Some(self.source)], vec![value]);
        graph.replace_uses(floats, dequantized);
    }
}

impl Rewrite<'_> {
    /// Asks for the range of all that only moves into `value` to be the range of this, which is `range` if that is known.
    fn ask(&mut self, graph: &Graph, value: Source, range: Option<Range>) {
        let mut left = vec![(value, range)];
        while let Some((value, range)) = left.pop() {
            let readers = graph.consumers(value).len() + usize::from(graph.is_output(value));
            let Some(range) = range.or_else(|| self.calibration.tensors.get(&graph.value(value).name).copied()) else { continue };
            let inputs = || graph.node_inputs(value.node).into_iter().flatten();
            match graph.op(value.node) {
                _ if readers > 1 => {}
                Some(Op::Reshape(_) | Op::Transpose(_)) => left.extend(inputs().take(1).map(|input| (input, Some(range)))),
                Some(Op::Concat(_)) => left.extend(inputs().map(|input| (input, Some(range)))),
                // What it is of has a range of its own.
                Some(Op::Softmax(_)) => left.extend(inputs().map(|input| (input, None))),
                _ => _ = self.asked.insert(value, range),
            }
        }
    }

    fn node(&mut self, graph: &mut Graph, id: NodeId) -> Option<()> {
        match graph.op(id)? {
            Op::Conv(_) | Op::MatMul(_) => self.product(graph, id),
            Op::Pool(pool) if pool.kind == PoolKind::Max => self.moved(graph, id, true),
            Op::Reshape(_) | Op::Transpose(_) => self.moved(graph, id, false),
            Op::Concat(_) => self.concat(graph, id),
            Op::Binary(_) => self.binary(graph, id),
            _ => None,
        }
    }

    /// A convolution of bytes, with an activation behind it that only limits, and an average of its sums behind that.
    fn product(&mut self, graph: &mut Graph, id: NodeId) -> Option<()> {
        if self.kept.contains(graph.node(id).name.as_str()) {
            return None;
        }
        let Product { window, group, weights, bias } = product(graph, id)?;
        let (limiting, activation) = with_limits(graph, id);
        let pool = if window.is_pointwise() && group == 1 { average(graph, limiting) } else { None };
        let (last, pool) = pool.map_or((limiting, None), |(last, window)| (last, Some(window)));
        let result = Source { node: last, slot: 0 };
        let range = self.range(graph, result)?;
        let x = self.read(graph, graph.input(id, 0)?)?;
        let (scale, zero) = steps(range);
        let limits = match pool {
            Some(_) => limits(DType::I8),
            None => limited(limits(DType::I8), activation, &of_bytes(Direction::Quantize(DType::I8), scale, zero))?,
        };
        let filters = weights.shape()[0];
        let (values, steps, bias) = quantized(&weights, bias.as_deref(), group, &x.scale, f64::from(scale))?;
        let factors: Vec<f64> = steps.iter().map(|step| step / f64::from(scale)).collect();
        let mut requantization = Requantization::new(&factors, zero, limits)?;
        let [output, input] = [Source { node: id, slot: 0 }, graph.input(id, 0)?].map(|source| graph.value(source).name.clone());
        let terms = Terms { output, input, scale: x.scale, zero: x.zero, window: window.clone(), group, values, steps };
        let bytes = match (self.round)(&terms) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.refusal.get_or_insert(error);
                return None;
            }
        };
        if !requantization.admits_all(&bytes, &bias, DType::I8, x.zero) {
            return None;
        }
        let mut averaged = None;
        if let Some(window) = pool {
            let most = Requantization::most(&bytes, &bias, DType::I8, x.zero);
            let bounds = bounds(activation, f64::from(scale))?;
            let (rule, limits) = Requantization::averaging(most, bounds, &factors, zero, limits)?;
            (requantization, averaged) = (rule, Some(Box::new(AverageOfSums { window, limits })));
        }
        let name = graph.node(id).name.clone();
        let w = graph.add_constant(&format!("{name}.weights"), Tensor::new(weights.shape().clone(), Data::I8(bytes.into()))?);
        let b = graph.add_constant(&format!("{name}.bias"), Tensor::new(Shape(vec![filters]), Data::I32(bias.into()))?);
        let op = QuantizedConv { window, group, input_zero: x.zero, requantization, dtype: DType::I8, pool: averaged, residual: None };
        let source = add(graph, &name, Op::QuantizedConv(op), &[x.source, w, b], result);
        stands_for(graph, source, &[id, limiting, last]);
        self.bytes.insert(result, Bytes { source, scale: vec![scale], zero, of_floats: false });
        self.quantized += 1;
        Some(())
    }

    /// A sum, difference or product of bytes, with an activation behind it that only limits.
    fn binary(&mut self, graph: &mut Graph, id: NodeId) -> Option<()> {
        let Op::Binary(binary) = graph.op(id)?.clone() else { return None };
        let (last, activation) = with_limits(graph, id);
        let result = Source { node: last, slot: 0 };
        let operands: Vec<Source> = graph.node_inputs(id).into_iter().collect::<Option<_>>()?;
        let rank = graph.ty(result).shape.rank();
        // Operands that are broadcast are maps to the kernel.
        if rank > 4 && operands.iter().any(|&operand| graph.ty(operand).shape != graph.ty(result).shape) {
            return None;
        }
        let bytes: Vec<&Bytes> = operands.iter().map(|operand| self.bytes.get(operand)).collect::<Option<_>>()?;
        let &[left, right] = &bytes[..] else { return None };
        let (&[left_scale], &[right_scale]) = (&left.scale[..], &right.scale[..]) else { return None };
        let floats = |scale, zero| of_bytes(Direction::Dequantize, scale, zero);
        let (from, sources) = ([floats(left_scale, left.zero), floats(right_scale, right.zero)], [left.source, right.source]);
        // What takes values that are no finite numbers stays.
        let (scale, zero) = steps(self.known_range(graph, result)?);
        let to = of_bytes(Direction::Quantize(DType::I8), scale, zero);
        let limits = limited(limits(DType::I8), activation, &to)?;
        let op = Op::QuantizedBinary(QuantizedBinary { binary, from, to, dtype: DType::I8, limits });
        let source = add(graph, &graph.node(id).name.clone(), op, &sources, result);
        stands_for(graph, source, &[id, last]);
        self.bytes.insert(result, Bytes { source, scale: vec![scale], zero, of_floats: false });
        Some(())
    }

    /// The same operator over the bytes of its input, where there are some, or a product is to read them.
    fn moved(&mut self, graph: &mut Graph, id: NodeId, keeps_channels: bool) -> Option<()> {
        let input = graph.input(id, 0)?;
        let feeds_product = || {
            let becomes_bytes = |reader| product(graph, reader).is_some() && !self.kept.contains(graph.node(reader).name.as_str());
            graph.consumers(Source { node: id, slot: 0 }).into_iter().any(|(reader, slot)| slot == 0 && becomes_bytes(reader))
        };
        if self.bytes.get(&input).is_none_or(|bytes| bytes.of_floats) && !feeds_product() {
            return None;
        }
        let x = self.read(graph, input)?;
        if x.scale.len() > 1 && !keeps_channels || graph.node(id).outputs.len() != 1 {
            return None;
        }
        let result = Source { node: id, slot: 0 };
        let source = add(graph, &graph.node(id).name.clone(), graph.op(id)?.clone(), &[x.source], result);
        self.bytes.insert(result, Bytes { source, of_floats: false, ..x });
        Some(())
    }

    /// A concat along channels, each part of which keeps its scale.
    fn concat(&mut self, graph: &mut Graph, id: NodeId) -> Option<()> {
        let inputs: Vec<Source> = graph.node_inputs(id).into_iter().collect::<Option<_>>()?;
        let parts: Vec<&Bytes> = inputs.iter().map(|input| self.bytes.get(input)).collect::<Option<_>>()?;
        let Bytes { zero, scale: first, .. } = *parts.first()?;
        let result = Source { node: id, slot: 0 };
        let is_alike = first.len() == 1 && parts.iter().all(|part| part.scale == *first);
        if !joins_channels(graph, id) && !is_alike || parts.iter().any(|part| part.zero != *zero) {
            return None;
        }
        let of_part = |(part, &input): (&&Bytes, &Source)| match part.scale[..] {
            [scale] => vec![scale; graph.ty(input).shape[1]],
            _ => part.scale.clone(),
        };
        let zero = *zero;
        let scale = if is_alike { first.clone() } else { parts.iter().zip(&inputs).flat_map(of_part).collect() };
        let is_single = scale.iter().all(|each| Some(each) == scale.first());
        let scale: Vec<f32> = scale.into_iter().take(if is_single { 1 } else { usize::MAX }).collect();
        let sources: Vec<Source> = parts.iter().map(|part| part.source).collect();
        let source = add(graph, &graph.node(id).name.clone(), graph.op(id)?.clone(), &sources, result);
        self.bytes.insert(result, Bytes { source, scale, zero, of_floats: false });
        Some(())
    }

    /// The bytes of a value, which is quantised where there are none yet.
    fn read(&mut self, graph: &mut Graph, floats: Source) -> Option<Bytes> {
        if let Some(bytes) = self.bytes.get(&floats) {
            return Some(bytes.clone());
        }
        let range = self.range(graph, floats)?;
        let (scale, zero) = steps(range);
        let op = of_bytes(Direction::Quantize(DType::I8), scale, zero);
        let name = format!("{}_quantize", graph.value(floats).name);
        let source = add(graph, &name, Op::Quantize(op), &[floats], floats);
        let bytes = Bytes { source, scale: vec![scale], zero, of_floats: true };
        self.bytes.insert(floats, bytes.clone());
        Some(bytes)
    }

    fn range(&mut self, graph: &Graph, floats: Source) -> Option<Range> {
        let Value { name, ty } = graph.value(floats);
        let range = self.known_range(graph, floats);
        if range.is_none() && ty.dtype == DType::F32 && graph.constant(floats).is_none() {
            self.missing.insert(name.clone());
        }
        range
    }

    fn known_range(&self, graph: &Graph, floats: Source) -> Option<Range> {
        let Value { name, ty } = graph.value(floats);
        if ty.dtype != DType::F32 || graph.constant(floats).is_some() {
            return None;
        }
        self.asked.get(&floats).or_else(|| self.calibration.tensors.get(name)).copied()
    }
}

/// Whether a node joins maps along channels.
pub(super) fn joins_channels(graph: &Graph, id: NodeId) -> bool {
    matches!(graph.op(id), Some(Op::Concat(op)) if op.axis == 1) && graph.ty(Source { node: id, slot: 0 }).shape.rank() == 4
}

/// Notes that a node of bytes does what others did, of which each may follow itself.
fn stands_for(graph: &mut Graph, bytes: Source, nodes: &[NodeId]) {
    let mut nodes = nodes.to_vec();
    nodes.dedup();
    graph.node_mut(bytes.node).chain = nodes.into_iter().flat_map(|id| graph.labels(id)).collect();
}

/// The node that ends what a node computes, which is an activation behind it if that only limits, and this.
fn with_limits(graph: &Graph, id: NodeId) -> (NodeId, Activation) {
    match graph.sole_consumer(id).and_then(|next| Some((next, graph.op(next)?))) {
        Some((next, Op::Unary(unary))) if matches!(unary.activation, Activation::Relu | Activation::Clip(..)) => (next, unary.activation),
        _ => (id, Activation::Identity),
    }
}

/// An average over 2x2 windows of pixels of their own that alone reads what a node gives.
fn average(graph: &Graph, id: NodeId) -> Option<(NodeId, Window)> {
    let next = graph.sole_consumer(id)?;
    match graph.op(next)? {
        Op::Pool(pool) if pool.kind != PoolKind::Max && is_halving(pool) => Some((next, pool.window.clone())),
        _ => None,
    }
}

/// The least and the greatest value, in steps of this scale, that an activation lets through unchanged, if it only limits.
fn bounds(activation: Activation, scale: f64) -> Option<[f64; 2]> {
    match activation {
        Activation::Identity => Some([f64::NEG_INFINITY, f64::INFINITY]),
        Activation::Relu => Some([0.0, f64::INFINITY]),
        Activation::Clip(least, most) if least <= most => Some([least, most].map(|bound| f64::from(bound) / scale)),
        _ => None,
    }
}

/// From floats or to floats by one scale.
fn of_bytes(direction: Direction, scale: f32, zero: i32) -> Quantize {
    Quantize { direction, scale: [scale].into(), zero: vec![zero], axis: 1, block: None }
}

/// Adds an operator that gives bytes of the shape of `like`, and of a name that comes of its.
fn add(graph: &mut Graph, name: &str, op: Op, inputs: &[Source], like: Source) -> Source {
    let value = graph.value(like);
    let value = Value { name: format!("{}_bytes", value.name), ty: TensorType::new(DType::I8, value.ty.shape.clone()) };
    let inputs: Vec<_> = inputs.iter().copied().map(Some).collect();
    graph.add_op(name, op, &inputs, vec![value])
}

/// Scale and zero for a range: values above zero have all bytes, others as many below zero as above.
pub(super) fn steps(Range { min, max }: Range) -> (f32, i32) {
    let (scale, zero) = if min >= 0.0 { (max / 255.0, i32::from(i8::MIN)) } else { (f32::max(-min, max) / 127.0, 0) };
    (if scale.is_normal() { scale } else { 1.0 }, zero)
}

#[cfg(test)]
mod tests;
