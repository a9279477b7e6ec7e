//! `docs/operators.md` says what is read of each operator, and what the ONNX backend tests say of it. `PELEEC_UPDATE=1 cargo test` rewrites
//! its tables.
//!
//! That a case passes is what `onnx_suite` and `conformance` show: there, what stands in no list of exceptions must.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use codegen_tests::documents::check_section;
use codegen_tests::suite::{AS_ONNXRUNTIME, is_as_stored, reason};
use models::StoredModel;
use onnx_protobuf::ModelProto;
use peleec::{AttributeState, KnownAttribute, OperatorDetails};
use protobuf::Message;

/// What the suite has of an operator.
#[derive(Default)]
struct Row {
    cases: usize,
    passed: usize,
    not_imported: usize,
}

#[test]
fn the_tables_are_those_of_the_suite() {
    let cases = models::operator_cases();
    let mut rows: BTreeMap<String, Row> = peleec::operators().into_iter().map(|(name, _)| (name.to_owned(), Row::default())).collect();
    for case in &cases {
        for operator in operators(case) {
            let row = rows.entry(operator).or_default();
            row.cases += 1;
            row.passed += usize::from(passes(case));
            row.not_imported += usize::from(reason(case).is_some());
        }
    }
    check_section("docs/operators.md", "summary", &summary(&cases));
    check_section("docs/operators.md", "operators", &table(&rows));
    check_section("docs/operators.md", "reasons", &reasons(&cases));
}

fn passes(case: &StoredModel) -> bool {
    reason(case).is_none() && is_as_stored(case)
}

/// The operators of a case, each once.
fn operators(case: &StoredModel) -> BTreeSet<String> {
    let bytes = std::fs::read(&case.path).expect("a stored model is there");
    let model = ModelProto::parse_from_bytes(&bytes).expect("a stored model");
    model.graph.node.iter().map(|node| node.op_type.clone()).collect()
}

fn summary(cases: &[StoredModel]) -> String {
    let count = |is: &dyn Fn(&StoredModel) -> bool| cases.iter().filter(|&case| is(case)).count();
    let (passed, not_imported) = (count(&passes), count(&|case| reason(case).is_some()));
    let percent = |part: usize| 100.0 * part as f64 / cases.len() as f64;
    let refused =
        if not_imported == 0 { String::new() } else { format!(", {not_imported} are not imported ({:.1} %)", percent(not_imported)) };
    format!(
        "Of {} cases {passed} pass ({:.1} %){refused}, and {} are answered as onnxruntime answers them, which is not as the suite has it.\n",
        cases.len(),
        percent(passed),
        AS_ONNXRUNTIME.len()
    )
}

fn table(rows: &BTreeMap<String, Row>) -> String {
    let mut text =
        "| operator | from set | attributes read | only some values | without effect | refused | cases | pass | not imported |\n\
        |---|---|---|---|---|---|---|---|---|\n"
            .to_owned();
    let number = |count: usize| if count == 0 { String::new() } else { count.to_string() };
    for (operator, Row { cases, passed, not_imported }) in rows {
        let [first, columns @ ..] = read(operator);
        let columns = columns.join(" | ");
        let [cases, passed, not_imported] = [*cases, *passed, *not_imported].map(number);
        _ = writeln!(text, "| `{operator}` | {first} | {columns} | {cases} | {passed} | {not_imported} |");
    }
    text
}

/// The first operator set, and the attributes by what becomes of them; nothing of an operator that has no rules of its own.
fn read(operator: &str) -> [String; 5] {
    let Some(details) = OperatorDetails::of(operator) else { return <[String; 5]>::default() };
    let [read, limited, ignored, refused] =
        [AttributeState::Read, AttributeState::Limited, AttributeState::Ignored, AttributeState::Refused].map(|state| {
            let names: Vec<_> = details.attributes.iter().filter(|known| known.state == state).map(attribute).collect();
            names.join(", ")
        });
    let read = match details.meaning {
        Some(meaning) => format!("as `{meaning}`: {read}").trim_end_matches(": ").to_owned(),
        None => read,
    };
    [details.opsets[0].to_string(), read, limited, ignored, refused]
}

/// The name, with the values that are read where that are not all.
fn attribute(known: &KnownAttribute) -> String {
    match (known.state, known.values) {
        (AttributeState::Limited, [_, ..]) => format!("`{}`: {}", known.name, known.values.join(" ")),
        _ => format!("`{}`", known.name),
    }
}

fn reasons(cases: &[StoredModel]) -> String {
    let refused: Vec<_> = cases.iter().filter_map(|case| Some((case, reason(case)?))).collect();
    if refused.is_empty() {
        return String::new();
    }
    let mut text = "## Cases that are not imported\n\n| case | operators | peleec says |\n|---|---|---|\n".to_owned();
    for (case, reason) in refused {
        let operators: Vec<String> = operators(case).iter().map(|operator| format!("`{operator}`")).collect();
        _ = writeln!(text, "| {} | {} | {reason} |", case.name, operators.join(", "));
    }
    text
}
