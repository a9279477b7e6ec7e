//! How a picture becomes a network's input: what a description says of it, and the camera's frame that a module takes.

use peleec_runtime::{ColourOrder, Fit, Frame, FrameLayout, Preparation, Resize};
use serde::Deserialize;

use crate::diagnostics::{Code, Diagnostic, Problems};
use crate::named::{self, Named};
use crate::ops::ByteScale;
use crate::tensor::{DType, Tensor, TensorType};

/// What bytes stand for of which nothing else is known: the numbers that they are.
const THEMSELVES: ByteScale = ByteScale { scale: 1.0, zero_point: 0 };

/// How a picture becomes the input.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameSettings {
    /// Width and height of the input.
    pub size: [u32; 2],
    /// Which colour comes first, or that there is one channel.
    #[serde(deserialize_with = "named::deserialize")]
    pub order: ColourOrder,
    /// What is taken from each colour, in the input's order; of gray all are one.
    #[serde(deserialize_with = "named::deserialize_channels")]
    pub mean: [f32; 3],
    /// What the difference is multiplied by.
    #[serde(deserialize_with = "named::deserialize_channels")]
    pub scale: [f32; 3],
    /// How a picture of another shape becomes one of the input's.
    #[serde(deserialize_with = "named::deserialize")]
    pub fit: Fit,
    /// How pixels between pixels are made.
    #[serde(deserialize_with = "named::deserialize")]
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

    /// The input of a picture: `[1, C, height, width]`, or `[1, height, width, C]`, of one channel if the order is gray, else of three, and of
    /// f32, or of bytes, which are the values rounded to the nearest, the even one of two; none where the input's type is no such.
    pub fn input(&self, frame: &Frame<'_>, ty: &TensorType) -> Option<Tensor> {
        let map = self.map_in(ty).filter(|map| map.size == self.size && map.channels == self.channels())?;
        let values = if map.channels == 1 { self.values::<1>(frame, &map) } else { self.values::<3>(frame, &map) };
        let values = Tensor::f32(ty.shape.clone(), values)?;
        if ty.dtype == DType::F32 { Some(values) } else { THEMSELVES.bytes(&values, ty.dtype) }
    }

    /// The values of an input of `C` channels, row-major.
    fn values<const C: usize>(&self, frame: &Frame<'_>, map: &PixelMap) -> Vec<f32> {
        let [width, height] = self.input_size();
        let (preparation, mut values) = (self.preparation(), vec![0.0; C * width * height]);
        let mut row = vec![[0.0; C]; width];
        for y in 0..height {
            preparation.row(frame, y, &mut row);
            for (x, pixel) in row.iter().enumerate() {
                for (channel, &value) in pixel.iter().enumerate() {
                    let at = if map.channels_first { (channel * height + y) * width + x } else { (y * width + x) * C + channel };
                    values[at] = value;
                }
            }
        }
        values
    }

    /// How many channels the input has.
    pub(crate) fn channels(&self) -> usize {
        channels_of(self.order)
    }

    /// Channels, height and width of the input.
    pub(crate) fn extents(&self) -> [usize; 3] {
        let [width, height] = self.input_size();
        [self.channels(), height, width]
    }

    /// As what map of pixels an input of this type is meant.
    fn map_in(&self, ty: &TensorType) -> Option<PixelMap> {
        map_of_pixels(ty, Some(self.order), Some(self.size))
    }

    /// What is wrong with the settings by themselves, and with size and order where the input is of others.
    pub(crate) fn faults(&self, inputs: &[(String, TensorType)]) -> Vec<Diagnostic> {
        let mut faults = Vec::new();
        if self.mean.iter().chain(&self.scale).any(|number| !number.is_finite()) {
            faults.push(Diagnostic::invalid(Code::NORMALISATION, "a mean or scale of the frame is no finite number"));
        }
        if self.size.contains(&0) {
            faults.push(Diagnostic::invalid(Code::IMPOSSIBLE, "the description's frame has no pixels"));
        }
        if self.order == ColourOrder::Gray {
            let several = [("mean", self.mean), ("scale", self.scale)].into_iter().filter(|(_, [a, b, c])| [a, b] != [b, c]);
            faults.extend(several.map(|(name, found)| {
                let diagnostic = Diagnostic::invalid(Code::IMPOSSIBLE, format!("gray has one `{name}`, and the frame has three"));
                diagnostic.found(format!("{found:?} for `order` \"gray\"")).help(format!("give one number as `{name}`"))
            }));
        }
        if let [(name, ty)] = inputs
            && let Some(map) = self.map_in(ty)
        {
            faults.extend(self.mismatches(name, ty, &map));
        }
        faults
    }

    /// In what the input, a map of pixels, is another than what is described.
    fn mismatches(&self, name: &str, ty: &TensorType, map: &PixelMap) -> Vec<Diagnostic> {
        let mut faults = Vec::new();
        let wrong = |title: String, found: String| Diagnostic::invalid(Code::NO_PICTURE, title).found(found);
        let ([w, h], [width, height]) = (self.size, map.size);
        if self.size != map.size {
            let title = format!("the description's frame of {w}x{h} pixels is not the size of the input");
            faults.push(wrong(title, format!("`{name}` {ty}")).help(format!("describe a `size` of [{width}, {height}]")));
        }
        if self.channels() != map.channels {
            let order = self.order.name();
            let (count, other) = if map.channels == 1 { ("one channel", "gray") } else { ("three channels", "rgb") };
            let title = format!("the input has {count}, and the frame's `order` is \"{order}\"");
            faults.push(
                wrong(title, format!("`{name}` {ty}")).help(format!("describe the `order` as \"{other}\", or give `--order {other}`")),
            );
        }
        faults
    }

    fn input_size(&self) -> [usize; 2] {
        self.size.map(|side| side as usize)
    }
}

/// An input of pixels.
pub(crate) struct PixelMap {
    /// Width and height.
    pub(crate) size: [u32; 2],
    /// One or three.
    pub(crate) channels: usize,
    /// Whether the channels come before the rows.
    pub(crate) channels_first: bool,
}

impl PixelMap {
    /// Which order the channels have where nothing says another.
    pub(crate) fn order(&self) -> ColourOrder {
        if self.channels == 1 { ColourOrder::Gray } else { ColourOrder::Rgb }
    }
}

fn channels_of(order: ColourOrder) -> usize {
    if order == ColourOrder::Gray { 1 } else { 3 }
}

/// What an input of three colours or of one channel is, in f32 or bytes; none for other inputs.
///
/// An extent of three or one may be that of the channels or of a side: `[1, 3, 4, 1]` is of three colours, or gray with the channel last. Then
/// the channels of `order` decide, and then `size`, width and height. What they leave open is of colours, and has the channels first.
pub(crate) fn map_of_pixels(ty: &TensorType, order: Option<ColourOrder>, size: Option<[u32; 2]>) -> Option<PixelMap> {
    let goes_with = |map: &PixelMap| {
        let has_channels = order.is_none_or(|order| channels_of(order) == map.channels);
        (has_channels, size.is_none_or(|size| size == map.size))
    };
    // Of those that go as well with what is said the last is the greatest.
    readings(ty).into_iter().rev().max_by_key(goes_with)
}

/// Whether an input can be of pixels.
pub(crate) fn is_of_pixels(ty: &TensorType) -> bool {
    !readings(ty).is_empty()
}

/// All maps of pixels that an input of this type can be: those of colours first, and of these those whose channels come first.
fn readings(ty: &TensorType) -> Vec<PixelMap> {
    let &[1, a, b, c] = ty.shape.0.as_slice() else { return Vec::new() };
    if !matches!(ty.dtype, DType::F32 | DType::I8 | DType::U8) {
        return Vec::new();
    }
    let forms = [(3, true), (3, false), (1, true), (1, false)].into_iter();
    let reading = |(channels, channels_first): (usize, bool)| {
        let (extent, width, height) = if channels_first { (a, c, b) } else { (c, b, a) };
        let size = [u32::try_from(width).ok()?, u32::try_from(height).ok()?];
        Some(PixelMap { size, channels, channels_first }).filter(|_| extent == channels)
    };
    forms.filter_map(reading).collect()
}

/// That pictures do not become the inputs, whatever is described.
pub(crate) fn no_camera(inputs: &[(String, TensorType)]) -> Diagnostic {
    let names: Vec<_> = inputs.iter().map(|(name, ty)| format!("`{name}` {ty}")).collect();
    let refusal = Diagnostic::unsupported(Code::NO_PICTURE, "a picture does not become this model's input").found(names.join(", "));
    let supported = "one input of f32, i8 or u8, of three colours or one channel: [1,C,H,W], or [1,H,W,C] whose channels the graph moves to the \
        front before all else";
    let out = "leave `--frame` out; `peleec verify MODEL DIR` runs the model on test data";
    let is_either = matches!(inputs, [(_, ty)] if readings(ty).windows(2).any(|pair| pair[0].channels != pair[1].channels));
    let either = "say by `--order gray` or `--order rgb` which extent is that of the channels, or ";
    refusal.supported(supported).help(if is_either { format!("{either}{out}") } else { out.to_owned() })
}

/// The camera of a model whose inputs are these; `settings` say how a frame becomes the input.
pub(crate) fn attach_camera(layout: FrameLayout, settings: FrameSettings, inputs: &[(String, TensorType)]) -> Result<Camera, Problems> {
    let mut problems = settings.faults(inputs);
    problems.extend((!matches!(inputs, [(_, ty)] if is_of_pixels(ty))).then(|| no_camera(inputs)));
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

    #[test]
    fn an_order_goes_with_the_channels() {
        let told = |settings: &FrameSettings, ty: TensorType| {
            let faults = settings.faults(&[("x".to_owned(), ty)]).into_iter();
            faults.map(|fault| format!("{} / {}", fault.title, fault.help.unwrap_or_default())).collect::<Vec<_>>().join("\n")
        };
        let gray = FrameSettings { order: ColourOrder::Gray, ..settings() };
        assert_eq!(told(&gray, TensorType::new(DType::U8, [1, 80, 160, 1])), "");
        let one =
            "the input has one channel, and the frame's `order` is \"rgb\" / describe the `order` as \"gray\", or give `--order gray`";
        assert_eq!(told(&settings(), TensorType::f32([1, 1, 80, 160])), one);
        let three =
            "the input has three channels, and the frame's `order` is \"gray\" / describe the `order` as \"rgb\", or give `--order rgb`";
        assert_eq!(told(&gray, TensorType::f32([1, 3, 80, 160])), three);
        let means = FrameSettings { mean: [1.0, 2.0, 3.0], ..gray };
        let several = "gray has one `mean`, and the frame has three / give one number as `mean`";
        assert_eq!(told(&means, TensorType::f32([1, 1, 80, 160])), several);
    }

    #[test]
    fn an_extent_of_three_or_one_is_read_as_order_and_size_say() {
        let map = |shape: [usize; 4], order, size| {
            let map = map_of_pixels(&TensorType::f32(shape), order, size)?;
            Some((map.channels, map.size, map.channels_first))
        };
        let (gray, bgr) = (Some(ColourOrder::Gray), Some(ColourOrder::Bgr));
        // Of a gray picture of three rows with its channel last, and of one of three columns with it first.
        for (shape, colours, one) in
            [([1, 3, 4, 1], (3, [1, 4], true), (1, [4, 3], false)), ([1, 1, 4, 3], (3, [4, 1], false), (1, [3, 4], true))]
        {
            assert_eq!([map(shape, None, None), map(shape, bgr, None)], [Some(colours); 2]);
            assert_eq!([map(shape, gray, None), map(shape, None, Some(one.1))], [Some(one); 2]);
            assert_eq!(map(shape, gray, Some(colours.1)), Some(one), "the order counts more");
        }
        // Channels on either end.
        assert_eq!(map([1, 3, 5, 3], bgr, None), Some((3, [3, 5], true)));
        assert_eq!(map([1, 3, 5, 3], bgr, Some([5, 3])), Some((3, [5, 3], false)));
        assert_eq!(map([1, 1, 4, 1], None, Some([4, 1])), Some((1, [4, 1], false)));
        // An order that no reading has is left to be found fault with.
        assert_eq!(map([1, 1, 4, 5], bgr, None), Some((1, [5, 4], true)));
        assert_eq!(map([1, 2, 4, 5], gray, Some([4, 2])), None);
    }

    #[test]
    fn a_gray_picture_of_three_rows_is_gray() {
        let (order, fit, resize) = (ColourOrder::Gray, Fit::Warp, Resize::Nearest);
        let settings = FrameSettings { size: [4, 3], order, mean: [0.0; 3], scale: [1.0; 3], fit, resize };
        let ty = TensorType::f32([1, 3, 4, 1]);
        assert!(settings.faults(&[("x".to_owned(), ty.clone())]).is_empty());
        let layout = FrameLayout { format: peleec_runtime::PixelFormat::Gray8, width: 4, height: 3 };
        let bytes: [u8; 12] = [9, 8, 7, 6, 50, 51, 52, 53, 0, 255, 1, 254];
        assert_eq!(settings.input(&Frame::new(layout, &bytes), &ty), Tensor::f32([1, 3, 4, 1], bytes.map(f32::from)));
        let help = |shape: [usize; 4]| no_camera(&[("x".to_owned(), TensorType::f32(shape))]).help.unwrap_or_default();
        assert!(help([1, 3, 4, 1]).contains("--order gray") && !help([1, 3, 4, 5]).contains("--order"));
    }

    #[test]
    fn inputs_of_bytes_are_rounded() {
        let layout = FrameLayout { format: peleec_runtime::PixelFormat::Gray8, width: 4, height: 1 };
        let (order, mean, scale) = (ColourOrder::Gray, [1.0; 3], [0.5; 3]);
        let settings = FrameSettings { size: [4, 1], order, mean, scale, fit: Fit::Warp, resize: Resize::Nearest };
        let input = |ty: &TensorType| settings.input(&Frame::new(layout, &[0, 2, 4, 255]), ty);
        let of = |dtype| TensorType::new(dtype, [1, 1, 1, 4]);
        // -0.5, 0.5, 1.5 and 127.
        let known = |dtype, bytes: [u8; 4]| Some(Tensor::from_low_bytes(&of(dtype), |at| bytes[at]));
        assert_eq!(input(&of(DType::U8)), known(DType::U8, [0, 0, 2, 127]));
        assert_eq!(input(&of(DType::I8)), known(DType::I8, [0, 0, 2, 127]));
        assert_eq!(input(&of(DType::F32)), Tensor::f32([1, 1, 1, 4], [-0.5, 0.5, 1.5, 127.0]));
        assert_eq!(input(&of(DType::I32)), None);
    }
}
