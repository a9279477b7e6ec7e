//! How a command can end.

use std::sync::OnceLock;

use peleec::clean::{clean, clean_lines};
use peleec::harness::HarnessError;
use peleec::{Diagnostic, Error};

/// What a command that worked has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// All is as it should be.
    Yes,
    /// Something is not.
    No,
}

impl From<bool> for Answer {
    fn from(yes: bool) -> Self {
        if yes { Answer::Yes } else { Answer::No }
    }
}

/// Why a command did not work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Compiler(#[from] Error),
    #[error(transparent)]
    Harness(#[from] HarnessError),
    #[error("{0}")]
    Usage(String),
}

impl Failure {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Failure::Compiler(error) => error.exit_code(),
            Failure::Harness(error) => error.exit_code(),
            Failure::Usage(_) => 2,
        }
    }

    /// For people. Where the text is of one line, a name in it does not make more.
    pub(crate) fn text(&self) -> String {
        let text = self.to_string();
        match self {
            Failure::Compiler(Error::Budget { .. })
            | Failure::Harness(HarnessError::Build(_) | HarnessError::Computer { .. } | HarnessError::Failed { .. }) => clean_lines(&text),
            _ => clean(&text),
        }
    }

    /// The problems of the model, where it is they.
    pub(crate) fn diagnostics(&self) -> Option<&[Diagnostic]> {
        match self {
            Failure::Compiler(Error::Model(problems)) => Some(&problems.0),
            _ => None,
        }
    }
}

/// SHA-256 of the model that is being worked on.
static MODEL: OnceLock<String> = OnceLock::new();

/// Notes which model to name if peleec fails.
pub(crate) fn working_on(hash: String) {
    _ = MODEL.set(hash);
}

/// What is said when a rule of peleec itself is broken.
pub(crate) fn internal_error() -> String {
    let model = MODEL.get().map_or("no model was read".to_owned(), |hash| format!("model sha256 {hash}"));
    format!("error: internal error, please report it (peleec {}, {model})", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_makes_no_line_and_what_a_program_said_keeps_its_lines() {
        let name = "a\u{1b}[2J\nerror: b".to_owned();
        for failure in [
            Failure::Usage(name.clone()),
            Error::Data(name.clone()).into(),
            Error::Internal(name.clone()).into(),
            Error::Io { path: name.clone(), source: std::io::ErrorKind::NotFound.into() }.into(),
            Error::Taken { path: name.clone(), model: name.clone(), way: name.clone() }.into(),
            HarnessError::Data(name.clone()).into(),
            HarnessError::Missing { what: name.clone(), remedy: name.clone() }.into(),
        ] {
            assert_eq!(failure.text().lines().count(), 1, "{failure:?}");
        }
        for failure in [
            Failure::from(Error::Budget { budget: 1, least: 2, alive: "`y`".to_owned(), way: String::new() }),
            HarnessError::Build(name.clone()).into(),
            HarnessError::Failed { status: String::new(), text: name.clone() }.into(),
            HarnessError::Computer { what: String::new(), remedy: String::new(), log: name }.into(),
        ] {
            assert_eq!((failure.text().lines().count(), failure.text().contains('\u{1b}')), (failure.to_string().lines().count(), false));
        }
    }

    #[test]
    fn wrong_usage_is_two_and_all_else_has_its_own_code() {
        assert_eq!(Failure::Usage(String::new()).exit_code(), 2);
        assert_eq!(Failure::from(Error::Internal(String::new())).exit_code(), 70);
        assert_eq!(Failure::from(HarnessError::PanicPath).exit_code(), 70);
        assert_eq!((Answer::from(true), Answer::from(false)), (Answer::Yes, Answer::No));
        assert!(Failure::from(Error::Data(String::new())).diagnostics().is_none());
    }
}
