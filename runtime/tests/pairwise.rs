//! Functions of two tensors through the checked door, against what Rust gives element by element.

use bytemuck::{Pod, cast_slice, cast_slice_mut};
use peleec_runtime::{
    And, Destination, Equal, Fill, Kernel, Less, LessOrEqual, Mark, Max, Min, Mod, Operands, Or, Pairwise, Place, Pow, RegionError, Xor,
    run_checked,
};

/// Runs `kernel` into an array outside the arena.
fn run<F: Pod, T: Pod>(kernel: &impl Kernel, x: &[F], r: &[F], y: &mut [T]) -> Result<(), RegionError> {
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
    let power = found!(Pow, [1.0, -2.0, 4.0, 0.5, 10.0, 0.25], r, 0.0f32);
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
