//! Networks that peleec writes itself, as ONNX files with seeded weights, which are then imported like any other file.
//!
//! For trying peleec without a trained model, and for tests and benchmarks of the true layer shapes. Bytes depend on the options
//! alone: the same on every machine.

mod layers;
mod pelee;
mod peleenet;
mod weights;

use thiserror::Error;

use crate::ir::Tensor;

/// The names that [`build`] takes, each with a line for people.
pub const NETWORKS: &[(&str, &str)] = &[
    ("pelee-304", "Pelee, the SSD detector: picture 304x304, 20 classes and background; 1.2 GMAC, 5.4 M parameters"),
    ("peleenet-224", "PeleeNet, the classifier: picture 224x224, 1000 classes; 0.5 GMAC, 2.8 M parameters"),
];

/// What may vary in a network of the zoo.
#[derive(Clone, Debug, PartialEq)]
pub struct ZooOptions {
    /// Factor on the channel counts of stem, dense layers and head, above 0 up to 4; they are rounded to multiples of 4.
    pub width: f32,
    /// Height and width of the picture: a multiple of 4 from 16 to 2048. `None`: the size in the network's name.
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
/// Outputs: `pelee-304` has `loc` [1, priors, 4] and `conf` [1, priors, classes] (softmax); `peleenet-224` has `logits` [1, classes].
pub fn build(name: &str, options: &ZooOptions) -> Result<Vec<u8>, ZooError> {
    match name {
        "pelee-304" => Ok(pelee::write(&Config::new(options, 304, 21)?)),
        "peleenet-224" => Ok(peleenet::write(&Config::new(options, 224, 1000)?)),
        other => Err(ZooError::Name(other.to_owned())),
    }
}

/// A tensor that looks like a preprocessed picture: mean 0, variance 1, every value between -3 and 3.
pub fn seeded_input(shape: &[usize], seed: u64) -> Tensor {
    weights::seeded(&shape.to_vec().into(), seed, "input", 1.0)
}

/// Checked options, with the channel counts that follow.
#[derive(Clone, Debug, PartialEq)]
struct Config {
    size: usize,
    classes: usize,
    stem: usize,
    /// Channels that a dense layer adds, half of them a way.
    growth: usize,
    /// Channels of the detector's extra maps and prediction blocks.
    head: usize,
    seed: u64,
}

impl Config {
    fn new(options: &ZooOptions, size: usize, classes: usize) -> Result<Self, ZooError> {
        let size = options.input_size.unwrap_or(size);
        let classes = options.classes.unwrap_or(classes);
        let wrong = |option, found, supported| Err(ZooError::Option { option, found, supported });
        if !(16..=2048).contains(&size) || !size.is_multiple_of(4) {
            return wrong("input size", size.to_string(), "multiples of 4 from 16 to 2048");
        }
        if !(2..=65_536).contains(&classes) {
            return wrong("number of classes", classes.to_string(), "2 to 65536");
        }
        if !(options.width > 0.0 && options.width <= 4.0) {
            return wrong("width", options.width.to_string(), "above 0 up to 4");
        }
        let scaled = |channels: f32| ((channels * options.width / 4.0).round() as usize * 4).max(4);
        Ok(Config { size, classes, stem: scaled(32.0), growth: scaled(32.0), head: scaled(256.0), seed: options.seed })
    }
}

fn names() -> String {
    NETWORKS.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny() -> ZooOptions {
        ZooOptions { width: 0.25, input_size: Some(32), classes: Some(5), seed: 5 }
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
        assert_eq!(error(ZooOptions { input_size: Some(301), ..tiny() }), "input size is 301 (supported: multiples of 4 from 16 to 2048)");
        assert_eq!(error(ZooOptions { width: f32::NAN, ..tiny() }), "width is NaN (supported: above 0 up to 4)");
        assert_eq!(error(ZooOptions { classes: Some(1), ..tiny() }), "number of classes is 1 (supported: 2 to 65536)");
        let unknown = build("pelee", &tiny()).unwrap_err().to_string();
        assert_eq!(unknown, "the zoo has no network `pelee` (it has `pelee-304`, `peleenet-224`)");
    }
}
