//! The one textual form of a graph: tests, `--dump-after` and bug reports show it.
//!
//! One line a node, in execution order: `%name: type = operator { attributes }(%input, ...)`.

use std::fmt;

use super::graph::{Content, Graph, NodeId};
use crate::diagnostics::clean::clean;

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "graph {} (opset {})", clean(&self.name), self.opset)?;
        for id in self.ids() {
            self.fmt_node(id, f)?;
        }
        for output in self.outputs() {
            writeln!(f, "  return %{} as {}", clean(&self.value(output.source).name), clean(&output.name))?;
        }
        Ok(())
    }
}

impl Graph {
    fn fmt_node(&self, id: NodeId, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node = self.node(id);
        let outputs: Vec<_> = node.outputs.iter().map(|value| format!("%{}: {}", clean(&value.name), value.ty)).collect();
        write!(f, "  {} = ", outputs.join(", "))?;
        match &node.content {
            Content::Input => writeln!(f, "Input"),
            Content::Constant(tensor) => writeln!(f, "Constant {tensor:?}"),
            Content::Op(op) => {
                let inputs: Vec<_> = self
                    .node_inputs(id)
                    .into_iter()
                    .map(|source| source.map_or("_".to_owned(), |s| format!("%{}", clean(&self.value(s).name))))
                    .collect();
                writeln!(f, "{op:?}({})", inputs.join(", "))
            }
        }
    }
}
