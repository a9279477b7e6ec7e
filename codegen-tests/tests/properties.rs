//! Random networks, end to end: the passes keep the meaning, and plan and kernels compute the very bits of naive evaluation.
//!
//! `PROPTEST_CASES=20000 cargo test --release -p codegen-tests --test properties` looks further.

use std::cell::Cell;

use codegen_tests::cases::random::{Choice, Network, Recipe};
use codegen_tests::compare::{Closeness, compare, inputs};
use peleec::{Compilation, Error, InputForm, ModelFile, NumericClass, Options, Placement, RamBudget, Target, compile, import};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// Passes may sum in another order.
const PASSES: Closeness = Closeness::Scaled(1e-5);
/// The runtime's exp is not the compiler's, and some sums run in another order.
const NEAR: Closeness = Closeness::Scaled(1e-5);

fn choice() -> impl Strategy<Value = Choice> {
    let slot = prop_oneof![3 => Just(0usize), 2 => 1..4usize, 1 => 4..64usize];
    (0..1000usize, [slot.clone(), slot.clone(), slot], prop::array::uniform14(0..60usize)).prop_map(|(operator, inputs, numbers)| Choice {
        operator,
        inputs,
        numbers,
    })
}

fn recipe() -> impl Strategy<Value = Recipe> {
    let shape = [1..=2usize, 1..=9usize, 1..=9usize, 1..=9usize];
    let outputs = prop_oneof![2 => Just(0u32), 1 => any::<u32>().prop_map(|bits| bits & (bits >> 16) & (bits << 5))];
    (any::<bool>(), shape, prop::collection::vec(choice(), 1..14), outputs).prop_map(|(old, shape, choices, outputs)| Recipe {
        old,
        shape,
        choices,
        outputs,
    })
}

#[test]
fn random_networks_keep_their_meaning_down_to_the_kernels() {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 400;
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(1);
    }
    let (cases, refused) = (config.cases, Cell::new(0));
    let result = TestRunner::new(config).run(&(recipe(), 0..Target::ALL.len(), 0..2_usize), |(recipe, target, class)| {
        let target = Target::ALL[target];
        let numeric = target.classes()[class % target.classes().len()];
        let options = Options { target, numeric: Some(numeric), ..Options::default() };
        let compiled = check(&recipe.build(), &options).map_err(TestCaseError::fail)?;
        refused.set(refused.get() + u32::from(!compiled));
        Ok(())
    });
    assert!(result.is_ok(), "{}", result.map_or_else(|error| error.to_string(), |()| String::new()));
    assert!(refused.get() <= cases / 10, "{} of {cases} networks were refused", refused.get());
}

/// Whether the network compiles; what is wrong with it otherwise.
fn check(network: &Network, options: &Options) -> Result<bool, String> {
    let file = ModelFile::from_bytes("random", network.bytes.clone());
    let imported = import(&file, options).map_err(|problems| format!("not imported: {problems}"))?;
    let compilation = match compile(&file, options) {
        Ok(compilation) => compilation,
        Err(Error::Model(problems)) if problems.0.iter().all(|problem| matches!(problem.code, "PL0304" | "PL0305")) => return Ok(false),
        Err(error) => return Err(format!("not compiled: {error}")),
    };
    let layers = || compilation.report().layers.iter().map(|layer| format!("{layer:?}\n")).collect::<String>();
    let told = |fault| format!("{fault}\n{}\nto\n{}\n{}", imported.graph, compilation.graph(), layers());
    check_results(network, &imported.graph, &compilation).map_err(told)?;
    if options.numeric == Some(NumericClass::Fused) {
        check_class(&file, options, &compilation).map_err(told)?;
    }
    check_plans(&file, options, &compilation).map_err(told)?;
    compilation.files().map(|_| true).map_err(|error| error.to_string())
}

fn check_results(network: &Network, imported: &peleec::Graph, compilation: &Compilation) -> Result<(), String> {
    let inputs = inputs(&compilation.inputs());
    let before = imported.evaluate(&inputs).map_err(|error| error.to_string())?;
    let after = compilation.graph().evaluate(&inputs).map_err(|error| error.to_string())?;
    compare(&after, &before, PASSES).map_err(|fault| format!("passes: {fault}"))?;
    let executed = compilation.execute(&inputs).map_err(|error| error.to_string())?;
    let rounds_alike = compilation.report().numeric == NumericClass::Plain.name() && !network.uses_exp && !network.reorders;
    let closeness = if rounds_alike { Closeness::Bits } else { NEAR };
    compare(&executed, &after, closeness).map_err(|fault| format!("execute: {fault}"))
}

/// Plans of other budgets, places of outputs and forms of inputs, and copies of weights, give the same bits as the one that runs layer by
/// layer.
fn check_plans(file: &ModelFile, options: &Options, compilation: &Compilation) -> Result<(), String> {
    let inputs = inputs(&compilation.inputs());
    let run = |ram_budget: RamBudget, outputs: Placement, input: InputForm, pin_weights: usize| {
        let compilation = match compile(file, &Options { ram_budget, outputs, input, pin_weights, ..options.clone() }) {
            Ok(compilation) => compilation,
            Err(Error::Model(problems)) if problems.0.iter().all(|problem| problem.code == "PL0306") => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        compilation.files().map_err(|error| error.to_string())?;
        compilation.execute(&inputs).map(Some).map_err(|error| error.to_string())
    };
    let whole = run(RamBudget::Bytes(usize::MAX), Placement::Arena, InputForm::Whole, 0)?.ok_or("arrays are always taken")?;
    let budgets = compilation.budgets();
    let between = RamBudget::Bytes(budgets[budgets.len() / 2].arena_bytes);
    for (budget, outputs, input, pins) in [
        (RamBudget::Least, Placement::Arena, InputForm::Whole, 640),
        (between, Placement::Arena, InputForm::Whole, 0),
        (RamBudget::Least, Placement::Caller, InputForm::Rows, 1 << 20),
        (RamBudget::Thrifty, Placement::Caller, InputForm::Whole, 0),
        (RamBudget::Bytes(usize::MAX), Placement::Arena, InputForm::Rows, 0),
    ] {
        let Some(found) = run(budget, outputs, input, pins)? else { continue };
        compare(&found, &whole, Closeness::Bits).map_err(|fault| format!("{budget:?}, {outputs:?}, {input:?}, {pins}: {fault}"))?;
    }
    Ok(())
}

/// Another machine's plan, with other tiles, gives the same bits of the class.
fn check_class(file: &ModelFile, options: &Options, compilation: &Compilation) -> Result<(), String> {
    let target = if options.target == Target::X86_64V4 { Target::Aarch64 } else { Target::X86_64V4 };
    let other = compile(file, &Options { target, ..options.clone() }).map_err(|error| error.to_string())?;
    let inputs = inputs(&compilation.inputs());
    let run = |compilation: &Compilation| compilation.execute(&inputs).map_err(|error| error.to_string());
    compare(&run(compilation)?, &run(&other)?, Closeness::Bits).map_err(|fault| format!("{target}: {fault}"))
}
