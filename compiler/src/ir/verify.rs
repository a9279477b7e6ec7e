//! What a valid graph is; run after import and after every pass in debug builds and tests.
//!
//! - It has no cycle.
//! - Every input slot is fed by at most one edge, from a slot that exists.
//! - Every operator accepts the types of its inputs, and the types it infers are the ones its outputs carry.
//! - Every constant's slot has the constant's type; every input and output names a node that is there.

use super::graph::{Graph, NodeId, Source};

impl Graph {
    /// Every rule that the graph breaks, in words; empty for a valid graph.
    pub(crate) fn verify(&self) -> Vec<String> {
        let order = self.ids();
        let mut faults = Vec::new();
        if order.len() != self.node_count() {
            faults.push(format!("{} nodes lie on a cycle", self.node_count() - order.len()));
        }
        for &id in &order {
            self.verify_node(id, &mut faults);
        }
        for output in self.outputs() {
            if !self.has(output.source) {
                faults.push(format!("output `{}` has no source", output.name));
            }
        }
        faults
    }

    fn has(&self, source: Source) -> bool {
        self.contains(source.node) && source.slot < self.node(source.node).outputs.len()
    }

    fn verify_node(&self, id: NodeId, faults: &mut Vec<String>) {
        let node = self.node(id);
        if let Some(source) = self.node_inputs(id).iter().flatten().find(|source| !self.has(**source)) {
            faults.push(format!("`{}` reads slot {} of a node without it", node.name, source.slot));
            return;
        }
        let carried: Vec<_> = node.outputs.iter().map(|value| value.ty.clone()).collect();
        match self.infer(id) {
            Ok(inferred) if inferred[..] == carried[..] => {}
            Ok(inferred) => faults.push(format!("`{}` infers {inferred:?} but carries {carried:?}", node.name)),
            Err(error) => faults.push(format!("`{}` refuses its inputs: {error}", node.name)),
        }
    }
}
