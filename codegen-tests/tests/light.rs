//! The large networks of the ONNX backend tests, whose weights are one value everywhere: peleec gives their stored outputs.

use codegen_tests::compare::compare;
use codegen_tests::suite::CLOSENESS;
use codegen_tests::vectors;
use models::StoredModel;
use peleec::{ModelFile, Options, Tensor, compile, import};

/// Those that are imported alone: a run takes a minute and more without optimisation, or their weights some gigabytes on the way.
const IMPORTED: [&str; 2] = ["vgg19", "zfnet512"];

/// A test a network, so that several cores share them.
macro_rules! executed {
    ($($name:ident)+) => {
        const EXECUTED: &[&str] = &[$(stringify!($name)),+];

        $(#[test]
        fn $name() {
            check(stringify!($name));
        })+
    };
}

executed! { bvlc_alexnet densenet121 inception_v1 inception_v2 resnet50 shufflenet squeezenet }

#[test]
fn every_network_is_imported() {
    for model in models::light() {
        let file = ModelFile::read(&model.path).expect("a stored model is there");
        let imported =
            import(&file, &Options::default()).map_err(|problems| format!("{}: {problems}", model.name)).expect("it is imported");
        assert_eq!(imported.graph.output_types().len(), model.data_sets[0].outputs.len(), "{}", model.name);
    }
}

#[test]
fn every_network_is_listed() {
    let mut listed: Vec<&str> = EXECUTED.iter().chain(&IMPORTED).copied().collect();
    listed.sort_unstable();
    let stored: Vec<String> = models::light().into_iter().map(|model| model.name).collect();
    assert_eq!(listed, stored);
}

fn check(name: &str) {
    let model = stored(name);
    let file = ModelFile::read(&model.path).expect("a stored model is there");
    let compilation = compile(&file, &Options::default()).map_err(|error| error.to_string()).expect("it compiles");
    let inputs: Vec<Tensor> = compilation.inputs().iter().map(|(_, ty)| vectors::ramp(&ty.shape)).collect();
    let (_, expected) = vectors::read(&model.data_sets[0]);
    let found = compilation.execute(&inputs).expect("the plan runs");
    assert_eq!(compare(&found, &expected, CLOSENESS), Ok(()), "{name}");
}

fn stored(name: &str) -> StoredModel {
    models::light().into_iter().find(|model| model.name == name).expect("the network is stored")
}
