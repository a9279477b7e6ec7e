//! Generates modules as a user's build script does; `tests/modules.rs` and the README's example compile and run them.

use std::path::{Path, PathBuf};

use peleec::zoo::{ZooOptions, build};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    for (stored, name) in [("peleenet-folded-13", "peleenet"), ("pelee-caffe-8", "pelee_caffe")] {
        peleec::Builder::new().model(models.join(stored).join("model.onnx")).name(name).emit()?;
    }
    let tiny = peleec::Builder::new().model(models.join("peleenet-tiny-64/model.onnx")).name("peleenet_rows");
    tiny.input(peleec::InputForm::Rows).ram_budget(peleec::RamBudget::Least).emit()?;
    // A step in three parts over what it reads.
    let model = models.join("peleenet-folded-13").join("model.onnx");
    peleec::Builder::new().model(model).name("peleenet_parts").ram_budget(peleec::RamBudget::Bytes(15_000)).emit()?;
    let mini = PathBuf::from(std::env::var("OUT_DIR")?).join("pelee_mini.onnx");
    let options = ZooOptions { width: 0.25, input_size: Some(96), classes: Some(4), seed: 0 };
    std::fs::write(&mini, build("pelee-304", &options)?)?;
    peleec::Builder::new().model(&mini).emit()?;
    peleec::Builder::new().model(&mini).name("pelee_rows").input(peleec::InputForm::Rows).emit()?;
    Ok(())
}
