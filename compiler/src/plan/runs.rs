//! Where the elements of a box lie in memory, for the checker.

use super::Plan;
use super::problem::{Access, CHANNELS, Problem, ROWS, TensorId};
use super::tags::{Tags, walk};

/// A box of a tensor of the given problem, and the box of the plan's problem that stands for it.
pub(super) struct Operand {
    pub(super) sought: Access,
    pub(super) found: Access,
}

impl Operand {
    pub(super) fn whole(problem: &Problem, id: TensorId) -> Self {
        Operand { sought: problem.whole(id), found: problem.whole(id) }
    }

    /// `found` for the channels of `sought` from `channel` on.
    pub(super) fn of_channels(sought: &Access, found: &Access, channel: usize) -> Self {
        let mut operand = Operand { sought: sought.clone(), found: found.clone() };
        if sought.dims != found.dims {
            operand.sought.start[CHANNELS] += channel;
            operand.sought.dims[CHANNELS] = found.dims[CHANNELS];
        }
        operand
    }

    pub(super) fn of_rows(&self, (begin, end): (usize, usize)) -> Self {
        Operand { sought: self.sought.of_rows(begin, end), found: self.found.of_rows(begin, end) }
    }
}

/// Elements that lie one behind the other: places in the tensor, and units of memory.
pub(super) struct Run {
    pub(super) from: usize,
    pub(super) at: usize,
    pub(super) elements: usize,
}

/// The runs of boxes in a plan's memory.
pub(super) struct Runs<'a> {
    plan: &'a Plan,
    problem: &'a Problem,
    pub(super) tags: Tags,
    /// Bytes of the smallest element: memory is tagged in units of it, and a larger element must be found whole.
    pub(super) unit: usize,
}

impl<'a> Runs<'a> {
    pub(super) fn new(problem: &'a Problem, plan: &'a Plan) -> Self {
        let unit = problem.tensors.iter().map(|tensor| tensor.dtype.bytes()).min().unwrap_or(1);
        Runs { plan, problem, tags: Tags::new(problem, &plan.layouts), unit }
    }

    /// Units of memory that an element of `root`'s buffer takes.
    pub(super) fn units(&self, root: TensorId) -> usize {
        self.problem.tensors[root].dtype.bytes() / self.unit
    }

    /// The unit of memory behind the last of `root`'s buffer.
    pub(super) fn limit(&self, root: TensorId) -> usize {
        let end = |index: usize| self.plan.offsets[index] + self.plan.buffers[index].size;
        self.plan.buffer(root).map_or(usize::MAX, |index| end(index) / self.unit)
    }

    /// Every element of the box, as long runs as there are.
    pub(super) fn of(&self, Operand { sought, found }: &Operand) -> Vec<Run> {
        let layout = &self.plan.layouts[found.tensor];
        let Some(ring) = self.plan.ring(layout.root) else { return self.stored(sought, found) };
        // Of a ring row by row, each in its slot.
        let row = |row: usize| {
            let mut slot = found.of_rows(row, row + 1);
            slot.start[ROWS] %= ring;
            self.stored(&sought.of_rows(row, row + 1), &slot)
        };
        (0..found.dims[ROWS]).flat_map(row).collect()
    }

    fn stored(&self, sought: &Access, found: &Access) -> Vec<Run> {
        if found.dims.contains(&0) {
            // A row of an output may lie in padding alone.
            return Vec::new();
        }
        let layout = &self.plan.layouts[found.tensor];
        let (base, units) = (self.plan.base(layout.root) / self.unit, self.units(layout.root));
        let strides = self.tags.strides(sought.tensor);
        let mut axes: Vec<usize> = (0..found.dims.len()).filter(|&axis| found.dims[axis] != 1).collect();
        axes.sort_by_key(|&axis| layout.strides[axis]);
        let mut elements = 1;
        // The axes along which elements follow each other in both.
        let mut adjacent = |&axis: &usize| {
            let follows = layout.strides[axis] == elements && strides[axis] == elements;
            elements *= if follows { found.dims[axis] } else { 1 };
            follows
        };
        let runs = axes.iter().take_while(|axis| adjacent(axis)).count();
        let outer: Vec<usize> = axes.iter().skip(runs).rev().copied().collect();
        let of = |strides: &[usize]| outer.iter().map(|&axis| strides[axis]).collect::<Vec<_>>();
        let dims = of(&found.dims);
        let from = walk(&dims, &of(strides), self.tags.origin(sought));
        let at = walk(&dims, &of(&layout.strides), layout.origin(found));
        from.zip(at).map(|(from, at)| Run { from, at: base + at * units, elements }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Budget, plan, text};

    #[test]
    fn rows_of_a_ring_lie_in_its_slots() {
        let problem = text::problem(
            "x: f32[1,1,16,16] input 0
             a: f32[1,1,16,16]
             b: f32[1,1,32,16]
             c: f32[1,1,32,16]
             d: f32[4]
             y: f32[4] output 0
             a@1 <- x@1; rows y-1..+3; weights 36
             b@1 <- a@1; rows y/2..+1
             c@1 <- b@1; rows y-1..+3; weights 36
             d <- c
             y <- d",
        );
        let plan = plan(&problem, Budget::Least).unwrap();
        assert_eq!(plan.ring(2), Some(3), "{plan}");
        let runs = Runs::new(&problem, &plan);
        let base = plan.base(2) / runs.unit;
        let rows = Operand::whole(&problem, 2).of_rows((2, 5));
        let found: Vec<_> = runs.of(&rows).iter().map(|run| (run.at - base, run.elements)).collect();
        assert_eq!(found, [(32, 16), (0, 16), (16, 16)]);
        // One that is stored whole is one run.
        let found: Vec<_> = runs.of(&Operand::whole(&problem, 3)).iter().map(|run| run.elements).collect();
        assert_eq!(found, [32 * 16]);
    }

    /// Against every element by itself: of slices of a host, of a transpose that is a change of strides, of another type of elements.
    #[test]
    fn runs_are_all_elements_of_a_box() {
        let problem = text::problem(
            "x: f32[1,3,4,5] input 0
             b: i8[1,2,4,5] input 1
             a: f32[1,3,4,5]
             c: f32[1,7,4,5]
             d: f32[1,4,4,5]
             e: f32[1,4,5,7]
             f: i8[1,2,4,5]
             y: f32[1,4,5,7] output 0
             z: i8[1,2,4,5] output 1
             a@1 <- x@1; rows y..+1
             d@1 <- x@1; rows y..+1
             c[:,0:3,:,:] <= a
             c[:,3:7,:,:] <= d
             e <= c; permute 0 2 3 1
             f@1 <- b@1; rows y..+1
             y <- e
             z <= f",
        );
        let plan = plan(&problem, Budget::Bytes(usize::MAX)).unwrap();
        let runs = Runs::new(&problem, &plan);
        assert_eq!(runs.unit, 1);
        for (id, tensor) in problem.tensors.iter().enumerate() {
            let shape = &tensor.shape;
            let part = |start: Vec<usize>, dims: Vec<usize>| Access { tensor: id, start, dims, channel: None };
            let half: Vec<usize> = shape.iter().map(|dim| dim / 2).collect();
            let rest = shape.iter().zip(&half).map(|(dim, half)| dim - half).collect();
            for access in [problem.whole(id), part(half, rest), part(vec![0; 4], vec![1; 4])] {
                let layout = &plan.layouts[id];
                let units = runs.units(layout.root);
                let place = |strides: &[usize], index: &[usize]| -> usize {
                    index.iter().zip(&access.start).zip(strides).map(|((at, start), stride)| (at + start) * stride).sum()
                };
                let element = |flat: usize| {
                    let index = crate::tensor::unravel(flat, &access.dims);
                    (
                        place(runs.tags.strides(id), &index),
                        plan.base(layout.root) + (layout.offset + place(&layout.strides, &index)) * units,
                    )
                };
                let mut wanted: Vec<_> = (0..access.dims.iter().product()).map(element).collect();
                let operand = Operand { sought: access.clone(), found: access.clone() };
                let of_run = |run: &Run| (0..run.elements).map(|at| (run.from + at, run.at + at * units)).collect::<Vec<_>>();
                let mut found: Vec<_> = runs.of(&operand).iter().flat_map(of_run).collect();
                wanted.sort_unstable();
                found.sort_unstable();
                assert_eq!(found, wanted, "{access:?} of {plan}");
            }
        }
    }
}
