//! Networks that peleec writes itself, as ONNX files with seeded weights, which are then imported like any other file.
//!
//! For trying peleec without a trained model, and for tests and benchmarks of the true layer shapes. Bytes depend on the options
//! alone: the same on every machine.

mod inverted_residual;
mod layers;
mod mcunet;
mod mobilenet;
mod pelee;
mod peleenet;
mod weights;

use thiserror::Error;

use crate::description::Description;
use crate::tensor::{DType, Tensor, TensorType};

/// The names that [`build`] takes, each with a line for people.
pub const NETWORKS: &[(&str, &str)] = &[
    ("pelee-304", "Pelee, the SSD detector: picture 304x304, 20 classes and background; 1.2 GMAC, 5.4 M parameters"),
    #[cfg(feature = "cli")]
    ("pelee-demo", "a small trained Pelee: picture 160x160; animals, flowers, fruit, coins, signs; 27 MMAC, 0.3 M parameters"),
    ("peleenet-224", "PeleeNet, the classifier: picture 224x224, 1000 classes; 0.5 GMAC, 2.8 M parameters"),
    ("mobilenetv2-144", "MobileNetV2 of width 0.35, the classifier: picture 144x144, 1000 classes; 23 MMAC, 0.7 M parameters"),
    ("mcunet-320k-176", "MCUNet for 320 KB of RAM, the classifier: picture 176x176, 1000 classes; 82 MMAC, 0.7 M parameters"),
    ("mcunet-vww-80", "MCUNet that tells whether there is a person: picture 80x80, 2 classes; 12 MMAC, 0.4 M parameters"),
];

/// What may vary in a network of the zoo.
#[derive(Clone, Debug, PartialEq)]
pub struct ZooOptions {
    /// Factor on the network's own channel counts of stem, dense layers or blocks, and head, above 0 up to 4; they are rounded to multiples
    /// of 4.
    pub width: f32,
    /// Height and width of the picture: a multiple of 4 from 32 to 2048. `None`: the size in the network's name.
    pub input_size: Option<usize>,
    /// Number of classes, the detector's background included: 2 to 65536. `None`: the network's usual number.
    pub classes: Option<usize>,
    /// Seed of the weights.
    pub seed: u64,
}

impl Default for ZooOptions {
    fn default() -> Self {
        ZooOptions { width: 1.0, input_size: None, classes: None, seed: 0 }
    }
}

/// Why a network of the zoo cannot be built.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ZooError {
    /// No network has this name.
    #[error("the zoo has no network `{0}` (it has {names})", names = names())]
    Name(String),
    /// A network with trained weights has no options.
    #[error("`{0}` is as it was trained: neither its width nor its input size nor its number of classes can be chosen")]
    Trained(&'static str),
    /// An option is out of its range.
    #[error("{option} is {found} (supported: {supported})")]
    Option {
        /// Which option.
        option: &'static str,
        /// Its value.
        found: String,
        /// Its range.
        supported: &'static str,
    },
}

/// Writes the network `name` as the bytes of an ONNX file, opset 17, BatchNormalization folded into the convolutions.
///
/// `pelee-demo` is stored as it was trained, BatchNormalization kept, and takes no options.
///
/// Outputs: `pelee-304` and `pelee-demo` have `loc` [1, priors, 4] and `conf` [1, priors, classes] (softmax); the others have `logits`
/// [1, classes].
pub fn build(name: &str, options: &ZooOptions) -> Result<Vec<u8>, ZooError> {
    described(name, options).map(|(bytes, _)| bytes)
}

/// As [`build`], with what the outputs mean, where that is more than a score a class.
pub(crate) fn described(name: &str, options: &ZooOptions) -> Result<(Vec<u8>, Option<Description>), ZooError> {
    match name {
        "pelee-304" => Ok(pelee::write(&Config::new(options, 304, 21)?)).map(|(bytes, description)| (bytes, Some(description))),
        "peleenet-224" => Ok((peleenet::write(&Config::new(options, 224, 1000)?), None)),
        "mobilenetv2-144" => Ok((inverted_residual::write(&mobilenet::MOBILENET_V2, &Config::new(options, 144, 1000)?), None)),
        "mcunet-320k-176" => Ok((inverted_residual::write(&mcunet::FOR_320K, &Config::new(options, 176, 1000)?), None)),
        "mcunet-vww-80" => Ok((inverted_residual::write(&mcunet::VISUAL_WAKE_WORDS, &Config::new(options, 80, 2)?), None)),
        #[cfg(feature = "cli")]
        "pelee-demo" => demo(options),
        other => Err(ZooError::Name(other.to_owned())),
    }
}

/// The trained detector and its description.
#[cfg(feature = "cli")]
fn demo(options: &ZooOptions) -> Result<(Vec<u8>, Option<Description>), ZooError> {
    // A seed is of made-up inputs, too.
    if *options != (ZooOptions { seed: options.seed, ..ZooOptions::default() }) {
        return Err(ZooError::Trained("pelee-demo"));
    }
    Ok((include_bytes!("demo/model.onnx").to_vec(), Description::parse(include_str!("demo/model.toml")).ok()))
}

/// A tensor that looks like a picture: of floats a preprocessed one, of mean 0 and variance 1, with every value between -3 and 3; of integers
/// one of bytes.
pub fn seeded_input(ty: &TensorType, seed: u64) -> Tensor {
    match ty.dtype {
        DType::F32 => weights::seeded(&ty.shape, seed, "input", 1.0),
        _ => weights::seeded_bytes(ty, seed, "input"),
    }
}

/// Checked options, with the network's own size and number of classes where none are asked for.
#[derive(Clone, Debug, PartialEq)]
struct Config {
    size: usize,
    classes: usize,
    width: f32,
    seed: u64,
}

impl Config {
    fn new(options: &ZooOptions, size: usize, classes: usize) -> Result<Self, ZooError> {
        let size = options.input_size.unwrap_or(size);
        let classes = options.classes.unwrap_or(classes);
        let wrong = |option, found, supported| Err(ZooError::Option { option, found, supported });
        if !(32..=2048).contains(&size) || !size.is_multiple_of(4) {
            return wrong("input size", size.to_string(), "multiples of 4 from 32 to 2048");
        }
        if !(2..=65_536).contains(&classes) {
            return wrong("number of classes", classes.to_string(), "2 to 65536");
        }
        if !(options.width > 0.0 && options.width <= 4.0) {
            return wrong("width", options.width.to_string(), "above 0 up to 4");
        }
        Ok(Config { size, classes, width: options.width, seed: options.seed })
    }

    /// How many channels there are where there are `usual` at width 1: a multiple of 4.
    fn channels(&self, usual: usize) -> usize {
        ((usual as f32 * self.width / 4.0).round() as usize * 4).max(4)
    }
}

fn names() -> String {
    NETWORKS.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Graph, NodeId, Source};
    use crate::onnx::{ImportOptions, import};
    use crate::ops::Op;

    fn tiny() -> ZooOptions {
        ZooOptions { width: 0.25, input_size: Some(32), classes: Some(5), seed: 5 }
    }

    fn imported(name: &str, options: &ZooOptions) -> Graph {
        let (graph, diagnostics) = import(build(name, options).unwrap().into(), &ImportOptions::default(), None).unwrap();
        assert_eq!((graph.verify(), diagnostics.len()), (Vec::new(), 0));
        graph
    }

    /// Convolutions, multiply-accumulates, parameters.
    fn counts(graph: &Graph) -> (usize, u64, usize) {
        let ids = graph.ids();
        let ops: Vec<_> = ids.iter().filter_map(|&id| graph.op(id).map(|op| (id, op))).collect();
        let macs = |&(id, op): &(NodeId, &Op)| {
            let inputs = graph.node_inputs(id);
            let types: Vec<_> = inputs.iter().map(|source| source.map(|s| graph.ty(s))).collect();
            op.macs(&types)
        };
        let parameters = ids.iter().filter_map(|&id| graph.constant(Source { node: id, slot: 0 })).map(|value| value.shape().elements());
        (ops.iter().filter(|(_, op)| op.name() == "Conv").count(), ops.iter().map(macs).sum(), parameters.sum())
    }

    fn output_shapes(graph: &Graph) -> Vec<Vec<usize>> {
        graph.outputs().iter().map(|output| graph.ty(output.source).shape.to_vec()).collect()
    }

    #[test]
    fn the_detector_has_the_papers_size() {
        let graph = imported("pelee-304", &ZooOptions::default());
        assert_eq!(counts(&graph), (151, 1_204_968_960, 5_417_188));
        assert_eq!(output_shapes(&graph), [[1, 5142, 4], [1, 5142, 21]]);
    }

    #[test]
    fn the_classifier_has_the_papers_size() {
        let graph = imported("peleenet-224", &ZooOptions::default());
        assert_eq!(counts(&graph), (113, 507_757_568, 2_797_384));
        assert_eq!(output_shapes(&graph), [[1, 1000]]);
    }

    /// The expected numbers are sums over the published lists of blocks, where a bias stands for scale and shift of a BatchNormalization.
    #[test]
    fn networks_for_microcontrollers_have_the_published_size() {
        let figures = |name| {
            let graph = imported(name, &ZooOptions::default());
            (counts(&graph), output_shapes(&graph))
        };
        // github.com/mit-han-lab/mcunet, model list: 23.5 M multiply-accumulates and 0.75 M parameters; 81.8 M and 0.74 M; 11.6 M and 0.43 M,
        // scales and shifts counted.
        assert_eq!(figures("mobilenetv2-144"), ((52, 23_499_152, 744_072), vec![vec![1, 1000]]));
        assert_eq!(figures("mcunet-320k-176"), ((54, 81_785_520, 729_720), vec![vec![1, 1000]]));
        assert_eq!(figures("mcunet-vww-80"), ((45, 11_578_816, 426_634), vec![vec![1, 2]]));
    }

    #[test]
    fn blocks_add_their_input_where_they_keep_its_shape() {
        let sums = |name, options: &ZooOptions| {
            let graph = imported(name, options);
            graph.ids().iter().filter(|&&id| graph.op(id).is_some_and(|op| op.name() == "Add")).count()
        };
        for (name, expected) in [("mobilenetv2-144", 10), ("mcunet-320k-176", 11), ("mcunet-vww-80", 8)] {
            assert_eq!((sums(name, &ZooOptions::default()), sums(name, &tiny())), (expected, expected), "{name}");
        }
    }

    #[test]
    fn inverted_residuals_keep_the_size_of_values() {
        for name in ["mobilenetv2-144", "mcunet-320k-176", "mcunet-vww-80"] {
            let outputs = imported(name, &tiny()).evaluate(&[seeded_input(&TensorType::f32([1, 3, 32, 32]), 1)]).unwrap();
            let logits = outputs[0].as_f32().unwrap();
            let size = (logits.iter().map(|x| x * x).sum::<f32>() / logits.len() as f32).sqrt();
            assert!((0.1..10.0).contains(&size), "{name}: {size}");
        }
    }

    #[test]
    #[cfg(feature = "cli")]
    fn the_demo_is_described_as_it_is() {
        let (bytes, description) = described("pelee-demo", &ZooOptions::default()).unwrap();
        let (graph, _) = import(bytes.into(), &ImportOptions::default(), None).unwrap();
        let outputs: Vec<_> = graph.outputs().iter().map(|output| (output.name.clone(), graph.ty(output.source).clone())).collect();
        let attached = crate::description::attach_detector(&description.unwrap(), &outputs, &[], None).unwrap();
        assert_eq!((attached.classes, attached.labels[4].as_str()), (6, "coin"));
        let narrow = ZooOptions { width: 0.5, ..ZooOptions::default() };
        assert_eq!(build("pelee-demo", &narrow), Err(ZooError::Trained("pelee-demo")));
    }

    #[test]
    fn small_pictures_have_fewer_maps() {
        let shapes = |size| output_shapes(&imported("pelee-304", &ZooOptions { input_size: Some(size), ..tiny() }))[0][1];
        assert_eq!(shapes(160), 6 * (2 * 100 + 25 + 9 + 1));
        assert_eq!(shapes(32), 6 * (2 * 4 + 1 + 1));
    }

    #[test]
    fn a_narrow_network_gives_probabilities() {
        let graph = imported("pelee-304", &tiny());
        let outputs = graph.evaluate(&[seeded_input(&TensorType::f32([1, 3, 32, 32]), 1)]).unwrap();
        let conf = outputs[1].as_f32().unwrap();
        assert!(conf.chunks(5).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-5));
        let loc = outputs[0].as_f32().unwrap();
        let size = (loc.iter().map(|x| x * x).sum::<f32>() / loc.len() as f32).sqrt();
        assert!((0.1..10.0).contains(&size), "{size}");
    }

    #[test]
    fn bytes_depend_on_the_options_alone() {
        let bytes = build("pelee-304", &tiny()).unwrap();
        assert_eq!(bytes, build("pelee-304", &tiny()).unwrap());
        assert_ne!(bytes, build("pelee-304", &ZooOptions { seed: 6, ..tiny() }).unwrap());
    }

    #[test]
    fn wrong_options_are_named() {
        let error = |options| build("pelee-304", &options).unwrap_err().to_string();
        assert_eq!(error(ZooOptions { input_size: Some(301), ..tiny() }), "input size is 301 (supported: multiples of 4 from 32 to 2048)");
        assert_eq!(error(ZooOptions { width: f32::NAN, ..tiny() }), "width is NaN (supported: above 0 up to 4)");
        assert_eq!(error(ZooOptions { classes: Some(1), ..tiny() }), "number of classes is 1 (supported: 2 to 65536)");
        let unknown = build("pelee", &tiny()).unwrap_err().to_string();
        assert!(unknown.starts_with("the zoo has no network `pelee` (it has `pelee-304`, "), "{unknown}");
    }
}
