//! The quantised networks that onnxruntime wrote: its very numbers, in a quarter of the memory.

use codegen_tests::compare::{Closeness, compare};
use codegen_tests::vectors;
use models::StoredModel;
use peleec::zoo::{ZooOptions, seeded_input};
use peleec::{Compilation, IoForm, ModelFile, Options, RamBudget, Target, Tensor, compile, compile_quantized, import, observe};

fn compiled(model: &StoredModel, ram_budget: RamBudget) -> Compilation {
    let file = ModelFile::read(&model.path).expect("a stored model is there");
    compile(&file, &Options { ram_budget, ..Options::default() }).expect("a stored network compiles")
}

/// Layer by layer and row by row, to the bit.
#[test]
fn every_network_gives_the_stored_numbers() {
    for model in models::quantized() {
        let (inputs, expected) = vectors::read(&model.data_sets[0]);
        for budget in [RamBudget::Bytes(usize::MAX), RamBudget::Least] {
            let outputs = compiled(&model, budget).execute(&inputs).expect("a plan runs");
            assert_eq!(compare(&outputs, &expected, Closeness::Bits), Ok(()), "{}", model.name);
        }
    }
}

/// The graph of bytes, evaluated naively, and the graph as the file has it.
#[test]
fn integers_and_floats_mean_the_same() {
    for model in models::quantized().into_iter().filter(|model| model.name.starts_with("peleenet")) {
        let (inputs, expected) = vectors::read(&model.data_sets[0]);
        let file = ModelFile::read(&model.path).expect("a stored model is there");
        let imported = import(&file, &Options::default()).expect("it is imported").graph;
        let compilation = compiled(&model, RamBudget::Bytes(usize::MAX));
        for graph in [&imported, compilation.graph()] {
            let outputs = graph.evaluate(&inputs).expect("it is evaluated");
            assert_eq!(compare(&outputs, &expected, Closeness::Bits), Ok(()), "{}", model.name);
        }
    }
}

/// But for those whose weights have a zero point.
#[test]
fn every_convolution_is_one_of_bytes() {
    for model in models::quantized().into_iter().filter(|model| !model.name.ends_with("u8u8")) {
        let report = compiled(&model, RamBudget::Bytes(usize::MAX)).report();
        let of_floats: Vec<_> = report.layers.iter().filter(|layer| layer.kernel.starts_with("conv2d")).map(|layer| &layer.name).collect();
        assert!(of_floats.is_empty(), "{}: {of_floats:?}", model.name);
    }
}

/// Bytes at the border stand for the floats that a network has there otherwise, and say by which scale.
#[test]
fn bytes_at_the_border_stand_for_the_floats() {
    for model in models::quantized() {
        let floats = compiled(&model, RamBudget::Thrifty);
        let file = ModelFile::read(&model.path).expect("a stored model is there");
        let options = Options { io: IoForm::Int8, ram_budget: RamBudget::Least, ..Options::default() };
        let bytes = compile(&file, &options).expect("a stored network compiles");
        let (inputs, _) = vectors::read(&model.data_sets[0]);
        let taken: Vec<Tensor> = inputs
            .iter()
            .zip(bytes.inputs())
            .zip(bytes.input_scales())
            .map(|((input, (_, ty)), scale)| scale.expect("the input is quantised").bytes(input, ty.dtype).expect("a type of bytes"))
            .collect();
        let wanted = floats.execute(&inputs).expect("a plan runs");
        let found = bytes.execute(&taken).expect("a plan runs");
        let report = bytes.report();
        assert!(taken.len() == 1 && !wanted.is_empty() && found.len() == wanted.len() && report.outputs.len() == wanted.len());
        assert_eq!((bytes.input_scales().len(), bytes.output_scales().len()), (1, wanted.len()));
        for (((wanted, found), scale), said) in wanted.iter().zip(&found).zip(bytes.output_scales()).zip(&report.outputs) {
            let scale = scale.expect("the output was dequantised");
            assert_eq!(said.scale, Some(scale));
            assert_eq!(scale.floats(found).as_deref(), wanted.as_f32(), "{}", model.name);
        }
    }
}

/// What peleec quantises itself: kernels give what naive evaluation does, on every target, layer by layer and row by row; transitions
/// average the sums of their convolutions.
#[test]
fn sums_are_averaged_to_the_bit() {
    let networks: Vec<StoredModel> = models::networks()
        .into_iter()
        .filter(|model| ["peleenet-folded-13", "peleenet-bn-kept-9", "pelee-bn-kept-11"].contains(&model.name.as_str()))
        .collect();
    assert_eq!(networks.len(), 3);
    for model in networks {
        let file = ModelFile::read(&model.path).expect("a stored model is there");
        let (inputs, expected) = vectors::read(&model.data_sets[0]);
        let observer = observe(&file, &Options::default()).expect("a stored network is observed");
        let calibration = observer.calibration(vec![observer.ranges(&inputs).expect("it has ranges")]);
        let compiled = |target: Target, ram_budget: RamBudget| {
            let options = Options { target, ram_budget, ..Options::default() };
            compile_quantized(&file, &options, &calibration).expect("a stored network compiles")
        };
        let wanted = {
            let compilation = compiled(Target::Generic, RamBudget::Bytes(usize::MAX));
            let pooled = compilation.report().layers.iter().filter(|layer| layer.kernel == "quantized conv2d + pool").count();
            // A head of the detector reads the last of the three maps that are averaged.
            assert_eq!(pooled, if model.name.starts_with("peleenet") { 3 } else { 2 }, "{}", model.name);
            compilation.graph().evaluate(&inputs).expect("it is evaluated")
        };
        // One image serves ranges of so small a network.
        compare(&wanted, &expected, Closeness::Scaled(0.2)).expect("bytes are near to floats");
        for target in Target::ALL {
            for budget in [RamBudget::Bytes(usize::MAX), RamBudget::Least] {
                let outputs = compiled(target, budget).execute(&inputs).expect("a plan runs");
                // The naive exponential of a softmax is another.
                assert_eq!(compare(&outputs, &wanted, Closeness::Scaled(1e-6)), Ok(()), "{} for {target:?}", model.name);
            }
        }
    }
}

/// Blocks of MobileNetV2 whose last convolution adds the map that the block began with: kernels give what naive evaluation does, on every
/// target, layer by layer and row by row.
#[test]
fn residuals_are_added_to_the_bit() {
    const BLOCKS: usize = 10;
    let file = ModelFile::zoo("mobilenetv2-144", &ZooOptions { input_size: Some(64), classes: Some(10), ..ZooOptions::default() });
    let file = file.expect("the zoo has it");
    let observer = observe(&file, &Options::default()).expect("a network of the zoo is observed");
    let floats = compile(&file, &Options::default()).expect("a network of the zoo compiles");
    let inputs: Vec<Tensor> = floats.inputs().iter().map(|(_, ty)| seeded_input(ty, 1)).collect();
    let calibration = observer.calibration(vec![observer.ranges(&inputs).expect("it has ranges")]);
    let compiled = |target: Target, ram_budget: RamBudget| {
        let options = Options { target, ram_budget, ..Options::default() };
        compile_quantized(&file, &options, &calibration).expect("a network of the zoo compiles")
    };
    let wanted = compiled(Target::Generic, RamBudget::Thrifty).graph().evaluate(&inputs).expect("it is evaluated");
    for target in Target::ALL {
        let whole = compiled(target, RamBudget::Bytes(usize::MAX));
        let kernels: Vec<String> = whole.report().layers.into_iter().map(|layer| layer.kernel).collect();
        let count = |wanted: &str| kernels.iter().filter(|kernel| *kernel == wanted).count();
        // A sum that is not one of integers stays behind its convolution.
        let (added, apart) = (count("quantized conv2d + sum"), count("quantized sum") + count("quantized binary"));
        assert!(added + apart == BLOCKS && added > 7, "{added} and {apart} for {target:?}");
        for compilation in [whole, compiled(target, RamBudget::Least)] {
            let outputs = compilation.execute(&inputs).expect("a plan runs");
            assert_eq!(compare(&outputs, &wanted, Closeness::Bits), Ok(()), "{target:?}");
        }
    }
}

/// Nothing of a detector or a classifier, and the convolutions whose weights have a zero point.
#[test]
fn what_is_left_to_floats_is_counted() {
    let counts = |name: &str| {
        let model = models::quantized().into_iter().find(|model| model.name == name).expect("it is stored");
        compiled(&model, RamBudget::Bytes(usize::MAX)).report().in_floats.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(counts("pelee-tiny-160-qop-s8s8"), []);
    assert_eq!(counts("peleenet-tiny-64-qdq-u8s8"), []);
    let model = models::quantized().into_iter().find(|model| model.name == "peleenet-tiny-64-qdq-u8u8").expect("it is stored");
    let report = compiled(&model, RamBudget::Bytes(usize::MAX)).report();
    let products = report.layers.iter().filter(|layer| layer.kernel.starts_with("conv2d")).count();
    let counted: usize =
        report.in_floats.iter().filter(|(name, _)| name.starts_with("Conv") || name.starts_with("Gemm")).map(|(_, n)| n).sum();
    assert!(products > 50 && counted == products, "{products} {:?}", report.in_floats);
    let floats = models::networks().into_iter().find(|model| model.name == "peleenet-tiny-64").expect("it is stored");
    assert!(compiled(&floats, RamBudget::Bytes(usize::MAX)).report().in_floats.is_empty());
}

/// A pad of zero is one of the window behind it; another number stays around the map, in bytes.
#[test]
fn pads_of_zero_go_into_windows_of_bytes() {
    let model = models::quantized().into_iter().find(|model| model.name == "padded-qdq-u8s8").expect("it is stored");
    let report = compiled(&model, RamBudget::Bytes(usize::MAX)).report();
    let pads: Vec<_> = report.layers.iter().filter(|layer| layer.kernel.starts_with("pad")).collect();
    assert!(pads.len() == 1 && report.in_floats.is_empty(), "{pads:?} {:?}", report.in_floats);
}

/// Whether the bias is dequantised or comes as floats that are whole steps of the sums.
#[test]
fn what_an_add_adds_to_a_product_is_its_bias() {
    let model = models::quantized().into_iter().find(|model| model.name == "biased-qdq-u8s8").expect("it is stored");
    let report = compiled(&model, RamBudget::Bytes(usize::MAX)).report();
    let kernels: Vec<_> = report.layers.iter().map(|layer| layer.kernel.as_str()).collect();
    assert_eq!(kernels, ["quantize", "quantized conv2d", "quantized conv2d", "dequantize"]);
    assert!(report.in_floats.is_empty(), "{:?}", report.in_floats);
}

/// What the same network takes as floats is four times as much.
#[test]
fn bytes_take_a_quarter_of_the_memory() {
    let stored = |models: Vec<StoredModel>, name: &str| models.into_iter().find(|model| model.name == name).expect("it is stored");
    let layer_by_layer = RamBudget::Bytes(usize::MAX);
    let floats = compiled(&stored(models::networks(), "peleenet-tiny-64"), layer_by_layer).report().arena_bytes;
    let bytes = compiled(&stored(models::quantized(), "peleenet-tiny-64-qop-s8s8"), layer_by_layer).report().arena_bytes;
    // Beside the input's bytes, which are made of floats of the caller's.
    assert!(bytes <= floats / 4 + 64 * 64 * 3, "{bytes} of {floats}");
}
