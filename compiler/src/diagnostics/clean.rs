//! Texts of a model or a path, such that they cannot steer what shows them.

/// The text with every character escaped that a terminal, an editor or rustc would not show as one in its place.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if is_hidden(c) { c.escape_default().to_string() } else { c.to_string() }).collect()
}

/// As [`clean`], of a text whose lines are meant.
pub fn clean_lines(text: &str) -> String {
    text.split('\n').map(clean).collect::<Vec<_>>().join("\n")
}

/// A JSON text with the same characters escaped inside of its strings, which are the same strings then.
pub fn clean_json(text: &str) -> String {
    let escape = |c: char| c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
    text.chars().map(|c| if is_hidden(c) && c != '\n' { escape(c) } else { c.to_string() }).collect()
}

/// Control characters, what turns the direction of writing, ends lines, joins or is not there to be seen.
pub(crate) fn is_hidden(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    c.is_control() || turns || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_a_terminal() {
        assert_eq!(clean("a\u{1b}[2J\u{9b}\n\u{202e}b"), "a\\u{1b}[2J\\u{9b}\\n\\u{202e}b");
        assert_eq!(clean("/fpn/Änderung 図"), "/fpn/Änderung 図");
        assert_eq!(clean_lines("a\u{7}\nb"), "a\\u{7}\nb");
    }

    #[test]
    fn json_keeps_its_strings() {
        let text = serde_json::to_string_pretty(&["a\u{9b}\u{202e}\u{e0001}\n"]).unwrap();
        let cleaned = clean_json(&text);
        assert!(cleaned.is_ascii(), "{cleaned}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&cleaned).unwrap(), ["a\u{9b}\u{202e}\u{e0001}\n"]);
    }
}
