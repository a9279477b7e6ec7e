//! Pictures as inputs, and outputs as detections, against references in Python.

use std::path::{Path, PathBuf};

use codegen_tests::cases::onnx::{Attr, Onnx};
use codegen_tests::compare::{Closeness, compare};
use peleec::accuracy::{Object, Precision};
use peleec::zoo::seeded_input;
use peleec::{Builder, Description, Detected, FrameSettings, IoForm, ModelFile, Options, Tensor, TensorType, compile, import, read_tensor};
use peleec_runtime::{ColourOrder, Detection, Fit, Frame, FrameLayout, PixelFormat, Resize};

mod pelee_detect {
    include!(concat!(env!("OUT_DIR"), "/pelee_detect.rs"));
}

mod pelee_logits {
    include!(concat!(env!("OUT_DIR"), "/pelee_logits.rs"));
}

mod pelee_camera {
    include!(concat!(env!("OUT_DIR"), "/pelee_camera.rs"));
}

mod pelee_camera_into {
    include!(concat!(env!("OUT_DIR"), "/pelee_camera_into.rs"));
}

mod gray_camera {
    include!(concat!(env!("OUT_DIR"), "/gray_camera.rs"));
}

mod gray_last_camera {
    include!(concat!(env!("OUT_DIR"), "/gray_last_camera.rs"));
}

mod bytes_camera {
    include!(concat!(env!("OUT_DIR"), "/bytes_camera.rs"));
}

mod bytes_camera_resized {
    include!(concat!(env!("OUT_DIR"), "/bytes_camera_resized.rs"));
}

mod cast_camera {
    include!(concat!(env!("OUT_DIR"), "/cast_camera.rs"));
}

mod cast_camera_resized {
    include!(concat!(env!("OUT_DIR"), "/cast_camera_resized.rs"));
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

/// The softmax as a layer over all scores, and in the detector where there may be something, in a module and here.
#[test]
fn logits_are_detected_as_their_scores_are() {
    let path = Path::new(env!("OUT_DIR")).join("pelee_mini.onnx");
    let names = ["loc", "/conf/Reshape_output_0"];
    let compilation = Builder::new().model(&path).output_names(names).compile().expect("it compiles");
    let description = Description::read(&path.with_file_name("pelee_logits.toml")).expect("it was written");
    let (mut logits, mut scores) = (Box::new(pelee_logits::Model::new()), Box::new(pelee_detect::Model::new()));
    for seed in 0..3 {
        let input = seeded_input(&TensorType::f32([1, 3, 96, 96]), seed);
        let outputs = compilation.execute(std::slice::from_ref(&input)).expect("the plan runs");
        let names = names.map(str::to_owned).into_iter();
        let here = description.detect(&names.zip(outputs).collect::<Vec<_>>(), [96, 96]).expect("it describes the outputs");
        let picture = input.as_f32().and_then(|values| values.try_into().ok()).expect("it has the input's length");
        let (seen, wanted) = (logits.run(picture).detections, scores.run(picture).detections);
        assert_eq!((&seen[..], seen.is_truncated()), (&wanted[..], wanted.is_truncated()));
        assert_eq!((&seen[..], seen.is_truncated()), (&here.detections[..], here.truncated));
        assert!(!seen.is_empty(), "something is compared");
    }
}

/// A camera's frame goes into both forms of the module; the input that it becomes goes through a run in this process.
#[test]
fn a_module_takes_frames_of_a_camera() {
    let path = Path::new(env!("OUT_DIR")).join("pelee_mini.onnx");
    let compilation = Builder::new().model(&path).compile().expect("it compiles");
    let description = Description::read(&path.with_extension("toml")).expect("it was written");
    let frame = description.frame.map(|frame| FrameSettings { fit: Fit::Letterbox, ..frame });
    let description = Description { frame, ..description };
    let mut model = Box::new(pelee_camera::Model::new());
    let mut into = Box::new(pelee_camera_into::Model::new());
    let (mut loc, mut conf) = (Box::new([0.0; 2_040]), Box::new([0.0; 2_040]));
    let mut random = 1_u32;
    for _ in 0..3 {
        let frame: [u8; pelee_camera::FRAME_BYTES] = std::array::from_fn(|_| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 24) as u8
        });
        let settings = description.frame.as_ref().expect("a frame is described");
        let input = settings.input(&Frame::new(pelee_camera::FRAME, &frame), &compilation.inputs()[0].1).expect("the input's type serves");
        let outputs = compilation.execute(&[input]).expect("the plan runs");
        let names = compilation.output_types().into_iter().map(|(name, _)| name);
        let wanted = description.detect(&names.zip(outputs.clone()).collect::<Vec<_>>(), [64, 40]).expect("it describes the outputs");
        let seen = model.run(&frame);
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        let bits_of = |tensor: &Tensor| bits(tensor.as_f32().expect("f32"));
        assert_eq!([bits(seen.loc), bits(seen.conf)], [bits_of(&outputs[0]), bits_of(&outputs[1])]);
        assert_eq!((&seen.detections[..], seen.detections.is_truncated()), (&wanted.detections[..], wanted.truncated));
        assert!(!wanted.detections.is_empty(), "something is compared");
        let again = into.run_into(&frame, &mut loc, &mut conf);
        assert_eq!(&again[..], &wanted.detections[..]);
        assert_eq!([bits(&*loc), bits(&*conf)], [bits_of(&outputs[0]), bits_of(&outputs[1])]);
    }
}

/// Bytes of a picture that shows nothing.
fn noise<const N: usize>() -> [u8; N] {
    let mut random = 1_u32;
    std::array::from_fn(|_| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 24) as u8
    })
}

/// The bytes of the first result that a run in this process gives for what a frame becomes.
fn run_here(model: &str, io: IoForm, settings: &FrameSettings, frame: &Frame<'_>) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models").join(model);
    let compilation = Builder::new().model(path).io(io).compile().expect("a stored model compiles");
    let input = settings.input(frame, &compilation.meant_inputs()[0].1).expect("the input's type serves");
    let input = match compilation.input_scales()[0] {
        Some(scale) => scale.bytes(&input, compilation.inputs()[0].1.dtype).expect("a type of bytes"),
        None => input,
    };
    compilation.execute(&[input]).expect("the plan runs")[0].as_bytes().to_vec()
}

/// The bytes of a module's result for a frame, and those of a run in this process.
macro_rules! results {
    ($module:ident.$output:ident, $model:literal, $io:ident, $settings:expr) => {{
        let frame = noise::<{ $module::FRAME_BYTES }>();
        let mut model = Box::new($module::Model::new());
        let found: Vec<u8> = model.run(&frame).$output.iter().flat_map(|value| value.to_ne_bytes()).collect();
        [found, run_here($model, IoForm::$io, $settings, &Frame::new($module::FRAME, &frame))]
    }};
}

#[test]
fn a_module_takes_frames_for_one_channel_and_for_bytes() {
    let (fit, resize) = (Fit::Warp, Resize::Bilinear);
    let (order, mean, scale) = (ColourOrder::Gray, [100.0; 3], [0.02; 3]);
    let gray = FrameSettings { size: [20, 16], order, mean, scale, fit, resize };
    let (order, mean, scale) = (ColourOrder::Rgb, [123.0, 117.0, 104.0], [0.017; 3]);
    let colours = FrameSettings { size: [64, 64], order, mean, scale, fit, resize };
    let (mean, scale) = ([16.0; 3], [1.25; 3]);
    let cast = FrameSettings { size: [12, 14], order, mean, scale, fit, resize };
    let pairs = [
        results!(gray_camera.y, "frames/gray.onnx", Graph, &gray),
        results!(gray_last_camera.y, "frames/gray-last.onnx", Graph, &gray),
        results!(bytes_camera.logits, "quantized/peleenet-tiny-64-qdq-u8s8/model.onnx", Int8, &colours),
        results!(bytes_camera_resized.logits, "quantized/peleenet-tiny-64-qdq-u8s8/model.onnx", Int8, &colours),
        results!(cast_camera.y, "typed/picture-cast-transpose/model.onnx", Graph, &cast),
        results!(cast_camera_resized.y, "typed/picture-cast-transpose/model.onnx", Graph, &cast),
    ];
    for (index, [found, wanted]) in pairs.iter().enumerate() {
        assert_eq!(found, wanted, "{index}");
        assert!(found.iter().any(|byte| *byte != found[0]), "{index}: something is compared");
    }
    // No float is computed where nothing is resized, and a reshape that moves the only channel is no obstacle to rows of pixels.
    for (module, part) in [
        (include_str!(concat!(env!("OUT_DIR"), "/bytes_camera.rs")), "static BYTES: peleec_runtime::PixelBytes<i8, 3>"),
        (include_str!(concat!(env!("OUT_DIR"), "/bytes_camera_resized.rs")), "PREPARATION.quantized_row(INPUT_SCALE, INPUT_ZERO_POINT,"),
        (include_str!(concat!(env!("OUT_DIR"), "/cast_camera.rs")), "static BYTES: peleec_runtime::PixelBytes<u8, 3>"),
        (include_str!(concat!(env!("OUT_DIR"), "/gray_last_camera.rs")), "&mut impl FnMut(usize, &mut [[f32; 1]; 20])"),
    ] {
        assert!(module.split_whitespace().collect::<String>().contains(&part.replace(' ', "")), "{part}");
    }
}

/// Colours that come last serve where the graph moves them to the front before all else: then the rows that it asks for are pixels.
#[test]
fn a_camera_goes_with_colours_that_come_last() {
    let model = |before: &str, after: &str| {
        let mut onnx = Onnx::new(17);
        let mut x = onnx.input("x", &[1, 6, 8, 3]);
        let half = onnx.floats("half", &[1], &[0.5]);
        for (op, attributes) in [(before, &[][..]), ("Transpose", &[("perm", Attr::Ints(&[0, 3, 1, 2]))]), (after, &[])] {
            let second = if op == "Mul" { Some(half.as_str()) } else { None };
            let inputs: Vec<&str> = std::iter::once(x.as_str()).chain(second).collect();
            x = if op.is_empty() { x } else { onnx.op(op, &format!("{op}_{}", inputs.len()), &inputs, attributes) };
        }
        let y = onnx.conv("y", &x, &[4, 3, 3, 3], &[]);
        onnx.output(&y);
        ModelFile::from_bytes("nhwc", onnx.bytes())
    };
    let frame = Some(FrameLayout { format: PixelFormat::Gray8, width: 8, height: 6 });
    let options = Options { frame, mean: Some([0.0; 3]), scale: Some([1.0; 3]), ..Options::default() };
    let moved = model("", "Mul");
    let compilation = compile(&moved, &options).expect("it compiles");
    let files = compilation.files().expect("they are made");
    let module = String::from_utf8_lossy(&files[0].bytes);
    assert!(module.contains("&mut impl FnMut(usize, &mut [[f32; 3]; 8])"), "{module}");
    // What the rows become is what the graph computes, of an input in which no two axes could be swapped unseen.
    let input = seeded_input(&TensorType::f32([1, 6, 8, 3]), 1);
    let naive = import(&moved, &Options::default()).expect("it is read").graph.evaluate(std::slice::from_ref(&input));
    let found = compilation.execute(&[input]).expect("it runs");
    assert_eq!(compare(&found, &naive.expect("it is evaluated"), Closeness::Scaled(1e-5)), Ok(()));
    // Where something else comes first, the rows would be of that.
    for before in ["Mul", "Relu"] {
        let refusal = compile(&model(before, ""), &options).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refusal.contains("PL0407"), "{before}: {refusal}");
    }
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
        let layout = FrameLayout { format: format(&document["format"]), width: side("width"), height: side("height") };
        assert_eq!(layout.bytes(), Some(bytes.len()), "{}", path.display());
        let frame = Frame::new(layout, &bytes);
        // One number stands for all.
        let list = |key: &str| {
            let numbers = document[key].as_array().expect("a list");
            [0, 1, 2].map(|i| numbers[i.min(numbers.len() - 1)].as_f64().expect("a number") as f32)
        };
        let settings = FrameSettings {
            size: [0, 1].map(|i| document["size"][i].as_u64().expect("a size") as u32),
            order: order(&document["order"]),
            mean: list("mean"),
            scale: list("scale"),
            fit: if document["fit"] == "letterbox" { Fit::Letterbox } else { Fit::Warp },
            resize: if document["resize"] == "nearest" { Resize::Nearest } else { Resize::Bilinear },
        };
        let wanted = tensor(&path.with_extension("pb"));
        let found = settings.input(&frame, &wanted.ty()).expect("the input's type serves");
        assert_eq!(compare(&[found], &[wanted], Closeness::Bits), Ok(()), "{}", path.display());
        compared += 1;
    }
    assert_eq!(compared, 24);
}

fn order(name: &serde_json::Value) -> ColourOrder {
    let orders = [("rgb", ColourOrder::Rgb), ("bgr", ColourOrder::Bgr), ("gray", ColourOrder::Gray)];
    orders.into_iter().find(|(known, _)| name == *known).expect("a known order").1
}

fn format(name: &serde_json::Value) -> PixelFormat {
    let formats = [
        ("rgb888", PixelFormat::Rgb888),
        ("bgr888", PixelFormat::Bgr888),
        ("rgb565", PixelFormat::Rgb565),
        ("rgb565be", PixelFormat::Rgb565Be),
        ("yuv422", PixelFormat::Yuv422),
        ("gray8", PixelFormat::Gray8),
    ];
    formats.into_iter().find(|(known, _)| name == *known).expect("a known format").1
}

#[test]
fn a_frame_has_as_many_bytes_as_its_pixels_take() {
    let bytes = |format, width, height| FrameLayout { format, width, height }.bytes();
    assert_eq!((bytes(PixelFormat::Rgb888, 5, 3), bytes(PixelFormat::Gray8, 5, 3)), (Some(45), Some(15)));
    assert_eq!((bytes(PixelFormat::Rgb565, 5, 3), bytes(PixelFormat::Yuv422, 5, 3)), (Some(30), None));
    assert_eq!((bytes(PixelFormat::Yuv422, 6, 3), bytes(PixelFormat::Bgr888, 0, 3)), (Some(36), None));
    assert_eq!((bytes(PixelFormat::Gray8, 65_536, 1), bytes(PixelFormat::Gray8, 65_537, 1)), (Some(65_536), None));
    assert_eq!(bytes(PixelFormat::Rgb888, usize::MAX, usize::MAX), None);
}

/// Average precision is what pycocotools says.
#[test]
fn every_average_precision_is_the_references() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/precision/vectors.json");
    let cases: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).expect("vectors are stored")).expect("JSON");
    let list = |value: &serde_json::Value| value.as_array().expect("a list").clone();
    let number = |value: &serde_json::Value| value.as_f64().expect("a number");
    let corners = |values: &[serde_json::Value]| [0, 1, 2, 3].map(|index| number(&values[index]));
    for case in list(&cases) {
        let class = |class: &serde_json::Value| list(class).iter().map(serde_json::Value::as_f64).collect();
        let wanted: Vec<Vec<Option<f64>>> = list(&case["precision"]).iter().map(class).collect();
        let mut precision = Precision::new(wanted.len());
        for picture in list(&case["pictures"]) {
            let object = |entry: &serde_json::Value| Object { class: number(&entry[0]) as usize, corners: corners(&list(entry)[1..]) };
            let detection = |entry: &serde_json::Value| Detection {
                class: number(&entry[0]) as u32,
                prior: 0,
                score: number(&entry[1]) as f32,
                corners: corners(&list(entry)[2..]).map(|corner| corner as f32),
            };
            let objects: Vec<_> = list(&picture["objects"]).iter().map(object).collect();
            precision.add(&objects, &list(&picture["detections"]).iter().map(detection).collect::<Vec<_>>());
        }
        let table = precision.table();
        for (class, wanted) in wanted.iter().enumerate() {
            let found = table.classes.iter().find(|found| found.class == class);
            assert_eq!(found.is_some(), wanted[0].is_some());
            for (overlap, wanted) in wanted.iter().enumerate() {
                let (found, wanted) = (found.map_or(0.0, |found| found.at[overlap]), wanted.unwrap_or(0.0));
                assert!((found - wanted).abs() < 1e-9, "class {class}, overlap {overlap}: {found} instead of {wanted}");
            }
        }
    }
}
