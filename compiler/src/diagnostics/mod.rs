//! What peleec tells a user about a model: a code, the node it is about, what was found, what would do, a way out.
//!
//! Codes: `PL01xx` the file and its wire, `PL02xx` the graph and its shapes, `PL03xx` operators and attributes, `PL04xx` the description beside the
//! model. `codes` has them all, with their texts.
//! A model is binary, so a diagnostic points at a node and its tensors, not at a line.

pub mod clean;
mod codes;
mod refusal;
pub mod render;
mod similar;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::Serialize;

pub(crate) use codes::Code;
pub use codes::{EXPLANATIONS, Explanation};
pub use refusal::OpError;
pub use similar::near;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing can be generated.
    Error,
    /// Something is generated, and perhaps not what was meant.
    Warning,
    /// A decision that peleec took by itself.
    Note,
}

/// Whose fault it is; decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The file cannot be read, or breaks ONNX's own rules.
    Invalid,
    /// The model is valid, but asks for something that peleec lacks or may not do.
    Unsupported,
    /// What was asked for does not go with the model.
    Usage,
    /// Advice: no error.
    Advice,
}

/// The node that a diagnostic is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeRef {
    /// Name in the file, or the first output's where the node has none.
    pub name: String,
    /// Position in the file, from 1.
    pub index: usize,
    /// Number of nodes in the file.
    pub total: usize,
    /// ONNX operator.
    pub op_type: String,
    /// Operator set, `ai.onnx` for the default one.
    pub domain: String,
    /// Version of the default operator set that the model imports.
    pub opset: i64,
}

/// An input of that node: its tensor's name, and its type and value as far as they are known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InputRef {
    /// Name of the tensor in the file.
    pub name: String,
    /// Such as `f32[1,128,19,19]` or `i64[4] = [1,1,2,2]`.
    pub description: String,
}

/// One thing that a user should know about a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Stable name of this sort of problem, such as `PL0301`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Whose fault it is.
    pub kind: Kind,
    /// One line, lower case, no full stop, ONNX names in backticks.
    pub title: String,
    /// The node, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeRef>,
    /// The inputs of the node.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<InputRef>,
    /// What stands in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// What would be accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supported: Option<String>,
    /// One concrete thing to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Further nodes or tensors of which the same is to be said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// What is at fault, and what it is said of: diagnostics of one cause become one.
    #[serde(skip)]
    pub(crate) cause: Option<(String, String)>,
}

impl Diagnostic {
    /// An error: the file breaks ONNX's rules.
    pub(crate) fn invalid(code: Code, title: impl Into<String>) -> Self {
        Diagnostic::new(code, Severity::Error, Kind::Invalid, title.into())
    }

    /// An error: the model is valid, but peleec cannot or may not compile it.
    pub(crate) fn unsupported(code: Code, title: impl Into<String>) -> Self {
        Diagnostic::new(code, Severity::Error, Kind::Unsupported, title.into())
    }

    /// An error: what was asked for does not go with the model.
    pub(crate) fn usage(code: Code, title: impl Into<String>) -> Self {
        Diagnostic::new(code, Severity::Error, Kind::Usage, title.into())
    }

    /// Perhaps not what was meant.
    pub(crate) fn warning(code: Code, title: impl Into<String>) -> Self {
        Diagnostic::new(code, Severity::Warning, Kind::Advice, title.into())
    }

    /// A decision that peleec took by itself.
    pub(crate) fn note(code: Code, title: impl Into<String>) -> Self {
        Diagnostic::new(code, Severity::Note, Kind::Advice, title.into())
    }

    fn new(code: Code, severity: Severity, kind: Kind, title: String) -> Self {
        Diagnostic {
            code: code.name(),
            severity,
            kind,
            title,
            node: None,
            inputs: Vec::new(),
            found: None,
            supported: None,
            help: None,
            also: Vec::new(),
            cause: None,
        }
    }

    pub(crate) fn found(mut self, found: impl Into<String>) -> Self {
        self.found = Some(found.into());
        self
    }

    pub(crate) fn supported(mut self, supported: impl Into<String>) -> Self {
        self.supported = Some(supported.into());
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Names the cause, and what of the model this is said of.
    pub(crate) fn because(mut self, cause: impl Into<String>, subject: impl Into<String>) -> Self {
        self.cause = Some((cause.into(), subject.into()));
        self
    }

    pub(crate) fn at(mut self, node: NodeRef, inputs: Vec<InputRef>) -> Self {
        self.node = Some(node);
        self.inputs = inputs;
        self
    }

    /// As it is, but that texts which no one reads to the end are cut: a file may hold names and lists of any length.
    pub(crate) fn shortened(mut self) -> Self {
        self.inputs.truncate(INPUTS);
        let inputs = self.inputs.iter_mut().flat_map(|input| [&mut input.name, &mut input.description]);
        let said = [&mut self.found, &mut self.supported, &mut self.help].into_iter().flatten();
        inputs.chain(said).chain([&mut self.title]).for_each(shorten);
        self
    }
}

/// Most inputs of a node that are told.
const INPUTS: usize = 256;

/// Most bytes of a text of a diagnostic, and of the beginning of a longer one that is shown.
const LONGEST: usize = 8192;
const SHOWN: usize = 400;

fn shorten(text: &mut String) {
    if text.len() > LONGEST {
        let end = (0..=SHOWN).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        text.truncate(end);
        text.push_str("...");
    }
}

/// The diagnostics with each cause told once, at its first place; the other places are named there.
///
/// Without a stated cause, nodes of which the same was found have one.
pub(crate) fn grouped(diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut first_of: BTreeMap<(&'static str, String), usize> = BTreeMap::new();
    let mut grouped: Vec<Diagnostic> = Vec::new();
    for diagnostic in diagnostics {
        let (cause, subject) = match (&diagnostic.cause, &diagnostic.node) {
            (Some((cause, subject)), _) => (cause.clone(), subject.clone()),
            (None, Some(node)) => (format!("{} {:?} {:?}", diagnostic.title, diagnostic.found, diagnostic.supported), node.name.clone()),
            (None, None) => {
                grouped.push(diagnostic);
                continue;
            }
        };
        match first_of.entry((diagnostic.code, cause)) {
            Entry::Occupied(first) => grouped[*first.get()].also.push(subject),
            Entry::Vacant(place) => {
                place.insert(grouped.len());
                grouped.push(diagnostic);
            }
        }
    }
    grouped
}

/// Everything that keeps a model from being compiled, with the warnings and notes beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problems(pub Vec<Diagnostic>);

impl Problems {
    /// The exit code of the command line: 3 where the file is unreadable or invalid, else 2 where what was asked for does not go with it,
    /// else 4 (valid, but unsupported).
    pub fn exit_code(&self) -> u8 {
        let has = |kind: Kind| self.0.iter().any(|diagnostic| diagnostic.kind == kind);
        match (has(Kind::Invalid), has(Kind::Usage)) {
            (true, _) => 3,
            (false, true) => 2,
            (false, false) => 4,
        }
    }
}

impl From<Diagnostic> for Problems {
    fn from(diagnostic: Diagnostic) -> Self {
        Problems(vec![diagnostic])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&render::render(&self.0, &render::plain))
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_model_outranks_an_unsupported_one() {
        let unsupported = Diagnostic::unsupported(Code::OPERATOR, "operator `Resize` is not supported");
        assert_eq!(Problems::from(unsupported.clone()).exit_code(), 4);
        let usage = Diagnostic::usage(Code::NO_SUCH_OUTPUT, "no tensor of the graph is called `y`");
        assert_eq!(Problems(vec![unsupported.clone(), usage]).exit_code(), 2);
        assert_eq!(Problems(vec![unsupported, Diagnostic::invalid(Code::CYCLE, "the nodes form a cycle")]).exit_code(), 3);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = format!("a{}", "\u{e9}".repeat(LONGEST));
        let cut = Diagnostic::invalid(Code::UNDEFINED, long.clone()).found(long).help("short").shortened();
        assert_eq!((cut.title.len(), cut.help.as_deref()), (SHOWN - 1 + 3, Some("short")));
        assert!(cut.title.ends_with("\u{e9}...") && cut.found == Some(cut.title));
    }

    #[test]
    fn json_leaves_out_what_is_unknown() {
        let json = serde_json::to_value(Problems::from(Diagnostic::note(Code::BATCH, "dimension `batch` is set to 1"))).unwrap();
        let expected = serde_json::json!([{
            "code": "PL0209", "severity": "note", "kind": "advice", "title": "dimension `batch` is set to 1"
        }]);
        assert_eq!(json, expected);
    }
}
