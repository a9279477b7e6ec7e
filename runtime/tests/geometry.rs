//! Geometries at random, of which a few fields are near the limits of their types: the checked doors refuse them, or compute what their
//! definition says, with operands of exactly the lengths that they ask for. Under Miri, or with AddressSanitizer, nothing is read or
//! written beside them (`bench/README.md` says how).

use std::fmt::Debug;

use peleec_runtime::{
    Activation, Binary, BinaryKind, Cast, Conv2d, ConvTranspose2d, DepthwiseConv2d, Extent, FloatArithmetic, Fused, Kernel, MAX_RANK, Map,
    MatMul, Move, Mve, Pad, Pixels, Plain, Pool2d, PoolKind, RegionError, Resample, Softmax, Vfp, run_checked, run_row_checked,
};

#[path = "geometry/bytes.rs"]
mod bytes;
mod maps;

use maps::{Random, at, dense, indices, offset, operands, outputs, resampled, transposed};

/// How many geometries of each kind there are; Miri is a thousand times slower.
const ROUNDS: u32 = if cfg!(miri) { 80 } else { 40_000 };

/// What is not run, since it would take too long: so many products, or so many elements of an operand.
const MOST_WORK: u128 = if cfg!(miri) { 1 << 12 } else { 1 << 18 };
const MOST_ELEMENTS: usize = 1 << 14;

const EXTREMES: [u32; 12] = [
    0,
    (1 << 16) - 1,
    1 << 16,
    (1 << 16) + 1,
    (1 << 20) - 1,
    1 << 20,
    (1 << 20) + 1,
    1 << 30,
    (1 << 30) + 1,
    1 << 31,
    u32::MAX - 1,
    u32::MAX,
];

/// Makes a field extreme now and then.
fn field(random: &mut Random, usual: u32) -> u32 {
    if random.below(24) == 0 { EXTREMES[random.below(EXTREMES.len() as u32) as usize] } else { usual }
}

fn fields<const N: usize>(random: &mut Random, usual: [u32; N]) -> [u32; N] {
    usual.map(|usual| field(random, usual))
}

/// A map whose fields are extreme now and then.
fn map(random: &mut Random, [height, width, channels]: [u32; 3]) -> Pixels {
    let map = if random.below(3) == 0 { dense(height, width, channels) } else { random.map(height, width, channels) };
    let [height, width, channels] = fields(random, [map.height, map.width, map.channels]);
    let [row, pixel, channel, ring] = fields(random, [map.row, map.pixel, map.channel, map.ring]);
    // A map is stored whole unless its ring was made extreme.
    let ring = if ring == map.ring { height } else { ring };
    Pixels { height, width, channels, row, pixel, channel, ring }
}

/// What came of the geometries.
#[derive(Default)]
struct Tally {
    ran: u32,
    refused: u32,
    left_out: u32,
}

impl Tally {
    /// Runs `kernel` where its extent and its work allow, and compares with `wanted`, which writes the output from `x`, `r` and `w`.
    fn check<K: Kernel + Debug>(
        &mut self,
        random: &mut Random,
        (kernel, extent): (&K, Option<Extent>),
        work: u128,
        wanted: impl FnOnce([&[f32]; 3], &mut [f32]),
    ) {
        let few = [0.0; 4];
        let refusal = |error| assert_eq!(run_checked(kernel, operands([&few; 3], &mut [0.0; 4])), Err(error), "{kernel:?}");
        let Some(Extent { x, r, w, y }) = extent else {
            self.refused += 1;
            return refusal(RegionError::Geometry);
        };
        if [x, r, w, y].into_iter().max() > Some(MOST_ELEMENTS) || work > MOST_WORK {
            self.left_out += 1;
            return;
        }
        let [x, r, w] = [x, r, w].map(|len| random.values(len));
        let mut found = vec![f32::NAN; y];
        if run_checked(kernel, operands([&x, &r, &w], &mut found)) == Err(RegionError::Geometry) {
            // A ring, whose rows are run one at a time.
            self.refused += 1;
            return rows(kernel, [&x, &r, &w], y, None);
        }
        self.ran += 1;
        let mut expected = vec![f32::NAN; y];
        wanted([&x, &r, &w], &mut expected);
        // The bits of what is not a number, as a mean of nothing is, are not defined.
        let same = |found: &f32, wanted: &f32| found.to_bits() == wanted.to_bits() || found.is_nan() && wanted.is_nan();
        let differs = found.iter().zip(&expected).position(|(found, wanted)| !same(found, wanted));
        assert_eq!(differs, None, "{kernel:?}");
        rows(kernel, [&x, &r, &w], y, Some(&expected));
        let run = |x: &[f32], r: &[f32], y: usize| run_checked(kernel, operands([x, r, &w], &mut vec![0.0; y]));
        assert_eq!([run(&x[1..], &r, y), run(&x, &r, y - 1)], [Err(RegionError::Outside); 2], "{kernel:?}");
        if let Some(r) = r.get(1..) {
            assert_eq!(run(&x, r, y), Err(RegionError::Outside), "{kernel:?}");
        }
    }
}

/// Runs rows of a kernel, if it has any: those of a small map, and such as few maps have. What is written is what is wanted.
fn rows(kernel: &(impl Kernel + Debug), inputs: [&[f32]; 3], len: usize, wanted: Option<&[f32]>) {
    let mut found = vec![f32::NAN; len];
    for row in (0..40).chain([1 << 16, (1 << 20) + 1, u32::MAX as usize, usize::MAX]) {
        _ = run_row_checked(kernel, row, operands(inputs, &mut found));
    }
    let wrong = |(found, wanted): (&f32, &f32)| !found.is_nan() && found.to_bits() != wanted.to_bits();
    assert!(!wanted.is_some_and(|wanted| found.iter().zip(wanted).any(wrong)), "{kernel:?}");
}

/// The positions of a map, row by row.
fn positions(&Pixels { height, width, channels, .. }: &Pixels) -> impl Iterator<Item = [u32; 3]> + use<> {
    (0..height).flat_map(move |y| (0..width).flat_map(move |x| (0..channels).map(move |c| [y, x, c])))
}

/// A window: kernel, strides, dilations and what lies above and left of the input.
type Window = [[u32; 2]; 4];

/// A window that fits `size`, with fields that are extreme now and then, and the size of its output.
fn window(random: &mut Random, size: [u32; 2]) -> (Window, [u32; 2]) {
    loop {
        let mut two = |least, n| [0, 1].map(|_| least + random.below(n));
        let (kernel, strides, dilations, pads) = (two(1, 3), two(1, 2), two(1, 2), two(0, 3));
        let sizes = [0, 1].map(|i| outputs(size[i], pads[i], (kernel[i] - 1) * dilations[i] + 1, strides[i]));
        if let [Some(height), Some(width)] = sizes {
            return ([kernel, strides, dilations, pads].map(|pair| fields(random, pair)), [height, width]);
        }
    }
}

/// The input positions of the taps on the map at an output position, each with its number.
fn taps([kernel, strides, dilations, pads]: Window, input: &Pixels, [y, x]: [u32; 2]) -> Vec<(usize, [u32; 2])> {
    let tap = |axis: usize, at: u32, k: u32, extent: u32| {
        // Positions fit 31 bits, or the geometry has no extent.
        (at * strides[axis] + k * dilations[axis]).checked_sub(pads[axis]).filter(|&i| i < extent)
    };
    let all = (0..kernel[0]).flat_map(|ky| (0..kernel[1]).map(move |kx| (ky, kx)));
    let number = |(ky, kx): (u32, u32)| (ky as usize) * kernel[1] as usize + kx as usize;
    all.filter_map(|(ky, kx)| Some((number((ky, kx)), [tap(0, y, ky, input.height)?, tap(1, x, kx, input.width)?]))).collect()
}

fn product(factors: impl IntoIterator<Item = u32>) -> u128 {
    factors.into_iter().fold(1, |product, factor| product.saturating_mul(factor.into()))
}

fn plain(sum: f32, x: f32, w: f32) -> f32 {
    sum + x * w
}

fn fused(sum: f32, x: f32, w: f32) -> f32 {
    x.mul_add(w, sum)
}

fn convolutions<A: FloatArithmetic + Debug, const T: usize, const N: usize>(multiply_add: fn(f32, f32, f32) -> f32, tally: &mut Tally) {
    let mut random = Random(T as u32 * 100 + N as u32);
    for _ in 0..ROUNDS / 8 {
        let (group, depth, filters) = (1 + random.below(2), 1 + random.below(6), 1 + random.below(10));
        let size = [1 + random.below(9), 1 + random.below(12)];
        let (window, out_size) = window(&mut random, size);
        let input = map(&mut random, [size[0], size[1], group * depth]);
        let output = map(&mut random, [out_size[0], out_size[1], group * filters]);
        let residual = (random.below(3) == 0).then(|| map(&mut random, [out_size[0], out_size[1], group * filters]));
        let [kernel, strides, dilations, pads] = window;
        let band = [1 + random.below(4), 1 + random.below(12)];
        let conv = Conv2d::<A, T, N>::new(input, output)
            .kernel(kernel)
            .strides(strides)
            .dilations(dilations)
            .pads(pads)
            .residual(residual)
            .group(field(&mut random, group))
            .band(fields(&mut random, band))
            .epilogue(Activation::Relu)
            .general(random.below(2) == 0);
        let work = product([output.height, output.width, output.channels, kernel[0], kernel[1], conv.depth().saturating_add(1)]);
        tally.check(&mut random, (&conv, conv.extent()), work, |[x, r, w], y| {
            let (depth, filters) = (conv.depth() as usize, conv.filters() as usize);
            let block = N * (1 + kernel[0] as usize * kernel[1] as usize * depth);
            for [oy, ox, m] in positions(&output) {
                let (group, filter) = (m as usize / filters, m as usize % filters);
                let w = &w[(group * filters.div_ceil(N) + filter / N) * block + filter % N..];
                let mut sum = w[0];
                for (tap, [iy, ix]) in taps(window, &input, [oy, ox]) {
                    for ci in 0..depth {
                        let value = x[at(&input, iy, ix, (group * depth + ci) as u32)];
                        sum = multiply_add(sum, value, w[(1 + tap * depth + ci) * N]);
                    }
                }
                let sum = residual.map_or(sum, |map| sum + r[at(&map, oy, ox, m)]);
                y[at(&output, oy, ox, m)] = Activation::Relu.apply(sum);
            }
        });
    }
}

#[test]
fn convolutions_of_any_geometry() {
    let mut tally = Tally::default();
    convolutions::<Plain, 1, 1>(plain, &mut tally);
    convolutions::<Plain, 4, 8>(plain, &mut tally);
    convolutions::<Fused, 5, 16>(fused, &mut tally);
    convolutions::<Fused, 1, 32>(fused, &mut tally);
    convolutions::<Vfp<Plain>, 4, 4>(plain, &mut tally);
    convolutions::<Vfp<Fused>, 1, 16>(fused, &mut tally);
    convolutions::<Mve, 3, 8>(fused, &mut tally);
    assert!(tally.ran > 7 * ROUNDS / 40 && tally.refused > 7 * ROUNDS / 80, "{} {} {}", tally.ran, tally.refused, tally.left_out);
}

#[test]
fn depthwise_convolutions_and_pools_of_any_geometry() {
    let (mut random, mut tally) = (Random(5), Tally::default());
    for round in 0..ROUNDS {
        let (size, channels) = ([1 + random.below(9), 1 + random.below(9)], 1 + random.below(20));
        let (window, [height, width]) = window(&mut random, size);
        let (input, output) = (map(&mut random, [size[0], size[1], channels]), map(&mut random, [height, width, channels]));
        let [kernel, strides, dilations, pads] = window;
        let work = product([output.height, output.width, output.channels, kernel[0], kernel[1]]);
        if round % 16 == 0 {
            // Both maps have one size, or the cast refuses them.
            let output = if round % 32 == 0 { map(&mut random, [size[0], size[1], channels]) } else { output };
            let cast = Cast::<f32, f32>::new(input, output);
            let work = product([output.height, output.width, output.channels]);
            tally.check(&mut random, (&cast, cast.extent()), work, |[x, ..], y| {
                positions(&output).for_each(|[oy, ox, c]| y[at(&output, oy, ox, c)] = x[at(&input, oy, ox, c)]);
            });
            continue;
        }
        if round % 2 == 0 {
            let conv = DepthwiseConv2d::<Plain>::new(input, output).kernel(kernel).strides(strides).dilations(dilations).pads(pads);
            tally.check(&mut random, (&conv, conv.extent()), work, |[x, _, w], y| {
                let channels = output.channels as usize;
                for [oy, ox, c] in positions(&output) {
                    let sum = taps(window, &input, [oy, ox])
                        .into_iter()
                        .fold(w[c as usize], |sum, (tap, [iy, ix])| sum + x[at(&input, iy, ix, c)] * w[(1 + tap) * channels + c as usize]);
                    y[at(&output, oy, ox, c)] = sum;
                }
            });
            continue;
        }
        let kind = [PoolKind::Max, PoolKind::AverageInside][random.below(2) as usize];
        let pads = [pads[0], pads[1], field(&mut random, 0), field(&mut random, 0)];
        let pool = Pool2d::new(input, output, kind).kernel(kernel).strides(strides).dilations(dilations).pads(pads);
        tally.check(&mut random, (&pool, pool.extent()), work, |[x, _, _], y| {
            for [oy, ox, c] in positions(&output) {
                let values: Vec<f32> = taps(window, &input, [oy, ox]).into_iter().map(|(_, [iy, ix])| x[at(&input, iy, ix, c)]).collect();
                y[at(&output, oy, ox, c)] = match kind {
                    PoolKind::Max => values.into_iter().fold(f32::NEG_INFINITY, f32::max),
                    _ => values.iter().fold(0.0, |sum, value| sum + value) / values.len() as f32,
                };
            }
        });
    }
    assert!(tally.ran > ROUNDS / 5 && tally.refused > ROUNDS / 10, "{} {} {}", tally.ran, tally.refused, tally.left_out);
}

#[test]
fn transposed_convolutions_of_any_geometry() {
    let (mut random, mut tally) = (Random(10), Tally::default());
    for _ in 0..ROUNDS / 4 {
        let [h, w, height, width] = [0; 4].map(|_| 1 + random.below(6));
        let (group, depth, filters) = (1 + random.below(2), 1 + random.below(3), 1 + random.below(9));
        let (input, output) = (map(&mut random, [h, w, group * depth]), map(&mut random, [height, width, group * filters]));
        let [kernel, strides, dilations, pads] = [1, 1, 1, 0].map(|least| [0, 1].map(|_| least + random.below(3)));
        let [kernel, strides, dilations, pads] = [kernel, strides, dilations, pads].map(|pair| fields(&mut random, pair));
        let conv = ConvTranspose2d::new(input, output).kernel(kernel).strides(strides).dilations(dilations).pads(pads);
        let conv = conv.group(field(&mut random, group));
        let work = product([output.height, output.width, output.channels, kernel[0], kernel[1], conv.depth()]);
        // Without a tap no weight tells how many there would be.
        let work = work.max(product([output.height, output.width, output.channels, kernel[0].max(1), kernel[1].max(1)]));
        tally.check(&mut random, (&conv, conv.extent()), work, |[x, _, w], y| {
            positions(&output).for_each(|[oy, ox, m]| y[at(&output, oy, ox, m)] = transposed(&conv, x, w, [oy, ox, m]));
        });
    }
    assert!(tally.ran > ROUNDS / 40 && tally.refused > ROUNDS / 80, "{} {} {}", tally.ran, tally.refused, tally.left_out);
}

#[test]
fn resizes_of_any_geometry() {
    let (mut random, mut tally) = (Random(9), Tally::default());
    for _ in 0..ROUNDS / 4 {
        let [h, w, height, width] = [0; 4].map(|_| 1 + random.below(8));
        let channels = 1 + random.below(9);
        let (input, output) = (map(&mut random, [h, w, channels]), map(&mut random, [height, width, channels]));
        let (taps, pad) = ([0, 1].map(|_| 1 + random.below(3)), random.below(2));
        let reads = if random.below(2) == 0 { [0, 1, 0, h] } else { [1, 1 + random.below(3), pad, pad + 1 + random.below(2)] };
        let (taps, reads) = (fields(&mut random, taps), fields(&mut random, reads));
        // The tables are whatever bits there are.
        let resample = Resample::new(input, output).taps(taps).outside(0.5).reads(reads);
        let work = product([output.height, output.width, output.channels, taps[0], taps[1]]);
        tally.check(&mut random, (&resample, resample.extent()), work, |[x, _, w], y| {
            positions(&output).for_each(|[oy, ox, c]| y[at(&output, oy, ox, c)] = resampled(&resample, x, w, [oy, ox, c]));
        });
    }
    assert!(tally.ran > ROUNDS / 40 && tally.refused > ROUNDS / 80, "{} {} {}", tally.ran, tally.refused, tally.left_out);
}

/// Small extents, and strides of a dense tensor of them in some order of the axes, or of a broadcast; extreme now and then.
fn view(random: &mut Random, dims: [u32; MAX_RANK]) -> [u32; MAX_RANK] {
    let mut strides = [0; MAX_RANK];
    let (first, mut step) = (random.below(MAX_RANK as u32) as usize, 1);
    for axis in (0..MAX_RANK).map(|i| (first + i) % MAX_RANK) {
        strides[axis] = step;
        step *= dims[axis];
    }
    fields(random, strides)
}

#[test]
fn strided_kernels_of_any_geometry() {
    let (mut random, mut tally) = (Random(6), Tally::default());
    for round in 0..ROUNDS {
        let usual: [u32; MAX_RANK] = [0; MAX_RANK].map(|_| 1 + random.below(3));
        let (left, right, output) = (view(&mut random, usual), view(&mut random, usual), view(&mut random, usual));
        let dims = fields(&mut random, usual);
        let work = product(dims);
        match round % 5 {
            0 => {
                let copy = Move::<f32>::new(dims, left, output);
                tally.check(&mut random, (&copy, copy.extent()), work, |[x, ..], y| {
                    indices(dims).for_each(|i| y[offset(&output, i)] = x[offset(&left, i)]);
                });
            }
            1 => {
                let map = Map::new(dims, left, output).activation(Activation::LeakyRelu(0.5));
                tally.check(&mut random, (&map, map.extent()), work, |[x, ..], y| {
                    indices(dims).for_each(|i| y[offset(&output, i)] = map.activation.apply(x[offset(&left, i)]));
                });
            }
            2 => {
                let binary = Binary::new(dims, left, right, output, BinaryKind::Sub);
                tally.check(&mut random, (&binary, binary.extent()), work, |[x, r, _], y| {
                    indices(dims).for_each(|i| y[offset(&output, i)] = x[offset(&left, i)] - r[offset(&right, i)]);
                });
            }
            3 => {
                let begin = [0; MAX_RANK].map(|_| random.below(2));
                let (inner, begin) = (fields(&mut random, usual), fields(&mut random, begin));
                let pad = Pad::new(dims, inner, begin, left, output, 9.0_f32);
                tally.check(&mut random, (&pad, pad.extent()), work, |[x, ..], y| {
                    for i in indices(dims) {
                        let from: [Option<u32>; MAX_RANK] =
                            std::array::from_fn(|axis| i[axis].checked_sub(begin[axis]).filter(|&i| i < inner[axis]));
                        let inside = from.iter().all(Option::is_some).then(|| from.map(Option::unwrap_or_default));
                        y[offset(&output, i)] = inside.map_or(9.0, |from| x[offset(&left, from)]);
                    }
                });
            }
            _ => {
                // Whatever the strides, each row is read and written inside the operands; the values are those of other tests.
                let softmax = Softmax::new(dims, left, output);
                let whole = |x: &[f32], y: &mut [f32]| run_checked(&softmax, operands([x, &[], &[]], y)).expect("the operands serve");
                tally.check(&mut random, (&softmax, softmax.extent()), work, |[x, ..], y| whole(x, y));
            }
        }
    }
    assert!(tally.ran > ROUNDS / 5 && tally.refused > ROUNDS / 10, "{} {} {}", tally.ran, tally.refused, tally.left_out);
}

#[test]
fn matrix_products_of_any_geometry() {
    let (mut random, mut tally) = (Random(7), Tally::default());
    for _ in 0..ROUNDS / 4 {
        let [p, q, m, n, k] = [0; 5].map(|_| 1 + random.below(4));
        let (left, right, output) = ([q * m * k, m * k, k, 1], [0, k * n, n, 1], [q * m * n, m * n, n, 1]);
        let (dims, left) = (fields(&mut random, [p, q, m, n, k]), fields(&mut random, left));
        let (right, output) = (fields(&mut random, right), fields(&mut random, output));
        let matmul = MatMul::new(dims, left, right, output);
        tally.check(&mut random, (&matmul, matmul.extent()), product(dims), |[x, r, _], y| {
            for [_, p, q, m, n, _] in indices([1, dims[0], dims[1], dims[2], dims[3], 1]) {
                let sum = (0..dims[4]).fold(0.0, |sum, k| sum + x[offset(&left, [p, q, m, k])] * r[offset(&right, [p, q, k, n])]);
                y[offset(&output, [p, q, m, n])] = sum;
            }
        });
    }
    assert!(tally.ran > ROUNDS / 20 && tally.refused > ROUNDS / 80, "{} {} {}", tally.ran, tally.refused, tally.left_out);
}
