//! `PRelu`: negative values are multiplied by a slope, which is broadcast.
//!
//! Before opset 7 a row of slopes is one a channel. A known slope a channel is one pass over the map; another is
//! `Relu(x) + slope * min(x, 0)`.

use std::sync::Arc;

use peleec_runtime::{Activation, BinaryKind};

use super::broadcast::{broadcast, source_index};
use super::operands::{evaluated, float_type, floats, output_shape, tensor};
use super::pixels::each_pixel;
use super::{OpError, Operator};
use crate::node::NodeView;
use crate::steps::kernels::{self, Binary, Map};
use crate::steps::{Lowering, Packed};
use crate::tensor::{Shape, Tensor, TensorType};

/// Inputs: `X` and `slope`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PRelu {
    /// `slope` is a row along the second axis of `X`.
    by_channel: bool,
}

impl Operator for PRelu {
    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let (x, slope) = (node.input_type(0)?, node.input_type(1)?);
        let is_old = node.opset < 7 && slope.shape.elements() != 1 && x.shape.rank() != 2;
        let by_channel = is_old && slope.shape.rank() == 1 && x.shape.rank() > 2;
        if is_old && !by_channel && !is_a_channel_each(&x.shape, &slope.shape) {
            let found = format!("`slope` is {slope} where `X` is {x}, before opset 7");
            return Err(OpError::unsupported(found).supported("one slope, or one a channel").help("re-export with opset_version=17"));
        }
        Ok(PRelu { by_channel })
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let (x, slope) = (float_type(inputs, 0)?, float_type(inputs, 1)?);
        if !broadcast(&x.shape, &self.spread(&x.shape, &slope.shape)).is_ok_and(|shape| shape == x.shape) {
            return Err(OpError::new(format!("`slope` is {slope} where `X` is {x}")).supported("a slope that is broadcast to `X`"));
        }
        Ok(vec![x.clone()])
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let shape = output_shape(self, inputs)?;
        let (x, slopes, of) = (floats(inputs, 0)?, floats(inputs, 1)?, self.spread(&shape, tensor(inputs, 1)?.shape()));
        let value = |(i, &x): (usize, &f32)| if x < 0.0 { slopes[source_index(i, &shape, &of)] * x } else { x };
        let values: Vec<f32> = x.iter().enumerate().map(value).collect();
        evaluated(Tensor::f32(shape, values))
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let shape = ctx.shape();
        let known = ctx.constant(1).and_then(|slope| Some((slope.as_f32()?, slope.shape())));
        match known {
            Some((&[slope], _)) => {
                let read = ctx.input(0)?;
                ctx.step(Map { activation: Activation::LeakyRelu(slope) }, vec![read]);
                Ok(())
            }
            Some((slopes, of)) if is_a_channel_each(&shape, &self.spread(&shape, of)) => {
                let packed = ctx.add_weights(slopes, size_of_val(slopes));
                each_pixel(ctx, kernels::PRelu, &packed)
            }
            _ => self.lower_in_parts(ctx),
        }
    }
}

impl PRelu {
    /// The shape under which slopes of shape `slope` are broadcast to `x`.
    fn spread(&self, x: &Shape, slope: &Shape) -> Shape {
        if self.by_channel { Shape([slope.to_vec(), vec![1; x.rank().saturating_sub(2)]].concat()) } else { slope.clone() }
    }

    fn lower_in_parts(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let slope = ctx.tensor(1)?;
        let spread = self.spread(&ctx.shape(), ctx.shape_of(slope));
        let slope = ctx.reshaped(slope, spread);
        let (x, slope) = (ctx.input(0)?, ctx.whole(slope));
        let [above, below, scaled] = [0; 3].map(|_| ctx.like(&x));
        let output = ctx.output();
        let (write, none) = (ctx.whole(output), Packed::default());
        let map = |activation| Arc::new(Map { activation });
        ctx.push(map(Activation::Relu), vec![x.clone()], above.clone(), &none, 0);
        ctx.push(map(Activation::Clip(f32::NEG_INFINITY, 0.0)), vec![x], below.clone(), &none, 0);
        ctx.push(Arc::new(Binary { kind: BinaryKind::Mul }), vec![below, slope], scaled.clone(), &none, 0);
        ctx.push(Arc::new(Binary { kind: BinaryKind::Add }), vec![above, scaled], write, &none, 0);
        Ok(())
    }
}

/// Whether slopes of this shape are one for each extent of the second axis of `x`.
fn is_a_channel_each(x: &[usize], slopes: &Shape) -> bool {
    let mut dims = slopes.iter().rev().zip((0..x.len()).rev());
    x.len() > 1 && slopes.elements() == x[1] && dims.all(|(&extent, axis)| axis == 1 || extent == 1)
}

#[cfg(test)]
mod tests {
    use crate::ops::test_case::Case;

    const X: [f32; 8] = [-1.0, 2.0, -3.0, 4.0, -5.0, 6.0, -7.0, 8.0];

    fn case(dims: &[usize], slopes: &[f32]) -> Case {
        Case::new("PRelu", 16).floats(&[1, 2, 2, 2], &X).floats(dims, slopes)
    }

    #[test]
    fn slopes_are_broadcast() {
        assert_eq!(case(&[2, 1, 1], &[0.5, 2.0]).values(), [-0.5, 2.0, -1.5, 4.0, -10.0, 6.0, -14.0, 8.0]);
        assert_eq!(case(&[1], &[0.5]).values(), [-0.5, 2.0, -1.5, 4.0, -2.5, 6.0, -3.5, 8.0]);
        assert_eq!(case(&[2, 1], &[0.0, 1.0]).values(), [0.0, 2.0, -3.0, 4.0, 0.0, 6.0, -7.0, 8.0]);
    }

    #[test]
    fn a_row_of_slopes_before_opset_7_is_one_a_channel() {
        let old = |dims: &[usize]| Case::new("PRelu", 6).floats(&[1, 2, 2, 2], &X).floats(dims, &[0.5, 2.0]);
        for dims in [&[2][..], &[2, 1, 1]] {
            assert_eq!(old(dims).values(), [-0.5, 2.0, -1.5, 4.0, -10.0, 6.0, -14.0, 8.0], "{dims:?}");
        }
        assert_eq!(case(&[2], &[0.5, 2.0]).values(), [-0.5, 2.0, -1.5, 4.0, -2.5, 6.0, -3.5, 8.0]);
        let rows = "`slope` is f32[2,1] where `X` is f32[1,2,2,2], before opset 7 (supported: one slope, or one a channel)";
        assert_eq!(old(&[2, 1]).refusal(), rows);
        let three = Case::new("PRelu", 6).input(&[1, 2, 2, 2]).floats(&[3], &[0.5; 3]);
        assert!(three.refusal().contains("`slope` is f32[3]"));
    }

    #[test]
    fn which_slopes_are_a_channel_each() {
        let is = |slopes: &[usize]| super::is_a_channel_each(&[1, 2, 2, 2], &crate::tensor::Shape(slopes.to_vec()));
        assert!(is(&[2, 1, 1]) && is(&[1, 2, 1, 1]));
        assert!(!is(&[2]) && !is(&[2, 1]) && !is(&[2, 2, 1]) && !is(&[1]));
    }

    #[test]
    fn refusals() {
        let wide = Case::new("PRelu", 9).input(&[1, 2]).floats(&[2, 2], &[0.0; 4]);
        assert_eq!(wide.refusal(), "`slope` is f32[2,2] where `X` is f32[1,2] (supported: a slope that is broadcast to `X`)");
        assert!(Case::new("PRelu", 9).input(&[1, 2]).input(&[3]).refusal().contains("`slope` is f32[3]"));
        assert!(Case::new("PRelu", 9).input(&[1, 2]).refusal().contains("input 1 is missing"));
        assert!(Case::new("PRelu", 9).i64s(&[1]).floats(&[1], &[0.5]).refusal().contains("i64"));
    }
}
