//! Cases written once, in code, and what every test asks of them. The tests stand in `tests/`, the cases in `cases/`.

#[path = "../cases/mod.rs"]
pub mod cases;
pub mod compare;
pub mod documents;
pub mod fuzzing;
pub mod lanes;
pub mod suite;
pub mod vectors;

/// The README's examples, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
