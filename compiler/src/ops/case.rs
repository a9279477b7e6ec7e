//! Builds one node for the operators' tests.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::{Op, OpError};
use crate::ir::{Shape, Tensor, TensorType};
use crate::onnx::node::{Attribute, NodeView, Operand};

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
        let view = NodeView { op_type: self.op_type, opset: self.opset, attributes, inputs, outputs: self.outputs, budget: &budget };
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

    pub(crate) fn values(&self) -> Vec<f32> {
        self.evaluate().unwrap().as_f32().unwrap().to_vec()
    }

    /// The refusal's text, whichever stage refuses.
    pub(crate) fn refusal(&self) -> String {
        self.infer().expect_err("the node is refused").to_string()
    }
}

pub(crate) fn floats(shape: &[usize], values: &[f32]) -> Tensor {
    Tensor::f32(Shape(shape.to_vec()), values.to_vec()).expect("the values fill the shape")
}
