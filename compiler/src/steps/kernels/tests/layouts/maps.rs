//! Functions of each element of a map, of its neighbours and of tables, and maps that are asked for row by row.

use peleec_runtime::BinaryKind;

use super::*;

/// Rows and columns of a map, and a few channels.
fn map(random: &mut Random) -> [usize; 4] {
    [1, 1 + random.below(6) as usize, 1 + random.below(4) as usize, 1 + random.below(4) as usize]
}

fn floats(tensor: &Tensor) -> &[f32] {
    tensor.as_f32().unwrap()
}

/// Quotients, halves to the even one, limits, and what no integer is.
#[test]
fn floats_become_the_nearest_steps() {
    let quotients =
        [0.0, -0.0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49, -0.51, 126.5, 300.0, -300.0, 1e30, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
    for (dtype, zero, limits) in
        [(DType::I8, 0, [-128, 127]), (DType::I8, -128, [-128, 127]), (DType::U8, 128, [0, 255]), (DType::I8, 7, [7, 100])]
    {
        let scale = 0.25;
        let x = real(&[1, quotients.len()], &quotients.map(|quotient| quotient * scale));
        let kernel = Quantize { to: Steps { scale, zero }, limits };
        let found = numbers(&run(&kernel, &[&x], &TensorType::new(dtype, x.shape().clone()), &mut Random(50)));
        for (quotient, found) in quotients.into_iter().zip(found) {
            let near = f64::from(quotient).round_ties_even() + f64::from(zero);
            // What is not a number becomes the least.
            let wanted = if quotient.is_nan() { limits[0] } else { near.clamp(limits[0].into(), limits[1].into()) as i32 };
            assert_eq!(found, wanted.into(), "{quotient} steps from {zero} within {limits:?}");
        }
    }
}

#[test]
fn steps_become_floats() {
    for (dtype, zero, least) in [(DType::I8, -128, -128), (DType::I8, 5, -128), (DType::U8, 200, 0), (DType::U8, 0, 0)] {
        let bytes: Vec<i128> = (least..least + 256).collect();
        let from = Steps { scale: 0.1, zero };
        let x = whole(dtype, &[1, 4, 8, 8], &bytes);
        let found = run(&Dequantize { from }, &[&x], &TensorType::f32([1, 4, 8, 8]), &mut Random(51));
        let wanted = bytes.iter().map(|byte| (byte - i128::from(zero)) as f32 * 0.1);
        assert_eq!(floats(&found), wanted.collect::<Vec<_>>(), "{dtype} from {zero}");
    }
    let large = whole(DType::I32, &[1, 2], &[i32::MIN.into(), i32::MAX.into()]);
    let found = run(&Dequantize { from: Steps { scale: 0.5, zero: 0 } }, &[&large], &TensorType::f32([1, 2]), &mut Random(52));
    assert_eq!(floats(&found), [-1_073_741_824.0, 1_073_741_824.0]);
}

/// The low bits of integers that are too wide, the nearest float, and floats cut towards zero that saturate.
#[test]
fn numbers_of_one_type_become_those_of_another() {
    let (short, long) = (i128::from(i32::MAX), i128::from(i64::MAX));
    let integers = [0, 1, -1, 127, 128, 255, 256, -129, short, -short - 1, short + 1, long, -long - 1, 16_777_217];
    let all = [DType::F32, DType::I8, DType::U8, DType::I32, DType::I64];
    for (from, to) in all.into_iter().flat_map(|from| all.map(|to| (from, to))) {
        let fits = |value: &&i128| from == DType::F32 || numbers(&whole(from, &[1], &[**value])) == [**value];
        let values: Vec<i128> = integers.iter().filter(fits).copied().collect();
        let x = whole(from, &[1, values.len()], &values);
        let found = run(&Cast, &[&x], &TensorType::new(to, [1, values.len()]), &mut Random(53));
        let limits = |dtype: DType| match dtype {
            DType::U8 => (0, 255),
            dtype => (-1 << (8 * dtype.bytes() - 1), (1 << (8 * dtype.bytes() - 1)) - 1_i128),
        };
        for (place, &value) in values.iter().enumerate() {
            let is_right = match (from, to) {
                (_, DType::F32) => floats(&found)[place] == value as f32,
                (DType::F32, _) => numbers(&found)[place] == (value as f32 as i128).clamp(limits(to).0, limits(to).1),
                _ => numbers(&found)[place] == numbers(&whole(to, &[1], &[value]))[0],
            };
            assert!(is_right, "{value} of {from} as {to} is {found:?}");
        }
    }
    let odd = real(&[1, 6], &[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.99, 1.99, -1.99]);
    let found = run(&Cast, &[&odd], &TensorType::new(DType::I32, [1, 6]), &mut Random(54));
    assert_eq!(numbers(&found), [0, short, -short - 1, 0, 1, -1]);
}

#[test]
fn a_slope_a_channel_and_a_byte_by_a_table() {
    let mut random = Random(55);
    for _ in 0..12 {
        let dims = map(&mut random);
        let values: Vec<i128> = few(&mut random, dims.iter().product());
        let slopes: Vec<f32> = few(&mut random, dims[1]).into_iter().map(|slope| slope as f32 / 2.0).collect();
        let mut x: Vec<f32> = values.iter().map(|&value| value as f32).collect();
        x[0] = f32::NAN;
        let found = run_by(&PRelu, &[&real(&dims, &x)], &slopes, &TensorType::f32(dims), &mut random);
        for (place, at) in indices(&dims).iter().enumerate() {
            let (x, found) = (x[place], floats(&found)[place]);
            let is_right = if x < 0.0 { found == x * slopes[at[1]] } else { found.to_bits() == x.to_bits() };
            assert!(is_right || (found.is_nan() && x.is_nan()), "{x} becomes {found}");
        }
        for (from, to) in [(DType::I8, DType::U8), (DType::U8, DType::I8), (DType::I8, DType::I8)] {
            let bytes: Vec<i128> = values.iter().map(|value| if from == DType::U8 { value + 200 } else { value * 40 }).collect();
            // By the byte's bits, from 0 on.
            let table: Vec<u8> = (0..=255_u8).map(|byte| byte.wrapping_mul(167).wrapping_add(13)).collect();
            let found = run_by(&Lookup, &[&whole(from, &dims, &bytes)], &table, &TensorType::new(to, dims), &mut random);
            let wanted: Vec<i128> = bytes.iter().map(|&byte| table[byte as u8 as usize].into()).collect();
            assert_eq!(numbers(&found), numbers(&whole(to, &dims, &wanted)), "{from} to {to}");
        }
    }
}

#[test]
fn squares_of_the_channels_beside_each() {
    let mut random = Random(56);
    for (round, reach) in [[0, 0], [1, 1], [0, 2], [2, 3], [9, 9]].into_iter().cycle().take(15).enumerate() {
        let dims = map(&mut random);
        let values: Vec<f64> = few(&mut random, dims.iter().product()).into_iter().map(|value| value as f64 / 4.0).collect();
        let (bias, alpha, beta) = [(1.0, 0.5, 0.75), (2.0, 1e-4, 0.5), (0.25, 3.0, 2.0)][round % 3];
        let x = real(&dims, &values.iter().map(|&value| value as f32).collect::<Vec<_>>());
        let found = run(&Lrn { reach, bias, alpha, beta }, &[&x], &x.ty(), &mut random);
        for (place, at) in indices(&dims).into_iter().enumerate() {
            let near = |c: usize| c + reach[0] >= at[1] && c <= at[1] + reach[1];
            let line = along(&dims, &at, 1);
            let squares: f64 = (0..dims[1]).filter(|&c| near(c)).map(|c| values[line[c]].powi(2)).sum();
            let wanted = values[place] / (f64::from(bias) + f64::from(alpha) * squares).powf(beta.into());
            assert!(
                is_near(floats(&found)[place], wanted, 2e-6),
                "{reach:?} of {dims:?} at {at:?}: {} is not {wanted}",
                floats(&found)[place]
            );
        }
    }
}

#[test]
fn functions_of_two_bytes_broadcast() {
    let mut random = Random(57);
    for (round, kind) in
        (0..12).flat_map(|round| [BinaryKind::Add, BinaryKind::Sub, BinaryKind::Mul, BinaryKind::Div].map(|kind| (round, kind)))
    {
        let dims = map(&mut random);
        let own = [0, 1].map(|_| dims.map(|dim| if random.below(3) == 0 { 1 } else { dim }));
        let (dtype, least) = [(DType::I8, -128), (DType::U8, 0)][round % 2];
        let values = own.map(|own| (0..own.iter().product()).map(|_| i128::from(random.below(256)) + least).collect::<Vec<_>>());
        let from = [Steps { scale: 0.5, zero: 3 }, Steps { scale: 0.25, zero: -7 }];
        let (to, limits) = (Steps { scale: 2.0, zero: 1 }, [-100, 90]);
        let inputs = [0, 1].map(|side| whole(dtype, &own[side], &values[side]));
        let kernel = QuantizedBinary { kind, from, to, limits, has_rows: false };
        let found = numbers(&run(&kernel, &[&inputs[0], &inputs[1]], &TensorType::new(DType::I8, dims), &mut random));
        for (at, found) in indices(&dims).iter().zip(found) {
            let [a, b] = [0, 1].map(|side| {
                let byte = values[side][flat(&own[side], at)];
                (byte - i128::from(from[side].zero)) as f64 * f64::from(from[side].scale)
            });
            let value = match kind {
                BinaryKind::Add => a + b,
                BinaryKind::Sub => a - b,
                BinaryKind::Mul => a * b,
                BinaryKind::Div => a / b,
            };
            let steps = value / 2.0;
            let wanted = if steps.is_nan() { -100.0 } else { (steps.round_ties_even() + 1.0).clamp(-100.0, 90.0) };
            // A quotient that no float holds is rounded twice.
            let is_half = kind == BinaryKind::Div && (steps.fract().abs() - 0.5).abs() < 1e-5;
            assert!(found as f64 == wanted || is_half, "{kind:?} of {a} and {b} is {found}, not {wanted}");
        }
    }
}

/// Some rows and columns by factors; a pixel of which the first row or column lies outside is what stands there.
#[test]
fn pixels_are_made_of_rows_and_columns_by_tables() {
    let mut random = Random(58);
    for taps in [[1, 1], [2, 2], [1, 3], [4, 1]] {
        let (channels, from, to) = (1 + random.below(9) as usize, [6, 5], [4, 7]);
        let values = few(&mut random, channels * from[0] * from[1]);
        // For each row, and for each column, the first that it is made of and the factors.
        let tables: [Vec<(i32, Vec<i128>)>; 2] = [0, 1].map(|axis| {
            let first = |random: &mut Random| {
                if random.below(5) == 0 { -1 } else { random.below((from[axis] - taps[axis] + 1) as u32).cast_signed() }
            };
            (0..to[axis]).map(|_| (first(&mut random), few(&mut random, taps[axis]))).collect()
        });
        let words = |(first, factors): &(i32, Vec<i128>)| {
            let bits = |&factor: &i128| (factor as f32).to_bits().cast_signed();
            std::iter::once(*first).chain(factors.iter().map(bits)).collect::<Vec<i32>>()
        };
        let weights: Vec<i32> = tables.iter().flatten().flat_map(words).collect();
        let kernel = Resample { taps, outside: 77.0, rows: None };
        let dims = [1, channels, from[0], from[1]];
        let found =
            run_by(&kernel, &[&whole(DType::F32, &dims, &values)], &weights, &TensorType::f32([1, channels, to[0], to[1]]), &mut random);
        let pixel = |at: Vec<usize>| {
            let [(row, down), (column, right)] = [&tables[0][at[2]], &tables[1][at[3]]];
            let (Ok(row), Ok(column)) = (usize::try_from(*row), usize::try_from(*column)) else { return 77 };
            // One tap in both directions is copied.
            let factor = |ky: usize, kx: usize| if taps == [1, 1] { 1 } else { down[ky] * right[kx] };
            let value = |ky: usize, kx: usize| values[flat(&dims, &[0, at[1], row + ky, column + kx])];
            (0..taps[0]).flat_map(|ky| (0..taps[1]).map(move |kx| (ky, kx))).map(|(ky, kx)| factor(ky, kx) * value(ky, kx)).sum::<i128>()
        };
        assert_eq!(numbers(&found), indices(&[1, channels, to[0], to[1]]).into_iter().map(pixel).collect::<Vec<_>>(), "{taps:?}");
    }
}

/// Rows of a picture come to lie in the slots of a ring.
#[test]
fn rows_that_are_asked_for_are_those_of_the_input() {
    let ([channels, height, width], ring, pitch) = ([3, 5, 4], 2, 4);
    for channels_last in [false, true] {
        let strides = vec![height * width * pitch, 1, width * pitch, pitch];
        let output = View { dtype: DType::I32, dims: vec![1, channels, height, width], strides, ring: Some(ring) };
        let source = Source { input: 6, channels_last };
        let views = Views { inputs: &[], output: &output, relation: None, split: false, by_rows: true };
        let Ok(Work::Source(asked)) = source.bind(&views) else { unreachable!("it is a source") };
        let of_input = |at: [usize; 3]| match channels_last {
            true => (at[1] * width + at[2]) * channels + at[0],
            false => (at[0] * height + at[1]) * width + at[2],
        };
        assert_eq!((asked.index, asked.extent().map(|extent| extent.x)), (6, Some(channels * height * width)));
        assert_eq!((asked.rows(Some(3)), asked.rows(None)), (3..4, 0..height));
        let mut x = AlignedBytes::default();
        x.push(&(0..channels * height * width).map(|place| place as i32).collect::<Vec<_>>(), 1);
        let mut arena = AlignedBytes::filled(4 * ring * width * pitch, STRANGE);
        for row in 0..height {
            let (copy, from, to) = asked.row(row);
            let operands = Operands {
                arena: &mut arena,
                x: Place::Outside(&x[4 * from..]),
                r: Place::Outside(&[]),
                w: &[],
                y: Destination::Arena(4 * to),
            };
            assert_eq!(copy.run(None, operands), Ok(()));
            let elements: &[i32] = bytemuck::cast_slice(&arena);
            for (column, c) in (0..width).flat_map(|column| (0..channels).map(move |c| (column, c))) {
                let found = elements[(row % ring * width + column) * pitch + c];
                assert_eq!(found, of_input([c, row, column]) as i32, "row {row}, column {column}, channel {c}, last {channels_last}");
            }
            let room = elements.chunks(pitch).map(|pixel| pixel[channels]);
            assert!(room.into_iter().all(|left| left == i32::from_ne_bytes([STRANGE; 4])));
        }
    }
}
