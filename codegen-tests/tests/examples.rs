//! The programs in `examples/`: all build, and those that can run print what a run in this process sees.

use std::path::{Path, PathBuf};
use std::process::Command;

use codegen_tests::lanes;
use peleec::{Builder, ColourOrder, Description, Fit, FrameLayout, FrameSettings, PixelFormat, Resize, Target};
use peleec_runtime::{Detection, Frame};

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What a run in this process sees in a frame, one line a detection.
fn seen_here(frame: &Frame<'_>, target: Target) -> String {
    seen_by("models/detector-small/model.onnx", frame, target)
}

fn seen_by(model: &str, frame: &Frame<'_>, target: Target) -> String {
    let compilation = Builder::new().model(project().join(model)).target(target).compile().expect("it compiles");
    let description = Description::read(&project().join("models/detector-small/model.toml")).expect("a description");
    let settings = description.frame.as_ref().expect("a frame is described");
    let input = settings.input(frame, &compilation.inputs()[0].1).expect("the input's type serves");
    let names = compilation.output_types().into_iter().map(|(name, _)| name);
    let outputs = names.zip(compilation.execute(&[input]).expect("the plan runs")).collect::<Vec<_>>();
    let seen = description.detect(&outputs, [160, 160]).expect("it describes the outputs");
    assert!(!seen.detections.is_empty(), "something is compared");
    let line = |seen: &Detection| format!("{} {:?} {:?}\n", description.labels[seen.class as usize], seen.score, seen.corners);
    seen.detections.iter().map(line).collect()
}

fn layout(format: PixelFormat) -> FrameLayout {
    FrameLayout { format, width: 160, height: 160 }
}

/// Runs cargo in the folder of an example, as its README says but for `--release`, so that these tests and the others build peleec once;
/// what it prints.
fn cargo(example: &str, arguments: &[&str]) -> String {
    let mut command = Command::new("cargo");
    // The flags and variables of this build are not those of a user's.
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_MANIFEST_DIR", "OUT_DIR", "TARGET"] {
        command.env_remove(variable);
    }
    let target = project().join("target");
    let output = command.current_dir(project().join("examples").join(example)).env("CARGO_TARGET_DIR", target).args(arguments).output();
    let output = output.expect("cargo starts");
    assert!(output.status.success(), "{example}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// Whether a platform's library and an emulator are there.
fn has(platform: &str, emulator: &str) -> bool {
    let libraries = Command::new("rustc").args(["--print", "target-libdir", "--target", platform]).output();
    let is_there = libraries.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir());
    is_there && Command::new(emulator).arg("--version").output().is_ok()
}

#[test]
fn firmware_sees_what_this_computer_sees() {
    let bytes = std::fs::read(project().join("models/detector-small/scenes/a-14.rgb565")).expect("a frame");
    let wanted = seen_here(&Frame::new(layout(PixelFormat::Rgb565), &bytes), Target::CortexM7);
    for (example, platform) in
        [("mps2-an500", "thumbv7em-none-eabihf"), ("camera-rows", "thumbv7em-none-eabihf"), ("mps3-an547", "thumbv8m.main-none-eabihf")]
    {
        if has(platform, "qemu-system-arm") {
            assert_eq!(cargo(example, &["run", "--locked"]), wanted, "{example}");
        } else {
            lanes::skip("examples", format!("{example} needs {platform} and qemu-system-arm"));
        }
    }
}

/// Bytes in the memory of a small chip.
#[test]
fn a_quantised_detector_sees_the_same_in_128_kib() {
    if has("thumbv7em-none-eabihf", "qemu-system-arm") {
        let bytes = std::fs::read(project().join("models/detector-small/scenes/a-14.rgb565")).expect("a frame");
        let frame = Frame::new(layout(PixelFormat::Rgb565), &bytes);
        let wanted = seen_by("models/quantized/detector-small-qdq-u8s8/model.onnx", &frame, Target::CortexM4F);
        assert_eq!(cargo("mps2-an386", &["run", "--locked"]), wanted);
    } else {
        lanes::skip("examples", "mps2-an386 needs thumbv7em-none-eabihf and qemu-system-arm");
    }
}

/// The class of a frame, as a run in this process finds it.
fn class_here(frame: &Frame<'_>, target: Target) -> String {
    let (order, mean, scale) = (ColourOrder::Rgb, [123.0, 117.0, 104.0], [0.017; 3]);
    let settings = FrameSettings { size: [64, 64], order, mean, scale, fit: Fit::Warp, resize: Resize::Bilinear };
    let model = project().join("models/peleenet-tiny-64/model.onnx");
    let compilation = Builder::new().model(model).target(target).compile().expect("it compiles");
    let input = settings.input(frame, &compilation.inputs()[0].1).expect("the input's type serves");
    let outputs = compilation.execute(&[input]).expect("the plan runs");
    let scores = outputs[0].as_f32().expect("scores");
    let best = scores.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).expect("there are classes");
    format!("class {} {:?}\n", best.0, best.1)
}

#[test]
fn two_networks_take_turns_in_one_arena() {
    if has("thumbv7em-none-eabihf", "qemu-system-arm") {
        let bytes = std::fs::read(project().join("models/detector-small/scenes/a-14.rgb565")).expect("a frame");
        let frame = Frame::new(layout(PixelFormat::Rgb565), &bytes);
        let wanted = class_here(&frame, Target::CortexM7) + &seen_here(&frame, Target::CortexM7);
        assert_eq!(cargo("two-models", &["run", "--locked"]), wanted);
    } else {
        lanes::skip("examples", "two-models needs thumbv7em-none-eabihf and qemu-system-arm");
    }
}

#[test]
fn firmware_for_real_boards_builds() {
    for (example, platform) in
        [("stm32h743", "thumbv7em-none-eabihf"), ("nrf52840", "thumbv7em-none-eabihf"), ("rp2350", "thumbv8m.main-none-eabihf")]
    {
        if has(platform, "true") {
            cargo(example, &["build", "--locked"]);
        } else {
            lanes::skip("examples", format!("{example} needs {platform}"));
        }
    }
}

#[test]
fn a_program_for_linux_sees_what_this_computer_sees() {
    let picture = project().join("models/detector-small/scenes/a-14.jpg");
    let pixels = image::open(&picture).expect("a picture").into_rgb8();
    let frame = Frame::new(layout(PixelFormat::Rgb888), pixels.as_raw());
    let run = |platform: &[&str]| cargo("linux", &[&["run", "--locked"], platform, &["--", &picture.display().to_string()]].concat());
    // Without flags of its own the build is for any x86-64. With the platform named it shares its build script's packages with the firmware.
    if cfg!(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu")) {
        assert_eq!(run(&["--target", "x86_64-unknown-linux-gnu"]), seen_here(&frame, Target::Generic));
    }
    if has("aarch64-unknown-linux-musl", "qemu-aarch64") {
        assert_eq!(run(&["--target", "aarch64-unknown-linux-musl"]), seen_here(&frame, Target::Aarch64));
    } else {
        lanes::skip("examples", "linux needs aarch64-unknown-linux-musl and qemu-aarch64");
    }
}
