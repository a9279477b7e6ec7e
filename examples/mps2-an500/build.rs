//! Compiles the detector for the core that `.cargo/config.toml` names, and for the camera's frames.

use peleec::{Builder, Error, FrameLayout, PixelFormat};

fn main() -> Result<(), Error> {
    println!("cargo::rustc-link-search={}", env!("CARGO_MANIFEST_DIR"));
    println!("cargo::rerun-if-changed=memory.x");
    let camera = FrameLayout { format: PixelFormat::Rgb565, width: 160, height: 160 };
    let model = "../../models/detector-small/model.onnx";
    Builder::new().model(model).name("detector").ram_budget(128 << 10).frame(camera).detect("").emit()
}
