//! Memory against weight reads: which plan is chosen, and what others there are.

use super::buffer::{Lifetime, Over, lifetimes};
use super::candidate::{Buffers, Candidate, Ring};
use super::groups::Candidates;
use super::host::{Hosting, host};
use super::order::order;
use super::place::place;
use super::problem::Problem;
use super::rowwise::Rowwise;
use super::split::{Split, split};

/// What a plan is chosen by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Budget {
    /// The least memory with hardly more weight reads than one pass over them, and no step cut into parts or rows by itself.
    Thrifty,
    /// The least memory, and of such plans the one that reads the least weights.
    Least,
    /// The least weight reads in an arena of so many bytes.
    Bytes(usize),
}

/// What a thrifty plan reads at most, in thousandths of one pass over all weights: what rounds to 1.05 passes. It is what one gets without
/// a flag, so that time is hardly given for memory: streaming the first few layers of a network, which have the largest maps and the fewest
/// weights, stays below; streaming one more stage reads 1.6 passes.
const THRIFTY: u64 = 1055;

/// How many candidates are looked at to choose plans; where all plans take more than that, so many caps are passed over as are left by so
/// many tries, each a plan. A detector of a hundred steps stays far below.
const MOST_EFFORT: usize = 1 << 25;

/// What placing a buffer takes, in candidates that are looked at.
const PLACING: usize = 256;

/// The fewest plans that are tried before the first half of all caps is passed over, be they ever so large.
const LEAST_TRIES: usize = 4;

/// What a plan takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cost {
    /// Bytes of the arena.
    pub(crate) arena: usize,
    /// Bytes of weights that a run reads.
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
    /// The group in which the most is alive.
    pub(super) peak: usize,
    pub(super) cost: Cost,
}

/// Every way of splitting the problem's concats that there is.
pub(super) fn variants(problem: &Problem) -> Vec<Variant> {
    let mut variants: Vec<Variant> = Vec::new();
    let ways: &[Split] = match problem.steps.iter().any(|step| step.splits) {
        true => &[Split::Nothing, Split::Pairs, Split::Copied, Split::Everything],
        false => &[Split::Nothing],
    };
    for &which in ways {
        let problem = split(problem, which);
        if variants.iter().all(|known| known.problem.steps != problem.steps) {
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
        let rowwise = Rowwise::new(&problem, &hosting.layouts, &order);
        let candidates = Candidates::new(&Buffers::new(&problem, &hosting, &lives, &order), &rowwise);
        Variant { problem, hosting, order, lives, candidates }
    }

    /// Bytes of one pass over all weights.
    pub(super) fn one_pass(&self) -> u64 {
        self.order.iter().map(|&step| self.problem.steps[step].weights as u64).sum()
    }

    pub(super) fn choose(&self, budget: Budget) -> Option<Chosen<'_>> {
        match budget {
            // More may be alive in the smallest arena than in one of which the buffers are hard to place.
            Budget::Least => self.plans().min_by_key(|chosen| chosen.cost),
            // What is alive may fit where no placement does.
            Budget::Bytes(bytes) => self.plans().find(|chosen| chosen.cost.arena <= bytes),
            Budget::Thrifty => {
                let most = self.one_pass() * THRIFTY / 1000;
                let caps = self.candidates.sizes();
                // A step that is cut takes more instructions.
                let uncut = |cap: usize| self.candidates.solve(cap, |candidate| !candidate.cuts_step());
                let at = caps.partition_point(|&cap| uncut(cap).is_none_or(|groups| reads(&groups) > most));
                Some(self.chosen(uncut(*caps.get(at)?)?))
            }
        }
    }

    /// Every plan that differs in what it trades, from the fewest weight reads to the least that is alive; of very many, some.
    fn plans(&self) -> impl Iterator<Item = Chosen<'_>> {
        let caps = self.candidates.sizes();
        let least = caps.partition_point(|&cap| self.candidates.solve(cap, |_| true).is_none());
        let tries = (MOST_EFFORT / (self.candidates.count() + PLACING * self.lives.len() + 1)).max(LEAST_TRIES);
        let mut left = caps.len();
        std::iter::from_fn(move || {
            let cap = *caps.get(least..left)?.last()?;
            let chosen = self.chosen(self.candidates.solve(cap, |_| true)?);
            let below = caps.partition_point(|&cap| cap < chosen.bound);
            left = below.min(left - (left - least) / tries).max(below.min(least + 1));
            Some(chosen)
        })
    }

    fn chosen<'a>(&'a self, mut groups: Vec<&'a Candidate>) -> Chosen<'a> {
        let bound = groups.iter().map(|group| group.live).max().unwrap_or(0);
        // A step over what it reads, where memory is not tight, is a step for itself.
        for group in groups.iter_mut().filter(|group| group.cuts_step() && group.live + group.saved() <= bound) {
            *group = self.candidates.whole(group.begin);
        }
        let buffers = self.buffers(&groups);
        let (peak, bound) = groups.iter().map(|group| group.live).enumerate().max_by_key(|&(_, live)| live).unwrap_or((0, 0));
        // Only where memory is tight, as buffers that lie over each other are harder to place.
        let tight = groups.iter().filter(|group| group.live + group.saved() > bound);
        let overs: Vec<Over> = tight.filter_map(|group| Some(group.over?.0)).collect();
        let (offsets, arena) = place(&buffers, &overs, bound);
        let cost = Cost { arena, reads: reads(&groups) };
        Chosen { groups, buffers, offsets, bound, peak, cost }
    }

    /// The buffers as the groups need them: rings while they hold rows, others alive as long as any group that touches them runs.
    fn buffers(&self, groups: &[&Candidate]) -> Vec<Lifetime> {
        let mut buffers = self.lives.clone();
        let mut group = vec![(0, 0); self.order.len()];
        groups.iter().for_each(|of| group[of.begin..of.end].fill((of.begin, of.end - 1)));
        for life in &mut buffers {
            (life.first, life.last) = (group[life.first].0, group[life.last].1);
        }
        for &Ring { root, rows, size, first, last } in
            groups.iter().filter_map(|group| group.stream.as_ref()).flat_map(|stream| &stream.rings)
        {
            if let Ok(index) = buffers.binary_search_by_key(&root, |life| life.root) {
                buffers[index] = Lifetime { root, size, first, last, ring: Some(rows) };
            }
        }
        buffers
    }

    /// Arena and reads of every plan.
    pub(super) fn curve(&self) -> Vec<Cost> {
        self.plans().map(|chosen| chosen.cost).collect()
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

#[cfg(test)]
mod tests {
    use super::super::text::problem;
    use super::super::{TooLarge, curve, plan};
    use super::*;

    /// A window before a pool: row by row it reads its weights 32 times.
    const TOY: &str = "
        x: f32[1,1,32,16] input 0
        a: f32[1,1,32,16]
        b: f32[1,1,16,16]
        c: f32[16]
        y: f32[16] output 0
        a@1 <- x@1; rows y-1..+3; weights 36
        b@1 <- a@1; rows 2y..+2
        c <- b; weights 40000
        y <- c";

    fn cost(text: &str, budget: Budget) -> Option<(usize, u64)> {
        plan(&problem(text), budget).ok().map(|plan| (plan.cost.arena, plan.cost.reads))
    }

    #[test]
    fn memory_is_traded_for_reads() {
        assert_eq!(cost(TOY, Budget::Bytes(usize::MAX)), Some((2112, 40_036)), "`b` over dead rows of `a`");
        assert_eq!(cost(TOY, Budget::Bytes(2111)), Some((1152, 40_036 + 31 * 36)));
        assert_eq!(cost(TOY, Budget::Least), cost(TOY, Budget::Bytes(1152)));
        assert_eq!(cost(TOY, Budget::Bytes(1151)), None);
        assert_eq!(curve(&problem(TOY)).len(), 2);
    }

    #[test]
    fn a_thrifty_plan_reads_hardly_more_than_once() {
        assert_eq!(cost(TOY, Budget::Thrifty), Some((1152, 41_152)), "1.03 passes");
        assert_eq!(cost(&TOY.replace("40000", "400"), Budget::Thrifty), Some((3072, 436)), "no step is cut");
    }

    #[test]
    fn what_does_not_fit_says_the_least_that_would() {
        let Err(TooLarge { least }) = plan(&problem(TOY), Budget::Bytes(100)) else { panic!("it fits") };
        assert_eq!(least.map(|plan| plan.cost.arena), Some(1152));
    }

    #[test]
    fn nothing_to_do_takes_nothing() {
        assert_eq!(cost("x: f32[4] input 0", Budget::Least), Some((0, 0)));
    }

    #[test]
    fn no_plan_is_worse_in_both() {
        let cost = |arena, reads| Cost { arena, reads };
        assert_eq!(pareto(vec![cost(3, 3), cost(2, 3), cost(1, 9), cost(2, 4), cost(5, 1)]), [cost(5, 1), cost(2, 3), cost(1, 9)]);
        assert_eq!(pareto(vec![]), []);
    }
}
