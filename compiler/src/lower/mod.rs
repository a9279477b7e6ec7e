//! Graph and target to steps: every operator of the graph is asked for its own, and those that have none are named.
//!
//! Invariant: places nothing. A step names tensors and boxes; the planner decides where they lie, and `steps::bind` fills that in.

mod source;

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostics::{Code, Diagnostic, OpError, Problems};
use crate::ir::{Content, Graph, NodeId, Source};
use crate::plan::problem::{PlanTensor, Relation, Role, TensorId};
use crate::steps::{Agreements, LoweredNode, Lowering, Operand, Outlet, Steps};
use crate::target::Profile;
use crate::tensor::DType;
pub(crate) use source::{ask_for_rows, map_asked_for};

/// Lowers every operator of the graph; the ones that have no kernel are named with the reason, not what reads their results.
pub(crate) fn lower(graph: &Graph, profile: Profile) -> Result<Steps, Vec<(NodeId, OpError)>> {
    let (steps, agreements) = lower_under(graph, profile, Agreements::default())?;
    // Who reads the same weights, and would pack them otherwise, is known once all are packed.
    match agreements.agreed() {
        None => Ok(steps),
        Some(agreements) => {
            drop(steps);
            Ok(lower_under(graph, profile, agreements)?.0)
        }
    }
}

fn lower_under(graph: &Graph, profile: Profile, agreements: Agreements) -> Result<(Steps, Agreements), Vec<(NodeId, OpError)>> {
    let shared = shared_constants(graph);
    let mut lowerer = Lowerer { graph, profile, shared, agreements, steps: Steps::default(), tensors: BTreeMap::new() };
    let mut refused = Vec::new();
    for (index, &id) in graph.inputs().iter().enumerate() {
        let value = graph.value(Source { node: id, slot: 0 });
        let tensor = lowerer.steps.add_tensor(&value.name, value.ty.shape.clone(), value.ty.dtype, Role::Input(index));
        lowerer.tensors.insert(Source { node: id, slot: 0 }, tensor);
    }
    let mut left_out = BTreeSet::new();
    for id in graph.ids() {
        if graph.node_inputs(id).iter().flatten().any(|source| left_out.contains(&source.node)) {
            left_out.insert(id);
        } else if let Err(error) = lowerer.node(id) {
            left_out.insert(id);
            refused.push((id, error));
        }
    }
    for (index, output) in graph.outputs().iter().enumerate() {
        if let Err(error) = lowerer.output(index, &output.name, output.source) {
            refused.push((output.source.node, error));
        }
    }
    if refused.is_empty() { Ok((lowerer.steps, lowerer.agreements)) } else { Err(refused) }
}

/// What a user is told of operators that have no kernel.
pub(crate) fn problems(graph: &Graph, refused: Vec<(NodeId, OpError)>) -> Problems {
    let diagnostic = |(id, error): (NodeId, OpError)| {
        let title = format!("this use of operator `{}` is not supported", graph.label(id));
        let found = format!("node `{}`: {}", graph.node(id).name, error.found);
        let diagnostic = Diagnostic::unsupported(Code::USE, title).found(found);
        Diagnostic { supported: error.supported, help: error.help, ..diagnostic }
    };
    Problems(refused.into_iter().map(diagnostic).collect())
}

/// The constants that are read more than once.
fn shared_constants(graph: &Graph) -> BTreeSet<Source> {
    let (mut read, mut shared) = (BTreeSet::new(), BTreeSet::new());
    for source in graph.ids().into_iter().flat_map(|id| graph.node_inputs(id)).flatten() {
        if graph.constant(source).is_some() && !read.insert(source) {
            shared.insert(source);
        }
    }
    shared
}

struct Lowerer<'a> {
    graph: &'a Graph,
    profile: Profile,
    /// Constants that are read more than once.
    shared: BTreeSet<Source>,
    agreements: Agreements,
    steps: Steps,
    tensors: BTreeMap<Source, TensorId>,
}

impl Lowerer<'_> {
    fn node(&mut self, id: NodeId) -> Result<(), OpError> {
        let Content::Op(op) = &self.graph.node(id).content else { return Ok(()) };
        let inputs = self.graph.node_inputs(id);
        let types: Vec<_> = inputs.iter().map(|source| source.map(|source| self.graph.ty(source))).collect();
        if let Some(ty) = types.iter().flatten().find(|ty| ty.dtype != DType::F32).filter(|_| !op.runs(&types)) {
            return Err(OpError::unsupported(format!("reads {ty} at run time")).supported("f32"));
        }
        let shares = inputs.iter().flatten().any(|source| self.shared.contains(source));
        let mut operands = Vec::new();
        for source in inputs {
            operands.push(match source {
                None => None,
                Some(source) => Some(match self.graph.constant(source) {
                    Some(tensor) => Operand::Constant(tensor),
                    None => Operand::Tensor(self.tensor(source)?),
                }),
            });
        }
        let outlets = self.graph.node(id).outputs.iter().enumerate().map(|(slot, value)| {
            let source = Source { node: id, slot };
            let is_read = self.graph.is_output(source) || !self.graph.consumers(source).is_empty();
            Outlet::new(&value.name, &value.ty, is_read)
        });
        let node =
            LoweredNode { name: self.graph.node(id).name.clone(), label: self.graph.labels(id), operands, outlets: outlets.collect() };
        let agreements = if shares { Some(&mut self.agreements) } else { None };
        let mut ctx = Lowering::new(node, self.profile, agreements, &mut self.steps);
        op.lower(&mut ctx)?;
        let made = ctx.outputs().map(|(slot, tensor)| (Source { node: id, slot }, tensor));
        self.tensors.extend(made);
        Ok(())
    }

    fn tensor(&mut self, source: Source) -> Result<TensorId, OpError> {
        let value = self.graph.value(source);
        self.tensors.get(&source).copied().ok_or_else(|| OpError::new(format!("`{}` is not computed", value.name)))
    }

    /// A result is a tensor of its own, moved out of the value that the graph computes; the move is seldom left.
    fn output(&mut self, index: usize, name: &str, source: Source) -> Result<(), OpError> {
        let from = match self.graph.constant(source) {
            Some(tensor) => self.steps.constant(name, tensor)?,
            None => match self.tensors.get(&source) {
                Some(&tensor) => tensor,
                None => return Ok(()),
            },
        };
        let PlanTensor { shape, dtype, .. } = self.steps.problem.tensors[from].clone();
        let to = self.steps.add_tensor(name, shape, dtype, Role::Output(index));
        self.steps.push_move(&format!("{name}_output"), &["Output".to_owned()], from, to, Relation::Same);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
