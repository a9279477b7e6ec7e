//! Whose files they are that a command writes over or checks.

use std::path::Path;

use super::{folder, models, peleec, text};

/// Puts two stored networks where both go by one name.
fn two_models(folder: &Path, names: [&str; 2]) {
    for (stored, name) in ["peleenet-folded-13", "peleenet-bn-kept-9"].iter().zip(names) {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("it is made");
        std::fs::copy(models().join(stored).join("model.onnx"), path).expect("a stored network");
    }
}

fn compile(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = peleec(folder, &[&["compile", "-o", "g"], arguments].concat());
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

fn module(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join("g").join(name)).expect("a module")
}

#[test]
fn a_model_does_not_take_the_place_of_another() {
    let folder = folder();
    for (names, file) in [(["a/model.onnx", "b/model.onnx"], "model.rs"), (["日本.onnx", "図.onnx"], "n.rs")] {
        two_models(folder.path(), names);
        assert_eq!(compile(folder.path(), &names[..1]).0, Some(0));
        let before = module(folder.path(), file);
        let (code, said) = compile(folder.path(), &names[1..]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(&format!("g/{file} was made from another model, `")) && said.contains("--name NAME"), "{said}");
        assert_eq!(module(folder.path(), file), before);
        assert_eq!(compile(folder.path(), &[names[1], "--name", "other"]).0, Some(0));
        assert_eq!(compile(folder.path(), &[names[0], "--target", "cortex-m7"]).0, Some(0), "the same model, other options");
        std::fs::remove_file(folder.path().join("g").join(file)).unwrap();
        assert_eq!(compile(folder.path(), &names[1..]).0, Some(0));
    }
}

/// One name, whenever the second file came.
#[test]
fn a_model_of_another_name_is_another_even_where_it_is_younger() {
    let folder = folder();
    two_models(folder.path(), ["日本.onnx", "later"]);
    assert_eq!(compile(folder.path(), &["日本.onnx"]).0, Some(0));
    std::fs::rename(folder.path().join("later"), folder.path().join("図.onnx")).unwrap();
    assert_eq!(compile(folder.path(), &["図.onnx"]).0, Some(2));
}

#[test]
fn a_model_that_was_trained_again_goes_through() {
    let folder = folder();
    two_models(folder.path(), ["net.onnx", "new.onnx"]);
    assert_eq!(compile(folder.path(), &["net.onnx"]).0, Some(0));
    let before = module(folder.path(), "net.rs");
    // Moved, with the times of a file that is older than the module.
    std::fs::rename(folder.path().join("new.onnx"), folder.path().join("net.onnx")).unwrap();
    let (code, said) = compile(folder.path(), &["net.onnx"]);
    assert_eq!(code, Some(0), "{said}");
    assert_ne!(module(folder.path(), "net.rs"), before);
}

#[test]
fn check_reads_the_flags_from_the_head() {
    let folder = folder();
    two_models(folder.path(), ["net.onnx", "other.onnx"]);
    let flags = ["--target", "cortex-m7", "--numeric", "plain", "--ram-budget", "min", "--outputs", "caller", "--name", "a_name"];
    assert_eq!(compile(folder.path(), &[&["net.onnx"], &flags[..]].concat()).0, Some(0));
    assert!(module(folder.path(), "a_name.rs").contains("\n// Options: --name a_name --target cortex-m7 --numeric plain --ram-budget min"));
    let check = |more: &[&str]| compile(folder.path(), &[&["--check"], more].concat());
    assert_eq!(check(&["net.onnx"]).0, Some(0));
    assert_eq!(check(&["net.onnx", "--target", "cortex-m7"]).0, Some(0));
    let (code, said) = check(&["net.onnx", "--target", "cortex-m4f"]);
    assert_eq!(code, Some(1));
    assert!(said.starts_with("g/a_name.rs: other options: made with `--name a_name --target cortex-m7 "), "{said}");
    let (code, said) = check(&["other.onnx", "--name", "a_name"]);
    assert_eq!((code, said.starts_with("g/a_name.rs: another model: made from sha256 ")), (Some(1), true), "{said}");
    let (code, said) = check(&["other.onnx"]);
    assert_eq!((code, said.starts_with("g/other.rs: it is not there")), (Some(1), true), "{said}");

    let path = folder.path().join("g/a_name.rs");
    let whole = module(folder.path(), "a_name.rs");
    let edits: [(&str, &str, &str); 3] = [
        ("peleec 0.", "peleec 99.", "another peleec: made by 99."),
        ("\nimpl Model", "\n// mine\nimpl Model", "edited by hand"),
        ("// @generated", "// mine", "edited by hand"),
    ];
    for (from, to, why) in edits {
        std::fs::write(&path, whole.replacen(from, to, 1)).unwrap();
        let (code, said) = check(&[&["net.onnx", "--name", "a_name"], &flags[..8]].concat());
        assert!(code == Some(1) && said.starts_with(&format!("g/a_name.rs: {why}")), "{said}");
    }
    std::fs::write(&path, &whole).unwrap();
    std::fs::write(folder.path().join("g/a_name.weights.bin"), "no weights").unwrap();
    let (code, said) = check(&["net.onnx"]);
    assert!(code == Some(1) && said.starts_with("g/a_name.weights.bin: edited by hand"), "{said}");
    std::fs::copy(&path, folder.path().join("g/again.rs")).unwrap();
    assert_eq!(check(&["net.onnx"]).0, Some(2), "two modules of one model");
}

/// The model's own file is the same; the file with its weights is not.
#[test]
fn weights_in_another_file_are_a_part_of_the_model() {
    let folder = folder();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/external");
    for part in ["a", "b"] {
        std::fs::create_dir(folder.path().join(part)).unwrap();
        std::fs::copy(data.join("net.onnx"), folder.path().join(part).join("net.onnx")).unwrap();
        std::fs::copy(data.join("model.onnx.data"), folder.path().join(part).join("model.onnx.data")).unwrap();
    }
    let mut weights = std::fs::read(data.join("model.onnx.data")).unwrap();
    weights[0] ^= 1;
    std::fs::write(folder.path().join("b/model.onnx.data"), &weights).unwrap();
    assert_eq!(compile(folder.path(), &["a/net.onnx", "--allow-external"]).0, Some(0));
    assert_eq!(compile(folder.path(), &["a/net.onnx", "--check"]).0, Some(0), "leave is in the head");
    let (code, said) = compile(folder.path(), &["b/net.onnx", "--allow-external"]);
    assert_eq!(code, Some(2), "{said}");
    std::fs::write(folder.path().join("a/model.onnx.data"), &weights).unwrap();
    let (code, said) = compile(folder.path(), &["a/net.onnx", "--check"]);
    assert!(code == Some(1) && said.contains("another model: the files in which it keeps weights have changed"), "{said}");
    assert_eq!(compile(folder.path(), &["a/net.onnx", "--allow-external"]).0, Some(0), "trained again");
}
