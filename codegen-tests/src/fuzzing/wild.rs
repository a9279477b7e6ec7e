//! Models of any supported operators. Each node is tried: what is refused, or makes too large a value, does not stay.

use peleec::{DType, OperatorDetails, TensorType};

use super::draw::Draw;
use super::operators::{Kind, OPERATORS};
use super::output_type;
use crate::cases::onnx::{Attr, Onnx};

/// The most nodes that are tried.
const NODES: usize = 10;

/// Values with more elements do not stay.
const LARGE: usize = 4096;

/// ONNX's numbers of the element types that an input can have.
const INPUTS: [i32; 8] = [1, 1, 1, 1, 2, 3, 7, 9];

/// Attributes that no exporter writes.
const ODD: [i64; 10] = [0, -1, -2, 3, 7, 255, 1 << 31, i64::MAX, i64::MIN, 1 << 40];

/// How near two computations of a value are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grade {
    /// The same bits.
    Exact,
    /// But for rounding.
    Near,
    /// But for rounding that a steep function made larger: functions of it may differ by anything.
    Rough,
}

/// A value that nodes may read.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) name: String,
    pub(super) ty: TensorType,
    grade: Grade,
}

impl Value {
    pub(super) fn dims(&self) -> &[usize] {
        &self.ty.shape.0
    }

    pub(super) fn rank(&self) -> usize {
        self.dims().len()
    }
}

/// A model under construction.
pub(super) struct Wild<'w, 'd> {
    pub(super) draw: &'w mut Draw<'d>,
    pub(super) onnx: Onnx,
    pub(super) opset: i64,
    values: Vec<Value>,
    /// Name of the node that is being tried.
    name: String,
    constants: usize,
    /// The worst value that the node may read, and the worst that it reads.
    limit: Grade,
    worst: Grade,
}

/// The model that the bytes make; what is wrong where a part of it is refused without a reason.
pub(super) fn model(draw: &mut Draw<'_>) -> Result<Vec<u8>, String> {
    let opset = draw.pick(&[17, 13, 11, 18, 19, 21, 9, 22, 7, 24]);
    let outputs = draw.byte();
    let (onnx, values, name) = (Onnx::new(opset), Vec::new(), String::new());
    let mut wild = Wild { draw, onnx, opset, values, name, constants: 0, limit: Grade::Exact, worst: Grade::Exact };
    for index in 0..=wild.draw.below(2) {
        wild.input(&format!("x{index}"));
    }
    for index in 0..NODES {
        if wild.draw.is_empty() {
            break;
        }
        wild.grow(format!("n{index}"))?;
    }
    let last = wild.values.len() - 1;
    for (index, value) in wild.values.iter().enumerate() {
        if index == last || index < 8 && outputs >> index & 1 == 1 {
            wild.onnx.output(&value.name);
        }
    }
    Ok(wild.onnx.bytes())
}

impl Wild<'_, '_> {
    fn input(&mut self, name: &str) {
        let number = self.draw.pick(&INPUTS);
        let rank = self.draw.pick(&[4, 4, 4, 3, 2, 1, 5, 0]);
        let mut dims: Vec<usize> = (0..rank).map(|_| 1 + self.draw.below(8)).collect();
        if dims.iter().product::<usize>() > LARGE {
            dims.iter_mut().for_each(|dim| *dim = 1 + *dim % 4);
        }
        let name = self.onnx.typed_input(name, number, &dims);
        let dtype = match number {
            2 => DType::U8,
            3 => DType::I8,
            7 => DType::I64,
            9 => DType::Bool,
            _ => DType::F32,
        };
        self.values.push(Value { name, ty: TensorType::new(dtype, dims), grade: Grade::Exact });
    }

    /// Tries a node.
    fn grow(&mut self, name: String) -> Result<(), String> {
        let (op_type, kind, form) = OPERATORS[self.draw.below(OPERATORS.len())];
        self.limit = match kind {
            Kind::Sharp | Kind::Steep => Grade::Exact,
            Kind::Gentle => Grade::Near,
            Kind::Moves => Grade::Rough,
        };
        (self.name, self.worst) = (name, Grade::Exact);
        let before = self.onnx.clone();
        let Some(x) = self.value() else { return Ok(()) };
        form(self, op_type, &x);
        let mut part = self.onnx.clone();
        part.output(&self.name);
        match output_type(part.bytes())? {
            Some(ty) if (1..=LARGE).contains(&ty.shape.elements()) => {
                let grade = match kind {
                    Kind::Moves | Kind::Sharp => self.worst,
                    Kind::Gentle => Grade::Near,
                    Kind::Steep => Grade::Rough,
                };
                self.values.push(Value { name: self.name.clone(), ty, grade });
            }
            _ => self.onnx = before,
        }
        Ok(())
    }

    /// A value that the node may read; a new one more often than an old one.
    pub(super) fn value(&mut self) -> Option<Value> {
        self.value_of(self.limit)
    }

    /// A value that is at least so near.
    pub(super) fn value_of(&mut self, limit: Grade) -> Option<Value> {
        let fitting: Vec<&Value> = self.values.iter().rev().filter(|value| value.grade <= limit).collect();
        let index = self.draw.below(2 * fitting.len()).saturating_sub(fitting.len());
        let value = fitting.get(index).copied().cloned()?;
        self.worst = self.worst.max(value.grade);
        Some(value)
    }

    /// Adds the node that is being tried, with those attributes of its form that the operator has.
    pub(super) fn emit(&mut self, op_type: &str, inputs: &[&str], attributes: &[(&str, Attr<'_>)]) {
        let known = OperatorDetails::of(op_type).map(|details| details.attributes).unwrap_or_default();
        let is_known = |name: &str| known.iter().any(|known| known.name == name);
        let attributes: Vec<_> = attributes.iter().filter(|(name, _)| is_known(name)).copied().collect();
        self.onnx.op(op_type, &self.name, inputs, &attributes);
    }

    /// The name of the node that is being tried.
    pub(super) fn node_name(&self) -> &str {
        &self.name
    }

    /// A name for a constant.
    pub(super) fn fresh(&mut self) -> String {
        self.constants += 1;
        format!("c{}", self.constants)
    }

    /// A constant list of integers.
    pub(super) fn ints(&mut self, list: &[i64]) -> String {
        let name = self.fresh();
        self.onnx.ints(&name, list)
    }

    /// Constant floats between `-scale` and `scale`.
    pub(super) fn weights(&mut self, dims: &[usize], scale: f32) -> String {
        let name = self.fresh();
        self.onnx.scaled_weights(&name, dims, scale)
    }

    /// Constant floats from 0.75 to 1.5.
    pub(super) fn positive(&mut self, dims: &[usize]) -> String {
        let values: Vec<f32> = (0..dims.iter().product()).map(|i: usize| 0.75 + 0.125 * (i % 7) as f32).collect();
        let name = self.fresh();
        self.onnx.floats(&name, dims, &values)
    }

    /// A constant that broadcasts to `x`.
    pub(super) fn beside(&mut self, x: &Value) -> String {
        let kept = self.draw.byte();
        let mut dims: Vec<usize> = (0..x.rank()).map(|axis| if kept >> (axis % 8) & 1 == 1 { x.dims()[axis] } else { 1 }).collect();
        if kept >> 7 == 1 && !dims.is_empty() {
            dims.remove(0);
        }
        self.positive(&dims)
    }

    /// Nought or one.
    pub(super) fn flag(&mut self) -> i64 {
        self.draw.below(2) as i64
    }

    /// Mostly `sane`.
    pub(super) fn odd(&mut self, sane: i64) -> i64 {
        if self.draw.seldom(24) { self.draw.pick(&ODD) } else { sane }
    }

    /// Mostly an axis of `x`, from either end.
    pub(super) fn axis(&mut self, x: &Value) -> i64 {
        let axis = self.draw.below(x.rank()) as i64;
        let back = if self.draw.seldom(4) { x.rank() as i64 } else { 0 };
        self.odd(axis - back)
    }

    /// An attribute of a function.
    pub(super) fn factor(&mut self) -> f32 {
        self.draw.pick(&[0.25, 1.0, 0.5, 2.0, 0.0, -0.5, f32::NAN])
    }
}
