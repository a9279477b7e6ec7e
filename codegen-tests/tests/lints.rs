//! Generated modules in crates that deny every lint of rustc and clippy that there is for them, in each edition that can be.

use std::path::Path;
use std::process::Command;

use codegen_tests::cases::onnx::{Attr, Onnx};
use codegen_tests::cases::{blocks, operators};
use codegen_tests::lanes;
use peleec::zoo::ZooOptions;
use peleec::{Fit, FrameLayout, InputForm, ModelFile, Options, PixelFormat, Placement, RamBudget, compile, files};

const EDITIONS: [&str; 3] = ["2018", "2021", "2024"];

const DENIED: &str = "\
#![forbid(unsafe_code)]
#![deny(warnings, future_incompatible, let_underscore, nonstandard_style, rust_2018_idioms, unused)]
#![deny(clippy::all, clippy::pedantic, clippy::nursery)]
#![deny(elided_lifetimes_in_paths, explicit_outlives_requirements, keyword_idents, missing_copy_implementations)]
#![deny(missing_debug_implementations, missing_docs, single_use_lifetimes, trivial_casts, trivial_numeric_casts)]
#![deny(unreachable_pub, unused_import_braces, unused_lifetimes, unused_qualifications, unused_results)]
#![deny(variant_size_differences)]
";

/// A convolution between names that a reader would not see as they are, and an input that nothing reads.
fn hostile() -> Vec<u8> {
    let mut onnx = Onnx::new(17);
    let x = onnx.input("in\u{202e}put `\u{200b}", &[1, 3, 6, 6]);
    onnx.input("im_info", &[1, 3]);
    let y = onnx.conv("la\u{202e}yer\n\u{9b}`*/", &x, &[4, 3, 3, 3], &[("pads", Attr::Ints(&[1, 1, 1, 1]))]);
    onnx.output(&y);
    onnx.bytes()
}

/// A network whose names are those of a module's own.
fn namesakes() -> Vec<u8> {
    let mut onnx = Onnx::new(17);
    let x = onnx.input("detector", &[1, 3, 6, 6]);
    let y = onnx.conv("frame", &x, &[4, 3, 3, 3], &[]);
    let z = onnx.conv("run_rows_into_with", &y, &[4, 4, 3, 3], &[]);
    onnx.output(&y);
    onnx.output(&z);
    onnx.bytes()
}

/// A network of gray pictures of bytes, whose input goes by a name that a module over frames has.
fn pictures() -> Vec<u8> {
    let mut onnx = Onnx::new(17);
    let x = onnx.bytes_input("bytes", &[1, 6, 6, 1]);
    let x = onnx.op("Cast", "cast", &[&x], &[("to", Attr::Int(1))]);
    let x = onnx.op("Transpose", "first", &[&x], &[("perm", Attr::Ints(&[0, 3, 1, 2]))]);
    let y = onnx.conv("y", &x, &[4, 1, 3, 3], &[]);
    onnx.output(&y);
    onnx.bytes()
}

/// A detector whose offsets go by a name that its module has for something else; its name.
fn detected(folder: &Path) -> Vec<String> {
    let mut onnx = Onnx::new(17);
    let x = onnx.input("x", &[1, 3, 1, 1]);
    let loc = onnx.conv("candidates", &x, &[4, 3, 1, 1], &[]);
    let scores = onnx.conv("conv", &x, &[2, 3, 1, 1], &[]);
    let scores = onnx.op("Transpose", "scores", &[&scores], &[("perm", Attr::Ints(&[0, 2, 3, 1]))]);
    onnx.output(&loc);
    onnx.output(&scores);
    std::fs::create_dir_all(folder).expect("a folder is made");
    let toml = folder.join("candidates.toml");
    std::fs::write(&toml, DESCRIPTION).expect("it is written");
    let options = Options { detect: Some(toml), name: Some("detected".to_owned()), ..Options::default() };
    let compilation = compile(&ModelFile::from_bytes("detected", onnx.bytes()), &options).expect("it compiles");
    compilation.write(folder).expect("it is written");
    vec!["detected".to_owned()]
}

const DESCRIPTION: &str = r#"
labels = ["none", "thing"]
[frame]
size = [1, 1]
order = "rgb"
mean = [0, 0, 0]
scale = [1, 1, 1]
fit = "warp"
resize = "nearest"
[detector]
loc = "candidates"
scores = "scores"
background = 0
variances = [0.1, 0.1, 0.2, 0.2]
threshold = 0.5
iou = 0.5
candidates = 4
detections = 2
priors = [{ map = [1, 1], min_size = 1 }]
"#;

/// Modules of every form that there is, written into `folder`; their names.
fn modules(folder: &Path) -> Vec<String> {
    let least = Options { ram_budget: RamBudget::Least, pin_weights: 2048, ..Options::default() };
    let rows = Options { input: InputForm::Rows, ..least.clone() };
    let caller = Options { outputs: Placement::Caller, ..Options::default() };
    let forms = [("", Options::default()), ("_least", least), ("_rows", rows), ("_caller", caller)];
    let one = operators::CASES.iter().find(|case| case.name == "conv_of_a_planar_input_with_stride_2").expect("the case is there");
    let mut models = vec![("hostile", hostile(), &forms[..1])];
    for (name, build) in [("mini", blocks::MINI.build), ("one", one.build)] {
        models.push((name, build(), &forms));
    }
    models.extend(operators::CASES.iter().map(|case| (case.name, (case.build)(), &forms[..1])));
    let zoo = ZooOptions { width: 0.25, input_size: Some(64), ..ZooOptions::default() };
    let pelee = ModelFile::zoo("pelee-304", &zoo).expect("the zoo has it");
    let detector = Options { detect: Some("".into()), ..Options::default() };
    let camera = Options { frame: Some(FrameLayout { format: PixelFormat::Yuv422, width: 100, height: 80 }), ..Options::default() };
    let both = Options { frame: camera.frame, outputs: Placement::Caller, fit: Some(Fit::Letterbox), ..detector.clone() };
    let mut names = detected(folder);
    for (name, options) in [("detector", detector), ("camera", camera), ("both", both)] {
        let compilation = compile(&pelee, &Options { name: Some(name.to_owned()), ..options }).expect("it compiles");
        compilation.write(folder).expect("it is written");
        names.push(name.to_owned());
    }
    let said = Options { mean: Some([0.0; 3]), scale: Some([1.0; 3]), ..Options::default() };
    let same = Options { frame: Some(FrameLayout { format: PixelFormat::Rgb565, width: 6, height: 6 }), ..said.clone() };
    let gray = Options { frame: Some(FrameLayout { format: PixelFormat::Gray8, width: 9, height: 9 }), outputs: Placement::Caller, ..said };
    let pictures_forms = [("_frame", same), ("_resized", gray.clone())];
    models.push(("pictures", pictures(), &pictures_forms));
    let namesakes_forms = [("_frame", gray)];
    models.push(("namesakes", namesakes(), &namesakes_forms));
    for (model, bytes, forms) in models {
        let file = ModelFile::from_bytes(model, bytes);
        for (form, options) in forms {
            let name = format!("{model}{form}");
            let compilation = compile(&file, &Options { name: Some(name.clone()), ..options.clone() }).expect("a case compiles");
            compilation.write(folder).expect("it is written");
            names.push(name);
        }
    }
    names
}

/// A crate that has every module for itself, and one for others to see.
fn put_crate(folder: &Path, edition: &str, names: &[String]) {
    let manifest = format!(
        "[package]\nname = \"edition{edition}\"\nversion = \"0.0.0\"\nedition = \"{edition}\"\n\n\
         [dependencies]\npeleec-runtime = {{ path = \"../modules/peleec-runtime\" }}\n"
    );
    let private: String = names.iter().map(|name| format!("#[path = \"../../modules/{name}.rs\"]\nmod {name};\n")).collect();
    let public = "/// A module that others see.\npub mod seen {\n    include!(\"../../modules/mini.rs\");\n}\n";
    let source = folder.join(format!("edition{edition}/src"));
    std::fs::create_dir_all(&source).expect("a folder");
    std::fs::write(source.join("../Cargo.toml"), manifest).expect("a manifest");
    std::fs::write(source.join("lib.rs"), format!("//! Denies.\n#![no_std]\n{DENIED}\n{private}\n{public}")).expect("a crate");
}

#[test]
fn a_module_is_no_cause_for_a_warning() {
    if !Command::new("cargo").args(["clippy", "--version"]).output().is_ok_and(|output| output.status.success()) {
        return lanes::skip("lints", "clippy is not installed: rustup component add clippy");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let modules_folder = folder.path().join("modules");
    let names = modules(&modules_folder);
    files::write(&modules_folder, &files::runtime()).expect("the runtime is written");
    for edition in EDITIONS {
        put_crate(folder.path(), edition, &names);
    }
    let workspace = "[workspace]\nmembers = [\"edition*\"]\nexclude = [\"modules\"]\nresolver = \"2\"\n";
    std::fs::write(folder.path().join("Cargo.toml"), workspace).expect("a workspace");
    let mut clippy = Command::new("cargo");
    clippy.args(["clippy", "--offline", "--quiet", "--workspace", "--keep-going", "--target-dir", "target"]);
    clippy.env_remove("RUSTFLAGS").env_remove("CARGO_TARGET_DIR").env_remove("CARGO_BUILD_TARGET").current_dir(folder.path());
    let output = clippy.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
