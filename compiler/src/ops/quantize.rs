//! `QuantizeLinear` and `DequantizeLinear`: floats as integers of 8 bits, and these or integers of 32 bits as floats, with a scale a tensor,
//! a channel or a block of elements.
//!
//! Integers of 32 bits at run time have no zero points of channels or blocks.

use std::num::NonZeroU32;
use std::sync::Arc;

use peleec_runtime::BinaryKind;
use peleec_runtime::f32::function::Round;

use super::operands::{axis, evaluated, floats, output, tensor, typed};
use super::quantized_conv::limits;
use super::{OpError, Operator, pairwise};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::plan::problem::TensorId;
use crate::steps::{Lowering, Packed, kernels};
use crate::tensor::{DType, Data, Shape, Tensor, TensorType};

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
    /// One, one for each extent of the axis, or one for each block; above zero and finite. Shared with the constant that they come of.
    pub(crate) scale: Arc<[f32]>,
    /// As many.
    pub(crate) zero: Vec<i32>,
    /// As the node gives it; it may count from the end.
    pub(crate) axis: i64,
    /// How many neighbours along the axis are a block, of which the last may be shorter; none where there are no blocks.
    pub(crate) block: Option<NonZeroU32>,
}

impl Quantize {
    fn block(&self) -> Option<usize> {
        self.block.map(|block| block.get() as usize)
    }

    /// What all integers stand for.
    pub(crate) fn steps(&self) -> Result<kernels::Steps, OpError> {
        match (&self.scale[..], &self.zero[..]) {
            (&[scale], &[zero]) => Ok(kernels::Steps { scale, zero }),
            _ => Err(OpError::unsupported("has a scale for each channel at run time").supported("a scale for all")),
        }
    }

    /// By scales and zero points that broadcast, with the very roundings of one scale for all.
    fn lower_apart(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let given = ctx.tensor(0)?;
        let [shape, of_scales] = self.apart(&ctx.shape_of(given).clone())?;
        let x = ctx.reshaped(given, shape);
        let scale = self.spread(ctx, &of_scales, &self.scale)?;
        let zero: Vec<f32> = self.zero.iter().map(|&zero| zero as f32).collect();
        let y = match self.direction {
            Direction::Dequantize => {
                let mut steps = pairwise::recast(ctx, x, DType::F32);
                if self.has_zeros() {
                    let zero = self.spread(ctx, &of_scales, &zero)?;
                    steps = pairwise::of_floats(ctx, BinaryKind::Sub, [steps, zero])?;
                }
                pairwise::of_floats(ctx, BinaryKind::Mul, [steps, scale])?
            }
            Direction::Quantize(to) => {
                let quotients = pairwise::of_floats(ctx, BinaryKind::Div, [x, scale])?;
                let mut steps = pairwise::each(ctx, quotients, DType::F32, kernels::Each { function: Round });
                if self.has_zeros() {
                    let zero = self.spread(ctx, &of_scales, &zero)?;
                    steps = pairwise::of_floats(ctx, BinaryKind::Add, [steps, zero])?;
                }
                let whole = kernels::Quantize { to: kernels::Steps { scale: 1.0, zero: 0 }, limits: limits(to) };
                pairwise::each(ctx, steps, to, whole)
            }
        };
        ctx.finish(y);
        Ok(())
    }

    /// The shape under which elements of `shape` find their scales by broadcasting, and the scales' shape there: blocks have an axis of
    /// their own, and where one is shorter every element has its scale.
    fn apart(&self, shape: &Shape) -> Result<[Shape; 2], OpError> {
        let (axis, mut of_scales) = (axis(self.axis, shape.rank())?, self.of_scales(shape)?);
        let Some(block) = self.block() else { return Ok([shape.clone(), of_scales]) };
        if !shape[axis].is_multiple_of(block) {
            return Ok([shape.clone(), shape.clone()]);
        }
        let mut apart = shape.clone();
        apart.0.splice(axis..=axis, [shape[axis] / block, block]);
        of_scales.0.insert(axis + 1, 1);
        Ok([apart, of_scales])
    }

    /// The shape of several scales of a tensor of `shape`: of its rank, where there are no blocks with extents of one.
    fn of_scales(&self, shape: &Shape) -> Result<Shape, OpError> {
        let axis = axis(self.axis, shape.rank())?;
        Ok(match self.block() {
            Some(block) => in_blocks(shape, axis, block),
            None => Shape((0..shape.rank()).map(|other| if other == axis { shape[axis] } else { 1 }).collect()),
        })
    }

    /// Which scale the element at `index` of a tensor of `shape` has.
    fn place(&self, index: usize, shape: &Shape) -> usize {
        let Ok(axis) = axis(self.axis, shape.rank()) else { return 0 };
        let inner: usize = shape[axis + 1..].iter().product();
        match self.block() {
            _ if self.scale.len() == 1 => 0,
            None => index / inner % self.scale.len(),
            Some(block) => {
                let (outer, along) = (index / inner / shape[axis], index / inner % shape[axis]);
                (outer * shape[axis].div_ceil(block) + along / block) * inner + index % inner
            }
        }
    }

    /// Known values, one a scale, of `shape`: as they are, or one for each element.
    fn spread(&self, ctx: &mut Lowering<'_>, shape: &Shape, values: &[f32]) -> Result<TensorId, OpError> {
        let known = Tensor::f32(shape.clone(), values.to_vec());
        ctx.known(known.unwrap_or_else(|| Tensor::from_fn(shape, |index| values[self.place(index, shape)])))
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
        known::data_type("output_dtype").one_of(&["FLOAT", "FLOAT16", "BFLOAT16"]).of(&["DequantizeLinear"]),
        known::int("block_size"),
        known::ignored("saturate").of(&["QuantizeLinear"]),
        known::ignored("precision").of(&["QuantizeLinear"]),
    ];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let scale = node.known_input(1, "scale")?.ok_or_else(|| OpError::new("input 1 is missing"))?;
        let Data::F32(values) = scale.data() else {
            return Err(OpError::new(format!("`scale` is {}", scale.ty())).supported("f32"));
        };
        node.spend(values.len() as u64)?;
        let block = block(node, scale)?;
        if block.is_none() && scale.shape().rank() > 1 && values.len() > 1 {
            let supported = "a scale a tensor or a channel, or a block with `block_size`";
            return Err(OpError::unsupported(format!("`scale` is {}", scale.ty())).supported(supported));
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
        Ok(Quantize { direction, scale: values.clone(), zero, axis: along(node)?, block })
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
            if self.of_scales(&input.shape)?.checked_elements() != Some(self.scale.len()) {
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
            let place = self.place(index, shape);
            (self.scale[place], self.zero[place])
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
            return self.lower_apart(ctx);
        }
        let steps = self.steps()?;
        match self.direction {
            Direction::Quantize(to) => ctx.each_element(kernels::Quantize { to: steps, limits: limits(to) }, &Packed::default()),
            Direction::Dequantize => ctx.each_element(kernels::Dequantize { from: steps }, &Packed::default()),
        }
    }
}

/// The axis of channels or blocks, which may count from the end.
fn along(node: &NodeView<'_>) -> Result<i64, OpError> {
    Ok(node.int("axis")?.unwrap_or(1))
}

/// How many elements a block has, where there are several blocks.
fn block(node: &NodeView<'_>, scale: &Tensor) -> Result<Option<NonZeroU32>, OpError> {
    let size = node.int("block_size")?.unwrap_or(0);
    let size = usize::try_from(size)
        .map_err(|_| OpError::new(format!("attribute `block_size` is {size}")).supported("zero, which is no blocks, and above"))?;
    if size == 0 {
        return Ok(None);
    }
    let x = node.input_type(0)?;
    let axis = axis(along(node)?, x.shape.rank())?;
    let expected = in_blocks(&x.shape, axis, size);
    if *scale.shape() != expected {
        let found = format!("`scale` is {} for blocks of {size} along axis {axis} of {x}", scale.ty());
        return Err(OpError::new(found).supported(format!("f32{expected}")));
    }
    // A single block is the whole tensor, and none is longer than its axis.
    let size = u32::try_from(size.min(x.shape[axis])).ok().and_then(NonZeroU32::new);
    Ok(size.filter(|_| scale.shape().elements() != 1))
}

/// A shape of which an axis has an extent for each block.
fn in_blocks(shape: &Shape, axis: usize, block: usize) -> Shape {
    let mut shape = shape.clone();
    shape.0[axis] = shape[axis].div_ceil(block);
    shape
}

/// What `QuantizeLinear` makes where no zero point says it.
fn stored_as(node: &NodeView<'_>) -> Result<DType, OpError> {
    Ok(node.data_type("output_dtype")?.unwrap_or(DType::U8))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::sync::Arc;

    use super::{Direction, Quantize};
    use crate::ops::Op;
    use crate::ops::test_case::Case;
    use crate::tensor::{DType, Data, Shape, Tensor, TensorType};

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
    fn scales_are_not_copied() {
        let scale = Tensor::f32([2], [1.0, 10.0]).unwrap();
        let op = Case::new("DequantizeLinear", 13).known(bytes(&[2, 1], &[1, 2])).known(scale.clone()).int("axis", 0).parse();
        assert!(matches!((op, scale.data()), (Ok(Op::Quantize(op)), Data::F32(stored)) if Arc::ptr_eq(&op.scale, stored)));
    }

    /// Steps of blocks of two of five along the middle axis, of which the last block is shorter.
    #[test]
    fn blocks_have_scales_of_their_own() {
        let scales = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0];
        let zeros = [0, 1, 0, 0, 0, 2];
        let case = |op_type| Case::new(op_type, 21).int("axis", -2).int("block_size", 2);
        let weights = bytes(&[1, 5, 2], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        let found = case("DequantizeLinear").known(weights.clone()).floats(&[1, 3, 2], &scales).known(bytes(&[1, 3, 2], &zeros)).values();
        let expected = [1.0, 2.0, 3.0, 6.0, 20.0, 48.0, 28.0, 64.0, 144.0, 256.0];
        assert_eq!(found, expected);
        let back = case("QuantizeLinear").floats(&[1, 5, 2], &expected).floats(&[1, 3, 2], &scales).known(bytes(&[1, 3, 2], &zeros));
        assert_eq!(back.evaluate(), Ok(weights));
    }

    /// Blocks that fill the axis take an axis of their own, so that their scales need not be repeated.
    #[test]
    fn shapes_under_which_scales_broadcast() {
        let apart = |block: Option<u32>, extent| {
            let block = block.and_then(NonZeroU32::new);
            let op = Quantize { direction: Direction::Dequantize, scale: vec![1.0; 18].into(), zero: vec![0; 18], axis: 1, block };
            op.apart(&Shape(vec![2, extent, 3])).unwrap().map(|shape| shape.0)
        };
        assert_eq!(apart(Some(4), 12), [vec![2, 3, 4, 3], vec![2, 3, 1, 3]]);
        assert_eq!(apart(Some(4), 11), [vec![2, 11, 3], vec![2, 11, 3]]);
        assert_eq!(apart(None, 12), [vec![2, 12, 3], vec![1, 12, 1]]);
    }

    #[test]
    fn one_block_is_a_scale_for_all() {
        let case = Case::new("DequantizeLinear", 21).known(bytes(&[1, 2], &[1, 2])).floats(&[1, 1], &[0.5]).int("block_size", 2);
        assert!(matches!(case.parse(), Ok(Op::Quantize(Quantize { block: None, .. }))));
        assert_eq!(case.values(), [0.5, 1.0]);
    }

    #[test]
    fn refusals() {
        let case = |scale: &[f32]| Case::new("QuantizeLinear", 21).input(&[1, 3]).floats(&[scale.len()], scale);
        assert_eq!(case(&[0.0]).refusal(), "`scale` holds 0 (supported: numbers above zero)");
        assert!(case(&[f32::NAN]).refusal().starts_with("`scale` holds NaN"));
        assert_eq!(case(&[1.0, 2.0]).known(bytes(&[2], &[0, 0])).refusal(), "2 scales for axis 1 of f32[1,3]");
        let short = Tensor::new(Shape(vec![]), Data::I32([0].into())).unwrap();
        assert!(case(&[1.0]).known(short).refusal().starts_with("integers of 16 bits"));
        let blocked = case(&[1.0]).int("block_size", 16).refusal();
        assert_eq!(blocked, "`scale` is f32[1] for blocks of 16 along axis 1 of f32[1,3] (supported: f32[1,1])");
        assert!(case(&[1.0]).int("block_size", -1).refusal().starts_with("attribute `block_size` is -1"));
        let table = Case::new("QuantizeLinear", 21).input(&[2, 3]).floats(&[2, 3], &[1.0; 6]);
        assert!(table.refusal().contains("or a block with `block_size`"));
        assert!(case(&[1.0]).known(bytes(&[2], &[0, 0])).refusal().starts_with("`zero_point` is i8[2]"));
        assert!(case(&[1.0]).int("output_dtype", 5).refusal().contains("data type 5"));
        assert!(Case::new("QuantizeLinear", 21).input(&[1]).input(&[]).refusal().contains("run time"));
    }
}
