//! Memory against weight reads: which plan is chosen, and what others there are.

use super::groups::{Buffers, Candidate, Candidates, Over};
use super::host::{Hosting, host};
use super::order::order;
use super::place::{Lifetime, aligned, lifetimes, place};
use super::problem::{Problem, ROWS};
use super::split::{Split, split};

/// What a plan is chosen by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Budget {
    /// The least memory with hardly more weight reads than one pass over them.
    Thrifty,
    /// The least memory, and of such plans the one that reads the least weights.
    Least,
    /// The least weight reads in an arena of so many elements.
    Elements(usize),
}

/// What a thrifty plan reads at most, in thousandths of one pass over all weights: what rounds to 1.05 passes.
const THRIFTY: u64 = 1055;

/// What a plan takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cost {
    /// Elements of the arena.
    pub(crate) arena: usize,
    /// Elements of weights that a run reads.
    pub(crate) reads: u64,
}

/// The problem under one way of splitting concats, in one order.
pub(super) struct Variant {
    pub(super) problem: Problem,
    pub(super) hosting: Hosting,
    pub(super) order: Vec<usize>,
    lives: Vec<Lifetime>,
    candidates: Candidates,
}

/// A plan's groups and places.
pub(super) struct Chosen<'a> {
    pub(super) groups: Vec<&'a Candidate>,
    pub(super) buffers: Vec<Lifetime>,
    pub(super) offsets: Vec<usize>,
    pub(super) bound: usize,
    pub(super) cost: Cost,
}

/// Every way of splitting the problem's concats that there is.
pub(super) fn variants(problem: &Problem) -> Vec<Variant> {
    let mut variants: Vec<Variant> = Vec::new();
    for which in [Split::Nothing, Split::Pairs, Split::Everything] {
        let problem = split(problem, which);
        let splits = |problem: &Problem| problem.steps.iter().filter(|step| step.split).count();
        if variants.last().is_none_or(|last| splits(&last.problem) < splits(&problem)) {
            variants.push(Variant::new(problem));
        }
    }
    variants
}

impl Variant {
    fn new(problem: Problem) -> Self {
        let hosting = host(&problem);
        let order = order(&problem, &hosting);
        let lives = lifetimes(&problem, &hosting, &order);
        let candidates = Candidates::new(&Buffers::new(&problem, &hosting, &lives, &order), &order);
        Variant { problem, hosting, order, lives, candidates }
    }

    /// Elements of one pass over all weights.
    pub(super) fn one_pass(&self) -> u64 {
        self.order.iter().map(|&step| self.problem.steps[step].weights as u64).sum()
    }

    pub(super) fn choose(&self, budget: Budget) -> Option<Chosen<'_>> {
        match budget {
            Budget::Least => self.smallest(),
            Budget::Elements(elements) => self.below(elements),
            Budget::Thrifty => {
                let most = self.one_pass() * THRIFTY / 1000;
                let caps = self.candidates.sizes();
                let at = caps.partition_point(|&cap| self.candidates.solve(cap).is_none_or(|groups| reads(&groups) > most));
                self.chosen(*caps.get(at)?)
            }
        }
    }

    /// The smallest arena: more may be alive in it than in one of which the buffers are hard to place.
    fn smallest(&self) -> Option<Chosen<'_>> {
        let mut best: Option<Chosen<'_>> = None;
        let least = self.candidates.least();
        for cap in self.candidates.sizes().into_iter().filter(|&cap| cap >= least) {
            if best.as_ref().is_some_and(|best| best.cost.arena <= cap) {
                break;
            }
            let chosen = self.chosen(cap)?;
            if best.as_ref().is_none_or(|best| chosen.cost < best.cost) {
                best = Some(chosen);
            }
        }
        best
    }

    /// The fewest reads in an arena of `elements`: what is alive may fit where no placement does.
    fn below(&self, elements: usize) -> Option<Chosen<'_>> {
        let mut cap = elements;
        loop {
            let chosen = self.chosen(cap)?;
            if chosen.cost.arena <= elements {
                return Some(chosen);
            }
            cap = chosen.bound.checked_sub(1)?;
        }
    }

    fn chosen(&self, cap: usize) -> Option<Chosen<'_>> {
        let groups = self.candidates.solve(cap)?;
        let buffers = self.buffers(&groups);
        let bound = groups.iter().map(|group| group.live).max().unwrap_or(0);
        // Only where memory is tight, as buffers that lie over each other are harder to place.
        let tight = groups.iter().filter(|group| group.live + group.saved() > bound);
        let overs: Vec<Over> = tight.filter_map(|group| Some(group.stream.as_ref()?.over?.0)).collect();
        let (offsets, arena) = place(&buffers, &overs);
        let cost = Cost { arena, reads: reads(&groups) };
        Some(Chosen { groups, buffers, offsets, bound, cost })
    }

    /// The buffers as the groups need them: rings where they are, alive as long as any group that touches them runs.
    fn buffers(&self, groups: &[&Candidate]) -> Vec<Lifetime> {
        let mut buffers = self.lives.clone();
        for life in &mut buffers {
            let group = |at: usize| groups.iter().find(|group| (group.begin..group.end).contains(&at));
            if let (Some(first), Some(last)) = (group(life.first), group(life.last)) {
                (life.first, life.last) = (first.begin, last.end - 1);
            }
        }
        for (root, rows) in groups.iter().filter_map(|group| group.stream.as_ref()).flat_map(|stream| &stream.rings) {
            if let Some(life) = buffers.iter_mut().find(|life| life.root == *root) {
                (life.size, life.ring) = (aligned(self.hosting.layouts[*root].strides[ROWS] * rows), Some(*rows));
            }
        }
        buffers
    }

    /// Arena and reads of every plan that no other beats in both, the largest first.
    pub(super) fn curve(&self) -> Vec<Cost> {
        let mut points: Vec<Cost> = Vec::new();
        let mut cap = usize::MAX;
        while let Some(chosen) = self.chosen(cap) {
            points.push(chosen.cost);
            let Some(next) = chosen.bound.checked_sub(1) else { break };
            cap = next;
        }
        points
    }
}

fn reads(groups: &[&Candidate]) -> u64 {
    groups.iter().map(|group| group.reads).sum()
}

/// Of several plans' costs those that no other beats, the largest arena first.
pub(super) fn pareto(mut costs: Vec<Cost>) -> Vec<Cost> {
    costs.sort_unstable();
    let mut best: Vec<Cost> = Vec::new();
    for cost in costs {
        if best.last().is_none_or(|last| cost.reads < last.reads) {
            best.push(cost);
        }
    }
    best.reverse();
    best
}
