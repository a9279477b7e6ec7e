//! Plans of very large problems. What takes time by the square of the steps, or a frame of the stack for each, does not come to an end
//! here.

use super::text::problem;
use super::{Budget, Plan, plan, replay};

/// The plan of least memory, which takes so many bytes.
fn planned(text: &str, arena: usize) -> Plan {
    let problem = problem(text);
    let plan = plan(&problem, Budget::Least).unwrap();
    assert_eq!(plan.cost.arena, arena);
    assert_eq!(replay(&problem, &plan), Ok(()));
    plan
}

/// One line for each number.
fn lines(numbers: std::ops::RangeInclusive<usize>, line: impl Fn(usize) -> String) -> String {
    numbers.map(|n| line(n) + "\n").collect()
}

/// `steps` steps of the same kind, each of what the one before it made.
fn chain(steps: usize, ty: &str, facts: &str) -> String {
    let tensors = lines(1..=steps, |n| format!("t{n}: {ty}"));
    let reads = lines(1..=steps, |n| format!("t{n}@1 <- t{}@1; {facts}", n - 1));
    format!("t0: {ty} input 0\n{tensors}y: {ty} output 0\n{reads}y <= t{steps}")
}

#[test]
fn thirty_thousand_steps_in_place() {
    let plan = planned(&chain(30_000, "f32[1,2,4,4]", "rows y..+1; in place"), 256);
    assert_eq!((plan.order.len(), plan.buffers.len()), (30_000, 2));
}

#[test]
fn ten_thousand_windows() {
    let plan = planned(&chain(10_000, "f32[1,2,4,4]", "rows y-1..+3; weights 144; interleaves; splits"), 256);
    assert_eq!(plan.cost.reads, 1_440_000);
}

#[test]
fn twenty_thousand_outputs() {
    let outputs = lines(1..=20_000, |n| format!("y{n}: f32[16] output {n}"));
    let computed = lines(1..=20_000, |n| format!("y{n} <- x"));
    planned(&format!("x: f32[16] input 0\n{outputs}{computed}"), 64 * 20_000);
    let moved = lines(1..=20_000, |n| format!("y{n} <= a"));
    planned(&format!("x: f32[16] input 0\na: f32[16]\n{outputs}a <- x\n{moved}"), 64 * 20_000);
}

#[test]
fn ten_thousand_inputs_whose_branches_end_early() {
    let inputs = lines(1..=10_000, |n| format!("x{n}: f32[16] input {n}\na{n}: f32[16]"));
    let sums = lines(2..=10_000, |n| format!("s{n}: f32[16]"));
    let computed = lines(1..=10_000, |n| format!("a{n} <- x{n}"));
    let added = lines(3..=10_000, |n| format!("s{n} <- s{}, a{n}", n - 1));
    let plan = planned(&format!("{inputs}{sums}y: f32[16] output 0\n{computed}s2 <- a1, a2\n{added}y <= s10000"), 192);
    assert_eq!(plan.bound, 192);
}

#[test]
fn forty_thousand_views() {
    let shapes = ["64", "1,64"];
    let tensors = lines(0..=40_000, |n| format!("t{n}: f32[{}]", shapes[n % 2]));
    let moves = lines(1..=40_000, |n| format!("t{n} <= t{}; reshape", n - 1));
    let plan = planned(&format!("x: f32[64] input 0\n{tensors}y: f32[64] output 0\nt0 <- x\n{moves}y <- t40000"), 512);
    assert_eq!((plan.order.len(), plan.moves_elided), (2, 40_000));
}

#[test]
fn ten_thousand_slices() {
    let slices = lines(1..=10_000, |n| format!("a{n}: f32[1,1,2,2]"));
    let computed = lines(1..=10_000, |n| format!("a{n}@1 <- x@1; rows y..+1; weights 4; interleaves"));
    let moves = lines(1..=10_000, |n| format!("y[:,{}:{n},:,:] <= a{n}", n - 1));
    planned(&format!("x: f32[1,1,2,2] input 0\n{slices}y: f32[1,10000,2,2] output 0\n{computed}{moves}"), 160_000);
}

#[test]
fn three_hundred_steps_that_read_all_before_them() {
    let tensors = lines(1..=300, |n| format!("a{n}: f32[1,2,4,4]"));
    let all = |n: usize| (1..n).map(|n| format!("a{n}@1")).collect::<Vec<_>>().join(", ");
    let computed = lines(2..=300, |n| format!("a{n}@1 <- {}; rows y..+1", all(n)));
    planned(
        &format!("x: f32[1,2,4,4] input 0\n{tensors}y: f32[1,2,4,4] output 0\na1@1 <- x@1; rows y..+1\n{computed}y <= a300"),
        128 * 300,
    );
}

#[test]
fn a_million_rows() {
    let text = chain(3, "f32[1,1,1000000,1]", "rows y-1..+3; weights 4");
    let plan = plan(&problem(&text), Budget::Least).unwrap();
    let schedule = plan.groups[0].schedule.as_ref().unwrap();
    assert_eq!((plan.groups.len(), schedule.body.as_slice(), schedule.times), (1, &[0, 1, 2][..], 999_998));
    assert_eq!(plan.cost.arena, 4_000_000 + 2 * 64);
}
