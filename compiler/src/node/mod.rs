//! One node as an operator's `parse` sees it: typed attributes, the opset, the inputs' types and known values.

mod element;
pub(crate) mod known;

use std::cell::Cell;
use std::collections::BTreeMap;

use crate::diagnostics::OpError;
use crate::tensor::{DType, Tensor, TensorType};
pub(crate) use element::{Element, element};
use known::{AttributeState, KnownAttribute};

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
    /// What the operator's file says of its attributes.
    pub(crate) listed: &'static [KnownAttribute],
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
        let is_listed = self.listed.iter().any(|known| known.name == name);
        debug_assert!(is_listed, "`{}` reads `{name}`, which is not in its file's list", self.op_type);
        Some((self.attributes.get(name)?, self.known(name)?))
    }

    /// The entries of the operator's attributes: a file may have several operators.
    fn of_operator(&self) -> impl Iterator<Item = &'static KnownAttribute> {
        let op_type = self.op_type;
        self.listed.iter().filter(move |known| known.is_of(op_type))
    }

    /// The entry of an attribute, if it has one.
    fn known(&self, name: &str) -> Option<&'static KnownAttribute> {
        self.of_operator().chain([&known::HINT]).find(|known| known.name == name)
    }

    /// Refuses a node with attributes that the operator's list has as refused.
    pub(crate) fn check_attributes(&self) -> Result<(), OpError> {
        let is_refused = |known: &KnownAttribute| known.state == AttributeState::Refused;
        let Some(name) = self.attributes.keys().find(|name| self.known(name).is_some_and(is_refused)) else { return Ok(()) };
        let names: Vec<_> = self.of_operator().filter(|known| !is_refused(known)).map(|known| known.name).collect();
        let supported = if names.is_empty() { "no attributes".to_owned() } else { names.join(", ") };
        Err(OpError::unsupported(format!("attribute `{name}`")).supported(supported))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::attributes_of;

    /// What `of` says of a node with these attributes.
    fn read(op_type: &str, attributes: &[(&str, Attribute)], of: impl Fn(&NodeView<'_>) -> String) -> String {
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let budget = Cell::new(0);
        of(&NodeView {
            op_type,
            opset: 17,
            attributes: &attributes,
            listed: attributes_of(op_type),
            inputs: Vec::new(),
            outputs: 1,
            budget: &budget,
        })
    }

    /// A value, or its refusal.
    fn said<T: std::fmt::Debug>(value: Result<T, OpError>) -> String {
        value.map_or_else(|error| error.to_string(), |value| format!("{value:?}"))
    }

    #[test]
    fn a_value_of_another_kind_is_refused_by_both_kinds() {
        let kinds = || {
            [
                ("an integer", Attribute::Int(1)),
                ("a list of integers", Attribute::Ints(vec![1])),
                ("a float", Attribute::Float(1.0)),
                ("a list of floats", Attribute::Floats(vec![1.0])),
                ("a string", Attribute::String("VALID".to_owned())),
                ("a tensor", Attribute::Tensor(Tensor::i64s([1]))),
                ("a graph", Attribute::Other("a graph")),
            ]
        };
        for (kind, value) in kinds() {
            let check = |op_type: &str, name: &str, wanted: &str, of: &dyn Fn(&NodeView<'_>) -> Result<bool, OpError>| {
                assert_eq!(read(op_type, &[], |node| said(of(node))), "false", "{name} is left out");
                let found = read(op_type, &[(name, value.clone())], |node| said(of(node)));
                let refused = format!("attribute `{name}` is {kind} (supported: {wanted})");
                assert_eq!(found, if kind == wanted { "true".to_owned() } else { refused });
            };
            check("Concat", "axis", "an integer", &|node| node.int("axis").map(|value| value.is_some()));
            check("Gemm", "transA", "an integer", &|node| node.flag("transA").map(|value| value.is_some()));
            check("Conv", "pads", "a list of integers", &|node| node.ints("pads").map(|value| value.is_some()));
            check("Gemm", "alpha", "a float", &|node| node.finite("alpha").map(|value| value.is_some()));
            check("Constant", "value_floats", "a list of floats", &|node| node.floats("value_floats").map(|value| value.is_some()));
            check("Conv", "auto_pad", "a string", &|node| node.string("auto_pad").map(|value| value.is_some()));
            check("Constant", "value", "a tensor", &|node| node.tensor("value").map(|value| value.is_some()));
        }
    }

    #[test]
    fn numbers_that_are_none_are_refused_where_they_would_count() {
        let floats = |value| {
            let alpha = [("alpha", Attribute::Float(value))];
            [
                read("Gemm", &alpha, |node| said(node.any_float("alpha"))),
                read("Gemm", &alpha, |node| said(node.float("alpha"))),
                read("Gemm", &alpha, |node| said(node.finite("alpha"))),
            ]
        };
        let [nan, none, infinite] = ["a number", "a number", "a finite number"].map(|wanted| format!("(supported: {wanted})"));
        assert_eq!(floats(-0.0), ["Some(-0.0)"; 3]);
        let [any, float, finite] = floats(f32::NAN);
        assert!(any == "Some(NaN)" && float.ends_with(&nan) && finite.ends_with(&none), "{float} {finite}");
        let [any, float, finite] = floats(f32::NEG_INFINITY);
        assert!(any == "Some(-inf)" && float == "Some(-inf)" && finite.ends_with(&infinite), "{finite}");
    }

    #[test]
    fn values_beside_those_that_are_listed_are_refused() {
        for (value, wanted) in [(0, "Some(false)"), (1, "Some(true)")] {
            assert_eq!(read("Gemm", &[("transA", Attribute::Int(value))], |node| said(node.flag("transA"))), wanted);
        }
        for value in [-1, 2, i64::MIN, i64::MAX] {
            let refused = read("Gemm", &[("transA", Attribute::Int(value))], |node| said(node.flag("transA")));
            assert!(refused.starts_with(&format!("attribute `transA` is {value}")), "{refused}");
        }
        let refused = read("Conv", &[("auto_pad", Attribute::String("SAME".to_owned()))], |node| said(node.string("auto_pad")));
        assert!(refused.starts_with("attribute `auto_pad` is `SAME`"), "{refused}");
        assert_eq!(read("Conv", &[("pads", Attribute::Ints(vec![]))], |node| said(node.ints("pads"))), "Some([])");
        assert_eq!(read("Conv", &[("pads", Attribute::Ints(vec![]))], |node| said(node.filled_ints("pads"))), "None");
    }

    /// ONNX's number of an element type, which may be any number.
    #[test]
    fn element_types() {
        for (code, wanted) in [(0, "None"), (1, "Some(F32)"), (10, "Some(F32)"), (6, "Some(I32)"), (7, "Some(I64)"), (9, "Some(Bool)")] {
            assert_eq!(read("Cast", &[("to", Attribute::Int(code))], |node| said(node.data_type("to"))), wanted, "{code}");
        }
        for code in [5, 8, 12, 13, 99, -1, 1 << 32, (1 << 32) + 1, i64::MIN, i64::MAX] {
            let refused = read("Cast", &[("to", Attribute::Int(code))], |node| said(node.data_type("to")));
            assert!(refused.starts_with(&format!("attribute `to` is data type {code}")), "{refused}");
        }
    }

    #[test]
    fn inputs_that_are_not_there_or_not_known() {
        let (ty, ints, floats) = (TensorType::f32([2]), Tensor::i64s([3, -4]), Tensor::f32([1], [0.5]).expect("one element"));
        let (of_ints, of_floats) = (ints.ty(), floats.ty());
        let operand = |ty, value| Some(Operand { ty, value });
        let inputs = vec![operand(&ty, None), None, operand(&of_ints, Some(&ints)), operand(&of_floats, Some(&floats))];
        let (attributes, budget) = (BTreeMap::new(), Cell::new(0));
        let node = NodeView { op_type: "Reshape", opset: 17, attributes: &attributes, listed: &[], inputs, outputs: 1, budget: &budget };
        let found = [0, 1, 2, 3, 4, usize::MAX].map(|slot| node.known_ints(slot, "shape").map_err(|error| error.to_string()));
        assert!(found[0].as_ref().is_err_and(|why| why.starts_with("input `shape` is computed at run time")), "{found:?}");
        assert_eq!([&found[1], &found[4], &found[5]], [&Ok(None); 3]);
        assert_eq!(found[2], Ok(Some(vec![3, -4])));
        assert_eq!(found[3], Err("input `shape` holds f32, not integers".to_owned()));
        assert_eq!(node.input_type(1).map_err(|error| error.to_string()), Err("input 1 is missing".to_owned()));
        assert_eq!(node.input_type(0).ok(), Some(&ty));
    }

    #[test]
    fn what_is_spent_is_gone_and_no_more_than_there_is() {
        let (attributes, budget) = (BTreeMap::new(), Cell::new(10));
        let node =
            NodeView { op_type: "Relu", opset: 17, attributes: &attributes, listed: &[], inputs: Vec::new(), outputs: 1, budget: &budget };
        let spent = [7, 4, u64::MAX, 3, 1, 0].map(|cost| (node.spend(cost).is_ok(), budget.get()));
        assert_eq!(spent, [(true, 3), (false, 3), (false, 3), (true, 0), (false, 0), (true, 0)]);
    }
}
