//! Functions of two elements by the laws that hold of them: every two bytes, numbers of any bits, and roots that are whole.

use bytemuck::Pod;
use peleec_runtime::{
    Add, And, Div, Equal, Fill, FloorMod, Keep, Less, LessOrEqual, Mark, Max, Min, Mod, Modulo, Mul, Or, PairFunction, Pairwise, Pow,
    Power, PowerByFloat, Remainder, Sub, Xor, run_checked,
};

mod maps;

use maps::{Random, outside};

/// A function's values of the elements of two lists, one after the other.
fn pairs<F: PairFunction, A: Pod, B: Pod, Y: Pod>(x: &[A], r: &[B]) -> Vec<Y> {
    let (dims, row) = ([1, 1, 1, 1, 1, x.len() as u32], [0, 0, 0, 0, 0, 1]);
    let mut y = vec![Y::zeroed(); x.len()];
    run_checked(&Pairwise::<F>::new(dims, row, row, row), outside(x, r, &x[..0], &mut y)).expect("the operands serve");
    y
}

/// Every two bytes, as `$byte`.
macro_rules! every_two {
    ($byte:ident, [$($function:ident: $value:expr;)+]) => {{
        let x: Vec<$byte> = (0..1 << 16).map(|i: u32| (i >> 8) as $byte).collect();
        let r: Vec<$byte> = (0..1 << 16).map(|i: u32| i as $byte).collect();
        $({
            let found: Vec<$byte> = pairs::<$function<$byte>, _, _, _>(&x, &r);
            let value: fn(i32, i32) -> i32 = $value;
            let wanted: Vec<$byte> = x.iter().zip(&r).map(|(&a, &b)| value(a.into(), b.into()) as $byte).collect();
            assert!(found == wanted, stringify!($function of $byte));
        })+
    }};
}

#[test]
fn every_two_bytes_are_as_wider_integers_have_them() {
    macro_rules! check {
        ($($byte:ident)+) => {$(
            every_two!($byte, [
                Add: |a, b| a + b;
                Sub: |a, b| a - b;
                Mul: |a, b| a * b;
                Div: |a, b| a.checked_div(b).unwrap_or(0);
                Remainder: |a, b| a.checked_rem(b).unwrap_or(0);
                Modulo: |a, b| if b == 0 { 0 } else { a - b * (f64::from(a) / f64::from(b)).floor() as i32 };
                Min: |a, b| a.min(b);
                Max: |a, b| a.max(b);
                Keep: |a, b| if a == 0 { 0 } else { b };
            ]);
        )+};
    }
    check!(i8 u8);
}

/// Of bytes that are true or not, by De Morgan.
#[test]
fn truth_is_any_byte_but_zero() {
    let (x, r): (Vec<u8>, Vec<u8>) = (0..1 << 16).map(|i: u32| ((i >> 8) as u8, i as u8)).unzip();
    let not = |all: &[u8]| all.iter().map(|&byte| u8::from(byte == 0)).collect::<Vec<u8>>();
    let [and, or, xor] = [pairs::<And, _, _, u8>(&x, &r), pairs::<Or, _, _, u8>(&x, &r), pairs::<Xor, _, _, u8>(&x, &r)];
    assert!(pairs::<Or, _, _, u8>(&not(&x), &not(&r)) == not(&and) && pairs::<And, _, _, u8>(&not(&x), &not(&r)) == not(&or));
    assert!(xor == pairs::<And, _, _, u8>(&or, &not(&and)));
    assert!(and.iter().zip(x.iter().zip(&r)).all(|(&and, (&a, &b))| and == u8::from(a != 0 && b != 0)));
}

/// Numbers of any length in bits.
fn longs(random: &mut Random, count: usize) -> Vec<i64> {
    let mut word = || i64::from(random.below(1 << 22)) << 44 ^ i64::from(random.below(1 << 22)) << 22 ^ i64::from(random.below(1 << 22));
    (0..count).map(|at| word() >> (at * 7 % 64)).collect()
}

#[test]
fn quotients_and_remainders_make_the_number_again() {
    let mut random = Random(1);
    let (mut a, mut b) = (longs(&mut random, 5000), longs(&mut random, 4990));
    a.extend([i64::MIN, i64::MIN, i64::MAX, 0, 7]);
    a.truncate(5000);
    b.extend([-1, 1, 0, i64::MIN, i64::MAX, -3, 3, -1, 0, 2]);
    let quotients = pairs::<Div<i64>, _, _, i64>(&a, &b);
    let (rests, modulos) = (pairs::<Remainder<i64>, _, _, i64>(&a, &b), pairs::<Modulo<i64>, _, _, i64>(&a, &b));
    for (i, (&a, &b)) in a.iter().zip(&b).enumerate() {
        let (quotient, rest, modulo) = (quotients[i], rests[i], modulos[i]);
        if b == 0 {
            assert_eq!([quotient, rest, modulo], [0; 3]);
            continue;
        }
        assert_eq!(quotient.wrapping_mul(b).wrapping_add(rest), a, "{a} by {b}");
        assert!(rest.unsigned_abs() < b.unsigned_abs() && (rest == 0 || (rest < 0) == (a < 0)), "{a} by {b} leaves {rest}");
        assert!(modulo.unsigned_abs() < b.unsigned_abs() && (modulo == 0 || (modulo < 0) == (b < 0)), "{a} by {b} leaves {modulo}");
        assert_eq!(i128::from(modulo - rest) % i128::from(b), 0, "{a} by {b}");
    }
}

#[test]
fn exponents_add() {
    let mut random = Random(2);
    let bases = longs(&mut random, 600);
    let [first, second] = [0; 2].map(|_| (0..600).map(|_| i64::from(random.below(70))).collect::<Vec<_>>());
    let sums: Vec<i64> = first.iter().zip(&second).map(|(a, b)| a + b).collect();
    let power = |exponents: &[i64]| pairs::<Power<i64>, _, _, i64>(&bases, exponents);
    assert_eq!(pairs::<Mul<i64>, _, _, i64>(&power(&first), &power(&second)), power(&sums));
    let repeated = bases.iter().zip(&first).map(|(&base, &n)| (0..n).fold(1_i64, |power, _| power.wrapping_mul(base)));
    assert_eq!(power(&first), repeated.collect::<Vec<_>>());
}

/// The square of an integer to the power of one half is its magnitude, and so on.
#[test]
fn roots_that_are_whole_are_exact() {
    let mut random = Random(3);
    for first in (1..31).map(|bits| 1_i64 << bits) {
        for _ in 0..40 {
            let root = first + i64::from(random.below(1 << 22)) * i64::from(random.below(1 << 9)) % first;
            let power = |n: u32| root.checked_pow(n);
            for (n, exponent, wanted) in [(2, 0.5, 1), (4, 0.25, 1), (8, 0.125, 1), (2, 1.5, 3), (4, 0.75, 3), (4, 0.5, 2), (2, 2.5, 5)] {
                if let (Some(base), Some(wanted)) = (power(n), power(wanted)) {
                    assert_eq!(PowerByFloat::of(base, exponent), wanted, "{base} to {exponent}");
                    // The root of one less is cut to one less.
                    let less = PowerByFloat::of(base - 1, exponent);
                    assert!(less < wanted && (exponent != 0.5 || n > 2 || less == wanted - 1), "{base} - 1 to {exponent} is {less}");
                }
            }
        }
    }
}

/// Floats of any bits, of which many are zeros, infinite or no numbers.
fn floats(random: &mut Random, count: usize) -> Vec<f32> {
    const SOME: [f32; 10] =
        [0.0, -0.0, 1.0, -1.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1)];
    let any = |random: &mut Random| f32::from_bits(random.below(1 << 16) << 16 | random.below(1 << 16));
    (0..count).map(|_| if random.below(4) == 0 { random.of(&SOME) } else { any(random) }).collect()
}

fn same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

#[test]
fn floats_are_less_or_equal_or_greater_or_no_numbers() {
    let mut random = Random(4);
    let (a, b) = (floats(&mut random, 20_000), floats(&mut random, 20_000));
    let (less, greater) = (pairs::<Less<f32>, _, _, u8>(&a, &b), pairs::<Less<f32>, _, _, u8>(&b, &a));
    let (equal, up_to) = (pairs::<Equal<f32>, _, _, u8>(&a, &b), pairs::<LessOrEqual<f32>, _, _, u8>(&a, &b));
    let (least, most) = (pairs::<Min, _, _, f32>(&a, &b), pairs::<Max, _, _, f32>(&a, &b));
    let (other_least, other_most) = (pairs::<Min, _, _, f32>(&b, &a), pairs::<Max, _, _, f32>(&b, &a));
    for i in 0..a.len() {
        let is_number = !a[i].is_nan() && !b[i].is_nan();
        assert_eq!(less[i] + greater[i] + equal[i], u8::from(is_number), "{} {}", a[i], b[i]);
        assert_eq!(up_to[i], less[i] | equal[i], "{} {}", a[i], b[i]);
        assert!([least[i], most[i], other_least[i], other_most[i]].iter().all(|y| y.is_nan() != is_number), "{} {}", a[i], b[i]);
        if is_number {
            assert_eq!((least[i], most[i]), (other_least[i], other_most[i]));
            let (own, both) = ([least[i], most[i]], [a[i], b[i]]);
            assert!(own == both || own == [b[i], a[i]], "{both:?}");
            assert!(least[i] <= most[i]);
        }
    }
}

/// `Mod` is Rust's, which is exact; `FloorMod` differs from it by one divisor, where the signs do.
#[test]
fn remainders_of_any_floats() {
    let mut random = Random(5);
    let (a, b) = (floats(&mut random, 20_000), floats(&mut random, 20_000));
    let (cut, floored) = (pairs::<Mod, _, _, f32>(&a, &b), pairs::<FloorMod, _, _, f32>(&a, &b));
    for (i, (&a, &b)) in a.iter().zip(&b).enumerate() {
        let rest = a % b;
        assert!(same(cut[i], rest), "{a} % {b} is {}", cut[i]);
        let wanted = if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest };
        let is_same = floored[i] == wanted || (floored[i].is_nan() && wanted.is_nan());
        assert!(is_same, "{a} % {b} is {} and not {wanted}", floored[i]);
        assert!(floored[i] != 0.0 || floored[i].is_sign_negative() == b.is_sign_negative(), "{a} % {b} is {}", floored[i]);
    }
}

/// Within three units of double precision, and what is no number, or infinite, where that is.
#[test]
fn powers_of_any_floats() {
    let mut random = Random(6);
    let bases = floats(&mut random, 20_000);
    let exponents: Vec<f32> =
        bases.iter().map(|_| random.of(&[1.0, 0.5, -2.0, 3.0, -7.0, 31.0, 0.0, -0.0, 1.0 / 3.0, 1e10, f32::INFINITY])).collect();
    for (i, power) in pairs::<Pow, _, _, f32>(&bases, &exponents).into_iter().enumerate() {
        let exact = f64::from(bases[i]).powf(f64::from(exponents[i]));
        let rounded = exact as f32;
        if exact.is_nan() || rounded.is_infinite() || exact == 0.0 {
            // At the end of the range an error of units makes the greatest numbers infinite, or not.
            let is_near = same(power, rounded) || (power.abs() >= 0.999_999 * f32::MAX && exact.abs() < 1.000_001 * f64::from(f32::MAX));
            assert!(is_near, "{} to {} is {power} and not {rounded}", bases[i], exponents[i]);
            continue;
        }
        let unit = f64::from(f32::EPSILON) * exact.abs().max(f64::from(f32::MIN_POSITIVE));
        assert!((f64::from(power) - exact).abs() <= 3.0 * unit, "{} to {} is {power} and not {exact}", bases[i], exponents[i]);
    }
}

/// Whatever the bits, a choice is one of the two.
#[test]
fn a_mark_that_is_filled_is_a_choice() {
    let mut random = Random(7);
    let [choice, first, second] = [0; 3].map(|_| floats(&mut random, 10_000));
    let filled = pairs::<Fill, _, _, f32>(&pairs::<Mark, _, _, f32>(&choice, &first), &second);
    for i in 0..choice.len() {
        let wanted = if choice[i] != 0.0 { first[i] } else { second[i] };
        assert!(same(filled[i], wanted), "{} of {} and {}", choice[i], first[i], second[i]);
    }
}
