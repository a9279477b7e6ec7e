//! Every kernel through the checked door, against loops that follow its documentation to the letter: the same bits.

use peleec_runtime::{
    Activation, Binary, BinaryKind, Conv2d, ConvTranspose2d, CumulativeSum, DepthwiseConv2d, Destination, Executor, FloatArithmetic, Fused,
    Kernel, Layer, Map, MatMul, Mirror, Operands, Pad, Place, Plain, Pool2d, PoolKind, RegionError, Resample, Softmax, run_checked,
};

mod maps;

use maps::{Random, at, dense, indices, operands, outputs, resampled, transposed};

/// Runs `kernel` with its output in an arena of NaN and everything else outside.
fn run(kernel: &impl Kernel, [x, r, w]: [&[f32]; 3], y_len: usize) -> Result<Vec<f32>, RegionError> {
    let mut arena = vec![f32::NAN; y_len];
    run_checked(kernel, operands([x, r, w], &mut arena))?;
    Ok(arena)
}

/// The input position of tap `k` at output position `at`, where it lies on the map.
fn tap(at: u32, stride: u32, k: u32, dilation: u32, pad: u32, extent: u32) -> Option<u32> {
    (at * stride + k * dilation).checked_sub(pad).filter(|&i| i < extent)
}

fn convolutions<A: FloatArithmetic, const T: usize, const N: usize>(_: A, multiply_add: fn(f32, f32, f32) -> f32) {
    let mut random = Random(T as u32 * 100 + N as u32);
    let mut ran = 0;
    while ran < 60 {
        let (group, depth, filters) = (1 + random.below(2), 1 + random.below(9), 1 + random.below(20));
        let kernel = [1 + random.below(3), 1 + random.below(3)];
        let (strides, dilations, pads) =
            ([1 + random.below(2), 1 + random.below(3)], [1 + random.below(2), 1], [random.below(2), random.below(3)]);
        let (h, w) = (1 + random.below(9), 1 + random.below(15));
        let sizes = [0, 1].map(|i| outputs([h, w][i], pads[i], (kernel[i] - 1) * dilations[i] + 1, strides[i]));
        let [Some(oh), Some(ow)] = sizes else { continue };
        let (input, output) = (random.map(h, w, group * depth), random.map(oh, ow, group * filters));
        let residual = (random.below(2) == 0).then(|| random.map(oh, ow, group * filters));
        let activations =
            [Activation::Identity, Activation::Relu, Activation::LeakyRelu(0.1), Activation::Clip(-0.5, 0.5), Activation::Swish(1.0)];
        let activation = activations[random.below(5) as usize];
        let band = [1 + random.below(4), 1 + random.below(30)];
        let conv = Conv2d::<A, T, N>::new(input, output)
            .residual(residual)
            .kernel(kernel)
            .strides(strides)
            .dilations(dilations)
            .pads(pads)
            .group(group)
            .band(band)
            .epilogue(activation)
            .general(random.below(2) == 0);
        let extent = conv.extent().expect("the geometry is consistent");
        let (x, r, packed) = (random.values(extent.x), random.values(extent.r), random.values(extent.w));
        let y = run(&conv, [&x, &r, &packed], extent.y).expect("the operands serve");
        for (oy, ox, m) in (0..oh).flat_map(|y| (0..ow).flat_map(move |x| (0..group * filters).map(move |m| (y, x, m)))) {
            let wanted = convolved(&conv, multiply_add, [&x, &r, &packed], [oy, ox, m]);
            assert_eq!(
                y[at(&output, oy, ox, m)].to_bits(),
                wanted.to_bits(),
                "tile {T}x{N}, {input:?} to {output:?}, {kernel:?} at {oy},{ox},{m}"
            );
        }
        ran += 1;
    }
}

/// One result by the definition: bias, products over (ky, kx, ci), residual, activation.
fn convolved<A: FloatArithmetic, const T: usize, const N: usize>(
    conv: &Conv2d<A, T, N>,
    multiply_add: fn(f32, f32, f32) -> f32,
    [x, r, w]: [&[f32]; 3],
    [oy, ox, m]: [u32; 3],
) -> f32 {
    let (group, filter) = (m / conv.filters(), m % conv.filters());
    let [kh, kw] = conv.kernel;
    let block_len = N as u32 * (1 + kh * kw * conv.depth());
    let block = (group * conv.filters().div_ceil(N as u32) + filter / N as u32) * block_len;
    let lane = filter % N as u32;
    let mut sum = w[(block + lane) as usize];
    for ky in 0..kh {
        for kx in 0..kw {
            let iy = tap(oy, conv.strides[0], ky, conv.dilations[0], conv.pads[0], conv.input.height);
            let ix = tap(ox, conv.strides[1], kx, conv.dilations[1], conv.pads[1], conv.input.width);
            let (Some(iy), Some(ix)) = (iy, ix) else { continue };
            for ci in 0..conv.depth() {
                let weight = block + (1 + (ky * kw + kx) * conv.depth() + ci) * N as u32 + lane;
                sum = multiply_add(sum, x[at(&conv.input, iy, ix, group * conv.depth() + ci)], w[weight as usize]);
            }
        }
    }
    let residual = conv.residual.as_ref().map(|map| r[at(map, oy, ox, m)]);
    conv.epilogue.apply(residual.map_or(sum, |r| sum + r))
}

#[test]
fn conv2d_gives_the_bits_of_its_definition_under_every_tile() {
    fn both<const T: usize, const N: usize>() {
        convolutions::<_, T, N>(Plain, plain);
        convolutions::<_, T, N>(Fused, fused);
    }
    both::<1, 1>();
    both::<1, 64>();
    both::<2, 4>();
    both::<2, 8>();
    both::<4, 4>();
    both::<4, 8>();
    both::<6, 16>();
    both::<5, 64>();
    both::<12, 16>();
    both::<9, 32>();
}

fn plain(sum: f32, x: f32, w: f32) -> f32 {
    sum + x * w
}

fn fused(sum: f32, x: f32, w: f32) -> f32 {
    x.mul_add(w, sum)
}

#[test]
fn depthwise_convolution_gives_the_bits_of_its_definition() {
    depthwise(Plain, plain);
    depthwise(Fused, fused);
}

fn depthwise<A: FloatArithmetic>(_: A, multiply_add: fn(f32, f32, f32) -> f32) {
    let mut random = Random(7);
    for _ in 0..100 {
        let (h, w, channels) = (3 + random.below(7), 3 + random.below(7), 1 + random.below(23));
        let (strides, pads) = ([1 + random.below(2), 1 + random.below(2)], [random.below(2), random.below(2)]);
        let [oh, ow] = [0, 1].map(|i| outputs([h, w][i], pads[i], 3, strides[i]).expect("the kernel fits"));
        let (input, output) = (random.map(h, w, channels), random.map(oh, ow, channels));
        let conv = DepthwiseConv2d::<A>::new(input, output).kernel([3, 3]).strides(strides).pads(pads).activation(Activation::Relu);
        let extent = conv.extent().expect("the geometry is consistent");
        let (x, weights) = (random.values(extent.x), random.values(extent.w));
        let y = run(&conv, [&x, &[], &weights], extent.y).expect("the operands serve");
        for (oy, ox, c) in (0..oh).flat_map(|y| (0..ow).flat_map(move |x| (0..channels).map(move |c| (y, x, c)))) {
            let mut sum = weights[c as usize];
            for (ky, kx) in (0..3).flat_map(|ky| (0..3).map(move |kx| (ky, kx))) {
                let (iy, ix) = (tap(oy, strides[0], ky, 1, pads[0], h), tap(ox, strides[1], kx, 1, pads[1], w));
                if let (Some(iy), Some(ix)) = (iy, ix) {
                    let weight = weights[((1 + ky * 3 + kx) * channels + c) as usize];
                    sum = multiply_add(sum, x[at(&input, iy, ix, c)], weight);
                }
            }
            assert_eq!(y[at(&output, oy, ox, c)].to_bits(), Activation::Relu.apply(sum).to_bits());
        }
    }
}

/// Tiles of every width, with windows that are cut off on either side, or on both, and values whose sums are not those of other taps.
#[test]
fn depthwise_windows_of_every_width_give_the_bits_of_their_definition() {
    fn check<A: FloatArithmetic>(_: A, multiply_add: fn(f32, f32, f32) -> f32) {
        let mut random = Random(17);
        for (kernel, stride, ow) in
            [3, 5, 7].into_iter().flat_map(|k| [1, 2].into_iter().flat_map(move |s| (1..23).map(move |w| (k, s, w))))
        {
            let [left, right] = [0, 1].map(|_| random.below(kernel / 2 + 1));
            let Some(width) = ((ow - 1) * stride + kernel).checked_sub(left + right).filter(|&width| width > 0) else { continue };
            let (oh, channels) = (1 + random.below(2), 3 + random.below(34));
            let (input, output) = (random.map(2, width, channels), random.map(oh, ow, channels));
            let activation = random.of(&[Activation::Identity, Activation::Relu, Activation::Clip(0.0, 6.0), Activation::LeakyRelu(0.1)]);
            let conv = DepthwiseConv2d::<A>::new(input, output).kernel([3, kernel]).strides([1, stride]);
            let conv = conv.pads([1, left]).activation(activation);
            let extent = conv.extent().expect("the geometry is consistent");
            let (mut x, mut weights) = (random.values(extent.x), random.values(extent.w));
            for values in [&mut x, &mut weights] {
                for _ in 0..values.len() / 8 {
                    let at = random.below(values.len() as u32) as usize;
                    values[at] = random.of(&[0.0, -0.0, -0.0, f32::NAN, f32::INFINITY]);
                }
            }
            let y = run(&conv, [&x, &[], &weights], extent.y).expect("the operands serve");
            for [oy, ox, c] in indices([oh, ow, channels]) {
                let mut sum = weights[c as usize];
                for [ky, kx] in indices([3, kernel]) {
                    let (iy, ix) = (tap(oy, 1, ky, 1, 1, 2), tap(ox, stride, kx, 1, left, width));
                    if let (Some(iy), Some(ix)) = (iy, ix) {
                        let weight = weights[((1 + ky * kernel + kx) * channels + c) as usize];
                        sum = multiply_add(sum, x[at(&input, iy, ix, c)], weight);
                    }
                }
                let (found, wanted) = (y[at(&output, oy, ox, c)], activation.apply(sum));
                let same = found.to_bits() == wanted.to_bits() || found.is_nan() && wanted.is_nan();
                assert!(same, "{found} for {wanted} at {oy},{ox},{c}: {kernel}, {stride}, {input:?} to {output:?}");
            }
        }
    }
    check(Plain, plain);
    check(Fused, fused);
}

#[test]
fn pools_give_the_bits_of_their_definition() {
    let mut random = Random(11);
    for kind in [PoolKind::Max, PoolKind::AverageInside, PoolKind::AveragePadded] {
        for _ in 0..60 {
            let (h, w, channels) = (2 + random.below(7), 2 + random.below(7), 1 + random.below(19));
            let (strides, pads) = ([1 + random.below(2), 1 + random.below(2)], [random.below(2), random.below(2)]);
            let [oh, ow] = [0, 1].map(|i| outputs([h, w][i], pads[i], 2, strides[i]).expect("the window fits"));
            let (input, output) = (random.map(h, w, channels), random.map(oh, ow, channels));
            let pads = [pads[0], pads[1], pads[0], pads[1]];
            let pool = Pool2d::new(input, output, kind).kernel([2, 2]).strides(strides).pads(pads);
            let extent = pool.extent().expect("the geometry is consistent");
            let x = random.values(extent.x);
            let y = run(&pool, [&x, &[], &[]], extent.y).expect("the operands serve");
            for (oy, ox, c) in (0..oh).flat_map(|y| (0..ow).flat_map(move |x| (0..channels).map(move |c| (y, x, c)))) {
                let taps = (0..2).flat_map(|ky| (0..2).map(move |kx| (ky, kx)));
                let inside = |(ky, kx)| Some((tap(oy, strides[0], ky, 1, pads[0], h)?, tap(ox, strides[1], kx, 1, pads[1], w)?));
                let values: Vec<f32> = taps.filter_map(inside).map(|(iy, ix)| x[at(&input, iy, ix, c)]).collect();
                let sum = values.iter().fold(0.0, |sum, value| sum + value);
                let wanted = match kind {
                    PoolKind::Max => values.iter().copied().fold(f32::NEG_INFINITY, f32::max),
                    PoolKind::AverageInside => sum / values.len() as f32,
                    PoolKind::AveragePadded => sum / 4.0,
                };
                assert_eq!(y[at(&output, oy, ox, c)].to_bits(), wanted.to_bits(), "{pool:?} at {oy},{ox},{c}");
            }
        }
    }
}

#[test]
fn transposed_convolutions_give_the_bits_of_their_definition() {
    let mut random = Random(19);
    for round in 0..200 {
        let (group, depth) = (1 + random.below(2), 1 + random.below(5));
        let filters = 1 + random.below(if round % 8 == 0 { 90 } else { 20 });
        let (h, w, oh, ow) = (1 + random.below(5), 1 + random.below(5), 1 + random.below(12), 1 + random.below(12));
        let [kernel, strides, dilations] = [0; 3].map(|_| [0, 1].map(|_| 1 + random.below(3)));
        let (input, output) = (random.map(h, w, group * depth), random.map(oh, ow, group * filters));
        let conv = ConvTranspose2d::new(input, output).kernel(kernel).strides(strides).dilations(dilations);
        let conv = conv.pads([0, 1].map(|_| random.below(3))).group(group);
        let extent = conv.extent().expect("the geometry is consistent");
        let (x, weights) = (random.values(extent.x), random.values(extent.w));
        let y = run(&conv, [&x, &[], &weights], extent.y).expect("the operands serve");
        for (oy, ox, m) in (0..oh).flat_map(|y| (0..ow).flat_map(move |x| (0..group * filters).map(move |m| (y, x, m)))) {
            let wanted = transposed(&conv, &x, &weights, [oy, ox, m]);
            assert_eq!(y[at(&output, oy, ox, m)].to_bits(), wanted.to_bits(), "{conv:?} at {oy},{ox},{m}");
        }
    }
}

#[test]
fn resizes_give_the_bits_of_their_definition() {
    let mut random = Random(17);
    for round in 0..200 {
        let (h, w, channels) = (1 + random.below(7), 1 + random.below(7), 1 + random.below(40));
        let (oh, ow) = (1 + random.below(12), 1 + random.below(12));
        let taps = if round % 3 == 0 { [1, 1] } else { [1 + random.below(4), 1 + random.below(4)] };
        let (input, output) = (random.map(h, w, channels), random.map(oh, ow, channels));
        let resample = Resample::new(input, output).taps(taps).outside(-3.0).reads([0, 1, 0, h]);
        let extent = resample.extent().expect("the geometry is consistent");
        let (x, tables) = (random.values(extent.x), random.tables(&resample));
        assert_eq!(tables.len(), extent.w);
        let y = run(&resample, [&x, &[], &tables], extent.y).expect("the operands serve");
        for (oy, ox, c) in (0..oh).flat_map(|y| (0..ow).flat_map(move |x| (0..channels).map(move |c| (y, x, c)))) {
            let wanted = resampled(&resample, &x, &tables, [oy, ox, c]);
            assert_eq!(y[at(&output, oy, ox, c)].to_bits(), wanted.to_bits(), "{resample:?} at {oy},{ox},{c}");
        }
    }
}

/// A convolution with a pool against the convolution and then the pool, on one core and on several.
fn pooled<A: FloatArithmetic, const T: usize, const N: usize>(_: A) {
    let mut random = Random(T as u32 * 100 + N as u32);
    for run_index in 0..90 {
        let kind = [PoolKind::Max, PoolKind::AverageInside, PoolKind::AveragePadded][run_index % 3];
        let (depth, filters) = (1 + random.below(9), 1 + random.below(40));
        let large = run_index > 80;
        let [h, w] = [0, 1].map(|_| if large { 20 + random.below(10) } else { 1 + random.below(9) });
        let [oh, ow] = [h, w].map(|extent| if extent == 1 || random.below(2) == 0 { extent.div_ceil(2) } else { extent / 2 });
        let (input, output) = (random.map(h, w, depth), random.map(oh, ow, filters));
        let between = dense(h, w, filters);
        let activation = [Activation::Identity, Activation::Relu, Activation::LeakyRelu(0.1)][random.below(3) as usize];
        let alone = Conv2d::<A, T, N>::new(input, between)
            .band([1 + random.below(4), 1 + random.below(30)])
            .epilogue(activation)
            .general(run_index % 2 == 0);
        let both = alone.pool(Some(kind)).over(input, output);
        let then = Pool2d::new(between, output, kind).kernel([2, 2]).strides([2, 2]);
        let extent = both.extent().expect("the geometry is consistent");
        let (x, packed) = (random.values(extent.x), random.values(extent.w));
        let map = run(&alone, [&x, &[], &packed], (h * w * filters) as usize).expect("the operands serve");
        let wanted = run(&then, [&map, &[], &[]], extent.y).expect("the operands serve");
        let wanted: Vec<_> = wanted.into_iter().map(f32::to_bits).collect();
        let found = run(&both, [&x, &[], &packed], extent.y).expect("the operands serve");
        let found: Vec<_> = found.into_iter().map(f32::to_bits).collect();
        assert_eq!(found, wanted, "tile {T}x{N}, {input:?} to {output:?}, {kind:?}");
    }
}

#[test]
fn a_pool_in_a_convolution_gives_the_bits_of_both() {
    fn both<const T: usize, const N: usize>() {
        pooled::<_, T, N>(Plain);
        pooled::<_, T, N>(Fused);
    }
    both::<4, 4>();
    both::<4, 24>();
    both::<8, 8>();
    both::<12, 4>();
    both::<12, 32>();
}

/// Says that there are three cores, so that layers are cut into parts.
struct Three;

impl Executor for Three {
    fn cores(&self) -> usize {
        3
    }

    fn share(&self, work: &(dyn Fn() + Sync)) {
        work();
    }
}

#[test]
fn a_pool_in_a_convolution_that_several_cores_share() {
    fn check<const EXTENT: u32, const HALF: u32, const X: usize, const Y: usize>() {
        let map = |extent, channels| dense(extent, extent, channels);
        let conv = Conv2d::<Plain, 4, 4>::new(map(EXTENT, 5), map(HALF, 16))
            .band([2, HALF])
            .epilogue(Activation::Relu)
            .pool(Some(PoolKind::AverageInside));
        let mut random = Random(EXTENT);
        let (x, w) = (random.values(X), random.values(96));
        let wanted = run(&conv, [&x, &[], &w], Y).expect("the operands serve");
        let mut found = [f32::NAN; Y];
        let layer = Layer::<Conv2d<Plain, 4, 4>, X, 96, Y>::new(conv);
        layer.run(&Three, x.as_slice().try_into().unwrap(), &[], w.as_slice().try_into().unwrap(), &mut found);
        assert_eq!(found.as_slice(), wanted);
    }
    // Parts of rows, and parts of channels.
    check::<19, 10, 1805, 1600>();
    check::<5, 3, 125, 144>();
}

#[test]
fn a_pool_that_a_convolution_cannot_compute_is_refused() {
    fn extent<const T: usize>(change: impl Fn(&mut Conv2d<Plain, T, 4>)) -> bool {
        let map = |extent| dense(extent, extent, 4);
        let mut conv = Conv2d::<Plain, T, 4>::new(map(7), map(4)).band([1, 1]).pool(Some(PoolKind::Max));
        change(&mut conv);
        conv.extent().is_some()
    }
    assert!(extent::<4>(|_| {}) && extent::<8>(|conv| conv.output.height = 3));
    assert!(!extent::<6>(|_| {}) && !extent::<4>(|conv| conv.output.width = 5) && !extent::<4>(|conv| conv.output.height = 2));
    assert!(!extent::<4>(|conv| conv.kernel = [2, 1]) && !extent::<4>(|conv| conv.strides = [1, 2]));
    assert!(!extent::<4>(|conv| conv.pads = [0, 1]) && !extent::<4>(|conv| conv.residual = Some(conv.output)));
}

#[test]
fn a_map_with_permuted_strides_transposes() {
    let transpose = Map::new([1, 1, 1, 1, 3, 2], [0, 0, 0, 0, 1, 3], [0, 0, 0, 0, 2, 1]);
    assert_eq!(run(&transpose, [&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[], &[]], 6).unwrap(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
}

#[test]
fn a_mirror_reads_dimensions_from_their_end() {
    // Every second row from the top, columns from the right.
    let mirror = Mirror::<f32>::new([1, 1, 1, 1, 2, 3], [0, 0, 0, 0, 6, 1], [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 3, 1]);
    let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
    assert_eq!(run(&mirror, [&x, &[], &[]], 6).unwrap(), [3.0, 2.0, 1.0, 9.0, 8.0, 7.0]);
    let rows = Mirror::<f32>::new(mirror.dims, mirror.input, [0, 0, 0, 0, 1, 0], mirror.output);
    assert_eq!(run(&rows, [&x, &[], &[]], 6).unwrap(), [7.0, 8.0, 9.0, 1.0, 2.0, 3.0]);
    assert_eq!(run(&rows, [&x[1..], &[], &[]], 6), Err(RegionError::Outside));
}

#[test]
fn cumulative_sums_run_along_the_last_dimension() {
    let strides = [0, 0, 0, 0, 1, 2];
    let sums = CumulativeSum::new([1, 1, 1, 1, 2, 3], strides, strides);
    let of = |sums: CumulativeSum<f32>| run(&sums, [&[1.0, 10.0, 2.0, 20.0, 4.0, 40.0], &[], &[]], 6).unwrap();
    assert_eq!(of(sums), [1.0, 10.0, 3.0, 30.0, 7.0, 70.0]);
    assert_eq!(of(sums.exclusive(true)), [0.0, 0.0, 1.0, 10.0, 3.0, 30.0]);
    assert_eq!(of(sums.reverse(true)), [7.0, 70.0, 6.0, 60.0, 4.0, 40.0]);
    assert_eq!(of(sums.reverse(true).exclusive(true)), [6.0, 60.0, 4.0, 40.0, 0.0, 0.0]);
}

#[test]
fn a_binary_broadcasts_where_a_stride_is_zero() {
    let left = [0, 0, 0, 0, 2, 1];
    let subtract = Binary::new([1, 1, 1, 1, 2, 2], left, [0, 0, 0, 0, 0, 1], left, BinaryKind::Sub);
    assert_eq!(run(&subtract, [&[1.0, 2.0, 3.0, 4.0], &[10.0, 20.0], &[]], 4).unwrap(), [-9.0, -18.0, -7.0, -16.0]);
}

#[test]
fn a_pad_surrounds_its_input() {
    let (inner, output) = ([1, 1, 1, 1, 1, 2], [0, 0, 0, 0, 4, 1]);
    let pad = Pad::new([1, 1, 1, 1, 3, 4], inner, [0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 2, 1], output, 9.0_f32);
    assert_eq!(run(&pad, [&[1.0, 2.0], &[], &[]], 12).unwrap(), [9.0, 9.0, 9.0, 9.0, 9.0, 1.0, 2.0, 9.0, 9.0, 9.0, 9.0, 9.0]);
}

#[test]
fn softmax_sums_to_one_along_its_dimension() {
    let strides = [0, 0, 0, 0, 1, 2];
    let softmax = Softmax::new([1, 1, 1, 1, 2, 3], strides, strides);
    let y = run(&softmax, [&[1.0, 100.0, 2.0, 100.0, 3.0, 100.0], &[], &[]], 6).unwrap();
    assert!((y[0] + y[2] + y[4] - 1.0).abs() < 1e-6 && (y[1] - 1.0 / 3.0).abs() < 1e-6);
    assert!((y[4] / y[2] - std::f32::consts::E).abs() < 1e-5);
}

#[test]
fn a_matrix_product_broadcasts_its_batch() {
    let product = MatMul::new([1, 2, 1, 2, 2], [0, 2, 2, 1], [0, 0, 2, 1], [0, 2, 2, 1]);
    assert_eq!(run(&product, [&[1.0, 2.0, 3.0, 4.0], &[1.0, 0.5, -1.0, 2.0], &[]], 4).unwrap(), [-1.0, 4.5, -1.0, 9.5]);
}

#[test]
fn operands_that_do_not_serve_are_refused() {
    let copy = Map::new([1, 1, 1, 1, 1, 4], [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 1]);
    assert_eq!(run(&copy, [&[1.0; 3], &[], &[]], 4), Err(RegionError::Outside));
    assert_eq!(run(&copy, [&[1.0; 4], &[], &[]], 3), Err(RegionError::Outside));
    assert_eq!(run(&Map::new([0; 6], copy.input, copy.output), [&[], &[], &[]], 0), Err(RegionError::Geometry));
    let mut arena = [0.0; 6];
    let arena = bytemuck::cast_slice_mut(&mut arena);
    let operands = Operands { arena, x: Place::Arena(0), r: Place::Outside(&[]), w: &[], y: Destination::Arena(8) };
    assert_eq!(run_checked(&copy, operands), Err(RegionError::Overlap));
}

/// A sum as the documentation has it: in blocks of 1024 terms.
fn in_blocks(terms: &[f32]) -> f32 {
    terms.chunks(1024).map(|block| block.iter().fold(0.0, |sum, term| sum + term)).fold(0.0, |sum, block| sum + block)
}

#[test]
fn long_sums_go_in_blocks() {
    let mut random = Random(13);
    for (h, w, channels) in [(33, 33, 21), (1, 2049, 1), (1500, 2, 70)] {
        let (input, output) = (random.map(h, w, channels), random.map(1, 1, channels));
        let pool = Pool2d::new(input, output, PoolKind::AverageInside).kernel([h, w]);
        let extent = pool.extent().expect("the geometry is consistent");
        let x = random.values(extent.x);
        let y = run(&pool, [&x, &[], &[]], extent.y).expect("the operands serve");
        for c in 0..channels {
            let terms: Vec<f32> = (0..h).flat_map(|y| (0..w).map(move |x| (y, x))).map(|(iy, ix)| x[at(&input, iy, ix, c)]).collect();
            assert_eq!(y[at(&output, 0, 0, c)].to_bits(), (in_blocks(&terms) / terms.len() as f32).to_bits(), "{input:?} at {c}");
        }
    }
    let (a, b) = (random.values(3000), random.values(3000));
    let product = MatMul::new([1, 1, 1, 1, 3000], [0, 0, 0, 1], [0, 0, 1, 0], [0; 4]);
    let terms: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a * b).collect();
    assert_eq!(run(&product, [&a, &b, &[]], 1).unwrap(), [in_blocks(&terms)]);
}
