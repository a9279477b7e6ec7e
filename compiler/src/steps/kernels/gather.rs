//! `Gather`: slices of a tensor picked along one axis by integers of another.

use peleec_runtime::{Element, Integer};

use super::bound::{Plainly, of_element};
use super::{Cost, Kernel, Places, Views, Work};
use crate::diagnostics::OpError;
use crate::steps::views::Common;
use crate::steps::words::words;
use crate::tensor::DType;

/// Of a tensor and of indices, whose dimensions stand in the output for the axis.
#[derive(Clone, Debug)]
pub(crate) struct Gather {
    pub(crate) axis: usize,
}

impl Kernel for Gather {
    fn places(&self) -> Places {
        Places { interleaves: false, splits: false, in_place: false, rows: None }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let dtype = views.inputs[0].dtype;
        match views.inputs[1].dtype {
            DType::I32 => of_element!(dtype, T => self.bound::<T, i32>(views)),
            DType::I64 => of_element!(dtype, T => self.bound::<T, i64>(views)),
            other => Err(OpError::unsupported(format!("reads indices of {other}")).supported("i32, i64")),
        }
    }
}

impl Gather {
    fn bound<T: Element, I: Integer>(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let (data, indices, output) = (&views.inputs[0], &views.inputs[1], views.output);
        let (picked, behind) = (indices.dims.len(), data.dims.len() - self.axis - 1);
        let from = [&data.strides[..self.axis], &vec![0; picked][..], &data.strides[self.axis + 1..]].concat();
        let by = [&vec![0; self.axis][..], &indices.strides[..], &vec![0; behind][..]].concat();
        let common = Common::new(&output.dims, [&from, &by, &output.strides], usize::MAX)?;
        let [from, by, to] = [0, 1, 2].map(|operand| common.strides(operand));
        let axis = words([data.dims[self.axis], data.strides[self.axis]]);
        let geometry = peleec_runtime::Gather::<T, I>::new(common.dims(), from, by, to, axis);
        let kind = format!("Gather<{}, {}>", data.dtype.element(), indices.dtype.element());
        Ok(Work::Kernel(Box::new(Plainly { geometry, name: "gather", kind: kind.into() })))
    }
}
