//! The attributes of a node as typed values; a name given twice, or a value that is not there, is an error.

use std::collections::BTreeMap;

use super::importer::check_name;
use super::wire::{AttributeProto, NodeProto, TensorProto, kind};
use crate::diagnostics::{Code, Diagnostic};
use crate::node::Attribute;
use crate::tensor::Tensor;

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

#[cfg(test)]
mod tests {
    use prost::bytes::Bytes;

    use super::*;

    /// The value of an attribute `a` in words, or why it has none.
    fn read_one(proto: AttributeProto) -> String {
        let attribute = vec![AttributeProto { name: Some("a".to_owned()), ..proto }];
        let no_tensor = |_: &TensorProto| Err(invalid("no tensor".to_owned()));
        match read(&NodeProto { attribute, ..NodeProto::default() }, no_tensor) {
            Ok(read) => format!("{:?}", read["a"]),
            Err(refusal) => refusal.title,
        }
    }

    #[test]
    fn a_kind_that_is_left_out_follows_from_the_value() {
        let none = AttributeProto::default;
        for (proto, wanted) in [
            (AttributeProto { i: Some(3), ..none() }, "Int(3)"),
            (AttributeProto { f: Some(0.5), ..none() }, "Float(0.5)"),
            (AttributeProto { s: Some(Bytes::from_static(b"text")), ..none() }, "String(\"text\")"),
            (AttributeProto { s: Some(Bytes::from_static(&[255])), ..none() }, "Other(\"bytes that are no text\")"),
            (AttributeProto { ints: vec![1, 2], kind: Some(0), ..none() }, "Ints([1, 2])"),
            (AttributeProto { floats: vec![0.5], ..none() }, "Floats([0.5])"),
            (AttributeProto { t: Some(Box::default()), ..none() }, "no tensor"),
            (none(), "Other(\"of another kind\")"),
        ] {
            assert_eq!(read_one(proto), wanted);
        }
    }

    #[test]
    fn a_value_that_is_left_out_is_zero_or_missing() {
        for (kind, wanted) in [
            (kind::INT, "Int(0)"),
            (kind::FLOAT, "Float(0.0)"),
            (kind::STRING, "String(\"\")"),
            (kind::INTS, "Ints([])"),
            (kind::GRAPH, "Other(\"a graph\")"),
            (kind::TENSOR, "attribute `a` is a tensor without a value"),
        ] {
            assert_eq!(read_one(AttributeProto { kind: Some(kind), ..AttributeProto::default() }), wanted);
        }
        let referring = AttributeProto { i: Some(3), ref_attr_name: Some("b".to_owned()), ..AttributeProto::default() };
        assert_eq!(read_one(referring), "attribute `a` refers to an attribute of a function");
    }
}
