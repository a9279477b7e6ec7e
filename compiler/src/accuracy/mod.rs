//! How good a network's answers are: pictures whose content is known, and the measures over them and over answers of another kind.
//!
//! Invariant: knows no graph and runs nothing; it is told what was seen.

mod annotations;
mod likeness;
mod precision;

pub use annotations::{Annotated, Annotations, Object};
pub use likeness::Likeness;
pub use precision::{ClassPrecision, OVERLAPS, Precision, PrecisionTable};
