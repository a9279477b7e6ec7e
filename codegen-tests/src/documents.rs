//! Documents that a test writes: they are compared with what the code says, and `PELEEC_UPDATE=1 cargo test` rewrites them.

use std::fs;
use std::path::PathBuf;

/// A file of the repository, by its path from there.
pub fn document(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Whether documents are to be rewritten, rather than compared.
pub fn updating() -> bool {
    std::env::var_os("PELEEC_UPDATE").is_some()
}

/// Asserts that `text` stands between `<!-- name -->` and `<!-- /name -->` in a document, or writes it there.
///
/// # Panics
/// Where another text stands there, or the document has no such section.
pub fn check_section(path: &str, name: &str, text: &str) {
    let file = document(path);
    let stored = fs::read_to_string(&file).expect("the document is there");
    let [before, inside, after] = section(&stored, name);
    if updating() {
        fs::write(&file, format!("{before}{text}{after}")).expect("the document can be written");
    } else {
        assert_eq!(inside, text, "{path}: `{name}` is not what the code says: PELEEC_UPDATE=1 cargo test rewrites it");
    }
}

/// The lines of a section, and the text around them.
fn section<'a>(text: &'a str, name: &str) -> [&'a str; 3] {
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = text.split_once(&open).expect("the section opens");
    let (inside, after) = rest.split_once(&close).expect("the section closes");
    [&text[..before.len() + open.len()], inside, &text[text.len() - after.len() - close.len()..]]
}
