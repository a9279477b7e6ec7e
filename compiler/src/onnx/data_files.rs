//! The files beside a model in which it keeps elements, by name.

use std::collections::BTreeSet;

use prost::Message;
use prost::bytes::Bytes;

use super::wire::{ModelProto, TensorProto};

/// The names that the model's initializers and attributes give; empty where the file is no model.
pub(crate) fn data_files(model: Bytes) -> BTreeSet<String> {
    let graph = ModelProto::decode(model).ok().and_then(|model| model.graph).unwrap_or_default();
    let attributes = graph.node.iter().flat_map(|node| &node.attribute).filter_map(|attribute| attribute.t.as_deref());
    graph.initializer.iter().chain(attributes).filter_map(location).collect()
}

fn location(tensor: &TensorProto) -> Option<String> {
    let entry = tensor.external_data.iter().find(|entry| entry.key.as_deref() == Some("location"))?;
    entry.value.clone()
}
