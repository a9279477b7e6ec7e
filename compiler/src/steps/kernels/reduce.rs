//! `Reduce`: all elements along some axes become one.

use peleec_runtime::Reduction;

use super::bound::Plainly;
use super::{Cost, Kernel, Places, Views, Work};
use crate::diagnostics::OpError;
use crate::steps::views::Common;

/// What becomes of the elements; a type of the runtime each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReduceKind {
    Sum,
    Prod,
    Min,
    Max,
    L1,
    L2,
    SumSquare,
    LogSum,
    LogSumExp,
}

impl ReduceKind {
    /// All of them.
    pub(crate) const ALL: [ReduceKind; 9] = [
        ReduceKind::Sum,
        ReduceKind::Prod,
        ReduceKind::Min,
        ReduceKind::Max,
        ReduceKind::L1,
        ReduceKind::L2,
        ReduceKind::SumSquare,
        ReduceKind::LogSum,
        ReduceKind::LogSumExp,
    ];

    /// ONNX's name, which the runtime's type has too.
    pub(crate) fn name(self) -> &'static str {
        match self {
            ReduceKind::Sum => "ReduceSum",
            ReduceKind::Prod => "ReduceProd",
            ReduceKind::Min => "ReduceMin",
            ReduceKind::Max => "ReduceMax",
            ReduceKind::L1 => "ReduceL1",
            ReduceKind::L2 => "ReduceL2",
            ReduceKind::SumSquare => "ReduceSumSquare",
            ReduceKind::LogSum => "ReduceLogSum",
            ReduceKind::LogSumExp => "ReduceLogSumExp",
        }
    }
}

/// Of one input.
#[derive(Clone, Debug)]
pub(crate) struct Reduce {
    pub(crate) kind: ReduceKind,
    /// Ascending.
    pub(crate) axes: Vec<usize>,
    /// A reduced axis stays with an extent of one.
    pub(crate) keepdims: bool,
}

impl Kernel for Reduce {
    fn places(&self) -> Places {
        Places { interleaves: false, splits: false, in_place: false, rows: None }
    }

    fn cost(&self, _channels: usize) -> Cost {
        Cost::default()
    }

    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError> {
        match self.kind {
            ReduceKind::Sum => self.bound::<peleec_runtime::ReduceSum>(views),
            ReduceKind::Prod => self.bound::<peleec_runtime::ReduceProd>(views),
            ReduceKind::Min => self.bound::<peleec_runtime::ReduceMin>(views),
            ReduceKind::Max => self.bound::<peleec_runtime::ReduceMax>(views),
            ReduceKind::L1 => self.bound::<peleec_runtime::ReduceL1>(views),
            ReduceKind::L2 => self.bound::<peleec_runtime::ReduceL2>(views),
            ReduceKind::SumSquare => self.bound::<peleec_runtime::ReduceSumSquare>(views),
            ReduceKind::LogSum => self.bound::<peleec_runtime::ReduceLogSum>(views),
            ReduceKind::LogSumExp => self.bound::<peleec_runtime::ReduceLogSumExp>(views),
        }
    }
}

impl Reduce {
    fn bound<K: Reduction>(&self, views: &Views<'_>) -> Result<Work, OpError> {
        let (input, output) = (&views.inputs[0], views.output);
        let ([dims, over], [outer, inner]) = (parted(&input.dims, &self.axes), parted(&input.strides, &self.axes));
        let [kept, _] = parted(&output.strides, &self.axes);
        let to = if self.keepdims { kept } else { output.strides.clone() };
        let common = Common::new(&dims, [&outer, &to], usize::MAX)?;
        let within = Common::new(&over, [&inner], 0)?;
        let input = [common.strides(0), within.strides(0)];
        let geometry = peleec_runtime::Reduce::<K>::new(common.dims(), within.dims(), input, common.strides(1));
        let kind = format!("Reduce<peleec_runtime::{}>", self.kind.name());
        Ok(Work::Kernel(Box::new(Plainly { geometry, name: "reduce", kind: kind.into() })))
    }
}

/// The values of all axes but some, and those of these.
pub(super) fn parted(values: &[usize], axes: &[usize]) -> [Vec<usize>; 2] {
    let of = |chosen: bool| values.iter().enumerate().filter(|(axis, _)| axes.contains(axis) == chosen).map(|(_, &value)| value).collect();
    [of(false), of(true)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::kernels::View;
    use crate::tensor::DType;

    #[test]
    fn axes_are_parted_in_their_order() {
        assert_eq!(parted(&[2, 3, 4, 5], &[1, 3]), [[2, 4], [3, 5]]);
        assert_eq!(parted(&[2, 3], &[0, 1]), [Vec::<usize>::new(), vec![2, 3]]);
    }

    #[test]
    fn a_reduced_axis_is_stepped_along_in_the_input_alone() {
        let input = View { dtype: DType::F32, dims: vec![2, 3, 4], strides: vec![12, 4, 1], ring: None };
        let of = |keepdims: bool, dims: &[usize], strides: &[usize]| {
            let output = View { dtype: DType::F32, dims: dims.to_vec(), strides: strides.to_vec(), ring: None };
            let inputs = std::slice::from_ref(&input);
            let views = Views { inputs, output: &output, relation: None, split: false, by_rows: false };
            match (Reduce { kind: ReduceKind::Max, axes: vec![1], keepdims }).bind(&views) {
                Ok(Work::Kernel(bound)) => [bound.kind(), bound.value()],
                _ => Default::default(),
            }
        };
        let dims = "[1, 1, 1, 1, 2, 4], [1, 1, 1, 1, 1, 3]";
        let value = format!("Kernel::new({dims}, [[0, 0, 0, 0, 12, 1], [0, 0, 0, 0, 0, 4]], [0, 0, 0, 0, 4, 1])");
        let wanted = ["peleec_runtime::Reduce<peleec_runtime::ReduceMax>".to_owned(), value];
        assert_eq!(of(false, &[2, 4], &[4, 1]), wanted);
        assert_eq!(of(true, &[2, 1, 4], &[4, 4, 1]), wanted);
    }
}
