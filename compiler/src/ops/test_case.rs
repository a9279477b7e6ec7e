//! Builds one node for the operators' tests.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::{Op, OpError, attributes_of};
use crate::execute::{FILLS, Run};
use crate::ir::{Graph, Source, Value};
use crate::lower::lower;
use crate::node::{Attribute, NodeView, Operand};
use crate::plan::problem::Role;
use crate::plan::{Budget, Pins, plan};
use crate::steps::bind::bind;
use crate::target::{NumericClass, Profile, Target};
use crate::tensor::{Data, Shape, Tensor, TensorType};

/// A node under test: its attributes, and its inputs with or without a value.
pub(crate) struct Case {
    op_type: &'static str,
    opset: i64,
    attributes: BTreeMap<String, Attribute>,
    inputs: Vec<Option<(TensorType, Option<Tensor>)>>,
    pub(crate) outputs: usize,
    budget: u64,
}

impl Case {
    pub(crate) fn new(op_type: &'static str, opset: i64) -> Self {
        Case { op_type, opset, attributes: BTreeMap::new(), inputs: Vec::new(), outputs: 1, budget: u64::MAX }
    }

    pub(crate) fn with(mut self, name: &str, value: Attribute) -> Self {
        self.attributes.insert(name.to_owned(), value);
        self
    }

    pub(crate) fn int(self, name: &str, value: i64) -> Self {
        self.with(name, Attribute::Int(value))
    }

    pub(crate) fn ints(self, name: &str, values: &[i64]) -> Self {
        self.with(name, Attribute::Ints(values.to_vec()))
    }

    pub(crate) fn string(self, name: &str, value: &str) -> Self {
        self.with(name, Attribute::String(value.to_owned()))
    }

    /// What computing values may cost.
    pub(crate) fn budget(mut self, budget: u64) -> Self {
        self.budget = budget;
        self
    }

    /// An `f32` input whose value is not known when compiling.
    pub(crate) fn input(self, shape: &[usize]) -> Self {
        self.typed(TensorType::f32(shape.to_vec()))
    }

    pub(crate) fn typed(mut self, ty: TensorType) -> Self {
        self.inputs.push(Some((ty, None)));
        self
    }

    /// An optional input left out.
    pub(crate) fn none(mut self) -> Self {
        self.inputs.push(None);
        self
    }

    pub(crate) fn known(mut self, value: Tensor) -> Self {
        self.inputs.push(Some((value.ty(), Some(value))));
        self
    }

    pub(crate) fn floats(self, shape: &[usize], values: &[f32]) -> Self {
        self.known(floats(shape, values))
    }

    pub(crate) fn i64s(self, values: &[i64]) -> Self {
        self.known(Tensor::i64s(values))
    }

    pub(crate) fn parse(&self) -> Result<Op, OpError> {
        let inputs = self.inputs.iter().map(|input| input.as_ref().map(|(ty, value)| Operand { ty, value: value.as_ref() })).collect();
        let (attributes, budget) = (&self.attributes, Cell::new(self.budget));
        let listed = attributes_of(self.op_type);
        let view =
            NodeView { op_type: self.op_type, opset: self.opset, attributes, listed, inputs, outputs: self.outputs, budget: &budget };
        Op::parse(&view).expect("the operator is in the list")
    }

    pub(crate) fn infer(&self) -> Result<TensorType, OpError> {
        let op = self.parse()?;
        let types: Vec<_> = self.inputs.iter().take(op.data_inputs()).map(|input| input.as_ref().map(|(ty, _)| ty)).collect();
        Ok(op.infer(&types)?.remove(0))
    }

    pub(crate) fn shape(&self) -> Result<Vec<usize>, OpError> {
        self.infer().map(|ty| ty.shape.0)
    }

    /// The output, of the type that `infer` promises.
    pub(crate) fn evaluate(&self) -> Result<Tensor, OpError> {
        let op = self.parse()?;
        let values: Vec<_> = self.inputs.iter().take(op.data_inputs()).map(|input| input.as_ref()?.1.as_ref()).collect();
        let output = op.evaluate(&values)?.remove(0);
        assert_eq!(output.ty(), self.infer()?);
        Ok(output)
    }

    /// As [`executed`], of the node.
    pub(crate) fn executed(&self, constants: &[usize]) -> Result<Vec<Tensor>, OpError> {
        let op = self.parse()?;
        let values: Vec<_> = self.inputs.iter().take(op.data_inputs()).map(|input| input.as_ref()?.1.as_ref()).collect();
        executed(&op, &values, constants)
    }

    /// The output, which evaluation and a plan agree on.
    pub(crate) fn computed(&self, constants: &[usize]) -> Tensor {
        let (wanted, found) = (self.evaluate().unwrap(), self.executed(constants).unwrap().remove(0));
        assert!(are_same(&found, &wanted), "{} gives {found:?}, not {wanted:?}", self.op_type);
        found
    }

    pub(crate) fn values(&self) -> Vec<f32> {
        self.evaluate().unwrap().as_f32().unwrap().to_vec()
    }

    /// The refusal's text, whichever stage refuses.
    pub(crate) fn refusal(&self) -> String {
        self.infer().expect_err("the node is refused").to_string()
    }
}

/// What plans of a graph of one operator compute in this process, in little memory and in the least. The inputs are the graph's, but for those
/// of the slots `constants`.
pub(crate) fn executed(op: &Op, inputs: &[Option<&Tensor>], constants: &[usize]) -> Result<Vec<Tensor>, OpError> {
    let (mut graph, mut sources, mut given) = (Graph::new("case", 13), Vec::new(), Vec::new());
    for (slot, input) in inputs.iter().enumerate() {
        let name = format!("input_{slot}");
        sources.push(input.map(|value| match constants.contains(&slot) {
            true => graph.add_constant(&name, value.clone()),
            false => {
                given.push(value.as_bytes());
                graph.add_input(&name, value.ty())
            }
        }));
    }
    let types: Vec<_> = inputs.iter().map(|input| input.map(Tensor::ty)).collect();
    let types = op.infer(&types.iter().map(Option::as_ref).collect::<Vec<_>>())?;
    let outputs: Vec<_> = types.into_iter().enumerate().map(|(slot, ty)| Value { name: format!("output_{slot}"), ty }).collect();
    let (count, node) = (outputs.len(), graph.add_op("node", op.clone(), &sources, outputs).node);
    (0..count).for_each(|slot| graph.add_output(&format!("result_{slot}"), Source { node, slot }));
    let profile = Profile { target: Target::Generic, numeric: NumericClass::Plain };
    let steps = lower(&graph, profile).map_err(|mut refused| refused.remove(0).1)?;
    let mut results = Vec::new();
    for budget in [Budget::Thrifty, Budget::Least] {
        let plan = plan(&steps.problem, budget).expect("some memory is enough");
        let layers = bind(&steps, &plan, &Pins::new(&plan, &steps.packed(&plan), 0))?;
        let (groups, weights) = (&plan.groups, &steps.weights);
        let run = Run { layers: &layers, groups, arena: plan.cost.arena, pinned: 0, outputs: &[], weights, inputs: &given };
        let memories = FILLS.map(|byte| run.run(byte).expect("every layer runs"));
        for (id, tensor) in steps.problem.tensors.iter().enumerate().filter(|(_, tensor)| matches!(tensor.role, Role::Output(_))) {
            let ty = TensorType::new(tensor.dtype, tensor.shape.clone());
            let [result, again] = memories.each_ref().map(|memory| &memory[plan.base(id)..][..ty.bytes()]);
            assert_eq!(result, again, "an output depends on what the arena held before");
            results.push(Tensor::from_le_bytes(&ty, result).expect("as many bytes as the type has"));
        }
    }
    let least = results.split_off(count);
    assert!(
        results.iter().zip(&least).all(|(one, other)| one.as_bytes() == other.as_bytes()),
        "{results:?} are {least:?} in the least memory"
    );
    Ok(results)
}

/// Whether tensors are of one type and have the same bits, but for those of what is not a number.
pub(crate) fn are_same(a: &Tensor, b: &Tensor) -> bool {
    match (a.data(), b.data()) {
        (Data::F32(left), Data::F32(right)) => {
            let same = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
            a.ty() == b.ty() && left.iter().zip(right.iter()).all(same)
        }
        _ => a == b,
    }
}

pub(crate) fn floats(shape: &[usize], values: &[f32]) -> Tensor {
    Tensor::f32(Shape(shape.to_vec()), values.to_vec()).expect("the values fill the shape")
}
