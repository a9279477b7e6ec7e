//! Which names a graph of the file defines, what stands behind each, and the order in which its nodes are imported.

use std::collections::BTreeMap;

use super::importer::{Definition, Importer};
use super::order::{live, order};
use super::scope::{Scope, inputs};
use super::wire::GraphProto;
use crate::diagnostics::{Code, Diagnostic};

impl<'a> Importer<'a> {
    /// Notes the stored values of `graph`; none is read before something asks for it.
    pub(crate) fn initializers(&mut self, graph: &'a GraphProto) {
        for proto in &graph.initializer {
            self.initializer(proto.name.as_deref().unwrap_or_default(), Definition::Stored(proto));
        }
        for sparse in &graph.sparse_initializer {
            let name = sparse.values.as_ref().and_then(|values| values.name.as_deref());
            self.initializer(name.unwrap_or_default(), Definition::Sparse);
        }
    }

    fn initializer(&mut self, name: &'a str, definition: Definition<'a>) {
        if name.is_empty() || self.definitions.contains_key(name) {
            let unnamed = "an initializer has no name".to_owned();
            let how = if name.is_empty() { unnamed } else { format!("initializer `{name}` is given twice") };
            self.report(Diagnostic::invalid(Code::NAME_TAKEN, how));
            return;
        }
        self.definitions.insert(name, definition);
    }

    /// Imports the nodes of a graph that its results need.
    pub(crate) fn graph_nodes(&mut self, scope: &'a Scope) {
        let producers = self.producers(scope);
        let mut reads: Vec<Vec<&'a str>> = (0..scope.graph.node.len()).map(|index| scope.reads(index)).collect();
        let is_live = live(scope.results(), &reads, &producers);
        // A graph that is asked to end elsewhere was perhaps asked to because of what lies behind.
        let is_cut = !self.options.output_names.is_empty();
        for names in reads.iter_mut().zip(&is_live).filter(|(_, live)| is_cut && !**live).map(|(names, _)| names) {
            names.clear();
        }
        self.undefined_names(scope, &producers, |index| !is_cut || is_live.get(index) == Some(&true));
        let is_needed = |index: &usize| is_live.get(*index) == Some(&true);
        let read = reads.iter().zip(&is_live).filter(|(_, live)| **live).flat_map(|(names, _)| names);
        self.read.extend(read.copied().chain(scope.results()));
        let order = order(&reads, &producers);
        for cycle in &order.cycles {
            let diagnostic = self.describe_cycle(scope, cycle);
            self.report(diagnostic);
        }
        for index in order.nodes.into_iter().filter(is_needed) {
            self.node(scope, index);
        }
        for index in order.stuck.into_iter().filter(is_needed) {
            self.stuck_node(scope, index);
        }
    }

    /// The node that defines each name; a second definition is reported and left out.
    fn producers(&mut self, scope: &'a Scope) -> BTreeMap<&'a str, usize> {
        let mut producers = BTreeMap::new();
        for (index, node) in scope.graph.node.iter().enumerate() {
            for name in node.output.iter().map(String::as_str).filter(|name| !name.is_empty()) {
                if self.definitions.contains_key(name) || producers.contains_key(name) {
                    let diagnostic = Diagnostic::invalid(Code::NAME_TAKEN, format!("`{name}` is defined twice"));
                    let diagnostic = diagnostic.at(self.node_ref(scope, index), Vec::new());
                    self.report(diagnostic.help("every tensor needs a name of its own; export the model again"));
                } else {
                    producers.insert(name, index);
                }
            }
        }
        producers
    }

    /// Reports and poisons names that a node reads and nothing defines.
    fn undefined_names(&mut self, scope: &'a Scope, producers: &BTreeMap<&'a str, usize>, is_looked_at: impl Fn(usize) -> bool) {
        for (index, node) in scope.graph.node.iter().enumerate().filter(|(index, _)| is_looked_at(*index)) {
            for name in inputs(node) {
                if !self.definitions.contains_key(name) && !producers.contains_key(name) {
                    let diagnostic = Diagnostic::invalid(Code::UNDEFINED, format!("nothing defines the tensor `{name}`"));
                    self.report(diagnostic.at(self.node_ref(scope, index), Vec::new()));
                    self.definitions.insert(name, Definition::Failed);
                }
            }
        }
    }

    fn describe_cycle(&self, scope: &Scope, cycle: &[usize]) -> Diagnostic {
        const SHOWN: usize = 5;
        let mut names: Vec<_> = cycle.iter().take(SHOWN).map(|&index| format!("`{}`", self.node_ref(scope, index).name)).collect();
        if cycle.len() > SHOWN {
            names.push(format!("{} more", cycle.len() - SHOWN));
        }
        Diagnostic::invalid(Code::CYCLE, format!("nodes read each other in a cycle: {}", names.join(", ")))
    }
}
