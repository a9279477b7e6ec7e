//! `Softmax`: along one axis, or before opset 13 over all axes from `axis` on; the maximum is subtracted first.

use std::sync::Arc;

use super::operands::{Sum, axis, evaluated, float_type, floats, function_work, output_shape, product};
use super::{OpError, Operator};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::steps::kernels::Kernel;
use crate::steps::{Lowering, Packed, kernels};
use crate::tensor::{Shape, Tensor, TensorType};

/// One input.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Softmax {
    pub(crate) axis: usize,
    /// All axes from `axis` on form one, as ONNX had it before opset 13.
    pub(crate) flatten: bool,
}

impl Operator for Softmax {
    const ATTRIBUTES: &'static [KnownAttribute] = &[known::int("axis")];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let flatten = node.opset < 13;
        let found = node.int("axis")?.unwrap_or(if flatten { 1 } else { -1 });
        Ok(Softmax { axis: axis(found, node.input_type(0)?.shape.rank())?, flatten })
    }

    fn data_inputs(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let x = float_type(inputs, 0)?;
        if self.axis >= x.shape.rank() {
            return Err(OpError::new(format!("the input is {x}, which has no axis {}", self.axis)));
        }
        Ok(vec![x.clone()])
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let shape = output_shape(self, inputs)?;
        let mut values = floats(inputs, 0)?.to_vec();
        let (len, step) = self.run(&shape);
        for start in (0..values.len()).filter(|i| i / step % len == 0) {
            let run = || (start..).step_by(step).take(len);
            let max = run().map(|i| values[i]).fold(f32::NEG_INFINITY, f32::max);
            run().for_each(|i| values[i] = (values[i] - max).exp());
            let mut sum = Sum::from(0.0);
            run().for_each(|i| sum.add(values[i]));
            let sum = sum.value(Sum::LONGEST);
            run().for_each(|i| values[i] /= sum);
        }
        evaluated(Tensor::f32(shape, values))
    }

    fn work(&self, inputs: &[Option<&TensorType>]) -> u64 {
        function_work(inputs)
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        self.lower_by(ctx, |axis| kernels::Softmax { axis })
    }
}

impl Softmax {
    /// Emits the step of a kernel along an axis.
    pub(super) fn lower_by<K: Kernel + 'static>(&self, ctx: &mut Lowering<'_>, kernel: impl Fn(usize) -> K) -> Result<(), OpError> {
        let shape = ctx.shape();
        if !self.flatten || self.axis + 1 == shape.rank() {
            let read = ctx.input(0)?;
            ctx.step(kernel(self.axis), vec![read]);
            return Ok(());
        }
        let flat = Shape(vec![product(&shape[..self.axis]), product(&shape[self.axis..])]);
        let input = ctx.tensor(0)?;
        let (x, y) = (ctx.viewed(input, flat.clone()), ctx.output_as(flat));
        ctx.push(Arc::new(kernel(1)), vec![ctx.whole(x)], ctx.whole(y), &Packed::default(), 0);
        ctx.finish(y);
        Ok(())
    }

    /// How many elements are normalised together, and how far apart they stand in a tensor of this shape.
    pub(crate) fn run(&self, shape: &[usize]) -> (usize, usize) {
        if self.flatten { (product(&shape[self.axis..]), 1) } else { (shape[self.axis], product(&shape[self.axis + 1..])) }
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::test_case::Case;

    // Softmax of (0, ln 3) is (1/4, 3/4).
    const LN_3: f32 = 1.098_612_3;

    fn rounded(case: &Case) -> Vec<f32> {
        case.values().iter().map(|v| (v * 1000.0).round() / 1000.0).collect()
    }

    #[test]
    fn along_an_axis() {
        let case = |axis| Case::new("Softmax", 13).int("axis", axis).floats(&[2, 2], &[0.0, LN_3, LN_3, 0.0]);
        assert_eq!(rounded(&case(-1)), [0.25, 0.75, 0.75, 0.25]);
        assert_eq!(rounded(&case(0)), [0.25, 0.75, 0.75, 0.25]);
        let large = Case::new("Softmax", 13).floats(&[1, 2], &[1000.0, 1000.0 + LN_3]);
        assert_eq!(rounded(&large), [0.25, 0.75]);
        assert!(Case::new("Softmax", 13).floats(&[0, 2], &[]).values().is_empty());
    }

    #[test]
    fn before_opset_13_the_axes_are_flattened() {
        let case = |opset| Case::new("Softmax", opset).int("axis", 1).floats(&[1, 2, 2], &[0.0, LN_3, 0.0, LN_3]);
        assert_eq!(rounded(&case(11)), [0.125, 0.375, 0.125, 0.375]);
        assert_eq!(rounded(&case(13)), [0.5, 0.5, 0.5, 0.5]);
        let default = Case::new("Softmax", 7).floats(&[2, 1, 2], &[0.0, LN_3, LN_3, 0.0]);
        assert_eq!(rounded(&default), [0.25, 0.75, 0.75, 0.25]);
    }

    #[test]
    fn refusals() {
        assert_eq!(
            Case::new("Softmax", 13).int("axis", 2).input(&[1, 2]).refusal(),
            "axis 2 is not one of 2 dimensions (supported: -2 to 1)"
        );
        assert!(Case::new("Softmax", 13).input(&[]).refusal().contains("0 dimensions"));
        assert!(Case::new("Softmax", 13).i64s(&[1]).refusal().contains("i64"));
    }
}
