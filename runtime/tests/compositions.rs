//! Kernels against others that come to the same: of whole numbers, so that the order of a sum does not matter.

use peleec_runtime::f32::function::Exp;
use peleec_runtime::{
    Arg, Conv2d, ConvTranspose2d, CumulativeSum, DepthwiseConv2d, Each, Fused, Gather, Kernel, LogSoftmax, MatMul, Mirror, Move, Pad,
    Pixels, Plain, Pool2d, PoolKind, Reduce, ReduceSum, Resample, Softmax, TopK, TopKIndices, TopKValues, run_checked,
};

mod maps;

use maps::{Random, dense, outside, written};

/// What `kernel` writes in an output of `len` elements.
fn run(kernel: &impl Kernel, x: &[f32], w: &[f32], len: usize) -> Vec<f32> {
    let mut y = vec![f32::NAN; len];
    run_checked(kernel, outside(x, &x[..0], w, &mut y)).expect("the operands serve");
    y
}

/// The steps of a dense tensor.
fn steps([a, b, c]: [u32; 3]) -> [u32; 6] {
    [0, 0, 0, b * c * u32::from(a > 1), c, 1]
}

fn dims([a, b, c]: [u32; 3]) -> [u32; 6] {
    [1, 1, 1, a, b, c]
}

fn count(extents: [u32; 3]) -> usize {
    extents.into_iter().product::<u32>() as usize
}

/// A 1x1 convolution is a product with a matrix, whose rows are the pixels.
#[test]
fn a_pointwise_convolution_is_a_matrix_product() {
    let mut random = Random(1);
    for _ in 0..40 {
        let [h, w, depth, filters] = [5, 6, 13, 21].map(|most| 1 + random.below(most));
        let (x, matrix) = (random.whole(count([h, w, depth])), random.whole((depth * filters) as usize));
        let product = MatMul::new([1, 1, h * w, filters, depth], [0, 0, depth, 1], [0, 0, filters, 1], [0, 0, filters, 1]);
        let wanted = written(&product, &x, &matrix, vec![f32::NAN; count([h, w, filters])]);
        let conv = Conv2d::<Plain, 4, 8>::new(dense(h, w, depth), dense(h, w, filters));
        // Blocks of eight filters, behind biases of zero.
        let blocks = (0..filters.div_ceil(8)).flat_map(|block| (0..=depth).map(move |row| (block, row)));
        let weight =
            |row: u32, filter: u32| if row == 0 || filter >= filters { 0.0 } else { matrix[((row - 1) * filters + filter) as usize] };
        let packed: Vec<f32> =
            blocks.flat_map(|(block, row)| (0..8).map(move |lane| (row, 8 * block + lane))).map(|(row, f)| weight(row, f)).collect();
        assert_eq!(run(&conv, &x, &packed, wanted.len()), wanted, "{h}x{w}, {depth} to {filters}");
    }
}

/// Zeros around a map are what padding leaves out.
#[test]
fn padding_is_a_pad_of_zeros() {
    let mut random = Random(2);
    for _ in 0..60 {
        let [h, w, channels] = [1 + random.below(6), 1 + random.below(6), 1 + random.below(20)];
        let [top, left, bottom, right] = [(); 4].map(|()| random.below(4));
        let (kernel, dilations, strides) = ([1 + random.below(3), 1 + random.below(3)], [1, 2], [1 + random.below(2), 1 + random.below(3)]);
        let large = [h + top + bottom, w + left + right, channels];
        let pad = Pad::new(dims(large), dims([h, w, channels]), [0, 0, 0, top, left, 0], steps([h, w, channels]), steps(large), 0.0_f32);
        let reach = [kernel[0], 2 * kernel[1] - 1];
        let (Some(rows), Some(columns)) = (large[0].checked_sub(reach[0]), large[1].checked_sub(reach[1])) else { continue };
        let out = [rows / strides[0] + 1, columns / strides[1] + 1, channels];
        let x = random.whole(count([h, w, channels]));
        let weights = random.whole((channels * (1 + kernel[0] * kernel[1])) as usize);
        let padded = run(&pad, &x, &[], count(large));
        let conv = |input| DepthwiseConv2d::<Fused>::new(input, Pixels::new(out)).kernel(kernel).dilations(dilations).strides(strides);
        let wanted = run(&conv(Pixels::new(large)), &padded, &weights, count(out));
        assert_eq!(run(&conv(dense(h, w, channels)).pads([top, left]), &x, &weights, count(out)), wanted, "{large:?} {kernel:?}");
        // An average over its padding is one over zeros.
        let pool =
            |input| Pool2d::new(input, Pixels::new(out), PoolKind::AveragePadded).kernel(kernel).dilations(dilations).strides(strides);
        let wanted = run(&pool(Pixels::new(large)), &padded, &[], count(out));
        let found = run(&pool(dense(h, w, channels)).pads([top, left, bottom, right]), &x, &[], count(out));
        assert_eq!(found, wanted, "{large:?} {kernel:?}");
    }
}

/// Rows first and columns then, or all at once.
#[test]
fn maxima_and_sums_of_windows_part_into_axes() {
    let mut random = Random(3);
    for _ in 0..60 {
        let [h, w, channels] = [1 + random.below(7), 1 + random.below(7), 1 + random.below(20)];
        let [kernel, strides, pads] = [1, 1, 0].map(|least| [least + random.below(3), least + random.below(3)]);
        let reach = |axis: usize, extent: u32| Some((extent + 2 * pads[axis]).checked_sub(kernel[axis])? / strides[axis] + 1);
        let (Some(oh), Some(ow)) = (reach(0, h), reach(1, w)) else { continue };
        let (input, between, output) = (dense(h, w, channels), dense(oh, w, channels), dense(oh, ow, channels));
        let x = random.whole(count([h, w, channels]));
        let [top, left] = pads;
        for (kind, scale) in [(PoolKind::Max, 1.0), (PoolKind::AveragePadded, (kernel[0] * kernel[1]) as f32)] {
            let both = Pool2d::new(input, output, kind).kernel(kernel).strides(strides).pads([top, left, top, left]);
            let down = Pool2d::new(input, between, kind).kernel([kernel[0], 1]).strides([strides[0], 1]).pads([top, 0, top, 0]);
            let along = Pool2d::new(between, output, kind).kernel([1, kernel[1]]).strides([1, strides[1]]).pads([0, left, 0, left]);
            let apart = run(&along, &run(&down, &x, &[], count([oh, w, channels])), &[], count([oh, ow, channels]));
            let found = run(&both, &x, &[], apart.len());
            let near = |(a, b): (&f32, &f32)| a == b || (a - b).abs() < 1e-5 * scale;
            assert!(found.iter().zip(&apart).all(near), "{both:?}");
        }
    }
}

/// An average is a depthwise convolution by shares: of powers of two, exactly.
#[test]
fn an_average_is_a_depthwise_convolution() {
    let mut random = Random(4);
    for (kernel, strides) in [([2, 2], [2, 2]), ([4, 1], [1, 3]), ([2, 4], [3, 2]), ([1, 1], [2, 2])] {
        for channels in [1, 3, 4, 8, 17, 33] {
            let (input, output) =
                (dense(9, 10, channels), dense((9 - kernel[0]) / strides[0] + 1, (10 - kernel[1]) / strides[1] + 1, channels));
            let x = random.whole(count([9, 10, channels]));
            let pool = Pool2d::new(input, output, PoolKind::AverageInside).kernel(kernel).strides(strides);
            let taps = kernel[0] * kernel[1];
            let weights = [vec![0.0; channels as usize], vec![1.0 / taps as f32; (taps * channels) as usize]].concat();
            let conv = DepthwiseConv2d::<Plain>::new(input, output).kernel(kernel).strides(strides);
            let len = output.extent().expect("the map has elements");
            assert_eq!(run(&pool, &x, &[], len), run(&conv, &x, &weights, len), "{pool:?}");
        }
    }
}

/// Each pixel twice in both directions: by tables, and by ones that are scattered.
#[test]
fn a_map_of_twice_the_size_is_scattered_or_gathered() {
    let mut random = Random(5);
    for channels in [1, 2, 5, 16, 19] {
        let (input, output) = (dense(3, 4, channels), dense(6, 8, channels));
        let x = random.whole(count([3, 4, channels]));
        let weights = [vec![0.0; channels as usize], vec![1.0; 4 * channels as usize]].concat();
        let scattered = ConvTranspose2d::new(input, output).kernel([2, 2]).strides([2, 2]).group(channels);
        let entry = |at: u32| [f32::from_bits(at / 2), 1.0];
        let tables: Vec<f32> = (0..6).chain(0..8).flat_map(entry).collect();
        let gathered = Resample::new(input, output).reads([1, 2, 0, 1]);
        let len = count([6, 8, channels]);
        assert_eq!(run(&scattered, &x, &weights, len), run(&gathered, &x, &tables, len), "{channels}");
    }
}

/// A transposed convolution is a convolution, by the kernel from its end, of a map with zeros between its pixels.
#[test]
fn a_transposed_convolution_is_one_of_a_map_with_gaps() {
    let mut random = Random(6);
    for _ in 0..60 {
        let ([h, w], channels) = ([1 + random.below(4), 1 + random.below(4)], 1 + random.below(9));
        let [kernel, strides] = [1, 1].map(|least| [least + random.below(3), least + random.below(3)]);
        let size = [(h - 1) * strides[0] + kernel[0], (w - 1) * strides[1] + kernel[1], channels];
        let gaps = [(h - 1) * strides[0] + 1, (w - 1) * strides[1] + 1, channels];
        let x = random.whole(count([h, w, channels]));
        let mut apart = vec![0.0; count(gaps)];
        let to = [0, 0, 0, strides[0] * gaps[1] * channels, strides[1] * channels, 1];
        let spread = Move::<f32>::new(dims([h, w, channels]), steps([h, w, channels]), to);
        run_checked(&spread, outside(&x, &x[..0], &x[..0], &mut apart)).expect("the operands serve");
        let taps = [kernel[0], kernel[1], channels];
        let weights = random.whole(count(taps));
        let turn = Mirror::<f32>::new(dims(taps), steps(taps), [0, 0, 0, 1, 1, 0], steps(taps));
        let turned = run(&turn, &weights, &[], weights.len());
        let biased = |weights: &[f32]| [&vec![3.0; channels as usize], weights].concat();
        let conv = DepthwiseConv2d::<Plain>::new(Pixels::new(gaps), Pixels::new(size)).kernel(kernel).pads([kernel[0] - 1, kernel[1] - 1]);
        let wanted = run(&conv, &apart, &biased(&turned), count(size));
        // Its weights are group by group, each of one channel.
        let by_channel = Move::<f32>::new(
            dims([channels, kernel[0], kernel[1]]),
            [0, 0, 0, 1, kernel[1] * channels, channels],
            [0, 0, 0, kernel[0] * kernel[1], kernel[1], 1],
        );
        let grouped = run(&by_channel, &weights, &[], weights.len());
        let back = ConvTranspose2d::new(dense(h, w, channels), Pixels::new(size)).kernel(kernel).strides(strides).group(channels);
        assert_eq!(run(&back, &x, &biased(&grouped), count(size)), wanted, "{back:?}");
    }
}

/// The last sum up to an element is the sum of all, and that is a product with ones.
#[test]
fn sums_of_rows_by_three_kernels() {
    let mut random = Random(7);
    for columns in [1, 2, 7, 64, 1023, 1024, 1025] {
        let x = random.whole(3 * columns as usize);
        let (all, row) = ([1, 1, 1, 1, 3, columns], [0, 0, 0, 0, columns, 1]);
        let up_to = run(&CumulativeSum::<f32>::new(all, row, row), &x, &[], x.len());
        let whole = Reduce::<ReduceSum>::new(
            [1, 1, 1, 1, 1, 3],
            [1, 1, 1, 1, 1, columns],
            [[0, 0, 0, 0, 0, columns], [0, 0, 0, 0, 0, 1]],
            [0, 0, 0, 0, 0, 1],
        );
        let product = MatMul::new([1, 1, 3, 1, columns], [0, 0, columns, 1], [0, 0, 0, 0], [0, 0, 1, 0]);
        let last: Vec<f32> = up_to.chunks(columns as usize).map(|row| row[columns as usize - 1]).collect();
        assert_eq!([run(&whole, &x, &[], 3), written(&product, &x, &[1.0_f32], vec![f32::NAN; 3])], [last.clone(), last], "{columns}");
    }
}

/// The first of all elements in order stands where `Arg` says, and indices gather what stands there.
#[test]
fn the_greatest_elements_are_gathered_by_their_indices() {
    let mut random = Random(8);
    for least in [false, true] {
        for columns in [1, 2, 5, 17] {
            let x = random.whole(4 * columns as usize);
            let (all, row) = ([1, 1, 1, 1, 4, columns], [0, 0, 0, 0, columns, 1]);
            let values = written(&TopK::<f32, TopKValues>::new(all, columns, row, row).least(least), &x, &x[..0], vec![f32::NAN; x.len()]);
            let places = written(&TopK::<f32, TopKIndices>::new(all, columns, row, row).least(least), &x, &x[..0], vec![-1_i64; x.len()]);
            let first = written(&Arg::<f32>::new(all, row, [0, 0, 0, 0, 1, 0]).least(least), &x, &x[..0], vec![-1_i64; 4]);
            assert_eq!(first, places.iter().step_by(columns as usize).copied().collect::<Vec<_>>());
            let gather = Gather::<f32, i64>::new(all, [0, 0, 0, 0, columns, 0], row, row, [columns, 1]);
            assert_eq!(written(&gather, &x, &places, vec![f32::NAN; x.len()]), values);
            // From the end the order is that of the other way, but for places of what is alike.
            let other = written(&TopK::<f32, TopKValues>::new(all, columns, row, row).least(!least), &x, &x[..0], vec![f32::NAN; x.len()]);
            let turn = Mirror::<f32>::new(all, row, [0, 0, 0, 0, 0, 1], row);
            assert_eq!(run(&turn, &other, &[], x.len()), values);
        }
    }
}

#[test]
fn a_softmax_is_the_power_of_its_logarithm() {
    let mut random = Random(9);
    for columns in [1, 3, 16, 1030] {
        let x: Vec<f32> = random.values(2 * columns as usize).into_iter().map(|x| 8.0 * x).collect();
        let (all, row) = ([1, 1, 1, 1, 2, columns], [0, 0, 0, 0, columns, 1]);
        let logarithms = run(&LogSoftmax::new(all, row, row), &x, &[], x.len());
        let map = dense(1, 2, columns);
        let powers = run(&Each::new(map, map, Exp), &logarithms, &[], x.len());
        let shares = run(&Softmax::new(all, row, row), &x, &[], x.len());
        assert!(powers.iter().zip(&shares).all(|(a, b)| (a - b).abs() <= 1e-5 * b), "{columns}");
        // Again, a share of what is alike for all is the share itself.
        let again = run(&Softmax::new(all, row, row), &logarithms, &[], x.len());
        assert!(again.iter().zip(&shares).all(|(a, b)| (a - b).abs() <= 2e-5 * b), "{columns}");
    }
}
