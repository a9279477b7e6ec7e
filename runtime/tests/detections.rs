//! Detections at random against the decoder's definition, one comparison after the other, and detectors that nobody would write.

use peleec_runtime::{Arena, Detection, DetectionLists, Detections, Detector, Grid, SigmoidOf, SoftmaxOf};

mod maps;

use maps::Random;

const GRIDS: [Grid<'static>; 3] = [
    Grid { rows: &[0.25, 0.75], columns: &[0.2, 0.5, 0.8], shapes: &[[0.4, 0.3], [0.2, 0.6]] },
    Grid { rows: &[], columns: &[0.5], shapes: &[[1.0, 1.0]] },
    Grid { rows: &[0.5], columns: &[0.5], shapes: &[[0.9, 0.8], [0.5, 0.5]] },
];

const DETECTOR: Detector<'static> = Detector {
    grids: &GRIDS,
    classes: 3,
    background: Some(1),
    variances: [0.1, 0.2, 0.2, 0.2],
    threshold: 0.3,
    iou: 0.4,
    frame: [60.0, 40.0],
    scale: [64.0, 48.0],
    shift: [2.0, 4.0],
};

/// Centre x and y, width and height of every prior, grid by grid, row by row, column by column.
fn priors(grids: &[Grid<'_>]) -> Vec<[f32; 4]> {
    let cells = grids.iter().flat_map(|grid| grid.rows.iter().flat_map(move |&y| grid.columns.iter().map(move |&x| (grid, x, y))));
    cells.flat_map(|(grid, x, y)| grid.shapes.iter().map(move |&[width, height]| [x, y, width, height])).collect()
}

/// What `detector` sees where no offset stretches a prior: in order, with whether a limit left out any.
fn naive(detector: &Detector<'_>, loc: &[f32], scores: &[f32], [candidates, detections]: [usize; 2]) -> (Vec<Detection>, bool) {
    let Detector { classes, background, variances, threshold, iou, frame, scale, shift, .. } = *detector;
    let corners = |prior: usize, [x, y, width, height]: [f32; 4]| {
        let (x, y) = (x + loc[4 * prior] * variances[0] * width, y + loc[4 * prior + 1] * variances[1] * height);
        let across = |at: f32| at * scale[0] - shift[0];
        let down = |at: f32| at * scale[1] - shift[1];
        [across(x - width * 0.5), down(y - height * 0.5), across(x + width * 0.5), down(y + height * 0.5)]
    };
    let area = |a: &[f32; 4]| (a[2] - a[0]) * (a[3] - a[1]);
    let overlap = |a: &[f32; 4], b: &[f32; 4]| {
        let common = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0) * (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
        if common == 0.0 { 0.0 } else { common / (area(a) + area(b) - common) }
    };
    let (mut all, mut truncated) = (Vec::new(), false);
    for class in (0..classes).filter(|&class| Some(class) != background) {
        let boxes = priors(detector.grids).into_iter().enumerate().map(|(prior, of)| (prior, corners(prior, of)));
        let seen = boxes.map(|(prior, corners)| Detection {
            class: class as u32,
            prior: prior as u32,
            score: scores[prior * classes + class],
            corners,
        });
        let is_box = |corners: &[f32; 4]| corners.iter().all(|x| x.is_finite()) && corners[2] > corners[0] && corners[3] > corners[1];
        let mut own: Vec<Detection> = seen.filter(|seen| seen.score > threshold && is_box(&seen.corners)).collect();
        own.sort_by(|a, b| b.score.total_cmp(&a.score));
        truncated |= own.len() > candidates;
        own.truncate(candidates);
        let mut kept: Vec<Detection> = Vec::new();
        for one in own {
            if kept.iter().all(|other| overlap(&other.corners, &one.corners) <= iou) {
                kept.push(one);
            }
        }
        all.extend(kept);
    }
    all.sort_by(|a, b| b.score.total_cmp(&a.score));
    truncated |= all.len() > detections;
    all.truncate(detections);
    for seen in &mut all {
        let [left, top, right, bottom] = seen.corners;
        seen.corners = [left.clamp(0.0, frame[0]), top.clamp(0.0, frame[1]), right.clamp(0.0, frame[0]), bottom.clamp(0.0, frame[1])];
    }
    (all, truncated)
}

#[test]
fn detections_are_those_of_the_definition() {
    let (mut random, mut found, mut cut) = (Random(11), 0, 0);
    assert_eq!(DETECTOR.priors(), priors(&GRIDS).len());
    for round in 0..3000 {
        let detector = Detector {
            background: [Some(1), None, Some(0), Some(7)][round % 4],
            threshold: [0.3, 0.0, 0.7, -1.0, 0.5][round % 5],
            iou: [0.4, 0.0, 0.2, 0.99, -1.0][round / 5 % 5],
            ..DETECTOR
        };
        let n = detector.priors();
        let mut loc = vec![0.0; 4 * n];
        loc.iter_mut().enumerate().filter(|(at, _)| at % 4 < 2).for_each(|(_, offset)| *offset = random.below(41) as f32 * 0.25 - 5.0);
        // Few scores, so that many are alike, and what is no number.
        let scores: Vec<f32> =
            (0..3 * n).map(|_| [0.0, 0.3, 0.5, 0.9, 1.0, f32::NAN, random.values(1)[0]][random.below(7) as usize]).collect();
        if round % 7 == 0 {
            let at = random.below(n as u32) as usize;
            loc[4 * at] = [f32::NAN, f32::INFINITY, f32::MAX][round / 7 % 3];
        }
        let [candidates, detections] = [[16, 64], [3, 64], [16, 4], [1, 1]][round / 3 % 4];
        let mut lists = [candidates, detections].map(|capacity| vec![Detection::NONE; capacity]);
        let [first, second] = &mut lists;
        let (count, truncated) = detector.detect_in(&loc.as_slice(), &scores.as_slice(), first, second);
        let wanted = naive(&detector, &loc, &scores, [candidates, detections]);
        assert_eq!((&second[..count], truncated), (&wanted.0[..], wanted.1), "{detector:?} {loc:?} {scores:?}");
        found += count;
        cut += usize::from(truncated);
    }
    assert!(found > 5000 && cut > 300 && cut < 2700, "{found} {cut}");
}

/// Outputs that are too short, settings that are no numbers, grids without an end: nothing is seen that cannot be, and nothing panics.
#[test]
fn what_cannot_be_is_not_seen() {
    let [loc, scores] = [[0.0; 56], [1.0; 56]];
    let see = |detector: &Detector<'_>, loc: &[f32], scores: &[f32]| {
        let (mut candidates, mut detections) = (Detections::<20>::new(), Detections::<50>::new());
        detector.detect(loc, SoftmaxOf(scores), &mut candidates, &mut detections);
        detector.detect(loc, SigmoidOf(scores), &mut candidates, &mut detections);
        detector.detect(loc, scores, &mut candidates, &mut detections);
        detections.to_vec()
    };
    assert_eq!(DETECTOR.priors(), 14);
    assert!(
        DETECTOR.fits(56, 42) && [(55, 42), (56, 41), (52, 42), (0, 0), (56, 0)].iter().all(|&(loc, scores)| !DETECTOR.fits(loc, scores))
    );
    assert!(!Detector { classes: 0, ..DETECTOR }.fits(56, 0));
    let open = Detector { iou: 1.0, ..DETECTOR };
    assert_eq!(see(&open, &loc, &scores[..42]).len(), 28);
    assert_eq!(see(&open, &loc[..43], &scores[..42]).len(), 20, "ten priors have offsets");
    assert_eq!(see(&open, &loc, &scores[..31]).len(), 21, "ten priors have scores, and one has the first");
    assert!(see(&open, &[], &scores).is_empty() && see(&open, &loc, &[]).is_empty());
    for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, f32::MAX, f32::MIN] {
        for detector in [
            Detector { threshold: number, ..DETECTOR },
            Detector { iou: number, ..DETECTOR },
            Detector { variances: [number; 4], ..DETECTOR },
            Detector { frame: [number; 2], ..DETECTOR },
            Detector { scale: [number; 2], ..DETECTOR },
            Detector { shift: [number; 2], ..DETECTOR },
        ] {
            for offset in [0.0, 1.0, number] {
                let seen = see(&detector, &[offset; 56], &scores[..42]);
                assert!(seen.iter().all(|seen| seen.class != 1 && seen.prior < 14), "{detector:?}");
            }
        }
    }
    // More priors than can be counted.
    let (rows, shapes) = ([0.5; 1 << 10], [[0.0; 2]; 1 << 10]);
    let large = [Grid { rows: &rows, columns: &rows, shapes: &shapes }; 64];
    assert_eq!(Detector { grids: &large, ..DETECTOR }.priors(), 64 << 30);
    assert!(!Detector { grids: &large, ..DETECTOR }.fits(56, 42));
    assert!(see(&Detector { grids: &[], ..DETECTOR }, &loc, &scores).is_empty());
    assert!(see(&Detector { classes: 0, ..DETECTOR }, &loc, &scores).is_empty());
    assert_eq!((GRIDS[1].len(), GRIDS[1].is_empty(), GRIDS[0].is_empty()), (0, true, false));
}

/// A model's memory holds any bytes before the first run.
#[test]
fn lists_of_any_bytes_are_lists() {
    let mut arena = Arena::<{ 28 * 20 + 16 + 64 }>::new();
    for byte in [0xff, 0x7f, 0, 0x01] {
        arena.fill(byte);
        let lists: &mut DetectionLists<8, 12> = arena.hold();
        let (before, was_cut) = (lists.detections.len(), lists.detections.is_truncated());
        assert_eq!((before, was_cut), (0, byte != 0), "a length that no list has is none");
        DETECTOR.detect(&[0.0; 56], &[1.0; 42], &mut lists.candidates, &mut lists.detections);
        let mut fresh = (Detections::<8>::default(), Detections::<12>::default());
        DETECTOR.detect(&[0.0; 56], &[1.0; 42], &mut fresh.0, &mut fresh.1);
        assert!(!fresh.1.is_empty() && lists.detections[..] == fresh.1[..]);
        assert_eq!(lists.detections.is_truncated(), fresh.1.is_truncated());
    }
    assert_eq!((size_of::<Detections<5>>(), size_of::<DetectionLists<2, 3>>()), (28 * 5 + 8, 28 * 5 + 16));
}
