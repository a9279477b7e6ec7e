//! Functions of two elements, and what is picked by indices or by order.

use peleec_runtime::BinaryKind;

use super::*;

const TYPES: [DType; 4] = [DType::I8, DType::U8, DType::I32, DType::I64];

/// Small integers, and those at the limits of a type.
fn limits(dtype: DType) -> Vec<i128> {
    let bits = 8 * dtype.bytes();
    let (least, most) = if dtype == DType::U8 { (0, 255) } else { (-1 << (bits - 1), (1 << (bits - 1)) - 1) };
    let values = [0, 1, 2, 3, 7, 45, -1, -2, -7, least, least + 1, most, most - 1];
    values.into_iter().filter(|value| (least..=most).contains(value)).collect()
}

/// A power by multiplications, where there are few of them, or none needed.
fn power(base: i128, exponent: i128) -> Option<i128> {
    match (base, exponent) {
        (0, ..0) => Some(0),
        (1, _) => Some(1),
        (-1, _) => Some(if exponent % 2 == 0 { 1 } else { -1 }),
        (_, ..0) => Some(0),
        (_, 0..64) => Some((0..exponent).fold(1, |power, _| base.wrapping_mul(power))),
        // A number with 64 factors of two.
        _ if base % 2 == 0 => Some(0),
        _ => None,
    }
}

/// By division of integers that are wide enough.
fn integer(function: Function, a: i128, b: i128) -> Option<i128> {
    Some(match function {
        Function::Min => a.min(b),
        Function::Max => a.max(b),
        Function::Equal => (a == b).into(),
        Function::Less => (a < b).into(),
        Function::LessOrEqual => (a <= b).into(),
        Function::Keep if a == 0 => 0,
        Function::Keep => b,
        Function::Add => a + b,
        Function::Sub => a - b,
        Function::Mul => a * b,
        Function::Div | Function::Remainder | Function::Modulo if b == 0 => 0,
        Function::Div => a / b,
        Function::Remainder => a % b,
        // The quotient is rounded down.
        Function::Modulo => a - b * ((a as f64 / b as f64).floor() as i128),
        Function::Power => return power(a, b),
        _ => return None,
    })
}

#[test]
fn functions_of_integers_at_their_limits() {
    let (mut random, mut checked) = (Random(20), 0);
    let of_numbers = [Function::Min, Function::Max, Function::Equal, Function::Less, Function::LessOrEqual, Function::Keep];
    let of_integers = [Function::Add, Function::Sub, Function::Mul, Function::Div, Function::Remainder, Function::Modulo, Function::Power];
    for (dtype, function) in
        TYPES.into_iter().flat_map(|dtype| of_numbers.into_iter().chain(of_integers).map(move |function| (dtype, function)))
    {
        let values = limits(dtype);
        let count = values.len();
        let gives_truth = matches!(function, Function::Equal | Function::Less | Function::LessOrEqual);
        let to = TensorType::new(if gives_truth { DType::U8 } else { dtype }, [count, count]);
        let [a, b] = [[count, 1], [1, count]].map(|dims| whole(dtype, &dims, &values));
        let found = numbers(&run(&Pairwise { function }, &[&a, &b], &to, &mut random));
        for (place, found) in found.into_iter().enumerate() {
            let (a, b) = (values[place / count], values[place % count]);
            // Doubles hold no quotient of large integers to the last bit.
            let Some(wanted) = integer(function, a, b).filter(|_| function != Function::Modulo || a.abs().max(b.abs()) < 1 << 40) else {
                continue;
            };
            assert_eq!(found, numbers(&whole(to.dtype, &[1], &[wanted]))[0], "{function:?} of {a} and {b} of {dtype}");
            checked += 1;
        }
    }
    assert!(checked > 6000, "{checked}");
}

/// Beyond what doubles hold.
#[test]
fn a_modulo_of_large_integers_has_the_sign_of_the_divisor() {
    let (least, most) = (i128::from(i64::MIN), i128::from(i64::MAX));
    for (a, b, wanted) in [
        (least, -1, 0),
        (least, most, most - 1),
        (most, least, -1),
        (most, 2, 1),
        (most, -2, -1),
        (least, 3, 1),
        (least + 1, least, least + 1),
        (-1, most, most - 1),
    ] {
        let [x, r] = [a, b].map(|value| whole(DType::I64, &[1], &[value]));
        let found = run(&Pairwise { function: Function::Modulo }, &[&x, &r], &x.ty(), &mut Random(1));
        assert_eq!(numbers(&found), [wanted], "{a} modulo {b}");
    }
}

/// Any byte but zero is true.
#[test]
fn truth_is_any_byte_but_zero() {
    let bytes = [0, 1, 2, 128, 255];
    let [a, b] = [[5, 1], [1, 5]].map(|dims| whole(DType::U8, &dims, &bytes));
    for (function, of) in
        [(Function::And, (|a, b| a && b) as fn(bool, bool) -> bool), (Function::Or, |a, b| a || b), (Function::Xor, |a, b| a != b)]
    {
        let found = numbers(&run(&Pairwise { function }, &[&a, &b], &TensorType::new(DType::U8, [5, 5]), &mut Random(2)));
        let wanted = indices(&[5, 5]).into_iter().map(|at| of(bytes[at[0]] != 0, bytes[at[1]] != 0).into());
        assert_eq!(found, wanted.collect::<Vec<i128>>(), "{function:?}");
    }
}

const FLOATS: [f32; 16] =
    [0.0, -0.0, 1.0, -1.0, 2.0, -2.5, 3.5, 0.1, 1e-40, -1e-40, 1e20, -1e20, f32::MAX, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];

/// What a function of two floats gives, by doubles, which hold every product and every remainder of such.
fn double(function: Function, a: f64, b: f64) -> f64 {
    let truth = |holds: bool| f64::from(u8::from(holds));
    match function {
        Function::Min | Function::Max if a.is_nan() || b.is_nan() => f64::NAN,
        Function::Min => a.min(b),
        Function::Max => a.max(b),
        Function::Equal => truth(a == b),
        Function::Less => truth(a < b),
        Function::LessOrEqual => truth(a <= b),
        Function::Keep if a == 0.0 => 0.0,
        Function::Keep => b,
        Function::Mod => a % b,
        Function::FloorMod if a % b == 0.0 => 0.0_f64.copysign(b),
        Function::FloorMod if (a % b < 0.0) != (b < 0.0) => a % b + b,
        Function::FloorMod => a % b,
        _ => a.powf(b),
    }
}

#[test]
fn functions_of_floats_that_are_zero_tiny_endless_or_no_number() {
    let (mut random, count) = (Random(21), FLOATS.len());
    let [a, b] = [[count, 1], [1, count]].map(|dims| real(&dims, &FLOATS));
    for function in [
        Function::Min,
        Function::Max,
        Function::Pow,
        Function::Mod,
        Function::FloorMod,
        Function::Equal,
        Function::Less,
        Function::LessOrEqual,
        Function::Keep,
    ] {
        let gives_truth = matches!(function, Function::Equal | Function::Less | Function::LessOrEqual);
        let to = TensorType::new(if gives_truth { DType::U8 } else { DType::F32 }, [count, count]);
        let found = run(&Pairwise { function }, &[&a, &b], &to, &mut random);
        let floats = found.as_f32().map_or_else(|| numbers(&found).into_iter().map(|truth| truth as f32).collect(), <[f32]>::to_vec);
        for (place, found) in floats.into_iter().enumerate() {
            let [a, b] = [FLOATS[place / count], FLOATS[place % count]];
            let wanted = double(function, a.into(), b.into()) as f32;
            // Of two zeros of other signs either is the lesser; a power is near.
            let is_right = match function {
                Function::Min | Function::Max | Function::Keep if wanted == 0.0 => found == 0.0,
                Function::Pow if wanted != 0.0 && wanted.is_finite() => (found - wanted).abs() <= 1e-6 * wanted.abs() + 1e-44,
                _ => found.to_bits() == wanted.to_bits(),
            };
            assert!(is_right || (found.is_nan() && wanted.is_nan()), "{function:?} of {a:?} and {b:?}: {found:?} is not {wanted:?}");
        }
    }
}

/// Whatever is chosen, what is marked is none of it.
#[test]
fn a_choice_in_two_steps_is_one_of_both() {
    let mark = f32::from_bits(0x7fc5_a5a5);
    let values = [mark, f32::NAN, -0.0, 3.0];
    for (choice, other) in [0.0, 1.0].into_iter().flat_map(|choice: f32| values.map(|other| (choice, other))) {
        let [choices, chosen, others] = [vec![choice; 4], values.to_vec(), vec![other; 4]].map(|values| real(&[4], &values));
        let marked = run(&Pairwise { function: Function::Mark }, &[&choices, &chosen], &chosen.ty(), &mut Random(3));
        let found = run(&Pairwise { function: Function::Fill }, &[&marked, &others], &chosen.ty(), &mut Random(4));
        for (found, value) in found.as_f32().unwrap().iter().zip(values) {
            let wanted = if choice == 0.0 { other } else { value };
            let is_right = found.to_bits() == wanted.to_bits() || (found.is_nan() && wanted.is_nan());
            assert!(is_right, "{choice} ? {value:?} : {other:?} is {found:?}");
        }
    }
}

/// Whole exponents wrap, others saturate; what has no power is zero.
#[test]
fn integers_by_floats() {
    let rows = [
        (3, 39.0, 4_052_555_153_018_976_267),
        (-3, 3.0, -27),
        (3, 64.0, i128::from(3_i64.wrapping_pow(64))),
        (2, 0.5, 1),
        (81, 0.25, 3),
        (99, 0.5, 9),
        (i128::from(i64::MAX), 0.5, 3_037_000_499),
        (-4, 0.5, 0),
        (7, 0.0, 1),
        (0, 0.0, 1),
        (5, -1.0, 0),
        (-1, -3.0, -1),
        (1, f32::INFINITY, 1),
        (2, 62.5, 6_521_908_912_666_391_106),
        (2, 63.5, i128::from(i64::MAX)),
        (2, f32::NAN, 0),
    ];
    let bases = whole(DType::I64, &[rows.len()], &rows.map(|(base, ..)| base));
    let exponents = real(&[rows.len()], &rows.map(|(_, exponent, _)| exponent));
    let found = numbers(&run(&Pairwise { function: Function::PowerByFloat }, &[&bases, &exponents], &bases.ty(), &mut Random(5)));
    for ((base, exponent, wanted), found) in rows.into_iter().zip(found) {
        // Fractional powers are exact to one part in 2^29.
        let room = if wanted > 1 << 40 && exponent.fract() != 0.0 { wanted >> 28 } else { 0 };
        assert!((found - wanted).abs() <= room, "{base} to the power of {exponent} is {found}");
    }
}

/// Two tensors that broadcast, and what each element of the output is made of.
fn broadcast(random: &mut Random, dtype: DType) -> (Vec<usize>, [Tensor; 2], Vec<[i128; 2]>) {
    let dims = extents(random, 0);
    let operands = [0, 1].map(|_| {
        let mut own: Vec<usize> = dims.iter().map(|&dim| if random.below(3) == 0 { 1 } else { dim }).collect();
        own.drain(..random.below(dims.len() as u32 + 1) as usize * random.below(2) as usize);
        let values = few(random, own.iter().product());
        (whole(dtype, &own, &values), own, values)
    });
    let pairs =
        indices(&dims).into_iter().map(|at| operands.each_ref().map(|(_, own, values)| values[flat(own, &at[dims.len() - own.len()..])]));
    let pairs = pairs.collect();
    (dims, operands.map(|(tensor, ..)| tensor), pairs)
}

#[test]
fn operands_broadcast_from_any_layout() {
    let mut random = Random(22);
    for _ in 0..60 {
        let (dims, [a, b], pairs) = broadcast(&mut random, DType::F32);
        for (kind, of) in [
            (BinaryKind::Add, (|a, b| a + b) as fn(f32, f32) -> f32),
            (BinaryKind::Sub, |a, b| a - b),
            (BinaryKind::Mul, |a, b| a * b),
            (BinaryKind::Div, |a, b| a / b),
        ] {
            let found = run(&Binary { kind }, &[&a, &b], &TensorType::f32(dims.clone()), &mut random);
            let wanted = pairs.iter().map(|&[a, b]| of(a as f32, b as f32).to_bits());
            let found = found.as_f32().unwrap().iter().map(|value| value.to_bits());
            let is_nan = |bits: u32| f32::from_bits(bits).is_nan();
            assert!(found.zip(wanted).all(|(found, wanted)| found == wanted || (is_nan(found) && is_nan(wanted))), "{kind:?} to {dims:?}");
        }
        let (dims, [a, b], pairs) = broadcast(&mut random, DType::I32);
        let found = run(&Pairwise { function: Function::Sub }, &[&a, &b], &TensorType::new(DType::I32, dims), &mut random);
        assert_eq!(numbers(&found), pairs.iter().map(|[a, b]| a - b).collect::<Vec<_>>());
    }
}

/// An index counts from the end where it is negative, and is the nearest of the axis where it lies outside.
#[test]
fn slices_are_picked_along_any_axis() {
    let mut random = Random(23);
    for round in 0..80 {
        let dims = extents(&mut random, 1);
        let axis = random.below(dims.len() as u32) as usize;
        // At most six dimensions together.
        let picked: Vec<usize> = extents(&mut random, 0).into_iter().take(7 - dims.len()).collect();
        let dtype = [DType::F32, DType::I8, DType::U8, DType::I32, DType::I64, DType::Bool][round % 6];
        let by = [DType::I32, DType::I64][round / 6 % 2];
        let extent = dims[axis] as i128;
        let ends = [extent, -extent - 1, i128::from(i32::MAX), i128::from(i32::MIN)];
        let at = |random: &mut Random| match random.below(6) {
            0 => ends[random.below(4) as usize],
            _ => i128::from(random.below(2 * extent as u32)) - extent,
        };
        let picks: Vec<i128> = (0..picked.iter().product()).map(|_| at(&mut random)).collect();
        let values: Vec<i128> =
            (0..dims.iter().product()).map(|place: usize| if dtype == DType::Bool { place as i128 % 2 } else { place as i128 }).collect();
        let to = [&dims[..axis], &picked, &dims[axis + 1..]].concat();
        let inputs = [whole(dtype, &dims, &values), whole(by, &picked, &picks)];
        let found = run(&Gather { axis }, &[&inputs[0], &inputs[1]], &TensorType::new(dtype, to.clone()), &mut random);
        let value = |at: Vec<usize>| {
            let (before, rest) = at.split_at(axis);
            let (pick, behind) = rest.split_at(picked.len());
            let place = picks[flat(&picked, pick)];
            let place = if place < 0 { place + extent } else { place }.clamp(0, extent - 1);
            values[flat(&dims, &[before, &[place as usize], behind].concat())]
        };
        assert_eq!(numbers(&found), indices(&to).into_iter().map(value).collect::<Vec<_>>(), "{dims:?} along {axis} by {picks:?}");
    }
    let views = [DType::F32, DType::U8].map(|dtype| laid(&TensorType::new(dtype, [2]), &mut random));
    let bytes = Gather { axis: 0 }.bind(&Views { inputs: &views, output: &views[0], relation: None, split: false, by_rows: false });
    assert_eq!(bytes.unwrap_err().to_string(), "reads indices of u8 (supported: i32, i64)");
}

/// Values among which many are equal, of floats some zeros of either sign and some that are no numbers.
fn unordered(random: &mut Random, dtype: DType, count: usize) -> Vec<f64> {
    let value = |random: &mut Random| match random.below(9) {
        0 if dtype == DType::F32 => f64::NAN,
        1 if dtype == DType::F32 => -0.0,
        2 if dtype == DType::F32 => f64::NEG_INFINITY,
        other if dtype == DType::U8 => f64::from(other),
        other => f64::from(other) - 4.0,
    };
    (0..count).map(|_| value(random)).collect()
}

fn typed(dtype: DType, dims: &[usize], values: &[f64]) -> Tensor {
    match dtype {
        DType::F32 => real(dims, &values.iter().map(|&value| value as f32).collect::<Vec<_>>()),
        _ => whole(dtype, dims, &values.iter().map(|&value| value as i128).collect::<Vec<_>>()),
    }
}

/// The place of an element is the number of those that come before it.
#[test]
fn the_first_of_an_order_are_those_with_few_before_them() {
    let mut random = Random(24);
    for round in 0..120 {
        let (dims, dtype) = (extents(&mut random, 1), [DType::F32, DType::I8, DType::U8, DType::I64][round % 4]);
        let axis = random.below(dims.len() as u32) as usize;
        let values = unordered(&mut random, dtype, dims.iter().product());
        let (least, count) = (random.below(2) == 1, 1 + random.below(dims[axis] as u32) as usize);
        let comes_before = |(a, i): (f64, usize), (b, j): (f64, usize)| {
            let is_beyond = if least { a < b } else { a > b };
            is_beyond || (!a.is_nan() && b.is_nan()) || ((a == b || (a.is_nan() && b.is_nan())) && i < j)
        };
        let mut to = dims.clone();
        to[axis] = count;
        let x = typed(dtype, &dims, &values);
        for indices_alone in [false, true] {
            let kernel = TopK { axis, least, indices: indices_alone };
            let ty = TensorType::new(if indices_alone { DType::I64 } else { dtype }, to.clone());
            let found = run(&kernel, &[&x], &ty, &mut random);
            for (place, at) in indices(&to).into_iter().enumerate() {
                let line = along(&dims, &at, axis);
                let rank = |i: usize| (0..line.len()).filter(|&j| comes_before((values[line[j]], j), (values[line[i]], i))).count();
                let wanted = (0..line.len()).find(|&i| rank(i) == at[axis]).unwrap();
                let is_right = match found.as_f32() {
                    Some(floats) => {
                        f64::from(floats[place]).to_bits() == values[line[wanted]].to_bits()
                            || (floats[place].is_nan() && values[line[wanted]].is_nan())
                    }
                    None if indices_alone => numbers(&found)[place] == wanted as i128,
                    None => numbers(&found)[place] == values[line[wanted]] as i128,
                };
                assert!(is_right, "{kernel:?} of {x:?} {dims:?} at {at:?}");
            }
        }
    }
}

/// What is not a number is passed over, unless it comes first.
#[test]
fn the_place_of_an_extreme() {
    let mut random = Random(25);
    for round in 0..160 {
        let (dims, dtype) = (extents(&mut random, 1), [DType::F32, DType::I8, DType::U8, DType::I32][round % 4]);
        let axis = random.below(dims.len() as u32) as usize;
        let values = unordered(&mut random, dtype, dims.iter().product());
        let [least, last, keepdims] = [0, 1, 2].map(|_| random.below(2) == 1);
        let place = |index: &[usize], least: bool, last: bool| {
            let line: Vec<f64> = along(&dims, index, axis).into_iter().map(|place| values[place]).collect();
            let fold = if least { f64::min } else { f64::max };
            // These pass over what is not a number.
            let extreme = line.iter().copied().fold(f64::NAN, fold);
            let all: Vec<usize> = (0..line.len()).filter(|&i| line[i] == extreme).collect();
            let found = if last { all.last() } else { all.first() };
            if line[0].is_nan() { 0 } else { *found.unwrap() }
        };
        let mut to = dims.clone();
        to[axis] = 1;
        let wanted: Vec<i128> = indices(&to).iter().map(|index| place(index, least, last) as i128).collect();
        if !keepdims {
            to.remove(axis);
        }
        let x = typed(dtype, &dims, &values);
        let found = run(&Arg { axis, keepdims, least, last }, &[&x], &TensorType::new(DType::I64, to), &mut random);
        assert_eq!(numbers(&found), wanted, "{x:?} {values:?} along {axis}, least {least}, last {last}");
        if dtype == DType::F32 {
            let found = run(&Hardmax { axis }, &[&x], &x.ty(), &mut random);
            let wanted: Vec<i128> = indices(&dims).iter().map(|at| (place(at, false, false) == at[axis]).into()).collect();
            assert_eq!(numbers(&found), wanted, "{values:?} along {axis}");
        }
    }
}
