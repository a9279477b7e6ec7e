//! Lifetimes of the buffers, and their offsets in the arena.

use std::collections::BTreeMap;

use super::host::Hosting;
use super::problem::{Problem, Role, TensorId};

/// Buffers begin at multiples of this many elements (64 bytes).
pub(crate) const ALIGNMENT: usize = 16;

/// A buffer of the arena: the memory of one root tensor and of all that lives in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lifetime {
    pub(crate) root: TensorId,
    /// Elements, rounded up to the alignment.
    pub(crate) size: usize,
    /// Positions in the order of the first and the last step that touches it.
    pub(crate) first: usize,
    pub(crate) last: usize,
}

impl Lifetime {
    /// Steps from the first to the last.
    fn length(&self) -> usize {
        self.last - self.first + 1
    }

    /// Whether two buffers are ever alive together.
    pub(crate) fn meets(&self, other: &Lifetime) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// The buffers that the steps in `order` touch, by root. An output lives to the end; inputs and constants need no memory here.
pub(crate) fn lifetimes(problem: &Problem, hosting: &Hosting, order: &[usize]) -> Vec<Lifetime> {
    let mut lives: BTreeMap<TensorId, Lifetime> = BTreeMap::new();
    for (at, &step) in order.iter().enumerate() {
        let step = &problem.steps[step];
        for access in step.reads.iter().chain([&step.write]) {
            let root = hosting.layouts[access.tensor].root;
            let tensor = &problem.tensors[root];
            if matches!(tensor.role, Role::Input(_) | Role::Constant(_)) {
                continue;
            }
            let size = tensor.shape.elements().next_multiple_of(ALIGNMENT);
            let life = lives.entry(root).or_insert(Lifetime { root, size, first: at, last: at });
            life.last = if matches!(tensor.role, Role::Output(_)) { order.len() - 1 } else { at };
        }
    }
    lives.into_values().collect()
}

/// The most elements alive at one step: no placement can need less.
pub(crate) fn live_bound(lifetimes: &[Lifetime]) -> usize {
    let steps = lifetimes.iter().map(|life| life.last + 1).max().unwrap_or(0);
    let mut change = vec![0isize; steps + 1];
    for life in lifetimes {
        change[life.first] += life.size as isize;
        change[life.last + 1] -= life.size as isize;
    }
    let mut live = 0;
    change
        .iter()
        .map(|change| {
            live += change;
            live
        })
        .max()
        .unwrap_or(0) as usize
}

/// What a greedy placement sorts by; the largest comes first.
type Key = fn(&Lifetime) -> (usize, usize);

/// An offset for every buffer, and the size of the arena. Greedy under several keys, the best kept.
pub(crate) fn place(lifetimes: &[Lifetime]) -> (Vec<usize>, usize) {
    let keys: [Key; 4] = [
        |life| (life.size, life.length()),
        |life| (life.length(), life.size),
        |life| (life.size.saturating_mul(life.length()), life.size),
        |life| (usize::MAX - life.first, life.size),
    ];
    let placements = keys.iter().map(|key| {
        let mut turns: Vec<usize> = (0..lifetimes.len()).collect();
        turns.sort_by_key(|&index| (std::cmp::Reverse(key(&lifetimes[index])), index));
        greedy(lifetimes, &turns)
    });
    placements.min_by_key(|(_, size)| *size).unwrap_or_default()
}

/// Places the buffers in `turns`' order, each into the lowest gap that it fits.
fn greedy(lifetimes: &[Lifetime], turns: &[usize]) -> (Vec<usize>, usize) {
    let mut offsets = vec![0; lifetimes.len()];
    let mut placed: Vec<usize> = Vec::new();
    let mut size = 0;
    for &turn in turns {
        let life = &lifetimes[turn];
        let mut taken: Vec<_> =
            placed.iter().filter(|&&other| lifetimes[other].meets(life)).map(|&other| (offsets[other], lifetimes[other].size)).collect();
        taken.sort_unstable();
        let mut at = 0;
        for (offset, len) in taken {
            if at + life.size <= offset {
                break;
            }
            at = at.max(offset + len);
        }
        offsets[turn] = at;
        size = size.max(at + life.size);
        placed.push(turn);
    }
    (offsets, size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(size: usize, first: usize, last: usize) -> Lifetime {
        Lifetime { root: 0, size, first, last }
    }

    #[test]
    fn a_chain_reuses_its_memory() {
        let lives = [life(32, 0, 1), life(32, 1, 2), life(32, 2, 3)];
        assert_eq!((place(&lives).1, live_bound(&lives)), (64, 64));
    }

    #[test]
    fn buffers_alive_together_lie_apart() {
        let lives = [life(16, 0, 5), life(64, 1, 2), life(32, 2, 4), life(48, 3, 6), life(16, 4, 6)];
        let (offsets, size) = place(&lives);
        assert!(size >= live_bound(&lives));
        for (a, x) in lives.iter().enumerate() {
            for (b, y) in lives.iter().enumerate().skip(a + 1) {
                assert!(!x.meets(y) || offsets[a] + x.size <= offsets[b] || offsets[b] + y.size <= offsets[a]);
            }
        }
    }
}
