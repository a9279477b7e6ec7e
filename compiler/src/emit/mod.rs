//! Layers and a plan to the files of the generated module.
//!
//! Invariant: decides nothing; it prints what `lower` and `plan` have decided.

pub mod files;
mod geometry;
mod layer;
pub(crate) mod module;
pub(crate) mod names;

pub(crate) use module::{ModuleSource, module};
