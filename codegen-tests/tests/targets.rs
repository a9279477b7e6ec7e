//! Generated modules built and run on every machine: the stored answers, and one checksum a model everywhere.
//!
//! A lane whose platform or emulator is not installed says so on stderr, in a line that begins with `SKIPPED LANE`, and is left out; with
//! `CI=true` it fails.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use codegen_tests::cases::{blocks, operators};
use codegen_tests::compare::{Closeness, compare, inputs};
use codegen_tests::lanes;
use codegen_tests::vectors;
use models::StoredModel;
use peleec::harness::{self, HarnessError, Machine, OptLevel, Project};
use peleec::zoo::{ZooOptions, seeded_input};
use peleec::{
    Compilation, InputForm, IoForm, ModelFile, NumericClass, Options, Placement, RamBudget, Target, Tensor, TensorType, compile, import,
    observe, read_tensor,
};

/// Against other engines.
const ENGINES: Closeness = Closeness::Within { relative: 2e-4, absolute: 2e-4 };
const LIMIT: Duration = Duration::from_secs(300);
const BOARDS: [Target; 6] =
    [Target::CortexM0Plus, Target::CortexM3, Target::CortexM4F, Target::CortexM7, Target::CortexM33, Target::CortexM55];
/// A Cortex-M7 has the modules of a Cortex-M4F. Its machine code is another: rustc has instructions for its floats, such as `vsel`, that it
/// has for a Cortex-M33, too, and not for a Cortex-M4F. What is built at every level is built for these two.
const OWN_MODULES: [Target; 5] = [Target::CortexM0Plus, Target::CortexM3, Target::CortexM4F, Target::CortexM33, Target::CortexM55];

fn stored(name: &str) -> StoredModel {
    models::networks().into_iter().find(|model| model.name == name).expect("a stored network")
}

/// Who builds and runs for a target.
static BUSY: [Mutex<()>; Target::ALL.len()] = [const { Mutex::new(()) }; Target::ALL.len()];

/// Where projects lie: this process has the folder to itself, without what an earlier one has left in it.
static PROJECTS: LazyLock<(PathBuf, File)> = LazyLock::new(|| {
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let lock = File::create(temporary.join("targets.lock")).expect("a file is made");
    lock.lock().expect("the other process ends");
    let folder = temporary.join("targets");
    remove(&folder);
    (folder, lock)
});

fn remove(folder: &Path) {
    if folder.exists() {
        fs::remove_dir_all(folder).expect("what an earlier run has left goes");
    }
}

/// Gives a folder in which projects of a target and a level are built one after the other, so that they share the runtime, which is built
/// once.
fn in_folder<T>(target: Target, level: OptLevel, work: impl FnOnce(&Path) -> T) -> T {
    let index = Target::ALL.iter().position(|&listed| listed == target).expect("every target is listed");
    let _alone = BUSY[index].lock().unwrap_or_else(PoisonError::into_inner);
    let folder = PROJECTS.0.join(format!("{target}-{}", level.name()));
    fs::create_dir_all(&folder).expect("a folder is made");
    work(&folder)
}

/// The outputs and their checksum, as the target's machine computes them; none where this computer lacks what that takes.
fn run(compilation: &Compilation, target: Target, level: OptLevel, inputs: &[Tensor]) -> Option<(Vec<Tensor>, u32)> {
    let result = in_folder(target, level, |folder| built_and_run(compilation, target, level, inputs, folder));
    match result {
        Err(error) if error.is_missing() => {
            lanes::skip(target, error);
            None
        }
        result => Some(result.map_err(|error| format!("{target} at {level:?}: {error}")).expect("the module builds and runs")),
    }
}

fn built_and_run(
    compilation: &Compilation,
    target: Target,
    level: OptLevel,
    inputs: &[Tensor],
    folder: &Path,
) -> Result<(Vec<Tensor>, u32), HarnessError> {
    // An output that an earlier program has left is not to be taken for one of this.
    remove(&folder.join("run"));
    let machine = harness::machine(target)?;
    let project = Project::write(compilation, &machine, level, folder)?;
    let (program, figures) = harness::build(&project)?;
    if let Some(figures) = figures {
        let report = compilation.report();
        assert_eq!(figures.model, report.model_bytes() as u64, "the image's model is what the plan says");
    }
    let run = harness::run(&project, &program, inputs, LIMIT)?;
    Ok((run.outputs, run.checksum))
}

/// What [`OWN_MODULES`] leaves out.
#[test]
fn a_cortex_m7_has_the_modules_of_a_cortex_m4f() {
    let kernels = ModelFile::from_bytes(blocks::KERNELS.name, (blocks::KERNELS.build)());
    let quantised = models::quantized().into_iter().find(|model| model.name == "peleenet-tiny-64-qdq-u8s8").expect("a stored network");
    let files = ["peleenet-folded-13", "pelee-dynamo-18"].map(|name| stored(name).path).into_iter().chain([quantised.path]);
    let files = files.map(|path| ModelFile::read(&path).expect("a stored model is there")).chain([kernels]);
    let least = Options { ram_budget: RamBudget::Least, outputs: Placement::Caller, pin_weights: 4 << 10, ..Options::default() };
    for file in files {
        for &numeric in Target::CortexM4F.classes() {
            for options in [&Options::default(), &least] {
                let module = |target: Target| {
                    let options = Options { target, numeric: Some(numeric), ..options.clone() };
                    let files = compile(&file, &options).and_then(|compilation| compilation.files()).expect("it compiles");
                    let files = files.into_iter().filter(|file| !file.name.ends_with(".json"));
                    let named = files.map(|file| match String::from_utf8(file.bytes) {
                        Ok(text) => (file.name, text.replace(&target.to_string(), "CORE").into_bytes()),
                        Err(error) => (file.name, error.into_bytes()),
                    });
                    named.collect::<Vec<_>>()
                };
                let [one, other] = [Target::CortexM4F, Target::CortexM7].map(module);
                assert_eq!(one.len(), 2, "a source and its weights");
                assert!(one == other, "{} differs, {numeric:?}", one[0].0);
            }
        }
    }
}

/// Runs the model on the target's machine, in its own class: the stored outputs, and the very bits of a run in this process.
fn check(model: &StoredModel, target: Target, level: OptLevel) {
    check_class(model, target, None, level);
}

fn check_class(model: &StoredModel, target: Target, numeric: Option<NumericClass>, level: OptLevel) {
    check_with(model, &Options { target, numeric, ..Options::default() }, level);
}

/// As `check`, in the least memory: row by row, with the outputs in the caller's arrays, and with copies of some weights.
fn check_least(model: &StoredModel, target: Target, input: InputForm) {
    let (ram_budget, outputs, pin_weights) = (RamBudget::Least, Placement::Caller, 4 << 10);
    let options = Options { target, ram_budget, outputs, input, pin_weights, ..Options::default() };
    check_with(model, &options, OptLevel::Three);
}

fn check_with(model: &StoredModel, options: &Options, level: OptLevel) {
    let file = ModelFile::read(&model.path).expect("a stored model is there");
    let compilation = compile(&file, options).expect("a stored network compiles");
    let target = options.target;
    let (inputs, expected) = vectors::read(&model.data_sets[0]);
    let here = compilation.execute(&inputs).expect("a plan runs");
    let Some((outputs, checksum)) = run(&compilation, target, level, &inputs) else { return };
    assert_eq!(compare(&outputs, &expected, ENGINES), Ok(()), "{} on {target}", model.name);
    assert_eq!(compare(&outputs, &here, Closeness::Bits), Ok(()), "{} on {target}", model.name);
    assert_eq!(checksum, harness::checksum(&here), "{} on {target}", model.name);
}

#[test]
fn every_flavour_runs_on_this_computer() {
    for model in models::networks() {
        check(&model, Target::Generic, OptLevel::Three);
    }
}

/// Kernels that read and write one host, and one block of each kind, as built modules.
#[test]
fn cases_in_code_run_as_they_are_planned() {
    let case = |name: &str| operators::CASES.iter().find(|case| case.name == name).expect("the case is there");
    let shares = case("a_concat_with_its_own_conv_shares_one_host");
    let channels_last = case("conv_of_a_picture_with_channels_last_copies_nothing");
    for (case, input) in
        [(shares, InputForm::Whole), (channels_last, InputForm::Whole), (channels_last, InputForm::Rows), (&blocks::MINI, InputForm::Whole)]
    {
        let options = Options { input, ..Options::default() };
        let compilation = compile(&ModelFile::from_bytes(case.name, (case.build)()), &options).expect("a case compiles");
        let inputs = inputs(&compilation.inputs());
        let here = compilation.execute(&inputs).expect("a plan runs");
        let Some((outputs, _)) = run(&compilation, Target::Generic, OptLevel::Three, &inputs) else { return };
        assert_eq!(compare(&outputs, &here, Closeness::Bits), Ok(()), "{}", case.name);
    }
}

/// Kernels that networks of the family have not, without a panic where code is to be small, and on a core without an FPU.
#[test]
fn other_kernels_run_on_the_smallest_core() {
    let names = [
        "functions_of_functions",
        "functions_of_a_map",
        "powers_of_small_whole_numbers_are_products",
        "remainder_of_floats",
        "choice_behind_comparisons_and_logic",
        "slices_in_steps_and_from_the_end",
        "cumulative_sum_from_the_end",
        "a_linear_resize_to_a_size",
        "conv_transpose_between_convs",
        "lrn_across_channels",
        "layer_normalization",
        "group_normalization_behind_a_conv",
        "log_sum_exp_over_rows",
        "log_softmax_over_classes",
        "prelu_with_a_slope_a_channel",
        "arg_max_over_the_channels_as_floats",
        "top_k_of_each_row",
        "non_max_suppression_of_two_classes",
        "depthwise_conv_between_bytes",
        "a_difference_of_bytes_in_integers_alone",
    ];
    for name in names {
        let case = operators::CASES.iter().find(|case| case.name == name).expect("the case is there");
        let file = ModelFile::from_bytes(case.name, (case.build)());
        check_kernels(&file, &Options { target: Target::CortexM0Plus, ..Options::default() }, OptLevel::Z);
    }
}

/// The images link with an undefined symbol in the panic handler, so that a detector that could panic would not.
#[test]
fn a_detector_is_linked_without_a_panic() {
    let zoo = ZooOptions { width: 0.25, input_size: Some(64), classes: Some(4), seed: 1 };
    let model = ModelFile::zoo("pelee-304", &zoo).expect("the zoo has it");
    for (target, level) in [(Target::CortexM0Plus, OptLevel::S), (Target::CortexM4F, OptLevel::Three), (Target::CortexM55, OptLevel::Two)] {
        let options = Options { target, detect: Some("".into()), ..Options::default() };
        let compilation = compile(&model, &options).expect("it compiles");
        let inputs = inputs(&compilation.inputs());
        let here = compilation.execute(&inputs).expect("a plan runs");
        let Some((outputs, _)) = run(&compilation, target, level, &inputs) else { continue };
        assert_eq!(compare(&outputs, &here, Closeness::Bits), Ok(()), "{target}");
    }
}

/// Nor would one that makes scores of logits, of floats and of bytes.
#[test]
fn a_detector_of_logits_is_linked_without_a_panic() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let text = fs::read_to_string(models.join("detector-small/model.toml")).expect("a stored description");
    let model = ModelFile::read(&models.join("quantized/detector-small-qdq-u8s8/model.onnx")).expect("a stored model");
    // What is dequantised in front of the softmax.
    let logits = "1454";
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cases = [
        (Target::CortexM0Plus, OptLevel::Z, IoForm::Int8, "softmax"),
        (Target::CortexM4F, OptLevel::Z, IoForm::Graph, "softmax"),
        (Target::CortexM33, OptLevel::S, IoForm::Int8, "sigmoid"),
        (Target::CortexM55, OptLevel::Two, IoForm::Graph, "sigmoid"),
    ];
    for (target, level, io, activation) in cases {
        let description = folder.path().join(format!("{target}.toml"));
        let output = format!("scores = \"{logits}\"\nactivation = \"{activation}\"");
        fs::write(&description, text.replace("scores = \"conf\"", &output)).expect("it is written");
        let output_names = vec!["loc".to_owned(), logits.to_owned()];
        let options = Options { target, io, output_names, detect: Some(description), ..Options::default() };
        let compilation = compile(&model, &options).expect("it compiles");
        let inputs = inputs(&compilation.inputs());
        let here = compilation.execute(&inputs).expect("a plan runs");
        let Some((outputs, _)) = run(&compilation, target, level, &inputs) else { continue };
        assert_eq!(compare(&outputs, &here, Closeness::Bits), Ok(()), "{target}");
    }
}

/// Bytes, integers and truth as inputs and outputs: naively, in this process, and on machines of every size of word.
#[test]
fn inputs_and_outputs_of_every_type() {
    for model in models::typed() {
        let file = ModelFile::read(&model.path).expect("a stored model is there");
        let graph = import(&file, &Options::default()).expect("it is imported").graph;
        let (inputs, expected) = vectors::read(&model.data_sets[0]);
        assert_eq!(compare(&graph.evaluate(&inputs).expect("it is known"), &expected, ENGINES), Ok(()), "{} naively", model.name);
        for target in [Target::Generic, Target::Aarch64, Target::CortexM0Plus, Target::CortexM55] {
            check(&model, target, OptLevel::Three);
        }
        check_least(&model, Target::Generic, InputForm::Whole);
    }
    for name in ["picture-cast-transpose", "picture-transpose-cast"] {
        let model = models::typed().into_iter().find(|model| model.name == name).expect("it is stored");
        check_least(&model, Target::Generic, InputForm::Rows);
    }
}

/// Sums of bytes are exact and become bytes by one rule, so every machine gives onnxruntime's very numbers, where that adds exactly, too.
#[test]
fn quantised_networks_give_the_same_bits_on_every_machine() {
    let stored = |name: &str| models::quantized().into_iter().find(|model| model.name == name).expect("a stored network");
    let model = stored("peleenet-tiny-64-qdq-u8s8");
    let vectors = [Target::X86_64V3, Target::X86_64V4, Target::X86_64V4Vnni, Target::Aarch64, Target::Aarch64Dotprod];
    for target in BOARDS.into_iter().chain([Target::Generic]).chain(vectors) {
        check(&model, target, OptLevel::Three);
    }
    for target in [Target::CortexM0Plus, Target::CortexM4F, Target::CortexM55] {
        check(&stored("peleenet-tiny-64-qop-s8s8"), target, OptLevel::Z);
    }
    check(&stored("pelee-tiny-160-qop-s8s8"), Target::CortexM33, OptLevel::Two);
    check_least(&stored("pelee-tiny-160-qop-s8s8"), Target::Generic, InputForm::Whole);
    check_least(&model, Target::CortexM0Plus, InputForm::Rows);
}

/// Bytes go in and come out, in the least memory: layers by rows, and convolutions that read two maps.
#[test]
fn quantised_networks_with_bytes_at_the_border_give_the_same_bits() {
    let model = models::quantized().into_iter().find(|model| model.name == "pelee-tiny-160-qop-s8s8").expect("a stored network");
    let file = ModelFile::read(&model.path).expect("a stored model is there");
    for target in [Target::CortexM0Plus, Target::CortexM4F, Target::CortexM55, Target::Aarch64Dotprod, Target::X86_64V4Vnni] {
        let options = Options { target, io: IoForm::Int8, ram_budget: RamBudget::Least, ..Options::default() };
        check_kernels(&file, &options, OptLevel::Three);
    }
}

/// A network that peleec itself quantised, by the values that it takes on one input.
#[test]
fn networks_that_are_quantised_here_give_the_same_bits() {
    let file = ModelFile::read(&stored("peleenet-tiny-64").path).expect("a stored network");
    let observer = observe(&file, &Options::default()).expect("it is observed");
    let example = inputs(&compile(&file, &Options::default()).expect("it compiles").inputs());
    let calibration = observer.calibration(vec![observer.ranges(&example).expect("it runs")]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("calibration.json");
    fs::write(&path, calibration.text().expect("text")).expect("the file is written");
    for target in [Target::CortexM4F, Target::CortexM55, Target::Aarch64Dotprod] {
        check_kernels(&file, &Options { target, quant: Some(path.clone()), ..Options::default() }, OptLevel::Three);
    }
    // By rows, where windows of a pool lie in rings.
    for target in [Target::CortexM0Plus, Target::CortexM55] {
        let options = Options { target, quant: Some(path.clone()), ram_budget: RamBudget::Least, ..Options::default() };
        check_kernels(&file, &options, OptLevel::Z);
    }
}

#[test]
fn wide_vectors_give_the_same_bits() {
    for target in [Target::X86_64V3, Target::X86_64V4] {
        for numeric in NumericClass::ALL {
            check_class(&stored("pelee-folded-17"), target, Some(numeric), OptLevel::Three);
        }
    }
}

#[test]
fn every_flavour_runs_on_aarch64() {
    for model in models::networks() {
        check(&model, Target::Aarch64, OptLevel::Three);
    }
    check_class(&stored("pelee-folded-17"), Target::Aarch64, Some(NumericClass::Plain), OptLevel::Three);
}

#[test]
fn small_networks_run_on_every_board() {
    for target in BOARDS {
        check(&stored("pelee-dynamo-18"), target, OptLevel::Three);
    }
    for target in OWN_MODULES {
        for &numeric in target.classes() {
            check_class(&stored("peleenet-folded-13"), target, Some(numeric), OptLevel::Three);
        }
        check_least(&stored("pelee-dynamo-18"), target, InputForm::Rows);
    }
}

/// Other families: depthwise convolutions, groups and a shuffle, a resize beside a concat, transposed convolutions.
#[test]
fn networks_of_the_field_run_on_a_board_and_on_aarch64() {
    for name in ["ds-cnn-17", "shufflenet-v1-13", "tiny-yolov3-18", "unet-20"] {
        let model = models::field_networks().into_iter().find(|model| model.name == name).expect("a stored network");
        for target in [Target::CortexM4F, Target::Aarch64] {
            check(&model, target, OptLevel::Three);
        }
        check_least(&model, Target::CortexM4F, InputForm::Rows);
    }
}

#[test]
fn the_least_memory_gives_the_same_bits_here_and_on_aarch64() {
    for target in [Target::Generic, Target::X86_64V4, Target::Aarch64] {
        check_least(&stored("pelee-tiny-160"), target, InputForm::Whole);
        check_least(&stored("peleenet-tiny-64"), target, InputForm::Rows);
    }
}

#[test]
fn no_panic_path_is_left_at_any_level() {
    for level in [OptLevel::Two, OptLevel::S, OptLevel::Z] {
        for target in [Target::CortexM0Plus, Target::CortexM4F, Target::CortexM55] {
            check(&stored("pelee-caffe-8"), target, level);
        }
    }
}

/// The features of an Arm core are no `cfg`, but its instructions are: what would fault is refused, and says how to build it.
#[test]
fn a_module_for_another_core_is_not_built() {
    for (target, triple, wanted) in [
        (Target::CortexM55, "thumbv7em-none-eabihf", "`--target thumbv8m.main-none-eabihf`"),
        (Target::CortexM4F, "thumbv7em-none-eabi", "--target thumbv7em-none-eabihf"),
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let model = ModelFile::from_bytes(blocks::KERNELS.name, (blocks::KERNELS.build)());
        let compilation = compile(&model, &Options { target, ..Options::default() }).expect("a case compiles");
        let built = harness::machine(target)
            .map(|machine| Machine { triple: Some(triple), flags: &[], ..machine })
            .and_then(|machine| harness::build(&Project::write(&compilation, &machine, OptLevel::Three, folder.path())?));
        match built {
            Err(error) if error.is_missing() => lanes::skip(triple, error),
            built => {
                let refused = built.err().map(|error| error.to_string()).unwrap_or_default();
                assert!(refused.contains(wanted), "{target} for {triple}: {refused}");
            }
        }
    }
}

/// Every kernel, layer by layer and in the least memory: a way to panic in any of them would keep the image from being linked.
#[test]
fn no_panic_path_is_left_in_any_kernel() {
    let kernels = ModelFile::from_bytes(blocks::KERNELS.name, (blocks::KERNELS.build)());
    let named = compile(&kernels, &Options::default()).expect("a case compiles").report();
    let has = |kind: &str| named.layers.iter().any(|layer| layer.kernel.contains(kind));
    for kind in ["conv2d", "depthwise", "pool", "matmul", "softmax", "pad", "binary", "map"] {
        assert!(has(kind), "no {kind} among {:?}", named.layers.iter().map(|layer| &layer.kernel).collect::<Vec<_>>());
    }
    check_kernels(&kernels, &Options { target: Target::CortexM7, ..Options::default() }, OptLevel::Three);
    for target in OWN_MODULES.into_iter().chain([Target::Aarch64]) {
        for level in [OptLevel::Three, OptLevel::Z, OptLevel::Dev] {
            check_kernels(&kernels, &Options { target, ..Options::default() }, level);
        }
        check_kernels(&kernels, &Options { target, ram_budget: RamBudget::Least, ..Options::default() }, OptLevel::Two);
    }
}

/// The bits of a run in this process.
fn check_kernels(model: &ModelFile, options: &Options, level: OptLevel) {
    let compilation = compile(model, options).expect("a case compiles");
    let inputs = inputs(&compilation.inputs());
    let here = compilation.execute(&inputs).expect("a plan runs");
    let Some((outputs, checksum)) = run(&compilation, options.target, level, &inputs) else { return };
    assert_eq!(compare(&outputs, &here, Closeness::Bits), Ok(()), "{} at {level:?}", options.target);
    assert_eq!(checksum, harness::checksum(&here), "{} at {level:?}", options.target);
}

/// Arithmetic that wraps says so: with overflow checks and debug assertions nothing panics, and the bits are those of a release.
#[test]
fn checks_find_nothing_on_any_machine() {
    for target in OWN_MODULES.into_iter().chain([Target::Aarch64, Target::Generic, Target::X86_64V4]) {
        for &numeric in target.classes() {
            check_class(&stored("peleenet-folded-13"), target, Some(numeric), OptLevel::Dev);
        }
        check(&stored("pelee-dynamo-18"), target, OptLevel::Dev);
    }
}

/// What a network's code takes does not depend on the number of its channels, and the board has room for 0.6 of Pelee's.
#[test]
fn the_whole_of_pelee_has_less_than_96_kib_of_code_and_no_panic_path() {
    let model = ModelFile::zoo("pelee-304", &ZooOptions { width: 0.6, ..ZooOptions::default() }).expect("the zoo has it");
    for target in [Target::CortexM4F, Target::CortexM55] {
        let text = |ram_budget, level| {
            let compilation = compile(&model, &Options { target, ram_budget, ..Options::default() }).expect("it compiles");
            let built = in_folder(target, level, |folder| {
                let machine = harness::machine(target)?;
                harness::build(&Project::write(&compilation, &machine, level, folder)?)
            });
            match built {
                Err(error) if error.is_missing() => {
                    lanes::skip(target, error);
                    None
                }
                built => Some(built.expect("the module builds").1.expect("an image of a board has figures").text),
            }
        };
        for level in [OptLevel::Three, OptLevel::S, OptLevel::Z] {
            let Some(whole) = text(RamBudget::Bytes(usize::MAX), level) else { continue };
            assert!(whole < if level == OptLevel::Three { 96 << 10 } else { 48 << 10 }, "{whole} bytes for {target} at {level:?}");
            let least = text(RamBudget::Least, level).expect("the machine is there");
            let most = whole * if target == Target::CortexM4F { 110 } else { 112 } / 100;
            assert!(least <= most, "{least} bytes row by row, {whole} layer by layer for {target} at {level:?}");
        }
    }
}

/// A network of the zoo on the machines of `targets`, against onnxruntime's stored outputs.
fn check_full_size(name: &str, shape: [usize; 4], targets: &[Target]) {
    let model = ModelFile::zoo(name, &ZooOptions::default()).expect("the zoo has it");
    let input = seeded_input(&TensorType::f32(shape), 0);
    let folder = models::zoo_outputs(name);
    let expected: Vec<_> = folder.iter().map(|path| read_tensor(fs::read(path).expect("a stored file")).expect("a tensor").1).collect();
    assert!(!expected.is_empty(), "{name} has stored outputs");
    for &target in targets {
        let compilation = compile(&model, &Options { target, ..Options::default() }).expect("it compiles");
        let here = compilation.execute(std::slice::from_ref(&input)).expect("a plan runs");
        assert_eq!(compare(&here, &expected, ENGINES), Ok(()), "{name} for {target}");
        let Some((outputs, _)) = run(&compilation, target, OptLevel::Three, std::slice::from_ref(&input)) else { continue };
        assert_eq!(compare(&outputs, &here, Closeness::Bits), Ok(()), "{name} on {target}");
    }
}

#[test]
fn the_whole_of_pelee_runs_here_on_aarch64_and_on_a_cortex_m55_board() {
    check_full_size("pelee-304", [1, 3, 304, 304], &[Target::Generic, Target::Aarch64, Target::CortexM55]);
}

#[test]
fn the_whole_of_peleenet_runs_here_and_on_aarch64() {
    check_full_size("peleenet-224", [1, 3, 224, 224], &[Target::Generic, Target::Aarch64]);
}
