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
        for read in &step.reads {
            let root = plan.layouts[read.tensor].root;
            let name = &problem.tensors[read.tensor].name;
            let Some(at) = plan.offset(problem, root) else { continue };
            let fault = find(&plan.layouts[read.tensor], read, at, |index| arena.get(index) != Some(&tag(root)));
            if let Some(index) = fault {
                return Err(format!("`{name}` is read at element {index} of the arena, which {}", holds(problem, arena.get(index))));
            }
        }
        let root = plan.layouts[step.write.tensor].root;
        let name = &problem.tensors[step.write.tensor].name;
        let Some(at) = plan.offset(problem, root) else { return Err(format!("`{name}` is written outside the arena")) };
        let fault = find(&plan.layouts[step.write.tensor], &step.write, at, |index| match arena.get_mut(index) {
            Some(element) if *element != tag(root) => {
                *element = tag(root);
                false
            }
            _ => true,
        });
        if let Some(index) = fault {
            return Err(format!("`{name}` is written at element {index} of the arena, which {}", holds(problem, arena.get(index))));
        }
    }
    complete(problem, plan, &arena)
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
