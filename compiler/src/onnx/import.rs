//! A decoded model to a [`Graph`]: every problem is collected before anything is returned.
//!
//! A name whose definition failed is poisoned; what reads it is skipped in silence, so that one run shows every root problem and
//! nothing else. Constants enter the graph when an operator that stays reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use prost::bytes::Bytes;

use super::constants;
use super::importer::{ImportOptions, Importer, name_of};
use super::open::open;
use super::order::order;
use super::tensor::element;
use super::wire::{ModelProto, ValueInfoProto};
use crate::diagnostics::{Diagnostic, Problems, Severity};
use crate::ir::Graph;

/// Versions of the default operator set whose models are taken.
pub(crate) const OPSETS: std::ops::RangeInclusive<i64> = 7..=28;

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

impl<'a> Importer<'a> {
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
