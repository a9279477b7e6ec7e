//! The stored networks of the field: which are imported, and why the others are not.

use models::StoredModel;

/// Networks that peleec refuses to import, with words of its reason.
///
/// The Tiny YOLOv2 repeats its last row and column in front of a pool; a pool that pads itself is imported, as the other has it.
pub const NOT_IMPORTED: &[(&str, &str)] = &[("tiny-yolov2-13", "`mode` is `edge`")];

/// The networks that are not on the list.
pub fn imported() -> Vec<StoredModel> {
    let refused = |model: &StoredModel| NOT_IMPORTED.iter().any(|&(name, _)| name == model.name);
    models::field_networks().into_iter().filter(|model| !refused(model)).collect()
}
