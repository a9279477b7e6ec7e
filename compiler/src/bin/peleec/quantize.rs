//! `quantize`: what values a model takes on examples, kept in a file by which it is compiled to sums of bytes; and how its results change.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use peleec::Observer;
use peleec::accuracy::Likeness;
use peleec::harness::{self, DataSet, HarnessError};
use peleec::quantization::{Calibration, Range};
use peleec::{Compilation, Error, IoForm, Options, RamBudget, Tensor, compile, files, observe};
use serde_json::{Value, json};

use crate::compile::file_name;
use crate::failure::{Answer, Failure};
use crate::model::ModelArgs;
use crate::output::Output;
use crate::picture::{self, Picture};
use crate::progress::Progress;
use crate::table::Table;
use crate::viewer::Viewer;

mod ranking;
mod rounds;

use ranking::{Measured, RankingArgs};
use rounds::rounds;

/// Observe a model's values on examples, for `--quant` to compile it to bytes
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// PNG, JPEG or PPM files, or folders of them
    ///
    /// They are prepared as the model's description says.
    #[arg(long, num_args = 1.., value_name = "IMAGE", required_unless_present = "data", conflicts_with = "data")]
    images: Vec<PathBuf>,
    /// Folders with input_J.pb or .npy, or with test_data_set_* folders
    #[arg(long, num_args = 1.., value_name = "DIR")]
    data: Vec<PathBuf>,
    /// Leave these nodes in floats
    #[arg(long, value_name = "NODE", value_delimiter = ',')]
    keep_float: Vec<String>,
    #[command(flatten)]
    ranking: RankingArgs,
    /// How ranges come of values: all of them, or the least squared error
    #[arg(long, value_enum, default_value_t = Ranges::MinMax, hide_short_help = true)]
    ranges: Ranges,
    /// Whether each part of a concat has its own scale, or all share one
    #[arg(long, value_enum, default_value_t = Scales::Slice, hide_short_help = true)]
    scales: Scales,
    /// Round weights together, by GPTQ: better, and slower
    #[arg(long)]
    gptq: bool,
    /// File that the ranges go to
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
}

/// How ranges come of values.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Ranges {
    MinMax,
    Mse,
}

/// What has a scale where a concat joins channels.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scales {
    Slice,
    Shared,
}

/// Where inputs come from.
enum Examples {
    Pictures { viewer: Box<Viewer>, paths: Vec<PathBuf> },
    Sets(Vec<Vec<Tensor>>),
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<Answer, Failure> {
    if args.model.options().quant.is_some() {
        return Err(Failure::Usage("what `quantize` observes is computed in floats: leave --quant out".to_owned()));
    }
    if args.gptq && args.out.extension().is_some_and(|extension| extension == "bin") {
        return Err(Failure::Usage("weights go to a file of the same name that ends in .bin: name the one of ranges otherwise".to_owned()));
    }
    file_name(&args.out)?;
    let model = args.model.load()?;
    let options = args.model.options_here(harness::own_target(), output);
    // What becomes of pictures, and what is made of results, is not the network's.
    let options =
        Options { detect: None, frame: None, mean: None, scale: None, order: None, fit: None, resize: None, io: IoForm::Graph, ..options };
    let floats = compile(&model, &in_floats(options.clone()))?;
    let examples = examples(args, &floats, output)?;
    let observer = observe(&model, &options)?;
    let known = observer.products();
    if let Some(name) = args.keep_float.iter().find(|name| !known.contains(&name.as_str())) {
        let nodes = known.join(", ");
        return Err(Failure::Usage(format!("--keep-float: `{name}` is none of the nodes that become sums of bytes: {nodes}")));
    }
    args.ranking.check(known.iter().filter(|name| !args.keep_float.iter().any(|kept| kept == **name)).count())?;
    let mut calibration = observed(&observer, &examples, output)?;
    if args.ranges == Ranges::Mse {
        let errors = examples.each("errors of ranges", output, |example| Ok(observer.errors(&calibration, &example)?))?;
        calibration.narrow(errors.into_iter().flatten());
    }
    if args.scales == Scales::Shared {
        observer.share(&mut calibration);
    }
    calibration.keep_float.clone_from(&args.keep_float);
    let measured = Measured { model: &model, options: &options, floats: &floats, observer: &observer, examples: &examples, output };
    let ranking = args.ranking.rank(&measured, &calibration)?;
    calibration.keep_float.extend(ranking.iter().flat_map(|ranking| ranking.chosen().iter().cloned()));
    if args.gptq {
        round(&observer, &mut calibration, &examples, output)?;
    }
    write(&args.out, &calibration)?;
    let quantized = compile(&model, &Options { quant: Some(args.out.clone()), ..options })?;
    let likeness = likeness(&floats, &quantized, &examples, output)?;
    show(&floats, &quantized, &likeness, examples.count(), output);
    if let Some(ranking) = &ranking {
        ranking.show(output);
        args.ranking.draw(floats.name(), ranking)?;
    }
    if let Some(weights) = calibration.weights_path(&args.out) {
        output.say(format_args!("{} has the weights, rounded by GPTQ", weights.display()));
    }
    output.say(format_args!("{} has the ranges of {} tensors: compile with --quant {0}", args.out.display(), calibration.tensors.len()));
    let mut body = document(&floats, &quantized, &likeness, &calibration, &args.out);
    if let Some(ranking) = &ranking {
        ranking.describe(&mut body);
    }
    output.document(body);
    Ok(Answer::Yes)
}

/// What is observed are floats, there and back: a budget is for bytes.
fn in_floats(options: Options) -> Options {
    Options { ram_budget: RamBudget::Thrifty, io: IoForm::Graph, ..options }
}

fn examples(args: &Args, floats: &Compilation, output: &Output) -> Result<Examples, Failure> {
    if !args.images.is_empty() {
        let (viewer, paths) = (Box::new(Viewer::of(&args.model, in_floats, output)?), picture::files(&args.images)?);
        return Ok(Examples::Pictures { viewer, paths });
    }
    let mut sets = Vec::new();
    for folder in &args.data {
        for set in harness::data_sets(folder)? {
            sets.extend(DataSet::read(&set, &floats.inputs(), &floats.output_types())?.inputs);
        }
    }
    match sets.is_empty() {
        true => Err(HarnessError::Data("the folders of --data hold no inputs".to_owned()).into()),
        false => Ok(Examples::Sets(sets)),
    }
}

impl Examples {
    fn count(&self) -> usize {
        match self {
            Examples::Pictures { paths, .. } => paths.len(),
            Examples::Sets(sets) => sets.len(),
        }
    }

    fn get(&self, index: usize) -> Result<Vec<Tensor>, Failure> {
        match self {
            Examples::Pictures { viewer, paths } => Ok(vec![viewer.input(&Picture::open(&paths[index])?)?]),
            Examples::Sets(sets) => Ok(sets[index].clone()),
        }
    }

    /// What `work` makes of every example, in their order, by all cores.
    fn each<T: Send>(
        &self,
        what: &str,
        output: &Output,
        work: impl Fn(Vec<Tensor>) -> Result<T, Failure> + Sync,
    ) -> Result<Vec<T>, Failure> {
        rounds(self.count(), &format!("{what}: example"), output, |index| self.get(index).and_then(&work))
    }
}

fn observed(observer: &Observer, examples: &Examples, output: &Output) -> Result<Calibration, Failure> {
    let ranges: Vec<BTreeMap<String, Option<Range>>> = examples.each("ranges", output, |example| Ok(observer.ranges(&example)?))?;
    Ok(observer.calibration(ranges))
}

/// Rounds the weights by GPTQ.
fn round(observer: &Observer, calibration: &mut Calibration, examples: &Examples, output: &Output) -> Result<(), Failure> {
    let mut weights = BTreeMap::new();
    for (pass, batch) in observer.batches(calibration)?.enumerate() {
        let what = format!("GPTQ, pass {}", pass + 1);
        examples.each(&what, output, |example| {
            batch.add(&observer.values(&example)?);
            Ok(())
        })?;
        let _progress = Progress::start(output, format!("GPTQ, pass {}: rounding", pass + 1));
        weights.extend(batch.rounded());
    }
    Ok(calibration.take_weights(weights)?)
}

fn write(path: &Path, calibration: &Calibration) -> Result<(), Failure> {
    let folder = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    let written = files::write(folder, &calibration.files(path)?);
    Ok(written.map_err(|source| Error::Io { path: path.display().to_string(), source })?)
}

/// How alike every output is to what it is in floats.
fn likeness(floats: &Compilation, quantized: &Compilation, examples: &Examples, output: &Output) -> Result<Vec<Likeness>, Failure> {
    let of_example = |example: Vec<Tensor>| {
        let (values, became) = (floats.execute(&example)?, quantized.execute(&example)?);
        Ok(alike(&values, &became))
    };
    let mut all = vec![Likeness::default(); floats.output_types().len()];
    for of_example in examples.each("accuracy", output, of_example)? {
        all.iter_mut().zip(&of_example).for_each(|(all, more)| all.merge(more));
    }
    Ok(all)
}

/// How alike each tensor is to what it became.
fn alike(values: &[Tensor], became: &[Tensor]) -> Vec<Likeness> {
    let mut likeness = vec![Likeness::default(); values.len()];
    for (likeness, (values, became)) in likeness.iter_mut().zip(values.iter().zip(became)) {
        if let (Some(values), Some(became)) = (values.as_f32(), became.as_f32()) {
            likeness.add(values, became);
        }
    }
    likeness
}

fn show(floats: &Compilation, quantized: &Compilation, likeness: &[Likeness], count: usize, output: &Output) {
    let mut table = Table::new(&["output", "SQNR dB", "cosine"], &[1, 2]);
    for ((name, _), likeness) in floats.output_types().into_iter().zip(likeness) {
        table.row([name, format!("{:.1}", likeness.decibels()), format!("{:.5}", likeness.cosine())]);
    }
    output.table(&table);
    let (before, after) = (floats.report(), quantized.report());
    let kib = |bytes: usize| bytes as f64 / 1024.0;
    output.say(format_args!(
        "RAM {:.1} -> {:.1} KiB, weights {:.1} -> {:.1} KiB; {count} examples",
        kib(before.arena_bytes),
        kib(after.arena_bytes),
        kib(before.weight_bytes),
        kib(after.weight_bytes)
    ));
}

fn document(floats: &Compilation, quantized: &Compilation, likeness: &[Likeness], calibration: &Calibration, path: &Path) -> Value {
    let finite = |value: f64| Some(value).filter(|value| value.is_finite());
    let names = floats.output_types().into_iter().map(|(name, _)| name);
    let outputs: Vec<_> = names
        .zip(likeness)
        .map(|(name, likeness)| json!({ "name": name, "sqnr_db": finite(likeness.decibels()), "cosine": finite(likeness.cosine()) }))
        .collect();
    let figures = |compilation: &Compilation| {
        let report = compilation.report();
        json!({ "arena_bytes": report.arena_bytes, "weight_bytes": report.weight_bytes })
    };
    json!({
        "file": path.display().to_string(),
        "examples": calibration.examples,
        "tensors": calibration.tensors.len(),
        "keep_float": calibration.keep_float,
        "weights_file": calibration.weights_path(path).map(|path| path.display().to_string()),
        "outputs": outputs,
        "floats": figures(floats),
        "bytes": figures(quantized),
    })
}
