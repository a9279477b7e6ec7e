//! The frame of a camera as options name it.

use peleec_runtime::FrameLayout;

use super::{FLAGS, Flag, OptionError, Options};
use crate::named::{Named, channels};

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

impl Options {
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
