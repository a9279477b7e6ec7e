//! Everything that can keep a compilation from its result.

use crate::diagnostics::Problems;
use crate::options::OptionError;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
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

    /// The exit code of the command line.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Model(problems) => problems.exit_code(),
            Error::Io { .. } | Error::Data(_) => 3,
            Error::Option(_) => 2,
            Error::Internal(_) => 70,
        }
    }
}
