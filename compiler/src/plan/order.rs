//! The order of the steps: the one that runs a short branch as soon as it can, or ONNX's where that needs less memory; what is only added
//! to something runs late, where that needs no more, and what frees more than it makes early, where that needs less.

use std::collections::BTreeSet;

use super::buffer::{lifetimes, live_bound};
use super::early::early;
use super::host::Hosting;
use super::problem::{PlanStep, Problem};

/// The most steps of which the followers are counted, which takes time by the square; longer networks run a branch as it is given.
const MOST_COUNTED: usize = 1 << 17;

/// The steps that remain after hosting, in the order in which they run.
pub(crate) fn order(problem: &Problem, hosting: &Hosting) -> Vec<usize> {
    let needs = Needs::new(problem);
    let remaining = |order: Vec<usize>| -> Vec<usize> { order.into_iter().filter(|&step| !hosting.elided[step]).collect() };
    let as_given = remaining((0..problem.steps.len()).collect());
    let eager = remaining(needs.eager(problem, &needs.followers(problem)));
    let peak = |order: &[usize]| live_bound(&lifetimes(problem, hosting, order));
    let orders = [late(problem, &eager), eager, late(problem, &as_given), as_given];
    early(problem, hosting, orders.into_iter().min_by_key(|order| peak(order)).unwrap_or_default())
}

/// Moves a step whose result only one other reads, as its second operand, right before that one, so that it is not kept meanwhile.
fn late(problem: &Problem, order: &[usize]) -> Vec<usize> {
    let touching = problem.touching();
    let mut runs = vec![false; problem.steps.len()];
    order.iter().for_each(|&step| runs[step] = true);
    let reader = |step: usize| match touching[problem.steps[step].write.tensor][..] {
        [writer, reader] if writer == step && runs[reader] => Some(reader),
        _ => None,
    };
    let mut waits_for = vec![None; problem.steps.len()];
    let mut waits = vec![false; problem.steps.len()];
    for &step in order {
        let Some(reader) = reader(step) else { continue };
        let by = &problem.steps[reader];
        if !by.split && by.reads.get(1).map(|read| read.tensor) == Some(problem.steps[step].write.tensor) {
            (waits_for[reader], waits[step]) = (Some(step), true);
        }
    }
    let place = |&step: &usize| waits_for[step].into_iter().chain(Some(step).filter(|&step| !waits[step]));
    order.iter().flat_map(place).collect()
}

/// Which steps make each tensor and which read it.
struct Needs {
    writers: Vec<Vec<usize>>,
    readers: Vec<Vec<usize>>,
}

impl Needs {
    fn new(problem: &Problem) -> Self {
        let mut needs = Needs { writers: vec![Vec::new(); problem.tensors.len()], readers: vec![Vec::new(); problem.tensors.len()] };
        for (index, step) in problem.steps.iter().enumerate() {
            needs.writers[step.write.tensor].push(index);
            step.reads.iter().for_each(|read| needs.readers[read.tensor].push(index));
        }
        needs
    }

    /// How many steps need each step, directly or not, itself among them: those of 64 steps at a time are counted.
    fn followers(&self, problem: &Problem) -> Vec<u32> {
        let steps = &problem.steps;
        let mut followers = vec![0; steps.len()];
        if steps.len() > MOST_COUNTED {
            return followers;
        }
        // For every tensor which of the 64 steps need it.
        let mut needed = vec![0u64; problem.tensors.len()];
        for first in (0..steps.len()).step_by(64) {
            needed.fill(0);
            // Steps behind the last of these are followers of none of those before them that is counted here.
            for step in (0..steps.len().min(first + 64)).rev() {
                let own = if step >= first { 1 << (step - first) } else { 0 };
                let mine = needed[steps[step].write.tensor] | own;
                followers[step] += mine.count_ones();
                steps[step].reads.iter().for_each(|read| needed[read.tensor] |= mine);
            }
        }
        followers
    }

    /// Of the steps that are ready, always the one that the fewest others need; ties in the given order.
    fn eager(&self, problem: &Problem, followers: &[u32]) -> Vec<usize> {
        let mut missing: Vec<usize> = self.writers.iter().map(Vec::len).collect();
        let made = |step: &PlanStep| step.reads.iter().filter(|read| !self.writers[read.tensor].is_empty()).count();
        let mut waiting: Vec<usize> = problem.steps.iter().map(made).collect();
        let mut ready: BTreeSet<_> = (0..waiting.len()).filter(|&step| waiting[step] == 0).map(|step| (followers[step], step)).collect();
        let mut order = Vec::with_capacity(waiting.len());
        while let Some((_, step)) = ready.pop_first() {
            order.push(step);
            let made = problem.steps[step].write.tensor;
            missing[made] -= 1;
            for &reader in self.readers[made].iter().filter(|_| missing[made] == 0) {
                waiting[reader] -= 1;
                if waiting[reader] == 0 {
                    ready.insert((followers[reader], reader));
                }
            }
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::super::host::host;
    use super::super::text::problem;
    use super::*;

    fn ordered(text: &str) -> Vec<usize> {
        let problem = problem(text);
        order(&problem, &host(&problem))
    }

    #[test]
    fn a_short_branch_runs_as_soon_as_it_can() {
        let order = ordered(
            "x: f32[256] input 0
             a: f32[256]
             b: f32[256]
             c: f32[256]
             y: f32[16] output 0
             z: f32[16] output 1
             a <- x
             b <- a
             c <- b
             z <- c
             y <- a",
        );
        assert_eq!(order, [0, 4, 1, 2, 3], "`a` need not be kept");
    }

    #[test]
    fn what_is_only_added_runs_right_before_the_sum() {
        let order = ordered(
            "x: f32[64] input 0
             skip: f32[64]
             a: f32[64]
             b: f32[64]
             y: f32[64] output 0
             skip <- x
             a <- x
             b <- a
             y <- b, skip",
        );
        assert_eq!(order, [1, 2, 0, 3]);
    }

    #[test]
    fn moves_that_have_nothing_to_do_are_not_in_the_order() {
        assert_eq!(ordered("x: f32[64] input 0\na: f32[64]\ny: f32[8,8] output 0\na <- x\ny <= a; reshape"), [0]);
    }

    #[test]
    fn followers_are_counted_once_over_more_than_64_steps() {
        let tensors: String = (1..=100).map(|n| format!("a{n}: f32[1]\n")).collect();
        let steps: String = (2..=100).map(|n| format!("a{n} <- a{}, a1\n", n - 1)).collect();
        let problem = problem(&format!("x: f32[1] input 0\n{tensors}a1 <- x\n{steps}"));
        let followers = Needs::new(&problem).followers(&problem);
        assert_eq!((followers[0], followers[50], followers[99]), (100, 50, 1));
    }
}
