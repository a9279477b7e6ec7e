//! `ReduceSum`, `ReduceProd`, `ReduceMin`, `ReduceMax`, `ReduceL1`, `ReduceL2`, `ReduceSumSquare`, `ReduceLogSum` and `ReduceLogSumExp`:
//! over any axes. The first four fold integers, too, where these are known when compiling; extremes of bytes and of truth run.
//! `ReduceMin` and `ReduceMax` leave out what is not a number.

use std::sync::Arc;

use super::broadcast::source_index;
use super::operands::{Sum, evaluated, output, output_shape, tensor, typed};
use super::{OpError, Operator, ReduceMean, pairwise};
use crate::node::NodeView;
use crate::node::known::KnownAttribute;
use crate::steps::kernels::{Reduce as Kernel, ReduceKind};
use crate::steps::{Lowering, Packed};
use crate::tensor::{DType, Data, Shape, Tensor, TensorType};

/// One input; its axes are read as `ReduceMean`'s are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reduce {
    kind: ReduceKind,
    over: ReduceMean,
}

impl Operator for Reduce {
    const ATTRIBUTES: &'static [KnownAttribute] = ReduceMean::ATTRIBUTES;

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let kind = ReduceKind::ALL.into_iter().find(|kind| kind.name() == node.op_type);
        let kind = kind.ok_or_else(|| OpError::unsupported("is no reduction"))?;
        Ok(Reduce { kind, over: ReduceMean::parse(node)? })
    }

    fn op_type(&self) -> Option<&'static str> {
        Some(self.kind.name())
    }

    fn data_inputs(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let input = typed(inputs, 0)?;
        let takes_integers = self.is_extreme() || matches!(self.kind, ReduceKind::Sum | ReduceKind::Prod);
        let takes = match input.dtype {
            DType::F32 => true,
            DType::Bool => self.is_extreme(),
            _ => takes_integers,
        };
        if !takes {
            let supported = if takes_integers { "f32, i32, i64" } else { "f32" };
            return Err(OpError::unsupported(format!("the input is {input}")).supported(supported));
        }
        output(input.dtype, self.over.reduced(input)?)
    }

    fn runs(&self, inputs: &[Option<&TensorType>]) -> bool {
        inputs.iter().flatten().all(|ty| match ty.dtype {
            DType::F32 => true,
            DType::I8 | DType::U8 | DType::Bool => self.is_extreme(),
            DType::I32 | DType::I64 => false,
        })
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let shape = output_shape(self, inputs)?;
        let x = tensor(inputs, 0)?;
        let kept = self.over.kept(x.shape());
        let int = |a: i64, b: i64| match self.kind {
            ReduceKind::Prod => a.wrapping_mul(b),
            ReduceKind::Min => a.min(b),
            ReduceKind::Max => a.max(b),
            _ => a.wrapping_add(b),
        };
        let shapes = [x.shape(), &kept];
        macro_rules! integers {
            ($values:expr, $int:ident) => {
                folded($values, shapes, self.start([0, 1, $int::MAX, $int::MIN]), |a, b| int(i64::from(a), i64::from(b)) as $int)
            };
        }
        let data = match x.data() {
            Data::F32(v) => self.floats(v, shapes).map(Data::F32),
            Data::I8(v) => integers!(v, i8).map(Data::I8),
            Data::U8(v) => integers!(v, u8).map(Data::U8),
            Data::I32(v) => integers!(v, i32).map(Data::I32),
            Data::I64(v) => integers!(v, i64).map(Data::I64),
            Data::Bool(v) => {
                let all = self.kind == ReduceKind::Min;
                folded(v, shapes, all, |a, b| if all { a && b } else { a || b }).map(Data::Bool)
            }
        };
        evaluated(data.and_then(|data| Tensor::new(shape, data)))
    }

    fn work(&self, inputs: &[Option<&TensorType>]) -> u64 {
        typed(inputs, 0).map_or(0, |x| x.shape.elements() as u64)
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let kernel = Kernel { kind: self.kind, axes: self.over.axes.clone(), keepdims: self.over.keepdims };
        let dtype = ctx.dtype();
        if dtype == DType::F32 {
            let read = ctx.input(0)?;
            ctx.step(kernel, vec![read]);
            return Ok(());
        }
        // Bytes and truth are exact as floats.
        let x = pairwise::converted(ctx, 0, DType::F32)?;
        let shape = ctx.shape();
        let reduced = ctx.between_of(DType::F32, shape);
        let (read, write) = (ctx.whole(x), ctx.whole(reduced));
        ctx.push(Arc::new(kernel), vec![read], write, &Packed::default(), 0);
        let y = if dtype == DType::Bool { pairwise::truth(ctx, reduced)? } else { pairwise::recast(ctx, reduced, dtype) };
        ctx.finish(y);
        Ok(())
    }
}

impl Reduce {
    /// Whether it gives one of the elements.
    fn is_extreme(&self) -> bool {
        matches!(self.kind, ReduceKind::Min | ReduceKind::Max)
    }

    /// What a reduction of nothing gives: of a sum, a product, a minimum, a maximum.
    fn start<T: Copy>(&self, [zero, one, most, least]: [T; 4]) -> T {
        match self.kind {
            ReduceKind::Prod => one,
            ReduceKind::Min => most,
            ReduceKind::Max => least,
            _ => zero,
        }
    }

    fn floats(&self, values: &[f32], shapes: [&Shape; 2]) -> Option<Arc<[f32]>> {
        let results: Vec<f32> = match self.kind {
            ReduceKind::Prod => return folded(values, shapes, 1.0, |a, b| a * b),
            ReduceKind::Min => return folded(values, shapes, f32::INFINITY, f32::min),
            ReduceKind::Max => return folded(values, shapes, f32::NEG_INFINITY, f32::max),
            ReduceKind::Sum => sums(values, shapes, |x, _| x)?,
            ReduceKind::L1 => sums(values, shapes, |x, _| x.abs())?,
            ReduceKind::SumSquare => sums(values, shapes, |x, _| x * x)?,
            ReduceKind::L2 => sums(values, shapes, |x, _| x * x)?.into_iter().map(f32::sqrt).collect(),
            ReduceKind::LogSum => sums(values, shapes, |x, _| x)?.into_iter().map(f32::ln).collect(),
            ReduceKind::LogSumExp => {
                let greatest = folded(values, shapes, f32::NEG_INFINITY, f32::max)?;
                let taken: Vec<f32> = greatest.iter().map(|&max| if max.is_finite() { max } else { 0.0 }).collect();
                let sums = sums(values, shapes, |x, at| (x - taken[at]).exp())?;
                sums.iter().zip(&taken).map(|(sum, taken)| sum.ln() + taken).collect()
            }
        };
        Some(results.into())
    }
}

fn folded<T: Copy>(values: &[T], [shape, kept]: [&Shape; 2], start: T, combine: impl Fn(T, T) -> T) -> Option<Arc<[T]>> {
    let mut results = vec![start; kept.checked_elements()?];
    for (i, &value) in values.iter().enumerate() {
        let result = results.get_mut(source_index(i, shape, kept))?;
        *result = combine(*result, value);
    }
    Some(results.into())
}

/// The sums of what `term` makes of each value and the index of its result.
fn sums(values: &[f32], [shape, kept]: [&Shape; 2], term: impl Fn(f32, usize) -> f32) -> Option<Vec<f32>> {
    let mut sums = vec![Sum::from(0.0); kept.checked_elements()?];
    for (i, &value) in values.iter().enumerate() {
        let at = source_index(i, shape, kept);
        sums.get_mut(at)?.add(term(value, at));
    }
    Some(sums.iter().map(|sum| sum.value(Sum::LONGEST)).collect())
}

#[cfg(test)]
mod tests {
    use crate::ops::test_case::{Case, floats};
    use crate::tensor::{DType, Data, Shape, Tensor, TensorType};

    #[test]
    fn integers_and_floats() {
        let ints = |name| Case::new(name, 13).int("keepdims", 0).i64s(&[2, -3, 4]).evaluate().unwrap().to_i64s().unwrap();
        assert_eq!((ints("ReduceSum"), ints("ReduceProd"), ints("ReduceMin"), ints("ReduceMax")), (vec![3], vec![-24], vec![-3], vec![4]));
        let x = |name| Case::new(name, 18).floats(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(x("ReduceProd").i64s(&[0]).evaluate(), Ok(floats(&[1, 2], &[3.0, 8.0])));
        assert_eq!(x("ReduceMax").int("keepdims", 0).i64s(&[-1]).values(), [2.0, 4.0]);
        assert_eq!(x("ReduceSum").int("noop_with_empty_axes", 1).i64s(&[]).values(), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(Case::new("ReduceProd", 13).i64s(&[]).evaluate(), Ok(Tensor::i64s([1])));
    }

    /// Values of the ONNX reference, rounded to four places.
    #[test]
    fn each_kind_of_sum() {
        let of = |name| {
            let case = Case::new(name, 18).int("keepdims", 0).floats(&[2, 3], &[1.0, -2.0, 4.0, 0.5, 3.0, 6.0]).i64s(&[1]);
            case.values().iter().map(|v| (v * 1e4).round() / 1e4).collect::<Vec<_>>()
        };
        assert_eq!(of("ReduceSum"), [3.0, 9.5]);
        assert_eq!(of("ReduceL1"), [7.0, 9.5]);
        assert_eq!(of("ReduceL2"), [4.5826, 6.7268]);
        assert_eq!(of("ReduceSumSquare"), [21.0, 45.25]);
        assert_eq!(of("ReduceLogSum"), [1.0986, 2.2513]);
        assert_eq!(of("ReduceLogSumExp"), [4.0509, 6.0525]);
        // Nothing overflows, and what is infinite stays so.
        let large = |x: &[f32]| Case::new("ReduceLogSumExp", 13).int("keepdims", 0).floats(&[2], x).values();
        assert_eq!(large(&[1000.0, 0.0]), [1000.0]);
        assert_eq!(large(&[f32::NEG_INFINITY; 2]), [f32::NEG_INFINITY]);
        assert_eq!(large(&[f32::INFINITY, 0.0]), [f32::INFINITY]);
    }

    #[test]
    fn without_axes_each_element_is_reduced_by_itself() {
        let case = Case::new("ReduceSumSquare", 18).int("noop_with_empty_axes", 1).floats(&[2], &[2.0, -3.0]);
        assert_eq!(case.values(), [4.0, 9.0]);
        assert_eq!(Case::new("ReduceL1", 18).floats(&[2], &[2.0, -3.0]).i64s(&[]).evaluate(), Ok(floats(&[1], &[5.0])));
    }

    #[test]
    fn extremes_of_truth_are_any_and_all() {
        let bools = |shape: &[usize], values: &[bool]| Tensor::new(Shape(shape.to_vec()), Data::Bool(values.into())).unwrap();
        let case = |name, shape: &[usize], values: &[bool]| Case::new(name, 20).int("keepdims", 0).known(bools(shape, values)).i64s(&[1]);
        let rows = [true, false, true, true, false, false];
        assert_eq!(case("ReduceMax", &[3, 2], &rows).evaluate(), Ok(bools(&[3], &[true, true, false])));
        assert_eq!(case("ReduceMin", &[3, 2], &rows).evaluate(), Ok(bools(&[3], &[false, true, false])));
        assert_eq!(case("ReduceMax", &[1, 0], &[]).evaluate(), Ok(bools(&[1], &[false])));
        assert_eq!(case("ReduceMin", &[1, 0], &[]).evaluate(), Ok(bools(&[1], &[true])));
        let runs = |name, dtype| {
            let ty = TensorType::new(dtype, [2]);
            Case::new(name, 20).typed(ty.clone()).parse().unwrap().runs(&[Some(&ty)])
        };
        assert!([DType::Bool, DType::U8, DType::I8, DType::F32].into_iter().all(|dtype| runs("ReduceMin", dtype)));
        assert!(!runs("ReduceMax", DType::I64) && !runs("ReduceSum", DType::U8));
    }

    #[test]
    fn refusals() {
        assert_eq!(
            Case::new("ReduceSum", 13).typed(TensorType::new(DType::Bool, [2])).refusal(),
            "the input is bool[2] (supported: f32, i32, i64)"
        );
        assert_eq!(Case::new("ReduceL2", 13).i64s(&[1]).refusal(), "the input is i64[1] (supported: f32)");
        assert!(Case::new("ReduceMax", 13).ints("axes", &[1]).i64s(&[1]).refusal().contains("axis 1"));
        assert!(Case::new("ReduceMax", 13).int("keepdims", -1).i64s(&[1]).refusal().contains("`keepdims` is -1"));
    }
}
