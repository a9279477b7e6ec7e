//! The generated module: constants, weights, `Model`, `Outputs`; `run` and `layer` have the functions.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::border;
use super::detector;
use super::frame;
use super::functions::{layer_functions, statements};
use super::layer::{Arguments, element_type};
use super::memory;
use super::run::{CALLS, Call, Methods, methods, run, run_names, stream};
use super::source::{ModuleSource, Output, arguments, ident, in_words, output_idents};
use super::{formatted, int, long};
use crate::names::identifier;
use crate::steps::kernels::Work;
use crate::tensor::TensorType;

/// The text of `NAME.rs`.
///
/// Items of more than a line are kept from rustfmt, whose settings are the user's: a module that is checked in stays as it was written.
pub(crate) fn module(source: &ModuleSource<'_>) -> Result<String, syn::Error> {
    let arguments = arguments(source);
    let results = if source.outputs_outside { TokenStream::new() } else { outputs_struct(source) };
    let detector = source.detector.map(|attached| detector::constants(attached, source.outputs)).unwrap_or_default();
    let settings = source.camera.map(|camera| &camera.settings).or(source.detector.map(|attached| &attached.input));
    let preparation = settings.map(frame::preparation).unwrap_or_default();
    let layout = source.camera.map(frame::layout).unwrap_or_default();
    let methods = methods(source.layers, source.groups);
    let before = [constants(source), border::constants(source), layout, preparation, detector, network(source)];
    let after = [default(), results, erased(source, &arguments)];
    Ok(source.head.text(source.target.name(), source.layers.len())
        + &formatted(before.into_iter().collect())?
        + &runs(source, &arguments, &methods.calls)?
        + &functions(source, &arguments, &methods)?
        + &formatted(after.into_iter().collect())?)
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

/// The type of the model, and what makes one.
fn network(source: &ModuleSource<'_>) -> TokenStream {
    let unread = (source.memory.bytes() == 0).then(|| quote!(#[allow(dead_code, reason = "a network may need none")]));
    let types = memory::types(&source.memory);
    let doc = format!(" The network `{}` and the memory that it works in, its own or the caller's.", identifier(source.name));
    let model_doc = " The network with memory of its own. Place it in a `static`.";
    quote! {
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
    }
}

/// `run` and its kin.
fn runs(source: &ModuleSource<'_>, arguments: &Arguments, calls: &[Call]) -> Result<String, syn::Error> {
    let (lints, run) = (lints(), run(source, arguments, calls));
    let text = formatted(quote! {
        #[allow(unreachable_pub, reason = "for the firmware to use")]
        #lints
        #[rustfmt::skip]
        impl<M: AsMut<peleec_runtime::Arena<ARENA_BYTES>>> Network<M> {
            #run
        }
    })?;
    Ok(text.replacen(CALLS, &statements(calls, arguments)?, 1))
}

/// The functions of groups and layers.
fn functions(source: &ModuleSource<'_>, arguments: &Arguments, methods: &Methods) -> Result<String, syn::Error> {
    let names: Vec<Ident> = methods.layers.iter().map(|name| ident(name)).collect();
    let groups = source.groups.iter().zip(&methods.calls).filter_map(|(group, call)| {
        let layers = group.begin..group.end;
        Some(stream(group.schedule.as_ref()?, call, &source.layers[layers.clone()], &names[layers], arguments))
    });
    let lints = lints();
    let functions = quote! {
        #lints
        #[rustfmt::skip]
        impl Model {
            #(#groups)*
        }
    };
    let mut text = formatted(functions)?;
    // The layers' come before the closing brace, which stands beside the opening one where there is nothing else.
    let layers = layer_functions(source, &methods.layers)?;
    text.truncate(text.trim_end().len() - 1);
    if !layers.is_empty() && text.ends_with('{') {
        text.push('\n');
    }
    text += &layers;
    text += "}\n";
    Ok(text)
}

/// What lints are to let pass: whatever the network, all layers have one form: an argument that some do without, constants beside the call
/// that they are of, names and numbers as the network has them.
fn lints() -> TokenStream {
    quote! {
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
    }
}

fn default() -> TokenStream {
    quote! {
        #[rustfmt::skip]
        impl Default for Model {
            fn default() -> Self {
                Self::new()
            }
        }
    }
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
