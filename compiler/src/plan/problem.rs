//! What the planner sees: tensors, and steps that read and write boxes of them. No operator, no kernel.

use crate::tensor::{DType, Shape};

pub(crate) type TensorId = usize;

/// Where a tensor's values come from or go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The caller's array, row-major in ONNX's order; never written.
    Input(usize),
    /// The caller's, given row by row: a map whose rows lie one behind the other, in the arena, with channels adjacent.
    Rows(usize),
    /// A result, row-major in ONNX's order; in the arena, where it is alive to the end, or with the caller.
    Output(usize),
    /// Row-major in the weights from this byte on; never written.
    Constant(usize),
    /// Made and used by steps; its layout is free.
    Intermediate,
}

#[derive(Clone, Debug)]
pub(crate) struct PlanTensor {
    pub(crate) name: String,
    pub(crate) shape: Shape,
    /// All that lives in one buffer is of one element type, as moves do not change elements.
    pub(crate) dtype: DType,
    pub(crate) role: Role,
}

impl PlanTensor {
    /// Size of the whole tensor.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes_of(self.shape.elements())
    }

    /// Size of so many of its elements.
    pub(crate) fn bytes_of(&self, elements: usize) -> usize {
        elements.saturating_mul(self.dtype.bytes())
    }
}

/// A box of a tensor: `dims` elements along each axis from `start` on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Access {
    pub(crate) tensor: TensorId,
    pub(crate) start: Vec<usize>,
    pub(crate) dims: Vec<usize>,
    /// The axis that the kernel wants adjacent in memory, where the layout is free.
    pub(crate) channel: Option<usize>,
}

/// How the elements that a move writes relate to those that it reads.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Relation {
    /// The same index.
    Same,
    /// Axis `i` of what is written is axis `perm[i]` of what is read.
    Permute(Vec<usize>),
    /// The same row-major position.
    Reshape,
}

/// The axis of rows in a map `[1, channels, height, width]`.
pub(crate) const ROWS: usize = 2;

/// The axis of columns.
pub(crate) const COLUMNS: usize = 3;

/// The axis of channels.
pub(crate) const CHANNELS: usize = 1;

/// Which rows of its first operand a step reads for a row of its output: `reach` rows from `row * stride / divisor - pad` on, the quotient
/// rounded down. Of all other operands it reads the same row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) stride: usize,
    /// One but where a map grows: two for a step that doubles the rows.
    pub(crate) divisor: usize,
    pub(crate) pad: usize,
    pub(crate) reach: usize,
}

impl Rows {
    /// The same row alone.
    pub(crate) const SAME: Rows = Rows { stride: 1, divisor: 1, pad: 0, reach: 1 };

    /// The rows of a map of `height` rows that output row `row` reads: those from the first to before the second.
    pub(crate) fn read_for(&self, row: usize, height: usize) -> (usize, usize) {
        let begin = row * self.stride / self.divisor;
        (begin.saturating_sub(self.pad).min(height), (begin + self.reach).saturating_sub(self.pad).min(height))
    }
}

/// One unit of work. A step with a relation only moves elements: the planner may do without it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PlanStep {
    /// The number of the step for whoever asks for the plan; steps that the planner takes out leave their numbers unused.
    pub(crate) work: usize,
    /// What it reads; nothing where it asks the caller for rows.
    pub(crate) reads: Vec<Access>,
    pub(crate) write: Access,
    pub(crate) relation: Option<Relation>,
    /// The kernel can read and write interleaved channel slices of one host.
    pub(crate) interleaves: bool,
    /// The kernel can find the channels of its only operand in two places.
    pub(crate) splits: bool,
    /// The second operand holds the channels behind those of the first.
    pub(crate) split: bool,
    /// The kernel can write its only operand's elements where it read them.
    pub(crate) in_place: bool,
    /// How rows depend on each other, where the kernel can compute row by row.
    pub(crate) rows: Option<Rows>,
    /// Bytes of weights that one pass over them reads.
    pub(crate) weights: usize,
    /// Room that it needs while it runs: a tensor that no other step touches. No kernel asks for any yet.
    pub(crate) scratch: Option<TensorId>,
}

impl PlanStep {
    /// A step that moves elements.
    pub(crate) fn moving(work: usize, read: Access, write: Access, relation: Relation) -> Self {
        PlanStep { relation: Some(relation), ..PlanStep::computing(work, vec![read], write) }
    }

    /// Whether any rows of what it writes can be had from the same rows of all that it reads, by the same kernel.
    pub(crate) fn has_parts(&self) -> bool {
        let height = self.write.dims.get(ROWS);
        self.rows == Some(Rows::SAME) && !self.reads.is_empty() && self.reads.iter().all(|read| read.dims.get(ROWS) == height)
    }

    /// Its operands, and what it writes last.
    pub(crate) fn accesses(&self) -> impl Iterator<Item = &Access> {
        self.reads.iter().chain([&self.write])
    }

    /// The tensors that it touches: its scratch, its operands, and last what it writes.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = TensorId> {
        self.scratch.into_iter().chain(self.accesses().map(|access| access.tensor))
    }

    /// Whether `rows` says which rows of operand `operand` it reads, and not the row alone that it writes.
    pub(crate) fn by_rows(&self, operand: usize) -> bool {
        operand == 0 || self.split
    }

    /// The most rows of the operand that it reads at a time; one of its result.
    pub(crate) fn reach(&self, operand: usize) -> usize {
        let read = self.reads.get(operand).filter(|_| self.by_rows(operand));
        self.rows.zip(read).map_or(1, |(rows, read)| rows.reach.min(read.dims[ROWS]))
    }

    /// The rows of operand `operand` that it reads for row `row` of what it writes: those from the first to before the second.
    pub(crate) fn rows_of(&self, operand: usize, row: usize) -> (usize, usize) {
        match self.rows {
            Some(rows) if self.by_rows(operand) => rows.read_for(row, self.reads[operand].dims[ROWS]),
            _ => (row, row + 1),
        }
    }

    /// The rows of all but the last of `parts` parts.
    pub(crate) fn rows_of_part(&self, parts: usize) -> usize {
        self.write.dims[ROWS].div_ceil(parts)
    }

    /// The step in `parts` parts, which it has.
    pub(crate) fn in_parts(&self, parts: usize) -> impl Iterator<Item = PlanStep> + '_ {
        let (rows, height) = (self.rows_of_part(parts), self.write.dims[ROWS]);
        (0..height).step_by(rows.max(1)).map(move |begin| self.of_rows(begin, (begin + rows).min(height)))
    }

    /// Only the rows from `begin` to before `end` of what it writes.
    pub(crate) fn of_rows(&self, begin: usize, end: usize) -> PlanStep {
        let cut = |access: &Access| access.of_rows(begin, end);
        PlanStep { reads: self.reads.iter().map(cut).collect(), write: cut(&self.write), ..self.clone() }
    }

    /// A step that computes the whole of what it writes.
    pub(crate) fn computing(work: usize, reads: Vec<Access>, write: Access) -> Self {
        PlanStep {
            work,
            reads,
            write,
            relation: None,
            interleaves: false,
            splits: false,
            split: false,
            in_place: false,
            rows: None,
            weights: 0,
            scratch: None,
        }
    }
}

/// Tensors are numbered in the order in which they are made: a step writes a tensor with a higher number than those it reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Problem {
    pub(crate) tensors: Vec<PlanTensor>,
    pub(crate) steps: Vec<PlanStep>,
    /// Whether the caller has the outputs' memory.
    pub(crate) outputs_outside: bool,
}

impl Access {
    /// Only the rows from `begin` to before `end`.
    pub(crate) fn of_rows(&self, begin: usize, end: usize) -> Access {
        let mut access = self.clone();
        access.start[ROWS] += begin;
        access.dims[ROWS] = end - begin;
        access
    }
}

impl Problem {
    /// All of `tensor`.
    pub(crate) fn whole(&self, tensor: TensorId) -> Access {
        let dims = self.tensors[tensor].shape.0.clone();
        Access { tensor, start: vec![0; dims.len()], dims, channel: None }
    }

    /// Whether the tensor's own buffer lies in the arena.
    pub(crate) fn in_arena(&self, tensor: TensorId) -> bool {
        match self.tensors[tensor].role {
            Role::Intermediate | Role::Rows(_) => true,
            Role::Output(_) => !self.outputs_outside,
            Role::Input(_) | Role::Constant(_) => false,
        }
    }

    /// For every tensor, the steps that touch it.
    pub(crate) fn touching(&self) -> Vec<Vec<usize>> {
        let mut touching = vec![Vec::new(); self.tensors.len()];
        for (index, step) in self.steps.iter().enumerate() {
            for access in step.reads.iter().chain([&step.write]) {
                if touching[access.tensor].last() != Some(&index) {
                    touching[access.tensor].push(index);
                }
            }
        }
        touching
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::problem;
    use super::*;

    #[test]
    fn rows_that_are_read_are_cut_off_at_the_edges() {
        let window = Rows { stride: 2, divisor: 1, pad: 1, reach: 3 };
        assert_eq!([0, 1, 3].map(|row| window.read_for(row, 7)), [(0, 2), (1, 4), (5, 7)]);
        let doubled = Rows { stride: 1, divisor: 2, pad: 0, reach: 1 };
        assert_eq!([0, 1, 2, 3].map(|row| doubled.read_for(row, 2)), [(0, 1), (0, 1), (1, 2), (1, 2)]);
        let between = Rows { stride: 1, divisor: 2, pad: 1, reach: 3 };
        assert_eq!([0, 1, 2, 3].map(|row| between.read_for(row, 2)), [(0, 2), (0, 2), (0, 2), (0, 2)]);
    }

    #[test]
    fn a_step_has_parts_where_each_row_needs_the_same_row() {
        let parts = |rows: &str, height: usize| {
            let problem = problem(&format!("x: f32[1,2,6,4] input 0\ny: f32[1,2,{height},4] output 0\ny@1 <- x@1; rows {rows}"));
            problem.steps[0].has_parts()
        };
        assert!(parts("y..+1", 6));
        assert!(!parts("y..+3", 6) && !parts("2y..+1", 3) && !parts("y/2..+1", 12) && !parts("y-1..+1", 6));
    }

    #[test]
    fn parts_are_as_many_rows_each_but_the_last() {
        let problem = problem("x: f32[1,2,7,4] input 0\ny: f32[1,2,7,4] output 0\ny@1 <- x@1; rows y..+1");
        let rows = |parts| problem.steps[0].in_parts(parts).map(|part| (part.write.start[ROWS], part.write.dims[ROWS])).collect::<Vec<_>>();
        assert_eq!(rows(2), [(0, 4), (4, 3)]);
        assert_eq!(rows(3), [(0, 3), (3, 3), (6, 1)]);
    }

    /// Against the rows of an endless map.
    #[test]
    fn a_row_reads_those_of_its_window_that_the_map_has() {
        for (stride, divisor, pad, reach) in [(1, 1, 0, 1), (1, 1, 2, 3), (3, 1, 1, 2), (2, 1, 4, 5), (1, 3, 1, 4), (2, 3, 0, 2)] {
            let rows = Rows { stride, divisor, pad, reach };
            for (height, row) in (1..7).flat_map(|height| (0..9).map(move |row| (height, row))) {
                let origin = (row * stride / divisor) as i64 - pad as i64;
                let wanted: Vec<usize> = (0..height).filter(|&y| (origin..origin + reach as i64).contains(&(y as i64))).collect();
                let (begin, end) = rows.read_for(row, height);
                assert_eq!((begin..end).collect::<Vec<_>>(), wanted, "{rows:?}, row {row} of {height}");
                assert!(begin <= end && end <= height);
            }
        }
    }

    #[test]
    fn parts_have_each_row_once() {
        for (height, parts) in (1..12).flat_map(|height| (1..=height).map(move |parts| (height, parts))) {
            let problem = problem(&format!("x: f32[1,2,{height},4] input 0\ny: f32[1,2,{height},4] output 0\ny@1 <- x@1; rows y..+1"));
            let cut: Vec<PlanStep> = problem.steps[0].in_parts(parts).collect();
            assert!(cut.len() <= parts, "{parts} parts of {height}");
            let rows = |access: &Access| access.start[ROWS]..access.start[ROWS] + access.dims[ROWS];
            assert!(cut.iter().all(|part| rows(&part.reads[0]) == rows(&part.write)));
            assert_eq!(cut.iter().flat_map(|part| rows(&part.write)).collect::<Vec<_>>(), (0..height).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_step_touches_a_tensor_once_however_often_it_reads_it() {
        let problem = problem("x: f32[4] input 0\na: f32[4]\ny: f32[8] output 0\na <- x, x\ny[0:4] <= a\ny[4:8] <= x");
        assert_eq!(problem.touching(), [vec![0, 2], vec![0, 1], vec![1, 2]]);
        let inside = |outputs_outside| {
            let problem = Problem { outputs_outside, ..problem.clone() };
            (0..3).map(|tensor| problem.in_arena(tensor)).collect::<Vec<_>>()
        };
        assert_eq!((inside(false), inside(true)), (vec![false, true, true], vec![false, true, false]));
    }
}
