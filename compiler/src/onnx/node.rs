//! One node as an operator's `parse` sees it: typed attributes, the opset, the inputs' types and known values.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::tensor::element;
use crate::diagnostics::OpError;
use crate::ir::{DType, Tensor, TensorType};
use crate::ops::known::{self, KnownAttribute};

/// The value of an attribute, by ONNX's kinds; kinds that no operator reads carry only their name.
#[derive(Clone, Debug)]
pub(crate) enum Attribute {
    Int(i64),
    Ints(Vec<i64>),
    Float(f32),
    Floats(Vec<f32>),
    String(String),
    Tensor(Tensor),
    Other(&'static str),
}

/// What an element costs that an operator makes of nothing: it is memory that the file does not have, of which small files are not to make much.
pub(crate) const GROWTH_COST: u64 = 8;

/// Axes up to which moving an element costs as much as computing one; each axis more costs as much again.
pub(crate) const USUAL_RANK: usize = 5;

/// An input: its type, and its value where it is known when compiling.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operand<'a> {
    pub(crate) ty: &'a TensorType,
    pub(crate) value: Option<&'a Tensor>,
}

/// One node of the file.
pub(crate) struct NodeView<'a> {
    pub(crate) op_type: &'a str,
    /// Version of the `ai.onnx` operator set that the model imports.
    pub(crate) opset: i64,
    pub(crate) attributes: &'a BTreeMap<String, Attribute>,
    /// One entry an input slot; `None` is an optional input left out.
    pub(crate) inputs: Vec<Option<Operand<'a>>>,
    /// How many output slots the node names (an empty name counts while a later one is named).
    pub(crate) outputs: usize,
    /// Work that computing values of this file may still cost.
    pub(crate) budget: &'a Cell<u64>,
}

impl<'a> NodeView<'a> {
    /// Takes what `parse` is to compute off the budget, or refuses it.
    pub(crate) fn spend(&self, cost: u64) -> Result<(), OpError> {
        let left = self.budget.get().checked_sub(cost);
        let left = left.ok_or_else(|| {
            OpError::unsupported("takes too long to compute when compiling, together with the nodes before it")
                .supported("some 2^27 elements altogether")
                .help("store the result as an initializer")
        })?;
        self.budget.set(left);
        Ok(())
    }

    /// The input at `slot`, where it is there.
    pub(crate) fn input(&self, slot: usize) -> Option<Operand<'a>> {
        self.inputs.get(slot).copied().flatten()
    }

    /// The type of the input at `slot`, which the operator cannot do without.
    pub(crate) fn input_type(&self, slot: usize) -> Result<&'a TensorType, OpError> {
        self.input(slot).map(|operand| operand.ty).ok_or_else(|| OpError::new(format!("input {slot} is missing")))
    }

    /// The value of the input at `slot`, if it is there; an error where it is there and not known when compiling.
    pub(crate) fn known_input(&self, slot: usize, name: &str) -> Result<Option<&'a Tensor>, OpError> {
        let Some(operand) = self.input(slot) else { return Ok(None) };
        operand.value.map(Some).ok_or_else(|| {
            OpError::unsupported(format!("input `{name}` is computed at run time"))
                .supported(format!("`{name}` as a constant"))
                .help(format!("store `{name}` as an initializer: what depends on data cannot set a size or a bound"))
        })
    }

    /// The integers of the input at `slot`, if it is there.
    pub(crate) fn known_ints(&self, slot: usize, name: &str) -> Result<Option<Vec<i64>>, OpError> {
        let Some(tensor) = self.known_input(slot, name)? else { return Ok(None) };
        let ints = tensor.to_i64s();
        ints.map(Some).ok_or_else(|| OpError::new(format!("input `{name}` holds {}, not integers", tensor.dtype())))
    }

    /// An attribute that is given, and its entry in the operator's list; none of what is not in the list.
    fn attribute(&self, name: &str) -> Option<(&'a Attribute, &'static KnownAttribute)> {
        debug_assert!(known::is_listed(self.op_type, name), "`{}` reads `{name}`, which is not in its file's list", self.op_type);
        Some((self.attributes.get(name)?, known::known(self.op_type, name)?))
    }

    /// Of a value that the operator's list has, and `parse` has not.
    pub(crate) fn unread(&self, name: &str) -> OpError {
        OpError::unsupported(format!("attribute `{name}` has a value that is listed and not read"))
    }

    pub(crate) fn int(&self, name: &str) -> Result<Option<i64>, OpError> {
        match self.attribute(name) {
            None => Ok(None),
            Some((Attribute::Int(value), known)) if known.takes(&value.to_string()) => Ok(Some(*value)),
            Some((Attribute::Int(value), known)) => Err(known.refused(&value.to_string())),
            Some((other, _)) => Err(wrong_kind(name, "an integer", other)),
        }
    }

    /// An element type by ONNX's number, as what it becomes; none where it is left open.
    pub(crate) fn data_type(&self, name: &str) -> Result<Option<DType>, OpError> {
        let (code, known) = match self.attribute(name) {
            None | Some((Attribute::Int(0), _)) => return Ok(None),
            Some((Attribute::Int(code), known)) => (*code, known),
            Some((other, _)) => return Err(wrong_kind(name, "an integer", other)),
        };
        let element = i32::try_from(code).ok().and_then(|code| element(Some(code)).ok());
        let element = element.filter(|element| known.takes(element.name));
        element.map(|element| Some(element.dtype)).ok_or_else(|| known.refused(&format!("data type {code}")))
    }

    /// An integer that is 0 or 1.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, OpError> {
        match self.int(name)? {
            None => Ok(None),
            Some(0) => Ok(Some(false)),
            Some(1) => Ok(Some(true)),
            Some(other) => Err(OpError::new(format!("attribute `{name}` is {other}")).supported("0 or 1")),
        }
    }

    pub(crate) fn ints(&self, name: &str) -> Result<Option<&'a [i64]>, OpError> {
        match self.attribute(name) {
            None => Ok(None),
            Some((Attribute::Ints(values), _)) => Ok(Some(values)),
            Some((other, _)) => Err(wrong_kind(name, "a list of integers", other)),
        }
    }

    /// A list of integers whose default is also what an empty list means.
    pub(crate) fn filled_ints(&self, name: &str) -> Result<Option<&'a [i64]>, OpError> {
        Ok(self.ints(name)?.filter(|ints| !ints.is_empty()))
    }

    /// A float that is a number or an infinity.
    pub(crate) fn float(&self, name: &str) -> Result<Option<f32>, OpError> {
        match self.any_float(name)? {
            Some(value) if value.is_nan() => Err(OpError::new(format!("attribute `{name}` is NaN")).supported("a number")),
            value => Ok(value),
        }
    }

    /// A float, which may be NaN.
    pub(crate) fn any_float(&self, name: &str) -> Result<Option<f32>, OpError> {
        match self.attribute(name) {
            None => Ok(None),
            Some((Attribute::Float(value), _)) => Ok(Some(*value)),
            Some((other, _)) => Err(wrong_kind(name, "a float", other)),
        }
    }

    pub(crate) fn floats(&self, name: &str) -> Result<Option<&'a [f32]>, OpError> {
        match self.attribute(name) {
            None => Ok(None),
            Some((Attribute::Floats(values), _)) => Ok(Some(values)),
            Some((other, _)) => Err(wrong_kind(name, "a list of floats", other)),
        }
    }

    /// A float that is neither NaN nor infinite.
    pub(crate) fn finite(&self, name: &str) -> Result<Option<f32>, OpError> {
        match self.float(name)? {
            Some(value) if value.is_infinite() => Err(OpError::new(format!("attribute `{name}` is {value}")).supported("a finite number")),
            value => Ok(value),
        }
    }

    pub(crate) fn string(&self, name: &str) -> Result<Option<&'a str>, OpError> {
        match self.attribute(name) {
            None => Ok(None),
            Some((Attribute::String(value), known)) if known.takes(value) => Ok(Some(value)),
            Some((Attribute::String(value), known)) => Err(known.refused(&format!("`{value}`"))),
            Some((other, _)) => Err(wrong_kind(name, "a string", other)),
        }
    }

    pub(crate) fn tensor(&self, name: &str) -> Result<Option<&'a Tensor>, OpError> {
        match self.attribute(name) {
            None => Ok(None),
            Some((Attribute::Tensor(value), _)) => Ok(Some(value)),
            Some((other, _)) => Err(wrong_kind(name, "a tensor", other)),
        }
    }
}

fn wrong_kind(name: &str, wanted: &str, found: &Attribute) -> OpError {
    let found = match found {
        Attribute::Int(_) => "an integer",
        Attribute::Ints(_) => "a list of integers",
        Attribute::Float(_) => "a float",
        Attribute::Floats(_) => "a list of floats",
        Attribute::String(_) => "a string",
        Attribute::Tensor(_) => "a tensor",
        Attribute::Other(kind) => kind,
    };
    OpError::new(format!("attribute `{name}` is {found}")).supported(wanted)
}
