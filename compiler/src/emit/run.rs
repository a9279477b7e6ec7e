//! The functions that run a network: `run` and its kin, and one for each group of layers that run row by row.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::border;
use super::detector;
use super::frame;
use super::int;
use super::layer::{Argument, Arguments, Uses, layer_inputs, layer_output, pin, region_type, takes_executor};
use super::memory;
use super::source::{ModuleSource, Output, ident, in_words, output_idents};
use crate::names::Names;
use crate::plan::{Group, Schedule};
use crate::steps::bind::Layer;
use crate::tensor::DType;

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

/// The line that stands for the calls of a run.
pub(super) const CALLS: &str = "        CALLS;\n";

/// The names of `run` and of `run_with`, as they are called for outputs of the caller's and over frames, and of the run that does the work.
pub(super) fn run_names(source: &ModuleSource<'_>) -> [&'static str; 3] {
    match (source.outputs_outside, source.camera) {
        (false, None) => ["run", "run_with", "run_with"],
        (false, Some(_)) => ["run", "run_with", "run_rows_with"],
        (true, None) => ["run_into", "run_into_with", "run_into_with"],
        (true, Some(_)) => ["run_into", "run_into_with", "run_rows_into_with"],
    }
}

/// `run` and `run_with`, or `run_into` and `run_into_with` where the outputs lie with the caller. Where there are calls, [`CALLS`] stands
/// for them.
pub(super) fn run(source: &ModuleSource<'_>, arguments: &Arguments, calls: &[Call]) -> TokenStream {
    let parameters = parameters(arguments);
    let passed: Vec<&Ident> = arguments.inputs.iter().chain(&arguments.outputs).map(|argument| &argument.ident).collect();
    let executor = if calls.iter().any(|call| call.takes_executor) { quote!(executor) } else { quote!(_) };
    let unread = unread(arguments, calls);
    let arena = !source.outputs_outside && !source.outputs.is_empty();
    let for_results = Uses { arena, pinned: false, lists: source.detector.is_some() };
    let uses = calls.iter().map(|call| call.uses).fold(for_results, Uses::or);
    // Their place: they are printed by themselves.
    let calls = (!calls.is_empty()).then(|| quote!(CALLS;));
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
            #calls
            #result
        }
    }
}

/// The statement of a run that calls a layer, or a group of them.
pub(super) fn statement(call: &Call, arguments: &Arguments) -> TokenStream {
    let name = ident(&call.method);
    let passed = passed_to(call, arguments);
    let executor = call.takes_executor.then(|| quote!(executor)).into_iter();
    let parts = call.uses.passed();
    quote!(Model::#name(#parts #(#executor,)* #(#passed),*);)
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
pub(super) fn stream(schedule: &Schedule, call: &Call, layers: &[Layer], names: &[Ident], arguments: &Arguments) -> TokenStream {
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
