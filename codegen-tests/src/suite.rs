//! The ONNX backend tests of single operators: what peleec does not import of them, and how near the stored outputs its own must be.

use models::StoredModel;
use peleec::Tensor;

use crate::compare::Closeness;

/// The tolerance of the ONNX suite.
pub const CLOSENESS: Closeness = Closeness::Within { relative: 1e-3, absolute: 1e-7 };

/// Cases that peleec refuses to import, with words of its reason.
pub const NOT_IMPORTED: &[(&str, &str)] = &[];

/// Cases that peleec answers as onnxruntime does, which is not as they have it: corners are aligned by the output's size, where the suite
/// takes the size times the scale, which is no whole number there.
pub const AS_ONNXRUNTIME: [&str; 2] = ["resize_downsample_scales_cubic_align_corners", "resize_downsample_scales_linear_align_corners"];

/// Cases of which the suite has as many rows as the data select, and peleec as many as there can be, with that number. All rows behind the
/// selected ones are -1.
pub const FILLED_UP: &[(&str, usize)] = &[("nonmaxsuppression_identical_boxes", 3), ("nonmaxsuppression_suppress_by_IOU_and_scores", 3)];

/// Words of peleec's reason not to import a case, where it does not.
pub fn reason(case: &StoredModel) -> Option<&'static str> {
    NOT_IMPORTED.iter().find(|(name, _)| *name == case.name).map(|(_, reason)| *reason)
}

/// Whether the outputs that are stored for a case are to be peleec's.
pub fn is_as_stored(case: &StoredModel) -> bool {
    !AS_ONNXRUNTIME.contains(&&*case.name)
}

/// The outputs that peleec is to give: those that are stored for a case, filled up where it is one of those.
pub fn wanted(case: &StoredModel, stored: Vec<Tensor>) -> Vec<Tensor> {
    match FILLED_UP.iter().find(|(name, _)| *name == case.name) {
        Some(&(_, rows)) => stored.iter().map(|tensor| filled_up(tensor, rows)).collect(),
        None => stored,
    }
}

fn filled_up(tensor: &Tensor, rows: usize) -> Tensor {
    let (shape, mut values) = (tensor.shape(), tensor.to_i64s().expect("rows of indices"));
    assert!(shape.len() == 2 && shape[0] < rows, "{shape} has not fewer rows than {rows}: take the case off the list");
    values.resize(rows * shape[1], -1);
    Tensor::i64([rows, shape[1]], values).expect("the values fill the rows")
}
