//! The state of an import: what every name stands for, what has been reported, and how much more may be computed and kept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::constants::{self, External, MAX_CONSTANT_BYTES};
use super::node::Operand;
use super::wire::{GraphProto, NodeProto, ValueInfoProto};
use crate::diagnostics::{Diagnostic, NodeRef};
use crate::ir::{Graph, Source, Tensor, TensorType};

/// Multiply-accumulates and elements that computing values may cost while importing: a second or two, naively.
pub(crate) const FOLD_BUDGET: u64 = 1 << 27;

/// What the user decides about reading a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ImportOptions {
    /// Extents for symbolic dimensions, by name. A dimension without a name is called `INPUT.AXIS`.
    pub(crate) input_dims: BTreeMap<String, usize>,
    /// Whether the model may name files beside it that hold its weights.
    pub(crate) allow_external: bool,
}

/// A defined name: its type, its value where that is known, its place in the graph once it has one.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) ty: TensorType,
    pub(crate) value: Option<Tensor>,
    pub(crate) source: Option<Source>,
}

/// The state of an import.
pub(crate) struct Importer<'a> {
    pub(crate) file: &'a GraphProto,
    pub(crate) opset: i64,
    pub(crate) options: &'a ImportOptions,
    pub(crate) external: External<'a>,
    pub(crate) graph: Graph,
    /// By name; `None` is a name whose definition failed.
    pub(crate) entries: BTreeMap<&'a str, Option<Entry>>,
    /// Names that a node or the graph's outputs read.
    pub(crate) read: BTreeSet<&'a str>,
    /// Work that computing values while importing may still cost.
    pub(crate) fold_budget: u64,
    constant_bytes: usize,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl<'a> Importer<'a> {
    pub(crate) fn new(file: &'a GraphProto, opset: i64, options: &'a ImportOptions, folder: Option<&'a Path>) -> Self {
        let read = file.node.iter().flat_map(|node| &node.input).map(String::as_str);
        let outputs = file.output.iter().map(name_of);
        Importer {
            file,
            opset,
            options,
            external: External { folder, allowed: options.allow_external },
            graph: Graph::new(file.name.as_deref().unwrap_or_default(), opset),
            entries: BTreeMap::new(),
            read: read.chain(outputs).collect(),
            fold_budget: FOLD_BUDGET,
            constant_bytes: 0,
            diagnostics: Vec::new(),
        }
    }

    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Gives `name` a known value, or poisons it where the value is not finite or too much together with the others.
    pub(crate) fn define_value(&mut self, name: &'a str, value: Tensor) {
        let entry = Entry { ty: value.ty(), value: Some(value), source: None };
        let entry = match self.admit_bytes(&entry.ty) {
            Ok(()) => Some(entry),
            Err(diagnostic) => {
                self.report(diagnostic);
                None
            }
        };
        self.entries.insert(name, entry);
    }

    /// Counts a known value of this type.
    fn admit_bytes(&mut self, ty: &TensorType) -> Result<(), Diagnostic> {
        let before = self.constant_bytes;
        self.constant_bytes = before.saturating_add(constants::bytes_of(ty));
        // Reported once: at the value that goes beyond.
        if before <= MAX_CONSTANT_BYTES && self.constant_bytes > MAX_CONSTANT_BYTES {
            let supported = format!("{} MiB", MAX_CONSTANT_BYTES >> 20);
            return Err(Diagnostic::unsupported("PL0102", "the model's constants are too large together").supported(supported));
        }
        Ok(())
    }

    /// Whether a known value of this type still fits.
    pub(crate) fn has_room_for(&self, types: &[TensorType]) -> bool {
        let bytes = types.iter().map(constants::bytes_of).fold(self.constant_bytes, usize::saturating_add);
        bytes <= MAX_CONSTANT_BYTES
    }

    /// The node at `index` for a diagnostic.
    pub(crate) fn node_ref(&self, index: usize) -> NodeRef {
        let total = self.file.node.len();
        let Some(node) = self.file.node.get(index) else {
            return NodeRef { name: String::new(), index, total, op_type: String::new(), domain: String::new(), opset: self.opset };
        };
        let domain = node.domain.as_deref().filter(|domain| !domain.is_empty()).unwrap_or("ai.onnx");
        NodeRef {
            name: display_name(node).to_owned(),
            index: index + 1,
            total,
            op_type: node.op_type.clone().unwrap_or_default(),
            domain: domain.to_owned(),
            opset: self.opset,
        }
    }

    /// What is known of `name`, as an operator sees it.
    pub(crate) fn operand(&self, name: &str) -> Option<Operand<'_>> {
        let entry = self.entries.get(name)?.as_ref()?;
        Some(Operand { ty: &entry.ty, value: entry.value.as_ref() })
    }

    /// The place of `name` in the graph; a constant gets its node on first use.
    pub(crate) fn source_of(&mut self, name: &str) -> Option<Source> {
        let entry = self.entries.get_mut(name)?.as_mut()?;
        match (entry.source, &entry.value) {
            (Some(source), _) => Some(source),
            (None, Some(value)) => {
                let source = self.graph.add_constant(name, value.clone());
                entry.source = Some(source);
                Some(source)
            }
            (None, None) => None,
        }
    }
}

/// The node's name, or its first output's where it has none.
pub(crate) fn display_name(node: &NodeProto) -> &str {
    let first_output = || node.output.iter().map(String::as_str).find(|name| !name.is_empty());
    node.name.as_deref().filter(|name| !name.is_empty()).or_else(first_output).unwrap_or("(without a name)")
}

pub(crate) fn name_of(value: &ValueInfoProto) -> &str {
    value.name.as_deref().unwrap_or_default()
}
