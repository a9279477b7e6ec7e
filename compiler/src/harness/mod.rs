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
mod npy;
mod process;
mod project;
mod refusal;
mod run;
mod rustc;
mod tensors;
mod time;
mod write;

pub use build::{build, warnings};
pub use compare::{Difference, Tolerance, compare, first_different_bit};
pub use count::{Counts, count};
pub use error::HarnessError;
pub use figures::Figures;
pub use machine::{BARE_AARCH64, Board, Machine, Memory, NETDUINO_PLUS_2, Seat, best_target, machine, own_target};
pub use process::{Stopped, stop};
pub use project::{OptLevel, Project};
pub use run::{Run, checksum, print, run};
pub use rustc::rustc_version;
pub use tensors::{DataSet, data_sets};
pub use time::{Times, time};
pub use write::STACK;
