//! Pools, functions and softmaxes of bytes, which go through floats, and floats as bytes.

use bytemuck::{Pod, cast_slice};
use peleec_runtime::{
    AveragePool2d, Binary, BinaryKind, Dequantize, Element, Lookup, MaxPool2d, Operands, Pixels, Place, Pool2d, PoolKind, Quantize,
    QuantizedBinary, QuantizedSoftmax, RegionError, Requantize, Softmax, run_checked, run_row_checked,
};

use super::maps::{Random, at};
use super::{Window, compare, limits, operands, places, y_value};

fn maxima<T: Element + Pod>(seed: u32) {
    let mut random = Random(seed);
    let mut ran = 0;
    while ran < 60 {
        let window = Window::random(&mut random);
        let [h, wide, channels] = [8, 8, 40].map(|most: u32| 1 + random.below(most));
        let Some([oh, ow]) = window.outputs([h, wide]) else { continue };
        let (input, output) = (random.map(h, wide, channels), random.map(oh, ow, channels));
        if places(&output).iter().any(|&[oy, ox, _]| window.taps([oy, ox], &input).is_empty()) {
            continue;
        }
        ran += 1;
        let Window { kernel, strides, dilations, pads } = window;
        let pool = |input, output| MaxPool2d::<T>::new(input, output).kernel(kernel).strides(strides).dilations(dilations).pads(pads);
        let extent = pool(input, output).extent().expect("the geometry is consistent");
        let wanted = |x: &[T], [oy, ox, c]: [u32; 3]| {
            let taps = window.taps([oy, ox], &input);
            taps.into_iter().map(|([iy, ix], _)| y_value(x[at(&input, iy, ix, c)])).max().expect("a window has taps")
        };
        compare::<T, T, _>(pool, [input, output], [extent.x, extent.y], &window, &mut random, &[], wanted);
    }
}

#[test]
fn maxima_are_of_what_windows_hold() {
    maxima::<i8>(5);
    maxima::<u8>(6);
}

/// Floats by the kernels of floats, of bytes.
fn dequantized<F: Element + Pod>(x: &[F], scale: f32, zero: i32) -> Vec<f32> {
    let map = Pixels::new([1, 1, x.len() as u32]);
    let mut floats = vec![0.0f32; x.len()];
    assert_eq!(run_checked(&Dequantize::<F>::new(map, map, scale, zero), operands(x, &[], &mut floats)), Ok(()));
    floats
}

/// An average is the pool of floats between both conversions, over any window, whole and by rows.
fn averages<F: Element + Pod, T: Element + Pod>(seed: u32) {
    let mut random = Random(seed);
    let mut ran = 0;
    while ran < 60 {
        let window = Window::random(&mut random);
        let [h, wide, channels] = [8, 8, 40].map(|most: u32| 1 + random.below(most));
        let Some([oh, ow]) = window.outputs([h, wide]) else { continue };
        let (input, output) = (random.map(h, wide, channels), random.map(oh, ow, channels));
        if places(&output).iter().any(|&[oy, ox, _]| window.taps([oy, ox], &input).is_empty()) {
            continue;
        }
        ran += 1;
        let kind = if ran % 2 == 0 { PoolKind::AverageInside } else { PoolKind::AveragePadded };
        let Window { kernel, strides, dilations, pads: [top, left] } = window;
        let (from_scale, from_zero, scale) = (0.013 * ran as f32, random.below(200) as i32 - 100, 0.011 * ran as f32);
        let Requantize { low, high, .. } = limits::<T>();
        let (pads, zero) = ([top, left, top, left], random.below(100) as i32);
        let pool = |input, output| {
            let pool = AveragePool2d::<F, T>::new(input, output, kind).kernel(kernel).strides(strides).dilations(dilations).pads(pads);
            pool.from_scale(from_scale).from_zero(from_zero).scale(scale).zero(zero).low(low).high(high)
        };
        let extent = pool(input, output).extent().expect("the geometry is consistent");
        let wanted = |x: &[F], [oy, ox, c]: [u32; 3]| {
            let floats = dequantized(x, from_scale, from_zero);
            let map = Pool2d::new(input, output, kind).kernel(kernel).strides(strides).dilations(dilations).pads(pads);
            let mut averages = vec![0.0f32; extent.y];
            assert_eq!(run_checked(&map, operands(&floats, &[], &mut averages)), Ok(()));
            let one = Pixels::new([1, 1, 1]);
            let mut byte = [T::zeroed()];
            let quantize = Quantize::<T>::new(one, one, scale, zero).low(low).high(high);
            assert_eq!(run_checked(&quantize, operands(&[averages[at(&output, oy, ox, c)]], &[], &mut byte)), Ok(()));
            y_value(byte[0])
        };
        // Once a place would be slow.
        let x: Vec<F> = (0..extent.x).map(|_| cast_slice::<u8, F>(&[random.below(256) as u8])[0]).collect();
        let mut y = vec![T::zeroed(); extent.y];
        assert_eq!(run_checked(&pool(input, output), operands(&x, &[], &mut y)), Ok(()));
        for place in places(&output).into_iter().step_by(7) {
            assert_eq!(y_value(y[at(&output, place[0], place[1], place[2])]), wanted(&x, place), "{:?}", pool(input, output));
        }
        let reach = (kernel[0] - 1) * dilations[0] + 1;
        let ring = input.ring(reach.min(input.height));
        for row in 0..output.height {
            let first = (row * strides[0]).saturating_sub(top);
            let mut stored = vec![F::zeroed(); extent.x];
            for [iy, ix, c] in places(&input).into_iter().filter(|place| (first..first + ring.ring).contains(&place[0])) {
                stored[at(&ring, iy, ix, c)] = x[at(&input, iy, ix, c)];
            }
            let mut found = vec![T::zeroed(); extent.y];
            assert_eq!(run_row_checked(&pool(ring, output), row as usize, operands(&stored, &[], &mut found)), Ok(()));
            for [oy, ox, c] in places(&output).into_iter().filter(|place| place[0] == row) {
                assert_eq!(found[at(&output, oy, ox, c)], y[at(&output, oy, ox, c)]);
            }
        }
    }
}

#[test]
fn averages_go_through_floats() {
    averages::<i8, i8>(7);
    averages::<u8, i8>(8);
}

/// Sums of more than 1024 values go in blocks, as those of floats do.
#[test]
fn long_averages_go_in_blocks() {
    let (input, output) = (Pixels::new([40, 40, 17]), Pixels::new([1, 1, 17]));
    let x: Vec<i8> = (0..40 * 40 * 17).map(|i: i32| (i * 37 % 251) as i8).collect();
    let pool = AveragePool2d::<i8, u8>::new(input, output, PoolKind::AverageInside).kernel([40, 40]);
    let mut y = [0u8; 17];
    assert_eq!(run_checked(&pool.from_scale(0.1).from_zero(-128).scale(0.1), operands(&x, &[], &mut y)), Ok(()));
    let floats = dequantized(&x, 0.1, -128);
    let (mut averages, mut bytes) = ([0.0f32; 17], [0u8; 17]);
    let map = Pool2d::new(input, output, PoolKind::AverageInside).kernel([40, 40]);
    assert_eq!(run_checked(&map, operands(&floats, &[], &mut averages)), Ok(()));
    assert_eq!(run_checked(&Quantize::<u8>::new(output, output, 0.1, 0), operands(&averages, &[], &mut bytes)), Ok(()));
    assert_eq!(y, bytes);
}

#[test]
fn functions_of_two_bytes_go_through_floats() {
    let (dims, strides) = ([1, 1, 1, 1, 2, 128], [0, 0, 0, 0, 128, 1]);
    let (a, b): (Vec<i8>, Vec<i8>) = ((-128..=127).collect(), (-128..=127).map(|i: i8| i.wrapping_mul(37)).collect());
    for kind in [BinaryKind::Add, BinaryKind::Sub, BinaryKind::Mul, BinaryKind::Div] {
        let map = Pixels::new([2, 8, 16]);
        let binary = QuantizedBinary::<i8, i8>::new(map, map, map, kind).from_scales([0.07, 0.03]).from_zeros([3, -5]);
        let binary = binary.scale(0.05).zero(7).low(-100).high(90);
        let mut y = [0i8; 256];
        let r = || Place::Outside(cast_slice(&b));
        assert_eq!(run_checked(&binary, Operands { r: r(), ..operands(&a, &[], &mut y) }), Ok(()));
        let mut by_rows = [0i8; 256];
        for row in 0..2 {
            assert_eq!(run_row_checked(&binary, row, Operands { r: r(), ..operands(&a, &[], &mut by_rows) }), Ok(()));
        }
        assert_eq!(y, by_rows);
        let [left, right] = [(&a, 0.07, 3), (&b, 0.03, -5)].map(|(x, scale, zero)| dequantized(x, scale, zero));
        let (mut floats, mut bytes) = ([0.0f32; 256], [0i8; 256]);
        let r = Place::Outside(cast_slice(&right));
        let map = Binary::new(dims, strides, strides, strides, kind);
        assert_eq!(run_checked(&map, Operands { r, ..operands(&left, &[], &mut floats) }), Ok(()));
        let map = Pixels::new([1, 1, 256]);
        let quantize = Quantize::<i8>::new(map, map, 0.05, 7).low(-100).high(90);
        assert_eq!(run_checked(&quantize, operands(&floats, &[], &mut bytes)), Ok(()));
        assert_eq!(y, bytes, "{kind:?}");
    }
}

/// Rows longer than a block of a sum, shorter ones, and such of one value.
#[test]
fn softmaxes_of_bytes_go_through_floats() {
    for (rows, count) in [(3, 1500), (40, 21), (7, 32), (7, 33), (5, 1)] {
        let (dims, strides) = ([1, 1, 1, 1, rows, count], [0, 0, 0, 0, count, 1]);
        let len = (rows * count) as usize;
        let x: Vec<i8> = (0..len).map(|i| (i * i * 31 % 251) as i8).collect();
        let (mut y, mut floats, mut bytes) = (vec![0u8; len], vec![0.0f32; len], vec![0u8; len]);
        let softmax = QuantizedSoftmax::<i8, u8>::new(dims, strides, strides).from_scale(0.07).from_zero(-11);
        assert_eq!(run_checked(&softmax.scale(1.0 / 255.0), operands(&x, &[], &mut y)), Ok(()));
        let map = Softmax::new(dims, strides, strides);
        assert_eq!(run_checked(&map, operands(&dequantized(&x, 0.07, -11), &[], &mut floats)), Ok(()));
        let map = Pixels::new([1, rows, count]);
        assert_eq!(run_checked(&Quantize::<u8>::new(map, map, 1.0 / 255.0, 0), operands(&floats, &[], &mut bytes)), Ok(()));
        assert_eq!(y, bytes);
    }
}

#[test]
fn every_byte_has_its_entry() {
    let map = Pixels::new([4, 8, 8]);
    let w: [i32; 64] = core::array::from_fn(|word| i32::from_le_bytes(core::array::from_fn(|at| ((4 * word + at) * 91 + 7) as u8)));
    let table: &[u8] = cast_slice(&w);
    let x: Vec<i8> = (0..=255u8).rev().map(u8::cast_signed).collect();
    let mut y = [0u8; 256];
    assert_eq!(run_checked(&Lookup::<i8, u8>::new(map, map), operands(&x, &w, &mut y)), Ok(()));
    for (x, y) in x.iter().zip(y) {
        assert_eq!(y, table[x.cast_unsigned() as usize]);
    }
    let short = run_checked(&Lookup::<i8, u8>::new(map, map), operands(&x, &w[1..], &mut y));
    assert_eq!(short, Err(RegionError::Outside));
}

/// Every byte under several scales, there and back; and what lies between, beyond and outside of numbers.
#[test]
fn floats_become_bytes_and_bytes_floats() {
    let map = Pixels::new([1, 1, 256]);
    for (scale, zero) in [(0.5f32, 0), (0.017_f32, -7), (3.7, 127), (1e-30, -128)] {
        let bytes: Vec<i8> = (-128..=127).collect();
        let mut floats = vec![0.0f32; 256];
        assert_eq!(run_checked(&Dequantize::<i8>::new(map, map, scale, zero), operands(&bytes, &[], &mut floats)), Ok(()));
        for (&byte, &float) in bytes.iter().zip(&floats) {
            assert_eq!(float.to_bits(), ((i32::from(byte) - zero) as f32 * scale).to_bits());
        }
        let quantize = Quantize::<i8>::new(map, map, scale, zero).low(-128).high(127);
        let mut again = vec![0i8; 256];
        assert_eq!(run_checked(&quantize, operands(&floats, &[], &mut again)), Ok(()));
        assert_eq!(again, bytes, "{scale} {zero}");
    }
    let values = [0.25f32, 0.75, 1.25, -0.25, -0.75, 63.6, -64.1, 1e30, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -0.0];
    let map = Pixels::new([1, 2, 6]);
    let mut found = [0i8; 12];
    let quantize = Quantize::<i8>::new(map, map, 0.5, 1).low(-128).high(127);
    assert_eq!(run_checked(&quantize, operands(&values, &[], &mut found)), Ok(()));
    assert_eq!(found, [1, 3, 3, 1, -1, 127, -127, 127, 127, -128, -128, 1]);
    let mut unsigned = [0u8; 12];
    assert_eq!(run_checked(&Quantize::<u8>::new(map, map, 0.5, 128), operands(&values, &[], &mut unsigned)), Ok(()));
    assert_eq!(unsigned, [128, 130, 130, 128, 126, 255, 0, 255, 255, 0, 0, 128]);
}
