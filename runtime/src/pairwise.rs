//! Element-wise functions of two tensors, each a type of its own, so that a program links those alone that it has.

use core::marker::PhantomData;

use crate::element::Element;
use crate::f32::power::{floor_remainder, power, remainder};
use crate::geometry::geometry;
use crate::integer::{Integer, modulo, power as power_of_integer};
use crate::kernel::strided_kernel;
use crate::roots::power_by_float;
use crate::views::{Extent, MAX_RANK, Odometer, extent};

/// A function of two elements. Sealed.
pub trait PairFunction: sealed::Function {}
impl<F: sealed::Function> PairFunction for F {}

pub(crate) mod sealed {
    use core::fmt::Debug;

    use crate::element::Element;

    /// What a function takes and gives.
    pub trait Function: Copy + Debug + PartialEq + Send + Sync + 'static {
        /// The first argument.
        type Input: Element;
        /// The second, which few functions take of another type.
        type Second: Element;
        /// The result; truth is one or zero.
        type Output: Element;

        /// The function's value.
        fn apply(a: Self::Input, b: Self::Second) -> Self::Output;
    }
}

geometry! {
    /// Geometry of `y = F(x, r)`. A broadcast dimension of an operand has stride zero. Unused leading dimensions are one.
    pub struct Pairwise [F: PairFunction] [F] {
        /// Extents of the output, outermost first.
        dims: [u32; MAX_RANK],
        /// Distance in the first operand for a step along each dimension.
        left: [u32; MAX_RANK],
        /// Distance in the second operand.
        right: [u32; MAX_RANK],
        /// Distance in the output.
        output: [u32; MAX_RANK],
    }
    options {}
    by_hand {}
    derived {
        /// The function.
        function: PhantomData<F> = PhantomData,
    }
}

impl<F: PairFunction> Pairwise<F> {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        match (extent(&self.dims, &self.left), extent(&self.dims, &self.right), extent(&self.dims, &self.output)) {
            (Some(x), Some(r), Some(y)) => Some(Extent { x, r, w: 0, y }),
            _ => None,
        }
    }

    /// Computes every element.
    ///
    /// # Safety
    /// `extent()` is some; `x` and `r` are readable and `y` writable for its lengths; no element of the output is an element of an
    /// operand.
    #[inline(never)]
    pub(crate) unsafe fn run(&self, x: *const F::Input, r: *const F::Second, y: *mut F::Output) {
        let last = MAX_RANK - 1;
        let steps = [self.left[last] as usize, self.right[last] as usize, self.output[last] as usize];
        let mut index = Odometer::new(&self.dims);
        loop {
            let x = x.wrapping_add(index.at(&self.left));
            let r = r.wrapping_add(index.at(&self.right));
            let y = y.wrapping_add(index.at(&self.output));
            for i in 0..self.dims[last] as usize {
                // SAFETY: the index lies inside the dimensions, so the offsets lie inside the extents.
                unsafe { *y.add(i * steps[2]) = F::apply(*x.add(i * steps[0]), *r.add(i * steps[1])) };
            }
            if !index.advance() {
                return;
            }
        }
    }
}

strided_kernel!([F: PairFunction,] Pairwise<F>, F::Input, F::Second => F::Output, |self, at| self.run(at.x, at.r, at.y), apart: |_| false);

/// Declares functions: what each is, its name, its types and its meaning.
macro_rules! functions {
    ($($(#[$meta:meta])+ $name:ident: $input:ty => $output:ty, |$a:ident, $b:ident| $value:expr;)+) => {$(
        $(#[$meta])+
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name;

        impl sealed::Function for $name {
            type Input = $input;
            type Second = $input;
            type Output = $output;

            #[inline(always)]
            fn apply($a: $input, $b: $input) -> $output {
                $value
            }
        }
    )+};
}

functions! {
    /// The first to the power of the second.
    Pow: f32 => f32, |a, b| power(a, b);
    /// What division of the first by the second leaves, with the sign of the first, as C's `fmod`.
    Mod: f32 => f32, |a, b| remainder(a, b);
    /// What division of the first by the second leaves, with the sign of the second, as Python's `%`.
    FloorMod: f32 => f32, |a, b| floor_remainder(a, b);
    /// Whether both are true: not zero.
    And: u8 => u8, |a, b| u8::from((a != 0) & (b != 0));
    /// Whether either is true.
    Or: u8 => u8, |a, b| u8::from((a != 0) | (b != 0));
    /// Whether one alone is true.
    Xor: u8 => u8, |a, b| u8::from((a != 0) != (b != 0));
    /// The second where the first is not zero, else a mark that [`Fill`] knows: a pattern of a NaN's bits that the second is not given.
    Mark: f32 => f32, |choice, value| match (choice != 0.0, value.to_bits() == MARK) {
        (false, _) => f32::from_bits(MARK),
        (true, true) => f32::NAN,
        (true, false) => value,
    };
    /// The second where the first is the mark of [`Mark`], else the first.
    Fill: f32 => f32, |marked, value| if marked.to_bits() == MARK { value } else { marked };
}

/// Where a value is still to come.
const MARK: u32 = 0x7fc5_a5a5;

/// Declares functions of elements of any type of a kind: what each is, its name with that kind, the type of its result and its meaning.
macro_rules! generic {
    ($($(#[$meta:meta])+ $name:ident<$element:ident: $kind:ident $(= $default:ty)?> => $output:ty, |$a:ident, $b:ident| $value:expr;)+) => {$(
        $(#[$meta])+
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name<$element: $kind $(= $default)?>(PhantomData<$element>);

        impl<$element: $kind> sealed::Function for $name<$element> {
            type Input = $element;
            type Second = $element;
            type Output = $output;

            #[inline(always)]
            fn apply($a: $element, $b: $element) -> $output {
                $value
            }
        }
    )+};
}

generic! {
    /// Whether both are the same number.
    Equal<T: Element> => u8, |a, b| u8::from(a == b);
    /// Whether the first is the lesser.
    Less<T: Element> => u8, |a, b| u8::from(a < b);
    /// Whether the first is the lesser or both are the same number.
    LessOrEqual<T: Element> => u8, |a, b| u8::from(a <= b);
    /// The lesser; NaN where either is.
    Min<T: Element = f32> => T, |a, b| if is_nan(a) || a < b { a } else { b };
    /// The greater; NaN where either is.
    Max<T: Element = f32> => T, |a, b| if is_nan(a) || a > b { a } else { b };
    /// The second where the first is not zero, else zero.
    Keep<T: Element> => T, |choice, value| {
        let zero = T::from_i32(0);
        if choice == zero { zero } else { value }
    };
    /// The sum, which wraps.
    Add<T: Integer> => T, |a, b| a.plus(b);
    /// The difference, which wraps.
    Sub<T: Integer> => T, |a, b| a.minus(b);
    /// The product, which wraps.
    Mul<T: Integer> => T, |a, b| a.times(b);
    /// The quotient, cut towards zero: it wraps, and is zero where the divisor is.
    Div<T: Integer> => T, |a, b| a.quotient(b);
    /// What division of the first by the second leaves, with the sign of the first: zero where the divisor is.
    Remainder<T: Integer> => T, |a, b| a.remainder(b);
    /// What division of the first by the second leaves, with the sign of the second: zero where that is zero.
    Modulo<T: Integer> => T, |a, b| modulo(a, b);
    /// The first to the power of the second, which wraps; where the second is below zero it is cut towards zero, and zero where the first
    /// is.
    Power<T: Integer> => T, |a, b| power_of_integer(a, b.cast());
}

/// The first to the power of the second, cut towards zero: where the second is whole as [`Power`] has it, else as far as an `i64` holds it,
/// and zero where it is not a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PowerByFloat;

impl PowerByFloat {
    /// The power of one integer.
    pub fn of(base: i64, exponent: f32) -> i64 {
        power_by_float(base, exponent)
    }
}

impl sealed::Function for PowerByFloat {
    type Input = i64;
    type Second = f32;
    type Output = i64;

    #[inline(always)]
    fn apply(a: i64, b: f32) -> i64 {
        power_by_float(a, b)
    }
}

#[inline(always)]
fn is_nan<T: Element>(x: T) -> bool {
    x.partial_cmp(&x).is_none()
}
