//! The graph and its edits. Raw petgraph calls on it stay in this file.
//!
//! A node owns the names and types of its output tensors (its slots); an edge carries the producer's slot and the consumer's.
//! So a value with three consumers is stored once, and a graph output has a home.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use petgraph::Direction;
use petgraph::stable_graph::{EdgeReference, NodeIndex, StableDiGraph};
use petgraph::visit::{EdgeRef, NodeIndexable};

use crate::ops::Op;
use crate::tensor::{Tensor, TensorType};

pub(crate) type NodeId = NodeIndex<u32>;

/// Most bytes that all known values of a graph may have together, at any time.
pub(crate) const MAX_CONSTANT_BYTES: usize = 1 << 30;

/// One output tensor of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Source {
    pub(crate) node: NodeId,
    pub(crate) slot: usize,
}

/// Name and type of an output tensor.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Value {
    pub(crate) name: String,
    pub(crate) ty: TensorType,
}

/// What a node is: fed by the caller, known, or computed.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Input,
    Constant(Tensor),
    Op(Op),
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// The ONNX node's name, or its first output's where the file gives none.
    pub(crate) name: String,
    pub(crate) content: Content,
    pub(crate) outputs: Vec<Value>,
    /// `op_type`s that the node stands for, in execution order, by the file's names; empty where the operator's own name says it.
    pub(crate) chain: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
struct Edge {
    from_slot: usize,
    to_slot: usize,
}

/// A result of the graph under its ONNX name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GraphOutput {
    pub(crate) name: String,
    pub(crate) source: Source,
}

/// A network: operators, the values that flow between them, inputs and outputs in ONNX's order.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    pub(crate) name: String,
    pub(crate) opset: i64,
    net: StableDiGraph<Node, Edge, u32>,
    constant_bytes: usize,
    /// Elements and products that folding has computed so far.
    pub(crate) folding_work: u64,
    /// Bytes of the values that the file holds.
    pub(crate) stored_bytes: usize,
    inputs: Vec<NodeId>,
    outputs: Vec<GraphOutput>,
    /// The graph outputs that a value is, by their places.
    returned: BTreeMap<Source, Vec<usize>>,
}

impl Graph {
    pub(crate) fn new(name: &str, opset: i64) -> Self {
        Graph { name: name.to_owned(), opset, ..Graph::default() }
    }

    pub(crate) fn add_input(&mut self, name: &str, ty: TensorType) -> Source {
        let source = self.add(name, Content::Input, vec![Value { name: name.to_owned(), ty }]);
        self.inputs.push(source.node);
        source
    }

    pub(crate) fn add_constant(&mut self, name: &str, value: Tensor) -> Source {
        let ty = value.ty();
        self.constant_bytes += value.bytes();
        self.add(name, Content::Constant(value), vec![Value { name: name.to_owned(), ty }])
    }

    /// Adds an operator fed by `inputs`, one entry per ONNX input slot; `None` is an optional input left out.
    pub(crate) fn add_op(&mut self, name: &str, op: Op, inputs: &[Option<Source>], outputs: Vec<Value>) -> Source {
        let source = self.add(name, Content::Op(op), outputs);
        for (slot, input) in inputs.iter().enumerate() {
            if let Some(input) = input {
                self.connect(*input, source.node, slot);
            }
        }
        source
    }

    fn add(&mut self, name: &str, content: Content, outputs: Vec<Value>) -> Source {
        let node = self.net.add_node(Node { name: name.to_owned(), content, outputs, chain: Vec::new() });
        Source { node, slot: 0 }
    }

    fn connect(&mut self, source: Source, to: NodeId, to_slot: usize) {
        self.net.add_edge(source.node, to, Edge { from_slot: source.slot, to_slot });
    }

    pub(crate) fn add_output(&mut self, name: &str, source: Source) {
        self.returned.entry(source).or_default().push(self.outputs.len());
        self.outputs.push(GraphOutput { name: name.to_owned(), source });
    }

    /// Lets graph output `index` be another value.
    pub(crate) fn return_instead(&mut self, index: usize, source: Source) {
        let before = std::mem::replace(&mut self.outputs[index].source, source);
        if let Some(places) = self.returned.get_mut(&before) {
            places.retain(|&place| place != index);
        }
        self.returned.retain(|_, places| !places.is_empty());
        self.returned.entry(source).or_default().push(index);
    }

    /// Makes a result of every operator's output that nothing reads: what is there of a graph of which parts could not be imported.
    pub(crate) fn return_unread(&mut self) {
        for id in self.ids() {
            let source = Source { node: id, slot: 0 };
            if self.op(id).is_some() && !self.is_read(source) {
                self.add_output(&self.value(source).name.clone(), source);
            }
        }
    }

    /// Makes these values, under these names, the graph's outputs, and takes out what none depends on, inputs too.
    pub(crate) fn end_at(&mut self, outputs: &[(String, Source)]) {
        self.outputs.clear();
        self.returned.clear();
        outputs.iter().for_each(|(name, source)| self.add_output(name, *source));
        self.keep_needed();
    }

    /// Takes out what no graph output depends on, inputs too.
    pub(crate) fn keep_needed(&mut self) {
        let mut needed: BTreeSet<NodeId> = self.outputs.iter().map(|output| output.source.node).collect();
        for id in self.ids().into_iter().rev() {
            if needed.contains(&id) {
                needed.extend(self.edges(id, Direction::Incoming).map(|edge| edge.source()));
            } else {
                self.remove(id);
            }
        }
        self.inputs.retain(|id| needed.contains(id));
    }

    pub(crate) fn inputs(&self) -> &[NodeId] {
        &self.inputs
    }

    pub(crate) fn outputs(&self) -> &[GraphOutput] {
        &self.outputs
    }

    /// Every node in execution order; of the nodes that are ready, the one added first comes first. Nodes on a cycle are missing.
    pub(crate) fn ids(&self) -> Vec<NodeId> {
        let mut waiting = vec![0; self.net.node_bound()];
        let mut ready = BinaryHeap::new();
        for id in self.net.node_indices() {
            waiting[id.index()] = self.edges(id, Direction::Incoming).count();
            if waiting[id.index()] == 0 {
                ready.push(Reverse(id));
            }
        }
        let mut order = Vec::with_capacity(self.net.node_count());
        while let Some(Reverse(id)) = ready.pop() {
            order.push(id);
            for edge in self.edges(id, Direction::Outgoing) {
                let left = &mut waiting[edge.target().index()];
                *left -= 1;
                if *left == 0 {
                    ready.push(Reverse(edge.target()));
                }
            }
        }
        order
    }

    pub(crate) fn node_count(&self) -> usize {
        self.net.node_count()
    }

    pub(crate) fn contains(&self, id: NodeId) -> bool {
        self.net.contains_node(id)
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.net[id]
    }

    pub(crate) fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.net[id]
    }

    pub(crate) fn op(&self, id: NodeId) -> Option<&Op> {
        match &self.net.node_weight(id)?.content {
            Content::Op(op) => Some(op),
            _ => None,
        }
    }

    pub(crate) fn value(&self, source: Source) -> &Value {
        &self.net[source.node].outputs[source.slot]
    }

    pub(crate) fn ty(&self, source: Source) -> &TensorType {
        &self.value(source).ty
    }

    /// The tensor at `source`, where it is a constant.
    pub(crate) fn constant(&self, source: Source) -> Option<&Tensor> {
        match &self.net[source.node].content {
            Content::Constant(tensor) => Some(tensor),
            _ => None,
        }
    }

    /// What feeds input slot `slot` of `id`.
    pub(crate) fn input(&self, id: NodeId, slot: usize) -> Option<Source> {
        self.edges(id, Direction::Incoming)
            .find(|edge| edge.weight().to_slot == slot)
            .map(|edge| Source { node: edge.source(), slot: edge.weight().from_slot })
    }

    /// What feeds each input slot of `id`, up to the last slot in use.
    pub(crate) fn node_inputs(&self, id: NodeId) -> Vec<Option<Source>> {
        let mut inputs = Vec::new();
        for edge in self.edges(id, Direction::Incoming) {
            let slot = edge.weight().to_slot;
            if inputs.len() <= slot {
                inputs.resize(slot + 1, None);
            }
            inputs[slot] = Some(Source { node: edge.source(), slot: edge.weight().from_slot });
        }
        inputs
    }

    /// The constant that feeds input slot `slot` of `id`.
    pub(crate) fn constant_input(&self, id: NodeId, slot: usize) -> Option<&Tensor> {
        self.constant(self.input(id, slot)?)
    }

    /// The operator nodes (and their input slots) that read `source`, in the order in which they were added.
    pub(crate) fn consumers(&self, source: Source) -> Vec<(NodeId, usize)> {
        let mut consumers: Vec<_> = self.readers(source).collect();
        consumers.sort();
        consumers
    }

    /// As [`consumers`](Self::consumers), in no order.
    fn readers(&self, source: Source) -> impl Iterator<Item = (NodeId, usize)> {
        let edges = self.edges(source.node, Direction::Outgoing).filter(move |edge| edge.weight().from_slot == source.slot);
        edges.map(|edge| (edge.target(), edge.weight().to_slot))
    }

    /// How many input slots `source` feeds, counted up to `most`.
    pub(crate) fn count_readers(&self, source: Source, most: usize) -> usize {
        self.readers(source).take(most).count()
    }

    /// Whether an operator reads `source`, or it is a graph output.
    pub(crate) fn is_read(&self, source: Source) -> bool {
        self.readers(source).next().is_some() || self.is_output(source)
    }

    fn edges(&self, id: NodeId, direction: Direction) -> impl Iterator<Item = EdgeReference<'_, Edge>> {
        let edges = self.net.edges_directed(id, direction);
        #[cfg(test)]
        let edges = edges.inspect(|_| visits::count());
        edges
    }

    pub(crate) fn is_output(&self, source: Source) -> bool {
        self.returned.contains_key(&source)
    }

    /// The one node that reads `id`'s only output, if nothing else does and it is no graph output.
    pub(crate) fn sole_consumer(&self, id: NodeId) -> Option<NodeId> {
        let source = Source { node: id, slot: 0 };
        let mut readers = self.readers(source);
        match (readers.next(), readers.next()) {
            (Some((consumer, _)), None) if !self.is_output(source) => Some(consumer),
            _ => None,
        }
    }

    /// Feeds input slot `slot` of `id` from `source` instead of what fed it.
    pub(crate) fn set_input(&mut self, id: NodeId, slot: usize, source: Option<Source>) {
        let old: Vec<_> = self.edges(id, Direction::Incoming).filter(|edge| edge.weight().to_slot == slot).map(|edge| edge.id()).collect();
        for edge in old {
            self.net.remove_edge(edge);
        }
        if let Some(source) = source {
            self.connect(source, id, slot);
        }
    }

    /// Lets `id` read `sources`, one a slot, and nothing else.
    pub(crate) fn read_only(&mut self, id: NodeId, sources: &[Source]) {
        let old: Vec<_> = self.edges(id, Direction::Incoming).map(|edge| edge.id()).collect();
        for edge in old {
            self.net.remove_edge(edge);
        }
        for (slot, &source) in sources.iter().enumerate() {
            self.connect(source, id, slot);
        }
    }

    /// Lets everything that reads `old` read `new`, graph outputs included.
    pub(crate) fn replace_uses(&mut self, old: Source, new: Source) {
        for (consumer, slot) in self.consumers(old) {
            self.set_input(consumer, slot, Some(new));
        }
        for index in self.returned.remove(&old).unwrap_or_default() {
            self.outputs[index].source = new;
            self.returned.entry(new).or_default().push(index);
        }
    }

    /// Takes `id` out of the graph: what read its first output reads `source`.
    pub(crate) fn bypass(&mut self, id: NodeId, source: Source) {
        self.replace_uses(Source { node: id, slot: 0 }, source);
        self.net.remove_node(id);
    }

    /// Merges `consumer`, the sole reader of `producer`, into `producer`, which takes over its output and its place in the chain.
    pub(crate) fn absorb(&mut self, producer: NodeId, consumer: NodeId) {
        let chain = self.joined_labels(producer, consumer);
        let outputs = std::mem::take(&mut self.net[consumer].outputs);
        self.replace_uses(Source { node: consumer, slot: 0 }, Source { node: producer, slot: 0 });
        self.net.remove_node(consumer);
        self.net[producer].outputs = outputs;
        self.net[producer].chain = chain;
    }

    /// The labels of both, taken from them: long chains grow at their end.
    fn joined_labels(&mut self, producer: NodeId, consumer: NodeId) -> Vec<String> {
        let own = self.labels(consumer);
        let mut chain =
            if self.net[producer].chain.is_empty() { self.labels(producer) } else { std::mem::take(&mut self.net[producer].chain) };
        chain.extend(own);
        chain
    }

    /// Merges `producer`, which only `consumer`'s first input reads, into `consumer`, which reads what it read and heads its chain.
    pub(crate) fn prepend(&mut self, producer: NodeId, consumer: NodeId) {
        let chain = self.joined_labels(producer, consumer);
        let input = self.input(producer, 0);
        self.net.remove_node(producer);
        self.set_input(consumer, 0, input);
        self.net[consumer].chain = chain;
    }

    /// Makes `id` a constant, which reads nothing, or one constant an output.
    pub(crate) fn fold(&mut self, id: NodeId, values: Vec<Tensor>) {
        if let [value] = values.as_slice() {
            self.read_only(id, &[]);
            self.constant_bytes += value.bytes();
            self.net[id].content = Content::Constant(value.clone());
            self.net[id].chain.clear();
            return;
        }
        for (slot, value) in values.into_iter().enumerate() {
            let output = Source { node: id, slot };
            let constant = self.add_constant(&self.value(output).name.clone(), value);
            self.replace_uses(output, constant);
        }
        self.net.remove_node(id);
    }

    /// Whether constants of so many bytes more are few enough to be kept, those that nothing reads any more among them.
    pub(crate) fn has_room_for(&self, bytes: usize) -> bool {
        self.constant_bytes.saturating_add(bytes) <= MAX_CONSTANT_BYTES
    }

    /// Forgets the elements of a constant that nothing reads any more.
    pub(crate) fn release(&mut self, source: Source) {
        if let (false, Content::Constant(value)) = (self.is_read(source), &self.net[source.node].content) {
            self.constant_bytes -= value.bytes();
            let nothing = value.nothing();
            self.net[source.node].outputs[0].ty = nothing.ty();
            self.net[source.node].content = Content::Constant(nothing);
        }
    }

    /// The ONNX `op_type`s that the node stands for.
    pub(crate) fn labels(&self, id: NodeId) -> Vec<String> {
        let node = &self.net[id];
        if node.chain.is_empty() { vec![self.label(id)] } else { node.chain.clone() }
    }

    /// The ONNX `op_type`s that the node stands for, joined by ` + `.
    pub(crate) fn label(&self, id: NodeId) -> String {
        let node = &self.net[id];
        match &node.content {
            Content::Op(op) if node.chain.is_empty() => op.name().to_owned(),
            Content::Op(_) => node.chain.join(" + "),
            Content::Input => "Input".to_owned(),
            Content::Constant(_) => "Constant".to_owned(),
        }
    }

    pub(crate) fn remove(&mut self, id: NodeId) {
        if let Some(Node { content: Content::Constant(value), .. }) = self.net.remove_node(id) {
            self.constant_bytes -= value.bytes();
        }
    }

    /// Name and type of every input.
    pub fn input_types(&self) -> Vec<(String, TensorType)> {
        let value = |&node: &NodeId| self.value(Source { node, slot: 0 });
        self.inputs.iter().map(value).map(|value| (value.name.clone(), value.ty.clone())).collect()
    }

    /// Name and type of every output.
    pub fn output_types(&self) -> Vec<(String, TensorType)> {
        self.outputs.iter().map(|output| (output.name.clone(), self.ty(output.source).clone())).collect()
    }

    /// How many nodes there are of each operator, by its ONNX name.
    pub fn operators(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for id in self.ids().into_iter().filter(|&id| self.op(id).is_some()) {
            *counts.entry(self.label(id)).or_insert(0) += 1;
        }
        counts
    }

    /// Elements of all `f32` constants that an operator reads.
    pub(crate) fn parameters(&self) -> u64 {
        let floats = self.net.node_weights().filter_map(|node| match &node.content {
            Content::Constant(tensor) => tensor.as_f32(),
            _ => None,
        });
        floats.map(|values| values.len() as u64).sum()
    }
}

/// How many edges were looked at in this thread, for bounds that are counts.
#[cfg(test)]
pub(crate) mod visits {
    use std::cell::Cell;

    thread_local!(static COUNT: Cell<u64> = const { Cell::new(0) });

    pub(super) fn count() {
        COUNT.set(COUNT.get() + 1);
    }

    /// Edges that `work` looks at.
    pub(crate) fn of(work: impl FnOnce()) -> u64 {
        let before = COUNT.get();
        work();
        COUNT.get() - before
    }
}

#[cfg(test)]
mod tests;
