//! `ReduceSum`, `ReduceProd`, `ReduceMin` and `ReduceMax`: over any axes; computed when compiling, from known inputs only.

use std::sync::Arc;

use super::broadcast::source_index;
use super::operands::{evaluated, output, output_shape, tensor, typed};
use super::{OpError, Operator, ReduceMean};
use crate::ir::{DType, Data, Shape, Tensor, TensorType};
use crate::onnx::node::NodeView;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Sum,
    Prod,
    Min,
    Max,
}

/// One input; its axes are read as `ReduceMean`'s are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reduce {
    kind: Kind,
    over: ReduceMean,
}

impl Operator for Reduce {
    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let kind = match node.op_type {
            "ReduceSum" => Kind::Sum,
            "ReduceProd" => Kind::Prod,
            "ReduceMin" => Kind::Min,
            _ => Kind::Max,
        };
        Ok(Reduce { kind, over: ReduceMean::parse(node)? })
    }

    fn op_type(&self) -> Option<&'static str> {
        Some(match self.kind {
            Kind::Sum => "ReduceSum",
            Kind::Prod => "ReduceProd",
            Kind::Min => "ReduceMin",
            Kind::Max => "ReduceMax",
        })
    }

    fn data_inputs(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let input = typed(inputs, 0)?;
        if input.dtype == DType::Bool {
            return Err(OpError::unsupported(format!("the input is {input}")).supported("f32, i32, i64"));
        }
        output(input.dtype, self.over.reduced(input)?)
    }

    fn runs(&self, _inputs: &[Option<&TensorType>]) -> bool {
        false
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let shape = output_shape(self, inputs)?;
        let x = tensor(inputs, 0)?;
        let kept = self.over.kept(x.shape());
        let float = |a: f32, b: f32| match self.kind {
            Kind::Sum => a + b,
            Kind::Prod => a * b,
            Kind::Min => a.min(b),
            Kind::Max => a.max(b),
        };
        let int = |a: i64, b: i64| match self.kind {
            Kind::Sum => a.wrapping_add(b),
            Kind::Prod => a.wrapping_mul(b),
            Kind::Min => a.min(b),
            Kind::Max => a.max(b),
        };
        let shapes = [x.shape(), &kept];
        macro_rules! integers {
            ($values:expr, $int:ident) => {
                folded($values, shapes, self.start([0, 1, $int::MAX, $int::MIN]), |a, b| int(i64::from(a), i64::from(b)) as $int)
            };
        }
        let data = match x.data() {
            Data::F32(v) => folded(v, shapes, self.start([0.0, 1.0, f32::INFINITY, f32::NEG_INFINITY]), float).map(Data::F32),
            Data::I8(v) => integers!(v, i8).map(Data::I8),
            Data::U8(v) => integers!(v, u8).map(Data::U8),
            Data::I32(v) => integers!(v, i32).map(Data::I32),
            Data::I64(v) => integers!(v, i64).map(Data::I64),
            Data::Bool(_) => None,
        };
        evaluated(data.and_then(|data| Tensor::new(shape, data)))
    }
}

impl Reduce {
    /// What a reduction of nothing gives.
    fn start<T: Copy>(&self, neutral: [T; 4]) -> T {
        neutral[self.kind as usize]
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

#[cfg(test)]
mod tests {
    use crate::ir::Tensor;
    use crate::ops::case::{Case, floats};

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

    #[test]
    fn refusals() {
        assert!(Case::new("ReduceMax", 13).ints("axes", &[1]).i64s(&[1]).refusal().contains("axis 1"));
        assert!(Case::new("ReduceMax", 13).int("keepdims", -1).i64s(&[1]).refusal().contains("`keepdims` is -1"));
    }
}
