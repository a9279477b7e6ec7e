//! From a picture to a network's input, row by row: resized, its colours ordered, less their means, scaled.
//!
//! The definition, in `f32` and in this order of operations, so that every machine gives the same bits. Along each axis the place of output
//! pixel `i` in a picture of `n` pixels that becomes one of `m` is `(i + 0.5) * (n / m) - 0.5`, limited to `0` and `n - 1`; `k` is that place
//! rounded down and `f` what is left. A colour between pixels is `a + (b - a) * f` of those at `k` and at `k + 1`, or the last: first along the
//! row above and the row below, then between these. The input is `(colour - mean) * scale`.

/// A picture of three bytes a pixel, red first, row by row without gaps.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    bytes: &'a [u8],
    width: usize,
    height: usize,
}

impl<'a> Frame<'a> {
    /// A picture of this width and height; none where it has no pixels, or not so many bytes.
    pub const fn rgb888(bytes: &'a [u8], width: usize, height: usize) -> Option<Self> {
        let count = match width.checked_mul(height) {
            Some(pixels) => pixels.checked_mul(3),
            None => None,
        };
        match count {
            Some(count) if count > 0 && count == bytes.len() && width <= MOST && height <= MOST => Some(Frame { bytes, width, height }),
            _ => None,
        }
    }

    /// A pixel of row `y`.
    fn pixel(&self, x: usize, y: usize) -> [u8; 3] {
        let pixel = self.bytes.get(3 * (y * self.width + x)..).and_then(<[u8]>::first_chunk);
        pixel.copied().unwrap_or_default()
    }
}

/// The widest and highest picture: places in it are exact in `f32`.
const MOST: usize = 1 << 16;

/// Which colour comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColourOrder {
    /// Red.
    Rgb,
    /// Blue.
    Bgr,
}

/// How a picture becomes an input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preparation {
    /// Width and height of the input.
    pub size: [usize; 2],
    /// Which colour comes first in the input.
    pub order: ColourOrder,
    /// What is taken from each colour, in the input's order.
    pub mean: [f32; 3],
    /// What the difference is multiplied by, in the input's order.
    pub scale: [f32; 3],
}

impl Preparation {
    /// Gives row `y` of the input: as many pixels as `row` has.
    ///
    /// ```
    /// use peleec_runtime::{ColourOrder, Frame, Preparation};
    /// let picture = Frame::rgb888(&[0, 10, 20, 100, 110, 120], 2, 1).expect("two pixels");
    /// let wider = Preparation { size: [4, 1], order: ColourOrder::Bgr, mean: [20.0, 0.0, 0.0], scale: [1.0, 1.0, 0.5] };
    /// let mut row = [[0.0; 3]; 4];
    /// wider.row(&picture, 0, &mut row);
    /// assert_eq!(row, [[0.0, 10.0, 0.0], [25.0, 35.0, 12.5], [75.0, 85.0, 37.5], [100.0, 110.0, 50.0]]);
    /// ```
    pub fn row(&self, frame: &Frame<'_>, y: usize, row: &mut [[f32; 3]]) {
        let [width, height] = self.size;
        let (above, below, down) = place(y, frame.height, height);
        for (x, pixel) in row.iter_mut().enumerate() {
            let (left, right, along) = place(x, frame.width, width);
            let corners = [(left, above), (right, above), (left, below), (right, below)].map(|(x, y)| frame.pixel(x, y).map(f32::from));
            for (channel, to) in pixel.iter_mut().enumerate() {
                let colour = if self.order == ColourOrder::Bgr { 2 - channel.min(2) } else { channel };
                let [a, b, c, d] = corners.map(|corner| corner.get(colour).copied().unwrap_or_default());
                let (upper, lower) = (a + (b - a) * along, c + (d - c) * along);
                let value = upper + (lower - upper) * down;
                let (mean, scale) = (self.mean.get(channel).copied(), self.scale.get(channel).copied());
                *to = (value - mean.unwrap_or_default()) * scale.unwrap_or_default();
            }
        }
    }
}

/// The pixels between which output pixel `at` of `to` lies in a row of `from`, and how far it is from the first.
fn place(at: usize, from: usize, to: usize) -> (usize, usize, f32) {
    let place = (at as f32 + 0.5) * (from as f32 / to as f32) - 0.5;
    let last = from.saturating_sub(1);
    let place = if place > 0.0 { place } else { 0.0 };
    let place = if place < last as f32 { place } else { last as f32 };
    let first = place as usize;
    (first, last.min(first + 1), place - first as f32)
}
