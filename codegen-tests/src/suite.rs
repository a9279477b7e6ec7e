//! The ONNX backend tests of single operators: what peleec does not import of them, and how near the stored outputs its own must be.

use models::StoredModel;

use crate::compare::Closeness;

/// The tolerance of the ONNX suite.
pub const CLOSENESS: Closeness = Closeness::Within { relative: 1e-3, absolute: 1e-7 };

/// Cases that peleec refuses to import, with words of its reason.
pub const NOT_IMPORTED: &[(&str, &str)] =
    &[("dequantizelinear_blocked", "attribute `block_size`"), ("quantizelinear_blocked_asymmetric", "attribute `block_size`")];

/// Cases that peleec answers as onnxruntime does, which is not as they have it: corners are aligned by the output's size, where the suite
/// takes the size times the scale, which is no whole number there.
pub const AS_ONNXRUNTIME: [&str; 2] = ["resize_downsample_scales_cubic_align_corners", "resize_downsample_scales_linear_align_corners"];

/// Words of peleec's reason not to import a case, where it does not.
pub fn reason(case: &StoredModel) -> Option<&'static str> {
    NOT_IMPORTED.iter().find(|(name, _)| *name == case.name).map(|(_, reason)| *reason)
}

/// Whether the outputs that are stored for a case are to be peleec's.
pub fn is_as_stored(case: &StoredModel) -> bool {
    !AS_ONNXRUNTIME.contains(&&*case.name)
}
