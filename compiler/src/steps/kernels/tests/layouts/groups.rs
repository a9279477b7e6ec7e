//! Kernels that make something of many elements: sums, extremes, norms, products of matrices, boxes.

use peleec_runtime::NormKind;

use super::*;

/// Some axes, ascending, one at least.
fn some_axes(random: &mut Random, rank: usize) -> Vec<usize> {
    let chosen = 1 + random.below((1 << rank) - 1);
    (0..rank).filter(|axis| chosen >> axis & 1 == 1).collect()
}

/// The elements of the group of each of these indices, whose places along `axes` do not count.
fn members(dims: &[usize], axes: &[usize], index: &[usize]) -> Vec<usize> {
    let is_member = |other: &Vec<usize>| (0..dims.len()).all(|axis| axes.contains(&axis) || other[axis] == index[axis]);
    indices(dims).iter().filter(|other| is_member(other)).map(|other| flat(dims, other)).collect()
}

#[test]
fn sums_of_all_up_to_each() {
    let mut random = Random(30);
    for round in 0..96 {
        let (dims, dtype) = (extents(&mut random, 1), [DType::F32, DType::I8, DType::U8, DType::I32, DType::I64][round % 5]);
        let axis = random.below(dims.len() as u32) as usize;
        let [exclusive, reverse] = [0, 1].map(|_| random.below(2) == 1);
        // Sums of bytes wrap.
        let values: Vec<i128> =
            (0..dims.iter().product()).map(|_| 50 * (i128::from(random.below(5)) - i128::from(dtype != DType::U8))).collect();
        let x = whole(dtype, &dims, &values);
        let found = run(&CumulativeSum { axis, exclusive, reverse }, &[&x], &x.ty(), &mut random);
        let sum = |index: Vec<usize>| {
            let at = index[axis];
            let counts = |other: usize| (if reverse { other > at } else { other < at }) || (!exclusive && other == at);
            let line = along(&dims, &index, axis);
            (0..line.len()).filter(|&other| counts(other)).map(|other| values[line[other]]).sum::<i128>()
        };
        let sums: Vec<i128> = indices(&dims).into_iter().map(sum).collect();
        assert_eq!(found, whole(dtype, &dims, &sums), "{dims:?} along {axis}, exclusive {exclusive}, reverse {reverse}");
    }
}

/// By doubles.
fn reduced(kind: ReduceKind, values: &[f64]) -> f64 {
    let sum = |of: fn(f64) -> f64| values.iter().map(|&value| of(value)).sum::<f64>();
    // These pass over what is not a number.
    let (least, most) = (values.iter().copied().fold(f64::NAN, f64::min), values.iter().copied().fold(f64::NAN, f64::max));
    match kind {
        ReduceKind::Sum => sum(|x| x),
        ReduceKind::Prod => values.iter().product(),
        ReduceKind::Min => least,
        ReduceKind::Max => most,
        ReduceKind::L1 => sum(f64::abs),
        ReduceKind::L2 => sum(|x| x * x).sqrt(),
        ReduceKind::SumSquare => sum(|x| x * x),
        ReduceKind::LogSum => sum(|x| x).ln(),
        ReduceKind::LogSumExp => most + values.iter().map(|x| (x - most).exp()).sum::<f64>().ln(),
    }
}

#[test]
fn elements_along_any_axes_become_one() {
    let mut random = Random(31);
    for (round, kind) in (0..20).flat_map(|round| ReduceKind::ALL.map(|kind| (round, kind))) {
        let dims = extents(&mut random, 1);
        let (axes, keepdims) = (some_axes(&mut random, dims.len()), round % 2 == 0);
        let mut values: Vec<f64> = few(&mut random, dims.iter().product()).into_iter().map(|value| value as f64 / 2.0).collect();
        match kind {
            // Of what is below zero there is no logarithm; exponentials of these are infinite one by one.
            ReduceKind::LogSum => values.iter_mut().for_each(|value| *value = value.abs() + 0.5),
            ReduceKind::LogSumExp => {
                values.iter_mut().for_each(|value| *value = *value * 3.0 + if round % 4 == 0 { 150.0 } else { -150.0 })
            }
            // What is not a number counts where there is nothing else.
            ReduceKind::Min | ReduceKind::Max => values.iter_mut().filter(|value| **value == 0.0).for_each(|value| *value = f64::NAN),
            _ => {}
        }
        let x = real(&dims, &values.iter().map(|&value| value as f32).collect::<Vec<_>>());
        let kept: Vec<usize> = dims.iter().enumerate().map(|(axis, &dim)| if axes.contains(&axis) { 1 } else { dim }).collect();
        let left = || (0..dims.len()).filter(|axis| !axes.contains(axis)).map(|axis| dims[axis]).collect();
        let to = TensorType::f32(if keepdims { kept.clone() } else { left() });
        let found = run(&Reduce { kind, axes: axes.clone(), keepdims }, &[&x], &to, &mut random);
        for (index, &found) in indices(&kept).iter().zip(found.as_f32().unwrap()) {
            let group: Vec<f64> = members(&dims, &axes, index).into_iter().map(|place| values[place]).collect();
            let wanted = reduced(kind, &group);
            let of_nothing = wanted.is_nan() && matches!(kind, ReduceKind::Min | ReduceKind::Max);
            assert!(of_nothing || is_near(found, wanted, 1e-6), "{kind:?} of {group:?} is {found}, not {wanted}");
        }
    }
}

#[test]
fn groups_along_any_axes_are_normalised() {
    let mut random = Random(32);
    let kinds = [NormKind::Moments, NormKind::RootMeanSquare, NormKind::L1, NormKind::L2];
    for (round, kind) in (0..24).flat_map(|round| kinds.map(|kind| (round, kind))) {
        let dims = extents(&mut random, 1);
        let axes = some_axes(&mut random, dims.len());
        let count = dims.iter().product();
        // Of every third one there are zeros alone.
        let values: Vec<f64> = few(&mut random, count).into_iter().map(|value| if round % 3 == 0 { 0.0 } else { value as f64 }).collect();
        let (epsilon, beside) = [(1e-3, 0.0), (0.25, 0.5)][round % 2];
        // Scales and shifts, which are broadcast along some axes and lack some of the first.
        let of: Vec<usize> = dims.iter().map(|&dim| if random.below(2) == 0 { 1 } else { dim }).skip(round / 2 % 2).collect();
        let parameters: Vec<f64> = few(&mut random, 2 * of.iter().product::<usize>()).into_iter().map(|value| value as f64).collect();
        let is_scaled = round % 4 != 1;
        let float = |values: &[f64]| values.iter().map(|&value| value as f32).collect::<Vec<_>>();
        let (x, r) = (real(&dims, &float(&values)), real(&[&[2][..], &of].concat(), &float(&parameters)));
        let inputs = [&x, &r];
        let kernel = Normalize { axes: axes.clone(), kind, epsilon, beside, is_scaled };
        let found = run(&kernel, &inputs[..1 + usize::from(is_scaled)], &x.ty(), &mut random);
        for (place, index) in indices(&dims).into_iter().enumerate() {
            let group: Vec<f64> = members(&dims, &axes, &index).into_iter().map(|place| values[place]).collect();
            let n = group.len() as f64;
            let mean = if kind == NormKind::Moments { group.iter().sum::<f64>() / n } else { 0.0 };
            let squares = group.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
            let divisor = match kind {
                NormKind::Moments | NormKind::RootMeanSquare => (squares / n + f64::from(epsilon)).sqrt() + f64::from(beside),
                NormKind::L1 => group.iter().map(|value| value.abs()).sum(),
                NormKind::L2 => squares.sqrt(),
            };
            let normal = if divisor == 0.0 { 0.0 } else { (values[place] - mean) / divisor };
            let parameter = flat(&of, &index[dims.len() - of.len()..]);
            let wanted = match is_scaled {
                true => normal * parameters[parameter] + parameters[parameters.len() / 2 + parameter],
                false => normal,
            };
            let found = found.as_f32().unwrap()[place];
            assert!(is_near(found, wanted, 2e-6), "{kernel:?} of {group:?} with {of:?} is {found}, not {wanted}");
        }
    }
}

/// The softmax of a line, by doubles.
fn shares(line: &[f64]) -> Vec<f64> {
    let most = line.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = line.iter().map(|value| (value - most).exp()).collect();
    powers.iter().map(|power| power / powers.iter().sum::<f64>()).collect()
}

/// Of numbers whose exponentials no float holds, too.
#[test]
fn shares_of_a_line_of_any_axis() {
    let mut random = Random(33);
    for round in 0..60 {
        let dims = extents(&mut random, 1);
        let axis = random.below(dims.len() as u32) as usize;
        let scale = [0.5, 40.0, 1e4][round % 3];
        let mut values: Vec<f64> = few(&mut random, dims.iter().product()).into_iter().map(|value| value as f64 * scale).collect();
        if round % 5 == 0 && dims[axis] > 1 {
            // An element that is out of the question.
            values[0] = f64::NEG_INFINITY;
        }
        let x = real(&dims, &values.iter().map(|&value| value as f32).collect::<Vec<_>>());
        let found = run(&Softmax { axis }, &[&x], &x.ty(), &mut random);
        let logs = run(&LogSoftmax { axis }, &[&x], &x.ty(), &mut random);
        for (place, index) in indices(&dims).into_iter().enumerate() {
            let line: Vec<f64> = along(&dims, &index, axis).into_iter().map(|place| values[place]).collect();
            let most = line.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let log = line[index[axis]] - most - line.iter().map(|value| (value - most).exp()).sum::<f64>().ln();
            let (share, [found, of_log]) = (shares(&line)[index[axis]], [&found, &logs].map(|tensor| tensor.as_f32().unwrap()[place]));
            assert!(is_near(found, share, 1e-6), "{found} is not {share} of {line:?}");
            assert!(is_near(of_log, log, 1e-6), "{of_log} is not {log} of {line:?}");
        }
    }
}

/// A short line, whose powers are kept, and a long one.
#[test]
fn shares_of_bytes() {
    let (from, to, limits) = (Steps { scale: 0.125, zero: 3 }, Steps { scale: 1.0 / 256.0, zero: -128 }, [-128, 127]);
    let mut random = Random(34);
    for (dims, axis) in [(vec![2, 3, 5], 1), (vec![2, 3, 5], 2), (vec![40, 3], 0), (vec![1], 0), (vec![2, 33], 1), (vec![2, 32], 1)] {
        for (source, result) in [(DType::I8, DType::I8), (DType::U8, DType::I8), (DType::I8, DType::U8)] {
            let values: Vec<i128> = (0..dims.iter().product()).map(|_| i128::from(random.below(60))).collect();
            let (zero, low) = if result == DType::U8 { (0, 0) } else { (to.zero, limits[0]) };
            let kernel = QuantizedSoftmax { axis, from, to: Steps { zero, ..to }, limits: [low, low + 255] };
            let found = numbers(&run(&kernel, &[&whole(source, &dims, &values)], &TensorType::new(result, dims.clone()), &mut random));
            for (place, index) in indices(&dims).into_iter().enumerate() {
                let line: Vec<f64> = along(&dims, &index, axis).into_iter().map(|place| (values[place] - 3) as f64 * 0.125).collect();
                let steps = shares(&line)[index[axis]] * 256.0;
                // Halfway between two both are near.
                let is_right = |found: i128| (steps.min(255.0) - (found - i128::from(zero)) as f64).abs() <= 0.5 + 1e-4;
                assert!(is_right(found[place]), "{} of {line:?} is {steps} steps", found[place]);
            }
        }
    }
}

#[test]
fn products_of_matrices_in_batches_that_broadcast() {
    let mut random = Random(35);
    for _ in 0..40 {
        let [b0, b1, m, n, k] = [0; 5].map(|_| 1 + random.below(4) as usize);
        let batch = |random: &mut Random| [b0, b1].map(|extent| if random.below(3) == 0 { 1 } else { extent });
        let ([a0, a1], [c0, c1]) = (batch(&mut random), batch(&mut random));
        let (left, right) = ([a0, a1, m, k], [c0, c1, k, n]);
        let values = [left, right].map(|dims| few(&mut random, dims.iter().product()));
        let [a, b] = [0, 1].map(|side| whole(DType::F32, &[left, right][side], &values[side]));
        let to = [b0, b1, m, n];
        let found = numbers(&run(&MatMul, &[&a, &b], &TensorType::f32(to), &mut random));
        let element = |at: Vec<usize>| -> i128 {
            let product = |i: usize| values[0][flat(&left, &[at[0], at[1], at[2], i])] * values[1][flat(&right, &[at[0], at[1], i, at[3]])];
            (0..k).map(product).sum()
        };
        assert_eq!(found, indices(&to).into_iter().map(element).collect::<Vec<_>>(), "{left:?} by {right:?}");
    }
    let three = laid(&TensorType::f32([2, 2, 2]), &mut random);
    let views = [three.clone(), three.clone()];
    assert!(MatMul.bind(&Views { inputs: &views, output: &three, relation: None, split: false, by_rows: false }).is_err());
}

/// Corners of whole numbers, so that halves alone are made.
fn corners(of: &[f32; 4], centred: bool) -> [f32; 4] {
    let [a, b, c, d] = *of;
    if centred { [a - c / 2.0, b - d / 2.0, a + c / 2.0, b + d / 2.0] } else { [a.min(c), b.min(d), a.max(c), b.max(d)] }
}

/// Cells of half a side that lie in a box, and in both of two.
fn common([a, b]: [&[f32; 4]; 2]) -> f32 {
    let inside = |of: &[f32; 4], y: f32, x: f32| of[0] <= y && y < of[2] && of[1] <= x && x < of[3];
    let cells = (-8..22).flat_map(|y| (-8..22).map(move |x| (y as f32 / 2.0, x as f32 / 2.0)));
    cells.filter(|&(y, x)| inside(a, y, x) && inside(b, y, x)).count() as f32
}

#[test]
fn boxes_are_left_out_that_share_much_with_a_better_one() {
    let mut random = Random(36);
    for round in 0..24 {
        let [images, classes] = [0; 2].map(|_| 1 + random.below(2) as usize);
        let n = 2 + random.below(7) as usize;
        let (count, overlap, centred) = (1 + random.below(n as u32) as usize, [0.0, 0.3, 0.6][round % 3], round % 2 == 1);
        let above = [None, Some(2.0)][round / 2 % 2];
        let given: Vec<[f32; 4]> = (0..images * n).map(|_| [0; 4].map(|_| random.below(8) as f32)).collect();
        let score = |random: &mut Random| if random.below(10) == 0 { f32::NAN } else { random.below(6) as f32 };
        let scores: Vec<f32> = (0..images * classes * n).map(|_| score(&mut random)).collect();
        let [boxes, of] = [real(&[images, n, 4], given.as_flattened()), real(&[images, classes, n], &scores)];
        let to = [images * classes * count, 3];
        let kernel = NonMaxSuppression { count, overlap, above, centred };
        let found = run(&kernel, &[&boxes, &of], &TensorType::new(DType::I64, to), &mut random);
        let mut wanted: Vec<[i128; 3]> = Vec::new();
        for (image, class) in (0..images).flat_map(|image| (0..classes).map(move |class| (image, class))) {
            let scores = &scores[(image * classes + class) * n..][..n];
            let mut order: Vec<usize> = (0..n).filter(|&i| above.map_or(!scores[i].is_nan(), |least| scores[i] > least)).collect();
            // Of equal ones the first stays in front.
            order.sort_by(|&i, &j| scores[j].total_cmp(&scores[i]));
            let mut kept: Vec<usize> = Vec::new();
            for i in order {
                let corners = |i: usize| corners(&given[image * n + i], centred);
                let overlaps = |&other: &usize| {
                    let (one, other) = (corners(i), corners(other));
                    let (own, others, both) = (common([&one, &one]), common([&other, &other]), common([&one, &other]));
                    both > 0.0 && both / (own + others - both) > overlap
                };
                if kept.len() < count && !kept.iter().any(overlaps) {
                    kept.push(i);
                }
            }
            wanted.extend(kept.into_iter().map(|i| [image, class, i].map(|number| number as i128)));
        }
        wanted.resize(to[0], [-1; 3]);
        assert_eq!(numbers(&found), wanted.concat(), "{kernel:?} of {given:?} at {scores:?}");
    }
}
