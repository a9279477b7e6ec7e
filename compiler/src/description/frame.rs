//! How a picture becomes a network's input: what a description says of it, and the camera's frame that a module takes.

use peleec_runtime::{ColourOrder, Fit, Frame, FrameLayout, Preparation, Resize};
use serde::Deserialize;

use super::words;
use crate::diagnostics::{Code, Diagnostic, Problems};
use crate::ir::{DType, Tensor, TensorType};

/// How a picture becomes the input.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameSettings {
    /// Width and height of the input.
    pub size: [u32; 2],
    /// Which colour comes first.
    #[serde(deserialize_with = "words::deserialize")]
    pub order: ColourOrder,
    /// What is taken from each colour, in the input's order.
    pub mean: [f32; 3],
    /// What the difference is multiplied by.
    pub scale: [f32; 3],
    /// How a picture of another shape becomes one of the input's.
    #[serde(deserialize_with = "words::deserialize")]
    pub fit: Fit,
    /// How pixels between pixels are made.
    #[serde(deserialize_with = "words::deserialize")]
    pub resize: Resize,
}

/// The frames that a module takes, and what it does to them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Camera {
    pub(crate) layout: FrameLayout,
    /// Bytes of a frame.
    pub(crate) bytes: usize,
    pub(crate) settings: FrameSettings,
}

impl Camera {
    /// Width and height of a frame.
    pub(crate) fn size(&self) -> [u32; 2] {
        [self.layout.width, self.layout.height].map(|side| side as u32)
    }
}

impl FrameSettings {
    /// What the runtime does to a picture.
    pub fn preparation(&self) -> Preparation {
        let FrameSettings { order, mean, scale, fit, resize, .. } = *self;
        Preparation { size: self.input_size(), order, mean, scale, fit, resize }
    }

    /// The input of a picture: `[1, 3, height, width]`, or `[1, height, width, 3]`; none where the input's type is neither.
    pub fn input(&self, frame: &Frame<'_>, ty: &TensorType) -> Option<Tensor> {
        let [width, height] = self.input_size();
        let (size, channels_first) = map_of_colours(ty)?;
        if size != self.size {
            return None;
        }
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
        Tensor::f32(ty.shape.clone(), values)
    }

    /// What is wrong with the settings by themselves, and with the size where the inputs say another.
    pub(crate) fn faults(&self, inputs: &[(String, TensorType)]) -> Vec<Diagnostic> {
        let mut faults = Vec::new();
        if self.mean.iter().chain(&self.scale).any(|number| !number.is_finite()) {
            faults.push(Diagnostic::invalid(Code::NORMALISATION, "a mean or scale of the frame is no finite number"));
        }
        if self.size.contains(&0) {
            faults.push(Diagnostic::invalid(Code::IMPOSSIBLE, "the description's frame has no pixels"));
        }
        if let [(name, ty)] = inputs
            && let Some(([width, height], _)) = map_of_colours(ty)
            && self.size != [width, height]
        {
            let [w, h] = self.size;
            let title = format!("the description's frame of {w}x{h} pixels is not the size of the input");
            let found = format!("`{name}` {ty}");
            faults
                .push(Diagnostic::invalid(Code::NO_PICTURE, title).found(found).help(format!("describe a `size` of [{width}, {height}]")));
        }
        faults
    }

    fn input_size(&self) -> [usize; 2] {
        self.size.map(|side| side as usize)
    }
}

/// Width and height of an input of three colours in f32, and whether the colours come before the rows; none for other inputs.
pub(crate) fn map_of_colours(ty: &TensorType) -> Option<([u32; 2], bool)> {
    let (width, height, channels_first) = match *ty.shape.0.as_slice() {
        [1, 3, h, w] => (w, h, true),
        [1, h, w, 3] => (w, h, false),
        _ => return None,
    };
    let size = [u32::try_from(width).ok()?, u32::try_from(height).ok()?];
    Some((size, channels_first)).filter(|_| ty.dtype == DType::F32)
}

/// That pictures do not become the inputs, whatever is described.
pub(crate) fn no_camera(inputs: &[(String, TensorType)]) -> Diagnostic {
    let names: Vec<_> = inputs.iter().map(|(name, ty)| format!("`{name}` {ty}")).collect();
    let refusal = Diagnostic::unsupported(Code::NO_PICTURE, "a picture does not become this model's input").found(names.join(", "));
    let supported = "one input, f32[1,3,H,W], or f32[1,H,W,3] whose colours the graph moves to the front before all else";
    refusal.supported(supported).help("leave `--frame` out; `peleec verify MODEL DIR` runs the model on test data")
}

/// The camera of a model whose inputs are these; `settings` say how a frame becomes the input.
pub(crate) fn attach_camera(layout: FrameLayout, settings: FrameSettings, inputs: &[(String, TensorType)]) -> Result<Camera, Problems> {
    let mut problems = settings.faults(inputs);
    problems.extend((!matches!(inputs, [(_, ty)] if map_of_colours(ty).is_some())).then(|| no_camera(inputs)));
    let bytes = layout.bytes().filter(|&bytes| bytes <= i32::MAX as usize);
    if bytes.is_none() {
        let refusal = Diagnostic::unsupported(Code::FRAME, format!("no frame is {}x{}", layout.width, layout.height));
        problems.push(refusal.supported("1 to 65536 pixels along each side, less than 2 GiB in all; an even width for yuv422"));
    }
    match bytes {
        Some(bytes) if problems.is_empty() => Ok(Camera { layout, bytes, settings }),
        _ => Err(Problems(problems)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> FrameSettings {
        let (order, fit, resize) = (ColourOrder::Rgb, Fit::Warp, Resize::Bilinear);
        FrameSettings { size: [160, 80], order, mean: [0.0; 3], scale: [1.0; 3], fit, resize }
    }

    #[test]
    fn what_is_no_frame_for_the_model_is_named_at_once() {
        let inputs = [("x".to_owned(), TensorType::f32([1, 3, 80, 160]))];
        let layout = |format, width, height| FrameLayout { format, width, height };
        let told = |layout, settings, inputs: &[_]| {
            let problems = attach_camera(layout, settings, inputs).err().map_or(Vec::new(), |problems| problems.0);
            problems.into_iter().map(|problem| problem.code).collect::<Vec<_>>()
        };
        let camera = attach_camera(layout(peleec_runtime::PixelFormat::Yuv422, 6, 4), settings(), &inputs);
        assert_eq!(camera.map(|camera| camera.bytes), Ok(48));
        let odd = layout(peleec_runtime::PixelFormat::Yuv422, 5, 4);
        let wrong = FrameSettings { size: [80, 160], mean: [f32::NAN; 3], ..settings() };
        assert_eq!(told(odd, wrong, &inputs), ["PL0409", "PL0407", "PL0408"]);
        let gray = layout(peleec_runtime::PixelFormat::Gray8, usize::MAX, 2);
        assert_eq!(told(gray, settings(), &[]), ["PL0407", "PL0408"]);
    }
}
