//! Detections against those of a reference decoder in Python, and the same from a module that runs.

use std::path::{Path, PathBuf};

use peleec::{Description, Detected, Tensor, read_tensor};

/// How far a corner may be from the reference's, whose exponential function is another, in pixels.
const CORNER: f32 = 0.01;

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/detections");
    let mut cases: Vec<_> = std::fs::read_dir(folder).expect("vectors are stored").map(|entry| entry.expect("an entry").path()).collect();
    cases.sort();
    cases
}

fn tensor(path: &Path) -> Tensor {
    read_tensor(std::fs::read(path).expect("a stored tensor")).expect("a tensor").1
}

/// The reference's detections: class, prior, score, corners.
fn expected(case: &Path) -> (Vec<(u64, u64, f32, [f32; 4])>, bool, [u32; 2]) {
    let text = std::fs::read_to_string(case.join("expected.json")).expect("stored detections");
    let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    // An infinite score is written as null.
    let number = |value: &serde_json::Value| value.as_f64().map_or(f32::INFINITY, |number| number as f32);
    let detection = |value: &serde_json::Value| {
        let corner = |index: usize| number(&value["box"][index]);
        let whole = |key: &str| value[key].as_u64().expect("a number");
        (whole("class"), whole("prior"), number(&value["score"]), [0, 1, 2, 3].map(corner))
    };
    let detections = document["detections"].as_array().expect("a list").iter().map(detection).collect();
    let frame = [0, 1].map(|axis| document["frame"][axis].as_u64().expect("a size") as u32);
    (detections, document["truncated"].as_bool().expect("a flag"), frame)
}

#[test]
fn every_detection_is_the_references() {
    let mut compared = 0;
    for case in cases() {
        let name = case.file_name().expect("a name").to_string_lossy().into_owned();
        let description = Description::read(&case.join("model.toml")).expect("a description");
        let outputs = ["loc", "scores"].map(|output| (output.to_owned(), tensor(&case.join(output).with_extension("pb"))));
        let (wanted, cut, frame) = expected(&case);
        let Detected { detections, truncated } = description.detect(&outputs, frame).expect("it describes the outputs");
        let found: Vec<_> = detections.iter().map(|seen| (u64::from(seen.class), u64::from(seen.prior), seen.score)).collect();
        let named: Vec<_> = wanted.iter().map(|&(class, prior, score, _)| (class, prior, score)).collect();
        assert_eq!((found, truncated), (named, cut), "{name}");
        for (seen, (.., corners)) in detections.iter().zip(&wanted) {
            let far = seen.corners.iter().zip(corners).any(|(found, wanted)| (found - wanted).abs() > CORNER);
            assert!(!far, "{name}: {seen:?} instead of {corners:?}");
        }
        compared += wanted.len();
    }
    assert!(compared > 500, "{compared}");
}
