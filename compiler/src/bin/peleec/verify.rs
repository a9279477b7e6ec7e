//! `verify`: the generated module built, run, and compared with test data and with a run in this process.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use peleec::harness::{self, DataSet, Figures, HarnessError, Machine, OptLevel, Project, Tolerance};
use peleec::zoo::seeded_input;
use peleec::{Compilation, Error, Shape, Tensor};
use serde_json::json;

use crate::failure::{Answer, Failure};
use crate::model::ModelArgs;
use crate::output::Output;
use crate::progress::Progress;

mod table;

use table::{OutputResult, SetResult};

/// Build the generated module, run it for its target, and compare the results
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Folders with {input,output}_J.pb or .npy, or with test_data_set_* folders [default: those beside the model]
    #[arg(value_name = "DATA_DIR")]
    data: Vec<PathBuf>,
    /// Run the plan in this process instead of building the module
    #[arg(long)]
    in_process: bool,
    /// Largest difference: T + T * |expected value|
    #[arg(long, value_name = "T", default_value_t = Tolerance::default().absolute)]
    tolerance: f32,
    /// Optimisation level of the build: 2, 3, s or z
    #[arg(long, value_name = "LEVEL", default_value = "3", value_parser = opt_level)]
    opt_level: OptLevel,
    /// Keep the build in a folder, as a cargo project
    #[arg(long, value_name = "DIR")]
    build_dir: Option<PathBuf>,
    /// Longest time that one run may take
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    time_limit: u64,
}

fn opt_level(text: &str) -> Result<OptLevel, String> {
    OptLevel::ALL.into_iter().find(|level| level.name() == text).ok_or_else(|| "the levels are 2, 3, s and z".to_owned())
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<Answer, Failure> {
    let model = args.model.load()?;
    let machine = if args.in_process { None } else { Some(harness::machine(args.model.options().target)?) };
    let compilation = peleec::compile(&model, args.model.options())?;
    output.advice(compilation.notes(), output.verbose);
    let sets = sets(args, &compilation)?;
    let built = machine.map(|machine| Built::new(args, &compilation, &machine, output)).transpose()?;
    let results = sets.iter().map(|set| examine(args, &compilation, built.as_ref(), set, output)).collect::<Result<Vec<_>, _>>()?;
    let machine = built.as_ref().map_or("in this process".to_owned(), |built| format!("on {}", built.project.machine.describe()));
    let passed = results.iter().all(SetResult::passed);
    output.say(table::render(&results, &machine));
    let figures = built.as_ref().and_then(|built| built.figures.as_ref());
    let mut body = json!({ "model": compilation.name(), "model_sha256": model.hash(), "machine": machine, "image": figures });
    body["passed"] = passed.into();
    body["data_sets"] = results.iter().map(SetResult::json).collect();
    output.document(body);
    Ok(Answer::from(passed))
}

/// The data sets that are named, or those beside the model; where there are none, one without any tensor.
fn sets(args: &Args, compilation: &Compilation) -> Result<Vec<DataSet>, Failure> {
    let mut folders = Vec::new();
    for folder in &args.data {
        let found = harness::data_sets(folder)?;
        if found.is_empty() {
            return Err(HarnessError::Data(format!("{} holds no test data", folder.display())).into());
        }
        folders.extend(found);
    }
    if let (true, Some(folder)) = (args.data.is_empty(), args.model.folder()) {
        folders = harness::data_sets(&folder)?;
    }
    let outputs = compilation.output_shapes();
    let sets = folders.iter().map(|folder| DataSet::read(folder, &compilation.inputs(), &outputs)).collect::<Result<Vec<_>, _>>()?;
    let none = DataSet { folder: PathBuf::new(), inputs: None, outputs: None };
    Ok(if sets.is_empty() { vec![none] } else { sets })
}

/// A built program, in a folder that goes with it unless it is to be kept.
struct Built {
    project: Project,
    program: PathBuf,
    figures: Option<Figures>,
    _folder: Option<tempfile::TempDir>,
}

impl Built {
    fn new(args: &Args, compilation: &Compilation, machine: &Machine, output: &Output) -> Result<Self, Failure> {
        let _progress = Progress::start(output, format!("building for {}", machine.target));
        let start = Instant::now();
        let io = |source| Error::Io { path: std::env::temp_dir().display().to_string(), source };
        let (folder, path) = match &args.build_dir {
            Some(path) => (None, path.clone()),
            None => {
                let folder = tempfile::Builder::new().prefix("peleec-").tempdir().map_err(io)?;
                let path = folder.path().to_owned();
                (Some(folder), path)
            }
        };
        let project = Project::write(compilation, machine, args.opt_level, &path)?;
        let (program, figures) = harness::build(&project)?;
        output.detail(format_args!("built for {} in {:.1} s", machine.describe(), start.elapsed().as_secs_f32()));
        if let Some(Figures { text, rodata, bss, model }) = figures {
            output.detail(format_args!("image: text {text}, rodata {rodata}, bss {bss}, model {model} bytes; no panic path, no allocator"));
        }
        Ok(Built { project, program, figures, _folder: folder })
    }
}

/// One data set: run, compared with what is expected and with this process.
fn examine(args: &Args, compilation: &Compilation, built: Option<&Built>, set: &DataSet, output: &Output) -> Result<SetResult, Failure> {
    let seeded = || compilation.inputs().iter().map(|(_, shape)| seeded_input(shape, args.model.seed())).collect();
    let inputs: Vec<Tensor> = set.inputs.clone().unwrap_or_else(seeded);
    let here = compilation.execute(&inputs)?;
    let process_checksum = harness::checksum(&here);
    let mut result = SetResult {
        data: set.folder.clone(),
        seeded: set.inputs.is_none(),
        outputs: Vec::new(),
        checksum: process_checksum,
        process_checksum,
        first_difference: None,
        built: built.is_some(),
    };
    let mut found = here;
    if let Some(built) = built {
        let _progress = Progress::start(output, format!("running on {}", built.project.machine.describe()));
        let run = harness::run(&built.project, &built.program, &inputs, Duration::from_secs(args.time_limit))?;
        output.detail(format_args!("ran in {:.2} s", run.wall.as_secs_f32()));
        if run.checksum != harness::checksum(&run.outputs) {
            return Err(HarnessError::Image("wrote other outputs than it computed the checksum of".to_owned()).into());
        }
        result.first_difference = harness::first_different_bit(&run.outputs, &found);
        result.checksum = run.checksum;
        found = run.outputs;
    }
    result.outputs = compare(args, &compilation.output_shapes(), &found, set.outputs.as_deref());
    Ok(result)
}

fn compare(args: &Args, names: &[(String, Shape)], found: &[Tensor], wanted: Option<&[Tensor]>) -> Vec<OutputResult> {
    let tolerance = Tolerance { absolute: args.tolerance, relative: args.tolerance };
    let outputs = names.iter().zip(found).enumerate();
    let results = outputs.map(|(index, ((name, shape), found))| {
        let difference = wanted.and_then(|wanted| harness::compare(found, wanted.get(index)?, tolerance));
        OutputResult { name: name.clone(), shape: shape.clone(), difference }
    });
    results.collect()
}
