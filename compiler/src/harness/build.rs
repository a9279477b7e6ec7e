//! Runs cargo on a project, offline, and looks at what it linked.

use std::path::PathBuf;
use std::process::Command;

use super::error::HarnessError;
use super::figures::Figures;
use super::machine::{Machine, Seat};
use super::process::finish;
use super::project::Project;
use super::refusal::refusal;
use super::{figures, rustc};

/// Variables of the user's that would change the build, and what begins the names of more of them.
const FOREIGN: [&str; 6] =
    ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"];
const FOREIGN_PROFILE: &str = "CARGO_PROFILE_";

/// Builds the project and gives the program's path, and its figures where it is a firmware image that keeps the promises.
pub fn build(project: &Project) -> Result<(PathBuf, Option<Figures>), HarnessError> {
    let triple = rustc::triple(&project.machine)?;
    rustc::require(&triple)?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--offline", "--quiet", "--color=never", "--target-dir=target"]).current_dir(&project.folder);
    let profile = std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with(FOREIGN_PROFILE));
    for variable in FOREIGN.into_iter().map(Into::into).chain(profile) {
        cargo.env_remove(variable);
    }
    // What rustc leaves when it is interrupted goes with the project.
    let temporary = project.folder.join("target").join("tmp");
    std::fs::create_dir_all(&temporary).map_err(|error| HarnessError::io(&temporary, error))?;
    cargo.env("TMPDIR", &temporary);
    let (status, printed) = finish(cargo, &project.build_log(), None).map_err(without_cargo)?;
    if !status.success() {
        return Err(refusal(&printed, status, &project.machine.seat));
    }
    let program = project.folder.join("target").join(triple).join("release").join(format!("{}{}", project.name, suffix(&project.machine)));
    let figures = match project.machine.seat {
        Seat::Board(_) if project.keeps_promises => Some(figures::examine(&program, project.arena_bytes)?),
        Seat::Board(_) | Seat::Host | Seat::QemuUser(_) => None,
    };
    Ok((program, figures))
}

/// What rustc had to say of a project that it has built; empty where there was nothing.
pub fn warnings(project: &Project) -> String {
    std::fs::read_to_string(project.build_log()).unwrap_or_default().trim().to_owned()
}

fn suffix(machine: &Machine) -> &'static str {
    if matches!(machine.seat, Seat::Host) { std::env::consts::EXE_SUFFIX } else { "" }
}

/// Where cargo does not even start.
fn without_cargo(error: HarnessError) -> HarnessError {
    if !error.is_missing() {
        return error;
    }
    let remedy = match std::env::var_os("CARGO") {
        Some(cargo) => format!("CARGO is {}: unset it", cargo.display()),
        None => "install Rust from https://rustup.rs".to_owned(),
    };
    HarnessError::Missing { what: "cargo does not run".to_owned(), remedy }
}
