//! Every help line is followed on the case that prints it, and helps: flags are given, graphs are cut, operators are replaced.

use codegen_tests::cases::errors;
use codegen_tests::cases::onnx::Onnx;
use onnx_protobuf::ModelProto;
use peleec::{Diagnostic, Error, ModelFile, Options, compile};
use protobuf::Message;

fn compiled(bytes: Vec<u8>, options: &Options) -> Result<(), Vec<Diagnostic>> {
    let problems = match compile(&ModelFile::from_bytes("case", bytes), options) {
        Ok(_) => return Ok(()),
        Err(Error::Model(problems)) => Ok(problems.0),
        Err(error) => Err(error),
    };
    Err(problems.expect("nothing but the model is at fault"))
}

fn case(name: &str) -> Vec<u8> {
    let case = errors::CASES.iter().find(|(case, _)| case.name == name).expect("the case is there");
    (case.0.build)()
}

/// The help lines that a model gets.
fn advice(bytes: &[u8]) -> Vec<String> {
    compiled(bytes.to_vec(), &Options::default())
        .expect_err("the model is refused")
        .into_iter()
        .filter_map(|diagnostic| diagnostic.help)
        .collect()
}

fn words(line: &str) -> Vec<String> {
    let script = format!("printf '%s\\0' {line}");
    let output = std::process::Command::new("sh").args(["-c", &script]).output().expect("there is a shell");
    String::from_utf8(output.stdout).expect("text").split_terminator('\0').map(str::to_owned).collect()
}

/// Sets what a help line of flags says, typed in a shell, with a number for N.
fn follow_flags(help: &str, options: &mut Options) {
    let mut words = words(help).into_iter();
    while let Some(word) = words.next() {
        let flag = word.strip_prefix("--").expect("a flag");
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name.to_owned(), value.to_owned()),
            None => (flag.to_owned(), words.next().expect("a value")),
        };
        options.set(&name, &value.replace("=N", "=6")).expect("the flag is taken");
    }
}

#[test]
fn flags_for_sizes_can_be_typed_as_they_stand() {
    for name in ["dimensions_with_odd_names", "symbolic_sizes"] {
        let bytes = case(name);
        let mut options = Options::default();
        let flags: Vec<_> = advice(&bytes).into_iter().filter(|help| !help.contains("another size")).collect();
        assert!(!flags.is_empty(), "{name}");
        flags.iter().for_each(|help| follow_flags(help, &mut options));
        let left = compiled(bytes, &options).err().unwrap_or_default();
        assert!(left.iter().all(|diagnostic| diagnostic.code != "PL0204"), "{name}: {left:?}");
    }
}

#[test]
fn graphs_are_cut_where_the_flag_says() {
    let mut cut = 0;
    for (case, _) in errors::CASES {
        let bytes = (case.build)();
        for help in advice(&bytes) {
            let Some((_, flags)) = help.split_once("cut the graph before it: ") else { continue };
            let mut options = Options::default();
            follow_flags(flags, &mut options);
            assert_eq!(compiled(bytes.clone(), &options), Ok(()), "{}: {help}", case.name);
            cut += 1;
        }
    }
    assert!(cut >= 2, "{cut}");
}

/// What stands between the first two backticks.
fn in_backticks(help: &str) -> &str {
    help.split('`').nth(1).expect("something between backticks")
}

#[test]
fn a_network_ends_before_its_post_processing() {
    for operator in ["GatherND", "RoiAlign"] {
        let mut onnx = Onnx::new(17);
        let x = onnx.input("x", &[1, 4, 6, 6]);
        let (loc, scores) = (onnx.op("Relu", "loc", &[&x], &[]), onnx.op("Sigmoid", "the scores", &[&x], &[]));
        let kept = onnx.op(operator, "kept", &[&loc, &scores], &[]);
        onnx.output(&kept);
        let bytes = onnx.bytes();
        let help = advice(&bytes);
        let flag = in_backticks(&help[0]);
        let mut options = Options::default();
        for name in ["'the scores'", "loc"] {
            follow_flags(&flag.replace("NAME", name), &mut options);
        }
        let compilation = compile(&ModelFile::from_bytes("case", bytes), &options).expect("the rest compiles");
        let report = compilation.report();
        let outputs: Vec<_> = report.outputs.iter().map(|output| output.name.as_str()).collect();
        assert_eq!(outputs, ["the scores", "loc"], "{operator}");
    }
}

#[test]
fn an_input_without_a_shape_gets_the_one_of_the_flag() {
    let mut onnx = Onnx::new(17);
    let x = onnx.input("the x", &[1, 4, 6, 6]);
    let y = onnx.op("Relu", "relu", &[&x], &[]);
    onnx.output(&y);
    let mut model = ModelProto::parse_from_bytes(&onnx.bytes()).expect("it was just written");
    let input = model.graph.mut_or_insert_default().input.first_mut().expect("it is there");
    input.type_.mut_or_insert_default().mut_tensor_type().shape = protobuf::MessageField::none();
    let bytes = model.write_to_bytes().expect("it encodes");
    let help = advice(&bytes);
    assert_eq!(help, ["--input-shape='the x=1,3,304,304'"]);
    let mut options = Options::default();
    follow_flags(&help[0], &mut options);
    compiled(bytes, &options).unwrap();
}

#[test]
fn a_variance_of_zero_is_taken() {
    let bytes = case("a_variance_below_zero");
    assert!(advice(&bytes)[0].starts_with("set such variances to 0"));
    let mut model = ModelProto::parse_from_bytes(&bytes).expect("it was just written");
    let variance = model.graph.mut_or_insert_default().initializer.iter_mut().find(|tensor| tensor.name == "variance");
    variance.expect("it is there").raw_data[8..12].fill(0);
    compiled(model.write_to_bytes().expect("it encodes"), &Options::default()).unwrap();
}

#[test]
fn a_shape_that_is_stored_is_taken() {
    let reshape = |stored: bool| {
        let mut onnx = Onnx::new(17);
        let x = onnx.input("x", &[2, 3]);
        let shape = if stored { onnx.ints("shape", &[3, 2]) } else { onnx.input("shape", &[2]) };
        let y = onnx.op("Reshape", "y", &[&x, &shape], &[]);
        onnx.output(&y);
        onnx.bytes()
    };
    let help = advice(&reshape(false));
    assert!(help[0].starts_with("store `shape` as an initializer"), "{help:?}");
    compiled(reshape(true), &Options::default()).unwrap();
}

#[test]
fn the_operator_set_to_export_with_is_taken() {
    let help = advice(&case("an_unknown_operator_set"));
    assert_eq!(help, ["re-export with opset_version=17"]);
    let mut onnx = Onnx::new(17);
    let x = onnx.input("x", &[1, 4, 6, 6]);
    let y = onnx.op("Relu", "relu", &[&x], &[]);
    onnx.output(&y);
    compiled(onnx.bytes(), &Options::default()).unwrap();
}

/// A model of one stored value, the file of which is named in it.
fn external(name: &str) -> Vec<u8> {
    let mut onnx = Onnx::new(17);
    let x = onnx.input("x", &[1]);
    let w = onnx.initializer("w", &[1], 1, Vec::new());
    let y = onnx.op("Add", "y", &[&x, &w], &[]);
    onnx.output(&y);
    let mut model = ModelProto::parse_from_bytes(&onnx.bytes()).expect("it was just written");
    let tensor = &mut model.graph.mut_or_insert_default().initializer[0];
    tensor.data_location = onnx_protobuf::tensor_proto::DataLocation::EXTERNAL.into();
    tensor.external_data =
        vec![onnx_protobuf::StringStringEntryProto { key: "location".to_owned(), value: name.to_owned(), ..Default::default() }];
    model.write_to_bytes().expect("it encodes")
}

#[cfg(unix)]
#[test]
fn leave_is_given_and_links_are_copied() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(path("CACHE")).unwrap();
    std::fs::create_dir_all(path("FOLDER")).unwrap();
    std::fs::create_dir_all(path("blobs")).unwrap();
    std::fs::write(path("blobs/1"), 1f32.to_le_bytes()).unwrap();
    std::fs::write(path("blobs/2"), external("w.bin")).unwrap();
    std::os::unix::fs::symlink(path("blobs/1"), path("CACHE/w.bin")).unwrap();
    std::os::unix::fs::symlink(path("blobs/2"), path("CACHE/model.onnx")).unwrap();
    let model = |folder: &str| ModelFile::read(&path(folder).join("model.onnx")).unwrap();
    let help = |options: &Options, folder: &str| match compile(&model(folder), options) {
        Err(Error::Model(problems)) => problems.0[0].help.clone().expect("a way out"),
        Err(error) => panic!("{error}"),
        Ok(_) => "compiles".to_owned(),
    };
    let mut options = Options::default();
    let leave = help(&options, "CACHE");
    options.set(leave.split([',', ' ']).next().unwrap().trim_start_matches("--"), "").expect("the flag is taken");
    let copy = help(&options, "CACHE");
    let command = copy.split_once(": ").expect("a command").1;
    assert!(std::process::Command::new("sh").args(["-c", command]).current_dir(folder.path()).status().unwrap().success());
    assert_eq!(help(&options, "FOLDER"), "compiles");
}

#[test]
fn no_help_speaks_of_tools_that_cannot_help() {
    for (case, _) in errors::CASES {
        for help in advice(&(case.build)()) {
            assert!(!help.contains("onnxsim"), "{}: {help}", case.name);
        }
    }
}
