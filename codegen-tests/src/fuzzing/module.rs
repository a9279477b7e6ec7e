//! What every emitted module and its plan must fulfil.

use peleec::{BufferReport, Compilation, RangeReport, Report};
use syn::visit::{self, Visit};

/// Methods that may panic.
const MAY_PANIC: [&str; 6] = ["unwrap", "expect", "unwrap_err", "expect_err", "copy_from_slice", "split_at"];

/// Macros of which a module is made; none of them panics where it runs.
const MACROS: [&str; 3] = ["impl_model", "include_bytes", "compile_error"];

pub(super) fn check(compilation: &Compilation) -> Result<(), String> {
    let files = compilation.files().map_err(|error| error.to_string())?;
    let named = |ending: &str| files.iter().find(|file| file.name.ends_with(ending)).ok_or_else(|| format!("there is no {ending}"));
    let text = std::str::from_utf8(&named(".rs")?.bytes).map_err(|error| error.to_string())?;
    let parsed = syn::parse_file(text).map_err(|error| format!("the module does not parse: {error}\n{text}"))?;
    let mut found = Found::default();
    found.visit_file(&parsed);
    if let Some(what) = found.0.first() {
        return Err(format!("the module has {what}\n{text}"));
    }
    if text.contains("unsafe") {
        return Err(format!("the module has `unsafe`\n{text}"));
    }
    let report = compilation.report();
    if named(".weights.bin")?.bytes.len() != report.weight_bytes {
        return Err("the weights are of another length than the report says".to_owned());
    }
    lie_inside(&report)?;
    lie_apart(&report)
}

/// What may panic in code that runs. What stands in constants is computed by rustc.
#[derive(Default)]
struct Found(Vec<String>);

impl<'ast> Visit<'ast> for Found {
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}

    fn visit_expr_index(&mut self, index: &'ast syn::ExprIndex) {
        self.0.push("an index".to_owned());
        visit::visit_expr_index(self, index);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let name = call.method.to_string();
        if MAY_PANIC.contains(&name.as_str()) {
            self.0.push(format!("a call of `{name}`"));
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        let name = called.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
        if !MACROS.contains(&name.as_str()) {
            self.0.push(format!("a use of `{name}!`"));
        }
    }
}

/// Every range lies in its memory.
fn lie_inside(report: &Report) -> Result<(), String> {
    let ends = |range: &RangeReport| match range.memory.as_str() {
        "arena" => range.offset + range.bytes <= report.arena_bytes,
        "weights" => range.offset + range.bytes <= report.weight_bytes,
        "pinned" => range.offset + range.bytes <= report.pinned_bytes,
        _ => true,
    };
    for layer in &report.layers {
        let mut ranges = layer.reads.iter().chain([&layer.writes, &layer.weights]).chain(&layer.pinned);
        if let Some(range) = ranges.find(|range| !ends(range)) {
            return Err(format!("layer `{}` uses {range:?}, beyond the end of it", layer.name));
        }
    }
    match report.buffers.iter().find(|buffer| buffer.offset + buffer.bytes > report.arena_bytes) {
        Some(buffer) => Err(format!("{buffer:?} lies beyond the arena's {} bytes", report.arena_bytes)),
        None => Ok(()),
    }
}

/// Buffers of which both are needed at one layer share no byte, unless one lies over rows of the other that are dead: such layers run row by
/// row, or are the parts of one.
fn lie_apart(report: &Report) -> Result<(), String> {
    for (index, a) in report.buffers.iter().enumerate() {
        for b in &report.buffers[index + 1..] {
            let (first, last) = (a.first_layer.max(b.first_layer), a.last_layer.min(b.last_layer));
            if first <= last && share(a, b) && !by_rows(report, first, last) && !in_parts(report, first, last) {
                return Err(format!("at the layers {first} to {last} {a:?} and {b:?} share memory"));
            }
        }
    }
    Ok(())
}

fn share(a: &BufferReport, b: &BufferReport) -> bool {
    a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes
}

fn by_rows(report: &Report, first: usize, last: usize) -> bool {
    report.groups.iter().any(|group| group.streamed && group.first_layer <= first && last <= group.last_layer)
}

fn in_parts(report: &Report, first: usize, last: usize) -> bool {
    let layers = report.layers.get(first..=last).unwrap_or_default();
    layers.len() > 1 && layers.iter().all(|layer| layer.name == layers[0].name)
}
