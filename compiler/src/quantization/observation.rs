//! Runs a network of which every value is a result, and keeps the values' ranges.

use std::collections::BTreeMap;

use super::{Calibration, Range};
use crate::compilation::Compilation;
use crate::error::Error;
use crate::ir::{DType, Graph, Source, Tensor};
use crate::ops::Op;

/// Observes the values of a network, example by example.
pub struct Observer {
    network: Compilation,
}

impl Observer {
    /// A network whose values are all results.
    pub(crate) fn new(network: Compilation) -> Self {
        Observer { network }
    }

    /// The ranges of all values on an example, of one tensor an input; none of what takes values that are no finite numbers.
    pub fn ranges(&self, example: &[Tensor]) -> Result<BTreeMap<String, Option<Range>>, Error> {
        let given = self.network.inputs().into_iter().map(|(name, _)| name).zip(example.iter().cloned());
        let results = self.network.output_types().into_iter().map(|(name, _)| name).zip(self.network.execute(example)?);
        let mut ranges = BTreeMap::new();
        for (name, value) in given.chain(results) {
            let Some(values) = value.as_f32() else { continue };
            ranges.insert(name, Range::of(values));
        }
        Ok(ranges)
    }

    /// The values on an example by their names, without those that are given.
    pub(crate) fn values(&self, example: &[Tensor]) -> Result<BTreeMap<String, Tensor>, Error> {
        let names = self.network.output_types().into_iter().map(|(name, _)| name);
        Ok(names.zip(self.network.execute(example)?).collect())
    }

    /// What was observed on examples.
    pub fn calibration(&self, examples: Vec<BTreeMap<String, Option<Range>>>) -> Calibration {
        let (count, mut tensors) = (examples.len(), BTreeMap::<String, Option<Range>>::new());
        for (name, range) in examples.into_iter().flatten() {
            let all = tensors.get(&name).map_or(range, |before| Some(before.as_ref()?.and(range?)));
            tensors.insert(name, all);
        }
        let known = tensors.into_iter().filter_map(|(name, range)| Some((name, range?))).collect();
        Calibration::new(&self.network.model_hash, count, known)
    }

    /// The nodes that may become sums of bytes.
    pub fn products(&self) -> Vec<&str> {
        let graph = self.network.graph();
        let ids = graph.ids().into_iter().filter(|&id| matches!(graph.op(id), Some(Op::Conv(_) | Op::MatMul(_))));
        ids.map(|id| graph.node(id).name.as_str()).collect()
    }
}

/// Makes a result of every value of floats that is computed.
pub(crate) fn return_all(graph: &mut Graph) {
    for id in graph.ids() {
        if graph.op(id).is_none() {
            continue;
        }
        for slot in 0..graph.node(id).outputs.len() {
            let source = Source { node: id, slot };
            let name = graph.value(source).name.clone();
            // A result may have a name of its own.
            let is_there = graph.outputs().iter().any(|output| output.source == source && output.name == name);
            if graph.ty(source).dtype == DType::F32 && !is_there {
                graph.add_output(&name, source);
            }
        }
    }
}
