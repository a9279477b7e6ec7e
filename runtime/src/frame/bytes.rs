//! Rows of inputs of bytes.

use core::marker::PhantomData;

use super::{ColourOrder, Frame, Preparation, ordered};
use crate::element::ByteElement;
use crate::quantize::{quantizer, round};

/// What the bytes of colours become in an input of bytes of the picture's own size, a table a channel: what [`Preparation::quantized_row`]
/// gives there, without a float.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PixelBytes<T, const C: usize> {
    order: ColourOrder,
    /// The bits of an element for each byte of a channel.
    tables: [[u8; 256]; C],
    element: PhantomData<T>,
}

impl Preparation {
    /// As [`row`](Self::row), for an input of bytes: of each value the byte `round(value / scale) + zero`, limited to those that there are. A
    /// quotient between two integers becomes the even one.
    ///
    /// ```
    /// use peleec_runtime::{ColourOrder, Fit, Frame, FrameLayout, PixelFormat, Preparation, Resize};
    /// let picture = Frame::new(FrameLayout { format: PixelFormat::Gray8, width: 4, height: 1 }, &[0, 10, 127, 255]);
    /// let (mean, scale, fit, resize) = ([127.5; 3], [1.0; 3], Fit::Warp, Resize::Bilinear);
    /// let gray = Preparation { size: [4, 1], order: ColourOrder::Gray, mean, scale, fit, resize };
    /// let mut row = [[0_i8; 1]; 4];
    /// gray.quantized_row(1.0, 0, &picture, 0, &mut row);
    /// assert_eq!(row, [[-128], [-118], [0], [127]]);
    /// gray.pixel_bytes(1.0, 0).row(&picture, 0, &mut row);
    /// assert_eq!(row, [[-128], [-118], [0], [127]]);
    /// ```
    pub fn quantized_row<T: ByteElement, const C: usize>(&self, scale: f32, zero: i32, frame: &Frame<'_>, y: usize, row: &mut [[T; C]]) {
        self.each(frame, y, row, quantizer(scale, zero, T::LIMITS));
    }

    /// What [`quantized_row`](Self::quantized_row) makes of each byte of a colour where nothing is resized; meant for a constant.
    pub const fn pixel_bytes<T: ByteElement, const C: usize>(&self, scale: f32, zero: i32) -> PixelBytes<T, C> {
        let [low, high] = T::LIMITS;
        let bounds = [low.saturating_sub(zero) as f32, high.saturating_sub(zero) as f32];
        let mut tables = [[0; 256]; C];
        let mut channel = 0;
        while channel < C && channel < self.mean.len() {
            let mut colour = 0;
            while colour < tables[channel].len() {
                let value = (colour as f32 - self.mean[channel]) * self.scale[channel];
                tables[channel][colour] = round(value / scale, bounds).saturating_add(zero) as u8;
                colour += 1;
            }
            channel += 1;
        }
        PixelBytes { order: self.order, tables, element: PhantomData }
    }
}

impl<T: ByteElement, const C: usize> PixelBytes<T, C> {
    /// Gives row `y` of an input that is as large as the picture: as many pixels as `row` has.
    pub fn row(&self, frame: &Frame<'_>, y: usize, row: &mut [[T; C]]) {
        for (x, pixel) in row.iter_mut().enumerate() {
            let colours = ordered(self.order, frame.colours::<C>(x, y));
            for ((to, colour), table) in pixel.iter_mut().zip(&colours).zip(&self.tables) {
                *to = T::from_i32(i32::from(table[usize::from(*colour)]));
            }
        }
    }
}
