//! What a linked image is made of, and whether it keeps the promises of generated code: no panic, no allocator, one arena.

use std::collections::BTreeMap;
use std::path::Path;

use object::{Object, ObjectSection, ObjectSymbol};
use serde::Serialize;

use super::error::HarnessError;

/// Parts of symbol names that only code with a panic or an allocator has.
const FORBIDDEN: [&str; 6] = ["panicking", "rust_begin_unwind", "__rust_alloc", "__rg_alloc", "alloc5alloc", "4core3fmt"];

/// Bytes of a linked image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Code.
    pub text: u64,
    /// Constants, the weights among them.
    pub rodata: u64,
    /// Zeroed statics: the model, its inputs and copies of its outputs.
    pub bss: u64,
    /// The static model.
    pub model: u64,
}

/// Reads an image and checks it.
pub(crate) fn examine(path: &Path, arena_bytes: usize) -> Result<Figures, HarnessError> {
    let bytes = std::fs::read(path).map_err(|error| HarnessError::io(path, error))?;
    let file = object::File::parse(&*bytes).map_err(|error| HarnessError::Image(format!("is no ELF file: {error}")))?;
    let sections: BTreeMap<_, _> = file.sections().filter_map(|section| Some((section.name().ok()?.to_owned(), section.size()))).collect();
    let size = |name: &str| sections.get(name).copied().unwrap_or(0);
    let names: Vec<_> = file.symbols().filter_map(|symbol| Some((symbol.name().ok()?.to_owned(), symbol.size()))).collect();
    if let Some((name, _)) = names.iter().find(|(name, _)| FORBIDDEN.iter().any(|part| name.contains(part))) {
        return Err(HarnessError::Image(format!("holds `{name}`")));
    }
    let model = names.iter().find(|(name, _)| name == "PELEEC_MODEL").map_or(0, |(_, size)| *size);
    // The arena is aligned to 64 bytes, so its size is a multiple.
    if model != arena_bytes.next_multiple_of(64) as u64 {
        return Err(HarnessError::Image(format!("holds a model of {model} bytes, and ARENA_BYTES is {arena_bytes}")));
    }
    Ok(Figures { text: size(".text") + size(".vectors"), rodata: size(".rodata"), bss: size(".bss"), model })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program that can panic, this one, and one that is none.
    #[test]
    #[cfg(target_os = "linux")]
    fn what_can_panic_breaks_a_promise() {
        let refusal = |path: &Path| examine(path, 0).unwrap_err().to_string();
        let own = refusal(&std::env::current_exe().unwrap());
        assert!(own.starts_with("the image holds `") && FORBIDDEN.iter().any(|part| own.contains(part)), "{own}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        std::fs::write(&path, "no program").unwrap();
        assert!(refusal(&path).starts_with("the image is no ELF file"), "{}", refusal(&path));
        assert!(matches!(examine(&folder.path().join("none"), 0), Err(HarnessError::Io { .. })));
    }
}
