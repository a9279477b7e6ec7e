//! `Arg` and `Hardmax`: where the greatest or the least element stands along one axis.

use peleec_runtime::Element;

use super::bound::{Plainly, of_element};
use super::softmax::along;
use super::{Cost, Kernel, Places, View, Views, Work};
use crate::diagnostics::OpError;
use crate::steps::views::Common;

/// The index, of one input.
#[derive(Clone, Debug)]
pub(crate) struct Arg {
    pub(crate) axis: usize,
    /// The axis stays with an extent of one.
    pub(crate) keepdims: bool,
    /// The least element instead of the greatest.
    pub(crate) least: bool,
    /// The last of several instead of the first.
    pub(crate) last: bool,
}

impl Kernel for Arg {
    fn places(&self) -> Places {
        Places { interleaves: false, splits: false, in_place: false, rows: None }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let input = &views.inputs[0];
        of_element!(input.dtype, F => self.bound::<F>(input, views.output))
    }
}

impl Arg {
    fn bound<F: Element>(&self, input: &View, output: &View) -> Result<Work, OpError> {
        let (mut dims, mut from, mut to) = (input.dims.clone(), input.strides.clone(), output.strides.clone());
        // The axis comes last; the output takes no step along it.
        dims.push(dims[self.axis]);
        from.push(from[self.axis]);
        to.push(0);
        dims.remove(self.axis);
        from.remove(self.axis);
        if self.keepdims {
            to.remove(self.axis);
        }
        let common = Common::new(&dims, [&from, &to], dims.len() - 1)?;
        let geometry = peleec_runtime::Arg::<F>::new(common.dims(), common.strides(0), common.strides(1));
        let kind = format!("Arg<{}>", input.dtype.element());
        Ok(Work::Kernel(Box::new(Plainly { geometry: geometry.least(self.least).last(self.last), name: "arg", kind: kind.into() })))
    }
}

/// A one there among zeros, of one input.
#[derive(Clone, Debug)]
pub(crate) struct Hardmax {
    pub(crate) axis: usize,
}

impl Kernel for Hardmax {
    fn places(&self) -> Places {
        Places { interleaves: false, splits: false, in_place: true, rows: None }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let common = along(self.axis, views)?;
        let geometry = peleec_runtime::Hardmax::new(common.dims(), common.strides(0), common.strides(1));
        Ok(Work::Kernel(Box::new(Plainly { geometry, name: "hardmax", kind: "Hardmax".into() })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::DType;

    /// The geometry along the first axis of a matrix of three columns.
    fn value(arg: &Arg, dims: &[usize], strides: &[usize]) -> String {
        let input = View { dtype: DType::F32, dims: vec![2, 3], strides: vec![3, 1], ring: None };
        let output = View { dtype: DType::I64, dims: dims.to_vec(), strides: strides.to_vec(), ring: None };
        let views = Views { inputs: &[input], output: &output, relation: None, split: false, by_rows: false };
        match arg.bind(&views) {
            Ok(Work::Kernel(bound)) => bound.value(),
            _ => String::new(),
        }
    }

    #[test]
    fn the_output_takes_no_step_along_the_axis() {
        let wanted = "Kernel::new([1, 1, 1, 1, 3, 2], [0, 0, 0, 0, 1, 3], [0, 0, 0, 0, 1, 0])";
        let arg = Arg { axis: 0, keepdims: false, least: false, last: false };
        assert_eq!(value(&arg, &[3], &[1]), wanted);
        let arg = Arg { axis: 0, keepdims: true, least: true, last: true };
        assert_eq!(value(&arg, &[1, 3], &[3, 1]), format!("{wanted}.least(true).last(true)"));
    }
}
