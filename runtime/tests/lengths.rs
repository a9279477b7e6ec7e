//! What geometries say of their operands' lengths, near the limits of 32 bits and beyond: one more than the farthest element, counted in
//! integers that no product leaves, or none.

use std::fmt::Debug;

use peleec_runtime::f32::function::Neg;
use peleec_runtime::{
    Arg, Binary, BinaryKind, Cast, CumulativeSum, Each, Extent, Gather, Hardmax, LogSoftmax, Lookup, Lrn, MAX_RANK, Map, MatMul, MaxPool2d,
    Mirror, Move, NonMaxSuppression, NormKind, Normalize, PRelu, Pad, Pairwise, Pixels, Pool2d, PoolKind, Quantize, QuantizedBinary,
    QuantizedSoftmax, QuantizedSum, Reduce, ReduceSum, Softmax, TopK, TopKValues, Xor,
};

mod maps;

use maps::Random;

/// Extents and distances that matter: small ones, and such as make products of 32 bits and a little more.
const EXTENTS: [u32; 12] = [0, 1, 1, 2, 3, 1 << 10, 1 << 16, (1 << 16) + 1, 1 << 20, 1 << 31, u32::MAX - 1, u32::MAX];

fn some<const N: usize>(random: &mut Random) -> [u32; N] {
    // Mostly ones, so that not all is beyond the limits.
    [(); N].map(|()| if random.below(3) == 0 { random.of(&EXTENTS) } else { 1 + random.below(2) })
}

/// One more than the farthest element; none where an extent is zero, or 32 bits do not hold the number.
fn length(axes: &[(&[u32], &[u32])]) -> Option<usize> {
    let all = || axes.iter().flat_map(|(dims, strides)| dims.iter().zip(*strides));
    assert!(axes.iter().all(|(dims, strides)| dims.len() == strides.len()));
    let last: u128 = all().map(|(&dim, &stride)| u128::from(dim).saturating_sub(1) * u128::from(stride)).sum();
    (all().all(|(&dim, _)| dim > 0) && last < u128::from(u32::MAX)).then_some(last as usize + 1)
}

/// Compares, and counts those that have lengths and those that have none.
struct Tally([u32; 2]);

impl Tally {
    fn check<K: Debug>(&mut self, kernel: &K, found: Option<Extent>, [x, r, y]: [Option<usize>; 3]) {
        let wanted = x.zip(r).zip(y).map(|((x, r), y)| [x, r, y]);
        assert_eq!(found.map(|Extent { x, r, y, .. }| [x, r, y]), wanted, "{kernel:?}");
        self.0[usize::from(wanted.is_some())] += 1;
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        assert!(std::thread::panicking() || self.0.iter().all(|&count| count > 100), "{:?}", self.0);
    }
}

const ROUNDS: u32 = if cfg!(miri) { 20 } else { 3000 };

#[test]
fn of_kernels_from_one_view_to_another() {
    let (mut random, mut tally) = (Random(1), Tally([0; 2]));
    for _ in 0..ROUNDS {
        let [dims, from, to]: [[u32; MAX_RANK]; 3] = [some(&mut random), some(&mut random), some(&mut random)];
        let wanted = [length(&[(&dims, &from)]), Some(0), length(&[(&dims, &to)])];
        macro_rules! check {
            ($($kernel:expr;)+) => {$({
                let kernel = $kernel;
                tally.check(&kernel, kernel.extent(), wanted);
            })+};
        }
        check! {
            Move::<i64>::new(dims, from, to);
            Mirror::<u8>::new(dims, from, some(&mut random), to);
            Map::new(dims, from, to);
            CumulativeSum::<i16>::new(dims, from, to);
            Softmax::new(dims, from, to);
            LogSoftmax::new(dims, from, to);
            QuantizedSoftmax::<u8, i8>::new(dims, from, to);
            Hardmax::new(dims, from, to);
        }
    }
}

#[test]
fn of_kernels_whose_output_is_shorter() {
    let (mut random, mut tally) = (Random(2), Tally([0; 2]));
    for _ in 0..ROUNDS {
        let [dims, from, to]: [[u32; MAX_RANK]; 3] = [some(&mut random), some(&mut random), some(&mut random)];
        let mut found = dims;
        found[MAX_RANK - 1] = 1;
        let arg = Arg::<i32>::new(dims, from, to);
        tally.check(&arg, arg.extent(), [length(&[(&dims, &from)]), Some(0), length(&[(&found, &to)])]);
        let count = if random.below(2) == 0 { dims[MAX_RANK - 1] } else { random.of(&EXTENTS) };
        found[MAX_RANK - 1] = count;
        let top = TopK::<i8, TopKValues>::new(dims, count, from, to);
        let enough = (count <= dims[MAX_RANK - 1]).then_some(0);
        tally.check(&top, top.extent(), [length(&[(&dims, &from)]), enough, length(&[(&found, &to)])]);
        let [over, inner]: [[u32; MAX_RANK]; 2] = [some(&mut random), some(&mut random)];
        let reduce = Reduce::<ReduceSum>::new(dims, over, [from, inner], to);
        // Neither list of dimensions may leave 32 bits by itself, nor both.
        tally.check(&reduce, reduce.extent(), [length(&[(&dims, &from), (&over, &inner)]), Some(0), length(&[(&dims, &to)])]);
    }
}

#[test]
fn of_kernels_of_two_operands() {
    let (mut random, mut tally) = (Random(3), Tally([0; 2]));
    for _ in 0..ROUNDS {
        let [dims, left, right, to]: [[u32; MAX_RANK]; 4] = [(); 4].map(|()| some(&mut random));
        let wanted = [length(&[(&dims, &left)]), length(&[(&dims, &right)]), length(&[(&dims, &to)])];
        let binary = Binary::new(dims, left, right, to, BinaryKind::Div);
        tally.check(&binary, binary.extent(), wanted);
        let pairwise = Pairwise::<Xor>::new(dims, left, right, to);
        tally.check(&pairwise, pairwise.extent(), wanted);
        let axis: [u32; 2] = some(&mut random);
        let gather = Gather::<f32, i64>::new(dims, left, right, to, axis);
        tally.check(&gather, gather.extent(), [length(&[(&dims, &left), (&axis[..1], &axis[1..])]), wanted[1], wanted[2]]);
        let ([p, q, m, n, k], [a, b, c]): ([u32; 5], [[u32; 4]; 3]) = (some(&mut random), [(); 3].map(|()| some(&mut random)));
        let product = MatMul::new([p, q, m, n, k], a, b, c);
        let wanted = [length(&[(&[p, q, m, k], &a)]), length(&[(&[p, q, k, n], &b)]), length(&[(&[p, q, m, n], &c)])];
        tally.check(&product, product.extent(), wanted);
    }
}

#[test]
fn of_normalised_groups_and_of_pads() {
    let (mut random, mut tally) = (Random(4), Tally([0; 2]));
    for _ in 0..ROUNDS {
        let [dims, over]: [[u32; MAX_RANK]; 2] = [some(&mut random), some(&mut random)];
        let [from, to, by]: [[[u32; MAX_RANK]; 2]; 3] = [(); 3].map(|()| [some(&mut random), some(&mut random)]);
        let both = |[outer, inner]: &[[u32; MAX_RANK]; 2]| length(&[(&dims, outer), (&over, inner)]);
        let plain = Normalize::new(dims, over, from, to, NormKind::L1);
        tally.check(&plain, plain.extent(), [both(&from), Some(0), both(&to)]);
        let shift = random.of(&EXTENTS);
        let scaled = plain.scales(Some(by)).shift(shift);
        let scales = both(&by).map(|length| length + shift as usize).filter(|&length| length <= u32::MAX as usize);
        tally.check(&scaled, scaled.extent(), [both(&from), scales, both(&to)]);
        let begin: [u32; MAX_RANK] = some(&mut random);
        let pad = Pad::new(dims, over, begin, from[0], to[0], 1_i32);
        let ends = begin.iter().zip(&over).all(|(&begin, &extent)| u64::from(begin) + u64::from(extent) <= u32::MAX.into());
        let x = length(&[(&over, &from[0])]).filter(|_| ends);
        tally.check(&pad, pad.extent(), [x, Some(0), length(&[(&dims, &to[0])])]);
    }
}

#[test]
fn of_boxes_that_are_suppressed() {
    let (mut random, mut tally) = (Random(5), Tally([0; 2]));
    for _ in 0..ROUNDS {
        let (dims, boxes, scores): ([u32; 3], [u32; 3], [u32; 3]) = (some(&mut random), some(&mut random), some(&mut random));
        let (output, [count]): ([u32; 2], [u32; 1]) = (some(&mut random), some(&mut random));
        let kernel = NonMaxSuppression::new(dims, count, 0.5, boxes, scores, output);
        let [images, classes, n] = dims;
        let rows = (u128::from(images) * u128::from(classes) * u128::from(count)).try_into().ok().filter(|_| count <= n);
        let y = rows.and_then(|rows: u32| length(&[(&[rows, 3], &output)]));
        tally.check(&kernel, kernel.extent(), [length(&[(&[images, n, 4], &boxes)]), length(&[(&dims, &scores)]), y]);
    }
}

/// A map of any extents and distances, stored whole or as a ring.
fn map(random: &mut Random, extents: [u32; 3]) -> Pixels {
    let distances: [u32; 3] = some(random);
    // Dense now and then, so that outputs have places of their own.
    let map = if random.below(2) == 0 { Pixels::new(extents) } else { Pixels::new(extents).distances(distances) };
    if random.below(4) == 0 { map.ring(random.of(&EXTENTS)) } else { map }
}

/// As `length`, of the rows that are stored.
fn stored(map: &Pixels) -> Option<usize> {
    let Pixels { height, width, channels, row, pixel, channel, ring } = *map;
    length(&[(&[height.min(ring), width, channels], &[row, pixel, channel])]).filter(|_| height > 0)
}

/// Whether what is stored has a place for each element: of few elements by listing them, else only where distances nest.
fn has_places(map: &Pixels) -> Option<bool> {
    let Pixels { height, width, channels, row, pixel, channel, ring } = *map;
    let count = u128::from(height.min(ring)) * u128::from(width) * u128::from(channels);
    (count <= 64).then(|| {
        let mut all: Vec<u64> = maps::indices([height.min(ring), width, channels])
            .map(|index| index.into_iter().zip([row, pixel, channel]).map(|(i, step)| u64::from(i) * u64::from(step)).sum())
            .collect();
        all.sort_unstable();
        all.windows(2).all(|pair| pair[0] != pair[1])
    })
}

/// Of kernels over maps the lengths are those of what is stored, and an output in whose elements share a place has none.
#[test]
fn of_kernels_from_one_map_to_another() {
    let mut random = Random(6);
    let mut tally = [0; 3];
    for _ in 0..2 * ROUNDS {
        let extents: [u32; 3] = some(&mut random);
        let other = if random.below(8) == 0 { some(&mut random) } else { extents };
        let (input, second, output) = (map(&mut random, extents), map(&mut random, extents), map(&mut random, other));
        let one = [
            Cast::<u8, f32>::new(input, output).extent(),
            Quantize::<u8>::new(input, output, 1.0, 0).extent(),
            Lookup::<u8, u8>::new(input, output).extent().map(|extent| Extent { w: extent.w - 256, ..extent }),
            Lrn::new(input, output, [1, 1]).extent(),
            PRelu::new(input, output).extent().map(|extent| Extent { w: extent.w - output.channels as usize, ..extent }),
            Each::new(input, output, Neg).extent(),
        ];
        assert!(one.iter().all(|extent| *extent == one[0]), "{one:?} of {input:?} and {output:?}");
        let sum = QuantizedSum::<u8, u8>::new(input, second, output).extent();
        assert_eq!(sum, QuantizedBinary::<u8, u8>::new(input, second, output, BinaryKind::Add).extent());
        let lengths = stored(&input).zip(stored(&output)).filter(|_| extents == other);
        match one[0] {
            Some(extent) => {
                assert_eq!(Some((extent.x, extent.y)), lengths, "{input:?} to {output:?}");
                assert_ne!(has_places(&output), Some(false), "{output:?}");
                assert_eq!(sum.map(|extent| (extent.x, extent.r, extent.y)), stored(&second).map(|r| (extent.x, r, extent.y)));
                tally[0] += 1;
            }
            None if lengths.is_some() => {
                // Refused though it has lengths: only an output whose distances do not nest.
                assert_ne!(output.ring(output.height), Pixels::new(other));
                tally[1] += 1;
            }
            None => tally[2] += 1,
        }
        let pool = |kind| Pool2d::new(input, output, kind).extent();
        let is_small = input.height <= 1 << 30 && input.width <= 1 << 30 && output.height <= 1 << 30 && output.width <= 1 << 30;
        // A pool does not ask for maps of one size.
        if extents == other && is_small {
            assert_eq!([pool(PoolKind::Max), MaxPool2d::<i8>::new(input, output).extent()], [one[0]; 2], "{input:?} to {output:?}");
        }
    }
    assert!(tally.iter().all(|&count| count > ROUNDS / 20), "{tally:?}");
}
