//! The checker: replays a plan with every element of memory tagged by the element of the tensor that it holds.
//!
//! Moves make no new elements, so a tensor that lives in another is checked element by element through every view; of a streamed group every
//! call is replayed, so that a slot of a ring must hold the row that is sought. What is sought comes from the problem as it was given, where
//! it is sought from the plan. A fault is a read of anything but the element that the problem asks for; a step that overwrites what it
//! reads; an access beyond the memory; an output that is not complete at the end.

use std::collections::BTreeMap;
use std::iter::from_fn;

use super::Plan;
use super::problem::{Access, CHANNELS, PlanStep, Problem, ROWS, Relation, Role, TensorId};

/// Holds nothing yet.
const EMPTY: u32 = u32::MAX;

/// The first fault of the plan, in words.
pub(crate) fn replay(problem: &Problem, plan: &Plan) -> Result<(), String> {
    let mut replay = Replay::new(problem, plan);
    for group in &plan.groups {
        match &group.schedule {
            None => plan.order[group.begin..group.end].iter().try_for_each(|&step| replay.step(step, None))?,
            Some(schedule) => {
                let mut rows = vec![0; group.end - group.begin];
                for call in schedule.calls() {
                    replay.step(plan.order[group.begin + call], Some(rows[call]))?;
                    rows[call] += 1;
                }
            }
        }
    }
    let is_output = |id: &TensorId| matches!(problem.tensors[*id].role, Role::Output(_));
    let mut outputs = (0..problem.tensors.len()).filter(is_output);
    outputs.try_for_each(|id| replay.check(&Operand::whole(problem, id))).map_err(|fault| format!("{fault} at the end"))
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

/// A box of a tensor of the given problem, and the box of the plan's problem that stands for it.
struct Operand {
    sought: Access,
    found: Access,
}

impl Operand {
    fn whole(problem: &Problem, id: TensorId) -> Self {
        Operand { sought: problem.whole(id), found: problem.whole(id) }
    }

    /// `found` for the channels of `sought` from `channel` on.
    fn of_channels(sought: &Access, found: &Access, channel: usize) -> Self {
        let mut operand = Operand { sought: sought.clone(), found: found.clone() };
        if sought.dims != found.dims {
            operand.sought.start[CHANNELS] += channel;
            operand.sought.dims[CHANNELS] = found.dims[CHANNELS];
        }
        operand
    }

    fn of_rows(&self, (begin, end): (usize, usize)) -> Self {
        Operand { sought: self.sought.of_rows(begin, end), found: self.found.of_rows(begin, end) }
    }
}

struct Replay<'a> {
    problem: &'a Problem,
    plan: &'a Plan,
    tags: Tags,
    /// For every step of the plan's problem the step as it was given.
    given: BTreeMap<usize, &'a PlanStep>,
    /// Bytes of the smallest element: memory is tagged in units of it, and a larger element must be found whole.
    unit: usize,
    arena: Vec<u32>,
    /// The outputs that lie with the caller.
    outputs: BTreeMap<TensorId, Vec<u32>>,
}

impl<'a> Replay<'a> {
    fn new(problem: &'a Problem, plan: &'a Plan) -> Self {
        let outside = |id: &TensorId| matches!(problem.tensors[*id].role, Role::Output(_)) && !problem.in_arena(*id);
        let outputs = (0..problem.tensors.len()).filter(outside);
        let unit = problem.tensors.iter().map(|tensor| tensor.dtype.bytes()).min().unwrap_or(1);
        Replay {
            problem,
            plan,
            tags: Tags::new(problem),
            given: problem.steps.iter().map(|step| (step.work, step)).collect(),
            unit,
            arena: vec![EMPTY; plan.cost.arena / unit],
            outputs: outputs.map(|id| (id, vec![EMPTY; problem.tensors[id].bytes() / unit])).collect(),
        }
    }

    /// A step of the plan, all of it or one row.
    fn step(&mut self, step: usize, row: Option<usize>) -> Result<(), String> {
        let planned = &self.plan.problem.steps[step];
        let given = *self.given.get(&planned.work).ok_or("a step is none of the problem's")?;
        let part = part(given, planned);
        let given = part.as_ref().unwrap_or(given);
        let mut reads = Vec::new();
        for (index, found) in planned.reads.iter().enumerate() {
            // The two places of a split operand, or the later operands of one that was split before.
            let (sought, channel) = match planned.split {
                true => (&given.reads[0], if index == 0 { 0 } else { planned.reads[0].dims[CHANNELS] }),
                false => (&given.reads[index], given.reads[index].dims.get(CHANNELS).map_or(0, |all| all - found.dims[CHANNELS])),
            };
            let operand = Operand::of_channels(sought, found, channel);
            reads.push(match (row, planned.rows) {
                (Some(row), Some(rows)) if index == 0 || planned.split => operand.of_rows(rows.window(row, found.dims[ROWS])),
                (Some(row), _) => operand.of_rows((row, row + 1)),
                (None, _) => operand,
            });
        }
        let channel = given.write.dims.get(CHANNELS).map_or(0, |all| all - planned.write.dims[CHANNELS]);
        let write = Operand::of_channels(&given.write, &planned.write, channel);
        let write = match row {
            Some(row) => write.of_rows((row, row + 1)),
            None => write,
        };
        if reads.iter().chain([&write]).any(|operand| operand.sought.dims != operand.found.dims) {
            return Err("a step reads or writes more or less than it should".to_owned());
        }
        reads.iter().try_for_each(|read| self.check(read))?;
        self.write(&write)?;
        if planned.in_place && self.places(&reads[0]).map(|(_, at)| at).eq(self.places(&write).map(|(_, at)| at)) {
            return Ok(());
        }
        // What the step writes first must not be what it reads last.
        reads.iter().try_for_each(|read| self.check(read)).map_err(|fault| format!("{fault} while a step still reads it"))
    }

    /// Whether the box holds what it should.
    fn check(&self, operand: &Operand) -> Result<(), String> {
        let tensor = operand.sought.tensor;
        let root = self.plan.layouts[operand.found.tensor].root;
        let units = self.units(root);
        let holds = |at: usize| match self.outputs.get(&root) {
            Some(output) => output.get(at).copied(),
            None if self.problem.in_arena(root) => self.arena.get(at).copied(),
            None => self.outside(root, at / units),
        };
        for (element, at) in self.places(operand) {
            let sought = Some(self.tags.of(tensor, element));
            if let Some(found) = (at..at + units).map(holds).find(|found| *found != sought) {
                let name = &self.problem.tensors[tensor].name;
                return Err(format!("element {element} of `{name}` is sought at byte {}, which {}", at * self.unit, self.holds(found)));
            }
        }
        Ok(())
    }

    fn write(&mut self, operand: &Operand) -> Result<(), String> {
        let tensor = operand.sought.tensor;
        let name = &self.problem.tensors[tensor].name;
        let root = self.plan.layouts[operand.found.tensor].root;
        let places: Vec<_> = self.places(operand).collect();
        let (unit, units) = (self.unit, self.units(root));
        let memory = match self.outputs.get_mut(&root) {
            Some(output) => output,
            None if self.problem.in_arena(root) => &mut self.arena,
            None => return Err(format!("`{name}` is written where nothing may be")),
        };
        for (element, at) in places {
            let tag = self.tags.of(tensor, element);
            let place = memory.get_mut(at..at + units);
            place.ok_or_else(|| format!("`{name}` is written at byte {}, beyond the memory", at * unit))?.fill(tag);
        }
        Ok(())
    }

    /// Units of memory that an element of `root`'s buffer takes.
    fn units(&self, root: TensorId) -> usize {
        self.problem.tensors[root].dtype.bytes() / self.unit
    }

    /// Every element of the box: its row-major position in the tensor, and the first unit of memory where the plan has it.
    fn places(&self, Operand { sought, found }: &Operand) -> impl Iterator<Item = (usize, usize)> {
        let layout = &self.plan.layouts[found.tensor];
        let (base, units) = (self.plan.base(layout.root) / self.unit, self.units(layout.root));
        let ring = self.plan.ring(layout.root);
        // Of a ring row by row, each in its slot; else all at once.
        let rows = if ring.is_some() { found.dims[ROWS] } else { 1 };
        let mut places = Vec::new();
        for row in 0..rows {
            let part = |access: &Access| if ring.is_some() { access.of_rows(row, row + 1) } else { access.clone() };
            let (sought, mut found) = (part(sought), part(found));
            if let Some(ring) = ring {
                found.start[ROWS] %= ring;
            }
            let elements = row_major(self.problem, &sought);
            let at = walk(&found.dims, &layout.strides, layout.origin(&found)).map(|at| base + at * units);
            places.extend(walk(&sought.dims, &elements.strides, elements.origin).zip(at));
        }
        places.into_iter()
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

/// Of the given step the rows that the planned one writes, where these are not all.
fn part(given: &PlanStep, planned: &PlanStep) -> Option<PlanStep> {
    let (rows, all, own) = (given.rows?, &given.write, &planned.write);
    let begin = own.start[ROWS].checked_sub(all.start[ROWS])?;
    let end = begin + own.dims[ROWS];
    let is_part = own.dims[ROWS] < all.dims[ROWS] && end <= all.dims[ROWS];
    let mut part = is_part.then(|| given.of_rows(begin, end))?;
    if let Some(read) = given.reads.first() {
        let [first, last] = [begin, end - 1].map(|row| rows.window(row, read.dims[ROWS]));
        part.reads[0] = read.of_rows(first.0, last.1);
    }
    Some(part)
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
    use crate::ir::{DType, Shape};
    use crate::plan::problem::PlanTensor;
    use crate::plan::{Budget, Cost, plan};

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
            problem.tensors.push(PlanTensor { name: format!("t{id}"), shape: Shape(vec![rows, 8]), dtype: DType::F32, role });
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
                    problem.steps.push(PlanStep::moving(problem.steps.len(), read, write, Relation::Same));
                }
            } else {
                let reads = vec![problem.whole(a), problem.whole(b)];
                problem.steps.push(PlanStep::computing(problem.steps.len(), reads, problem.whole(y)));
            }
            live.push(y);
        }
        let last = live[live.len() - 1];
        let rows = problem.tensors[last].shape[0];
        let y = tensor(&mut problem, rows, Role::Output(0));
        let (read, write) = (problem.whole(last), problem.whole(y));
        problem.steps.push(PlanStep::moving(problem.steps.len(), read, write, Relation::Same));
        problem
    }

    #[test]
    fn random_problems_are_planned_without_a_fault() {
        let mut random = Random(3);
        for _ in 0..500 {
            let problem = toy(&mut random);
            let plan = plan(&problem, Budget::Least).unwrap();
            assert_eq!(replay(&problem, &plan), Ok(()), "{problem:?}");
            assert!(plan.cost.arena >= plan.bound);
        }
    }

    /// The buffers that one step fills; a host is filled by several, and may be free in part.
    fn filled_at_once(plan: &Plan, index: usize) -> bool {
        let root = |step: &usize| plan.layouts[plan.problem.steps[*step].write.tensor].root;
        plan.order.iter().filter(|step| root(step) == plan.buffers[index].root).count() == 1
    }

    #[test]
    fn a_buffer_put_over_one_that_is_still_to_be_read_is_a_fault() {
        let mut random = Random(5);
        let mut mutations = 0;
        for _ in 0..300 {
            let problem = toy(&mut random);
            let planned = plan(&problem, Budget::Least).unwrap();
            let whole: Vec<_> = (0..planned.buffers.len()).filter(|&index| filled_at_once(&planned, index)).collect();
            for (&a, &b) in whole.iter().flat_map(|a| whole.iter().map(move |b| (a, b))) {
                let (old, new) = (&planned.buffers[a], &planned.buffers[b]);
                if old.first >= new.first || new.first > old.last {
                    continue;
                }
                let mut wrong = planned.clone();
                wrong.offsets[b] = wrong.offsets[a];
                wrong.cost.arena = planned.cost.arena + new.size;
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
            problem.tensors.push(PlanTensor { name: name.to_owned(), shape: Shape(vec![rows, 8]), dtype: DType::F32, role });
        }
        let [x, a, b, v, host, y] = [0, 1, 2, 3, 4, 5].map(|id| problem.whole(id));
        let part = |start: usize| Access { start: vec![start, 0], dims: vec![4, 8], ..host.clone() };
        let (first, second) = (part(0), part(4));
        let mut step = |reads: Vec<Access>, write: Access, moves: bool| {
            problem
                .steps
                .push(PlanStep { relation: moves.then_some(Relation::Same), ..PlanStep::computing(problem.steps.len(), reads, write) });
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
        let planned = plan(&problem, Budget::Least).unwrap();
        assert_eq!((replay(&problem, &planned), planned.order.len()), (Ok(()), 3));
        let mut wrong = planned.clone();
        wrong.layouts[3] = planned.layouts[2].clone();
        assert!(replay(&problem, &wrong).unwrap_err().contains("holds element 0 of `b`"));
    }

    #[test]
    fn an_arena_that_is_too_small_and_a_step_too_early_are_faults() {
        let problem = toy(&mut Random(9));
        let planned = plan(&problem, Budget::Least).unwrap();
        let mut early = planned.clone();
        early.order.reverse();
        assert!(replay(&problem, &early).is_err());
        assert!(replay(&problem, &Plan { cost: Cost { arena: 0, ..planned.cost }, ..planned }).is_err());
    }
}
