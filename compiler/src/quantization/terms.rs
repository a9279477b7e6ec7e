//! The weights of a product on their way to bytes.

use crate::tensor::window::Window;

/// The greatest magnitude of a weight.
pub(super) const MOST_WEIGHT: f64 = 127.0;

/// The weights of a product as what they add to its sums, and what they weigh.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    /// Name of the value that the product makes.
    pub(crate) output: String,
    /// Name of the value that it reads.
    pub(crate) input: String,
    /// Of that value's bytes: one scale, or one a channel.
    pub(crate) scale: Vec<f32>,
    /// Of that value's bytes.
    pub(crate) zero: i32,
    pub(crate) window: Window,
    pub(crate) group: usize,
    /// Weights times the scales of what they weigh, in the weights' order: the filters first.
    pub(crate) values: Vec<f64>,
    /// What one step of each filter's bytes stands for.
    pub(crate) steps: Vec<f64>,
}

impl Terms {
    /// How many terms a sum has.
    pub(crate) fn per_filter(&self) -> usize {
        self.values.len().checked_div(self.steps.len()).unwrap_or(0)
    }

    /// The terms of each filter, and its step.
    pub(crate) fn filters(&self) -> impl Iterator<Item = (&[f64], f64)> {
        self.values.chunks_exact(self.per_filter().max(1)).zip(self.steps.iter().copied())
    }

    /// Each weight as the byte that is nearest to it.
    pub(crate) fn nearest(&self) -> Vec<i8> {
        self.filters().flat_map(|(filter, step)| filter.iter().map(move |&term| byte(term, step))).collect()
    }

    /// How far the byte of a value of a channel is from zero.
    pub(crate) fn input_byte(&self, value: f32, channel: usize) -> i16 {
        let scale = self.scale.get(channel).or(self.scale.first()).copied().unwrap_or(1.0);
        let byte = ((value / scale).round_ties_even() as i32).saturating_add(self.zero);
        (byte.clamp(i8::MIN.into(), i8::MAX.into()) - self.zero) as i16
    }
}

/// The byte that is nearest to a term.
pub(super) fn byte(term: f64, step: f64) -> i8 {
    (term / step).round().clamp(-MOST_WEIGHT, MOST_WEIGHT) as i8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_near_and_in_range() {
        let terms = Terms {
            output: "y".to_owned(),
            input: "x".to_owned(),
            scale: vec![0.5, 0.25],
            zero: -3,
            window: Window::pointwise(),
            group: 1,
            values: vec![0.26, -0.42, 0.26, -50.0],
            steps: vec![0.1, 0.2],
        };
        assert_eq!(terms.nearest(), [3, -4, 1, -127]);
        // The second channel has steps of its own, and one that has none those of the first.
        assert_eq!([0, 1, 7].map(|channel| terms.input_byte(1.0, channel)), [2, 4, 2]);
        assert_eq!([1e9, -1e9].map(|value| terms.input_byte(value, 0)), [130, -125]);
    }
}
