//! `ops`: the operators that peleec knows.

use peleec::{Family, Member, OPSETS, families, near};
use serde_json::{Value, json};

use crate::failure::{Answer, Failure};
use crate::output::Output;
use crate::prose::wrapped;

/// List the supported ONNX operators by families, or show one
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Operator, such as Conv
    name: Option<String>,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<Answer, Failure> {
    let families = families();
    let shown: Vec<&Family> = match &args.name {
        Some(name) => vec![family_of(&families, name)?],
        None => families.iter().collect(),
    };
    for family in &shown {
        output.say_lines(&format!("{}\n{}", wrapped(&names(family), ""), wrapped(&family.text, "    ")));
    }
    let (first, last) = OPSETS.into_inner();
    output.say(format_args!("operator sets {first} to {last} of ai.onnx"));
    let each = shown.iter().flat_map(|family| family.operators.iter().map(move |member| operator(member, &family.text)));
    let mut list: Vec<Value> = each.collect();
    list.sort_by_key(|operator| operator["op_type"].as_str().map(str::to_owned));
    output.document(json!({ "opsets": [first, last], "operators": list, "families": shown }));
    Ok(Answer::Yes)
}

fn operator(Member { op_type, domain }: &Member, text: &str) -> Value {
    json!({ "op_type": op_type, "domain": domain, "text": text })
}

/// The family's operators; the domain stands before those that are not of ONNX's own.
fn names(family: &Family) -> String {
    let name = |member: &Member| match member.domain {
        "ai.onnx" => member.op_type.to_owned(),
        _ => full_name(member),
    };
    family.operators.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn full_name(Member { op_type, domain }: &Member) -> String {
    format!("{domain}.{op_type}")
}

/// The family that an operator is of, whose name may be in letters of any case, with its domain before it or without.
fn family_of<'f>(families: &'f [Family], name: &str) -> Result<&'f Family, Failure> {
    let is_it = |member: &Member| member.op_type.eq_ignore_ascii_case(name) || full_name(member).eq_ignore_ascii_case(name);
    families.iter().find(|family| family.operators.iter().any(is_it)).ok_or_else(|| {
        let bare = name.rsplit('.').next().unwrap_or(name);
        let near = near(bare, families.iter().flat_map(|family| &family.operators).map(|member| member.op_type));
        let near = if near.is_empty() { String::new() } else { format!("near it are {}; ", near.join(", ")) };
        Failure::Usage(format!("the operator `{name}` is not supported: {near}`peleec ops` lists all"))
    })
}
