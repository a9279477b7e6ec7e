//! Why cargo did not build a project: a fault of the generated code, which is peleec's, or of the computer, with a way out.

use std::process::ExitStatus;

use super::error::HarnessError;
use super::machine::Seat;
use super::process::not_installed;

/// What cargo or rustc print of a computer that is not set up for a build, what that means, and one way out.
const FAULTS: [(&str, &str, &str); 7] = [
    ("failed to acquire package cache lock", "cargo cannot write to its own folder", "set CARGO_HOME to a folder that can be written"),
    ("could not load Cargo configuration", "cargo does not understand its configuration", "mend the file that is named, or move it away"),
    ("No space left on device", "the disk is full", "make room, or give a folder on another disk with --build-dir"),
    ("Permission denied", "cargo may not do what it has to", "is the folder yours? --build-dir names another"),
    ("linking with `", "the linker fails", "install a C compiler with its library: apt-get install build-essential"),
    ("signal: 9", "rustc was killed", "is there memory enough for it? close other programs, and try again"),
    ("rustup default", "there is no Rust to build with", "rustup default stable"),
];

/// Variables that make cargo start another program.
const PROGRAMS: [&str; 7] = [
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_RUSTC_WRAPPER",
    "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
    "RUSTC",
    "CARGO_BUILD_RUSTC",
    "CARGO",
];

/// Makes an error of what cargo printed.
pub(crate) fn refusal(log: &str, status: ExitStatus, seat: &Seat) -> HarnessError {
    let log = log.trim_end();
    let is_board = matches!(seat, Seat::Board(_));
    if log.contains("peleec_panic_path_is_present") {
        HarnessError::PanicPath
    } else if is_of_the_project(log) || is_board && log.contains("linking with `") {
        HarnessError::Build(log.to_owned())
    } else if let Some(linker) = between(log, "linker `", "` not found") {
        not_installed(linker)
    } else {
        fault(log, status, &|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }
}

/// Whether an error is about a line of the project.
fn is_of_the_project(log: &str) -> bool {
    let mut in_error = false;
    log.lines().any(|line| {
        in_error = line.starts_with("error") || in_error && !line.starts_with("warning");
        in_error && line.trim_start().starts_with("--> ")
    })
}

fn fault(log: &str, status: ExitStatus, variable: &dyn Fn(&str) -> Option<String>) -> HarnessError {
    let set = PROGRAMS.iter().find_map(|name| Some((name, variable(name)?)));
    // `-vV` is what cargo asks first of any program that is to be rustc.
    let at_start = ["(never executed)", "-vV`"].iter().any(|text| log.contains(text));
    let (what, remedy) = match (FAULTS.iter().find(|(text, ..)| log.contains(text)), set) {
        (Some((_, what, remedy)), _) if !at_start => ((*what).to_owned(), (*remedy).to_owned()),
        (_, Some((name, value))) if at_start || log.is_empty() => {
            (format!("{name} is `{value}`, which does not do its work"), format!("unset {name}"))
        }
        _ => ("cargo does not build".to_owned(), "`cargo build --release` of a new package shows the same".to_owned()),
    };
    let log = if log.is_empty() { format!("it ends with {status} and says nothing") } else { log.to_owned() };
    HarnessError::Computer { what, remedy, log }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let rest = text.split_once(before)?.1;
    rest.split_once(after).map(|(found, _)| found)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn refused(log: &str, seat: &Seat) -> (u8, String) {
        let error = refusal(log, ExitStatus::from_raw(101 << 8), seat);
        (error.exit_code(), error.to_string().lines().next().unwrap_or_default().to_owned())
    }

    #[test]
    fn an_error_of_the_code_is_peleecs_and_any_other_is_the_computers() {
        let ours = "warning: unused\n --> src/a.rs:1:2\n\nerror[E0080]: evaluation panicked\n  --> src/generated/net.rs:3:4\n";
        assert_eq!(refused(ours, &Seat::Host), (70, "the generated module does not build:".to_owned()));
        let linker = "warning: unused\n --> src/a.rs:1:2\n\nerror: linker `cc` not found\n  |\n  = note: No such file\n";
        assert_eq!(refused(linker, &Seat::Host).0, 2);
        assert!(refused(linker, &Seat::Host).1.starts_with("cc is not installed: "));
        let linking = "error: linking with `cc` failed: exit status: 1\n  = note: cannot find crt1.o\n";
        assert_eq!(refused(linking, &Seat::Host).0, 2);
        let image = "error: linking with `rust-lld` failed\n = note: section will not fit in region 'RAM'\n";
        assert_eq!(refused(image, &Seat::Board(super::super::NETDUINO_PLUS_2)).0, 70);
        assert_eq!(refused("error: undefined symbol: peleec_panic_path_is_present", &Seat::Host).0, 70);
        let killed = "error: could not compile `x`\n\nCaused by:\n  rustc (signal: 9, SIGKILL: kill)\n";
        let (code, said) = refused(killed, &Seat::Host);
        assert_eq!((code, said.starts_with("rustc was killed: ")), (2, true), "{said}");
    }

    #[test]
    fn a_variable_that_is_to_blame_is_named() {
        let status = ExitStatus::from_raw(1 << 8);
        let wrapper = |name: &str| (name == "RUSTC_WRAPPER").then(|| "/no/sccache".to_owned());
        let said = fault("error: could not execute process `/no/sccache rustc -vV` (never executed)", status, &wrapper).to_string();
        assert!(said.starts_with("RUSTC_WRAPPER is `/no/sccache`, which does not do its work: unset RUSTC_WRAPPER\n"), "{said}");
        let cargo = |name: &str| (name == "CARGO").then(|| "/bin/false".to_owned());
        let said = fault("", status, &cargo).to_string();
        assert_eq!(said, "CARGO is `/bin/false`, which does not do its work: unset CARGO\n  it ends with exit status: 1 and says nothing");
    }
}
