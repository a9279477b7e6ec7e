//! The instructions of every layer on every Arm machine are exactly those of `bench/arm/figures`, so that no layer gets slower unseen.
//! `PELEEC_UPDATE=1 cargo test -p codegen-tests --test instructions` rewrites them.
//!
//! Figures are of one compiler. Where rustc is another, or the platform, emulator or C compiler is not installed, a machine says so on
//! stderr, in a line that begins with `SKIPPED LANE`, and is left out; with `CI=true` it fails.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use codegen_tests::lanes;
use peleec::harness::{self, BARE_AARCH64, HarnessError, Machine, OptLevel, Project};
use peleec::zoo::{ZooOptions, seeded_input};
use peleec::{ModelFile, Options, RamBudget, Target, compile};

const LIMIT: Duration = Duration::from_secs(300);
const UPDATE: &str = "PELEEC_UPDATE=1 cargo test -p codegen-tests --test instructions";

/// Without a floating-point unit a multiply-add takes a hundred instructions and more.
const SOFT_FLOAT: &[&str] = &["peleenet-folded-13", "pelee-folded-17", OF_BYTES];
const BOARDS: &[&str] =
    &["peleenet-folded-13", "pelee-folded-17", "peleenet-tiny-64", "pelee-tiny-160", "peleenet-half-64", OF_BYTES, DEPTHWISE];
const AARCH64: &[&str] =
    &["peleenet-folded-13", "pelee-folded-17", "peleenet-tiny-64", "pelee-tiny-160", "peleenet-half-64", OF_BYTES, DEPTHWISE, "pelee-304"];
const DEPTHWISE: &str = "field/mobilenet-v2-18";
const OF_BYTES: &str = "quantized/peleenet-tiny-64-qop-s8s8";

#[test]
fn aarch64() {
    check(Target::Aarch64, AARCH64);
}

#[test]
fn aarch64_with_a_dot_product_of_bytes() {
    check(Target::Aarch64Dotprod, &[OF_BYTES]);
}

#[test]
fn aarch64_without_an_operating_system() {
    check_on(Ok(BARE_AARCH64), "aarch64-none", BOARDS);
}

#[test]
fn cortex_m0plus() {
    check(Target::CortexM0Plus, SOFT_FLOAT);
}

#[test]
fn cortex_m3() {
    check(Target::CortexM3, SOFT_FLOAT);
}

#[test]
fn cortex_m4f() {
    check(Target::CortexM4F, BOARDS);
}

#[test]
fn cortex_m7() {
    check(Target::CortexM7, BOARDS);
}

#[test]
fn cortex_m33() {
    check(Target::CortexM33, BOARDS);
}

#[test]
fn cortex_m55() {
    check(Target::CortexM55, BOARDS);
}

#[test]
fn what_little_memory_costs_is_near_what_the_report_says() {
    for target in [Target::CortexM4F, Target::CortexM7, Target::CortexM33, Target::CortexM55, Target::Aarch64] {
        // So that the runtime is built once.
        let folder = tempfile::tempdir().expect("a temporary folder");
        let counted = |ram_budget| {
            let options = Options { target, ram_budget, ..Options::default() };
            let compilation = compile(&model("pelee-tiny-160"), &options).expect("a stored network compiles");
            let project = Project::write_measured(&compilation, &harness::machine(target)?, OptLevel::Three, folder.path())?;
            let (program, _) = harness::build(&project)?;
            let inputs: Vec<_> = compilation.inputs().iter().map(|(_, ty)| seeded_input(ty, 0)).collect();
            let run = harness::count(&project, &program, &inputs, LIMIT)?.run;
            Ok((run as f64, compilation.report().instructions_factor.expect("the target's rows were counted")))
        };
        let both = counted(RamBudget::Bytes(usize::MAX)).and_then(|whole| Ok((whole, counted(RamBudget::Least)?)));
        match both {
            Err(error) if HarnessError::is_missing(&error) => skip(target.name(), &error.to_string()),
            both => {
                let ((whole, one), (least, factor)) = both.map_err(|error| format!("{target}: {error}")).expect("the network is counted");
                assert_eq!(one, 1.0, "{target}");
                assert!((least / whole - factor).abs() < 0.05, "{target}: {factor} for {}", least / whole);
            }
        }
    }
}

fn check(target: Target, networks: &[&str]) {
    check_on(harness::machine(target), target.name(), networks);
}

fn check_on(machine: Result<Machine, HarnessError>, name: &str, networks: &[&str]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../bench/arm/figures/{name}.txt"));
    let updating = std::env::var_os("PELEEC_UPDATE").is_some();
    match machine.and_then(|machine| compare(&machine, name, networks, &path, updating)) {
        Err(error) if error.is_missing() => skip(name, &error.to_string()),
        result => result.map_err(|error| format!("{name}: {error}")).expect("the networks are counted"),
    }
}

fn skip(machine: &str, why: &str) {
    lanes::skip(format_args!("instructions on {machine}"), why);
}

fn compare(machine: &Machine, name: &str, networks: &[&str], path: &Path, updating: bool) -> Result<(), HarnessError> {
    let rustc = harness::rustc_version()?;
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    let stored_rustc = stored.lines().next().unwrap_or_default();
    if !updating && !stored.is_empty() && stored_rustc != rustc {
        skip(name, &format!("its figures are of {stored_rustc}, and this is {rustc}"));
        return Ok(());
    }
    let found = format!("{rustc}\n{}", figures(machine, networks)?);
    if updating {
        std::fs::write(path, found).expect("the figures can be written");
    } else {
        assert!(
            found == stored,
            "other instructions on {name} than in bench/arm/figures:\n{}{UPDATE} rewrites them",
            changes(&stored, &found)
        );
    }
    Ok(())
}

/// A paragraph a network: its name, what one run takes, and what each layer takes.
fn figures(machine: &Machine, networks: &[&str]) -> Result<String, HarnessError> {
    // One folder, so that the runtime is built once.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut text = String::new();
    for name in networks {
        let options = Options { target: machine.target, ..Options::default() };
        let compilation = compile(&model(name), &options).expect("a stored network compiles");
        let project = Project::write_measured(&compilation, machine, OptLevel::Three, folder.path())?;
        let (program, _) = harness::build(&project)?;
        let inputs: Vec<_> = compilation.inputs().iter().map(|(_, ty)| seeded_input(ty, 0)).collect();
        let counts = harness::count(&project, &program, &inputs, LIMIT)?;
        _ = writeln!(text, "\n{name}\n{:>12} run", counts.run);
        for (layer, count) in compilation.report().layers.iter().zip(&counts.layers) {
            _ = writeln!(text, "{count:>12} {}", layer.name);
        }
    }
    Ok(text)
}

/// A stored network, or one of the zoo.
fn model(name: &str) -> ModelFile {
    let half = ZooOptions { width: 0.5, input_size: Some(64), classes: Some(10), seed: 0 };
    let result = match name {
        "peleenet-half-64" => ModelFile::zoo("peleenet-224", &half),
        "pelee-304" => ModelFile::zoo("pelee-304", &ZooOptions::default()),
        stored => ModelFile::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../models").join(stored).join("model.onnx")),
    };
    result.expect("a network that is there")
}

/// The lines that differ, each under the name of its network.
fn changes(stored: &str, found: &str) -> String {
    let mut text = String::new();
    let (stored_lines, found_lines): (Vec<_>, Vec<_>) = (stored.lines().collect(), found.lines().collect());
    if stored_lines.len() != found_lines.len() {
        _ = writeln!(text, "  {} lines instead of {}", found_lines.len(), stored_lines.len());
    }
    let mut network = "";
    for (stored, found) in stored_lines.into_iter().zip(found_lines) {
        if !found.starts_with(' ') {
            network = found;
        }
        if stored != found {
            _ = writeln!(text, "  {network}: {}{} instead of {}", found.trim(), growth(stored, found), stored.trim());
        }
    }
    text
}

/// By how much the count of a layer has grown, as far as both lines have one.
fn growth(stored: &str, found: &str) -> String {
    let count = |line: &str| line.split_whitespace().next()?.parse::<f64>().ok();
    match (count(stored), count(found)) {
        (Some(stored), Some(found)) => format!(" ({:+.2} %)", 100.0 * (found / stored - 1.0)),
        _ => String::new(),
    }
}

#[test]
fn a_change_is_shown_with_its_network() {
    let stored = "here\n\nnet\n         200 run\n          50 /conv\n";
    let found = "here\n\nnet\n         210 run\n          50 /conv\n";
    assert_eq!(changes(stored, found), "  net: 210 run (+5.00 %) instead of 200 run\n");
    assert_eq!(changes(stored, &found.replace("         210 run\n", "")).lines().next(), Some("  4 lines instead of 5"));
}
