//! The same of kernels over bytes.

use std::fmt::Debug;

use bytemuck::{Pod, cast_slice, cast_slice_mut};
use peleec_runtime::{
    ByteArithmetic, ByteElement, Destination, Extent, Kernel, Mve, Operands, Place, QuantizedDepthwiseConv2d, QuantizedSum, RegionError,
    Requantize, Single, run_checked, run_row_checked,
};

use super::maps::{Random, at};
use super::{MOST_ELEMENTS, MOST_WORK, ROUNDS, Tally, field, fields, map, positions, product, taps, window};

fn operands<'a, F: Pod, T: Pod>([x, r]: [&'a [F]; 2], w: &'a [i32], y: &'a mut [T]) -> Operands<'a> {
    let [x, r] = [x, r].map(|operand| Place::Outside(cast_slice(operand)));
    Operands { arena: &mut [], x, r, w: cast_slice(w), y: Destination::Outside(cast_slice_mut(y)) }
}

/// The element of these low bits.
fn element<T: Pod>(value: i32) -> T {
    cast_slice::<u8, T>(&[value as u8])[0]
}

fn elements<T: Pod>(random: &mut Random, len: usize) -> Vec<T> {
    (0..len).map(|_| element(random.below(256).cast_signed())).collect()
}

fn number<T: ByteElement + Pod>(x: T) -> i32 {
    let byte = bytemuck::bytes_of(&x)[0];
    if T::LIMITS[0] < 0 { i32::from(byte.cast_signed()) } else { i32::from(byte) }
}

/// An output that nothing was written to.
fn untouched<T: Pod>(len: usize) -> Vec<T> {
    vec![element(0x5a); len]
}

impl Tally {
    /// As [`check`](Self::check), with weights that `weights` makes, so many of them.
    fn check_bytes<K: Kernel + Debug, F: Pod, T: Pod + PartialEq>(
        &mut self,
        random: &mut Random,
        (kernel, extent): (&K, Option<Extent>),
        work: u128,
        weights: impl FnOnce(&mut Random, usize) -> Vec<i32>,
        wanted: impl FnOnce([&[F]; 2], &[i32], &mut [T]),
    ) {
        let Some(Extent { x, r, w, y }) = extent else {
            self.refused += 1;
            let refusal = run_checked(kernel, operands::<F, T>([&[], &[]], &[], &mut []));
            return assert_eq!(refusal, Err(RegionError::Geometry), "{kernel:?}");
        };
        if [x, r, w, y].into_iter().max() > Some(MOST_ELEMENTS) || work > MOST_WORK {
            self.left_out += 1;
            return;
        }
        let (x, r) = (elements::<F>(random, x), elements::<F>(random, r));
        let (w, mut found, mut by_rows) = (weights(random, w), untouched::<T>(y), untouched::<T>(y));
        for row in (0..40).chain([1 << 16, (1 << 20) + 1, u32::MAX as usize, usize::MAX]) {
            _ = run_row_checked(kernel, row, operands([&x, &r], &w, &mut by_rows));
        }
        if run_checked(kernel, operands([&x, &r], &w, &mut found)) == Err(RegionError::Geometry) {
            // A ring, whose rows are run one at a time.
            self.refused += 1;
            return;
        }
        self.ran += 1;
        let mut expected = untouched::<T>(y);
        wanted([&x, &r], &w, &mut expected);
        assert!(found == expected && by_rows == expected, "{kernel:?}");
        let run = |x: &[F], r: &[F], w: &[i32], y: usize| run_checked(kernel, operands([x, r], w, &mut untouched::<T>(y)));
        assert_eq!([run(&x[1..], &r, &w, y), run(&x, &r, &w, y - 1)], [Err(RegionError::Outside); 2], "{kernel:?}");
        if let Some(r) = r.get(1..) {
            assert_eq!(run(&x, r, &w, y), Err(RegionError::Outside), "{kernel:?}");
        }
        if let Some(w) = w.get(1..) {
            assert_eq!(run(&x, &r, w, y), Err(RegionError::Outside), "{kernel:?}");
        }
    }
}

/// The result of a sum, as one quotient rounded down.
fn requantized(rule: &Requantize, sum: i64, multiplier: i32) -> i32 {
    let product = (i128::from(sum) << rule.left) * i128::from(multiplier);
    let rounded = (product + (1 << (31 + rule.right))) >> (32 + rule.right);
    (rounded as i64 + i64::from(rule.zero)).clamp(rule.low.into(), rule.high.into()) as i32
}

fn depthwise<F: ByteElement + Pod, T: ByteElement + Pod, U: ByteArithmetic + Debug>(seed: u32, tally: &mut Tally) {
    let mut random = Random(seed);
    for _ in 0..ROUNDS / 16 {
        let (size, channels) = ([1 + random.below(9), 1 + random.below(9)], 1 + random.below(40));
        let (window, [height, width]) = window(&mut random, size);
        let (input, output) = (map(&mut random, [size[0], size[1], channels]), map(&mut random, [height, width, channels]));
        let [kernel, strides, dilations, pads] = window;
        let padding = element::<F>(random.below(256).cast_signed());
        let (left, right, zero, [low, high]) = (random.below(3), 1 + random.below(12), number(padding) / 2, T::LIMITS);
        let rule = Requantize { left, right, zero, low, high };
        let conv = QuantizedDepthwiseConv2d::<F, T, U>::new(input, output).kernel(kernel).strides(strides).dilations(dilations);
        let conv = conv.pads(pads).input_zero(number(padding)).requantize(rule);
        let work = product([output.height, output.width, output.channels, kernel[0], kernel[1]]);
        let channels = output.channels as usize;
        // Biases, multipliers, and words of four weights.
        let weights = |random: &mut Random, len: usize| -> Vec<i32> {
            let word = |at: usize| match at / channels {
                0 => random.below(200_000).cast_signed() - 100_000,
                1 => random.below(1 << 23).cast_signed() * 256,
                _ => (random.below(1 << 16) << 16 | random.below(1 << 16)).cast_signed(),
            };
            (0..len).map(word).collect()
        };
        tally.check_bytes(&mut random, (&conv, conv.extent()), work, weights, |[x, _]: [&[F]; 2], w, y: &mut [T]| {
            let bytes: &[i8] = cast_slice(&w[2 * channels..]);
            for [oy, ox, c] in positions(&output) {
                let inside = taps(window, &input, [oy, ox]);
                let product = |tap: usize| {
                    let place = inside.iter().find(|(number, _)| *number == tap);
                    let x = place.map_or(padding, |&(_, [iy, ix])| x[at(&input, iy, ix, c)]);
                    i64::from(number(x) * i32::from(bytes[tap * channels + c as usize]))
                };
                let sum = (0..kernel[0] as usize * kernel[1] as usize).map(product).sum::<i64>() + i64::from(w[c as usize]);
                y[at(&output, oy, ox, c)] = element(requantized(&rule, sum, w[channels + c as usize]));
            }
        });
    }
}

#[test]
fn depthwise_convolutions_of_bytes_of_any_geometry() {
    let mut tally = Tally::default();
    depthwise::<i8, i8, Single>(1, &mut tally);
    depthwise::<u8, i8, Single>(2, &mut tally);
    depthwise::<i8, u8, Mve>(3, &mut tally);
    depthwise::<u8, u8, Mve>(4, &mut tally);
    assert!(tally.ran > ROUNDS / 40 && tally.refused > ROUNDS / 80, "{} {} {}", tally.ran, tally.refused, tally.left_out);
}

fn sums<F: ByteElement + Pod, T: ByteElement + Pod>(seed: u32, tally: &mut Tally) {
    let mut random = Random(seed);
    for _ in 0..ROUNDS / 16 {
        let size = [1 + random.below(5), 1 + random.below(6), 1 + random.below(20)];
        // Where an operand is broadcast, its distance is zero.
        let operand = |random: &mut Random| {
            let map = map(random, size);
            map.distances([map.row, map.pixel, map.channel].map(|distance| if random.below(8) == 0 { 0 } else { distance }))
        };
        let (input, second, output) = (operand(&mut random), operand(&mut random), map(&mut random, size));
        let small = [0; 3].map(|_| random.below(4000));
        let [left, right, offset] = fields(&mut random, small).map(|word| word.cast_signed() - 2000 * i32::from(word < 4000));
        let shift = random.below(14);
        let shift = field(&mut random, shift);
        let [least, greatest] = T::LIMITS;
        let [low, high] = if random.below(2) == 0 { T::LIMITS } else { [least + random.below(100).cast_signed(), greatest - 20] };
        let sum = QuantizedSum::<F, T>::new(input, second, output).factors([left, right]).offset(offset);
        let sum = sum.shift(shift).low(low).high(high);
        let work = product([output.height, output.width, output.channels]);
        tally.check_bytes(
            &mut random,
            (&sum, sum.extent()),
            work,
            |_, _| Vec::new(),
            |[x, r]: [&[F]; 2], _, y: &mut [T]| {
                for [oy, ox, c] in positions(&output) {
                    let [a, b] = [x[at(&input, oy, ox, c)], r[at(&second, oy, ox, c)]].map(|x| i64::from(number(x)));
                    // Sums of 32 bits wrap, and shifts of so many are none.
                    let wrapped = (i64::from(offset) + a * i64::from(left) + b * i64::from(right)) as i32;
                    y[at(&output, oy, ox, c)] = element((wrapped >> (shift % 32)).clamp(low, high));
                }
            },
        );
    }
}

#[test]
fn sums_of_bytes_of_any_geometry() {
    let mut tally = Tally::default();
    sums::<i8, i8>(1, &mut tally);
    sums::<u8, u8>(2, &mut tally);
    sums::<i8, u8>(3, &mut tally);
    sums::<u8, i8>(4, &mut tally);
    assert!(tally.ran > ROUNDS / 40 && tally.refused > ROUNDS / 80, "{} {} {}", tally.ran, tally.refused, tally.left_out);
}
