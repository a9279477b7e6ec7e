//! A group of steps computed row by row: in which order the rows come, and how many rows of each buffer must be kept.
//!
//! Rows of a step are always computed in order, each once. A step is asked for a row, asks for the rows that this one needs, deepest first,
//! and then computes it. So a buffer that only the group touches needs no more rows than lie between the first that is still to be read and
//! the last that is written: a ring.

use super::layout::Layout;
use super::problem::{Access, Problem, ROWS, Role, TensorId};
use super::rowwise::Rowwise;

/// A group in rows.
#[derive(Clone, Debug)]
pub(super) struct Streamed {
    /// The steps, by their place in the group, once a row.
    pub(super) calls: Vec<u8>,
    /// What happens to each buffer that the group touches, by its root.
    traffic: Vec<Traffic>,
    /// Bytes of weights that are read.
    pub(super) reads: u64,
}

/// What a group does to one buffer.
#[derive(Clone, Debug)]
struct Traffic {
    root: TensorId,
    /// When each row is first written and last touched, in calls.
    rows: Vec<Touched>,
    /// The most rows that a call reads.
    reach: usize,
}

/// The calls that first write and last touch a row; [`NEVER`] where there is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Touched {
    pub(super) written: usize,
    pub(super) last: usize,
}

pub(super) const NEVER: usize = usize::MAX;

impl Streamed {
    /// What happens to each row of `root`'s buffer.
    pub(super) fn rows(&self, root: TensorId) -> &[Touched] {
        self.traffic.binary_search_by_key(&root, |traffic| traffic.root).map_or(&[], |found| &self.traffic[found].rows)
    }

    /// The least number of rows of `root` that a ring must hold: before a slot is written anew, the row that it holds must be done with.
    /// Kernels want room for all rows that they read at a time, even where padding takes a part of them, and for a row, even where none is
    /// asked for.
    pub(super) fn ring(&self, root: TensorId) -> usize {
        let reach = self.traffic.iter().find(|traffic| traffic.root == root).map_or(1, |traffic| traffic.reach.max(1));
        let touched = self.rows(root).iter().take_while(|row| row.written != NEVER);
        // Rows are written in order.
        let written: Vec<usize> = touched.clone().map(|row| row.written).collect();
        let needed = touched.enumerate().map(|(index, row)| written.partition_point(|&written| written <= row.last) - index);
        needed.max().unwrap_or(0).max(reach)
    }

    /// The first and the last of the group's `steps` steps that are called while a row of `root` is kept.
    pub(super) fn steps_meanwhile(&self, root: TensorId, steps: usize) -> (usize, usize) {
        let (mut first, mut last, mut seen) = (usize::MAX, 0, 0);
        // Rows are written in order.
        for row in self.rows(root).iter().filter(|row| row.written != NEVER) {
            for &call in self.calls.get(row.written.max(seen)..=row.last).unwrap_or_default() {
                (first, last) = (first.min(call.into()), last.max(call.into()));
            }
            seen = seen.max(row.last + 1);
            if (first, last + 1) == (0, steps) {
                break;
            }
        }
        (first.min(last), last)
    }

    /// Of a single step: `rows` rows at a time.
    pub(super) fn coarser(&self, rows: usize) -> Streamed {
        let part = |call: usize| if call == NEVER { NEVER } else { call / rows };
        let touched = |row: &Touched| Touched { written: part(row.written), last: part(row.last) };
        let traffic = self.traffic.iter().map(|traffic| Traffic { rows: traffic.rows.iter().map(touched).collect(), ..*traffic });
        Streamed { traffic: traffic.collect(), calls: self.calls.clone(), ..*self }
    }
}

/// The steps from `begin` to before `end` row by row; none where one cannot be.
pub(super) fn stream(rowwise: &Rowwise<'_>, begin: usize, end: usize) -> Option<Streamed> {
    if !(begin..end).all(|at| rowwise.has_rows(at, begin)) {
        return None;
    }
    let mut pull = Pull { rowwise, begin, done: vec![0; end - begin], calls: Vec::new() };
    let asked = (begin..end).filter(|&at| {
        // What a later group reads, or the caller, be it ever so little that the group itself does.
        let root = rowwise.layouts[rowwise.step(at).write.tensor].root;
        let is_result = matches!(rowwise.problem.tensors[root].role, Role::Output(_));
        is_result || rowwise.last_reader[at].is_none_or(|reader| reader >= end)
    });
    let mut turns: Vec<(i64, usize, usize)> =
        asked.flat_map(|at| (0..rowwise.height(at)).map(move |row| (rowwise.readiness[at].of(row), at, row))).collect();
    turns.sort_unstable();
    for (_, at, row) in turns {
        pull.pull(at, row);
    }
    Some(traffic(rowwise, begin, end, pull.calls))
}

/// What the calls of the steps from `begin` to before `end` touch.
fn traffic(rowwise: &Rowwise<'_>, begin: usize, end: usize, calls: Vec<u8>) -> Streamed {
    let root = |access: &Access| rowwise.layouts[access.tensor].root;
    let mut roots: Vec<TensorId> = (begin..end).flat_map(|at| rowwise.step(at).accesses().map(root)).collect();
    roots.sort_unstable();
    roots.dedup();
    let index = |access: &Access| roots.binary_search(&root(access)).unwrap_or(0);
    // Where each step's operands are, its result last.
    let places: Vec<Vec<usize>> = (begin..end).map(|at| rowwise.step(at).accesses().map(index).collect()).collect();
    let mut traffic: Vec<Traffic> = roots.iter().map(|&root| Traffic { root, rows: Vec::new(), reach: 1 }).collect();
    let mut rows = vec![0; end - begin];
    let mut reads = 0;
    for (time, call) in calls.iter().map(|&call| usize::from(call)).enumerate() {
        let (step, row) = (rowwise.step(begin + call), rows[call]);
        rows[call] += 1;
        reads += step.weights as u64;
        for (operand, &place) in places[call].iter().enumerate() {
            traffic[place].reach = traffic[place].reach.max(step.reach(operand));
            match operand < step.reads.len() {
                true => traffic[place].touch(step.rows_of(operand, row), time, false),
                false => traffic[place].touch((row, row + 1), time, true),
            }
        }
    }
    Streamed { calls, traffic, reads }
}

impl Traffic {
    /// Notes that the rows are touched at `time`.
    fn touch(&mut self, (from, to): (usize, usize), time: usize, writes: bool) {
        self.rows.resize(self.rows.len().max(to), Touched { written: NEVER, last: 0 });
        for row in &mut self.rows[from..to] {
            row.last = time;
            if writes {
                row.written = row.written.min(time);
            }
        }
    }
}

struct Pull<'a> {
    rowwise: &'a Rowwise<'a>,
    begin: usize,
    /// Rows of each step of the group that are computed.
    done: Vec<usize>,
    calls: Vec<u8>,
}

impl Pull<'_> {
    /// Computes the step at `at` up to row `row`, and before each row what it needs. As deep as a group has steps.
    fn pull(&mut self, at: usize, row: usize) {
        let (rowwise, begin) = (self.rowwise, self.begin);
        while self.done[at - begin] <= row {
            let next = self.done[at - begin];
            for &(producer, operand) in rowwise.producers[at].iter().take_while(|(producer, _)| *producer >= begin) {
                let (from, to) = rowwise.step(at).rows_of(operand, next);
                if to > from && self.done[producer - begin] < to {
                    self.pull(producer, to - 1);
                }
            }
            self.calls.push((at - begin) as u8);
            self.done[at - begin] += 1;
        }
    }
}

/// Whether the buffer of `root` can be a ring: all that lives in it are maps of as many rows, each within the pitch of a row.
pub(super) fn ring_pitch(problem: &Problem, layouts: &[Layout], root: TensorId, members: &[TensorId]) -> Option<usize> {
    let (tensor, layout) = (&problem.tensors[root], &layouts[root]);
    let free = matches!(tensor.role, Role::Intermediate | Role::Rows(_));
    if !free || tensor.shape.rank() != 4 || tensor.shape[0] != 1 {
        return None;
    }
    let pitch = layout.strides[ROWS];
    let fits = |&member: &TensorId| {
        let shape = &problem.tensors[member].shape;
        let row = shape.rank() == 4 && shape[0] == 1 && shape[ROWS] == tensor.shape[ROWS] && layouts[member].strides[ROWS] == pitch;
        row && layouts[member].span(&problem.whole(member).of_rows(0, 1)).1 <= pitch
    };
    // Scratch is no map.
    (!members.is_empty() && members.iter().all(fits)).then_some(pitch)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::host::host;
    use super::super::split::{Split, split};
    use super::super::tags::walk;
    use super::super::text::problem;
    use super::*;

    /// The calls of all steps, and the rows of each ring.
    fn streamed(text: &str, names: &[&str]) -> (Vec<u8>, Vec<usize>) {
        let problem = problem(text);
        let (hosting, order) = (host(&problem), (0..problem.steps.len()).collect::<Vec<_>>());
        let streamed = stream(&Rowwise::new(&problem, &hosting.layouts, &order), 0, order.len()).unwrap();
        let id = |name: &&str| problem.tensors.iter().position(|tensor| tensor.name == **name).unwrap();
        let rings = names.iter().map(|name| streamed.ring(id(name))).collect();
        (streamed.calls, rings)
    }

    #[test]
    fn a_window_keeps_its_rows() {
        let text = "
            x: f32[1,1,5,4] input 0
            a: f32[1,1,5,4]
            y: f32[1,1,5,4]
            a@1 <- x@1; rows y-1..+3
            y@1 <- a@1; rows y-1..+3";
        assert_eq!(streamed(text, &["a"]), (vec![0, 0, 1, 0, 1, 0, 1, 0, 1, 1], vec![3]));
    }

    #[test]
    fn steps_that_are_called_while_a_row_is_kept() {
        let text = "
            x: f32[1,1,6,4] input 0
            a: f32[1,1,6,4]
            b: f32[1,1,6,4]
            c: f32[1,1,3,4]
            y: f32[1,1,3,4]
            a@1 <- x@1; rows y..+1
            b@1 <- a@1; rows y..+1
            c@1 <- b@1; rows 2y..+2
            y@1 <- c@1; rows y..+1";
        let meanwhile = |text: &str| {
            let problem = problem(text);
            let (hosting, order) = (host(&problem), (0..4).collect::<Vec<_>>());
            let streamed = stream(&Rowwise::new(&problem, &hosting.layouts, &order), 0, 4).unwrap();
            [1, 2, 3].map(|root| streamed.steps_meanwhile(root, 4))
        };
        assert_eq!(meanwhile(text), [(0, 1), (0, 2), (2, 3)], "two rows of `b` are read at once, and none is kept");
        let window = text.replace("rows 2y..+2", "rows 2y-1..+3");
        assert_eq!(meanwhile(&window), [(0, 1), (0, 3), (2, 3)], "a row of `b` is kept for the next window");
        assert_eq!(meanwhile(&window.replace("y@1 <- c@1", "y@1 <- c@1, c@1, a@1"))[0], (0, 3), "and of `a` for the result");
    }

    #[test]
    fn what_is_read_late_is_kept_as_long() {
        let text = "
            x: f32[1,1,6,4] input 0
            a: f32[1,1,6,4]
            b: f32[1,1,6,4]
            c: f32[1,1,6,4]
            y: f32[1,1,6,4]
            a@1 <- x@1; rows y..+1
            b@1 <- a@1; rows y-1..+3
            c@1 <- b@1; rows y-1..+3
            y@1 <- c@1, a@1; rows y..+1";
        let (calls, rings) = streamed(text, &["a", "b", "c"]);
        assert_eq!((&calls[..10], rings), (&[0, 0, 1, 0, 1, 2, 3, 0, 1, 2][..], vec![3, 3, 1]));
    }

    #[test]
    fn a_map_that_doubles_its_rows_is_read_twice_each() {
        let text = "
            x: f32[1,1,3,4] input 0
            a: f32[1,1,3,4]
            b: f32[1,1,6,4]
            y: f32[1,1,6,4]
            a@1 <- x@1; rows y..+1
            b@1 <- a@1; rows y/2..+1
            y@1 <- b@1; rows y..+1";
        assert_eq!(streamed(text, &["a", "b"]), (vec![0, 1, 2, 1, 2, 0, 1, 2, 1, 2, 0, 1, 2, 1, 2], vec![1, 1]));
        let between = text.replace("rows y/2..+1", "rows y/2-1..+3");
        assert_eq!(streamed(&between, &["a", "b"]), (vec![0, 0, 1, 2, 1, 2, 0, 1, 2, 1, 2, 1, 2, 1, 2], vec![3, 1]));
    }

    #[test]
    fn rows_that_nothing_needs_are_not_computed() {
        let text = "
            x: f32[1,1,5,4] input 0
            a: f32[1,1,5,4]
            y: f32[1,1,2,4]
            a@1 <- x@1; rows y..+1
            y@1 <- a@1; rows 2y..+2";
        assert_eq!(streamed(text, &["a"]), (vec![0, 0, 1, 0, 0, 1], vec![2]));
    }

    #[test]
    fn a_step_without_rows_streams_with_none() {
        let problem = problem("x: f32[4] input 0\na: f32[4]\ny: f32[4]\na <- x\ny <- a");
        let hosting = host(&problem);
        assert!(stream(&Rowwise::new(&problem, &hosting.layouts, &[0, 1]), 0, 2).is_none());
    }

    /// For every step all earlier ones that write an element that it reads, the latest first, and the operand.
    fn all_producers(rowwise: &Rowwise<'_>) -> Vec<Vec<(usize, usize)>> {
        let elements = |access: &Access| -> BTreeSet<(TensorId, usize)> {
            let layout = &rowwise.layouts[access.tensor];
            walk(&access.dims, &layout.strides, layout.origin(access)).map(|at| (layout.root, at)).collect()
        };
        let steps = || (0..rowwise.order.len()).map(|at| rowwise.step(at));
        let written: Vec<_> = steps().map(|step| elements(&step.write)).collect();
        let all = steps().enumerate().map(|(at, step)| {
            let mut all = Vec::new();
            for (operand, read) in step.reads.iter().enumerate() {
                let read = elements(read);
                all.extend((0..at).filter(|&writer| !written[writer].is_disjoint(&read)).map(|writer| (writer, operand)));
            }
            all.sort_unstable_by(|a, b| b.cmp(a));
            all
        });
        all.collect()
    }

    /// A map that grows by two channels a layer, each of one window, of two, or of one and a sum.
    fn dense_block(mut random: impl FnMut(usize) -> usize) -> String {
        let (mut tensors, mut steps) = (String::new(), String::new());
        let mut tensor = |name: &str, channels: usize| tensors += &format!("{name}: f32[1,{channels},6,3]\n");
        tensor("u0", 2);
        steps += "u0@1 <- x@1; rows y..+1\n";
        for layer in 1..8 {
            let (list, grown, new) = (format!("u{}", layer - 1), format!("u{layer}"), format!("d{layer}"));
            let [mut first, mut second] = [(); 2].map(|()| ["y-1..+3", "y..+1", "y-3..+3", "y..+3", "y-2..+5"][random(5)]);
            if random(2) == 0 {
                (first, second) = ("y..+1", "y-1..+3");
            }
            match random(3) {
                0 => {
                    tensor(&new, 2);
                    steps += &format!("{new}@1 <- {list}@1; rows {first}; interleaves; splits\n");
                }
                kind => {
                    tensor(&format!("c{layer}"), 2);
                    tensor(&new, 2);
                    let sum = if kind == 1 || layer == 1 { String::new() } else { format!(", d{}@1", layer - 1) };
                    steps += &format!("c{layer}@1 <- {list}@1; rows {first}; splits\n{new}@1 <- c{layer}@1{sum}; rows {second}\n");
                }
            }
            tensor(&grown, 2 * layer + 2);
            let behind = format!("{}:{}", 2 * layer, 2 * layer + 2);
            steps += &format!("{grown}[:,0:{},:,:] <= {list}\n{grown}[:,{behind},:,:] <= {new}\n", 2 * layer);
        }
        format!("x: f32[1,2,6,3] input 0\n{tensors}y: f32[1,16,6,3]\n{steps}y@1 <- u7@1; rows y-1..+3; splits")
    }

    #[test]
    fn rows_come_as_if_all_that_makes_them_were_asked() {
        let (mut seed, mut left_out, mut streamed) = (1u32, 0, 0);
        for _ in 0..60 {
            let text = dense_block(|n| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 8) as usize % n
            });
            for which in [Split::Nothing, Split::Everything] {
                let problem = split(&problem(&text), which);
                let hosting = host(&problem);
                let order: Vec<usize> = (0..problem.steps.len()).filter(|&step| !hosting.elided[step]).collect();
                let some = Rowwise::new(&problem, &hosting.layouts, &order);
                let mut all = Rowwise::new(&problem, &hosting.layouts, &order);
                all.producers = all_producers(&all);
                let count = |rowwise: &Rowwise<'_>| rowwise.producers.iter().map(Vec::len).sum::<usize>();
                left_out += count(&all) - count(&some);
                for begin in 0..order.len() {
                    let calls = |rowwise| stream(rowwise, begin, order.len()).map(|group| group.calls);
                    assert_eq!(calls(&some), calls(&all), "from {begin} on\n{text}");
                    streamed += usize::from(begin + 4 < order.len() && calls(&all).is_some());
                }
            }
        }
        assert!(left_out > 100 && streamed > 100, "{left_out} producers left out, {streamed} groups streamed");
    }
}
