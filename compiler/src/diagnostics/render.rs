//! Diagnostics as text for people, one block each and a closing line that counts them.
//!
//! Colour is the caller's: every coloured part goes through a function that the binary supplies. Names come from the model file,
//! so control characters are escaped before anything reaches a terminal.

use super::clean::clean;
use super::{Diagnostic, InputRef, NodeRef, Severity};

/// What a piece of text is, for whoever colours it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `error[PL0301]` and its like.
    Heading(Severity),
    /// The text behind the heading.
    Title,
    /// `node:`, `help:` and their like.
    Label,
}

/// Colours nothing.
pub fn plain(_: Part, text: &str) -> String {
    text.to_owned()
}

/// All diagnostics and the closing line; ends without a line break.
pub fn render(diagnostics: &[Diagnostic], paint: &dyn Fn(Part, &str) -> String) -> String {
    let mut text: String = diagnostics.iter().map(|diagnostic| block(diagnostic, paint)).collect();
    text.push_str(&summary(diagnostics));
    text
}

/// One diagnostic, each of its lines ended by a line break.
pub fn block(diagnostic: &Diagnostic, paint: &dyn Fn(Part, &str) -> String) -> String {
    let heading = format!("{}[{}]", word(diagnostic.severity), diagnostic.code);
    let title = paint(Part::Title, &clean(&diagnostic.title));
    let mut text = format!("{}: {title}\n", paint(Part::Heading(diagnostic.severity), &heading));
    let mut line = |label: &str, rest: String| {
        let pad = " ".repeat("inputs:".len().saturating_sub(label.len()).max(1));
        text.push_str(&format!("  {}{pad}{rest}\n", paint(Part::Label, &format!("{label}:"))));
    };
    if let Some(node) = &diagnostic.node {
        line("node", describe_node(node));
    }
    if !diagnostic.inputs.is_empty() {
        line("inputs", describe_inputs(&diagnostic.inputs));
    }
    if !diagnostic.also.is_empty() {
        line("also", describe_names(&diagnostic.also));
    }
    match (&diagnostic.found, &diagnostic.supported) {
        (Some(found), Some(supported)) => {
            line("found", format!("{}    {} {}", clean(found), paint(Part::Label, "supported:"), clean(supported)));
        }
        (Some(found), None) => line("found", clean(found)),
        (None, Some(supported)) => line("supported", clean(supported)),
        (None, None) => {}
    }
    if let Some(help) = &diagnostic.help {
        line("help", clean(help));
    }
    text
}

/// `2 errors, 1 note; ...`, or nothing where there is nothing.
fn summary(diagnostics: &[Diagnostic]) -> String {
    let counts: Vec<_> = [Severity::Error, Severity::Warning, Severity::Note]
        .into_iter()
        .map(|severity| (severity, diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count()))
        .filter(|&(_, count)| count > 0)
        .map(|(severity, count)| format!("{count} {}{}", word(severity), if count == 1 { "" } else { "s" }))
        .collect();
    let counts = counts.join(", ");
    let refused = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    if refused { format!("{counts}; `peleec check --format json` has all details") } else { counts }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn describe_node(node: &NodeRef) -> String {
    let NodeRef { name, index, total, op_type: _, domain, opset } = node;
    format!("{}   (#{index} of {total}, opset {} {opset})", clean(name), clean(domain))
}

fn describe_inputs(inputs: &[InputRef]) -> String {
    const SHOWN: usize = 6;
    let mut parts: Vec<_> = inputs.iter().take(SHOWN).map(|input| clean(&format!("{} {}", input.name, input.description))).collect();
    if inputs.len() > SHOWN {
        parts.push(format!("and {} more", inputs.len() - SHOWN));
    }
    parts.join("   ")
}

/// The first names, and how many more there are.
fn describe_names(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<_> = names.iter().take(SHOWN).map(|name| clean(name)).collect();
    let more = names.len().saturating_sub(SHOWN);
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::Code;

    fn resize() -> Diagnostic {
        let node = NodeRef {
            name: "/fpn/up2/Resize".to_owned(),
            index: 212,
            total: 348,
            op_type: "Resize".to_owned(),
            domain: "ai.onnx".to_owned(),
            opset: 18,
        };
        let input = |name: &str, description: &str| InputRef { name: name.to_owned(), description: description.to_owned() };
        Diagnostic::unsupported(Code::OPERATOR, "operator `Resize` (mode=cubic) is not supported")
            .at(node, vec![input("X", "f32[1,128,19,19]"), input("scales", "f32[4] = [1,1,2,2]")])
            .found("mode=cubic")
            .supported("nearest, linear")
            .help("re-export with mode='nearest'")
    }

    #[test]
    fn two_errors_read_like_rustc() {
        let symbolic =
            Diagnostic::unsupported(Code::EXTENT, "input `images` has a symbolic dimension `height`").help("--input-dim height=304");
        let expected = "\
error[PL0301]: operator `Resize` (mode=cubic) is not supported
  node:   /fpn/up2/Resize   (#212 of 348, opset ai.onnx 18)
  inputs: X f32[1,128,19,19]   scales f32[4] = [1,1,2,2]
  found:  mode=cubic    supported: nearest, linear
  help:   re-export with mode='nearest'
error[PL0204]: input `images` has a symbolic dimension `height`
  help:   --input-dim height=304
2 errors; `peleec check --format json` has all details";
        assert_eq!(render(&[resize(), symbolic], &plain), expected);
    }

    #[test]
    fn colour_surrounds_parts_and_escapes_stay_escaped() {
        let paint = |part: Part, text: &str| match part {
            Part::Heading(_) => format!("<{text}>"),
            _ => text.to_owned(),
        };
        let hostile = Diagnostic::warning(Code::IDLE_PIN, "no input has a dimension `\u{1b}[2J\n`");
        assert_eq!(block(&hostile, &paint), "<warning[PL0208]>: no input has a dimension `\\u{1b}[2J\\n`\n");
    }
}
