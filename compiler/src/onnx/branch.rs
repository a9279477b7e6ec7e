//! `If` with a condition that is known when compiling: the branch that it chooses stands in its place.

use super::importer::{Definition, Importer, Refusal};
use super::scope::Scope;
use crate::diagnostics::{Code, Diagnostic};
use crate::tensor::Data;

impl<'a> Importer<'a> {
    /// Imports the chosen branch of the `If` at `index`, and gives its results the names of the node's outputs.
    pub(crate) fn choose(&mut self, scope: &'a Scope, index: usize) -> Result<(), Refusal> {
        let Some(node) = scope.graph.node.get(index) else { return Ok(()) };
        let condition = self.condition(node.input.first().map_or("", String::as_str))?;
        let invalid = |found: String| Diagnostic::invalid(Code::NOT_VALID, "operator `If` is not valid here").found(found);
        let inner = match scope.branch(index, condition) {
            Some(Ok(inner)) => inner,
            Some(Err(why)) => return Err(invalid(why.clone()).into()),
            None => return Ok(()),
        };
        if inner.graph.output.len() < node.output.len() {
            let found = format!("the branch has {} outputs where the node has {}", inner.graph.output.len(), node.output.len());
            return Err(invalid(found).into());
        }
        let hidden: Vec<_> = inner.defines().map(|name| (name, self.definitions.remove(name))).collect();
        self.initializers(&inner.graph);
        self.graph_nodes(inner);
        let results: Vec<_> = inner.results().map(|name| self.result(name)).collect();
        // A name that the branch defines twice was hidden by the first, which is put back last.
        for (name, definition) in hidden.into_iter().rev() {
            match definition {
                Some(definition) => _ = self.definitions.insert(name, definition),
                None => _ = self.definitions.remove(name),
            }
        }
        for (name, result) in node.output.iter().zip(results).filter(|(name, _)| !name.is_empty()) {
            self.definitions.entry(name).or_insert(result);
        }
        Ok(())
    }

    fn condition(&mut self, name: &str) -> Result<bool, Refusal> {
        self.demand(name);
        let operand = self.operand(name).ok_or(Refusal::Poisoned)?;
        match operand.value.map(|value| value.data()) {
            Some(Data::Bool(flags)) if flags.len() == 1 => Ok(flags.contains(&true)),
            Some(_) => {
                let found = format!("its condition `{name}` is {}", operand.ty);
                Err(Diagnostic::invalid(Code::NOT_VALID, "operator `If` is not valid here").found(found).supported("one bool").into())
            }
            None => {
                let diagnostic = Diagnostic::unsupported(Code::USE, "this use of operator `If` is not supported");
                let found = format!("its condition `{name}` is computed at run time");
                let help = "export by tracing, which follows one branch: give torch.onnx.export a plain nn.Module";
                Err(diagnostic.found(found).supported("a condition that follows from shapes and constants").help(help).into())
            }
        }
    }

    /// What `name` stands for in the branch.
    fn result(&mut self, name: &str) -> Definition<'a> {
        self.demand(name);
        match self.definitions.get(name) {
            Some(Definition::Known(entry)) => Definition::Known(entry.clone()),
            Some(_) => Definition::Failed,
            None => {
                self.report(Diagnostic::invalid(Code::OUTPUTS, format!("nothing defines the output `{name}` of a branch")));
                Definition::Failed
            }
        }
    }
}
