//! The functions of all layers as text: such that differ only in their names and in what is said of them are printed once, and on all
//! cores.

use std::collections::HashMap;
use std::thread;

use quote::quote;

use super::formatted;
use super::layer::{Arguments, method};
use super::module::{ModuleSource, arguments, ident};
use super::names::in_doc;
use crate::ir::TensorType;
use crate::lower::bind::{Door, Layer, Memory, Region};
use crate::lower::kernels::Work;

/// The fewest functions for which a thread is worth starting.
const FEWEST: usize = 32;

/// All that the text of a layer's function depends on, but for what its doc says and which letters its name has.
#[derive(PartialEq, Eq, Hash)]
struct Form<'a> {
    /// The kernel's type and geometry; of what asks for rows the operands say all.
    kernel: Option<[String; 2]>,
    by_rows: bool,
    door: Door,
    operands: [&'a Region; 3],
    second: Option<&'a Region>,
    pinned: Option<usize>,
    /// Lines break by their lengths.
    name: usize,
}

impl<'a> Form<'a> {
    fn new(layer: &'a Layer, name: &str) -> Self {
        let kernel = match &layer.work {
            Work::Kernel(bound) => Some([bound.kind(), bound.value()]),
            Work::Source(_) => None,
        };
        let Layer { by_rows, door, pinned, .. } = *layer;
        Form { kernel, by_rows, door, operands: [&layer.x, &layer.w, &layer.y], second: layer.r.as_ref(), pinned, name: name.len() }
    }
}

/// A function as text, before and behind its name.
type Parts = [String; 2];

/// The functions of all layers, by these names.
pub(super) fn layer_functions(source: &ModuleSource<'_>, names: &[String]) -> Result<String, syn::Error> {
    let (mut numbers, mut firsts) = (HashMap::new(), Vec::new());
    let mut forms = Vec::with_capacity(names.len());
    for (index, (layer, name)) in source.layers.iter().zip(names).enumerate() {
        let number = *numbers.entry(Form::new(layer, name)).or_insert(firsts.len());
        if number == firsts.len() {
            firsts.push(index);
        }
        forms.push(number);
    }
    let printed = printed(source, names, &firsts)?;
    let mut text = String::new();
    for ((layer, name), form) in source.layers.iter().zip(names).zip(forms) {
        let [before, behind] = &printed[form];
        // As prettyplease writes a doc of one line.
        for part in ["    ///", &layer_doc(layer), "\n", before, name, behind] {
            text.push_str(part);
        }
    }
    Ok(text)
}

/// The functions of the layers of these numbers, without docs.
fn printed(source: &ModuleSource<'_>, names: &[String], layers: &[usize]) -> Result<Vec<Parts>, syn::Error> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let print = |layers: &[usize]| -> Result<Vec<Parts>, syn::Error> {
        // Tokens stay in their thread.
        let arguments = arguments(source);
        layers.iter().map(|&index| parts(&source.layers[index], &names[index], &arguments)).collect()
    };
    let print = &print;
    let chunks = layers.chunks(layers.len().div_ceil(cores).max(FEWEST));
    if chunks.len() < 2 {
        return print(layers);
    }
    let all: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = chunks.map(|chunk| scope.spawn(move || print(chunk))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    Ok(all.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}
/// The function of a layer, as it stands in an `impl`.
fn parts(layer: &Layer, name: &str, arguments: &Arguments) -> Result<Parts, syn::Error> {
    let method = method(layer, &ident(name), arguments)?;
    let text = formatted(quote!(impl Model { #method }))?;
    let inside = text.strip_prefix("impl Model {\n").and_then(|text| text.strip_suffix("}\n"));
    let parts = inside.and_then(|text| text.split_once(&format!("fn {name}(")));
    let (before, behind) = parts.expect("a function stands between the lines of its `impl`");
    Ok([format!("{before}fn "), format!("({behind}")])
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
