//! A model that looks at pictures: prepared as its description says, run in this process, its outputs read as boxes or as classes.

use peleec::{Compilation, Description, Error, FrameSettings, Options, Tensor, compile, harness, own_detector};
use peleec_runtime::{Detection, Frame, FrameLayout, PixelFormat};

use crate::failure::Failure;
use crate::model::ModelArgs;
use crate::output::Output;
use crate::picture::Picture;

/// The model and what describes it.
pub(crate) struct Viewer {
    compilation: Compilation,
    description: Description,
}

/// What was seen in a picture.
pub(crate) enum Seen {
    Boxes {
        detections: Vec<Detection>,
        truncated: bool,
    },
    /// Every class with its score, the best first.
    Classes(Vec<(usize, f32)>),
}

impl Viewer {
    /// Compiles the model; an error where nothing says how a picture becomes its input.
    pub(crate) fn new(args: &ModelArgs, output: &Output) -> Result<Self, Failure> {
        Self::of(args, |options| options, output)
    }

    /// As [`new`](Self::new), with some options of the model's set otherwise.
    pub(crate) fn of(args: &ModelArgs, with: impl FnOnce(Options) -> Options, output: &Output) -> Result<Self, Failure> {
        if args.options().frame.is_some() {
            return Err(Failure::Usage("pictures come from files, whatever frames a module takes: leave --frame out".to_owned()));
        }
        let model = args.load()?;
        // What is said of pictures is done here, whatever a module would do of it.
        let said = with(args.options_here(harness::own_target(), output));
        let none = Options { detect: None, mean: None, scale: None, order: None, fit: None, resize: None, ..said.clone() };
        let detector = own_detector(&model, &said)?;
        let compilation = compile(&model, if detector.is_some() { &said } else { &none })?;
        output.advice(compilation.notes(), output.verbose);
        let inputs = compilation.meant_inputs();
        let described = said.described(&model, &inputs)?;
        described.frame(&inputs)?;
        let description = described.description;
        Ok(Viewer { compilation, description: Description { detector: detector.or(description.detector), ..description } })
    }

    pub(crate) fn description(&self) -> &Description {
        &self.description
    }

    /// The viewer with another description.
    pub(crate) fn described(self, description: Description) -> Self {
        Viewer { description, ..self }
    }

    /// The picture as the model's input.
    pub(crate) fn input(&self, picture: &Picture) -> Result<Tensor, Failure> {
        let data = |why: String| Failure::from(Error::Data(why));
        let (inputs, frame) = (self.compilation.meant_inputs(), self.description.frame.as_ref());
        let ([(name, ty)], Some(settings)) = (inputs.as_slice(), frame) else {
            return Err(data(format!("the model has {} inputs where a picture is one", inputs.len())));
        };
        let [width, height] = picture.size();
        let layout = FrameLayout { format: PixelFormat::Rgb888, width: width as usize, height: height as usize };
        if layout.bytes() != Some(picture.bytes().len()) {
            return Err(data(format!("a picture of {width}x{height} is too large")));
        }
        let FrameSettings { size: [w, h], .. } = settings;
        let wrong = || data(format!("input `{name}` is {ty}, and the description's [frame] gives {w}x{h} pixels of another kind"));
        let input = settings.input(&Frame::new(layout, picture.bytes()), ty).ok_or_else(wrong)?;
        match (self.compilation.input_scales().first(), &self.compilation.inputs()[..]) {
            (Some(Some(scale)), [(_, ty)]) => scale.bytes(&input, ty.dtype).ok_or_else(wrong),
            _ => Ok(input),
        }
    }

    /// Prepares the picture, runs the plan, and reads the outputs.
    pub(crate) fn look(&self, picture: &Picture) -> Result<Seen, Failure> {
        let data = |why: String| Failure::from(Error::Data(why));
        let outputs = self.compilation.execute(&[self.input(picture)?])?;
        if self.description.detector.is_some() {
            let names = self.compilation.output_types().into_iter().map(|(name, _)| name);
            let outputs: Vec<(String, Tensor)> = names.zip(outputs).collect();
            let seen = self.description.detect_bytes(&outputs, self.compilation.output_scales(), picture.size());
            let seen = seen.map_err(Error::from)?;
            return Ok(Seen::Boxes { detections: seen.detections, truncated: seen.truncated });
        }
        let first = outputs.first();
        let scores = match self.compilation.output_scales().first() {
            Some(Some(scale)) => first.and_then(|scores| scale.floats(scores)),
            _ => first.and_then(Tensor::as_f32).map(<[f32]>::to_vec),
        };
        let scores = scores.ok_or_else(|| data("the model gives no scores that are floats or stand for some".to_owned()))?;
        Ok(Seen::Classes(ranked(scores)))
    }
}

/// Classes with their scores, the best first; those whose score is no number come last.
fn ranked(scores: Vec<f32>) -> Vec<(usize, f32)> {
    let mut classes: Vec<_> = scores.into_iter().enumerate().collect();
    classes.sort_by(|(_, a), (_, b)| a.is_nan().cmp(&b.is_nan()).then(b.total_cmp(a)));
    classes
}

/// The name of a class, or its number.
pub(crate) fn label(description: &Description, class: usize) -> String {
    description.labels.get(class).cloned().unwrap_or_else(|| format!("class {class}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_class_comes_first_and_what_is_no_number_last() {
        let classes = |scores: &[f32]| ranked(scores.to_vec()).into_iter().map(|(class, _)| class).collect::<Vec<_>>();
        assert_eq!(classes(&[0.25, f32::NAN, 0.5, -f32::NAN, f32::NEG_INFINITY, 0.5]), [2, 5, 0, 4, 1, 3]);
    }
}
