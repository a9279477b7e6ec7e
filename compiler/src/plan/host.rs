//! Which tensors live inside others: concat slices, transposes and reshapes that need no copy.
//!
//! A tensor is given its layout after its consumers: as a part of a consumer's buffer where the move between them can go,
//! else as a buffer of its own, of which later views may be parts in turn.

use std::vec::IntoIter;

use super::layout::{Layout, backward, common_dims, forward};
use super::problem::{Access, CHANNELS, PlanStep, Problem, Relation, Role, TensorId};

/// A layout for every tensor, and which moves have nothing left to do.
#[derive(Clone, Debug)]
pub(crate) struct Hosting {
    pub(crate) layouts: Vec<Layout>,
    pub(crate) elided: Vec<bool>,
}

/// Gives every tensor a layout. A tensor that nothing touches is a buffer of its own.
pub(crate) fn host(problem: &Problem) -> Hosting {
    let mut hosts = Hosts {
        problem,
        touching: problem.touching(),
        layouts: vec![None; problem.tensors.len()],
        elided: vec![false; problem.steps.len()],
        overwritten: vec![false; problem.tensors.len()],
        adopting: None,
    };
    for (id, tensor) in problem.tensors.iter().enumerate() {
        if tensor.role != Role::Intermediate {
            let innermost = matches!(tensor.role, Role::Rows(_)).then_some(CHANNELS);
            hosts.layouts[id] = Some(Layout::dense(id, &tensor.shape, innermost));
        }
    }
    for id in (0..problem.tensors.len()).rev() {
        match problem.tensors[id].role {
            Role::Intermediate => hosts.settle(id),
            Role::Input(_) | Role::Constant(_) | Role::Rows(_) => hosts.run(hosts.viewing(id)),
            Role::Output(_) => {}
        }
    }
    let layouts = hosts.layouts.into_iter().enumerate();
    let layouts = layouts.map(|(id, layout)| layout.unwrap_or_else(|| Layout::dense(id, &problem.tensors[id].shape, None)));
    Hosting { layouts: layouts.collect(), elided: hosts.elided }
}

struct Hosts<'a> {
    problem: &'a Problem,
    touching: Vec<Vec<usize>>,
    layouts: Vec<Option<Layout>>,
    elided: Vec<bool>,
    /// Roots in which a step writes over what it reads: what is made before that may only be read by it.
    overwritten: Vec<bool>,
    /// The move that has nothing to do if what is being tried works.
    adopting: Option<usize>,
}

/// What is still to be done about `id`, for those of the moves from it that are left.
enum Task {
    /// It needs a place; of the last move that was looked at the view has been given one, of which `id` may be a part.
    Found { id: TensorId, moves: IntoIter<usize>, tried: Option<usize> },
    /// It has a place, its views need theirs.
    Views { id: TensorId, moves: IntoIter<usize> },
}

impl Hosts<'_> {
    /// Finds a place for `id`, whose consumers have theirs or wait for this one.
    fn settle(&mut self, id: TensorId) {
        if self.layouts[id].is_some() || self.join_consumer(id) || self.waits_for_host(id) {
            return;
        }
        self.run(self.founding(id));
    }

    /// Makes `id` a part of a consumer's buffer.
    fn join_consumer(&mut self, id: TensorId) -> bool {
        for step in self.moves_from(id) {
            let PlanStep { write, .. } = &self.problem.steps[step];
            let Some(host) = self.layouts[write.tensor].clone() else { continue };
            if self.join(id, step, &host) {
                self.run(self.viewing(id));
                return true;
            }
        }
        self.join_result(id)
    }

    /// Lets the only step that reads `id` write its result over it, where the kernel can.
    fn join_result(&mut self, id: TensorId) -> bool {
        let mut readers = self.touching[id].iter().copied().filter(|&index| self.problem.steps[index].write.tensor != id);
        let (Some(step), None) = (readers.next(), readers.next()) else { return false };
        let PlanStep { reads, write, in_place, .. } = &self.problem.steps[step];
        let whole = [&reads[0], write].into_iter().all(|access| access.dims == self.problem.tensors[access.tensor].shape.0);
        let Some(host) = self.layouts[write.tensor].clone().filter(|_| *in_place && reads.len() == 1 && whole) else { return false };
        let root = host.root;
        let joined = self.adopt(id, None, host);
        self.overwritten[root] |= joined;
        joined
    }

    /// Makes `id`, which move `step` reads, a part of `host`, the layout of what the move writes.
    fn join(&mut self, id: TensorId, step: usize, host: &Layout) -> bool {
        let PlanStep { reads, write, relation, .. } = &self.problem.steps[step];
        // Who has only a part of `id` can't be where all of it is.
        let whole = reads[0].dims == self.problem.tensors[id].shape.0;
        let Some(relation) = relation.as_ref().filter(|_| whole) else { return false };
        let Some(strides) = backward(relation, &reads[0].dims, &write.dims, &host.strides) else { return false };
        self.adopt(id, Some(step), Layout { root: host.root, offset: host.origin(write), strides })
    }

    /// Whether `id` is a view of one tensor that has no place yet, or of what the caller or the weights have; it will get its own from
    /// there.
    fn waits_for_host(&self, id: TensorId) -> bool {
        let mut writers = self.writers(id);
        let (Some(step), None) = (writers.next(), writers.next()) else { return false };
        let PlanStep { reads, relation, .. } = &self.problem.steps[step];
        let given = |tensor: TensorId| !matches!(self.problem.tensors[tensor].role, Role::Intermediate | Role::Output(_));
        relation.is_some() && reads.first().is_some_and(|read| self.layouts[read.tensor].is_none() || given(read.tensor))
    }

    /// Gives `id` a place and its views theirs, and so on: one after the other, as chains of views may be long.
    fn run(&mut self, first: Task) {
        let mut tasks = vec![first];
        while let Some(task) = tasks.pop() {
            match task {
                Task::Found { id, moves, tried } => self.found(id, moves, tried, &mut tasks),
                Task::Views { id, moves } => self.place_views(id, moves, &mut tasks),
            }
        }
    }

    fn founding(&self, id: TensorId) -> Task {
        Task::Found { id, moves: self.moves_from(id).into_iter(), tried: None }
    }

    fn viewing(&self, id: TensorId) -> Task {
        Task::Views { id, moves: self.moves_from(id).into_iter() }
    }

    /// Gives `id` a buffer of its own: channels innermost if a kernel wants it, unless a view of `id` can only be had otherwise.
    fn found(&mut self, id: TensorId, mut moves: IntoIter<usize>, tried: Option<usize>, tasks: &mut Vec<Task>) {
        if let Some(step) = tried {
            let host = self.layouts[self.problem.steps[step].write.tensor].clone();
            if host.is_some_and(|host| self.join(id, step, &host)) {
                return tasks.push(self.viewing(id));
            }
        }
        let shape = &self.problem.tensors[id].shape;
        let layout = Layout::dense(id, shape, self.accesses(id).find_map(|(_, access)| access.channel));
        while let Some(step) = moves.next() {
            let PlanStep { reads, write, relation, .. } = &self.problem.steps[step];
            let (None, Some(relation)) = (&self.layouts[write.tensor], relation) else { continue };
            if forward(relation, &reads[0].dims, &write.dims, &layout.strides).is_none() {
                let waiting = self.founding(write.tensor);
                return tasks.extend([Task::Found { id, moves, tried: Some(step) }, waiting]);
            }
        }
        let row_major = Layout::dense(id, shape, None);
        self.layouts[id] = Some(if self.copies_nest(id, &layout) { layout } else { row_major });
        tasks.push(self.viewing(id));
    }

    /// Whether every reshape out of `id` can be copied by one strided copy.
    fn copies_nest(&self, id: TensorId, layout: &Layout) -> bool {
        self.moves_from(id).into_iter().all(|step| {
            let PlanStep { reads, write, relation, .. } = &self.problem.steps[step];
            !matches!(relation, Some(Relation::Reshape))
                || common_dims(&reads[0].dims, &write.dims).is_some()
                || forward(&Relation::Reshape, &reads[0].dims, &write.dims, &layout.strides).is_some()
        })
    }

    /// Makes the views of `id` that have no place yet parts of its buffer, and theirs in turn.
    fn place_views(&mut self, id: TensorId, mut moves: IntoIter<usize>, tasks: &mut Vec<Task>) {
        while let Some(step) = moves.next() {
            let PlanStep { reads, write, relation, .. } = &self.problem.steps[step];
            let (Some(layout), None, Some(relation)) = (&self.layouts[id], &self.layouts[write.tensor], relation) else { continue };
            let whole = write.dims == self.problem.tensors[write.tensor].shape.0;
            let strides = forward(relation, &reads[0].dims, &write.dims, &layout.strides);
            let (waiting, root, offset) = (write.tensor, layout.root, layout.origin(&reads[0]));
            let view = strides.filter(|_| whole).map(|strides| Layout { root, offset, strides });
            let view = view.filter(|view| self.copies_nest(waiting, view));
            let next = match view.is_some_and(|view| self.adopt(waiting, Some(step), view)) {
                true => self.viewing(waiting),
                false if self.waits_only_for(waiting, id) => self.founding(waiting),
                false => continue,
            };
            return tasks.extend([Task::Views { id, moves }, next]);
        }
    }

    fn waits_only_for(&self, id: TensorId, host: TensorId) -> bool {
        self.writers(id).all(|step| self.problem.steps[step].reads.iter().all(|access| access.tensor == host))
    }

    /// Gives `id` the layout if every step that touches it can live with it; move `step`, if it is one, has then nothing to do.
    fn adopt(&mut self, id: TensorId, step: Option<usize>, layout: Layout) -> bool {
        let outside = self.problem.outputs_outside && matches!(self.problem.tensors[layout.root].role, Role::Output(_));
        let mut elided = step;
        std::mem::swap(&mut elided, &mut self.adopting);
        let wanted = self.accesses(id).all(|(index, access)| {
            let PlanStep { write, in_place, .. } = &self.problem.steps[index];
            let reads = write.tensor != id;
            // What the caller has is only written, or overwritten; what is overwritten is not read elsewhere.
            let overwrites = step.is_none() && *in_place;
            let apart = !(outside || self.overwritten[layout.root]) || !reads || overwrites || self.does_nothing(index);
            apart && (!reads || access.channel.is_none_or(|axis| access.dims[axis] == 1 || layout.strides[axis] == 1))
        });
        let alike = self.problem.tensors[layout.root].dtype == self.problem.tensors[id].dtype;
        self.layouts[id] = Some(layout);
        let fits = wanted && alike && self.touching[id].iter().all(|&index| self.does_nothing(index) || self.writes_apart(index));
        self.adopting = elided;
        if fits {
            step.into_iter().for_each(|step| self.elided[step] = true);
        } else {
            self.layouts[id] = None;
        }
        fits
    }

    /// Whether move `index` has nothing to do, or will not if what is being adopted is.
    fn does_nothing(&self, index: usize) -> bool {
        self.elided[index] || self.adopting == Some(index)
    }

    /// Whether what step `index` writes is apart from what it reads, as far as both have a place.
    fn writes_apart(&self, index: usize) -> bool {
        let PlanStep { reads, write, interleaves, in_place, .. } = &self.problem.steps[index];
        let Some(to) = &self.layouts[write.tensor] else { return true };
        reads.iter().enumerate().all(|(slot, read)| {
            let Some(from) = self.layouts[read.tensor].as_ref().filter(|from| from.root == to.root) else { return true };
            let ((a, a_end), (b, b_end)) = (from.span(read), to.span(write));
            let same = *in_place && read.dims == write.dims && from.origin(read) == to.origin(write) && from.strides == to.strides;
            same || a_end <= b || b_end <= a || (*interleaves && slot == 0 && interleaved((from, read), (to, write)))
        })
    }

    fn writers(&self, id: TensorId) -> impl Iterator<Item = usize> {
        self.touching[id].iter().copied().filter(move |&step| self.problem.steps[step].write.tensor == id)
    }

    fn accesses(&self, id: TensorId) -> impl Iterator<Item = (usize, &Access)> {
        let steps = self.touching[id].iter().map(|&index| (index, &self.problem.steps[index]));
        steps
            .flat_map(move |(index, step)| step.reads.iter().chain([&step.write]).map(move |access| (index, access)))
            .filter(move |(_, access)| access.tensor == id)
    }

    /// The moves that read all of `id`.
    fn moves_from(&self, id: TensorId) -> Vec<usize> {
        let is_move = |step: &PlanStep| step.relation.is_some() && step.reads[0].tensor == id;
        self.touching[id].iter().copied().filter(|&index| is_move(&self.problem.steps[index])).collect()
    }
}

/// Whether two boxes are channel slices of the same pixels and share no channel.
fn interleaved((a, a_access): (&Layout, &Access), (b, b_access): (&Layout, &Access)) -> bool {
    let (Some(a_axis), Some(b_axis)) = (a_access.channel, b_access.channel) else { return false };
    let pitch = |layout: &Layout, access: &Access, channel: usize| {
        let axes = (0..access.dims.len()).filter(|&axis| axis != channel && access.dims[axis] > 1);
        axes.map(|axis| layout.strides[axis]).reduce(gcd).unwrap_or(0)
    };
    let (pitch, other) = (pitch(a, a_access, a_axis), pitch(b, b_access, b_axis));
    if pitch == 0 || pitch != other || a.strides[a_axis] != 1 || b.strides[b_axis] != 1 {
        return false;
    }
    let (a_start, b_start) = (a.origin(a_access) % pitch, b.origin(b_access) % pitch);
    let apart = (b_start + pitch - a_start) % pitch;
    a_access.dims[a_axis] <= apart && apart + b_access.dims[b_axis] <= pitch
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::super::text::problem;
    use super::*;

    /// Who lives in whom, as `name in root: offset + strides`, and how many moves are elided.
    fn hosted(text: &str) -> (Vec<String>, usize) {
        let problem = problem(text);
        let hosting = host(&problem);
        let name = |id: TensorId| &problem.tensors[id].name;
        let guests = hosting.layouts.iter().enumerate().filter(|(id, layout)| layout.root != *id);
        let say =
            |(id, layout): (TensorId, &Layout)| format!("{} in {}: {} + {:?}", name(id), name(layout.root), layout.offset, layout.strides);
        (guests.map(say).collect(), hosting.elided.iter().filter(|&&elided| elided).count())
    }

    #[test]
    fn what_a_concat_joins_lives_in_it() {
        let text = "
            x: f32[1,2,2,2] input 0
            a: f32[1,2,2,2]
            b: f32[1,3,2,2]
            c: f32[1,5,2,2]
            y: f32[4] output 0
            a@1 <- x@1
            b@1 <- x@1
            c[:,0:2,:,:] <= a
            c[:,2:5,:,:] <= b
            y <- c@1";
        assert_eq!(hosted(text), (vec!["a in c: 0 + [20, 1, 10, 5]".to_owned(), "b in c: 2 + [20, 1, 10, 5]".to_owned()], 2));
    }

    #[test]
    fn a_part_that_is_moved_out_is_a_view_from_its_start_on() {
        let text = "
            x: f32[6,4] input 0
            a: f32[6,4]
            p: f32[2,4]
            q: f32[8]
            y: f32[2,4] output 0
            a <- x
            p <= a[2:4,:]
            q <= a[4:6,:]; reshape
            y <- p, q";
        assert_eq!(hosted(text), (vec!["p in a: 8 + [4, 1]".to_owned(), "q in a: 16 + [1]".to_owned()], 2));
        let of_input = text.replace("a[", "x[");
        assert_eq!(hosted(&of_input), (vec!["p in x: 8 + [4, 1]".to_owned(), "q in x: 16 + [1]".to_owned()], 2));
    }

    #[test]
    fn what_only_gives_a_part_does_not_live_in_it() {
        let text = "
            x: f32[6] input 0
            a: f32[6]
            y: f32[4] output 0
            a <- x
            y <= a[2:6]";
        assert_eq!(hosted(text), (vec![], 0));
    }

    #[test]
    fn a_part_is_no_view_where_a_kernel_wants_its_channels_adjacent() {
        let text = "
            x: f32[1,4,2,2] input 0
            p: f32[1,2,2,2]
            y: f32[1,2,2,2] output 0
            p <= x[:,2:4,:,:]
            y@1 <- p@1";
        assert_eq!(hosted(text), (vec![], 0), "an input is row-major");
    }

    #[test]
    fn a_transpose_of_a_channels_last_map_is_a_view() {
        let text = "
            x: f32[1,3,2,2] input 0
            a: f32[1,3,2,2]
            y: f32[1,2,2,3] output 0
            a@1 <- x@1
            y <= a; permute 0 2 3 1";
        assert_eq!(hosted(text), (vec!["a in y: 0 + [12, 1, 6, 3]".to_owned()], 1));
    }

    #[test]
    fn what_is_overwritten_is_read_by_nobody_else() {
        let text = "
            x: f32[4] input 0
            a: f32[4]
            b: f32[4]
            y: f32[4] output 0
            a <- x
            b <- a; in place
            y <- b";
        assert_eq!(hosted(text).0, ["a in b: 0 + [1]"]);
        assert_eq!(hosted(&text.replace("y <- b", "y <- b, a")).0, [""; 0]);
    }

    #[test]
    fn other_elements_are_another_buffer() {
        let text = "
            x: f32[4] input 0
            a: i32[4]
            y: f32[4] output 0
            a <- x
            y <= a";
        assert_eq!(hosted(text), (vec![], 0));
    }

    #[test]
    fn slices_of_channels_interleave_without_sharing() {
        let layout = |offset| Layout { root: 0, offset, strides: vec![0, 1, 20, 5] };
        let access = |channels| Access { tensor: 0, start: vec![0; 4], dims: vec![1, channels, 2, 4], channel: Some(1) };
        assert!(interleaved((&layout(0), &access(2)), (&layout(2), &access(3))));
        assert!(!interleaved((&layout(0), &access(3)), (&layout(2), &access(3))), "they share a channel");
        assert!(!interleaved((&layout(3), &access(3)), (&layout(0), &access(2))), "the last ends in the next pixel");
    }
}
