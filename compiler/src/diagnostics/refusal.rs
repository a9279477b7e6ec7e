//! Why an operator refuses a node, in a user's words; the caller adds which node it is.

use std::fmt;

/// A refusal: what was found, what would be accepted, and a way out.
#[derive(Clone, Debug, PartialEq)]
pub struct OpError {
    pub(crate) found: String,
    pub(crate) supported: Option<String>,
    pub(crate) help: Option<String>,
    /// The node breaks ONNX's own rules, rather than asking for something that peleec lacks.
    pub(crate) invalid: bool,
}

impl OpError {
    /// The node breaks ONNX's rules. `found` is lower case, without a full stop, ONNX names in backticks.
    pub(crate) fn new(found: impl Into<String>) -> Self {
        OpError { found: found.into(), supported: None, help: None, invalid: true }
    }

    /// The node is valid ONNX, but peleec cannot compile it.
    pub(crate) fn unsupported(found: impl Into<String>) -> Self {
        OpError { invalid: false, ..OpError::new(found) }
    }

    pub(crate) fn supported(mut self, supported: impl Into<String>) -> Self {
        self.supported = Some(supported.into());
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for OpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.found)?;
        match &self.supported {
            Some(supported) => write!(f, " (supported: {supported})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for OpError {}
