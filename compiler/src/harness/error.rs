//! What can keep a module from being built and run on a machine.

use std::path::Path;
use std::time::Duration;

/// Why there is no result from a machine.
#[derive(Debug, thiserror::Error)]
pub enum HarnessError {
    /// Something is not on this computer.
    #[error("{what}: {remedy}")]
    Missing {
        /// What is not there.
        what: String,
        /// How to get it.
        remedy: String,
    },
    /// Cargo, or a program that it needs, does not work on this computer.
    #[error("{what}: {remedy}\n  {}", .log.replace('\n', "\n  "))]
    Computer {
        /// What is wrong.
        what: String,
        /// One way out.
        remedy: String,
        /// What the program said.
        log: String,
    },
    /// The board has less memory than the network needs.
    #[error("the network needs {needed} bytes of {what}, and {board} has {available}; `--target cortex-m55` has a larger board")]
    TooLarge {
        /// Which memory.
        what: &'static str,
        /// QEMU's name of the board.
        board: &'static str,
        /// Bytes that it would take.
        needed: usize,
        /// Bytes that there are.
        available: usize,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// Cargo refuses the generated project.
    #[error("the generated module does not build:\n{0}")]
    Build(String),
    /// The image holds a way to panic, so it does not link.
    #[error("a path to a panic is left in the image, so it does not link")]
    PanicPath,
    /// The linked image breaks a promise of the generated code.
    #[error("the image {0}")]
    Image(String),
    /// The program ended by itself, but not well.
    #[error("the program failed ({status}): {text}")]
    Failed {
        /// Its exit status.
        status: String,
        /// What it printed.
        text: String,
    },
    /// The program was stopped.
    #[error("the program was stopped after {} s", .0.as_secs())]
    TimedOut(Duration),
    /// Test data does not go with the model.
    #[error("{0}")]
    Data(String),
}

impl HarnessError {
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        HarnessError::Io { path: path.display().to_string(), source }
    }

    /// Whether this computer lacks what is needed, so that nothing was learnt of the network.
    pub fn is_missing(&self) -> bool {
        matches!(self, HarnessError::Missing { .. })
    }

    /// The exit code of the command line.
    pub fn exit_code(&self) -> u8 {
        match self {
            HarnessError::TooLarge { .. } | HarnessError::Failed { .. } | HarnessError::TimedOut(_) => 1,
            HarnessError::Missing { .. } | HarnessError::Computer { .. } => 2,
            HarnessError::Io { .. } | HarnessError::Data(_) => 3,
            HarnessError::Build(_) | HarnessError::PanicPath | HarnessError::Image(_) => 70,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 the answer is no, 2 wrong usage or something lacks, 3 unreadable, 70 a fault of peleec.
    #[test]
    fn every_end_has_its_code() {
        let text = || "text".to_owned();
        let io = HarnessError::io(Path::new("a b"), std::io::ErrorKind::NotFound.into());
        assert!(io.to_string().starts_with("a b: "));
        for (error, code) in [
            (HarnessError::Failed { status: text(), text: text() }, 1),
            (HarnessError::TimedOut(Duration::from_millis(2999)), 1),
            (HarnessError::TooLarge { what: "weights", board: "b", needed: 2, available: 1 }, 1),
            (HarnessError::Missing { what: text(), remedy: text() }, 2),
            (HarnessError::Computer { what: text(), remedy: text(), log: text() }, 2),
            (io, 3),
            (HarnessError::Data(text()), 3),
            (HarnessError::Build(text()), 70),
            (HarnessError::PanicPath, 70),
            (HarnessError::Image(text()), 70),
        ] {
            assert_eq!((error.exit_code(), error.is_missing()), (code, matches!(error, HarnessError::Missing { .. })), "{error}");
        }
        assert_eq!(HarnessError::TimedOut(Duration::from_millis(2999)).to_string(), "the program was stopped after 2 s");
        let log = HarnessError::Computer { what: text(), remedy: text(), log: "one\ntwo".to_owned() };
        assert_eq!(log.to_string(), "text: text\n  one\n  two");
    }
}
