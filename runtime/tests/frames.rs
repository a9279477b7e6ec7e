//! Pictures of every size and format as rows of inputs, by the definitions in the docs and by what nothing says.

use peleec_runtime::{ColourOrder, Fit, Fitted, Frame, FrameLayout, PixelFormat, Preparation, Resize};

mod maps;

use maps::Random;

const FORMATS: [PixelFormat; 6] =
    [PixelFormat::Rgb888, PixelFormat::Bgr888, PixelFormat::Rgb565, PixelFormat::Rgb565Be, PixelFormat::Yuv422, PixelFormat::Gray8];

const PLAIN: Preparation =
    Preparation { size: [1, 1], order: ColourOrder::Rgb, mean: [0.0; 3], scale: [1.0; 3], fit: Fit::Warp, resize: Resize::Nearest };

fn frame(format: PixelFormat, [width, height]: [usize; 2], bytes: &[u8]) -> Frame<'_> {
    Frame::new(FrameLayout { format, width, height }, bytes)
}

/// The pixels of a picture, red, green and blue.
fn pixels(format: PixelFormat, size: [usize; 2], bytes: &[u8]) -> Vec<[f32; 3]> {
    let preparation = Preparation { size, ..PLAIN };
    let row = |y| {
        let mut row = vec![[7.0; 3]; size[0]];
        preparation.row(&frame(format, size, bytes), y, &mut row);
        row
    };
    (0..size[1]).flat_map(row).collect()
}

#[test]
fn the_bytes_of_a_picture() {
    for (format, bits) in FORMATS.into_iter().zip([24, 24, 16, 16, 16, 8_usize]) {
        for (width, height) in
            [(0, 4), (4, 0), (1, 1), (2, 3), (65_536, 65_536), (65_537, 2), (2, 65_537), (usize::MAX, 2), (2, usize::MAX)]
        {
            let is_picture =
                (1..=65_536).contains(&width) && (1..=65_536).contains(&height) && (format != PixelFormat::Yuv422 || width % 2 == 0);
            let wanted = is_picture.then(|| width * height * bits / 8);
            assert_eq!(FrameLayout { format, width, height }.bytes(), wanted, "{format:?} {width}x{height}");
        }
    }
}

/// The nearest of 255 steps to each share of 31 or 63, which repeating the highest bits gives.
#[test]
fn colours_of_16_bits() {
    let all: Vec<u16> = (0..=u16::MAX).collect();
    let bytes = |each: fn(u16) -> [u8; 2]| all.iter().flat_map(|&bits| each(bits)).collect::<Vec<_>>();
    let wanted: Vec<[f32; 3]> = all
        .iter()
        .map(|&bits| {
            let share = |bits: u16, most: u16| (f32::from(bits) * 255.0 / f32::from(most)).round();
            [share(bits >> 11, 31), share(bits >> 5 & 63, 63), share(bits & 31, 31)]
        })
        .collect();
    let close = |found: &[[f32; 3]]| found.iter().flatten().zip(wanted.iter().flatten()).all(|(a, b)| (a - b).abs() <= 1.0);
    let size = [256, 256];
    let [low, high] =
        [pixels(PixelFormat::Rgb565, size, &bytes(u16::to_le_bytes)), pixels(PixelFormat::Rgb565Be, size, &bytes(u16::to_be_bytes))];
    assert!(low == high && close(&low));
    assert_eq!((low[0], low[65_535]), ([0.0; 3], [255.0; 3]));
}

/// JFIF's factors, of which those of the code are 256ths.
#[test]
fn colours_of_luma_and_chroma() {
    let mut random = Random(1);
    for _ in 0..4000 {
        let group = [(); 4].map(|()| random.below(256) as u8);
        let found = pixels(PixelFormat::Yuv422, [2, 1], &group);
        let [first, u, second, v] = group.map(f64::from);
        for (found, y) in found.iter().zip([first, second]) {
            let (u, v) = (u - 128.0, v - 128.0);
            let wanted = [y + 1.402 * v, y - 0.344_136 * u - 0.714_136 * v, y + 1.772 * u];
            let far = found.iter().zip(wanted).any(|(&found, wanted)| (f64::from(found) - wanted.clamp(0.0, 255.0)).abs() > 1.0);
            assert!(!far, "{group:?}: {found:?} instead of {wanted:?}");
        }
    }
}

/// A picture takes one side whole and its share of the other to the nearest pixel, in the middle but for half a pixel.
#[test]
fn a_picture_that_keeps_its_shape() {
    let mut random = Random(2);
    let side = |random: &mut Random| 1 + [3, 20, 1000, 65_536][random.below(4) as usize].min(1 + random.below(65_536) as usize);
    for _ in 0..20_000 {
        let [w, h, width, height] = [(); 4].map(|()| side(&mut random));
        let Fitted { at, size } = Fit::Letterbox.place([w, h], [width, height]);
        // All of the width where the picture is as wide as the input or wider, else all of the height.
        let whole = usize::from(width * h > height * w);
        let other = 1 - whole;
        assert_eq!(size[whole], [width, height][whole], "{w}x{h} in {width}x{height}: {size:?}");
        let exact = if whole == 0 { h as f64 * width as f64 / w as f64 } else { w as f64 * height as f64 / h as f64 };
        assert!((size[other] as f64 - exact).abs() <= 0.5 || size[other] == 1, "{w}x{h} in {width}x{height}: {size:?}, {exact}");
        assert!((1..=[width, height][other]).contains(&size[other]));
        for axis in 0..2 {
            assert_eq!(at[axis], ([width, height][axis] - size[axis]) / 2);
        }
        assert_eq!(Fit::Warp.place([w, h], [width, height]), Fitted { at: [0, 0], size: [width, height] });
    }
}

/// Row by row and pixel by pixel, as the module's doc has it, in single precision.
fn prepared(preparation: &Preparation, [width, height]: [usize; 2], colour: impl Fn(usize, usize) -> [f32; 3]) -> Vec<Vec<[f32; 3]>> {
    let Fitted { at, size } = preparation.fit.place([width, height], preparation.size);
    let places = |i: usize, n: usize, m: usize| {
        let (last, share) = (n - 1, (i as f32 + 0.5) * (n as f32 / m as f32));
        if preparation.resize == Resize::Nearest {
            let nearest = (share.floor() as usize).min(last);
            return (nearest, nearest, 0.0);
        }
        let place = (share - 0.5).max(0.0).min(last as f32);
        let k = place.floor() as usize;
        (k, (k + 1).min(last), place - k as f32)
    };
    let pixel = |x: usize, y: usize| {
        let inside = |i: usize, axis: usize| i.checked_sub(at[axis]).filter(|&i| i < size[axis]);
        let (Some(x), Some(y)) = (inside(x, 0), inside(y, 1)) else { return [0.0; 3] };
        let ((left, right, across), (above, below, down)) = (places(x, width, size[0]), places(y, height, size[1]));
        let mixed = |a: [f32; 3], b: [f32; 3], f: f32| [0, 1, 2].map(|c| a[c] + (b[c] - a[c]) * f);
        let row = |y| mixed(colour(left, y), colour(right, y), across);
        let mut colours = mixed(row(above), row(below), down);
        if preparation.order == ColourOrder::Bgr {
            colours.reverse();
        }
        [0, 1, 2].map(|c| (colours[c] - preparation.mean[c]) * preparation.scale[c])
    };
    (0..preparation.size[1]).map(|y| (0..preparation.size[0]).map(|x| pixel(x, y)).collect()).collect()
}

#[test]
fn rows_are_what_the_definition_says() {
    let mut random = Random(3);
    for round in 0..600 {
        let [width, height, columns, rows] = [(); 4].map(|()| 1 + random.below(7) as usize);
        let bytes: Vec<u8> = (0..3 * width * height).map(|_| random.below(256) as u8).collect();
        let preparation = Preparation {
            size: [columns, rows],
            order: [ColourOrder::Rgb, ColourOrder::Bgr][round % 2],
            mean: [103.94, 0.0, -7.5],
            scale: [0.017, -1.0, 2.0],
            fit: [Fit::Warp, Fit::Letterbox][round / 2 % 2],
            resize: [Resize::Nearest, Resize::Bilinear][round / 4 % 2],
        };
        let colour = |x: usize, y: usize| [0, 1, 2].map(|c| f32::from(bytes[3 * (y * width + x) + c]));
        let wanted = prepared(&preparation, [width, height], colour);
        for (y, wanted) in wanted.iter().enumerate() {
            let mut row = vec![[7.0; 3]; columns];
            preparation.row(&frame(PixelFormat::Rgb888, [width, height], &bytes), y, &mut row);
            let bits = |row: &[[f32; 3]]| row.iter().flatten().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&row), bits(wanted), "row {y} of {preparation:?} for {width}x{height}");
        }
    }
}

/// Rows that the input does not have, rows of other lengths, pictures without pixels or bytes, numbers that are none.
#[test]
fn what_is_not_there_is_nothing() {
    for format in FORMATS {
        for size in [[0, 0], [0, 3], [3, 0], [1, 1], [65_536, 65_536], [usize::MAX, usize::MAX]] {
            for input in [[0, 0], [0, 4], [4, 0], [4, 4], [usize::MAX, usize::MAX]] {
                for (fit, resize) in [(Fit::Warp, Resize::Bilinear), (Fit::Letterbox, Resize::Nearest), (Fit::Letterbox, Resize::Bilinear)]
                {
                    let preparation = Preparation { size: input, fit, resize, ..PLAIN };
                    for y in [0, 3, 4, usize::MAX] {
                        let (mut row, mut gray) = ([[7.0; 3]; 5], [[7.0; 1]; 2]);
                        preparation.row(&frame(format, size, &[]), y, &mut row);
                        preparation.row(&frame(format, size, &[]), y, &mut gray);
                        preparation.row::<3>(&frame(format, size, &[]), y, &mut []);
                        // Black, or beside the picture; of YUV, zeros are green, but no more than a byte.
                        assert!(row.iter().flatten().chain(gray.iter().flatten()).all(|value| (0.0..=255.0).contains(value)));
                        assert!(y < input[1] || row == [[0.0; 3]; 5], "{format:?} {size:?} {input:?} {y}");
                        // Places count from the left whatever the row's length is.
                        assert!(row.iter().skip(input[0]).all(|pixel| *pixel == [0.0; 3]));
                    }
                }
            }
        }
    }
    let odd = Preparation { size: [1, 1], mean: [f32::NAN; 3], scale: [f32::INFINITY; 3], ..PLAIN };
    let mut bytes = [[7_i8; 3]; 1];
    odd.quantized_row(0.0, i32::MAX, &frame(PixelFormat::Gray8, [1, 1], &[9]), 0, &mut bytes);
    odd.pixel_bytes::<i8, 3>(f32::NAN, i32::MIN).row(&frame(PixelFormat::Gray8, [1, 1], &[9]), 0, &mut bytes);
}
