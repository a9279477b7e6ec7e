//! The command line as a user meets it: exit codes, texts, files that are written or are not.

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
    assert!(text(&output.stdout).starts_with("pelee 1x3x132x132 -> generated/  68 layers"), "{}", text(&output.stdout));
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
    std::fs::write(folder.path().join("bad.onnx"), bytes).unwrap();
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
    assert_ne!(peleec(folder.path(), &["check", "zoo:giraffe"]).status.code(), Some(0));
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
