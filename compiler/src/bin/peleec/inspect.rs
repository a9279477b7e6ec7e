//! `inspect`: what a model is made of, and the layers that it becomes.

use peleec::{LayerReport, Report};
use serde_json::json;

use crate::failure::{Answer, Failure};
use crate::model::ModelArgs;
use crate::numbers::{bytes, dims, macs};
use crate::output::Output;
use crate::table::Table;

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
    for (label, text) in overview(&report, &counts.join(", ")) {
        output.say(format_args!("{label:<11} {text}"));
    }
    output.say("");
    output.table(&layers(&report.layers));
    output.document(json!({ "operators": operators, "notes": compilation.notes(), "report": report }));
    Ok(Answer::Yes)
}

fn overview(report: &Report, operators: &str) -> Vec<(&'static str, String)> {
    let mut lines = vec![("model", format!("{}, opset {}, sha256 {}", report.name, report.opset, report.model_sha256))];
    lines.extend(report.inputs.iter().map(|input| ("input", format!("{} {} {}", input.name, input.element, dims(&input.shape)))));
    lines.extend(report.outputs.iter().map(|output| ("output", format!("{} {} {}", output.name, output.element, dims(&output.shape)))));
    let arena = format!("{}; no placement needs less than {}", bytes(report.arena_bytes), bytes(report.live_bound_bytes));
    lines.extend([
        ("operators", operators.to_owned()),
        ("parameters", format!("{}, {} packed", report.parameters, bytes(report.weight_bytes))),
        ("arena", arena),
        ("compute", macs(report.macs)),
        ("layers", format!("{} from {} nodes; {} moves elided", report.layers.len(), report.nodes, report.moves_elided)),
    ]);
    lines
}

fn layers(layers: &[LayerReport]) -> Table {
    let header = ["#", "layer", "operators", "kernel", "output", "MAC", "weights", "arena"];
    let mut table = Table::new(&header, &[0, 5, 6]);
    for (index, layer) in layers.iter().enumerate() {
        table.row([
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
    table
}
