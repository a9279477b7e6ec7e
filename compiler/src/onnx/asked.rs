//! What the user asks of a graph in place of what the file says: tensors at which it ends, shapes of its inputs.

use std::collections::{BTreeMap, BTreeSet};

use super::importer::{ImportOptions, shown};
use super::order::live;
use super::scope::{Scope, name_of};
use super::wire::ValueInfoProto;
use crate::diagnostics::{Code, Diagnostic, near};

/// So many names are listed where none is near.
const LISTED: usize = 5;

/// Ends the graph where `options` ask for, or gives every name that it does not have.
///
/// Inputs that no result needs any more are left out; those that only a branch not taken needs, once the branches are known
/// (`Graph::keep_needed`). Nodes stay, as they are known by their places.
pub(crate) fn apply(scope: &mut Scope, options: &ImportOptions) -> Result<(), Vec<Diagnostic>> {
    let (outputs, mut problems) = outputs(scope, &options.output_names);
    problems.extend(unknown_inputs(scope, options));
    if !problems.is_empty() {
        return Err(problems);
    }
    if !outputs.is_empty() {
        scope.graph.output = outputs;
        let mut is_needed = needed_inputs(scope).into_iter();
        scope.graph.input.retain(|_| is_needed.next() == Some(true));
    }
    Ok(())
}

/// The graph's outputs to be, and what is wrong with the names.
fn outputs(scope: &Scope, names: &[String]) -> (Vec<ValueInfoProto>, Vec<Diagnostic>) {
    let (mut outputs, mut problems) = (Vec::new(), Vec::new());
    if names.is_empty() {
        return (outputs, problems);
    }
    let known: BTreeSet<&str> = scope.defines().chain(scope.graph.input.iter().map(name_of)).collect();
    let mut asked = BTreeSet::new();
    for name in names {
        if !asked.insert(name) {
            let title = format!("the output `{}` is asked for twice", shown(name));
            problems.push(Diagnostic::usage(Code::NO_SUCH_OUTPUT, title).help("give each `--output NAME` once"));
        } else if !known.contains(name.as_str()) {
            problems.push(unknown_output(scope, name, &known));
        } else {
            let declared = scope.graph.output.iter().find(|output| name_of(output) == name).cloned();
            outputs.push(declared.unwrap_or_else(|| ValueInfoProto { name: Some(name.clone()), r#type: None }));
        }
    }
    (outputs, problems)
}

fn unknown_output(scope: &Scope, name: &str, known: &BTreeSet<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::usage(Code::NO_SUCH_OUTPUT, format!("no tensor of the graph is called `{}`", shown(name)));
    let near = near(name, known.iter().copied());
    if !near.is_empty() {
        return diagnostic.supported(quoted(near));
    }
    let last = scope.graph.node.iter().rev().flat_map(|node| &node.output).map(String::as_str);
    let mut listed: Vec<&str> = Vec::new();
    for name in scope.results().chain(last).filter(|name| !name.is_empty()) {
        if listed.len() < LISTED && !listed.contains(&name) {
            listed.push(name);
        }
    }
    diagnostic.supported(format!("the outputs of the file's nodes, {} among them", quoted(listed)))
}

/// The shapes that were given for inputs that the graph does not have.
fn unknown_inputs(scope: &Scope, options: &ImportOptions) -> Vec<Diagnostic> {
    if options.input_shapes.is_empty() {
        return Vec::new();
    }
    let stored: BTreeSet<&str> = scope.graph.initializer.iter().filter_map(|tensor| tensor.name.as_deref()).collect();
    let names: BTreeSet<&str> = scope.graph.input.iter().map(name_of).filter(|name| !stored.contains(name)).collect();
    let unknown = |name: &String| {
        let mut listed = near(name, names.iter().copied());
        if listed.is_empty() {
            listed = names.iter().copied().take(LISTED).collect();
        }
        let more = names.len().saturating_sub(listed.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let found = if names.is_empty() { "no input at all".to_owned() } else { quoted(listed) + &more };
        Diagnostic::usage(Code::NO_SUCH_INPUT, format!("no input of the graph is called `{}`", shown(name))).found(found)
    };
    options.input_shapes.keys().filter(|name| !names.contains(name.as_str())).map(unknown).collect()
}

/// Whether a result needs each of the graph's inputs.
fn needed_inputs(scope: &Scope) -> Vec<bool> {
    let nodes = &scope.graph.node;
    let reads: Vec<Vec<&str>> = (0..nodes.len()).map(|index| scope.reads(index)).collect();
    // Of two definitions the first counts.
    let defined = nodes.iter().enumerate().rev().flat_map(|(index, node)| node.output.iter().map(move |name| (name.as_str(), index)));
    let producers: BTreeMap<&str, usize> = defined.filter(|(name, _)| !name.is_empty()).collect();
    let is_live = live(scope.results(), &reads, &producers);
    let read = reads.iter().zip(&is_live).filter(|(_, is_live)| **is_live).flat_map(|(names, _)| names.iter().copied());
    let needed: BTreeSet<&str> = read.chain(scope.results()).collect();
    scope.graph.input.iter().map(|input| needed.contains(name_of(input))).collect()
}

fn quoted<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    names.into_iter().map(|name| format!("`{}`", shown(name))).collect::<Vec<_>>().join(", ")
}
