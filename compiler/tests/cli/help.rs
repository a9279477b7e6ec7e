//! Help: `-h` fits a screen, `--help` has all.

use std::process::Command;

use super::text;

const COMMANDS: [&str; 12] = ["compile", "run", "eval", "quantize", "verify", "bench", "check", "inspect", "plan", "zoo", "ops", "explain"];

fn help(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_peleec")).args(arguments).env("COLUMNS", "80").output().expect("peleec starts");
    assert_eq!(output.status.code(), Some(0));
    text(&output.stdout)
}

#[test]
fn short_help_fits_a_screen() {
    for command in COMMANDS {
        let said = help(&[command, "-h"]);
        assert!(said.lines().count() <= 40, "{}", said.lines().count());
        assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    }
    assert!(help(&["-h"]).lines().count() <= 40);
}

#[test]
fn long_help_has_every_flag_and_every_target() {
    for command in &COMMANDS[..9] {
        let said = help(&[command, "--help"]);
        for flag in peleec::FLAGS {
            assert!(said.contains(&format!("--{}", flag.name)), "{command} {}", flag.name);
        }
        for target in peleec::Target::ALL {
            assert!(said.contains(target.name()), "{command} {target}");
        }
        assert!(said.contains("--width") && said.contains("--color"), "{said}");
    }
}
