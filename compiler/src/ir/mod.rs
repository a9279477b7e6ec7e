//! The graph that the passes rewrite: ONNX meaning (NCHW, ONNX's attribute names), no layout, no memory.
//!
//! Invariant: nothing in this folder names an operator; its drivers (`infer`, `evaluate`, `verify`) ask the operators.

pub(crate) mod evaluate;
pub(crate) mod graph;
pub(crate) mod infer;
#[cfg(test)]
pub(crate) mod test_build;
pub(crate) mod text;
pub(crate) mod verify;

pub use graph::Graph;
pub(crate) use graph::{Content, MAX_CONSTANT_BYTES, NodeId, Source, Value};
