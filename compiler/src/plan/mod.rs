//! Steps to a plan: what lives in what, the order of the steps, the offsets in the arena.
//!
//! Invariant: knows no operator and no kernel; it sees tensors, and steps that read and write boxes of them.

mod host;
pub(crate) mod layout;
mod order;
mod place;
pub(crate) mod problem;
mod replay;

use layout::Layout;
pub(crate) use place::Lifetime;
use problem::{Problem, Role, TensorId};
pub(crate) use replay::replay;

/// Everything that is decided about memory and time.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The steps that run, in order; moves that hosting made needless are not among them.
    pub(crate) order: Vec<usize>,
    /// One layout a tensor, relative to its root's buffer.
    pub(crate) layouts: Vec<Layout>,
    /// The buffers of the arena.
    pub(crate) buffers: Vec<Lifetime>,
    /// One offset a buffer, in elements.
    pub(crate) offsets: Vec<usize>,
    /// Elements of the arena.
    pub(crate) arena: usize,
    /// The most elements alive at one step: no placement of these buffers can need less.
    pub(crate) bound: usize,
    /// How many moves hosting made needless.
    pub(crate) moves_elided: usize,
}

impl Plan {
    /// First element of `root`'s buffer: in the arena, or zero for an input or a constant, which lie elsewhere.
    pub(crate) fn base(&self, root: TensorId) -> usize {
        let found = self.buffers.iter().position(|buffer| buffer.root == root);
        found.map_or(0, |index| self.offsets[index])
    }

    /// First element of `root`'s buffer in the arena, where it lies there.
    fn offset(&self, problem: &Problem, root: TensorId) -> Option<usize> {
        let inside = matches!(problem.tensors[root].role, Role::Output(_) | Role::Intermediate);
        inside.then(|| self.base(root))
    }
}

/// Plans a problem.
pub(crate) fn plan(problem: &Problem) -> Plan {
    let hosting = host::host(problem);
    let order = order::order(problem, &hosting);
    let buffers = place::lifetimes(problem, &hosting, &order);
    let bound = place::live_bound(&buffers);
    let (offsets, arena) = place::place(&buffers);
    let moves_elided = hosting.elided.iter().filter(|&&elided| elided).count();
    Plan { order, layouts: hosting.layouts, buffers, offsets, arena, bound, moves_elided }
}
