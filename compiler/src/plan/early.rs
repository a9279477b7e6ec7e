//! Steps that free more than they make, run earlier.

use super::buffer::{lifetimes, live};
use super::host::Hosting;
use super::problem::{Problem, Role, TensorId};

/// How many places all steps are tried to be moved by, so that it takes bounded time: far more than a network of some thousand steps asks
/// for.
const MOST_PLACES: usize = 1 << 26;

/// Moves a step that frees more than it makes to right behind the last other one that touches what it frees, where the steps between then
/// need less.
pub(super) fn early(problem: &Problem, hosting: &Hosting, order: Vec<usize>) -> Vec<usize> {
    let mut early = Early::new(problem, hosting, order.clone());
    let mut places = 0;
    for step in order {
        let at = early.at[step];
        let Some(to) = early.earliest(step).filter(|&to| to < at) else { continue };
        places += at - to;
        if places > MOST_PLACES {
            break;
        }
        let after = early.live_after(step, to);
        if after.iter().max() < early.live[to..=at].iter().max() {
            early.move_to(step, to, &after);
        }
    }
    early.order
}

struct Early<'a> {
    problem: &'a Problem,
    /// For every step the roots of what it touches, and last that of what it writes.
    roots: Vec<Vec<TensorId>>,
    order: Vec<usize>,
    /// The place of every step in the order.
    at: Vec<usize>,
    /// For every root the steps that touch it, and those that write it, as they are ordered.
    touching: Vec<Vec<usize>>,
    writing: Vec<Vec<usize>>,
    /// For every root its bytes in the arena.
    sizes: Vec<usize>,
    /// Bytes alive at every place.
    live: Vec<usize>,
}

/// From which place in the order to which a buffer is alive.
type Life = (usize, usize);

fn holds(life: Life, at: usize) -> bool {
    life.0 <= at && at <= life.1
}

impl<'a> Early<'a> {
    fn new(problem: &'a Problem, hosting: &Hosting, order: Vec<usize>) -> Self {
        let lives = lifetimes(problem, hosting, &order);
        let roots = problem.steps.iter().map(|step| step.tensors().map(|id| hosting.layouts[id].root).collect());
        let mut early = Early {
            problem,
            roots: roots.collect(),
            at: vec![0; problem.steps.len()],
            touching: vec![Vec::new(); problem.tensors.len()],
            writing: vec![Vec::new(); problem.tensors.len()],
            sizes: vec![0; problem.tensors.len()],
            live: live(&lives),
            order,
        };
        lives.iter().for_each(|life| early.sizes[life.root] = life.size);
        early.live.resize(early.order.len(), 0);
        for (at, &step) in early.order.iter().enumerate() {
            early.at[step] = at;
            early.touched(step).into_iter().for_each(|root| early.touching[root].push(step));
            let written = early.written(step);
            early.writing[written].push(step);
        }
        early
    }

    fn written(&self, step: usize) -> TensorId {
        self.roots[step][self.roots[step].len() - 1]
    }

    /// The roots that the step touches, each once.
    fn touched(&self, step: usize) -> Vec<TensorId> {
        let mut roots = self.roots[step].clone();
        roots.sort_unstable();
        roots.dedup();
        roots
    }

    /// The buffers of the arena that the step touches.
    fn buffers(&self, step: usize) -> Vec<TensorId> {
        let mut buffers = self.touched(step);
        buffers.retain(|&root| self.sizes[root] > 0);
        buffers
    }

    fn life(&self, root: TensorId) -> Life {
        let touching = &self.touching[root];
        let place = |step: Option<&usize>| step.map_or(0, |&step| self.at[step]);
        let kept = matches!(self.problem.tensors[root].role, Role::Output(_));
        (place(touching.first()), if kept { self.order.len() - 1 } else { place(touching.last()) })
    }

    /// Of `steps`, which are ordered, the place of the last before place `at`.
    fn before(&self, steps: &[usize], at: usize) -> Option<usize> {
        let next = steps.partition_point(|&step| self.at[step] < at);
        next.checked_sub(1).map(|last| self.at[steps[last]])
    }

    /// The first place at which the step can free what it does, if that is more than it makes.
    fn earliest(&self, step: usize) -> Option<usize> {
        let at = self.at[step];
        let ends = |&&root: &&TensorId| self.life(root).1 == at && self.life(root).0 < at;
        let begins = |&&root: &&TensorId| self.life(root).0 == at;
        let buffers = self.buffers(step);
        let size = |root: &TensorId| self.sizes[*root];
        if buffers.iter().filter(ends).map(size).sum::<usize>() <= buffers.iter().filter(begins).map(size).sum() {
            return None;
        }
        let (written, others) = self.roots[step].split_last()?;
        let touched = buffers.iter().filter(ends).chain([written]).map(|&root| &self.touching[root]);
        let made = others.iter().map(|&root| &self.writing[root]);
        Some(touched.chain(made).filter_map(|steps| self.before(steps, at)).max().map_or(0, |last| last + 1))
    }

    /// When `root`, which the step touches, is alive if the step runs at `to`.
    fn life_after(&self, root: TensorId, step: usize, to: usize) -> Life {
        let (at, life) = (self.at[step], self.life(root));
        let moved = |place: usize| if place >= to && place < at { place + 1 } else { place };
        let first = if life.0 == at { to } else { moved(life.0).min(to) };
        let last = if life.1 > at { life.1 } else { self.before(&self.touching[root], at).map_or(to, |last| moved(last).max(to)) };
        (first, last)
    }

    /// Bytes alive at the places from `to` on if the step runs there, up to where it runs now.
    fn live_after(&self, step: usize, to: usize) -> Vec<usize> {
        let at = self.at[step];
        let lives: Vec<(Life, Life, usize)> =
            self.buffers(step).into_iter().map(|root| (self.life(root), self.life_after(root, step, to), self.sizes[root])).collect();
        let own = |at: usize| lives.iter().filter(|(life, ..)| holds(*life, at)).map(|(.., size)| size).sum::<usize>();
        let own_after = |at: usize| lives.iter().filter(|(_, life, _)| holds(*life, at)).map(|(.., size)| size).sum::<usize>();
        // At its new place what is alive on both sides of it; behind that what was alive one place before.
        let begins = self.buffers(self.order[to]).into_iter().filter(|&root| self.life(root).0 == to);
        let begun: usize = begins.filter(|root| !self.roots[step].contains(root)).map(|root| self.sizes[root]).sum();
        let first = self.live[to] - own(to) - begun + own_after(to);
        let rest = (to + 1..=at).map(|place| self.live[place - 1] - own(place - 1) + own_after(place));
        [first].into_iter().chain(rest).collect()
    }

    /// Runs the step at `to`, where so many bytes are alive from there on.
    fn move_to(&mut self, step: usize, to: usize, live: &[usize]) {
        let at = self.at[step];
        for root in self.touched(step) {
            for steps in [&mut self.touching[root], &mut self.writing[root]] {
                let (new, old) = (steps.partition_point(|&other| self.at[other] < to), steps.partition_point(|&other| self.at[other] < at));
                if steps.get(old) == Some(&step) {
                    steps[new..=old].rotate_right(1);
                }
            }
        }
        self.order[to..=at].rotate_right(1);
        (to..=at).for_each(|place| self.at[self.order[place]] = place);
        self.live[to..=at].copy_from_slice(live);
    }
}

#[cfg(test)]
mod tests {
    use super::super::host::host;
    use super::super::text::problem;
    use super::*;

    const TWO_BRANCHES: &str = "
        x: f32[16] input 0
        a: f32[512]
        b: f32[512]
        c: f32[16]
        d: f32[16]
        y: f32[16] output 0
        a <- x
        b <- x
        c <- a
        d <- b
        y <- c, d";

    fn moved(text: &str) -> Vec<usize> {
        let problem = problem(text);
        early(&problem, &host(&problem), (0..problem.steps.len()).collect())
    }

    #[test]
    fn a_large_map_is_done_with_before_the_next_is_made() {
        assert_eq!(moved(TWO_BRANCHES), [0, 2, 1, 3, 4]);
    }

    #[test]
    fn what_frees_no_more_than_it_makes_stays() {
        assert_eq!(moved(&TWO_BRANCHES.replace("c: f32[16]", "c: f32[512]").replace("d: f32[16]", "d: f32[512]")), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_step_stays_behind_what_makes_its_operands() {
        let text = TWO_BRANCHES.replace("c <- a", "c <- a, b");
        assert_eq!(moved(&text), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn bytes_alive_are_kept_as_steps_move() {
        let problem = problem(TWO_BRANCHES);
        let hosting = host(&problem);
        let mut early = Early::new(&problem, &hosting, vec![0, 1, 2, 3, 4]);
        let after = early.live_after(2, 1);
        early.move_to(2, 1, &after);
        assert_eq!(early.live, live(&lifetimes(&problem, &hosting, &early.order)));
        assert_eq!((early.order.as_slice(), &early.at), (&[0, 2, 1, 3, 4][..], &vec![0, 2, 1, 3, 4]));
    }
}
