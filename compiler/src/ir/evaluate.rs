//! Naive evaluation: the oracle of folding, of passes and of property tests. Long sums are made in double precision.

use std::collections::BTreeMap;

use super::graph::{Content, Graph, Source};
use crate::diagnostics::OpError;
use crate::tensor::Tensor;

impl Graph {
    /// Computes every graph output from `inputs`, given in the graph's order. Slow, straightforward, in ONNX's layout.
    pub fn evaluate(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, OpError> {
        let mut values: BTreeMap<Source, Tensor> = BTreeMap::new();
        for (&node, tensor) in self.inputs().iter().zip(inputs) {
            values.insert(Source { node, slot: 0 }, tensor.clone());
        }
        for id in self.ids() {
            match &self.node(id).content {
                Content::Input => {}
                Content::Constant(tensor) => _ = values.insert(Source { node: id, slot: 0 }, tensor.clone()),
                Content::Op(op) => {
                    let sources = self.node_inputs(id);
                    let operands: Vec<_> = sources.iter().map(|source| source.and_then(|s| values.get(&s))).collect();
                    for (slot, tensor) in op.evaluate(&operands)?.into_iter().enumerate() {
                        values.insert(Source { node: id, slot }, tensor);
                    }
                }
            }
        }
        let missing = |name: &str| OpError::new(format!("graph output `{name}` has no value"));
        self.outputs().iter().map(|out| values.get(&out.source).cloned().ok_or_else(|| missing(&out.name))).collect()
    }
}
