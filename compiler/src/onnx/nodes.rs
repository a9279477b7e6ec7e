//! One node of the file after another: parsed, its types inferred, computed at once where that is cheap, or added to the graph.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::importer::{Definition, Entry, Importer, Refusal, check_extents, check_name, display_name, op_refused};
use super::integers::is_of_integers;
use super::scope::{Scope, inputs, is_if};
use super::wire::{NodeProto, TensorProto};
use super::{attributes, constants};
use crate::diagnostics::{Code, Diagnostic, OpError};
use crate::ir::{Source, Value};
use crate::node::{Attribute, GROWTH_COST, NodeView, Operand, USUAL_RANK};
use crate::ops::{Op, attributes_of};
use crate::tensor::{Tensor, TensorType};

/// Values of more elements stay operators, for the passes to fold.
const FOLD_ELEMENTS: usize = 65_536;

impl<'a> Importer<'a> {
    /// Imports the node at `index`, whose inputs are defined or poisoned.
    pub(crate) fn node(&mut self, scope: &'a Scope, index: usize) {
        let Some(node) = scope.graph.node.get(index) else { return };
        let imported = match scope.meaning(index) {
            Some(parts) => parts.iter().try_for_each(|part| self.import_node(part)),
            None if is_if(node) => self.choose(scope, index),
            None if is_of_integers(node) => self.integers(node),
            None => self.import_node(node),
        };
        if let Err(refusal) = imported {
            self.refuse(scope, index, refusal);
        }
    }

    /// A node on or behind a cycle: only its operator is looked at.
    pub(crate) fn stuck_node(&mut self, scope: &'a Scope, index: usize) {
        let Some(node) = scope.graph.node.get(index) else { return };
        let refusal = self.check_supported(node).err().map_or(Refusal::Poisoned, Refusal::from);
        self.refuse(scope, index, refusal);
    }

    fn refuse(&mut self, scope: &'a Scope, index: usize, refusal: Refusal) {
        let Some(node) = scope.graph.node.get(index) else { return };
        if let Refusal::Told(diagnostic) = refusal {
            let diagnostic = diagnostic.at(self.node_ref(scope, index), self.describe_inputs(node));
            self.report(diagnostic);
        }
        for name in node.output.iter().filter(|name| !name.is_empty()) {
            self.definitions.entry(name).or_insert(Definition::Failed);
        }
    }

    fn import_node(&mut self, node: &'a NodeProto) -> Result<(), Refusal> {
        self.check_supported(node)?;
        node.input.iter().chain(&node.output).try_for_each(|name| check_name(name))?;
        inputs(node).for_each(|name| self.demand(name));
        let op_type = node.op_type.as_deref().unwrap_or_default();
        let names: Vec<Option<&str>> = until_last(&node.input).iter().map(|name| Some(name.as_str()).filter(|n| !n.is_empty())).collect();
        let inputs = self.operands(&names)?;
        let attributes = self.attributes(node)?;
        let outputs = until_last(&node.output).len();
        let listed = attributes_of(op_type);
        let view = NodeView { op_type, opset: self.opset, attributes: &attributes, listed, inputs, outputs, budget: &self.fold_budget };
        let told = |error| op_refused(op_type, error);
        let op = Op::parse(&view).unwrap_or_else(|| Err(OpError::unsupported("is in no list"))).map_err(told)?;
        let kept = leading(&view.inputs, op.data_inputs());
        let types: Vec<_> = kept.iter().map(|operand| operand.map(|operand| operand.ty)).collect();
        let inferred = op.infer(&types).map_err(told)?;
        self.check_outputs(node, &inferred)?;
        let is_constant = names.iter().flatten().take(kept.len()).all(|name| self.entry(name).is_some_and(|entry| entry.is_constant));
        if !is_constant && !op.runs(&types) {
            return Err(self.only_computed(node, &op).into());
        }
        let computed = if !is_constant || self.has_room_for(&inferred) {
            self.compute(&op, kept, &inferred).map_err(told)?
        } else {
            return Err(self.check_room(&inferred).err().unwrap_or(Refusal::Poisoned));
        };
        let number = if computed.is_none() { number(&op, kept, &inferred) } else { None };
        // What is computed, now or by a pass, may pass it on.
        let read = if computed.is_some() || is_constant { names.get(kept.len()..).unwrap_or_default() } else { names.as_slice() };
        self.check_numbers(read)?;
        match computed {
            Some(values) => self.define_values(node, values),
            None => {
                let kept = names.get(..kept.len()).unwrap_or(&names).to_vec();
                if kept.is_empty() {
                    // It is made once it is known that all constants together are few enough.
                    self.reserve(&inferred);
                }
                self.add_op(node, op, &kept, inferred, (is_constant, number));
            }
        }
        Ok(())
    }

    /// The node's attributes, of which tensors count towards the limit of known values.
    pub(super) fn attributes(&self, node: &NodeProto) -> Result<BTreeMap<String, Attribute>, Diagnostic> {
        let read = RefCell::new(Vec::new());
        let stored = |proto: &TensorProto| {
            let what = "a tensor among the attributes";
            read.borrow_mut().push(constants::ty(proto, what)?);
            if !self.has_room_for(&read.borrow()) {
                return Err(Diagnostic::unsupported(Code::TOO_LARGE, "the node's attributes are too large together with the constants"));
            }
            let value = constants::read(proto, what, self.external)?;
            self.count_stored(&value.ty());
            match constants::first_nan(&value) {
                Some(at) if node.op_type.as_deref() != Some("Constant") => Err(constants::no_number(what, &value.ty(), at)),
                _ => Ok(value),
            }
        };
        attributes::read(node, stored)
    }

    fn operands(&self, names: &[Option<&str>]) -> Result<Vec<Option<Operand<'_>>>, Refusal> {
        names
            .iter()
            .map(|name| match name {
                None => Ok(None),
                Some(name) => self.operand(name).map(Some).ok_or(Refusal::Poisoned),
            })
            .collect()
    }

    /// Bounds the types of the outputs, and refuses outputs that peleec does not compute and something reads.
    pub(super) fn check_outputs(&self, node: &NodeProto, inferred: &[TensorType]) -> Result<(), Diagnostic> {
        check_extents(inferred)?;
        let op_type = node.op_type.as_deref().unwrap_or_default();
        match node.output.iter().skip(inferred.len()).find(|name| !name.is_empty() && self.read.contains(name.as_str())) {
            None => Ok(()),
            Some(name) => {
                let title = format!("something reads `{name}`, an output of `{op_type}` that is not computed");
                let supported = format!("the first {} of its outputs", inferred.len());
                let help = "export the model for inference: model.eval()";
                Err(Diagnostic::unsupported(Code::NOT_COMPUTED, title).supported(supported).help(help))
            }
        }
    }

    /// The outputs' values, where they are known and cheap; else checks that no output is empty. What computing costs is taken off the
    /// budget, of a node that is refused, too.
    fn compute(&self, op: &Op, inputs: &[Option<Operand<'_>>], inferred: &[TensorType]) -> Result<Option<Vec<Tensor>>, OpError> {
        let types: Vec<_> = inputs.iter().map(|operand| operand.map(|operand| operand.ty)).collect();
        let elements = |types: &mut dyn Iterator<Item = &TensorType>| types.map(|ty| ty.shape.elements() as u64).sum::<u64>();
        let made = elements(&mut inferred.iter());
        let has_type = |values: &[Tensor]| values.iter().map(Tensor::ty).eq(inferred.iter().cloned());
        if self.has_room_for(inferred) {
            if let Some(values) = op.value(&types).map(|value| vec![value]).filter(|values| has_type(values)) {
                self.fold_budget.set(self.fold_budget.get().saturating_sub(made));
                return Ok(Some(values));
            }
            let read = elements(&mut types.iter().flatten().copied());
            let growth = made.saturating_sub(read).saturating_mul(GROWTH_COST);
            let rank = inferred.iter().chain(types.iter().flatten().copied()).map(|ty| ty.shape.rank()).max().unwrap_or(0);
            let weight = 1 + rank.saturating_sub(USUAL_RANK) as u64;
            let visits = op.work(&types).saturating_add(read).saturating_add(made).saturating_mul(weight);
            let cost = visits.saturating_add(growth);
            let known = !op.is_awaited() && inputs.iter().all(|operand| operand.is_none_or(|operand| operand.value.is_some()));
            let budget = self.fold_budget.get();
            if known && made <= FOLD_ELEMENTS as u64 && cost <= budget {
                self.fold_budget.set(budget - cost);
                let values: Vec<_> = inputs.iter().map(|operand| operand.and_then(|operand| operand.value)).collect();
                let values = op.evaluate(&values)?;
                if has_type(&values) {
                    return Ok(Some(values));
                }
            }
        }
        match inferred.iter().find(|ty| ty.shape.contains(&0)) {
            Some(empty) => Err(OpError::unsupported(format!("its output {empty} is empty")).supported("extents from 1")),
            None => Ok(None),
        }
    }

    /// Refuses known values that hold NaN.
    pub(super) fn check_numbers(&self, names: &[Option<&str>]) -> Result<(), Diagnostic> {
        names.iter().flatten().try_for_each(|name| match self.entry(name) {
            Some(Entry { ty, first_nan: Some(at), .. }) => Err(constants::no_number(&format!("constant `{name}`"), ty, *at)),
            _ => Ok(()),
        })
    }

    fn define_values(&mut self, node: &'a NodeProto, values: Vec<Tensor>) {
        for (name, value) in node.output.iter().zip(values) {
            if self.is_free(name) {
                self.define_value(name, value);
            }
        }
    }

    /// Adds the node, under the name that the file has for its operator; with whether its results depend on constants alone, and the one
    /// that is known already.
    fn add_op(
        &mut self,
        node: &'a NodeProto,
        op: Op,
        inputs: &[Option<&str>],
        types: Vec<TensorType>,
        (is_constant, mut number): (bool, Option<Tensor>),
    ) {
        let sources: Vec<Option<Source>> = inputs.iter().map(|name| name.and_then(|name| self.source_of(name))).collect();
        let name_at = |slot: usize| node.output.get(slot).map(String::as_str).filter(|name| !name.is_empty());
        let fallback = |slot: usize| format!("{}_output_{slot}", display_name(node));
        let value =
            |(slot, ty): (usize, &TensorType)| Value { name: name_at(slot).map_or_else(|| fallback(slot), str::to_owned), ty: ty.clone() };
        let outputs = types.iter().enumerate().map(value).collect();
        let source = self.graph.add_op(display_name(node), op, &sources, outputs);
        self.graph.node_mut(source.node).chain = node.op_type.clone().into_iter().collect();
        for (slot, ty) in types.into_iter().enumerate() {
            if let Some(name) = name_at(slot).filter(|name| self.is_free(name)) {
                let source = Some(Source { node: source.node, slot });
                self.definitions.insert(name, Definition::Known(Entry { ty, value: number.take(), source, is_constant, first_nan: None }));
            }
        }
    }

    /// Whether an output may define this name: a second definition has been reported and changes nothing.
    pub(super) fn is_free(&self, name: &str) -> bool {
        !name.is_empty() && !self.definitions.contains_key(name)
    }
}

/// What an operator that passes look for makes of known values, where that is one number: others may need to know it, as a `Pad` does its
/// constant.
fn number(op: &Op, inputs: &[Option<Operand<'_>>], inferred: &[TensorType]) -> Option<Tensor> {
    if !op.is_awaited() || inferred.len() != 1 || inferred.iter().any(|ty| ty.shape.elements() != 1) {
        return None;
    }
    let values: Vec<_> = inputs.iter().map(|operand| operand.as_ref()?.value).collect();
    let is_known = values.iter().all(Option::is_some);
    let number = is_known.then(|| op.evaluate(&values).ok()?.pop()).flatten();
    number.filter(|number| constants::first_nan(number).is_none())
}

/// The first `count` inputs, up to the last one that is there.
fn leading<'i>(inputs: &'i [Option<Operand<'i>>], count: usize) -> &'i [Option<Operand<'i>>] {
    let inputs = inputs.get(..count).unwrap_or(inputs);
    let used = inputs.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    inputs.get(..used).unwrap_or(inputs)
}

/// The names up to the last one that is not empty: trailing optional slots left out are not there.
fn until_last(names: &[String]) -> &[String] {
    let used = names.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
    names.get(..used).unwrap_or(names)
}
