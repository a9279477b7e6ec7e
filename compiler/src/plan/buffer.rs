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
    /// Positions in the order of the first and the last step that touches it; of a streamed group its whole span counts, but of a ring the
    /// steps that are called while it holds rows.
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
        for id in problem.steps[step].tensors() {
            let root = hosting.layouts[id].root;
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

#[cfg(test)]
mod tests {
    use super::super::host::host;
    use super::super::text::problem;
    use super::*;

    /// Name, bytes, first and last step of every buffer of the steps in the given order.
    fn lives(text: &str) -> Vec<(String, usize, usize, usize)> {
        let problem = problem(text);
        let order: Vec<usize> = (0..problem.steps.len()).collect();
        let lives = lifetimes(&problem, &host(&problem), &order);
        lives.into_iter().map(|life| (problem.tensors[life.root].name.clone(), life.size, life.first, life.last)).collect()
    }

    #[test]
    fn a_buffer_is_alive_from_its_first_to_its_last_step() {
        let text = "
            x: f32[8] input 0
            a: f32[8]
            b: f32[20]
            s: f32[100]
            y: f32[8] output 0
            z: f32[8] output 1
            a <- x
            y <- a
            b <- a; scratch s
            z <- b";
        let life = |name: &str, bytes, first, last| (name.to_owned(), bytes, first, last);
        let expected = [life("a", 64, 0, 2), life("b", 128, 2, 3), life("s", 448, 2, 2), life("y", 64, 1, 3), life("z", 64, 3, 3)];
        assert_eq!(lives(text), expected, "an output lives to the end, scratch while its step runs");
        assert_eq!(lives(&format!("outputs outside\n{text}")), expected[..3]);
    }

    #[test]
    fn bytes_alive_are_summed_by_step() {
        let life = |size, first, last| Lifetime { root: 0, size, first, last, ring: None };
        let lives = [life(64, 0, 1), life(128, 1, 2), life(256, 2, 2)];
        assert_eq!(live(&lives), [64, 192, 384]);
        assert_eq!((live_bound(&lives), live_bound(&[])), (384, 0));
        assert!(lives[0].meets(&lives[1]) && !lives[0].meets(&lives[2]));
    }
}
