//! What stands beside a model in a TOML file: its labels, how a picture becomes its input, and how its outputs become detections.
//!
//! Invariant: knows no graph. What it says is compared with the types of the outputs, all faults at once.

mod detector;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use peleec_runtime::{ColourOrder, Detection, Frame, Preparation};
use serde::Deserialize;

pub(crate) use detector::{Attached, attach};
pub use detector::{DetectorSettings, Priors};

use crate::diagnostics::{Diagnostic, Problems};
use crate::error::Error;
use crate::ir::{DType, Tensor, TensorType};

/// The largest file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// The file's content.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Names of the classes, in the order of their scores.
    #[serde(default)]
    pub labels: Vec<String>,
    /// How a picture becomes the input.
    pub frame: Option<FrameSettings>,
    /// How outputs become detections.
    pub detector: Option<DetectorSettings>,
}

/// How a picture becomes the input.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameSettings {
    /// Width and height of the input.
    pub size: [u32; 2],
    /// Which colour comes first.
    pub order: Order,
    /// What is taken from each colour, in the input's order.
    pub mean: [f32; 3],
    /// What the difference is multiplied by.
    pub scale: [f32; 3],
    /// How a picture of another shape becomes one of the input's.
    pub fit: Fit,
    /// How pixels between pixels are made.
    pub resize: Resize,
}

/// Which colour comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Red.
    Rgb,
    /// Blue.
    Bgr,
}

/// How a picture of another shape becomes one of the input's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// It is stretched.
    Warp,
}

/// How pixels between pixels are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resize {
    /// From the four around.
    Bilinear,
}

impl FrameSettings {
    /// What the runtime does to a picture.
    pub fn preparation(&self) -> Preparation {
        let order = match self.order {
            Order::Rgb => ColourOrder::Rgb,
            Order::Bgr => ColourOrder::Bgr,
        };
        Preparation { size: self.size.map(|side| side as usize), order, mean: self.mean, scale: self.scale }
    }

    /// The input of a picture: `[1, 3, height, width]`, or `[1, height, width, 3]`; none where the input's type is neither.
    pub fn input(&self, frame: &Frame<'_>, ty: &TensorType) -> Option<Tensor> {
        let [width, height] = self.size.map(|side| side as usize);
        let channels_first = match ty.shape.0.as_slice() {
            [1, 3, h, w] if [*h, *w] == [height, width] => true,
            [1, h, w, 3] if [*h, *w] == [height, width] => false,
            _ => return None,
        };
        let (preparation, mut values) = (self.preparation(), vec![0.0; 3 * width * height]);
        let mut row = vec![[0.0; 3]; width];
        for y in 0..height {
            preparation.row(frame, y, &mut row);
            for (x, pixel) in row.iter().enumerate() {
                for (channel, &value) in pixel.iter().enumerate() {
                    let at = if channels_first { (channel * height + y) * width + x } else { (y * width + x) * 3 + channel };
                    values[at] = value;
                }
            }
        }
        Tensor::f32(ty.shape.clone(), values).filter(|_| ty.dtype == DType::F32)
    }
}

impl Description {
    /// Reads a file of at most 1 MiB.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let mut text = String::new();
        // What is read counts, as a device has no length.
        let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text));
        let read = read.map_err(|source| Error::io(path, source))?;
        if read as u64 > MAX_BYTES {
            return Err(problem(path, "the file is larger than 1 MiB".to_owned()).into());
        }
        Description::parse(&text).map_err(|why| problem(path, why).into())
    }

    /// What outputs, by name, say is in a frame of this width and height; every reason why they say nothing at once.
    pub fn detect(&self, outputs: &[(String, Tensor)], frame: [u32; 2]) -> Result<Detected, Problems> {
        let (types, tensors): (Vec<_>, Vec<_>) = outputs.iter().map(|(name, tensor)| ((name.clone(), tensor.ty()), tensor.clone())).unzip();
        let (detections, truncated) = attach(self, &types)?.detect(&tensors, frame).unwrap_or_default();
        Ok(Detected { detections, truncated })
    }

    /// Reads the text of one, or says why that is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())
    }
}

/// What a detector saw.
#[derive(Clone, Debug, PartialEq)]
pub struct Detected {
    /// The best first.
    pub detections: Vec<Detection>,
    /// Whether a limit left out any.
    pub truncated: bool,
}

fn problem(path: &Path, why: String) -> Problems {
    Diagnostic::invalid("PL0401", format!("{} does not describe a model", path.display())).found(why).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_misspelt_is_named() {
        assert!(Description::parse("label = []").unwrap_err().contains("unknown field `label`"));
        let frame = "[frame]\nsize = [2, 2]\norder = \"gbr\"\nmean = [0.0, 0.0, 0.0]\nscale = [1.0, 1.0, 1.0]\nfit = \"warp\"\nresize = \"bilinear\"";
        let refusal = Description::parse(frame).unwrap_err();
        assert!(refusal.contains("unknown variant `gbr`, expected `rgb` or `bgr`") && refusal.contains("line 3"), "{refusal}");
        let description = Description::parse(&frame.replace("gbr", "bgr")).unwrap();
        assert_eq!(description.frame.map(|frame| (frame.size, frame.order)), Some(([2, 2], Order::Bgr)));
        assert_eq!((description.labels, description.detector), (vec![], None));
    }

    #[test]
    fn a_file_that_is_not_there_or_too_long_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.toml");
        assert_eq!(Description::read(&path).unwrap_err().exit_code(), 3);
        std::fs::write(&path, "#".repeat(2 << 20)).unwrap();
        let refusal = Description::read(&path).unwrap_err();
        assert!(refusal.to_string().contains("larger than 1 MiB") && refusal.exit_code() == 3, "{refusal}");
        #[cfg(unix)]
        assert!(Description::read(Path::new("/dev/zero")).unwrap_err().to_string().contains("larger than 1 MiB"));
    }
}
