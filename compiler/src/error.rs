//! Everything that can keep a compilation from its result.

use std::fmt;

use crate::diagnostics::Problems;
use crate::diagnostics::clean::clean;
use crate::options::{OptionError, RamBudget};
use crate::plan::{Lifetime, TooLarge};

/// Why there is no result.
///
/// Its `Debug` form is the text for people, since that is what `main` shows of an error that it returns.
#[derive(thiserror::Error)]
pub enum Error {
    /// The model cannot be compiled; all reasons at once.
    #[error("{0}")]
    Model(#[from] Problems),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// An option's value does not serve.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// No plan fits the budget of memory.
    #[error("no plan fits in {budget} bytes of RAM; the least that works is {way}\n  alive at its peak: {alive}")]
    Budget {
        /// What was asked for.
        budget: usize,
        /// Bytes of the smallest plan.
        least: usize,
        /// The largest buffers at its peak.
        alive: String,
        /// What asks for it.
        way: String,
    },
    /// The module's file was made from another model.
    #[error("{path} was made from {model}; {way}")]
    Taken {
        /// The file.
        path: String,
        /// What it was made from.
        model: String,
        /// What to do.
        way: String,
    },
    /// Input data does not go with the model.
    #[error("{0}")]
    Data(String),
    /// A rule of peleec itself is broken.
    #[error("internal error: {0}; please report it with the model's sha256")]
    Internal(String),
}

impl Error {
    pub(crate) fn io(path: &std::path::Path, source: std::io::Error) -> Self {
        Error::Io { path: path.display().to_string(), source }
    }

    pub(crate) fn budget(budget: RamBudget, TooLarge { least }: TooLarge) -> Self {
        let (RamBudget::Bytes(budget), Some(least)) = (budget, least) else { return Error::Internal("there is no plan".to_owned()) };
        let name = |buffer: &Lifetime| format!("`{}` {} bytes", clean(&least.problem.tensors[buffer.root].name), buffer.size);
        let alive: Vec<String> = least.at_peak().into_iter().take(4).map(name).collect();
        let least = least.cost.arena;
        Error::Budget { budget, least, alive: alive.join(", "), way: format!("--ram-budget {least}") }
    }

    /// The exit code of the command line.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Model(problems) => problems.exit_code(),
            Error::Io { .. } | Error::Data(_) => 3,
            Error::Budget { .. } => 1,
            Error::Option(_) | Error::Taken { .. } => 2,
            Error::Internal(_) => 70,
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
