//! `Conv`: 1-D or 2-D convolution with any kernel, stride, pads, `auto_pad`, dilation and group.
//!
//! Fusion adds inputs and an epilogue: `pool(activation(Conv(X, W) + B + residual))`.

use peleec_runtime::Activation;

use super::operands::{Sum, evaluated, float_type, floats, output, output_shape, product};
use super::window;
use super::{OpError, Operator, Pool, unary};
use crate::ir::window::{Window, hw, with_spatial};
use crate::ir::{DType, Shape, Tensor, TensorType};
use crate::lower::kernels::{Convolution, DepthwiseConv2d};
use crate::lower::{Lowering, micro};
use crate::onnx::node::NodeView;
use crate::plan::problem::TensorId;

/// Inputs: `X` [N,C,H,W], `W` [M,C/group,kH,kW], optional `B` [M], optional residual of the convolution's shape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Conv {
    pub(crate) window: Window,
    pub(crate) group: usize,
    pub(crate) activation: Activation,
    /// What the output is pooled by.
    pub(crate) pool: Option<Pool>,
}

impl Conv {
    pub(crate) const BIAS: usize = 2;
    pub(crate) const RESIDUAL: usize = 3;
}

impl Operator for Conv {
    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let (x, w) = (node.input_type(0)?, node.input_type(1)?);
        let kernel = w.shape.get(2..).ok_or_else(|| OpError::new(format!("`W` is {w}")).supported("[M,C/group,kH,kW]"))?;
        let group = node.int("group")?.unwrap_or(1);
        let group = usize::try_from(group).ok().filter(|&g| g >= 1);
        let group = group.ok_or_else(|| OpError::new("attribute `group` is below 1"))?;
        let window = window::parse(node, Some(kernel), &x.shape)?;
        Ok(Conv { window: Window { ceil_mode: false, ..window }, group, activation: Activation::Identity, pool: None })
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let convolved = output(DType::F32, self.convolved(inputs)?)?;
        match &self.pool {
            Some(pool) => pool.infer(&[convolved.first()]),
            None => Ok(convolved),
        }
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        if let Some(pool) = &self.pool {
            let map = Conv { pool: None, ..self.clone() }.evaluate(inputs)?;
            return pool.evaluate(&[map.first()]);
        }
        let shape = output_shape(self, inputs)?;
        let (x, w) = (floats(inputs, 0)?, floats(inputs, 1)?);
        let bias = inputs.get(Conv::BIAS).copied().flatten().and_then(Tensor::as_f32);
        let residual = inputs.get(Conv::RESIDUAL).copied().flatten().and_then(Tensor::as_f32);
        let [oh, ow] = hw(&shape);
        let mut values = Vec::with_capacity(shape.elements());
        for n in 0..shape[0] {
            for m in 0..shape[1] {
                for y in 0..oh {
                    for at in 0..ow {
                        let start = bias.map_or(0.0, |bias| bias[m]);
                        let sum = self.sum(start, (x, &inputs[0]), (w, &inputs[1]), [n, m, y, at]);
                        let sum = sum + residual.map_or(0.0, |residual| residual[values.len()]);
                        values.push(unary::activate(self.activation, sum));
                    }
                }
            }
        }
        evaluated(Tensor::f32(shape, values))
    }

    fn macs(&self, inputs: &[Option<&TensorType>]) -> u64 {
        let (Ok((_, w)), Ok(shape)) = (x_and_w(inputs), self.convolved(inputs)) else { return 0 };
        shape.elements().saturating_mul(product(&w.shape[1..])) as u64
    }

    /// A step an image, depthwise where every channel has its own kernel. A pool is a step of its own where no register tile of the target
    /// can hold whole windows, and where a sum is cut.
    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let weights = ctx.weights(1, "W")?;
        let bias = if ctx.has(Conv::BIAS) { Some(ctx.weights(Conv::BIAS, "B")?) } else { None };
        let Some(&[filters, depth, ..]) = ctx.constant(1).map(|w| &w.shape()[..]) else {
            return Err(OpError::new("`W` has fewer than three dimensions"));
        };
        let (window, group, activation) = (self.window.clone(), self.group, self.activation);
        let convolution = Convolution { window, group, activation, pool: None, weights, bias, filters, depth };
        match &self.pool {
            None => {
                let y = ctx.output();
                convolution_to(ctx, &convolution, y)
            }
            Some(pool) if micro::can_pool(ctx.profile()) && !convolution.is_long() => {
                let y = ctx.output();
                convolution_to(ctx, &Convolution { pool: Some(pool.kind.lowered()), ..convolution }, y)
            }
            Some(pool) => {
                let x = ctx.tensor(0)?;
                let shape = with_spatial(ctx.shape_of(x), ctx.shape_of(x)[0], filters, self.window.output(ctx.shape_of(x))?);
                let map = ctx.between(shape);
                let last = ctx.set_last_aside();
                convolution_to(ctx, &convolution, map)?;
                ctx.go_on(last, "/pool");
                pool.lower_from(ctx, map)?;
                Ok(())
            }
        }
    }
}

/// A convolution of the first input to `y`, with a residual where there is one.
fn convolution_to(ctx: &mut Lowering<'_>, convolution: &Convolution<'_>, y: TensorId) -> Result<(), OpError> {
    let x = ctx.tensor(0)?;
    let residual = if ctx.has(Conv::RESIDUAL) { Some(ctx.tensor(Conv::RESIDUAL)?) } else { None };
    let Convolution { depth, filters, group, .. } = *convolution;
    let is_depthwise = depth == 1 && filters == group && group > 1 && residual.is_none() && convolution.pool.is_none();
    let batch = ctx.shape_of(y)[0];
    ctx.images(batch)?;
    for n in 0..batch {
        let (from, to) = (ctx.image(x, n), ctx.image(y, n));
        match residual.map(|residual| ctx.image(residual, n)) {
            None if is_depthwise => DepthwiseConv2d::lower(ctx, convolution, from, to),
            residual => convolution.lower(ctx, &from, residual, &to)?,
        }
    }
    Ok(())
}

impl Conv {
    /// The shape of the map before the pool.
    fn convolved(&self, inputs: &[Option<&TensorType>]) -> Result<Shape, OpError> {
        let (x, w) = x_and_w(inputs)?;
        let kernel: &[usize] = if x.shape.rank() == 3 { &self.window.kernel[1..] } else { &self.window.kernel };
        let fits = w.shape.rank() == x.shape.rank()
            && w.shape[1].checked_mul(self.group) == Some(x.shape[1])
            && w.shape[0].is_multiple_of(self.group)
            && w.shape[2..] == *kernel;
        if !fits {
            return Err(OpError::new(format!("`X` {x} does not go with `W` {w} at group {}", self.group)));
        }
        let shape = with_spatial(&x.shape, x.shape[0], w.shape[0], self.window.output(&x.shape)?);
        if let Some(Some(bias)) = inputs.get(Conv::BIAS)
            && **bias != TensorType::f32([w.shape[0]])
        {
            return Err(OpError::new(format!("`B` is {bias} where `W` has {} output channels", w.shape[0])));
        }
        if let Some(Some(residual)) = inputs.get(Conv::RESIDUAL)
            && **residual != TensorType::f32(shape.clone())
        {
            return Err(OpError::new(format!("the residual is {residual} where the output is {shape}")));
        }
        Ok(shape)
    }

    /// One output: the products of the window in the order (ky, kx, ci), which is the numeric contract of class `plain`.
    fn sum(&self, start: f32, x: (&[f32], &Option<&Tensor>), w: (&[f32], &Option<&Tensor>), [n, m, y, at]: [usize; 4]) -> f32 {
        let (Some(xs), Some(ws)) = (x.1.map(Tensor::shape), w.1.map(Tensor::shape)) else { return start };
        let ([h, width], channels) = (hw(xs), ws[1]);
        let first = m / (ws[0] / self.group) * channels;
        let [kh, kw] = self.window.kernel;
        let mut sum = Sum::from(start);
        for (ky, iy) in self.window.taps(0, y, h) {
            for (kx, ix) in self.window.taps(1, at, width) {
                for ci in 0..channels {
                    let value = x.0[((n * xs[1] + first + ci) * h + iy) * width + ix];
                    sum.add_product(value, w.0[((m * channels + ci) * kh + ky) * kw + kx]);
                }
            }
        }
        sum.value(Sum::LONGEST_OF_PRODUCTS)
    }
}

fn x_and_w<'a>(inputs: &[Option<&'a TensorType>]) -> Result<(&'a TensorType, &'a TensorType), OpError> {
    Ok((float_type(inputs, 0)?, float_type(inputs, 1)?))
}

#[cfg(test)]
mod tests {
    use crate::ops::case::Case;

    fn ones(opset: i64) -> Case {
        let x: Vec<f32> = (1..=9u8).map(f32::from).collect();
        Case::new("Conv", opset).floats(&[1, 1, 3, 3], &x).floats(&[1, 1, 2, 2], &[1.0; 4])
    }

    #[test]
    fn windows() {
        assert_eq!(ones(11).values(), [12.0, 16.0, 24.0, 28.0]);
        assert_eq!(ones(11).ints("strides", &[2, 2]).ints("pads", &[1, 1, 0, 0]).values(), [1.0, 5.0, 11.0, 28.0]);
        assert_eq!(ones(11).ints("dilations", &[2, 2]).values(), [20.0]);
        assert_eq!(ones(11).string("auto_pad", "SAME_UPPER").values(), [12.0, 16.0, 9.0, 24.0, 28.0, 15.0, 15.0, 17.0, 9.0]);
        assert_eq!(ones(11).string("auto_pad", "SAME_LOWER").shape(), Ok(vec![1, 1, 3, 3]));
        assert_eq!(ones(11).floats(&[1], &[0.5]).values(), [12.5, 16.5, 24.5, 28.5]);
    }

    #[test]
    fn groups_and_one_dimension() {
        let depthwise = Case::new("Conv", 11).int("group", 2).floats(&[1, 2, 2], &[1.0, 2.0, 3.0, 4.0]).floats(&[2, 1, 1], &[10.0, 100.0]);
        assert_eq!(depthwise.values(), [10.0, 20.0, 300.0, 400.0]);
        assert_eq!(Case::new("Conv", 11).input(&[1, 3, 9]).input(&[4, 3, 3]).shape(), Ok(vec![1, 4, 7]));
        assert!(Case::new("Conv", 11).string("auto_pad", "SAME_UPPER").input(&[1, 1, 0]).input(&[1, 1, 1]).shape().is_ok());
    }

    #[test]
    fn refusals() {
        let case = |group| Case::new("Conv", 11).int("group", group).input(&[1, 4, 5, 5]).input(&[6, 2, 3, 3]);
        assert_eq!(case(2).shape(), Ok(vec![1, 6, 3, 3]));
        assert!(case(1).refusal().contains("does not go with"));
        assert!(case(i64::MAX).refusal().contains("does not go with"));
        assert!(case(0).refusal().contains("`group`"));
        assert!(case(2).input(&[5]).refusal().contains("`B` is f32[5]"));
        assert!(case(2).input(&[6]).input(&[1, 6, 3, 3]).refusal().contains("4 inputs"));
        assert!(Case::new("Conv", 11).input(&[1, 4, 2, 2]).input(&[6, 4, 3, 3]).refusal().contains("does not fit"));
        assert!(Case::new("Conv", 11).input(&[1, 4]).input(&[6, 4]).refusal().contains("2 dimensions"));
        assert!(ones(11).string("auto_pad", "SOME").refusal().contains("`SOME`"));
        assert!(ones(11).ints("pads", &[-1, 0, 0, 0]).refusal().contains("`pads`"));
    }
}
