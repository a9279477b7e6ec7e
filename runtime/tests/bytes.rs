//! Functions of bytes and wider integers: against integers where scales are powers of two, against double precision elsewhere, over all
//! elements and at the ends of their types.

use bytemuck::Pod;
use peleec_runtime::{
    BinaryKind, Dequantize, Element, Extent, Lookup, MAX_RANK, Pixels, Quantize, QuantizedBinary, QuantizedSoftmax, Requantize,
    run_checked, run_row_checked,
};

mod maps;

use maps::{Random, at, dense, indices, offset, outside, written};

/// The nearest integer, the even one of two.
fn nearest(x: f64) -> f64 {
    let below = x.floor();
    let rest = x - below;
    if rest > 0.5 || (rest == 0.5 && below % 2.0 != 0.0) { below + 1.0 } else { below }
}

/// Sums and factors about every power of two, and at the ends of their type.
fn words() -> impl Iterator<Item = i32> + Clone {
    let powers = (0..31).flat_map(|shift| [1 << shift, (1 << shift) - 1, (1 << shift) + 1, 3 << shift >> 1]);
    powers.flat_map(|word: i32| [word, -word]).chain([0, i32::MAX, i32::MIN, i32::MIN + 1])
}

/// One quotient rounded half up, in integers that hold any: wherever no step leaves 32 bits.
#[test]
fn results_of_sums_are_quotients_rounded_half_up() {
    let mut compared = 0;
    for (left, right, zero) in [(0, 1, 0), (2, 1, 0), (0, 8, -128), (1, 7, 3), (2, 12, 127), (5, 20, -7), (0, 30, 0)] {
        for [low, high] in [[-128, 127], [5, 250]] {
            let rule = Requantize { left, right, zero, low, high };
            for (sum, multiplier) in words().step_by(3).flat_map(|sum| words().step_by(7).map(move |multiplier| (sum, multiplier))) {
                let product = (i128::from(sum) << left) * i128::from(multiplier);
                let offset = (i128::from(zero) << right) + (1 << (right - 1));
                let whole = |wide: i128| i32::try_from(wide).is_ok();
                if !whole(i128::from(sum) << left) || !whole((product >> 32) + offset) {
                    continue;
                }
                let exact = ((product + (1 << (31 + right))) >> (32 + right)) + i128::from(zero);
                assert_eq!(i128::from(rule.apply(sum, multiplier)), exact.clamp(low.into(), high.into()), "{rule:?} {sum} {multiplier}");
                compared += 1;
            }
        }
    }
    assert!(compared > 10_000, "{compared}");
}

/// Of sums that grow no result falls, nor does one leave its limits.
#[test]
fn results_grow_with_their_sums() {
    let mut sums: Vec<i32> = words().filter(|sum| sum.unsigned_abs() < 1 << 28).collect();
    sums.sort_unstable();
    for (multiplier, right) in [(1, 1), (i32::MAX, 3), (1 << 30, 9), (0x5555_5555, 12)] {
        let rule = Requantize { left: 2, right, zero: 10, low: -90, high: 120 };
        let results: Vec<i32> = sums.iter().map(|&sum| rule.apply(sum, multiplier)).collect();
        assert!(results.is_sorted() && results.iter().all(|result| (-90..=120).contains(result)), "{multiplier} {right}");
        // Downwards by a factor below zero, but for halves.
        let turned: Vec<i32> = sums.iter().map(|&sum| rule.apply(sum, -multiplier)).collect();
        assert!(turned.is_sorted_by(|a, b| a >= b), "{multiplier} {right}");
    }
}

/// Integers of `all`, as floats and back, over maps of any form.
fn there_and_back<T: Element + Pod + Into<i64> + Default>(all: &[T], [low, high]: [i32; 2], zero: i32) {
    let mut random = Random(all.len() as u32);
    for _ in 0..12 {
        let [height, width, channels] = [1 + random.below(4), 1 + random.below(9), 1 + random.below(40)];
        let (input, between, output) =
            (random.map(height, width, channels), random.map(height, width, channels), random.map(height, width, channels));
        // A power of two, so that floats between two integers are exact.
        let scale = 1.0 / 64.0;
        let dequantize = Dequantize::<T>::new(input, between, scale, zero);
        let Extent { x, y, .. } = dequantize.extent().expect("maps of one size serve");
        let x: Vec<T> = (0..x).map(|_| random.of(all)).collect();
        let floats = written(&dequantize, &x, &x[..0], vec![0.5_f32; y]);
        let quantize = Quantize::<T>::new(between, output, scale, zero).low(low).high(high);
        let again = written(&quantize, &floats, &floats[..0], vec![T::default(); output.extent().expect("the map has elements")]);
        // By a coarser scale most lie between.
        let coarse = Quantize::<T>::new(between, output, scale * 8.0, 1).low(low + 1).high(high / 2);
        let few = written(&coarse, &floats, &floats[..0], vec![T::default(); output.extent().expect("the map has elements")]);
        for [row, column, c] in indices([height, width, channels]) {
            let (value, to) = (x[at(&input, row, column, c)].into(), at(&output, row, column, c));
            let steps = (value - i64::from(zero)) as f64;
            assert_eq!(f64::from(floats[at(&between, row, column, c)]), steps * f64::from(scale), "{dequantize:?}");
            assert_eq!(again[to].into(), value, "{quantize:?}");
            let wanted = (nearest(steps / 8.0) as i64 + 1).clamp(i64::from(low) + 1, i64::from(high) / 2);
            assert_eq!(few[to].into(), wanted, "{coarse:?} of {value}");
        }
    }
}

#[test]
fn every_integer_comes_back_from_its_float() {
    there_and_back::<i8>(&(i8::MIN..=i8::MAX).collect::<Vec<_>>(), [-128, 127], -128);
    there_and_back::<u8>(&(0..=u8::MAX).collect::<Vec<_>>(), [0, 255], 255);
    there_and_back::<i16>(&(i16::MIN..=i16::MAX).collect::<Vec<_>>(), [-32768, 32767], 1000);
}

/// As `QuantizeLinear` says: what is beyond saturates, before the zero is added as after it.
#[test]
fn floats_beyond_every_integer_saturate() {
    let map = dense(1, 1, 9);
    let x = [f32::INFINITY, f32::MAX, 1e10, 1e-45, 0.0, -0.0, -1e10, f32::MIN, f32::NEG_INFINITY];
    for scale in [f32::MIN_POSITIVE, 1e-20, 1.0, 1e20] {
        for zero in [-128, -1, 0, 127] {
            let quantize = Quantize::<i8>::new(map, map, scale, zero).low(-128).high(127);
            let found = written(&quantize, &x, &x[..0], vec![0_i8; 9]);
            let exact = |x: f32| nearest(f64::from(x / scale)).clamp(-1e9, 1e9) as i32 + zero;
            assert_eq!(found, x.map(|x| exact(x).clamp(-128, 127) as i8), "{scale} {zero}");
        }
    }
}

/// Every two bytes by each function, with scales that are powers of two.
fn pairs<F: Element + Pod + Into<i32>, T: Element + Pod + Into<i32> + Default>(all: [F; 256], [low, high]: [i32; 2]) {
    let (input, second, output) = (dense(256, 256, 1).distances([1, 0, 0]), dense(256, 256, 1).distances([0, 1, 0]), dense(256, 256, 1));
    for (kind, exact) in [
        (BinaryKind::Add, (|a, b| a / 4.0 + b / 16.0) as fn(f64, f64) -> f64),
        (BinaryKind::Sub, |a, b| a / 4.0 - b / 16.0),
        (BinaryKind::Mul, |a, b| a / 4.0 * (b / 16.0)),
        (BinaryKind::Div, |a, b| f64::from((a as f32 / 4.0) / (b as f32 / 16.0))),
    ] {
        let binary = QuantizedBinary::<F, T>::new(input, second, output, kind).from_scales([0.25, 0.0625]).from_zeros([3, -9]);
        let binary = binary.scale(0.5).zero(5).low(low).high(high);
        let found = written(&binary, &all, &all, vec![T::default(); 1 << 16]);
        for [a, b] in indices([256, 256]) {
            let [x, r] = [a, b].map(|i| all[i as usize].into());
            let value = exact(f64::from(x - 3), f64::from(r + 9)) / 0.5;
            // Nothing by nothing is no number, which is the least.
            let wanted = if value.is_nan() { low } else { (nearest(value.clamp(-1e6, 1e6)) as i32 + 5).clamp(low, high) };
            assert_eq!(found[(a * 256 + b) as usize].into(), wanted, "{kind:?} of {x} and {r}");
        }
    }
}

#[test]
fn functions_of_every_two_bytes() {
    let (signed, unsigned) = (std::array::from_fn(|i| i as u8 as i8), std::array::from_fn(|i| i as u8));
    pairs::<i8, i8>(signed, [-128, 127]);
    pairs::<u8, u8>(unsigned, [0, 255]);
    pairs::<u8, i8>(unsigned, [-100, 90]);
}

/// Rows out of rings of one row, of which one operand may be a single row for all.
#[test]
fn functions_of_two_maps_by_rows() {
    let mut random = Random(5);
    for _ in 0..40 {
        let [height, width, channels] = [2 + random.below(5), 1 + random.below(5), 1 + random.below(20)];
        let [input, second, output] = [0; 3].map(|_| random.map(height, width, channels));
        let is_one = random.below(2) == 0;
        let second = if is_one { second.distances([0, second.pixel, second.channel]) } else { second };
        let binary = |input, second, output| {
            QuantizedBinary::<i8, i8>::new(input, second, output, BinaryKind::Sub).from_scales([0.5, 0.25]).low(-128).high(127)
        };
        let whole = binary(input, second, output);
        let Extent { x, r, y, .. } = whole.extent().expect("the maps are of one size");
        let [x, r] = [x, r].map(|len| (0..len).map(|_| random.below(256) as i8).collect::<Vec<_>>());
        let wanted = written(&whole, &x, &r, vec![7_i8; y]);
        let rows = binary(input.ring(1), second.ring(1), output.ring(1));
        assert!(run_checked(&rows, outside(&x, &r, &[0_i8; 0], &mut vec![0_i8; y])).is_err(), "a ring is not whole");
        for row in 0..height {
            let mut found = vec![7_i8; y];
            let [x, r] = [(&x, input), (&r, second)].map(|(all, map)| &all[(row * map.row) as usize..]);
            assert_eq!(run_row_checked(&rows, row as usize, outside(x, r, &[0_i8; 0], &mut found)), Ok(()));
            for [column, c] in indices([width, channels]) {
                assert_eq!(found[at(&output.ring(1), row, column, c)], wanted[at(&output, row, column, c)], "{rows:?}");
            }
        }
    }
}

/// Of wider elements the low eight bits count, whatever their sign.
fn lookups<F: Element + Pod + Into<i64>, T: Element + Pod + PartialEq>(some: &[F], table: [T; 256]) {
    let mut random = Random(6);
    for _ in 0..12 {
        let [height, width, channels] = [1 + random.below(4), 1 + random.below(9), 1 + random.below(70)];
        let (input, output) = (random.map(height, width, channels), random.map(height, width, channels));
        let lookup = Lookup::<F, T>::new(input, output);
        let Extent { x, y, w, .. } = lookup.extent().expect("maps of one size serve");
        assert_eq!(w, 256);
        let x: Vec<F> = (0..x).map(|_| random.of(some)).collect();
        let mut found = vec![table[255]; y];
        assert_eq!(run_checked(&lookup, outside(&x, &x[..0], &table, &mut found)), Ok(()));
        for [row, column, c] in indices([height, width, channels]) {
            let entry = x[at(&input, row, column, c)].into().rem_euclid(256);
            assert_eq!(found[at(&output, row, column, c)], table[entry as usize], "{lookup:?}");
        }
    }
}

#[test]
fn an_entry_is_found_by_the_low_bits() {
    lookups::<i8, f32>(&[i8::MIN, -1, 0, 1, i8::MAX], std::array::from_fn(|i| i as f32 * 0.5));
    lookups::<u8, i64>(&[0, 1, 127, 128, u8::MAX], std::array::from_fn(|i| i as i64 - 300));
    lookups::<i16, u8>(&[i16::MIN, -257, -256, -1, 255, 256, i16::MAX], std::array::from_fn(|i| 255 - i as u8));
    lookups::<i32, i8>(&[i32::MIN, -1, 0x1234_5680, i32::MAX], std::array::from_fn(|i| i as u8 as i8));
}

/// Within a step of what double precision gives, and shares of what is alike are alike; rows that are kept on the stack and longer ones.
#[test]
fn softmaxes_of_bytes_are_near_double_precision() {
    let mut random = Random(7);
    for round in 0..64 {
        let mut dims = [1; MAX_RANK];
        dims[1 + round % 4] = 1 + random.below(3);
        dims[MAX_RANK - 1] = [1, 2, 31, 32, 33, 64, 100, 130][round % 8];
        let (from, to) = (random.view(dims), random.view(dims));
        let (scale, steps) = (0.01 * (1 + random.below(30)) as f32, 256.0);
        let softmax = QuantizedSoftmax::<i8, u8>::new(dims, from, to).from_scale(scale).from_zero(random.below(256) as i32 - 128);
        let softmax = softmax.scale(1.0 / steps).high(255);
        let Extent { x, y, .. } = softmax.extent().expect("the views are consistent");
        let x: Vec<i8> = (0..x).map(|_| random.below(256) as i8).collect();
        let found = written(&softmax, &x, &x[..0], vec![7_u8; y]);
        // By another zero: what is added to all changes nothing but the last bits.
        let moved = written(&softmax.from_zero(0), &x, &x[..0], vec![7_u8; y]);
        for index in indices(dims) {
            let [a, b, c, d, e, _] = index;
            let row = (0..dims[MAX_RANK - 1]).map(|i| f64::from(x[offset(&from, [a, b, c, d, e, i])]) * f64::from(scale));
            let own = f64::from(x[offset(&from, index)]) * f64::from(scale);
            let share = 1.0 / row.map(|x| (x - own).exp()).sum::<f64>();
            let (found, moved) = (f64::from(found[offset(&to, index)]), f64::from(moved[offset(&to, index)]));
            let wanted = (share * f64::from(steps)).min(255.0);
            assert!((found - wanted).abs() < 0.51 && (found - moved).abs() <= 1.0, "{softmax:?} {index:?}: {found} {wanted}");
        }
    }
}

/// The distances of a map of one element are never taken.
#[test]
fn a_single_element_lies_anywhere() {
    let one = Pixels::new([1, 1, 1]).distances([u32::MAX; 3]);
    let lookup = Lookup::<u8, u8>::new(one, one);
    let (table, mut y): ([u8; 256], _) = (std::array::from_fn(|i| 255 - i as u8), [0_u8]);
    assert_eq!(run_checked(&lookup, outside(&[9_u8], &[0_u8; 0], &table, &mut y)), Ok(()));
    assert_eq!(y, [246]);
}
