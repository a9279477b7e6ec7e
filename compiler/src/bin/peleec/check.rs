//! `check`: whether a model can be compiled, and everything that there is to say of it.

use serde_json::json;

use crate::failure::{Answer, Failure};
use crate::model::ModelArgs;
use crate::numbers::macs;
use crate::output::Output;

/// Name every problem of a model at once; nothing is written
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<Answer, Failure> {
    let compilation = peleec::compile(&args.model.load()?, args.model.options())?;
    let notes = compilation.notes();
    output.advice(notes, true);
    let report = compilation.report();
    output.say(format_args!("{}: can be compiled, {} layers, {}", report.name, report.layers.len(), macs(report.macs)));
    output.document(json!({ "exit_code": 0, "model": report.name, "model_sha256": report.model_sha256, "diagnostics": notes }));
    Ok(Answer::Yes)
}
