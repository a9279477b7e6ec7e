//! The types of an operator's outputs, by asking the operator.

use super::graph::{Content, Graph, NodeId, Source};
use crate::diagnostics::OpError;
use crate::tensor::TensorType;

impl Graph {
    /// The types that node `id` gives its outputs from those of its inputs.
    pub(crate) fn infer(&self, id: NodeId) -> Result<Vec<TensorType>, OpError> {
        match &self.node(id).content {
            Content::Input => Ok(vec![self.ty(Source { node: id, slot: 0 }).clone()]),
            Content::Constant(tensor) => Ok(vec![tensor.ty()]),
            Content::Op(op) => {
                let sources = self.node_inputs(id);
                let types: Vec<_> = sources.iter().map(|source| source.map(|s| self.ty(s))).collect();
                op.infer(&types)
            }
        }
    }

    /// Multiply-accumulates of one inference, by ONNX's meaning of every operator.
    pub fn macs(&self) -> u64 {
        let macs = |id: NodeId| {
            let sources = self.node_inputs(id);
            let types: Vec<_> = sources.iter().map(|source| source.map(|s| self.ty(s))).collect();
            self.op(id).map_or(0, |op| op.macs(&types))
        };
        self.ids().into_iter().map(macs).sum()
    }
}
