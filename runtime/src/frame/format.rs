//! How the bytes of a picture hold its pixels.

/// How the bytes of a picture hold its pixels, row by row without gaps. A colour of fewer than 8 bits becomes one of 8 by repeating its
/// highest bits below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelFormat {
    /// Three bytes a pixel: red, green, blue.
    Rgb888,
    /// Three bytes a pixel: blue, green, red.
    Bgr888,
    /// 16 bits a pixel, the low byte first: red in the upper 5, green in 6, blue in the lower 5.
    Rgb565,
    /// As [`Rgb565`](Self::Rgb565), the high byte first, as many camera chips send it.
    Rgb565Be,
    /// Four bytes for two pixels that lie side by side: Y, U, Y, V, of the full range (JFIF). In 32-bit integers, with `u` and `v` less 128,
    /// red is `(256 y + 359 v + 128) >> 8`, green `(256 y - 88 u - 183 v + 128) >> 8`, blue `(256 y + 454 u + 128) >> 8`, each limited to a
    /// byte.
    Yuv422,
    /// One byte a pixel, which is gray, or red, green and blue.
    Gray8,
}

/// The widest and highest picture: places in it are exact in `f32`.
const MOST: usize = 1 << 16;

/// Format and extents of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLayout {
    /// How its bytes hold its pixels.
    pub format: PixelFormat,
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl FrameLayout {
    /// The bytes of such a picture; none where there is no such picture: one without pixels, one wider or higher than 65536, pairs of pixels
    /// in a row of an odd width.
    pub const fn bytes(&self) -> Option<usize> {
        let (per_row, is_whole) = match self.format {
            PixelFormat::Rgb888 | PixelFormat::Bgr888 => (self.width.checked_mul(3), true),
            PixelFormat::Rgb565 | PixelFormat::Rgb565Be => (self.width.checked_mul(2), true),
            PixelFormat::Yuv422 => (self.width.checked_mul(2), self.width.is_multiple_of(2)),
            PixelFormat::Gray8 => (Some(self.width), true),
        };
        let is_one = is_whole && self.width > 0 && self.height > 0 && self.width <= MOST && self.height <= MOST;
        match per_row {
            Some(bytes) if is_one => bytes.checked_mul(self.height),
            _ => None,
        }
    }
}

/// A picture.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    pub(super) layout: FrameLayout,
    bytes: &'a [u8],
}

impl<'a> Frame<'a> {
    /// A picture in bytes; of a pixel whose bytes lack, they are 0.
    pub const fn new(layout: FrameLayout, bytes: &'a [u8]) -> Self {
        Frame { layout, bytes }
    }

    /// Red, green and blue of a pixel, or, as its only colour, its luma.
    pub(super) fn colours<const C: usize>(&self, x: usize, y: usize) -> [u8; C] {
        let index = y.saturating_mul(self.layout.width).saturating_add(x);
        let mut colours = [0; C];
        if C == 1 {
            colours.fill(self.luma(index));
        } else {
            for (to, from) in colours.iter_mut().zip(&self.pixel(index)) {
                *to = *from;
            }
        }
        colours
    }

    /// The luma of the `index`th pixel.
    fn luma(&self, index: usize) -> u8 {
        match self.layout.format {
            PixelFormat::Gray8 => {
                let [gray] = self.group(index);
                gray
            }
            PixelFormat::Yuv422 => {
                let [first, _, second, _] = self.group(index / 2);
                if index.is_multiple_of(2) { first } else { second }
            }
            PixelFormat::Rgb888 | PixelFormat::Bgr888 | PixelFormat::Rgb565 | PixelFormat::Rgb565Be => {
                let [red, green, blue] = self.pixel(index).map(u32::from);
                // 0.299, 0.587 and 0.114 of 65536, which they add up to.
                ((19_595 * red + 38_470 * green + 7_471 * blue + 32_768) >> 16) as u8
            }
        }
    }

    /// Red, green and blue of the `index`th pixel.
    fn pixel(&self, index: usize) -> [u8; 3] {
        match self.layout.format {
            PixelFormat::Rgb888 => self.group(index),
            PixelFormat::Bgr888 => {
                let [blue, green, red] = self.group(index);
                [red, green, blue]
            }
            PixelFormat::Rgb565 => from_565(u16::from_le_bytes(self.group(index))),
            PixelFormat::Rgb565Be => from_565(u16::from_be_bytes(self.group(index))),
            PixelFormat::Yuv422 => {
                let [first, u, second, v] = self.group(index / 2);
                from_yuv(if index.is_multiple_of(2) { first } else { second }, u, v)
            }
            PixelFormat::Gray8 => {
                let [gray] = self.group(index);
                [gray; 3]
            }
        }
    }

    /// The `index`th group of `N` bytes.
    fn group<const N: usize>(&self, index: usize) -> [u8; N] {
        let group = self.bytes.get(index.saturating_mul(N)..).and_then(<[u8]>::first_chunk);
        group.copied().unwrap_or([0; N])
    }
}

fn from_565(bits: u16) -> [u8; 3] {
    let [red, green, blue] = [bits >> 11, bits >> 5 & 63, bits & 31].map(|bits| bits as u8);
    [red << 3 | red >> 2, green << 2 | green >> 4, blue << 3 | blue >> 2]
}

fn from_yuv(y: u8, u: u8, v: u8) -> [u8; 3] {
    let (y, u, v) = (256 * i32::from(y) + 128, i32::from(u) - 128, i32::from(v) - 128);
    [y + 359 * v, y - 88 * u - 183 * v, y + 454 * u].map(|colour| (colour >> 8).clamp(0, 255) as u8)
}
