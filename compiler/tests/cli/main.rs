//! The command line as a user meets it: exit codes, texts, files that are written or are not.

mod asked;
#[cfg(target_os = "linux")]
mod bombs;
mod build_script;
#[cfg(unix)]
mod computer;
mod help;
#[cfg(unix)]
mod interrupt;
mod names;
mod pictures;
mod quantize;
mod written;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models")
}

fn peleec(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_peleec")).args(arguments).current_dir(folder).output().expect("peleec starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is text")
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Says that a lane is left out; with `CI=true` none may be.
fn skip_lane(lane: &str, why: &str) {
    _ = writeln!(std::io::stderr(), "SKIPPED LANE {lane}: {}", why.trim_end());
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "with CI=true every lane must run");
}

fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn compile_writes_three_files_and_says_one_line() {
    let folder = folder();
    let model = models().join("pelee-folded-17/model.onnx");
    let output = peleec(folder.path(), &["compile", model.to_str().unwrap(), "-o", "generated", "--name", "pelee"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(entries(&folder.path().join("generated")), ["pelee.plan.json", "pelee.rs", "pelee.weights.bin"]);
    assert_eq!(text(&output.stdout).lines().count(), 1);
    assert!(text(&output.stdout).starts_with("pelee 1x3x132x132 -> generated/  66 layers"), "{}", text(&output.stdout));
    let check = ["compile", model.to_str().unwrap(), "-o", "generated", "--name", "pelee", "--check"];
    assert_eq!(peleec(folder.path(), &check).status.code(), Some(0));
    std::fs::write(folder.path().join("generated/pelee.rs"), "stale").unwrap();
    assert_eq!(peleec(folder.path(), &check).status.code(), Some(1));
}

#[test]
fn two_folders_get_the_same_bytes() {
    let (a, b) = (folder(), folder());
    std::fs::copy(models().join("peleenet-caffe-7/model.onnx"), a.path().join("net.onnx")).unwrap();
    std::fs::create_dir(b.path().join("deep")).unwrap();
    std::fs::copy(models().join("peleenet-caffe-7/model.onnx"), b.path().join("deep/net.onnx")).unwrap();
    for (folder, model) in [(&a, "net.onnx"), (&b, "deep/net.onnx")] {
        assert_eq!(peleec(folder.path(), &["compile", model, "-o", "out", "--target", "cortex-m7"]).status.code(), Some(0));
    }
    for name in ["net.rs", "net.weights.bin", "net.plan.json"] {
        assert!(
            std::fs::read(a.path().join("out").join(name)).unwrap() == std::fs::read(b.path().join("out").join(name)).unwrap(),
            "{name}"
        );
    }
}

/// Compiles a file of `bytes`; nothing may be written, and it may not take long.
fn refused(bytes: &[u8], code: i32) -> String {
    let folder = folder();
    std::fs::write(folder.path().join("bad.onnx"), bytes).expect("a file is written");
    let start = Instant::now();
    let output = peleec(folder.path(), &["compile", "bad.onnx", "-o", "generated"]);
    assert!(start.elapsed() < Duration::from_secs(2), "took {:?}", start.elapsed());
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    assert_eq!(entries(folder.path()), ["bad.onnx"], "a failed compile writes nothing");
    assert_eq!(text(&output.stdout), "");
    text(&output.stderr)
}

#[test]
fn bad_files_are_refused_with_the_right_code() {
    assert!(refused(b"", 3).contains("error[PL01"));
    assert!(refused(b"this is not a model\n", 3).contains("error[PL01"));
    let whole = std::fs::read(models().join("peleenet-folded-13/model.onnx")).unwrap();
    assert!(refused(&whole[..whole.len() / 2], 3).contains("error[PL0"));
    assert!(refused(&vec![0x0a; 10 << 20], 3).contains("error[PL0"));
}

#[test]
fn an_operator_that_is_not_supported_is_shown_with_its_node() {
    let mut bytes = std::fs::read(models().join("peleenet-folded-13/model.onnx")).unwrap();
    for at in 0..bytes.len() - 7 {
        if &bytes[at..at + 7] == b"MaxPool" {
            bytes[at..at + 7].copy_from_slice(b"MixPool");
        }
    }
    let said = refused(&bytes, 4);
    let shown = "\
error[PL0301]: operator `MixPool` is not supported
  node:   /body/stem/pool/MixPool   (#3 of 79, opset ai.onnx 13)
  inputs: /body/stem/first/first.2/Relu_output_0 f32[1,8,18,18]
";
    assert!(said.starts_with(shown), "{said}");
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_of_reading_and_writing() {
    let folder = folder();
    std::fs::write(folder.path().join("taken"), "mine").unwrap();
    let model = models().join("peleenet-folded-13/model.onnx");
    let output = peleec(folder.path(), &["compile", model.to_str().unwrap(), "-o", "taken"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(3), String::new()));
    assert_eq!(std::fs::read_to_string(folder.path().join("taken")).unwrap(), "mine");
    assert_eq!(entries(folder.path()), ["taken"]);
    assert_eq!(text(&output.stderr), "error: taken: taken is a file, and a folder is to be there\n");
    let output = peleec(folder.path(), &["compile", model.to_str().unwrap(), "-o", "taken/deep"]);
    assert_eq!(text(&output.stderr), "error: taken/deep: taken is a file, and a folder is to be there\n");
    let output = peleec(folder.path(), &["zoo", "peleenet-224", "-o", "."]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    std::fs::create_dir(folder.path().join("net.onnx")).unwrap();
    let output = peleec(folder.path(), &["zoo", "peleenet-224", "-o", "net.onnx"]);
    assert_eq!((output.status.code(), text(&output.stderr).contains("is a folder, and a file is to be there")), (Some(3), true));
}

#[test]
fn random_damage_never_panics() {
    let whole = std::fs::read(models().join("peleenet-folded-13/model.onnx")).unwrap();
    let folder = folder();
    let mut state = 1u32;
    let mut next = |n: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 4) as usize % n
    };
    for _ in 0..40 {
        let mut bytes = whole.clone();
        for _ in 0..8 {
            let at = next(bytes.len().min(4000));
            bytes[at] = next(256) as u8;
        }
        std::fs::write(folder.path().join("bad.onnx"), bytes).unwrap();
        let code = peleec(folder.path(), &["check", "bad.onnx"]).status.code();
        assert!(matches!(code, Some(0 | 3 | 4)), "{code:?}");
    }
}

#[test]
fn missing_files_and_wrong_words_have_their_codes() {
    let folder = folder();
    assert_eq!(peleec(folder.path(), &["check", "nowhere.onnx"]).status.code(), Some(3));
    assert_eq!(peleec(folder.path(), &["check", "."]).status.code(), Some(3));
    assert_eq!(peleec(folder.path(), &["compile", "zoo:pelee-304"]).status.code(), Some(2));
    assert_eq!(peleec(folder.path(), &["fly"]).status.code(), Some(2));
    assert_eq!(peleec(folder.path(), &["check", "zoo:pelee-304", "--target", "pdp-11"]).status.code(), Some(2));
    assert_eq!(peleec(folder.path(), &["check", "zoo:pelee-304", "--numeric", "exact"]).status.code(), Some(2));
    let fused = peleec(folder.path(), &["check", "zoo:pelee-304", "--target", "cortex-m3", "--numeric", "fused"]);
    assert_eq!(fused.status.code(), Some(2));
    assert!(text(&fused.stderr).contains("cortex-m3 has no instruction for it; its class is plain"), "{}", text(&fused.stderr));
    assert_eq!(peleec(folder.path(), &["check", "zoo:giraffe"]).status.code(), Some(2));
    assert_eq!(peleec(folder.path(), &["check", "nowhere.onnx", "--width", "2"]).status.code(), Some(2));
}

#[test]
fn json_is_one_document_with_a_schema() {
    let folder = folder();
    for arguments in [["inspect", "zoo:peleenet-224"], ["check", "zoo:peleenet-224"], ["check", "nowhere.onnx"]] {
        let output = peleec(folder.path(), &[&["--format", "json"], &arguments[..]].concat());
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one document");
        assert_eq!(document["schema"], 1, "{arguments:?}");
    }
}

fn number(value: &serde_json::Value) -> u64 {
    value.as_u64().expect("a number")
}

/// Whether every element of an XML text is closed in its turn; texts have no bare `<`, `>` or `&`.
fn well_formed(xml: &str) -> bool {
    let mut open = Vec::new();
    let entities = ["amp;", "lt;", "gt;", "quot;"];
    let mut parts = xml.split('<');
    let bare =
        |text: &str| text.contains('>') || text.split('&').skip(1).any(|rest| !entities.iter().any(|entity| rest.starts_with(entity)));
    if parts.next().is_none_or(bare) {
        return false;
    }
    for part in parts {
        let Some((tag, text)) = part.split_once('>') else { return false };
        let name = tag.split([' ', '/']).next().unwrap_or_default();
        let closes = match tag.strip_prefix('/') {
            Some(name) => open.pop() == Some(name),
            None if tag.ends_with('/') => true,
            None => {
                open.push(name);
                true
            }
        };
        if !closes || tag.matches('"').count() % 2 == 1 || bare(tag) || bare(text) {
            return false;
        }
    }
    open.is_empty()
}

#[test]
fn plan_shows_the_budgets_and_what_is_alive_at_the_peak() {
    let folder = folder();
    let arguments = ["plan", "zoo:peleenet-224", "--ram-budget", "700K", "--svg", "pictures/map.svg"];
    let output = peleec(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.starts_with("RAM ") && said.lines().next().unwrap().contains("less than the"), "{said}");
    let rows: Vec<Vec<&str>> =
        said.lines().filter(|line| line.trim_end().ends_with("##")).map(|line| line.split_whitespace().collect()).collect();
    let column = |from_end: usize| -> Vec<f64> {
        rows.iter().map(|row| row[row.len() - from_end].trim_end_matches('x').parse().expect("a number")).collect()
    };
    let (arenas, reads) = (column(3), column(2));
    assert!((3..=16).contains(&rows.len()) && rows.iter().filter(|row| row[0] == ">").count() == 1, "{said}");
    assert!(arenas.is_sorted_by(|a, b| a > b) && reads.is_sorted(), "{said}");
    assert!(said.contains("ring of ") && said.contains(" whole ") && said.contains("streamed groups: layers"), "{said}");
    let peak = said.lines().skip_while(|line| !line.starts_with("alive at the peak")).collect::<Vec<_>>();
    let total: i64 = peak[0].split_whitespace().rev().nth(4).and_then(|bytes| bytes.parse().ok()).expect("the bytes at the peak");
    let sum: i64 = peak[2..].iter().filter_map(|line| line.split_whitespace().next()?.parse::<i64>().ok()).sum();
    assert_eq!(total, sum, "{said}");
    let picture = std::fs::read_to_string(folder.path().join("pictures/map.svg")).unwrap();
    assert!(picture.starts_with("<svg ") && well_formed(&picture), "{picture}");
    assert!(picture.contains("row by row") && picture.contains("ring of 3 rows"), "{picture}");
    assert_eq!(entries(&folder.path().join("pictures")), ["map.svg"]);
}

#[test]
fn the_figures_of_a_plan_agree() {
    let folder = folder();
    for more in [&[][..], &["--ram-budget", "min"], &["--ram-budget", "min", "--outputs", "caller"]] {
        let output = peleec(folder.path(), &[&["plan", "zoo:peleenet-224", "--format", "json"], more].concat());
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one document");
        let (report, peak) = (&document["report"], &document["peak"]);
        let budgets: Vec<_> = document["budgets"].as_array().unwrap().iter().map(|row| number(&row["arena_bytes"])).collect();
        let reads: Vec<_> = document["budgets"].as_array().unwrap().iter().filter_map(|row| row["read_factor"].as_f64()).collect();
        assert!(budgets.is_sorted_by(|a, b| a > b) && reads.is_sorted_by(|a, b| a < b), "{budgets:?} {reads:?}");
        assert_eq!(budgets.last(), Some(&number(&report["least"]["arena_bytes"])));
        let alive = peak["buffers"].as_array().unwrap();
        let sum: u64 = alive.iter().map(|buffer| number(&buffer["bytes"])).sum();
        let (bytes, arena) = (number(&peak["bytes"]), number(&report["arena_bytes"]));
        assert_eq!(bytes, number(&report["live_bound_bytes"]), "{more:?}");
        assert!(bytes <= sum && bytes <= arena, "{more:?}: {bytes} of {sum} in {arena}");
        // Only a buffer over dead rows of another makes the sum more than what is covered.
        assert!(sum == bytes || report["groups"].as_array().unwrap().iter().any(|group| group["streamed"] == true));
    }
}

#[test]
fn a_budget_that_is_too_small_names_the_least_that_works() {
    let folder = folder();
    for command in [&["plan"][..], &["compile", "-o", "out"]] {
        let arguments = |budget| [command, &["zoo:peleenet-224", "--width", "0.5", "--ram-budget", budget]].concat();
        let output = peleec(folder.path(), &arguments("10K"));
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), String::new()), "{}", text(&output.stderr));
        let said = text(&output.stderr);
        let least = said.split("--ram-budget ").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("the least budget");
        assert_eq!(peleec(folder.path(), &arguments(least)).status.code(), Some(0), "{least}");
        let below = (least.parse::<usize>().unwrap() - 4).to_string();
        assert_eq!(peleec(folder.path(), &arguments(&below)).status.code(), Some(1), "{below}");
    }
    for nonsense in ["lots", "", "-1", "12Q", "99999999999999999999M"] {
        let budget = format!("--ram-budget={nonsense}");
        assert_eq!(peleec(folder.path(), &["plan", "zoo:peleenet-224", &budget]).status.code(), Some(2), "{nonsense}");
    }
}

#[test]
fn compile_says_what_a_budget_would_save() {
    let folder = folder();
    let said = |more: &[&str]| text(&peleec(folder.path(), &[&["compile", "zoo:peleenet-224", "-o", "out"], more].concat()).stdout);
    let thrifty = said(&[]);
    assert!(thrifty.contains(" arena (") && thrifty.contains("with --ram-budget min, at 3.1x weight reads)"), "{thrifty}");
    let least = said(&["--ram-budget", "min"]);
    assert!(least.contains(" arena at 3.1x weight reads + 588 KiB input  flash") && !least.contains("--ram-budget"), "{least}");
}

#[test]
fn verify_in_process_compares_with_the_stored_outputs() {
    let folder = folder();
    let model = models().join("pelee-bn-kept-11/model.onnx");
    let output = peleec(folder.path(), &["verify", model.to_str().unwrap(), "--in-process"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let impossible = ["verify", model.to_str().unwrap(), "--in-process", "--tolerance", "0"];
    assert_eq!(peleec(folder.path(), &impossible).status.code(), Some(1), "a tolerance of nothing is not met");
}

#[test]
fn verify_in_process_ends_at_its_time_limit() {
    let folder = folder();
    let output = peleec(folder.path(), &["verify", "zoo:peleenet-224", "--in-process", "--time-limit", "0"]);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""));
    assert_eq!(text(&output.stderr), "error: the program was stopped after 0 s\n");
}

#[test]
fn verify_compares_with_data_or_with_the_naive_evaluation() {
    let folder = folder();
    let zoo = ["zoo:peleenet-224", "--width", "0.25", "--input-size", "32"];
    let said = text(&peleec(folder.path(), &[&["verify", "--in-process"], &zoo[..]].concat()).stdout);
    assert!(said.contains("seeded input, naive evaluation") && said.contains("\nverified in this process: "), "{said}");
    let output = peleec(folder.path(), &[&["verify", "--in-process", "--format", "json"], &zoo[..]].concat());
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one document");
    assert_eq!((&document["compared"], &document["passed"], &document["replayed"]), (&true.into(), &true.into(), &true.into()));
    assert_eq!(document["data_sets"][0]["reference"], "naive evaluation");
    let model = models().join("pelee-bn-kept-11/model.onnx");
    let said = text(&peleec(folder.path(), &["verify", "--in-process", model.to_str().unwrap()]).stdout);
    assert!(said.contains("\nverified in this process: ") && !said.contains("naive"), "{said}");
}

#[test]
fn the_graph_can_be_seen_after_a_pass() {
    let folder = folder();
    let model = models().join("peleenet-bn-kept-9/model.onnx");
    let output = peleec(folder.path(), &["compile", model.to_str().unwrap(), "-o", "out", "--dump-after", "fuse_batch_normalization"]);
    let shown = text(&output.stdout) + &text(&output.stderr);
    assert!(shown.contains("graph ") && shown.contains("Conv {"), "{shown}");
}

#[test]
fn zoo_writes_a_file_that_compiles() {
    let folder = folder();
    let zoo = ["zoo", "peleenet-224", "-o", "small.onnx", "--width", "0.25", "--input-size", "64", "--classes", "10"];
    assert_eq!(peleec(folder.path(), &zoo).status.code(), Some(0));
    assert_eq!(peleec(folder.path(), &["check", "small.onnx"]).status.code(), Some(0));
}

#[test]
fn bench_times_every_layer_on_this_computer() {
    let model = models().join("peleenet-folded-13/model.onnx");
    let output = peleec(folder().path(), &["bench", model.to_str().unwrap(), "--seconds", "0", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one document");
    let layers = document["layers"].as_array().expect("layers");
    assert_eq!((document["schema"].as_u64(), document["rounds"].as_u64(), layers.len()), (Some(1), Some(5), 36));
    assert!(document["run_ns"].as_u64() > Some(0) && document["roof_gflops"].as_f64() > Some(0.0), "{document}");
    let shares: f64 = layers.iter().filter_map(|layer| layer["share"].as_f64()).sum();
    assert!((shares - 1.0).abs() < 1e-9, "{shares}");
    assert!(layers.iter().all(|layer| layer["ns"].is_u64() && layer.get("instructions").is_none()), "{document}");
}

#[test]
fn bench_says_that_instructions_are_not_time() {
    let folder = folder();
    let model = models().join("peleenet-folded-13/model.onnx");
    let arguments = ["bench", model.to_str().unwrap(), "--target", "cortex-m4f", "--sort", "run", "--build-dir", "build"];
    let output = peleec(folder.path(), &arguments);
    if output.status.code() == Some(2) {
        assert!(text(&output.stderr).contains(" install"), "{}", text(&output.stderr));
        return skip_lane("bench on cortex-m4f", &text(&output.stderr));
    }
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 1 + 36 + 2, "{said}");
    assert!(lines[0].contains("instructions") && !lines[0].contains("time"), "{said}");
    assert!(lines[1].contains("/body/stem/first/first.0/Conv") && lines[1].contains(" 69984 "), "{said}");
    assert_eq!(lines[38], "instructions, not time: counted on cortex-m4f (qemu mps2-an386)");
}

/// Verifies or measures for a Cortex-M4F in a world with other `variables`.
#[cfg(unix)]
fn run_without(command: &str, variables: &[(&str, &Path)]) -> (Option<i32>, String) {
    let model = models().join("peleenet-folded-13/model.onnx");
    let mut process = Command::new(env!("CARGO_BIN_EXE_peleec"));
    process.arg(command).arg(model).args(["--target", "cortex-m4f"]).envs(variables.iter().copied());
    let output = process.output().expect("peleec starts");
    (output.status.code(), text(&output.stderr))
}

#[test]
#[cfg(unix)]
fn what_is_not_installed_is_named_with_the_way_to_get_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let rustc = folder.path().join("rustc");
    std::fs::write(&rustc, "#!/bin/sh\necho /nowhere\n").unwrap();
    std::fs::set_permissions(&rustc, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (code, said) = run_without("verify", &[("RUSTC", &rustc)]);
    let platform = "error: Rust's standard library for thumbv7em-none-eabihf is not installed: rustup target add thumbv7em-none-eabihf\n";
    assert_eq!((code, said.as_str()), (Some(2), platform));
    let (code, said) = run_without("verify", &[("RUSTC", &folder.path().join("none"))]);
    assert_eq!((code, said.as_str()), (Some(2), "error: rustc does not run: install Rust from https://rustup.rs\n"));
}

#[test]
#[cfg(unix)]
fn counting_needs_a_c_compiler() {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output().expect("rustc runs").stdout;
    let rustc = Path::new(text(&sysroot).trim()).join("bin/rustc");
    let (code, said) = run_without("bench", &[("PATH", folder().path()), ("RUSTC", &rustc)]);
    assert_eq!((code, said.lines().count()), (Some(2), 1), "{said}");
    if said.starts_with("error: Rust's standard library for thumbv7em-none-eabihf is not installed: ") {
        return skip_lane("counting without a C compiler", &said);
    }
    assert!(said.starts_with("error: cc is not installed: "), "{said}");
}

#[test]
fn a_network_that_no_board_of_the_core_holds_is_a_no() {
    let output = peleec(folder().path(), &["verify", "zoo:pelee-304", "--target", "cortex-m33"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("mps2-an505 has 16777216"), "{}", text(&output.stderr));
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_peleec"))
        .args(["inspect", "zoo:pelee-304", "--format", "json"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("peleec starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_runtime_is_written_beside_the_module() {
    let folder = folder();
    let arguments = ["compile", "zoo:peleenet-224", "--width", "0.25", "--input-size", "32", "-o", "out", "--vendor-runtime", "-q"];
    let output = peleec(folder.path(), &arguments);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), String::new()));
    let expected = ["peleec-runtime", "peleenet_224.plan.json", "peleenet_224.rs", "peleenet_224.weights.bin"];
    assert_eq!(entries(&folder.path().join("out")), expected);
    assert_eq!(entries(&folder.path().join("out/peleec-runtime")), ["Cargo.toml", "src"]);
}

#[test]
fn every_operator_is_listed() {
    let listed = text(&peleec(folder().path(), &["ops"]).stdout);
    assert!(listed.lines().any(|line| line == "Conv") && listed.lines().count() > 30, "{listed}");
}

#[test]
fn weights_can_have_a_section_of_their_own() {
    let folder = folder();
    let model = models().join("peleenet-folded-13/model.onnx");
    let output =
        peleec(folder.path(), &["compile", model.to_str().unwrap(), "-o", "out", "--name", "net", "--weights-section", ".peleec.weights"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(std::fs::read_to_string(folder.path().join("out/net.rs")).unwrap().contains("link_section = \".peleec.weights\""));
}
