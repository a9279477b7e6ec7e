//! What the steps of an order are to each other row by row: which make what a step reads, and when a row can be had at the earliest.
//!
//! A streamed group has at most [`MOST_STEPS`] steps, so that only so many steps back are looked at, however long the order is.

use std::collections::{BTreeMap, VecDeque};

use super::layout::Layout;
use super::problem::{Access, CHANNELS, COLUMNS, PlanStep, Problem, ROWS, Rows, TensorId};

/// The most steps of a streamed group: calls are bytes in the generated code, each the number of a step.
pub(super) const MOST_STEPS: usize = 255;

/// When a row of a step can be had at the earliest, in parts of a row of the network's input: `pace * row + delay`, not cut off at the
/// map's edges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Readiness {
    pace: i64,
    delay: i64,
    /// When the last row can be had.
    last: i64,
}

impl Readiness {
    /// In how many parts of an input's row time is counted, as maps may have more rows than the input.
    const ROW: i64 = 1 << 16;

    /// Of what is there from the beginning.
    const GIVEN: Readiness = Readiness { pace: Readiness::ROW, delay: 0, last: 0 };

    pub(super) fn of(&self, row: usize) -> i64 {
        self.pace.saturating_mul(row as i64).saturating_add(self.delay)
    }

    /// The later of two in all.
    fn max(self, other: Readiness) -> Readiness {
        Readiness { pace: self.pace.max(other.pace), delay: self.delay.max(other.delay), last: self.last.max(other.last) }
    }

    /// Of a step that reads, for a row, those that `rows` says of what is ready so.
    fn through(self, rows: Rows) -> Readiness {
        let ahead = rows.reach as i64 - 1 - rows.pad as i64;
        let pace = self.pace.saturating_mul(rows.stride as i64) / rows.divisor as i64;
        Readiness { pace, delay: self.pace.saturating_mul(ahead).saturating_add(self.delay), ..self }
    }
}

/// What is known of the steps in the order in which they would run one by one.
pub(super) struct Rowwise<'a> {
    pub(super) problem: &'a Problem,
    pub(super) layouts: &'a [Layout],
    pub(super) order: &'a [usize],
    /// For every place in the order the earlier ones that write what its operands lie in, the latest first, and the operand; without those
    /// that are as far as is asked for once a later one is, as the older maps of a list that grows are once the last is.
    pub(super) producers: Vec<Vec<(usize, usize)>>,
    /// For every place the last later one that reads what it writes.
    pub(super) last_reader: Vec<Option<usize>>,
    /// For every place the last earlier one that writes what it reads in rows of another kind, so that both are in no group.
    apart: Vec<Option<usize>>,
    pub(super) readiness: Vec<Readiness>,
    /// For every place the earlier ones that in a group with it have always made as many rows as it has, or more.
    ahead: Vec<Back>,
    /// For every place the rows that all before it touch, each as often as a step does.
    touches: Vec<usize>,
}

/// Some of the steps before one, by how far back they are, as far as a group may reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Back([u64; MOST_STEPS.div_ceil(64)]);

impl Back {
    fn has(&self, distance: usize) -> bool {
        self.0.get(distance / 64).is_some_and(|word| word >> (distance % 64) & 1 == 1)
    }

    /// Adds the step that is so far back, and those that are in `others` behind it.
    fn add(&mut self, distance: usize, others: Back) {
        let (words, bits) = (distance / 64, distance % 64);
        let mut add = |index: usize, word: u64| self.0.get_mut(index).into_iter().for_each(|into| *into |= word);
        add(words, 1 << bits);
        for (index, word) in others.0.into_iter().enumerate() {
            add(words + index, word << bits);
            add(words + index + 1, word.checked_shr(64 - bits as u32).unwrap_or(0));
        }
    }
}

/// The steps that write into one buffer, in order, as far back as a group may reach.
#[derive(Default)]
struct Writers {
    near: VecDeque<usize>,
    /// When all rows can be had that steps before those write.
    far: Option<Readiness>,
}

impl<'a> Rowwise<'a> {
    pub(super) fn new(problem: &'a Problem, layouts: &'a [Layout], order: &'a [usize]) -> Self {
        let mut writers: BTreeMap<TensorId, Writers> = BTreeMap::new();
        let mut rowwise = Rowwise {
            problem,
            layouts,
            order,
            producers: Vec::new(),
            last_reader: vec![None; order.len()],
            apart: Vec::new(),
            readiness: Vec::new(),
            ahead: Vec::new(),
            touches: vec![0],
        };
        for at in 0..order.len() {
            rowwise.add(at, &mut writers);
        }
        rowwise
    }

    pub(super) fn step(&self, at: usize) -> &'a PlanStep {
        &self.problem.steps[self.order[at]]
    }

    /// Rows of what the step at `at` writes.
    pub(super) fn height(&self, at: usize) -> usize {
        let step = self.step(at);
        if step.rows.is_some() { step.write.dims[ROWS] } else { 1 }
    }

    /// Takes the step at `at` in, which those before it are.
    fn add(&mut self, at: usize, writers: &mut BTreeMap<TensorId, Writers>) {
        let step = self.step(at);
        let mut producers: Vec<(usize, usize)> = Vec::new();
        let mut sources = Vec::new();
        for (operand, read) in step.reads.iter().enumerate() {
            let earlier = writers.get(&self.layouts[read.tensor].root);
            let near = earlier.iter().flat_map(|earlier| &earlier.near).copied();
            let made: Vec<usize> = near.filter(|&writer| meet(self.layouts, read, &self.step(writer).write)).collect();
            let ready = made.iter().map(|&writer| self.readiness[writer]).chain(earlier.and_then(|earlier| earlier.far));
            sources.push((operand, ready.reduce(Readiness::max).unwrap_or(Readiness::GIVEN)));
            producers.extend(made.into_iter().map(|writer| (writer, operand)));
        }
        let unlike = |&&(writer, operand): &&(usize, usize)| !same_rows(self.layouts, &step.reads[operand], &self.step(writer).write);
        self.apart.push(producers.iter().filter(unlike).map(|&(writer, _)| writer).max());
        producers.iter().for_each(|&(writer, _)| self.last_reader[writer] = Some(at));
        producers.sort_unstable_by(|a, b| b.cmp(a));
        let (asked, ahead) = self.asked(at, producers);
        self.producers.push(asked);
        self.ahead.push(ahead);
        self.readiness.push(self.ready(at, &sources));
        self.touches.push(self.touches[at].saturating_add(self.height(at).saturating_mul(step.reads.len() + 1)));
        self.wrote(at, writers.entry(self.layouts[step.write.tensor].root).or_default());
    }

    /// Of what makes the operands of the step at `at`, the latest first, what must be asked for rows: the others are as far by then. And what
    /// has always made as many rows as the step.
    fn asked(&self, at: usize, producers: Vec<(usize, usize)>) -> (Vec<(usize, usize)>, Back) {
        let (step, mut ahead) = (self.step(at), Back::default());
        let height = |operand: usize| step.reads[operand].dims.get(ROWS);
        // What is as far as is asked for, of each kind of operand: of operands of one kind the same rows are read.
        let mut made: Vec<((bool, Option<&usize>), Back)> = Vec::new();
        let mut asked = Vec::new();
        for (writer, operand) in producers {
            let by_rows = step.by_rows(operand);
            let kind = (by_rows, height(operand).filter(|_| by_rows));
            let index = made.iter().position(|(other, _)| *other == kind).unwrap_or(made.len());
            if index == made.len() {
                made.push((kind, Back::default()));
            }
            let distance = at - writer;
            if made[index].1.has(distance) {
                continue;
            }
            made[index].1.add(distance, self.ahead[writer]);
            asked.push((writer, operand));
            // Row `y` is made of rows up to `y` at least.
            let is_ahead = step.rows.is_some_and(|rows| !by_rows || rows.stride == rows.divisor && rows.reach > rows.pad);
            if is_ahead && height(operand) == Some(&self.height(at)) {
                ahead.add(distance, self.ahead[writer]);
            }
        }
        (asked, ahead)
    }

    /// Enters the step at `at` among those that write `into` a buffer.
    fn wrote(&self, at: usize, into: &mut Writers) {
        let step = self.step(at);
        // What is written in place has read what was there.
        into.near.retain(|&writer| !(step.in_place && same_place(self.layouts, &self.step(writer).write, &step.write)));
        into.near.push_back(at);
        while let Some(writer) = into.near.front().copied().filter(|writer| at - writer >= MOST_STEPS) {
            into.near.pop_front();
            into.far = Some(self.readiness[writer].max(into.far.unwrap_or_default()));
        }
    }

    /// When the rows of the step at `at` can be had, from when its operands' can.
    fn ready(&self, at: usize, sources: &[(usize, Readiness)]) -> Readiness {
        let step = self.step(at);
        let Some(rows) = step.rows else {
            let delay = sources.iter().map(|(_, source)| source.last).max().unwrap_or(0);
            return Readiness { pace: 0, delay, last: delay };
        };
        let through = |&(operand, source): &(usize, Readiness)| if step.by_rows(operand) { source.through(rows) } else { source };
        let ready = sources.iter().map(through).reduce(Readiness::max).unwrap_or(Readiness::GIVEN);
        Readiness { last: ready.of(self.height(at).saturating_sub(1)), ..ready }
    }

    /// How many rows the steps from `begin` to before `end` touch at most, each row as often as a step touches it.
    pub(super) fn touches(&self, begin: usize, end: usize) -> usize {
        self.touches[end] - self.touches[begin]
    }

    /// Whether the step at `at` can be computed row by row in a group that begins at `begin`.
    pub(super) fn has_rows(&self, at: usize, begin: usize) -> bool {
        self.step(at).rows.is_some() && self.apart[at].is_none_or(|other| other < begin)
    }
}

/// Whether two boxes of one buffer are the same elements in the same order.
fn same_place(layouts: &[Layout], a: &Access, b: &Access) -> bool {
    let (here, there) = (&layouts[a.tensor], &layouts[b.tensor]);
    a.dims == b.dims && here.strides == there.strides && here.origin(a) == there.origin(b)
}

/// Whether two boxes of one buffer may share elements: not where they are other channels of the same pixels.
fn meet(layouts: &[Layout], a: &Access, b: &Access) -> bool {
    let channels = |access: &Access| {
        let layout = &layouts[access.tensor];
        let pixel = *layout.strides.get(COLUMNS)?;
        let begin = layout.origin(access).checked_rem(pixel)?;
        (layout.strides[CHANNELS] == 1).then_some((pixel, begin, begin + access.dims[CHANNELS]))
    };
    match (channels(a), channels(b)) {
        (Some((pixel, begin, end)), Some((other, from, to))) => pixel != other || (begin < to && from < end),
        _ => true,
    }
}

/// Whether two boxes of one buffer have the same rows.
fn same_rows(layouts: &[Layout], a: &Access, b: &Access) -> bool {
    let rows = |access: &Access| {
        let layout = &layouts[access.tensor];
        let pitch = *layout.strides.get(ROWS)?;
        Some((access.dims[ROWS], pitch, layout.origin(access).checked_div(pitch)?))
    };
    rows(a).is_some_and(|rows_of_a| rows(b) == Some(rows_of_a))
}

#[cfg(test)]
mod tests {
    use super::super::host::host;
    use super::super::text::problem;
    use super::*;

    /// What `ask` says of the steps of `text` in their order.
    fn asked<T>(text: &str, ask: impl Fn(&Rowwise<'_>) -> T) -> T {
        let problem = problem(text);
        let (hosting, order) = (host(&problem), (0..problem.steps.len()).collect::<Vec<_>>());
        ask(&Rowwise::new(&problem, &hosting.layouts, &order))
    }

    const CHAIN: &str = "
        x: f32[1,1,8,4] input 0
        a: f32[1,1,4,4]
        b: f32[1,1,8,4]
        c: f32[1,1,8,4]
        a@1 <- x@1; rows 2y-1..+3
        b@1 <- a@1; rows y/2..+1
        c@1 <- b@1, x@1; rows y-1..+3";

    #[test]
    fn rows_can_be_had_as_fast_as_the_input_s() {
        let rows = |at: usize, row: usize| asked(CHAIN, |rowwise| rowwise.readiness[at].of(row) / Readiness::ROW);
        assert_eq!([rows(0, 0), rows(0, 1)], [1, 3], "row y needs row 2 * y + 1 of the input");
        assert_eq!([rows(1, 0), rows(1, 1), rows(1, 2)], [1, 2, 3], "half as fast again");
        assert_eq!([rows(2, 0), rows(2, 1)], [2, 3]);
    }

    #[test]
    fn producers_are_the_latest_first() {
        assert_eq!(asked(CHAIN, |rowwise| rowwise.producers.clone()), [vec![], vec![(0, 0)], vec![(1, 0)]]);
        assert_eq!(asked(CHAIN, |rowwise| rowwise.last_reader.clone()), [Some(1), Some(2), None]);
        assert_eq!(asked(CHAIN, |rowwise| (rowwise.touches(0, 3), rowwise.touches(1, 2))), (8 + 16 + 24, 16));
    }

    #[test]
    fn slices_of_other_channels_are_not_what_a_step_reads() {
        let text = "
            x: f32[1,2,4,4] input 0
            a: f32[1,2,4,4]
            b: f32[1,2,4,4]
            c: f32[1,4,4,4]
            y: f32[1,2,4,4]
            z: f32[1,4,4,4]
            a@1 <- x@1; rows y..+1
            b@1 <- x@1; rows y..+1
            c[:,0:2,:,:] <= a
            c[:,2:4,:,:] <= b
            y@1 <- b@1; rows y..+1
            z@1 <- c@1; rows y..+1";
        let problem = problem(text);
        let rowwise = Rowwise::new(&problem, &host(&problem).layouts, &[0, 1, 4, 5]).producers;
        assert_eq!(rowwise, [vec![], vec![], vec![(1, 0)], vec![(1, 0), (0, 0)]]);
    }

    #[test]
    fn of_a_list_that_grows_the_last_is_asked() {
        let text = "
            x: f32[1,2,4,4] input 0
            a: f32[1,2,4,4]
            b: f32[1,2,4,4]
            c: f32[1,2,4,4]
            d: f32[1,2,4,4]
            u: f32[1,4,4,4]
            v: f32[1,6,4,4]
            y: f32[1,6,4,4]
            a@1 <- x@1; rows y..+1
            b@1 <- a@1; rows y-1..+3; interleaves
            u[:,0:2,:,:] <= a
            u[:,2:4,:,:] <= b
            c@1 <- u@1; rows y-1..+3
            d@1 <- c@1; rows y..+1
            v[:,0:4,:,:] <= u
            v[:,4:6,:,:] <= d
            y@1 <- v@1; rows y-1..+3";
        let of = |text: &str| {
            let problem = problem(text);
            Rowwise::new(&problem, &host(&problem).layouts, &[0, 1, 4, 5, 8]).producers
        };
        assert_eq!(of(text), [vec![], vec![(0, 0)], vec![(1, 0)], vec![(2, 0)], vec![(3, 0)]]);
        let late = of(&text.replace("b@1 <- a@1; rows y-1..+3", "b@1 <- a@1; rows y-3..+3"));
        assert_eq!(late[2], [(1, 0), (0, 0)], "row `y` of `b` is made of rows before that of `a`");
    }

    #[test]
    fn what_is_far_back_is_in_no_set() {
        let (mut near, mut far) = (Back::default(), Back::default());
        near.add(3, Back::default());
        near.add(64, Back::default());
        far.add(70, near);
        far.add(190, near);
        far.add(1000, near);
        let distances: Vec<usize> = (0..2000).filter(|&distance| far.has(distance)).collect();
        assert_eq!(distances, [70, 73, 134, 190, 193, 254]);
    }

    #[test]
    fn of_what_is_written_in_place_the_last_writer_counts() {
        let text = "
            x: f32[1,1,4,4] input 0
            a: f32[1,1,4,4]
            b: f32[1,1,4,4]
            y: f32[1,1,4,4]
            a@1 <- x@1; rows y..+1
            b@1 <- a@1; rows y..+1; in place
            y@1 <- b@1; rows y..+1";
        assert_eq!(asked(text, |rowwise| rowwise.producers.clone()), [vec![], vec![(0, 0)], vec![(1, 0)]]);
    }
}
