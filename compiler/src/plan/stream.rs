//! A group of steps computed row by row: in which order the rows come, and how many rows of each buffer must be kept.
//!
//! Rows of a step are always computed in order, each once. A step is asked for a row, asks for the rows that this one needs, deepest first,
//! and then computes it. So a buffer that only the group touches needs no more rows than lie between the first that is still to be read and
//! the last that is written: a ring.

use std::collections::BTreeMap;

use super::layout::Layout;
use super::problem::{Access, CHANNELS, COLUMNS, Problem, ROWS, Role, TensorId};

/// A group in rows.
#[derive(Clone, Debug)]
pub(super) struct Streamed {
    /// The steps, by their place in the group, once a row.
    pub(super) calls: Vec<usize>,
    /// For every buffer, by its root, when each row is first written and last touched, in calls.
    pub(super) traffic: Vec<Vec<Touched>>,
    /// For every buffer the most rows of one window.
    reach: Vec<usize>,
    /// Elements of weights that are read.
    pub(super) reads: u64,
}

/// The calls that first write and last touch a row; [`NEVER`] where there is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Touched {
    pub(super) written: usize,
    pub(super) last: usize,
}

pub(super) const NEVER: usize = usize::MAX;

impl Streamed {
    /// The least number of rows of `root` that a ring must hold: before a slot is written anew, the row that it holds must be done with.
    /// Kernels want room for a whole window, even where padding takes a part of it, and for a row, even where none is asked for.
    pub(super) fn ring(&self, root: TensorId) -> usize {
        let touched = self.traffic[root].iter().take_while(|row| row.written != NEVER);
        let written: Vec<usize> = touched.clone().map(|row| row.written).collect();
        let needed = touched.enumerate().map(|(index, row)| written.partition_point(|&written| written <= row.last) - index);
        needed.max().unwrap_or(0).max(self.reach[root]).max(1)
    }

    /// Of a single step: `rows` rows at a time.
    pub(super) fn coarser(&self, rows: usize) -> Streamed {
        let part = |call: usize| if call == NEVER { NEVER } else { call / rows };
        let touched = |row: &Touched| Touched { written: part(row.written), last: part(row.last) };
        Streamed { traffic: self.traffic.iter().map(|rows| rows.iter().map(touched).collect()).collect(), ..self.clone() }
    }
}

/// When a row of a step can be had at the earliest, in rows of the network's input: `pace * row + delay`, not cut off at the map's edges.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Readiness {
    pace: i64,
    delay: i64,
}

impl Readiness {
    fn of(&self, row: usize) -> i64 {
        self.pace * row as i64 + self.delay
    }
}

/// What is known of the steps in the order in which they would run one by one.
pub(super) struct Rowwise<'a> {
    pub(super) problem: &'a Problem,
    pub(super) layouts: &'a [Layout],
    pub(super) order: &'a [usize],
    /// For every place in the order the earlier ones that write what its operands lie in, the latest first, and the operand.
    producers: Vec<Vec<(usize, usize)>>,
    readers: Vec<Vec<usize>>,
    /// For every place the last earlier one that writes what it reads in rows of another kind, so that both are in no group.
    apart: Vec<Option<usize>>,
    readiness: Vec<Readiness>,
}

impl<'a> Rowwise<'a> {
    pub(super) fn new(problem: &'a Problem, layouts: &'a [Layout], order: &'a [usize]) -> Self {
        let mut writers: BTreeMap<TensorId, Vec<usize>> = BTreeMap::new();
        let readers = vec![Vec::new(); order.len()];
        let mut rowwise = Rowwise { problem, layouts, order, producers: Vec::new(), readers, apart: Vec::new(), readiness: Vec::new() };
        for (at, &step) in order.iter().enumerate() {
            let step = &problem.steps[step];
            let wrote = |read: &Access| {
                let earlier = writers.get(&layouts[read.tensor].root).into_iter().flatten();
                earlier.copied().filter(|&writer| meet(layouts, read, &problem.steps[order[writer]].write)).collect()
            };
            let producers: Vec<Vec<usize>> = step.reads.iter().map(wrote).collect();
            let unlike = |(read, producers): (&Access, &Vec<usize>)| {
                let written = producers.iter().copied();
                written.filter(|&writer| !same_rows(layouts, read, &problem.steps[order[writer]].write)).max()
            };
            rowwise.apart.push(step.reads.iter().zip(&producers).filter_map(unlike).max());
            for &producer in producers.iter().flatten() {
                rowwise.readers[producer].push(at);
            }
            rowwise.readiness.push(rowwise.ready(at, &producers));
            let operands = producers.iter().enumerate();
            let mut latest: Vec<_> = operands.flat_map(|(operand, producers)| producers.iter().map(move |&at| (at, operand))).collect();
            latest.sort_unstable_by(|a, b| b.cmp(a));
            rowwise.producers.push(latest);
            writers.entry(layouts[step.write.tensor].root).or_default().push(at);
        }
        rowwise
    }

    /// Rows of what the step at `at` writes.
    fn height(&self, at: usize) -> usize {
        let step = &self.problem.steps[self.order[at]];
        if step.rows.is_some() { step.write.dims[ROWS] } else { 1 }
    }

    fn ready(&self, at: usize, producers: &[Vec<usize>]) -> Readiness {
        let step = &self.problem.steps[self.order[at]];
        let latest = |producer: &usize| self.readiness[*producer].of(self.height(*producer).saturating_sub(1));
        let Some(rows) = step.rows else {
            return Readiness { pace: 0, delay: producers.iter().flatten().map(latest).max().unwrap_or(0) };
        };
        if step.reads.is_empty() {
            return Readiness { pace: 1, delay: 0 };
        }
        let mut ready = Readiness::default();
        let ahead = rows.reach as i64 - 1 - rows.pad as i64;
        for (operand, from) in producers.iter().enumerate() {
            let given = [Readiness { pace: 1, delay: 0 }];
            let inputs = from.iter().map(|&producer| self.readiness[producer]);
            for Readiness { pace, delay } in inputs.chain(given.into_iter().filter(|_| from.is_empty())) {
                let (stride, ahead) = if operand == 0 || step.split { (rows.stride as i64, ahead) } else { (1, 0) };
                ready.pace = ready.pace.max(pace * stride);
                ready.delay = ready.delay.max(pace * ahead + delay);
            }
        }
        ready
    }

    /// The rows of operand `operand` that row `row` of the step at `at` reads.
    fn window(&self, at: usize, operand: usize, row: usize) -> (usize, usize) {
        let step = &self.problem.steps[self.order[at]];
        match step.rows {
            Some(rows) if operand == 0 || step.split => rows.window(row, step.reads[operand].dims[ROWS]),
            _ => (row, row + 1),
        }
    }

    /// At most as many calls as the steps from `begin` to before `end` take row by row.
    pub(super) fn calls(&self, begin: usize, end: usize) -> usize {
        (begin..end).map(|at| self.height(at)).sum()
    }

    /// The steps from `begin` to before `end` row by row; none where one cannot be.
    pub(super) fn stream(&self, begin: usize, end: usize) -> Option<Streamed> {
        let whole = |at: usize| self.problem.steps[self.order[at]].rows.is_none() || self.apart[at].is_some_and(|other| other >= begin);
        if (begin..end).any(whole) {
            return None;
        }
        let mut pull = Pull { rowwise: self, begin, done: vec![0; end - begin], calls: Vec::new() };
        let asked = (begin..end).filter(|&at| {
            // What a later group reads, or the caller, be it ever so little that the group itself does.
            let root = self.layouts[self.problem.steps[self.order[at]].write.tensor].root;
            let is_result = matches!(self.problem.tensors[root].role, Role::Output(_));
            is_result || self.readers[at].is_empty() || self.readers[at].iter().any(|&reader| reader >= end)
        });
        let mut turns: Vec<(i64, usize, usize)> =
            asked.flat_map(|at| (0..self.height(at)).map(move |row| (self.readiness[at].of(row), at, row))).collect();
        turns.sort_unstable();
        for (_, at, row) in turns {
            pull.pull(at, row);
        }
        Some(self.traffic(begin, pull.calls))
    }

    fn traffic(&self, begin: usize, calls: Vec<usize>) -> Streamed {
        let mut traffic: Vec<Vec<Touched>> = vec![Vec::new(); self.layouts.len()];
        let mut rows: Vec<usize> = Vec::new();
        let (mut reads, mut reach) = (0, vec![0; self.layouts.len()]);
        for (time, &call) in calls.iter().enumerate() {
            rows.resize(rows.len().max(call + 1), 0);
            let (at, row) = (begin + call, rows[call]);
            rows[call] += 1;
            let step = &self.problem.steps[self.order[at]];
            reads += step.weights as u64;
            let mut touch = |tensor: TensorId, (from, to): (usize, usize), writes: bool| {
                let touched = &mut traffic[self.layouts[tensor].root];
                touched.resize(touched.len().max(to), Touched { written: NEVER, last: 0 });
                for row in &mut touched[from..to] {
                    row.last = time;
                    if writes {
                        row.written = row.written.min(time);
                    }
                }
            };
            for (operand, read) in step.reads.iter().enumerate() {
                if let Some(rows) = step.rows.filter(|_| row == 0 && (operand == 0 || step.split)) {
                    let most: &mut usize = &mut reach[self.layouts[read.tensor].root];
                    *most = (*most).max(rows.reach.min(read.dims[ROWS]));
                }
                touch(read.tensor, self.window(at, operand, row), false);
            }
            touch(step.write.tensor, (row, row + 1), true);
        }
        Streamed { calls, traffic, reach, reads }
    }
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

struct Pull<'a> {
    rowwise: &'a Rowwise<'a>,
    begin: usize,
    /// Rows of each step of the group that are computed.
    done: Vec<usize>,
    calls: Vec<usize>,
}

impl Pull<'_> {
    /// Computes the step at `at` up to row `row`, and before each row what it needs.
    fn pull(&mut self, at: usize, row: usize) {
        while self.done[at - self.begin] <= row {
            let next = self.done[at - self.begin];
            let (rowwise, begin) = (self.rowwise, self.begin);
            for &(producer, operand) in rowwise.producers[at].iter().take_while(|(producer, _)| *producer >= begin) {
                let (from, to) = rowwise.window(at, operand, next);
                if to > from {
                    self.pull(producer, to - 1);
                }
            }
            self.calls.push(at - self.begin);
            self.done[at - self.begin] += 1;
        }
    }
}

/// Whether the buffer of `root` can be a ring: all that lives in it are maps of as many rows, each within the pitch of a row.
pub(super) fn ring_pitch(problem: &Problem, layouts: &[Layout], root: TensorId, members: &[TensorId]) -> Option<usize> {
    let (tensor, layout) = (&problem.tensors[root], &layouts[root]);
    let free = matches!(tensor.role, Role::Intermediate | Role::Rows(_));
    if !free || tensor.shape.rank() != 4 || tensor.shape[0] != 1 {
        return None;
    }
    let pitch = layout.strides[ROWS];
    let fits = |&member: &TensorId| {
        let shape = &problem.tensors[member].shape;
        let row = shape.rank() == 4 && shape[0] == 1 && shape[ROWS] == tensor.shape[ROWS] && layouts[member].strides[ROWS] == pitch;
        row && layouts[member].span(&problem.whole(member).of_rows(0, 1)).1 <= pitch
    };
    members.iter().all(fits).then_some(pitch)
}
