//! peleec.
#![allow(dead_code, unused_imports, reason = "under construction")]
pub(crate) mod diagnostics;
pub(crate) mod ir;
pub(crate) mod lower;
pub(crate) mod onnx;
pub(crate) mod ops;
pub(crate) mod passes;
pub mod zoo;
