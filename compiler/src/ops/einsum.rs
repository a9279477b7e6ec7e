//! `Einsum`: the product of two tensors, as batches of products of matrices: `bhid,bhjd->bhij`.
//!
//! An index is of the batch where both operands and the result have it, of rows or columns where one operand and the result do, and summed
//! over where both operands alone do; there may be any number of each. Products are added over the summed indices in alphabetical order,
//! as `MatMul` adds them. A constant beside no batch becomes weights, as there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::matmul::{MatMul, rows_by_weights};
use super::operands::{evaluated, float_type, floats, output, output_shape, product, tensor};
use super::transpose::Transpose;
use super::{OpError, Operator};
use crate::node::NodeView;
use crate::node::known::{self, KnownAttribute};
use crate::plan::problem::{Relation, TensorId};
use crate::steps::kernels::MatMul as Kernel;
use crate::steps::{Lowering, Packed};
use crate::tensor::{DType, Shape, Tensor, TensorType};

/// Two inputs. An index is a letter, or a digit for an axis that `...` stands for, counted from the last of these.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Einsum {
    /// The indices of each operand's axes.
    operands: [String; 2],
    /// Those of the result's.
    result: String,
}

impl Operator for Einsum {
    const ATTRIBUTES: &'static [KnownAttribute] = &[known::string("equation").only(&[])];

    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let found = node.string("equation")?.ok_or_else(|| OpError::new("attribute `equation` is missing"))?;
        let types = (0..node.inputs.len()).map(|slot| node.input_type(slot)).collect::<Result<Vec<_>, _>>()?;
        let ranks: Vec<usize> = types.iter().map(|ty| ty.shape.rank()).collect();
        read(found, &ranks).filter(Einsum::is_product).ok_or_else(|| {
            let types: Vec<_> = types.iter().map(ToString::to_string).collect();
            OpError::unsupported(format!("attribute `equation` is `{found}` for {}", types.join(", ")))
                .supported("two operands, each index once in each, and in the other or the result as well, as `bij,bjk->bik`")
                .help("write it with transpose, sum, diagonal and matmul in the model, and export it again")
        })
    }

    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError> {
        let (a, b) = (float_type(inputs, 0)?, float_type(inputs, 1)?);
        let extents = self.extents([&a.shape, &b.shape])?;
        output(DType::F32, self.result.bytes().filter_map(|index| extents.get(&index).copied()).collect::<Vec<_>>())
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        let shape = output_shape(self, inputs)?;
        let (a, b) = (tensor(inputs, 0)?, tensor(inputs, 1)?);
        let Product { perms, batch, m, k, n, shape: product_shape, turn } = self.product([a.shape(), b.shape()])?;
        let batch = product(&batch);
        let a = turned(a, &perms[0], Shape(vec![batch, m, k]))?;
        let b = turned(b, &perms[1], Shape(vec![batch, k, n]))?;
        let multiplied = MatMul::plain().evaluate(&[Some(&a), Some(&b)])?;
        let multiplied = tensor(&[multiplied.first()], 0)?.reshaped(Shape(product_shape));
        evaluated(multiplied.map(|y| turned(&y, &turn, shape)).transpose()?)
    }

    fn macs(&self, inputs: &[Option<&TensorType>]) -> u64 {
        let (Ok(a), Ok(b)) = (float_type(inputs, 0), float_type(inputs, 1)) else { return 0 };
        self.product([&a.shape, &b.shape]).map_or(0, |product| product.macs())
    }

    fn lower(&self, ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        // What is constant goes to the right, where weights are.
        let swaps = ctx.constant(0).is_some() && ctx.constant(1).is_none();
        let (op, slots) = if swaps { (self.swapped(), [1, 0]) } else { (self.clone(), [0, 1]) };
        let shapes = [shape_at(ctx, slots[0])?, shape_at(ctx, slots[1])?];
        let product = op.product([&shapes[0], &shapes[1]])?;
        let y = match ctx.constant(slots[1]).filter(|_| product.batch.is_empty()) {
            Some(weights) => product.lower_weights(ctx, slots[0], weights)?,
            None => product.lower_tensors(ctx, slots)?,
        };
        if product.turn.is_sorted() {
            ctx.finish(y);
            return Ok(());
        }
        let (y, to) = (ctx.reshaped(y, Shape(product.shape)), ctx.output());
        let (read, write) = (ctx.whole(y), ctx.whole(to));
        ctx.push_move(read, write, Relation::Permute(product.turn));
        Ok(())
    }
}

/// How the operands become batches of matrices, and how their product becomes the result.
struct Product {
    /// The order of each operand's axes as those of [batch.., rows.., summed..] and [batch.., summed.., columns..].
    perms: [Vec<usize>; 2],
    /// Extents of the batch.
    batch: Vec<usize>,
    m: usize,
    k: usize,
    n: usize,
    /// Extents of the product, [batch.., rows.., columns..].
    shape: Vec<usize>,
    /// The order of the product's axes as those of the result.
    turn: Vec<usize>,
}

impl Einsum {
    /// The same with the operands exchanged.
    fn swapped(&self) -> Self {
        let [a, b] = self.operands.clone();
        Einsum { operands: [b, a], result: self.result.clone() }
    }

    /// Whether each index is where a product of matrices has one, and is there once.
    fn is_product(&self) -> bool {
        let [a, b] = &self.operands;
        let is_distinct = |indices: &str| indices.bytes().collect::<BTreeSet<_>>().len() == indices.len();
        let has = |indices: &str, index: u8| indices.bytes().any(|other| other == index);
        let within = |indices: &str, one: &str, other: &str| indices.bytes().all(|index| has(one, index) || has(other, index));
        [a.as_str(), b.as_str(), self.result.as_str()].into_iter().all(is_distinct)
            && within(&self.result, a, b)
            && within(a, b, &self.result)
            && within(b, a, &self.result)
    }

    /// The extent of each index, in which the operands agree.
    fn extents(&self, shapes: [&Shape; 2]) -> Result<BTreeMap<u8, usize>, OpError> {
        let mut extents = BTreeMap::new();
        for (indices, shape) in self.operands.iter().zip(shapes) {
            if indices.len() != shape.rank() {
                return Err(OpError::new(format!("an operand is {shape} where its indices are `{indices}`")));
            }
            for (index, &extent) in indices.bytes().zip(shape.iter()) {
                let known = *extents.entry(index).or_insert(extent);
                if known != extent {
                    let found = format!("index `{}` has extents of {known} and {extent}", char::from(index));
                    return Err(OpError::unsupported(found).supported("one extent for each index"));
                }
            }
        }
        Ok(extents)
    }

    fn product(&self, shapes: [&Shape; 2]) -> Result<Product, OpError> {
        let extents = self.extents(shapes)?;
        let [a, b] = &self.operands;
        let of = |found: [bool; 2]| self.result.bytes().filter(move |&index| [a, b].map(|text| text.contains(char::from(index))) == found);
        let (batch, rows, columns): (Vec<u8>, Vec<u8>, Vec<u8>) =
            (of([true, true]).collect(), of([true, false]).collect(), of([false, true]).collect());
        let mut summed: Vec<u8> = a.bytes().filter(|&index| !self.result.contains(char::from(index))).collect();
        summed.sort_unstable();
        let sizes = |indices: &[u8]| indices.iter().filter_map(|index| extents.get(index).copied()).collect::<Vec<_>>();
        let product_order = [&batch[..], &rows[..], &columns[..]].concat();
        Ok(Product {
            perms: [
                places(&[&batch[..], &rows[..], &summed[..]].concat(), a.as_bytes()),
                places(&[&batch[..], &summed[..], &columns[..]].concat(), b.as_bytes()),
            ],
            m: product(&sizes(&rows)),
            k: product(&sizes(&summed)),
            n: product(&sizes(&columns)),
            shape: sizes(&product_order),
            turn: places(self.result.as_bytes(), &product_order),
            batch: sizes(&batch),
        })
    }
}

impl Product {
    fn macs(&self) -> u64 {
        product(&[product(&self.batch), self.m, self.k, self.n]) as u64
    }

    /// The tensor at `slot` as rows times constant weights.
    fn lower_weights(&self, ctx: &mut Lowering<'_>, slot: usize, weights: &Tensor) -> Result<TensorId, OpError> {
        let &Product { m, k, n, .. } = self;
        let weights = turned(weights, &self.perms[1], Shape(vec![k, n]))?;
        let values = floats(&[Some(&weights)], 0)?;
        let by_filter: Vec<f32> = (0..n * k).map(|i| values[i % k * n + i / k]).collect();
        let x = arranged(ctx, slot, &self.perms[0], Shape(vec![m, k]))?;
        rows_by_weights(ctx, x, &by_filter, None)
    }

    /// Both operands with two batch dimensions in front.
    fn lower_tensors(&self, ctx: &mut Lowering<'_>, slots: [usize; 2]) -> Result<TensorId, OpError> {
        let inner = self.batch.last().copied().unwrap_or(1);
        let outer = product(&self.batch[..self.batch.len().saturating_sub(1)]);
        let matrices = |rows: usize, columns: usize| Shape(vec![outer, inner, rows, columns]);
        let x = arranged(ctx, slots[0], &self.perms[0], matrices(self.m, self.k))?;
        let r = arranged(ctx, slots[1], &self.perms[1], matrices(self.k, self.n))?;
        let y = ctx.output_as(matrices(self.m, self.n));
        ctx.push(Arc::new(Kernel), vec![ctx.whole(x), ctx.whole(r)], ctx.whole(y), &Packed::default(), self.macs());
        Ok(y)
    }
}

/// An equation over operands of these ranks, with or without the result.
fn read(equation: &str, ranks: &[usize]) -> Option<Einsum> {
    let equation: String = equation.chars().filter(|char| !char.is_whitespace()).collect();
    let (operands, result) = match equation.split_once("->") {
        Some((operands, result)) => (operands, Some(result)),
        None => (equation.as_str(), None),
    };
    let (&[a_rank, b_rank], (a, b)) = (ranks, operands.split_once(',')?) else { return None };
    let operands = [operand(a, a_rank)?, operand(b, b_rank)?];
    let unnamed = |indices: &String| indices.bytes().filter(u8::is_ascii_digit).count();
    let unnamed = operands.iter().map(unnamed).max().unwrap_or(0);
    let result = match result {
        Some(result) => spelled(result, unnamed)?,
        None => {
            let letters = || operands.iter().flat_map(|indices| indices.chars()).filter(char::is_ascii_alphabetic);
            let once: BTreeSet<char> = letters().filter(|letter| letters().filter(|other| other == letter).count() == 1).collect();
            axes(unnamed) + &String::from_iter(once)
        }
    };
    Some(Einsum { operands, result })
}

/// The indices of an operand's axes.
fn operand(term: &str, rank: usize) -> Option<String> {
    let letters = term.replacen("...", "", 1).len();
    spelled(term, rank.checked_sub(letters)?).filter(|indices| indices.len() == rank)
}

/// Letters, and digits for the axes that `...` stands for.
fn spelled(term: &str, unnamed: usize) -> Option<String> {
    let parts = term.split_once("...");
    let (front, back) = parts.unwrap_or((term, ""));
    let is_plain = front.bytes().chain(back.bytes()).all(|byte| byte.is_ascii_alphabetic());
    let between = if parts.is_some() { axes(unnamed) } else { String::new() };
    (is_plain && unnamed <= 10).then(|| format!("{front}{between}{back}"))
}

/// The digits of so many axes, which count from the last.
fn axes(count: usize) -> String {
    (b'0'..=b'9').take(count).rev().map(char::from).collect()
}

/// Where each of `indices` is among `order`.
fn places(indices: &[u8], order: &[u8]) -> Vec<usize> {
    indices.iter().filter_map(|index| order.iter().position(|other| other == index)).collect()
}

/// `tensor` with its axes in the order of `perm`, under a shape of the same elements.
fn turned(tensor: &Tensor, perm: &[usize], shape: Shape) -> Result<Tensor, OpError> {
    let turned = Transpose { perm: perm.to_vec() }.evaluate(&[Some(tensor)])?;
    let turned = turned.first().and_then(|turned| turned.reshaped(shape));
    turned.ok_or_else(|| OpError::new(format!("{} cannot be taken apart", tensor.ty())))
}

fn shape_at(ctx: &mut Lowering<'_>, slot: usize) -> Result<Shape, OpError> {
    if let Some(constant) = ctx.constant(slot) {
        return Ok(constant.shape().clone());
    }
    let tensor = ctx.tensor(slot)?;
    Ok(ctx.shape_of(tensor).clone())
}

/// As [`turned`], of the tensor at input `slot`; a constant lies in the weights as it is needed.
fn arranged(ctx: &mut Lowering<'_>, slot: usize, perm: &[usize], shape: Shape) -> Result<TensorId, OpError> {
    if let Some(constant) = ctx.constant(slot) {
        return ctx.known(turned(constant, perm, shape)?);
    }
    let tensor = ctx.tensor(slot)?;
    let tensor = if perm.is_sorted() { tensor } else { ctx.permuted(tensor, perm.to_vec()) };
    Ok(ctx.reshaped(tensor, shape))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::ir::test_build::Random;
    use crate::ops::test_case::{Case, floats};
    use crate::tensor::{Tensor, TensorType};
    use crate::tensor::{ravel, unravel};

    fn counted(dims: &[usize], from: i16) -> Tensor {
        let values: Vec<f32> = (from..).take(dims.iter().product()).map(f32::from).collect();
        floats(dims, &values)
    }

    fn case(equation: &str, a: &[usize], b: &[usize]) -> Case {
        Case::new("Einsum", 12).string("equation", equation).known(counted(a, 1)).known(counted(b, 2))
    }

    /// The sums that an equation of single letters says, with loops over all of its letters.
    fn looped(equation: &str, a: &Tensor, b: &Tensor) -> Vec<f32> {
        let (operands, result) = equation.split_once("->").unwrap();
        let (of_a, of_b) = operands.split_once(',').unwrap();
        let mut extents = std::collections::BTreeMap::new();
        for (letters, tensor) in [(of_a, a), (of_b, b)] {
            extents.extend(letters.chars().zip(tensor.shape().iter().copied()));
        }
        let place = |letters: &str, index: &dyn Fn(char) -> usize| letters.chars().fold(0, |at, c| at * extents[&c] + index(c));
        let mut sums = vec![0.0; result.chars().map(|c| extents[&c]).product()];
        let total: usize = extents.values().product();
        for flat in 0..total {
            let index = |letter: char| {
                let behind: usize = extents.range(letter..).skip(1).map(|(_, extent)| extent).product();
                flat / behind % extents[&letter]
            };
            sums[place(result, &index)] += a.as_f32().unwrap()[place(of_a, &index)] * b.as_f32().unwrap()[place(of_b, &index)];
        }
        sums
    }

    #[test]
    fn products_of_every_form() {
        let cases: [(&str, &[usize], &[usize]); 11] = [
            ("ij,jk->ik", &[2, 3], &[3, 4]),
            ("ij,jk->ki", &[2, 3], &[3, 4]),
            ("bij,bjk->bik", &[2, 2, 3], &[2, 3, 2]),
            ("bhid,bhjd->bhij", &[2, 2, 3, 2], &[2, 2, 4, 2]),
            ("bihd,bjhd->bhij", &[2, 3, 2, 2], &[2, 2, 2, 2]),
            ("bij,jhd->bhid", &[2, 3, 4], &[4, 2, 2]),
            ("bqhd,hde->bqe", &[1, 2, 3, 2], &[3, 2, 4]),
            ("nkctv,kvw->nctw", &[1, 2, 2, 3, 2], &[2, 2, 3]),
            ("i,i->", &[5], &[5]),
            ("i,j->ji", &[2], &[3]),
            ("bi,bi->ib", &[2, 3], &[2, 3]),
        ];
        for (equation, a, b) in cases {
            assert_eq!(case(equation, a, b).values(), looped(equation, &counted(a, 1), &counted(b, 2)), "{equation}");
        }
    }

    #[test]
    fn what_is_left_out_or_stood_for() {
        for (short, long, a, b) in [
            (" ij , jk ", "ij,jk->ik", [2, 3], [3, 2]),
            ("kj,ji", "kj,ji->ik", [2, 3], [3, 2]),
            ("...j,jk", "ij,jk->ik", [2, 3], [3, 2]),
            ("i...,...k->...ik", "ij,jk->jik", [2, 3], [3, 2]),
        ] {
            assert_eq!(case(short, &a, &b).evaluate(), case(long, &a, &b).evaluate(), "{short}");
        }
        assert_eq!(case("...ij,...jk->...ik", &[2, 2, 1, 3], &[2, 2, 3, 1]).shape(), Ok(vec![2, 2, 1, 1]));
        assert_eq!(case("...ij,...jk", &[2, 1, 3], &[3, 1]).shape(), Ok(vec![2, 1, 1]));
    }

    #[test]
    fn refusals() {
        let refusal = |equation: &str| case(equation, &[2, 2], &[2, 2]).refusal();
        let found = "attribute `equation` is `ij,jk->i` for f32[2,2], f32[2,2] (supported: two operands";
        assert!(refusal("ij,jk->i").starts_with(found), "{}", refusal("ij,jk->i"));
        let sums = ["ii,ij->j", "ij,kl->il", "ij,jk->iik", "ij,jk->il", "ij", "ij->ji", "ij,jk,kl->il", "i,jk->ik", "ijk,jk->i"];
        let broken = ["", "i0,0k->ik", "ij,jk->0", "ij,jk->..ik", "....ij,jk->ik", "\u{e9}j,jk->k", "ij,jk->ik->", ",", "->"];
        for equation in [sums, broken].concat() {
            assert!(refusal(equation).contains("`equation` is"), "{equation}");
        }
        assert!(case("ij,jk->ik", &[2, 3], &[2, 4]).refusal().contains("index `j` has extents of 3 and 2"));
        assert!(Case::new("Einsum", 12).input(&[1]).input(&[1]).refusal().contains("missing"));
        let one = Case::new("Einsum", 12).string("equation", "ij->ji").input(&[2, 2]);
        assert!(one.refusal().contains("`ij->ji` for f32[2,2]"));
    }

    #[test]
    fn macs_count_the_products() {
        let op = case("bhid,bhjd->bhij", &[2, 2, 3, 2], &[2, 2, 4, 2]).parse().unwrap();
        let (a, b) = (TensorType::f32([2, 2, 3, 2]), TensorType::f32([2, 2, 4, 2]));
        assert_eq!(op.macs(&[Some(&a), Some(&b)]), 96);
    }

    /// By the definition: over all extents of all indices.
    #[test]
    fn equations_at_run_time_are_sums_over_their_indices() {
        let mut random = Random(3);
        let extent = |index: u8| 2 + usize::from(index % 4);
        for (equation, a, b, result) in [
            ("ij,jk->ik", "ij", "jk", "ik"),
            ("ij,kj->ki", "ij", "kj", "ki"),
            ("bhid,bhjd->bhij", "bhid", "bhjd", "bhij"),
            ("bhij,bhjd->bihd", "bhij", "bhjd", "bihd"),
            ("abc,cad->dba", "abc", "cad", "dba"),
            ("i,j->ji", "i", "j", "ji"),
            ("ij,ij->", "ij", "ij", ""),
            ("ij,ij->ji", "ij", "ij", "ji"),
            ("ijk,kl->lij", "ijk", "kl", "lij"),
            ("abcd,ce->eabd", "abcd", "ce", "eabd"),
            ("cb,ba", "cb", "ba", "ac"),
            ("i,i", "i", "i", ""),
        ] {
            let tensor = |random: &mut Random, indices: &str| {
                let dims: Vec<usize> = indices.bytes().map(extent).collect();
                let values: Vec<f32> = random.integers(dims.iter().product()).into_iter().map(|value| value as f32).collect();
                Tensor::f32(dims, values).unwrap()
            };
            let (x, r) = (tensor(&mut random, a), tensor(&mut random, b));
            let all: Vec<u8> = a.bytes().chain(b.bytes()).collect::<BTreeSet<_>>().into_iter().collect();
            let extents: Vec<usize> = all.iter().map(|&index| extent(index)).collect();
            let to: Vec<usize> = result.bytes().map(extent).collect();
            let mut wanted = vec![0.0; to.iter().product()];
            for flat in 0..extents.iter().product() {
                let at = unravel(flat, &extents);
                let place = |indices: &str, dims: &[usize]| {
                    let own: Vec<usize> = indices.bytes().map(|index| at[all.iter().position(|&other| other == index).unwrap()]).collect();
                    ravel(&own, &crate::tensor::Shape(dims.to_vec()).strides())
                };
                wanted[place(result, &to)] += x.as_f32().unwrap()[place(a, x.shape())] * r.as_f32().unwrap()[place(b, r.shape())];
            }
            let wanted = Tensor::f32(to, wanted).unwrap();
            for constants in [&[][..], &[0], &[1]] {
                let found = Case::new("Einsum", 12).string("equation", equation).known(x.clone()).known(r.clone()).computed(constants);
                assert_eq!(found, wanted, "`{equation}`, {constants:?} known");
            }
        }
    }
}
