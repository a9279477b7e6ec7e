//! Faults of the user's computer: each is named with a way out, and none is called peleec's.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{folder, models, text};

fn verify(variables: &[(&str, &Path)]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peleec"));
    command.arg("verify").arg(models().join("peleenet-folded-13/model.onnx")).envs(variables.iter().copied());
    let output = command.output().expect("peleec starts");
    (output.status.code(), text(&output.stderr))
}

/// A folder with the programs of Rust alone.
fn rust_alone() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output().expect("rustc runs").stdout;
    let bin = Path::new(text(&sysroot).trim()).join("bin");
    let folder = folder();
    let [cargo, rustc] = ["cargo", "rustc"].map(|name| {
        symlink(bin.join(name), folder.path().join(name)).expect("a link");
        bin.join(name)
    });
    (folder, cargo, rustc)
}

#[test]
fn a_missing_linker_is_named() {
    let (path, cargo, rustc) = rust_alone();
    let (code, said) = verify(&[("PATH", path.path()), ("CARGO", &cargo), ("RUSTC", &rustc)]);
    assert_eq!((code, said.lines().count()), (Some(2), 1), "{said}");
    assert!(said.starts_with("error: cc is not installed: "), "{said}");
}

#[test]
fn what_does_not_work_is_named_with_a_way_out() {
    let no_cargo = "error: cargo does not run: CARGO is /no/cargo: unset it";
    let cases: [(&str, &str, &str); 11] = [
        ("CARGO_HOME", "/dev/null/x", "error: cargo cannot write to its own folder: set CARGO_HOME to a folder that can be written"),
        ("RUSTC_WRAPPER", "/no/sccache", "error: RUSTC_WRAPPER is `/no/sccache`, which does not do its work: unset RUSTC_WRAPPER"),
        ("RUSTC_WRAPPER", "/bin/false", "error: RUSTC_WRAPPER is `/bin/false`, which does not do its work: unset RUSTC_WRAPPER"),
        ("RUSTC_WRAPPER", "/bin/true", "error: RUSTC_WRAPPER is `/bin/true`, which does not do its work: unset RUSTC_WRAPPER"),
        ("CARGO", "/bin/false", "error: CARGO is `/bin/false`, which does not do its work: unset CARGO"),
        ("CARGO", "/no/cargo", no_cargo),
        ("RUSTC", "/no/rustc", "error: rustc does not run: install Rust from https://rustup.rs"),
        ("RUSTC", "/bin/true", "error: rustc does not run: RUSTC is /bin/true: unset it"),
        ("RUSTC", "/bin/false", "error: rustc does not run: RUSTC is /bin/false: unset it"),
        ("CARGO_BUILD_JOBS", "many", "error: cargo does not build: `cargo build --release` of a new package shows the same"),
        (
            "TMPDIR",
            "/no/folder",
            "error: no folder can be made in /no/folder: entity not found: set TMPDIR to a folder that can be written",
        ),
    ];
    for (name, value, expected) in cases {
        let (code, said) = verify(&[(name, Path::new(value))]);
        assert_eq!(code, Some(2), "{name}={value}: {said}");
        assert!(said.starts_with(expected) && !said.contains("report"), "{name}={value}: {said}");
    }
}

#[test]
fn the_profile_is_the_project_s_own() {
    let (code, said) = verify(&[("CARGO_PROFILE_RELEASE_LTO", Path::new("garbage"))]);
    assert_eq!((code, said.as_str()), (Some(0), ""));
}
