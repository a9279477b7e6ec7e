//! `Normalize`: groups of elements less their mean, over their deviation or their norm, scaled and shifted.

use peleec_runtime::NormKind;

use super::bound::Plainly;
use super::reduce::parted;
use super::{Cost, Kernel, Places, View, Views, Work};
use crate::diagnostics::OpError;
use crate::steps::views::Common;

/// Of one input, and of one that holds scales and then shifts along its first axis, each broadcast to the input.
#[derive(Clone, Debug)]
pub(crate) struct Normalize {
    /// The axes of a group, ascending.
    pub(crate) axes: Vec<usize>,
    pub(crate) kind: NormKind,
    /// What is added to a variance.
    pub(crate) epsilon: f32,
    /// What is added to its root.
    pub(crate) beside: f32,
    /// Whether there is a second input.
    pub(crate) is_scaled: bool,
}

impl Kernel for Normalize {
    fn places(&self) -> Places {
        Places { interleaves: false, splits: false, in_place: !self.is_scaled, rows: None }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let (input, output) = (&views.inputs[0], views.output);
        let (scales, shift) = match views.inputs.get(1) {
            None => (vec![0; input.dims.len()], 0),
            Some(second) => {
                let scales = View { dims: second.dims[1..].to_vec(), strides: second.strides[1..].to_vec(), ..second.clone() };
                (scales.broadcast(&input.dims), second.strides[0])
            }
        };
        let [dims, over] = parted(&input.dims, &self.axes);
        let [x, r, y] = [&input.strides, &scales, &output.strides].map(|strides| parted(strides, &self.axes));
        let common = Common::new(&dims, [&x[0], &r[0], &y[0]], usize::MAX)?;
        let within = Common::new(&over, [&x[1], &r[1], &y[1]], 0)?;
        let [x, r, y] = [0, 1, 2].map(|operand| [common.strides(operand), within.strides(operand)]);
        let geometry = peleec_runtime::Normalize::new(common.dims(), within.dims(), x, y, self.kind);
        let geometry = geometry.epsilon(self.epsilon).beside(self.beside);
        let geometry = geometry.scales(self.is_scaled.then_some(r)).shift(u32::try_from(shift).unwrap_or(u32::MAX));
        Ok(Work::Kernel(Box::new(Plainly { geometry, name: "normalize", kind: "Normalize".into() })))
    }
}
