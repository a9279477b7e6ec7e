//! What stands beside a model in a TOML file: its labels, how a picture becomes its input, and how its outputs become detections.
//!
//! Invariant: knows no graph. What it says is compared with the types of the outputs, all faults at once.

mod centres;
mod detector;
mod frame;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use peleec_runtime::Detection;
use serde::Deserialize;

pub use centres::Centres;
pub(crate) use detector::{Attached, attach_detector};
pub use detector::{DetectorSettings, Priors, ScoreActivation};
pub use frame::FrameSettings;
pub(crate) use frame::{Camera, attach_camera, is_of_pixels, map_of_pixels, no_camera};

use crate::diagnostics::{Code, Diagnostic, Problems};
use crate::error::Error;
use crate::ops::ByteScale;
use crate::tensor::Tensor;

/// The largest file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// The file's content.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
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
        self.detect_bytes(outputs, &[], frame)
    }

    /// As [`detect`](Self::detect), of outputs of bytes where `scales` has what they stand for.
    pub fn detect_bytes(&self, outputs: &[(String, Tensor)], scales: &[Option<ByteScale>], frame: [u32; 2]) -> Result<Detected, Problems> {
        let (types, tensors): (Vec<_>, Vec<_>) = outputs.iter().map(|(name, tensor)| ((name.clone(), tensor.ty()), tensor.clone())).unzip();
        let (detections, truncated) = attach_detector(self, &types, scales, Some(frame))?.detect(&tensors).unwrap_or_default();
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
    Diagnostic::invalid(Code::DESCRIPTION, format!("{} does not describe a model", path.display())).found(why).into()
}

#[cfg(test)]
mod tests {
    use peleec_runtime::ColourOrder;

    use super::*;

    #[test]
    fn what_is_misspelt_is_named() {
        assert!(Description::parse("label = []").unwrap_err().contains("unknown field `label`"));
        let frame = "[frame]\nsize = [2, 2]\norder = \"gbr\"\nmean = [0.0, 0.0, 0.0]\nscale = [1.0, 1.0, 1.0]\nfit = \"warp\"\nresize = \"bilinear\"";
        let refusal = Description::parse(frame).unwrap_err();
        assert!(refusal.contains("unknown name `gbr`: there are rgb, bgr, gray") && refusal.contains("line 3"), "{refusal}");
        let description = Description::parse(&frame.replace("gbr", "bgr")).unwrap();
        assert_eq!(description.frame.map(|frame| (frame.size, frame.order)), Some(([2, 2], ColourOrder::Bgr)));
        assert_eq!((description.labels, description.detector), (vec![], None));
        let gray = frame.replace("gbr", "gray").replace("[0.0, 0.0, 0.0]", "[128]").replace("[1.0, 1.0, 1.0]", "[0.5]");
        let described = Description::parse(&gray).unwrap().frame.map(|frame| (frame.order, frame.mean, frame.scale));
        assert_eq!(described, Some((ColourOrder::Gray, [128.0; 3], [0.5; 3])));
        let refusal = Description::parse(&gray.replace("[128]", "[128, 128]")).unwrap_err();
        assert!(refusal.contains("2 numbers: give one, or three") && refusal.contains("line 4"), "{refusal}");
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
