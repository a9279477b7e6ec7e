//! Runs a network of which every value is a result, and keeps the values' ranges; and what is to be known of the values beside these.

mod comparison;

use std::collections::BTreeMap;

use crate::compilation::Compilation;
use crate::error::Error;
use crate::ir::{Graph, Source};
use crate::ops::Op;
use crate::quantization::calibration::check_weights;
use crate::quantization::gptq::{self, Batch};
use crate::quantization::least_error::{Errors, errors};
use crate::quantization::rewrite::terms;
use crate::quantization::shared::share;
use crate::quantization::{Calibration, Range};
use crate::tensor::{DType, Tensor};
pub(crate) use comparison::quantize_and_return;
pub use comparison::{QuantizedObserver, Sum};

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

    /// Gives all that concats join along channels one range, and with it one scale, in place of one for each part.
    pub fn share(&self, calibration: &mut Calibration) {
        share(&self.graph, calibration);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::test_build::Build;
    use crate::onnx::write::ModelWriter;
    use crate::ops::test_case::Case;
    use crate::tensor::TensorType;
    use crate::{ModelFile, Options, observe};

    /// Two inputs that have nothing to do with each other, each through two operators.
    fn observer() -> Observer {
        let ty = TensorType::f32([1, 4]);
        let mut model = ModelWriter::new("g", 17);
        for side in ["a", "b"] {
            let [negative, root] = ["n", "s"].map(|result| format!("{result}{side}"));
            model.input(side, &ty).node("Neg", &negative, &[side], &[&negative], &[]);
            model.node("Abs", &root, &[&negative], &[&root], &[]).output(&root, &ty);
        }
        observe(&ModelFile::from_bytes("net", model.finish()), &Options::default()).unwrap()
    }

    fn example(a: [f32; 4], b: [f32; 4]) -> [Tensor; 2] {
        [a, b].map(|values| Tensor::f32([1, 4], values).unwrap())
    }

    #[test]
    fn every_value_is_observed_by_its_name() {
        let values = observer().values(&example([1.0, -2.0, 0.5, 3.0], [0.0; 4])).unwrap();
        assert_eq!(values.keys().collect::<Vec<_>>(), ["a", "b", "na", "nb", "sa", "sb"]);
        assert_eq!(values["na"].as_f32(), Some(&[-1.0, 2.0, -0.5, -3.0][..]));
    }

    /// Ranges hold all examples, in whatever order these come; what one of them makes no number is not known, however the others are.
    #[test]
    fn ranges_are_those_of_all_examples() {
        let observer = observer();
        let examples = [
            example([1.0, -2.0, 0.5, 3.0], [4.0, 5.0, 6.0, 7.0]),
            example([f32::NAN, 0.0, 0.0, 0.0], [-1.0, 0.0, 0.0, 0.0]),
            example([9.0, 0.0, 0.0, 0.0], [2.0, 2.0, 2.0, 8.0]),
        ];
        let ranges = examples.map(|example| observer.ranges(&example).unwrap());
        assert_eq!(ranges[0]["na"], Some(Range { min: -3.0, max: 2.0 }));
        for order in [[0, 1, 2], [1, 0, 2], [2, 0, 1]] {
            let calibration = observer.calibration(order.map(|index| ranges[index].clone()).to_vec());
            assert_eq!(calibration.examples, 3);
            assert_eq!(calibration.tensors.keys().collect::<Vec<_>>(), ["b", "nb", "sb"], "{order:?}");
            assert_eq!(calibration.tensors["b"], Range { min: -1.0, max: 8.0 });
            assert_eq!(calibration.tensors["nb"], Range { min: -8.0, max: 1.0 });
        }
        let known = observer.calibration(vec![ranges[0].clone(), ranges[2].clone()]);
        assert_eq!(known.tensors["a"], Range { min: -2.0, max: 9.0 });
    }

    /// A value is a result once; one that is a result by another name is one by its own as well; integers are none.
    #[test]
    fn values_that_are_results_already_are_left_alone() {
        let mut b = Build::new();
        let x = b.input("x", &[2, 3]);
        let op = |op_type| Case::new(op_type, 17).input(&[2, 3]).parse().unwrap();
        let first = b.op("first", op("Neg"), &[x]);
        let second = b.op("second", op("Relu"), &[first]);
        let where_most = b.op("index", op("ArgMax"), &[second]);
        b.output(second);
        b.graph.add_output("other", first);
        b.output(where_most);
        return_all(&mut b.graph);
        let names: Vec<_> = b.graph.outputs().iter().map(|output| output.name.as_str()).collect();
        assert_eq!(names, ["second", "other", "index", "first"]);
        return_all(&mut b.graph);
        assert_eq!(b.graph.outputs().len(), 4);
    }
}
