//! `LogSoftmax` and `Hardmax`: along one axis, or before opset 13 over all axes from `axis` on; of several greatest elements `Hardmax`
//! marks the first.

use super::operands::{Sum, evaluated, floats, function_work, output_shape};
use super::{OpError, Operator, Softmax};
use crate::node::NodeView;
use crate::node::known::KnownAttribute;
use crate::steps::{Lowering, kernels};
use crate::tensor::{Tensor, TensorType};

/// One input; its axes are those of a `Softmax`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LogSoftmax {
    axes: Softmax,
    /// A one where the greatest element stands, and zeros.
    is_hard: bool,
}

impl Operator for LogSoftmax {
    const ATTRIBUTES: &'static [KnownAttribute] = Softmax::ATTRIBUTES;

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        Ok(LogSoftmax { axes: Softmax::parse(node)?, is_hard: node.op_type == "Hardmax" })
    }

    fn op_type(&self) -> Option<&'static str> {
        Some(if self.is_hard { "Hardmax" } else { "LogSoftmax" })
    }

    fn data_inputs(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        self.axes.infer(inputs)
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let shape = output_shape(self, inputs)?;
        let mut values = floats(inputs, 0)?.to_vec();
        let (len, step) = self.axes.run(&shape);
        for start in (0..values.len()).filter(|i| i / step % len == 0) {
            let run = || (start..).step_by(step).take(len);
            let greatest = run().reduce(|best, i| if values[i] > values[best] { i } else { best }).unwrap_or(start);
            if self.is_hard {
                run().for_each(|i| values[i] = if i == greatest { 1.0 } else { 0.0 });
                continue;
            }
            let (max, mut sum) = (values[greatest], Sum::from(0.0));
            run().for_each(|i| sum.add((values[i] - max).exp()));
            let log_sum = sum.value(Sum::LONGEST).ln();
            run().for_each(|i| values[i] = (values[i] - max) - log_sum);
        }
        evaluated(Tensor::f32(shape, values))
    }

    fn work(&self, inputs: &[Option<&TensorType>]) -> u64 {
        function_work(inputs)
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        match self.is_hard {
            true => self.axes.lower_by(ctx, |axis| kernels::Hardmax { axis }),
            false => self.axes.lower_by(ctx, |axis| kernels::LogSoftmax { axis }),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::test_case::Case;

    fn rounded(case: &Case) -> Vec<f32> {
        case.values().iter().map(|v| (v * 1e4).round() / 1e4).collect()
    }

    /// The examples of ONNX's backend tests.
    #[test]
    fn logarithms_of_a_softmax() {
        let case = |opset| Case::new("LogSoftmax", opset);
        assert_eq!(rounded(&case(13).floats(&[1, 3], &[-1.0, 0.0, 1.0])), [-2.4076, -1.4076, -0.4076]);
        let large = case(13).floats(&[2, 4], &[0.0, 1.0, 2.0, 3.0, 10_000.0, 10_001.0, 10_002.0, 10_003.0]);
        assert_eq!(rounded(&large), [-3.4402, -2.4402, -1.4402, -0.4402, -3.4402, -2.4402, -1.4402, -0.4402]);
        assert_eq!(rounded(&case(13).int("axis", 0).floats(&[2, 1], &[0.0, 1.0])), [-1.3133, -0.3133]);
        assert_eq!(rounded(&case(11).floats(&[1, 2, 2], &[0.0; 4])), [-1.3863; 4]);
    }

    #[test]
    fn a_one_at_the_first_of_the_greatest() {
        let case =
            Case::new("Hardmax", 13).floats(&[4, 4], &[3.0, 0.0, 1.0, 2.0, 2.0, 5.0, 1.0, 0.0, 0.0, 1.0, 3.0, 2.0, 0.0, 1.0, 2.0, 3.0]);
        let ones: Vec<usize> = case.values().iter().enumerate().filter(|(_, v)| **v == 1.0).map(|(i, _)| i).collect();
        assert_eq!(ones, [0, 5, 10, 15]);
        assert_eq!(Case::new("Hardmax", 13).floats(&[1, 4], &[3.0, 3.0, 3.0, 1.0]).values(), [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(Case::new("Hardmax", 13).int("axis", 0).floats(&[2, 2], &[1.0, 5.0, 2.0, 4.0]).values(), [0.0, 1.0, 1.0, 0.0]);
        assert_eq!(Case::new("Hardmax", 11).floats(&[1, 2, 2], &[1.0, 5.0, 2.0, 4.0]).values(), [0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn refusals() {
        assert!(Case::new("Hardmax", 13).int("axis", 2).input(&[1, 2]).refusal().contains("axis 2 is not one of 2 dimensions"));
        assert!(Case::new("LogSoftmax", 13).i64s(&[1]).refusal().contains("i64"));
    }
}
