//! Networks of the field, small: onnxruntime's answers, naively and by plans, and the same bits whatever the target and the memory.

use std::collections::BTreeMap;

use codegen_tests::compare::{Closeness, compare};
use codegen_tests::vectors;
use models::StoredModel;
use peleec::{Compilation, ModelFile, NumericClass, Options, RamBudget, Target, Tensor, compile, import};

/// Against other engines.
const ENGINES: Closeness = Closeness::Within { relative: 1e-4, absolute: 1e-4 };

/// For boxes in pixels: the network's numbers are times 8 or 16, and a centre near 0 is a difference of such.
const PIXELS: Closeness = Closeness::Within { relative: 1e-3, absolute: 1e-3 };
const IN_PIXELS: [&str; 2] = ["yolov8-17", "yolov8-18"];

const TARGETS: [Target; 3] = [Target::Generic, Target::CortexM4F, Target::Aarch64];
const BUDGETS: [RamBudget; 3] = [RamBudget::Bytes(usize::MAX), RamBudget::Thrifty, RamBudget::Least];

/// Networks whose least plan needs more than what is alive: at the peak one map lies over dead rows of another, and no places are found
/// for both and what is alive beside them that take no more.
const ABOVE_THE_BOUND: [&str; 1] = ["resnet-bottleneck-17"];

fn closeness(model: &StoredModel) -> Closeness {
    if IN_PIXELS.contains(&model.name.as_str()) { PIXELS } else { ENGINES }
}

fn read(model: &StoredModel) -> ModelFile {
    ModelFile::read(&model.path).expect("a stored model is there")
}

fn compiled(model: &StoredModel, target: Target, numeric: Option<NumericClass>, ram_budget: RamBudget) -> Compilation {
    let options = Options { target, numeric, ram_budget, ..Options::default() };
    compile(&read(model), &options).map_err(|error| format!("{}: {error}", model.name)).expect("a network of the field compiles")
}

#[test]
fn every_listed_network_is_there() {
    let names: Vec<String> = models::field_networks().into_iter().map(|model| model.name).collect();
    for listed in IN_PIXELS.iter().chain(&ABOVE_THE_BOUND) {
        assert!(names.iter().any(|name| name == listed), "{listed} is not stored");
    }
}

#[test]
fn the_naive_evaluation_gives_the_stored_outputs() {
    for model in models::field_networks() {
        let graph =
            import(&read(&model), &Options::default()).map_err(|error| format!("{}: {error}", model.name)).expect("it is imported").graph;
        for (inputs, expected) in model.data_sets.iter().map(vectors::read) {
            let found = graph.evaluate(&inputs).map_err(|error| format!("{}: {error}", model.name)).expect("it is evaluated");
            assert_eq!(compare(&found, &expected, closeness(&model)), Ok(()), "{}", model.name);
        }
    }
}

#[test]
fn plans_give_the_stored_outputs_and_the_same_bits_in_every_memory_and_on_every_target_of_a_class() {
    for model in models::field_networks() {
        let (inputs, expected) = vectors::read(&model.data_sets[0]);
        let mut first = BTreeMap::<_, Vec<Tensor>>::new();
        for (target, &class) in TARGETS.iter().flat_map(|&target| target.classes().iter().map(move |class| (target, class))) {
            for budget in BUDGETS {
                let choice = format!("{} for {target}, {class}, {budget:?}", model.name);
                let compilation = compiled(&model, target, Some(class), budget);
                let found = compilation.execute(&inputs).map_err(|error| format!("{choice}: {error}")).expect("a plan runs");
                assert_eq!(compare(&found, &expected, closeness(&model)), Ok(()), "{choice}");
                let bits = first.entry(class.name()).or_insert_with(|| found.clone());
                assert_eq!(compare(&found, bits, Closeness::Bits), Ok(()), "{choice}");
            }
        }
        assert_eq!(first.len(), 2, "{}: both classes are there", model.name);
    }
}

#[test]
fn no_plan_needs_more_than_what_is_alive() {
    for model in models::field_networks() {
        for target in TARGETS {
            let name = format!("{} for {target}", model.name);
            let [whole, thrifty, least] = BUDGETS.map(|budget| compiled(&model, target, None, budget).report());
            for report in [&whole, &thrifty] {
                assert_eq!(report.arena_bytes, report.live_bound_bytes, "{name}");
                assert_eq!(report.least.arena_bytes, least.arena_bytes, "{name}");
                assert!(least.arena_bytes <= report.arena_bytes, "{name}");
            }
            if ABOVE_THE_BOUND.contains(&model.name.as_str()) {
                assert!(least.arena_bytes > least.live_bound_bytes, "{name} needs no more now: take it off the list");
            } else {
                assert_eq!(least.arena_bytes, least.live_bound_bytes, "{name}");
            }
        }
    }
}
