//! Compiles the detector for the processor that rustc builds for.

use peleec::{Builder, Error, InputForm};

fn main() -> Result<(), Error> {
    let model = Builder::new().model("../../models/detector-small/model.onnx").name("detector");
    model.input(InputForm::Rows).detect("").emit()
}
