//! Layers and a plan to the files of the generated module.
//!
//! Invariant: decides nothing; it prints what `lower` and `plan` have decided.

pub mod files;
pub(crate) mod head;
mod layer;
pub(crate) mod module;
pub(crate) mod names;

use proc_macro2::Literal;

pub(crate) use module::{ModuleSource, module};

/// A number without its type.
fn int(value: usize) -> Literal {
    Literal::usize_unsuffixed(value)
}
