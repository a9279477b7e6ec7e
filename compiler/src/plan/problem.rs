//! What the planner sees: tensors, and steps that read and write boxes of them. No operator, no kernel.

use crate::ir::{DType, Shape};

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

/// Which rows of its first operand a step reads for a row of its output: `reach` rows from `row * stride - pad` on. Of all other
/// operands it reads the same row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) stride: usize,
    pub(crate) pad: usize,
    pub(crate) reach: usize,
}

impl Rows {
    /// The rows of a map of `height` rows that output row `row` reads: those from the first to before the second.
    pub(crate) fn window(&self, row: usize, height: usize) -> (usize, usize) {
        let begin = row * self.stride;
        (begin.saturating_sub(self.pad).min(height), (begin + self.reach).saturating_sub(self.pad).min(height))
    }
}

/// One unit of work. A step with a relation only moves elements: the planner may do without it.
#[derive(Clone, Debug)]
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
}

impl PlanStep {
    /// A step that moves elements.
    pub(crate) fn moving(work: usize, read: Access, write: Access, relation: Relation) -> Self {
        PlanStep { relation: Some(relation), ..PlanStep::computing(work, vec![read], write) }
    }

    /// Whether any rows of what it writes can be had from the same rows of all that it reads, by the same kernel.
    pub(crate) fn has_parts(&self) -> bool {
        let height = self.write.dims.get(ROWS);
        self.rows == Some(Rows { stride: 1, pad: 0, reach: 1 })
            && !self.reads.is_empty()
            && self.reads.iter().all(|read| read.dims.get(ROWS) == height)
    }

    /// Its operands, and what it writes last.
    pub(crate) fn accesses(&self) -> impl Iterator<Item = &Access> {
        self.reads.iter().chain([&self.write])
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
            Some(rows) if self.by_rows(operand) => rows.window(row, self.reads[operand].dims[ROWS]),
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
