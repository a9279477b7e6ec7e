//! `ops`: the operators that peleec knows.

use peleec::{AttributeKind, AttributeState, Family, KnownAttribute, Member, OPSETS, OperatorDetails, families, near};
use serde_json::{Value, json};

use crate::failure::{Answer, Failure};
use crate::output::Output;
use crate::prose::wrapped;

/// List the supported ONNX operators by families, or show what is read of some
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Operators, such as Conv or com.microsoft.QLinearAdd
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<Answer, Failure> {
    let families = families();
    let named: Vec<(&Family, &Member)> = args.names.iter().map(|name| named(&families, name)).collect::<Result<_, _>>()?;
    let is_shown = |family: &&Family| named.is_empty() || named.iter().any(|(of, _)| of == family);
    let shown: Vec<&Family> = families.iter().filter(is_shown).collect();
    let all = families.iter().flat_map(|family| family.operators.iter().map(move |member| (family, member)));
    let operators: Vec<(&Family, &Member)> = if named.is_empty() { all.collect() } else { named.clone() };
    if named.is_empty() {
        for family in &shown {
            output.say_lines(&format!("{}\n{}", wrapped(&names(family), ""), wrapped(&family.text, "    ")));
        }
        output.say(format_args!(
            "operator sets {} to {} of ai.onnx; `peleec ops NAME` shows an operator's attributes",
            OPSETS.start(),
            OPSETS.end()
        ));
    }
    for (family, member) in &named {
        output.say_lines(&detail(family, member));
    }
    let mut list: Vec<Value> = operators.iter().map(|(family, member)| operator(member, &family.text)).collect();
    list.sort_by_key(|operator| operator["op_type"].as_str().map(str::to_owned));
    output.document(json!({ "opsets": [OPSETS.start(), OPSETS.end()], "operators": list, "families": shown }));
    Ok(Answer::Yes)
}

fn operator(member: &Member, text: &str) -> Value {
    let mut operator = json!(OperatorDetails::of(member.op_type));
    operator["text"] = text.into();
    operator
}

/// An operator, its operator sets, its family's text and its attributes by what becomes of them.
fn detail(family: &Family, member: &Member) -> String {
    let Some(details) = OperatorDetails::of(member.op_type) else { return shown_name(member) };
    let [first, last] = details.opsets;
    let head = match details.meaning {
        Some(meaning) => format!("{}, read as {meaning} between DequantizeLinear and QuantizeLinear", shown_name(member)),
        None => format!("{}, read in operator sets {first} to {last}", shown_name(member)),
    };
    let mut lines = vec![wrapped(&head, ""), wrapped(&family.text, "    ")];
    for (state, title) in STATES {
        let known: Vec<_> = details.attributes.iter().filter(|known| known.state == state).collect();
        if !known.is_empty() {
            lines.push(format!("  {title}"));
            lines.extend(known.into_iter().map(|known| wrapped(&attribute(known), "      ")));
        }
    }
    if details.attributes.is_empty() {
        lines.push("  no attributes".to_owned());
    }
    lines.join("\n")
}

const STATES: [(AttributeState, &str); 4] = [
    (AttributeState::Read, "attributes that are read"),
    (AttributeState::Limited, "read with some of their values"),
    (AttributeState::Ignored, "without effect on results"),
    (AttributeState::Refused, "refused"),
];

/// The name, and what is read there.
fn attribute(known: &KnownAttribute) -> String {
    let kind = match known.kind {
        None => return known.name.to_owned(),
        Some(AttributeKind::Int) => "an integer",
        Some(AttributeKind::Flag) => "0 or 1",
        Some(AttributeKind::Ints) => "integers",
        Some(AttributeKind::Float) => "a float",
        Some(AttributeKind::Floats) => "floats",
        Some(AttributeKind::String) => "a string",
        Some(AttributeKind::Tensor) => "a tensor",
        Some(AttributeKind::DataType) => "an element type",
    };
    let values = if known.values.is_empty() { kind.to_owned() } else { known.values.join(", ") };
    format!("{}: {values}", known.name)
}

/// The family's operators.
fn names(family: &Family) -> String {
    family.operators.iter().map(shown_name).collect::<Vec<_>>().join(", ")
}

/// The name; the domain stands before those that are not of ONNX's own.
fn shown_name(member: &Member) -> String {
    match member.domain {
        "ai.onnx" => member.op_type.to_owned(),
        _ => full_name(member),
    }
}

fn full_name(Member { op_type, domain }: &Member) -> String {
    format!("{domain}.{op_type}")
}

/// The operator of a name in letters of any case, with its domain before it or without, and the operator's family.
fn named<'f>(families: &'f [Family], name: &str) -> Result<(&'f Family, &'f Member), Failure> {
    let is_it = |member: &&Member| member.op_type.eq_ignore_ascii_case(name) || full_name(member).eq_ignore_ascii_case(name);
    let found = families.iter().find_map(|family| Some((family, family.operators.iter().find(is_it)?)));
    found.ok_or_else(|| {
        let bare = name.rsplit('.').next().unwrap_or(name);
        let near = near(bare, families.iter().flat_map(|family| &family.operators).map(|member| member.op_type));
        let near = if near.is_empty() { String::new() } else { format!("near it are {}; ", near.join(", ")) };
        Failure::Usage(format!("the operator `{name}` is not supported: {near}`peleec ops` lists all"))
    })
}
