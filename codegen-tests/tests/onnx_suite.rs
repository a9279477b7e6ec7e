//! The ONNX backend tests of single operators: peleec gives their stored outputs, naively and through plan and kernels.

use codegen_tests::compare::compare;
use codegen_tests::suite::{AS_ONNXRUNTIME, CLOSENESS, FILLED_UP, NOT_IMPORTED, is_as_stored, reason, wanted};
use codegen_tests::vectors;
use models::StoredModel;
use peleec::{ModelFile, Options, compile, import};

#[test]
fn every_case_gives_its_stored_output() {
    let (cases, others): (Vec<_>, Vec<_>) = models::operator_cases().into_iter().partition(is_as_stored);
    assert!(
        others.len() == AS_ONNXRUNTIME.len()
            && others.iter().all(|case| check(case).is_err_and(|fault| fault.contains(": evaluate: output 0: element 1 of"))),
        "take what passes off the list"
    );
    let faults: Vec<String> = cases.iter().filter_map(|case| check(case).err()).collect();
    assert!(faults.is_empty(), "{} cases fail:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn every_listed_case_is_there() {
    let names: Vec<String> = models::operator_cases().into_iter().map(|case| case.name).collect();
    let mut listed = NOT_IMPORTED.iter().map(|(name, _)| name).chain(FILLED_UP.iter().map(|(name, _)| name));
    assert_eq!(listed.find(|name| !names.iter().any(|known| known == *name)), None);
}

fn check(case: &StoredModel) -> Result<(), String> {
    let named = |fault: String| format!("{}: {fault}", case.name);
    let file = ModelFile::read(&case.path).map_err(|error| named(error.to_string()))?;
    let imported = match (import(&file, &Options::default()), reason(case)) {
        (Ok(imported), None) => imported,
        (Err(problems), Some(reason)) if problems.to_string().contains(reason) => return Ok(()),
        (Err(problems), _) => return Err(named(format!("not imported: {problems}"))),
        (Ok(_), Some(_)) => return Err(named("is imported now: take it off the list".to_owned())),
    };
    for (inputs, expected) in case.data_sets.iter().map(vectors::read) {
        let found = imported.graph.evaluate(&inputs).map_err(|error| named(error.to_string()))?;
        compare(&found, &wanted(case, expected), CLOSENESS).map_err(|fault| named(format!("evaluate: {fault}")))?;
    }
    let compilation = compile(&file, &Options::default()).map_err(|error| named(format!("not compiled: {error}")))?;
    for (inputs, expected) in case.data_sets.iter().map(vectors::read) {
        let found = compilation.execute(&inputs).map_err(|error| named(error.to_string()))?;
        compare(&found, &wanted(case, expected), CLOSENESS).map_err(|fault| named(format!("execute: {fault}")))?;
    }
    Ok(())
}
