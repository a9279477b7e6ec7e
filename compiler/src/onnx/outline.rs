//! A file as it was decoded, before it becomes a graph: one line an entry, for comparing decoders and for bug reports.

use std::fmt::Write;

use prost::bytes::Bytes;

use super::open::open;
use super::wire::{AttributeProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use crate::diagnostics::Problems;

/// Operator sets, inputs, outputs, initializers and nodes with their attributes; tensors by element type, extents, number of stored
/// elements and a checksum of what is stored.
pub(crate) fn outline(bytes: Bytes) -> Result<String, Problems> {
    Ok(text(&open(bytes)?.0))
}

fn text(model: &ModelProto) -> String {
    let mut text = String::new();
    for import in &model.opset_import {
        _ = writeln!(text, "opset {:?} {}", import.domain.as_deref().unwrap_or_default(), import.version.unwrap_or_default());
    }
    let Some(graph) = &model.graph else { return text };
    for (what, values) in [("input", &graph.input), ("output", &graph.output)] {
        values.iter().for_each(|value| text += &format!("{what} {}\n", value_text(value)));
    }
    graph.initializer.iter().for_each(|tensor| text += &format!("initializer {}\n", tensor_text(tensor)));
    graph.node.iter().for_each(|node| text += &node_text(node));
    text
}

fn value_text(value: &ValueInfoProto) -> String {
    let tensor = value.r#type.as_ref().and_then(|ty| ty.tensor_type.as_ref());
    let dims = tensor.and_then(|tensor| tensor.shape.as_ref()).map(|shape| {
        let dim = |dim: &super::wire::Dimension| match (&dim.dim_value, &dim.dim_param) {
            (Some(value), _) => value.to_string(),
            (None, Some(name)) => name.clone(),
            (None, None) => "?".to_owned(),
        };
        shape.dim.iter().map(dim).collect::<Vec<_>>()
    });
    let elements = tensor.and_then(|tensor| tensor.elem_type).unwrap_or_default();
    format!("{} type {elements} {:?}", value.name.as_deref().unwrap_or_default(), dims.unwrap_or_default())
}

fn tensor_text(tensor: &TensorProto) -> String {
    let raw = tensor.raw_data.as_deref().unwrap_or_default();
    let mut hash = fnv(0xcbf2_9ce4_8422_2325, raw);
    tensor.float_data.iter().for_each(|value| hash = fnv(hash, &value.to_le_bytes()));
    tensor.int32_data.iter().for_each(|value| hash = fnv(hash, &value.to_le_bytes()));
    tensor.int64_data.iter().for_each(|value| hash = fnv(hash, &value.to_le_bytes()));
    tensor.double_data.iter().for_each(|value| hash = fnv(hash, &value.to_le_bytes()));
    let typed = tensor.float_data.len() + tensor.int32_data.len() + tensor.int64_data.len() + tensor.double_data.len();
    let name = tensor.name.as_deref().unwrap_or_default();
    format!("{name} type {} {:?} raw {} typed {typed} {hash:016x}", tensor.data_type.unwrap_or_default(), tensor.dims, raw.len())
}

/// FNV-1a.
fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn node_text(node: &NodeProto) -> String {
    let or_empty = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut text = format!(
        "node {:?} {} {} {:?} -> {:?}\n",
        or_empty(&node.domain),
        or_empty(&node.op_type),
        or_empty(&node.name),
        node.input,
        node.output
    );
    for attribute in &node.attribute {
        _ = writeln!(text, "  {}", attribute_text(attribute));
    }
    text
}

fn attribute_text(attribute: &AttributeProto) -> String {
    let name = attribute.name.as_deref().unwrap_or_default();
    let (f, i) = (attribute.f.unwrap_or_default(), attribute.i.unwrap_or_default());
    let s = attribute.s.as_deref().unwrap_or_default();
    let t = attribute.t.as_deref().map(tensor_text);
    format!(
        "{name} kind {} f {f:?} i {i} s {s:?} floats {:?} ints {:?} t {t:?}",
        attribute.kind.unwrap_or_default(),
        attribute.floats,
        attribute.ints
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Attribute;
    use crate::onnx::wire::Dimension;
    use crate::onnx::write::ModelWriter;
    use crate::tensor::{DType, Tensor, TensorType};

    /// The checksums are those of the FNV's authors, for no bytes and for `a`.
    #[test]
    fn checksums_are_fnv_1a() {
        assert_eq!([fnv(0xcbf2_9ce4_8422_2325, b""), fnv(0xcbf2_9ce4_8422_2325, b"a")], [0xcbf2_9ce4_8422_2325, 0xaf63_dc4c_8601_ec8c]);
    }

    #[test]
    fn a_line_an_entry() {
        let mut model = ModelWriter::new("g", 9);
        let dims = [("n", None), ("", Some(3))]
            .map(|(name, value)| Dimension { dim_value: value, dim_param: Some(name.to_owned()).filter(|name| !name.is_empty()) });
        model.input_dims("x", DType::F32, &[dims[0].clone(), dims[1].clone(), Dimension::default()]);
        model.initializer("w", &Tensor::i64s([])).node("Relu", "r", &["x", ""], &["y"], &[("a", Attribute::Ints(vec![1, -1]))]);
        model.output("y", &TensorType::new(DType::I8, []));
        let lines = outline(model.finish().into()).unwrap();
        let wanted = [
            "opset \"\" 9",
            "input x type 1 [\"n\", \"3\", \"?\"]",
            "output y type 3 []",
            "initializer w type 7 [0] raw 0 typed 0 cbf29ce484222325",
            "node \"\" Relu r [\"x\", \"\"] -> [\"y\"]",
            "  a kind 7 f 0.0 i 0 s [] floats [] ints [1, -1] t None",
        ];
        assert_eq!(lines.lines().collect::<Vec<_>>(), wanted);
        assert!(outline(Bytes::from_static(b"no model")).is_err());
    }

    /// The same elements in a typed list are other bytes of the file, and the same checksum.
    #[test]
    fn a_checksum_is_of_elements_however_they_are_stored() {
        let value = Tensor::f32([2], [1.5, -2.0]).unwrap();
        let raw = crate::onnx::tensor::encode("w", &value);
        let typed = TensorProto { raw_data: None, float_data: vec![1.5, -2.0], ..raw.clone() };
        let checksum = |tensor: &TensorProto| tensor_text(tensor).rsplit(' ').next().map(str::to_owned);
        assert_eq!(checksum(&raw), checksum(&typed));
        assert_ne!(tensor_text(&raw), tensor_text(&typed));
    }
}
