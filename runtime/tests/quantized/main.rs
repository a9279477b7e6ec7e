//! Kernels over integers of 8 bits against loops over all taps, whole and row by row, with every form of map and window.

use bytemuck::{Pod, cast_slice, cast_slice_mut};
use peleec_runtime::{
    ByteArithmetic, Dequantize, Destination, Dsp, Element, Filters, Kernel, MaxPool2d, Mve, Operands, Pairs, Pixels, Place, Quads,
    QuantizedConv2d, QuantizedDepthwiseConv2d, RegionError, Requantize, Single, Thumb, Thumb2, run_checked, run_row_checked,
};

mod functions;
#[path = "../maps/mod.rs"]
mod maps;
mod pooled;
mod residual;

use maps::{Random, at, outputs};

fn operands<'a, F: Pod, T: Pod>(x: &'a [F], w: &'a [i32], y: &'a mut [T]) -> Operands<'a> {
    let (x, y) = (Place::Outside(cast_slice(x)), Destination::Outside(cast_slice_mut(y)));
    Operands { arena: &mut [], x, r: Place::Outside(&[]), w: cast_slice(w), y }
}

/// A window over one axis or two: kernel, strides, dilations and pads.
#[derive(Clone, Copy, Debug)]
struct Window {
    kernel: [u32; 2],
    strides: [u32; 2],
    dilations: [u32; 2],
    pads: [u32; 2],
}

impl Window {
    fn random(random: &mut Random) -> Self {
        let kernel = [0, 1].map(|_| [1, 1, 2, 3, 5][random.below(5) as usize]);
        let [strides, dilations] = [0, 1].map(|_| [0, 1].map(|_| 1 + random.below(2)));
        Window { kernel, strides, dilations, pads: kernel.map(|kernel| random.below(kernel)) }
    }

    fn outputs(&self, extents: [u32; 2]) -> Option<[u32; 2]> {
        let along = |i: usize| outputs(extents[i], self.pads[i], (self.kernel[i] - 1) * self.dilations[i] + 1, self.strides[i]);
        Some([along(0)?, along(1)?])
    }

    /// Places on the input, with the numbers of their taps.
    fn taps(&self, [oy, ox]: [u32; 2], input: &Pixels) -> Vec<([u32; 2], usize)> {
        let along = |i: usize, at: u32, extent: u32| {
            let Window { kernel, strides, dilations, pads } = *self;
            (0..kernel[i]).filter_map(move |tap| {
                let place = (at * strides[i] + tap * dilations[i]).checked_sub(pads[i]).filter(|&place| place < extent)?;
                Some((place, tap))
            })
        };
        let taps = along(0, oy, input.height).flat_map(|(iy, ky)| along(1, ox, input.width).map(move |(ix, kx)| ([iy, ix], [ky, kx])));
        taps.map(|(place, [ky, kx])| (place, (ky * self.kernel[1] + kx) as usize)).collect()
    }
}

fn places(map: &Pixels) -> Vec<[u32; 3]> {
    let Pixels { height, width, channels, .. } = *map;
    (0..height).flat_map(|y| (0..width).flat_map(move |x| (0..channels).map(move |c| [y, x, c]))).collect()
}

/// Runs a kernel whole, then row by row over an input of which only the rows of a window are stored, and compares both with `wanted`.
fn compare<F: Element + Pod, T: Element + Pod, K: Kernel + std::fmt::Debug>(
    kernel: impl Fn(Pixels, Pixels) -> K,
    [input, output]: [Pixels; 2],
    [x_len, y_len]: [usize; 2],
    window: &Window,
    random: &mut Random,
    w: &[i32],
    wanted: impl Fn(&[F], [u32; 3]) -> i32,
) {
    let x: Vec<F> = (0..x_len).map(|_| cast_slice::<u8, F>(&[random.below(256) as u8])[0]).collect();
    let mut y = vec![T::zeroed(); y_len];
    assert_eq!(run_checked(&kernel(input, output), operands(&x, w, &mut y)), Ok(()));
    for [oy, ox, c] in places(&output) {
        assert_eq!(y_value(y[at(&output, oy, ox, c)]), wanted(&x, [oy, ox, c]), "{:?} at {oy},{ox},{c}", kernel(input, output));
    }
    let reach = (window.kernel[0] - 1) * window.dilations[0] + 1;
    let (ring, kept) = (input.ring(reach.min(input.height)), output.ring(1));
    let rows = kernel(ring, kept);
    for row in 0..output.height {
        // The rows of the window, each in its slot.
        let first = (row * window.strides[0]).saturating_sub(window.pads[0]);
        let mut stored = vec![F::zeroed(); x_len];
        for [iy, ix, c] in places(&input).into_iter().filter(|place| (first..first + ring.ring).contains(&place[0])) {
            stored[at(&ring, iy, ix, c)] = x[at(&input, iy, ix, c)];
        }
        let mut found = vec![T::zeroed(); y_len];
        assert_eq!(run_row_checked(&rows, row as usize, operands(&stored, w, &mut found)), Ok(()), "{rows:?}");
        for [oy, ox, c] in places(&output).into_iter().filter(|place| place[0] == row) {
            assert_eq!(found[at(&kept, oy, ox, c)], y[at(&output, oy, ox, c)], "{rows:?} at {oy},{ox},{c}");
        }
    }
    assert_eq!(run_checked(&kernel(input, output), operands(&x[..x_len - 1], w, &mut y)), Err(RegionError::Outside));
}

/// An element of 8 bits as a number.
fn y_value<T: Element + Pod>(y: T) -> i32 {
    let byte = bytemuck::bytes_of(&y)[0];
    if T::TYPE == peleec_runtime::ElementType::I8 { i32::from(byte.cast_signed()) } else { i32::from(byte) }
}

/// Channels of a tap that lie together, or none where all bytes of a filter do.
fn convolutions<F: Element + Pod, T: Element + Pod, U: ByteArithmetic, const P: usize, const N: usize>(seed: u32, word: Option<usize>) {
    let mut random = Random(seed);
    let mut ran = 0;
    while ran < 60 {
        let (group, depth, filters) = ([1, 1, 2, 3][random.below(4) as usize], 1 + random.below(9), 1 + random.below(2 * N as u32));
        // Some sums are long enough for a core to stop on the way; some are of whole vectors.
        let depth = match ran % 6 {
            0 => depth * 23,
            1 => depth.div_ceil(3) * 16,
            _ => depth,
        };
        let window = Window::random(&mut random);
        let (h, wide) = (1 + random.below(9), 1 + random.below(9));
        let Some([oh, ow]) = window.outputs([h, wide]) else { continue };
        ran += 1;
        let (input, output) = (random.map(h, wide, group * depth), random.map(oh, ow, group * filters));
        let input_zero = y_value(cast_slice::<u8, F>(&[random.below(256) as u8])[0]);
        let Requantize { low, high, .. } = limits::<T>();
        let [low, high] = if ran % 4 == 0 { [low + 28, high - 37] } else { [low, high] };
        let requantize = Requantize { left: random.below(3), right: 1 + random.below(12), zero: random.below(256) as i32 - 128, low, high };
        let Window { kernel, strides, dilations, pads } = window;
        let conv = |input, output| {
            let conv = QuantizedConv2d::<F, T, U, P, N>::new(input, output).kernel(kernel).strides(strides).dilations(dilations).pads(pads);
            conv.group(group).input_zero(input_zero).requantize(requantize)
        };
        let extent = conv(input, output).extent().expect("the geometry is consistent");
        let mut w: Vec<i32> = (0..extent.w).map(|_| (random.below(1 << 16) << 16 | random.below(1 << 16)).cast_signed()).collect();
        let n_weights = (kernel[0] * kernel[1] * depth) as usize;
        let of_filter = n_weights.next_multiple_of(word.unwrap_or(1));
        let place = |at: usize, lane: usize| match word {
            Some(word) => at / word * N * word + lane * word + at % word,
            None => lane * of_filter + at,
        };
        let blocks = (filters as usize).div_ceil(N);
        let block_words = 2 * N + (of_filter * N).div_ceil(4);
        assert_eq!(extent.w, group as usize * blocks * block_words);
        for block in w.chunks_exact_mut(block_words) {
            let (biases, rest) = block.split_at_mut(N);
            biases.fill_with(|| random.below(200_000) as i32 - 100_000);
            rest[..N].fill_with(|| random.below(1 << 23) as i32 * 256);
            // Weights of -128 are not for units that make sums of 16 bits first.
            let least = if P == 4 && word.is_none() { i8::MIN + 1 } else { i8::MIN };
            let bytes = cast_slice_mut::<i32, i8>(&mut rest[N..]);
            for byte in bytes.iter_mut() {
                *byte = (*byte).max(least);
            }
            // What fills a filter up to a whole word is zero.
            for (at, lane) in (n_weights..of_filter).flat_map(|at| (0..N).map(move |lane| (at, lane))) {
                bytes[place(at, lane)] = 0;
            }
        }
        let wanted = |x: &[F], [oy, ox, m]: [u32; 3]| {
            let (of_group, lane) = ((m / filters) as usize, (m % filters) as usize);
            let block = &w[(of_group * blocks + lane / N) * block_words..][..block_words];
            let bytes: &[i8] = cast_slice(&block[2 * N..]);
            let weight = |tap: usize, ci: u32| i32::from(bytes[place(tap * depth as usize + ci as usize, lane % N)]);
            let mut sum = i64::from(block[lane % N]);
            let inside = window.taps([oy, ox], &input);
            for tap in 0..(kernel[0] * kernel[1]) as usize {
                let place = inside.iter().find(|(_, inside)| *inside == tap);
                for ci in 0..depth {
                    let x = place.map_or(input_zero, |([iy, ix], _)| y_value(x[at(&input, *iy, *ix, m / filters * depth + ci)]));
                    sum += i64::from(x * weight(tap, ci));
                }
            }
            requantized(&requantize, sum, block[N + lane % N])
        };
        compare::<F, T, _>(conv, [input, output], [extent.x, extent.y], &window, &mut random, &w, wanted);
    }
}

/// The result of a sum, as one quotient rounded down.
fn requantized(rule: &Requantize, sum: i64, multiplier: i32) -> i32 {
    let Requantize { left, right, zero, low, high } = *rule;
    let product = (i128::from(sum) << left) * i128::from(multiplier);
    let rounded = (product + (1 << (31 + right))) >> (32 + right);
    (rounded as i64 + i64::from(zero)).clamp(low.into(), high.into()) as i32
}

/// The bounds of a type of 8 bits.
fn limits<T: Element>() -> Requantize {
    let [low, high] = if T::TYPE == peleec_runtime::ElementType::I8 { [-128, 127] } else { [0, 255] };
    Requantize { low, high, ..Requantize::DEFAULT }
}

#[test]
fn sums_of_bytes_are_exact() {
    convolutions::<i8, i8, Single, 2, 2>(1, Some(1));
    convolutions::<u8, u8, Single, 4, 8>(2, Some(1));
    convolutions::<i8, i8, Single, 4, 8>(3, Some(1));
    convolutions::<u8, i8, Single, 2, 1>(4, Some(1));
    convolutions::<i8, u8, Single, 2, 3>(5, Some(1));
    convolutions::<i8, i8, Pairs, 3, 5>(6, Some(2));
    convolutions::<i8, i8, Pairs, 4, 8>(7, Some(2));
    convolutions::<u8, u8, Pairs, 4, 16>(8, Some(2));
    convolutions::<i8, i8, Pairs, 6, 16>(16, Some(2));
    convolutions::<i8, i8, Pairs, 8, 16>(9, Some(2));
    convolutions::<i8, i8, Quads, 12, 16>(17, Some(4));
    convolutions::<u8, i8, Quads, 12, 32>(18, Some(4));
    convolutions::<i8, u8, Quads, 4, 16>(19, Some(4));
    convolutions::<u8, u8, Quads, 4, 16>(20, Some(4));
    convolutions::<i8, i8, Dsp, 4, 8>(10, Some(4));
    convolutions::<u8, u8, Dsp, 4, 8>(11, Some(4));
    convolutions::<i8, i8, Dsp, 4, 16>(12, Some(4));
    convolutions::<u8, i8, Dsp, 4, 32>(24, Some(4));
    convolutions::<i8, i8, Mve, 3, 8>(13, None);
    convolutions::<u8, i8, Mve, 3, 8>(14, None);
    convolutions::<i8, i8, Mve, 3, 32>(25, None);
    convolutions::<i8, i8, Filters, 4, 4>(21, None);
    convolutions::<u8, u8, Filters, 4, 4>(22, None);
    convolutions::<i8, i8, Filters, 4, 8>(23, None);
    convolutions::<i8, u8, Filters, 4, 16>(24, None);
    convolutions::<i8, i8, Thumb, 2, 2>(15, Some(1));
    convolutions::<i8, i8, Thumb2, 3, 8>(26, Some(1));
}

/// Numbers of channels are less than a vector, whole vectors, and some more; the weights are of all bytes.
fn depthwise<F: Element + Pod, T: Element + Pod, U: ByteArithmetic>(seed: u32) {
    let mut random = Random(seed);
    let mut ran = 0;
    while ran < 120 {
        let channels = if ran % 3 == 0 { 1 + random.below(4) } else { 1 + random.below(50) };
        let mut window = Window::random(&mut random);
        if ran % 8 == 3 {
            // As many taps as a window lists, some fewer, and too many.
            window = Window { kernel: [7, 6 + random.below(3)], dilations: [1, 1], pads: [3, 3], ..window };
        }
        let (h, wide) = (1 + random.below(9), 1 + random.below(14));
        let Some([oh, ow]) = window.outputs([h, wide]) else { continue };
        ran += 1;
        let (input, output) = (random.map(h, wide, channels), random.map(oh, ow, channels));
        let input_zero = if ran % 4 == 0 { 0 } else { y_value(cast_slice::<u8, F>(&[random.below(256) as u8])[0]) };
        let rule = Requantize { left: random.below(3), right: 1 + random.below(12), zero: random.below(256) as i32 - 128, ..limits::<T>() };
        let Window { kernel, strides, dilations, pads } = window;
        let conv = |input, output| {
            let conv = QuantizedDepthwiseConv2d::<F, T, U>::new(input, output).kernel(kernel).strides(strides).dilations(dilations);
            conv.pads(pads).input_zero(input_zero).requantize(rule)
        };
        let extent = conv(input, output).extent().expect("the geometry is consistent");
        let (channels, taps) = (channels as usize, (kernel[0] * kernel[1]) as usize);
        assert_eq!(extent.w, 2 * channels + (taps * channels).div_ceil(4));
        let biases = (0..channels).map(|_| random.below(200_000) as i32 - 100_000).collect::<Vec<_>>();
        let multipliers = (0..channels).map(|_| random.below(1 << 23) as i32 * 256).collect::<Vec<_>>();
        let bytes = (0..(taps * channels).div_ceil(4)).map(|_| (random.below(1 << 16) << 16 | random.below(1 << 16)).cast_signed());
        let w = [biases, multipliers, bytes.collect()].concat();
        let wanted = |x: &[F], [oy, ox, c]: [u32; 3]| {
            let (channel, inside) = (c as usize, window.taps([oy, ox], &input));
            let bytes: &[i8] = cast_slice(&w[2 * channels..]);
            let product = |tap: usize| {
                let place = inside.iter().find(|(_, inside)| *inside == tap);
                let x = place.map_or(input_zero, |([iy, ix], _)| y_value(x[at(&input, *iy, *ix, c)]));
                i64::from(x * i32::from(bytes[tap * channels + channel]))
            };
            requantized(&rule, i64::from(w[channel]) + (0..taps).map(product).sum::<i64>(), w[channels + channel])
        };
        compare::<F, T, _>(conv, [input, output], [extent.x, extent.y], &window, &mut random, &w, wanted);
    }
}

#[test]
fn sums_of_one_channel_are_exact() {
    depthwise::<i8, i8, Single>(1);
    depthwise::<u8, u8, Single>(2);
    depthwise::<i8, u8, Single>(3);
    depthwise::<u8, i8, Mve>(4);
    depthwise::<i8, i8, Mve>(5);
    depthwise::<i8, i8, Dsp>(6);
    depthwise::<u8, i8, Dsp>(7);
    depthwise::<i8, i8, Thumb>(8);
}

/// A depthwise convolution is one of as many groups.
#[test]
fn a_channel_of_its_own_is_a_group() {
    let mut random = Random(6);
    for channels in [1, 3, 4, 13, 16, 24, 39] {
        let map = Pixels::new([7, 9, channels]);
        let (kernel, pads) = ([3, 3], [1, 1]);
        let conv = QuantizedConv2d::<i8, i8, Single, 2, 1>::new(map, map).kernel(kernel).pads(pads).group(channels).input_zero(-5);
        let requantize = Requantize { right: 6, ..Requantize::DEFAULT };
        let own = QuantizedDepthwiseConv2d::<i8, i8, Single>::new(map, map).kernel(kernel).pads(pads).input_zero(-5);
        let (conv, own) = (conv.requantize(requantize), own.requantize(requantize));
        let channels = channels as usize;
        let parts = [1, 256].map(|step| (0..channels).map(|_| random.below(1 << 20) as i32 / (257 - step) * step).collect::<Vec<i32>>());
        let bytes = (0..9 * channels).map(|_| random.below(256) as u8).collect::<Vec<_>>();
        let words = |bytes: Vec<u8>| bytes.chunks(4).map(|word| word.iter().rfold(0, |sum, &byte| sum << 8 | i32::from(byte))).collect();
        let of_channel = |c: usize| -> Vec<u8> { (0..9).map(|tap| bytes[tap * channels + c]).collect() };
        let of_groups = (0..channels).map(|c| [vec![parts[0][c], parts[1][c]], words(of_channel(c))].concat()).collect::<Vec<_>>().concat();
        let of_own = [parts[0].clone(), parts[1].clone(), words(bytes.clone())].concat();
        let x: Vec<i8> = (0..63 * channels).map(|_| random.below(256) as i8).collect();
        let (mut wanted, mut found) = (vec![0i8; x.len()], vec![1i8; x.len()]);
        assert_eq!(run_checked(&conv, operands(&x, &of_groups, &mut wanted)), Ok(()));
        assert_eq!(run_checked(&own, operands(&x, &of_own, &mut found)), Ok(()));
        assert_eq!(found, wanted);
        assert!(wanted.iter().any(|y| (-127..127).contains(y)));
    }
}

/// A convolution whose channels lie in two maps gives what it gives of one that holds all, whole and row by row.
fn two_maps<F: Element + Pod, U: ByteArithmetic, const P: usize, const N: usize>(seed: u32) {
    let mut random = Random(seed);
    for _ in 0..30 {
        let [h, wide] = [1 + random.below(4), 1 + random.below(9)];
        let [first, others, filters] = [1 + random.below(80), 1 + random.below(80), 1 + random.below(2 * N as u32)];
        let [input, rest, output] = [first, others, filters].map(|channels| random.map(h, wide, channels));
        let joined = Pixels::new([h, wide, first + others]);
        let requantize = Requantize { right: 8, ..limits::<F>() };
        let conv = |input, output| QuantizedConv2d::<F, F, U, P, N>::new(input, output).requantize(requantize);
        let both = conv(input, output).rest(Some(rest));
        let extent = both.extent().expect("the geometry is consistent");
        let w: Vec<i32> = (0..extent.w)
            .map(|_| (random.below(1 << 16) << 16 | random.below(1 << 16)).cast_signed() & !0x8080_8080_u32.cast_signed())
            .collect();
        let mut bytes = |len: usize| -> Vec<F> { (0..len).map(|_| cast_slice::<u8, F>(&[random.below(256) as u8])[0]).collect() };
        let (x, r) = (bytes(extent.x), bytes(extent.r));
        let mut all = vec![F::zeroed(); (h * wide * (first + others)) as usize];
        for [iy, ix, c] in places(&joined) {
            all[at(&joined, iy, ix, c)] = if c < first { x[at(&input, iy, ix, c)] } else { r[at(&rest, iy, ix, c - first)] };
        }
        let (mut wanted, mut found) = (vec![F::zeroed(); extent.y], vec![F::zeroed(); extent.y]);
        assert_eq!(run_checked(&conv(joined, output), operands(&all, &w, &mut wanted)), Ok(()));
        let second = || Place::Outside(cast_slice(&r));
        assert_eq!(run_checked(&both, Operands { r: second(), ..operands(&x, &w, &mut found) }), Ok(()));
        let same = |found: &[F], place: &[u32; 3]| {
            let [oy, ox, c] = *place;
            y_value(found[at(&output, oy, ox, c)]) == y_value(wanted[at(&output, oy, ox, c)])
        };
        assert!(places(&output).iter().all(|place| same(&found, place)), "{both:?}");
        for row in 0..h {
            let mut found = vec![F::zeroed(); extent.y];
            assert_eq!(run_row_checked(&both, row as usize, Operands { r: second(), ..operands(&x, &w, &mut found) }), Ok(()));
            assert!(places(&output).iter().filter(|place| place[0] == row).all(|place| same(&found, place)), "{both:?}");
        }
    }
}

#[test]
fn channels_may_lie_in_two_maps() {
    two_maps::<i8, Single, 2, 2>(1);
    two_maps::<u8, Single, 4, 8>(2);
    two_maps::<i8, Pairs, 6, 16>(3);
    two_maps::<i8, Quads, 12, 16>(4);
    two_maps::<u8, Quads, 4, 16>(5);
    two_maps::<i8, Dsp, 4, 8>(6);
    two_maps::<i8, Mve, 3, 8>(7);
    two_maps::<i8, Filters, 4, 8>(8);
    two_maps::<u8, Filters, 4, 16>(10);
    two_maps::<i8, Thumb, 2, 2>(9);
    two_maps::<i8, Thumb2, 3, 8>(10);
}

#[test]
fn geometries_that_contradict_themselves_are_none() {
    let map = |channels| Pixels::new([4, 4, channels]);
    let conv = QuantizedConv2d::<i8, i8, Single, 2, 4>::new(map(4), map(6));
    assert!(conv.extent().is_some());
    assert_eq!(conv.group(4).extent(), None);
    assert_eq!(conv.group(0).extent(), None);
    assert_eq!(conv.requantize(Requantize { low: 1, high: 0, ..Requantize::DEFAULT }).extent(), None);
    assert_eq!(QuantizedConv2d::<i8, i8, Single, 0, 4>::new(map(4), map(6)).extent(), None);
    assert_eq!(QuantizedConv2d::<i8, i8, Single, 2, 65>::new(map(4), map(6)).extent(), None);
    assert_eq!(conv.kernel([u32::MAX, u32::MAX]).extent(), None);
    assert_eq!(QuantizedConv2d::<i8, i8, Single, 2, 4>::new(Pixels { ring: 0, ..map(4) }, map(6)).extent(), None);
    assert_eq!(MaxPool2d::<i8>::new(map(4), map(6)).extent(), None);
    let depthwise = QuantizedDepthwiseConv2d::<i8, i8, Single>::new(map(4), map(4));
    assert!(depthwise.kernel([5, 5]).extent().is_some());
    assert_eq!(QuantizedDepthwiseConv2d::<i8, i8, Single>::new(map(4), map(6)).extent(), None);
    assert_eq!(depthwise.kernel([1 << 20, 1 << 20]).extent(), None);
    assert_eq!(depthwise.pads([0, 1 << 21]).extent(), None);
    assert_eq!(depthwise.requantize(Requantize { low: 1, high: 0, ..Requantize::DEFAULT }).extent(), None);
    assert_eq!(Dequantize::<i8>::new(map(4), map(6), 1.0, 0).extent(), None);
}

/// Shifts and factors of any size are only numbers: nothing panics, and results lie within their limits.
#[test]
fn rules_that_no_compiler_makes_are_harmless() {
    for left in [0, 31, 32, u32::MAX] {
        for right in [0, 31, 32, u32::MAX] {
            let rule = Requantize { left, right, zero: i32::MIN, low: -5, high: 5 };
            for sum in [i32::MIN, -1, 0, i32::MAX] {
                assert!((-5..=5).contains(&rule.apply(sum, i32::MIN)));
            }
        }
    }
}
