//! The textual form of a problem and of a plan: tests read and write it.
//!
//! A problem has a line a tensor and a line a step. A step that computes is written `<-`, a move `<=`; an access is a tensor's name, the
//! ranges of a part in brackets, the axis that a kernel wants adjacent behind `@`:
//! ```text
//! x: f32[1,2,8,4] input 0
//! a: f32[1,4,8,4]
//! y: f32[1,4,8,4] output 0
//! a@1 <- x@1; rows y-1..+3; weights 72
//! y <= a
//! ```

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter, Result};

use super::Plan;
use super::problem::{Access, PlanStep, PlanTensor, Problem, Relation, Role, Rows};
use crate::tensor::{DType, Shape};

impl Display for Problem {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if self.outputs_outside {
            writeln!(f, "outputs outside")?;
        }
        for tensor in &self.tensors {
            writeln!(f, "{}: {}{}{}", tensor.name, tensor.dtype, tensor.shape, role(tensor.role))?;
        }
        for (index, step) in self.steps.iter().enumerate() {
            writeln!(f, "{}", self.step(index, step))?;
        }
        Ok(())
    }
}

fn role(role: Role) -> String {
    match role {
        Role::Input(index) => format!(" input {index}"),
        Role::Rows(index) => format!(" rows {index}"),
        Role::Output(index) => format!(" output {index}"),
        Role::Constant(at) => format!(" constant {at}"),
        Role::Intermediate => String::new(),
    }
}

impl Problem {
    fn step(&self, index: usize, step: &PlanStep) -> String {
        let reads: Vec<String> = step.reads.iter().map(|read| self.access(read)).collect();
        let relation = match &step.relation {
            None | Some(Relation::Same) => String::new(),
            Some(Relation::Permute(perm)) => format!("; permute {}", list(perm)),
            Some(Relation::Reshape) => "; reshape".to_owned(),
        };
        let mut line =
            format!("{} {} {}{relation}", self.access(&step.write), if step.relation.is_some() { "<=" } else { "<-" }, reads.join(", "));
        let mut say = |holds: bool, text: String| {
            if holds {
                line += &format!("; {text}")
            }
        };
        say(step.rows.is_some(), step.rows.map(rows).unwrap_or_default());
        say(step.weights > 0, format!("weights {}", step.weights));
        let abilities = [(step.interleaves, "interleaves"), (step.splits, "splits"), (step.split, "split"), (step.in_place, "in place")];
        abilities.into_iter().for_each(|(holds, text)| say(holds, text.to_owned()));
        say(step.scratch.is_some(), format!("scratch {}", step.scratch.map_or("", |scratch| &self.tensors[scratch].name)));
        say(step.work != index, format!("work {}", step.work));
        line
    }

    fn access(&self, access: &Access) -> String {
        let tensor = &self.tensors[access.tensor];
        let ranges = access.start.iter().zip(&access.dims).map(|(start, dim)| format!("{start}:{}", start + dim));
        let part = if access.dims == tensor.shape.0 { String::new() } else { format!("[{}]", ranges.collect::<Vec<_>>().join(",")) };
        format!("{}{part}{}", tensor.name, access.channel.map_or(String::new(), |axis| format!("@{axis}")))
    }
}

fn list(numbers: &[usize]) -> String {
    numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(" ")
}

/// `rows 2y/3-1..+3`: three rows from `2 * y / 3 - 1` on.
fn rows(Rows { stride, divisor, pad, reach }: Rows) -> String {
    let factor = if stride == 1 { String::new() } else { stride.to_string() };
    let shift = if pad == 0 { String::new() } else { format!("-{pad}") };
    let part = if divisor == 1 { String::new() } else { format!("/{divisor}") };
    format!("rows {factor}y{part}{shift}..+{reach}")
}

/// The problem that the text says; lines may be indented.
pub(super) fn problem(text: &str) -> Problem {
    let mut problem = Problem::default();
    let mut ids = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line == "outputs outside" {
            problem.outputs_outside = true;
        } else if let Some((write, step)) = line.split_once(" <") {
            let step = parse_step(&problem, &ids, write, step);
            problem.steps.push(step);
        } else {
            let tensor = parse_tensor(line);
            ids.insert(tensor.name.clone(), problem.tensors.len());
            problem.tensors.push(tensor);
        }
    }
    problem
}

fn parse_tensor(line: &str) -> PlanTensor {
    let (name, ty) = line.split_once(": ").unwrap_or_else(|| panic!("no tensor: {line}"));
    let (ty, role) = ty.split_once(' ').unwrap_or((ty, ""));
    let (dtype, dims) = ty.trim_end_matches(']').split_once('[').unwrap();
    let role = match role.split_once(' ').map(|(role, index)| (role, index.parse().unwrap())) {
        None => Role::Intermediate,
        Some(("input", index)) => Role::Input(index),
        Some(("rows", index)) => Role::Rows(index),
        Some(("output", index)) => Role::Output(index),
        Some(("constant", at)) => Role::Constant(at),
        Some(_) => panic!("no role: {role}"),
    };
    PlanTensor {
        name: name.to_owned(),
        shape: Shape(dims.split(',').filter(|dim| !dim.is_empty()).map(|dim| dim.parse().unwrap()).collect()),
        dtype: DType::ALL.into_iter().find(|known| known.to_string() == dtype).unwrap(),
        role,
    }
}

fn parse_step(problem: &Problem, ids: &BTreeMap<String, usize>, write: &str, step: &str) -> PlanStep {
    let access = |text: &str| parse_access(problem, ids, text);
    let mut facts = step[1..].split(';').map(str::trim);
    let reads = facts.next().unwrap().split(", ").filter(|read| !read.is_empty()).map(access).collect();
    let mut result = PlanStep::computing(problem.steps.len(), reads, access(write));
    result.relation = step.starts_with('=').then_some(Relation::Same);
    for fact in facts {
        match fact.split_once(' ').unwrap_or((fact, "")) {
            ("permute", perm) => result.relation = Some(Relation::Permute(perm.split(' ').map(|axis| axis.parse().unwrap()).collect())),
            ("reshape", _) => result.relation = Some(Relation::Reshape),
            ("rows", rows) => result.rows = Some(parse_rows(rows)),
            ("weights", bytes) => result.weights = bytes.parse().unwrap(),
            ("interleaves", _) => result.interleaves = true,
            ("splits", _) => result.splits = true,
            ("split", _) => result.split = true,
            ("in", _) => result.in_place = true,
            ("scratch", name) => result.scratch = Some(ids[name]),
            ("work", number) => result.work = number.parse().unwrap(),
            _ => panic!("nothing is known of: {fact}"),
        }
    }
    result
}

fn parse_access(problem: &Problem, ids: &BTreeMap<String, usize>, text: &str) -> Access {
    let (text, channel) = text.split_once('@').map_or((text, None), |(text, axis)| (text, Some(axis.parse().unwrap())));
    let (name, part) = text.trim_end_matches(']').split_once('[').map_or((text, None), |(name, part)| (name, Some(part)));
    let mut access = Access { channel, ..problem.whole(*ids.get(name).unwrap_or_else(|| panic!("no tensor {name}"))) };
    for (axis, range) in part.into_iter().flat_map(|part| part.split(',')).enumerate() {
        if let Some((start, end)) = range.split_once(':').filter(|_| range != ":") {
            access.start[axis] = start.parse().unwrap();
            access.dims[axis] = end.parse::<usize>().unwrap() - access.start[axis];
        }
    }
    access
}

fn parse_rows(text: &str) -> Rows {
    let number = |text: &str, default| if text.is_empty() { default } else { text.parse().unwrap() };
    let (from, reach) = text.split_once("..+").unwrap();
    let (stride, rest) = from.split_once('y').unwrap();
    let (divisor, pad) = rest.split_once('-').unwrap_or((rest, ""));
    let divisor = number(divisor.trim_start_matches('/'), 1);
    Rows { stride: number(stride, 1), divisor, pad: number(pad, 0), reach: reach.parse().unwrap() }
}

impl Display for Plan {
    /// A line for the whole, one a group, one a buffer, and one for each tensor that lives in another's.
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(
            f,
            "arena {}, alive {} in group {}, weights {} of {}",
            self.cost.arena, self.bound, self.peak, self.cost.reads, self.one_pass
        )?;
        let name = |id: usize| &self.problem.tensors[id].name;
        for (index, group) in self.groups.iter().enumerate() {
            let writes = self.order[group.begin..group.end].iter().map(|&step| self.problem.access(&self.problem.steps[step].write));
            let writes = writes.collect::<Vec<_>>().join(", ");
            match &group.schedule {
                None => writeln!(f, "group {index}: {writes}")?,
                Some(schedule) => writeln!(f, "group {index}: {writes} by rows: {schedule}")?,
            }
        }
        for (life, at) in self.buffers.iter().zip(&self.offsets) {
            let ring = life.ring.map_or(String::new(), |rows| format!(", ring of {rows}"));
            writeln!(f, "{}: bytes {at}..{}, steps {}..{}{ring}", name(life.root), at + life.size, life.first, life.last)?;
        }
        for (id, layout) in self.layouts.iter().enumerate().filter(|(id, layout)| layout.root != *id) {
            writeln!(f, "{} in {}: {} + {}", name(id), name(layout.root), layout.offset, list(&layout.strides))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Budget, plan};
    use super::*;

    const TOY: &str = "outputs outside
x: f32[1,2,8,4] input 0
k: i64[] constant 16
a: f32[1,2,8,4]
b: f32[1,4,8,4]
s: bool[100]
t: f32[1,8,4,4]
y: f32[128] output 0
a@1 <- x@1, k; rows 2y/3-1..+3; weights 72; interleaves; splits; in place; scratch s
b[0:1,2:4,0:8,0:4] <= a
b[0:1,0:2,0:8,0:4] <= a[0:1,0:2,0:8,0:4]; work 7
t <= b; permute 0 2 3 1
y <= t; reshape
";

    #[test]
    fn what_is_written_is_read_again() {
        let text = TOY.replace("a[0:1,0:2,0:8,0:4]; work", "a; work");
        assert_eq!(problem(&text).to_string(), text);
        assert_eq!(problem(TOY).to_string(), text, "a part that is all is not written");
    }

    #[test]
    fn a_plan_in_lines() {
        let problem = problem(
            "x: f32[1,1,8,16] input 0
             a: f32[1,1,8,16]
             b: f32[1,1,8,16]
             y: f32[1,128] output 0
             a@1 <- x@1; rows y-1..+3; weights 36
             b@1 <- a@1; rows y-1..+3; weights 36
             y <= b; reshape",
        );
        let expected = "\
arena 704, alive 704 in group 0, weights 576 of 72
group 0: a@1, b@1 by rows: 0 (0 1)x7 1
a: bytes 512..704, steps 0..1, ring of 3
y: bytes 0..512, steps 0..1
b in y: 0 + 0 0 16 1
";
        assert_eq!(plan(&problem, Budget::Least).unwrap().to_string(), expected);
    }
}
