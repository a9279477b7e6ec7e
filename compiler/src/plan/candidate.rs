//! What a group of steps needs, so that it may be part of a plan: the bytes that are alive while it runs, row by row, whole, or in parts.

use super::buffer::{ALIGNMENT, Lifetime, Over, aligned};
use super::host::Hosting;
use super::problem::{Access, PlanStep, Problem, TensorId};
use super::rowwise::Rowwise;
use super::stream::{NEVER, Streamed, ring_pitch, stream};

/// The most parts that a step runs in: each is a layer of its own in the generated code, and reads all weights. The output of a step in `n`
/// parts needs one `n`th of itself beside the input, so that four leave a quarter; eight would leave an eighth for twice the reads.
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
    pub(super) rings: Vec<Ring>,
}

/// A buffer of which a group keeps only some rows at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ring {
    pub(super) root: TensorId,
    pub(super) rows: usize,
    /// Bytes of these rows.
    pub(super) size: usize,
    /// Places in the order of the first and the last step that is called while any row is kept: rings with no such step in common take
    /// turns.
    pub(super) first: usize,
    pub(super) last: usize,
}

impl Ring {
    /// The most bytes of rings that hold rows while one of the steps from `begin` to before `end` is called.
    fn most(rings: &[Ring], begin: usize, end: usize) -> usize {
        let (mut begun, mut ended) = (vec![0; end - begin], vec![0; end - begin]);
        for ring in rings {
            begun[ring.first - begin] += ring.size;
            ended[ring.last - begin] += ring.size;
        }
        let (mut held, mut most) = (0, 0);
        for (begun, ended) in begun.into_iter().zip(ended) {
            held += begun;
            most = most.max(held);
            held -= ended;
        }
        most
    }
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
    /// For every buffer whether windows of one step overlap in its rows, so that a ring of it is never empty on the way.
    is_kept: Vec<bool>,
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
        let (mut reach, mut is_kept) = (vec![1; problem.tensors.len()], vec![false; problem.tensors.len()]);
        for &index in order {
            let step = &problem.steps[index];
            for (operand, access) in step.accesses().enumerate() {
                let root = hosting.layouts[access.tensor].root;
                members[root].push(access.tensor);
                reach[root] = reach[root].max(step.reach(operand));
                let is_window = operand < step.reads.len() && step.by_rows(operand);
                is_kept[root] |= is_window && step.rows.is_some_and(|rows| step.reach(operand) * rows.divisor > rows.stride);
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
            is_kept: lives.iter().map(|life| is_kept[life.root]).collect(),
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

    /// An estimate, by which groups are cut, of the bytes that the steps from `begin` to before `end` need row by row, and of those of the
    /// rings among them: all that are kept, and one of those that take turns.
    pub(super) fn least(&self, begin: usize, end: usize) -> (usize, usize) {
        let (mut whole, mut kept, mut turns) = (0, 0, 0);
        for (index, pitch) in self.inside(begin, end) {
            whole += self.lives[index].size;
            let ring = aligned(pitch * self.least_rows[index]);
            if self.is_kept[index] {
                kept += ring;
            } else {
                turns = turns.max(ring);
            }
        }
        let rings = kept + turns;
        let [read, made] = self.across(begin, end).map(|buffers| buffers.iter().map(|&index| self.lives[index].size).max().unwrap_or(0));
        ((self.live(begin, end) - whole + rings).saturating_sub(read.min(made)), rings)
    }

    /// The group as a candidate, and the bytes of its rings.
    pub(super) fn streamed(&self, begin: usize, end: usize, streamed: Streamed) -> (Candidate, usize) {
        let (mut whole, mut rings) = (0, Vec::new());
        for (index, pitch) in self.inside(begin, end) {
            let Lifetime { root, size, .. } = self.lives[index];
            let (rows, (first, last)) = (streamed.ring(root), streamed.steps_meanwhile(root, end - begin));
            whole += size;
            rings.push(Ring { root, rows, size: aligned(pitch * rows), first: begin + first, last: begin + last });
        }
        let inner = Ring::most(&rings, begin, end);
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
            let may = move |output: &&usize| !by_rows || self.meet_once(self.lives[input].root, self.lives[**output].root);
            outputs.iter().filter(may).filter_map(move |&output| self.overlap(input, output, streamed))
        });
        pairs.max_by_key(|(_, saved)| *saved)
    }

    /// Whether a step that writes `output` reads `input` as its first operand only, or only as a second of which it reads the row that it
    /// writes: row kernels share memory with one operand.
    fn meet_once(&self, input: TensorId, output: TensorId) -> bool {
        let is_input = |access: &Access| self.hosting.layouts[access.tensor].root == input;
        let mut writers = self.writers[output].iter().map(|&step| &self.problem.steps[step]);
        writers.all(|step| match step.reads.iter().rposition(is_input) {
            None | Some(0) => true,
            Some(1) => !step.split && !is_input(&step.reads[0]),
            Some(_) => false,
        })
    }

    fn overlap(&self, input: usize, output: usize, streamed: &Streamed) -> Option<(Over, usize)> {
        let (from, to) = (&self.lives[input], &self.lives[output]);
        if self.problem.tensors[from.root].dtype != self.problem.tensors[to.root].dtype {
            // The doors to a region that two operands share know one type.
            return None;
        }
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

#[cfg(test)]
mod tests {
    use super::super::buffer::lifetimes;
    use super::super::host::host;
    use super::super::text::problem;
    use super::*;

    /// What `ask` says of the steps of `text` in their order.
    fn asked<T>(text: &str, ask: impl Fn(&Buffers<'_>, &Rowwise<'_>) -> T) -> T {
        let problem = problem(text);
        let (hosting, order) = (host(&problem), (0..problem.steps.len()).collect::<Vec<_>>());
        let lives = lifetimes(&problem, &hosting, &order);
        ask(&Buffers::new(&problem, &hosting, &lives, &order), &Rowwise::new(&problem, &hosting.layouts, &order))
    }

    /// Maps of 16 rows of 64 bytes.
    const THREE: &str = "
        x: f32[1,1,16,16] input 0
        a: f32[1,1,16,16]
        b: f32[1,1,16,16]
        c: f32[1,1,16,16]
        y: f32[256] output 0
        a@1 <- x@1; rows y..+1; weights 4
        b@1 <- a@1; rows y-1..+3; weights 36
        c@1 <- b@1; rows y..+1; weights 4
        y <- c";

    #[test]
    fn a_group_needs_its_rings_and_what_is_alive_around() {
        let group = |begin, end| asked(THREE, |buffers, rowwise| buffers.streamed(begin, end, stream(rowwise, begin, end).unwrap()));
        let (candidate, rings) = group(0, 3);
        assert_eq!((candidate.live, rings, candidate.reads), (1024 + 3 * 64 + 64, 4 * 64, 16 * 44));
        let (candidate, rings) = group(1, 3);
        assert_eq!(
            (rings, candidate.over),
            (64, Some((Over { input: 1, output: 3, lead: 64 }, 960))),
            "`c` grows over the dead rows of `a`"
        );
        assert_eq!(candidate.live, 2048 + 64 - 960);
        asked(THREE, |buffers, _| assert_eq!(buffers.least(0, 3), (1024 + 4 * 64, 4 * 64)));
    }

    #[test]
    fn a_step_whole_needs_all_that_is_alive() {
        let live = |at| asked(THREE, |buffers, rowwise| buffers.whole(at, rowwise.step(at)).live);
        assert_eq!([live(0), live(1), live(3)], [1024, 2048, 2048]);
        asked(THREE, |buffers, _| assert_eq!((0..=4).map(|at| buffers.crossing(at)).collect::<Vec<_>>(), [0, 1, 1, 1, 0]));
    }

    #[test]
    fn a_step_in_parts_writes_over_what_it_has_read() {
        let saved = |at| {
            asked(THREE, |buffers, rowwise| buffers.alone(at, rowwise.step(at), rowwise).iter().map(Candidate::saved).collect::<Vec<_>>())
        };
        assert_eq!(saved(2), [512, 640, 768], "in two, three and four parts");
        assert_eq!(saved(1), [0; 0], "a window has no parts");
    }

    #[test]
    fn scratch_is_whole_while_a_group_runs() {
        let text = THREE.replace("y: f32", "s: f32[50]\ny: f32").replace("36", "36; scratch s");
        let live = |begin, end| asked(&text, |buffers, rowwise| buffers.streamed(begin, end, stream(rowwise, begin, end).unwrap()).0.live);
        assert_eq!(live(0, 3), 1024 + 3 * 64 + 64 + 256);
    }

    #[test]
    fn maps_of_different_elements_lie_apart() {
        let text = THREE.replace("c: f32", "c: i32").replace("y: f32", "y: i32");
        asked(&text, |buffers, rowwise| {
            assert_eq!(buffers.streamed(1, 3, stream(rowwise, 1, 3).unwrap()).0.over, None);
            assert!(buffers.alone(2, rowwise.step(2), rowwise).is_empty());
        });
    }

    #[test]
    fn a_sum_grows_over_what_is_added_a_row_behind_it() {
        let over = |operands: &str| {
            let text = THREE.replace("c@1 <- b@1", &format!("c@1 <- {operands}"));
            asked(&text, |buffers, rowwise| buffers.streamed(1, 3, stream(rowwise, 1, 3).unwrap()).0.over)
        };
        assert_eq!(over("b@1, a@1"), Some((Over { input: 1, output: 3, lead: 64 }, 960)), "row y is read as row y is written");
        assert_eq!(over("a@1, b@1"), Some((Over { input: 1, output: 3, lead: 64 }, 960)));
        assert_eq!([over("a@1, a@1"), over("b@1, b@1, a@1")], [None, None], "kernels share memory with one operand, of two");
        let rest = THREE.replace("c@1 <- b@1; rows y..+1", "c@1 <- b@1, a@1; rows y..+1; split");
        asked(&rest, |buffers, rowwise| assert_eq!(buffers.streamed(1, 3, stream(rowwise, 1, 3).unwrap()).0.over, None));
    }

    #[test]
    fn rings_that_are_empty_on_the_way_take_turns() {
        let text = "
            x: f32[1,1,16,16] input 0
            a: f32[1,1,16,16]
            b: f32[1,1,16,16]
            c: f32[1,1,16,16]
            d: f32[1,1,8,16]
            e: f32[1,1,8,16]
            y: f32[128] output 0
            a@1 <- x@1; rows y..+1; weights 4
            b@1 <- a@1; rows y..+1; weights 4
            c@1 <- b@1; rows y..+1; weights 4
            d@1 <- c@1; rows 2y-1..+3; weights 36
            e@1 <- d@1; rows y..+1; weights 4
            y <- e";
        asked(text, |buffers, rowwise| {
            let (candidate, most) = buffers.streamed(0, 5, stream(rowwise, 0, 5).unwrap());
            let rings = candidate.stream.unwrap().rings;
            let held: Vec<_> = rings.iter().map(|ring| (ring.root, ring.rows, ring.first, ring.last)).collect();
            assert_eq!(held, [(1, 1, 0, 1), (2, 1, 1, 2), (3, 3, 0, 4), (4, 1, 3, 4)]);
            assert_eq!((most, candidate.live), (5 * 64, 5 * 64 + 512), "`d` and `b`, or `a`, lie in one place");
            assert_eq!(buffers.least(0, 5), (4 * 64 + 512, 4 * 64));
        });
    }
}
