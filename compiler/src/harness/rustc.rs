//! What there is to ask of rustc: its version, its name of a platform, whether it has the platform's library.

use std::path::PathBuf;
use std::process::Command;

use super::error::HarnessError;
use super::machine::Machine;

/// What the compiler says that it is, such as `rustc 1.95.0 (59807616e 2026-04-14)`.
pub fn rustc_version() -> Result<String, HarnessError> {
    ask(&["--version"])
}

/// Rust's name of the platform that the machine's code is for.
pub(crate) fn triple(machine: &Machine) -> Result<String, HarnessError> {
    match machine.triple {
        Some(triple) => Ok(triple.to_owned()),
        None => ask(&["--print", "host-tuple"]),
    }
}

/// Whether there is a library for the platform.
pub(crate) fn require(triple: &str) -> Result<(), HarnessError> {
    let folder = PathBuf::from(ask(&["--print", "target-libdir", "--target", triple])?);
    let has_core = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    let what = format!("Rust's standard library for {triple} is not installed");
    let missing = || HarnessError::Missing { what, remedy: format!("rustup target add {triple}") };
    has_core.then_some(()).ok_or_else(missing)
}

fn ask(arguments: &[&str]) -> Result<String, HarnessError> {
    let chosen = std::env::var_os("RUSTC");
    let install = "install Rust from https://rustup.rs";
    let unset = chosen.as_ref().map_or(install.to_owned(), |chosen| format!("RUSTC is {}: unset it", chosen.display()));
    let missing = |remedy| HarnessError::Missing { what: "rustc does not run".to_owned(), remedy };
    let rustc = chosen.unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(arguments).output().map_err(|_| missing(install.to_owned()))?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    match (output.status.success(), said(&output.stdout), said(&output.stderr)) {
        (true, answer, _) if !answer.is_empty() => Ok(answer),
        (false, _, reason) if !reason.is_empty() => Err(missing(reason)),
        _ => Err(missing(unset)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::machine::{BARE_AARCH64, machine};
    use super::*;
    use crate::Target;

    #[test]
    fn rustc_says_what_it_is_and_where_it_runs() {
        assert!(rustc_version().unwrap().starts_with("rustc 1."));
        let here = triple(&machine(Target::Generic).unwrap()).unwrap();
        assert!(here.starts_with(std::env::consts::ARCH) && here.split('-').count() >= 3, "{here}");
        assert_eq!(require(&here).map_err(|error| error.to_string()), Ok(()));
        assert_eq!(triple(&BARE_AARCH64).unwrap(), "aarch64-unknown-none");
    }

    #[test]
    fn a_platform_without_a_library_is_told_from_one_that_there_is_not() {
        // Of the third tier, so that rustup has nothing for it.
        let error = require("mipsel-sony-psp").unwrap_err().to_string();
        assert_eq!(error, "Rust's standard library for mipsel-sony-psp is not installed: rustup target add mipsel-sony-psp");
        let error = require("z80-unknown-none").unwrap_err();
        assert!(error.is_missing() && error.to_string().contains("z80-unknown-none"), "{error}");
    }
}
