//! Runs a network of which every value is a result, and keeps the values' ranges; and what is to be known of the values beside these.

use std::collections::BTreeMap;

use super::calibration::check_weights;
use super::gptq::{self, Batch};
use super::least_error::{Errors, errors};
use super::rewrite::terms;
use super::{Calibration, Range};
use crate::compilation::Compilation;
use crate::error::Error;
use crate::ir::{DType, Graph, Source, Tensor};
use crate::ops::Op;

/// Observes the values of a network, example by example.
pub struct Observer {
    /// As it is quantised: its results are the model's.
    graph: Graph,
    network: Compilation,
}

impl Observer {
    /// A graph, and the network of it whose values are all results.
    pub(crate) fn new(graph: Graph, network: Compilation) -> Self {
        Observer { graph, network }
    }

    /// All values on an example, of one tensor an input, by their names.
    pub fn values(&self, example: &[Tensor]) -> Result<BTreeMap<String, Tensor>, Error> {
        let given = self.network.inputs().into_iter().map(|(name, _)| name).zip(example.iter().cloned());
        let results = self.network.output_types().into_iter().map(|(name, _)| name).zip(self.network.execute(example)?);
        Ok(given.chain(results).collect())
    }

    /// The ranges of all values on an example; none of what takes values that are no finite numbers.
    pub fn ranges(&self, example: &[Tensor]) -> Result<BTreeMap<String, Option<Range>>, Error> {
        let values = self.values(example)?.into_iter();
        Ok(values.filter_map(|(name, value)| Some((name, Range::of(value.as_f32()?)))).collect())
    }

    /// What narrower ranges than those observed would change on an example.
    pub fn errors(&self, calibration: &Calibration, example: &[Tensor]) -> Result<BTreeMap<String, Errors>, Error> {
        let of_value = |(name, value): (String, Tensor)| {
            let errors = errors(*calibration.tensors.get(&name)?, value.as_f32()?);
            Some((name, errors))
        };
        Ok(self.values(example)?.into_iter().filter_map(of_value).collect())
    }

    /// The products whose weights GPTQ is to round: a pass over the examples for each batch, for the ranges and for what is kept in floats
    /// as the calibration has it now. An error where their weights are too many to be kept.
    pub fn batches(&self, calibration: &Calibration) -> Result<impl Iterator<Item = Batch> + use<>, Error> {
        let products = terms(&self.graph, calibration)?;
        check_weights(&products)?;
        Ok(gptq::batches(products).into_iter().map(Batch::new))
    }

    /// What was observed on examples.
    pub fn calibration(&self, examples: Vec<BTreeMap<String, Option<Range>>>) -> Calibration {
        let (count, mut tensors) = (examples.len(), BTreeMap::<String, Option<Range>>::new());
        for (name, range) in examples.into_iter().flatten() {
            let all = tensors.get(&name).map_or(range, |before| Some(before.as_ref()?.and(range?)));
            tensors.insert(name, all);
        }
        let known = tensors.into_iter().filter_map(|(name, range)| Some((name, range?))).collect();
        let mut calibration = Calibration::new(&self.network.model_hash, count, known);
        calibration.data_sha256.clone_from(&self.network.origin.data_hash);
        calibration
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
