//! The generated module: constants, weights, `Model`, `Outputs`, and one function a layer.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::border;
use super::detector;
use super::frame;
use super::head::Head;
use super::layer::{Argument, Arguments, Uses, layer_inputs, layer_output, method, pin, takes_executor};
pub(crate) use super::layer::{element_type, region_type};
use super::memory;
use super::names::{Names, identifier, in_doc};
use super::{int, long};
use crate::description::{Attached, Camera};
use crate::ir::{DType, TensorType};
use crate::lower::bind::{Layer, Memory, Region};
use crate::lower::kernels::Work;
use crate::model_memory::ModelMemory;
use crate::plan::{Group, Schedule};
use crate::quantization::ByteScale;
use crate::target::Target;

/// What is printed.
pub(crate) struct ModuleSource<'a> {
    pub(crate) name: &'a str,
    pub(crate) head: &'a Head,
    pub(crate) target: Target,
    pub(crate) layers: &'a [Layer],
    /// The layers cut into those that run whole, one each, and those that run row by row together.
    pub(crate) groups: &'a [Group],
    /// Name and type of every input.
    pub(crate) inputs: &'a [(String, TensorType)],
    /// What the bytes of every input stand for, where that is known.
    pub(crate) input_scales: &'a [Option<ByteScale>],
    pub(crate) outputs: &'a [Output],
    /// Whether the caller has the outputs' memory.
    pub(crate) outputs_outside: bool,
    pub(crate) memory: ModelMemory,
    /// What makes the rows of the input.
    pub(crate) camera: Option<&'a Camera>,
    /// What makes detections of the outputs.
    pub(crate) detector: Option<&'a Attached>,
    /// Bytes.
    pub(crate) weights: usize,
    /// Section of the weights, where they are to have one of their own.
    pub(crate) weights_section: Option<&'a str>,
}

/// A result of the network.
pub(crate) struct Output {
    /// The ONNX name.
    pub(crate) name: String,
    pub(crate) ty: TensorType,
    /// What its bytes stand for, where that is known.
    pub(crate) scale: Option<ByteScale>,
    /// First byte in the arena, where it does not lie with the caller.
    pub(crate) at: usize,
}

/// The text of `NAME.rs`.
///
/// Items of more than a line are kept from rustfmt, whose settings are the user's: a module that is checked in stays as it was written.
pub(crate) fn module(source: &ModuleSource<'_>) -> Result<String, syn::Error> {
    let mut names = Names::default();
    // The frame is an argument, too.
    source.camera.map(|_| names.unique("frame"));
    let mut argument = |name: &str, ty: &TensorType| Argument { ident: ident(&names.unique(name)), ty: ty.clone(), source: None };
    let mut inputs: Vec<Argument> = source.inputs.iter().map(|(name, ty)| argument(name, ty)).collect();
    let outputs = match source.outputs_outside {
        true => source.outputs.iter().map(|output| argument(&output.name, &output.ty)).collect(),
        false => Vec::new(),
    };
    for layer in source.layers {
        if let Work::Source(rows) = &layer.work {
            inputs[rows.index].source = Some(*rows);
        }
    }
    let arguments = Arguments { inputs, outputs };
    let results = if source.outputs_outside { TokenStream::new() } else { outputs_struct(source) };
    let detector = source.detector.map(|attached| detector::constants(attached, source.outputs)).unwrap_or_default();
    let settings = source.camera.map(|camera| &camera.settings).or(source.detector.map(|attached| &attached.input));
    let preparation = settings.map(frame::preparation).unwrap_or_default();
    let layout = source.camera.map(frame::layout).unwrap_or_default();
    let tokens = [
        constants(source),
        border::constants(source),
        layout,
        preparation,
        detector,
        model(source, &arguments)?,
        results,
        erased(source, &arguments),
    ];
    let file: syn::File = syn::parse2(tokens.into_iter().collect())?;
    Ok(source.head.text(source.target.name(), source.layers.len()) + &prettyplease::unparse(&file))
}

/// How `run` calls a layer that runs whole, or a group of layers that run row by row: the function, and the arguments that it passes.
pub(crate) struct Call {
    /// The parts of the model's memory that come first.
    pub(crate) uses: Uses,
    /// Whether the executor comes then.
    pub(crate) takes_executor: bool,
    pub(crate) method: String,
    pub(crate) inputs: Vec<usize>,
    pub(crate) outputs: Vec<usize>,
}

/// The functions of a module: one a layer, and the calls of `run`, one a group.
pub(crate) struct Methods {
    pub(crate) layers: Vec<String>,
    pub(crate) calls: Vec<Call>,
}

pub(crate) fn methods(layers: &[Layer], groups: &[Group]) -> Methods {
    let mut names = Names::default();
    let methods: Vec<String> = layers.iter().map(|layer| names.unique(&layer.name)).collect();
    let mut streams = 0;
    let call = |group: &Group| {
        let layers = &layers[group.begin..group.end];
        let method = match group.schedule {
            None => methods[group.begin].clone(),
            Some(_) => {
                streams += 1;
                names.unique(&format!("stream_{streams}"))
            }
        };
        let each = |of: &dyn Fn(&Layer) -> Vec<usize>| {
            let mut all: Vec<usize> = layers.iter().flat_map(of).collect();
            all.sort_unstable();
            all.dedup();
            all
        };
        Call {
            uses: layers.iter().map(Uses::of).fold(Uses::default(), Uses::or),
            takes_executor: layers.iter().any(takes_executor),
            method,
            inputs: if group.schedule.is_some() {
                each(&|layer| layer_inputs(layer).collect())
            } else {
                layer_inputs(&layers[0]).collect()
            },
            outputs: each(&|layer| layer_output(layer).into_iter().collect()),
        }
    };
    let calls = groups.iter().map(call).collect();
    Methods { layers: methods, calls }
}

fn ident(name: &str) -> Ident {
    format_ident!("{name}")
}

fn constants(source: &ModuleSource<'_>) -> TokenStream {
    let (ram, weights) = (int(source.memory.bytes()), int(source.weights));
    let holds = if source.memory.pinned == 0 { "activations and outputs" } else { "activations, outputs and copies of weights" };
    let holds = if source.detector.is_some() { format!("detections, {holds}") } else { holds.to_owned() };
    let by_rows = source.layers.iter().any(|layer| matches!(layer.work, Work::Source(_)));
    let inputs = if by_rows { "with the rows of inputs that are asked for" } else { "not the inputs" };
    let holds = format!(" Bytes of RAM that a [`Model`] works in: {holds}, {inputs}.");
    let macs = long(source.layers.iter().map(|layer| layer.macs).sum());
    let file = format!("{}.weights.bin", source.name);
    let section = source.weights_section.map(|section| quote!(#[unsafe(link_section = #section)])).into_iter();
    let requirement = source.target.requirement().map(|(cfg, flag)| {
        let message = format!(" this module is specialised for {}: build with `{flag}`", source.target);
        let message = message.trim_start();
        let cfg: TokenStream = cfg.parse().unwrap_or_default();
        quote! {
            #[cfg(not(#cfg))]
            #[rustfmt::skip]
            compile_error!(#message);
        }
    });
    let requirement = requirement.into_iter();
    quote! {
        #(#requirement)*
        #[rustfmt::skip]
        const _: () = assert!(peleec_runtime::FORMAT_VERSION == 3, "this module needs a peleec-runtime of format version 3");
        #[doc = #holds]
        #[allow(dead_code, unreachable_pub, reason = "for the firmware to use")]
        pub const ARENA_BYTES: usize = #ram;
        #[doc = " Bytes of [`WEIGHTS`]."]
        #[allow(unreachable_pub, reason = "for the firmware to use")]
        pub const WEIGHT_BYTES: usize = #weights;
        #[doc = " Multiply-accumulates of one run."]
        #[allow(dead_code, unreachable_pub, reason = "for the firmware to use")]
        pub const MACS: u64 = #macs;
        type Flash = peleec_runtime::Weights<WEIGHT_BYTES>;
        #[rustfmt::skip]
        const FILE: &[u8; WEIGHT_BYTES] = include_bytes!(#file);
        #[doc = " The packed weights, in flash."]
        #[allow(dead_code, unreachable_pub, reason = "a network may have none")]
        #(#section)*
        pub static WEIGHTS: Flash = peleec_runtime::Weights(*FILE);
    }
}

fn model(source: &ModuleSource<'_>, arguments: &Arguments) -> Result<TokenStream, syn::Error> {
    let methods = methods(source.layers, source.groups);
    let names: Vec<Ident> = methods.layers.iter().map(|name| ident(name)).collect();
    let layers = source.layers.iter().zip(&names).map(|(layer, name)| method(layer, name, &layer_doc(layer), arguments));
    let layers = layers.collect::<Result<Vec<_>, _>>()?;
    let groups = source.groups.iter().zip(&methods.calls).filter_map(|(group, call)| {
        let layers = group.begin..group.end;
        Some(stream(group.schedule.as_ref()?, call, &source.layers[layers.clone()], &names[layers], arguments))
    });
    let run = run(source, arguments, &methods.calls);
    let lints = quote! {
        #[allow(
            clippy::items_after_statements,
            clippy::missing_const_for_fn,
            clippy::needless_pass_by_ref_mut,
            clippy::similar_names,
            clippy::too_many_arguments,
            clippy::too_many_lines,
            clippy::unreadable_literal,
            clippy::unused_self,
            reason = "one form for every layer, and as many as the network has"
        )]
    };
    let unread = (source.memory.bytes() == 0).then(|| quote!(#[allow(dead_code, reason = "a network may need none")]));
    let types = memory::types(&source.memory);
    let doc = format!(" The network `{}` and the memory that it works in, its own or the caller's.", identifier(source.name));
    let model_doc = " The network with memory of its own. Place it in a `static`.";
    Ok(quote! {
        #[doc = #doc]
        #[allow(unreachable_pub, missing_debug_implementations, reason = "for the firmware to use; numbers by the thousand say nothing")]
        #[rustfmt::skip]
        pub struct Network<M> {
            #unread
            memory: M,
        }
        #[doc = #model_doc]
        #[allow(unreachable_pub, reason = "for the firmware to use")]
        pub type Model = Network<peleec_runtime::Arena<ARENA_BYTES>>;
        #types

        #[allow(unreachable_pub, reason = "for the firmware to use")]
        #[rustfmt::skip]
        impl Model {
            #[doc = " A model that has not run; all zeros, so a `static` of it costs no flash."]
            #[must_use]
            pub const fn new() -> Self {
                Network { memory: peleec_runtime::Arena::new() }
            }

            #[doc = " The network over memory of the caller's, which others may use before and after; what it holds does not matter."]
            #[allow(dead_code, reason = "for the firmware to use")]
            #[must_use]
            pub const fn over(memory: &mut peleec_runtime::Arena<ARENA_BYTES>) -> Network<&mut peleec_runtime::Arena<ARENA_BYTES>> {
                Network { memory }
            }
        }

        #[allow(unreachable_pub, reason = "for the firmware to use")]
        #lints
        #[rustfmt::skip]
        impl<M: AsMut<peleec_runtime::Arena<ARENA_BYTES>>> Network<M> {
            #run
        }

        #lints
        #[rustfmt::skip]
        impl Model {
            #(#groups)*

            #(#layers)*
        }

        #[rustfmt::skip]
        impl Default for Model {
            fn default() -> Self {
                Self::new()
            }
        }
    })
}

/// The names of `run` and of `run_with`, as they are called for outputs of the caller's and over frames, and of the run that does the work.
fn run_names(source: &ModuleSource<'_>) -> [&'static str; 3] {
    match (source.outputs_outside, source.camera) {
        (false, None) => ["run", "run_with", "run_with"],
        (false, Some(_)) => ["run", "run_with", "run_rows_with"],
        (true, None) => ["run_into", "run_into_with", "run_into_with"],
        (true, Some(_)) => ["run_into", "run_into_with", "run_rows_into_with"],
    }
}

/// `run` and `run_with`, or `run_into` and `run_into_with` where the outputs lie with the caller.
fn run(source: &ModuleSource<'_>, arguments: &Arguments, calls: &[Call]) -> TokenStream {
    let parameters = parameters(arguments);
    let passed: Vec<&Ident> = arguments.inputs.iter().chain(&arguments.outputs).map(|argument| &argument.ident).collect();
    let executor = if calls.iter().any(|call| call.takes_executor) { quote!(executor) } else { quote!(_) };
    let unread = unread(arguments, calls);
    let arena = !source.outputs_outside && !source.outputs.is_empty();
    let for_results = Uses { arena, pinned: false, lists: source.detector.is_some() };
    let uses = calls.iter().map(|call| call.uses).fold(for_results, Uses::or);
    let calls = calls.iter().map(|call| {
        let name = ident(&call.method);
        let passed = passed_to(call, arguments);
        let executor = call.takes_executor.then(|| quote!(executor)).into_iter();
        let parts = call.uses.passed();
        quote!(Model::#name(#parts #(#executor,)* #(#passed),*);)
    });
    let (places, returned, result) = results(source, arguments);
    let memory = memory::cut(&source.memory, &quote!(self), uses);
    let names = run_names(source);
    let idents = names.map(ident);
    let [run, _, work] = &idents;
    let (short, doc) = match source.camera {
        Some(camera) => {
            let [scales, _] = border::named(source);
            let (input, scale) = (arguments.inputs.first(), scales.first().and_then(Option::as_ref));
            let row = frame::row(camera, input.map_or(DType::F32, |input| input.ty.dtype), scale);
            let outputs: Vec<_> = arguments.outputs.iter().map(Argument::output).collect();
            let passed: Vec<_> = arguments.outputs.iter().map(|output| &output.ident).collect();
            let doc = run_doc(arguments, " As the run over a frame, over the rows of the input.");
            (frame::run(names, &row, &outputs, &passed, &returned), doc)
        }
        None => {
            let doc = run_doc(arguments, " Runs once.");
            let semicolon = returned.is_empty().then(|| quote!(;)).into_iter();
            let short = quote! {
                #doc
                #[allow(dead_code, reason = "for the firmware to use")]
                pub fn #run(&mut self, #(#parameters),*) #returned {
                    self.#work(&peleec_runtime::OneCore, #(#passed),*) #(#semicolon)*
                }
            };
            let doc = format!(" As [`{run}`](Self::{run}), on the executor's cores: the same bits.");
            (short, quote!(#[doc = #doc]))
        }
    };
    quote! {
        #short

        #doc
        pub fn #work(&mut self, #executor: &impl peleec_runtime::Executor, #(#parameters),*) #returned {
            #(#places)*
            #unread
            #memory
            #(#calls)*
            #result
        }
    }
}

/// The regions of a run's results, the type that it returns, and its last lines.
fn results(source: &ModuleSource<'_>, arguments: &Arguments) -> (Vec<TokenStream>, TokenStream, TokenStream) {
    let [_, scales] = border::named(source);
    if source.outputs_outside {
        let Some(attached) = source.detector else { return Default::default() };
        let [loc, scores] = [attached.loc, attached.scores].map(|index| {
            let ident = &arguments.outputs[index].ident;
            border::values(scales[index].as_ref(), &quote!(&*#ident))
        });
        let (list, call) = (detector::list(), detector::call(attached, &loc, &scores));
        return (Vec::new(), quote!(-> &#list), quote!(#call &lists.detections));
    }
    let fields = output_idents(source).into_iter().zip(source.outputs).map(|(ident, Output { ty, at, .. })| {
        let kind = region_type(ty.dtype, *at, ty.shape.elements());
        let place = place_of(&ident);
        let region = quote!(const #place: #kind = peleec_runtime::Region::new(););
        (region, quote!(#ident: arena.read(#place)))
    });
    let (places, mut fields): (Vec<_>, Vec<_>) = fields.unzip();
    let detect = source.detector.map(|attached| {
        let [loc, scores] = [attached.loc, attached.scores].map(|index| {
            let place = place_of(&output_idents(source)[index]);
            border::values(scales[index].as_ref(), &quote!(arena.read(#place)))
        });
        fields.push(detector::result());
        detector::call(attached, &loc, &scores)
    });
    let detect = detect.unwrap_or_default();
    (places, quote!(-> Outputs<'_>), quote!(#detect Outputs { #(#fields),* }))
}

/// What the region of an output goes by.
fn place_of(ident: &Ident) -> Ident {
    format_ident!("{}", ident.to_string().to_uppercase())
}

/// Takes note of the inputs that nothing reads, or rustc would warn of them.
fn unread(arguments: &Arguments, calls: &[Call]) -> TokenStream {
    let inputs = arguments.inputs.iter().enumerate();
    let idents = inputs.filter(|(index, _)| calls.iter().all(|call| !call.inputs.contains(index))).map(|(_, input)| &input.ident);
    quote!(#(let _ = #idents;)*)
}

fn run_doc(arguments: &Arguments, first: &str) -> TokenStream {
    let lines = match arguments_doc(arguments) {
        text if text.is_empty() => Vec::new(),
        text => vec![String::new(), format!(" Arguments: {text}")],
    };
    quote!(#[doc = #first] #(#[doc = #lines])*)
}

/// The parameters for all arguments.
fn parameters(arguments: &Arguments) -> Vec<TokenStream> {
    arguments.inputs.iter().map(Argument::input).chain(arguments.outputs.iter().map(Argument::output)).collect()
}

/// The arguments that a call passes on.
fn passed_to<'a>(call: &'a Call, arguments: &'a Arguments) -> impl Iterator<Item = &'a Ident> {
    let inputs = call.inputs.iter().map(|&index| &arguments.inputs[index].ident);
    inputs.chain(call.outputs.iter().map(|&index| &arguments.outputs[index].ident))
}

/// The function that runs layers row by row, in the order of a schedule.
fn stream(schedule: &Schedule, call: &Call, layers: &[Layer], names: &[Ident], arguments: &Arguments) -> TokenStream {
    let name = ident(&call.method);
    let parameters = parameters(&Arguments {
        inputs: call.inputs.iter().map(|&index| arguments.inputs[index].clone()).collect(),
        outputs: call.outputs.iter().map(|&index| arguments.outputs[index].clone()).collect(),
    });
    let count = int(layers.len());
    let arms = layers.iter().zip(names).enumerate().map(|(index, (layer, name))| {
        let own = layer_inputs(layer).map(|index| &arguments.inputs[index].ident);
        let own = own.chain(layer_output(layer).map(|index| &arguments.outputs[index].ident));
        let parts = Uses::of(layer).passed();
        let executor = takes_executor(layer).then(|| quote!(executor)).into_iter();
        let step = int(index);
        let pattern = if index + 1 == layers.len() { quote!(_) } else { quote!(#step) };
        quote!(#pattern => Self::#name(#parts #(#executor,)* row, #(#own),*),)
    });
    let doc = format!(" Runs {} layers row by row: each buffer between them holds only the rows that are still needed.", layers.len());
    let list = |calls: &[u8]| {
        let calls = calls.iter().map(|&call| proc_macro2::Literal::u8_unsuffixed(call));
        quote!(&[#(#calls),*])
    };
    let [prologue, body, epilogue] = [&schedule.prologue, &schedule.body, &schedule.epilogue].map(|calls| list(calls));
    let times = int(schedule.times);
    let executor = call.takes_executor.then(|| quote!(executor: &impl peleec_runtime::Executor)).into_iter();
    let pins = layers.iter().filter_map(pin);
    let parts = call.uses.parameters(true);
    quote! {
        #[doc = #doc]
        fn #name(#parts #(#executor,)* #(#parameters),*) {
            #(#pins)*
            const SCHEDULE: peleec_runtime::Schedule =
                peleec_runtime::Schedule { prologue: #prologue, body: #body, times: #times, epilogue: #epilogue };
            let mut rows = peleec_runtime::RowCounters::<#count>::new();
            for step in SCHEDULE.steps() {
                let row = rows.next(step);
                match step {
                    #(#arms)*
                }
            }
        }
    }
}

/// A type as whoever calls the model reads it.
fn in_words(ty: &TensorType) -> String {
    let truth = if ty.dtype == DType::Bool { " as bytes, 0 or 1" } else { "" };
    format!("{ty}{truth}")
}

/// What the arguments are.
fn arguments_doc(arguments: &Arguments) -> String {
    let (rows, arrays): (Vec<_>, Vec<_>) = arguments.inputs.iter().partition(|argument| argument.source.is_some());
    let given = arrays.into_iter().map(|argument| format!("`{}` is {}", argument.ident, in_words(&argument.ty)));
    let outputs = arguments.outputs.iter().map(|argument| format!("`{}` becomes {}", argument.ident, in_words(&argument.ty)));
    let arrays: Vec<_> = given.chain(outputs).collect();
    let mut doc: Vec<_> = rows
        .into_iter()
        .map(|Argument { ident, ty, .. }| format!("`{ident}` is called for one row of pixels of {ty} after the other, with its number."))
        .collect();
    if !arrays.is_empty() {
        doc.push(format!("{}, row-major in ONNX's order.", arrays.join(", ")));
    }
    doc.join(" ")
}

fn layer_doc(layer: &Layer) -> String {
    let ty = TensorType::new(layer.y.dtype, layer.dims.clone());
    let name = in_doc(&layer.name);
    let place = bytes(&layer.y);
    match layer.work {
        Work::Source(_) => format!(" `{name}`: asks for {} of {ty}, {place}.", if layer.by_rows { "one row" } else { "all rows" }),
        Work::Kernel(_) => {
            let what = if layer.by_rows { "one row of " } else { "" };
            format!(" `{name}`: {what}`{}` -> {ty}, {} MACs, {place}.", layer.label.join(" + "), layer.macs)
        }
    }
}

fn bytes(region: &Region) -> String {
    let memory = if region.memory == Memory::Arena { "arena" } else { "output" };
    format!("{memory} bytes {}..{}", region.at, region.end())
}

fn output_idents(source: &ModuleSource<'_>) -> Vec<Ident> {
    let mut names = Names::default();
    // The results have a field of the first name, and the module constants of all three.
    source.detector.map(|_| ["detections", "detector", "candidates"].map(|name| names.unique(name)));
    source.outputs.iter().map(|output| ident(&names.unique(&output.name))).collect()
}

fn outputs_struct(source: &ModuleSource<'_>) -> TokenStream {
    let [_, scales] = border::named(source);
    let fields = output_idents(source).into_iter().zip(source.outputs).zip(scales).map(|((ident, Output { ty, .. }), scale)| {
        let (element, len) = (element_type(ty.dtype), int(ty.shape.elements()));
        let stands = scale.map_or_else(String::new, |named| format!(" Bytes of [`{}`] and [`{}`].", named.scale, named.zero_point));
        let doc = format!(" {}, row-major in ONNX's order.{stands}", in_words(ty));
        quote!(#[doc = #doc] pub #ident: &'m [#element; #len])
    });
    let fields = fields.chain(source.detector.map(|_| detector::output()));
    quote! {
        #[doc = " The results of one run, in the model's memory."]
        #[derive(Clone, Copy, Debug)]
        #[allow(dead_code, unreachable_pub, clippy::struct_field_names, reason = "for the firmware to use, by the network's names")]
        #[rustfmt::skip]
        pub struct Outputs<'m> { #(#fields),* }
    }
}

/// The model behind `peleec_runtime::Model`.
fn erased(source: &ModuleSource<'_>, arguments: &Arguments) -> TokenStream {
    let row = |ident: &Ident, name: &str, TensorType { dtype, shape }: &TensorType| {
        let (element, dims, len) = (element_type(*dtype), shape.iter().map(|&dim| int(dim)), int(shape.elements()));
        quote!(#ident: #name #element [#(#dims),*] [#len])
    };
    let inputs = arguments.inputs.iter().zip(source.inputs).map(|(input, (name, ty))| {
        let input_rows = input.source.as_ref().map(|source| {
            let function = if source.channels_last { quote!(interleaved_rows) } else { quote!(planar_rows) };
            let [width, channels] = [source.output.width, source.output.channels].map(|extent| int(extent as usize));
            quote!(by #function::<#width, #channels>)
        });
        let (input, rows) = (row(&input.ident, name, ty), input_rows.into_iter());
        quote!(#input #(#rows)*;)
    });
    let idents = match source.outputs_outside {
        true => arguments.outputs.iter().map(|output| output.ident.clone()).collect(),
        false => output_idents(source),
    };
    let outputs = idents.iter().zip(source.outputs).map(|(ident, Output { name, ty, .. })| {
        let output = row(ident, name, ty);
        quote!(#output;)
    });
    let [_, _, run] = run_names(source).map(ident);
    quote! {
        #[rustfmt::skip]
        peleec_runtime::impl_model! {
            Network in ARENA_BYTES, #run,
            inputs { #(#inputs)* }
            outputs { #(#outputs)* }
        }
    }
}
