//! Two implementations of one suppression against each other, the detector's and the kernel's, and what holds of every greedy one.

use peleec_runtime::{Dequantized, Detection, Detector, Grid, NonMaxSuppression};

mod maps;

use maps::{Random, written};

/// The most boxes.
const MOST: usize = 24;

/// Boxes of whole pixels, `[left, top, right, bottom]`, and a score a class and box.
#[derive(Clone, Debug)]
struct Scene {
    boxes: Vec<[i16; 4]>,
    classes: usize,
    /// `[boxes][classes]`.
    scores: Vec<f32>,
}

impl Scene {
    fn random(random: &mut Random, steps: u32) -> Self {
        let (count, classes) = (1 + random.below(MOST as u32) as usize, 1 + random.below(3) as usize);
        let mut side = || {
            let begin = random.below(12) as i16;
            [begin, begin + 2 + 2 * random.below(5) as i16]
        };
        let boxes = (0..count).map(|_| [side(), side()]).map(|[[left, right], [top, bottom]]| [left, top, right, bottom]).collect();
        let scores = (0..count * classes).map(|_| (1 + random.below(steps)) as f32 / 4096.0).collect();
        Scene { boxes, classes, scores }
    }

    /// The boxes that the kernel selects, class by class, each with its score; as `[y, x, y, x]`, or as centres and sizes.
    fn by_kernel(&self, count: usize, above: f32, overlap: f32, centred: bool) -> Vec<Vec<(u32, f32)>> {
        let (n, classes) = (self.boxes.len() as u32, self.classes as u32);
        // Scores lie as the detector has them, class beside class.
        let count = count.min(self.boxes.len()) as u32;
        let kernel = NonMaxSuppression::new([1, classes, n], count, overlap, [4 * n, 4, 1], [n * classes, 1, classes], [3, 1]);
        let kernel = kernel.above(Some(above)).centred(centred);
        let numbers = |&[left, top, right, bottom]: &[i16; 4]| {
            let [left, top, right, bottom] = [left, top, right, bottom].map(f32::from);
            if centred {
                [(left + right) / 2.0, (top + bottom) / 2.0, right - left, bottom - top]
            } else {
                // Corners may come in any order.
                [bottom, left, top, right]
            }
        };
        let boxes: Vec<f32> = self.boxes.iter().flat_map(numbers).collect();
        let rows = written(&kernel, &boxes, &self.scores, vec![7_i64; (3 * classes * count) as usize]);
        let mut found = vec![Vec::new(); self.classes];
        for row in rows.chunks(3).filter(|row| row[2] >= 0) {
            let at = row[2] as usize;
            found[row[1] as usize].push((at as u32, self.scores[at * self.classes + row[1] as usize]));
        }
        found
    }

    /// What the detector sees of it, class by class, without a limit but of its lists.
    fn by_detector(&self, [candidates, detections]: [usize; 2], threshold: f32, iou: f32) -> (Vec<Detection>, bool) {
        // Each box is the prior of a grid of its own; shares of 64 pixels are exact.
        let share = |pixels: i16| f32::from(pixels) / 64.0;
        let centre = |a: i16, b: i16| [(share(a) + share(b)) / 2.0];
        let priors: Vec<_> = self.boxes.iter().map(|&[l, t, r, b]| (centre(t, b), centre(l, r), [[share(r - l), share(b - t)]])).collect();
        let grids: Vec<Grid<'_>> = priors.iter().map(|(rows, columns, shapes)| Grid { rows, columns, shapes }).collect();
        let detector = Detector {
            grids: &grids,
            classes: self.classes,
            background: None,
            variances: [0.1, 0.1, 0.2, 0.2],
            threshold,
            iou,
            frame: [64.0; 2],
            scale: [64.0; 2],
            shift: [0.0; 2],
        };
        let mut lists = [vec![Detection::NONE; candidates], vec![Detection::NONE; detections]];
        let [first, second] = &mut lists;
        let loc = vec![0.0_f32; 4 * self.boxes.len()];
        let (count, truncated) = detector.detect_in(&loc.as_slice(), &self.scores.as_slice(), first, second);
        for seen in &second[..count] {
            assert_eq!(seen.corners, self.boxes[seen.prior as usize].map(f32::from), "{self:?}");
        }
        (second[..count].to_vec(), truncated)
    }
}

/// Prior and score of those of each class.
fn by_class(seen: &[Detection], classes: usize) -> Vec<Vec<(u32, f32)>> {
    let of = |class: usize| seen.iter().filter(|seen| seen.class as usize == class).map(|seen| (seen.prior, seen.score)).collect();
    (0..classes).map(of).collect()
}

#[test]
fn the_detector_and_the_kernel_keep_the_same_boxes() {
    let mut random = Random(1);
    let mut kept = 0;
    for round in 0..600 {
        // Few scores are alike in some scenes, and most of them in others.
        let scene = Scene::random(&mut random, [4096, 5][round % 2]);
        let (threshold, iou) = ([0.0, 0.000_8, 0.5][round % 3], [0.0, 0.25, 0.5, 0.75, 1.0][round % 5]);
        let (seen, truncated) = scene.by_detector([MOST, 3 * MOST], threshold, iou);
        let found = by_class(&seen, scene.classes);
        assert_eq!(found, scene.by_kernel(MOST, threshold, iou, round % 7 < 3), "{threshold} {iou} {scene:?}");
        assert!(!truncated && seen.is_sorted_by(|a, b| a.score >= b.score), "{seen:?}");
        kept += seen.len();
    }
    assert!(kept > 2000, "{kept}");
}

/// Only better boxes suppress, so that a greater threshold, or a limit, takes boxes from the end.
#[test]
fn what_a_threshold_or_a_limit_leaves_is_what_came_first() {
    let mut random = Random(2);
    for _ in 0..200 {
        let scene = Scene::random(&mut random, 64);
        let (all, _) = scene.by_detector([MOST, 3 * MOST], 0.0, 0.4);
        for threshold in [0.001, 0.004, 0.01, 1.0] {
            let (fewer, _) = scene.by_detector([MOST, 3 * MOST], threshold, 0.4);
            let wanted: Vec<Detection> = all.iter().copied().filter(|seen| seen.score > threshold).collect();
            assert_eq!(fewer, wanted, "{threshold} {scene:?}");
        }
        for limit in [1, 2, 5] {
            let (first, truncated) = scene.by_detector([MOST, limit], 0.0, 0.4);
            assert_eq!((&first[..], truncated), (&all[..limit.min(all.len())], all.len() > limit), "{scene:?}");
            let by_kernel = scene.by_kernel(limit, 0.0, 0.4, false);
            let each = by_class(&all, scene.classes).into_iter().map(|mut own| {
                own.truncate(limit);
                own
            });
            assert_eq!(by_kernel, each.collect::<Vec<_>>(), "{scene:?}");
        }
    }
}

/// No box that is kept overlaps another that is, and every other box overlaps a better one that is.
#[test]
fn every_box_is_kept_or_overlaps_a_better_one() {
    let mut random = Random(3);
    for _ in 0..200 {
        let scene = Scene::random(&mut random, 1 << 12);
        // Of whole pixels, without a quotient: more than a third of the union.
        let overlaps = |a: u32, b: u32| {
            let [a, b] = [a, b].map(|at| scene.boxes[at as usize].map(i32::from));
            let side = |axis: usize| (a[axis + 2].min(b[axis + 2]) - a[axis].max(b[axis])).max(0);
            let area = |a: [i32; 4]| (a[2] - a[0]) * (a[3] - a[1]);
            let common = side(0) * side(1);
            // 1 / 3 is a little more as a float than as a number.
            3 * common > area(a) + area(b) - common
        };
        let (seen, _) = scene.by_detector([MOST, 3 * MOST], 0.0, 1.0 / 3.0);
        for (class, kept) in by_class(&seen, scene.classes).into_iter().enumerate() {
            let is_before = |a: (u32, f32), b: (u32, f32)| a.1 > b.1 || (a.1 == b.1 && a.0 < b.0);
            for prior in 0..scene.boxes.len() as u32 {
                let own = (prior, scene.scores[prior as usize * scene.classes + class]);
                let is_suppressed = kept.iter().any(|&other| is_before(other, own) && overlaps(other.0, prior));
                assert_eq!(kept.contains(&own), !is_suppressed, "{prior} of {class}: {scene:?}");
            }
        }
    }
}

/// Bytes are what they stand for, of a scale that is a power of two.
#[test]
fn scores_of_bytes_are_those_that_they_stand_for() {
    let mut random = Random(4);
    for _ in 0..100 {
        let mut scene = Scene::random(&mut random, 64);
        let zero = random.below(256) as i32 - 128;
        let bytes: Vec<i8> = scene.scores.iter().map(|_| random.below(256) as i8).collect();
        scene.scores = bytes.iter().map(|&byte| (i32::from(byte) - zero) as f32 / 128.0).collect();
        let threshold = (random.below(300) as i32 - 150) as f32 / 128.0;
        let (wanted, _) = scene.by_detector([MOST, 3 * MOST], threshold, 2.0);
        // Each class's boxes, where all of them lie in one place apart from each other.
        let grid = [Grid { rows: &[0.5], columns: &[0.5], shapes: &[[1.0, 1.0]; MOST][..scene.boxes.len()] }];
        let detector = Detector {
            grids: &grid,
            classes: scene.classes,
            background: None,
            variances: [0.1; 4],
            threshold,
            iou: 2.0,
            frame: [1.0; 2],
            scale: [1.0; 2],
            shift: [0.0; 2],
        };
        let scores = Dequantized { bytes: &bytes, scale: 1.0 / 128.0, zero };
        let loc = Dequantized { bytes: &[0_u8; 4 * MOST][..4 * scene.boxes.len()], scale: 1.0, zero: 0 };
        let [first, second] = &mut [vec![Detection::NONE; MOST], vec![Detection::NONE; 3 * MOST]];
        let (count, truncated) = detector.detect_in(&loc, &scores, first, second);
        let of = |seen: &Detection| (seen.class, seen.prior, seen.score);
        assert_eq!(second[..count].iter().map(of).collect::<Vec<_>>(), wanted.iter().map(of).collect::<Vec<_>>(), "{threshold} {scene:?}");
        assert!(!truncated);
    }
}
