//! The order of the steps: the one that runs a short branch as soon as it can, or ONNX's where that needs less memory; what is only added
//! to something runs late, where that needs no more, and what frees more than it makes early, where that needs less.

use std::collections::BTreeSet;

use super::buffer::{Lifetime, lifetimes, live, live_bound};
use super::host::Hosting;
use super::problem::{Access, PlanStep, Problem, TensorId};

/// The steps that remain after hosting, in the order in which they run.
pub(crate) fn order(problem: &Problem, hosting: &Hosting) -> Vec<usize> {
    let depends = dependencies(problem);
    let as_given: Vec<usize> = (0..problem.steps.len()).collect();
    let eager = schedule(&depends, &followers(&depends));
    let remaining = |order: Vec<usize>| -> Vec<usize> { order.into_iter().filter(|&step| !hosting.elided[step]).collect() };
    let (as_given, eager) = (remaining(as_given), remaining(eager));
    let peak = |order: &[usize]| live_bound(&lifetimes(problem, hosting, order));
    let orders = [late(problem, eager.clone()), eager, late(problem, as_given.clone()), as_given];
    early(problem, hosting, orders.into_iter().min_by_key(|order| peak(order)).unwrap_or_default())
}

/// Moves a step that frees more than it makes to right behind the last other one that touches what it frees, where the steps between then
/// need less.
fn early(problem: &Problem, hosting: &Hosting, mut order: Vec<usize>) -> Vec<usize> {
    let root = |access: &Access| hosting.layouts[access.tensor].root;
    let mut lives = lifetimes(problem, hosting, &order);
    for step in order.clone() {
        let Some(at) = order.iter().position(|&other| other == step) else { continue };
        let freed = || lives.iter().filter(|life| life.last == at && life.first < at);
        let made = lives.iter().filter(|life| life.first == at).map(|life| life.size).sum();
        if freed().map(|life| life.size).sum::<usize>() <= made {
            continue;
        }
        let PlanStep { reads, write, .. } = &problem.steps[step];
        let waits_for = |&other: &usize| {
            let other = &problem.steps[other];
            let touches = |of: TensorId| other.reads.iter().chain([&other.write]).any(|access| root(access) == of);
            touches(root(write)) || reads.iter().any(|read| root(read) == root(&other.write)) || freed().any(|life| touches(life.root))
        };
        let to = order[..at].iter().rposition(waits_for).map_or(0, |other| other + 1);
        if to == at {
            continue;
        }
        let mut moved = order.clone();
        moved[to..=at].rotate_right(1);
        let after = lifetimes(problem, hosting, &moved);
        let peak = |lives: &[Lifetime]| live(lives).into_iter().take(at + 1).skip(to).max();
        if peak(&after) < peak(&lives) {
            (order, lives) = (moved, after);
        }
    }
    order
}

/// Moves a step whose result only one other reads, as its second operand, right before that one, so that it is not kept meanwhile.
fn late(problem: &Problem, mut order: Vec<usize>) -> Vec<usize> {
    let touching = problem.touching();
    for step in order.clone() {
        let result = problem.steps[step].write.tensor;
        let Some(&[writer, reader]) = touching[result].get(..).filter(|touching| touching.len() == 2) else { continue };
        let read = &problem.steps[reader];
        if writer != step || read.split || read.reads.get(1).map(|read| read.tensor) != Some(result) {
            continue;
        }
        let position = |order: &[usize], step: usize| order.iter().position(|&other| other == step);
        let (Some(from), Some(_)) = (position(&order, step), position(&order, reader)) else { continue };
        order.remove(from);
        if let Some(to) = position(&order, reader) {
            order.insert(to, step);
        }
    }
    order
}

/// For every step, the steps that make what it reads.
fn dependencies(problem: &Problem) -> Vec<Vec<usize>> {
    let mut writers = vec![Vec::new(); problem.tensors.len()];
    for (index, step) in problem.steps.iter().enumerate() {
        writers[step.write.tensor].push(index);
    }
    problem.steps.iter().map(|step| step.reads.iter().flat_map(|read| writers[read.tensor].iter().copied()).collect()).collect()
}

/// How many steps need each step, directly or not.
fn followers(depends: &[Vec<usize>]) -> Vec<usize> {
    let words = depends.len().div_ceil(64);
    let mut reached = vec![vec![0u64; words]; depends.len()];
    for step in (0..depends.len()).rev() {
        let mut mine = std::mem::take(&mut reached[step]);
        mine[step / 64] |= 1 << (step % 64);
        for &before in &depends[step] {
            for (word, bits) in reached[before].iter_mut().zip(&mine) {
                *word |= bits;
            }
        }
        reached[step] = mine;
    }
    reached.iter().map(|bits| bits.iter().map(|word| word.count_ones() as usize).sum()).collect()
}

/// Of the steps that are ready, always the one that the fewest others need; ties in the given order.
fn schedule(depends: &[Vec<usize>], followers: &[usize]) -> Vec<usize> {
    let mut waiting: Vec<usize> = depends.iter().map(Vec::len).collect();
    let mut users = vec![Vec::new(); depends.len()];
    for (step, before) in depends.iter().enumerate() {
        for &other in before {
            users[other].push(step);
        }
    }
    let mut ready: BTreeSet<_> = (0..depends.len()).filter(|&step| waiting[step] == 0).map(|step| (followers[step], step)).collect();
    let mut order = Vec::with_capacity(depends.len());
    while let Some((_, step)) = ready.pop_first() {
        order.push(step);
        for &user in &users[step] {
            waiting[user] -= 1;
            if waiting[user] == 0 {
                ready.insert((followers[user], user));
            }
        }
    }
    order
}
