//! The frame of a camera as options name it, and what the options say of it in place of a model's description.

use std::path::PathBuf;

use peleec_runtime::{Fit, FrameLayout, Resize};

use super::{FLAGS, Flag, OptionError, Options};
use crate::description::{Description, FrameSettings, Named, channels, is_of_pixels, map_of_pixels, no_camera};
use crate::diagnostics::{Code, Diagnostic, Problems};
use crate::error::Error;
use crate::model_file::ModelFile;
use crate::tensor::TensorType;

/// Reads `FORMAT:WIDTHxHEIGHT`.
pub(super) fn layout(text: &str) -> Result<FrameLayout, String> {
    let parts = text.split_once(':').and_then(|(format, size)| Some((format, size.split_once('x')?)));
    let (format, (width, height)) = parts.ok_or("give FORMAT:WIDTHxHEIGHT, such as rgb565:320x240")?;
    let format = Named::named(format).map_err(|why| format!("of formats {why}"))?;
    let side = |text: &str| text.parse().map_err(|_| format!("`{text}` is no number of pixels"));
    Ok(FrameLayout { format, width: side(width)?, height: side(height)? })
}

/// What [`layout`] reads.
pub(super) fn layout_text(FrameLayout { format, width, height }: &FrameLayout) -> String {
    format!("{}:{width}x{height}", format.name())
}

/// Reads a number, or one for each colour.
pub(super) fn colours(text: &str) -> Result<[f32; 3], String> {
    let numbers: Option<Vec<f32>> =
        text.split(',').map(|number| number.trim().parse().ok().filter(|number: &f32| number.is_finite())).collect();
    let numbers = numbers.as_deref().and_then(channels);
    numbers.ok_or_else(|| "give a number, or three for the input's colours in their order, such as 123,117,104".to_owned())
}

/// What [`colours`] reads.
pub(super) fn colours_text(numbers: &[f32; 3]) -> String {
    numbers.map(|number| number.to_string()).join(",")
}

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

    /// An error where something is said of pictures, and the module takes none.
    pub(crate) fn no_idle_words(&self) -> Result<(), OptionError> {
        let is_of_pictures = |flag: &&Flag| ["mean", "scale", "order", "fit", "resize"].contains(&flag.name);
        let said = FLAGS.iter().filter(is_of_pictures).find_map(|flag| Some((flag, (flag.show)(self).pop()?)));
        match said {
            Some((flag, value)) if self.frame.is_none() && self.detect.is_none() => {
                let why = "says how a picture becomes the input: the module takes none without `--frame` or `--detect`".to_owned();
                Err(OptionError { flag: format!("--{}", flag.name), value, why })
            }
            _ => Ok(()),
        }
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

#[cfg(test)]
mod tests {
    use peleec_runtime::PixelFormat;

    use super::*;

    #[test]
    fn a_frame_reads_back_in_every_format() {
        for format in PixelFormat::names() {
            let text = format!("{format}:320x240");
            let found = layout(&text).unwrap();
            assert_eq!((found.width, found.height, layout_text(&found)), (320, 240, text));
        }
        for (text, why) in [
            ("rgb565", "give FORMAT:WIDTHxHEIGHT"),
            ("rgb565:320", "give FORMAT:WIDTHxHEIGHT"),
            ("rgb5:1x1", "of formats there are rgb888, "),
            ("gray8:1xtall", "`tall` is no number of pixels"),
            ("gray8:-1x1", "`-1` is no number of pixels"),
        ] {
            let refusal = layout(text).unwrap_err();
            assert!(refusal.contains(why), "{refusal}");
        }
    }

    #[test]
    fn one_number_stands_for_all_colours() {
        assert_eq!(colours("0.5"), Ok([0.5; 3]));
        assert_eq!(colours("1, 0.5,-2"), Ok([1.0, 0.5, -2.0]));
        assert_eq!(colours_text(&[1.0, 0.5, -2.0]), "1,0.5,-2");
        for text in ["", "1,2", "1,2,3,4", "nan", "1,inf,2", "1,,2"] {
            assert!(colours(text).is_err(), "{text}");
        }
    }
}
