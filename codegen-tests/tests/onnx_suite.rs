//! The ONNX backend tests of single operators: peleec gives their stored outputs, naively and through plan and kernels.

use codegen_tests::compare::{Closeness, compare};
use codegen_tests::vectors;
use models::StoredModel;
use peleec::{ModelFile, Options, compile, import};

/// The tolerance of the ONNX suite.
const SUITE: Closeness = Closeness::Within { relative: 1e-3, absolute: 1e-7 };

/// Cases that peleec refuses to import, with words of its reason.
const NOT_IMPORTED: &[(&str, &str)] = &[
    ("add_int8", "`Add` of f32 at run time"),
    ("add_uint8", "`Add` of f32 at run time"),
    ("cast_DOUBLE_to_FLOAT", "holds a value that is no number"),
    ("cast_FLOAT16_to_FLOAT", "holds a value that is no number"),
    ("clip_default_int8_inbounds", "input 0 is i8"),
    ("clip_default_int8_max", "`max` is i8"),
    ("clip_default_int8_min", "`min` is i8"),
    ("dequantizelinear_axis", "input `x` is computed at run time"),
    ("dequantizelinear_blocked", "a scale for each block"),
    ("div_int32_trunc", "`Div` of f32 at run time"),
    ("div_int8", "`Div` of f32 at run time"),
    ("div_uint8", "`Div` of f32 at run time"),
    ("gather_0", "`data` is computed at run time"),
    ("gather_1", "`data` is computed at run time"),
    ("gather_2d_indices", "`data` is computed at run time"),
    ("gather_negative_indices", "`data` is computed at run time"),
    ("mul_int8", "`Mul` of f32 at run time"),
    ("mul_uint8", "`Mul` of f32 at run time"),
    ("quantizelinear_axis", "input `x` is computed at run time"),
    ("quantizelinear_blocked_asymmetric", "a scale for each block"),
    ("sub_int8", "`Sub` of f32 at run time"),
    ("sub_uint8", "`Sub` of f32 at run time"),
];

#[test]
fn every_case_gives_its_stored_output() {
    let faults: Vec<String> = models::operator_cases().iter().filter_map(|case| check(case).err()).collect();
    assert!(faults.is_empty(), "{} cases fail:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn every_listed_case_is_there() {
    let names: Vec<String> = models::operator_cases().into_iter().map(|case| case.name).collect();
    assert_eq!(NOT_IMPORTED.iter().find(|(name, _)| !names.iter().any(|known| known == name)), None);
}

fn check(case: &StoredModel) -> Result<(), String> {
    let named = |fault: String| format!("{}: {fault}", case.name);
    let file = ModelFile::read(&case.path).map_err(|error| named(error.to_string()))?;
    let imported = match (import(&file, &Options::default()), reason(NOT_IMPORTED, case)) {
        (Ok(imported), None) => imported,
        (Err(problems), Some(reason)) if problems.to_string().contains(reason) => return Ok(()),
        (Err(problems), _) => return Err(named(format!("not imported: {problems}"))),
        (Ok(_), Some(_)) => return Err(named("is imported now: take it off the list".to_owned())),
    };
    for (inputs, expected) in case.data_sets.iter().map(vectors::read) {
        let found = imported.graph.evaluate(&inputs).map_err(|error| named(error.to_string()))?;
        compare(&found, &expected, SUITE).map_err(|fault| named(format!("evaluate: {fault}")))?;
    }
    let compilation = compile(&file, &Options::default()).map_err(|error| named(format!("not compiled: {error}")))?;
    for (inputs, expected) in case.data_sets.iter().map(vectors::read) {
        let found = compilation.execute(&inputs).map_err(|error| named(error.to_string()))?;
        compare(&found, &expected, SUITE).map_err(|fault| named(format!("execute: {fault}")))?;
    }
    Ok(())
}

fn reason<'a>(list: &[(&str, &'a str)], case: &StoredModel) -> Option<&'a str> {
    list.iter().find(|(name, _)| *name == case.name).map(|(_, reason)| *reason)
}
