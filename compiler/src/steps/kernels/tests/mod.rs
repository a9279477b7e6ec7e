//! What kernels answer the planner, against what they do: with the rows, the channels and the memory that they said they do with.

mod layouts;
mod moves;

use peleec_runtime::f32::function::Neg;
use peleec_runtime::{Activation, BinaryKind, Destination, NormKind, Operands, Place, PoolKind, RegionError, Requantize, RowWindow};

use super::conv2d::{Conv2d, pack};
use super::*;
use crate::aligned::AlignedBytes;
use crate::ir::test_build::Random;
use crate::steps::micro;
use crate::target::{NumericClass, Profile, Target};
use crate::tensor::DType;

/// Integers as elements of a type; from 0 on where it has no sign.
fn elements(dtype: DType, integers: &[i32]) -> AlignedBytes {
    let mut bytes = AlignedBytes::default();
    match dtype {
        DType::F32 => bytes.push(&integers.iter().map(|&value| value as f32).collect::<Vec<_>>(), 1),
        DType::I8 => bytes.push(&integers.iter().map(|&value| value as i8).collect::<Vec<_>>(), 1),
        _ => bytes.push(&integers.iter().map(|&value| (value + 20) as u8).collect::<Vec<_>>(), 1),
    };
    bytes
}

/// What elements of `f32` and of a byte are that nothing should read: large, and not among the integers.
const STRANGE: u8 = 0x45;

/// Channels, height and width of a map.
type Extents = [usize; 3];

/// A map whose channels come last, in pixels of `pitch` elements.
fn view(dtype: DType, [channels, height, width]: Extents, pitch: usize) -> View {
    View { dtype, dims: vec![1, channels, height, width], strides: vec![height * width * pitch, 1, width * pitch, pitch], ring: None }
}

fn bound(kernel: &dyn Kernel, views: &Views<'_>) -> Box<dyn Bound> {
    match kernel.bind(views) {
        Ok(Work::Kernel(bound)) => bound,
        other => panic!("{kernel:?}: {other:?}"),
    }
}

fn window(kernel: [usize; 2], strides: [usize; 2], dilations: [usize; 2], [above, left]: [usize; 2]) -> Window {
    Window { kernel, strides, dilations, pads: [above, left, above, left], ..Window::pointwise() }
}

/// The map of a window's outputs.
fn outputs(window: &Window, [_, height, width]: Extents, channels: usize) -> Extents {
    let along = |axis: usize, extent: usize| (extent + 2 * window.pads[axis] - window.reach(axis)) / window.strides[axis] + 1;
    [channels, along(0, height), along(1, width)]
}

/// A kernel over maps whose channels come last.
struct Case {
    kernel: Box<dyn Kernel>,
    /// Of each input and of the output.
    maps: [Extents; 2],
    types: [DType; 2],
    inputs: usize,
    /// Where not any floats serve.
    weights: Option<Vec<i32>>,
}

impl Case {
    fn bound(&self, by_rows: bool) -> Box<dyn Bound> {
        let [input, output] = [0, 1].map(|end| view(self.types[end], self.maps[end], self.maps[end][0]));
        let inputs = vec![input; self.inputs];
        bound(&*self.kernel, &Views { inputs: &inputs, output: &output, relation: None, split: false, by_rows })
    }

    fn inputs(&self, random: &mut Random) -> Vec<AlignedBytes> {
        let count = self.maps[0].iter().product();
        (0..self.inputs).map(|_| elements(self.types[0], &random.integers(count))).collect()
    }

    /// The weights as they are read in this process.
    fn weights(&self, bound: &dyn Bound) -> AlignedBytes {
        let mut packed = AlignedBytes::default();
        match &self.weights {
            Some(words) => _ = packed.push(words, 1),
            None => packed = elements(DType::F32, &Random(7).integers(bound.extent().unwrap().w)),
        }
        let mut here = AlignedBytes::default();
        here.push(&bound.weights_here(&packed), 1);
        here
    }

    /// The output, of which only row `row` is computed where there is one.
    fn run(&self, bound: &dyn Bound, row: Option<usize>, inputs: &[AlignedBytes]) -> AlignedBytes {
        let mut y = AlignedBytes::filled(self.maps[1].iter().product::<usize>() * self.types[1].bytes(), 0);
        let (w, r) = (self.weights(bound), inputs.get(1).map_or(&[][..], |r| &r[..]));
        let operands =
            Operands { arena: &mut [], x: Place::Outside(&inputs[0]), r: Place::Outside(r), w: &w, y: Destination::Outside(&mut y) };
        assert_eq!(bound.run(row, operands), Ok(()), "{:?}", self.kernel);
        y
    }

    /// The bytes of a row: of the inputs, or of the output.
    fn row(&self, end: usize, row: usize) -> std::ops::Range<usize> {
        let [channels, _, width] = self.maps[end];
        let bytes = channels * width * self.types[end].bytes();
        row * bytes..(row + 1) * bytes
    }

    /// The inputs with rows of which nothing is known: of the first those for which `first` says so, of the second all but one.
    fn with_strange_rows(&self, inputs: &[AlignedBytes], first: impl Fn(usize) -> bool, second: usize) -> Vec<AlignedBytes> {
        let mut inputs = inputs.to_vec();
        for (index, input) in inputs.iter_mut().enumerate() {
            for row in (0..self.maps[0][1]).filter(|&row| if index == 0 { first(row) } else { row != second }) {
                input[self.row(0, row)].fill(STRANGE);
            }
        }
        inputs
    }
}

const INPUT: Extents = [5, 9, 7];

fn case(kernel: impl Kernel + 'static, output: Extents, types: [DType; 2]) -> Case {
    Case { kernel: Box::new(kernel), maps: [INPUT, output], types, inputs: 1, weights: None }
}

fn convolution(window: &Window, [input, output]: [Extents; 2], group: usize, pool: Option<PoolKind>, target: Target) -> Conv2d {
    let profile = Profile { target, numeric: NumericClass::Plain };
    let (depth, filters) = (input[0] / group, output[0] / group);
    let problem = micro::Problem { window, input: [input[1], input[2]], output: [output[1], output[2]], group, depth, filters, pool };
    let choice = micro::choose(&problem, profile).unwrap();
    Conv2d { window: window.clone(), group, activation: Activation::Identity, pool, choice }
}

/// Sums of a few hundred become bytes.
const RULE: Requantize = Requantize { zero: -3, ..Requantize::DEFAULT };
const MULTIPLIER: i32 = 1 << 26;
const ZERO: i32 = 4;

fn quantized(window: &Window, group: usize, tile: Tile) -> QuantizedConv2d {
    QuantizedConv2d { window: window.clone(), group, input_zero: ZERO, requantize: RULE, tile, pool: None, sum: None }
}

/// A sum over floats, and in integers.
fn added() -> (QuantizedBinary, QuantizedSum) {
    let steps = |scale: f32, zero: i32| Steps { scale, zero };
    let (from, to) = ([steps(0.25, 1), steps(0.5, -2)], steps(0.25, 3));
    let sum = QuantizedBinary { kind: BinaryKind::Add, from, to, limits: [-128, 127], has_rows: true };
    let proven = QuantizedSum::proven(&sum, DType::I8, DType::I8).unwrap();
    (sum, proven)
}

/// The kernels with a window.
fn windowed() -> Vec<Case> {
    let windows = [
        window([3, 3], [1, 1], [1, 1], [1, 1]),
        window([3, 2], [2, 1], [1, 2], [1, 1]),
        window([2, 3], [1, 2], [3, 1], [1, 2]),
        window([4, 1], [3, 1], [1, 1], [2, 0]),
    ];
    let (floats, bytes, depth) = ([DType::F32; 2], [DType::I8; 2], INPUT[0]);
    let mut cases = Vec::new();
    for window in &windows {
        let (same, six) = (outputs(window, INPUT, depth), outputs(window, INPUT, 6));
        let profile = Profile { target: Target::Generic, numeric: NumericClass::Plain };
        cases.push(case(convolution(window, [INPUT, six], 1, None, Target::Generic), six, floats));
        let depthwise = DepthwiseConv2d { window: window.clone(), activation: Activation::Identity, unit: micro::unit(profile) };
        cases.push(case(depthwise, same, floats));
        for kind in [PoolKind::Max, PoolKind::AverageInside, PoolKind::AveragePadded] {
            cases.push(case(Pool2d { window: window.clone(), kind }, same, floats));
        }
        cases.push(case(MaxPool2d { window: window.clone() }, same, bytes));
        let steps = Steps { scale: 1.0, zero: 0 };
        let average = AveragePool2d { window: window.clone(), kind: PoolKind::AverageInside, from: steps, to: steps, limits: [-128, 127] };
        cases.push(case(average, same, bytes));
        let weights = |count: usize| Random(3).integers(count).into_iter().map(|weight| weight as i8).collect::<Vec<_>>();
        let taps = window.kernel.iter().product::<usize>();
        let conv = quantized(window, 1, Tile::FourByEight);
        let packed = conv.pack(&Parts { weights: &weights(6 * depth * taps), bias: &[0; 6], multipliers: &[MULTIPLIER; 6], depth });
        if same == INPUT {
            let conv = QuantizedConv2d { sum: Some(added().1), ..conv.clone() };
            let packed = conv.pack(&Parts {
                weights: &weights(depth * depth * taps),
                bias: &[0; INPUT[0]],
                multipliers: &[MULTIPLIER; INPUT[0]],
                depth,
            });
            cases.push(Case { inputs: 2, weights: Some(packed), ..case(conv, same, bytes) });
        }
        cases.push(Case { weights: Some(packed), ..case(conv, six, bytes) });
        let depthwise = QuantizedDepthwiseConv2d { window: window.clone(), input_zero: ZERO, requantize: RULE, target: Target::Generic };
        let (weights, multipliers) = (weights(depth * taps), [4 * MULTIPLIER; INPUT[0]]);
        let packed = depthwise.pack(&Parts { weights: &weights, bias: &[0; INPUT[0]], multipliers: &multipliers, depth: 1 });
        cases.push(Case { weights: Some(packed), ..case(depthwise, same, bytes) });
    }
    let (window, pooled) = (Window::pointwise(), [6, INPUT[1] / 2, INPUT[2] / 2]);
    cases.push(case(convolution(&window, [INPUT, pooled], 1, Some(PoolKind::Max), Target::Generic), pooled, floats));
    cases
}

/// The kernels whose maps grow, or shrink by a table.
fn resized() -> Vec<Case> {
    let (floats, [depth, height, width]) = ([DType::F32; 2], INPUT);
    let mut cases = Vec::new();
    for (kernel, stride, dilation, pad) in [(3, 2, 1, 1), (3, 2, 2, 1), (4, 2, 1, 1), (2, 3, 1, 0), (5, 1, 1, 2)] {
        let [kernel, strides, dilations, pads] = [kernel, stride, dilation, pad].map(|value| [value, 1]);
        let (kernel, pads) = ([kernel[0], 2], [pads[0], 0]);
        let conv = ConvTranspose2d { kernel, strides, dilations, pads, group: 1 };
        let output = [4, (height - 1) * stride + dilation * (kernel[0] - 1) + 1 - 2 * pad, width + 1];
        cases.push(case(conv, output, floats));
    }
    // Nearest neighbours: each entry is the first row or column, and its factor.
    let entry = |first: usize| [first as i32, 1.0_f32.to_bits().cast_signed()];
    for (rows, count) in
        [(Rows { stride: 1, divisor: 2, pad: 0, reach: 1 }, 2 * height), (Rows { stride: 2, divisor: 1, pad: 0, reach: 1 }, height / 2)]
    {
        let table = (0..count).map(|row| row * rows.stride / rows.divisor).chain(0..width).flat_map(entry).collect();
        let resample = Resample { taps: [1, 1], outside: 0.0, rows: Some(rows) };
        cases.push(Case { weights: Some(table), ..case(resample, [depth, count, width], floats) });
    }
    cases
}

/// The kernels that make each element, or each pixel, of the one in its place.
fn in_their_places() -> Vec<Case> {
    let (floats, steps) = ([DType::F32; 2], |scale: f32, zero: i32| Steps { scale, zero });
    let (limits, (sum, proven)) = ([-128, 127], added());
    // Every byte is another.
    let table = (0..64).map(|word: i32| i32::from_le_bytes([0, 1, 2, 3].map(|byte| (4 * word + byte) as u8))).collect();
    vec![
        case(Each { function: Neg }, INPUT, floats),
        case(PRelu, INPUT, floats),
        case(Lrn { reach: [1, 1], bias: 1.0, alpha: 0.1, beta: 0.75 }, INPUT, floats),
        case(Cast, INPUT, [DType::F32, DType::I32]),
        case(Quantize { to: steps(1.0, 3), limits }, INPUT, [DType::F32, DType::I8]),
        case(Dequantize { from: steps(0.5, 3) }, INPUT, [DType::I8, DType::F32]),
        Case { weights: Some(table), ..case(Lookup, INPUT, [DType::I8, DType::U8]) },
        Case { inputs: 2, ..case(sum, INPUT, [DType::I8; 2]) },
        Case { inputs: 2, ..case(proven, INPUT, [DType::I8; 2]) },
    ]
}

fn cases() -> Vec<Case> {
    [windowed(), resized(), in_their_places()].into_iter().flatten().collect()
}

#[test]
fn rows_are_made_of_those_that_a_kernel_says_and_of_no_fewer() {
    for case in cases() {
        let (bound, kernel) = (case.bound(true), &case.kernel);
        let rows = case.kernel.places().rows.unwrap();
        let of_geometry = |window: RowWindow| {
            let [kernel, stride, divisor, dilation, pad] =
                [window.kernel, window.stride, window.divisor, window.dilation, window.pad].map(|word| word as usize);
            Rows { stride, divisor, pad, reach: (kernel - 1) * dilation + 1 }
        };
        assert_eq!(bound.row_window().map(of_geometry), Some(rows), "{kernel:?}");
        let inputs = case.inputs(&mut Random(1));
        let whole = case.run(&*bound, None, &inputs);
        let mut are_needed = [false; 2];
        for row in 0..case.maps[1][1] {
            let (begin, end) = rows.read_for(row, case.maps[0][1]);
            let place = case.row(1, row);
            let known = case.with_strange_rows(&inputs, |other| !(begin..end).contains(&other), row);
            assert_eq!(case.run(&*bound, Some(row), &known)[place.clone()], whole[place.clone()], "row {row} of {kernel:?}");
            for (edge, is_needed) in [begin, end - 1].into_iter().zip(&mut are_needed).filter(|_| end - begin == rows.reach) {
                let unknown = case.with_strange_rows(&inputs, |other| other == edge, row);
                *is_needed |= case.run(&*bound, Some(row), &unknown)[place.clone()] != whole[place.clone()];
            }
        }
        assert_eq!(are_needed, [true; 2], "{kernel:?}");
    }
}

/// Of kernels that make maps of their input's size and type.
#[test]
fn interleaved_slices_of_one_host_are_as_maps_apart() {
    let mut ran = 0;
    for case in cases().into_iter().filter(|case| case.inputs == 1 && case.types[0] == case.types[1]) {
        let ([depth, height, width], [filters, ..], dtype) = (case.maps[0], case.maps[1], case.types[0]);
        if !case.kernel.places().interleaves || case.maps[1][1..] != case.maps[0][1..] {
            continue;
        }
        ran += 1;
        let (inputs, host, bytes) = (case.inputs(&mut Random(2)), depth + filters, dtype.bytes());
        let wanted = case.run(&*case.bound(false), None, &inputs);
        // The output's channels come first.
        let mut arena = AlignedBytes::filled(height * width * host * bytes, STRANGE);
        for (pixel, values) in inputs[0].chunks_exact(depth * bytes).enumerate() {
            arena[(pixel * host + filters) * bytes..][..depth * bytes].copy_from_slice(values);
        }
        let [input, output] = case.maps.map(|map| view(dtype, map, host));
        let views = Views { inputs: &[input], output: &output, relation: None, split: false, by_rows: false };
        let bound = bound(&*case.kernel, &views);
        let (w, x) = (case.weights(&*bound), Place::Arena(filters * bytes));
        let operands = Operands { arena: &mut arena, x, r: Place::Outside(&[]), w: &w, y: Destination::Arena(0) };
        assert_eq!(bound.run(None, operands), Ok(()), "{:?}", case.kernel);
        let pixels = arena.chunks_exact(host * bytes).map(|pixel| pixel.split_at(filters * bytes));
        let (found, left): (Vec<_>, Vec<_>) = pixels.unzip();
        assert_eq!((found.concat(), left.concat()), (wanted.to_vec(), inputs[0].to_vec()), "{:?}", case.kernel);
    }
    assert!(ran >= 10, "{ran}");
}

/// Over a map whose channels come first.
#[test]
fn an_output_over_its_input_is_as_one_apart() {
    let normalize = |kind: NormKind| Normalize { axes: vec![1, 2], kind, epsilon: 1e-5, beside: 0.0, is_scaled: false };
    let sum = |exclusive: bool, reverse: bool| CumulativeSum { axis: 2, exclusive, reverse };
    let kernels: Vec<Box<dyn Kernel>> = vec![
        Box::new(Map { activation: Activation::LeakyRelu(0.5) }),
        Box::new(Softmax { axis: 1 }),
        Box::new(LogSoftmax { axis: 2 }),
        Box::new(Hardmax { axis: 1 }),
        Box::new(sum(false, false)),
        Box::new(sum(true, true)),
        Box::new(normalize(NormKind::Moments)),
        Box::new(normalize(NormKind::L1)),
    ];
    let dims = [2, 5, 6, 7];
    let view = View { dtype: DType::F32, dims: dims.to_vec(), strides: vec![210, 42, 7, 1], ring: None };
    let inputs = std::slice::from_ref(&view);
    for kernel in kernels {
        assert!(kernel.places().in_place, "{kernel:?}");
        let bound = bound(&*kernel, &Views { inputs, output: &view, relation: None, split: false, by_rows: false });
        let x = elements(DType::F32, &Random(4).integers(dims.iter().product()));
        let (mut apart, mut over) = (AlignedBytes::filled(x.len(), 0), x.clone());
        let r = || Place::Outside(&[]);
        let operands = Operands { arena: &mut [], x: Place::Outside(&x), r: r(), w: &[], y: Destination::Outside(&mut apart) };
        assert_eq!(bound.run(None, operands), Ok(()), "{kernel:?}");
        let operands = Operands { arena: &mut over, x: Place::Arena(0), r: r(), w: &[], y: Destination::Arena(0) };
        assert_eq!(bound.run(None, operands), Ok(()), "{kernel:?}");
        assert!(over[..] == apart[..] && over[..] != x[..], "{kernel:?}");
        // One element further on they would be written before they are read.
        let mut arena = AlignedBytes::filled(x.len() + 4, 0);
        let operands = Operands { arena: &mut arena, x: Place::Arena(0), r: r(), w: &[], y: Destination::Arena(4) };
        assert_eq!(bound.run(None, operands), Err(RegionError::Overlap), "{kernel:?}");
    }
}

#[test]
fn channels_in_two_places_are_as_in_one() {
    let (map, output) = ([8, 4, 6], [10, 4, 6]);
    let pointwise = Window::pointwise();
    let conv = quantized(&pointwise, 1, Tile::PairsSixBySixteen);
    let weights: Vec<i8> = Random(5).integers(80).into_iter().map(|weight| weight as i8).collect();
    let packed = conv.pack(&Parts { weights: &weights, bias: &[0; 10], multipliers: &[2 * MULTIPLIER; 10], depth: 8 });
    let float = case(convolution(&pointwise, [map, output], 1, None, Target::X86_64V3), output, [DType::F32; 2]);
    let cases =
        [Case { maps: [map, output], ..float }, Case { maps: [map, output], weights: Some(packed), ..case(conv, output, [DType::I8; 2]) }];
    for case in cases {
        assert!(case.kernel.places().splits, "{:?}", case.kernel);
        let (dtype, inputs) = (case.types[0], case.inputs(&mut Random(6)));
        let wanted = case.run(&*case.bound(false), None, &inputs);
        let pixels = inputs[0].chunks_exact(8 * dtype.bytes()).map(|pixel| pixel.split_at(3 * dtype.bytes()));
        let (first, rest): (Vec<_>, Vec<_>) = pixels.unzip();
        let places = [first.concat(), rest.concat()].map(|bytes| {
            let mut place = AlignedBytes::default();
            place.push(&bytes, 1);
            place
        });
        let views = [3, 5].map(|channels| view(dtype, [channels, 4, 6], channels));
        let output = view(dtype, output, 10);
        let bound = bound(&*case.kernel, &Views { inputs: &views, output: &output, relation: None, split: true, by_rows: false });
        let found = case.run(&*bound, None, &places);
        assert!(found[..] == wanted[..], "{:?}", case.kernel);
    }
    for (window, group) in [(window([1, 3], [1, 1], [1, 1], [0, 1]), 1), (window([1, 1], [2, 2], [1, 1], [0, 0]), 1), (pointwise, 2)] {
        let float = convolution(&window, [map, outputs(&window, map, 10)], group, None, Target::Generic);
        assert!(!float.places().splits && !quantized(&window, group, Tile::TwoByTwo).places().splits, "{window:?} {group}");
    }
}

/// A convolution by its definition: the sums of maps whose channels come last, with `[filters, depth, kernel height, kernel width]` weights.
fn sums(window: &Window, [input, output]: [Extents; 2], group: usize, x: &[i32], w: &[i32]) -> Vec<i32> {
    let ([channels, height, width], [filters, rows, columns], [kh, kw]) = (input, output, window.kernel);
    let (depth, per_group) = (channels / group, filters / group);
    let mut sums = Vec::new();
    for (oy, ox, m) in (0..rows).flat_map(|oy| (0..columns).flat_map(move |ox| (0..filters).map(move |m| (oy, ox, m)))) {
        let mut sum = 0;
        for (ky, kx, ci) in (0..kh).flat_map(|ky| (0..kw).flat_map(move |kx| (0..depth).map(move |ci| (ky, kx, ci)))) {
            let place = |axis: usize, at: usize, tap: usize| {
                (at * window.strides[axis] + tap * window.dilations[axis]).checked_sub(window.pads[axis])
            };
            let (Some(iy), Some(ix)) = (place(0, oy, ky), place(1, ox, kx)) else { continue };
            if iy < height && ix < width {
                let value = x[(iy * width + ix) * channels + m / per_group * depth + ci];
                sum += value * w[((m * depth + ci) * kh + ky) * kw + kx];
            }
        }
        sums.push(sum);
    }
    sums
}

/// Maps and groups, of which the last blocks are filled up.
fn grouped() -> [(Window, [Extents; 2], usize); 3] {
    let windows = [window([3, 2], [1, 2], [1, 1], [1, 0]), window([2, 3], [2, 1], [2, 1], [0, 1]), Window::pointwise()];
    let (maps, groups) = ([[6, 5, 7], [3, 6, 6], [10, 4, 5]], [(2, 22), (1, 37), (1, 5)]);
    let mut of = windows.into_iter().zip(maps).zip(groups).map(|((window, map), (group, filters))| {
        let output = outputs(&window, map, filters);
        (window, [map, output], group)
    });
    std::array::from_fn(|_| of.next().unwrap())
}

#[test]
fn weights_packed_for_any_target_give_the_convolution() {
    for (target, (window, maps, group)) in Target::ALL.into_iter().flat_map(|target| grouped().map(|case| (target, case))) {
        let ([kh, kw], [depth, filters]) = (window.kernel, [maps[0][0] / group, maps[1][0]]);
        let mut random = Random(8);
        let (x, w, bias) =
            (random.integers(maps[0].iter().product()), random.integers(filters * depth * kh * kw), random.integers(filters));
        let [weights, biases] = [&w, &bias].map(|values| values.iter().map(|&value| value as f32).collect::<Vec<_>>());
        let conv = convolution(&window, maps, group, None, target);
        let n = conv.choice.micro.channels;
        let packed = pack(&weights, Some(&biases), [filters, depth, kh, kw], group, n);
        // Every block has a bias and all taps of as many filters.
        assert_eq!(conv.cost(filters).row_blocks as usize * n * (1 + depth * kh * kw), packed.len(), "{target}");
        let words = packed.iter().map(|value| value.to_bits().cast_signed()).collect();
        let case = Case { maps, weights: Some(words), ..case(conv, maps[1], [DType::F32; 2]) };
        let found = case.run(&*case.bound(false), None, &[elements(DType::F32, &x)]);
        let wanted = sums(&window, maps, group, &x, &w).into_iter().zip(bias.iter().cycle()).map(|(sum, bias)| (sum + bias) as f32);
        assert_eq!(bytemuck::cast_slice::<u8, f32>(&found), wanted.collect::<Vec<_>>(), "{target} {window:?}");
    }
}

#[test]
fn bytes_packed_for_any_tile_give_the_convolution() {
    let tiles = [
        Tile::Thumb,
        Tile::TwoByTwo,
        Tile::ThreeByEight,
        Tile::FourByEight,
        Tile::TwoByOne,
        Tile::FiltersByEight,
        Tile::FiltersBySixteen,
        Tile::PairsFourByEight,
        Tile::PairsSixBySixteen,
        Tile::PairsEightBySixteen,
        Tile::QuadsTwelveBySixteen,
        Tile::QuadsTwelveByThirtyTwo,
        Tile::QuadsFourBySixteen,
        Tile::DspByEight,
        Tile::DspBySixteen,
        Tile::DspByThirtyTwo,
        Tile::MveByEight,
        Tile::MveBySixteen,
        Tile::MveByThirtyTwo,
    ];
    for (tile, (window, maps, group)) in tiles.into_iter().flat_map(|tile| grouped().map(|case| (tile, case))) {
        let ([kh, kw], [depth, filters]) = (window.kernel, [maps[0][0] / group, maps[1][0]]);
        let mut random = Random(9);
        let (x, w) = (random.integers(maps[0].iter().product()), random.integers(filters * depth * kh * kw));
        let bias: Vec<i32> = (0..filters).map(|filter| 200 * (filter % 5) as i32 - 400).collect();
        let multipliers: Vec<i32> = (0..filters).map(|filter| MULTIPLIER + (filter << 20) as i32).collect();
        let weights: Vec<i8> = w.iter().map(|&weight| weight as i8).collect();
        let conv = quantized(&window, group, tile);
        let packed = conv.pack(&Parts { weights: &weights, bias: &bias, multipliers: &multipliers, depth });
        let case = Case { maps, weights: Some(packed), ..case(conv, maps[1], [DType::I8; 2]) };
        let found = case.run(&*case.bound(false), None, &[elements(DType::I8, &x)]);
        // Padding stands for zero, as does one element of the input.
        let shifted: Vec<i32> = x.iter().map(|value| value - ZERO).collect();
        let of_filters = bias.iter().zip(&multipliers).cycle();
        let result = |(sum, (bias, &multiplier)): (i32, (&i32, &i32))| {
            let factor = f64::from(multiplier) / f64::from(1_u32 << 31);
            ((factor * f64::from(sum + bias) + 0.5).floor() as i32 - 3).clamp(-128, 127) as i8
        };
        let wanted: Vec<i8> = sums(&window, maps, group, &shifted, &w).into_iter().zip(of_filters).map(result).collect();
        assert_eq!(bytemuck::cast_slice::<u8, i8>(&found), wanted, "{tile:?} {window:?}");
        assert!(wanted.iter().any(|byte| (-100..0).contains(byte)) && wanted.iter().any(|byte| (1..100).contains(byte)));
    }
}
