//! Suppression of boxes through the checked door, against the textbook: the best box is taken, and all that overlap it are thrown away.

use bytemuck::{cast_slice, cast_slice_mut};
use peleec_runtime::{Destination, NonMaxSuppression, Operands, Place, run_checked};

mod maps;

use maps::Random;

/// How many kernels are drawn; Miri is slow.
const ROUNDS: u32 = if cfg!(miri) { 20 } else { 600 };

fn run(kernel: &NonMaxSuppression, boxes: &[f32], scores: &[f32]) -> Vec<i64> {
    let mut y = vec![7i64; kernel.extent().expect("the operands have lengths").y];
    let (x, r) = (Place::Outside(cast_slice(boxes)), Place::Outside(cast_slice(scores)));
    let to = Destination::Outside(cast_slice_mut(&mut y));
    run_checked(kernel, Operands { arena: &mut [], x, r, w: &[], y: to }).expect("the operands serve");
    y
}

/// Where a box begins and ends along each axis.
fn sides([a, b, c, d]: [f32; 4], centred: bool) -> [[f32; 2]; 2] {
    if centred { [[a - c / 2.0, a + c / 2.0], [b - d / 2.0, b + d / 2.0]] } else { [[a.min(c), a.max(c)], [b.min(d), b.max(d)]] }
}

fn area(sides: [[f32; 2]; 2]) -> f32 {
    sides.map(|[begin, end]| (end - begin).max(0.0)).into_iter().product()
}

/// Whether two boxes have more than a quarter of their union in common; of halves of small whole numbers nothing is rounded.
fn overlap(a: [[f32; 2]; 2], b: [[f32; 2]; 2]) -> bool {
    let common = area([0, 1].map(|axis: usize| [a[axis][0].max(b[axis][0]), a[axis][1].min(b[axis][1])]));
    common > 0.25 * (area(a) + area(b) - common)
}

fn offset(index: &[u32], steps: &[u32]) -> usize {
    index.iter().zip(steps).map(|(i, step)| (i * step) as usize).sum()
}

/// The rows of the textbook, and behind them rows of -1.
fn textbook(kernel: &NonMaxSuppression, boxes: &[f32], scores: &[f32]) -> Vec<[i64; 3]> {
    let [images, classes, count] = kernel.dims;
    let mut rows = Vec::new();
    for (image, class) in (0..images).flat_map(|image| (0..classes).map(move |class| (image, class))) {
        let score = |index: u32| scores[offset(&[image, class, index], &kernel.scores)];
        let number = |index: u32, k: u32| boxes[offset(&[image, index, k], &kernel.boxes)];
        let of = |index: u32| sides([0, 1, 2, 3].map(|k| number(index, k)), kernel.centred);
        let mut left: Vec<u32> = (0..count).filter(|&index| kernel.above.is_none_or(|least| score(index) > least)).collect();
        // Of equal scores the first stays first.
        left.sort_by(|&a, &b| score(b).total_cmp(&score(a)));
        for _ in 0..kernel.count {
            let Some(&best) = left.first() else { break };
            rows.push([image, class, best].map(i64::from));
            left.retain(|&index| index != best && !overlap(of(index), of(best)));
        }
    }
    rows.resize((images * classes * kernel.count) as usize, [-1; 3]);
    rows
}

#[test]
fn the_boxes_of_the_textbook() {
    let mut random = Random(11);
    let (mut filled, mut selected) = (0, 0);
    for round in 0..ROUNDS {
        let [images, classes, boxes] = [1 + random.below(2), 1 + random.below(3), 1 + random.below(14)];
        let (count, above) = (1 + random.below(boxes), (round % 3 > 0).then_some(1.0));
        let (dims, rows) = ([images, classes, boxes], images * classes * count);
        let mut drawn = |len: u32, below: u32| -> Vec<f32> { (0..len).map(|_| random.below(below) as f32).collect() };
        let (numbers, scores) = (drawn(images * boxes * 4, 7), drawn(images * classes * boxes, 6));
        let dense = NonMaxSuppression::new(dims, count, 0.25, [boxes * 4, 4, 1], [classes * boxes, boxes, 1], [3, 1]);
        let turned = NonMaxSuppression::new(dims, count, 0.25, [1, images, images * boxes], [1, images, images * classes], [1, rows]);
        for kernel in [dense, turned].map(|kernel| kernel.above(above).centred(round % 2 == 0)) {
            let y = run(&kernel, &numbers, &scores);
            let found: Vec<[i64; 3]> = (0..rows).map(|row| [0, 1, 2].map(|column| y[offset(&[row, column], &kernel.output)])).collect();
            assert_eq!(found, textbook(&kernel, &numbers, &scores), "{kernel:?}");
            filled += found.iter().filter(|row| **row == [-1; 3]).count();
            selected += found.iter().filter(|row| row[0] >= 0).count();
        }
    }
    assert!(filled > 100 && selected > 100, "{filled} {selected}");
}

/// Three boxes far from each other.
const APART: [[f32; 4]; 3] = [[0.0, 0.0, 1.0, 1.0], [2.0, 2.0, 3.0, 3.0], [4.0, 4.0, 5.0, 5.0]];

#[test]
fn what_is_no_number_is_not_selected() {
    let kernel = NonMaxSuppression::new([1, 1, 3], 3, 0.5, [12, 4, 1], [3, 3, 1], [3, 1]);
    let scores = [f32::NAN, f32::NEG_INFINITY, f32::INFINITY];
    assert_eq!(run(&kernel, APART.as_flattened(), &scores), [0, 0, 2, 0, 0, 1, -1, -1, -1]);
    assert_eq!(run(&kernel.above(Some(0.0)), APART.as_flattened(), &scores), [0, 0, 2, -1, -1, -1, -1, -1, -1]);
    assert_eq!(run(&kernel.above(Some(f32::INFINITY)), APART.as_flattened(), &scores), [-1; 9]);
    let mut boxes = [APART[0]; 3];
    boxes[1][3] = f32::NAN;
    assert_eq!(run(&kernel, boxes.as_flattened(), &[3.0, 2.0, 1.0]), [0, 0, 0, 0, 0, 1, -1, -1, -1]);
}

/// The class of a later row stands where the index of an earlier one was: it is not taken for a box that does not exist.
#[test]
fn rows_that_share_elements_lead_to_no_other_box() {
    let kernel = NonMaxSuppression::new([1, 6, 3], 3, 0.5, [12, 4, 1], [3, 0, 1], [1, 1]);
    let behind = [APART, [APART[0]; 3]];
    let y = run(&kernel, behind.as_flattened().as_flattened(), &[1.0, 2.0, 3.0]);
    // Class 0 is a box, which the last of its boxes is compared with: it is that one.
    assert_eq!((y.len(), &y[16..]), (20, &[0, -1, -1, -1][..]));
}

#[test]
fn what_contradicts_itself_has_no_lengths() {
    let extent = |dims, count| NonMaxSuppression::new(dims, count, 0.5, [0, 4, 1], [0, 0, 1], [3, 1]).extent();
    assert!(extent([2, 3, 5], 4).is_some_and(|extent| [extent.x, extent.r, extent.w, extent.y] == [20, 5, 0, 72]));
    for (dims, count) in
        [([1, 1, 3], 0), ([1, 1, 3], 4), ([0, 1, 3], 1), ([1, 0, 3], 1), ([1 << 16, 1 << 16, 3], 1), ([1 << 15, 1 << 15, 9], 9)]
    {
        assert_eq!(extent(dims, count), None, "{dims:?} {count}");
    }
}
