//! The checker: replays a plan with every element of the arena tagged by the element of the tensor that it holds.
//!
//! Moves make no new elements, so a tensor that lives in another is checked element by element through every view. A fault is a
//! read of anything but the element that the problem asks for; a step that overwrites what it reads; an access beyond the arena;
//! an output that is not complete at the end.

use std::iter::from_fn;

use super::Plan;
use super::problem::{Access, PlanStep, Problem, Relation, Role, TensorId};

/// Holds nothing yet.
const EMPTY: u32 = u32::MAX;

/// The first fault of the plan, in words.
pub(crate) fn replay(problem: &Problem, plan: &Plan) -> Result<(), String> {
    let mut replay = Replay { problem, plan, tags: Tags::new(problem), arena: vec![EMPTY; plan.arena] };
    for &step in &plan.order {
        let PlanStep { reads, write, .. } = &problem.steps[step];
        reads.iter().try_for_each(|access| replay.check(access))?;
        replay.write(write)?;
        // What the step writes first must not be what it reads last.
        reads.iter().try_for_each(|access| replay.check(access)).map_err(|fault| format!("{fault} while a step still reads it"))?;
    }
    let is_output = |id: &TensorId| matches!(problem.tensors[*id].role, Role::Output(_));
    let mut outputs = (0..problem.tensors.len()).filter(is_output);
    outputs.try_for_each(|id| replay.check(&problem.whole(id))).map_err(|fault| format!("{fault} at the end"))
}

/// A number for every element that is given or computed; moved elements keep theirs.
struct Tags {
    /// The number of each tensor's first element, were it computed; the end of all.
    first: Vec<u32>,
    /// The numbers of tensors that moves make.
    moved: Vec<Option<Vec<u32>>>,
}

impl Tags {
    fn new(problem: &Problem) -> Self {
        let mut first = vec![0u32];
        for tensor in &problem.tensors {
            first.push(first[first.len() - 1].saturating_add(tensor.shape.elements() as u32));
        }
        let mut tags = Tags { first, moved: vec![None; problem.tensors.len()] };
        for step in &problem.steps {
            if let Some(relation) = &step.relation {
                tags.carry(problem, &step.reads[0], &step.write, relation);
            }
        }
        tags
    }

    /// Gives the elements of `write` the tags of those of `read`.
    fn carry(&mut self, problem: &Problem, read: &Access, write: &Access, relation: &Relation) {
        let from = row_major(problem, read);
        let from: Vec<u32> = match relation {
            Relation::Same | Relation::Reshape => walk(&read.dims, &from.strides, from.origin).map(|at| self.of(read.tensor, at)).collect(),
            Relation::Permute(perm) => {
                let strides: Vec<usize> = perm.iter().map(|&axis| from.strides[axis]).collect();
                walk(&write.dims, &strides, from.origin).map(|at| self.of(read.tensor, at)).collect()
            }
        };
        let (start, end) = (self.first[write.tensor], self.first[write.tensor + 1]);
        let tags = self.moved[write.tensor].get_or_insert_with(|| (start..end).collect());
        let to = row_major(problem, write);
        for (at, tag) in walk(&write.dims, &to.strides, to.origin).zip(from) {
            tags[at] = tag;
        }
    }

    /// The tag of a tensor's element in row-major order.
    fn of(&self, tensor: TensorId, element: usize) -> u32 {
        match &self.moved[tensor] {
            Some(tags) => tags[element],
            None => self.first[tensor] + element as u32,
        }
    }
}

struct Replay<'a> {
    problem: &'a Problem,
    plan: &'a Plan,
    tags: Tags,
    arena: Vec<u32>,
}

impl Replay<'_> {
    /// Whether the box holds what it should.
    fn check(&self, access: &Access) -> Result<(), String> {
        let root = self.plan.layouts[access.tensor].root;
        let inside = self.plan.offset(self.problem, root).is_some();
        for (element, at) in self.places(access) {
            let found = if inside { self.arena.get(at).copied() } else { self.outside(root, at) };
            if found != Some(self.tags.of(access.tensor, element)) {
                let name = &self.problem.tensors[access.tensor].name;
                return Err(format!("element {element} of `{name}` is sought at {at}, which {}", self.holds(found)));
            }
        }
        Ok(())
    }

    fn write(&mut self, access: &Access) -> Result<(), String> {
        let name = &self.problem.tensors[access.tensor].name;
        if self.plan.offset(self.problem, self.plan.layouts[access.tensor].root).is_none() {
            return Err(format!("`{name}` is written outside the arena"));
        }
        let places: Vec<_> = self.places(access).collect();
        for (element, at) in places {
            let tag = self.tags.of(access.tensor, element);
            *self.arena.get_mut(at).ok_or_else(|| format!("`{name}` is written at {at}, beyond the arena"))? = tag;
        }
        Ok(())
    }

    /// Every element of the box: its row-major position in the tensor, and where the plan has it.
    fn places(&self, access: &Access) -> impl Iterator<Item = (usize, usize)> {
        let layout = &self.plan.layouts[access.tensor];
        let base = self.plan.offset(self.problem, layout.root).unwrap_or(0);
        let elements = row_major(self.problem, access);
        let places = walk(&access.dims, &layout.strides, base + layout.origin(access));
        walk(&access.dims, &elements.strides, elements.origin).zip(places)
    }

    /// What an input or a constant holds.
    fn outside(&self, root: TensorId, at: usize) -> Option<u32> {
        (at < self.problem.tensors[root].shape.elements()).then(|| self.tags.first[root] + at as u32)
    }

    fn holds(&self, found: Option<u32>) -> String {
        match found {
            None => "does not exist".to_owned(),
            Some(EMPTY) => "holds nothing".to_owned(),
            Some(tag) => {
                let owner = self.tags.first.partition_point(|&first| first <= tag) - 1;
                format!("holds element {} of `{}`", tag - self.tags.first[owner], self.problem.tensors[owner].name)
            }
        }
    }
}

/// A box's view of its tensor in row-major order.
struct RowMajor {
    strides: Vec<usize>,
    origin: usize,
}

fn row_major(problem: &Problem, access: &Access) -> RowMajor {
    let strides = problem.tensors[access.tensor].shape.strides();
    let origin = access.start.iter().zip(&strides).map(|(start, stride)| start * stride).sum();
    RowMajor { strides, origin }
}

/// The positions of a view's elements, the last axis fastest.
fn walk(dims: &[usize], strides: &[usize], origin: usize) -> impl Iterator<Item = usize> + use<> {
    let axes: Vec<(usize, usize)> = dims.iter().copied().zip(strides.iter().copied()).collect();
    let mut index = vec![0; axes.len()];
    let mut next = if dims.contains(&0) { None } else { Some(origin) };
    from_fn(move || {
        let current = next?;
        let mut at = current;
        next = axes.iter().enumerate().rev().find_map(|(axis, &(dim, stride))| {
            index[axis] += 1;
            at += stride;
            if index[axis] < dim {
                return Some(at);
            }
            at -= stride * dim;
            index[axis] = 0;
            None
        });
        Some(current)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::Shape;
    use crate::plan::plan;
    use crate::plan::problem::PlanTensor;

    /// Random numbers, the same in every run.
    struct Random(u32);

    impl Random {
        fn below(&mut self, n: usize) -> usize {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (self.0 >> 8) as usize % n
        }
    }

    /// Steps that read one or two of the last few tensors; now and then a concat of two, as moves into its slices.
    fn toy(random: &mut Random) -> Problem {
        let mut problem = Problem::default();
        let tensor = |problem: &mut Problem, rows: usize, role| {
            let id = problem.tensors.len();
            problem.tensors.push(PlanTensor { name: format!("t{id}"), shape: Shape(vec![rows, 8]), role });
            id
        };
        let mut live = vec![tensor(&mut problem, 4, Role::Input(0))];
        for _ in 0..4 + random.below(12) {
            let (a, b) = (live[random.below(live.len())], live[random.below(live.len())]);
            let rows = |problem: &Problem, id: TensorId| problem.tensors[id].shape[0];
            let joins = random.below(3) == 0 && rows(&problem, a) + rows(&problem, b) < 40;
            let size = if joins { rows(&problem, a) + rows(&problem, b) } else { 1 + random.below(20) };
            let y = tensor(&mut problem, size, Role::Intermediate);
            if joins {
                let mut start = 0;
                for from in [a, b] {
                    let read = problem.whole(from);
                    let write = Access { start: vec![start, 0], dims: read.dims.clone(), ..problem.whole(y) };
                    start += read.dims[0];
                    problem.steps.push(PlanStep { reads: vec![read], write, relation: Some(Relation::Same), interleaves: false });
                }
            } else {
                let reads = vec![problem.whole(a), problem.whole(b)];
                problem.steps.push(PlanStep { reads, write: problem.whole(y), relation: None, interleaves: false });
            }
            live.push(y);
        }
        let last = live[live.len() - 1];
        let rows = problem.tensors[last].shape[0];
        let y = tensor(&mut problem, rows, Role::Output(0));
        let (read, write) = (problem.whole(last), problem.whole(y));
        problem.steps.push(PlanStep { reads: vec![read], write, relation: Some(Relation::Same), interleaves: false });
        problem
    }

    #[test]
    fn random_problems_are_planned_without_a_fault() {
        let mut random = Random(3);
        for _ in 0..500 {
            let problem = toy(&mut random);
            let plan = plan(&problem);
            assert_eq!(replay(&problem, &plan), Ok(()), "{problem:?}");
            assert!(plan.arena >= plan.bound);
        }
    }

    /// The buffers that one step fills; a host is filled by several, and may be free in part.
    fn filled_at_once(problem: &Problem, plan: &Plan, index: usize) -> bool {
        let root = |step: &usize| plan.layouts[problem.steps[*step].write.tensor].root;
        plan.order.iter().filter(|step| root(step) == plan.buffers[index].root).count() == 1
    }

    #[test]
    fn a_buffer_put_over_one_that_is_still_to_be_read_is_a_fault() {
        let mut random = Random(5);
        let mut mutations = 0;
        for _ in 0..300 {
            let problem = toy(&mut random);
            let planned = plan(&problem);
            let whole: Vec<_> = (0..planned.buffers.len()).filter(|&index| filled_at_once(&problem, &planned, index)).collect();
            for (&a, &b) in whole.iter().flat_map(|a| whole.iter().map(move |b| (a, b))) {
                let (old, new) = (&planned.buffers[a], &planned.buffers[b]);
                if old.first >= new.first || new.first > old.last {
                    continue;
                }
                let mut wrong = planned.clone();
                wrong.offsets[b] = wrong.offsets[a];
                wrong.arena = planned.arena + new.size;
                assert!(replay(&problem, &wrong).is_err(), "{new:?} on {old:?}: {problem:?}");
                mutations += 1;
            }
        }
        assert!(mutations > 1000, "{mutations}");
    }

    /// `concat(a, b)` is an output that hosts both, and `v` is a view of `a`.
    fn two_slices_and_a_view() -> Problem {
        let mut problem = Problem::default();
        let roles = [Role::Input(0), Role::Intermediate, Role::Intermediate, Role::Intermediate, Role::Output(0), Role::Output(1)];
        for (name, role) in ["x", "a", "b", "v", "host", "y"].into_iter().zip(roles) {
            let rows = if name == "host" { 8 } else { 4 };
            problem.tensors.push(PlanTensor { name: name.to_owned(), shape: Shape(vec![rows, 8]), role });
        }
        let [x, a, b, v, host, y] = [0, 1, 2, 3, 4, 5].map(|id| problem.whole(id));
        let part = |start: usize| Access { start: vec![start, 0], dims: vec![4, 8], ..host.clone() };
        let (first, second) = (part(0), part(4));
        let mut step = |reads: Vec<Access>, write: Access, moves: bool| {
            problem.steps.push(PlanStep { reads, write, relation: moves.then_some(Relation::Same), interleaves: false });
        };
        step(vec![x.clone()], a.clone(), false);
        step(vec![x], b.clone(), false);
        step(vec![a.clone()], v.clone(), true);
        step(vec![a], first, true);
        step(vec![b.clone()], second, true);
        step(vec![v, b], y, false);
        problem
    }

    #[test]
    fn a_view_of_its_host_s_other_slice_is_a_fault() {
        let problem = two_slices_and_a_view();
        let planned = plan(&problem);
        assert_eq!((replay(&problem, &planned), planned.order.len()), (Ok(()), 3));
        let mut wrong = planned.clone();
        wrong.layouts[3] = planned.layouts[2].clone();
        assert!(replay(&problem, &wrong).unwrap_err().contains("holds element 0 of `b`"));
    }

    #[test]
    fn an_arena_that_is_too_small_and_a_step_too_early_are_faults() {
        let problem = toy(&mut Random(9));
        let planned = plan(&problem);
        let mut early = planned.clone();
        early.order.reverse();
        assert!(replay(&problem, &early).is_err());
        assert!(replay(&problem, &Plan { arena: 0, ..planned }).is_err());
    }
}
