//! The case list, written once: every test that takes cases takes these.

pub mod blocks;
pub mod errors;
pub mod onnx;
pub mod operators;
pub mod random;

/// A model in code, named for what it shows.
pub struct Case {
    /// Name of the snapshot.
    pub name: &'static str,
    /// Writes the ONNX file.
    pub build: fn() -> Vec<u8>,
}
