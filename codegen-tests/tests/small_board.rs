//! A network that a chip has room for only row by row. As the other lanes, it is left out where the emulator is not installed.

use std::path::Path;
use std::time::Duration;

use codegen_tests::compare::{Closeness, compare};
use codegen_tests::lanes;
use peleec::harness::{self, HarnessError, Machine, NETDUINO_PLUS_2, OptLevel, Project, STACK, Seat};
use peleec::zoo::{ZooOptions, seeded_input};
use peleec::{Compilation, ModelFile, Options, RamBudget, Target, Tensor, TensorType, compile};

const LIMIT: Duration = Duration::from_secs(300);

/// A PeleeNet with 224 KiB of activations, on a chip with 128 KiB of RAM and 1 MiB of flash. The linker knows these memories: arena,
/// outputs and stack must fit in the RAM; code, weights and the picture (192 KiB, as if it were a stored one) in the flash.
#[test]
fn a_network_that_is_too_large_for_a_board_fits_it_row_by_row() {
    let zoo = ZooOptions { width: 0.25, input_size: Some(128), classes: Some(10), seed: 0 };
    let input = seeded_input(&TensorType::f32([1, 3, 128, 128]), 0);
    let compiled = |zoo: &ZooOptions, ram_budget| {
        let model = ModelFile::zoo("peleenet-224", zoo).expect("the zoo has it");
        compile(&model, &Options { target: Target::CortexM4F, ram_budget, ..Options::default() })
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = |compilation: &Compilation| run_on_small_board(compilation, &input, folder.path());

    let layer_by_layer = compiled(&zoo, RamBudget::Bytes(usize::MAX)).expect("it compiles");
    assert!(layer_by_layer.report().arena_bytes > 128 << 10);
    let Some(result) = run(&layer_by_layer) else { return };
    let refused = result.expect_err("it does not fit").to_string();
    assert!(refused.contains("will not fit in region 'RAM': overflowed by "), "{refused}");

    let expected = layer_by_layer.execute(std::slice::from_ref(&input)).expect("a plan runs");
    let left = NETDUINO_PLUS_2.ram.length as usize - STACK - 10 * size_of::<f32>();
    for ram_budget in [RamBudget::Bytes(left), RamBudget::Least] {
        let streamed = compiled(&zoo, ram_budget).expect("it fits row by row");
        let Some(result) = run(&streamed) else { return };
        let found = result.expect("it links and runs");
        assert_eq!(compare(&found, &expected, Closeness::Bits), Ok(()), "{ram_budget:?}");
    }
    let refused = compiled(&ZooOptions { input_size: Some(512), ..zoo }, RamBudget::Bytes(left)).err().expect("no plan fits");
    assert_eq!(refused.exit_code(), 1, "{refused}");
}

/// The outputs, or what kept the image from being linked and run; none where this computer lacks what that takes.
fn run_on_small_board(compilation: &Compilation, input: &Tensor, folder: &Path) -> Option<Result<Vec<Tensor>, HarnessError>> {
    let board = NETDUINO_PLUS_2;
    let result = harness::machine(Target::CortexM4F)
        .and_then(|machine| Project::write(compilation, &Machine { seat: Seat::Board(board), ..machine }, OptLevel::Three, folder))
        .and_then(|project| harness::run(&project, &harness::build(&project)?.0, std::slice::from_ref(input), LIMIT));
    match result {
        Err(error) if error.is_missing() => {
            lanes::skip(board.name, error);
            None
        }
        result => Some(result.map(|run| run.outputs)),
    }
}
