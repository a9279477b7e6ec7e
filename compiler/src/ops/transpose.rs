//! `Transpose`: any permutation of the axes, any element type.

use super::operands::{output, output_shape, tensor, typed};
use super::{OpError, Operator};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::plan::problem::Relation;
use crate::steps::Lowering;
use crate::tensor::{Tensor, TensorType};
use crate::tensor::{ravel, unravel};

/// One input; axis `i` of the output is axis `perm[i]` of the input.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Transpose {
    pub(crate) perm: Vec<usize>,
}

impl Operator for Transpose {
    const ATTRIBUTES: &'static [KnownAttribute] = &[known::ints("perm")];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let rank = node.input_type(0)?.shape.rank();
        let Some(found) = node.filled_ints("perm")? else { return Ok(Transpose { perm: (0..rank).rev().collect() }) };
        let mut is_named = vec![false; rank];
        for &axis in found {
            if let Some(named) = usize::try_from(axis).ok().and_then(|axis| is_named.get_mut(axis)) {
                *named = true;
            }
        }
        if found.len() != rank || is_named.contains(&false) {
            return Err(
                OpError::new(format!("attribute `perm` is {found:?}")).supported(format!("the axes from 0 to below {rank}, once each"))
            );
        }
        Ok(Transpose { perm: found.iter().map(|&axis| axis as usize).collect() })
    }

    fn data_inputs(&self) -> usize {
        1
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let input = typed(inputs, 0)?;
        if input.shape.rank() != self.perm.len() {
            return Err(OpError::new(format!("the input is {input} where `perm` is {:?}", self.perm)));
        }
        output(input.dtype, self.perm.iter().map(|&axis| input.shape[axis]).collect::<Vec<_>>())
    }

    /// Elements of any type move.
    fn runs(&self, _inputs: &[Option<&TensorType>]) -> bool {
        true
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let shape = output_shape(self, inputs)?;
        let input = tensor(inputs, 0)?;
        let strides = input.shape().strides();
        let permuted: Vec<_> = self.perm.iter().map(|&axis| strides[axis]).collect();
        Ok(vec![input.gathered(&shape, |i| ravel(&unravel(i, &shape), &permuted))])
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let (read, output) = (ctx.input(0)?, ctx.output());
        let write = ctx.whole(output);
        ctx.push_move(read, write, Relation::Permute(self.perm.clone()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::ir::test_build::Random;
    use crate::ops::test_case::{Case, floats};
    use crate::tensor::Shape;
    use crate::tensor::Tensor;
    use crate::tensor::{ravel, unravel};

    fn matrix() -> Case {
        Case::new("Transpose", 13).floats(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    }

    #[test]
    fn permutes() {
        assert_eq!(matrix().evaluate(), Ok(floats(&[3, 2], &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0])));
        assert_eq!(matrix().ints("perm", &[0, 1]).values(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(Case::new("Transpose", 13).ints("perm", &[0, 2, 3, 1]).input(&[1, 8, 3, 5]).shape(), Ok(vec![1, 3, 5, 8]));
        assert_eq!(matrix().ints("perm", &[]).shape(), Ok(vec![3, 2]));
        assert_eq!(Case::new("Transpose", 13).i64s(&[1, 2]).evaluate(), Ok(Tensor::i64s([1, 2])));
    }

    #[test]
    fn only_permutations() {
        for perm in [&[0, 0][..], &[0], &[2, 0], &[1, 2], &[0, -1], &[0, 1, 0]] {
            assert!(matrix().ints("perm", perm).refusal().contains("`perm` is"), "{perm:?}");
        }
    }

    /// Of up to six axes that no two kernels step along as one.
    #[test]
    fn any_order_at_run_time() {
        let mut random = Random(1);
        for round in 0..60 {
            let dims: Vec<usize> = (0..round % 7).map(|_| 1 + random.index(3)).collect();
            let perm = random.shuffled(dims.len());
            let to: Vec<usize> = perm.iter().map(|&axis| dims[axis]).collect();
            let values: Vec<f32> = (0..dims.iter().product()).map(|at: usize| at as f32).collect();
            let value = |flat: usize| {
                let mut own = vec![0; dims.len()];
                unravel(flat, &to).into_iter().zip(&perm).for_each(|(at, &axis)| own[axis] = at);
                values[ravel(&own, &Shape(dims.clone()).strides())]
            };
            let wanted = floats(&to, &(0..to.iter().product()).map(value).collect::<Vec<_>>());
            let named: Vec<i64> = perm.iter().map(|&axis| axis as i64).collect();
            assert_eq!(
                Case::new("Transpose", 13).ints("perm", &named).floats(&dims, &values).computed(&[]),
                wanted,
                "{dims:?} as {perm:?}"
            );
        }
    }
}
