//! How far one tensor is from another.

use crate::Tensor;

/// The largest difference that counts as equal: `absolute + relative * |wanted|`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// For values near zero.
    pub absolute: f32,
    /// For large values.
    pub relative: f32,
}

impl Default for Tolerance {
    fn default() -> Self {
        Tolerance { absolute: 2e-4, relative: 2e-4 }
    }
}

/// The worst that a comparison found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Largest distance of two values; infinite where one alone is not a number, or integers differ.
    pub max_error: f32,
    /// Largest part of the tolerance that a distance takes: more than 1 is too much.
    pub share: f32,
    /// Position of that value.
    pub at: usize,
}

/// Compares values; `None` where shapes or element types differ.
pub fn compare(found: &Tensor, wanted: &Tensor, tolerance: Tolerance) -> Option<Difference> {
    if found.shape() != wanted.shape() {
        return None;
    }
    let mut worst = Difference { max_error: 0.0, share: 0.0, at: 0 };
    let (Some(found), Some(wanted)) = (found.as_f32(), wanted.as_f32()) else {
        // What is no float is the same or wrong.
        let different = (found.dtype() == wanted.dtype()).then(|| first_different(found, wanted))?;
        return Some(different.map_or(worst, |at| Difference { max_error: f32::INFINITY, share: f32::INFINITY, at }));
    };
    for (at, (&found, &wanted)) in found.iter().zip(wanted).enumerate() {
        let error = distance(found, wanted);
        let share = if error == 0.0 { 0.0 } else { error / (tolerance.absolute + tolerance.relative * wanted.abs()) };
        let share = if share.is_nan() { f32::INFINITY } else { share };
        worst.max_error = worst.max_error.max(error);
        if share > worst.share {
            (worst.share, worst.at) = (share, at);
        }
    }
    Some(worst)
}

fn distance(found: f32, wanted: f32) -> f32 {
    let error = (found - wanted).abs();
    match (found == wanted || found.is_nan() && wanted.is_nan(), error.is_nan()) {
        (true, _) => 0.0,
        (false, true) => f32::INFINITY,
        (false, false) => error,
    }
}

/// The first output and element whose bits differ.
pub fn first_different_bit(a: &[Tensor], b: &[Tensor]) -> Option<(usize, usize)> {
    a.iter().zip(b).enumerate().find_map(|(output, (a, b))| Some((output, first_different(a, b)?)))
}

fn first_different(a: &Tensor, b: &Tensor) -> Option<usize> {
    let byte = a.as_bytes().iter().zip(b.as_bytes()).position(|(a, b)| a != b)?;
    Some(byte / a.dtype().bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(values: &[f32]) -> Tensor {
        Tensor::f32(vec![values.len()], values).unwrap()
    }

    fn share(found: f32, wanted: f32) -> f32 {
        compare(&tensor(&[found]), &tensor(&[wanted]), Tolerance::default()).unwrap().share
    }

    #[test]
    fn the_tolerance_grows_with_the_value() {
        assert!(share(1e-4, 0.0) < 1.0 && share(3e-4, 0.0) > 1.0);
        assert!(share(100.01, 100.0) < 1.0 && share(100.1, 100.0) > 1.0);
    }

    #[test]
    fn what_is_not_a_number_equals_only_its_like() {
        assert_eq!((share(f32::NAN, f32::NAN), share(f32::INFINITY, f32::INFINITY)), (0.0, 0.0));
        assert_eq!((share(f32::NAN, 1.0), share(1.0, f32::NAN), share(1.0, f32::INFINITY)), (f32::INFINITY, f32::INFINITY, f32::INFINITY));
        assert_eq!(share(f32::INFINITY, f32::NEG_INFINITY), f32::INFINITY);
    }

    #[test]
    fn shapes_must_agree_and_bits_are_counted_from_zero() {
        assert_eq!(compare(&tensor(&[1.0]), &tensor(&[1.0, 2.0]), Tolerance::default()), None);
        assert_eq!(first_different_bit(&[tensor(&[1.0, 0.0])], &[tensor(&[1.0, -0.0])]), Some((0, 1)));
        assert_eq!(first_different_bit(&[tensor(&[f32::NAN])], &[tensor(&[f32::NAN])]), None);
    }
}
