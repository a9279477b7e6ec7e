//! Runs a quantised network of which all that its sums of bytes stand for is a result, beside one of floats.

use std::collections::{BTreeMap, BTreeSet};

use super::Observer;
use crate::compilation::Compilation;
use crate::error::Error;
use crate::ir::{Graph, NodeId, Source};
use crate::ops::Op;
use crate::ops::quantize::Direction;
use crate::quantization::{Calibration, quantize};
use crate::tensor::Tensor;

/// A convolution or a product that became a sum of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sum {
    /// The node's name, by which a calibration keeps it in floats.
    pub node: String,
    /// The operators that the sum stands for.
    pub operator: String,
    /// Name of the value that the bytes stand for.
    value: String,
}

/// Observes a quantised network, example by example.
pub struct QuantizedObserver {
    network: Compilation,
    sums: Vec<Sum>,
}

impl QuantizedObserver {
    /// A network that returns what these sums stand for.
    pub(crate) fn new(network: Compilation, sums: Vec<Sum>) -> Self {
        QuantizedObserver { network, sums }
    }

    /// What became sums of bytes, in the network's order.
    pub fn sums(&self) -> &[Sum] {
        &self.sums
    }

    /// The values of every sum on an example: those that `floats` computes, and those that the bytes stand for.
    pub fn values(&self, floats: &Observer, example: &[Tensor]) -> Result<[Vec<Tensor>; 2], Error> {
        let floats = floats.values(example)?;
        let names = self.network.output_types().into_iter().map(|(name, _)| name);
        let bytes: BTreeMap<String, Tensor> = names.zip(self.network.execute(example)?).collect();
        let mut values = [Vec::new(), Vec::new()];
        for (values, network) in values.iter_mut().zip([&floats, &bytes]) {
            for Sum { value, .. } in &self.sums {
                let found = network.get(value).ok_or_else(|| Error::Internal(format!("`{value}` is no result")))?;
                values.push(found.clone());
            }
        }
        Ok(values)
    }
}

/// Quantises what it can, and makes a result of all that a sum of bytes stands for; says which sums there are, each name once.
pub(crate) fn quantize_and_return(graph: &mut Graph, calibration: &Calibration) -> Result<Vec<Sum>, Error> {
    let before: BTreeSet<NodeId> = graph.ids().into_iter().collect();
    quantize(graph, calibration, false)?;
    let (mut sums, mut names) = (Vec::new(), BTreeSet::new());
    for id in graph.ids() {
        if before.contains(&id) || !matches!(graph.op(id), Some(Op::QuantizedConv(_))) {
            continue;
        }
        let Some(source) = dequantized(graph, id) else { continue };
        let (node, value) = (graph.node(id).name.clone(), graph.value(source).name.clone());
        if !names.insert(node.clone()) {
            continue;
        }
        if !graph.outputs().iter().any(|output| output.source == source && output.name == value) {
            graph.add_output(&value, source);
        }
        sums.push(Sum { node, operator: graph.label(id), value });
    }
    Ok(sums)
}

/// The floats that a node's bytes stand for.
fn dequantized(graph: &Graph, id: NodeId) -> Option<Source> {
    let readers = graph.consumers(Source { node: id, slot: 0 }).into_iter().map(|(reader, _)| Source { node: reader, slot: 0 });
    let dequantizes = |node: NodeId| matches!(graph.op(node), Some(Op::Quantize(op)) if op.direction == Direction::Dequantize);
    readers.into_iter().find(|source| dequantizes(source.node))
}

#[cfg(test)]
mod tests {
    use peleec_runtime::Activation;

    use super::*;
    use crate::ir::test_build::Build;
    use crate::ops::Unary;
    use crate::passes::equivalence::conv;
    use crate::quantization::Range;

    #[test]
    fn what_sums_stand_for_is_returned_by_its_name() {
        let mut build = Build::new();
        let x = build.input("x", &[1, 4, 4, 4]);
        let first = conv(&mut build, "first", x, 4, 1);
        let relu = build.op("relu", Op::Unary(Unary { activation: Activation::Relu }), &[first]);
        let last = conv(&mut build, "last", relu, 2, 1);
        build.output(last);
        let range = Range { min: -4.0, max: 4.0 };
        let tensors: BTreeMap<_, _> = ["x", "first", "relu", "last"].map(|name| (name.to_owned(), range)).into_iter().collect();
        let mut graph = build.graph;
        let count = graph.outputs().len();
        let sums = quantize_and_return(&mut graph, &Calibration::new("", 1, tensors)).unwrap();
        let mut found: Vec<_> = sums.iter().map(|sum| (sum.node.as_str(), sum.value.as_str())).collect();
        found.sort_unstable();
        assert_eq!(found, [("first", "relu"), ("last", "last")]);
        assert_eq!(graph.outputs().len(), count + 1);
        assert!(sums.iter().all(|sum| sum.operator.starts_with("Conv")), "{sums:?}");
        assert!(graph.verify().is_empty(), "{:?}", graph.verify());
    }
}
