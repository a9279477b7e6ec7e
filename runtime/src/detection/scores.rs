//! The scores of a detector: values as they are, or what a function makes of logits, which is computed only where it can exceed a threshold.

use super::Detector;
use super::values::sealed::Values;
use crate::f32::activation::sigmoid;
use crate::f32::elementary::log;
use crate::f32::softmax::share;

/// Scores that a detector reads: [`DetectorValues`](crate::DetectorValues), or a function of such. Sealed.
pub trait Scores: sealed::Scores {}
impl<S: sealed::Scores> Scores for S {}

mod sealed {
    use super::Detector;

    /// Scores that are found by prior and class.
    pub trait Scores {
        /// What tells the scores above a threshold.
        type Limit: Copy;

        /// That of a threshold.
        fn limit(&self, threshold: f32) -> Self::Limit;

        /// A prior's score for a class, where there is one and it is above the threshold.
        fn score_above(&self, detector: &Detector<'_>, prior: usize, class: usize, limit: Self::Limit) -> Option<f32>;
    }
}

impl<V: Values> sealed::Scores for V {
    type Limit = V::Bound;

    fn limit(&self, threshold: f32) -> V::Bound {
        self.bound(threshold)
    }

    #[inline(always)]
    fn score_above(&self, detector: &Detector<'_>, prior: usize, class: usize, bound: V::Bound) -> Option<f32> {
        self.value_above(place(detector, prior, class), bound)
    }
}

/// Logits of which the scores are the softmax over the classes of a prior, with the bits of [`Softmax`](crate::Softmax).
///
/// Its exponentials are taken for what may be above the threshold alone: not for a class that another, as a rule the background, leads by
/// so much that no rounding makes up for it.
#[derive(Clone, Copy, Debug)]
pub struct SoftmaxOf<V>(pub V);

impl<V: Values> sealed::Scores for SoftmaxOf<V> {
    /// The lead that no class above the threshold lets another have, where there is one; the threshold.
    type Limit = (Option<V::Lead>, f32);

    fn limit(&self, threshold: f32) -> Self::Limit {
        (most_lead(threshold).map(|lead| self.0.lead(lead)), threshold)
    }

    #[inline(always)]
    fn score_above(&self, detector: &Detector<'_>, prior: usize, class: usize, (lead, threshold): Self::Limit) -> Option<f32> {
        let (first, index) = (place(detector, prior, 0), place(detector, prior, class));
        let is_led = |other: usize| lead.is_some_and(|lead| self.0.leads(first.saturating_add(other), index, lead));
        let background = detector.background.filter(|&background| background < detector.classes);
        if background.is_some_and(is_led) || (0..detector.classes).any(is_led) {
            return None;
        }
        share(self.0.value(index)?, self.0.row(first, detector.classes)).filter(|score| *score > threshold)
    }
}

/// Logits of which each score is the sigmoid, with the bits of [`Activation::Sigmoid`](crate::Activation::Sigmoid), which is computed for
/// what may be above the threshold alone.
#[derive(Clone, Copy, Debug)]
pub struct SigmoidOf<V>(pub V);

impl<V: Values> sealed::Scores for SigmoidOf<V> {
    /// What tells the logits that may be above the threshold, where not all may; the threshold.
    type Limit = (Option<V::Bound>, f32);

    fn limit(&self, threshold: f32) -> Self::Limit {
        (least_logit(threshold).map(|logit| self.0.bound(logit)), threshold)
    }

    #[inline(always)]
    fn score_above(&self, detector: &Detector<'_>, prior: usize, class: usize, (bound, threshold): Self::Limit) -> Option<f32> {
        let index = place(detector, prior, class);
        let logit = match bound {
            Some(bound) => self.0.value_above(index, bound),
            None => self.0.value(index),
        };
        logit.map(sigmoid).filter(|score| *score > threshold)
    }
}

/// Where a prior's score for a class stands.
#[inline(always)]
fn place(detector: &Detector<'_>, prior: usize, class: usize) -> usize {
    prior.saturating_mul(detector.classes).saturating_add(class)
}

/// What computed scores may be off by, in logits, and far more.
const SLACK: f32 = 1e-3;

/// How far above a class another may be while its share exceeds a threshold; none where that is any distance.
///
/// A class that another is `d` above has at most `1 / (1 + exp(d))`, which is one half or less: the sum, of which no rounding takes away the
/// other's power, has both.
fn most_lead(threshold: f32) -> Option<f32> {
    let lead = if threshold < 0.5 { log((1.0 - threshold) / threshold) } else { 0.0 };
    (threshold >= f32::MIN_POSITIVE).then_some(lead + SLACK)
}

/// What a logit must exceed for its sigmoid to exceed a threshold; none where any may do.
///
/// Near one the sigmoid is so flat that rounding is worth many logits: what is asked for there is what a thousandth less asks for.
fn least_logit(threshold: f32) -> Option<f32> {
    const FLAT: f32 = 0.999;
    let share = if threshold < FLAT { threshold } else { FLAT };
    (threshold >= f32::MIN_POSITIVE).then(|| log(share / (1.0 - share)) - SLACK)
}
