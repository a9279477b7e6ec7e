//! A decoded model to a [`Graph`]: every problem is collected before anything is returned.
//!
//! A name whose definition failed is poisoned; what reads it is skipped in silence, so that one run shows every root problem and
//! nothing else. Constants enter the graph when an operator that stays reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use prost::bytes::Bytes;

use super::constants::{self, External, MAX_CONSTANT_BYTES};
use super::order::order;
use super::tensor::element;
use super::wire::{GraphProto, ModelProto, ValueInfoProto};
use super::{node::Operand, open::open};
use crate::diagnostics::{Diagnostic, NodeRef, Problems, Severity};
use crate::ir::{Graph, Source, Tensor, TensorType};

/// Versions of the default operator set whose models are taken.
pub(crate) const OPSETS: std::ops::RangeInclusive<i64> = 7..=28;

/// What the user decides about reading a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ImportOptions {
    /// Extents for symbolic dimensions, by name. A dimension without a name is called `INPUT.AXIS`.
    pub(crate) input_dims: BTreeMap<String, usize>,
    /// Whether the model may name files beside it that hold its weights.
    pub(crate) allow_external: bool,
}

/// Imports a model file. `model_dir` is the folder it was read from, for external data.
///
/// Gives the graph with the notes and warnings, or every problem of the file.
pub(crate) fn import(bytes: Bytes, options: &ImportOptions, model_dir: Option<&Path>) -> Result<(Graph, Vec<Diagnostic>), Problems> {
    let model = open(bytes)?;
    let opset = default_opset(&model)?;
    let graph = model.graph.unwrap_or_default();
    let mut importer = Importer::new(&graph, opset, options, model_dir);
    importer.initializers();
    importer.inputs();
    importer.nodes();
    importer.outputs();
    importer.finish()
}

/// The one version of `ai.onnx` that the model imports.
fn default_opset(model: &ModelProto) -> Result<i64, Diagnostic> {
    let is_default = |domain: &Option<String>| matches!(domain.as_deref(), None | Some("" | "ai.onnx"));
    let versions: BTreeSet<i64> =
        model.opset_import.iter().filter(|import| is_default(&import.domain)).map(|import| import.version.unwrap_or(0)).collect();
    let supported = format!("{} to {}", OPSETS.start(), OPSETS.end());
    match (versions.first(), versions.len()) {
        (Some(version), 1) if OPSETS.contains(version) => Ok(*version),
        (Some(version), 1) => Err(Diagnostic::unsupported("PL0104", format!("operator set version {version} is not supported"))
            .found(format!("opset {version}"))
            .supported(supported)
            .help("re-export with opset_version=17, or convert: python -c \"import onnx; onnx.save(onnx.version_converter.convert_version(onnx.load('model.onnx'), 17), 'opset17.onnx')\"")),
        (None, _) => Err(Diagnostic::invalid("PL0104", "the model imports no version of the operator set `ai.onnx`").supported(supported)),
        _ => Err(Diagnostic::invalid("PL0104", "the model imports several versions of the operator set `ai.onnx`")
            .found(format!("{versions:?}"))),
    }
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
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Importer<'a> {
    fn new(file: &'a GraphProto, opset: i64, options: &'a ImportOptions, folder: Option<&'a Path>) -> Self {
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
            fold_budget: super::nodes::FOLD_BUDGET,
            constant_bytes: 0,
            diagnostics: Vec::new(),
        }
    }

    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    fn initializers(&mut self) {
        let file = self.file;
        for proto in &file.initializer {
            let name = proto.name.as_deref().unwrap_or_default();
            let what = format!("initializer `{name}`");
            if name.is_empty() || self.entries.contains_key(name) {
                let how = if name.is_empty() { "an initializer has no name".to_owned() } else { format!("{what} is given twice") };
                self.report(Diagnostic::invalid("PL0201", how));
                continue;
            }
            self.entries.insert(name, None);
            match constants::read(proto, &what, self.external) {
                Ok(value) => self.define_value(name, value),
                Err(diagnostic) => self.report(diagnostic),
            }
        }
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

    fn nodes(&mut self) {
        let producers = self.producers();
        self.undefined_names(&producers);
        let order = order(&self.file.node, &producers);
        for cycle in &order.cycles {
            let diagnostic = self.describe_cycle(cycle);
            self.report(diagnostic);
        }
        for index in order.nodes {
            self.node(index);
        }
        for index in order.stuck {
            self.stuck_node(index);
        }
    }

    /// The node that defines each name; a second definition is reported and left out.
    fn producers(&mut self) -> BTreeMap<&'a str, usize> {
        let mut producers = BTreeMap::new();
        let file = self.file;
        for (index, node) in file.node.iter().enumerate() {
            for name in node.output.iter().map(String::as_str).filter(|name| !name.is_empty()) {
                if self.entries.contains_key(name) || producers.contains_key(name) {
                    let diagnostic =
                        Diagnostic::invalid("PL0201", format!("`{name}` is defined twice")).at(self.node_ref(index), Vec::new());
                    self.report(diagnostic.help("every tensor needs a name of its own; export the model again"));
                } else {
                    producers.insert(name, index);
                }
            }
        }
        producers
    }

    /// Reports and poisons names that a node reads and nothing defines.
    fn undefined_names(&mut self, producers: &BTreeMap<&'a str, usize>) {
        let file = self.file;
        for (index, node) in file.node.iter().enumerate() {
            for name in node.input.iter().map(String::as_str).filter(|name| !name.is_empty()) {
                if !self.entries.contains_key(name) && !producers.contains_key(name) {
                    let diagnostic = Diagnostic::invalid("PL0202", format!("nothing defines the tensor `{name}`"));
                    self.report(diagnostic.at(self.node_ref(index), Vec::new()));
                    self.entries.insert(name, None);
                }
            }
        }
    }

    fn describe_cycle(&self, cycle: &[usize]) -> Diagnostic {
        const SHOWN: usize = 5;
        let mut names: Vec<_> = cycle.iter().take(SHOWN).map(|&index| format!("`{}`", self.node_ref(index).name)).collect();
        if cycle.len() > SHOWN {
            names.push(format!("{} more", cycle.len() - SHOWN));
        }
        Diagnostic::invalid("PL0203", format!("nodes read each other in a cycle: {}", names.join(", ")))
    }

    /// The node at `index` for a diagnostic.
    pub(crate) fn node_ref(&self, index: usize) -> NodeRef {
        let total = self.file.node.len();
        let Some(node) = self.file.node.get(index) else {
            return NodeRef { name: String::new(), index, total, op_type: String::new(), domain: String::new(), opset: self.opset };
        };
        let domain = node.domain.as_deref().filter(|domain| !domain.is_empty()).unwrap_or("ai.onnx");
        NodeRef {
            name: super::nodes::display_name(node).to_owned(),
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

    fn outputs(&mut self) {
        let file = self.file;
        let mut seen = BTreeSet::new();
        if file.output.is_empty() {
            self.report(Diagnostic::invalid("PL0207", "the graph has no outputs"));
        }
        for output in &file.output {
            let name = name_of(output);
            if !seen.insert(name) {
                self.report(Diagnostic::invalid("PL0201", format!("graph output `{name}` is given twice")));
                continue;
            }
            if !self.entries.contains_key(name) {
                self.report(Diagnostic::invalid("PL0207", format!("nothing defines the graph output `{name}`")));
                continue;
            }
            self.check_declared(output);
            if let Some(source) = self.source_of(name) {
                self.graph.add_output(name, source);
            }
        }
    }

    /// Warns where an output's declared element type is another than the one that the nodes give.
    fn check_declared(&mut self, output: &ValueInfoProto) {
        let declared = output.r#type.as_ref().and_then(|ty| ty.tensor_type.as_ref()).and_then(|ty| ty.elem_type);
        let (Some(declared), Some(operand)) = (declared, self.operand(name_of(output))) else { return };
        let computed = operand.ty.dtype;
        if let Ok(element) = element(Some(declared))
            && element.dtype != computed
        {
            let title = format!("graph output `{}` is declared {} and computed as {computed}", name_of(output), element.name);
            self.report(Diagnostic::warning("PL0211", title));
        }
    }

    fn finish(self) -> Result<(Graph, Vec<Diagnostic>), Problems> {
        if self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
            return Err(Problems(self.diagnostics));
        }
        Ok((self.graph, self.diagnostics))
    }
}

pub(crate) fn name_of(value: &ValueInfoProto) -> &str {
    value.name.as_deref().unwrap_or_default()
}
