//! Functions of one float, of each element of a map. A function is a type, so that firmware links with those that it uses.
//!
//! What is not a number stays so, but for [`ThresholdedRelu`], and infinities give the limits. Errors of functions that are not exact are
//! counted in 2^-23 of the value; they are the greatest of some 10^6 arguments, against double precision, where the value is no subnormal
//! number.

use core::fmt::{self, Debug, Write};
use core::ops::Range;

use super::activation::Activation;
use super::elementary::{erf, floor, log, log_of_one_and, magnitude, round, sqrt, tanh, with_sign};
use super::exp::{exp, exp_minus_one};
use crate::cast::{convert, converted};
use crate::expression::Expression;
use crate::geometry::geometry;
use crate::kernel::map_kernel;
use crate::rows::{Area, MapLeaf, Pointers, RowWindow, Wrap, map_rows};
use crate::views::{Extent, Pixels};

/// A function of one float, with its parameters. Sealed.
pub trait Function: Copy + Debug + PartialEq + Expression + Send + Sync + sealed::Sealed + 'static {
    /// The name of the type.
    const NAME: &'static str;

    /// The function's value at `x`.
    fn apply(self, x: f32) -> f32;
}

mod sealed {
    /// Functions of this file alone.
    pub trait Sealed {}
}

/// Declares a function: its parameters, if it has any, and its value.
macro_rules! function {
    (of $name:ident { $($parameter:ident,)* } |$x:ident| $value:expr) => {
        impl sealed::Sealed for $name {}

        impl Function for $name {
            const NAME: &'static str = stringify!($name);

            #[inline(always)]
            fn apply(self, $x: f32) -> f32 {
                $(let $parameter = self.$parameter;)*
                $value
            }
        }

        impl Expression for $name {
            fn write(&self, to: &mut dyn Write) -> fmt::Result {
                let parameters: &[(&str, f32)] = &[$((stringify!($parameter), self.$parameter)),*];
                to.write_str(concat!("peleec_runtime::f32::function::", stringify!($name)))?;
                for (index, (name, value)) in parameters.iter().enumerate() {
                    write!(to, "{}{name}: ", if index == 0 { " { " } else { ", " })?;
                    value.write(to)?;
                }
                if parameters.is_empty() { Ok(()) } else { to.write_str(" }") }
            }
        }
    };
    ($(#[$meta:meta])+ $name:ident |$x:ident| $value:expr) => {
        $(#[$meta])+
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name;

        function!(of $name {} |$x| $value);
    };
    ($(#[$meta:meta])+ $name:ident { $($(#[$doc:meta])+ $parameter:ident,)+ } |$x:ident| $value:expr) => {
        $(#[$meta])+
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name {
            $($(#[$doc])+ pub $parameter: f32,)+
        }

        function!(of $name { $($parameter,)+ } |$x| $value);
    };
}

function! {
    /// `-x`.
    Neg |x| -x
}

function! {
    /// The magnitude.
    Abs |x| magnitude(x)
}

function! {
    /// One with the sign of `x`; zeros stay.
    Sign |x| if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        x
    }
}

function! {
    /// The greatest integer that is not above.
    Floor |x| floor(x)
}

function! {
    /// The least integer that is not below.
    Ceil |x| -floor(-x)
}

function! {
    /// The nearest integer, the even one of two.
    Round |x| round(x)
}

function! {
    /// The square root, rounded once.
    Sqrt |x| sqrt(x)
}

function! {
    /// `1 / x`.
    Reciprocal |x| 1.0 / x
}

function! {
    /// The exponential function, off by at most 0.7; results below the smallest normal number are zero.
    Exp |x| exp(x)
}

function! {
    /// The natural logarithm, off by at most 0.7.
    Log |x| log(x)
}

function! {
    /// The hyperbolic tangent, off by at most 1.2.
    Tanh |x| tanh(x)
}

function! {
    /// The error function, off by at most 0.7.
    Erf |x| erf(x)
}

function! {
    /// Of values below zero `alpha * (exp(x) - 1)`, off by at most 1.5.
    Elu {
        /// What is approached far below zero, but for its sign.
        alpha,
    } |x| if x < 0.0 { alpha * exp_minus_one(x) } else { x }
}

function! {
    /// `gamma * x`, of values below zero `gamma * alpha * (exp(x) - 1)`, off by at most 2.
    Selu {
        /// The factor of values below zero.
        alpha,
        /// The factor of all.
        gamma,
    } |x| gamma * if x < 0.0 { alpha * exp_minus_one(x) } else { x }
}

function! {
    /// Of values below zero `alpha * (exp(x / alpha) - 1)`, off by at most 2.
    Celu {
        /// What is approached far below zero, but for its sign; not zero.
        alpha,
    } |x| if x < 0.0 { alpha * exp_minus_one(x / alpha) } else { x }
}

function! {
    /// `ln(1 + exp(x))`, off by at most 1.5.
    Softplus |x| (if x > 0.0 { x } else { 0.0 }) + log_of_one_and(exp(-magnitude(x)))
}

function! {
    /// `x / (1 + |x|)`, off by at most 1.
    Softsign |x| {
        /// One more is the same number: larger ones give one, as this does.
        const FLAT: f32 = 1e9;
        let size = magnitude(x);
        let size = if size > FLAT { FLAT } else { size };
        with_sign(size / (1.0 + size), x)
    }
}

function! {
    /// `alpha * x + beta`, limited to `[0, 1]`.
    HardSigmoid {
        /// The slope.
        alpha,
        /// The value at zero.
        beta,
    } |x| Activation::Clip(0.0, 1.0).apply(alpha * x + beta)
}

function! {
    /// `x` times the chance that a normal variable is below: `x * (1 + erf(x / sqrt(2))) / 2`, off by at most 1 of 2^-23 where the value is
    /// below one, else of the value.
    Gelu |x| {
        let x = above(x);
        x * (0.5 * (1.0 + erf(x * core::f32::consts::FRAC_1_SQRT_2)))
    }
}

function! {
    /// [`Gelu`] as it was first approximated, `x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2`, off by at most 1.2 of 2^-23 where
    /// the value is below one, else of the value.
    GeluTanh |x| {
        // Twice the tangent's argument, as (1 + tanh(u)) / 2 is 1 / (1 + exp(-2 u)).
        let x = above(x);
        let twice = x * (1.595_769_2 + 0.071_354_814 * (x * x));
        x / (1.0 + exp(-twice))
    }
}

function! {
    /// `x * tanh(ln(1 + exp(x)))`, off by at most 2.5.
    Mish |x| {
        // Of `n = exp(x) (exp(x) + 2)` the tangent is `n / (n + 2)`; beyond these bounds it is one or zero.
        let x = if x < -100.0 { -100.0 } else { x };
        let e = exp(if x > 20.0 { 20.0 } else { x });
        let n = e * (e + 2.0);
        x * (n / (n + 2.0))
    }
}

function! {
    /// `x` where it is above `alpha`, else zero, also of what is not a number.
    ThresholdedRelu {
        /// What values must be above.
        alpha,
    } |x| if x > alpha { x } else { 0.0 }
}

/// `x`, or -16 where it is less: of functions that are zero from there on, as minus infinity times zero is not a number.
#[inline(always)]
fn above(x: f32) -> f32 {
    if x < -16.0 { -16.0 } else { x }
}

geometry! {
    /// Geometry of `y = function(x)`, element by element.
    pub struct Each [F: Function] [F] {
        /// The map that is read.
        input: Pixels,
        /// The map that is written.
        output: Pixels,
        /// The function.
        function: F,
    }
    options {}
    by_hand {}
    derived {}
}

impl<F: Function> Each<F> {
    /// The operands' lengths, or none where the geometry contradicts itself.
    pub const fn extent(&self) -> Option<Extent> {
        converted(&self.input, &self.output)
    }

    /// What a row of the output is made of.
    pub const fn row_window(&self) -> RowWindow {
        RowWindow::SAME
    }

    map_rows!(f32, f32 => f32);

    /// What computes an area of the output.
    #[inline(always)]
    pub(crate) fn leaf(&self) -> MapLeaf<Self> {
        Self::area
    }

    /// # Safety
    /// As [`MapLeaf`].
    #[inline(never)]
    unsafe fn area(&self, rows: Range<usize>, columns: Range<usize>, x: *const f32, _: *const f32, y: *mut f32, _: Wrap) {
        let function = self.function;
        // SAFETY: the caller's contract.
        unsafe { convert([&self.input, &self.output], rows, columns, x, y, |x| function.apply(x)) };
    }
}

map_kernel!([F: Function,] Each<F>, f32, f32 => f32);
