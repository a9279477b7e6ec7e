//! What describes a model: the file beside it, with what the options say of the frame in its place.

use std::path::PathBuf;

use peleec_runtime::{Fit, Resize};

use crate::description::{Description, FrameSettings, is_of_pixels, map_of_pixels, no_camera};
use crate::diagnostics::{Code, Diagnostic, Problems};
use crate::error::Error;
use crate::model_file::ModelFile;
use crate::options::{OptionError, Options};
use crate::tensor::TensorType;

/// What describes a model, with what the options say in place of it.
pub struct Described {
    /// The description.
    pub description: Description,
    /// The file that says so, where there is one.
    pub path: Option<PathBuf>,
}

impl Options {
    /// What describes a model of these inputs: the file that `detect` names, or what is known of the model, with what these options say of the
    /// frame in its place.
    ///
    /// # Errors
    /// A file that is named is not there, `detect` asks for one where there is none, or the frame is not the input's.
    pub fn described(&self, model: &ModelFile, inputs: &[(String, TensorType)]) -> Result<Described, Error> {
        let (found, path) = match &self.detect {
            Some(path) if !path.as_os_str().is_empty() => (Some(Description::read(path)?), Some(path.clone())),
            _ => (model.description()?, model.description_path().filter(|path| path.is_file())),
        };
        if found.is_none() && self.detect.is_some() {
            let place = model.description_path().map(|path| format!("there is no {}", path.display()));
            let place = place.unwrap_or_else(|| "nothing describes the model".to_owned());
            let why = format!("{place}: name the file that describes the detector");
            return Err(OptionError { flag: "--detect".to_owned(), value: String::new(), why }.into());
        }
        let description = self.over(found.unwrap_or_default(), inputs);
        let faults = description.frame.as_ref().map_or(Vec::new(), |frame| frame.faults(inputs));
        if faults.is_empty() { Ok(Described { description, path }) } else { Err(Problems(faults).into()) }
    }

    /// The description, with what these options say of the frame in place of its own.
    fn over(&self, description: Description, inputs: &[(String, TensorType)]) -> Description {
        let Options { mean, scale, order, fit, resize, .. } = self;
        let new = || {
            let map = inputs.first().and_then(|(_, ty)| map_of_pixels(ty, *order, None))?;
            let (fit, resize) = (Fit::Warp, Resize::Bilinear);
            Some(FrameSettings { size: map.size, order: map.order(), mean: (*mean)?, scale: (*scale)?, fit, resize })
        };
        let frame = description.frame.or_else(new).map(|frame| FrameSettings {
            size: frame.size,
            order: order.unwrap_or(frame.order),
            mean: mean.unwrap_or(frame.mean),
            scale: scale.unwrap_or(frame.scale),
            fit: fit.unwrap_or(frame.fit),
            resize: resize.unwrap_or(frame.resize),
        });
        Description { frame, ..description }
    }
}

impl Described {
    /// How a picture becomes one of these inputs.
    ///
    /// # Errors
    /// Nothing says so, or none does.
    pub fn frame(&self, inputs: &[(String, TensorType)]) -> Result<&FrameSettings, Error> {
        if !matches!(inputs, [(_, ty)] if is_of_pixels(ty)) {
            return Err(Problems::from(no_camera(inputs)).into());
        }
        let place = self
            .path
            .as_ref()
            .map_or_else(|| "a file beside the model, of its name with .toml".to_owned(), |path| path.display().to_string());
        let unsaid = || {
            let title = "nothing says how a picture becomes the input";
            Diagnostic::invalid(Code::NOT_DESCRIBED, title).help(format!("describe the [frame] in {place}, or give `--mean` and `--scale`"))
        };
        self.description.frame.as_ref().ok_or_else(|| Problems::from(unsaid()).into())
    }
}
