//! A decoded model to a [`Graph`]: every problem is collected before anything is returned.
//!
//! A name whose definition failed is poisoned; what reads it is skipped in silence, so that one run shows every root problem and
//! nothing else. What no result needs is not looked at. Constants enter the graph when an operator that stays reads them.

use std::collections::BTreeSet;
use std::path::Path;

use prost::bytes::Bytes;

use super::asked;
use super::importer::{Definition, ImportOptions, Importer, check_name};
use super::open::open;
use super::scope::{Scope, name_of};
use super::wire::{ModelProto, ValueInfoProto};
use crate::diagnostics::{Code, Diagnostic, Problems, Severity, grouped};
use crate::ir::Graph;
use crate::node::element;

/// Versions of the default operator set whose models are taken.
pub const OPSETS: std::ops::RangeInclusive<i64> = 1..=28;

/// Why there is no graph of the whole model, and the graph of what could be imported, whose results are what its rest would read.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) problems: Problems,
    pub(crate) graph: Graph,
    /// The constants are too large together, so that those of the graph that are yet to be made had better not be.
    pub(crate) is_over_limit: bool,
}

impl From<Diagnostic> for Refused {
    fn from(diagnostic: Diagnostic) -> Self {
        Refused { problems: diagnostic.into(), graph: Graph::default(), is_over_limit: false }
    }
}

/// Imports a model file. `model_dir` is the folder it was read from, for external data.
///
/// Gives the graph with the notes and warnings, or every problem of the file.
pub(crate) fn import(bytes: Bytes, options: &ImportOptions, model_dir: Option<&Path>) -> Result<(Graph, Vec<Diagnostic>), Refused> {
    let (model, mut scan) = open(bytes)?;
    let opset = default_opset(&model)?;
    let mut scope = Scope::new(model.graph.unwrap_or_default(), opset, &mut scan);
    asked::apply(&mut scope, options).map_err(|problems| Refused {
        problems: Problems(problems),
        graph: Graph::default(),
        is_over_limit: false,
    })?;
    let mut importer = Importer::new(scope.graph.name.as_deref().unwrap_or_default(), opset, options, model_dir);
    importer.has_functions = scan.has_functions;
    importer.results = scope.results().collect();
    importer.outer = scope.defines().collect();
    importer.initializers(&scope.graph);
    importer.inputs(&scope.graph);
    importer.graph_nodes(&scope);
    importer.outputs(&scope.graph.output);
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
        (Some(&version), 1) => Err(Diagnostic::unsupported(Code::OPSET, format!("operator set version {version} is not supported"))
            .found(format!("opset {version}"))
            .supported(supported)
            .help("re-export with opset_version=17")),
        (None, _) => {
            Err(Diagnostic::invalid(Code::OPSET, "the model imports no version of the operator set `ai.onnx`").supported(supported))
        }
        _ => Err(Diagnostic::invalid(Code::OPSET, "the model imports several versions of the operator set `ai.onnx`")
            .found(format!("{versions:?}"))),
    }
}

impl Importer<'_> {
    fn outputs(&mut self, outputs: &[ValueInfoProto]) {
        if outputs.is_empty() {
            self.report(Diagnostic::invalid(Code::OUTPUTS, "the graph has no outputs"));
        }
        for output in outputs {
            let name = name_of(output);
            self.demand(name);
            let diagnostic = match self.definitions.get(name) {
                None => Some(Diagnostic::invalid(Code::OUTPUTS, format!("nothing defines the graph output `{name}`"))),
                Some(Definition::Known(entry)) if entry.ty.shape.contains(&0) => {
                    let title = format!("graph output `{name}` has no elements");
                    Some(Diagnostic::unsupported(Code::SHAPE, title).found(entry.ty.to_string()).supported("extents from 1"))
                }
                Some(_) => check_name(name).err(),
            };
            if let Some(diagnostic) = diagnostic {
                self.report(diagnostic);
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
            self.report(Diagnostic::warning(Code::OUTPUT_TYPE, title));
        }
    }

    fn finish(self) -> Result<(Graph, Vec<Diagnostic>), Refused> {
        let (mut graph, is_over_limit) = (self.graph, self.is_over_limit);
        graph.stored_bytes = self.stored_bytes.get();
        let diagnostics = grouped(self.diagnostics);
        if diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
            graph.return_unread();
            return Err(Refused { problems: Problems(diagnostics), graph, is_over_limit });
        }
        // The branch that an `If` does not take may have been all that read an input.
        if !self.options.output_names.is_empty() {
            graph.keep_needed();
        }
        Ok((graph, diagnostics))
    }
}
