//! Pictures: what `run` and `eval` make of them, and modules that take a camera's.

use std::path::Path;

use super::{folder, models, peleec, text};

/// A grey ramp of 20x10 pixels as a PPM file.
fn ramp(path: &Path) {
    let pixels = (0..200u8).flat_map(|value| [value; 3]);
    std::fs::write(path, b"P6\n20 10\n255\n".iter().copied().chain(pixels).collect::<Vec<_>>()).expect("the picture is written");
}

const TINY: [&str; 5] = ["zoo:pelee-304", "--width", "0.25", "--input-size", "64"];

#[test]
fn run_shows_boxes_and_draws_them() {
    let folder = folder();
    ramp(&folder.path().join("ramp.ppm"));
    let output = peleec(folder.path(), &[&["run", "ramp.ppm", "--draw", "drawn.png", "--format", "json"][..], &TINY].concat());
    let usage = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "the model comes first: {usage}");
    let output = peleec(folder.path(), &[&["run"], &TINY[..], &["ramp.ppm", "--draw", "drawn.png", "--format", "json"]].concat());
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one document");
    let image = &document["images"][0];
    let first = &image["detections"][0];
    assert_eq!((&document["schema"], &image["file"]), (&1.into(), &"ramp.ppm".into()));
    assert!(first["score"].as_f64() > Some(0.01) && first["box"].as_array().is_some_and(|corners| corners.len() == 4), "{first}");
    assert!(first["label"].as_str().is_some_and(|label| !label.is_empty()));
    let right = image["detections"].as_array().unwrap().iter().map(|seen| seen["box"][2].as_f64().unwrap()).fold(0.0, f64::max);
    assert!((10.0..=20.0).contains(&right), "boxes are in pixels of the picture, not of the input: {right}");
    assert!(std::fs::read(folder.path().join("drawn.png")).unwrap().starts_with(b"\x89PNG"));
    let said = text(&peleec(folder.path(), &[&["run"], &TINY[..], &["ramp.ppm"]].concat()).stdout);
    assert!(said.starts_with(" label") && said.lines().count() > 1, "{said}");
}

/// A graph that goes on to its boxes: the detector that is made of its end, against what onnxruntime selects.
#[test]
fn run_shows_the_boxes_that_a_graph_ends_in() {
    let model = models().join("endings/non-max-suppression");
    let output = peleec(&model, &["run", "model.onnx", "picture.ppm", "--detect", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one document");
    let image = &document["images"][0];
    let expected: serde_json::Value = serde_json::from_slice(&std::fs::read(model.join("expected.json")).unwrap()).unwrap();
    let (found, expected) = (image["detections"].as_array().unwrap(), expected.as_array().unwrap());
    assert_eq!((found.len(), &image["truncated"]), (expected.len(), &false.into()));
    for (found, expected) in found.iter().zip(expected) {
        let score = |seen: &serde_json::Value| seen["score"].as_f64().unwrap();
        let corner = |seen: &serde_json::Value, at: usize| seen["box"][at].as_f64().unwrap();
        assert_eq!(found["class"], expected["class"]);
        assert!((score(found) - score(expected)).abs() < 1e-4, "{found} {expected}");
        assert!((0..4).all(|at| (corner(found, at) - corner(expected, at)).abs() < 0.01), "{found} {expected}");
    }
    assert_eq!(image["detections"][0]["label"], "dog");
    let folder = folder();
    let compiled = peleec(&model, &["compile", "model.onnx", "--detect", "-o", folder.path().join("out").to_str().unwrap()]);
    assert!(compiled.status.success(), "{}", text(&compiled.stderr));
    let module = std::fs::read_to_string(folder.path().join("out/model.rs")).unwrap();
    assert!(module.contains("pub const DETECTOR: ") && !module.contains("NonMaxSuppression"), "{module:.500}");
}

/// What is stored beside such a graph are its boxes, which the module does not give.
#[test]
fn verify_of_such_a_graph_compares_what_the_detector_reads() {
    let (model, folder) = (models().join("endings/non-max-suppression"), folder());
    for name in ["model.onnx", "model.toml"] {
        std::fs::copy(model.join(name), folder.path().join(name)).unwrap();
    }
    std::fs::create_dir(folder.path().join("test_data_set_0")).unwrap();
    std::fs::write(folder.path().join("test_data_set_0/output_0.npy"), "boxes").unwrap();
    let verify = ["verify", "model.onnx", "--in-process", "--strict"];
    let output = peleec(folder.path(), &[&verify[..], &["--detect"]].concat());
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains("conf"), "{}", text(&output.stdout));
    assert_eq!(peleec(folder.path(), &verify).status.code(), Some(3), "without, they are the graph's outputs");
}

#[test]
fn run_takes_a_folder_and_a_classifiers_labels() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("pictures")).unwrap();
    for name in ["b.ppm", "a.ppm"] {
        ramp(&folder.path().join("pictures").join(name));
    }
    std::fs::write(folder.path().join("pictures/notes.txt"), "no picture").unwrap();
    let description =
        "[frame]\nsize = [32, 32]\norder = \"rgb\"\nmean = [0, 0, 0]\nscale = [0.01, 0.01, 0.01]\nfit = \"warp\"\nresize = \"bilinear\"\n";
    std::fs::write(folder.path().join("net.toml"), description).unwrap();
    let zoo = ["zoo:peleenet-224", "--width", "0.25", "--input-size", "32", "--classes", "7", "pictures"];
    let output = peleec(folder.path(), &[&["run"], &zoo[..], &["--detect", "net.toml", "--format", "json"]].concat());
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one document");
    let files: Vec<_> = document["images"].as_array().unwrap().iter().map(|image| image["file"].as_str().unwrap()).collect();
    assert_eq!(files, ["pictures/a.ppm", "pictures/b.ppm"]);
    assert_eq!(document["images"][0]["classes"].as_array().unwrap().len(), 5);
    let without = peleec(folder.path(), &[&["run"], &zoo[..]].concat());
    assert_eq!(without.status.code(), Some(3));
    assert!(text(&without.stderr).contains("describe the [frame]"), "{}", text(&without.stderr));
}

#[test]
fn what_is_no_picture_is_an_error() {
    let folder = folder();
    std::fs::write(folder.path().join("no.png"), "no picture").unwrap();
    std::fs::write(folder.path().join("huge.ppm"), "P6\n60000 60000\n255\n").unwrap();
    let refusal = |arguments: &[&str]| {
        let output = peleec(folder.path(), &[&["run"], &TINY[..], arguments].concat());
        (output.status.code(), text(&output.stderr))
    };
    for (picture, why) in [
        ("no.png", "no.png is no picture"),
        ("huge.ppm", "huge.ppm is larger than"),
        ("none.png", "none.png: "),
        (".", "huge.ppm is larger than"),
    ] {
        let (code, said) = refusal(&[picture]);
        assert!(code == Some(3) && said.contains(why) && !folder.path().join("o.png").exists(), "{picture}: {said}");
    }
    ramp(&folder.path().join("ramp.ppm"));
    let (code, said) = refusal(&["ramp.ppm", "--draw", "boxes.txt"]);
    assert!(code == Some(3) && said.contains("neither in .png nor in .jpg"), "{said}");
}

/// The trained detector finds most of what is annotated, where it is: from JPEG to average precision.
#[test]
fn eval_measures_a_detector() {
    let folder = models().join("detector-small");
    let output = peleec(&folder, &["eval", "model.onnx", "scenes", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one document");
    assert_eq!((&document["schema"], &document["pictures"]), (&1.into(), &40.into()));
    let (half, all) = (document["map_50"].as_f64().expect("a figure"), document["map"].as_f64().expect("a figure"));
    assert!(half > 0.5 && half > all && all > 0.25, "{half} {all}");
    let classes = document["classes"].as_array().expect("a list");
    let objects: u64 = classes.iter().filter_map(|class| class["objects"].as_u64()).sum();
    assert!(classes.len() == 5 && objects > 50, "{document}");
    // One object, in COCO's form, which is found.
    let beside = super::folder();
    let picture = folder.join("scenes/a-14.jpg");
    let coco = serde_json::json!({
        "images": [{ "id": 3, "file_name": picture }],
        "categories": [{ "id": 5, "name": "coin" }],
        "annotations": [{ "image_id": 3, "category_id": 5, "bbox": [70, 14, 65, 74] }],
    });
    std::fs::write(beside.path().join("annotations.json"), coco.to_string()).unwrap();
    let said = text(&peleec(&folder, &["eval", "model.onnx", beside.path().to_str().unwrap()]).stdout);
    assert!(said.contains("mAP@0.5 1.000, mAP@0.5:0.95 ") && said.contains(" on 1 pictures") && said.contains(" coin "), "{said}");
    // A network that knows nothing of them.
    let strange = peleec(&folder, &[&["eval"], &TINY[..], &["scenes"]].concat());
    assert!(strange.status.code() == Some(3) && text(&strange.stderr).contains("has no label"), "{}", text(&strange.stderr));
}

#[test]
fn eval_counts_a_classifiers_guesses() {
    let folder = folder();
    let zoo = ["zoo:peleenet-224", "--width", "0.25", "--input-size", "32", "--classes", "7", "--mean", "0", "--scale", "0.01"];
    std::fs::create_dir_all(folder.path().join("pictures/6")).unwrap();
    ramp(&folder.path().join("pictures/6/ramp.ppm"));
    let best = peleec(folder.path(), &[&["run"], &zoo[..], &["pictures/6", "--format", "json"]].concat());
    let best: serde_json::Value = serde_json::from_slice(&best.stdout).expect("one document");
    let best = best["images"][0]["classes"][0]["class"].to_string();
    for (name, right) in [(best.clone(), 1.0), (if best == "6" { "5" } else { "6" }.to_owned(), 0.0)] {
        let data = folder.path().join(format!("of-{name}"));
        std::fs::create_dir(&data).unwrap();
        std::fs::create_dir(data.join(&name)).unwrap();
        ramp(&data.join(&name).join("ramp.ppm"));
        let output = peleec(folder.path(), &[&["eval"], &zoo[..], &[data.to_str().unwrap(), "--format", "json"]].concat());
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one document");
        assert_eq!((document["pictures"].as_u64(), document["top_1"].as_f64()), (Some(1), Some(right)), "{document}");
    }
    std::fs::create_dir(folder.path().join("pictures/none of them")).unwrap();
    let refusal = peleec(folder.path(), &[&["eval"], &zoo[..], &["pictures"]].concat());
    assert!(text(&refusal.stderr).contains("`none of them` is neither a label"), "{}", text(&refusal.stderr));
}

/// Folders are of the classes that there are, by number or, before that, by label, and a guess counts down to the fifth.
#[test]
fn eval_takes_folders_of_the_classes_that_there_are() {
    let folder = folder();
    let zoo = ["zoo:peleenet-224", "--width", "0.25", "--input-size", "32", "--classes", "7"];
    let frame =
        "[frame]\nsize = [32, 32]\norder = \"rgb\"\nmean = [0, 0, 0]\nscale = [0.01, 0.01, 0.01]\nfit = \"warp\"\nresize = \"bilinear\"\n";
    std::fs::write(folder.path().join("plain.toml"), frame).unwrap();
    // Each class goes by the number of another.
    std::fs::write(folder.path().join("labels.toml"), format!("labels = [\"6\", \"5\", \"4\", \"3\", \"2\", \"1\", \"0\"]\n{frame}"))
        .unwrap();
    std::fs::create_dir(folder.path().join("pictures")).unwrap();
    ramp(&folder.path().join("pictures/ramp.ppm"));
    let call = |command: &str, data: &str, description: &str| {
        let output = peleec(folder.path(), &[&[command], &zoo[..], &[data, "--detect", description, "--format", "json"]].concat());
        (output.status.code(), serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("one document"))
    };
    // A folder for each class, with the same picture in all: alone, one at a time.
    let measured = |class: usize, description: &str| {
        let data = format!("{description}-{class}");
        std::fs::create_dir_all(folder.path().join(&data).join(class.to_string())).unwrap();
        ramp(&folder.path().join(&data).join(class.to_string()).join("ramp.ppm"));
        call("eval", &data, description)
    };
    let (_, seen) = call("run", "pictures", "plain.toml");
    let guesses = seen["images"][0]["classes"].as_array().expect("a list").iter().map(|guess| guess["class"].as_u64());
    let guesses: Vec<usize> = guesses.map(|class| class.expect("a class") as usize).collect();
    assert_eq!(guesses.len(), 5);
    for class in 0..7 {
        for (description, name) in [("plain.toml", class), ("labels.toml", 6 - class)] {
            let (code, document) = measured(name, description);
            let place = guesses.iter().position(|&guess| guess == class);
            let wanted = [place == Some(0), place.is_some()].map(|right| Some(f64::from(u8::from(right))));
            assert_eq!((code, ["top_1", "top_5"].map(|key| document[key].as_f64())), (Some(0), wanted), "{name} by {description}");
        }
    }
    let (code, document) = measured(7, "plain.toml");
    assert!(
        code == Some(3) && document["error"].as_str().is_some_and(|why| why.contains("is of class 7, and the model has 7")),
        "{document}"
    );
    let (code, document) = call("eval", "pictures", "plain.toml");
    assert!(code == Some(3) && document["error"].as_str().is_some_and(|why| why.contains("has no folders")), "{document}");
}

/// Pictures become inputs of one channel, first or last, and of bytes.
#[test]
fn run_and_eval_take_networks_of_gray_and_of_bytes() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("pictures")).unwrap();
    let call = |command: &str, model: &str, arguments: &[&str]| {
        let model = models().join(model).display().to_string();
        peleec(folder.path(), &[&[command, model.as_str(), "pictures", "--format", "json"], arguments].concat())
    };
    let document = |output: &[u8]| serde_json::from_slice::<serde_json::Value>(output).expect("one document");
    ramp(&folder.path().join("pictures/ramp.ppm"));
    let said = ["--mean", "0", "--scale", "0.01"];
    let gray = document(&call("run", "frames/gray.onnx", &said).stdout);
    let classes = gray["images"][0]["classes"].as_array().expect("a list");
    assert_eq!((classes.len(), classes[0]["score"] == classes[4]["score"]), (5, false));
    assert_eq!(document(&call("run", "frames/gray-last.onnx", &said).stdout), gray);
    let bytes = document(&call("run", "typed/picture-cast-transpose/model.onnx", &["--mean", "0", "--scale", "1"]).stdout);
    assert_eq!(bytes["images"][0]["classes"].as_array().map(Vec::len), Some(5));
    let refusal = call("run", "frames/gray.onnx", &[&said[..], &["--order", "bgr"]].concat());
    let words = text(&refusal.stdout);
    assert!(refusal.status.code() == Some(3) && words.contains("one channel") && words.contains("--order gray"), "{words}");
    let best = classes[0]["class"].to_string();
    std::fs::create_dir(folder.path().join("pictures").join(&best)).unwrap();
    ramp(&folder.path().join("pictures").join(&best).join("ramp.ppm"));
    let counted = document(&call("eval", "frames/gray.onnx", &said).stdout);
    assert_eq!((counted["pictures"].as_u64(), counted["top_1"].as_f64()), (Some(1), Some(1.0)), "{counted}");
}

/// Three columns of gray are three colours of one row, unless the order says what they are.
#[test]
fn an_order_says_that_an_extent_of_three_is_of_no_channels() {
    let folder = folder();
    let model = models().join("frames/gray.onnx").display().to_string();
    let said = ["--input-shape", "x=1,1,16,3", "--frame", "gray8:8x8", "--mean", "0", "--scale", "1", "-o", "out", "--name", "net"];
    let compile = |arguments: &[&str]| peleec(folder.path(), &[&["compile", model.as_str()], &said[..], arguments].concat());
    let unsaid = compile(&[]);
    let words = text(&unsaid.stderr);
    assert!(unsaid.status.code() == Some(4) && words.contains("PL0407") && words.contains("--order gray"), "{words}");
    let gray = compile(&["--order", "gray"]);
    assert_eq!(gray.status.code(), Some(0), "{}", text(&gray.stderr));
}

#[test]
fn a_camera_needs_to_know_what_to_do_with_its_frames() {
    let folder = folder();
    let zoo = ["zoo:peleenet-224", "--width", "0.25", "--input-size", "32", "--classes", "7"];
    let compile = |arguments: &[&str]| {
        let output = peleec(folder.path(), &[&["compile"], &zoo[..], &["-o", "out", "--name", "net"], arguments].concat());
        (output.status.code(), text(&output.stderr))
    };
    let (code, said) = compile(&["--frame", "rgb565:64x48"]);
    assert!(code == Some(3) && said.contains("give `--mean` and `--scale`"), "{said}");
    let (code, said) = compile(&["--fit", "letterbox"]);
    assert!(code == Some(2) && said.contains("--fit letterbox: says how a picture becomes the input"), "{said}");
    let (code, said) = compile(&["--frame", "yuv422:63x48", "--mean", "0", "--scale", "1"]);
    assert!(code == Some(4) && said.contains("no frame is 63x48"), "{said}");
    let right =
        ["--frame", "yuv422:64x48", "--mean", "0", "--scale", "1,2,3", "--order", "bgr", "--fit", "letterbox", "--resize", "nearest"];
    assert_eq!(compile(&right), (Some(0), String::new()));
    let module = std::fs::read_to_string(folder.path().join("out/net.rs")).unwrap();
    for part in ["pub fn run(&mut self, frame: &[u8; FRAME_BYTES])", "scale: [1.0, 2.0, 3.0]", "Fit::Letterbox", "Resize::Nearest"] {
        assert!(module.contains(part), "{part}");
    }
    assert_eq!(compile(&[&right[..], &["--check"]].concat()).0, Some(0), "the options read back from the module's head");
}
