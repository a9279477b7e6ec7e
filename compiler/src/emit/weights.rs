//! The weights file: the packed weights, little-endian.

/// The bytes of `NAME.weights.bin`.
pub(crate) fn weight_bytes(weights: &[f32]) -> Vec<u8> {
    weights.iter().flat_map(|value| value.to_le_bytes()).collect()
}
