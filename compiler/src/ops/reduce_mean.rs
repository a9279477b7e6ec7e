//! `ReduceMean`: the mean over any axes; over the spatial axes of a map it is a global average pool.

use std::sync::Arc;

use super::broadcast::source_index;
use super::operands::{Sum, distinct_axes, evaluated, float_type, floats, ints, output, output_shape, product};
use super::{OpError, Operator};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::steps::Lowering;
use crate::steps::Packed;
use crate::steps::kernels::Pool2d;
use crate::tensor::window::Window;
use crate::tensor::{DType, Shape, Tensor, TensorType};

/// One input; the axes are read when the node is parsed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ReduceMean {
    /// Ascending.
    pub(crate) axes: Vec<usize>,
    /// A reduced axis stays with an extent of one.
    pub(crate) keepdims: bool,
}

impl Operator for ReduceMean {
    const ATTRIBUTES: &'static [KnownAttribute] = &[known::ints("axes"), known::flag("keepdims"), known::flag("noop_with_empty_axes")];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let rank = node.input_type(0)?.shape.rank();
        let mut axes = match ints(node, 1, "axes")?.filter(|found| !found.is_empty()) {
            Some(found) => distinct_axes(&found, rank)?,
            None if node.flag("noop_with_empty_axes")?.unwrap_or(false) => Vec::new(),
            None => (0..rank).collect(),
        };
        axes.sort_unstable();
        Ok(ReduceMean { axes, keepdims: node.flag("keepdims")?.unwrap_or(true) })
    }

    fn data_inputs(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        output(DType::F32, self.reduced(float_type(inputs, 0)?)?)
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let shape = output_shape(self, inputs)?;
        let (x, input) = (floats(inputs, 0)?, inputs[0].map(|tensor| tensor.shape().clone()).unwrap_or_default());
        let kept = self.kept(&input);
        let mut sums = vec![Sum::from(0.0); shape.elements()];
        for (i, value) in x.iter().enumerate() {
            sums[source_index(i, &input, &kept)].add(*value);
        }
        let count = product(&self.axes.iter().map(|&axis| input[axis]).collect::<Vec<_>>());
        let means: Vec<f32> = sums.into_iter().map(|sum| sum.value(Sum::LONGEST) / count as f32).collect();
        evaluated(Tensor::f32(shape, means))
    }

    fn work(&self, inputs: &[Option<&TensorType>]) -> u64 {
        float_type(inputs, 0).map_or(0, |x| x.shape.elements() as u64)
    }

    /// An average pool over the reduced axes, laid out as one row of pixels whose channels are the kept axes.
    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let x = ctx.tensor(0)?;
        let shape = ctx.shape_of(x).clone();
        let kept: Vec<usize> = (0..shape.rank()).filter(|axis| !self.axes.contains(axis)).collect();
        let extent = |axes: &[usize]| axes.iter().map(|&axis| shape[axis]).product::<usize>();
        let (channels, width) = (extent(&kept), extent(&self.axes));
        let turned = ctx.permuted(x, [kept, self.axes.clone()].concat());
        let row = ctx.viewed(turned, Shape(vec![1, channels, 1, width]));
        let mean = ctx.output_as(Shape(vec![1, channels, 1, 1]));
        let window = Window { kernel: [1, width], ..Window::pointwise() };
        let (read, write) = (ctx.image(row, 0), ctx.image(mean, 0));
        let kernel = Pool2d { window, kind: peleec_runtime::PoolKind::AverageInside };
        ctx.push(Arc::new(kernel), vec![read], write, &Packed::default(), 0);
        ctx.finish(mean);
        Ok(())
    }
}

impl ReduceMean {
    /// The shape of the output.
    pub(crate) fn reduced(&self, x: &TensorType) -> Result<Shape, OpError> {
        if self.axes.last().is_some_and(|&axis| axis >= x.shape.rank()) {
            return Err(OpError::new(format!("the input is {x} where `axes` is {:?}", self.axes)));
        }
        let kept = self.kept(&x.shape);
        if self.keepdims {
            return Ok(kept);
        }
        let is_left = |axis: &usize| !self.axes.contains(axis);
        Ok(Shape((0..x.shape.rank()).filter(is_left).map(|axis| x.shape[axis]).collect()))
    }

    /// The input's shape with an extent of one on the reduced axes.
    pub(crate) fn kept(&self, input: &Shape) -> Shape {
        let mut kept = input.clone();
        self.axes.iter().for_each(|&axis| kept.0[axis] = 1);
        kept
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::test_case::{Case, floats};

    const SIX: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];

    #[test]
    fn axes_as_attribute_and_as_input() {
        let old = Case::new("ReduceMean", 11).ints("axes", &[-1]).floats(&[2, 3], &SIX);
        assert_eq!(old.evaluate(), Ok(floats(&[2, 1], &[2.0, 5.0])));
        let new = Case::new("ReduceMean", 18).int("keepdims", 0).floats(&[2, 3], &SIX).i64s(&[0]);
        assert_eq!(new.evaluate(), Ok(floats(&[3], &[2.5, 3.5, 4.5])));
        let split = Case::new("ReduceMean", 18).floats(&[1, 2, 1, 3], &SIX).i64s(&[3, 0]);
        assert_eq!(split.evaluate(), Ok(floats(&[1, 2, 1, 1], &[2.0, 5.0])));
    }

    #[test]
    fn without_axes_all_or_none_are_reduced() {
        let case = || Case::new("ReduceMean", 18).floats(&[2, 3], &SIX);
        assert_eq!(case().int("keepdims", 0).evaluate(), Ok(floats(&[], &[3.5])));
        assert_eq!(case().int("noop_with_empty_axes", 1).values(), SIX);
        assert_eq!(case().i64s(&[]).shape(), Ok(vec![1, 1]));
    }

    #[test]
    fn refusals() {
        assert!(Case::new("ReduceMean", 11).ints("axes", &[2]).input(&[2, 3]).refusal().contains("axis 2"));
        assert!(Case::new("ReduceMean", 11).ints("axes", &[0, -2]).input(&[2, 3]).refusal().contains("twice"));
        assert!(Case::new("ReduceMean", 18).input(&[2, 3]).input(&[1]).refusal().contains("run time"));
        assert!(Case::new("ReduceMean", 18).i64s(&[2]).refusal().contains("i64"));
        assert_eq!(Case::new("ReduceMean", 11).int("keepdims", 2).input(&[2]).refusal(), "attribute `keepdims` is 2 (supported: 0 or 1)");
    }

    /// Over any axes, by doubles.
    #[test]
    fn means_at_run_time() {
        let dims = [2, 3, 2, 4];
        let values: Vec<f32> = (0..48).map(|at| (at * 31 % 37) as f32 / 8.0).collect();
        for (chosen, keepdims) in (1..16_usize).flat_map(|chosen| [(chosen, true), (chosen, false)]) {
            let is_over = |axis: usize| chosen >> axis & 1 == 1;
            let axes: Vec<i64> = (0..4).filter(|&axis| is_over(axis)).map(|axis| axis as i64 - if keepdims { 4 } else { 0 }).collect();
            let found = Case::new("ReduceMean", 18)
                .int("keepdims", keepdims.into())
                .floats(&dims, &values)
                .i64s(&axes)
                .executed(&[])
                .unwrap()
                .remove(0);
            let kept = |axis: usize| if is_over(axis) { keepdims.then_some(1) } else { Some(dims[axis]) };
            assert_eq!(found.shape()[..], (0..4).filter_map(kept).collect::<Vec<_>>());
            let group = |at: usize| {
                let index = crate::tensor::unravel(at, &dims);
                (0..4).filter(|&axis| !is_over(axis)).fold(0, |group, axis| group * dims[axis] + index[axis])
            };
            for (place, &found) in found.as_f32().unwrap().iter().enumerate() {
                let members: Vec<f64> = (0..48).filter(|&at| group(at) == place).map(|at| values[at].into()).collect();
                let wanted = members.iter().sum::<f64>() / members.len() as f64;
                assert!((f64::from(found) - wanted).abs() < 1e-6, "axes {axes:?} at {place}: {found} is not {wanted}");
            }
        }
    }
}
