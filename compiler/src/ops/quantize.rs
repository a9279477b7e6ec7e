//! `QuantizeLinear` and `DequantizeLinear`: floats as integers of 8 bits, and these or integers of 32 bits as floats.
//!
//! With one scale a tensor, or one a channel, as weights have; integers of 32 bits at run time have no zero points of channels.

use peleec_runtime::BinaryKind;
use peleec_runtime::f32::function::Round;

use super::known::{self, KnownAttribute};
use super::operands::{axis, evaluated, floats, output, tensor, typed};
use super::quantized_conv::limits;
use super::{OpError, Operator, pairwise};
use crate::ir::{DType, Data, Shape, Tensor, TensorType};
use crate::lower::{Lowering, Packed, kernels};
use crate::onnx::node::NodeView;
use crate::plan::problem::TensorId;

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// To integers of 8 bits.
    Quantize(DType),
    Dequantize,
}

/// `q = round(x / scale) + zero` to the nearest, the even one of two, and saturating; or `x = (q - zero) * scale`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Quantize {
    pub(crate) direction: Direction,
    /// One, or one for each extent of the axis; above zero and finite.
    pub(crate) scale: Vec<f32>,
    /// As many.
    pub(crate) zero: Vec<i32>,
    /// As the node gives it; it may count from the end.
    pub(crate) axis: i64,
}

impl Quantize {
    /// What all integers stand for.
    pub(crate) fn steps(&self) -> Result<kernels::Steps, OpError> {
        match (&self.scale[..], &self.zero[..]) {
            (&[scale], &[zero]) => Ok(kernels::Steps { scale, zero }),
            _ => Err(OpError::unsupported("has a scale for each channel at run time").supported("a scale for all")),
        }
    }

    /// By rows of scales and zero points, which broadcast, with the very roundings of one scale for all.
    fn lower_by_axis(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let x = ctx.tensor(0)?;
        let scale = self.row(ctx, x, &self.scale)?;
        let zero: Vec<f32> = self.zero.iter().map(|&zero| zero as f32).collect();
        let y = match self.direction {
            Direction::Dequantize => {
                let mut steps = pairwise::recast(ctx, x, DType::F32);
                if self.has_zeros() {
                    let zero = self.row(ctx, x, &zero)?;
                    steps = pairwise::of_floats(ctx, BinaryKind::Sub, [steps, zero])?;
                }
                pairwise::of_floats(ctx, BinaryKind::Mul, [steps, scale])?
            }
            Direction::Quantize(to) => {
                let quotients = pairwise::of_floats(ctx, BinaryKind::Div, [x, scale])?;
                let mut steps = pairwise::each(ctx, quotients, DType::F32, kernels::Each { function: Round });
                if self.has_zeros() {
                    let zero = self.row(ctx, x, &zero)?;
                    steps = pairwise::of_floats(ctx, BinaryKind::Add, [steps, zero])?;
                }
                let whole = kernels::Quantize { to: kernels::Steps { scale: 1.0, zero: 0 }, limits: limits(to) };
                pairwise::each(ctx, steps, to, whole)
            }
        };
        ctx.finish(y);
        Ok(())
    }

    /// A known value for each extent of the axis of `x`.
    fn row(&self, ctx: &mut Lowering<'_>, x: TensorId, values: &[f32]) -> Result<TensorId, OpError> {
        let mut dims = vec![1; ctx.shape_of(x).rank()];
        let axis = axis(self.axis, dims.len())?;
        dims[axis] = values.len();
        let row = Tensor::f32(Shape(dims), values.to_vec()).ok_or_else(|| OpError::new("a row has an element each"))?;
        ctx.known(row)
    }

    /// Whether another integer than zero stands for zero anywhere.
    fn has_zeros(&self) -> bool {
        self.zero.iter().any(|&zero| zero != 0)
    }

    /// Quantised values, limited.
    pub(crate) fn limited(&self, values: &Tensor, [low, high]: [i32; 2]) -> Result<Vec<Tensor>, OpError> {
        let results = self.evaluate(&[Some(values)])?;
        let limited = |result: &Tensor| {
            let data = match result.data() {
                Data::I8(values) => Data::I8(values.iter().map(|&value| i32::from(value).max(low).min(high) as i8).collect()),
                Data::U8(values) => Data::U8(values.iter().map(|&value| i32::from(value).max(low).min(high) as u8).collect()),
                other => other.clone(),
            };
            Tensor::new(result.shape().clone(), data)
        };
        evaluated(results.first().and_then(limited))
    }
}

impl Operator for Quantize {
    const ATTRIBUTES: &'static [KnownAttribute] = &[
        known::int("axis"),
        known::data_type("output_dtype").only(&["UINT8", "INT8"]).of(&["QuantizeLinear"]),
        known::data_type("output_dtype").only(&["FLOAT", "FLOAT16", "BFLOAT16"]).of(&["DequantizeLinear"]),
        known::int("block_size").only(&["0"]).help("quantise with a scale a tensor or a channel"),
        known::ignored("saturate").of(&["QuantizeLinear"]),
        known::ignored("precision").of(&["QuantizeLinear"]),
    ];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        // The list has 0 alone, which is no blocks.
        node.int("block_size")?;
        let scale = node.known_input(1, "scale")?.ok_or_else(|| OpError::new("input 1 is missing"))?;
        let values = scale.as_f32().ok_or_else(|| OpError::new(format!("`scale` is {}", scale.ty())).supported("f32"))?;
        if scale.shape().rank() > 1 && values.len() > 1 {
            return Err(OpError::unsupported(format!("`scale` is {}", scale.ty())).supported("a scale a tensor or a channel"));
        }
        if let Some(wrong) = values.iter().find(|scale| !(scale.is_finite() && **scale > 0.0)) {
            return Err(OpError::new(format!("`scale` holds {wrong}")).supported("numbers above zero"));
        }
        let zero = node.known_input(2, "zero_point")?;
        let given = if node.op_type == "QuantizeLinear" { zero.map(Tensor::dtype) } else { Some(node.input_type(0)?.dtype) };
        let given = given.unwrap_or(stored_as(node)?);
        let direction = match (node.op_type, given) {
            ("QuantizeLinear", DType::I8 | DType::U8) => Direction::Quantize(given),
            ("DequantizeLinear", DType::I8 | DType::U8 | DType::I32) => Direction::Dequantize,
            // Integers of 16 bits are read as such of 32.
            ("QuantizeLinear", DType::I32) => return Err(OpError::unsupported("integers of 16 bits").supported("integers of 8 bits")),
            _ => return Err(OpError::unsupported(format!("quantises {given}")).supported("integers of 8 bits")),
        };
        let zero = match zero {
            None => vec![0; values.len()],
            Some(zero) if zero.dtype() != given || ![1, values.len()].contains(&zero.shape().elements()) => {
                let supported = format!("{given}, one or as many as scales: {}", values.len());
                return Err(OpError::new(format!("`zero_point` is {}", zero.ty())).supported(supported));
            }
            // A single one serves all.
            Some(zero) => {
                let zeros = zero.to_i64s().unwrap_or_default();
                zeros.iter().cycle().take(values.len()).map(|&zero| zero as i32).collect()
            }
        };
        Ok(Quantize { direction, scale: values.to_vec(), zero, axis: node.int("axis")?.unwrap_or(1) })
    }

    fn op_type(&self) -> Option<&'static str> {
        Some(if self.direction == Direction::Dequantize { "DequantizeLinear" } else { "QuantizeLinear" })
    }

    fn data_inputs(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let input = typed(inputs, 0)?;
        if self.scale.len() != 1 {
            let axis = axis(self.axis, input.shape.rank())?;
            if input.shape[axis] != self.scale.len() {
                return Err(OpError::new(format!("{} scales for axis {axis} of {input}", self.scale.len())));
            }
        }
        match self.direction {
            Direction::Quantize(_) if input.dtype != DType::F32 => {
                Err(OpError::unsupported(format!("input 0 is {}", input.dtype)).supported("f32"))
            }
            Direction::Quantize(to) => output(to, input.shape.clone()),
            Direction::Dequantize => output(DType::F32, input.shape.clone()),
        }
    }

    /// Bytes, and integers that are not moved, are exact as floats before they are scaled.
    fn runs(&self, inputs: &[Option<&TensorType>]) -> bool {
        let is_of_bytes = || inputs.iter().flatten().all(|ty| matches!(ty.dtype, DType::I8 | DType::U8));
        self.scale.len() == 1 || self.direction != Direction::Dequantize || !self.has_zeros() || is_of_bytes()
    }

    /// With it goes which integers weights are, and of which scale.
    fn is_awaited(&self) -> bool {
        self.direction == Direction::Dequantize
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let input = tensor(inputs, 0)?;
        let shape = input.shape();
        let parameters = |index: usize| {
            let channel = match self.scale.len() {
                1 => 0,
                n => {
                    let inner: usize = axis(self.axis, shape.rank()).map_or(1, |axis| shape[axis + 1..].iter().product());
                    index / inner % n
                }
            };
            (self.scale[channel], self.zero[channel])
        };
        let data = match self.direction {
            Direction::Quantize(to) => {
                let quantized = |(index, &x): (usize, &f32)| {
                    let (scale, zero) = parameters(index);
                    (x / scale).round_ties_even() + zero as f32
                };
                let values = floats(inputs, 0)?.iter().enumerate().map(quantized);
                // From float to integer Rust saturates; what is not a number is the least.
                match to {
                    DType::I8 => Data::I8(values.map(|x| if x.is_nan() { i8::MIN } else { x as i8 }).collect()),
                    _ => Data::U8(values.map(|x| x as u8).collect()),
                }
            }
            Direction::Dequantize => {
                let values = input.to_i64s().ok_or_else(|| OpError::unsupported(format!("input 0 is {}", input.dtype())))?;
                let dequantized = |(index, q): (usize, i64)| {
                    let (scale, zero) = parameters(index);
                    (q - i64::from(zero)) as f32 * scale
                };
                Data::F32(values.into_iter().enumerate().map(dequantized).collect())
            }
        };
        evaluated(Tensor::new(shape.clone(), data))
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        if self.scale.len() != 1 {
            return self.lower_by_axis(ctx);
        }
        let steps = self.steps()?;
        match self.direction {
            Direction::Quantize(to) => ctx.each_element(kernels::Quantize { to: steps, limits: limits(to) }, &Packed::default()),
            Direction::Dequantize => ctx.each_element(kernels::Dequantize { from: steps }, &Packed::default()),
        }
    }
}

/// What `QuantizeLinear` makes where no zero point says it.
fn stored_as(node: &NodeView<'_>) -> Result<DType, OpError> {
    Ok(node.data_type("output_dtype")?.unwrap_or(DType::U8))
}

#[cfg(test)]
mod tests {
    use crate::ir::{DType, Data, Shape, Tensor, TensorType};
    use crate::ops::case::Case;

    fn bytes(shape: &[usize], values: &[i8]) -> Tensor {
        Tensor::new(Shape(shape.to_vec()), Data::I8(values.into())).unwrap()
    }

    fn quantized(values: &[f32], scale: f32, zero: Tensor) -> Data {
        let case = Case::new("QuantizeLinear", 13).floats(&[values.len()], values).floats(&[], &[scale]).known(zero);
        case.evaluate().unwrap().data().clone()
    }

    #[test]
    fn quotients_go_to_the_nearest_and_saturate() {
        let values = [0.25, 0.75, 1.25, -0.25, -0.75, 1e9, -1e9, f32::NAN];
        assert!(quantized(&values, 0.5, bytes(&[], &[1])) == Data::I8([1, 3, 3, 1, -1, 127, -128, -128].into()));
        let zero = Tensor::new(Shape(vec![1]), Data::U8([128].into())).unwrap();
        assert!(quantized(&values, 0.5, zero) == Data::U8([128, 130, 130, 128, 126, 255, 0, 0].into()));
    }

    #[test]
    fn without_a_zero_point_bytes_are_unsigned() {
        let case = Case::new("QuantizeLinear", 10).floats(&[2], &[3.0, -3.0]).floats(&[1], &[1.0]);
        assert!(*case.evaluate().unwrap().data() == Data::U8([3, 0].into()));
        let case = Case::new("QuantizeLinear", 21).floats(&[2], &[3.0, -3.0]).floats(&[], &[1.0]).int("output_dtype", 3);
        assert!(*case.evaluate().unwrap().data() == Data::I8([3, -3].into()));
        let case = Case::new("DequantizeLinear", 10).known(bytes(&[2], &[3, -3])).floats(&[], &[0.5]);
        assert_eq!(case.values(), [1.5, -1.5]);
        let case = |dtype| Case::new("DequantizeLinear", 23).known(bytes(&[1], &[3])).floats(&[], &[0.5]).int("output_dtype", dtype);
        assert_eq!(case(1).values(), [1.5]);
        assert!(case(2).refusal().starts_with("attribute `output_dtype` is data type 2 (supported: FLOAT, "));
    }

    #[test]
    fn channels_have_scales_of_their_own() {
        let weights = bytes(&[2, 2], &[1, 2, 3, 4]);
        let case = |axis| Case::new("DequantizeLinear", 13).known(weights.clone()).floats(&[2], &[1.0, 10.0]).int("axis", axis);
        assert_eq!(case(0).known(bytes(&[2], &[0, 3])).values(), [1.0, 2.0, 0.0, 10.0]);
        assert_eq!(case(-1).values(), [1.0, 20.0, 3.0, 40.0]);
        let runs = |case: Case, dtype| case.parse().unwrap().runs(&[Some(&TensorType::new(dtype, [2, 2]))]);
        assert!(runs(case(0).known(bytes(&[2], &[0, 3])), DType::I8));
        let ints = |values: &[i32]| Tensor::new(Shape(vec![values.len()]), Data::I32(values.into())).unwrap();
        let of_ints = |zero: &[i32]| {
            let input = TensorType::new(DType::I32, [2, 2]);
            Case::new("DequantizeLinear", 13).typed(input).floats(&[2], &[1.0, 10.0]).known(ints(zero))
        };
        assert!(runs(of_ints(&[0, 0]), DType::I32) && !runs(of_ints(&[0, 3]), DType::I32));
    }

    #[test]
    fn refusals() {
        let case = |scale: &[f32]| Case::new("QuantizeLinear", 21).input(&[1, 3]).floats(&[scale.len()], scale);
        assert_eq!(case(&[0.0]).refusal(), "`scale` holds 0 (supported: numbers above zero)");
        assert!(case(&[f32::NAN]).refusal().starts_with("`scale` holds NaN"));
        assert_eq!(case(&[1.0, 2.0]).known(bytes(&[2], &[0, 0])).refusal(), "2 scales for axis 1 of f32[1,3]");
        let short = Tensor::new(Shape(vec![]), Data::I32([0].into())).unwrap();
        assert!(case(&[1.0]).known(short).refusal().starts_with("integers of 16 bits"));
        assert_eq!(case(&[1.0]).int("block_size", 16).refusal(), "attribute `block_size` is 16 (supported: 0)");
        assert!(case(&[1.0]).known(bytes(&[2], &[0, 0])).refusal().starts_with("`zero_point` is i8[2]"));
        assert!(case(&[1.0]).int("output_dtype", 5).refusal().contains("data type 5"));
        assert!(Case::new("QuantizeLinear", 21).input(&[1]).input(&[]).refusal().contains("run time"));
    }
}
