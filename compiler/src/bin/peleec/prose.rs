//! Prose in lines that fit a terminal.

const WIDTH: usize = 80;

/// The words of a text in lines of at most 80 columns, each behind an indent; a longer word has a line of its own.
pub(crate) fn wrapped(text: &str, indent: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("{indent}{word}")),
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_hold_as_many_words_as_fit() {
        let words: Vec<String> = (0..400_usize).map(|index| "ä図x".chars().cycle().take(1 + index * 7 % 13).collect()).collect();
        for indent in ["", "    ", "  - "] {
            let text = wrapped(&words.join(" \n\t"), indent);
            let lines: Vec<Vec<&str>> = text.lines().map(|line| line.strip_prefix(indent).unwrap().split(' ').collect()).collect();
            assert_eq!(lines.concat(), words, "every word in its order, with one space between");
            let columns = |words: &[&str]| indent.len() + words.join(" ").chars().count();
            assert!(lines.iter().all(|line| columns(line) <= WIDTH));
            for pair in lines.windows(2) {
                assert!(columns(&[&pair[0][..], &pair[1][..1]].concat()) > WIDTH, "{pair:?}");
            }
        }
    }

    #[test]
    fn a_long_word_stands_alone_and_nothing_is_nothing() {
        let long = "x".repeat(WIDTH + 1);
        assert_eq!(wrapped(&format!("a {long} b c"), " "), format!(" a\n {long}\n b c"));
        assert_eq!([wrapped("", "  "), wrapped(" \n ", "  ")], ["", ""]);
    }
}
