//! The attributes of a node as typed values; a name given twice, or a value that is not there, is an error.

use std::collections::BTreeMap;

use super::importer::check_name;
use super::node::Attribute;
use super::wire::{AttributeProto, NodeProto, TensorProto, kind};
use crate::diagnostics::{Code, Diagnostic};
use crate::ir::Tensor;

/// Reads all attributes of `node`; `stored` reads a tensor.
pub(crate) fn read(
    node: &NodeProto,
    stored: impl Fn(&TensorProto) -> Result<Tensor, Diagnostic>,
) -> Result<BTreeMap<String, Attribute>, Diagnostic> {
    let mut attributes = BTreeMap::new();
    for proto in &node.attribute {
        let name = proto.name.clone().unwrap_or_default();
        check_name(&name)?;
        let value = value(proto, &name, &stored)?;
        if attributes.insert(name.clone(), value).is_some() {
            return Err(invalid(format!("attribute `{name}` is given twice")));
        }
    }
    Ok(attributes)
}

fn invalid(title: String) -> Diagnostic {
    Diagnostic::invalid(Code::NOT_VALID, title)
}

fn value(
    proto: &AttributeProto,
    name: &str,
    stored: &impl Fn(&TensorProto) -> Result<Tensor, Diagnostic>,
) -> Result<Attribute, Diagnostic> {
    if proto.ref_attr_name.as_deref().is_some_and(|reference| !reference.is_empty()) {
        return Err(invalid(format!("attribute `{name}` refers to an attribute of a function")));
    }
    Ok(match proto.kind.filter(|&kind| kind != 0).unwrap_or_else(|| guessed_kind(proto)) {
        // Writers of the proto3 schema leave out a zero and an empty string.
        kind::INT => Attribute::Int(proto.i.unwrap_or(0)),
        kind::FLOAT => Attribute::Float(proto.f.unwrap_or(0.0)),
        kind::STRING => text(proto),
        kind::INTS => Attribute::Ints(proto.ints.clone()),
        kind::FLOATS => Attribute::Floats(proto.floats.clone()),
        kind::TENSOR => {
            let tensor = proto.t.as_ref().ok_or_else(|| invalid(format!("attribute `{name}` is a tensor without a value")))?;
            Attribute::Tensor(stored(tensor)?)
        }
        kind::GRAPH => Attribute::Other("a graph"),
        kind::STRINGS => Attribute::Other("a list of strings"),
        _ => Attribute::Other("of another kind"),
    })
}

/// The kind of an attribute whose file leaves it out, as files of the oldest format do.
fn guessed_kind(proto: &AttributeProto) -> i32 {
    match proto {
        AttributeProto { i: Some(_), .. } => kind::INT,
        AttributeProto { f: Some(_), .. } => kind::FLOAT,
        AttributeProto { s: Some(_), .. } => kind::STRING,
        AttributeProto { t: Some(_), .. } => kind::TENSOR,
        AttributeProto { ints, .. } if !ints.is_empty() => kind::INTS,
        AttributeProto { floats, .. } if !floats.is_empty() => kind::FLOATS,
        _ => 0,
    }
}

fn text(proto: &AttributeProto) -> Attribute {
    match std::str::from_utf8(proto.s.as_deref().unwrap_or_default()) {
        Ok(text) => Attribute::String(text.to_owned()),
        Err(_) => Attribute::Other("bytes that are no text"),
    }
}
