//! Compiles the quantised detector for the core that `.cargo/config.toml` names, and for the camera's frames.

use peleec::{Builder, Error, FrameLayout, IoForm, PixelFormat};

fn main() -> Result<(), Error> {
    println!("cargo::rustc-link-search={}", env!("CARGO_MANIFEST_DIR"));
    println!("cargo::rerun-if-changed=memory.x");
    let camera = FrameLayout { format: PixelFormat::Rgb565, width: 160, height: 160 };
    let model = Builder::new().model("../../models/quantized/detector-small-qdq-u8s8/model.onnx").name("detector");
    model.io(IoForm::Int8).ram_budget(60 << 10).frame(camera).detect("../../models/detector-small/model.toml").emit()
}
