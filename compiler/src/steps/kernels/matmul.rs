//! `MatMul`: the matrix product of two tensors that are both computed at run time.

use super::bound::Plainly;
use super::{Cost, Kernel, Places, View, Views, Work};
use crate::diagnostics::OpError;
use crate::steps::words::words;

/// Of operands of rank 4: two batch dimensions, rows and columns.
#[derive(Clone, Debug)]
pub(crate) struct MatMul;

impl Kernel for MatMul {
    fn places(&self) -> Places {
        Places { interleaves: false, splits: false, in_place: false, rows: None }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let (left, right, output) = (&views.inputs[0], &views.inputs[1], views.output);
        let rank4 = |view: &View| <[usize; 4]>::try_from(&view.dims[..]).ok();
        let (Some([_, _, m, k]), Some([b0, b1, _, n])) = (rank4(left), rank4(output)) else {
            return Err(OpError::new("a matrix product has other than four dimensions"));
        };
        let strides = |view: &View, dims: [usize; 4]| {
            let strides = view.broadcast(&dims);
            words([strides[0], strides[1], strides[2], strides[3]])
        };
        let dims = words([b0, b1, m, n, k]);
        let (left, right) = (strides(left, [b0, b1, m, k]), strides(right, [b0, b1, k, n]));
        let geometry = peleec_runtime::MatMul::new(dims, left, right, strides(output, [b0, b1, m, n]));
        Ok(Work::Kernel(Box::new(Plainly { geometry, name: "matmul", kind: "MatMul".into() })))
    }
}
