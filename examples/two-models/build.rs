//! Compiles a detector and a classifier, both for the camera's frames.

use peleec::{Builder, Error, FrameLayout, PixelFormat};

fn main() -> Result<(), Error> {
    println!("cargo::rustc-link-search={}", env!("CARGO_MANIFEST_DIR"));
    println!("cargo::rerun-if-changed=memory.x");
    let camera = FrameLayout { format: PixelFormat::Rgb565, width: 160, height: 160 };
    let detector = Builder::new().model("../../models/detector-small/model.onnx").name("detector").ram_budget(128 << 10);
    detector.frame(camera).detect("").emit()?;
    let classifier = Builder::new().model("../../models/peleenet-tiny-64/model.onnx").name("classifier");
    classifier.frame(camera).mean([123.0, 117.0, 104.0]).scale([0.017; 3]).emit()
}
