//! What convolutions that read the same weights agree on: the channels of a block, so that the weights are packed alike and stored once.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};

use super::micro::Choice;

/// Readers agree where that takes at most one part in so many more than if each chose for itself.
const DEARER: u64 = 10;

/// By the hash of weights, what their readers can choose and what was agreed on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agreements {
    readers: BTreeMap<u64, Vec<Vec<Choice>>>,
    channels: BTreeMap<u64, usize>,
}

impl Agreements {
    /// One reader's choice: the best under what was agreed on, or the best of all.
    pub(crate) fn choose(&mut self, weights: impl Hash, choices: Vec<Choice>) -> Option<Choice> {
        let weights = BuildHasherDefault::<DefaultHasher>::default().hash_one(weights);
        let agreed = self.channels.get(&weights).and_then(|&channels| best(&choices, Some(channels)));
        let choice = agreed.or_else(|| best(&choices, None)).copied();
        self.readers.entry(weights).or_default().push(choices);
        choice
    }

    /// What all readers that chose agree on; nothing where each is right to choose for itself.
    pub(crate) fn agreed(self) -> Option<Self> {
        let channels = self.readers.iter().filter_map(|(&weights, readers)| Some((weights, agreed(readers)?)));
        let channels: BTreeMap<u64, usize> = channels.collect();
        if channels.is_empty() { None } else { Some(Agreements { channels, ..Agreements::default() }) }
    }
}

/// The choice that costs least, of those with so many channels a block.
fn best(choices: &[Choice], channels: Option<usize>) -> Option<&Choice> {
    let fit = choices.iter().filter(|choice| channels.is_none_or(|channels| choice.micro.channels == channels));
    fit.min_by_key(|choice| choice.cost)
}

/// The channels of a block that cost all readers together least.
fn agreed(readers: &[Vec<Choice>]) -> Option<usize> {
    let apart: Vec<&Choice> = readers.iter().filter_map(|choices| best(choices, None)).collect();
    let wished: BTreeSet<usize> = apart.iter().map(|choice| choice.micro.channels).collect();
    if wished.len() < 2 {
        return None;
    }
    let together = |channels| readers.iter().try_fold(0u64, |sum, choices| Some(sum.saturating_add(best(choices, Some(channels))?.cost)));
    let (least, channels) = wished.into_iter().filter_map(|channels| Some((together(channels)?, channels))).min()?;
    let alone = apart.iter().fold(0u64, |sum, choice| sum.saturating_add(choice.cost));
    (least <= alone.saturating_add(alone / DEARER)).then_some(channels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::test_build::Build;
    use crate::lower::lower;
    use crate::ops::test_case::Case;
    use crate::steps::micro::{MicroKernel, Unit};
    use crate::target::{NumericClass, Profile, Target};

    fn choice(channels: usize, cost: u64) -> Choice {
        Choice { micro: MicroKernel { unit: Unit::Plain, pixels: 1, channels }, span: 1, cost }
    }

    #[test]
    fn readers_agree_where_that_costs_little() {
        let [large, small] = [vec![choice(4, 100), choice(16, 120)], vec![choice(4, 20), choice(16, 10)]];
        assert_eq!(agreed(&[large.clone(), small.clone()]), Some(4), "120 in place of 110");
        assert_eq!(agreed(&[large.clone(), vec![choice(4, 30), choice(16, 10)]]), None, "130");
        assert_eq!(agreed(&[large.clone(), large.clone()]), None, "they agree as it is");
        assert_eq!(agreed(&[large, vec![choice(16, 1)]]), None, "one cannot");
        assert_eq!(agreed(&[vec![choice(4, 200), choice(4, 100), choice(16, 101)], small]), Some(16), "the best of one number of channels");
    }

    #[test]
    fn what_two_maps_share_is_stored_once() {
        let mut build = Build::new();
        let w = build.seeded("w", &[8, 8, 3, 3]);
        for (index, side) in [12, 1].into_iter().enumerate() {
            let x = [1, 8, side, side];
            let op = Case::new("Conv", 11).ints("pads", &[1; 4]).input(&x).input(&[8, 8, 3, 3]).parse().unwrap();
            let x = build.input(&format!("x{index}"), &x);
            let y = build.op(&format!("y{index}"), op, &[x, w]);
            build.output(y);
        }
        let steps = lower(&build.graph, Profile { target: Target::CortexM7, numeric: NumericClass::Fused }).unwrap();
        let stored: BTreeSet<_> =
            steps.steps.iter().map(|step| step.weights.clone()).filter(|range| !range.is_empty()).map(|range| range.start).collect();
        assert_eq!((stored.len(), steps.weights.len()), (1, 4 * 8 * (1 + 8 * 9)));
    }
}
