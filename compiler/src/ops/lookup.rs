//! Functions of one byte, by a table. Its nodes come of fusion.

use super::operands::{evaluated, output, tensor, typed};
use super::{OpError, Operator};
use crate::steps::{Lowering, kernels};
use crate::tensor::{DType, Data, Tensor, TensorType};

/// `y = table[x]`, for bytes of either kind.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lookup {
    /// The result of each byte, whose bits count from 0 on.
    pub(crate) table: Box<[u8; 256]>,
    /// Of the results, whose bits the table holds.
    pub(crate) dtype: DType,
}

impl Lookup {
    /// Every byte in the table's order, as a tensor.
    pub(crate) fn bytes(dtype: DType) -> Option<Tensor> {
        let bytes = 0..=u8::MAX;
        let data = match dtype {
            DType::I8 => Data::I8(bytes.map(u8::cast_signed).collect()),
            DType::U8 => Data::U8(bytes.collect()),
            _ => return None,
        };
        Tensor::new(crate::tensor::Shape(vec![256]), data)
    }
}

impl Operator for Lookup {
    fn op_type(&self) -> Option<&'static str> {
        Some("QuantizeLinear")
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let input = typed(inputs, 0)?;
        if !matches!(input.dtype, DType::I8 | DType::U8) {
            return Err(OpError::unsupported(format!("input 0 is {}", input.dtype)).supported("i8, u8"));
        }
        output(self.dtype, input.shape.clone())
    }

    fn runs(&self, _inputs: &[Option<&TensorType>]) -> bool {
        true
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let input = tensor(inputs, 0)?;
        let bytes = input.to_i64s().unwrap_or_default();
        let results = bytes.into_iter().map(|byte| self.table[byte as u8 as usize]);
        let data = match self.dtype {
            DType::I8 => Data::I8(results.map(u8::cast_signed).collect()),
            _ => Data::U8(results.collect()),
        };
        evaluated(Tensor::new(input.shape().clone(), data))
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let packed = ctx.add_weights(&self.table[..], self.table.len());
        ctx.each_element(kernels::Lookup, &packed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Op;
    use crate::ops::test_case::executed;
    use crate::tensor::Shape;

    fn lookup(dtype: DType) -> Lookup {
        Lookup { table: Box::new(std::array::from_fn(|bits| (bits as u8).wrapping_mul(29).wrapping_add(100))), dtype }
    }

    /// Of shapes that are maps, of more images than have steps of their own, and of others.
    #[test]
    fn a_byte_is_looked_up_by_its_bits() {
        for (from, to) in [(DType::I8, DType::I8), (DType::I8, DType::U8), (DType::U8, DType::I8), (DType::U8, DType::U8)] {
            let op = lookup(to);
            for dims in
                [vec![], vec![256], vec![3, 100], vec![2, 3, 7], vec![1, 4, 8, 8], vec![2, 2, 3, 5], vec![65, 1, 2, 2], vec![1, 2, 3, 1, 9]]
            {
                let ty = TensorType::new(from, dims.clone());
                let x = Tensor::from_low_bytes(&ty, |at| (at * 77) as u8);
                let wanted = Tensor::from_low_bytes(&TensorType::new(to, dims), |at| op.table[(at * 77) as u8 as usize]);
                assert_eq!(op.evaluate(&[Some(&x)]), Ok(vec![wanted.clone()]));
                assert_eq!(executed(&Op::Lookup(op.clone()), &[Some(&x)], &[]), Ok(vec![wanted]), "{ty}");
            }
        }
    }

    #[test]
    fn every_byte_comes_once_in_the_tables_order() {
        for dtype in DType::ALL {
            let bytes = Lookup::bytes(dtype);
            let is_of_bytes = matches!(dtype, DType::I8 | DType::U8);
            assert_eq!(bytes.is_some(), is_of_bytes, "{dtype}");
            if let Some(bytes) = bytes {
                let op = lookup(DType::U8);
                let found = op.evaluate(&[Some(&bytes)]).unwrap().remove(0);
                assert_eq!((found.as_bytes(), bytes.shape()), (&op.table[..], &Shape(vec![256])));
            }
            let input = TensorType::new(dtype, [2, 3]);
            let wanted = is_of_bytes.then(|| vec![TensorType::new(DType::I8, [2, 3])]);
            assert_eq!(lookup(DType::I8).infer(&[Some(&input)]).ok(), wanted);
        }
        assert!(lookup(DType::I8).infer(&[None]).is_err());
    }
}
