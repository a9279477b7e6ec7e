//! What the planner sees: tensors, and steps that read and write boxes of them. No operator, no kernel.

use crate::ir::Shape;

pub(crate) type TensorId = usize;

/// Where a tensor's values come from or go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The caller's array, row-major in ONNX's order; never written.
    Input(usize),
    /// A result in the arena, row-major in ONNX's order; alive to the end.
    Output(usize),
    /// Row-major in the weights from this element on; never written.
    Constant(usize),
    /// Made and used by steps; its layout is free.
    Intermediate,
}

#[derive(Clone, Debug)]
pub(crate) struct PlanTensor {
    pub(crate) name: String,
    pub(crate) shape: Shape,
    pub(crate) role: Role,
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

/// One unit of work. A step with a relation only moves elements: the planner may do without it.
#[derive(Clone, Debug)]
pub(crate) struct PlanStep {
    pub(crate) reads: Vec<Access>,
    pub(crate) write: Access,
    pub(crate) relation: Option<Relation>,
    /// The kernel can read and write interleaved channel slices of one host.
    pub(crate) interleaves: bool,
}

/// Tensors are numbered in the order in which they are made: a step writes a tensor with a higher number than those it reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Problem {
    pub(crate) tensors: Vec<PlanTensor>,
    pub(crate) steps: Vec<PlanStep>,
}

impl Problem {
    /// All of `tensor`.
    pub(crate) fn whole(&self, tensor: TensorId) -> Access {
        let dims = self.tensors[tensor].shape.0.clone();
        Access { tensor, start: vec![0; dims.len()], dims, channel: None }
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
