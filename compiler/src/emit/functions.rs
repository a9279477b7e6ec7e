//! The functions of all layers as text, and their calls: such that differ only in their names and in what is said of them are printed
//! once, functions on all cores.

use std::collections::HashMap;
use std::hash::Hash;
use std::thread;

use quote::quote;

use super::formatted;
use super::layer::{Arguments, method};
use super::run::{Call, statement};
use super::source::{ModuleSource, arguments, ident};
use crate::names::in_doc;
use crate::steps::bind::{Door, Layer, Memory, Region};
use crate::steps::kernels::Work;
use crate::tensor::TensorType;

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

/// A function or a call as text, before and behind its name.
type Parts = [String; 2];

/// Things that are printed alike.
struct Alike {
    /// The first thing of each kind.
    firsts: Vec<usize>,
    /// The kind of each thing.
    kinds: Vec<usize>,
}

impl Alike {
    /// Things are of one kind where their forms are equal.
    fn new<F: Hash + Eq>(forms: impl Iterator<Item = F>) -> Self {
        let (mut known, mut alike) = (HashMap::new(), Alike { firsts: Vec::new(), kinds: Vec::new() });
        for (index, form) in forms.enumerate() {
            let kind = *known.entry(form).or_insert(alike.firsts.len());
            if kind == alike.firsts.len() {
                alike.firsts.push(index);
            }
            alike.kinds.push(kind);
        }
        alike
    }
}

/// The functions of all layers, by these names.
pub(super) fn layer_functions(source: &ModuleSource<'_>, names: &[String]) -> Result<String, syn::Error> {
    let layers = source.layers.iter().zip(names);
    let alike = Alike::new(layers.clone().map(|(layer, name)| Form::new(layer, name)));
    let printed = printed(source, names, &alike.firsts)?;
    let mut text = String::new();
    for ((layer, name), kind) in layers.zip(alike.kinds) {
        let [before, behind] = &printed[kind];
        // As prettyplease writes a doc of one line.
        for part in ["    ///", &layer_doc(layer), "\n", before, name, behind] {
            text.push_str(part);
        }
    }
    Ok(text)
}

/// The statements that call all layers and groups.
pub(super) fn statements(calls: &[Call], arguments: &Arguments) -> Result<String, syn::Error> {
    let form = |call: &Call| (call.uses, call.takes_executor, call.inputs.clone(), call.outputs.clone(), call.method.len());
    let alike = Alike::new(calls.iter().map(form));
    let print = |&first: &usize| {
        let (call, statement) = (&calls[first], statement(&calls[first], arguments));
        let text = formatted(quote!(impl Model { fn run() { #statement } }))?;
        Ok(parts(&text, ["impl Model {\n    fn run() {\n", "    }\n}\n"], "Model::", &call.method))
    };
    let printed = alike.firsts.iter().map(print).collect::<Result<Vec<_>, syn::Error>>()?;
    let mut text = String::new();
    for (call, kind) in calls.iter().zip(alike.kinds) {
        let [before, behind] = &printed[kind];
        for part in [before, &call.method, behind] {
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
        layers.iter().map(|&index| function(&source.layers[index], &names[index], &arguments)).collect()
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
fn function(layer: &Layer, name: &str, arguments: &Arguments) -> Result<Parts, syn::Error> {
    let method = method(layer, &ident(name), arguments)?;
    let text = formatted(quote!(impl Model { #method }))?;
    Ok(parts(&text, ["impl Model {\n", "}\n"], "fn ", name))
}

/// What stands between the lines around it, cut at the name that follows `sign`.
fn parts(text: &str, [above, below]: [&str; 2], sign: &str, name: &str) -> Parts {
    let inside = text.strip_prefix(above).and_then(|text| text.strip_suffix(below));
    let parts = inside.and_then(|text| text.split_once(&format!("{sign}{name}(")));
    let (before, behind) = parts.expect("prettyplease keeps lines and names as they are");
    [format!("{before}{sign}"), format!("({behind}")]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::ZooOptions;
    use crate::{ModelFile, Options, Placement, RamBudget, compile};

    /// The module as text, below its head.
    fn module(model: &ModelFile, options: &Options) -> String {
        let files = compile(model, options).unwrap().files().unwrap();
        let text = String::from_utf8(files[0].bytes.clone()).unwrap();
        text.split_once("\n\n").unwrap().1.to_owned()
    }

    #[test]
    fn what_is_printed_in_parts_is_as_if_printed_at_once() {
        let small = ZooOptions { width: 0.25, input_size: Some(64), ..ZooOptions::default() };
        let model = ModelFile::zoo("peleenet-224", &small).unwrap();
        let streamed = Options { ram_budget: RamBudget::Least, pin_weights: 4096, ..Options::default() };
        let outside = Options { outputs: Placement::Caller, ..Options::default() };
        for options in [Options::default(), streamed, outside] {
            let text = module(&model, &options);
            let at_once = prettyplease::unparse(&syn::parse_file(&text).unwrap());
            assert!(text == at_once, "{options:?}");
        }
    }

    #[test]
    fn what_differs_in_names_alone_is_alike() {
        let alike = Alike::new(["a", "b", "a", "c", "b"].into_iter());
        assert_eq!((alike.firsts, alike.kinds), (vec![0, 1, 3], vec![0, 1, 0, 2, 1]));
        let text = "impl Model {\n    /// `f(`\n    fn f_2(fn f_2()) {}\n}\n";
        assert_eq!(parts(text, ["impl Model {\n", "}\n"], "fn ", "f_2"), ["    /// `f(`\n    fn ", "(fn f_2()) {}\n"]);
    }
}
