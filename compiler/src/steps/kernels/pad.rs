//! `Pad`: a tensor inside a larger one of a constant value.

use peleec_runtime::MAX_RANK;

use super::bound::{Plainly, of_integer};
use super::{Bound, Cost, Kernel, Places, Views, Work};
use crate::diagnostics::OpError;
use crate::steps::views::leading;

/// Around one input.
#[derive(Clone, Debug)]
pub(crate) struct Pad {
    /// The output's index at which the input begins.
    pub(crate) begins: Vec<usize>,
    pub(crate) value: PadValue,
}

/// What stands around the input, by the type of its elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum PadValue {
    Float(f32),
    /// Truth is 0 or 1.
    Integer(i64),
}

impl Kernel for Pad {
    fn places(&self) -> Places {
        Places { interleaves: false, splits: false, in_place: false, rows: None }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let (input, output) = (&views.inputs[0], views.output);
        if output.dims.len() > MAX_RANK {
            return Err(OpError::unsupported(format!("pads {} dimensions", output.dims.len())).supported("6 dimensions"));
        }
        let (dims, inner, begin) = (leading(&output.dims, 1), leading(&input.dims, 1), leading(&self.begins, 0));
        let (input, output) = (leading(&input.strides, 0), leading(&output.strides, 0));
        let bound: Result<Box<dyn Bound>, OpError> = match self.value {
            PadValue::Float(value) => {
                let geometry = peleec_runtime::Pad::new(dims, inner, begin, input, output, value);
                Ok(Box::new(Plainly { geometry, name: "pad", kind: "Pad<f32>".into() }))
            }
            PadValue::Integer(value) => of_integer!(views.output.dtype, T => {
                let geometry = peleec_runtime::Pad::new(dims, inner, begin, input, output, value as T);
                let kind = format!("Pad<{}>", views.output.dtype.element()).into();
                Ok(Box::new(Plainly { geometry, name: "pad", kind }))
            }),
        };
        Ok(Work::Kernel(bound?))
    }
}
