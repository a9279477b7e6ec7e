//! `ConvInteger`, `MatMulInteger` and `DynamicQuantizeLinear`: bytes that are quantised while the network runs, in floats, with known weights
//! whose sums floats hold exactly, up to 2^24.
//!
//! Where no sum of magnitudes is above that, floats give the sums of the integers, in whatever order they are added. What is quantised has the
//! very roundings of onnxruntime where its scale is a number above zero; that of a tensor of zeros is one.

use std::collections::BTreeMap;

use peleec_runtime::{Activation, BinaryKind};

use super::exact::{Sums, exact_weights, farthest};
use super::importer::{Definition, Entry, Importer, Refusal, check_extents, check_name, display_name, op_refused};
use super::quantized::beginning;
use super::scope::inputs;
use super::wire::NodeProto;
use crate::diagnostics::OpError;
use crate::ir::{Source, Value};
use crate::node::{Attribute, NodeView, Operand};
use crate::ops::broadcast::broadcast;
use crate::ops::{Binary, Cast, Op, Reshape, Unary, attributes_of};
use crate::tensor::{DType, Shape, Tensor, TensorType};

const OPERATORS: [&str; 3] = ["ConvInteger", "DynamicQuantizeLinear", "MatMulInteger"];

/// The greatest unsigned byte.
const TOP: f32 = 255.0;

/// The operators that are imported as arithmetic of floats, with their domain.
pub(crate) fn integer_operators() -> impl Iterator<Item = (&'static str, &'static str)> {
    OPERATORS.into_iter().map(|op_type| ("ai.onnx", op_type))
}

/// The operator over floats whose attributes one of these has.
pub(crate) fn integer_form(op_type: &str) -> Option<&'static str> {
    (op_type == "ConvInteger").then_some("Conv")
}

/// Whether the node is one of these operators.
pub(crate) fn is_of_integers(node: &NodeProto) -> bool {
    let is_listed = node.op_type.as_deref().is_some_and(|op_type| OPERATORS.contains(&op_type));
    is_listed && matches!(node.domain.as_deref(), None | Some("" | "ai.onnx"))
}

impl<'a> Importer<'a> {
    /// Imports a node of one of these operators as several.
    pub(crate) fn integers(&mut self, node: &'a NodeProto) -> Result<(), Refusal> {
        node.input.iter().chain(&node.output).try_for_each(|name| check_name(name))?;
        inputs(node).for_each(|name| self.demand(name));
        let names: Vec<Option<&str>> = inputs(node).map(Some).collect();
        let mut is_constant = true;
        for name in names.iter().flatten() {
            is_constant &= self.entry(name).ok_or(Refusal::Poisoned)?.is_constant;
        }
        self.check_numbers(&names)?;
        let mut parts = Parts { importer: self, node, count: 0 };
        let results = match node.op_type.as_deref() {
            Some("ConvInteger") => vec![parts.sums("Conv", Sums::Filters)?],
            Some("MatMulInteger") => vec![parts.sums("MatMul", Sums::Columns)?],
            _ => parts.quantized()?,
        };
        let types: Vec<_> = results.iter().map(|&source| self.graph.ty(source).clone()).collect();
        self.check_outputs(node, &types)?;
        for ((name, source), ty) in node.output.iter().zip(results).zip(types) {
            if !self.is_free(name) {
                continue;
            }
            let made = self.graph.node_mut(source.node);
            made.outputs.iter_mut().for_each(|value| value.name.clone_from(name));
            let entry = Entry { ty, value: None, source: Some(source), is_constant, first_nan: None };
            self.definitions.insert(name, Definition::Known(entry));
        }
        Ok(())
    }
}

/// What is added to the graph for one node.
struct Parts<'p, 'a> {
    importer: &'p mut Importer<'a>,
    node: &'a NodeProto,
    count: usize,
}

impl<'a> Parts<'_, 'a> {
    /// The sums of products of bytes, less their zero points, with known weights.
    fn sums(&mut self, meaning: &str, sums: Sums) -> Result<Source, Refusal> {
        let [x, w] = [self.input(0)?, self.input(1)?];
        let (zero, ty) = (self.given(2), self.bytes(x)?);
        let zeros = match zero {
            Some(zero) if self.bytes(zero)?.dtype != ty.dtype => {
                let found = format!("input `{x}` is {ty}, and its zero point is {}", self.ty(zero)?);
                return Err(self.told(OpError::new(found).supported("a zero point of the input's type")));
            }
            Some(zero) => self.value(zero).and_then(Tensor::to_i64s),
            None => Some(vec![0]),
        };
        let w = self.weights(w, sums, farthest(ty.dtype, zeros.as_deref()))?;
        let mut bytes = self.as_floats(x)?;
        if let Some(zero) = zero {
            let spread = self.spread(zero, &ty, sums)?;
            if zeros.is_none_or(|zeros| zeros.iter().any(|&zero| zero != 0)) {
                let point = self.as_floats(zero)?;
                let point = self.add(Op::Reshape(Reshape { shape: spread }), &[point])?;
                bytes = self.binary(BinaryKind::Sub, bytes, point)?;
            }
        }
        let attributes = self.importer.attributes(self.node)?;
        let floats = self.read(meaning, &attributes, &[bytes, w])?;
        let result = self.add(Op::Cast(Cast { to: DType::I32 }), &[floats])?;
        let name = display_name(self.node).to_owned();
        self.importer.graph.node_mut(floats.node).name = name;
        Ok(result)
    }

    /// Known weights as floats.
    fn weights(&mut self, name: &str, sums: Sums, farthest: u64) -> Result<Source, Refusal> {
        let ty = self.bytes(name)?;
        let zero = self.given(3);
        for name in [Some(name), zero].into_iter().flatten() {
            if self.value(name).is_none() {
                let found = format!("input `{name}` is computed at run time");
                let help = "store it as an initializer, as onnxruntime's quantize_dynamic does, or give the float model";
                return Err(self.told(OpError::unsupported(found).supported("known weights and zero points of weights").help(help)));
            }
        }
        let floats = TensorType { dtype: DType::F32, ..ty };
        self.importer.check_room(std::slice::from_ref(&floats))?;
        let none = BTreeMap::new();
        let spent = self.view("", &none, Vec::new()).spend(floats.shape.elements() as u64);
        spent.map_err(|error| self.told(error))?;
        let zero = zero.and_then(|zero| self.value(zero));
        let Some(weights) = self.value(name) else { return Err(Refusal::Poisoned) };
        let weights = exact_weights(weights, zero, sums, farthest).map_err(|error| self.told(error))?;
        self.importer.reserve(std::slice::from_ref(&floats));
        Ok(self.constant(weights))
    }

    /// The shape under which the zero point broadcasts to bytes of a type.
    fn spread(&self, name: &str, bytes: &TensorType, sums: Sums) -> Result<Shape, Refusal> {
        let zero = self.ty(name)?;
        let (shape, supported) = match (sums, &zero.shape[..]) {
            _ if zero.shape.elements() == 1 => return Ok(Shape::default()),
            (Sums::Filters, _) => (None, "one zero point"),
            (Sums::Columns, &[rows]) => (Some(Shape(vec![rows, 1])), "one zero point, or one for each row"),
            (Sums::Columns, _) => (Some(zero.shape.clone()), "one zero point, or one for each row"),
        };
        let fits = |shape: &Shape| broadcast(&bytes.shape, shape).is_ok_and(|both| both == bytes.shape);
        shape.filter(fits).ok_or_else(|| {
            let found = format!("input `{name}` is {zero}, and the bytes are {bytes}");
            self.told(OpError::new(found).supported(supported))
        })
    }

    /// Floats as unsigned bytes, whose scale and zero point follow from their extremes and zero.
    fn quantized(&mut self) -> Result<Vec<Source>, Refusal> {
        let name = self.input(0)?;
        let ty = self.ty(name)?;
        if ty.dtype != DType::F32 {
            return Err(self.told(OpError::new(format!("input `{name}` is {ty}")).supported("f32")));
        }
        let x = self.importer.source_of(name).ok_or(Refusal::Poisoned)?;
        let [zero, top] = [0.0, TOP].map(|value| self.constant(Tensor::from_fn(&Shape::default(), |_| value)));
        let (all, none) = (BTreeMap::from([("keepdims".to_owned(), Attribute::Int(0))]), BTreeMap::new());
        let least = self.read("ReduceMin", &all, &[x])?;
        let least = self.read("Min", &none, &[least, zero])?;
        let most = self.read("ReduceMax", &all, &[x])?;
        let most = self.read("Max", &none, &[most, zero])?;
        let range = self.binary(BinaryKind::Sub, most, least)?;
        // Of nothing but zeros the range is that of bytes, so that the scale is one; another range is left as it is.
        let is_zero = self.read("Equal", &none, &[range, zero])?;
        let is_zero = self.add(Op::Cast(Cast { to: DType::F32 }), &[is_zero])?;
        let instead = self.binary(BinaryKind::Mul, is_zero, top)?;
        let range = self.binary(BinaryKind::Add, range, instead)?;
        let scale = self.binary(BinaryKind::Div, range, top)?;
        let below = self.binary(BinaryKind::Div, least, scale)?;
        let point = self.binary(BinaryKind::Sub, zero, below)?;
        let point = self.add(Op::Unary(Unary { activation: Activation::Clip(0.0, TOP) }), &[point])?;
        let point = self.read("Round", &none, &[point])?;
        let steps = self.binary(BinaryKind::Div, x, scale)?;
        let steps = self.read("Round", &none, &[steps])?;
        let steps = self.binary(BinaryKind::Add, steps, point)?;
        // Casts saturate.
        let bytes = Op::Cast(Cast { to: DType::U8 });
        let (steps, point) = (self.add(bytes.clone(), &[steps])?, self.add(bytes, &[point])?);
        let name = display_name(self.node).to_owned();
        self.importer.graph.node_mut(steps.node).name = name;
        Ok(vec![steps, scale, point])
    }

    /// The name of an input that is given.
    fn given(&self, slot: usize) -> Option<&'a str> {
        self.node.input.get(slot).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The name of an input that the node cannot do without.
    fn input(&self, slot: usize) -> Result<&'a str, Refusal> {
        self.given(slot).ok_or_else(|| self.told(OpError::new(format!("input {slot} is missing"))))
    }

    fn ty(&self, name: &str) -> Result<TensorType, Refusal> {
        self.importer.operand(name).map(|operand| operand.ty.clone()).ok_or(Refusal::Poisoned)
    }

    /// The type of an input that is to be of bytes.
    fn bytes(&self, name: &str) -> Result<TensorType, Refusal> {
        let ty = self.ty(name)?;
        match ty.dtype {
            DType::I8 | DType::U8 => Ok(ty),
            _ => Err(self.told(OpError::new(format!("input `{name}` is {ty}")).supported("i8, u8"))),
        }
    }

    fn value(&self, name: &str) -> Option<&Tensor> {
        self.importer.operand(name).and_then(|operand| operand.value)
    }

    fn as_floats(&mut self, name: &str) -> Result<Source, Refusal> {
        let bytes = self.importer.source_of(name).ok_or(Refusal::Poisoned)?;
        self.add(Op::Cast(Cast { to: DType::F32 }), &[bytes])
    }

    fn binary(&mut self, kind: BinaryKind, a: Source, b: Source) -> Result<Source, Refusal> {
        self.add(Op::Binary(Binary { kind }), &[a, b])
    }

    /// Adds the operator that a node of `op_type` would be.
    fn read(&mut self, op_type: &str, attributes: &BTreeMap<String, Attribute>, inputs: &[Source]) -> Result<Source, Refusal> {
        let graph = &self.importer.graph;
        let operands = inputs.iter().map(|&source| Some(Operand { ty: graph.ty(source), value: graph.constant(source) })).collect();
        let op = Op::parse(&self.view(op_type, attributes, operands)).unwrap_or_else(|| Err(OpError::unsupported("is in no list")));
        let op = op.map_err(|error| self.told(error))?;
        self.add(op, inputs)
    }

    /// Adds an operator, and gives its result.
    fn add(&mut self, op: Op, inputs: &[Source]) -> Result<Source, Refusal> {
        let types: Vec<_> = inputs.iter().map(|&source| Some(self.importer.graph.ty(source))).collect();
        let inferred = op.infer(&types).map_err(|error| self.told(error))?;
        check_extents(&inferred)?;
        if let Some(empty) = inferred.iter().find(|ty| ty.shape.contains(&0)) {
            return Err(self.told(OpError::unsupported(format!("its output {empty} is empty")).supported("extents from 1")));
        }
        let name = self.fresh(op.name());
        let outputs = inferred.into_iter().map(|ty| Value { name: name.clone(), ty }).collect();
        let inputs: Vec<_> = inputs.iter().copied().map(Some).collect();
        Ok(self.importer.graph.add_op(&name, op, &inputs, outputs))
    }

    fn constant(&mut self, value: Tensor) -> Source {
        let name = self.fresh("Constant");
        self.importer.graph.add_constant(&name, value)
    }

    /// A name for one of the parts.
    fn fresh(&mut self, op_type: &str) -> String {
        self.count += 1;
        format!("{}_{op_type}_{}", beginning(self.node.output.first().map(String::as_str).unwrap_or_default()), self.count)
    }

    fn view<'v>(&'v self, op_type: &'v str, attributes: &'v BTreeMap<String, Attribute>, inputs: Vec<Option<Operand<'v>>>) -> NodeView<'v> {
        let importer = &*self.importer;
        NodeView {
            op_type,
            opset: importer.opset,
            attributes,
            listed: attributes_of(op_type),
            inputs,
            outputs: 1,
            budget: &importer.fold_budget,
        }
    }

    fn told(&self, error: OpError) -> Refusal {
        op_refused(self.node.op_type.as_deref().unwrap_or_default(), error)
    }
}
