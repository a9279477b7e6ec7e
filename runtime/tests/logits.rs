//! A detector that reads logits sees what it sees of the scores that the kernels make of them, to the bit.

use peleec_runtime::{
    Activation, Dequantized, Detection, Detections, Detector, DetectorScores, Grid, Kernel, Map, SigmoidOf, Softmax, SoftmaxOf, run_checked,
};

mod maps;

use maps::{Random, operands};

/// Of the priors of [`DETECTOR`].
const LOC: [f32; 24] = [0.0; 24];

const DETECTOR: Detector<'static> = Detector {
    grids: &[Grid { rows: &[0.5], columns: &[0.2, 0.5, 0.8], shapes: &[[0.2, 0.1], [0.1, 0.2]] }],
    classes: 0,
    background: None,
    variances: [0.1, 0.1, 0.2, 0.2],
    threshold: 0.0,
    iou: 0.9,
    frame: [100.0, 100.0],
    scale: [100.0, 100.0],
    shift: [0.0, 0.0],
};

const THRESHOLDS: [f32; 19] = [
    -1.0,
    0.0,
    1e-40,
    f32::MIN_POSITIVE,
    1e-30,
    1e-7,
    0.01,
    0.2,
    0.3,
    0.499_999_97,
    0.5,
    0.500_000_06,
    0.55,
    0.7,
    0.999,
    0.999_5,
    0.999_999_9,
    1.0,
    f32::NAN,
];

fn seen(detector: &Detector<'_>, scores: impl DetectorScores) -> (Vec<Detection>, bool) {
    let (mut candidates, mut detections) = (Detections::<5>::new(), Detections::<20>::new());
    detector.detect(&LOC, scores, &mut candidates, &mut detections);
    (detections.to_vec(), detections.is_truncated())
}

fn values_of(kernel: &impl Kernel, logits: &[f32]) -> Vec<f32> {
    let mut values = vec![0.0; logits.len()];
    run_checked(kernel, operands([logits, &[], &[]], &mut values)).expect("the operands serve");
    values
}

/// Compares both functions of logits, and of bytes where the logits are what these stand for; how many detections there are.
fn compare(classes: usize, threshold: f32, logits: &[f32], bytes: Option<Dequantized<'_, i8>>) -> usize {
    let (dims, strides) = ([1, 1, 1, 1, 6, classes as u32], [0, 0, 0, 0, classes as u32, 1]);
    let softmax = values_of(&Softmax::new(dims, strides, strides), logits);
    let sigmoid = values_of(&Map::new(dims, strides, strides).activation(Activation::Sigmoid), logits);
    let mut found = 0;
    // The last is not there.
    for background in [None, Some(0), Some(classes - 1), Some(classes)] {
        let detector = Detector { classes, background, threshold, ..DETECTOR };
        let wanted = [seen(&detector, softmax.as_slice()), seen(&detector, sigmoid.as_slice())];
        let floats = [seen(&detector, SoftmaxOf(logits)), seen(&detector, SigmoidOf(logits))];
        assert_eq!(floats, wanted, "{threshold} {background:?} {logits:?}");
        if let Some(bytes) = bytes {
            assert_eq!([seen(&detector, SoftmaxOf(bytes)), seen(&detector, SigmoidOf(bytes))], wanted, "{threshold} {bytes:?}");
        }
        found += wanted[0].0.len() + wanted[1].0.len();
    }
    found
}

#[test]
fn of_random_logits() {
    let (mut random, mut found) = (Random(5), 0);
    for round in 0..60 {
        let (classes, spread) = ([1, 2, 3, 21][round % 4], [0.3, 3.0, 30.0, 200.0, 1e30][round % 5]);
        let mut logits = random.values(6 * classes);
        logits.iter_mut().for_each(|logit| *logit *= spread);
        // Ties, and what is no number.
        for _ in 0..random.below(4) {
            let at = random.below(logits.len() as u32) as usize;
            logits[at] = [logits[0], f32::INFINITY, f32::NEG_INFINITY, f32::NAN][random.below(4) as usize];
        }
        for threshold in THRESHOLDS {
            found += compare(classes, threshold, &logits, None);
        }
    }
    assert!(found > 1000, "{found}");
}

/// Logits whose scores are those of the thresholds, and their neighbours.
#[test]
fn of_logits_at_the_threshold() {
    let mut found = [0; 2];
    for threshold in THRESHOLDS.into_iter().filter(|threshold| *threshold > 0.0 && *threshold < 1.0) {
        let exact = f64::from(threshold);
        let logit = (exact / (1.0 - exact)).ln() as f32;
        for steps in -40..40 {
            let logit = f32::from_bits(logit.to_bits().wrapping_add_signed(steps));
            // Of two classes that are led by the first, or of one that leads; the third is nowhere.
            let rows = [[0.0, logit, -500.0], [-logit, 0.0, -500.0], [100.0, 100.0 + logit, -500.0]];
            let logits: Vec<f32> = rows.iter().chain(&rows).flatten().copied().collect();
            found[usize::from(steps > 0)] += compare(3, threshold, &logits, None);
        }
    }
    // Fewer where scores are a little less than the threshold.
    assert!(found[0] > 0 && found[1] > 0 && found[0] != found[1], "{found:?}");
}

#[test]
fn of_bytes() {
    let (mut random, mut found) = (Random(8), 0);
    for round in 0..60 {
        let (classes, scale) = ([1, 2, 3, 21][round % 4], [0.004, 0.08, 1.0, 7.0][round / 4 % 4]);
        let zero = random.below(256) as i32 - 128;
        let bytes: Vec<i8> = (0..6 * classes).map(|_| (random.below(256) as u8).cast_signed()).collect();
        let logits: Vec<f32> = bytes.iter().map(|&byte| (i32::from(byte) - zero) as f32 * scale).collect();
        for threshold in THRESHOLDS {
            found += compare(classes, threshold, &logits, Some(Dequantized { bytes: &bytes, scale, zero }));
        }
    }
    assert!(found > 1000, "{found}");
}

/// Rows that are longer than a block of a sum.
#[test]
fn of_many_classes() {
    for classes in [1024, 1500] {
        let mut logits = Random(3).values(6 * classes);
        for prior in 0..5 {
            logits[prior * classes + 400 * prior / 2] = 6.0 + prior as f32;
        }
        assert!(compare(classes, 0.2, &logits, None) > 4);
    }
}
