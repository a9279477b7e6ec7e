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
    ("convtranspose_3d", "[N,C,W] and [N,C,H,W]"),
    ("cumsum_1d_int32_exclusive", "input 0 is i32"),
    ("cumsum_2d_int32", "input 0 is i32"),
    ("dequantizelinear_axis", "input `x` is computed at run time"),
    ("dequantizelinear_blocked", "a scale for each block"),
    ("div_int32_trunc", "`Div` of f32 at run time"),
    ("div_int8", "`Div` of f32 at run time"),
    ("div_uint8", "`Div` of f32 at run time"),
    ("max_int32", "`Max` of f32 at run time"),
    ("max_int64", "`Max` of f32 at run time"),
    ("max_int8", "`Max` of f32 at run time"),
    ("max_uint8", "`Max` of f32 at run time"),
    ("min_int32", "`Min` of f32 at run time"),
    ("min_int64", "`Min` of f32 at run time"),
    ("min_int8", "`Min` of f32 at run time"),
    ("min_uint8", "`Min` of f32 at run time"),
    ("mod_broadcast", "`Mod` of constants"),
    ("mod_float32_mixed_sign_fmod_0", "the inputs are of types f32, f32"),
    ("mod_float_edge_cases_fmod_0_float32", "the inputs are of types f32, f32"),
    ("mod_int64_fmod", "`Mod` of f32 at run time"),
    ("mod_mixed_sign_int32", "`Mod` of constants"),
    ("mod_mixed_sign_int64", "`Mod` of constants"),
    ("mod_mixed_sign_int8", "`Mod` of constants"),
    ("mod_uint8", "`Mod` of constants"),
    ("mul_int8", "`Mul` of f32 at run time"),
    ("mul_uint8", "`Mul` of f32 at run time"),
    ("not_2d", "operator set version 1 is not supported"),
    ("not_3d", "operator set version 1 is not supported"),
    ("not_4d", "operator set version 1 is not supported"),
    ("pow_types_int32_float32", "`Pow` of f32 at run time"),
    ("pow_types_int32_int32", "`Pow` of f32 at run time"),
    ("pow_types_int64_float32", "`Pow` of f32 at run time"),
    ("pow_types_int64_int64", "`Pow` of f32 at run time"),
    ("pytorch_AvgPool3d", "[N,C,W] and [N,C,H,W]"),
    ("pytorch_AvgPool3d_stride", "[N,C,W] and [N,C,H,W]"),
    ("pytorch_AvgPool3d_stride1_pad0_gpu_input", "[N,C,W] and [N,C,H,W]"),
    ("pytorch_Conv3d", "[N,C,W] and [N,C,H,W]"),
    ("pytorch_Conv3d_dilated", "[N,C,W] and [N,C,H,W]"),
    ("pytorch_Conv3d_dilated_strided", "[N,C,W] and [N,C,H,W]"),
    ("pytorch_Conv3d_groups", "[N,C,W] and [N,C,H,W]"),
    ("pytorch_Conv3d_no_bias", "[N,C,W] and [N,C,H,W]"),
    ("pytorch_Conv3d_stride", "[N,C,W] and [N,C,H,W]"),
    ("pytorch_Conv3d_stride_padding", "[N,C,W] and [N,C,H,W]"),
    ("pytorch_Embedding", "`Gather` of constants"),
    ("pytorch_Embedding_sparse", "`Gather` of constants"),
    ("pytorch_MaxPool3d", "[N,C,W] and [N,C,H,W]"),
    ("pytorch_MaxPool3d_stride", "[N,C,W] and [N,C,H,W]"),
    ("pytorch_MaxPool3d_stride_padding", "[N,C,W] and [N,C,H,W]"),
    ("pytorch_operator_non_float_params", "`Add` of f32 at run time"),
    ("quantizelinear_axis", "input `x` is computed at run time"),
    ("quantizelinear_blocked_asymmetric", "a scale for each block"),
    ("reduce_max_bool_inputs", "the input is bool"),
    ("reduce_min_bool_inputs", "the input is bool"),
    ("resize_downsample_scales_cubic_antialias", "attribute `antialias` is 1"),
    ("resize_downsample_scales_linear_antialias", "attribute `antialias` is 1"),
    ("resize_downsample_sizes_cubic_antialias", "attribute `antialias` is 1"),
    ("resize_downsample_sizes_linear_antialias", "attribute `antialias` is 1"),
    ("sub_int8", "`Sub` of f32 at run time"),
    ("sub_uint8", "`Sub` of f32 at run time"),
    ("where_long_example", "`Where` of constants"),
];

/// Cases that peleec answers as onnxruntime does, which is not as they have it: corners are aligned by the output's size, where the suite
/// takes the size times the scale, which is no whole number there.
const AS_ONNXRUNTIME: [&str; 2] = ["resize_downsample_scales_cubic_align_corners", "resize_downsample_scales_linear_align_corners"];

#[test]
fn every_case_gives_its_stored_output() {
    let (others, cases): (Vec<_>, Vec<_>) = models::operator_cases().into_iter().partition(|case| AS_ONNXRUNTIME.contains(&&*case.name));
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
