//! What every preparation of a picture keeps: of one colour, of the same size, of whole factors, turned about, and of boxes on the way back.

use peleec_runtime::{
    ByteElement, ColourOrder, Detection, Detector, Fit, Fitted, Frame, FrameLayout, Grid, PixelFormat, Preparation, Resize,
};

mod maps;

use maps::Random;

const PLAIN: Preparation =
    Preparation { size: [1, 1], order: ColourOrder::Rgb, mean: [0.0; 3], scale: [1.0; 3], fit: Fit::Warp, resize: Resize::Bilinear };

/// A picture of its own bytes.
#[derive(Clone)]
struct Picture {
    layout: FrameLayout,
    bytes: Vec<u8>,
}

impl Picture {
    fn new(format: PixelFormat, [width, height]: [usize; 2], mut byte: impl FnMut(usize) -> u8) -> Self {
        let layout = FrameLayout { format, width, height };
        Picture { layout, bytes: (0..layout.bytes().expect("such a picture")).map(&mut byte).collect() }
    }

    /// Any colours.
    fn random(random: &mut Random, format: PixelFormat, size: [usize; 2]) -> Self {
        Self::new(format, size, |_| random.below(256) as u8)
    }

    fn size(&self) -> [usize; 2] {
        [self.layout.width, self.layout.height]
    }

    /// Every pixel of the input that `preparation` makes of it.
    fn prepared<const C: usize>(&self, preparation: &Preparation) -> Vec<Vec<[f32; C]>> {
        let frame = Frame::new(self.layout, &self.bytes);
        let row = |y| {
            let mut row = vec![[f32::NAN; C]; preparation.size[0]];
            preparation.row(&frame, y, &mut row);
            row
        };
        (0..preparation.size[1]).map(row).collect()
    }

    /// Its own pixels.
    fn pixels(&self) -> Vec<Vec<[f32; 3]>> {
        self.prepared(&Preparation { size: self.size(), ..PLAIN })
    }
}

fn sizes(random: &mut Random) -> [[usize; 2]; 2] {
    [(); 2].map(|()| [(); 2].map(|()| 1 + random.below(9) as usize))
}

/// Around a picture that keeps its shape there are zeros; where it lies, its colour.
#[test]
fn a_picture_of_one_colour_stays_so() {
    let mut random = Random(1);
    for round in 0..400 {
        let ([[width, height], size], colour) = (sizes(&mut random), [(); 3].map(|()| random.below(256) as u8));
        let picture = Picture::new(PixelFormat::Rgb888, [width, height], |at| colour[at % 3]);
        let (fit, resize) = ([Fit::Warp, Fit::Letterbox][round % 2], [Resize::Nearest, Resize::Bilinear][round / 2 % 2]);
        let Fitted { at, size: own } = fit.place([width, height], size);
        let (mean, scale) = ([1.0, 256.0, -0.5], [1.0, -2.0, 0.25]);
        let found = picture.prepared::<3>(&Preparation { size, fit, resize, mean, scale, ..PLAIN });
        for (y, row) in found.iter().enumerate() {
            for (x, pixel) in row.iter().enumerate() {
                let is_inside = (at[0]..at[0] + own[0]).contains(&x) && (at[1]..at[1] + own[1]).contains(&y);
                let value = |c: usize| if is_inside { (f32::from(colour[c]) - mean[c]) * scale[c] } else { 0.0 };
                assert_eq!(*pixel, [0, 1, 2].map(value), "{x},{y} of {size:?}, {fit:?}");
            }
        }
    }
}

#[test]
fn a_picture_of_the_same_size_is_itself() {
    let mut random = Random(2);
    for _ in 0..100 {
        let [size, _] = sizes(&mut random);
        let picture = Picture::random(&mut random, PixelFormat::Rgb888, size);
        let exact: Vec<Vec<[f32; 3]>> =
            picture.bytes.chunks(3 * size[0]).map(|row| row.chunks(3).map(|c| [c[0], c[1], c[2]].map(f32::from)).collect()).collect();
        for (fit, resize) in [Fit::Warp, Fit::Letterbox].into_iter().flat_map(|fit| [Resize::Nearest, Resize::Bilinear].map(|r| (fit, r))) {
            assert_eq!(picture.prepared(&Preparation { size, fit, resize, ..PLAIN }), exact, "{size:?}, {fit:?}, {resize:?}");
        }
    }
}

/// Of an odd factor the middle pixel is taken, by either way; of a multiple the nearest is repeated.
#[test]
fn whole_factors_take_or_repeat_pixels() {
    let mut random = Random(3);
    for factor in [1, 3, 5, 7] {
        let [size, _] = sizes(&mut random);
        let large = Picture::random(&mut random, PixelFormat::Rgb888, size.map(|extent| extent * factor));
        let pixels = large.pixels();
        let wanted: Vec<Vec<[f32; 3]>> =
            (0..size[1]).map(|y| (0..size[0]).map(|x| pixels[y * factor + factor / 2][x * factor + factor / 2]).collect()).collect();
        for resize in [Resize::Nearest, Resize::Bilinear] {
            assert_eq!(large.prepared(&Preparation { size, resize, ..PLAIN }), wanted, "{factor} of {size:?}");
        }
    }
    for factor in 1..6 {
        let [size, _] = sizes(&mut random);
        let small = Picture::random(&mut random, PixelFormat::Rgb888, size);
        let (pixels, size) = (small.pixels(), size.map(|extent| extent * factor));
        let found = small.prepared::<3>(&Preparation { size, resize: Resize::Nearest, ..PLAIN });
        for (y, row) in found.iter().enumerate() {
            assert!(row.iter().enumerate().all(|(x, pixel)| *pixel == pixels[y / factor][x / factor]), "{factor} times {size:?}");
        }
    }
}

/// Between pixels colours lie between theirs; and left is right of a picture that is turned about.
#[test]
fn pixels_between_pixels_are_between_and_alike_from_both_sides() {
    let mut random = Random(4);
    for _ in 0..200 {
        let [[width, height], size] = sizes(&mut random);
        let picture = Picture::random(&mut random, PixelFormat::Rgb888, [width, height]);
        let mut turned = picture.clone();
        for row in turned.bytes.chunks_mut(3 * width) {
            let pixels: Vec<u8> = row.chunks(3).rev().flatten().copied().collect();
            row.copy_from_slice(&pixels);
        }
        let [found, other] = [&picture, &turned].map(|picture| picture.prepared::<3>(&Preparation { size, ..PLAIN }));
        let all = |c: usize| picture.bytes.iter().skip(c).step_by(3).copied();
        for (row, other) in found.iter().zip(&other) {
            for (pixel, other) in row.iter().zip(other.iter().rev()) {
                for c in 0..3 {
                    let [least, most] = [all(c).min(), all(c).max()].map(|limit| f32::from(limit.expect("a picture has pixels")));
                    assert!(pixel[c] >= least - 1e-3 && pixel[c] <= most + 1e-3, "{pixel:?} of {width}x{height} in {size:?}");
                    assert!((pixel[c] - other[c]).abs() < 1e-2, "{pixel:?} and {other:?}, {width}x{height} in {size:?}");
                }
            }
        }
    }
}

/// Blue first in the bytes, and blue first in the input, is red first in both; the bytes of 16 bits may come in either order.
#[test]
fn orders_of_bytes_and_colours() {
    let mut random = Random(5);
    for _ in 0..100 {
        let [size, to] = sizes(&mut random);
        let picture = Picture::random(&mut random, PixelFormat::Rgb888, size);
        let with = |format| Picture { layout: FrameLayout { format, ..picture.layout }, bytes: picture.bytes.clone() };
        let by = |picture: Picture, order| picture.prepared::<3>(&Preparation { size: to, order, ..PLAIN });
        let [rgb, bgr] = [ColourOrder::Rgb, ColourOrder::Bgr].map(|order| by(with(PixelFormat::Rgb888), order));
        assert_eq!(
            [by(with(PixelFormat::Bgr888), ColourOrder::Bgr), by(with(PixelFormat::Bgr888), ColourOrder::Rgb)],
            [rgb.clone(), bgr.clone()]
        );
        let swapped: Vec<Vec<[f32; 3]>> = bgr.iter().map(|row| row.iter().map(|&[b, g, r]| [r, g, b]).collect()).collect();
        assert_eq!(swapped, rgb);
        let low = Picture::random(&mut random, PixelFormat::Rgb565, size);
        let layout = FrameLayout { format: PixelFormat::Rgb565Be, ..low.layout };
        let high = Picture { layout, bytes: low.bytes.chunks(2).flat_map(|pair| [pair[1], pair[0]]).collect() };
        assert_eq!(by(low, ColourOrder::Rgb), by(high, ColourOrder::Rgb));
    }
}

/// Gray of a gray picture is itself in one channel and in three; of another it is within a step of BT.601, before anything is resized.
#[test]
fn one_channel_is_gray() {
    let mut random = Random(6);
    for _ in 0..60 {
        let [size, to] = sizes(&mut random);
        let gray = Picture::random(&mut random, PixelFormat::Gray8, size);
        let preparation = Preparation { size: to, mean: [7.0; 3], scale: [0.5; 3], ..PLAIN };
        let (one, three) = (gray.prepared::<1>(&preparation), gray.prepared::<3>(&preparation));
        assert!(one.iter().flatten().zip(three.iter().flatten()).all(|(one, three)| *three == [one[0]; 3]));
        let colours = Picture::random(&mut random, PixelFormat::Rgb888, size);
        let found = colours.prepared::<1>(&Preparation { size, ..PLAIN });
        for (found, pixel) in found.iter().flatten().zip(colours.pixels().iter().flatten()) {
            let [red, green, blue] = pixel.map(f64::from);
            let exact = 0.299 * red + 0.587 * green + 0.114 * blue;
            assert!((f64::from(found[0]) - exact).abs() <= 0.51 && found[0].fract() == 0.0, "{pixel:?} is {found:?}");
        }
    }
}

/// The nearest byte, the even one of two, of scales that are powers of two.
fn bytes<T: ByteElement + Default + Into<i32>>(zero: i32) {
    let mut random = Random(7);
    for round in 0..60 {
        let [size, to] = sizes(&mut random);
        let picture = Picture::random(&mut random, PixelFormat::Rgb888, size);
        let (mean, fit) = ([127.5, 0.0, 300.25], [Fit::Warp, Fit::Letterbox][round % 2]);
        let preparation = Preparation { size: to, mean, fit, ..PLAIN };
        for (y, wanted) in picture.prepared::<3>(&preparation).into_iter().enumerate() {
            let mut found = vec![[T::default(); 3]; to[0]];
            preparation.quantized_row(2.0, zero, &Frame::new(picture.layout, &picture.bytes), y, &mut found);
            for (&found, wanted) in found.as_flattened().iter().zip(wanted.as_flattened()) {
                let exact = (f64::from(*wanted) / 2.0).round_ties_even() as i32 + zero;
                assert_eq!(found.into(), exact.clamp(T::LIMITS[0], T::LIMITS[1]), "{wanted}");
            }
        }
    }
}

#[test]
fn inputs_of_bytes_are_the_nearest() {
    bytes::<i8>(0);
    bytes::<i8>(-100);
    bytes::<u8>(128);
}

/// A prior that covers what a picture takes of the input is a box around the picture.
#[test]
fn a_box_around_the_picture_comes_back() {
    let mut random = Random(8);
    for round in 0..300 {
        let [picture, size] = [(); 2].map(|()| [(); 2].map(|()| 1 + random.below(700) as usize));
        let fit = [Fit::Warp, Fit::Letterbox][round % 2];
        let preparation = Preparation { size, fit, ..PLAIN };
        let Fitted { at, size: own } = fit.place(picture, size);
        let share = |pixels: f64, axis: usize| (pixels / size[axis] as f64) as f32;
        let centre = [0, 1].map(|axis| [share(at[axis] as f64 + own[axis] as f64 / 2.0, axis)]);
        let shapes = [[share(own[0] as f64, 0), share(own[1] as f64, 1)]];
        let grids = [Grid { rows: &centre[1], columns: &centre[0], shapes: &shapes }];
        let detector = Detector {
            grids: &grids,
            classes: 1,
            background: None,
            variances: [0.1; 4],
            threshold: 0.5,
            iou: 0.5,
            frame: [1.0; 2],
            scale: [1.0; 2],
            shift: [0.0; 2],
        };
        let detector = detector.in_picture(picture, &preparation);
        let [candidates, detections] = &mut [[Detection::NONE; 2]; 2];
        assert_eq!(detector.detect_in(&[0.0_f32; 4].as_slice(), &[0.75_f32].as_slice(), candidates, detections), (1, false));
        let found = detections[0].corners;
        let [width, height] = picture.map(|extent| extent as f32);
        let near = |found: f32, wanted: f32| (found - wanted).abs() <= 1e-3 * (1.0 + width.max(height));
        let wanted = [0.0, 0.0, width, height];
        assert!(found.into_iter().zip(wanted).all(|(found, wanted)| near(found, wanted)), "{found:?}: {picture:?} in {size:?}");
        assert!(found[2] <= width && found[3] <= height, "boxes end where the picture does");
    }
}
