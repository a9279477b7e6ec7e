//! Functions of two tensors through the checked door, against what Rust gives element by element.

use bytemuck::{Pod, cast_slice, cast_slice_mut};
use peleec_runtime::{
    Add, And, Destination, Div, Equal, Fill, FloorMod, Gather, Keep, Kernel, Layer, Less, LessOrEqual, Mark, Max, Min, Mod, Modulo, Mul,
    OneCore, Operands, Or, Pairwise, Place, Pow, Power, PowerByFloat, RegionError, Remainder, Sub, Xor, run_checked,
};

/// Runs `kernel` into an array outside the arena.
fn run<F: Pod, S: Pod, T: Pod>(kernel: &impl Kernel, x: &[F], r: &[S], y: &mut [T]) -> Result<(), RegionError> {
    let (x, r) = (Place::Outside(cast_slice(x)), Place::Outside(cast_slice(r)));
    run_checked(kernel, Operands { arena: &mut [], x, r, w: &[], y: Destination::Outside(cast_slice_mut(y)) })
}

const DIMS: [u32; 6] = [1, 1, 1, 1, 2, 3];
const ROWS: [u32; 6] = [0, 0, 0, 0, 3, 1];

/// Two rows of three on the left, a row that is repeated on the right.
macro_rules! found {
    ($function:ty, $x:expr, $r:expr, $zero:expr) => {{
        let mut y = [$zero; 6];
        let kernel = Pairwise::<$function>::new(DIMS, ROWS, [0, 0, 0, 0, 0, 1], ROWS);
        assert_eq!(run(&kernel, &$x, &$r, &mut y), Ok(()));
        y
    }};
}

#[test]
fn floats_of_two_tensors() {
    let (x, r) = ([1.0f32, -2.0, 4.0, 0.5, 9.0, -0.25], [2.0f32, -3.0, 0.5]);
    assert_eq!(found!(Min, x, r, 0.0f32), [1.0, -3.0, 0.5, 0.5, -3.0, -0.25]);
    assert_eq!(found!(Max, x, r, 0.0f32), [2.0, -2.0, 4.0, 2.0, 9.0, 0.5]);
    assert_eq!(found!(Mod, x, r, 0.0f32), [1.0, -2.0, 0.0, 0.5, 0.0, -0.25]);
    assert_eq!(found!(FloorMod, x, r, 0.0f32), [1.0, -2.0, 0.0, 0.5, 0.0, 0.25]);
    let power = found!(Pow, [1.0f32, -2.0, 4.0, 0.5, 10.0, 0.25], r, 0.0f32);
    assert_eq!(power[..4], [1.0, -0.125, 2.0, 0.25]);
    assert!((power[4] - 1e-3).abs() < 1e-9 && (power[5] - 0.5).abs() < 1e-7);
    for swapped in [false, true] {
        let (x, r) = if swapped { ([1.0f32; 6], [f32::NAN; 3]) } else { ([f32::NAN; 6], [1.0; 3]) };
        assert!(found!(Min, x, r, 0.0f32).iter().chain(&found!(Max, x, r, 0.0f32)).all(|y| y.is_nan()));
        assert_eq!([found!(Equal<f32>, x, r, 9u8), found!(Less<f32>, x, r, 9u8), found!(LessOrEqual<f32>, x, r, 9u8)], [[0; 6]; 3]);
    }
}

#[test]
fn comparisons_of_every_type() {
    fn check<T: peleec_runtime::Element + Pod>(of: fn(i8) -> T) {
        let (x, r) = ([1, 2, 3, 4, 5, 6].map(of), [1, 5, 2].map(of));
        assert_eq!(found!(Equal<T>, x, r, 9u8), [1, 0, 0, 0, 1, 0]);
        assert_eq!(found!(Less<T>, x, r, 9u8), [0, 1, 0, 0, 0, 0]);
        assert_eq!(found!(LessOrEqual<T>, x, r, 9u8), [1, 1, 0, 0, 1, 0]);
    }
    check(f32::from);
    check(|x| x);
    check(|x| x as u8);
    check(i32::from);
    check(i64::from);
}

/// Nine rows of one on the left, a row of nine on the right.
macro_rules! table {
    ($function:ty, $x:expr, $r:expr, $zero:expr) => {{
        let mut y = [$zero; 81];
        let kernel = Pairwise::<$function>::new([1, 1, 1, 1, 9, 9], [0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 9, 1]);
        assert_eq!(run(&kernel, &$x, &$r, &mut y), Ok(()));
        y
    }};
}

/// As integers of 128 bits have it, of which the low ones are left.
#[test]
fn integers_wrap_and_what_is_divided_by_zero_is_zero() {
    macro_rules! check {
        ($($integer:ident)+) => {$({
            let (zero, one): ($integer, $integer) = (0, 1);
            let values = [zero, one, 2, 3, 7, $integer::MAX, $integer::MIN, zero.wrapping_sub(1), zero.wrapping_sub(7)];
            let wanted = |function: fn(i128, i128) -> i128| {
                let pairs = values.into_iter().flat_map(|a| values.into_iter().map(move |b| (i128::from(a), i128::from(b))));
                pairs.map(|(a, b)| function(a, b) as $integer).collect::<Vec<_>>()
            };
            assert_eq!(table!(Add<$integer>, values, values, zero)[..], wanted(|a, b| a + b));
            assert_eq!(table!(Sub<$integer>, values, values, zero)[..], wanted(|a, b| a - b));
            assert_eq!(table!(Mul<$integer>, values, values, zero)[..], wanted(|a, b| a * b));
            assert_eq!(table!(Div<$integer>, values, values, zero)[..], wanted(|a, b| if b == 0 { 0 } else { a / b }));
            assert_eq!(table!(Remainder<$integer>, values, values, zero)[..], wanted(|a, b| if b == 0 { 0 } else { a % b }));
            assert_eq!(table!(Modulo<$integer>, values, values, zero)[..], wanted(|a, b| if b == 0 { 0 } else { (a % b + b) % b }));
            assert_eq!(table!(Min<$integer>, values, values, zero)[..], wanted(i128::min));
            assert_eq!(table!(Max<$integer>, values, values, zero)[..], wanted(i128::max));
            assert_eq!(table!(Keep<$integer>, values, values, zero)[..], wanted(|a, b| if a == 0 { 0 } else { b }));
            let exponents: [$integer; 9] = [0, 1, 2, 3, 4, 5, 7, 31, 64];
            let powers = values.into_iter().flat_map(|a| exponents.map(|b| (0..b).fold(one, |power, _| power.wrapping_mul(a))));
            assert_eq!(table!(Power<$integer>, values, exponents, zero)[..], powers.collect::<Vec<_>>());
        })+};
    }
    check!(i8 u8 i16 i32 i64);
}

#[test]
fn powers_of_exponents_below_zero_and_of_great_ones() {
    let (x, r) = ([1i32, -1, -1, 2, 0, -2], [-3i32, -3, -2]);
    assert_eq!(found!(Power<i32>, x, r, 9i32), [1, -1, 1, 0, 0, 0]);
    // Odd numbers come back to one after a power of two.
    let greatest = found!(Power<i64>, [3i64; 6], [i64::MAX; 3], 0i64);
    assert!(greatest.iter().all(|power| power.wrapping_mul(3) == 1));
}

#[test]
fn powers_of_integers_by_floats() {
    let (x, r) = ([9i64, 80, 81, -2, 8, 1 << 62], [0.5f32, 0.75, 3.0]);
    assert_eq!(found!(PowerByFloat, x, r, 9i64), [3, 26, 531_441, 0, 4, 0]);
}

/// Of an index below zero the place is counted from the end, and one outside is the nearest inside.
#[test]
fn slices_are_picked_by_indices() {
    let rows = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
    let kernel = Gather::<f32, i64>::new([1, 1, 1, 2, 3, 2], [0, 0, 0, 0, 0, 1], [0, 0, 0, 3, 1, 0], [0, 0, 0, 6, 2, 1], [4, 2]);
    let mut y = [0.0f32; 12];
    assert_eq!(run(&kernel, &rows, &[2i64, -4, -1, 4, i64::MIN, i64::MAX], &mut y), Ok(()));
    assert_eq!(y, [5.0, 6.0, 1.0, 2.0, 7.0, 8.0, 7.0, 8.0, 1.0, 2.0, 7.0, 8.0]);
    assert_eq!(run(&kernel, &rows[1..], &[0i64; 6], &mut y), Err(RegionError::Outside));
    assert_eq!(run(&kernel, &rows, &[0i64; 5], &mut y), Err(RegionError::Outside));
    // Lengths are counted in elements of each input's own type.
    assert_eq!(run(&kernel, &rows, &[0i32; 6], &mut y), Err(RegionError::Outside));
    assert_eq!(Gather::<f32, i64>::new(kernel.dims, kernel.input, kernel.indices, kernel.output, [0, 2]).extent(), None);
    const COLUMNS: Gather<u8, i32> = Gather::new([1, 1, 1, 1, 2, 3], [0, 0, 0, 0, 2, 0], [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 3, 1], [2, 1]);
    const LAYER: Layer<Gather<u8, i32>, 4, 0, 6, 3> = Layer::<Gather<u8, i32>, 4, 0, 6, 3>::new(COLUMNS);
    let mut y = [0; 6];
    LAYER.run(&OneCore, &[1, 2, 3, 4], &[1, 0, -1], &[], &mut y);
    assert_eq!(y, [2, 1, 2, 4, 3, 4]);
}

/// Any byte but zero is true.
#[test]
fn logic() {
    let (x, r) = ([0u8, 0, 0, 1, 7, 255], [0u8, 1, 3]);
    assert_eq!(found!(And, x, r, 9u8), [0, 0, 0, 0, 1, 1]);
    assert_eq!(found!(Or, x, r, 9u8), [0, 1, 1, 1, 1, 1]);
    assert_eq!(found!(Xor, x, r, 9u8), [0, 1, 1, 1, 0, 0]);
}

/// What is chosen keeps its bits, but for the one pattern of what is no number that is the mark.
#[test]
fn a_choice_is_a_mark_and_what_fills_it() {
    let choice = [1.0f32, 0.0, 1.0, 0.0, 2.0, 0.0];
    let values = [f32::NEG_INFINITY, 5.0, -0.0];
    let marked = found!(Mark, choice, values, 0.0f32);
    let filled = found!(Fill, marked, [7.0f32, 8.0, f32::INFINITY], 0.0f32);
    assert_eq!(filled, [f32::NEG_INFINITY, 8.0, -0.0, 7.0, 5.0, f32::INFINITY]);
    assert!(filled[2].is_sign_negative());
    let mark = found!(Mark, [0.0f32; 6], values, 0.0f32)[0];
    let passed = found!(Mark, [1.0f32; 6], [mark; 3], 0.0f32);
    assert!(passed.iter().all(|value| value.is_nan() && value.to_bits() != mark.to_bits()));
}

#[test]
fn operands_that_do_not_serve_are_refused() {
    let kernel = Pairwise::<And>::new(DIMS, ROWS, ROWS, ROWS);
    assert_eq!(run(&kernel, &[0u8; 6], &[0u8; 5], &mut [0u8; 6]), Err(RegionError::Outside));
    assert_eq!(run(&kernel, &[0u8; 6], &[0u8; 6], &mut [0u8; 5]), Err(RegionError::Outside));
    assert_eq!(Pairwise::<And>::new([0; 6], ROWS, ROWS, ROWS).extent(), None);
}
