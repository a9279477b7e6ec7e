//! Compiles a classifier: the detector's weights would not fit the chip's flash as f32.

use peleec::{Builder, Error, FrameLayout, PixelFormat};

fn main() -> Result<(), Error> {
    println!("cargo::rustc-link-search={}", env!("CARGO_MANIFEST_DIR"));
    println!("cargo::rerun-if-changed=memory.x");
    let camera = FrameLayout { format: PixelFormat::Rgb565, width: 160, height: 160 };
    let model = Builder::new().model("../../models/peleenet-tiny-64/model.onnx").name("classifier");
    model.frame(camera).mean([123.0, 117.0, 104.0]).scale([0.017; 3]).emit()
}
