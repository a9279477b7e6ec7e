//! `--output` and `--input-shape`, which change a graph's borders, and `explain`, to which errors lead.

use std::path::Path;

use super::{folder, models, peleec, text};

const RELU: &str = "/body/stem/first/first.2/Relu_output_0";
const CONV: &str = "/body/stem/first/first.0/Conv_output_0";

fn model(name: &str) -> String {
    models().join(name).join("model.onnx").display().to_string()
}

/// The exit code, and what was said.
fn said(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = peleec(folder, arguments);
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn borders(arguments: &[&str]) -> Vec<String> {
    let (code, shown, why) = said(folder().path(), &[&["inspect"], arguments].concat());
    assert_eq!(code, Some(0), "{why}");
    let lines = shown.lines().filter(|line| line.starts_with("input ") || line.starts_with("output "));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn a_graph_ends_at_the_outputs_that_are_named() {
    let model = model("peleenet-folded-13");
    let shown = borders(&[&model, "--output", RELU, "--output", CONV]);
    assert_eq!(shown, ["input input f32 1x3x36x36", &format!("output {RELU} f32 1x8x18x18"), &format!("output {CONV} f32 1x8x18x18")]);
    assert_eq!(said(folder().path(), &["verify", "--in-process", &model, "--output", RELU]).0, Some(0), "stored outputs are of the whole");
}

#[test]
fn a_tail_that_is_not_supported_is_cut_off() {
    let folder = folder();
    let mut bytes = std::fs::read(models().join("peleenet-folded-13/model.onnx")).unwrap();
    for at in 0..bytes.len() - 7 {
        if &bytes[at..at + 7] == b"MaxPool" {
            bytes[at..at + 7].copy_from_slice(b"MixPool");
        }
    }
    std::fs::write(folder.path().join("net.onnx"), bytes).unwrap();
    let (code, _, why) = said(folder.path(), &["check", "net.onnx"]);
    let help = why.lines().find_map(|line| line.split_once("cut the graph before it: ")).expect("a way out").1;
    assert_eq!((code, help), (Some(4), format!("--output {RELU}").as_str()));
    let flags: Vec<_> = help.split(' ').collect();
    let (code, _, why) = said(folder.path(), &[&["compile", "net.onnx", "-o", "out"], &flags[..]].concat());
    assert_eq!(code, Some(0), "{why}");
    let module = std::fs::read_to_string(folder.path().join("out/net.rs")).unwrap();
    assert!(module.contains(&format!("\n// Options: --output {RELU}\n")), "{module:.500}");
    assert_eq!(said(folder.path(), &["compile", "net.onnx", "-o", "out", "--check"]).0, Some(0), "the head has the name");
    assert_eq!(said(folder.path(), &[&["compile", "net.onnx", "-o", "out", "--check"], &flags[..]].concat()).0, Some(0));
    let (code, shown, _) = said(folder.path(), &["compile", "net.onnx", "-o", "out", "--check", "--output", CONV]);
    assert!(code == Some(1) && shown.contains("other options"), "{shown}");
}

#[test]
fn a_detector_is_over_the_outputs_that_are_named() {
    let (folder, model) = (folder(), model("detector-small"));
    let (code, _, why) = said(folder.path(), &["check", &model, "--output", "conf", "--output", "loc", "--detect"]);
    assert_eq!(code, Some(0), "{why}");
    let (code, _, why) = said(folder.path(), &["check", &model, "--output", "loc", "--detect"]);
    assert!(code == Some(3) && why.contains("error[PL0403]: no output of the model is called `conf`"), "{why}");
}

#[test]
fn outputs_that_are_not_there_or_named_twice_are_refused() {
    let (folder, model) = (folder(), model("peleenet-folded-13"));
    let (code, _, why) = said(folder.path(), &["check", &model, "--output", RELU.trim_end_matches("_0")]);
    assert!(code == Some(2) && why.contains("error[PL0212]") && why.contains(&format!("`{RELU}`")), "{why}");
    let (code, _, why) = said(folder.path(), &["check", &model, "--output", "elsewhere"]);
    assert!(code == Some(2) && why.contains("`logits`"), "{why}");
    let (code, _, why) = said(folder.path(), &["check", &model, "--output", RELU, "--output", RELU]);
    assert!(code == Some(2) && why.contains("give each output once"), "{why}");
}

#[test]
fn a_shape_that_is_given_counts() {
    let fixed = model("peleenet-folded-13");
    assert_eq!(borders(&[&fixed, "--input-shape", "input=1,3,64,48"])[0], "input input f32 1x3x64x48");
    let open = model("pelee-dynamic-batch-17");
    let both = [&open, "--output", RELU, "--input-dim", "batch=3", "--input-shape", "input=2,3,40,40"];
    assert_eq!(borders(&both)[0], "input input f32 2x3x40x40", "the shape counts more");
}

#[test]
fn shapes_that_cannot_be_are_refused() {
    let (folder, model) = (folder(), model("peleenet-folded-13"));
    for (shape, code, expected) in [
        ("image=1,3,64,64", 2, "`input`"),
        ("input=3,64,64", 2, "4, as many as `input` [1,3,36,36] has"),
        ("input", 2, "give NAME=DIMS"),
        ("input=1,3,0,64", 2, "give NAME=DIMS"),
        ("input=1,3,x", 2, "give NAME=DIMS"),
        ("input=1,3,4294967296,1", 4, "an extent of 4294967296"),
        ("input=1,3,1048576,1048576", 4, "is too large"),
    ] {
        let (found, _, why) = said(folder.path(), &["check", &model, "--input-shape", shape]);
        assert!(found == Some(code) && why.contains(expected), "{shape}: {found:?} {why}");
    }
}

#[test]
fn errors_end_with_the_way_to_their_text() {
    let folder = folder();
    std::fs::write(folder.path().join("bad.onnx"), "").unwrap();
    let (_, _, why) = said(folder.path(), &["check", "bad.onnx"]);
    assert!(why.ends_with("\n`peleec explain PL0101` says what it means\n") && why.matches("explain").count() == 1, "{why}");
    for silent in ["--quiet", "--format=json"] {
        let (_, shown, why) = said(folder.path(), &["check", "bad.onnx", silent]);
        assert!(!shown.contains("explain") && !why.contains("explain"), "{shown}{why}");
    }
}

#[test]
fn every_code_is_explained() {
    let folder = folder();
    let (code, list, _) = said(folder.path(), &["explain"]);
    assert_eq!((code, list.lines().count()), (Some(0), peleec::EXPLANATIONS.len()));
    for explanation in peleec::EXPLANATIONS {
        assert!(list.contains(&format!("{}  {}\n", explanation.code, explanation.title)), "{list}");
    }
    let (code, shown, _) = said(folder.path(), &["explain", "pl0301"]);
    assert!(code == Some(0) && shown.starts_with("PL0301: ") && shown.contains("\nWhat to do:\n"), "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    let (_, json, _) = said(folder.path(), &["explain", "PL0301", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&document["explanation"]["code"], &document["command"]), (&"PL0301".into(), &"explain".into()));
    for wrong in ["PL0310", "PL301"] {
        let (code, _, why) = said(folder.path(), &["explain", wrong]);
        assert!(code == Some(2) && why.contains("near it are PL0301, ") && why.contains("`peleec explain` lists all"), "{why}");
    }
    assert_eq!(said(folder.path(), &["explain", "\u{1b}"]).0, Some(2));
}

#[test]
fn operators_are_listed_by_families() {
    let folder = folder();
    let (_, list, _) = said(folder.path(), &["ops"]);
    let family = "Add, Div, Mul, Sub\n";
    assert!(list.matches(family).count() == 1 && list.contains("com.microsoft.QLinearAdd"), "{list}");
    for name in ["com.microsoft.QLinearAdd", "QLinearAdd", "ai.onnx.QLinearConv"] {
        let (code, shown, why) = said(folder.path(), &["ops", name]);
        assert!(code == Some(0) && shown.contains("QLinear"), "{name}: {shown}{why}");
    }
    let (code, shown, why) = said(folder.path(), &["ops", "mul"]);
    assert!(code == Some(0) && shown.starts_with("Mul, read in "), "{shown}{why}");
    for wrong in ["Convv", "ai.onnx.Convv", "com.microsoft.Conv"] {
        let (code, _, why) = said(folder.path(), &["ops", wrong]);
        assert!(code == Some(2) && why.contains("near it are Conv"), "{why}");
    }
    let (_, json, _) = said(folder.path(), &["ops", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(document["operators"].as_array().map(Vec::len), Some(peleec::operators().len()));
    assert!(document["families"].as_array().is_some_and(|families| families.len() < peleec::operators().len()), "{json}");
}

#[test]
fn operators_are_shown_with_their_attributes() {
    let folder = folder();
    let (code, shown, _) = said(folder.path(), &["ops", "MaxPool", "Pad", "Relu", "QGemm"]);
    assert!(code == Some(0) && shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    for line in [
        "MaxPool, read in operator sets 1 to 28",
        "      auto_pad: NOTSET, VALID, SAME_UPPER, SAME_LOWER",
        "      ceil_mode: 0 or 1",
        "      storage_order: 0",
        "Pad, read in operator sets 2 to 28",
        "      mode: constant, reflect, edge, wrap",
        "  refused",
        "      paddings",
        "  no attributes",
        "      alpha: 1",
        "      transB: 0 or 1",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
    }
    let (_, json, _) = said(folder.path(), &["ops", "MaxPool", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&json).unwrap();
    let (shown, pool) = (document["operators"].as_array().unwrap(), &document["operators"][0]);
    assert_eq!(shown.len(), 1, "{json}");
    assert_eq!((&pool["op_type"], &pool["domain"], &pool["opsets"]), (&"MaxPool".into(), &"ai.onnx".into(), &serde_json::json!([1, 28])));
    let order = pool["attributes"].as_array().unwrap().iter().find(|attribute| attribute["name"] == "storage_order");
    let expected = serde_json::json!({ "name": "storage_order", "state": "limited", "kind": "flag", "values": ["0"] });
    assert_eq!(order, Some(&expected));
}
