//! The programs in `examples/`: all build, and those that can run print what a run in this process sees.

use std::path::{Path, PathBuf};
use std::process::Command;

use codegen_tests::lanes;
use peleec::{Builder, Description, FrameLayout, NumericClass, PixelFormat, Target};
use peleec_runtime::Frame;

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What the picture that the firmware holds shows, one line a detection, in the numeric class of every machine with fused multiply-add.
fn seen_here() -> String {
    let folder = project().join("models/detector-small");
    let options = Builder::new().model(folder.join("model.onnx")).target(Target::Aarch64).numeric(NumericClass::Fused);
    let compilation = options.compile().expect("it compiles");
    let description = Description::read(&folder.join("model.toml")).expect("a description");
    let bytes = std::fs::read(folder.join("scenes/a-14.rgb565")).expect("a frame");
    let layout = FrameLayout { format: PixelFormat::Rgb565, width: 160, height: 160 };
    let settings = description.frame.as_ref().expect("a frame is described");
    let input = settings.input(&Frame::new(layout, &bytes), &compilation.inputs()[0].1).expect("the input's type serves");
    let names = compilation.output_types().into_iter().map(|(name, _)| name);
    let outputs = names.zip(compilation.execute(&[input]).expect("the plan runs")).collect::<Vec<_>>();
    let seen = description.detect(&outputs, [160, 160]).expect("it describes the outputs");
    assert!(!seen.detections.is_empty(), "something is compared");
    let line =
        |seen: &peleec_runtime::Detection| format!("{} {:?} {:?}\n", description.labels[seen.class as usize], seen.score, seen.corners);
    seen.detections.iter().map(line).collect()
}

/// Runs cargo in the folder of an example, as its README says; what it prints.
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
    let wanted = seen_here();
    for (example, platform) in
        [("mps2-an500", "thumbv7em-none-eabihf"), ("camera-rows", "thumbv7em-none-eabihf"), ("mps3-an547", "thumbv8m.main-none-eabihf")]
    {
        if has(platform, "qemu-system-arm") {
            assert_eq!(cargo(example, &["run", "--locked"]), wanted, "{example}");
        } else {
            lanes::skip("examples", &format!("{example} needs {platform} and qemu-system-arm"));
        }
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
            lanes::skip("examples", &format!("{example} needs {platform}"));
        }
    }
}

#[test]
fn a_program_for_linux_sees_the_same_on_both_processors() {
    let picture = project().join("models/detector-small/scenes/a-14.jpg");
    let arguments = |first: &[&'static str]| -> Vec<String> {
        first.iter().map(ToString::to_string).chain(["--locked".to_owned(), "--".to_owned(), picture.display().to_string()]).collect()
    };
    let run = |first: &[&'static str]| {
        let arguments = arguments(first);
        cargo("linux", &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let here = run(&["run"]);
    let labels = |text: &str| text.lines().map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect::<Vec<_>>();
    assert_eq!(labels(&here), labels(&seen_here()), "a JPEG has more colours than a frame of 16 bits");
    if has("aarch64-unknown-linux-musl", "qemu-aarch64") {
        let there = run(&["run", "--target", "aarch64-unknown-linux-musl"]);
        assert_eq!(labels(&there), labels(&here));
    } else {
        lanes::skip("examples", "linux needs aarch64-unknown-linux-musl and qemu-aarch64");
    }
}
