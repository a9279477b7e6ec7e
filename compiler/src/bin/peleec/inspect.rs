//! `inspect`: what a model is made of, and the layers that it becomes.

use comfy_table::{CellAlignment, Table, presets};
use peleec::{LayerReport, Report};
use serde_json::json;

use crate::failure::{Answer, Failure};
use crate::model::ModelArgs;
use crate::numbers::{bytes, dims, macs};
use crate::output::Output;

/// Show operators, shapes, parameters, multiply-accumulates and layers
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<Answer, Failure> {
    let model = args.model.load()?;
    let options = args.model.options();
    let operators = peleec::import(&model, options).map_err(peleec::Error::from)?.graph.operators();
    let compilation = peleec::compile(&model, options)?;
    output.advice(compilation.notes(), output.verbose);
    let report = compilation.report();
    let counts: Vec<_> = operators.iter().map(|(name, count)| format!("{count} {name}")).collect();
    output.say(overview(&report, &counts.join(", ")));
    output.say(layers(&report.layers));
    output.document(json!({ "operators": operators, "notes": compilation.notes(), "report": report }));
    Ok(Answer::Yes)
}

fn overview(report: &Report, operators: &str) -> String {
    let line = |label: &str, text: String| format!("{label:<11} {text}\n");
    let mut text = line("model", format!("{}, opset {}, sha256 {}", report.name, report.opset, report.model_sha256));
    for input in &report.inputs {
        text += &line("input", format!("{} f32 {}", input.name, dims(&input.shape)));
    }
    for output in &report.outputs {
        text += &line("output", format!("{} f32 {}", output.name, dims(&output.shape)));
    }
    text += &line("operators", operators.to_owned());
    text += &line("parameters", format!("{}, {} packed", report.parameters, bytes(report.weight_bytes)));
    text += &line("arena", format!("{}; no placement needs less than {}", bytes(report.arena_bytes), bytes(report.live_bound_bytes)));
    text += &line("compute", macs(report.macs));
    text += &line("layers", format!("{} from {} nodes; {} moves elided", report.layers.len(), report.nodes, report.moves_elided));
    text
}

fn layers(layers: &[LayerReport]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["#", "layer", "operators", "kernel", "output", "MAC", "weights", "arena"]);
    for (index, layer) in layers.iter().enumerate() {
        table.add_row([
            index.to_string(),
            layer.name.clone(),
            layer.op.clone(),
            layer.kernel.clone(),
            dims(&layer.output),
            layer.macs.to_string(),
            layer.weights.bytes.to_string(),
            format!("{}..{}", layer.writes.offset, layer.writes.offset + layer.writes.bytes),
        ]);
    }
    for column in [0, 5, 6] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
