//! Cases written once, in code, and what every test asks of them. The tests stand in `tests/`, the cases in `cases/`.

#[path = "../cases/mod.rs"]
pub mod cases;
pub mod compare;
pub mod vectors;
