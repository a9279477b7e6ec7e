//! `verify`: the generated module built, run, and compared with test data and with a run in this process.

use std::path::PathBuf;

use peleec::ByteScale;
use peleec::harness::{self, DataSet, HarnessError, Machine, Project, Tolerance};
use peleec::zoo::seeded_input;
use peleec::{Compilation, Graph, Options, Tensor, TensorType};
use serde_json::json;

use crate::build::{BuildArgs, Built};
use crate::failure::{Answer, Failure};
use crate::limit::Limit;
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
    ///
    /// With --quant those beside the model are there for their inputs: their outputs are of floats.
    #[arg(value_name = "DATA_DIR")]
    data: Vec<PathBuf>,
    /// Run the plan in this process, without a build
    #[arg(long)]
    in_process: bool,
    /// Answer no, too, where outputs are compared with nothing
    #[arg(long, hide_short_help = true)]
    strict: bool,
    /// Largest difference: T + T * |expected value|
    #[arg(long, value_name = "T", default_value_t = Tolerance::default().absolute)]
    tolerance: f32,
    #[command(flatten)]
    build: BuildArgs,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<Answer, Failure> {
    let model = args.model.load()?;
    let options = args.model.options_here(if args.in_process { harness::own_target() } else { harness::best_target() }, output);
    let machine = if args.in_process { None } else { Some(harness::machine(options.target)?) };
    let compilation = peleec::compile(&model, &options)?;
    let graph = peleec::meaning(&model, &options)?;
    output.advice(compilation.notes(), output.verbose);
    let is_replayed = replay(&compilation, output)?;
    let is_of_file = options.quant.is_none() && peleec::own_detector(&model, &options)?.is_none();
    let sets = sets(args, &graph, is_of_file)?;
    let built = machine.map(|machine| build(args, &compilation, &machine, output)).transpose()?;
    let results =
        sets.iter().map(|set| examine(args, (&compilation, &graph), built.as_ref(), set, output)).collect::<Result<Vec<_>, _>>()?;
    let machine = built.as_ref().map_or("in this process".to_owned(), |built| format!("on {}", built.project.machine.describe()));
    let passed = results.iter().all(SetResult::passed);
    table::show(&results, &machine, output);
    let figures = built.as_ref().and_then(|built| built.figures.as_ref());
    let mut body = json!({ "model": compilation.name(), "model_sha256": model.hash(), "machine": machine, "image": figures });
    body["replayed"] = is_replayed.into();
    body["passed"] = passed.into();
    body["compared"] = results.iter().all(SetResult::is_compared).into();
    body["data_sets"] = results.iter().map(SetResult::json).collect();
    output.document(body);
    Ok(Answer::from(passed && (!args.strict || results.iter().all(SetResult::is_compared))))
}

/// Whether the plan is replayed: by the compilation, or here where that takes longer.
fn replay(compilation: &Compilation, output: &Output) -> Result<bool, Failure> {
    if compilation.is_replayed() {
        return Ok(true);
    }
    let _progress = Progress::start(output, "replaying the plan".to_owned());
    let is_replayed = compilation.replay()?;
    if !is_replayed {
        output.warn("the plan was not replayed: that takes four bytes of memory for each of more than 2^30");
    }
    Ok(is_replayed)
}

/// The data sets that are named, or those beside the model, unless its border is another than the file's; where there are none, one without
/// any tensor. Of those beside the model outputs count where the graph's are the file's: not where they are of bytes, or end before a
/// detector.
fn sets(args: &Args, graph: &Graph, is_of_file: bool) -> Result<Vec<DataSet>, Failure> {
    let mut folders = Vec::new();
    for folder in &args.data {
        let found = harness::data_sets(folder)?;
        if found.is_empty() {
            return Err(HarnessError::Data(format!("{} holds no test data", folder.display())).into());
        }
        folders.extend(found);
    }
    let Options { input_shapes, output_names, .. } = args.model.options();
    let is_as_stored = input_shapes.is_empty() && output_names.is_empty();
    if let (true, Some(folder)) = (args.data.is_empty() && is_as_stored, args.model.folder()) {
        folders = harness::data_sets(&folder)?;
    }
    let is_expected = !args.data.is_empty() || is_of_file;
    let (inputs, outputs) = (graph.input_types(), if is_expected { graph.output_types() } else { Vec::new() });
    let read = |folder: &PathBuf| {
        let set = DataSet::read(folder, &inputs, &outputs)?;
        Ok(DataSet { outputs: set.outputs.filter(|_| is_expected), ..set })
    };
    let sets = folders.iter().map(read).collect::<Result<Vec<_>, HarnessError>>()?;
    let none = DataSet { folder: PathBuf::new(), inputs: None, outputs: None };
    Ok(if sets.is_empty() { vec![none] } else { sets })
}

fn build(args: &Args, compilation: &Compilation, machine: &Machine, output: &Output) -> Result<Built, Failure> {
    Built::new(&args.build, machine, output, |folder| Project::write(compilation, machine, args.build.opt_level, folder))
}

/// One data set: run, compared with what is expected and with this process.
fn examine(
    args: &Args,
    (compilation, graph): (&Compilation, &Graph),
    built: Option<&Built>,
    set: &DataSet,
    output: &Output,
) -> Result<SetResult, Failure> {
    let seeded = || graph.input_types().iter().map(|(_, ty)| seeded_input(ty, args.model.seed())).collect();
    let given: Vec<Tensor> = set.inputs.clone().unwrap_or_else(seeded);
    let inputs = taken(compilation, &given);
    let limit = || Limit::start(args.build.limit(), built.and_then(Built::folder), output);
    let here = {
        let _limit = limit();
        compilation.execute(&inputs)?
    };
    let process_checksum = harness::checksum(&here);
    let mut result = SetResult {
        data: set.folder.clone(),
        seeded: set.inputs.is_none(),
        naive: set.outputs.is_none(),
        outputs: Vec::new(),
        checksum: process_checksum,
        process_checksum,
        first_difference: None,
        built: built.is_some(),
    };
    let mut found = here;
    if let Some(built) = built {
        let _progress = Progress::start(output, format!("running on {}", built.project.machine.describe()));
        let run = harness::run(&built.project, &built.program, &inputs, args.build.limit())?;
        output.detail(format_args!("ran in {:.2} s", run.wall.as_secs_f32()));
        if run.checksum != harness::checksum(&run.outputs) {
            return Err(HarnessError::Image("wrote other outputs than it computed the checksum of".to_owned()).into());
        }
        result.first_difference = harness::first_different_bit(&run.outputs, &found);
        result.checksum = run.checksum;
        found = run.outputs;
    }
    let wanted = match &set.outputs {
        Some(outputs) => Some(outputs.clone()),
        None => {
            let _limit = limit();
            naive(graph, &given, output)
        }
    };
    result.outputs = compare(args, &graph.output_types(), &meant(compilation, graph, found), wanted.as_deref());
    Ok(result)
}

/// The inputs as the module takes them: as bytes, where it has these in place of floats.
fn taken(compilation: &Compilation, given: &[Tensor]) -> Vec<Tensor> {
    let scales = compilation.input_scales().iter().copied().chain(std::iter::repeat(None));
    let taken = |((given, (_, ty)), scale): ((&Tensor, (String, TensorType)), Option<ByteScale>)| {
        let bytes = scale.filter(|_| given.ty() != ty).and_then(|scale| scale.bytes(given, ty.dtype));
        bytes.unwrap_or_else(|| given.clone())
    };
    given.iter().zip(compilation.inputs()).zip(scales).map(taken).collect()
}

/// The outputs as the graph that is evaluated has them: as floats, where the module has bytes in their place.
fn meant(compilation: &Compilation, graph: &Graph, found: Vec<Tensor>) -> Vec<Tensor> {
    let scales = compilation.output_scales().iter().copied().chain(std::iter::repeat(None));
    let meant = |((found, (_, ty)), scale): ((Tensor, (String, TensorType)), Option<ByteScale>)| {
        let floats = scale.filter(|_| found.ty() != ty).and_then(|scale| Tensor::f32(ty.shape.clone(), scale.floats(&found)?));
        floats.unwrap_or(found)
    };
    found.into_iter().zip(graph.output_types()).zip(scales).map(meant).collect()
}

/// What the graph means, evaluated operator by operator.
fn naive(graph: &Graph, inputs: &[Tensor], output: &Output) -> Option<Vec<Tensor>> {
    let _progress = Progress::start(output, "evaluating the graph naively".to_owned());
    graph.evaluate(inputs).map_err(|error| output.warn(&format!("the graph is not evaluated naively: {error}"))).ok()
}

fn compare(args: &Args, names: &[(String, TensorType)], found: &[Tensor], wanted: Option<&[Tensor]>) -> Vec<OutputResult> {
    let tolerance = Tolerance { absolute: args.tolerance, relative: args.tolerance };
    let outputs = names.iter().zip(found).enumerate();
    let results = outputs.map(|(index, ((name, ty), found))| {
        let difference = wanted.and_then(|wanted| harness::compare(found, wanted.get(index)?, tolerance));
        OutputResult { name: name.clone(), shape: ty.shape.clone(), difference }
    });
    results.collect()
}
