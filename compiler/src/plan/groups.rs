//! Which steps are streamed together: the order is cut into groups, each run row by row, or a step that runs whole or in parts, such that the
//! least weights are read under a cap of memory.

use super::buffer::{ALIGNMENT, Lifetime, Over, aligned};
use super::host::Hosting;
use super::problem::{Access, PlanStep, Problem, TensorId};
use super::stream::{NEVER, Rowwise, Streamed, ring_pitch};

/// The most steps of a streamed group; their numbers are bytes in the generated code.
const MOST_STEPS: usize = 255;

/// The most rows of all groups that are tried, so that planning takes bounded time. Groups are tried from the network's beginning on, where
/// maps are large.
const MOST_CALLS: usize = 16 << 20;

/// The most parts that a step runs in: each is a layer of its own in the generated code, and reads all weights.
const MOST_PARTS: usize = 4;

/// A group that may be part of a plan: the steps from `begin` to before `end`.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) begin: usize,
    pub(super) end: usize,
    /// Bytes that are alive while it runs.
    pub(super) live: usize,
    /// Bytes of weights that it reads.
    pub(super) reads: u64,
    /// How it runs row by row; one without runs its only step whole, or in parts.
    pub(super) stream: Option<Stream>,
    /// How many parts its only step runs in, of as many rows each, the last one maybe of fewer.
    pub(super) parts: usize,
    /// A map that is made over the dead rows of one that is read, and how many bytes that saves.
    pub(super) over: Option<(Over, usize)>,
}

/// How a group runs row by row.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) calls: Vec<usize>,
    /// Buffers that are rings, and their rows.
    pub(super) rings: Vec<(TensorId, usize)>,
}

impl Candidate {
    /// Whether it runs a step by itself but not whole.
    pub(super) fn cuts_step(&self) -> bool {
        self.end - self.begin == 1 && (self.parts > 1 || self.stream.is_some())
    }

    /// Bytes that one map over another saves.
    pub(super) fn saved(&self) -> usize {
        self.over.map_or(0, |(_, saved)| saved)
    }
}

/// All candidates of one order.
pub(super) struct Candidates {
    steps: usize,
    /// By their end.
    by_end: Vec<Vec<Candidate>>,
}

/// What cutting has to work with.
pub(super) struct Buffers<'a> {
    problem: &'a Problem,
    hosting: &'a Hosting,
    lives: &'a [Lifetime],
    /// For every tensor the steps that write into its buffer.
    writers: Vec<Vec<usize>>,
    /// For every buffer the bytes from one row to the next, if it can be a ring.
    pitches: Vec<Option<usize>>,
}

impl<'a> Buffers<'a> {
    pub(super) fn new(problem: &'a Problem, hosting: &'a Hosting, lives: &'a [Lifetime], order: &[usize]) -> Self {
        let pitch = |life: &Lifetime| {
            let touched = order[life.first..=life.last.min(order.len() - 1)].iter().map(|&step| &problem.steps[step]);
            let accesses = touched.flat_map(|step| step.reads.iter().chain([&step.write]));
            let mut members: Vec<TensorId> =
                accesses.map(|access| access.tensor).filter(|&tensor| hosting.layouts[tensor].root == life.root).collect();
            members.sort_unstable();
            members.dedup();
            ring_pitch(problem, &hosting.layouts, life.root, &members).map(|pitch| problem.tensors[life.root].bytes_of(pitch))
        };
        let mut writers = vec![Vec::new(); problem.tensors.len()];
        for &step in order {
            writers[hosting.layouts[problem.steps[step].write.tensor].root].push(step);
        }
        Buffers { problem, hosting, lives, writers, pitches: lives.iter().map(pitch).collect() }
    }

    /// Bytes alive while the steps from `begin` to before `end` run whole, but for the buffers that `inside` says.
    fn live(&self, begin: usize, end: usize, apart: impl Fn(usize) -> bool) -> usize {
        let alive = self.lives.iter().enumerate().filter(|(_, life)| life.first < end && life.last >= begin);
        alive.filter(|(index, _)| !apart(*index)).map(|(_, life)| life.size).sum()
    }

    /// Whether only the steps from `begin` to before `end` touch buffer `index`, so that it can be a ring.
    fn inside(&self, index: usize, begin: usize, end: usize) -> bool {
        self.pitches[index].is_some() && self.lives[index].first >= begin && self.lives[index].last < end
    }

    /// Buffers that are alive before and after the cut in front of step `at`.
    fn crossing(&self, at: usize) -> usize {
        self.lives.iter().filter(|life| life.first < at && life.last >= at).count()
    }

    /// The group as a candidate, and the bytes of its rings.
    fn streamed(&self, begin: usize, end: usize, streamed: Streamed) -> (Candidate, usize) {
        let inside: Vec<usize> = (0..self.lives.len()).filter(|&index| self.inside(index, begin, end)).collect();
        let outer = self.live(begin, end, |index| self.inside(index, begin, end));
        let mut inner = 0;
        let mut rings = Vec::new();
        for &index in &inside {
            let life = &self.lives[index];
            let rows = streamed.ring(life.root);
            inner += aligned(self.pitches[index].unwrap_or(0) * rows);
            rings.push((life.root, rows));
        }
        let over = self.over(begin, end, &streamed, true);
        let live = outer + inner - over.map_or(0, |(_, saved)| saved);
        let stream = Some(Stream { calls: streamed.calls, rings });
        (Candidate { begin, end, live, reads: streamed.reads, stream, parts: 1, over }, inner)
    }

    /// The step at `at` as it runs whole.
    fn whole(&self, at: usize, step: &PlanStep) -> Candidate {
        let live = self.live(at, at + 1, |_| false);
        Candidate { begin: at, end: at + 1, live, reads: step.weights as u64, stream: None, parts: 1, over: None }
    }

    /// The ways in which the step at `at` alone can write over dead rows of what it reads: row by row where that costs nothing, or in parts
    /// that are whole layers.
    fn alone(&self, at: usize, step: &PlanStep, rowwise: &Rowwise<'_>) -> Vec<Candidate> {
        if !self.lives.iter().any(|life| life.first < at && life.last == at) {
            return Vec::new();
        }
        if step.weights > 0 && !step.has_parts() {
            return Vec::new();
        }
        let Some(streamed) = rowwise.stream(at, at + 1) else { return Vec::new() };
        if step.weights == 0 {
            let (candidate, _) = self.streamed(at, at + 1, streamed);
            return if candidate.over.is_some() { vec![candidate] } else { Vec::new() };
        }
        let whole = self.whole(at, step);
        let in_parts = |parts: usize| {
            let over = self.over(at, at + 1, &streamed.coarser(step.rows_of_part(parts)), false)?;
            Some(Candidate { live: whole.live - over.1, reads: whole.reads * parts as u64, parts, over: Some(over), ..whole.clone() })
        };
        (2..=MOST_PARTS).filter(|&parts| step.in_parts(parts).count() == parts).filter_map(in_parts).collect()
    }

    /// The pair of a map that the group reads last and one that it writes first, whose overlap saves most bytes; where it runs
    /// `by_rows`, only one that kernels can be shown to do rightly.
    fn over(&self, begin: usize, end: usize, streamed: &Streamed, by_rows: bool) -> Option<(Over, usize)> {
        let whole = |index: &usize| self.pitches[*index].is_some() && !self.inside(*index, begin, end);
        let inputs = (0..self.lives.len()).filter(whole).filter(|&index| {
            let life = &self.lives[index];
            life.first < begin && (begin..end).contains(&life.last)
        });
        let pairs = inputs.flat_map(|input| {
            let outputs = (0..self.lives.len()).filter(whole).filter(move |&index| {
                let life = &self.lives[index];
                (begin..end).contains(&life.first) && life.last >= end
            });
            let may = move |output: &usize| !by_rows || self.meet_first(self.lives[input].root, self.lives[*output].root);
            outputs.filter(may).filter_map(move |output| self.overlap(input, output, streamed))
        });
        pairs.max_by_key(|(_, saved)| *saved)
    }

    /// Whether a step that writes `output` reads `input` as its first operand only, as row kernels ask for.
    fn meet_first(&self, input: TensorId, output: TensorId) -> bool {
        let root = |access: &Access| self.hosting.layouts[access.tensor].root;
        self.writers[output]
            .iter()
            .map(|&step| &self.problem.steps[step])
            .all(|step| step.reads.iter().skip(1).all(|read| root(read) != input))
    }

    fn overlap(&self, input: usize, output: usize, streamed: &Streamed) -> Option<(Over, usize)> {
        let (from, to) = (&self.lives[input], &self.lives[output]);
        let (pitch, out_pitch) = (self.pitches[input]?, self.pitches[output]?);
        let (read, written) = (&streamed.traffic[from.root], &streamed.traffic[to.root]);
        let (mut lead, mut alive) = (0, 0);
        // Rows are written in order.
        for (row, touched) in written.iter().enumerate().filter(|(_, touched)| touched.written != NEVER) {
            alive += read[alive..].iter().take_while(|read| read.last < touched.written).count();
            if alive < read.len() {
                lead = lead.max(((row + 1) * out_pitch).saturating_sub(alive * pitch));
            }
        }
        let lead = lead.next_multiple_of(ALIGNMENT);
        let together = (lead + from.size).max(to.size);
        let saved = (from.size + to.size).checked_sub(together).filter(|&saved| saved > 0)?;
        Some((Over { input: from.root, output: to.root, lead }, saved))
    }
}

impl Candidates {
    pub(super) fn new(buffers: &Buffers<'_>, order: &[usize]) -> Self {
        let rowwise = Rowwise::new(buffers.problem, &buffers.hosting.layouts, order);
        let steps = order.len();
        let crossing: Vec<usize> = (0..=steps).map(|at| buffers.crossing(at)).collect();
        let least =
            |at: usize| (at == 0 || crossing[at] <= crossing[at - 1]) && crossing.get(at + 1).is_none_or(|&next| crossing[at] <= next);
        let cuts: Vec<usize> = (0..=steps).filter(|&at| at == 0 || at == steps || least(at)).collect();
        let mut by_end = vec![Vec::new(); steps + 1];
        for at in 0..steps {
            let step = &buffers.problem.steps[order[at]];
            by_end[at + 1].push(buffers.whole(at, step));
            by_end[at + 1].extend(buffers.alone(at, step, &rowwise));
        }
        let whole: Vec<usize> = by_end.iter().skip(1).map(|singles| singles[0].live).collect();
        let mut calls = 0;
        for (index, &begin) in cuts.iter().enumerate() {
            let most = whole[begin..].iter().max().copied().unwrap_or(0);
            for &end in cuts[index + 1..].iter().filter(|&&end| end > begin + 1 && end - begin <= MOST_STEPS) {
                calls += rowwise.calls(begin, end);
                if calls > MOST_CALLS {
                    break;
                }
                let Some(streamed) = rowwise.stream(begin, end) else { break };
                let (candidate, rings) = buffers.streamed(begin, end, streamed);
                // Longer groups have no smaller rings, and whatever needs as much as its steps one by one is of no use.
                if rings >= most {
                    break;
                }
                if whole[begin..end].iter().any(|&live| live > candidate.live) {
                    by_end[end].push(candidate);
                }
            }
        }
        Candidates { steps, by_end }
    }

    /// The groups, of those that `may` be, that read the least weights with no more than `cap` bytes alive, and among those the least
    /// memory.
    pub(super) fn solve(&self, cap: usize, may: impl Fn(&Candidate) -> bool) -> Option<Vec<&Candidate>> {
        let mut best: Vec<Option<(u64, usize, usize)>> = vec![None; self.steps + 1];
        best[0] = Some((0, 0, 0));
        for end in 1..=self.steps {
            let options = self.by_end[end].iter().enumerate().filter(|(_, candidate)| candidate.live <= cap && may(candidate));
            let totals = options.filter_map(|(index, candidate)| {
                let (reads, peak, _) = best[candidate.begin]?;
                Some((reads + candidate.reads, peak.max(candidate.live), index))
            });
            best[end] = totals.min();
        }
        let mut groups = Vec::new();
        let mut end = self.steps;
        while end > 0 {
            let candidate = &self.by_end[end][best[end]?.2];
            groups.push(candidate);
            end = candidate.begin;
        }
        groups.reverse();
        Some(groups)
    }

    /// The step at `at` as it runs whole.
    pub(super) fn whole(&self, at: usize) -> &Candidate {
        &self.by_end[at + 1][0]
    }

    /// What the candidates need, each figure once, the least first.
    pub(super) fn sizes(&self) -> Vec<usize> {
        let mut sizes: Vec<usize> = self.by_end.iter().flatten().map(|candidate| candidate.live).collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }
}
