//! Steps to a plan: what lives in what, the order of the steps, which are streamed row by row, the offsets in the arena.
//!
//! Invariant: knows no operator and no kernel; it sees tensors, and steps that read and write boxes of them.

mod budget;
pub(crate) mod buffer;
mod candidate;
mod early;
mod groups;
mod host;
#[cfg(test)]
mod large;
pub(crate) mod layout;
mod order;
mod pin;
mod place;
pub(crate) mod problem;
mod replay;
mod rowwise;
mod runs;
mod schedule;
mod split;
mod stream;
mod tags;
mod taken;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod text;

pub(crate) use budget::{Budget, Cost};
use budget::{Chosen, Variant, pareto, variants};
pub(crate) use buffer::Lifetime;
use layout::Layout;
pub(crate) use pin::Pins;
use problem::{Problem, TensorId};
pub(crate) use replay::{is_replayable, is_soon_replayed, replay};
pub(crate) use schedule::Schedule;

/// Everything that is decided about memory and time.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The problem as it is run: concats may be split, and steps in parts stand behind the others.
    pub(crate) problem: Problem,
    /// The steps that run, in the order in which they would run one by one; moves that hosting made needless are not among them.
    pub(crate) order: Vec<usize>,
    /// The order cut into groups.
    pub(crate) groups: Vec<Group>,
    /// One layout a tensor, relative to its root's buffer.
    pub(crate) layouts: Vec<Layout>,
    /// The buffers of the arena.
    pub(crate) buffers: Vec<Lifetime>,
    /// One offset a buffer, in bytes.
    pub(crate) offsets: Vec<usize>,
    /// The most bytes alive in one group: no placement of these buffers can need less.
    pub(crate) bound: usize,
    /// The group in which they are.
    pub(crate) peak: usize,
    /// Bytes of the arena, and of weights that a run reads.
    pub(crate) cost: Cost,
    /// Bytes of one pass over all weights.
    pub(crate) one_pass: u64,
    /// The cost of the plan that takes the least memory.
    pub(crate) least: Cost,
    /// How many moves hosting made needless.
    pub(crate) moves_elided: usize,
}

/// Steps that follow each other in the order, from `begin` to before `end`: one that runs whole, or some that run row by row.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) begin: usize,
    pub(crate) end: usize,
    pub(crate) schedule: Option<Schedule>,
}

impl Plan {
    /// First byte of `root`'s buffer: in the arena, or zero for what lies elsewhere.
    pub(crate) fn base(&self, root: TensorId) -> usize {
        self.buffer(root).map_or(0, |index| self.offsets[index])
    }

    /// The buffers that are alive in the group in which the most bytes are, the largest first.
    pub(crate) fn at_peak(&self) -> Vec<&Lifetime> {
        let Some(group) = self.groups.get(self.peak) else { return Vec::new() };
        let mut peak: Vec<_> = self.buffers.iter().filter(|buffer| buffer.first < group.end && buffer.last >= group.begin).collect();
        peak.sort_by_key(|buffer| std::cmp::Reverse(buffer.size));
        peak
    }

    /// The rows that `root`'s buffer holds at a time, if it is a ring.
    pub(crate) fn ring(&self, root: TensorId) -> Option<usize> {
        self.buffer(root).and_then(|index| self.buffers[index].ring)
    }

    /// Buffers are in the order of their roots.
    fn buffer(&self, root: TensorId) -> Option<usize> {
        self.buffers.binary_search_by_key(&root, |buffer| buffer.root).ok()
    }
}

/// No plan fits the budget.
#[derive(Clone, Debug)]
pub(crate) struct TooLarge {
    /// The smallest plan; none where a problem has no plan at all.
    pub(crate) least: Option<Box<Plan>>,
}

/// Plans a problem.
pub(crate) fn plan(problem: &Problem, budget: Budget) -> Result<Plan, TooLarge> {
    let variants = variants(problem);
    let best = |budget: Budget| {
        let chosen = variants.iter().filter_map(|variant| Some((variant, variant.choose(budget)?)));
        // Of equals the one that splits the fewest concats.
        chosen.min_by_key(|(_, chosen)| match budget {
            Budget::Bytes(_) => (chosen.cost.reads, chosen.cost.arena as u64),
            Budget::Thrifty | Budget::Least => (chosen.cost.arena as u64, chosen.cost.reads),
        })
    };
    let (smallest, smaller) = best(Budget::Least).ok_or(TooLarge { least: None })?;
    let least = smaller.cost;
    match best(budget) {
        Some((variant, chosen)) => Ok(variant.plan(chosen, least)),
        None => Err(TooLarge { least: Some(Box::new(smallest.plan(smaller, least))) }),
    }
}

impl Variant {
    fn plan(&self, chosen: Chosen<'_>, least: Cost) -> Plan {
        let mut problem = self.problem.clone();
        let (mut order, mut groups, mut peak) = (Vec::new(), Vec::new(), 0);
        // Where the steps of each place in the order begin, as a step in parts becomes several.
        let mut begins = Vec::new();
        for (index, group) in chosen.groups.iter().enumerate() {
            let begin = order.len();
            if index == chosen.peak {
                peak = groups.len();
            }
            if group.parts > 1 {
                begins.push(begin);
                let first = problem.steps.len();
                problem.steps.extend(self.problem.steps[self.order[group.begin]].in_parts(group.parts));
                for step in first..problem.steps.len() {
                    groups.push(Group { begin: order.len(), end: order.len() + 1, schedule: None });
                    order.push(step);
                }
            } else {
                begins.extend(begin..begin + group.end - group.begin);
                order.extend(&self.order[group.begin..group.end]);
                let schedule = group.stream.as_ref().map(|stream| Schedule::new(&stream.calls));
                groups.push(Group { begin, end: order.len(), schedule });
            }
        }
        begins.push(order.len());
        let moved = |life: Lifetime| Lifetime { first: begins[life.first], last: begins[life.last + 1] - 1, ..life };
        Plan {
            problem,
            order,
            groups,
            layouts: self.hosting.layouts.clone(),
            buffers: chosen.buffers.into_iter().map(moved).collect(),
            offsets: chosen.offsets,
            bound: chosen.bound,
            peak,
            cost: chosen.cost,
            one_pass: self.one_pass(),
            least,
            moves_elided: self.hosting.elided.iter().filter(|&&elided| elided).count(),
        }
    }
}

/// Memory and weight reads of every plan that no other beats in both, the largest arena first.
pub(crate) fn curve(problem: &Problem) -> Vec<Cost> {
    pareto(variants(problem).iter().flat_map(Variant::curve).collect())
}
