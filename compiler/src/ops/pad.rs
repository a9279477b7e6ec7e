//! `Pad`: constant padding of any axes.

use super::operands::{distinct_axes, evaluated, float_type, floats, ints, output, output_shape};
use super::{OpError, Operator};
use crate::ir::tensor::{ravel, unravel};
use crate::ir::{DType, Tensor, TensorType};
use crate::lower::Lowering;
use crate::lower::kernels::Pad as Kernel;
use crate::onnx::node::NodeView;

/// One input; the pads, the value and the axes are read when the node is parsed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pad {
    /// Begins of all axes, then ends of all axes.
    pub(crate) pads: Vec<usize>,
    pub(crate) value: f32,
}

impl Operator for Pad {
    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let mode = node.string("mode")?.unwrap_or("constant");
        if mode != "constant" {
            return Err(OpError::unsupported(format!("attribute `mode` is `{mode}`")).supported("constant"));
        }
        let rank = node.input_type(0)?.shape.rank();
        let found = ints(node, 1, "pads")?.ok_or_else(|| OpError::new("`pads` is missing"))?;
        let value = match node.known_input(2, "constant_value")? {
            Some(tensor) => scalar(tensor)?,
            None => node.float("value")?.unwrap_or(0.0),
        };
        let padded = match node.known_ints(3, "axes")? {
            Some(found) => distinct_axes(&found, rank)?,
            None => (0..rank).collect(),
        };
        Ok(Pad { pads: over_all_axes(&found, &padded, rank)?, value })
    }

    fn data_inputs(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let x = float_type(inputs, 0)?;
        let rank = x.shape.rank();
        if self.pads.len() != 2 * rank {
            return Err(OpError::new(format!("{} pads are given for {x}", self.pads.len())).supported(format!("{}", 2 * rank)));
        }
        let padded = |axis: usize| x.shape[axis].checked_add(self.pads[axis])?.checked_add(self.pads[rank + axis]);
        let dims = (0..rank).map(padded).collect::<Option<Vec<_>>>();
        output(DType::F32, dims.ok_or_else(|| OpError::new(format!("pads {:?} are too large", self.pads)))?)
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let shape = output_shape(self, inputs)?;
        let (x, like) = (floats(inputs, 0)?, inputs[0].map(|tensor| tensor.shape().clone()).unwrap_or_default());
        let strides = like.strides();
        let element = |flat: usize| {
            let mut index = unravel(flat, &shape);
            for (axis, i) in index.iter_mut().enumerate() {
                match i.checked_sub(self.pads[axis]) {
                    Some(inside) if inside < like[axis] => *i = inside,
                    _ => return self.value,
                }
            }
            x[ravel(&index, &strides)]
        };
        evaluated(Tensor::f32(shape.clone(), (0..shape.elements()).map(element).collect::<Vec<_>>()))
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let read = ctx.input(0)?;
        let begins = self.pads[..read.dims.len()].to_vec();
        ctx.step(Kernel { begins, value: self.value }, vec![read]);
        Ok(())
    }
}

fn scalar(tensor: &Tensor) -> Result<f32, OpError> {
    match tensor.as_f32() {
        Some([value]) => Ok(*value),
        _ => Err(OpError::unsupported(format!("input `constant_value` is {}", tensor.ty())).supported("one f32")),
    }
}

/// `found`, begins then ends of the axes `padded`, as begins then ends of all axes.
fn over_all_axes(found: &[i64], padded: &[usize], rank: usize) -> Result<Vec<usize>, OpError> {
    let n_axes = padded.len();
    if found.len() != 2 * n_axes {
        return Err(OpError::new(format!("`pads` is {found:?} for {n_axes} axes")).supported(format!("{} values", 2 * n_axes)));
    }
    let mut pads = vec![0; 2 * rank];
    for (i, &pad) in found.iter().enumerate() {
        let end = i / n_axes * rank;
        let refusal = || OpError::unsupported(format!("`pads` is {found:?}")).supported("pads of zero and above");
        pads[padded[i % n_axes] + end] = usize::try_from(pad).map_err(|_| refusal())?;
    }
    Ok(pads)
}

#[cfg(test)]
mod tests {
    use crate::onnx::node::Attribute;
    use crate::ops::case::{Case, floats};

    fn row() -> Case {
        Case::new("Pad", 18).floats(&[1, 2], &[1.0, 2.0])
    }

    #[test]
    fn pads_from_attributes_inputs_and_axes() {
        let expected = floats(&[2, 4], &[0.0, 1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(Case::new("Pad", 7).ints("pads", &[0, 1, 1, 1]).floats(&[1, 2], &[1.0, 2.0]).evaluate(), Ok(expected.clone()));
        assert_eq!(row().i64s(&[0, 1, 1, 1]).evaluate(), Ok(expected.clone()));
        assert_eq!(row().i64s(&[1, 0, 1, 1]).none().i64s(&[-1, 0]).evaluate(), Ok(expected));
        assert_eq!(row().i64s(&[2, 0]).floats(&[], &[9.0]).i64s(&[1]).values(), [9.0, 9.0, 1.0, 2.0]);
        let old_value = Case::new("Pad", 7).ints("pads", &[0, 0, 0, 1]).with("value", Attribute::Float(3.0));
        assert_eq!(old_value.floats(&[1, 1], &[1.0]).values(), [1.0, 3.0]);
    }

    #[test]
    fn refusals() {
        assert_eq!(row().string("mode", "reflect").i64s(&[0; 4]).refusal(), "attribute `mode` is `reflect` (supported: constant)");
        assert!(row().i64s(&[0, -1, 0, 0]).refusal().contains("zero and above"));
        assert!(row().i64s(&[0, 1]).refusal().contains("4 values"));
        assert!(row().i64s(&[0; 4]).floats(&[0], &[]).refusal().contains("`constant_value` is f32[0]"));
        assert!(row().i64s(&[0; 4]).none().i64s(&[0, 2]).refusal().contains("axis 2"));
        assert!(row().i64s(&[0; 4]).none().i64s(&[1, -1]).refusal().contains("twice"));
        assert!(row().i64s(&[0, 0, 0, i64::MAX]).refusal().contains("too many"));
        assert!(row().input(&[4]).refusal().contains("run time"));
        assert!(row().refusal().contains("missing"));
    }
}
