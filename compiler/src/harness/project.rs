//! A cargo project that stands alone, for a machine: where it lies, what it is called, what its network is.

use std::path::PathBuf;

use super::machine::Machine;
use crate::TensorType;

/// rustc's optimisation level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OptLevel {
    /// 2.
    Two,
    /// 3.
    #[default]
    Three,
    /// `s`: small.
    S,
    /// `z`: smaller.
    Z,
    /// As cargo builds while a program is developed: level 0, with overflow checks and debug assertions. An image keeps its ways to panic,
    /// and says where it panicked.
    Dev,
}

impl OptLevel {
    /// The levels at which an image has no way to panic.
    pub const ALL: [OptLevel; 4] = [OptLevel::Two, OptLevel::Three, OptLevel::S, OptLevel::Z];

    /// As rustc is told.
    pub fn name(self) -> &'static str {
        match self {
            OptLevel::Two => "2",
            OptLevel::Three => "3",
            OptLevel::S => "s",
            OptLevel::Z => "z",
            OptLevel::Dev => "0",
        }
    }
}

/// A project that is written, for a machine.
#[derive(Clone, Debug)]
pub struct Project {
    /// Its folder.
    pub folder: PathBuf,
    /// What it is for.
    pub machine: Machine,
    /// Whether an image is held to what generated code promises: no panic, no allocator, one arena.
    pub keeps_promises: bool,
    /// Name of the package and the program.
    pub name: String,
    /// Name and type of every output.
    pub outputs: Vec<(String, TensorType)>,
    /// How many layers the network has.
    pub layers: usize,
    /// RAM that the network owns, copies of weights among it, as the compilation says.
    pub arena_bytes: usize,
}

impl Project {
    /// Where inputs and outputs of a run lie.
    pub(crate) fn run_folder(&self) -> PathBuf {
        self.folder.join("run")
    }

    /// What cargo printed.
    pub(crate) fn build_log(&self) -> PathBuf {
        self.folder.join("cargo.txt")
    }
}
