//! Plans of the networks: what they take, and that nothing stale is read, whatever the budget.

use super::problem::{Access, CHANNELS, PlanStep, PlanTensor, Problem, ROWS, Relation, Role, Rows};
use super::{Budget, Lifetime, Pins, Plan, plan, replay};
use crate::ir::test_build::Random;
use crate::lower::lower;
use crate::tensor::{DType, Shape};
use crate::zoo::ZooOptions;
use crate::{ModelFile, Options, import, passes};

/// A network of the zoo, for portable code.
fn problem(network: &str, zoo: &ZooOptions, outputs_outside: bool) -> Problem {
    let options = Options::default();
    let model = ModelFile::zoo(network, zoo).expect("the zoo has it");
    let mut graph = import(&model, &options).unwrap_or_else(|problems| panic!("{problems}")).graph;
    passes::run(&mut graph, |_, _| {});
    let steps = lower(&graph, options.profile().expect("any class goes")).unwrap_or_else(|refused| panic!("{refused:?}"));
    Problem { outputs_outside, ..steps.problem }
}

/// A small detector with every kind of group that the large one has.
fn small() -> Problem {
    problem("pelee-304", &ZooOptions { width: 0.25, input_size: Some(96), ..ZooOptions::default() }, false)
}

fn kib(bytes: usize) -> f64 {
    bytes as f64 / 1024.0
}

/// Kibibytes of the arena and of what is alive, and the weight reads in hundredths of one pass.
fn figures(problem: &Problem, budget: Budget) -> (f64, f64, u64) {
    let plan = plan(problem, budget).expect("a plan fits");
    assert_eq!(replay(problem, &plan), Ok(()));
    (kib(plan.cost.arena), kib(plan.bound), (100 * plan.cost.reads + plan.one_pass / 2) / plan.one_pass)
}

const WHOLE: Budget = Budget::Bytes(usize::MAX);

#[test]
fn pelee_304() {
    let inside = problem("pelee-304", &ZooOptions::default(), false);
    assert_eq!(figures(&inside, WHOLE), (5054.0, 5054.0, 100));
    assert_eq!(figures(&inside, Budget::Thrifty), (3610.0, 3610.0, 104));
    let outside = problem("pelee-304", &ZooOptions::default(), true);
    for (problem, budget, most) in [(&inside, 1425, 1344.0), (&outside, 1307, 1284.0)] {
        let (arena, bound, reads) = figures(problem, Budget::Bytes(1024 * budget));
        assert!(arena <= most && bound <= arena && reads <= 251, "{arena} {bound} {reads}");
    }
    for (problem, most) in [(&inside, (1074.0, 473)), (&outside, (1041.0, 499))] {
        let (arena, bound, reads) = figures(problem, Budget::Least);
        assert!(arena <= most.0 && bound <= arena && reads <= most.1, "{arena} {bound} {reads}");
    }
}

#[test]
fn peleenet_224() {
    let problem = problem("peleenet-224", &ZooOptions::default(), false);
    assert_eq!(figures(&problem, WHOLE), (2744.0, 2744.0, 100));
    assert_eq!(figures(&problem, Budget::Thrifty), (1960.0, 1960.0, 105));
    let (arena, bound, reads) = figures(&problem, Budget::Least);
    assert!(arena <= 630.0 && bound <= arena && reads <= 307, "{arena} {bound} {reads}");
}

#[test]
fn every_budget_that_has_a_plan_is_kept() {
    let problem = small();
    let mut last = 0;
    for cost in super::curve(&problem) {
        let plan = plan(&problem, Budget::Bytes(cost.arena)).expect("it was said to fit");
        assert!(plan.cost.arena <= cost.arena && plan.cost.reads <= cost.reads && plan.cost.reads > last);
        assert_eq!(replay(&problem, &plan), Ok(()));
        last = plan.cost.reads;
    }
    let least = plan(&problem, Budget::Least).expect("there is a plan").cost;
    let refused = plan(&problem, Budget::Bytes(least.arena - 1)).expect_err("it is the least");
    assert_eq!(refused.least.map(|plan| plan.cost.arena), Some(least.arena));
}

#[test]
fn copies_of_weights_lie_apart_and_are_read_once_a_group() {
    let problem = small();
    let plan = plan(&problem, Budget::Least).expect("there is a plan");
    let weights: Vec<usize> = plan.order.iter().map(|&step| plan.problem.steps[step].weights).collect();
    let packed: Vec<usize> = weights.iter().map(|weights| weights + 12).collect();
    let mut last = 0;
    for room in [0, 400, 4000, 12_000, 40_000, usize::MAX] {
        let pins = Pins::new(&plan, &packed, room);
        let mut reads = 0;
        for group in &plan.groups {
            let copies = (group.begin..group.end).filter_map(|at| Some((pins.at[at]?, packed[at])));
            let mut copies: Vec<_> = copies.collect();
            copies.sort_unstable();
            assert!(copies.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0), "{copies:?}");
            assert!(copies.last().is_none_or(|(at, size)| at + size <= pins.bytes));
            let mut copied = vec![false; group.end - group.begin];
            let calls = group.schedule.as_ref().map_or(vec![0], |schedule| schedule.calls().collect());
            for call in calls {
                if !copied[call] {
                    reads += weights[group.begin + call] as u64;
                }
                copied[call] = pins.at[group.begin + call].is_some();
            }
        }
        assert!(pins.bytes <= room && reads == plan.cost.reads - pins.saved && pins.saved >= last, "{room}: {reads}");
        last = pins.saved;
    }
    assert_eq!(plan.cost.reads - last, plan.one_pass, "with room enough each weight is read once");
}

/// The heights of rings in a stage of dense layers: a layer keeps its input for all layers behind it, two rows each, and one more where
/// a pool reads two rows at a time.
#[test]
fn rings_are_as_high_as_the_formulas_say() {
    let problem = problem("pelee-304", &ZooOptions::default(), false);
    let planned = plan(&problem, Budget::Least).expect("there is a plan");
    let ring = |name: &str| {
        let found = planned.buffers.iter().find(|buffer| problem.tensors[buffer.root].name == name);
        found.unwrap_or_else(|| panic!("no buffer {name}")).ring
    };
    let layers = 3;
    // All growth in one host: 2 (L - 1) + 1 rows, and the pool's.
    assert_eq!(ring("/stages.0/2/Concat_output_0"), Some(2 * (layers - 1) + 2));
    for (name, rows) in [("near.0", 3), ("far.0", 3), ("far.1", 3)] {
        assert_eq!(ring(&format!("/stages.0/0/{name}/Relu_output_0")), Some(rows), "{name}");
    }
    assert_eq!((ring("/stem/first/Relu_output_0"), ring("/stem/narrow/Relu_output_0")), (Some(2), Some(3)));
}

/// The ring of a buffer with one row less.
fn lowered(plan: &Plan, index: usize, rows: usize) -> Plan {
    let mut wrong = plan.clone();
    wrong.buffers[index].ring = Some(rows - 1);
    wrong
}

#[test]
fn a_ring_of_one_row_less_is_a_fault() {
    let problem = small();
    for budget in [Budget::Thrifty, Budget::Least] {
        let planned = plan(&problem, budget).expect("there is a plan");
        let rings = planned.buffers.iter().enumerate().filter_map(|(index, buffer)| Some((index, buffer.ring.filter(|&rows| rows > 1)?)));
        let mut mutations = 0;
        for (index, rows) in rings {
            let fault = replay(&problem, &lowered(&planned, index, rows));
            assert!(fault.is_err(), "{} of {rows} rows", problem.tensors[planned.buffers[index].root].name);
            mutations += 1;
        }
        assert!(mutations > 0, "{budget:?}");
    }
}

/// Bytes of buffer `at` that another of `buffers` has at the same time.
fn crowd(plan: &Plan, buffers: &[usize], at: usize) -> usize {
    let (here, begin) = (&plan.buffers[at], plan.offsets[at]);
    let others = buffers.iter().map(|&other| (&plan.buffers[other], plan.offsets[other], other));
    let shared =
        |(there, offset, _): (&Lifetime, usize, usize)| (begin + here.size).min(offset + there.size).saturating_sub(begin.max(offset));
    others.filter(|&(there, _, other)| other != at && here.meets(there)).map(shared).max().unwrap_or(0)
}

/// Of layers that run whole, what one step fills at once; of those that run row by row, the rings. Hosts, and maps that are made or die row
/// by row, are free in part, so that something else may rightly lie there.
fn used_in_full(plan: &Plan) -> Vec<usize> {
    let writers = |root| plan.order.iter().filter(|&&step| plan.layouts[plan.problem.steps[step].write.tensor].root == root).count();
    let streams = plan.groups.iter().any(|group| group.schedule.is_some());
    let full = |buffer: &Lifetime| if streams { buffer.ring.is_some() } else { writers(buffer.root) == 1 };
    (0..plan.buffers.len()).filter(|&index| full(&plan.buffers[index])).collect()
}

#[test]
fn two_buffers_in_each_other_s_places_are_a_fault() {
    let problem = small();
    for budget in [WHOLE, Budget::Least] {
        let planned = plan(&problem, budget).expect("there is a plan");
        let full = used_in_full(&planned);
        let mut mutations = 0;
        for (&a, &b) in full.iter().flat_map(|a| full.iter().map(move |b| (a, b))).filter(|(a, b)| a < b) {
            let mut wrong = planned.clone();
            wrong.offsets.swap(a, b);
            // By more than the alignment's padding; else the swap is another right plan.
            if [a, b].iter().any(|&at| crowd(&wrong, &full, at) >= 256) {
                mutations += 1;
                let (x, y) = (&planned.buffers[a], &planned.buffers[b]);
                assert!(replay(&problem, &wrong).is_err(), "{x:?} and {y:?}");
            }
        }
        assert!(mutations > 10, "{budget:?}: {mutations}");
    }
}

#[test]
fn a_call_that_comes_too_early_is_a_fault() {
    let problem = small();
    let mut planned = plan(&problem, Budget::Least).expect("there is a plan");
    let schedule = planned.groups.iter_mut().find_map(|group| group.schedule.as_mut()).expect("a group is streamed");
    let last = schedule.body.len() - 1;
    schedule.body.swap(0, last);
    assert!(replay(&problem, &planned).is_err());
}

/// Plans of a step in parts that write over what the step reads, and the places of the first two parts in the order.
fn in_parts(problem: &Problem) -> Vec<(Plan, usize)> {
    let plans = super::curve(problem).into_iter().map(|cost| plan(problem, Budget::Bytes(cost.arena)).expect("it was said to fit"));
    let parts = plans.filter_map(|plan| {
        let work = |at: &usize| plan.problem.steps[plan.order[*at]].work;
        let first = (0..plan.order.len() - 1).find(|at| work(at) == work(&(at + 1)))?;
        Some((plan, first))
    });
    parts.collect()
}

#[test]
fn parts_in_another_order_or_place_are_faults() {
    let problem = small();
    let plans = in_parts(&problem);
    assert!(!plans.is_empty());
    for (planned, first) in plans {
        assert_eq!(replay(&problem, &planned), Ok(()));
        let mut wrong = planned.clone();
        wrong.order.swap(first, first + 1);
        assert!(replay(&problem, &wrong).is_err(), "the second part first");
        let write = &planned.problem.steps[planned.order[first]].write;
        let layout = &planned.layouts[write.tensor];
        let mut wrong = planned.clone();
        let buffer = wrong.buffers.iter().position(|buffer| buffer.root == layout.root).expect("it is in the arena");
        wrong.offsets[buffer] += 4 * layout.strides[ROWS];
        wrong.cost.arena += 4 * layout.strides[ROWS];
        assert!(replay(&problem, &wrong).is_err(), "a row nearer to what is read");
        let mut wrong = planned.clone();
        wrong.problem.steps[planned.order[first]].write.dims[ROWS] -= 1;
        assert!(replay(&problem, &wrong).is_err(), "a row less");
    }
}

#[test]
fn only_concats_of_channels_are_split() {
    let problem = small();
    let planned = plan(&problem, Budget::Least).expect("there is a plan");
    let split: Vec<_> = planned.problem.steps.iter().filter(|step| step.split).collect();
    assert!(!split.is_empty());
    for step in split {
        let [first, rest] = &step.reads[..] else { panic!("a split operand lies in two places") };
        let given = problem.steps.iter().find(|given| given.work == step.work).expect("it was given");
        assert_eq!(first.dims[CHANNELS] + rest.dims[CHANNELS], given.reads[0].dims[CHANNELS]);
        assert_eq!(first.dims[ROWS..], rest.dims[ROWS..]);
    }
}

/// Stages of three layers, each one convolution that could read its input in two places but not write between them.
fn stages_of_pointwise_layers() -> Problem {
    let mut tensors = "x: f32[1,3,16,16] input 0\ns: f32[1,16,16,16]\n".to_owned();
    let mut steps = "s@1 <- x@1; weights 16\n".to_owned();
    let (mut from, mut channels) = ("s".to_owned(), 16);
    let convolution = "rows y..+1; weights 8; interleaves; splits";
    for stage in ["p", "q"] {
        for layer in 1..=3 {
            let (made, joined, all) = (format!("{stage}{layer}"), format!("{stage}{layer}joined"), channels + 8);
            tensors += &format!("{made}: f32[1,8,16,16]\n{joined}: f32[1,{all},16,16]\n");
            steps += &format!("{made}@1 <- {from}@1; {convolution}\n");
            steps += &format!("{joined}[:,0:{channels},:,:] <= {from}\n{joined}[:,{channels}:{all},:,:] <= {made}\n");
            (from, channels) = (joined, all);
        }
        channels /= 2;
        tensors += &format!("{stage}: f32[1,{channels},16,16]\n");
        steps += &format!("{stage}@1 <- {from}@1; {convolution}\n");
        from = stage.to_owned();
    }
    super::text::problem(&format!("{tensors}y: f32[22] output 0\n{steps}y <- q"))
}

/// The operand that stays apart is what a stage saves: it is copied once, behind the map that it is made of, and no layer is.
#[test]
fn a_stage_of_pointwise_layers_is_copied_once() {
    let problem = stages_of_pointwise_layers();
    let planned = plan(&problem, WHOLE).expect("a plan fits");
    assert_eq!(replay(&problem, &planned), Ok(()));
    let is_move = |step: &usize| problem.steps[planned.problem.steps[*step].work].relation.is_some();
    let copies = planned.order.iter().filter(|step| is_move(step)).count();
    assert_eq!((kib(planned.cost.arena), copies), (66.0, 2));
}

/// Blocks that widen a map, look at a window of it and narrow it again, some of them added to what they read.
fn inverted_residuals(random: &mut Random) -> Problem {
    let (mut tensors, mut steps) = ("x: f32[1,2,24,8] input 0\n".to_owned(), String::new());
    let (mut from, mut channels, mut height) = ("x".to_owned(), 2, 24);
    for block in 0..2 + random.index(4) {
        let [wide, seen, made] = ["wide", "seen", "made"].map(|name| format!("{name}{block}"));
        let (expanded, pad, stride) = (channels * (1 + random.index(4)), 1 + random.index(3), 1 + random.index(2));
        let is_added = stride == 1 && block > 0 && random.index(3) > 0;
        let narrow = if is_added { channels } else { 2 * (1 + random.index(3)) };
        let low = height / stride;
        tensors += &format!("{wide}: f32[1,{expanded},{height},8]\n{seen}: f32[1,{expanded},{low},8]\n{made}: f32[1,{narrow},{low},8]\n");
        let second = if is_added { format!(", {from}@1") } else { String::new() };
        steps += &format!("{wide}@1 <- {from}@1; rows y..+1; weights 8; interleaves; splits\n");
        steps += &format!("{seen}@1 <- {wide}@1; rows {stride}y-{pad}..+{}; weights 8\n", 2 * pad + 1);
        steps += &format!("{made}@1 <- {seen}@1{second}; rows y..+1; weights 8; interleaves\n");
        (from, channels, height) = (made, narrow, low);
    }
    super::text::problem(&format!("{tensors}y: f32[5] output 0\n{steps}y <- {from}").replace("rows 1y", "rows y"))
}

/// The buffers of these tensors, where both have one and some bytes of the arena are both's.
fn lie_over(plan: &Plan, tensors: [usize; 2]) -> Option<[usize; 2]> {
    let roots = tensors.map(|tensor| plan.layouts[tensor].root);
    let [a, b] = roots.map(|root| plan.buffers.iter().position(|buffer| buffer.root == root));
    let begins_in = |a: usize, b: usize| (plan.offsets[b]..plan.offsets[b] + plan.buffers[b].size).contains(&plan.offsets[a]);
    Some([a?, b?]).filter(|[a, b]| a != b && (begins_in(*a, *b) || begins_in(*b, *a)))
}

#[test]
fn sums_grow_over_what_is_added_and_rings_take_turns() {
    let (mut random, mut over, mut turns) = (Random(4), 0, 0);
    for _ in 0..60 {
        let problem = inverted_residuals(&mut random);
        for cost in super::curve(&problem) {
            let planned = plan(&problem, Budget::Bytes(cost.arena)).expect("it was said to fit");
            assert_eq!(replay(&problem, &planned), Ok(()), "{problem}{planned}");
            for group in planned.groups.iter().filter(|group| group.schedule.is_some()) {
                let steps = || planned.order[group.begin..group.end].iter().map(|&step| &planned.problem.steps[step]);
                let of = |step: &PlanStep| Some([step.write.tensor, step.reads.get(1)?.tensor]);
                for [output, _] in steps().filter_map(of).filter_map(|tensors| lie_over(&planned, tensors)) {
                    let mut wrong = planned.clone();
                    let row = 4 * planned.layouts[planned.buffers[output].root].strides[ROWS];
                    (wrong.offsets[output], wrong.cost.arena) = (wrong.offsets[output] + row, wrong.cost.arena + row);
                    assert!(replay(&problem, &wrong).is_err(), "a row nearer to what is added: {planned}");
                    over += 1;
                }
                let written: Vec<usize> = steps().map(|step| step.write.tensor).collect();
                let is_ring = |buffers: &[usize; 2]| buffers.iter().all(|&buffer| planned.buffers[buffer].ring.is_some());
                let pairs = written.iter().flat_map(|&a| written.iter().map(move |&b| [a, b]));
                turns += pairs.filter_map(|tensors| lie_over(&planned, tensors)).filter(is_ring).count();
            }
        }
    }
    assert!(over > 15 && turns > 15, "{over} sums over what is added, {turns} rings in another's place");
}

/// Every row of a result is computed, whatever the group that computes it reads of it itself.
#[test]
fn a_result_that_is_read_in_part_is_computed_whole() {
    let mut problem = Problem::default();
    let mut tensor = |name: &str, shape: [usize; 4], role| {
        problem.tensors.push(PlanTensor { name: name.to_owned(), shape: Shape(shape.to_vec()), dtype: DType::F32, role });
    };
    tensor("x", [1, 2, 5, 4], Role::Input(0));
    tensor("z", [1, 64, 5, 4], Role::Intermediate);
    tensor("t", [1, 2, 5, 4], Role::Intermediate);
    tensor("halved", [1, 2, 2, 2], Role::Intermediate);
    tensor("p", [1, 2, 2, 2], Role::Output(1));
    tensor("o", [1, 5, 4, 2], Role::Output(0));
    let map = |tensor| Access { channel: Some(CHANNELS), ..problem.whole(tensor) };
    let rows = |stride, reach| Some(Rows { stride, divisor: 1, pad: 0, reach });
    problem.steps = vec![
        PlanStep { rows: rows(1, 1), weights: 1, ..PlanStep::computing(0, vec![map(0)], map(1)) },
        PlanStep { rows: rows(1, 1), weights: 1, ..PlanStep::computing(1, vec![map(1)], map(2)) },
        PlanStep { rows: rows(2, 2), ..PlanStep::computing(2, vec![map(2)], map(3)) },
        PlanStep::moving(3, problem.whole(3), problem.whole(4), Relation::Same),
        PlanStep::moving(4, problem.whole(2), problem.whole(5), Relation::Permute(vec![0, 2, 3, 1])),
    ];
    let planned = plan(&problem, Budget::Least).expect("there is a plan");
    assert!(planned.groups.iter().any(|group| group.end - group.begin == 3 && group.schedule.is_some()), "{:?}", planned.groups);
    assert_eq!(replay(&problem, &planned), Ok(()));
}
