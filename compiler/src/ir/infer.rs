//! Recomputes the types of every value from the inputs and constants, by asking the operators.

use super::graph::{Content, Graph};
use crate::ops::OpError;

impl Graph {
    /// Sets every operator's output types; the first operator that refuses is named.
    pub(crate) fn infer(&mut self) -> Result<(), (String, OpError)> {
        for id in self.ids() {
            let Content::Op(op) = &self.node(id).content else { continue };
            let inputs = self.node_inputs(id);
            let types: Vec<_> = inputs.iter().map(|source| source.map(|s| self.ty(s))).collect();
            let inferred = op.infer(&types).map_err(|error| (self.node(id).name.clone(), error))?;
            for (value, ty) in self.node_mut(id).outputs.iter_mut().zip(inferred) {
                value.ty = ty;
            }
        }
        Ok(())
    }
}
