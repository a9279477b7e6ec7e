//! The checker: replays a plan with every element of memory tagged by the element of the tensor that it holds.
//!
//! Moves make no new elements, so a tensor that lives in another is checked element by element through every view; of a streamed group
//! every call is replayed, so that a slot of a ring must hold the row that is sought. What is sought comes from the problem as it was
//! given, where it is sought from the plan. A fault is a read of anything but the element that the problem asks for; a step that overwrites
//! what it reads, or its scratch; an access beyond the memory or a buffer; an output that is not complete at the end.

use std::collections::BTreeMap;

use super::Plan;
use super::problem::{Access, CHANNELS, PlanStep, Problem, ROWS, Role, TensorId};
use super::runs::{Operand, Run, Runs};

/// Holds nothing yet.
const EMPTY: u32 = u32::MAX;

/// Elements that the steps of a plan may read and write for a compilation to replay it: about a second's work.
const MOST_WORK: usize = 1 << 30;

/// Bytes of the largest arena of which a plan is replayed: the tags of its elements take 4 GiB.
const MOST_ARENA: usize = 1 << 30;

/// Bytes of the largest arena of which a plan is replayed unasked: a compilation that takes some GiB for a small file serves nobody.
const SOON_ARENA: usize = 1 << 26;

/// Whether there can be memory enough to replay the plan.
pub(crate) fn is_replayable(plan: &Plan) -> bool {
    plan.cost.arena <= MOST_ARENA
}

/// Whether replaying the plan takes no longer, and no more memory, than a compilation should. pelee-304 takes a twenty-fifth of the time.
pub(crate) fn is_soon_replayed(plan: &Plan) -> bool {
    if plan.cost.arena > SOON_ARENA {
        return false;
    }
    let elements = |access: &Access| access.dims.iter().fold(1usize, |all, &dim| all.saturating_mul(dim));
    let touched = plan.problem.steps.iter().map(|step| {
        let again = step.rows.map_or(1, |rows| rows.reach.max(1));
        let read = step.reads.iter().map(|read| elements(read).saturating_mul(again)).fold(0, usize::saturating_add);
        read.saturating_add(elements(&step.write))
    });
    let tensors = plan.problem.tensors.iter().map(|tensor| tensor.shape.elements()).fold(0, usize::saturating_add);
    touched.fold(tensors, usize::saturating_add) <= MOST_WORK
}

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

struct Replay<'a> {
    problem: &'a Problem,
    plan: &'a Plan,
    runs: Runs<'a>,
    /// For every step of the plan's problem the step as it was given.
    given: BTreeMap<usize, &'a PlanStep>,
    arena: Vec<u32>,
    /// The outputs that lie with the caller.
    outputs: BTreeMap<TensorId, Vec<u32>>,
}

impl<'a> Replay<'a> {
    fn new(problem: &'a Problem, plan: &'a Plan) -> Self {
        let outside = |id: &TensorId| matches!(problem.tensors[*id].role, Role::Output(_)) && !problem.in_arena(*id);
        let outputs = (0..problem.tensors.len()).filter(outside);
        let runs = Runs::new(problem, plan);
        let unit = runs.unit;
        Replay {
            problem,
            plan,
            runs,
            given: problem.steps.iter().map(|step| (step.work, step)).collect(),
            arena: vec![EMPTY; plan.cost.arena / unit],
            outputs: outputs.map(|id| (id, vec![EMPTY; problem.tensors[id].bytes() / unit])).collect(),
        }
    }

    /// A step of the plan, all of it or one row.
    fn step(&mut self, step: usize, row: Option<usize>) -> Result<(), String> {
        let planned = &self.plan.problem.steps[step];
        if row.is_some_and(|row| row >= planned.write.dims[ROWS]) {
            return Err("a step writes more or less rows than it has".to_owned());
        }
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
            reads.push(match row {
                Some(row) => operand.of_rows(planned.rows_of(index, row)),
                None => operand,
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
        let scratch = planned.scratch.map(|scratch| Operand::whole(self.problem, scratch));
        scratch.iter().try_for_each(|scratch| self.write(scratch))?;
        self.write(&write)?;
        let while_read = |fault| format!("{fault} while a step still reads it");
        scratch.iter().try_for_each(|scratch| self.check(scratch)).map_err(while_read)?;
        if planned.in_place && self.runs.of(&reads[0]).iter().map(|run| run.at).eq(self.runs.of(&write).iter().map(|run| run.at)) {
            return Ok(());
        }
        // What the step writes first must not be what it reads last.
        let near = |read: &&Operand| scratch.iter().chain([&write]).any(|written| self.meet(read, written));
        reads.iter().filter(near).try_for_each(|read| self.check(read)).map_err(while_read)
    }

    /// Whether two boxes may share memory, by the first and the last unit of each.
    fn meet(&self, a: &Operand, b: &Operand) -> bool {
        let span = |operand: &Operand| {
            let (root, runs) = (self.plan.layouts[operand.found.tensor].root, self.runs.of(operand));
            let end = runs.iter().map(|run| run.at + run.elements * self.runs.units(root)).max();
            (self.outputs.contains_key(&root).then_some(root), runs.iter().map(|run| run.at).min(), end)
        };
        let ((memory, begin, end), (other, from, to)) = (span(a), span(b));
        memory == other && begin < to && from < end
    }

    /// Whether the box holds what it should.
    fn check(&self, operand: &Operand) -> Result<(), String> {
        let tensor = operand.sought.tensor;
        let root = self.plan.layouts[operand.found.tensor].root;
        for run in self.runs.of(operand) {
            let Some(fault) = (match self.memory(root) {
                Some(memory) => self.mismatch(tensor, root, &run, memory),
                None => self.unlike(tensor, root, &run),
            }) else {
                continue;
            };
            let (element, name) = (self.runs.tags.position(self.problem, tensor, run.from + fault.0), &self.problem.tensors[tensor].name);
            let byte = (run.at + fault.0 * self.runs.units(root)) * self.runs.unit;
            return Err(format!("element {element} of `{name}` is sought at byte {byte}, which {}", self.holds(fault.1)));
        }
        Ok(())
    }

    /// The tags of the memory in which `root` lies, if any step may write it.
    fn memory(&self, root: TensorId) -> Option<&[u32]> {
        self.outputs.get(&root).map(Vec::as_slice).or(self.problem.in_arena(root).then_some(&self.arena[..]))
    }

    /// The first element of the run that memory does not hold, and what is there.
    fn mismatch(&self, tensor: TensorId, root: TensorId, run: &Run, memory: &[u32]) -> Option<(usize, Option<u32>)> {
        let (units, (first, tags)) = (self.runs.units(root), self.runs.tags.run(tensor, run.from));
        let held = memory.get(run.at..run.at + run.elements * units).unwrap_or_default();
        let matches = match tags {
            _ if held.is_empty() => false,
            Some(tags) if units == 1 => held == &tags[..run.elements],
            None if units == 1 => held.iter().zip(first..).all(|(&held, tag)| held == tag),
            _ => (0..run.elements).all(|index| held[index * units..][..units].iter().all(|&held| held == tag(first, tags, index))),
        };
        let held = |index: usize| (0..units).map(move |unit| memory.get(run.at + index * units + unit).copied());
        let wrong = |index: usize| Some((index, held(index).find(|&held| held != Some(tag(first, tags, index)))?));
        if matches { None } else { (0..run.elements).find_map(wrong) }
    }

    /// The first element of the run that an input or a constant does not have there, and what it has.
    fn unlike(&self, tensor: TensorId, root: TensorId, run: &Run) -> Option<(usize, Option<u32>)> {
        let (units, (first, tags)) = (self.runs.units(root), self.runs.tags.run(tensor, run.from));
        let has = |at: usize| (at < self.problem.tensors[root].shape.elements()).then(|| self.runs.tags.run(root, at).0);
        (0..run.elements).map(|index| (index, has(run.at / units + index))).find(|&(index, has)| has != Some(tag(first, tags, index)))
    }

    fn write(&mut self, operand: &Operand) -> Result<(), String> {
        let tensor = operand.sought.tensor;
        let name = &self.problem.tensors[tensor].name;
        let root = self.plan.layouts[operand.found.tensor].root;
        let (runs, unit, units, limit) = (self.runs.of(operand), self.runs.unit, self.runs.units(root), self.runs.limit(root));
        let memory = match self.outputs.get_mut(&root) {
            Some(output) => output,
            None if self.problem.in_arena(root) => &mut self.arena,
            None => return Err(format!("`{name}` is written where nothing may be")),
        };
        for run in runs {
            let (first, tags) = self.runs.tags.run(tensor, run.from);
            let end = run.at + run.elements * units;
            let place = memory.get_mut(run.at..end).filter(|_| end <= limit);
            let place = place.ok_or_else(|| format!("`{name}` is written at byte {}, beyond its memory", run.at * unit))?;
            match tags {
                Some(tags) if units == 1 => place.copy_from_slice(&tags[..run.elements]),
                None if units == 1 => place.iter_mut().zip(first..).for_each(|(place, tag)| *place = tag),
                _ => place.chunks_exact_mut(units).enumerate().for_each(|(index, place)| place.fill(tag(first, tags, index))),
            }
        }
        Ok(())
    }

    fn holds(&self, found: Option<u32>) -> String {
        match found {
            None => "does not exist".to_owned(),
            Some(EMPTY) => "holds nothing".to_owned(),
            Some(tag) => {
                let (owner, element) = self.runs.tags.owner(self.problem, tag);
                format!("holds element {element} of `{}`", self.problem.tensors[owner].name)
            }
        }
    }
}

/// The number of the element `index` behind the first of a run.
fn tag(first: u32, tags: Option<&[u32]>, index: usize) -> u32 {
    tags.map_or(first + index as u32, |tags| tags[index])
}

/// Of the given step the rows that the planned one writes, where these are not all.
fn part(given: &PlanStep, planned: &PlanStep) -> Option<PlanStep> {
    let (rows, all, own) = (given.rows?, &given.write, &planned.write);
    let begin = own.start[ROWS].checked_sub(all.start[ROWS])?;
    let end = begin + own.dims[ROWS];
    let is_part = own.dims[ROWS] < all.dims[ROWS] && end <= all.dims[ROWS];
    let mut part = is_part.then(|| given.of_rows(begin, end))?;
    if let Some(read) = given.reads.first() {
        let [first, last] = [begin, end - 1].map(|row| rows.read_for(row, read.dims[ROWS]));
        part.reads[0] = read.of_rows(first.0, last.1);
    }
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::problem::{PlanTensor, Relation};
    use crate::plan::{Budget, Cost, Schedule, plan, text};
    use crate::tensor::{DType, Shape};

    /// Random numbers, the same in every run.
    struct Random(u32);

    impl Random {
        fn below(&mut self, n: usize) -> usize {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (self.0 >> 8) as usize % n
        }
    }

    /// A move of some rows of `from` to a tensor of their own.
    fn slice(problem: &mut Problem, random: &mut Random, from: TensorId) -> TensorId {
        let rows = problem.tensors[from].shape[0];
        let start = random.below(rows);
        let dims = vec![1 + random.below(rows - start), 8];
        let id = problem.tensors.len();
        let tensor = PlanTensor { name: format!("t{id}"), shape: Shape(dims.clone()), dtype: DType::F32, role: Role::Intermediate };
        problem.tensors.push(tensor);
        let read = Access { start: vec![start, 0], dims, ..problem.whole(from) };
        problem.steps.push(PlanStep::moving(problem.steps.len(), read, problem.whole(id), Relation::Same));
        id
    }

    /// Steps that read one or two of the last few tensors, or with `parts` a part of one; now and then a concat of two, as moves into its
    /// slices.
    fn toy(random: &mut Random, parts: bool) -> Problem {
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
            if parts && random.below(4) == 0 {
                live.push(slice(&mut problem, random, a));
                continue;
            }
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
            let problem = toy(&mut random, true);
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
            let problem = toy(&mut random, false);
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

    /// A window of a map that doubles its rows, in one streamed group; the window needs scratch.
    const STREAMED: &str = "
        x: f32[1,1,16,16] input 0
        a: f32[1,1,16,16]
        b: f32[1,1,32,16]
        s: f32[40]
        c: f32[1,1,32,16]
        d: f32[4]
        y: f32[4] output 0
        a@1 <- x@1; rows y-1..+3; weights 36
        b@1 <- a@1; rows y/2..+1
        c@1 <- b@1; rows y-1..+3; weights 36; scratch s
        d <- c
        y <- d";

    /// A plan of least memory, without a fault.
    fn planned(text: &str) -> (Problem, Plan) {
        let problem = text::problem(text);
        let plan = plan(&problem, Budget::Least).unwrap();
        assert_eq!(replay(&problem, &plan), Ok(()), "{plan}");
        (problem, plan)
    }

    /// The fault of the plan with one change.
    fn fault((problem, plan): &(Problem, Plan), change: impl Fn(&mut Plan)) -> String {
        let mut wrong = plan.clone();
        change(&mut wrong);
        replay(problem, &wrong).unwrap_err()
    }

    #[test]
    fn a_map_that_doubles_its_rows_streams() {
        let (_, plan) = planned(STREAMED);
        assert_eq!((plan.groups[0].end, [1, 2].map(|root| plan.ring(root))), (3, [Some(1), Some(3)]), "{plan}");
        assert_eq!(plan.groups[0].schedule.as_ref().map(Schedule::to_string).unwrap(), "0 1 1 2 (0 1 2 1 2)x15 2");
        let later = STREAMED.replace("rows y/2..+1", "rows y/2-1..+3");
        assert_eq!([1, 2].map(|root| planned(&later).1.ring(root)), [Some(3), Some(3)]);
    }

    #[test]
    fn rings_of_one_row_less_and_repetitions_of_one_less_are_faults() {
        let toy = planned(STREAMED);
        let ring = fault(&toy, |plan| plan.buffers[1].ring = Some(2));
        assert!(ring.contains("which holds element"), "{ring}");
        fault(&toy, |plan| plan.groups[0].schedule.iter_mut().for_each(|schedule| schedule.times -= 1));
        fault(&toy, |plan| plan.groups[0].schedule.iter_mut().for_each(|schedule| schedule.times += 1));
    }

    #[test]
    fn scratch_overlaps_nothing_that_is_alive() {
        let toy = planned(STREAMED);
        let scratch = toy.1.buffers.iter().position(|buffer| buffer.root == 3).unwrap();
        assert_eq!((toy.1.buffers[scratch].size, toy.1.buffers[scratch].first, toy.1.buffers[scratch].last), (192, 0, 2));
        for other in (0..4).filter(|&other| other != scratch) {
            fault(&toy, |plan| plan.offsets[scratch] = plan.offsets[other]);
        }
    }

    #[test]
    fn a_buffer_that_is_too_short_is_a_fault() {
        let toy = planned(STREAMED);
        for index in 0..toy.1.buffers.len() {
            let short = fault(&toy, |plan| plan.buffers[index].size -= 64);
            assert!(short.contains("beyond its memory"), "{short}");
        }
    }

    #[test]
    fn parts_of_a_tensor_are_views_from_their_start_on() {
        let toy = planned(
            "x: f32[6,4] input 0
             a: f32[6,4]
             p: f32[2,4]
             q: f32[3,4]
             y: f32[2,4] output 0
             z: f32[12] output 1
             a <- x
             p <= a[1:3,:]
             q <= a[3:6,:]
             y <- p, q
             z <= q; reshape",
        );
        assert_eq!(toy.1.moves_elided, 2);
        let wrong = fault(&toy, |plan| plan.layouts[2].offset = 0);
        assert_eq!(wrong, "element 0 of `p` is sought at byte 0, which holds element 0 of `a`");
    }

    #[test]
    fn elements_of_several_sizes_are_found_whole() {
        let toy = planned("x: f32[4] input 0\na: i64[4]\nb: bool[4]\ny: f32[4] output 0\na <- x\nb <- a\ny <- a, b");
        let wrong = fault(&toy, |plan| plan.offsets[1] = plan.offsets[0] + 28);
        assert!(wrong.contains("element 3 of `a` is sought at byte") && wrong.contains("holds element 0 of `b`"), "{wrong}");
    }

    #[test]
    fn an_arena_that_is_too_small_and_a_step_too_early_are_faults() {
        let problem = toy(&mut Random(9), false);
        let planned = plan(&problem, Budget::Least).unwrap();
        let mut early = planned.clone();
        early.order.reverse();
        assert!(replay(&problem, &early).is_err());
        assert!(replay(&problem, &Plan { cost: Cost { arena: 0, ..planned.cost }, ..planned }).is_err());
    }
}
