//! Generates modules as a user's build script does; `tests/modules.rs` and the README's example compile and run them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use peleec::zoo::{ZooOptions, build};

/// Of a Pelee for pictures of 96x96.
const DESCRIPTION: &str = r#"
labels = ["background", "cat", "dog", "bird"]

[frame]
size = [96, 96]
order = "bgr"
mean = [103.94, 116.78, 123.68]
scale = [0.017, 0.017, 0.017]
fit = "warp"
resize = "bilinear"

[detector]
loc = "loc"
scores = "conf"
background = 0
variances = [0.1, 0.1, 0.2, 0.2]
threshold = 0.2
iou = 0.45
candidates = 60
detections = 20
priors = [
    { map = [6, 6], min_size = 7, max_size = 14, ratios = [2, 0.5, 3, 0.3333333333333333] },
    { map = [6, 6], min_size = 14, max_size = 32, ratios = [2, 0.5, 3, 0.3333333333333333] },
    { map = [3, 3], min_size = 32, max_size = 49, ratios = [2, 0.5, 3, 0.3333333333333333] },
    { map = [2, 2], min_size = 49, max_size = 66, ratios = [2, 0.5, 3, 0.3333333333333333] },
]
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    for (stored, name) in [("peleenet-folded-13", "peleenet"), ("pelee-caffe-8", "pelee_caffe")] {
        peleec::Builder::new().model(models.join(stored).join("model.onnx")).name(name).emit()?;
    }
    peleec::Builder::new().model(models.join("quantized/peleenet-tiny-64-qdq-u8s8/model.onnx")).name("peleenet_bytes").emit()?;
    let tiny = peleec::Builder::new().model(models.join("peleenet-tiny-64/model.onnx")).name("peleenet_rows");
    tiny.input(peleec::InputForm::Rows).ram_budget(peleec::RamBudget::Least).emit()?;
    // A step in three parts over what it reads.
    let model = models.join("peleenet-folded-13").join("model.onnx");
    peleec::Builder::new().model(model).name("peleenet_parts").ram_budget(peleec::RamBudget::Bytes(15_000)).emit()?;
    let mini = PathBuf::from(std::env::var("OUT_DIR")?).join("pelee_mini.onnx");
    let options = ZooOptions { width: 0.25, input_size: Some(96), classes: Some(4), seed: 0 };
    make(&mini, &build("pelee-304", &options)?)?;
    peleec::Builder::new().model(&mini).emit()?;
    make(&mini.with_extension("toml"), DESCRIPTION.as_bytes())?;
    peleec::Builder::new().model(&mini).name("pelee_detect").detect("").emit()?;
    // The same network without its softmax, which the detector makes up for.
    let logits = mini.with_file_name("pelee_logits.toml");
    let output = "scores = \"/conf/Reshape_output_0\"\nactivation = \"softmax\"";
    make(&logits, DESCRIPTION.replace("scores = \"conf\"", output).as_bytes())?;
    let model = peleec::Builder::new().model(&mini).name("pelee_logits").detect(logits);
    model.output_names(["loc", "/conf/Reshape_output_0"]).emit()?;
    let camera = peleec::FrameLayout { format: peleec::PixelFormat::Rgb565, width: 64, height: 40 };
    let model = peleec::Builder::new().model(&mini).detect("").frame(camera).fit(peleec::Fit::Letterbox);
    model.clone().name("pelee_camera").emit()?;
    model.name("pelee_camera_into").outputs(peleec::Placement::Caller).emit()?;
    // Pictures of one channel, and inputs of bytes: those that stand for floats, and those that are cast.
    let frame = |format, width, height| peleec::FrameLayout { format, width, height };
    let gray = |model: &str| peleec::Builder::new().model(models.join(model)).mean([100.0; 3]).scale([0.02; 3]);
    gray("frames/gray.onnx").name("gray_camera").frame(frame(peleec::PixelFormat::Gray8, 33, 20)).emit()?;
    let last = gray("frames/gray-last.onnx").name("gray_last_camera").frame(frame(peleec::PixelFormat::Rgb565, 20, 16));
    last.ram_budget(peleec::RamBudget::Least).emit()?;
    let bytes = peleec::Builder::new().model(models.join("quantized/peleenet-tiny-64-qdq-u8s8/model.onnx")).io(peleec::IoForm::Int8);
    let bytes = bytes.mean([123.0, 117.0, 104.0]).scale([0.017; 3]);
    bytes.clone().name("bytes_camera").frame(frame(peleec::PixelFormat::Rgb565Be, 64, 64)).emit()?;
    bytes.name("bytes_camera_resized").frame(frame(peleec::PixelFormat::Yuv422, 48, 40)).emit()?;
    let cast = peleec::Builder::new().model(models.join("typed/picture-cast-transpose/model.onnx")).mean([16.0; 3]).scale([1.25; 3]);
    cast.clone().name("cast_camera").frame(frame(peleec::PixelFormat::Bgr888, 12, 14)).emit()?;
    cast.name("cast_camera_resized").frame(frame(peleec::PixelFormat::Gray8, 30, 30)).emit()?;
    let pinned = peleec::Builder::new().model(&mini).name("pelee_pinned").detect("").ram_budget(peleec::RamBudget::Least);
    pinned.pin_weights(8 << 10).emit()?;
    peleec::Builder::new().model(&mini).name("pelee_rows").input(peleec::InputForm::Rows).emit()?;
    Ok(())
}

/// Writes what a module is then made from. It gets the age of this script: cargo runs a script again where a file that it reads is newer than
/// its last run, as what the script itself writes would be each time.
fn make(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::write(path, bytes)?;
    let age = fs::metadata(Path::new(env!("CARGO_MANIFEST_DIR")).join("build.rs"))?.modified()?;
    File::options().write(true).open(path)?.set_modified(age)
}
