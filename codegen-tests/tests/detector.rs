//! Pictures as inputs, and outputs as detections, against references in Python.

use std::path::{Path, PathBuf};

use codegen_tests::compare::{Closeness, compare};
use peleec::zoo::seeded_input;
use peleec::{Builder, Description, Detected, Fit, FrameSettings, Order, Resize, Tensor, TensorType, read_tensor};
use peleec_runtime::{Detection, Frame};

mod pelee_detect {
    include!(concat!(env!("OUT_DIR"), "/pelee_detect.rs"));
}

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

/// The reference's detections, and the frame's width and height.
fn expected(case: &Path) -> (Detected, [u32; 2]) {
    let text = std::fs::read_to_string(case.join("expected.json")).expect("stored detections");
    let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    // An infinite score is written as null.
    let number = |value: &serde_json::Value| value.as_f64().map_or(f32::INFINITY, |number| number as f32);
    let whole = |value: &serde_json::Value| value.as_u64().expect("a number") as u32;
    let detection = |value: &serde_json::Value| Detection {
        class: whole(&value["class"]),
        prior: whole(&value["prior"]),
        score: number(&value["score"]),
        corners: [0, 1, 2, 3].map(|index| number(&value["box"][index])),
    };
    let detections = document["detections"].as_array().expect("a list").iter().map(detection).collect();
    let truncated = document["truncated"].as_bool().expect("a flag");
    (Detected { detections, truncated }, [0, 1].map(|axis| whole(&document["frame"][axis])))
}

#[test]
fn every_detection_is_the_references() {
    let mut compared = 0;
    for case in cases() {
        let name = case.file_name().expect("a name").to_string_lossy().into_owned();
        let description = Description::read(&case.join("model.toml")).expect("a description");
        let outputs = ["loc", "scores"].map(|output| (output.to_owned(), tensor(&case.join(output).with_extension("pb"))));
        let (wanted, frame) = expected(&case);
        let found = description.detect(&outputs, frame).expect("it describes the outputs");
        // Corners are compared below.
        let seen = |all: &Detected| all.detections.iter().map(|&seen| Detection { corners: [0.0; 4], ..seen }).collect::<Vec<_>>();
        assert_eq!((seen(&found), found.truncated), (seen(&wanted), wanted.truncated), "{name}");
        for (found, wanted) in found.detections.iter().zip(&wanted.detections) {
            let far = found.corners.iter().zip(wanted.corners).any(|(found, wanted)| (found - wanted).abs() > CORNER);
            assert!(!far, "{name}: {found:?} instead of {wanted:?}");
        }
        compared += wanted.detections.len();
    }
    assert!(compared > 500, "{compared}");
}

/// The module reads its outputs where they lie in its arena; here they are those of a run in this process.
#[test]
fn a_module_sees_what_its_outputs_say() {
    let path = Path::new(env!("OUT_DIR")).join("pelee_mini.onnx");
    let compilation = Builder::new().model(&path).detect("").compile().expect("it compiles");
    let description = Description::read(&path.with_extension("toml")).expect("it was written");
    let mut model = Box::new(pelee_detect::Model::new());
    assert_eq!(size_of::<pelee_detect::Model>(), pelee_detect::ARENA_BYTES);
    assert_eq!(pelee_detect::ARENA_BYTES, compilation.report().model_bytes());
    for seed in 0..3 {
        let input = seeded_input(&TensorType::f32([1, 3, 96, 96]), seed);
        let outputs = compilation.execute(std::slice::from_ref(&input)).expect("the plan runs");
        let names = compilation.output_types().into_iter().map(|(name, _)| name);
        let wanted = description.detect(&names.zip(outputs).collect::<Vec<_>>(), [96, 96]).expect("it describes the outputs");
        let picture = input.as_f32().and_then(|values| values.try_into().ok()).expect("it has the input's length");
        let seen = model.run(picture).detections;
        assert_eq!((&seen[..], seen.is_truncated()), (&wanted.detections[..], wanted.truncated));
        assert!(!seen.is_empty(), "something is compared");
    }
    assert_eq!(pelee_detect::LABELS[3], "bird");
}

#[test]
fn every_input_is_the_references() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/frames");
    let mut compared = 0;
    for entry in std::fs::read_dir(folder).expect("vectors are stored") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|ending| ending != "json") {
            continue;
        }
        let document: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).expect("a picture")).expect("JSON");
        let hex = document["bytes"].as_str().expect("bytes");
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("a byte");
        let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
        let side = |key: &str| document[key].as_u64().expect("a size") as usize;
        let frame = Frame::rgb888(&bytes, side("width"), side("height")).expect("a picture");
        let list = |key: &str| [0, 1, 2].map(|i| document[key][i].as_f64().expect("a number") as f32);
        let settings = FrameSettings {
            size: [0, 1].map(|i| document["size"][i].as_u64().expect("a size") as u32),
            order: if document["order"] == "bgr" { Order::Bgr } else { Order::Rgb },
            mean: list("mean"),
            scale: list("scale"),
            fit: Fit::Warp,
            resize: Resize::Bilinear,
        };
        let wanted = tensor(&path.with_extension("pb"));
        let found = settings.input(&frame, &wanted.ty()).expect("the input's type serves");
        assert_eq!(compare(&[found], &[wanted], Closeness::Bits), Ok(()), "{}", path.display());
        compared += 1;
    }
    assert_eq!(compared, 6);
}

#[test]
fn a_frame_has_as_many_bytes_as_pixels() {
    let bytes = [0; 12];
    assert!(Frame::rgb888(&bytes, 2, 2).is_some() && Frame::rgb888(&bytes, 4, 1).is_some());
    assert!(Frame::rgb888(&bytes, 2, 1).is_none() && Frame::rgb888(&[], 0, 5).is_none());
    assert!(Frame::rgb888(&bytes, usize::MAX, usize::MAX).is_none());
}
