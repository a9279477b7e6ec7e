//! `ReduceMean`: the average over some axes, which are kept as one or dropped.
//!
//! The sum runs in row-major order of the reduced axes and is then divided by their number of elements.

use peleec_runtime::PoolKind;

use super::operands::{distinct_axes, evaluated, float_type, floats, ints, output, output_shape, product};
use super::window::Window;
use super::{OpError, Operator};
use crate::ir::{DType, Shape, Tensor, TensorType, ravel, unravel};
use crate::lower::Lowering;
use crate::lower::kernel::Kernel;
use crate::onnx::node::NodeView;
use crate::plan::problem::Access;

/// One input; the axes are read when the node is parsed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ReduceMean {
    /// In ascending order.
    pub(crate) axes: Vec<usize>,
    pub(crate) keep_dims: bool,
}

impl Operator for ReduceMean {
    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let rank = node.input_type(0)?.shape.rank();
        let given = ints(node, 1, "axes")?.filter(|axes| !axes.is_empty());
        let all = node.int("noop_with_empty_axes")?.unwrap_or(0) == 0;
        let mut axes = match given {
            Some(axes) => distinct_axes(&axes, rank)?,
            None if all => (0..rank).collect(),
            None => Vec::new(),
        };
        axes.sort_unstable();
        Ok(ReduceMean { axes, keep_dims: node.int("keepdims")?.unwrap_or(1) != 0 })
    }

    fn data_inputs(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let x = float_type(inputs, 0)?;
        let kept = x.shape.iter().enumerate().filter_map(|(axis, &dim)| match self.axes.contains(&axis) {
            true if self.keep_dims => Some(1),
            true => None,
            false => Some(dim),
        });
        output(DType::F32, kept.collect::<Vec<_>>())
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let shape = inputs.first().copied().flatten().map(|tensor| tensor.shape().clone()).unwrap_or_default();
        let (x, strides) = (floats(inputs, 0)?, shape.strides());
        let pick = |axes: &[usize], values: &[usize]| axes.iter().map(|&axis| values[axis]).collect::<Vec<_>>();
        let kept = self.kept(shape.rank());
        let (outer, inner) = (pick(&kept, &shape), pick(&self.axes, &shape));
        let (outer_strides, inner_strides) = (pick(&kept, &strides), pick(&self.axes, &strides));
        let count = product(&inner);
        let mean = |at: usize| {
            let base = ravel(&unravel(at, &outer), &outer_strides);
            let sum = (0..count).fold(0.0, |sum, i| sum + x[base + ravel(&unravel(i, &inner), &inner_strides)]);
            sum / count as f32
        };
        evaluated(Tensor::f32(output_shape(self, inputs)?, (0..product(&outer)).map(mean).collect::<Vec<_>>()))
    }

    /// An average pool over the reduced axes, laid out as one row of pixels whose channels are the kept axes.
    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let x = ctx.tensor(0)?;
        let shape = ctx.shape_of(x).clone();
        let kept = self.kept(shape.rank());
        let extent = |axes: &[usize]| axes.iter().map(|&axis| shape[axis]).product::<usize>();
        let (channels, width) = (extent(&kept), extent(&self.axes));
        let turned = ctx.permuted(x, [kept, self.axes.clone()].concat());
        let row = ctx.viewed(turned, Shape(vec![1, channels, 1, width]));
        let mean = ctx.output_as(Shape(vec![1, channels, 1, 1]));
        let window = Window { kernel: [1, width], ..Window::pointwise() };
        let (read, write): (Access, Access) = (ctx.image(row, 0), ctx.image(mean, 0));
        ctx.push(Kernel::Pool2d { window, kind: PoolKind::AverageInside }, vec![read], write, None, 0);
        ctx.finish(mean);
        Ok(())
    }
}

impl ReduceMean {
    fn kept(&self, rank: usize) -> Vec<usize> {
        (0..rank).filter(|axis| !self.axes.contains(axis)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_over_the_last_axes_is_the_global_average() {
        let x = Tensor::f32([1, 2, 1, 3], [1.0, 2.0, 6.0, -1.0, 0.0, 4.0]).unwrap();
        let mean = |axes: &[usize], keep_dims| ReduceMean { axes: axes.to_vec(), keep_dims }.evaluate(&[Some(&x)]).unwrap().remove(0);
        assert_eq!(mean(&[2, 3], true), Tensor::f32([1, 2, 1, 1], [3.0, 1.0]).unwrap());
        assert_eq!(mean(&[0, 1], false), Tensor::f32([1, 3], [0.0, 1.0, 5.0]).unwrap());
    }
}
