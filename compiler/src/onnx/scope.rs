//! A graph of the file with the branches of its `If` nodes, which are decoded ahead so that what they read is known, and with what its
//! quantised nodes mean.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;

use super::prescan::Scan;
use super::quantized::{FreshNames, meaning};
use super::wire::{GraphProto, NodeProto, ValueInfoProto};

/// How deep branches may lie in branches.
pub(crate) const DEPTH: usize = 8;

/// A graph and, by the index of the node, its branches, or what is imported in its place.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) graph: GraphProto,
    branches: BTreeMap<usize, [Branch; 2]>,
    meanings: BTreeMap<usize, Vec<NodeProto>>,
}

/// What is computed where the condition is true, or where it is false; in words why it cannot be read.
type Branch = Result<Scope, String>;

impl Scope {
    /// `scan` goes on counting with the branches, whose bytes it has not entered.
    pub(crate) fn new(graph: GraphProto, opset: i64, scan: &mut Scan) -> Self {
        let mut scope = Scope::at_depth(graph, scan, 0);
        // Not in branches: what passes values there might go by a name of the graph around them.
        let mut names = FreshNames::beside(scope.names());
        let meanings = scope.graph.node.iter().enumerate().filter_map(|(index, node)| Some((index, meaning(node, opset, &mut names)?)));
        scope.meanings = meanings.collect();
        scope
    }

    fn at_depth(graph: GraphProto, scan: &mut Scan, depth: usize) -> Self {
        let conditional = graph.node.iter().enumerate().filter(|(_, node)| is_if(node));
        let branches = conditional.map(|(index, node)| (index, ["then_branch", "else_branch"].map(|name| branch(node, name, scan, depth))));
        let branches = branches.collect();
        Scope { graph, branches, meanings: BTreeMap::new() }
    }

    /// What is imported in place of the quantised node at `index`.
    pub(crate) fn meaning(&self, index: usize) -> Option<&[NodeProto]> {
        self.meanings.get(&index).map(Vec::as_slice)
    }

    /// All names that occur in the graph and in its branches.
    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        let nodes = self.graph.node.iter().flat_map(|node| node.input.iter().chain(&node.output)).map(String::as_str);
        let inner = self.branches.values().flatten().flatten().flat_map(Scope::names);
        Box::new(self.defines().chain(nodes).chain(self.graph.input.iter().map(name_of)).chain(self.results()).chain(inner))
    }

    /// The branch of the `If` at `index` that its condition chooses.
    pub(crate) fn branch(&self, index: usize, condition: bool) -> Option<&Branch> {
        self.branches.get(&index)?.get(usize::from(!condition))
    }

    /// The names that the node at `index` reads, those that its branches read of this scope among them.
    pub(crate) fn reads(&self, index: usize) -> Vec<&str> {
        let mut names: Vec<&str> = self.graph.node.get(index).into_iter().flat_map(inputs).collect();
        for inner in self.branches.get(&index).into_iter().flatten().flatten() {
            inner.captures(&mut names);
        }
        names
    }

    fn captures<'a>(&'a self, names: &mut Vec<&'a str>) {
        let own: BTreeSet<&str> = self.defines().collect();
        let read = (0..self.graph.node.len()).flat_map(|index| self.reads(index)).chain(self.results());
        names.extend(read.filter(|name| !own.contains(name)));
    }

    /// The names of the graph's outputs.
    pub(crate) fn results(&self) -> impl Iterator<Item = &str> {
        self.graph.output.iter().map(name_of)
    }

    /// The names of stored values and of what the nodes compute.
    pub(crate) fn defines(&self) -> impl Iterator<Item = &str> {
        let stored = self.graph.initializer.iter().map(|tensor| tensor.name.as_deref().unwrap_or_default());
        stored.chain(self.graph.node.iter().flat_map(|node| &node.output).map(String::as_str)).filter(|name| !name.is_empty())
    }
}

/// Whether the node chooses between two graphs.
pub(crate) fn is_if(node: &NodeProto) -> bool {
    node.op_type.as_deref() == Some("If") && matches!(node.domain.as_deref(), None | Some("" | "ai.onnx"))
}

/// The names that the node itself reads.
pub(crate) fn inputs(node: &NodeProto) -> impl Iterator<Item = &str> {
    node.input.iter().map(String::as_str).filter(|name| !name.is_empty())
}

pub(crate) fn name_of(value: &ValueInfoProto) -> &str {
    value.name.as_deref().unwrap_or_default()
}

fn branch(node: &NodeProto, name: &str, scan: &mut Scan, depth: usize) -> Branch {
    let attribute = node.attribute.iter().find(|attribute| attribute.name.as_deref() == Some(name));
    let bytes = attribute.and_then(|attribute| attribute.g.clone()).ok_or_else(|| format!("attribute `{name}` is missing"))?;
    if depth >= DEPTH {
        return Err(format!("branches lie more than {DEPTH} deep in branches"));
    }
    scan.graph(&bytes).map_err(|error| format!("attribute `{name}`: {error}"))?;
    let graph = GraphProto::decode(bytes).map_err(|error| format!("attribute `{name}`: {error}"))?;
    Ok(Scope::at_depth(graph, scan, depth + 1))
}
