//! The files beside a model in which it keeps elements, by name.

use std::collections::BTreeSet;

use prost::Message;
use prost::bytes::Bytes;

use super::scope::DEPTH;
use super::wire::{GraphProto, ModelProto, TensorProto};

/// The names that the model's initializers and attributes give, those of its branches among them; empty where the file is no model.
pub(crate) fn data_files(model: Bytes) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut graphs: Vec<(GraphProto, usize)> =
        ModelProto::decode(model).ok().and_then(|model| model.graph).map(|graph| (graph, 0)).into_iter().collect();
    while let Some((graph, depth)) = graphs.pop() {
        let attributes = || graph.node.iter().flat_map(|node| &node.attribute);
        names.extend(graph.initializer.iter().chain(attributes().filter_map(|attribute| attribute.t.as_deref())).filter_map(location));
        if depth < DEPTH {
            let branches = attributes().filter_map(|attribute| GraphProto::decode(attribute.g.clone()?).ok());
            graphs.extend(branches.map(|branch| (branch, depth + 1)));
        }
    }
    names
}

/// The last that is given, as it is read.
fn location(tensor: &TensorProto) -> Option<String> {
    let entry = tensor.external_data.iter().rfind(|entry| entry.key.as_deref() == Some("location"))?;
    entry.value.clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Attribute;
    use crate::onnx::wire::{AttributeProto, StringStringEntryProto, kind};
    use crate::onnx::write::ModelWriter;
    use crate::tensor::Tensor;

    /// A value that is kept where the last of these says.
    fn stored(locations: &[&str]) -> TensorProto {
        let entry = |(key, value): (&str, &str)| StringStringEntryProto { key: Some(key.to_owned()), value: Some(value.to_owned()) };
        let external_data = [entry(("offset", "4"))].into_iter().chain(locations.iter().map(|&name| entry(("location", name)))).collect();
        TensorProto { external_data, ..TensorProto::default() }
    }

    fn names(model: &ModelWriter) -> Vec<String> {
        data_files(model.finish().into()).into_iter().collect()
    }

    #[test]
    fn files_of_initializers_attributes_and_branches() {
        let value = Attribute::Tensor(Tensor::i64s([1]));
        let mut inner = ModelWriter::new("inner", 17);
        inner.graph.initializer.push(stored(&["inner"]));
        let mut model = ModelWriter::new("g", 17);
        model.graph.initializer.extend([stored(&["b"]), stored(&["a"]), stored(&["b"]), stored(&[]), stored(&["not read", "read"])]);
        model.node("Constant", "c", &[], &["c"], &[("value", value)]).node("If", "if", &["f"], &["y"], &[]);
        model.graph.node[0].attribute[0].t = Some(Box::new(stored(&["attribute"])));
        assert_eq!(names(&model), ["a", "attribute", "b", "read"]);
        // As deep as branches may lie, and one deeper.
        let mut graph = inner.graph;
        for depth in 1..=DEPTH + 1 {
            let branch = AttributeProto { kind: Some(kind::GRAPH), g: Some(graph.encode_to_vec().into()), ..AttributeProto::default() };
            let mut outer = model.clone();
            outer.graph.node[1].attribute.push(branch);
            assert_eq!(names(&outer).contains(&"inner".to_owned()), depth <= DEPTH, "{depth}");
            graph = outer.graph;
        }
    }

    #[test]
    fn what_is_no_model_names_none() {
        for bytes in [&b""[..], b"\xff", b"PK\x03\x04", &[0x3a, 200]] {
            assert!(data_files(bytes.to_vec().into()).is_empty());
        }
    }
}
