//! Functions of one float: against double precision or the standard library, at their limits, and of maps whole and row by row.

use std::f64::consts;
use std::fmt::Debug;

use peleec_runtime::f32::function::{
    Abs, Ceil, Celu, Elu, Erf, Exp, Floor, Gelu, GeluTanh, HardSigmoid, Log, Mish, Neg, Reciprocal, Round, Selu, Sign, Softplus, Softsign,
    Sqrt, Tanh, ThresholdedRelu,
};
use peleec_runtime::{Activation, Each, Expression, Function, Layer, OneCore, Pixels, run_checked, run_row_checked};

mod maps;

use maps::{Random, at, operands};

/// Numbers of every size, and many between -20 and 20; Miri is a thousand times slower.
fn arguments() -> impl Iterator<Item = f32> {
    let (sizes, steps) = if cfg!(miri) { (1 << 24, 100) } else { (8191, 200_000) };
    let bits = (0..=u32::MAX).step_by(sizes).map(f32::from_bits);
    let line = (-steps..=steps).map(move |i: i32| i as f32 * (20.0 / steps as f32));
    bits.chain(line).filter(|x| x.is_finite())
}

/// The function is off by at most `most` of 2^-23 of the exact value, or where `least` is larger, of that.
fn check<F: Function>(function: F, most: f64, least: f64, exact: impl Fn(f64) -> f64) {
    check_values(&function, |x| function.apply(x), most, least, exact);
}

fn check_values(function: &dyn Debug, apply: impl Fn(f32) -> f32, most: f64, least: f64, exact: impl Fn(f64) -> f64) {
    let least_normal = f64::from(f32::MIN_POSITIVE);
    for x in arguments() {
        let (found, exact) = (f64::from(apply(x)), exact(x.into()));
        if exact.is_nan() || exact.abs() > f64::from(f32::MAX) {
            assert!(!found.is_finite(), "{function:?} of {x} is {found}, not {exact}");
            continue;
        }
        // Subnormal results may be zero.
        let size = exact.abs().max(least);
        let off = if size < least_normal { 2.0 * least_normal } else { most * f64::from(f32::EPSILON) * size };
        assert!((found - exact).abs() <= off, "{function:?} of {x} is {found}, not {exact}");
    }
}

/// The error function, by a series of terms of one sign.
fn erf(x: f64) -> f64 {
    if x.abs() > 6.0 {
        return x.signum();
    }
    let (mut term, mut sum, mut n) = (x, x, 1.0);
    while term.abs() > 1e-17 * sum.abs() {
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
        n += 1.0;
    }
    consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
}

/// `value` of what is below zero, else the argument.
fn below_zero(x: f64, value: impl Fn(f64) -> f64) -> f64 {
    if x < 0.0 { value(x) } else { x }
}

#[test]
fn functions_are_near_double_precision() {
    check(Exp, 1.0, 0.0, f64::exp);
    check(Log, 1.0, 0.0, f64::ln);
    check(Tanh, 1.5, 0.0, f64::tanh);
    check(Erf, 1.0, 0.0, erf);
    check(Softplus, 2.0, 0.0, |x| x.max(0.0) + (-x.abs()).exp().ln_1p());
    check(Softsign, 1.5, 0.0, |x| x / (1.0 + x.abs()));
}

#[test]
fn functions_with_parameters_are_near_double_precision() {
    for alpha in [1.0f32, 0.3, -2.0] {
        let a = f64::from(alpha);
        check(Elu { alpha }, 2.0, 0.0, |x| below_zero(x, |x| a * x.exp_m1()));
        check(Selu { alpha, gamma: 1.05 }, 2.5, 0.0, |x| f64::from(1.05f32) * below_zero(x, |x| a * x.exp_m1()));
        check(Celu { alpha }, 2.5, 0.0, |x| below_zero(x, |x| a * (x / a).exp_m1()));
    }
}

/// Far below zero `Mish` and `Swish` end where `exp` does, and the others are as exact as ones are.
#[test]
fn products_with_a_sigmoid_are_near_double_precision() {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    check(Gelu, 1.5, 1.0, |x| 0.5 * x * (1.0 + erf(x * consts::FRAC_1_SQRT_2)));
    check(GeluTanh, 1.5, 1.0, |x| x * sigmoid(2.0 * consts::FRAC_2_PI.sqrt() * (x + 0.044_715 * x * x * x)));
    let square = |e: f64| e * (e + 2.0);
    check(Mish, 3.0, 1e-29, |x| if x > 300.0 { x } else { x * square(x.exp()) / (square(x.exp()) + 2.0) });
    let swish = Activation::Swish(1.0);
    check_values(&swish, |x| swish.apply(x), 2.0, 1e-29, |x| x * sigmoid(x));
}

/// Whether two floats are the same, or both not numbers.
fn same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

/// As a network computes it that has a node for each factor.
#[test]
fn swish_is_the_product_with_a_sigmoid() {
    for (alpha, x) in [1.0f32, 1.702, -1.0].into_iter().flat_map(|alpha| arguments().map(move |x| (alpha, x))) {
        let (found, product) = (Activation::Swish(alpha).apply(x), x * Activation::Sigmoid.apply(alpha * x));
        assert!(same(found, product), "{alpha}, {x}: {found} is not {product}");
    }
}

#[test]
fn exact_functions_are_those_of_the_standard_library() {
    let halves = (-2000..2000).map(|i| i as f32 * 0.5).chain([8_388_607.5, 8_388_608.0, 8_388_609.0, 4_194_304.5, 0.499_999_97]);
    let rare = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1), f32::from_bits(0x7f_ffff)];
    for x in arguments().chain(halves).chain(rare).flat_map(|x| [x, -x]) {
        assert!(same(Neg.apply(x), -x), "{x}");
        assert!(same(Abs.apply(x), x.abs()), "{x}");
        assert!(same(Sign.apply(x), if x == 0.0 { x } else { x.signum() }), "{x}");
        assert!(same(Floor.apply(x), x.floor()), "{x}");
        assert!(same(Ceil.apply(x), x.ceil()), "{x}");
        assert!(same(Round.apply(x), x.round_ties_even()), "{x}");
        assert!(same(Sqrt.apply(x), x.sqrt()), "{x}");
        assert!(same(Reciprocal.apply(x), x.recip()), "{x}");
        assert!(same(HardSigmoid { alpha: 0.2, beta: 0.5 }.apply(x), (0.2 * x + 0.5).clamp(0.0, 1.0)), "{x}");
        assert!(same(ThresholdedRelu { alpha: -1.5 }.apply(x), if x > -1.5 { x } else { 0.0 }), "{x}");
    }
}

/// The values at minus infinity, -0.0, 0.0 and infinity; what is not a number stays so, and the largest floats give numbers.
fn limits<F: Function>(function: F, wanted: [f32; 4]) {
    limits_of_values(&function, |x| function.apply(x), wanted);
}

fn limits_of_values(function: &dyn Debug, apply: impl Fn(f32) -> f32, wanted: [f32; 4]) {
    for (x, wanted) in [f32::NEG_INFINITY, -0.0, 0.0, f32::INFINITY].into_iter().zip(wanted) {
        assert!(same(apply(x), wanted), "{function:?} of {x} is {}, not {wanted}", apply(x));
    }
    assert!(apply(f32::NAN).is_nan(), "{function:?}");
    assert!(!apply(f32::MAX).is_nan() && !apply(f32::from_bits(1)).is_nan(), "{function:?}");
    assert!(!apply(-f32::MAX).is_nan() || wanted[0].is_nan(), "{function:?}");
}

#[test]
fn functions_have_their_limits() {
    const INF: f32 = f32::INFINITY;
    limits(Exp, [0.0, 1.0, 1.0, INF]);
    limits(Log, [f32::NAN, -INF, -INF, INF]);
    limits(Tanh, [-1.0, -0.0, 0.0, 1.0]);
    limits(Erf, [-1.0, -0.0, 0.0, 1.0]);
    limits(Elu { alpha: 0.5 }, [-0.5, -0.0, 0.0, INF]);
    limits(Selu { alpha: 2.0, gamma: 3.0 }, [-6.0, -0.0, 0.0, INF]);
    limits(Celu { alpha: 2.0 }, [-2.0, -0.0, 0.0, INF]);
    limits(Softplus, [0.0, std::f32::consts::LN_2, std::f32::consts::LN_2, INF]);
    limits(Softsign, [-1.0, -0.0, 0.0, 1.0]);
    limits(HardSigmoid { alpha: 0.25, beta: 0.5 }, [0.0, 0.5, 0.5, 1.0]);
    limits(Gelu, [-0.0, -0.0, 0.0, INF]);
    limits(GeluTanh, [-0.0, -0.0, 0.0, INF]);
    limits(Mish, [-0.0, -0.0, 0.0, INF]);
    for (alpha, wanted) in [(1.0, [-0.0, -0.0, 0.0, INF]), (-1.0, [-INF, -0.0, 0.0, 0.0])] {
        let swish = Activation::Swish(alpha);
        limits_of_values(&swish, |x| swish.apply(x), wanted);
    }
    limits(Reciprocal, [-0.0, -INF, INF, 0.0]);
}

/// Random maps whole and row by row, out of a ring into a ring.
#[test]
fn each_element_of_a_map() {
    let mut random = Random(7);
    let function = Elu { alpha: 0.5 };
    for _ in 0..20 {
        let [height, width, channels] = [1 + random.below(6), 1 + random.below(5), 1 + random.below(4)];
        let (input, output) = (random.map(height, width, channels), random.map(height, width, channels));
        let each = Each::new(input, output, function);
        let extent = each.extent().expect("maps of one size serve");
        let x = random.values(extent.x);
        let mut y = vec![9.0; extent.y];
        assert_eq!(run_checked(&each, operands([&x, &[], &[]], &mut y)), Ok(()));
        let places: Vec<_> = (0..height).flat_map(|h| (0..width).flat_map(move |w| (0..channels).map(move |c| [h, w, c]))).collect();
        for &[h, w, c] in &places {
            assert_eq!(y[at(&output, h, w, c)], function.apply(x[at(&input, h, w, c)]), "{each:?}");
        }
        let (one, kept) = (input.ring(1), output.ring(1));
        let rows = Each::new(one, kept, function);
        for row in 0..height {
            let first = (row * input.row) as usize;
            let mut found = vec![9.0; rows.extent().expect("it has rows").y];
            assert_eq!(run_row_checked(&rows, row as usize, operands([&x[first..], &[], &[]], &mut found)), Ok(()));
            for &[h, w, c] in places.iter().filter(|place| place[0] == row) {
                assert_eq!(found[at(&kept, h, w, c)], y[at(&output, h, w, c)], "{rows:?}");
            }
        }
    }
    assert_eq!(Each::new(Pixels::new([1, 2, 2]), Pixels::new([1, 4, 1]), Tanh).extent(), None);
}

#[test]
fn a_layer_is_of_one_function() {
    const MAP: Pixels = Pixels::new([1, 2, 1]);
    const LAYER: Layer<Each<Tanh>, 2, 0, 2> = Layer::<Each<Tanh>, 2, 0, 2>::new(Each::new(MAP, MAP, Tanh));
    let mut y = [9.0; 2];
    LAYER.run(&OneCore, &[0.0, -20.0], &[], &[], &mut y);
    assert_eq!(y, [0.0, -1.0]);
}

#[test]
fn functions_are_written_as_what_builds_them() {
    let written = |value: &dyn Expression| {
        let mut text = String::new();
        value.write(&mut text).unwrap();
        text
    };
    assert_eq!(written(&Tanh), "peleec_runtime::f32::function::Tanh");
    assert_eq!(written(&Elu { alpha: 1.0 }), "peleec_runtime::f32::function::Elu { alpha: 1.0 }");
    assert_eq!(written(&Selu { alpha: 0.5, gamma: 2.0 }), "peleec_runtime::f32::function::Selu { alpha: 0.5, gamma: 2.0 }");
    assert_eq!(written(&Activation::Swish(1.0)), "peleec_runtime::Activation::Swish(1.0)");
    let map = Pixels::new([1, 2, 3]);
    let each = written(&Each::new(map, map, Tanh));
    assert!(
        each.starts_with("Kernel::new(peleec_runtime::Pixels::new([1, 2, 3]), ")
            && each.ends_with(", peleec_runtime::f32::function::Tanh)")
    );
    assert_eq!(Elu::NAME, "Elu");
}
