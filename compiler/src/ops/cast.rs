//! `Cast` and `CastLike`: between floats, integers of 8, 32 and 64 bits and booleans; half and double floats are held as `f32`.

use super::operands::{evaluated, is_true, output, tensor, typed};
use super::{OpError, Operator, pairwise};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::steps::{Lowering, Packed, kernels};
use crate::tensor::{DType, Data, Tensor, TensorType, elements};

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cast {
    pub(crate) to: DType,
}

impl Operator for Cast {
    const ATTRIBUTES: &'static [KnownAttribute] = &[
        known::data_type("to").only(&["FLOAT", "FLOAT16", "DOUBLE", "BFLOAT16", "UINT8", "INT8", "INT32", "INT64", "BOOL"]).of(&["Cast"]),
        known::ignored("saturate"),
        known::ignored("round_mode"),
    ];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        if node.op_type == "CastLike" {
            return Ok(Cast { to: node.input_type(1)?.dtype });
        }
        let to = node.data_type("to")?.ok_or_else(|| OpError::new("attribute `to` is missing"))?;
        Ok(Cast { to })
    }

    fn data_inputs(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        output(self.to, typed(inputs, 0)?.shape.clone())
    }

    fn runs(&self, _inputs: &[Option<&TensorType>]) -> bool {
        true
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let input = tensor(inputs, 0)?;
        let data = match self.to {
            DType::F32 => Data::F32(each!(input.data(), f32)),
            DType::I8 => Data::I8(each!(input.data(), i8)),
            DType::U8 => Data::U8(each!(input.data(), u8)),
            DType::I32 => Data::I32(each!(input.data(), i32)),
            DType::I64 => Data::I64(each!(input.data(), i64)),
            DType::Bool => Data::Bool(elements!(input.data(), values => values.iter().map(is_true).collect())),
        };
        evaluated(Tensor::new(input.shape().clone(), data))
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        if self.to == DType::Bool {
            let x = ctx.tensor(0)?;
            let y = pairwise::truth(ctx, x)?;
            ctx.finish(y);
            return Ok(());
        }
        ctx.each_element(kernels::Cast, &Packed::default())
    }
}

/// Every element as a number: floats are cut towards zero and saturate, NaN becomes zero; wider integers lose their high bits.
macro_rules! each {
    ($data:expr, $number:ty) => {
        match $data {
            Data::F32(v) => v.iter().map(|&x| x as $number).collect(),
            Data::I8(v) => v.iter().map(|&x| x as $number).collect(),
            Data::U8(v) => v.iter().map(|&x| x as $number).collect(),
            Data::I32(v) => v.iter().map(|&x| x as $number).collect(),
            Data::I64(v) => v.iter().map(|&x| x as $number).collect(),
            Data::Bool(v) => v.iter().map(|&x| u8::from(x) as $number).collect(),
        }
    };
}
use each;

#[cfg(test)]
mod tests {
    use crate::ops::test_case::Case;
    use crate::tensor::{Data, Shape, Tensor};

    fn cast(data: Data, to: i64) -> Data {
        let input = Tensor::new(Shape(vec![2]), data).unwrap();
        Case::new("Cast", 13).known(input).int("to", to).evaluate().unwrap().data().clone()
    }

    #[test]
    fn every_pair() {
        let forms = [
            (1, Data::F32([0.0, 1.0].into())),
            (6, Data::I32([0, 1].into())),
            (7, Data::I64([0, 1].into())),
            (9, Data::Bool([false, true].into())),
        ];
        for (_, from) in &forms {
            for (code, to) in &forms {
                assert!(cast(from.clone(), *code) == *to, "to {code}");
            }
        }
    }

    #[test]
    fn floats_are_cut_towards_zero() {
        assert!(cast(Data::F32([-1.9, 1e30].into()), 7) == Data::I64([-1, i64::MAX].into()));
        assert!(cast(Data::F32([f32::NAN, 0.5].into()), 6) == Data::I32([0, 0].into()));
        assert!(cast(Data::F32([0.5, -0.0].into()), 9) == Data::Bool([true, false].into()));
        assert!(cast(Data::F32([0.1, 2.0].into()), 10) == Data::F32([0.1, 2.0].into()));
    }

    #[test]
    fn like_another_input() {
        let case = Case::new("CastLike", 15).floats(&[2], &[1.5, -2.0]).i64s(&[7]);
        assert_eq!(case.evaluate(), Ok(Tensor::i64s([1, -2])));
        let same = Case::new("CastLike", 19).input(&[2]).floats(&[], &[1.0]);
        assert!(same.parse().unwrap().runs(&[Some(&crate::tensor::TensorType::f32([2]))]));
    }

    #[test]
    fn refusals() {
        assert!(Case::new("Cast", 13).input(&[1]).int("to", 8).refusal().starts_with("attribute `to` is data type 8 (supported:"));
        assert_eq!(Case::new("Cast", 13).input(&[1]).refusal(), "attribute `to` is missing");
    }
}
