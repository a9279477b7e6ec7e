//! How firmware computes element-wise functions of two tensors and more: by a step for each two, which broadcast.

use std::sync::Arc;

use peleec_runtime::BinaryKind;

use super::broadcast::broadcast;
use super::operands::integers;
use super::{Cast, OpError, Operator};
use crate::plan::problem::TensorId;
use crate::steps::kernels::{Binary, Function, Kernel, Pairwise};
use crate::steps::{Lowering, Packed, kernels};
use crate::tensor::{DType, Data, Shape, Tensor, TensorType};

#[cfg(test)]
mod tests;

/// Whether firmware computes the operator `name` from inputs of these types.
pub(super) fn runs(name: &str, inputs: &[Option<&TensorType>]) -> bool {
    let types: Vec<_> = inputs.iter().flatten().map(|ty| ty.dtype).collect();
    let all = |dtype| types.iter().all(|&found| found == dtype);
    let are_alike = |types: &[DType]| types.windows(2).all(|pair| pair[0] == pair[1]);
    match name {
        "Mean" | "IsNaN" | "IsInf" | "IsInfPositive" | "IsInfNegative" => all(DType::F32),
        "Min" | "Max" | "Mod" | "Fmod" | "Equal" | "Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual" => are_alike(&types),
        "Pow" => types.iter().all(|&found| found != DType::Bool),
        "And" | "Or" | "Xor" | "Not" => all(DType::Bool),
        "Where" => types.first() == Some(&DType::Bool) && are_alike(&types[1..]),
        _ => false,
    }
}

/// Emits the steps of the operator `name`.
pub(super) fn lower(name: &str, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
    let y = match name {
        "Min" => all(ctx, &of(Function::Min))?,
        "Max" => all(ctx, &of(Function::Max))?,
        "Mean" => mean(ctx)?,
        "Pow" => power(ctx)?,
        "Mod" if ctx.dtype() == DType::F32 => two(ctx, Function::FloorMod, [0, 1])?,
        "Mod" => two(ctx, Function::Modulo, [0, 1])?,
        "Fmod" if ctx.dtype() == DType::F32 => two(ctx, Function::Mod, [0, 1])?,
        "Fmod" => two(ctx, Function::Remainder, [0, 1])?,
        "Equal" => equal(ctx)?,
        "Less" => two(ctx, Function::Less, [0, 1])?,
        "LessOrEqual" => two(ctx, Function::LessOrEqual, [0, 1])?,
        "Greater" => two(ctx, Function::Less, [1, 0])?,
        "GreaterOrEqual" => two(ctx, Function::LessOrEqual, [1, 0])?,
        "And" => two(ctx, Function::And, [0, 1])?,
        "Or" => two(ctx, Function::Or, [0, 1])?,
        "Xor" => two(ctx, Function::Xor, [0, 1])?,
        "Not" => {
            let x = ctx.tensor(0)?;
            negated(ctx, x)?
        }
        "Where" => chosen(ctx)?,
        "IsNaN" => {
            let equal = two(ctx, Function::Equal, [0, 0])?;
            negated(ctx, equal)?
        }
        "IsInfPositive" => is_equal(ctx, f32::INFINITY)?,
        "IsInfNegative" => is_equal(ctx, f32::NEG_INFINITY)?,
        "IsInf" => {
            let (above, below) = (is_equal(ctx, f32::INFINITY)?, is_equal(ctx, f32::NEG_INFINITY)?);
            step(ctx, of(Function::Or), [above, below])?
        }
        _ => return Err(super::too_large()),
    };
    ctx.finish(y);
    Ok(())
}

fn of(function: Function) -> Arc<dyn Kernel> {
    Arc::new(Pairwise { function })
}

fn arithmetic(kind: BinaryKind) -> Arc<dyn Kernel> {
    Arc::new(Binary { kind })
}

/// What `kernel` makes of two tensors, of the output's type.
fn step(ctx: &mut Lowering<'_>, kernel: Arc<dyn Kernel>, operands: [TensorId; 2]) -> Result<TensorId, OpError> {
    let dtype = ctx.dtype();
    step_to(ctx, dtype, kernel, operands)
}

/// What `kernel` makes of two tensors, of elements of type `dtype`.
fn step_to(ctx: &mut Lowering<'_>, dtype: DType, kernel: Arc<dyn Kernel>, [a, b]: [TensorId; 2]) -> Result<TensorId, OpError> {
    let shape = broadcast(ctx.shape_of(a), ctx.shape_of(b))?;
    let to = ctx.between_of(dtype, shape);
    let (reads, write) = (vec![ctx.whole(a), ctx.whole(b)], ctx.whole(to));
    ctx.push(kernel, reads, write, &Packed::default(), 0);
    Ok(to)
}

/// Arithmetic of two tensors of floats.
pub(super) fn of_floats(ctx: &mut Lowering<'_>, kind: BinaryKind, operands: [TensorId; 2]) -> Result<TensorId, OpError> {
    step_to(ctx, DType::F32, arithmetic(kind), operands)
}

/// The function of two inputs.
fn two(ctx: &mut Lowering<'_>, function: Function, [a, b]: [usize; 2]) -> Result<TensorId, OpError> {
    let operands = [ctx.tensor(a)?, ctx.tensor(b)?];
    step(ctx, of(function), operands)
}

/// The function of all inputs, from the first on.
fn all(ctx: &mut Lowering<'_>, kernel: &Arc<dyn Kernel>) -> Result<TensorId, OpError> {
    let mut so_far = ctx.tensor(0)?;
    for slot in 1..ctx.slots() {
        let next = ctx.tensor(slot)?;
        so_far = step(ctx, Arc::clone(kernel), [so_far, next])?;
    }
    Ok(so_far)
}

/// The sum of all inputs by their number.
fn mean(ctx: &mut Lowering<'_>) -> Result<TensorId, OpError> {
    let sum = all(ctx, &arithmetic(BinaryKind::Add))?;
    if ctx.slots() == 1 {
        return Ok(sum);
    }
    let count = ctx.slots() as f32;
    let count = scalar(ctx, Data::F32([count].into()))?;
    step(ctx, arithmetic(BinaryKind::Div), [sum, count])
}

/// A power with one small whole number as exponent is a product or a quotient.
fn power(ctx: &mut Lowering<'_>) -> Result<TensorId, OpError> {
    let base = ctx.tensor(0)?;
    let has_own_shape = *ctx.shape_of(base) == ctx.shape();
    let is_float = ctx.dtype() == DType::F32;
    let times = || if is_float { arithmetic(BinaryKind::Mul) } else { of(Function::Mul) };
    match exponent(ctx)?.filter(|_| has_own_shape) {
        Some(1.0) => Ok(base),
        Some(2.0) => step(ctx, times(), [base, base]),
        Some(3.0) => {
            let square = step(ctx, times(), [base, base])?;
            step(ctx, times(), [square, base])
        }
        Some(-1.0) if is_float => {
            let one = scalar(ctx, Data::F32([1.0].into()))?;
            step(ctx, arithmetic(BinaryKind::Div), [one, base])
        }
        _ if is_float => {
            let exponents = converted(ctx, 1, DType::F32)?;
            step(ctx, of(Function::Pow), [base, exponents])
        }
        _ => power_of_integers(ctx, base),
    }
}

/// Powers of integers; where the exponents are of another type, as integers of 64 bits, of which the low bits are left.
fn power_of_integers(ctx: &mut Lowering<'_>, base: TensorId) -> Result<TensorId, OpError> {
    let (exponents, dtype) = (ctx.tensor(1)?, ctx.dtype());
    let of_exponents = ctx.dtype_of(exponents);
    if of_exponents == dtype {
        return step(ctx, of(Function::Power), [base, exponents]);
    }
    let long = recast(ctx, base, DType::I64);
    let powers = if of_exponents == DType::F32 {
        step_to(ctx, DType::I64, of(Function::PowerByFloat), [long, exponents])?
    } else {
        let whole = recast(ctx, exponents, DType::I64);
        step_to(ctx, DType::I64, of(Function::Power), [long, whole])?
    };
    Ok(recast(ctx, powers, dtype))
}

/// The one value that the exponents of a power have, where they are known and alike.
fn exponent(ctx: &Lowering<'_>) -> Result<Option<f32>, OpError> {
    let Some(tensor) = ctx.constant(1) else { return Ok(None) };
    let exponents = cast(tensor, DType::F32)?;
    let values = exponents.as_f32().unwrap_or_default();
    Ok(values.first().copied().filter(|first| values.iter().all(|value| value == first)))
}

/// Truth is compared as truth: of the bytes of an input any but zero is true.
fn equal(ctx: &mut Lowering<'_>) -> Result<TensorId, OpError> {
    let x = ctx.tensor(0)?;
    if ctx.dtype_of(x) != DType::Bool {
        return two(ctx, Function::Equal, [0, 1]);
    }
    let differs = two(ctx, Function::Xor, [0, 1])?;
    negated(ctx, differs)
}

/// Whether truth is not.
fn negated(ctx: &mut Lowering<'_>, truth: TensorId) -> Result<TensorId, OpError> {
    let not = scalar(ctx, Data::Bool([false].into()))?;
    step(ctx, of(Function::Equal), [truth, not])
}

/// Whether the elements of the input are `value`.
fn is_equal(ctx: &mut Lowering<'_>, value: f32) -> Result<TensorId, OpError> {
    let (x, value) = (ctx.tensor(0)?, scalar(ctx, Data::F32([value].into()))?);
    step(ctx, of(Function::Equal), [x, value])
}

/// A kernel has two inputs. Of floats the second of three puts a mark where the third belongs.
fn chosen(ctx: &mut Lowering<'_>) -> Result<TensorId, OpError> {
    let dtype = ctx.dtype();
    let choice = converted(ctx, 0, dtype)?;
    let (x, y) = (ctx.tensor(1)?, ctx.tensor(2)?);
    if ctx.dtype() == DType::F32 {
        let marked = step(ctx, of(Function::Mark), [choice, x])?;
        return step(ctx, of(Function::Fill), [marked, y]);
    }
    either(ctx, choice, [x, y])
}

/// The first of two tensors of one type, which is not of floats, where `choice`, of that type, is not zero, else the second. No element can
/// be a mark: what the first has more than the second is added to that where it is chosen, and what is too wide wraps both times.
fn either(ctx: &mut Lowering<'_>, choice: TensorId, [x, y]: [TensorId; 2]) -> Result<TensorId, OpError> {
    let dtype = ctx.dtype_of(x);
    let more = step_to(ctx, dtype, of(Function::Sub), [x, y])?;
    let kept = step_to(ctx, dtype, of(Function::Keep), [choice, more])?;
    step_to(ctx, dtype, of(Function::Add), [kept, y])
}

/// Whether elements are not zero, as the output's truth.
pub(super) fn truth(ctx: &mut Lowering<'_>, x: TensorId) -> Result<TensorId, OpError> {
    let zero = cast(&single(Data::Bool([false].into()))?, ctx.dtype_of(x))?;
    let zero = ctx.known(zero)?;
    let is_zero = step(ctx, of(Function::Equal), [x, zero])?;
    negated(ctx, is_zero)
}

/// The negative of integers.
pub(super) fn negative(ctx: &mut Lowering<'_>, x: TensorId) -> Result<TensorId, OpError> {
    let zero = integer(ctx, 0)?;
    step(ctx, of(Function::Sub), [zero, x])
}

/// The magnitude of signed integers; of the least of them it wraps.
pub(super) fn magnitude(ctx: &mut Lowering<'_>, x: TensorId) -> Result<TensorId, OpError> {
    let negative = negative(ctx, x)?;
    step(ctx, of(Function::Max), [x, negative])
}

/// Integers within a lower and an upper limit, where there is one.
pub(super) fn limited(ctx: &mut Lowering<'_>, x: TensorId, limits: [Option<i64>; 2]) -> Result<TensorId, OpError> {
    let mut within = x;
    for (limit, function) in limits.into_iter().zip([Function::Max, Function::Min]) {
        if let Some(limit) = limit {
            let limit = integer(ctx, limit)?;
            within = step(ctx, of(function), [within, limit])?;
        }
    }
    Ok(within)
}

/// The tensor at input `slot` with its elements as those of type `dtype`, which is not that of truth.
pub(super) fn converted(ctx: &mut Lowering<'_>, slot: usize, dtype: DType) -> Result<TensorId, OpError> {
    if let Some(tensor) = ctx.constant(slot) {
        return ctx.known(cast(tensor, dtype)?);
    }
    let x = ctx.tensor(slot)?;
    Ok(recast(ctx, x, dtype))
}

/// A tensor with its elements as those of type `dtype`, which is not that of truth.
pub(super) fn recast(ctx: &mut Lowering<'_>, x: TensorId, dtype: DType) -> TensorId {
    // Truth and bytes are the same in memory.
    if ctx.dtype_of(x).element() == dtype.element() { x } else { each(ctx, x, dtype, kernels::Cast) }
}

/// What `kernel` makes of each element of a tensor, of type `dtype`.
pub(super) fn each(ctx: &mut Lowering<'_>, x: TensorId, dtype: DType, kernel: impl Kernel + 'static) -> TensorId {
    let shape = ctx.shape_of(x).clone();
    // As the kernel wants it: a map, or one pixel.
    let map = if matches!(shape[..], [1, _, _, _]) { shape.clone() } else { Shape(vec![1, shape.elements()]) };
    let from = ctx.reshaped(x, map.clone());
    let to = ctx.between_of(dtype, map);
    let (read, write) = (ctx.image(from, 0), ctx.image(to, 0));
    ctx.push(Arc::new(kernel), vec![read], write, &Packed::default(), 0);
    ctx.reshaped(to, shape)
}

/// The elements of a known tensor as those of another type.
fn cast(tensor: &Tensor, to: DType) -> Result<Tensor, OpError> {
    Ok(Cast { to }.evaluate(&[Some(tensor)])?.remove(0))
}

/// One known element, which broadcasts.
fn scalar(ctx: &mut Lowering<'_>, data: Data) -> Result<TensorId, OpError> {
    ctx.known(single(data)?)
}

/// One known integer of the output's type, which broadcasts.
fn integer(ctx: &mut Lowering<'_>, value: i64) -> Result<TensorId, OpError> {
    let data = integers(ctx.dtype(), std::iter::once(value));
    scalar(ctx, data)
}

fn single(data: Data) -> Result<Tensor, OpError> {
    Tensor::new(Shape::default(), data).ok_or_else(|| OpError::new("a scalar has one element"))
}
