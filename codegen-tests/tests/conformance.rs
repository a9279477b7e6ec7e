//! The ONNX backend tests of single operators as users get them: their modules, all in one program, built and run on this computer and for
//! aarch64. The outputs are those that the suite stores, and the very bits of a run in this process.
//!
//! The projects stay in the target folder, so that a module that has not changed does not have to be written again, and nothing is built
//! where none has. A lane whose platform or emulator is not installed says so on stderr, in a line that begins with `SKIPPED LANE`, and is
//! left out; with `CI=true` it fails.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use codegen_tests::compare::{Closeness, compare};
use codegen_tests::suite::{CLOSENESS, is_as_stored, reason, wanted};
use codegen_tests::{lanes, vectors};
use models::StoredModel;
use peleec::harness::{self, HarnessError, OptLevel, Project};
use peleec::{File, ModelFile, Options, Target, Tensor, compile, files};

const LIMIT: Duration = Duration::from_secs(300);

/// The outputs of one run of a case.
struct Run {
    /// Its folder, below that in which the program runs.
    folder: String,
    /// As this process computes them.
    here: Vec<Tensor>,
    /// As the suite has them; none where they are not to be peleec's.
    stored: Option<Vec<Tensor>>,
}

#[test]
fn on_this_computer() {
    check(Target::Generic);
}

#[test]
fn on_aarch64() {
    check(Target::Aarch64);
}

fn check(target: Target) {
    match faults(target) {
        Err(error) if error.is_missing() => lanes::skip(format_args!("the ONNX suite on {target}"), error),
        faults => {
            let faults = faults.map_err(|error| format!("{target}: {error}")).expect("the cases are built and run");
            assert!(faults.is_empty(), "{} cases fail on {target}:\n{}", faults.len(), faults.join("\n"));
        }
    }
}

/// What differs on the target's machine.
fn faults(target: Target) -> Result<Vec<String>, HarnessError> {
    let machine = harness::machine(target)?;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance").join(target.name());
    // An output that an earlier program has left is not to be taken for one of this.
    _ = std::fs::remove_dir_all(folder.join("run"));
    let cases: Vec<StoredModel> = models::operator_cases().into_iter().filter(|case| reason(case).is_none()).collect();
    let runs: Vec<Vec<Run>> = cases.iter().map(|case| write_case(case, target, &folder)).collect();
    let file = |name: &str, text: &str| File { name: format!("src/{name}"), bytes: text.as_bytes().to_vec() };
    let sources = vec![file("main.rs", include_str!("../conformance/main.rs")), file("cases.rs", &list(&cases, &runs))];
    // Level 0 takes the least time of all, and has the checks that a user's first build has.
    let project = Project::write_program("conformance", sources, &machine, OptLevel::Dev, &folder)?;
    let (program, _) = harness::build(&project)?;
    assert_eq!(harness::warnings(&project), "", "rustc has nothing to say of a generated module");
    harness::print(&project, &program, LIMIT)?;
    Ok(runs.iter().flatten().filter_map(|run| compared(run, &folder.join("run")).err()).collect())
}

/// Writes the module of a case, and its inputs for the program.
fn write_case(case: &StoredModel, target: Target, folder: &Path) -> Vec<Run> {
    let named = |fault: String| format!("{}: {fault}", case.name);
    let file = ModelFile::read(&case.path).expect("a stored model is there");
    let options = Options { target, ..Options::default() };
    let compilation = compile(&file, &options).map_err(|error| named(error.to_string())).expect("a case compiles");
    let module = compilation.files().map_err(|error| named(error.to_string())).expect("a module is made").into_iter();
    let mut all: Vec<File> = module.map(|file| File { name: format!("src/{}/{}", case.name, file.name), ..file }).collect();
    let mut runs = Vec::new();
    for (set, (inputs, outputs)) in case.data_sets.iter().map(vectors::read).enumerate() {
        let at = format!("{}/{set}", case.name);
        let input =
            |(index, tensor): (usize, &Tensor)| File { name: format!("run/{at}/input_{index}.bin"), bytes: tensor.as_bytes().to_vec() };
        all.extend(inputs.iter().enumerate().map(input));
        std::fs::create_dir_all(folder.join("run").join(&at)).expect("a folder is made");
        let here = compilation.execute(&inputs).map_err(|error| named(error.to_string())).expect("the plan runs");
        runs.push(Run { folder: at, here, stored: is_as_stored(case).then(|| wanted(case, outputs)) });
    }
    files::write(folder, &all).expect("the files of a case are written");
    runs
}

/// The modules of all cases, and a function that runs them, over memory in which every float is not a number.
fn list(cases: &[StoredModel], runs: &[Vec<Run>]) -> String {
    let mut text = "//! The cases.\n".to_owned();
    let mut calls = String::new();
    for (index, (case, runs)) in cases.iter().zip(runs).enumerate() {
        _ = write!(text, "\n#[path = \"{}/model.rs\"]\nmod case_{index};\n", case.name);
        for (set, run) in runs.iter().enumerate() {
            _ = write!(
                text,
                "fn run_{index}_{set}() {{\n    \
                 let mut arena = peleec_runtime::Arena::<{{ case_{index}::ARENA_BYTES }}>::new();\n    \
                 arena.fill(0xff);\n    \
                 crate::run(case_{index}::Model::over(&mut arena), \"{}\");\n}}\n",
                run.folder
            );
            _ = writeln!(calls, "    run_{index}_{set}();");
        }
    }
    text + &format!("\npub(crate) fn run() {{\n{calls}}}\n")
}

/// Whether the program's outputs are what they should be.
fn compared(run: &Run, folder: &Path) -> Result<(), String> {
    let named = |fault: String| format!("{}: {fault}", run.folder);
    let folder = folder.join(&run.folder);
    let read = |(index, here): (usize, &Tensor)| read(&folder.join(format!("output_{index}.bin")), here);
    let found = run.here.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>().map_err(named)?;
    if let Some(stored) = &run.stored {
        compare(&found, stored, CLOSENESS).map_err(named)?;
    }
    compare(&found, &run.here, Closeness::Bits).map_err(|fault| named(format!("in this process: {fault}")))
}

/// An output of the type of `like`.
fn read(path: &Path, like: &Tensor) -> Result<Tensor, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Tensor::from_le_bytes(&like.ty(), &bytes).ok_or_else(|| format!("{} has {} bytes", path.display(), bytes.len()))
}
