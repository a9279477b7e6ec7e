//! The checker: replays a plan with every element of the arena tagged by the buffer and the step that wrote it.
//!
//! A fault is a read of an element that holds nothing, or another buffer's value; a second write of an element of the same
//! buffer; an access beyond the arena; an output that is not complete at the end.

use super::problem::{Access, Problem, Role, TensorId};
use super::{Plan, layout::Layout};

const EMPTY: u32 = u32::MAX;

/// The first fault of the plan, in words.
pub(crate) fn replay(problem: &Problem, plan: &Plan) -> Result<(), String> {
    let mut arena = vec![EMPTY; plan.arena];
    for &step in &plan.order {
        let step = &problem.steps[step];
        reads_hold(problem, plan, &step.reads, &arena)?;
        write(problem, plan, &step.write, &mut arena)?;
        // What a step reads must outlive what it writes.
        reads_hold(problem, plan, &step.reads, &arena)?;
    }
    complete(problem, plan, &arena)
}

fn reads_hold(problem: &Problem, plan: &Plan, reads: &[Access], arena: &[u32]) -> Result<(), String> {
    for read in reads {
        let root = plan.layouts[read.tensor].root;
        let Some(at) = plan.offset(problem, root) else { continue };
        if let Some(index) = find(&plan.layouts[read.tensor], read, at, |index| arena.get(index) != Some(&tag(root))) {
            let name = &problem.tensors[read.tensor].name;
            return Err(format!("`{name}` is read at element {index} of the arena, which {}", holds(problem, arena.get(index))));
        }
    }
    Ok(())
}

fn write(problem: &Problem, plan: &Plan, access: &Access, arena: &mut [u32]) -> Result<(), String> {
    let root = plan.layouts[access.tensor].root;
    let name = &problem.tensors[access.tensor].name;
    let Some(at) = plan.offset(problem, root) else { return Err(format!("`{name}` is written outside the arena")) };
    let fault = find(&plan.layouts[access.tensor], access, at, |index| match arena.get_mut(index) {
        Some(element) if *element != tag(root) => {
            *element = tag(root);
            false
        }
        _ => true,
    });
    match fault {
        None => Ok(()),
        Some(index) => Err(format!("`{name}` is written at element {index} of the arena, which {}", holds(problem, arena.get(index)))),
    }
}

fn complete(problem: &Problem, plan: &Plan, arena: &[u32]) -> Result<(), String> {
    for (id, tensor) in problem.tensors.iter().enumerate() {
        let (Role::Output(_), Some(at)) = (tensor.role, plan.offset(problem, id)) else { continue };
        let whole = problem.whole(id);
        if let Some(index) = find(&plan.layouts[id], &whole, at, |index| arena.get(index) != Some(&tag(id))) {
            return Err(format!(
                "output `{}` is not complete: element {index} of the arena {}",
                tensor.name,
                holds(problem, arena.get(index))
            ));
        }
    }
    Ok(())
}

fn tag(root: TensorId) -> u32 {
    root as u32
}

fn holds(problem: &Problem, element: Option<&u32>) -> String {
    match element {
        None => "does not exist".to_owned(),
        Some(&EMPTY) => "holds nothing".to_owned(),
        Some(&root) => format!("holds `{}`", problem.tensors[root as usize].name),
    }
}

/// The first element of the box, as an index of the arena, for which `fault` holds.
fn find(layout: &Layout, access: &Access, at: usize, mut fault: impl FnMut(usize) -> bool) -> Option<usize> {
    let mut index = vec![0; access.dims.len()];
    let mut element = at + layout.origin(access);
    loop {
        if fault(element) {
            return Some(element);
        }
        let mut axis = index.len();
        loop {
            axis = axis.checked_sub(1)?;
            index[axis] += 1;
            element += layout.strides[axis];
            if index[axis] < access.dims[axis] {
                break;
            }
            element -= layout.strides[axis] * access.dims[axis];
            index[axis] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::Shape;
    use crate::plan::plan;
    use crate::plan::problem::{PlanStep, PlanTensor, Relation};

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
