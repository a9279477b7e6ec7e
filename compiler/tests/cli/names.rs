//! Names of a model do not steer the terminal that shows them.

use super::{folder, models, peleec, text};

/// The stored network with such a name in the place of another of ten bytes, without its data.
fn hostile(folder: &std::path::Path) {
    let mut bytes = std::fs::read(models().join("peleenet-folded-13/model.onnx")).expect("a stored network");
    for (from, to) in [("/body/stem", "/b\u{1b}]\u{202e}\n\u{9b}"), ("logits", "l\nx:\u{9b}")] {
        assert_eq!(from.len(), to.len());
        for at in 0..bytes.len() - from.len() {
            if &bytes[at..at + from.len()] == from.as_bytes() {
                bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
            }
        }
    }
    std::fs::write(folder.join("net.onnx"), bytes).expect("a file is written");
}

#[test]
fn names_reach_the_terminal_clean() {
    let folder = folder();
    hostile(folder.path());
    std::fs::copy(models().join("peleenet-folded-13/model.onnx"), folder.path().join("tame.onnx")).unwrap();
    let commands: [&[&str]; 8] = [
        &["inspect"],
        &["plan", "--ram-budget", "min"],
        &["verify", "--in-process"],
        &["check", "-v"],
        &["compile", "-v", "-o"],
        &["compile", "--dump-after", "eliminate_dead_code", "-o"],
        &["plan", "--ram-budget", "10"],
        &["plan", "--input", "rows", "--outputs", "caller", "-v"],
    ];
    for command in commands {
        for format in ["human", "json"] {
            let run = |model| {
                let out = (command.last() == Some(&"-o")).then_some(if model == "net.onnx" { "out" } else { "tut" });
                let arguments = [command, out.as_slice(), &[model, "--name", "net", "--format", format]].concat();
                let output = peleec(folder.path(), &arguments);
                text(&output.stdout) + &text(&output.stderr)
            };
            let (said, tame) = (run("net.onnx"), run("tame.onnx"));
            let raw: Vec<char> = said.chars().filter(|&c| c != '\n' && c.is_control() || "\u{202e}\u{9b}".contains(c)).collect();
            assert!(raw.is_empty(), "{command:?} {format} {raw:?}\n{said}");
            assert!(said.contains("\\u") || ["check", "compile"].contains(&command[0]), "{command:?} {format}\n{said}");
            assert_eq!(said.lines().count(), tame.lines().count(), "{command:?} {format}\n{said}\n{tame}");
        }
    }
}

#[test]
fn names_in_errors_stay_in_their_line() {
    let folder = folder();
    let output = peleec(folder.path(), &["check", "a\u{1b}[2J\nerror: b"]);
    assert_eq!((output.status.code(), text(&output.stderr).lines().count()), (Some(3), 1), "{}", text(&output.stderr));
    hostile(folder.path());
    std::fs::create_dir_all(folder.path().join("data")).unwrap();
    let input = models().join("peleenet-folded-13/test_data_set_0/output_0.pb");
    std::fs::copy(input, folder.path().join("data/output_0.pb")).unwrap();
    let output = peleec(folder.path(), &["verify", "--in-process", "net.onnx", "data"]);
    assert_eq!((output.status.code(), text(&output.stderr).lines().count()), (Some(3), 1), "{}", text(&output.stderr));
}

/// A path that is no text is shown as well as it can be, in JSON too; what is written under a name is written under that one, or not at all.
#[cfg(unix)]
#[test]
fn paths_that_are_no_text() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::process::Command;

    let folder = folder();
    let odd = OsStr::from_bytes(b"a\xffb");
    let run = |arguments: &[&OsStr]| {
        let output = Command::new(env!("CARGO_BIN_EXE_peleec")).args(arguments).current_dir(folder.path()).output().expect("it starts");
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    let zoo = |path: &std::path::Path| {
        let fixed = ["zoo", "mcunet-vww-80", "--format", "json", "-o"].map(OsStr::new);
        run(&[&fixed[..], &[path.as_os_str()]].concat())
    };
    let (code, said) = zoo(odd.as_ref());
    assert_eq!(code, Some(2), "{said}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("it is there").count(), 0);
    let (code, said) = zoo(&std::path::Path::new(odd).join("net.onnx"));
    assert!(code == Some(0) && said.contains("a\u{fffd}b/net.onnx"), "{said}");
}
