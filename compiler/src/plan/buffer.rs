//! The buffers of an arena: how large each is, how long it is alive, and which lies over another.

use std::collections::BTreeMap;

use super::host::Hosting;
use super::problem::{Problem, Role, TensorId};

/// Buffers begin at multiples of this many bytes.
pub(crate) const ALIGNMENT: usize = 64;

/// A buffer of the arena: the memory of one root tensor and of all that lives in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lifetime {
    pub(crate) root: TensorId,
    /// Bytes, rounded up to the alignment.
    pub(crate) size: usize,
    /// Positions in the order of the first and the last step that touches it; of a streamed group its whole span counts.
    pub(crate) first: usize,
    pub(crate) last: usize,
    /// The rows that it holds at a time, if it is a ring.
    pub(crate) ring: Option<usize>,
}

impl Lifetime {
    /// Steps from the first to the last.
    pub(super) fn length(&self) -> usize {
        self.last - self.first + 1
    }

    /// Whether two buffers are ever alive together.
    #[cfg(test)]
    pub(crate) fn meets(&self, other: &Lifetime) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// `output` begins `lead` bytes before `input`, whose rows die before the output's rows reach them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Over {
    pub(crate) input: TensorId,
    pub(crate) output: TensorId,
    pub(crate) lead: usize,
}

/// A buffer's size with the alignment.
pub(super) fn aligned(bytes: usize) -> usize {
    bytes.next_multiple_of(ALIGNMENT)
}

/// The buffers that the steps in `order` touch, by root, each as large as it is whole. An output lives to the end; inputs, constants and
/// outputs that lie with the caller need no memory here.
pub(crate) fn lifetimes(problem: &Problem, hosting: &Hosting, order: &[usize]) -> Vec<Lifetime> {
    let mut lives: BTreeMap<TensorId, Lifetime> = BTreeMap::new();
    for (at, &step) in order.iter().enumerate() {
        let step = &problem.steps[step];
        for access in step.reads.iter().chain([&step.write]) {
            let root = hosting.layouts[access.tensor].root;
            let tensor = &problem.tensors[root];
            if !problem.in_arena(root) {
                continue;
            }
            let size = aligned(tensor.bytes());
            let life = lives.entry(root).or_insert(Lifetime { root, size, first: at, last: at, ring: None });
            life.last = if matches!(tensor.role, Role::Output(_)) { order.len() - 1 } else { at };
        }
    }
    lives.into_values().collect()
}

/// The bytes alive at each step.
pub(crate) fn live(lifetimes: &[Lifetime]) -> Vec<usize> {
    let steps = lifetimes.iter().map(|life| life.last + 1).max().unwrap_or(0);
    let mut change = vec![0isize; steps];
    for life in lifetimes {
        change[life.first] += life.size as isize;
        if let Some(after) = change.get_mut(life.last + 1) {
            *after -= life.size as isize;
        }
    }
    let mut live = 0;
    let sums = change.iter().map(|change| {
        live += change;
        live as usize
    });
    sums.collect()
}

/// The most bytes alive at one step: no placement can need less.
pub(crate) fn live_bound(lifetimes: &[Lifetime]) -> usize {
    live(lifetimes).into_iter().max().unwrap_or(0)
}
