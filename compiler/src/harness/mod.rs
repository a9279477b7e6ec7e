//! Builds a generated module for a machine, runs it there, and hands back what it computed: for `verify`, and for tests.
//! Measures it there for `bench`: in time on this computer, in instructions under QEMU.
//!
//! Invariant: computes nothing itself, and needs neither network nor registry; what a build needs is written into its folder.

mod build;
mod compare;
mod count;
mod error;
mod figures;
mod machine;
mod network;
mod project;
mod run;
mod tensors;
mod time;

pub use build::{build, rustc_version};
pub use compare::{Difference, Tolerance, compare, first_different_bit};
pub use count::{Counts, count};
pub use error::HarnessError;
pub use figures::Figures;
pub use machine::{BARE_AARCH64, Board, Machine, Memory, NETDUINO_PLUS_2, Seat, machine};
pub use project::{OptLevel, Project, STACK};
pub use run::{Run, checksum, print, run};
pub use tensors::{DataSet, data_sets};
pub use time::{Times, time};
