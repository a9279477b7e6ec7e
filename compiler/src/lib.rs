//! Compiles ONNX graphs of the Pelee family to static, panic-free, `no_std` Rust.
//!
//! In a build script:
//!
//! ```no_run
//! fn main() -> Result<(), peleec::Error> {
//!     peleec::Builder::new().model("models/pelee.onnx").target(peleec::Target::CortexM7).emit()
//! }
//! ```
//!
//! and in the firmware `mod pelee { include!(concat!(env!("OUT_DIR"), "/pelee.rs")); }`.
//!
//! The first place to read is `compile_by`: the stages on one screen. `ARCHITECTURE.md` has a paragraph for each.

#[cfg(feature = "cli")]
pub mod accuracy;
mod aligned;
mod builder;
mod compilation;
mod described;
mod description;
mod diagnostics;
mod emit;
mod ending;
mod error;
mod execute;
pub mod files;
#[cfg(feature = "cli")]
pub mod harness;
mod ir;
mod lower;
mod model_file;
mod model_memory;
mod named;
mod names;
mod node;
mod observation;
mod onnx;
mod ops;
mod options;
mod passes;
mod plan;
pub mod quantization;
mod report;
mod steps;
mod target;
mod tensor;
mod written;
pub mod zoo;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub use builder::Builder;
pub use compilation::Compilation;
pub use described::Described;
pub use description::{Centres, Description, Detected, DetectorSettings, FrameSettings, Priors, ScoreActivation};
pub use diagnostics::{Diagnostic, EXPLANATIONS, Explanation, InputRef, Kind, NodeRef, OpError, Problems, Severity, clean, near, render};
pub use emit::head::Head;
pub use error::Error;
pub use files::File;
pub use ir::Graph;
pub use model_file::ModelFile;
pub use node::known::{AttributeKind, AttributeState, KnownAttribute};
pub use observation::{Observer, QuantizedObserver, Sum};
pub use onnx::{Family, Member, OPSETS, OperatorDetails, TensorError, families, operators, read_tensor, write_tensor};
pub use ops::ByteScale;
pub use options::{FLAGS, Flag, InputForm, IoForm, OptionError, Options, Placement, RamBudget};
pub use passes::pass_names;
pub use peleec_runtime::{ColourOrder, Fit, FrameLayout, PixelFormat, Resize};
pub use report::{
    BufferReport, CostReport, GroupReport, InputReport, LayerGain, LayerReport, OutputReport, PassReport, PinReport, RangeReport, Report,
    WeightReads, layer_gains, memory_map,
};
pub use target::{NumericClass, Target, UnknownTarget};
pub use tensor::{DType, Shape, Tensor, TensorType};

use description::{Camera, attach_camera, attach_detector, no_camera};
use plan::Pins;
use quantization::{Border, Calibration};

/// Compiles a model.
pub fn compile(model: &ModelFile, options: &Options) -> Result<Compilation, Error> {
    compile_observed(model, options, |_, _| {})
}

/// As [`compile`]. `after` sees the graph after each pass, by the pass's name.
pub fn compile_observed(model: &ModelFile, options: &Options, after: impl FnMut(&'static str, &Graph)) -> Result<Compilation, Error> {
    let calibration = options.quant.as_deref().map(Calibration::read).transpose()?;
    compile_by(model, options, calibration.as_ref().zip(options.quant.as_deref()), after)
}

/// As [`compile`], by a calibration that is in no file; what `quant` says does not count.
pub fn compile_quantized(model: &ModelFile, options: &Options, calibration: &Calibration) -> Result<Compilation, Error> {
    let options = Options { quant: None, ..options.clone() };
    compile_by(model, &options, Some((calibration, Path::new("the calibration"))), |_, _| {})
}

/// Bytes, graph, steps, plan, layers; by a calibration, which goes by a name, where there is one.
fn compile_by(
    model: &ModelFile,
    options: &Options,
    calibration: Option<(&Calibration, &Path)>,
    mut after: impl FnMut(&'static str, &Graph),
) -> Result<Compilation, Error> {
    let profile = options.profile()?;
    options.no_idle_words()?;
    let mut passed = unfused(model, options, profile, calibration, &mut after)?;
    let graph = &mut passed.graph;
    passed.rewrites = passes::run(graph, after);
    if options.io == IoForm::Int8 {
        if passed.border.move_inwards(graph) == 0 {
            let why = "no input and no output of the model stands for bytes: leave --io out, or quantise the model by --quant";
            return Err(Error::Data(why.to_owned()));
        }
        passes::run(graph, |_, _| {});
    }
    plan_and_bind(model, options, profile, passed)
}

/// The graph of a model, over bytes where a calibration says how, before the passes that fuse.
fn unfused(
    model: &ModelFile,
    options: &Options,
    profile: target::Profile,
    calibration: Option<(&Calibration, &Path)>,
    after: impl FnMut(&'static str, &Graph),
) -> Result<Passed, Error> {
    let mut passed = Passed::new(read(model, options).map_err(|refused| all_problems(refused, profile))?);
    let (in_bytes, graph) = (options.io == IoForm::Int8, &mut passed.graph);
    passed.detector = take_detector(model, options, graph)?;
    passed.border = Border::of(graph);
    if let Some((calibration, name)) = calibration {
        calibration.goes_with(name, &model.hash(), model.data_hash(&data_files(model, options))?.as_deref())?;
        let files = options.quant.iter().flat_map(|path| [Some(path.clone()), calibration.weights_path(path)]);
        passed.calibrated = files.flatten().collect();
        passes::run_before_quantization(graph, after);
        if quantization::quantize(graph, calibration, in_bytes)? == 0 {
            return Err(Error::Data("nothing of the model becomes a sum of bytes: leave --quant out".to_owned()));
        }
    }
    if in_bytes {
        quantization::quantize_outputs(graph, calibration.map(|(calibration, _)| calibration));
    }
    Ok(passed)
}

/// What a compilation computes, as a graph to be evaluated: that of the file, or the one over bytes that `quant` makes of it, before its
/// operators are fused. Inputs and outputs have the file's types, whatever `io` says; where `detect` takes a decoder off the graph's end, it
/// ends in what this reads.
pub fn meaning(model: &ModelFile, options: &Options) -> Result<Graph, Error> {
    let calibration = options.quant.as_deref().map(Calibration::read).transpose()?;
    Ok(unfused(model, options, options.profile()?, calibration.as_ref().zip(options.quant.as_deref()), |_, _| {})?.graph)
}

/// Observes the values of a model, which it computes in floats, on this computer.
pub fn observe(model: &ModelFile, options: &Options) -> Result<Observer, Error> {
    let options = Options { ram_budget: RamBudget::Bytes(usize::MAX), quant: None, io: IoForm::Graph, ..options.clone() };
    let profile = options.profile()?;
    let imported = read(model, &options).map_err(|refused| all_problems(refused, profile))?;
    let mut passed = Passed::new(imported);
    passes::run_before_quantization(&mut passed.graph, |_, _| {});
    let quantizable = passed.graph.clone();
    observation::return_all(&mut passed.graph);
    Ok(Observer::new(quantizable, plan_and_bind(model, &options, profile, passed)?))
}

/// Observes what sums of bytes stand for in a model that a calibration quantises, on this computer.
pub fn observe_quantized(model: &ModelFile, options: &Options, calibration: &Calibration) -> Result<QuantizedObserver, Error> {
    let options = Options { ram_budget: RamBudget::Bytes(usize::MAX), quant: None, io: IoForm::Graph, ..options.clone() };
    let profile = options.profile()?;
    let mut passed = Passed::new(read(model, &options).map_err(|refused| all_problems(refused, profile))?);
    calibration.goes_with(Path::new("the calibration"), &model.hash(), model.data_hash(&data_files(model, &options))?.as_deref())?;
    passes::run_before_quantization(&mut passed.graph, |_, _| {});
    let sums = observation::quantize_and_return(&mut passed.graph, calibration)?;
    passed.rewrites = passes::run(&mut passed.graph, |_, _| {});
    Ok(QuantizedObserver::new(plan_and_bind(model, &options, profile, passed)?, sums))
}

/// A graph after its passes.
struct Passed {
    graph: Graph,
    notes: Vec<Diagnostic>,
    nodes: usize,
    rewrites: Vec<(&'static str, usize)>,
    border: Border,
    /// The detector that it ended in.
    detector: Option<DetectorSettings>,
    /// The files that say how it became one of bytes.
    calibrated: Vec<PathBuf>,
}

impl Passed {
    /// Before any pass.
    fn new(Imported { graph, notes, nodes }: Imported) -> Self {
        Passed { graph, notes, nodes, rewrites: Vec::new(), border: Border::default(), detector: None, calibrated: Vec::new() }
    }
}

/// What follows the passes: steps, plan, layers.
fn plan_and_bind(model: &ModelFile, options: &Options, profile: target::Profile, passed: Passed) -> Result<Compilation, Error> {
    let Passed { mut graph, notes, nodes, rewrites, border, detector, calibrated } = passed;
    check_numbers(&graph)?;
    if profile.target.multiplies_unsigned_bytes() {
        passes::unsign_bytes(&mut graph);
    }
    let mut steps = lower::lower(&graph, profile).map_err(|refused| lower::problems(&graph, refused))?;
    let inputs = graph.input_types();
    let asks = options.frame.is_some() || options.detect.is_some();
    let meant = border.meant(inputs.clone());
    let mut described = asks.then(|| options.described(model, &meant)).transpose()?;
    if let Some((described, detector)) = described.as_mut().zip(detector) {
        described.description.detector = Some(detector);
    }
    let camera = options.frame.zip(described.as_ref()).map(|(layout, described)| camera(layout, described, &meant)).transpose()?;
    if options.input == InputForm::Rows || camera.is_some() {
        lower::ask_for_rows(&mut steps)?;
    }
    if camera.as_ref().is_some_and(|camera| lower::map_asked_for(&steps) != Some(camera.settings.extents())) {
        return Err(Problems::from(no_camera(&inputs)).into());
    }
    steps.problem.outputs_outside = options.outputs == Placement::Caller;
    let plan = plan::plan(&steps.problem, options.budget()).map_err(|refused| Error::budget(options.ram_budget, refused))?;
    let picture = camera.as_ref().map(Camera::size);
    let detect = described.as_ref().filter(|_| options.detect.is_some());
    let detector =
        detect.map(|described| attach_detector(&described.description, &steps.outputs(), &border.outputs, picture)).transpose()?;
    let is_replayed = plan::is_replayable(&plan) && plan::is_soon_replayed(&plan);
    let pins = Pins::new(&plan, &steps.packed(&plan), options.pin_weights);
    let layers = steps::bind::bind(&steps, &plan, &pins).map_err(steps::unplaceable)?;
    let compilation = Compilation {
        name: options.name.clone().unwrap_or_else(|| model.module_name()),
        model_hash: model.hash(),
        origin: model.origin(&data_files(model, options), described.and_then(|described| described.path).into_iter().chain(calibrated))?,
        options: options.clone(),
        numeric: profile.numeric,
        nodes,
        notes,
        passes: rewrites.into_iter().map(|(name, rewrites)| PassReport { name: name.to_owned(), rewrites }).collect(),
        graph,
        steps,
        plan,
        layers,
        pins,
        border,
        camera,
        detector,
        is_replayed,
    };
    if is_replayed {
        compilation.replay()?;
    }
    Ok(compilation)
}

/// The detector that a model ends in, where `detect` asks for one and what describes the model has none: what a decoder of boxes and a
/// `NonMaxSuppression` say. A network compiled with the same options ends in the outputs that it reads.
pub fn own_detector(model: &ModelFile, options: &Options) -> Result<Option<DetectorSettings>, Error> {
    if options.detect.is_none() {
        return Ok(None);
    }
    take_detector(model, options, &mut import(model, options)?.graph)
}

/// Takes the detector out of the end of a graph, where nothing else says what its outputs mean.
fn take_detector(model: &ModelFile, options: &Options, graph: &mut Graph) -> Result<Option<DetectorSettings>, Error> {
    if options.detect.is_none() {
        return Ok(None);
    }
    let described = options.described(model, &graph.input_types())?.description;
    match (described.detector, described.frame) {
        (None, Some(frame)) => Ok(ending::take_detector(graph, frame.size)?),
        _ => Ok(None),
    }
}

/// The names of the files beside a model that hold its weights, where it may have such.
fn data_files(model: &ModelFile, options: &Options) -> BTreeSet<String> {
    if options.allow_external { onnx::data_files(model.shared()) } else { BTreeSet::new() }
}

/// Refuses constants that hold NaN and that an operator reads behind all passes: import told of those that it knew.
fn check_numbers(graph: &Graph) -> Result<(), Problems> {
    let told = |id| {
        let source = ir::Source { node: id, slot: 0 };
        let value = graph.constant(source)?;
        let (reader, _) = graph.consumers(source).into_iter().next()?;
        let at = onnx::first_nan(value)?;
        let what = format!("constant `{}`, which node `{}` reads,", graph.value(source).name, graph.node(reader).name);
        Some(onnx::no_number(&what, &value.ty(), at))
    };
    let problems: Vec<Diagnostic> = graph.ids().into_iter().filter_map(told).collect();
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
}

/// The camera whose frames become the input.
fn camera(layout: FrameLayout, described: &Described, inputs: &[(String, TensorType)]) -> Result<Camera, Error> {
    Ok(attach_camera(layout, described.frame(inputs)?.clone(), inputs)?)
}

/// A graph as imported, with what is said of the file.
pub struct Imported {
    /// The graph before any pass.
    pub graph: Graph,
    /// Warnings and notes.
    pub notes: Vec<Diagnostic>,
    /// How many operators it has.
    pub nodes: usize,
}

/// Reads a model without compiling it.
pub fn import(model: &ModelFile, options: &Options) -> Result<Imported, Problems> {
    read(model, options).map_err(|refused| refused.problems)
}

fn read(model: &ModelFile, options: &Options) -> Result<Imported, onnx::Refused> {
    let choices = onnx::ImportOptions {
        input_dims: options.input_dims.clone(),
        input_shapes: options.input_shapes.clone(),
        output_names: options.output_names.clone(),
        allow_external: options.allow_external,
    };
    let (graph, notes) = onnx::import(model.shared(), &choices, model.folder())?;
    let nodes = graph.ids().into_iter().filter(|&id| graph.op(id).is_some()).count();
    Ok(Imported { graph, notes, nodes })
}

/// What keeps a model from being imported, and what would keep the rest of it from being lowered.
fn all_problems(onnx::Refused { mut problems, mut graph, is_over_limit }: onnx::Refused, profile: target::Profile) -> Problems {
    if is_over_limit {
        return problems;
    }
    passes::run(&mut graph, |_, _| {});
    if let Err(refused) = lower::lower(&graph, profile) {
        problems.0.extend(lower::problems(&graph, refused).0);
    }
    problems
}

/// A model as its file holds it, one line an entry, before anything is made of it: for comparing decoders and for bug reports.
pub fn outline(model: &ModelFile) -> Result<String, Problems> {
    onnx::outline(model.shared())
}
