//! One node of the file after another: parsed, its types inferred, computed at once where that is cheap, or added to the graph.

use super::alternatives::{MAX_CUT_INPUTS, way_out};
use super::importer::{Entry, Importer, display_name};
use super::node::{NodeView, Operand};
use super::tensor::{MAX_DIM, MAX_ELEMENTS};
use super::wire::NodeProto;
use super::{attributes, constants};
use crate::diagnostics::{Diagnostic, InputRef, OpError};
use crate::ir::{Data, Shape, Source, Tensor, TensorType, Value};
use crate::ops::{OPERATORS, Op};

/// Values of more elements stay operators, for the passes to fold.
const FOLD_ELEMENTS: usize = 65_536;
const MAX_RANK: usize = 16;

/// Why a node is left out.
enum Refusal {
    /// Something that it reads is missing, which has been reported.
    Poisoned,
    Told(Box<Diagnostic>),
}

impl From<Diagnostic> for Refusal {
    fn from(diagnostic: Diagnostic) -> Self {
        Refusal::Told(Box::new(diagnostic))
    }
}

impl<'a> Importer<'a> {
    /// Imports the node at `index`, whose inputs are defined or poisoned.
    pub(crate) fn node(&mut self, index: usize) {
        let Some(node) = self.file.node.get(index) else { return };
        if let Err(refusal) = self.import_node(node) {
            self.refuse(index, node, refusal);
        }
    }

    /// A node on or behind a cycle: only its operator is looked at.
    pub(crate) fn stuck_node(&mut self, index: usize) {
        let Some(node) = self.file.node.get(index) else { return };
        let refusal = self.check_supported(node).err().map_or(Refusal::Poisoned, Refusal::from);
        self.refuse(index, node, refusal);
    }

    fn refuse(&mut self, index: usize, node: &'a NodeProto, refusal: Refusal) {
        if let Refusal::Told(diagnostic) = refusal {
            let diagnostic = diagnostic.at(self.node_ref(index), self.describe_inputs(node));
            self.report(diagnostic);
        }
        for name in node.output.iter().filter(|name| !name.is_empty()) {
            self.entries.entry(name).or_insert(None);
        }
    }

    fn import_node(&mut self, node: &'a NodeProto) -> Result<(), Refusal> {
        self.check_supported(node)?;
        let op_type = node.op_type.as_deref().unwrap_or_default();
        let names: Vec<Option<&str>> = until_last(&node.input).iter().map(|name| Some(name.as_str()).filter(|n| !n.is_empty())).collect();
        let inputs = self.operands(&names)?;
        let stored = |proto: &_| constants::read(proto, "a tensor among the attributes", self.external);
        let attributes = attributes::read(node, stored)?;
        let outputs = until_last(&node.output).len();
        let view = NodeView { op_type, opset: self.opset, attributes: &attributes, inputs, outputs };
        let told = |error| op_refused(op_type, error);
        let op = Op::parse(&view).unwrap_or_else(|| Err(OpError::unsupported("is in no list"))).map_err(told)?;
        let kept = leading(&view.inputs, op.data_inputs());
        let types: Vec<_> = kept.iter().map(|operand| operand.map(|operand| operand.ty)).collect();
        let inferred = op.infer(&types).map_err(told)?;
        self.check_outputs(node, &inferred)?;
        match self.compute(&op, kept, &inferred).map_err(told)? {
            Some((values, cost)) => {
                self.fold_budget = self.fold_budget.saturating_sub(cost);
                self.define_values(node, values)?;
            }
            None => {
                let kept = names.get(..kept.len()).unwrap_or(&names).to_vec();
                self.add_op(node, op, &kept, inferred);
            }
        }
        Ok(())
    }

    /// Refuses other domains and unknown operators, before anything of the node is read.
    fn check_supported(&self, node: &NodeProto) -> Result<(), Diagnostic> {
        let op_type = node.op_type.as_deref().unwrap_or_default();
        let domain = node.domain.as_deref().unwrap_or_default();
        let is_default = matches!(domain, "" | "ai.onnx");
        if is_default && OPERATORS.iter().any(|(name, ..)| *name == op_type) {
            return Ok(());
        }
        let inputs = self.graph.inputs().iter().take(MAX_CUT_INPUTS + 1).map(|&id| self.graph.node(id).name.as_str());
        let inputs: Vec<&str> = inputs.collect();
        let cut = node.input.iter().map(String::as_str).find(|name| self.operand(name).is_some_and(|operand| operand.value.is_none()));
        let help = way_out(op_type, domain, &inputs, cut);
        let supported = "the operators that `peleec ops` lists";
        Err(if is_default {
            let diagnostic = Diagnostic::unsupported("PL0301", format!("operator `{op_type}` is not supported"));
            diagnostic.supported(supported).help(help)
        } else {
            let title = format!("operator `{op_type}` of the domain `{domain}` is not supported");
            Diagnostic::unsupported("PL0302", title).supported(format!("{supported}, of the domain `ai.onnx`")).help(help)
        })
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
    fn check_outputs(&self, node: &NodeProto, inferred: &[TensorType]) -> Result<(), Diagnostic> {
        for ty in inferred {
            let count = ty.shape.checked_elements().filter(|&count| count <= MAX_ELEMENTS);
            let large_dim = ty.shape.iter().any(|&dim| dim > MAX_DIM as usize);
            if count.is_none() || large_dim || ty.shape.rank() > MAX_RANK {
                let found = format!("rank {}, extents {}", ty.shape.rank(), short(&ty.shape));
                let supported = format!("rank {MAX_RANK}, {MAX_ELEMENTS} elements");
                return Err(Diagnostic::unsupported("PL0206", "an output of the node is too large").found(found).supported(supported));
            }
        }
        let op_type = node.op_type.as_deref().unwrap_or_default();
        match node.output.iter().skip(inferred.len()).find(|name| !name.is_empty() && self.read.contains(name.as_str())) {
            None => Ok(()),
            Some(name) => {
                let title = format!("something reads `{name}`, an output of `{op_type}` that is not computed");
                let supported = format!("the first {} of its outputs", inferred.len());
                let help = "export the model for inference: model.eval()";
                Err(Diagnostic::unsupported("PL0305", title).supported(supported).help(help))
            }
        }
    }

    /// The outputs' values and what they cost, where they are known and cheap; else checks that no output is empty.
    fn compute(&self, op: &Op, inputs: &[Option<Operand<'_>>], inferred: &[TensorType]) -> Result<Option<(Vec<Tensor>, u64)>, OpError> {
        let types: Vec<_> = inputs.iter().map(|operand| operand.map(|operand| operand.ty)).collect();
        let elements = |types: &mut dyn Iterator<Item = &TensorType>| types.map(|ty| ty.shape.elements() as u64).sum::<u64>();
        let made = elements(&mut inferred.iter());
        let has_type = |values: &[Tensor]| values.iter().map(Tensor::ty).eq(inferred.iter().cloned());
        if self.has_room_for(inferred) {
            if let Some(values) = op.value(&types).map(|value| vec![value]).filter(|values| has_type(values)) {
                return Ok(Some((values, made)));
            }
            let cost = op.work(&types).saturating_add(elements(&mut types.iter().flatten().copied())).saturating_add(made);
            let known = inputs.iter().all(|operand| operand.is_none_or(|operand| operand.value.is_some()));
            if known && made <= FOLD_ELEMENTS as u64 && cost <= self.fold_budget {
                let values: Vec<_> = inputs.iter().map(|operand| operand.and_then(|operand| operand.value)).collect();
                let values = op.evaluate(&values)?;
                if has_type(&values) {
                    return Ok(Some((values, cost)));
                }
            }
        }
        match inferred.iter().find(|ty| ty.shape.contains(&0)) {
            Some(empty) => Err(OpError::unsupported(format!("its output {empty} is empty")).supported("extents from 1")),
            None => Ok(None),
        }
    }

    fn define_values(&mut self, node: &'a NodeProto, values: Vec<Tensor>) -> Result<(), Diagnostic> {
        for value in &values {
            constants::check_finite(value, "a constant result of the node")?;
        }
        for (name, value) in node.output.iter().zip(values) {
            if self.is_free(name) {
                self.define_value(name, value);
            }
        }
        Ok(())
    }

    fn add_op(&mut self, node: &'a NodeProto, op: Op, inputs: &[Option<&str>], types: Vec<TensorType>) {
        let sources: Vec<Option<Source>> = inputs.iter().map(|name| name.and_then(|name| self.source_of(name))).collect();
        let name_at = |slot: usize| node.output.get(slot).map(String::as_str).filter(|name| !name.is_empty());
        let fallback = |slot: usize| format!("{}_output_{slot}", display_name(node));
        let value =
            |(slot, ty): (usize, &TensorType)| Value { name: name_at(slot).map_or_else(|| fallback(slot), str::to_owned), ty: ty.clone() };
        let outputs = types.iter().enumerate().map(value).collect();
        let source = self.graph.add_op(display_name(node), op, &sources, outputs);
        for (slot, ty) in types.into_iter().enumerate() {
            if let Some(name) = name_at(slot).filter(|name| self.is_free(name)) {
                self.entries.insert(name, Some(Entry { ty, value: None, source: Some(Source { node: source.node, slot }) }));
            }
        }
    }

    /// Whether an output may define this name: a second definition has been reported and changes nothing.
    fn is_free(&self, name: &str) -> bool {
        !name.is_empty() && !self.entries.contains_key(name)
    }

    fn describe_inputs(&self, node: &NodeProto) -> Vec<InputRef> {
        let describe = |name: &String| InputRef {
            name: name.clone(),
            description: self.operand(name).map_or_else(|| "(unknown)".to_owned(), describe_operand),
        };
        node.input.iter().filter(|name| !name.is_empty()).map(describe).collect()
    }
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

fn op_refused(op_type: &str, error: OpError) -> Refusal {
    let diagnostic = if error.invalid {
        Diagnostic::invalid("PL0303", format!("operator `{op_type}` is not valid here"))
    } else {
        Diagnostic::unsupported("PL0304", format!("this use of operator `{op_type}` is not supported"))
    };
    Diagnostic { found: Some(error.found), supported: error.supported, help: error.help, ..diagnostic }.into()
}

/// A shape cut off after a few dimensions.
fn short(shape: &Shape) -> String {
    const SHOWN: usize = 8;
    let dims: Vec<_> = shape.iter().take(SHOWN).map(usize::to_string).collect();
    format!("[{}{}]", dims.join(","), if shape.rank() > SHOWN { ",..." } else { "" })
}

/// The type, and the value where it is known and short.
fn describe_operand(operand: Operand<'_>) -> String {
    const SHOWN: usize = 8;
    let list = |values: Vec<String>| format!("{} = [{}]", operand.ty, values.join(","));
    match operand.value.filter(|value| value.shape().elements() <= SHOWN).map(Tensor::data) {
        Some(Data::F32(values)) => list(values.iter().map(f32::to_string).collect()),
        Some(Data::I32(values)) => list(values.iter().map(i32::to_string).collect()),
        Some(Data::I64(values)) => list(values.iter().map(i64::to_string).collect()),
        Some(Data::Bool(values)) => list(values.iter().map(bool::to_string).collect()),
        None => operand.ty.to_string(),
    }
}
