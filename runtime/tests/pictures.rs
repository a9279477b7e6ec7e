//! Frames and detections, worked out by hand; whole cases are compared with a reference beside the compiler's tests.

use peleec_runtime::{
    ByteElement, ColourOrder, Dequantized, Detections, Detector, Fit, Fitted, Frame, FrameLayout, Grid, PixelFormat, Preparation, Resize,
};

const PREPARATION: Preparation = Preparation {
    size: [3, 3],
    order: ColourOrder::Rgb,
    mean: [1.0, 2.0, 3.0],
    scale: [1.0, 10.0, 100.0],
    fit: Fit::Letterbox,
    resize: Resize::Bilinear,
};

fn frame(format: PixelFormat, width: usize, height: usize, bytes: &[u8]) -> Frame<'_> {
    Frame::new(FrameLayout { format, width, height }, bytes)
}

#[test]
fn a_wide_picture_has_bars_of_the_mean() {
    let picture = [5, 5, 5, 15, 15, 15, 25, 25, 25];
    let picture = frame(PixelFormat::Rgb888, 3, 1, &picture);
    let rows = [0, 1, 2].map(|y| {
        let mut row = [[7.0; 3]; 3];
        PREPARATION.row(&picture, y, &mut row);
        row
    });
    assert_eq!(rows[0], [[0.0; 3]; 3]);
    assert_eq!(rows[1], [[4.0, 30.0, 200.0], [14.0, 130.0, 1200.0], [24.0, 230.0, 2200.0]]);
    assert_eq!(rows[2], [[0.0; 3]; 3]);
}

#[test]
fn half_way_between_pixels_is_their_mean() {
    let plain = Preparation { size: [3, 2], mean: [0.0; 3], scale: [1.0; 3], fit: Fit::Warp, ..PREPARATION };
    let picture = frame(PixelFormat::Gray8, 2, 1, &[10, 30]);
    let mut row = [[0.0; 3]; 3];
    plain.row(&picture, 1, &mut row);
    assert_eq!(row, [[10.0; 3], [20.0; 3], [30.0; 3]]);
    Preparation { resize: Resize::Nearest, ..plain }.row(&picture, 0, &mut row);
    assert_eq!(row, [[10.0; 3], [30.0; 3], [30.0; 3]]);
}

#[test]
fn bytes_are_red_green_and_blue() {
    let same = Preparation { size: [2, 1], mean: [0.0; 3], scale: [1.0; 3], fit: Fit::Warp, ..PREPARATION };
    let colours = |format, bytes: &[u8]| {
        let mut row = [[0.0; 3]; 2];
        same.row(&frame(format, 2, 1, bytes), 0, &mut row);
        row
    };
    let [red, blue] = [[255.0, 0.0, 0.0], [0.0, 0.0, 255.0]];
    assert_eq!(colours(PixelFormat::Rgb888, &[255, 0, 0, 0, 0, 255]), [red, blue]);
    assert_eq!(colours(PixelFormat::Bgr888, &[0, 0, 255, 255, 0, 0]), [red, blue]);
    assert_eq!(colours(PixelFormat::Rgb565, &[0x00, 0xf8, 0x1f, 0x00]), [red, blue]);
    assert_eq!(colours(PixelFormat::Rgb565Be, &[0xf8, 0x00, 0x00, 0x1f]), [red, blue]);
    // 4 of 31, 33 of 63: 33 and 134 of 255.
    assert_eq!(colours(PixelFormat::Rgb565Be, &[0x24, 0x20, 0, 0])[0], [33.0, 134.0, 0.0]);
    assert_eq!(colours(PixelFormat::Yuv422, &[0, 128, 200, 128]), [[0.0; 3], [200.0; 3]]);
    // 100 and 50 with u = 128 - 40 and v = 128 + 60.
    assert_eq!(colours(PixelFormat::Yuv422, &[100, 88, 50, 188]), [[184.0, 71.0, 29.0], [134.0, 21.0, 0.0]]);
    assert_eq!(colours(PixelFormat::Gray8, &[9]), [[9.0; 3], [0.0; 3]], "bytes that lack are 0");
}

/// What Pillow's `convert("L")` gives, of a gray byte itself, and of YUV its Y, whatever the colours.
#[test]
fn one_channel_is_the_luma() {
    let gray = Preparation { size: [2, 1], order: ColourOrder::Gray, mean: [0.0; 3], scale: [1.0; 3], fit: Fit::Warp, ..PREPARATION };
    let luma = |format, bytes: &[u8]| {
        let mut row = [[7.0; 1]; 2];
        gray.row(&frame(format, 2, 1, bytes), 0, &mut row);
        row.map(|[value]| value)
    };
    assert_eq!(luma(PixelFormat::Rgb888, &[255, 0, 0, 0, 255, 0]), [76.0, 150.0]);
    assert_eq!(luma(PixelFormat::Bgr888, &[255, 0, 0, 255, 255, 255]), [29.0, 255.0]);
    assert_eq!(luma(PixelFormat::Rgb565, &[0x00, 0xf8, 0xff, 0xff]), [76.0, 255.0]);
    assert_eq!(luma(PixelFormat::Gray8, &[9, 201]), [9.0, 201.0]);
    assert_eq!(luma(PixelFormat::Yuv422, &[100, 0, 50, 255]), [100.0, 50.0]);
    // Of means and scales the first counts, and between pixels lies what is between their lumas.
    let between = Preparation { size: [3, 1], mean: [1.0, 50.0, 60.0], scale: [0.5, 9.0, 9.0], ..gray };
    let mut row = [[7.0; 1]; 3];
    between.row(&frame(PixelFormat::Rgb888, 2, 1, &[255, 0, 0, 0, 255, 0]), 0, &mut row);
    assert_eq!(row, [[37.5], [56.0], [74.5]]);
}

/// All bytes as each of three channels of bytes: by floats, and by the table.
fn compare_bytes<T: ByteElement + Default + Into<i32>>(preparation: &Preparation, scale: f32, zero: i32) {
    let bytes: Vec<u8> = (0..=255_u8).flat_map(|byte| [byte, 255 - byte, byte.wrapping_mul(7)]).collect();
    let picture = frame(PixelFormat::Rgb888, 256, 1, &bytes);
    let mut floats = [[0.0; 3]; 256];
    preparation.row(&picture, 0, &mut floats);
    let [mut rounded, mut looked_up] = [[[T::default(); 3]; 256]; 2];
    preparation.quantized_row(scale, zero, &picture, 0, &mut rounded);
    preparation.pixel_bytes(scale, zero).row(&picture, 0, &mut looked_up);
    assert_eq!(rounded, looked_up, "{preparation:?} {scale} {zero}");
    let [low, high] = T::LIMITS.map(|limit| limit as f32);
    let wanted = floats.map(|pixel| pixel.map(|value| ((value / scale).round_ties_even() + zero as f32).clamp(low, high) as i32));
    assert_eq!(rounded.map(|pixel| pixel.map(Into::<i32>::into)), wanted, "{preparation:?} {scale} {zero}");
}

#[test]
fn a_table_gives_the_bytes_of_the_floats() {
    let (size, fit) = ([256, 1], Fit::Letterbox);
    for order in [ColourOrder::Rgb, ColourOrder::Bgr] {
        for resize in [Resize::Bilinear, Resize::Nearest] {
            for (mean, scale) in [([0.0; 3], [1.0; 3]), ([127.5; 3], [1.0; 3]), ([103.94, 116.78, 123.68], [0.017, -0.02, 3e38])] {
                let preparation = Preparation { size, order, mean, scale, fit, resize };
                for (scale, zero) in [(1.0, 0), (0.5, 3), (0.018_658_4, -14), (2.0, 128), (1e-30, 0)] {
                    compare_bytes::<u8>(&preparation, scale, zero);
                    compare_bytes::<i8>(&preparation, scale, zero);
                }
            }
        }
    }
}

/// Around a picture is the byte that stands for zero.
#[test]
fn bytes_around_a_picture_stand_for_zero() {
    let mut row = [[7_i8; 3]; 3];
    PREPARATION.quantized_row(0.5, -20, &frame(PixelFormat::Gray8, 3, 1, &[1, 2, 3]), 0, &mut row);
    assert_eq!(row, [[-20; 3]; 3]);
}

#[test]
fn a_picture_lies_in_the_middle() {
    let placed = |picture, input| Fit::Letterbox.place(picture, input);
    assert_eq!(placed([4, 2], [8, 8]), Fitted { at: [0, 2], size: [8, 4] });
    assert_eq!(placed([2, 4], [8, 9]), Fitted { at: [1, 0], size: [5, 9] });
    assert_eq!(placed([1000, 1], [8, 8]), Fitted { at: [0, 3], size: [8, 1] });
    assert_eq!(placed([3, 3], [8, 8]), Fitted { at: [0, 0], size: [8, 8] });
    assert_eq!(Fit::Warp.place([4, 2], [8, 8]), Fitted { at: [0, 0], size: [8, 8] });
}

const DETECTOR: Detector<'static> = Detector {
    grids: &[Grid { rows: &[0.5], columns: &[0.25, 0.75], shapes: &[[0.5, 0.25], [0.25, 0.5]] }],
    classes: 3,
    background: Some(0),
    variances: [0.1, 0.2, 0.2, 0.2],
    threshold: 0.5,
    iou: 0.3,
    frame: [100.0, 60.0],
    scale: [100.0, 100.0],
    shift: [0.0, 20.0],
};

/// Scores of four priors: of the background, and of classes 1 and 2.
fn seen(loc: &[f32; 16], scores: &[[f32; 3]; 4]) -> (Vec<(u32, u32, [f32; 4])>, bool) {
    let (mut candidates, mut detections) = (Detections::<3>::new(), Detections::<2>::new());
    DETECTOR.detect(loc, scores.as_flattened(), &mut candidates, &mut detections);
    (detections.iter().map(|seen| (seen.class, seen.prior, seen.corners)).collect(), detections.is_truncated())
}

/// Bytes count as the floats that they stand for, of which a threshold lies between two, or is one.
#[test]
fn a_detector_reads_bytes() {
    let mut bytes = 0_u8;
    let mut next = || {
        bytes = bytes.wrapping_mul(29).wrapping_add(71);
        bytes
    };
    for threshold in [0.0, 0.3, 0.5, 1.0, 2.0, -1.0, f32::NAN] {
        let detector = Detector { threshold, ..DETECTOR };
        let (loc, scores): ([i8; 16], [u8; 12]) = ([0; 16].map(|_: i8| next().cast_signed()), [0; 12].map(|_: u8| next()));
        let (loc, scores) =
            (Dequantized { bytes: &loc, scale: 0.02, zero: 5 }, Dequantized { bytes: &scores, scale: 1.0 / 255.0, zero: 0 });
        let floats_of = |byte: i32, zero: i32, scale: f32| (byte - zero) as f32 * scale;
        let loc_floats: [f32; 16] = core::array::from_fn(|at| floats_of(loc.bytes[at].into(), 5, 0.02));
        let score_floats: [f32; 12] = core::array::from_fn(|at| floats_of(scores.bytes[at].into(), 0, 1.0 / 255.0));
        let mut found = [(); 2].map(|()| (Detections::<3>::new(), Detections::<2>::new()));
        let [bytes, floats] = &mut found;
        detector.detect(loc, scores, &mut bytes.0, &mut bytes.1);
        detector.detect(&loc_floats, &score_floats, &mut floats.0, &mut floats.1);
        assert_eq!(bytes.1.iter().collect::<Vec<_>>(), floats.1.iter().collect::<Vec<_>>(), "{threshold}");
        assert_eq!(bytes.1.is_truncated(), floats.1.is_truncated());
    }
}

#[test]
fn offsets_move_and_stretch_priors() {
    let mut loc = [0.0; 16];
    // Prior 2, half as wide as the input, at 0.75 of its width: a tenth of its width to the right, twice 0.2 of its height down.
    (loc[8], loc[9]) = (1.0, 2.0);
    let (found, truncated) = seen(&loc, &[[0.9, 0.1, 0.0], [0.0; 3], [0.0, 0.0, 0.8], [0.0; 3]]);
    let [(2, 2, corners)] = found[..] else { panic!("{found:?}") };
    // Cut at the right edge of the frame.
    let wanted = [55.0, 27.5, 100.0, 52.5];
    assert!(corners.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 1e-4) && !truncated, "{corners:?}");
}

#[test]
fn of_boxes_that_overlap_the_best_stays() {
    // Priors 0 and 1 share a third of what they cover together, 0 and 2 only touch.
    let (found, truncated) = seen(&[0.0; 16], &[[0.0, 0.6, 0.0], [0.0, 0.9, 0.0], [0.0, 0.7, 0.0], [0.0, 0.0, 0.0]]);
    assert_eq!(found.iter().map(|&(class, prior, _)| (class, prior)).collect::<Vec<_>>(), [(1, 1), (1, 2)]);
    assert!(!truncated);
    let (found, truncated) = seen(&[0.0; 16], &[[0.0, 0.6, 0.55], [0.0, 0.0, 0.0], [0.0, 0.6, 0.0], [0.0, 0.0, 0.0]]);
    assert_eq!(
        found.iter().map(|&(class, prior, _)| (class, prior)).collect::<Vec<_>>(),
        [(1, 0), (1, 2)],
        "of equal scores the lower prior"
    );
    assert!(truncated, "a third one has no place");
}
