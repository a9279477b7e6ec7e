//! One function a layer: its geometry as a `const`, its regions, its call.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

use super::int;
use crate::steps::bind::{Door, Layer, Memory, Region};
use crate::steps::kernels::{Asked, Bound, Work};
use crate::tensor::{DType, TensorType};

/// An argument of the generated `run`.
#[derive(Clone)]
pub(super) struct Argument {
    pub(super) ident: Ident,
    pub(super) ty: TensorType,
    /// What gives its rows, where it is not an array.
    pub(super) source: Option<Asked>,
}

impl Argument {
    /// The parameter for an input.
    pub(super) fn input(&self) -> TokenStream {
        let (ident, element, len) = self.parts();
        match &self.source {
            None => quote!(#ident: &[#element; #len]),
            Some(Asked { output, .. }) => {
                let [width, channels] = [output.width, output.channels].map(|extent| int(extent as usize));
                quote!(#ident: &mut impl FnMut(usize, &mut [[#element; #channels]; #width]))
            }
        }
    }

    /// The parameter for an output.
    pub(super) fn output(&self) -> TokenStream {
        let (ident, element, len) = self.parts();
        quote!(#ident: &mut [#element; #len])
    }

    fn parts(&self) -> (&Ident, Ident, Literal) {
        (&self.ident, element_type(self.ty.dtype), int(self.ty.shape.elements()))
    }
}

/// The arguments of `run`: the graph's inputs, and its outputs where they lie with the caller.
pub(super) struct Arguments {
    pub(super) inputs: Vec<Argument>,
    pub(super) outputs: Vec<Argument>,
}

/// Which parts of the model's memory something uses.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Uses {
    /// That of the activations.
    pub(crate) arena: bool,
    /// That of the copies of weights.
    pub(crate) pinned: bool,
    /// That of a detector's lists.
    pub(crate) lists: bool,
}

impl Uses {
    /// What a layer reads and writes.
    pub(super) fn of(layer: &Layer) -> Self {
        let host = if let Door::Within(host) | Door::SecondWithin(host) = &layer.door { Some(host) } else { None };
        let operands = [Some(&layer.x), layer.r.as_ref(), Some(&layer.y), host];
        let arena = operands.into_iter().flatten().any(|region| region.memory == Memory::Arena);
        Uses { arena, pinned: layer.pinned.is_some(), lists: false }
    }

    /// What one of two uses.
    pub(super) fn or(self, other: Self) -> Self {
        Uses { arena: self.arena || other.arena, pinned: self.pinned || other.pinned, lists: self.lists || other.lists }
    }

    /// The arguments that pass them on.
    pub(crate) fn passed(self) -> TokenStream {
        let (arena, pinned) = (self.arena.then(|| quote!(arena,)), self.pinned.then(|| quote!(pinned,)));
        quote!(#arena #pinned)
    }

    /// The parameters of a function that makes copies of weights, or reads them.
    pub(super) fn parameters(self, makes_copies: bool) -> TokenStream {
        let makes = makes_copies.then(|| quote!(mut));
        let (arena, pinned) = (self.arena.then(|| quote!(arena: &mut Activations,)), self.pinned.then(|| quote!(pinned: &#makes Copies,)));
        quote!(#arena #pinned)
    }
}

/// The function `name` that runs the layer, or a row of it.
pub(super) fn method(layer: &Layer, name: &Ident, arguments: &Arguments) -> Result<TokenStream, syn::Error> {
    let inputs = layer_inputs(layer).map(|index| arguments.inputs[index].input());
    let output = layer_output(layer).map(|index| arguments.outputs[index].output()).into_iter();
    let executor = takes_executor(layer).then(|| quote!(executor: &impl peleec_runtime::Executor)).into_iter();
    let row = layer.by_rows.then(|| quote!(row: usize)).into_iter();
    let parts = Uses::of(layer).parameters(false);
    let body = match &layer.work {
        Work::Source(asked) => asks(layer, asked, arguments),
        Work::Kernel(bound) => {
            let kernel = kernel(bound.as_ref())?;
            let call = match layer.door {
                Door::Apart => apart(layer, arguments),
                Door::Within(host) => within(layer, host, arguments),
                Door::SecondWithin(host) => second_within(layer, host, arguments),
                Door::InPlace => in_place(layer, arguments),
            };
            quote!(#kernel #call)
        }
    };
    Ok(quote! {
        #[inline(never)]
        fn #name(#parts #(#executor,)* #(#row,)* #(#inputs,)* #(#output,)*) {
            #body
        }
    })
}

/// The kernel's type and geometry.
fn kernel(bound: &dyn Bound) -> Result<TokenStream, syn::Error> {
    let (kind, value): (TokenStream, TokenStream) = (bound.kind().parse()?, bound.value().parse()?);
    Ok(quote! {
        type Kernel = #kind;
        const KERNEL: Kernel = #value;
    })
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

/// The graph output of the caller's that the layer writes.
pub(super) fn layer_output(layer: &Layer) -> Option<usize> {
    match layer.y.memory {
        Memory::Output(index) => Some(index),
        _ => None,
    }
}

/// Operands that lie apart: those in the arena are bound first, the others stand where they are used.
fn apart(layer: &Layer, arguments: &Arguments) -> TokenStream {
    let Layer { x, r, w, y, .. } = layer;
    let lengths = [x.len, w.len, y.len].into_iter().chain(r.as_ref().map(|r| r.len)).map(int);
    let (this, run) = if layer.by_rows { (quote!(RowLayer), quote!(run_row)) } else { (quote!(Layer), quote!(run)) };
    let regions = regions(layer, arguments);
    let row = layer.by_rows.then(|| quote!(row)).into_iter();
    let from = operand(x, quote!(from), arguments);
    let (with, weights) = (second(layer, arguments), weights(layer));
    quote! {
        type This = peleec_runtime::#this<Kernel, #(#lengths),*>;
        const LAYER: This = This::new(KERNEL);
        #regions
        LAYER.#run(executor, #(#row,)* #from, #with, #weights, to);
    }
}

/// Input and output in one region.
fn within(layer: &Layer, host: Region, arguments: &Arguments) -> TokenStream {
    let Layer { x, r, y, .. } = layer;
    let [x_at, y_at] = [x, y].map(|region| int(region.element() - host.element()));
    let lengths = [host.len, layer.w.len].into_iter().chain(r.as_ref().map(|r| r.len)).map(int);
    let (this, run) = if layer.by_rows { (quote!(WithinRows), quote!(run_row)) } else { (quote!(Within), quote!(run)) };
    let row = layer.by_rows.then(|| quote!(row)).into_iter();
    let (with, weights, place) = (second(layer, arguments), weights(layer), region_of(&host));
    let bind = match r.as_ref().filter(|r| r.memory == Memory::Arena).map(region_of) {
        Some(place) => quote! {
            const WITH: #place = peleec_runtime::Region::new();
            let (with, host) = arena.read_write(WITH, HOST);
        },
        None => quote!(let host = arena.write(HOST);),
    };
    quote! {
        type This = peleec_runtime::#this<Kernel, #(#lengths),*>;
        const LAYER: This = This::new(KERNEL, #x_at, #y_at);
        const HOST: #place = peleec_runtime::Region::new();
        #bind
        LAYER.#run(executor, #(#row,)* #with, #weights, host);
    }
}

/// Second input and output in one region, row by row.
fn second_within(layer: &Layer, host: Region, arguments: &Arguments) -> TokenStream {
    let Layer { x, r, w, y, .. } = layer;
    let [r_at, y_at] = [r.as_ref().unwrap_or(y), y].map(|region| int(region.element() - host.element()));
    let lengths = [x.len, w.len, host.len].map(int);
    let (from, weights, place) = (operand(x, quote!(from), arguments), weights(layer), region_of(&host));
    let bind = match x.memory {
        Memory::Arena => {
            let from = region_of(x);
            quote! {
                const FROM: #from = peleec_runtime::Region::new();
                let (from, host) = arena.read_write(FROM, HOST);
            }
        }
        _ => quote!(let host = arena.write(HOST);),
    };
    quote! {
        type This = peleec_runtime::SecondWithinRows<Kernel, #(#lengths),*>;
        const LAYER: This = This::new(KERNEL, #r_at, #y_at);
        const HOST: #place = peleec_runtime::Region::new();
        #bind
        LAYER.run_row(executor, row, #from, #weights, host);
    }
}

/// The second input of the call.
fn second(layer: &Layer, arguments: &Arguments) -> TokenStream {
    layer.r.as_ref().map_or(quote!(&[]), |r| operand(r, quote!(with), arguments))
}

/// Asks the caller for a row of an input, or for all.
fn asks(layer: &Layer, source: &Asked, arguments: &Arguments) -> TokenStream {
    let (ident, place) = (&arguments.inputs[source.index].ident, region_of(&layer.y));
    let ask = quote!(#ident(row, arena.row(ROWS, row)););
    let height = int(source.output.height as usize);
    let ask = if layer.by_rows { ask } else { quote!(for row in 0..#height { #ask }) };
    quote! {
        const ROWS: #place = peleec_runtime::Region::new();
        #ask
    }
}

/// An output over its input.
fn in_place(layer: &Layer, arguments: &Arguments) -> TokenStream {
    let (len, bind) = (int(layer.y.len), output(layer, arguments));
    quote! {
        type This = peleec_runtime::InPlace<Kernel, #len>;
        const LAYER: This = This::new(KERNEL);
        #bind
        LAYER.run(executor, to);
    }
}

/// Whether the layer runs a kernel, which may share its work among cores.
pub(super) fn takes_executor(layer: &Layer) -> bool {
    matches!(layer.work, Work::Kernel(_))
}

fn weights(layer: &Layer) -> TokenStream {
    if layer.w.len == 0 {
        return quote!(&[]);
    }
    match copy(layer) {
        Some(copy) => quote!(pinned.read(#copy)),
        None => flash(layer),
    }
}

fn flash(layer: &Layer) -> TokenStream {
    stored(&layer.w)
}

/// The region of the copy of the layer's weights.
fn copy(layer: &Layer) -> Option<TokenStream> {
    let place = region_type(layer.w.dtype, layer.pinned?, layer.w.len);
    Some(quote!(<#place>::new()))
}

/// The statement that copies the layer's weights to RAM.
pub(super) fn pin(layer: &Layer) -> Option<TokenStream> {
    let (copy, flash) = (copy(layer)?, flash(layer));
    Some(quote!(*pinned.write(#copy) = *#flash;))
}

/// Statements that bind the operands in the arena, and the output: `from`, `with` and `to`.
fn regions(layer: &Layer, arguments: &Arguments) -> TokenStream {
    let Layer { x, r, y, .. } = layer;
    let operands = [(quote!(from), quote!(FROM), Some(x)), (quote!(with), quote!(WITH), r.as_ref())];
    let mut inside: Vec<_> = operands
        .into_iter()
        .filter_map(|(name, place, region)| Some((name, place, region.filter(|r| r.memory == Memory::Arena)?)))
        .collect();
    let outside = layer_output(layer).is_some();
    if !outside {
        inside.push((quote!(to), quote!(TO), y));
    }
    let consts = inside.iter().map(|(_, place, region)| {
        let kind = region_of(region);
        quote!(const #place: #kind = peleec_runtime::Region::new();)
    });
    let (names, places) = (inside.iter().map(|(name, ..)| name), inside.iter().map(|(_, place, _)| place));
    let bind = match inside.len() {
        _ if outside => {
            let to = output(layer, arguments);
            quote!(#(let #names = arena.read(#places);)* #to)
        }
        1 => quote!(let to = arena.write(TO);),
        2 => quote!(let (#(#names),*) = arena.read_write(#(#places),*);),
        _ => quote!(let (#(#names),*) = arena.read2_write(#(#places),*);),
    };
    quote!(#(#consts)* #bind)
}

/// The statements that bind `to` alone.
fn output(layer: &Layer, arguments: &Arguments) -> TokenStream {
    let (y, place) = (&layer.y, region_of(&layer.y));
    let whole = |argument: &&Argument| y.at == 0 && y.len == argument.ty.shape.elements();
    let argument = layer_output(layer).map(|index| &arguments.outputs[index]);
    let (at, len) = (int(y.element()), int(y.len));
    match argument {
        None => quote! {
            const TO: #place = peleec_runtime::Region::new();
            let to = arena.write(TO);
        },
        Some(Argument { ident, .. }) if argument.as_ref().is_some_and(whole) => quote!(let to = #ident;),
        Some(Argument { ident, .. }) => quote!(let to = peleec_runtime::part_mut::<_, #at, #len, _>(#ident);),
    }
}

/// An operand of the call: `name` where it lies in the arena.
fn operand(region: &Region, name: TokenStream, arguments: &Arguments) -> TokenStream {
    let (at, len) = (int(region.element()), int(region.len));
    match region.memory {
        Memory::Arena | Memory::Output(_) => name,
        Memory::Input(index) if region.at == 0 && region.len == arguments.inputs[index].ty.shape.elements() => {
            let ident = &arguments.inputs[index].ident;
            quote!(#ident)
        }
        Memory::Input(index) => {
            let ident = &arguments.inputs[index].ident;
            quote!(peleec_runtime::part::<_, #at, #len, _>(#ident))
        }
        Memory::Weights => stored(region),
    }
}

/// Elements in flash.
fn stored(range: &Region) -> TokenStream {
    let (element, at, len) = (element_type(range.dtype), int(range.at), int(range.len));
    quote!(WEIGHTS.get::<#element, #at, #len>())
}

/// The type of a region of the arena.
fn region_of(place: &Region) -> TokenStream {
    region_type(place.dtype, place.at, place.len)
}

/// The type of a region of `len` elements from byte `at` on.
pub(crate) fn region_type(dtype: DType, at: usize, len: usize) -> TokenStream {
    let (element, at, len) = (element_type(dtype), int(at), int(len));
    quote!(peleec_runtime::Region<#element, #at, #len>)
}

/// The type of an element.
pub(crate) fn element_type(dtype: DType) -> Ident {
    format_ident!("{}", dtype.element())
}
