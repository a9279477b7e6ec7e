//! Element-wise functions of two tensors and more as a plan computes them, against what they should give.

use crate::ops::test_case::{Case, are_same, floats};
use crate::tensor::{DType, Data, Shape, Tensor, TensorType};

fn truth(shape: &[usize], values: &[bool]) -> Tensor {
    Tensor::new(Shape(shape.to_vec()), Data::Bool(values.into())).unwrap()
}

fn whole(dtype: DType, shape: &[usize], values: &[i64]) -> Tensor {
    Tensor::new(Shape(shape.to_vec()), super::integers(dtype, values.iter().copied())).unwrap()
}

#[track_caller]
fn is(found: &Tensor, wanted: &Tensor) {
    assert!(are_same(found, wanted), "{found:?} is not {wanted:?}");
}

const ENDLESS: [f32; 6] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, f32::MAX];

#[test]
fn tests_of_one_float() {
    let of = |name: &'static str| Case::new(name, 20).floats(&[2, 3], &ENDLESS);
    for (case, wanted) in [
        (of("IsNaN"), [true, false, false, false, false, false]),
        (of("IsInf"), [false, true, true, false, false, false]),
        (of("IsInf").int("detect_negative", 0), [false, true, false, false, false, false]),
        (of("IsInf").int("detect_positive", 0), [false, false, true, false, false, false]),
    ] {
        is(&case.computed(&[]), &truth(&[2, 3], &wanted));
    }
    is(&Case::new("Not", 13).known(truth(&[], &[true])).computed(&[]), &truth(&[], &[false]));
}

#[test]
fn comparisons_read_their_operands_in_order() {
    // What is not a number is neither less nor equal.
    let (a, b) = ([1.0, 2.0, 2.0, f32::NAN, -0.0], [2.0, 1.0, 2.0, f32::NAN, 0.0]);
    for (name, wanted) in [
        ("Less", [true, false, false, false, false]),
        ("LessOrEqual", [true, false, true, false, true]),
        ("Greater", [false, true, false, false, false]),
        ("GreaterOrEqual", [false, true, true, false, true]),
        ("Equal", [false, false, true, false, true]),
    ] {
        let case = || Case::new(name, 16).floats(&[5], &a).floats(&[1, 5], &b);
        for constants in [&[][..], &[0], &[1]] {
            is(&case().computed(constants), &truth(&[1, 5], &wanted));
        }
    }
    let (least, most) = (i64::MIN, i64::MAX);
    let longs = |name| Case::new(name, 16).i64s(&[least, most, -1]).i64s(&[most, least, -1]).computed(&[]);
    is(&longs("Less"), &truth(&[3], &[true, false, false]));
    is(&longs("GreaterOrEqual"), &truth(&[3], &[false, true, true]));
}

#[test]
fn truth_of_two() {
    let of = |name| {
        let case = Case::new(name, 13).known(truth(&[2, 1], &[false, true])).known(truth(&[2], &[false, true]));
        case.computed(&[])
    };
    for (name, wanted) in [
        ("And", [false, false, false, true]),
        ("Or", [false, true, true, true]),
        ("Xor", [false, true, true, false]),
        ("Equal", [true, false, false, true]),
    ] {
        is(&of(name), &truth(&[2, 2], &wanted));
    }
}

#[test]
fn extremes_and_means_of_any_number() {
    let of = |name, parts: &[(&[usize], &[f32])]| {
        parts.iter().fold(Case::new(name, 13), |case, (shape, values)| case.floats(shape, values)).computed(&[1])
    };
    let rows: [(&[usize], &[f32]); 3] = [(&[2, 1], &[1.0, -5.0]), (&[3], &[0.0, 2.0, f32::NAN]), (&[], &[0.5])];
    is(&of("Min", &rows), &floats(&[2, 3], &[0.0, 0.5, f32::NAN, -5.0, -5.0, f32::NAN]));
    is(&of("Max", &rows), &floats(&[2, 3], &[1.0, 2.0, f32::NAN, 0.5, 2.0, f32::NAN]));
    is(&of("Mean", &rows), &floats(&[2, 3], &[0.5, 3.5 / 3.0, f32::NAN, -1.5, -2.5 / 3.0, f32::NAN]));
    for name in ["Min", "Max", "Mean"] {
        is(&of(name, &rows[..1]), &floats(&[2, 1], &[1.0, -5.0]));
    }
    let bytes = |name| {
        let case = Case::new(name, 13).known(whole(DType::U8, &[2], &[0, 255])).known(whole(DType::U8, &[], &[128]));
        case.computed(&[])
    };
    is(&bytes("Max"), &whole(DType::U8, &[2], &[128, 255]));
    is(&bytes("Min"), &whole(DType::U8, &[2], &[0, 128]));
}

#[test]
fn what_division_leaves() {
    let of = |fmod, dtype, a: &[i64], b: &[i64]| {
        let case = Case::new("Mod", 13).int("fmod", fmod).known(whole(dtype, &[a.len()], a)).known(whole(dtype, &[b.len()], b));
        case.computed(&[])
    };
    let (a, b) = ([7, -7, 7, -7, 5, -128, -128], [3, 3, -3, -3, 0, -1, 127]);
    is(&of(0, DType::I8, &a, &b), &whole(DType::I8, &[7], &[1, 2, -2, -1, 0, 0, 126]));
    is(&of(1, DType::I8, &a, &b), &whole(DType::I8, &[7], &[1, -1, 1, -1, 0, 0, -1]));
    is(&of(0, DType::U8, &[255, 7], &[16, 0]), &whole(DType::U8, &[2], &[15, 0]));
    let floats_of = |fmod| {
        let case = Case::new("Mod", 28).int("fmod", fmod).floats(&[4], &[-5.5, 5.5, 1.0, -6.0]).floats(&[4], &[2.0, -2.0, 0.0, 3.0]);
        case.computed(&[])
    };
    is(&floats_of(1), &floats(&[4], &[-1.5, 1.5, f32::NAN, -0.0]));
    is(&floats_of(0), &floats(&[4], &[0.5, -0.5, f32::NAN, 0.0]));
}

/// The small ones take no call of a power, and must be as one would be.
#[test]
fn powers_by_exponents_that_are_known_and_that_are_not() {
    for (exponent, wanted) in [
        (0.0, [1.0, 1.0, 1.0, 1.0]),
        (1.0, [-3.0, 0.5, f32::NAN, f32::INFINITY]),
        (2.0, [9.0, 0.25, f32::NAN, f32::INFINITY]),
        (3.0, [-27.0, 0.125, f32::NAN, f32::INFINITY]),
        (-1.0, [-1.0 / 3.0, 2.0, f32::NAN, 0.0]),
        (0.5, [f32::NAN, 0.5_f32.sqrt(), f32::NAN, f32::INFINITY]),
    ] {
        let of = |shape: &[usize], constants: &[usize]| {
            let exponents = vec![exponent; shape.iter().product()];
            let case = Case::new("Pow", 15).floats(&[4], &[-3.0, 0.5, f32::NAN, f32::INFINITY]).floats(shape, &exponents);
            case.executed(constants).unwrap().remove(0)
        };
        let is_near = |found: &[f32]| {
            found.len().is_multiple_of(4)
                && found.iter().zip(wanted.iter().cycle()).all(|(&found, &wanted)| {
                    found == wanted || (found.is_nan() && wanted.is_nan()) || (found - wanted).abs() <= 4e-7 * wanted.abs()
                })
        };
        for shape in [&[][..], &[4], &[1], &[2, 1]] {
            for constants in [&[][..], &[1]] {
                let found = of(shape, constants);
                assert!(is_near(found.as_f32().unwrap()), "{exponent} of shape {shape:?}, {constants:?} known: {found:?}");
            }
        }
    }
}

#[test]
fn powers_of_integers_wrap() {
    let wrapped = |dtype, base: i64, exponent: u32| whole(dtype, &[1], &[base.wrapping_pow(exponent)]).to_i64s().unwrap()[0];
    for dtype in [DType::I8, DType::U8, DType::I32, DType::I64] {
        let bases: Vec<i64> = [0, 1, 3, 5, 100, 127].into_iter().chain((dtype != DType::U8).then_some(-3)).collect();
        for exponent in [0, 1, 2, 3, 9] {
            let wanted: Vec<i64> = bases.iter().map(|&base| wrapped(dtype, base, exponent)).collect();
            let wanted = whole(dtype, &[bases.len()], &wanted);
            let exponents = [
                whole(dtype, &[], &[exponent.into()]),
                whole(DType::I64, &[1], &[exponent.into()]),
                whole(DType::U8, &[1], &[exponent.into()]),
                floats(&[], &[exponent as f32]),
            ];
            for (exponents, constants) in exponents.iter().flat_map(|tensor| [&[][..], &[1]].map(|constants| (tensor, constants))) {
                let case = Case::new("Pow", 15).known(whole(dtype, &[bases.len()], &bases)).known(exponents.clone());
                is(&case.computed(constants), &wanted);
            }
        }
    }
    // Below zero all but the powers of one and minus one are cut to zero.
    let below = Case::new("Pow", 15).i64s(&[1, -1, -1, 2, 0]).i64s(&[-1, -2, -3, -1, -1]);
    is(&below.computed(&[1]), &Tensor::i64s([1, 1, -1, 0, 0]));
    let known = Case::new("Pow", 15).i64s(&[1, -1, 7]).i64s(&[-1]);
    is(&known.computed(&[1]), &Tensor::i64s([1, -1, 0]));
}

/// Of numbers that are far apart, so that what one has more than the other is too wide.
#[test]
fn one_of_two_elements_of_any_type() {
    let choice = truth(&[3, 1], &[true, false, true]);
    let types = [DType::I8, DType::U8, DType::I32, DType::I64];
    for dtype in types {
        let bits = 8 * dtype.bytes() as u32;
        let (least, most) = if dtype == DType::U8 { (0, 255) } else { (i64::MIN >> (64 - bits), i64::MAX >> (64 - bits)) };
        let (x, y) = (whole(dtype, &[3, 2], &[least, most, least, most, 0, 1]), whole(dtype, &[2], &[most, least]));
        let wanted = whole(dtype, &[3, 2], &[least, most, most, least, 0, 1]);
        for constants in [&[][..], &[0], &[1], &[0, 2]] {
            is(&Case::new("Where", 16).known(choice.clone()).known(x.clone()).known(y.clone()).computed(constants), &wanted);
        }
    }
    // The bits of what is not a number that the kernels mark elements by among them.
    let mark = f32::from_bits(0x7fc5_a5a5);
    let case = Case::new("Where", 16).known(choice.clone()).floats(&[3, 2], &[mark, 1.0, 2.0, 3.0, f32::INFINITY, -0.0]);
    is(&case.floats(&[2], &[5.0, mark]).computed(&[]), &floats(&[3, 2], &[mark, 1.0, 5.0, mark, f32::INFINITY, -0.0]));
    let case = Case::new("Where", 16).known(choice).known(truth(&[1, 2], &[true, false])).known(truth(&[], &[true]));
    is(&case.computed(&[]), &truth(&[3, 2], &[true, false, true, true, true, false]));
}

#[test]
fn integers_of_one_operand() {
    let of = |name, dtype, values: &[i64]| Case::new(name, 13).known(whole(dtype, &[values.len()], values)).computed(&[]);
    for (name, dtype, values, wanted) in [
        ("Abs", DType::I8, [-128, -1, 0, 127], [-128, 1, 0, 127]),
        ("Abs", DType::U8, [255, 128, 0, 127], [255, 128, 0, 127]),
        ("Neg", DType::I32, [i32::MIN.into(), -1, 0, 7], [i32::MIN.into(), 1, 0, -7]),
        ("Neg", DType::I64, [i64::MIN, i64::MAX, 0, 7], [i64::MIN, -i64::MAX, 0, -7]),
        ("Sign", DType::I64, [i64::MIN, -1, 0, 7], [-1, -1, 0, 1]),
        ("Sign", DType::U8, [255, 1, 0, 128], [1, 1, 0, 1]),
    ] {
        is(&of(name, dtype, &values), &whole(dtype, &[4], &wanted));
    }
    let clipped = |least: Option<i64>, most: Option<i64>| {
        let case = Case::new("Clip", 13).known(whole(DType::I8, &[4], &[-128, -3, 5, 127]));
        let case = if let Some(least) = least { case.known(whole(DType::I8, &[], &[least])) } else { case.none() };
        if let Some(most) = most { case.known(whole(DType::I8, &[], &[most])) } else { case.none() }.computed(&[])
    };
    is(&clipped(Some(-3), Some(6)), &whole(DType::I8, &[4], &[-3, -3, 5, 6]));
    is(&clipped(None, Some(-4)), &whole(DType::I8, &[4], &[-128, -4, -4, -4]));
    is(&clipped(Some(4), None), &whole(DType::I8, &[4], &[4, 4, 5, 127]));
    // Where the limits cross, the upper one counts.
    is(&clipped(Some(9), Some(2)), &whole(DType::I8, &[4], &[2, 2, 2, 2]));
}

#[test]
fn what_runs_is_of_like_types() {
    let runs = |name, types: &[DType]| {
        let types: Vec<TensorType> = types.iter().map(|&dtype| TensorType::new(dtype, [1])).collect();
        super::runs(name, &types.iter().map(Some).collect::<Vec<_>>())
    };
    let (float, long, byte, truth) = (DType::F32, DType::I64, DType::I8, DType::Bool);
    assert!(runs("Mean", &[float; 4]) && !runs("Mean", &[long; 2]));
    assert!(runs("Less", &[long; 2]) && !runs("Less", &[long, byte]) && runs("Pow", &[long, byte]) && !runs("Pow", &[long, truth]));
    assert!(runs("Where", &[truth, long, long]) && !runs("Where", &[truth, long, float]) && !runs("Where", &[byte, long, long]));
    assert!(runs("And", &[truth; 2]) && !runs("And", &[byte; 2]) && !runs("Relu", &[float]));
}
