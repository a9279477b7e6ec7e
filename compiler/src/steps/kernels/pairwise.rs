//! `Pairwise`: an element-wise function of two tensors that firmware links where it has it, either of which may be broadcast.

use peleec_runtime::PairFunction;

use super::bound::{Plainly, of_element, of_integer};
use super::{Cost, Kernel, Places, Views, Work};
use crate::diagnostics::OpError;
use crate::steps::views::Common;
use crate::tensor::DType;

/// Which function, of the runtime's of one name. Those from `Add` on are of integers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Function {
    Min,
    Max,
    Pow,
    /// Of integers of 64 bits by floats.
    PowerByFloat,
    Mod,
    FloorMod,
    Equal,
    Less,
    LessOrEqual,
    And,
    Or,
    Xor,
    Mark,
    Fill,
    Keep,
    Add,
    Sub,
    Mul,
    Div,
    Remainder,
    Modulo,
    Power,
}

/// Of two inputs of one type, but for [`Function::PowerByFloat`].
#[derive(Clone, Debug)]
pub(crate) struct Pairwise {
    pub(crate) function: Function,
}

impl Kernel for Pairwise {
    fn places(&self) -> Places {
        Places { interleaves: false, splits: false, in_place: false, rows: None }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let dtype = views.inputs[0].dtype;
        let of = |name: &str| format!("{name}<{}>", dtype.element());
        macro_rules! generic {
            ($of_type:ident, $function:ident, $name:literal) => {
                $of_type!(dtype, T => bound::<peleec_runtime::$function<T>>(views, $name, &of(stringify!($function))))
            };
        }
        match self.function {
            // The elements' type is left out where it is the usual one.
            Function::Min if dtype == DType::F32 => bound::<peleec_runtime::Min>(views, "minimum", "Min"),
            Function::Max if dtype == DType::F32 => bound::<peleec_runtime::Max>(views, "maximum", "Max"),
            Function::Min => generic!(of_element, Min, "minimum"),
            Function::Max => generic!(of_element, Max, "maximum"),
            Function::Pow => bound::<peleec_runtime::Pow>(views, "power", "Pow"),
            Function::PowerByFloat => bound::<peleec_runtime::PowerByFloat>(views, "power", "PowerByFloat"),
            Function::Mod => bound::<peleec_runtime::Mod>(views, "remainder", "Mod"),
            Function::FloorMod => bound::<peleec_runtime::FloorMod>(views, "modulo", "FloorMod"),
            Function::Equal => generic!(of_element, Equal, "equal"),
            Function::Less => generic!(of_element, Less, "less"),
            Function::LessOrEqual => generic!(of_element, LessOrEqual, "less or equal"),
            Function::And => bound::<peleec_runtime::And>(views, "and", "And"),
            Function::Or => bound::<peleec_runtime::Or>(views, "or", "Or"),
            Function::Xor => bound::<peleec_runtime::Xor>(views, "xor", "Xor"),
            Function::Mark => bound::<peleec_runtime::Mark>(views, "mark", "Mark"),
            Function::Fill => bound::<peleec_runtime::Fill>(views, "fill", "Fill"),
            Function::Keep => generic!(of_element, Keep, "keep"),
            Function::Add => generic!(of_integer, Add, "sum"),
            Function::Sub => generic!(of_integer, Sub, "difference"),
            Function::Mul => generic!(of_integer, Mul, "product"),
            Function::Div => generic!(of_integer, Div, "quotient"),
            Function::Remainder => generic!(of_integer, Remainder, "remainder"),
            Function::Modulo => generic!(of_integer, Modulo, "modulo"),
            Function::Power => generic!(of_integer, Power, "power"),
        }
    }
}

/// The kernel of `F`, the function that goes by `function` as Rust code.
fn bound<F: PairFunction>(views: &Views<'_>, name: &'static str, function: &str) -> Result<Work, OpError> {
    let output = views.output;
    let [left, right] = [0, 1].map(|index| views.inputs[index].broadcast(&output.dims));
    let common = Common::new(&output.dims, [&left, &right, &output.strides], usize::MAX)?;
    let [left, right, output] = [0, 1, 2].map(|operand| common.strides(operand));
    let geometry = peleec_runtime::Pairwise::<F>::new(common.dims(), left, right, output);
    let kind = format!("Pairwise<peleec_runtime::{function}>");
    Ok(Work::Kernel(Box::new(Plainly { geometry, name, kind: kind.into() })))
}
