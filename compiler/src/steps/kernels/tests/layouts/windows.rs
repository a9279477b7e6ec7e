//! Windows over maps, whose padding may be another on each side, and the other way round.

use peleec_runtime::PoolKind;

use super::super::{MULTIPLIER, RULE, ZERO};
use super::*;
use crate::steps::micro;
use crate::target::{NumericClass, Profile, Target};

/// Windows that see an element each wherever they are over maps of four rows and five columns at least.
fn windows() -> Vec<Window> {
    let window =
        |kernel, strides, dilations, pads, ceil_mode| Window { kernel, strides, dilations, pads, ceil_mode, ..Window::pointwise() };
    vec![
        window([3, 3], [1, 1], [1, 1], [1, 1, 1, 1], false),
        window([2, 3], [2, 1], [1, 2], [0, 1, 1, 3], false),
        window([3, 2], [1, 3], [1, 1], [2, 0, 0, 1], false),
        window([4, 5], [3, 2], [1, 1], [1, 2, 2, 0], false),
        window([2, 2], [2, 2], [1, 1], [0, 0, 0, 0], true),
        window([3, 3], [2, 3], [1, 1], [1, 0, 0, 1], true),
        window([1, 1], [2, 2], [1, 1], [0, 0, 0, 0], false),
        window([2, 1], [1, 1], [3, 1], [1, 0, 2, 0], false),
    ]
}

/// Channels, rows and columns of an input and of the output.
fn maps(window: &Window, random: &mut Random) -> [Vec<usize>; 2] {
    let input = Shape(vec![1, 1 + random.below(9) as usize, 4 + random.below(3) as usize, 5 + random.below(4) as usize]);
    let [_, rows, columns] = window.output(&input).unwrap();
    let output = vec![1, input[1], rows, columns];
    [input.0, output]
}

/// The places of a padded map under a window: those of the map, and how many there are with the padding.
fn seen(window: &Window, [_, _, height, width]: [usize; 4], [y, x]: [usize; 2]) -> (Vec<[usize; 4]>, usize) {
    let (mut inside, mut declared) = (Vec::new(), 0);
    for (ky, kx) in (0..window.kernel[0]).flat_map(|ky| (0..window.kernel[1]).map(move |kx| (ky, kx))) {
        let padded = [y * window.strides[0] + ky * window.dilations[0], x * window.strides[1] + kx * window.dilations[1]];
        declared +=
            usize::from(padded[0] < height + window.pads[0] + window.pads[2] && padded[1] < width + window.pads[1] + window.pads[3]);
        if let (Some(row), Some(column)) = (padded[0].checked_sub(window.pads[0]), padded[1].checked_sub(window.pads[1]))
            && row < height
            && column < width
        {
            inside.push([row, column, ky, kx]);
        }
    }
    (inside, declared)
}

fn four(dims: &[usize]) -> [usize; 4] {
    dims.try_into().unwrap()
}

#[test]
fn pools_are_of_what_their_windows_see() {
    let mut random = Random(40);
    for (window, _) in windows().into_iter().flat_map(|window| [0; 3].map(|round| (window.clone(), round))) {
        let [from, to] = maps(&window, &mut random);
        let values: Vec<i128> = (0..from.iter().product()).map(|_| i128::from(random.below(41)) - 20).collect();
        let seen = |at: &[usize]| {
            let (inside, declared) = seen(&window, four(&from), [at[2], at[3]]);
            (inside.into_iter().map(|[row, column, ..]| values[flat(&from, &[0, at[1], row, column])]).collect::<Vec<_>>(), declared)
        };
        let greatest: Vec<i128> = indices(&to).iter().map(|at| seen(at).0.into_iter().max().unwrap()).collect();
        let (floats, bytes) = (whole(DType::F32, &from, &values), whole(DType::I8, &from, &values));
        let most = run(&Pool2d { window: window.clone(), kind: PoolKind::Max }, &[&floats], &TensorType::f32(to.clone()), &mut random);
        assert_eq!(numbers(&most), greatest, "{window:?} of {from:?}");
        let most = run(&MaxPool2d { window: window.clone() }, &[&bytes], &TensorType::new(DType::I8, to.clone()), &mut random);
        assert_eq!(numbers(&most), greatest, "{window:?} of {from:?}");
        for kind in [PoolKind::AverageInside, PoolKind::AveragePadded] {
            let average = |at: &Vec<usize>| {
                let (values, declared) = seen(at);
                let count = if kind == PoolKind::AverageInside { values.len() } else { declared };
                (values.iter().sum::<i128>(), count as i128)
            };
            let wanted: Vec<(i128, i128)> = indices(&to).iter().map(average).collect();
            let found = run(&Pool2d { window: window.clone(), kind }, &[&floats], &TensorType::f32(to.clone()), &mut random);
            let is_right = |(&found, &(sum, count)): (&f32, &(i128, i128))| found == sum as f32 / count as f32;
            assert!(found.as_f32().unwrap().iter().zip(&wanted).all(is_right), "{window:?} of {from:?}, {kind:?}");
            // Bytes from 2 on stand for half as much each; results of -5 for nothing.
            let kernel = AveragePool2d {
                window: window.clone(),
                kind,
                from: Steps { scale: 0.5, zero: 2 },
                to: Steps { scale: 0.25, zero: -5 },
                limits: [-20, 25],
            };
            let found = numbers(&run(&kernel, &[&bytes], &TensorType::new(DType::I8, to.clone()), &mut random));
            for (at, found) in indices(&to).iter().zip(found) {
                let (values, declared) = seen(at);
                let count = if kind == PoolKind::AverageInside { values.len() } else { declared };
                let steps = values.iter().map(|value| (value - 2) as f64 * 0.5).sum::<f64>() / count as f64 / 0.25;
                let wanted = (steps.round_ties_even() - 5.0).clamp(-20.0, 25.0);
                // A quotient that no float holds is rounded twice.
                let is_half = (steps.fract().abs() - 0.5).abs() < 1e-5;
                assert!(found as f64 == wanted || is_half, "{kernel:?} of {values:?} is {found}, not {wanted}");
            }
        }
    }
}

#[test]
fn every_channel_has_a_kernel_of_its_own() {
    let mut random = Random(41);
    let (floats, unit) = (Profile { target: Target::Generic, numeric: NumericClass::Plain }, micro::unit);
    for (window, target) in windows().into_iter().flat_map(|window| Target::ALL.map(|target| (window.clone(), target))) {
        let [from, to] = maps(&window, &mut random);
        let (channels, taps) = (from[1], window.kernel.iter().product::<usize>());
        let values: Vec<i128> = (0..from.iter().product()).map(|_| i128::from(random.below(21)) - 10).collect();
        let weights: Vec<i128> = (0..channels * taps).map(|_| i128::from(random.below(21)) - 10).collect();
        let bias: Vec<i128> = (0..channels).map(|_| i128::from(random.below(101)) - 50).collect();
        // The sum over what differs from the number that stands for zero, of which the padding is.
        let sum = |at: &[usize], zero: i128| {
            let (inside, _) = seen(&window, four(&from), [at[2], at[3]]);
            let weight = |ky: usize, kx: usize| weights[(at[1] * window.kernel[0] + ky) * window.kernel[1] + kx];
            let product = |[row, column, ky, kx]: [usize; 4]| (values[flat(&from, &[0, at[1], row, column])] - zero) * weight(ky, kx);
            bias[at[1]] + inside.into_iter().map(product).sum::<i128>()
        };
        // The bias, then the channels of each tap.
        let by_tap = (0..taps).flat_map(|tap| (0..channels).map(move |c| c * taps + tap)).map(|place| weights[place]);
        let packed: Vec<f32> = bias.iter().copied().chain(by_tap).map(|value| value as f32).collect();
        let kernel = DepthwiseConv2d { window: window.clone(), activation: peleec_runtime::Activation::Identity, unit: unit(floats) };
        let found = run_by(&kernel, &[&whole(DType::F32, &from, &values)], &packed, &TensorType::f32(to.clone()), &mut random);
        assert_eq!(numbers(&found), indices(&to).iter().map(|at| sum(at, 0)).collect::<Vec<_>>(), "{window:?} of {from:?}");

        let kernel = QuantizedDepthwiseConv2d { window: window.clone(), input_zero: ZERO, requantize: RULE, target };
        let bytes: Vec<i8> = weights.iter().map(|&weight| weight as i8).collect();
        let added: Vec<i32> = bias.iter().map(|&bias| bias as i32).collect();
        let multipliers: Vec<i32> = (0..channels).map(|c| 4 * MULTIPLIER + (c << 22) as i32).collect();
        let packed = kernel.pack(&Parts { weights: &bytes, bias: &added, multipliers: &multipliers, depth: 1 });
        let ty = TensorType::new(DType::I8, to.clone());
        let found = numbers(&run_by(&kernel, &[&whole(DType::I8, &from, &values)], &packed, &ty, &mut random));
        let result = |at: &Vec<usize>| {
            let factor = f64::from(multipliers[at[1]]) / f64::from(1_u32 << 31);
            ((factor * sum(at, ZERO.into()) as f64 + 0.5).floor() as i128 - 3).clamp(-128, 127)
        };
        assert_eq!(found, indices(&to).iter().map(result).collect::<Vec<_>>(), "{window:?} of {from:?} for {target}");
    }
}

/// By scattering: each element of the input adds its products to the output.
#[test]
fn a_transposed_convolution_scatters() {
    let mut random = Random(42);
    for (kernel, strides, dilations, pads, more, group) in [
        ([3, 3], [2, 2], [1, 1], [1, 1], [0, 0], 1),
        ([2, 3], [1, 3], [2, 1], [0, 1], [1, 0], 2),
        ([4, 1], [2, 1], [1, 1], [1, 0], [0, 2], 3),
        ([1, 2], [3, 2], [1, 3], [0, 2], [2, 1], 1),
        ([1, 1], [1, 1], [1, 1], [0, 0], [0, 0], 5),
        ([5, 4], [2, 3], [1, 1], [4, 3], [0, 0], 2),
    ] {
        let (depth, filters) = (1 + random.below(4) as usize, 1 + random.below(5) as usize);
        let from = [1, group * depth, 3 + random.below(3) as usize, 2 + random.below(4) as usize];
        // Behind what the taps reach there may be more, which is the bias alone.
        let along = |axis: usize| (from[2 + axis] - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1 - pads[axis] + more[axis];
        let to = [1, group * filters, along(0), along(1)];
        let taps = kernel.iter().product::<usize>();
        let [values, weights, bias] = [from.iter().product(), group * depth * filters * taps, to[1]].map(|count| few(&mut random, count));
        let mut wanted: Vec<i128> = indices(&to).iter().map(|at| bias[at[1]]).collect();
        for at in indices(&from) {
            for (m, tap) in (0..filters).flat_map(|m| (0..taps).map(move |tap| (m, tap))) {
                let reach = [tap / kernel[1], tap % kernel[1]];
                let place = |axis: usize| (at[2 + axis] * strides[axis] + reach[axis] * dilations[axis]).checked_sub(pads[axis]);
                let (Some(row), Some(column)) = (place(0), place(1)) else { continue };
                if row < to[2] && column < to[3] {
                    let to_place = flat(&to, &[0, at[1] / depth * filters + m, row, column]);
                    wanted[to_place] += values[flat(&from, &at)] * weights[(at[1] * filters + m) * taps + tap];
                }
            }
        }
        let float = |values: &[i128]| values.iter().map(|&value| value as f32).collect::<Vec<_>>();
        let conv = ConvTranspose2d { kernel, strides, dilations, pads, group };
        for has_bias in [true, false] {
            let packed = pack_transposed(&float(&weights), has_bias.then(|| float(&bias)).as_deref(), [group, depth, filters, taps]);
            let found = run_by(&conv, &[&whole(DType::F32, &from, &values)], &packed, &TensorType::f32(to), &mut random);
            let bias = |at: &Vec<usize>| if has_bias { 0 } else { bias[at[1]] };
            let wanted = indices(&to).iter().zip(&wanted).map(|(at, sum)| sum - bias(at)).collect::<Vec<_>>();
            assert_eq!(numbers(&found), wanted, "{conv:?} of {from:?}");
        }
    }
}
