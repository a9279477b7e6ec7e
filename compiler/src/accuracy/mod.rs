//! How good a network's answers are: pictures whose content is known, and the measures over them.
//!
//! Invariant: knows no graph and runs nothing; it is told what was seen.

mod annotations;
mod precision;

pub use annotations::{Annotated, Annotations, Object};
pub use precision::{ClassPrecision, OVERLAPS, Precision, PrecisionTable};
