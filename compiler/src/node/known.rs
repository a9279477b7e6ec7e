//! What is known of an attribute: whether it is read, with which values, and what is said where it is not.

use serde::Serialize;

use crate::diagnostics::OpError;

/// What becomes of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributeState {
    /// It is read, with every value that it has in ONNX.
    Read,
    /// It is read, with some of the values that it has in ONNX; the others are refused.
    Limited,
    /// It changes no result, and may have any value.
    Ignored,
    /// ONNX has it, and a node that has it is refused.
    Refused,
}

/// What an attribute's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributeKind {
    /// An integer.
    Int,
    /// An integer that is 0 or 1.
    Flag,
    /// A list of integers.
    Ints,
    /// A float.
    Float,
    /// A list of floats.
    Floats,
    /// A string.
    String,
    /// A tensor.
    Tensor,
    /// The number of an element type.
    DataType,
}

/// An attribute that ONNX has of an operator.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct KnownAttribute {
    /// Its name.
    pub name: &'static str,
    /// What becomes of it.
    pub state: AttributeState,
    /// What it is, where it is read.
    pub kind: Option<AttributeKind>,
    /// The values that are read, where these can be listed.
    pub values: &'static [&'static str],
    /// Which of the file's operators have it; none are all.
    #[serde(skip)]
    operators: &'static [&'static str],
    /// A way out where a value is refused.
    #[serde(skip)]
    help: Option<&'static str>,
}

impl KnownAttribute {
    const fn read(name: &'static str, kind: AttributeKind) -> Self {
        KnownAttribute { name, state: AttributeState::Read, kind: Some(kind), values: &[], operators: &[], help: None }
    }

    /// Of some of the file's operators alone.
    pub(crate) const fn of(self, operators: &'static [&'static str]) -> Self {
        KnownAttribute { operators, ..self }
    }

    /// With all values that ONNX has.
    pub(crate) const fn one_of(self, values: &'static [&'static str]) -> Self {
        KnownAttribute { values, ..self }
    }

    /// With fewer values than ONNX has, or with those that `parse` can read, where none are given.
    pub(crate) const fn only(self, values: &'static [&'static str]) -> Self {
        KnownAttribute { values, state: AttributeState::Limited, ..self }
    }

    pub(crate) const fn help(self, help: &'static str) -> Self {
        KnownAttribute { help: Some(help), ..self }
    }

    pub(crate) fn is_of(&self, op_type: &str) -> bool {
        self.operators.is_empty() || self.operators.contains(&op_type)
    }

    /// Whether the value is among those that are listed, in letters of any case where they name an element type.
    pub(crate) fn takes(&self, value: &str) -> bool {
        let is_it = |listed: &&str| match self.kind {
            Some(AttributeKind::DataType) => listed.eq_ignore_ascii_case(value),
            _ => *listed == value,
        };
        self.values.is_empty() || self.values.iter().any(is_it)
    }

    /// The refusal of a value, as it is shown.
    pub(crate) fn refused(&self, found: &str) -> OpError {
        let found = format!("attribute `{}` is {found}", self.name);
        let is_limited = self.state == AttributeState::Limited;
        let error = if is_limited { OpError::unsupported(found) } else { OpError::new(found) };
        let error = error.supported(self.values.join(", "));
        match self.help {
            Some(help) => error.help(help),
            None => error,
        }
    }
}

pub(crate) const fn int(name: &'static str) -> KnownAttribute {
    KnownAttribute::read(name, AttributeKind::Int)
}

pub(crate) const fn flag(name: &'static str) -> KnownAttribute {
    KnownAttribute::read(name, AttributeKind::Flag)
}

pub(crate) const fn ints(name: &'static str) -> KnownAttribute {
    KnownAttribute::read(name, AttributeKind::Ints)
}

pub(crate) const fn float(name: &'static str) -> KnownAttribute {
    KnownAttribute::read(name, AttributeKind::Float)
}

pub(crate) const fn floats(name: &'static str) -> KnownAttribute {
    KnownAttribute::read(name, AttributeKind::Floats)
}

pub(crate) const fn string(name: &'static str) -> KnownAttribute {
    KnownAttribute::read(name, AttributeKind::String)
}

pub(crate) const fn tensor(name: &'static str) -> KnownAttribute {
    KnownAttribute::read(name, AttributeKind::Tensor)
}

pub(crate) const fn data_type(name: &'static str) -> KnownAttribute {
    KnownAttribute::read(name, AttributeKind::DataType)
}

pub(crate) const fn ignored(name: &'static str) -> KnownAttribute {
    KnownAttribute { state: AttributeState::Ignored, kind: None, ..int(name) }
}

pub(crate) const fn refused(name: &'static str) -> KnownAttribute {
    KnownAttribute { state: AttributeState::Refused, kind: None, ..int(name) }
}

/// A hint of operator set 1 that memory may be shared.
pub(crate) static HINT: KnownAttribute = ignored("consumed_inputs");
