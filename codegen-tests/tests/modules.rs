//! Modules that a build script has generated, included and run: the bits of a run in the compiler's process, and tidy text.

#![forbid(unsafe_code)]
#![deny(warnings)]

use std::process::Command;

use codegen_tests::cases::{blocks, operators};
use codegen_tests::vectors;
use peleec::zoo::seeded_input;
use peleec::{Builder, ModelFile, Options, Tensor, TensorType, compile};
use peleec_runtime::{Arena, ElementType, Executor, Model, OneCore, Threads, Values, ValuesError, ValuesMut};

mod peleenet {
    include!(concat!(env!("OUT_DIR"), "/peleenet.rs"));
}

mod pelee_caffe {
    include!(concat!(env!("OUT_DIR"), "/pelee_caffe.rs"));
}

mod peleenet_rows {
    include!(concat!(env!("OUT_DIR"), "/peleenet_rows.rs"));
}

mod peleenet_parts {
    include!(concat!(env!("OUT_DIR"), "/peleenet_parts.rs"));
}

mod peleenet_bytes {
    include!(concat!(env!("OUT_DIR"), "/peleenet_bytes.rs"));
}

mod pelee_pinned {
    include!(concat!(env!("OUT_DIR"), "/pelee_pinned.rs"));
}

/// Runs a module on the stored input, and the plan in this process; both outputs.
fn both<M: Model>(mut model: M, executor: &impl Executor, name: &str) -> [Vec<Vec<u32>>; 2] {
    let stored = models::networks().into_iter().chain(models::quantized()).find(|model| model.name == name).expect("a stored network");
    let (inputs, _) = vectors::read(&stored.data_sets[0]);
    let mut outputs: Vec<Vec<f32>> = M::OUTPUTS.iter().map(|output| vec![0.0; output.len()]).collect();
    let values: Vec<Values<'_>> = inputs.iter().filter_map(Tensor::as_f32).map(Values::from).collect();
    let mut results: Vec<_> = outputs.iter_mut().map(|output| ValuesMut::from(&mut output[..])).collect();
    model.run_slices_with(executor, &values, &mut results).expect("they serve");
    let compilation = Builder::new().model(stored.path).compile().expect("it compiles");
    let planned = compilation.execute(&inputs).expect("the plan runs");
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    [outputs.iter().map(|output| bits(output)).collect(), planned.iter().filter_map(Tensor::as_f32).map(bits).collect()]
}

#[test]
fn an_included_module_computes_the_planned_bits() {
    let [module, plan] = both(peleenet::Model::new(), &OneCore, "peleenet-folded-13");
    assert_eq!(module, plan);
    let [module, plan] = both(pelee_caffe::Model::new(), &OneCore, "pelee-caffe-8");
    assert_eq!(module, plan);
    let [module, plan] = both(peleenet_parts::Model::new(), &OneCore, "peleenet-folded-13");
    assert_eq!(module, plan);
    assert!(include_str!(concat!(env!("OUT_DIR"), "/peleenet_parts.rs")).contains("fn body_stem_narrow_narrow_0_conv_3("));
}

/// Each over what the other has left behind, and over bytes that nobody has written as floats.
#[test]
fn models_take_turns_in_one_arena() {
    const BYTES: usize = if peleenet::ARENA_BYTES > pelee_pinned::ARENA_BYTES { peleenet::ARENA_BYTES } else { pelee_pinned::ARENA_BYTES };
    let input = seeded_input(&TensorType::f32([1, 3, 96, 96]), 1);
    let picture = input.as_f32().and_then(|values| values.try_into().ok()).expect("it has the input's length");
    let mut own = Box::new(pelee_pinned::Model::new());
    let wanted = own.run(picture);
    let mut arena = Box::new(Arena::<BYTES>::new());
    arena.fill(0xff);
    for _ in 0..2 {
        let [module, plan] = both(peleenet::Model::over(arena.part()), &OneCore, "peleenet-folded-13");
        assert_eq!(module, plan);
        let mut model = pelee_pinned::Model::over(arena.part());
        let outputs = model.run(picture);
        assert_eq!((outputs.loc, outputs.conf), (wanted.loc, wanted.conf));
        assert_eq!(outputs.detections[..], wanted.detections[..]);
        assert!(!outputs.detections.is_empty(), "something is compared");
    }
}

#[test]
fn several_cores_compute_the_same_bits() {
    for cores in 2..=5 {
        let threads = Threads::new(cores).expect("threads start");
        let [module, plan] = both(peleenet::Model::new(), &threads, "peleenet-folded-13");
        assert_eq!(module, plan, "{cores} cores");
        let [module, plan] = both(pelee_caffe::Model::new(), &threads, "pelee-caffe-8");
        assert_eq!(module, plan, "{cores} cores");
        let [module, plan] = both(peleenet_parts::Model::new(), &threads, "peleenet-folded-13");
        assert_eq!(module, plan, "{cores} cores");
        let [module, plan] = both(peleenet_bytes::Model::new(), &threads, "peleenet-tiny-64-qdq-u8s8");
        assert_eq!(module, plan, "{cores} cores");
    }
}

#[test]
fn a_model_asks_for_each_row_of_its_input_once_and_in_order() {
    let [module, plan] = both(peleenet_rows::Model::new(), &OneCore, "peleenet-tiny-64");
    assert_eq!(module, plan);
    let mut asked = Vec::new();
    let mut model = peleenet_rows::Model::new();
    let grey = |y: usize| y as f32 / 64.0;
    let logits = *model
        .run(&mut |y, row| {
            asked.push(y);
            *row = [[grey(y); 3]; 64];
        })
        .logits;
    assert_eq!(asked, (0..64).collect::<Vec<_>>());
    let picture: Vec<f32> = (0..3 * 64 * 64).map(|at| grey(at / 64 % 64)).collect();
    let mut whole = [0.0; 10];
    peleenet_rows::Model::new().run_slices(&[picture[..].into()], &mut [(&mut whole).into()]).expect("they serve");
    assert_eq!(logits, whole);
}

/// Cores that do not do what they are asked to do, or do it more than once.
struct Odd(usize);

impl Executor for Odd {
    fn cores(&self) -> usize {
        usize::MAX
    }

    fn share(&self, work: &(dyn Fn() + Sync)) {
        for _ in 0..self.0 {
            work();
        }
    }
}

#[test]
fn an_executor_can_not_make_a_wrong_result() {
    for calls in [0, 3] {
        let [module, plan] = both(peleenet::Model::new(), &Odd(calls), "peleenet-folded-13");
        assert_eq!(module, plan, "{calls} calls");
    }
}

#[test]
fn the_model_is_as_large_as_it_says() {
    assert_eq!(size_of::<pelee_pinned::Model>(), pelee_pinned::ARENA_BYTES);
    assert_eq!(size_of::<peleenet::Model>(), peleenet::ARENA_BYTES);
    assert_eq!(peleenet::Model::INPUTS[0].shape, [1, 3, 36, 36]);
    assert_eq!(peleenet::Model::INPUTS[0].element, ElementType::F32);
}

#[test]
fn the_text_is_tidy() {
    for name in ["peleenet", "pelee_caffe", "pelee_mini", "peleenet_rows"] {
        let path = format!("{}/{name}.rs", env!("OUT_DIR"));
        let text = std::fs::read_to_string(&path).expect("the module is there");
        assert!(!text.contains("unsafe") && !text.contains(env!("OUT_DIR")) && text.contains("@generated"));
        assert_rustfmt_keeps(name, &text);
    }
}

/// Names and numbers of any length: a module that is checked in is still what the compiler writes after `cargo fmt`.
#[test]
fn rustfmt_keeps_every_case_under_anyone_s_settings() {
    for case in operators::CASES.iter().chain(blocks::CASES) {
        let file = ModelFile::from_bytes(case.name, (case.build)());
        let files = compile(&file, &Options::default()).and_then(|compilation| compilation.files()).expect("a case compiles");
        assert_rustfmt_keeps(case.name, &String::from_utf8_lossy(&files[0].bytes));
    }
}

fn assert_rustfmt_keeps(name: &str, text: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let copy = folder.path().join("module.rs");
    std::fs::write(&copy, text).expect("the copy is written");
    for settings in ["max_width=100", "max_width=140,use_small_heuristics=Max", "hard_tabs=true"] {
        let mut rustfmt = Command::new("rustfmt");
        rustfmt.args(["--check", "--edition", "2024", "--config", settings]).arg(&copy);
        let output = rustfmt.output().expect("rustfmt runs");
        assert!(output.status.success(), "{name}, {settings}:\n{}", String::from_utf8_lossy(&output.stdout));
    }
}

/// An input and an output that go by one identifier, in a network without weights.
mod same_names {
    use peleec_runtime::Executor;

    const ARENA_BYTES: usize = 0;

    pub(super) struct Network<M>(pub(super) M);

    pub(super) struct Outputs<'m> {
        pub(super) x: &'m [f32; 2],
    }

    impl<M> Network<M> {
        pub(super) fn run_with(&mut self, _: &impl Executor, x: &[f32; 2]) -> Outputs<'_> {
            Outputs { x: if x[0] == 1.0 { &[3.0, 4.0] } else { &[0.0, 0.0] } }
        }
    }

    peleec_runtime::impl_model! {
        Network in ARENA_BYTES, run_with, inputs { x: "x.1" f32 [2] [2]; } outputs { x: "x/1" f32 [2] [2]; }
    }
}

#[test]
fn an_output_may_go_by_an_inputs_name() {
    let mut output = [0.0; 2];
    same_names::Network(Arena::new()).run_slices(&[(&[1.0f32, 2.0]).into()], &mut [(&mut output).into()]).expect("they serve");
    assert_eq!(output, [3.0, 4.0]);
}

#[test]
fn values_of_another_number_length_or_type_are_refused() {
    let (x, mut y, mut long, mut bytes) = ([1.0f32, 2.0], [0.0f32; 2], [0.0f32; 3], [0u8; 2]);
    let run = |inputs: &[Values<'_>], outputs: &mut [ValuesMut<'_>]| same_names::Network(Arena::new()).run_slices(inputs, outputs);
    let x = Values::from(&x);
    assert_eq!(run(&[x], &mut [(&mut y).into()]), Ok(()));
    assert_eq!(run(&[], &mut [(&mut y).into()]), Err(ValuesError));
    assert_eq!(run(&[x], &mut []), Err(ValuesError));
    assert_eq!(run(&[(&[0u8; 2]).into()], &mut [(&mut y).into()]), Err(ValuesError));
    assert_eq!(run(&[(&[0.0f32; 3]).into()], &mut [(&mut y).into()]), Err(ValuesError));
    assert_eq!(run(&[x], &mut [(&mut long).into()]), Err(ValuesError));
    assert_eq!(run(&[x], &mut [(&mut bytes).into()]), Err(ValuesError));
    assert_eq!((long, bytes), ([0.0; 3], [0; 2]), "nothing was computed");
}
