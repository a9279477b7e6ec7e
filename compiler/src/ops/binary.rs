//! `Add`, `Sub`, `Mul` and `Div`: element-wise with broadcasting, of floats and of integers.
//!
//! Integers wrap, and what is divided by zero is zero.

use std::sync::Arc;

use peleec_runtime::BinaryKind;

use super::broadcast::{aligned_at_the_end, broadcast, source_index};
use super::operands::{evaluated, output, output_shape, tensor, typed};
use super::{OpError, Operator};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::steps::Lowering;
use crate::steps::kernels::{Binary as Kernel, Function, Pairwise};
use crate::tensor::{DType, Data, Shape, Tensor, TensorType};

/// Inputs: `A` and `B` of one element type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Binary {
    pub(crate) kind: BinaryKind,
}

impl Operator for Binary {
    const ATTRIBUTES: &'static [KnownAttribute] = &[known::int("axis"), known::ignored("broadcast")];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        aligned_at_the_end(node)?;
        let kind = match node.op_type {
            "Add" => BinaryKind::Add,
            "Sub" => BinaryKind::Sub,
            "Mul" => BinaryKind::Mul,
            _ => BinaryKind::Div,
        };
        Ok(Binary { kind })
    }

    fn op_type(&self) -> Option<&'static str> {
        Some(match self.kind {
            BinaryKind::Add => "Add",
            BinaryKind::Sub => "Sub",
            BinaryKind::Mul => "Mul",
            BinaryKind::Div => "Div",
        })
    }

    fn data_inputs(&self) -> usize {
        2
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let (a, b) = (typed(inputs, 0)?, typed(inputs, 1)?);
        if a.dtype != b.dtype {
            return Err(OpError::new(format!("the inputs are {a} and {b}")).supported("two inputs of one element type"));
        }
        if a.dtype == DType::Bool {
            return Err(OpError::new(format!("the inputs are {a} and {b}")).supported("numbers"));
        }
        output(a.dtype, broadcast(&a.shape, &b.shape)?)
    }

    fn runs(&self, inputs: &[Option<&TensorType>]) -> bool {
        self.infer(inputs).is_ok()
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let shape = output_shape(self, inputs)?;
        let (a, b) = (tensor(inputs, 0)?, tensor(inputs, 1)?);
        let shapes = [&shape, a.shape(), b.shape()];
        let kind = self.kind;
        let data = match (a.data(), b.data()) {
            (Data::F32(a), Data::F32(b)) => Data::F32(combine(shapes, a, b, |a, b| apply(kind, a, b))),
            (Data::I64(a), Data::I64(b)) => Data::I64(combine(shapes, a, b, |a, b| apply_integer(kind, a, b))),
            (Data::I8(a), Data::I8(b)) => Data::I8(combine(shapes, a, b, |a, b| apply_integer(kind, a.into(), b.into()) as i8)),
            (Data::U8(a), Data::U8(b)) => Data::U8(combine(shapes, a, b, |a, b| apply_integer(kind, a.into(), b.into()) as u8)),
            (Data::I32(a), Data::I32(b)) => Data::I32(combine(shapes, a, b, |a, b| apply_integer(kind, a.into(), b.into()) as i32)),
            _ => return Err(OpError::new("the inputs' element types differ")),
        };
        evaluated(Tensor::new(shape, data))
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let reads = vec![ctx.input(0)?, ctx.input(1)?];
        if ctx.dtype() == DType::F32 {
            ctx.step(Kernel { kind: self.kind }, reads);
            return Ok(());
        }
        let function = match self.kind {
            BinaryKind::Add => Function::Add,
            BinaryKind::Sub => Function::Sub,
            BinaryKind::Mul => Function::Mul,
            BinaryKind::Div => Function::Div,
        };
        ctx.step(Pairwise { function }, reads);
        Ok(())
    }
}

/// The meaning of `kind` on floats.
pub(crate) fn apply(kind: BinaryKind, a: f32, b: f32) -> f32 {
    match kind {
        BinaryKind::Add => a + b,
        BinaryKind::Sub => a - b,
        BinaryKind::Mul => a * b,
        BinaryKind::Div => a / b,
    }
}

/// The meaning of `kind` on integers: overflow wraps, division rounds towards zero, and by zero gives zero.
fn apply_integer(kind: BinaryKind, a: i64, b: i64) -> i64 {
    match kind {
        BinaryKind::Add => a.wrapping_add(b),
        BinaryKind::Sub => a.wrapping_sub(b),
        BinaryKind::Mul => a.wrapping_mul(b),
        BinaryKind::Div if b == 0 => 0,
        BinaryKind::Div => a.wrapping_div(b),
    }
}

fn combine<T: Copy>([output, a_shape, b_shape]: [&Shape; 3], a: &[T], b: &[T], f: impl Fn(T, T) -> T) -> Arc<[T]> {
    (0..output.elements()).map(|i| f(a[source_index(i, output, a_shape)], b[source_index(i, output, b_shape)])).collect()
}

#[cfg(test)]
mod tests {
    use crate::ops::test_case::Case;
    use crate::tensor::{DType, Tensor, TensorType};

    #[test]
    fn floats_broadcast() {
        let case = |name| Case::new(name, 13).floats(&[2, 2], &[1.0, 2.0, 3.0, 4.0]).floats(&[2], &[2.0, 4.0]);
        assert_eq!(case("Add").values(), [3.0, 6.0, 5.0, 8.0]);
        assert_eq!(case("Sub").values(), [-1.0, -2.0, 1.0, 0.0]);
        assert_eq!(case("Mul").values(), [2.0, 8.0, 6.0, 16.0]);
        assert_eq!(case("Div").values(), [0.5, 0.5, 1.5, 1.0]);
        assert_eq!(Case::new("Add", 7).input(&[1, 8, 3, 3]).input(&[8, 1, 1]).shape(), Ok(vec![1, 8, 3, 3]));
        assert_eq!(Case::new("Add", 7).input(&[]).input(&[]).shape(), Ok(vec![]));
    }

    #[test]
    fn integers_fold() {
        let case = |name, b: &[i64]| Case::new(name, 13).i64s(&[7, -7]).i64s(b).evaluate();
        assert_eq!(case("Div", &[2]), Ok(Tensor::i64s([3, -3])));
        assert_eq!(case("Mul", &[i64::MAX]), Ok(Tensor::i64s([i64::MAX.wrapping_mul(7), i64::MAX.wrapping_mul(-7)])));
        assert_eq!(case("Div", &[0]), Ok(Tensor::i64s([0, 0])));
        let least = Case::new("Div", 13).i64s(&[i64::MIN]).i64s(&[-1]);
        assert_eq!(least.evaluate(), Ok(Tensor::i64s([i64::MIN])));
        assert!(least.parse().unwrap().runs(&[Some(&Tensor::i64s([1]).ty()); 2]));
    }

    #[test]
    fn refusals() {
        let mixed = Case::new("Add", 13).input(&[2]).i64s(&[1, 2]);
        assert_eq!(mixed.refusal(), "the inputs are f32[2] and i64[2] (supported: two inputs of one element type)");
        let flags = || TensorType::new(DType::Bool, [2]);
        assert!(Case::new("Add", 13).typed(flags()).typed(flags()).refusal().contains("bool"));
        assert!(Case::new("Add", 13).input(&[1 << 40, 1]).input(&[1, 1 << 40]).refusal().contains("too many"));
        assert!(Case::new("Add", 13).input(&[2]).input(&[3]).refusal().contains("do not broadcast"));
    }
}
