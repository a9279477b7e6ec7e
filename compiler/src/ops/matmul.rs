//! `MatMul` and `Gemm`: products of matrices; `MatMul` takes vectors and batches as well, `Gemm` an addend.
//!
//! One output is `beta * C` (or zero) plus the products over k in ascending order, which is the numeric contract of class `plain`;
//! a longer sum than the class adds in one go is made in double precision.
//! Where `alpha` is not one, the products are summed from zero, the sum is multiplied by `alpha`, and `beta * C` is added last.
//! The kernels also add a `C` last that is not one value a column.

use std::sync::Arc;

use super::broadcast::{broadcast, source_index};
use peleec_runtime::{Activation, BinaryKind};

use super::operands::{Sum, evaluated, float_type, floats, output, output_shape, product, tensor};
use super::{OpError, Operator};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::plan::problem::{Access, TensorId};
use crate::steps::Lowering;
use crate::steps::Packed;
use crate::steps::kernels::{Binary, Convolution, MatMul as Kernel};
use crate::tensor::window::Window;
use crate::tensor::{DType, Shape, Tensor, TensorType};

/// Inputs: `A` [..,M,K], `B` [..,K,N], optional `C` that broadcasts to [M,N].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MatMul {
    pub(crate) alpha: f32,
    pub(crate) beta: f32,
    /// `A` is [K,M]; for matrices only, as `trans_b` and `C` are.
    pub(crate) trans_a: bool,
    pub(crate) trans_b: bool,
}

/// The extents of one product.
#[derive(Debug, PartialEq)]
pub(crate) struct Extents {
    /// Leading extents of the output.
    pub(crate) batch: Shape,
    pub(crate) m: usize,
    pub(crate) k: usize,
    pub(crate) n: usize,
}

impl MatMul {
    pub(crate) const ADDEND: usize = 2;

    /// The operator `MatMul`.
    pub(super) fn plain() -> Self {
        MatMul { alpha: 1.0, beta: 1.0, trans_a: false, trans_b: false }
    }
}

impl Operator for MatMul {
    const ATTRIBUTES: &'static [KnownAttribute] = &[
        known::float("alpha").of(&["Gemm"]),
        known::float("beta").of(&["Gemm"]),
        known::flag("transA").of(&["Gemm"]),
        known::flag("transB").of(&["Gemm"]),
        known::ignored("broadcast").of(&["Gemm"]),
    ];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let (a, b) = (node.input_type(0)?, node.input_type(1)?);
        if node.op_type == "MatMul" {
            return Ok(MatMul::plain());
        }
        if a.shape.rank() != 2 || b.shape.rank() != 2 {
            return Err(OpError::new(format!("the inputs of `Gemm` are {a} and {b}")).supported("2 dimensions each"));
        }
        Ok(MatMul {
            alpha: node.finite("alpha")?.unwrap_or(1.0),
            beta: node.finite("beta")?.unwrap_or(1.0),
            trans_a: node.flag("transA")?.unwrap_or(false),
            trans_b: node.flag("transB")?.unwrap_or(false),
        })
    }

    fn data_inputs(&self) -> usize {
        3
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let (a, b) = (float_type(inputs, 0)?, float_type(inputs, 1)?);
        let extents = self.extents(&a.shape, &b.shape)?;
        let mut shape = extents.batch.0.clone();
        shape.extend((a.shape.rank() > 1).then_some(extents.m));
        shape.extend((b.shape.rank() > 1).then_some(extents.n));
        if inputs.get(Self::ADDEND).is_some_and(Option::is_some) {
            let c = float_type(inputs, Self::ADDEND)?;
            let matrices = a.shape.rank() == 2 && b.shape.rank() == 2;
            if !matrices || broadcast(&c.shape, &shape).ok().as_deref() != Some(&shape[..]) {
                return Err(OpError::new(format!("`C` is {c} where the product is {}", Shape(shape))));
            }
        }
        output(DType::F32, shape)
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let shape = output_shape(self, inputs)?;
        let (a, b) = (floats(inputs, 0)?, floats(inputs, 1)?);
        let c = inputs.get(Self::ADDEND).copied().flatten();
        let addend = |i: usize| {
            let element = c.and_then(|c| Some(c.as_f32()?[source_index(i, &shape, c.shape())]));
            element.map_or(0.0, |c| self.beta * c)
        };
        let (a_shape, b_shape) = (tensor(inputs, 0)?.shape(), tensor(inputs, 1)?.shape());
        let Extents { batch, m, k, n } = self.extents(a_shape, b_shape)?;
        let (a_batch, b_batch) = (leading(a_shape), leading(b_shape));
        let mut values = Vec::with_capacity(shape.elements());
        for at in 0..product(&batch) {
            let a = &a[source_index(at, &batch, a_batch) * m * k..][..m * k];
            let b = &b[source_index(at, &batch, b_batch) * k * n..][..k * n];
            for i in 0..m * n {
                values.push(self.element(addend(values.len()), (a, b), [i / n, i % n], [m, k, n]));
            }
        }
        evaluated(Tensor::f32(shape, values))
    }

    fn macs(&self, inputs: &[Option<&TensorType>]) -> u64 {
        let (Ok(a), Ok(b)) = (float_type(inputs, 0), float_type(inputs, 1)) else { return 0 };
        let Ok(Extents { batch, m, k, n }) = self.extents(&a.shape, &b.shape) else { return 0 };
        product(&[product(&batch), m, k, n]) as u64
    }

    /// With a constant matrix on the right, a 1x1 convolution over rows; else a product of two run-time tensors.
    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        match ctx.constant(1) {
            Some(b) if b.shape().rank() == 2 => self.lower_weights(ctx, b),
            _ => self.lower_tensors(ctx),
        }
    }
}

impl MatMul {
    /// `A` as rows of channels times weights; the addend is the bias where it is one value a column.
    fn lower_weights(&self, ctx: &mut Lowering<'_>, b: &Tensor) -> Result<(), OpError> {
        let weights = ctx.weights(1, "B")?;
        let (rows, columns) = (b.shape()[0], b.shape()[1]);
        let (k, n) = if self.trans_b { (columns, rows) } else { (rows, columns) };
        let at = |filter: usize, ci: usize| if self.trans_b { filter * k + ci } else { ci * n + filter };
        let by_filter: Vec<f32> = (0..n * k).map(|i| self.alpha * weights[at(i / k, i % k)]).collect();
        let bias = ctx.constant(Self::ADDEND).filter(|c| c.shape().elements() == *c.shape().last().unwrap_or(&1));
        let bias = bias.and_then(Tensor::as_f32).map(|c| (0..n).map(|i| self.beta * c[i % c.len()]).collect::<Vec<_>>());
        let x = self.rows(ctx, 0, k)?;
        let y = rows_by_weights(ctx, x, &by_filter, bias.as_deref())?;
        if bias.is_some() {
            ctx.finish(y);
            return Ok(());
        }
        self.finish_with_addend(ctx, y)
    }

    /// Both operands with two batch dimensions in front.
    fn lower_tensors(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        let (a, b) = (ctx.tensor(0)?, ctx.tensor(1)?);
        let turned = |ctx: &mut Lowering<'_>, tensor, turn: bool| if turn { ctx.permuted(tensor, vec![1, 0]) } else { tensor };
        let (a, b) = (turned(ctx, a, self.trans_a), turned(ctx, b, self.trans_b));
        let (a_shape, b_shape) = (ctx.shape_of(a).clone(), ctx.shape_of(b).clone());
        let plain = MatMul { trans_a: false, trans_b: false, ..self.clone() };
        let Extents { batch, m, k, n } = plain.extents(&a_shape, &b_shape)?;
        if batch.rank() > 2 || self.alpha != 1.0 {
            let found = format!("multiplies {a_shape} by {b_shape} at alpha {}", self.alpha);
            return Err(OpError::unsupported(found).supported("two batch dimensions and alpha 1"));
        }
        let front = |shape: &[usize]| {
            let lead = &shape[..shape.len().saturating_sub(2)];
            [vec![1; 2 - lead.len()], lead.to_vec()].concat()
        };
        let four = |lead: Vec<usize>, rows: usize, columns: usize| Shape([lead, vec![rows, columns]].concat());
        let x = ctx.viewed(a, four(front(&a_shape), m, k));
        let r = ctx.viewed(b, four(front(&b_shape), k, n));
        let y = ctx.output_as(four([vec![1; 2 - batch.rank()], batch.0.clone()].concat(), m, n));
        let macs = (product(&batch) * m * n * k) as u64;
        ctx.push(Arc::new(Kernel), vec![ctx.whole(x), ctx.whole(r)], ctx.whole(y), &Packed::default(), macs);
        self.finish_with_addend(ctx, y)
    }

    /// The left operand as `[rows, k]`.
    fn rows(&self, ctx: &mut Lowering<'_>, slot: usize, k: usize) -> Result<TensorId, OpError> {
        let a = ctx.tensor(slot)?;
        let a = if self.trans_a { ctx.permuted(a, vec![1, 0]) } else { a };
        let rows = ctx.shape_of(a).elements() / k;
        Ok(if ctx.shape_of(a)[..] == [rows, k] { a } else { ctx.viewed(a, Shape(vec![rows, k])) })
    }

    /// Moves the product to the output, adding `C` by a step of its own where there is one.
    fn finish_with_addend(&self, ctx: &mut Lowering<'_>, product: TensorId) -> Result<(), OpError> {
        if !ctx.has(Self::ADDEND) {
            ctx.finish(product);
            return Ok(());
        }
        if self.beta != 1.0 && ctx.constant(Self::ADDEND).is_none() {
            return Err(OpError::unsupported(format!("adds a computed `C` at beta {}", self.beta)).supported("beta 1"));
        }
        let c = match ctx.constant(Self::ADDEND).and_then(|c| Some((c.shape(), c.as_f32()?))) {
            Some((shape, values)) => ctx.known(Tensor::from_fn(shape, |i| self.beta * values[i]))?,
            None => ctx.tensor(Self::ADDEND)?,
        };
        let product = ctx.viewed(product, ctx.shape());
        ctx.step(Binary { kind: BinaryKind::Add }, vec![ctx.whole(product), ctx.whole(c)]);
        Ok(())
    }

    /// How `a` and `b` multiply; a vector counts as a row on the left and as a column on the right.
    pub(crate) fn extents(&self, a: &Shape, b: &Shape) -> Result<Extents, OpError> {
        let refusal = || OpError::new(format!("shapes {a} and {b} do not multiply"));
        let (m, k) = match a[..] {
            [] => return Err(refusal()),
            [k] => (1, k),
            [.., k, m] if self.trans_a => (m, k),
            [.., m, k] => (m, k),
        };
        let (rows, n) = match b[..] {
            [] => return Err(refusal()),
            [k] => (k, 1),
            [.., n, k] if self.trans_b => (k, n),
            [.., k, n] => (k, n),
        };
        if k != rows {
            return Err(refusal());
        }
        Ok(Extents { batch: broadcast(leading(a), leading(b))?, m, k, n })
    }

    fn element(&self, addend: f32, (a, b): (&[f32], &[f32]), [row, column]: [usize; 2], [m, k, n]: [usize; 3]) -> f32 {
        let scaled = self.alpha != 1.0;
        let mut sum = Sum::from(if scaled { 0.0 } else { addend });
        for i in 0..k {
            let left = if self.trans_a { a[i * m + row] } else { a[row * k + i] };
            let right = if self.trans_b { b[column * k + i] } else { b[i * n + column] };
            sum.add_product(left, right);
        }
        let sum = sum.value(Sum::LONGEST_OF_PRODUCTS);
        if scaled { self.alpha * sum + addend } else { sum }
    }
}

/// Rows `[m, k]` times `n` filters of `k` weights each, with a bias for each: the product `[m, n]`, which is still to be moved to the
/// operator's output.
pub(super) fn rows_by_weights(ctx: &mut Lowering<'_>, x: TensorId, by_filter: &[f32], bias: Option<&[f32]>) -> Result<TensorId, OpError> {
    let (m, k) = (ctx.shape_of(x)[0], ctx.shape_of(x)[1]);
    let n = by_filter.len() / k;
    let y = ctx.output_as(Shape(vec![m, n]));
    let channels = |access: Access| Access { channel: Some(1), ..access };
    let convolution = Convolution {
        window: Window::pointwise(),
        group: 1,
        activation: Activation::Identity,
        pool: None,
        weights: by_filter,
        bias,
        filters: n,
        depth: k,
    };
    let (from, to) = (channels(ctx.whole(x)), channels(ctx.whole(y)));
    convolution.packed(ctx, &from, &to)?.lower(ctx, &from, None, &to);
    Ok(y)
}

/// The extents in front of the matrix.
fn leading(shape: &Shape) -> &[usize] {
    &shape[..shape.rank().saturating_sub(2)]
}

#[cfg(test)]
mod tests {
    use crate::ir::test_build::Random;
    use crate::node::Attribute;
    use crate::ops::test_case::Case;
    use crate::tensor::{Shape, Tensor};
    use crate::tensor::{ravel, unravel};

    const A: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];

    fn shape(a: &[usize], b: &[usize]) -> Result<Vec<usize>, String> {
        Case::new("MatMul", 13).input(a).input(b).shape().map_err(|error| error.to_string())
    }

    #[test]
    fn shapes_of_mat_mul() {
        let cases: [(&[usize], &[usize], &[usize]); 6] = [
            (&[2, 3], &[3, 4], &[2, 4]),
            (&[3], &[3], &[]),
            (&[3], &[5, 3, 4], &[5, 4]),
            (&[5, 2, 3], &[3], &[5, 2]),
            (&[7, 1, 2, 3], &[5, 3, 4], &[7, 5, 2, 4]),
            (&[2, 0], &[0, 4], &[2, 4]),
        ];
        for (a, b, output) in cases {
            assert_eq!(shape(a, b), Ok(output.to_vec()), "{a:?} {b:?}");
        }
        assert_eq!(shape(&[2, 3], &[4, 3]).unwrap_err(), "shapes [2,3] and [4,3] do not multiply");
        assert!(shape(&[], &[3]).unwrap_err().contains("do not multiply"));
        assert!(shape(&[2, 2, 3], &[3, 3, 4]).unwrap_err().contains("do not broadcast"));
    }

    #[test]
    fn products() {
        let case = |a: &[usize], b: &[usize]| Case::new("MatMul", 13).floats(a, &A).floats(b, &A).values();
        assert_eq!(case(&[2, 3], &[3, 2]), [22.0, 28.0, 49.0, 64.0]);
        assert_eq!(case(&[6], &[6]), [91.0]);
        assert_eq!(case(&[2, 1, 3], &[2, 3, 1]), [14.0, 77.0]);
        let row = Case::new("MatMul", 13).floats(&[3], &A[..3]).floats(&[3, 2], &A);
        assert_eq!(row.values(), [22.0, 28.0]);
        let column = Case::new("MatMul", 13).floats(&[2, 3], &A).floats(&[3], &A[..3]);
        assert_eq!(column.values(), [14.0, 32.0]);
        assert_eq!(Case::new("MatMul", 13).floats(&[2, 0], &[]).floats(&[0, 1], &[]).values(), [0.0, 0.0]);
    }

    #[test]
    fn gemm() {
        let plain = || Case::new("Gemm", 13).floats(&[2, 3], &A).floats(&[3, 2], &A);
        assert_eq!(plain().values(), [22.0, 28.0, 49.0, 64.0]);
        assert_eq!(plain().floats(&[2], &[1.0, 2.0]).values(), [23.0, 30.0, 50.0, 66.0]);
        let scaled = plain().floats(&[2, 1], &[1.0, 2.0]).with("alpha", Attribute::Float(0.5)).with("beta", Attribute::Float(2.0));
        assert_eq!(scaled.values(), [13.0, 16.0, 28.5, 36.0]);
        let transposed = Case::new("Gemm", 9).int("transA", 1).int("transB", 1).floats(&[3, 2], &A).floats(&[2, 3], &A);
        assert_eq!(transposed.values(), [22.0, 49.0, 28.0, 64.0]);
    }

    #[test]
    fn refusals() {
        assert!(Case::new("Gemm", 13).input(&[1, 2, 3]).input(&[3, 4]).refusal().contains("2 dimensions each"));
        let wide = Case::new("Gemm", 13).input(&[2, 3]).input(&[3, 4]).input(&[2, 2, 4]);
        assert_eq!(wide.refusal(), "`C` is f32[2,2,4] where the product is [2,4]");
        assert!(Case::new("MatMul", 13).input(&[2, 3]).input(&[3, 4]).input(&[4]).refusal().contains("3 inputs"));
    }

    #[test]
    fn macs_count_the_products() {
        let op = Case::new("Gemm", 13).input(&[1, 704]).input(&[704, 1000]).parse().unwrap();
        let (a, b) = (crate::tensor::TensorType::f32([1, 704]), crate::tensor::TensorType::f32([704, 1000]));
        assert_eq!(op.macs(&[Some(&a), Some(&b)]), 704_000);
    }

    /// Small integers, so that every sum is exact.
    fn random(random: &mut Random, dims: &[usize]) -> Tensor {
        let values: Vec<f32> = random.integers(dims.iter().product()).into_iter().map(|value| value as f32).collect();
        Tensor::f32(dims.to_vec(), values).unwrap()
    }

    /// The element of a tensor that is broadcast, at the last of these indices.
    fn at(tensor: &Tensor, index: &[usize]) -> f32 {
        let own = &index[index.len() - tensor.shape().rank()..];
        let own: Vec<usize> = own.iter().zip(tensor.shape().iter()).map(|(&at, &dim)| if dim == 1 { 0 } else { at }).collect();
        tensor.as_f32().unwrap()[ravel(&own, &tensor.shape().strides())]
    }

    /// With either operand known, and with none.
    #[test]
    fn products_at_run_time_are_sums_of_products() {
        let mut numbers = Random(1);
        let cases: [(&[usize], &[usize]); 9] = [
            (&[3, 4], &[4, 5]),
            (&[4], &[4, 5]),
            (&[3, 4], &[4]),
            (&[4], &[4]),
            (&[2, 3, 4], &[4, 5]),
            (&[2, 3, 4], &[2, 4, 5]),
            (&[2, 1, 3, 4], &[5, 4, 1]),
            (&[4], &[2, 3, 4, 2]),
            (&[1, 1], &[1, 1]),
        ];
        for (a, b) in cases {
            let [x, r] = [a, b].map(|dims| random(&mut numbers, dims));
            let (k, columns) = (a[a.len() - 1], if b.len() > 1 { b[b.len() - 1] } else { 1 });
            // As matrices: a vector is a row, or a column.
            let row = x.reshaped(Shape(if a.len() == 1 { vec![1, k] } else { a.to_vec() })).unwrap();
            let column = r.reshaped(Shape(if b.len() == 1 { vec![k, 1] } else { b.to_vec() })).unwrap();
            for constants in [&[][..], &[0], &[1]] {
                let found = Case::new("MatMul", 13).known(x.clone()).known(r.clone()).computed(constants);
                let mut dims = found.shape().0.clone();
                if a.len() == 1 {
                    dims.insert(dims.len() + 1 - b.len().min(2), 1);
                }
                if b.len() == 1 {
                    dims.push(1);
                }
                assert_eq!(dims[dims.len() - 1], columns);
                for (place, &found) in found.as_f32().unwrap().iter().enumerate() {
                    let index = unravel(place, &dims);
                    let (batch, [i, j]) = (&index[..dims.len() - 2], [index[dims.len() - 2], index[dims.len() - 1]]);
                    let product = |l: usize| at(&row, &[batch, &[i, l]].concat()) * at(&column, &[batch, &[l, j]].concat());
                    assert_eq!(found, (0..k).map(product).sum::<f32>(), "{a:?} by {b:?}, {constants:?} known, at {index:?}");
                }
            }
        }
    }

    /// Of factors that are powers of two, so that every sum is exact.
    #[test]
    fn gemm_at_run_time_adds_what_broadcasts() {
        let mut numbers = Random(2);
        let (m, k, n) = (3, 4, 5);
        let addends: [Option<&[usize]>; 9] =
            [None, Some(&[]), Some(&[1]), Some(&[5]), Some(&[1, 5]), Some(&[3, 1]), Some(&[3, 5]), Some(&[1, 1]), Some(&[5])];
        for (round, addend) in
            addends.into_iter().enumerate().flat_map(|(round, addend)| (0..4).map(move |turn| (4 * round + turn, addend)))
        {
            let [trans_a, trans_b] = [round % 2 == 1, round / 2 % 2 == 1];
            let x = random(&mut numbers, &if trans_a { [k, m] } else { [m, k] });
            let r = random(&mut numbers, &if trans_b { [n, k] } else { [k, n] });
            let c = addend.map(|dims| random(&mut numbers, dims));
            for (alpha, beta, constants) in
                [(1.0, 1.0, &[][..]), (1.0, 1.0, &[1]), (1.0, -0.5, &[2]), (1.0, 2.0, &[1, 2]), (0.25, -4.0, &[1, 2]), (1.0, 1.0, &[0])]
            {
                let case = Case::new("Gemm", 13).int("transA", trans_a.into()).int("transB", trans_b.into());
                let case =
                    case.with("alpha", Attribute::Float(alpha)).with("beta", Attribute::Float(beta)).known(x.clone()).known(r.clone());
                let case = if let Some(c) = &c { case.known(c.clone()) } else { case };
                let found = case.computed(constants);
                assert_eq!(found.shape()[..], [m, n]);
                for (place, &found) in found.as_f32().unwrap().iter().enumerate() {
                    let [i, j] = [place / n, place % n];
                    let left = |l: usize| at(&x, &if trans_a { [l, i] } else { [i, l] });
                    let right = |l: usize| at(&r, &if trans_b { [j, l] } else { [l, j] });
                    let wanted =
                        alpha * (0..k).map(|l| left(l) * right(l)).sum::<f32>() + c.as_ref().map_or(0.0, |c| beta * at(c, &[i, j]));
                    assert_eq!(found, wanted, "alpha {alpha}, beta {beta}, {addend:?} added, {constants:?} known");
                }
            }
        }
    }

    /// Longer than what is added in one go: cut into blocks by a kernel, and doubles elsewhere; small integers make both exact.
    #[test]
    fn long_sums_at_run_time() {
        let mut numbers = Random(3);
        for k in [4096, 4097, 6145, 9000] {
            let (x, r, c) = (random(&mut numbers, &[2, k]), random(&mut numbers, &[k, 3]), random(&mut numbers, &[3]));
            let product = |at: usize, l: usize| x.as_f32().unwrap()[at / 3 * k + l] * r.as_f32().unwrap()[l * 3 + at % 3];
            let wanted: Vec<f32> = (0..6).map(|at| (0..k).map(|l| product(at, l)).sum::<f32>() + c.as_f32().unwrap()[at % 3]).collect();
            for constants in [&[][..], &[1], &[1, 2]] {
                let found = Case::new("Gemm", 13).known(x.clone()).known(r.clone()).known(c.clone()).computed(constants);
                assert_eq!(found.as_f32(), Some(&wanted[..]), "{k} products, {constants:?} known");
            }
        }
    }
}
