//! Builds a generated module for a machine, runs it there, and hands back what it computed: for `verify`, and for tests.
//!
//! Invariant: computes nothing itself, and needs neither network nor registry; what a build needs is written into its folder.

mod build;
mod compare;
mod error;
mod figures;
mod machine;
mod project;
mod run;
mod tensors;

pub use build::build;
pub use compare::{Difference, Tolerance, compare, first_different_bit};
pub use error::HarnessError;
pub use figures::Figures;
pub use machine::{Board, Machine, Memory, Seat, machine};
pub use project::{OptLevel, Project};
pub use run::{Run, checksum, run};
pub use tensors::{DataSet, data_sets};
