//! The face for build scripts, as cargo sees it: this test program starts itself as one.

use std::path::Path;
use std::process::Command;

use peleec::{Builder, NumericClass, Target};

use super::{folder, models, text};

const SCRIPT: &str = "PELEEC_TEST_SCRIPT";

/// What a script prints for cargo, and the error that its `main` would show.
fn run(script: &str, folder: &Path) -> (String, String) {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.args(["--exact", "build_script::script", "--nocapture", "--test-threads", "1"]);
    command.env(SCRIPT, script).env("OUT_DIR", folder.join("out")).current_dir(folder);
    let output = command.output().expect("it starts");
    let (told, said) = (text(&output.stdout), text(&output.stderr));
    let told = told.lines().filter_map(|line| Some(line.split_once("cargo::")?.1)).collect::<Vec<_>>().join("\n");
    (told, said.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n"))
}

#[test]
fn script() {
    let Ok(script) = std::env::var(SCRIPT) else { return };
    let net = || Builder::new().target(Target::Generic).model("net.onnx");
    let result = match script.as_str() {
        "plain" => net().emit(),
        "external" => net().allow_external(true).name("ext").emit(),
        "setters" => net()
            .name("My net")
            .numeric(NumericClass::Plain)
            .input_dims([("batch", 1)])
            .ram_budget(100_000)
            .pin_weights(1024)
            .weights_section(".weights")
            .emit(),
        "budget" => net().ram_budget(10).emit(),
        "class" => net().numeric(NumericClass::Fused).emit(),
        "no model" => Builder::new().emit(),
        "two" => net().emit().and_then(|()| Builder::new().model("b/net.onnx").emit()),
        "twice" => net().emit().and_then(|()| net().emit()).and_then(|()| net().target(Target::CortexM7).emit()),
        other => unreachable!("{other}"),
    };
    if let Err(error) = result {
        eprintln!("{error:?}");
    }
}

fn put(folder: &Path, stored: &str) {
    std::fs::copy(models().join(stored).join("model.onnx"), folder.join("net.onnx")).expect("a stored network");
}

#[test]
fn setters_take_what_a_person_writes() {
    let folder = folder();
    put(folder.path(), "pelee-dynamic-batch-17");
    assert_eq!(run("setters", folder.path()).1, "");
    let head = std::fs::read_to_string(folder.path().join("out/my_net.rs")).unwrap();
    let options = "--name my_net --numeric plain --input-dim batch=1 --ram-budget 100000 --pin-weights 1024 --weights-section .weights";
    assert!(head.contains(&format!("\n// Options: {options}\n")), "{head:.500}");
}

#[test]
fn errors_are_said_once_in_words_of_the_builder() {
    let folder = folder();
    assert_eq!(run("no model", folder.path()).1, "there is no model: call `.model(PATH)` with the path of an ONNX file");
    assert_eq!(run("plain", folder.path()).1, "net.onnx: No such file or directory (os error 2)");
    put(folder.path(), "peleenet-folded-13");
    let (told, said) = run("budget", folder.path());
    assert!(told.starts_with("rerun-if-changed=net.onnx") && !told.contains("error"), "{told}");
    assert!(said.contains("the least that works is .ram_budget(") && !said.contains("--"), "{said}");
    assert_eq!(run("class", folder.path()).1, ".numeric(NumericClass::Fused): generic has no instruction for it; its class is plain");
}

#[test]
fn two_models_of_one_name_are_refused_and_one_model_twice_is_not() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("b")).unwrap();
    put(&folder.path().join("b"), "peleenet-bn-kept-9");
    put(folder.path(), "peleenet-folded-13");
    let (_, said) = run("two", folder.path());
    assert!(said.contains("net.rs was made from `net.onnx` in this build; .name(\"NAME\") gives this one files of its own"), "{said}");
    let (_, said) = run("twice", folder.path());
    assert!(said.contains("was made from `net.onnx` in this build"), "the same with other options: {said}");
    assert_eq!(run("plain", folder.path()).1, "", "a later build writes over an earlier one's");
}

/// Its weights lie in a file of their own, which `net.onnx` names.
fn put_external(folder: &Path) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/external");
    for name in ["net.onnx", "model.onnx.data"] {
        std::fs::copy(data.join(name), folder.join(name)).expect("a stored file");
    }
}

#[test]
fn cargo_watches_every_file_that_was_read() {
    let folder = folder();
    put_external(folder.path());
    let (told, said) = run("external", folder.path());
    assert_eq!((told.as_str(), said.as_str()), ("rerun-if-changed=net.onnx\nrerun-if-changed=model.onnx.data", ""));
    let (_, said) = run("plain", folder.path());
    assert!(said.contains(".allow_external(true), if you trust the model") && !said.contains("--allow"), "{said}");
}
