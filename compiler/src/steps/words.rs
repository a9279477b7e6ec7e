//! Sizes as the runtime's geometries have them.

/// What no geometry holds becomes the largest number, which the geometry's own checks refuse.
pub(super) fn words<const N: usize>(values: [usize; N]) -> [u32; N] {
    values.map(|value| u32::try_from(value).unwrap_or(u32::MAX))
}
