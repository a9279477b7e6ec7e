//! What a group of steps needs, so that it may be part of a plan: the bytes that are alive while it runs, row by row, whole, or in parts.

use super::buffer::{ALIGNMENT, Lifetime, Over, aligned};
use super::host::Hosting;
use super::problem::{Access, PlanStep, Problem, TensorId};
use super::rowwise::Rowwise;
use super::stream::{NEVER, Streamed, ring_pitch, stream};

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
    pub(super) calls: Vec<u8>,
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

/// The buffers of an order, as what cuts it into groups asks for them.
pub(super) struct Buffers<'a> {
    problem: &'a Problem,
    hosting: &'a Hosting,
    lives: &'a [Lifetime],
    /// For every tensor the steps that write into its buffer.
    writers: Vec<Vec<usize>>,
    /// For every buffer the bytes from one row to the next, if it can be a ring.
    pitches: Vec<Option<usize>>,
    /// For every buffer the rows that a ring of it has at least.
    least_rows: Vec<usize>,
    begins: Edges,
    ends: Edges,
}

/// Which buffers each step of an order is the first to touch, or the last.
struct Edges {
    at: Vec<Vec<usize>>,
    /// For every place the bytes, and the number, of the buffers of all places before it.
    before: Vec<(usize, usize)>,
}

impl Edges {
    fn new(lives: &[Lifetime], steps: usize, place: impl Fn(&Lifetime) -> usize) -> Self {
        let mut at = vec![Vec::new(); steps];
        lives.iter().enumerate().for_each(|(index, life)| at[place(life)].push(index));
        let mut before = vec![(0, 0)];
        for (place, indices) in at.iter().enumerate() {
            let (bytes, count) = before[place];
            before.push((bytes + indices.iter().map(|&index| lives[index].size).sum::<usize>(), count + indices.len()));
        }
        Edges { at, before }
    }

    /// The buffers of the places from `begin` to before `end`.
    fn of(&self, begin: usize, end: usize) -> impl Iterator<Item = usize> {
        self.at[begin..end].iter().flatten().copied()
    }
}

impl<'a> Buffers<'a> {
    pub(super) fn new(problem: &'a Problem, hosting: &'a Hosting, lives: &'a [Lifetime], order: &[usize]) -> Self {
        let mut writers = vec![Vec::new(); problem.tensors.len()];
        let mut members = writers.clone();
        let mut reach = vec![1; problem.tensors.len()];
        for &index in order {
            let step = &problem.steps[index];
            for (operand, access) in step.accesses().enumerate() {
                let root = hosting.layouts[access.tensor].root;
                members[root].push(access.tensor);
                reach[root] = reach[root].max(step.reach(operand));
            }
            writers[hosting.layouts[step.write.tensor].root].push(index);
        }
        let pitch = |life: &Lifetime| {
            let pitch = ring_pitch(problem, &hosting.layouts, life.root, &members[life.root])?;
            Some(problem.tensors[life.root].bytes_of(pitch))
        };
        Buffers {
            problem,
            hosting,
            lives,
            writers,
            pitches: lives.iter().map(pitch).collect(),
            least_rows: lives.iter().map(|life| reach[life.root]).collect(),
            begins: Edges::new(lives, order.len(), |life| life.first),
            ends: Edges::new(lives, order.len(), |life| life.last),
        }
    }

    /// Bytes alive while the steps from `begin` to before `end` run, were all buffers whole.
    fn live(&self, begin: usize, end: usize) -> usize {
        self.begins.before[end].0 - self.ends.before[begin].0
    }

    /// Buffers that are alive before and after the cut in front of step `at`.
    pub(super) fn crossing(&self, at: usize) -> usize {
        self.begins.before[at].1 - self.ends.before[at].1
    }

    /// The buffers that only the steps from `begin` to before `end` touch, so that they can be rings, and the bytes of a row.
    fn inside(&self, begin: usize, end: usize) -> impl Iterator<Item = (usize, usize)> {
        let within = self.begins.of(begin, end).filter(move |&index| self.lives[index].last < end);
        within.filter_map(|index| Some((index, self.pitches[index]?)))
    }

    /// The maps of rows that the steps from `begin` to before `end` read last and do not make, and those that they write first and are read
    /// later.
    fn across(&self, begin: usize, end: usize) -> [Vec<usize>; 2] {
        let has_rows = |index: &usize| self.pitches[*index].is_some();
        let read = self.ends.of(begin, end).filter(|&index| self.lives[index].first < begin);
        let made = self.begins.of(begin, end).filter(|&index| self.lives[index].last >= end);
        let mut across = [read.filter(has_rows).collect::<Vec<_>>(), made.filter(has_rows).collect()];
        across.iter_mut().for_each(|buffers| buffers.sort_unstable());
        across
    }

    /// Bytes that the steps from `begin` to before `end` need row by row in any case, and those of the rings among them.
    pub(super) fn least(&self, begin: usize, end: usize) -> (usize, usize) {
        let (mut whole, mut rings) = (0, 0);
        for (index, pitch) in self.inside(begin, end) {
            whole += self.lives[index].size;
            rings += aligned(pitch * self.least_rows[index]);
        }
        let [read, made] = self.across(begin, end).map(|buffers| buffers.iter().map(|&index| self.lives[index].size).max().unwrap_or(0));
        ((self.live(begin, end) - whole + rings).saturating_sub(read.min(made)), rings)
    }

    /// The group as a candidate, and the bytes of its rings.
    pub(super) fn streamed(&self, begin: usize, end: usize, streamed: Streamed) -> (Candidate, usize) {
        let (mut whole, mut inner, mut rings) = (0, 0, Vec::new());
        for (index, pitch) in self.inside(begin, end) {
            let life = &self.lives[index];
            let rows = streamed.ring(life.root);
            whole += life.size;
            inner += aligned(pitch * rows);
            rings.push((life.root, rows));
        }
        let over = self.over(begin, end, &streamed, true);
        let live = self.live(begin, end) - whole + inner - over.map_or(0, |(_, saved)| saved);
        let stream = Some(Stream { calls: streamed.calls, rings });
        (Candidate { begin, end, live, reads: streamed.reads, stream, parts: 1, over }, inner)
    }

    /// The step at `at` as it runs whole.
    pub(super) fn whole(&self, at: usize, step: &PlanStep) -> Candidate {
        Candidate { begin: at, end: at + 1, live: self.live(at, at + 1), reads: step.weights as u64, stream: None, parts: 1, over: None }
    }

    /// The ways in which the step at `at` alone can write over dead rows of what it reads: row by row where that costs nothing, or in parts
    /// that are whole layers.
    pub(super) fn alone(&self, at: usize, step: &PlanStep, rowwise: &Rowwise<'_>) -> Vec<Candidate> {
        if self.ends.of(at, at + 1).all(|index| self.lives[index].first == at) || (step.weights > 0 && !step.has_parts()) {
            return Vec::new();
        }
        let Some(streamed) = stream(rowwise, at, at + 1) else { return Vec::new() };
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
        let [inputs, outputs] = self.across(begin, end);
        let pairs = inputs.iter().flat_map(|&input| {
            let may = move |output: &&usize| !by_rows || self.meet_first(self.lives[input].root, self.lives[**output].root);
            outputs.iter().filter(may).filter_map(move |&output| self.overlap(input, output, streamed))
        });
        pairs.max_by_key(|(_, saved)| *saved)
    }

    /// Whether a step that writes `output` reads `input` as its first operand only, as row kernels ask for.
    fn meet_first(&self, input: TensorId, output: TensorId) -> bool {
        let root = |access: &Access| self.hosting.layouts[access.tensor].root;
        let mut writers = self.writers[output].iter().map(|&step| &self.problem.steps[step]);
        writers.all(|step| step.reads.iter().skip(1).all(|read| root(read) != input))
    }

    fn overlap(&self, input: usize, output: usize, streamed: &Streamed) -> Option<(Over, usize)> {
        let (from, to) = (&self.lives[input], &self.lives[output]);
        let (pitch, out_pitch) = (self.pitches[input]?, self.pitches[output]?);
        let (read, written) = (streamed.rows(from.root), streamed.rows(to.root));
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
