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

    /// The widest is the whole range, and each sum is that of what a byte changes.
    #[test]
    fn errors_are_those_of_each_candidate() {
        let range = Range { min: -1.0, max: 3.0 };
        let values = [-1.0, -0.3, 0.0, 0.017, 1.2, 2.4, 3.0];
        let all = candidates(range);
        assert_eq!((all[0], all[CANDIDATES - 1]), (range, Range { min: -0.5, max: 1.5 }));
        assert!(all.windows(2).all(|pair| pair[1].max < pair[0].max && pair[1].min > pair[0].min));
        for (candidate, found) in all.into_iter().zip(errors(range, &values)) {
            let (scale, zero) = steps(candidate);
            let bytes = values.map(|value| (f64::from(value / scale).round_ties_even() + f64::from(zero)).clamp(-128.0, 127.0));
            let squares =
                values.iter().zip(bytes).map(|(&value, byte)| (f64::from(value) - (byte - f64::from(zero)) * f64::from(scale)).powi(2));
            let wanted: f64 = squares.sum();
            assert!((found - wanted).abs() <= 1e-4 * wanted.max(1e-3), "{candidate:?}: {found} is not {wanted}");
        }
        assert_eq!(errors(range, &[]), [0.0; CANDIDATES]);
    }

    /// Sums of several examples; of equal ones the widest range, and what no example is of stays as it is.
    #[test]
    fn the_least_sum_of_all_examples_counts() {
        let range = Range { min: -2.0, max: 2.0 };
        let tensors = ["a", "b", "c"].map(|name| (name.to_owned(), range));
        let mut calibration = Calibration::new("", 1, BTreeMap::from(tensors));
        let with = |least: usize, sum: f64| std::array::from_fn(|at| if at == least { sum } else { 1.0 });
        let examples = [("a", with(3, 0.5)), ("a", with(5, 0.25)), ("b", [1.0; CANDIDATES]), ("other", with(2, 0.0)), ("a", with(3, 0.9))];
        calibration.narrow(examples.map(|(name, errors)| (name.to_owned(), errors)));
        // 0.5 + 1 + 0.9 of the third, 1 + 0.25 + 1 of the fifth.
        assert_eq!(calibration.tensors["a"], candidates(range)[5]);
        assert_eq!([&calibration.tensors["b"], &calibration.tensors["c"]], [&range; 2]);
        assert_eq!(calibration.tensors.len(), 3);
    }
}
