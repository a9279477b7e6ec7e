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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::{Code, Diagnostic};

    /// 1 the answer is no, 2 wrong usage, 3 unreadable or invalid, 4 valid but not supported, 70 a fault of peleec.
    #[test]
    fn every_end_has_its_code() {
        let option = OptionError { flag: "--target".to_owned(), value: "z80".to_owned(), why: "there is none".to_owned() };
        let text = || "text".to_owned();
        for (error, code) in [
            (Diagnostic::invalid(Code::DAMAGED, "").into(), 3),
            (Diagnostic::unsupported(Code::OPERATOR, "").into(), 4),
            (Diagnostic::usage(Code::NO_SUCH_INPUT, "").into(), 2),
        ] {
            let problems: Problems = error;
            assert_eq!(Error::from(problems).exit_code(), code);
        }
        for (error, code) in [
            (Error::io(std::path::Path::new("a"), std::io::ErrorKind::NotFound.into()), 3),
            (Error::from(option), 2),
            (Error::Budget { budget: 1, least: 2, alive: text(), way: text() }, 1),
            (Error::Taken { path: text(), model: text(), way: text() }, 2),
            (Error::Data(text()), 3),
            (Error::Internal(text()), 70),
            (Error::budget(RamBudget::Least, TooLarge { least: None }), 70),
            (Error::budget(RamBudget::Bytes(1), TooLarge { least: None }), 70),
        ] {
            assert_eq!(error.exit_code(), code, "{error}");
            // A `main` that returns the error shows what a person reads.
            assert_eq!(format!("{error:?}"), error.to_string());
        }
    }
}
