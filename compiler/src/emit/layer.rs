//! One function a layer: its geometry as a `const`, its regions, its call.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::geometry::{geometry_type, geometry_value, int};
use crate::lower::bind::{Geometry, Layer, Memory, Region};

/// An argument of the generated `run`: identifier and length.
pub(super) struct Input {
    pub(super) ident: Ident,
    pub(super) len: usize,
}

/// The method `name` that runs the layer.
pub(super) fn method(layer: &Layer, name: &Ident, doc: &str, inputs: &[Input]) -> TokenStream {
    let arguments = layer_inputs(layer).map(|index| {
        let Input { ident, len } = &inputs[index];
        let len = int(*len);
        quote!(#ident: &[f32; #len])
    });
    let executor = takes_executor(layer).then(|| quote!(executor: &impl peleec_runtime::Executor)).into_iter();
    let body = if layer.x.overlaps(&layer.y) { within(layer) } else { apart(layer, inputs) };
    quote! {
        #[doc = #doc]
        #[inline(never)]
        fn #name(&mut self, #(#executor,)* #(#arguments),*) {
            #body
        }
    }
}

/// The graph inputs that the layer reads, each once.
pub(super) fn layer_inputs(layer: &Layer) -> impl Iterator<Item = usize> {
    let input = |region: &Region| match region.memory {
        Memory::Input(index) => Some(index),
        _ => None,
    };
    let x = input(&layer.x);
    let r = layer.r.as_ref().and_then(input).filter(|&index| Some(index) != x);
    x.into_iter().chain(r)
}

/// Operands that lie apart: those in the arena are bound by one call, the others stand where they are used.
fn apart(layer: &Layer, inputs: &[Input]) -> TokenStream {
    let Layer { geometry, x, r, y, .. } = layer;
    let residual = matches!(geometry, Geometry::Conv2d(..)) && r.is_some();
    let [x_len, w_len, y_len] = [x.len, layer.w.len(), y.len].map(int);
    let kind = geometry_type(geometry);
    let r_len = r.as_ref().map(|r| int(r.len)).into_iter();
    let value = geometry_value(geometry);
    let (new, run) = if residual { (quote!(with_second), quote!(run_second)) } else { (quote!(new), quote!(run)) };
    let regions = regions(layer);
    let operands = [(quote!(from), Some(x)), (quote!(with), r.as_ref())];
    let operands = operands.into_iter().filter_map(|(name, region)| Some(operand(region?, name, inputs)));
    let executor = takes_executor(layer).then(|| quote!(executor)).into_iter();
    let weights = takes_executor(layer).then(|| weights(layer)).into_iter();
    quote! {
        type Kernel = #kind;
        type This = peleec_runtime::Layer<Kernel, #x_len, #w_len, #y_len #(, #r_len)*>;
        const LAYER: This = This::#new(#value);
        #regions
        LAYER.#run(#(#executor,)* #(#operands,)* #(#weights,)* to);
    }
}

/// Input and output that are interleaved slices of one host.
fn within(layer: &Layer) -> TokenStream {
    let Layer { geometry, x, y, .. } = layer;
    let start = x.at.min(y.at);
    let len = x.end().max(y.end()) - start;
    let kind = geometry_type(geometry);
    let value = geometry_value(geometry);
    let weights = weights(layer);
    let [x_at, y_at, start, len, w_len] = [x.at - start, y.at - start, start, len, layer.w.len()].map(int);
    quote! {
        type Kernel = #kind;
        type This = peleec_runtime::Within<Kernel, #len, #w_len>;
        const KERNEL: Kernel = #value;
        const LAYER: This = This::new(KERNEL, #x_at, #y_at);
        const HOST: peleec_runtime::Region<#start, #len> = peleec_runtime::Region;
        LAYER.run(executor, #weights, self.arena.write(HOST));
    }
}

/// Whether the kernel shares its work among cores; these kernels take weights, too.
pub(super) fn takes_executor(layer: &Layer) -> bool {
    matches!(layer.geometry, Geometry::Conv2d(..) | Geometry::DepthwiseConv2d(..) | Geometry::Pool2d(_))
}

fn weights(layer: &Layer) -> TokenStream {
    if layer.w.is_empty() {
        return quote!(&[]);
    }
    let (at, len) = (int(4 * layer.w.start), int(layer.w.len()));
    quote!(WEIGHTS.f32s::<#at, #len>())
}

/// Statements that bind the operands in the arena: `from`, `with` and `to`.
fn regions(layer: &Layer) -> TokenStream {
    let Layer { x, r, y, .. } = layer;
    let operands = [(quote!(from), quote!(FROM), Some(x)), (quote!(with), quote!(WITH), r.as_ref())];
    let inside =
        operands.into_iter().filter_map(|(name, place, region)| Some((name, place, region.filter(|r| r.memory == Memory::Arena)?)));
    let mut names = Vec::new();
    let mut places = Vec::new();
    let mut consts = Vec::new();
    for (name, place, region) in inside.chain([(quote!(to), quote!(TO), y)]) {
        let (at, len) = (int(region.at), int(region.len));
        consts.push(quote!(const #place: peleec_runtime::Region<#at, #len> = peleec_runtime::Region;));
        names.push(name);
        places.push(place);
    }
    let bind = match names.len() {
        1 => quote!(let to = self.arena.write(TO);),
        2 => quote!(let (#(#names),*) = self.arena.read_write(#(#places),*);),
        _ => quote!(let (#(#names),*) = self.arena.read2_write(#(#places),*);),
    };
    quote!(#(#consts)* #bind)
}

/// An operand of the call: `name` where it lies in the arena.
fn operand(region: &Region, name: TokenStream, inputs: &[Input]) -> TokenStream {
    let (at, len) = (int(region.at), int(region.len));
    match region.memory {
        Memory::Arena => name,
        Memory::Input(index) if region.at == 0 && region.len == inputs[index].len => {
            let ident = &inputs[index].ident;
            quote!(#ident)
        }
        Memory::Input(index) => {
            let ident = &inputs[index].ident;
            quote!(peleec_runtime::part::<#at, #len, _>(#ident))
        }
        Memory::Weights => {
            let at = int(4 * region.at);
            quote!(WEIGHTS.f32s::<#at, #len>())
        }
    }
}
