//! The stored networks of the field: which are imported, and why the others are not.

use models::StoredModel;

/// Networks that peleec refuses to import, with words of its reason.
///
/// AlexNet has PyTorch's local response normalisation, an average pool over channels as a third dimension; one node `LRN` is imported, as
/// GoogLeNet has it.
pub const NOT_IMPORTED: &[(&str, &str)] = &[("alexnet-18", "[N,C,W] and [N,C,H,W]")];

/// The networks that are not on the list.
pub fn imported() -> Vec<StoredModel> {
    let refused = |model: &StoredModel| NOT_IMPORTED.iter().any(|&(name, _)| name == model.name);
    models::field_networks().into_iter().filter(|model| !refused(model)).collect()
}
