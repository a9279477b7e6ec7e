//! `plan`: what memory a model takes, what it would take for more weight reads or fewer, and what is alive when it takes most.

use std::path::PathBuf;

use peleec::{BufferReport, CostReport, GroupReport, PinReport, Report, memory_map};
use serde_json::{Value, json};

use crate::compile::{times, write_file};
use crate::failure::{Answer, Failure};
use crate::model::ModelArgs;
use crate::numbers::bytes;
use crate::output::Output;
use crate::table::Table;

/// Show what RAM a model takes, what budgets it can be given, and what is alive at the peak
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Write the memory map as a picture
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// The most rows of the table of budgets.
const ROWS: usize = 16;
/// The most buffers that are listed one by one.
const BUFFERS: usize = 10;
/// Characters of the longest bar.
const BAR: f64 = 40.0;

pub(crate) fn run(args: &Args, output: &Output) -> Result<Answer, Failure> {
    let compilation = peleec::compile(&args.model.load()?, args.model.options())?;
    output.advice(compilation.notes(), output.verbose);
    let (report, budgets) = (compilation.report(), compilation.budgets());
    if let Some(path) = &args.svg {
        write_file(path, memory_map(&report).into_bytes())?;
    }
    output.say(summary(&report, &budgets));
    let chosen = CostReport { arena_bytes: report.arena_bytes, read_factor: report.weight_reads.factor };
    let curve = curve(&thinned(&budgets, chosen), chosen);
    part(output, "budgets: RAM against how often weights are read", Some(&curve));
    streamed(&report, output);
    pins(&compilation.pins(), report.pinned_bytes, output);
    if let Some(group) = report.peak() {
        peak(&report, group, output);
    }
    output.document(json!({
        "notes": compilation.notes(),
        "report": report,
        "budgets": budgets,
        "pins": compilation.pins(),
        "peak": report.peak().map(|group| peak_document(&report, group)),
        "svg": args.svg.as_ref().map(|path| path.display().to_string()),
    }));
    Ok(Answer::Yes)
}

/// A line that says what a table is of, with room before it.
fn part(output: &Output, title: &str, table: Option<&Table>) {
    output.say("");
    output.say(title);
    if let Some(table) = table {
        output.table(table);
    }
}

fn summary(report: &Report, budgets: &[CostReport]) -> String {
    let mut reads = format!("weights are read {}", times(report.weight_reads.factor));
    if let Some(factor) = report.instructions_factor {
        reads += &format!(", instructions some {}", times(factor));
    }
    let ram = format!("RAM {}", bytes(report.arena_bytes));
    match budgets.first() {
        Some(most) if most.arena_bytes > report.arena_bytes => {
            let less = 100.0 - 100.0 * report.arena_bytes as f64 / most.arena_bytes as f64;
            format!("{ram}, {less:.0}% less than the {} of layer by layer; {reads}", bytes(most.arena_bytes))
        }
        _ => format!("{ram}, as layer by layer; {reads}"),
    }
}

/// At most `ROWS` of the plans, the largest first: without those that differ least from their neighbours, but with the ends and the chosen
/// one.
fn thinned(budgets: &[CostReport], chosen: CostReport) -> Vec<CostReport> {
    let mut rows = budgets.to_vec();
    if !rows.iter().any(|row| row.arena_bytes == chosen.arena_bytes) {
        let at = rows.partition_point(|row| row.arena_bytes > chosen.arena_bytes);
        rows.insert(at, chosen);
    }
    let apart = |a: CostReport, b: CostReport| {
        (a.arena_bytes.max(1) as f64 / b.arena_bytes.max(1) as f64).ln().abs() + (a.read_factor / b.read_factor).ln().abs()
    };
    while rows.len() > ROWS {
        let inner = (1..rows.len() - 1).filter(|&at| rows[at].arena_bytes != chosen.arena_bytes);
        let gap = |at: usize| apart(rows[at - 1], rows[at + 1]);
        let Some(at) = inner.min_by(|&a, &b| gap(a).total_cmp(&gap(b))) else { break };
        rows.remove(at);
    }
    rows
}

fn curve(rows: &[CostReport], chosen: CostReport) -> Table {
    let most = rows.first().map_or(1, |row| row.arena_bytes.max(1));
    let mut table = Table::new(&["", "arena", "--ram-budget", "weight reads", ""], &[1, 2, 3]);
    for row in rows {
        let bar = (BAR * row.arena_bytes as f64 / most as f64).round() as usize;
        table.row([
            if row.arena_bytes == chosen.arena_bytes { ">" } else { "" }.to_owned(),
            bytes(row.arena_bytes),
            row.arena_bytes.to_string(),
            times(row.read_factor),
            "#".repeat(bar.max(1)),
        ]);
    }
    table
}

fn streamed(report: &Report, output: &Output) {
    let groups: Vec<_> = report.groups.iter().filter(|group| group.streamed).collect();
    if groups.is_empty() {
        return part(output, "streamed groups: none, every layer runs whole", None);
    }
    let mut table = Table::new(&["#", "layers", "first", "last", "calls", "schedule", "rings", "ring bytes"], &[0, 1, 4, 6, 7]);
    for (index, group) in groups.iter().enumerate() {
        let name = |layer: usize| report.layers.get(layer).map_or(String::new(), |found| format!("{layer} {}", found.name));
        let rings: Vec<_> = report.alive(group).into_iter().filter(|buffer| buffer.ring_rows.is_some()).collect();
        let repeated = group.body_calls * group.body_times;
        table.row([
            (index + 1).to_string(),
            (group.last_layer + 1 - group.first_layer).to_string(),
            name(group.first_layer),
            name(group.last_layer),
            group.calls.to_string(),
            format!("{} x {} + {}", group.body_calls, group.body_times, group.calls.saturating_sub(repeated)),
            rings.len().to_string(),
            rings.iter().map(|buffer| buffer.bytes).sum::<usize>().to_string(),
        ]);
    }
    let text = "streamed groups: layers that run row by row; calls of the part that repeats x how often, + those around it";
    part(output, text, Some(&table));
}

/// What copies of weights would save, where any do.
fn pins(rows: &[PinReport], chosen: usize, output: &Output) {
    if rows.is_empty() {
        return;
    }
    let mut table = Table::new(&["", "copies", "--pin-weights", "weight reads"], &[1, 2, 3]);
    for row in rows {
        let mark = if row.pinned_bytes == chosen { ">" } else { "" }.to_owned();
        table.row([mark, bytes(row.pinned_bytes), row.pinned_bytes.to_string(), times(row.read_factor)]);
    }
    part(output, "copies of weights in RAM, beside the arena: how often they are read from flash then", Some(&table));
}

fn peak(report: &Report, group: &GroupReport, output: &Output) {
    let alive = report.alive(group);
    let covered = BufferReport::covered(&alive);
    let mut table = Table::new(&["bytes", "rows", "buffer"], &[0]);
    for buffer in alive.iter().take(BUFFERS) {
        table.row([buffer.bytes.to_string(), rows(buffer), buffer.name.clone()]);
    }
    let rest: usize = alive.iter().skip(BUFFERS).map(|buffer| buffer.bytes).sum();
    if alive.len() > BUFFERS {
        table.row([rest.to_string(), String::new(), format!("{} others", alive.len() - BUFFERS)]);
    }
    let shared = alive.iter().map(|buffer| buffer.bytes).sum::<usize>() - covered;
    if shared > 0 {
        table.row([format!("-{shared}"), String::new(), "where buffers lie over dead rows of others, or take turns".to_owned()]);
    }
    let layers = match (group.first_layer, group.last_layer) {
        (first, last) if first == last => format!("at layer {first}"),
        (first, last) => format!("in layers {first} to {last}"),
    };
    part(output, &format!("alive at the peak, {layers}: {covered} bytes in {} buffers", alive.len()), Some(&table));
}

fn peak_document(report: &Report, group: &GroupReport) -> Value {
    let alive = report.alive(group);
    json!({
        "first_layer": group.first_layer,
        "last_layer": group.last_layer,
        "bytes": BufferReport::covered(&alive),
        "buffers": alive,
    })
}

fn rows(buffer: &BufferReport) -> String {
    match buffer.ring_rows {
        Some(1) => "ring of 1 row".to_owned(),
        Some(rows) => format!("ring of {rows} rows"),
        None => "whole".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_and_the_chosen_plan_stay() {
        let cost = |n: usize| CostReport { arena_bytes: 4000 - 4 * n, read_factor: 1.0 + n as f64 / 10.0 };
        let all: Vec<_> = (0..100).map(cost).collect();
        let rows = thinned(&all, cost(41));
        let bytes: Vec<_> = rows.iter().map(|row| row.arena_bytes).collect();
        assert_eq!((bytes.len(), bytes[0], bytes[ROWS - 1]), (ROWS, cost(0).arena_bytes, cost(99).arena_bytes));
        assert!(bytes.contains(&cost(41).arena_bytes) && bytes.is_sorted_by(|a, b| a > b), "{bytes:?}");
        assert_eq!(thinned(&all[..3], cost(1)).len(), 3);
    }
}
