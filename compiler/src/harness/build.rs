//! Runs cargo on a project, offline, and looks at what it linked.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use super::figures::Figures;
use super::machine::{Machine, Seat};
use super::project::Project;
use super::{HarnessError, figures};

/// Builds the project and gives the program's path, and its figures where it is a firmware image that keeps the promises.
pub fn build(project: &Project) -> Result<(PathBuf, Option<Figures>), HarnessError> {
    let triple = triple(&project.machine)?;
    require_target(&triple)?;
    let mut cargo = Command::new(cargo());
    cargo.args(["build", "--release", "--offline", "--quiet", "--color=never", "--target-dir=target"]).current_dir(&project.folder);
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_TARGET_DIR"] {
        cargo.env_remove(variable);
    }
    let output = cargo.output().map_err(|error| HarnessError::io(&PathBuf::from(cargo.get_program()), error))?;
    if !output.status.success() {
        return Err(refusal(&String::from_utf8_lossy(&output.stderr)));
    }
    let program = project.folder.join("target").join(triple).join("release").join(format!("{}{}", project.name, suffix(&project.machine)));
    let figures = match project.machine.seat {
        Seat::Board(_) if project.keeps_promises => Some(figures::examine(&program, project.arena_bytes)?),
        Seat::Board(_) | Seat::Host | Seat::QemuUser(_) => None,
    };
    Ok((program, figures))
}

/// What the compiler says that it is, such as `rustc 1.95.0 (59807616e 2026-04-14)`.
pub fn rustc_version() -> Result<String, HarnessError> {
    ask_rustc(&["--version"])
}

/// Rust's name of the platform that the machine's code is for.
pub(crate) fn triple(machine: &Machine) -> Result<String, HarnessError> {
    match machine.triple {
        Some(triple) => Ok(triple.to_owned()),
        None => ask_rustc(&["--print", "host-tuple"]),
    }
}

fn require_target(triple: &str) -> Result<(), HarnessError> {
    let folder = PathBuf::from(ask_rustc(&["--print", "target-libdir", "--target", triple])?);
    let has_core = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    let what = format!("Rust's standard library for {triple} is not installed");
    let missing = || HarnessError::Missing { what, remedy: format!("rustup target add {triple}") };
    has_core.then_some(()).ok_or_else(missing)
}

fn ask_rustc(arguments: &[&str]) -> Result<String, HarnessError> {
    let what = || "rustc does not run".to_owned();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let missing = |_| HarnessError::Missing { what: what(), remedy: "install Rust from https://rustup.rs".to_owned() };
    let output = Command::new(rustc).args(arguments).output().map_err(missing)?;
    if !output.status.success() {
        let remedy = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(HarnessError::Missing { what: what(), remedy });
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn suffix(machine: &Machine) -> &'static str {
    if matches!(machine.seat, Seat::Host) { std::env::consts::EXE_SUFFIX } else { "" }
}

fn refusal(log: &str) -> HarnessError {
    if log.contains("peleec_panic_path_is_present") {
        return HarnessError::PanicPath;
    }
    HarnessError::Build(log.trim_end().to_owned())
}
