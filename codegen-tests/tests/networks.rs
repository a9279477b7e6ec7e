//! Every stored network gives onnxruntime's answer, on every target's plan the same bits, from the least memory and few kernels.

use std::collections::{BTreeMap, BTreeSet};

use codegen_tests::compare::{Closeness, compare, inputs};
use codegen_tests::vectors;
use models::StoredModel;
use peleec::{Compilation, InputForm, ModelFile, NumericClass, Options, Placement, RamBudget, Target, Tensor, compile, zoo::ZooOptions};

/// Against other engines.
const ENGINES: Closeness = Closeness::Within { relative: 2e-4, absolute: 2e-4 };

fn options(target: Target, numeric: Option<NumericClass>) -> Options {
    Options { target, numeric, input_dims: BTreeMap::from([("batch".to_owned(), 1)]), ..Options::default() }
}

fn compiled(model: &StoredModel, target: Target, numeric: Option<NumericClass>) -> Compilation {
    let file = ModelFile::read(&model.path).expect("a stored model is there");
    compile(&file, &options(target, numeric)).map_err(|error| format!("{}: {error}", model.name)).expect("a stored network compiles")
}

fn zoo(name: &str) -> Compilation {
    let file = ModelFile::zoo(name, &ZooOptions::default()).expect("the zoo has it");
    compile(&file, &Options::default()).expect("a network of the zoo compiles")
}

fn checksum(tensors: &[Tensor]) -> u32 {
    tensors.iter().filter_map(Tensor::as_f32).fold(0, peleec_runtime::checksum)
}

/// How often the plan calls each kernel, without register tiles.
fn kernels(compilation: &Compilation) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for layer in compilation.report().layers {
        let name = layer.kernel.split(' ').next().unwrap_or_default().to_owned();
        *counts.entry(name).or_default() += 1;
    }
    counts
}

fn counts(wanted: &[(&str, usize)]) -> BTreeMap<String, usize> {
    wanted.iter().map(|&(name, count)| (name.to_owned(), count)).collect()
}

#[test]
fn every_network_gives_the_stored_outputs_and_the_same_bits_on_every_target_of_a_class() {
    for model in models::networks() {
        let data: Vec<_> = model.data_sets.iter().map(vectors::read).collect();
        let mut sums = BTreeMap::<_, BTreeSet<Vec<u32>>>::new();
        for (target, &class) in Target::ALL.iter().flat_map(|&target| target.classes().iter().map(move |class| (target, class))) {
            let compilation = compiled(&model, target, Some(class));
            assert_eq!(compilation.report().numeric, class.name());
            let run = |(inputs, expected): &(Vec<Tensor>, Vec<Tensor>)| {
                let found = compilation.execute(inputs).expect("a plan runs");
                assert_eq!(compare(&found, expected, ENGINES), Ok(()), "{} for {target}, {class}", model.name);
                checksum(&found)
            };
            sums.entry(class.name()).or_default().insert(data.iter().map(run).collect());
        }
        assert!(sums.values().all(|sums| sums.len() == 1), "{}: {sums:08x?}", model.name);
        assert_ne!(sums["plain"], sums["fused"], "{}: the classes differ", model.name);
    }
}

/// In plans of both classes, layer by layer and in the least memory; their priors are as many as the heads have.
#[test]
fn large_networks_give_the_stored_outputs() {
    let stored = models::large();
    assert!(!stored.is_empty(), "something is compared");
    for model in stored {
        let file = ModelFile::read(&model.path).expect("a stored model is there");
        let (inputs, expected) = vectors::read(&model.data_sets[0]);
        for (target, ram_budget) in [(Target::CortexM3, RamBudget::Bytes(usize::MAX)), (Target::CortexM7, RamBudget::Least)] {
            let options = Options { ram_budget, detect: Some("".into()), ..options(target, None) };
            let found = compile(&file, &options).expect("it compiles").execute(&inputs).expect("a plan runs");
            assert_eq!(compare(&found[..expected.len()], &expected, ENGINES), Ok(()), "{} for {target}", model.name);
        }
    }
}

#[test]
fn a_target_without_the_instruction_has_no_fused_class() {
    let model = &models::networks()[0];
    let file = ModelFile::read(&model.path).expect("a stored model is there");
    let refused = compile(&file, &options(Target::CortexM3, Some(NumericClass::Fused)));
    let error = refused.map(|_| ()).expect_err("the core has no floating-point unit").to_string();
    assert_eq!(error, "--numeric fused: cortex-m3 has no instruction for it; its class is plain");
}

#[test]
fn no_plan_needs_more_than_what_is_alive() {
    for model in models::networks() {
        for target in Target::ALL {
            let compilation = compiled(&model, target, None);
            let report = compilation.report();
            assert_eq!(report.arena_bytes, report.live_bound_bytes, "{} for {target}", model.name);
        }
    }
}

#[test]
fn nothing_but_convolutions_pools_and_a_softmax_is_left() {
    for model in models::networks() {
        let mut found = kernels(&compiled(&model, Target::Generic, None));
        found.remove("conv2d");
        found.remove("pool2d");
        let has_softmax = ["pelee-", "detector-", "peleenet-caffe"].iter().any(|begin| model.name.starts_with(begin));
        let left = if has_softmax { counts(&[("softmax", 1)]) } else { BTreeMap::new() };
        assert_eq!(found, left, "{}", model.name);
    }
}

// A test a target, as each takes half a minute.

#[test]
fn no_choice_about_memory_changes_the_bits() {
    no_choice_about_memory_changes_the_bits_for(Target::Generic);
}

#[test]
fn no_choice_about_memory_changes_the_bits_of_wide_vectors() {
    no_choice_about_memory_changes_the_bits_for(Target::X86_64V4);
}

#[test]
fn no_choice_about_memory_changes_the_bits_on_a_cortex_m4f() {
    no_choice_about_memory_changes_the_bits_for(Target::CortexM4F);
}

#[test]
fn no_choice_about_memory_changes_the_bits_on_a_cortex_m55() {
    no_choice_about_memory_changes_the_bits_for(Target::CortexM55);
}

fn no_choice_about_memory_changes_the_bits_for(target: Target) {
    for model in models::networks() {
        no_choice_about_memory_changes_the_bits_of(&model, target);
    }
}

fn no_choice_about_memory_changes_the_bits_of(model: &StoredModel, target: Target) {
    let file = ModelFile::read(&model.path).expect("a stored model is there");
    let (inputs, _) = vectors::read(&model.data_sets[0]);
    let run = |ram_budget, outputs, input, pin_weights| {
        let options = Options { ram_budget, outputs, input, pin_weights, ..options(target, None) };
        let compilation = compile(&file, &options).map_err(|error| error.to_string()).expect("a stored network compiles");
        (compilation.report(), compilation.execute(&inputs).expect("a plan runs"))
    };
    let (whole, expected) = run(RamBudget::Bytes(usize::MAX), Placement::Arena, InputForm::Whole, 0);
    let arena = |budget, outputs, input, pin_weights| {
        let (report, found) = run(budget, outputs, input, pin_weights);
        let choice = format!("{} for {target}, {budget:?}, {outputs:?}, {input:?}", model.name);
        assert_eq!(compare(&found, &expected, Closeness::Bits), Ok(()), "{choice}");
        assert_eq!(report.macs, whole.macs, "{choice}");
        report.arena_bytes
    };
    for outputs in [Placement::Arena, Placement::Caller] {
        assert!(arena(RamBudget::Thrifty, outputs, InputForm::Whole, 0) <= whole.arena_bytes);
        let least = arena(RamBudget::Least, outputs, InputForm::Whole, 0);
        assert!(least < whole.arena_bytes, "{} for {target}: {least}", model.name);
        // A few rows in the place of the whole picture.
        let picture = 4 * inputs[0].shape().iter().product::<usize>();
        let by_rows = arena(RamBudget::Least, outputs, InputForm::Rows, 8 << 10);
        assert!(by_rows < least + picture / 4, "{} for {target}: {by_rows}, {least}", model.name);
    }
    if target == Target::Generic {
        for cost in compile(&file, &options(target, None)).expect("a stored network compiles").budgets() {
            let found = arena(RamBudget::Bytes(cost.arena_bytes), Placement::Arena, InputForm::Whole, 0);
            assert!(found <= cost.arena_bytes, "{} for {target}: {found}", model.name);
        }
    }
}

#[test]
fn pelee_at_full_size_has_151_convolutions_2_pools_beside_them_and_one_softmax() {
    let pelee = zoo("pelee-304");
    assert_eq!(kernels(&pelee), counts(&[("conv2d", 151), ("pool2d", 2), ("softmax", 1)]));
}

#[test]
fn pelee_at_full_size_is_what_the_naive_evaluation_gives() {
    let pelee = zoo("pelee-304");
    let inputs = inputs(&pelee.inputs());
    let found = pelee.execute(&inputs).expect("a plan runs");
    let wanted = pelee.graph().evaluate(&inputs).expect("the graph is evaluated");
    assert_eq!(compare(&found, &wanted, ENGINES), Ok(()));
}

#[test]
fn peleenet_at_full_size_is_what_the_naive_evaluation_gives() {
    let peleenet = zoo("peleenet-224");
    let inputs = inputs(&peleenet.inputs());
    let found = peleenet.execute(&inputs).expect("a plan runs");
    let wanted = peleenet.graph().evaluate(&inputs).expect("the graph is evaluated");
    assert_eq!(compare(&found, &wanted, Closeness::Bits), Ok(()));
    assert!(wanted[0].as_f32().expect("floats").iter().any(|value| value.abs() > 0.01));
}
