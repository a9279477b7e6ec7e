//! `ops`: the operators that peleec knows.

use serde_json::json;

use crate::failure::{Answer, Failure};
use crate::output::Output;

/// List the supported ONNX operators
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args, output: &Output) -> Result<Answer, Failure> {
    let operators = peleec::operators();
    for (name, text) in &operators {
        output.say(format_args!("{name:<20} {text}"));
    }
    let list: Vec<_> = operators.iter().map(|(name, text)| json!({ "op_type": name, "text": text })).collect();
    output.document(json!({ "operators": list }));
    Ok(Answer::Yes)
}
