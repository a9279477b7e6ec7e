//! ONNX names as Rust identifiers.

use std::collections::BTreeSet;

use crate::diagnostics::clean::is_hidden;

/// Names that a generated item must not take.
const TAKEN: &[&str] = &[
    "new",
    "run",
    "run_with",
    "run_into",
    "run_into_with",
    "run_rows_with",
    "run_rows_into_with",
    "run_slices",
    "run_slices_with",
    "step",
    "default",
    "over",
    "arena",
    "pinned",
    "lists",
    "rest",
    "executor",
    "gen",
    "row",
    "rows",
    "host",
    "from",
    "with",
    "to",
    "self",
    "super",
    "crate",
];

/// Hands out identifiers, each once.
#[derive(Default)]
pub(crate) struct Names(BTreeSet<String>);

impl Names {
    /// A snake-case identifier for `name`; a number is added where it is taken.
    pub(crate) fn unique(&mut self, name: &str) -> String {
        let base = identifier(name);
        let mut candidate = base.clone();
        let mut count = 1;
        while !self.0.insert(candidate.clone()) {
            count += 1;
            candidate = format!("{base}_{count}");
        }
        candidate
    }
}

/// The name between the backticks of a doc: what a reader would not see as a character in its place is not there.
pub(crate) fn in_doc(name: &str) -> String {
    name.chars().map(|c| if is_hidden(c) || c == '`' { '_' } else { c }).collect()
}

/// A snake-case identifier that reads like `name`.
pub(crate) fn identifier(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        match c {
            'a'..='z' | '0'..='9' => text.push(c),
            'A'..='Z' => text.push(c.to_ascii_lowercase()),
            _ if text.is_empty() || text.ends_with('_') => {}
            _ => text.push('_'),
        }
    }
    let text = text.trim_end_matches('_');
    let text = if text.is_empty() || text.starts_with(|c: char| c.is_ascii_digit()) { format!("n{text}") } else { text.to_owned() };
    if TAKEN.contains(&text.as_str()) || syn::parse_str::<syn::Ident>(&text).is_err() { format!("{text}_") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_become_identifiers() {
        assert_eq!(identifier("/stem/conv1/Conv"), "stem_conv1_conv");
        assert_eq!(identifier("129"), "n129");
        assert_eq!(identifier("*/ }\n"), "n");
        assert_eq!(identifier("type"), "type_");
        assert_eq!(identifier("run"), "run_");
    }

    #[test]
    fn a_doc_is_one_line_in_one_direction() {
        assert_eq!(in_doc("la\u{202e}y`er\n\u{200b}図"), "la_y_er__図");
    }

    #[test]
    fn names_that_collide_are_numbered() {
        let mut names = Names::default();
        assert_eq!(["a.b", "a/b", "A_B"].map(|name| names.unique(name)), ["a_b", "a_b_2", "a_b_3"]);
    }
}
