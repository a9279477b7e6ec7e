//! From a picture to a network's input, row by row: resized, its colours ordered or made gray, less their means, scaled.
//!
//! The definition, in `f32` and in this order of operations, so that every machine gives the same bits. Along each axis the place of output
//! pixel `i` in a picture of `n` pixels that becomes one of `m` is `(i + 0.5) * (n / m) - 0.5`, limited to `0` and `n - 1`; `k` is that place
//! rounded down and `f` what is left. A colour between pixels is `a + (b - a) * f` of those at `k` and at `k + 1`, or the last: first along the
//! row above and the row below, then between these. The nearest pixel is that at `(i + 0.5) * (n / m)`, rounded down, or the last. The input is
//! `(colour - mean) * scale`; around a picture that does not fill it, it is 0, as of the mean.
//!
//! An input of one channel has one colour in place of three, gray, before anything else is done: the luma of BT.601,
//! `(19595 red + 38470 green + 7471 blue + 32768) >> 16` in integers; of `Yuv422`, Y as it is. An input of bytes has what `QuantizeLinear` makes
//! of these numbers.

mod bytes;
mod fit;
mod format;

pub use bytes::PixelBytes;
pub use fit::{Fit, Fitted};
pub use format::{Frame, FrameLayout, PixelFormat};

/// Which colour comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColourOrder {
    /// Red.
    Rgb,
    /// Blue.
    Bgr,
    /// None: the input has one channel.
    Gray,
}

/// How pixels between pixels are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resize {
    /// They are the nearest.
    Nearest,
    /// Of the four around.
    Bilinear,
}

/// How a picture becomes an input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preparation {
    /// Width and height of the input.
    pub size: [usize; 2],
    /// Which colour comes first in the input.
    pub order: ColourOrder,
    /// What is taken from each colour, in the input's order; from gray the first.
    pub mean: [f32; 3],
    /// What the difference is multiplied by, in the input's order; that of gray by the first.
    pub scale: [f32; 3],
    /// How a picture of another shape becomes one of the input's.
    pub fit: Fit,
    /// How pixels between pixels are made.
    pub resize: Resize,
}

impl Preparation {
    /// Gives row `y` of the input: as many pixels as `row` has, of three channels, or of one, which is gray whatever the order.
    ///
    /// ```
    /// use peleec_runtime::{ColourOrder, Fit, Frame, FrameLayout, PixelFormat, Preparation, Resize};
    /// let layout = FrameLayout { format: PixelFormat::Rgb888, width: 2, height: 1 };
    /// let picture = Frame::new(layout, &[0, 10, 20, 100, 110, 120]);
    /// let wider = Preparation {
    ///     size: [4, 1],
    ///     order: ColourOrder::Bgr,
    ///     mean: [20.0, 0.0, 0.0],
    ///     scale: [1.0, 1.0, 0.5],
    ///     fit: Fit::Warp,
    ///     resize: Resize::Bilinear,
    /// };
    /// let mut row = [[0.0; 3]; 4];
    /// wider.row(&picture, 0, &mut row);
    /// assert_eq!(row, [[0.0, 10.0, 0.0], [25.0, 35.0, 12.5], [75.0, 85.0, 37.5], [100.0, 110.0, 50.0]]);
    /// ```
    pub fn row<const C: usize>(&self, frame: &Frame<'_>, y: usize, row: &mut [[f32; C]]) {
        self.each(frame, y, row, |value| value);
    }

    /// Gives row `y` of the input, of its values what `made` makes of them.
    fn each<T, const C: usize>(&self, frame: &Frame<'_>, y: usize, row: &mut [[T; C]], made: impl Fn(f32) -> T) {
        let FrameLayout { width, height, .. } = frame.layout;
        let Fitted { at: [left, top], size: [columns, rows] } = self.fit.place([width, height], self.size);
        let y = y.checked_sub(top).filter(|&y| y < rows);
        let down = y.map(|y| self.place(y, height, rows));
        for (x, pixel) in row.iter_mut().enumerate() {
            let x = x.checked_sub(left).filter(|&x| x < columns);
            let values = match (x, &down) {
                (Some(x), Some(down)) => self.normalised(between(frame, &self.place(x, width, columns), down)),
                _ => [0.0; C],
            };
            for (to, value) in pixel.iter_mut().zip(&values) {
                *to = made(*value);
            }
        }
    }

    /// What shares of the input's width and height are multiplied by to be pixels of a picture of this width and height, and what is then taken
    /// from them; exact where the picture fills the input.
    ///
    /// ```
    /// # use peleec_runtime::{ColourOrder, Fit, Preparation, Resize};
    /// # let (order, mean, scale, resize) = (ColourOrder::Rgb, [0.0; 3], [1.0; 3], Resize::Nearest);
    /// let stretched = Preparation { size: [160, 80], fit: Fit::Warp, order, mean, scale, resize };
    /// assert_eq!(stretched.to_picture([333, 77]), ([333.0, 77.0], [0.0, 0.0]));
    /// // 40x80 pixels in the middle of the input, each of which is four of the picture: 60 more would fit on either side.
    /// let in_the_middle = Preparation { fit: Fit::Letterbox, ..stretched };
    /// assert_eq!(in_the_middle.to_picture([160, 320]), ([640.0, 320.0], [240.0, 0.0]));
    /// ```
    pub const fn to_picture(&self, picture: [usize; 2]) -> ([f32; 2], [f32; 2]) {
        let Fitted { at, size } = self.fit.place(picture, self.size);
        let across = [as_picture(self.size[0], picture[0], size[0]), as_picture(self.size[1], picture[1], size[1])];
        (across, [as_picture(at[0], picture[0], size[0]), as_picture(at[1], picture[1], size[1])])
    }

    /// The colours, red first, as the input has them.
    fn normalised<const C: usize>(&self, colours: [f32; C]) -> [f32; C] {
        let mut values = ordered(self.order, colours);
        for (value, (mean, scale)) in values.iter_mut().zip(self.mean.iter().zip(&self.scale)) {
            *value = (*value - mean) * scale;
        }
        values
    }

    /// Where output pixel `at` of `to` lies in a row of `from`.
    fn place(&self, at: usize, from: usize, to: usize) -> Place {
        let last = from.saturating_sub(1);
        let place = (at as f32 + 0.5) * (from as f32 / to as f32);
        if self.resize == Resize::Nearest {
            let nearest = last.min(place as usize);
            return Place { first: nearest, second: nearest, share: 0.0 };
        }
        let place = place - 0.5;
        let place = if place > 0.0 { place } else { 0.0 };
        let place = if place < last as f32 { place } else { last as f32 };
        let first = place as usize;
        Place { first, second: last.min(first.saturating_add(1)), share: place - first as f32 }
    }
}

/// So many pixels of an input in pixels of a picture, `picture` of which become `size` of it.
const fn as_picture(pixels: usize, picture: usize, size: usize) -> f32 {
    (pixels as f64 * picture as f64 / size as f64) as f32
}

/// The pixels between which a place lies, and how far it is from the first.
struct Place {
    first: usize,
    second: usize,
    share: f32,
}

/// Colours, the first of which is red, in an order.
fn ordered<T, const C: usize>(order: ColourOrder, mut colours: [T; C]) -> [T; C] {
    if order == ColourOrder::Bgr
        && let [red, _, blue] = colours.as_mut_slice()
    {
        core::mem::swap(red, blue);
    }
    colours
}

/// The colours at a place in a picture, red first.
fn between<const C: usize>(frame: &Frame<'_>, along: &Place, down: &Place) -> [f32; C] {
    let colours = |x, y| frame.colours::<C>(x, y).map(f32::from);
    let row = |y| mixed(colours(along.first, y), colours(along.second, y), along.share);
    mixed(row(down.first), row(down.second), down.share)
}

fn mixed<const C: usize>(mut colours: [f32; C], others: [f32; C], share: f32) -> [f32; C] {
    for (colour, other) in colours.iter_mut().zip(&others) {
        *colour += (other - *colour) * share;
    }
    colours
}
