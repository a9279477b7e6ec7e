//! The case list, written once: every test that takes cases takes these.

pub mod onnx;
pub mod random;
