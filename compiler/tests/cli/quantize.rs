//! `quantize` and `--quant`: from pictures to a detector of bytes that finds what the one of floats does.

use std::path::Path;

use super::{entries, folder, models, peleec, text};

fn json(bytes: &[u8]) -> serde_json::Value {
    serde_json::from_slice(bytes).expect("one document")
}

/// Calibrates the trained detector on ten of its scenes.
fn calibrate(to: &Path, more: &[&str]) -> std::process::Output {
    let detector = models().join("detector-small");
    let scenes: Vec<String> = (0..10).map(|index| format!("scenes/a-{index:02}.jpg")).collect();
    let scenes: Vec<&str> = scenes.iter().map(String::as_str).collect();
    let out = ["-o", to.to_str().expect("a path of text"), "--format", "json"];
    peleec(&detector, &[&["quantize", "model.onnx", "--images"], &scenes[..], &out, more].concat())
}

/// Average precision within two hundredths on all forty scenes, thirty of them not seen before, in less than a third of the memory.
#[test]
fn a_detector_of_bytes_finds_what_one_of_floats_does() {
    let beside = folder();
    let calibration = beside.path().join("calibration.json");
    let output = calibrate(&calibration, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let document = json(&output.stdout);
    assert_eq!((&document["examples"], document["outputs"].as_array().map(Vec::len)), (&10.into(), Some(2)));
    for output in document["outputs"].as_array().expect("a list") {
        assert!(output["sqnr_db"].as_f64() > Some(20.0) && output["cosine"].as_f64() > Some(0.99), "{output}");
    }
    let bytes = |form: &str, what: &str| document[form][what].as_u64().expect("a figure");
    for what in ["arena_bytes", "weight_bytes"] {
        assert!(3 * bytes("bytes", what) < bytes("floats", what), "{what} of {document}");
    }
    let detector = models().join("detector-small");
    let precision = |more: &[&str]| {
        let output = peleec(&detector, &[&["eval", "model.onnx", "scenes", "--format", "json"], more].concat());
        json(&output.stdout)["map_50"].as_f64().expect("a figure")
    };
    let (floats, quantized) = (precision(&[]), precision(&["--quant", calibration.to_str().unwrap()]));
    assert!((floats - quantized).abs() < 0.02, "{floats} became {quantized}");
}

/// With bytes at the border the detector finds as much, and takes less than half the memory of one that returns floats.
#[test]
fn bytes_at_the_border() {
    let beside = folder();
    let calibration = beside.path().join("calibration.json");
    assert_eq!(calibrate(&calibration, &[]).status.code(), Some(0));
    let (detector, quant) = (models().join("detector-small"), calibration.to_str().unwrap());
    let precision = |io: &str| {
        let output = peleec(&detector, &["eval", "model.onnx", "scenes", "--format", "json", "--quant", quant, "--io", io]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
        json(&output.stdout)["map_50"].as_f64().expect("a figure")
    };
    let (floats, bytes) = (precision("graph"), precision("int8"));
    assert!((floats - bytes).abs() < 0.02, "{floats} became {bytes}");
    let compiled = |io: &str| {
        let (name, out) = (format!("detector_{io}"), beside.path().join("generated"));
        let flags = ["--quant", quant, "--io", io, "--ram-budget", "min", "--detect", "--name", &name, "--format", "json"];
        let output = peleec(&detector, &[&["compile", "model.onnx", "-o", out.to_str().unwrap()], &flags[..]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
        let report = json(&std::fs::read(out.join(format!("{name}.plan.json"))).expect("a report"));
        (report["arena_bytes"].as_u64().expect("a figure"), std::fs::read_to_string(out.join(format!("{name}.rs"))).expect("a module"))
    };
    let ((of_floats, _), (of_bytes, module)) = (compiled("graph"), compiled("int8"));
    assert!(2 * of_bytes < of_floats, "{of_floats} became {of_bytes}");
    for said in ["pub const LOC_SCALE: f32 = ", "pub const CONF_ZERO_POINT: i32 = -128;", "peleec_runtime::Dequantized"] {
        assert!(module.contains(said), "{said}");
    }
    let none = beside.path().join("none");
    let refused = peleec(&detector, &["compile", "model.onnx", "-o", none.to_str().unwrap(), "--io", "int8"]);
    assert!(
        !none.exists() && refused.status.code() == Some(3) && text(&refused.stderr).contains("leave --io out"),
        "{}",
        text(&refused.stderr)
    );
}

#[test]
fn nodes_that_are_named_stay_floats() {
    let beside = folder();
    let calibration = beside.path().join("calibration.json");
    let wrong = calibrate(&calibration, &["--keep-float", "nowhere"]);
    assert!(wrong.status.code() == Some(2) && text(&wrong.stdout).contains("`nowhere` is none of the nodes"), "{}", text(&wrong.stdout));
    assert!(!calibration.exists());
    let [all, but_one] = [&[][..], &["--keep-float", "/body/stem/first/first.0/Conv"]].map(|more| {
        let output = calibrate(&calibration, more);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
        json(&output.stdout)["bytes"]["weight_bytes"].as_u64().expect("a figure")
    });
    assert!(but_one > all, "{all} {but_one}");
}

/// A file that is of another model, or is none, is refused before anything is written.
#[test]
fn calibrations_go_with_their_model() {
    let beside = folder();
    let calibration = beside.path().join("calibration.json");
    assert_eq!(calibrate(&calibration, &[]).status.code(), Some(0));
    let other = models().join("peleenet-tiny-64/model.onnx");
    let compile = |quant: &str| peleec(beside.path(), &["compile", other.to_str().unwrap(), "-o", "generated", "--quant", quant]);
    let refused = compile("calibration.json");
    assert!(refused.status.code() == Some(3) && text(&refused.stderr).contains("run `peleec quantize`"), "{}", text(&refused.stderr));
    std::fs::write(&calibration, "{}").expect("a file");
    assert_eq!(compile("calibration.json").status.code(), Some(3));
    assert_eq!(compile("nowhere.json").status.code(), Some(3));
    assert!(!beside.path().join("generated").exists());
}

/// The model's own file is the same; the file with its weights is not.
#[test]
fn calibrations_go_with_weights_in_another_file() {
    let beside = folder();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/external");
    for name in ["net.onnx", "model.onnx.data"] {
        std::fs::copy(data.join(name), beside.path().join(name)).unwrap();
    }
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 6, 6), }\n";
    let mut input = b"\x93NUMPY\x01\x00".to_vec();
    input.extend((header.len() as u16).to_le_bytes());
    input.extend(header.as_bytes());
    input.extend((0..108u8).flat_map(|at| f32::from(at).to_le_bytes()));
    std::fs::write(beside.path().join("input_0.npy"), input).unwrap();
    let run = |asked: &[&str]| peleec(beside.path(), &[asked, &["--allow-external"]].concat());
    let made = run(&["quantize", "net.onnx", "--data", ".", "-o", "calibration.json"]);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    let compile = || run(&["compile", "net.onnx", "-o", "generated", "--quant", "calibration.json"]);
    assert_eq!(compile().status.code(), Some(0));
    let path = beside.path().join("model.onnx.data");
    let mut weights = std::fs::read(&path).unwrap();
    weights[0] ^= 1;
    std::fs::write(&path, weights).unwrap();
    let refused = compile();
    let said = text(&refused.stderr);
    assert!(
        refused.status.code() == Some(3) && said.contains("weights beside the model") && said.contains("run `peleec quantize`"),
        "{said}"
    );
}

/// Test data serves as well as pictures.
#[test]
fn a_network_without_pictures() {
    let beside = folder();
    let network = models().join("peleenet-tiny-64");
    let out = beside.path().join("calibration.json");
    let out = out.to_str().unwrap();
    let output = peleec(&network, &["quantize", "model.onnx", "--data", ".", "-o", out]);
    let said = text(&output.stdout);
    assert!(output.status.code() == Some(0) && said.contains("logits") && said.contains("compile with --quant"), "{said}");
    let compiled = peleec(&network, &["compile", "model.onnx", "--quant", out, "-o", beside.path().join("generated").to_str().unwrap()]);
    assert!(!text(&compiled.stdout).contains("over floats"), "{}", text(&compiled.stdout));
    let none = peleec(&network, &["quantize", "model.onnx", "-o", out]);
    assert_eq!(none.status.code(), Some(2));
}

/// Layers come by what they cost, the one that costs most stays in floats, and the picture has all of them.
#[test]
fn the_layer_that_costs_most_stays_in_floats() {
    let beside = folder();
    let network = models().join("peleenet-tiny-64");
    let [out, svg] = ["calibration.json", "layers.svg"].map(|name| beside.path().join(name));
    let (file, picture) = (out.to_str().unwrap(), svg.to_str().unwrap());
    let quantize = ["quantize", "model.onnx", "--data", ".", "-o", file, "--format", "json"];
    let output = peleec(&network, &[&quantize[..], &["--auto-mixed", "1", "--svg", picture]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let document = json(&output.stdout);
    let layers = document["layers"].as_array().expect("a list");
    let gain = |layer: &serde_json::Value| layer["gain_db"].as_f64().expect("a figure");
    assert!(layers.len() > 15 && layers.is_sorted_by(|a, b| gain(a) >= gain(b)), "{document}");
    assert!(layers.iter().all(|layer| layer["cosine"].as_f64() > Some(0.9)), "{document}");
    let node = &layers[0]["node"];
    assert!(layers[0]["kept"] == true && layers.iter().filter(|layer| layer["kept"] == true).count() == 1, "{document}");
    assert_eq!((&document["auto_mixed"][0], &document["keep_float"][0]), (node, node));
    let calibration = json(&std::fs::read(&out).expect("a file"));
    assert_eq!(calibration["keep_float"], serde_json::json!([node]));
    let drawn = std::fs::read_to_string(&svg).expect("a picture");
    assert_eq!(drawn.matches("<title>").count(), layers.len());
    let compiled = peleec(&network, &["compile", "model.onnx", "--quant", file, "-o", beside.path().join("generated").to_str().unwrap()]);
    assert_eq!(compiled.status.code(), Some(0), "{}", text(&compiled.stderr));
}

#[test]
fn so_many_layers_cannot_stay_in_floats() {
    let beside = folder();
    let network = models().join("peleenet-tiny-64");
    let out = beside.path().join("calibration.json");
    for count in ["0", "1000"] {
        let refused = peleec(&network, &["quantize", "model.onnx", "--data", ".", "-o", out.to_str().unwrap(), "--auto-mixed", count]);
        let said = text(&refused.stderr);
        assert!(
            refused.status.code() == Some(2) && said.contains(&format!("--auto-mixed {count}: ")) && said.contains("give 1 to"),
            "{said}"
        );
    }
    assert!(!out.exists());
}

/// Weights lie beside the ranges that they were rounded for, and are nothing without them.
#[test]
fn weights_that_are_rounded_together() {
    let (beside, again) = (folder(), folder());
    let calibration = beside.path().join("calibration.json");
    let signal = |output: &std::process::Output| {
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
        json(&output.stdout)["outputs"].as_array().expect("a list").iter().filter_map(|output| output["sqnr_db"].as_f64()).sum::<f64>()
    };
    let nearest = calibrate(&calibration, &[]);
    assert!(json(&nearest.stdout)["weights_file"].is_null() && entries(beside.path()) == ["calibration.json"]);
    let rounded = calibrate(&calibration, &["--gptq"]);
    assert!(signal(&rounded) > signal(&nearest), "{} {}", text(&rounded.stdout), text(&nearest.stdout));
    assert_eq!(entries(beside.path()), ["calibration.bin", "calibration.json"]);
    calibrate(&again.path().join("calibration.json"), &["--gptq"]);
    for name in entries(beside.path()) {
        assert!(std::fs::read(beside.path().join(&name)).unwrap() == std::fs::read(again.path().join(&name)).unwrap(), "{name}");
    }

    let model = models().join("detector-small/model.onnx");
    let compile = || peleec(beside.path(), &["compile", model.to_str().unwrap(), "-o", "generated", "--quant", "calibration.json"]);
    let refused = |said: &str| {
        let refused = compile();
        let found = text(&refused.stderr);
        assert!(refused.status.code() == Some(3) && found.contains(said) && found.contains("run `peleec quantize`"), "{found}");
    };
    assert_eq!(compile().status.code(), Some(0));
    let ranges = std::fs::read_to_string(&calibration).unwrap();
    let mut changed = json(ranges.as_bytes());
    for range in changed["tensors"].as_object_mut().expect("ranges").values_mut() {
        range["max"] = serde_json::json!(77.0);
    }
    std::fs::write(&calibration, changed.to_string()).unwrap();
    refused("rounded for other ranges");
    std::fs::write(&calibration, ranges).unwrap();
    let weights = beside.path().join("calibration.bin");
    let mut bytes = std::fs::read(&weights).unwrap();
    *bytes.last_mut().expect("weights") ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    refused("calibration.bin is not the file that was written with");
    std::fs::remove_file(&weights).unwrap();
    refused("calibration.bin");
    let usage = calibrate(&beside.path().join("calibration.bin"), &["--gptq"]);
    assert!(usage.status.code() == Some(2) && !weights.exists(), "{}", text(&usage.stdout));
}

/// Ranges of the least error are parts of those of all values.
#[test]
fn ranges_of_the_least_error() {
    let beside = folder();
    let [all, least] = ["min-max", "mse"].map(|ranges| {
        let calibration = beside.path().join(format!("{ranges}.json"));
        let output = calibrate(&calibration, &["--ranges", ranges]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
        json(&std::fs::read(&calibration).unwrap())["tensors"].as_object().expect("ranges").clone()
    });
    assert!(all.len() == least.len() && all != least);
    for (name, range) in &all {
        let narrower = |bound: &str| least[name][bound].as_f64().unwrap().abs() <= range[bound].as_f64().unwrap().abs();
        assert!(narrower("min") && narrower("max"), "{name}");
    }
}

/// All parts of a concat may share one range: there are fewer then, and each holds those that it replaces.
#[test]
fn parts_of_a_concat_share_a_scale_where_that_is_asked_for() {
    let beside = folder();
    let model = models().join("detector-small/model.onnx");
    let model = model.to_str().expect("a path of text");
    let [slices, shared] = ["slice", "shared"].map(|scales| {
        let name = format!("{scales}.json");
        let output = calibrate(&beside.path().join(&name), &["--scales", scales]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
        // It is what bytes mean that they are compared with; of what is stored beside the model they take the inputs.
        let verify = ["verify", model, "--in-process"];
        for command in [&["compile", model, "-o", scales][..], &verify, &[&verify[..], &["--io", "int8"]].concat()] {
            let output = peleec(beside.path(), &[command, &["--quant", &name]].concat());
            assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
        }
        // Data that is named counts as it is.
        let stored = Path::new(model).with_file_name("test_data_set_0");
        let output = peleec(beside.path(), &[&verify[..], &["--quant", &name, stored.to_str().expect("a path of text")]].concat());
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
        json(&std::fs::read(beside.path().join(name)).unwrap())["tensors"].as_object().expect("ranges").clone()
    });
    let distinct = |ranges: &serde_json::Map<String, serde_json::Value>| {
        ranges.values().map(ToString::to_string).collect::<std::collections::BTreeSet<_>>().len()
    };
    assert!(slices.len() == shared.len() && distinct(&shared) < distinct(&slices));
    for (name, range) in &slices {
        let bound = |ranges: &serde_json::Map<String, serde_json::Value>, bound: &str| ranges[name][bound].as_f64().unwrap();
        assert!(
            bound(&shared, "min") <= range["min"].as_f64().unwrap() && bound(&shared, "max") >= range["max"].as_f64().unwrap(),
            "{name}"
        );
    }
}
