//! `Softmax` along one axis.

use super::bound::Plainly;
use super::{Cost, Kernel, Places, Views, Work};
use crate::diagnostics::OpError;
use crate::steps::views::Common;

/// Of one input.
#[derive(Clone, Debug)]
pub(crate) struct Softmax {
    pub(crate) axis: usize,
}

/// Dimensions and strides of input and output, with `axis` as the last.
pub(super) fn along(axis: usize, views: &Views<'_>) -> Result<Common<2>, OpError> {
    let (input, output) = (&views.inputs[0], views.output);
    let [dims, a, b] = [&output.dims, &input.strides, &output.strides].map(|values| moved_last(values, axis));
    Common::new(&dims, [&a, &b], dims.len() - 1)
}

/// The values of all axes, that of `axis` last.
pub(super) fn moved_last(values: &[usize], axis: usize) -> Vec<usize> {
    let mut values = values.to_vec();
    let along = values.remove(axis);
    values.push(along);
    values
}

impl Kernel for Softmax {
    fn places(&self) -> Places {
        Places { interleaves: false, splits: false, in_place: true, rows: None }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let common = along(self.axis, views)?;
        let geometry = peleec_runtime::Softmax::new(common.dims(), common.strides(0), common.strides(1));
        Ok(Work::Kernel(Box::new(Plainly { geometry, name: "softmax", kind: "Softmax".into() })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::kernels::View;
    use crate::tensor::DType;

    #[test]
    fn the_axis_comes_last_and_the_others_are_joined() {
        assert_eq!(moved_last(&[2, 3, 4], 1), [2, 4, 3]);
        // Channels of a map that is stored with its channels last: a row for each of the four pixels.
        let view = View { dtype: DType::F32, dims: vec![1, 3, 2, 2], strides: vec![12, 1, 6, 3], ring: None };
        let views = Views { inputs: std::slice::from_ref(&view), output: &view, relation: None, split: false, by_rows: false };
        let common = along(1, &views).unwrap();
        assert_eq!(common.dims(), [1, 1, 1, 1, 4, 3]);
        assert_eq!([0, 1].map(|operand| common.strides(operand)), [[0, 0, 0, 0, 3, 1]; 2]);
    }
}
