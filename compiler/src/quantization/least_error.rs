//! Ranges narrower than what was observed: where few values are large, all others are nearer to their bytes so.

use std::collections::BTreeMap;

use super::rewrite::steps;
use super::{Calibration, Range};

/// How many ranges are tried, the first of them the whole.
const CANDIDATES: usize = 11;

/// The last of them, by the first.
const NARROWEST: f32 = 0.5;

/// What each candidate of a range changes of some values: the sum of the squares.
pub type Errors = [f64; CANDIDATES];

/// The candidates of a range, the widest first.
fn candidates(Range { min, max }: Range) -> [Range; CANDIDATES] {
    std::array::from_fn(|at| {
        let factor = 1.0 - (1.0 - NARROWEST) * at as f32 / (CANDIDATES - 1) as f32;
        Range { min: min * factor, max: max * factor }
    })
}

/// What each candidate of a range changes of values.
pub(crate) fn errors(range: Range, values: &[f32]) -> Errors {
    candidates(range).map(|candidate| {
        let (scale, zero) = steps(candidate);
        let [least, most] = [i8::MIN, i8::MAX].map(|bound| (i32::from(bound) - zero) as f32);
        let error = |&value: &f32| {
            let became = (value / scale).round_ties_even().clamp(least, most) * scale;
            f64::from(value - became).powi(2)
        };
        values.iter().map(error).sum()
    })
}

impl Calibration {
    /// Takes, of the candidates of each range, the one that changes the values of the examples least.
    pub fn narrow(&mut self, examples: impl IntoIterator<Item = (String, Errors)>) {
        let mut sums = BTreeMap::<String, Errors>::new();
        for (name, errors) in examples {
            let sums = sums.entry(name).or_insert([0.0; CANDIDATES]);
            sums.iter_mut().zip(errors).for_each(|(sum, error)| *sum += error);
        }
        for (name, range) in &mut self.tensors {
            let Some(sums) = sums.get(name) else { continue };
            let least = candidates(*range).into_iter().zip(sums).min_by(|(_, a), (_, b)| a.total_cmp(b));
            *range = least.map_or(*range, |(candidate, _)| candidate);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_outlier_makes_a_range_narrower_and_even_values_do_not() {
        let even: Vec<f32> = (0..=1000).map(|at| at as f32 / 1000.0).collect();
        let mut outlier: Vec<f32> = (0..=100_000).map(|at| (at % 1000) as f32 / 1000.0 - 0.5).collect();
        outlier.push(2.0);
        let range = |values: &[f32]| Range::of(values).unwrap();
        let tensors = BTreeMap::from([("even".to_owned(), range(&even)), ("outlier".to_owned(), range(&outlier))]);
        let mut calibration = Calibration::new("", 1, tensors);
        calibration.narrow([("even".to_owned(), errors(range(&even), &even)), ("outlier".to_owned(), errors(range(&outlier), &outlier))]);
        assert_eq!(calibration.tensors["even"], Range { min: 0.0, max: 1.0 });
        let Range { min, max } = calibration.tensors["outlier"];
        assert!((1.0..2.0).contains(&max) && (-0.5..-0.2).contains(&min), "{min} {max}");
    }
}
