//! Where an operator emits its steps: its operands and outputs, and the tensors, weights and moves that it adds.

use std::sync::Arc;

use bytemuck::NoUninit;

use super::agreement::Agreements;
use super::kernels::{Kernel, Places};
use super::micro::{self, Choice};
use super::step::{Packed, Step, Steps};
use crate::diagnostics::OpError;
use crate::plan::problem::{Access, PlanStep, PlanTensor, Relation, Role, TensorId};
use crate::target::Profile;
use crate::tensor::{DType, Shape, Tensor, TensorType};

/// The most images that an operator computes by a step each.
const MOST_IMAGES: usize = 1 << 12;

/// More images are one row of elements to functions of one element.
pub(crate) const FEW_IMAGES: usize = 64;

/// An input of the operator that is being lowered.
#[derive(Clone, Copy)]
pub(crate) enum Operand<'a> {
    Tensor(TensorId),
    Constant(&'a Tensor),
}

/// An output of the operator that is being lowered.
pub(crate) struct Outlet<'a> {
    name: &'a str,
    ty: &'a TensorType,
    is_read: bool,
    tensor: Option<TensorId>,
}

impl<'a> Outlet<'a> {
    /// One that no step writes yet.
    pub(crate) fn new(name: &'a str, ty: &'a TensorType, is_read: bool) -> Self {
        Outlet { name, ty, is_read, tensor: None }
    }
}

/// What an operator is told of its node.
pub(crate) struct LoweredNode<'a> {
    pub(crate) name: String,
    /// The `op_type`s that it stands for.
    pub(crate) label: Vec<String>,
    /// One entry an input slot.
    pub(crate) operands: Vec<Option<Operand<'a>>>,
    pub(crate) outlets: Vec<Outlet<'a>>,
}

/// Where an operator emits its steps.
pub(crate) struct Lowering<'a> {
    name: String,
    label: Vec<String>,
    operands: Vec<Option<Operand<'a>>>,
    outlets: Vec<Outlet<'a>>,
    /// How many images the operator computes by a step each; zero where one step does all.
    images: usize,
    profile: Profile,
    /// What is agreed on with other operators, where these read the same constants.
    agreements: Option<&'a mut Agreements>,
    steps: &'a mut Steps,
}

impl<'a> Lowering<'a> {
    /// Of a node. `agreements` are there where others read the same constants.
    pub(crate) fn new(node: LoweredNode<'a>, profile: Profile, agreements: Option<&'a mut Agreements>, steps: &'a mut Steps) -> Self {
        let LoweredNode { name, label, operands, outlets } = node;
        Lowering { name, label, operands, outlets, images: 0, profile, agreements, steps }
    }

    /// The outputs that steps write, by their slots.
    pub(crate) fn outputs(&self) -> impl Iterator<Item = (usize, TensorId)> {
        self.outlets.iter().enumerate().filter_map(|(slot, outlet)| Some((slot, outlet.tensor?)))
    }

    /// What the code is for.
    pub(crate) fn profile(&self) -> Profile {
        self.profile
    }

    /// How a convolution is computed that reads these weights and this bias, packed for `shape` and `group`.
    pub(crate) fn choice(
        &mut self,
        problem: &micro::Problem<'_>,
        weights: &[f32],
        bias: Option<&[f32]>,
        shape: [usize; 4],
    ) -> Result<Choice, OpError> {
        let Some(agreements) = &mut self.agreements else { return micro::choose(problem, self.profile) };
        let choices = micro::choices(problem, self.profile).collect();
        let key = (bytemuck::cast_slice::<f32, u8>(weights), bias.map(bytemuck::cast_slice::<f32, u8>), shape, problem.group);
        agreements.choose(key, choices).ok_or_else(|| micro::no_tile(self.profile))
    }

    /// The type of the operator's first output.
    fn ty(&self) -> &'a TensorType {
        self.outlets[0].ty
    }

    /// The type of the elements of the operator's first output.
    pub(crate) fn dtype(&self) -> DType {
        self.ty().dtype
    }

    /// The shape of the operator's first output.
    pub(crate) fn shape(&self) -> Shape {
        self.ty().shape.clone()
    }

    /// The constant at input `slot`.
    pub(crate) fn constant(&self, slot: usize) -> Option<&'a Tensor> {
        match self.operands.get(slot) {
            Some(Some(Operand::Constant(tensor))) => Some(tensor),
            _ => None,
        }
    }

    /// Whether input `slot` is there.
    pub(crate) fn has(&self, slot: usize) -> bool {
        matches!(self.operands.get(slot), Some(Some(_)))
    }

    /// The constant `f32`s at input `slot`, which the operator cannot do without.
    pub(crate) fn weights(&self, slot: usize, name: &str) -> Result<&'a [f32], OpError> {
        self.constant(slot)
            .and_then(Tensor::as_f32)
            .ok_or_else(|| OpError::unsupported(format!("`{name}` is computed at run time")).supported(format!("`{name}` as a constant")))
    }

    /// The tensor at input `slot`; a constant becomes one that lies in the weights.
    pub(crate) fn tensor(&mut self, slot: usize) -> Result<TensorId, OpError> {
        match self.operands.get(slot).copied().flatten() {
            Some(Operand::Tensor(tensor)) => Ok(tensor),
            Some(Operand::Constant(tensor)) => {
                let name = format!("{}_input_{slot}", self.name);
                self.steps.constant(&name, tensor)
            }
            None => Err(OpError::new(format!("input {slot} is missing"))),
        }
    }

    /// A tensor of known values, in the weights.
    pub(crate) fn known(&mut self, tensor: Tensor) -> Result<TensorId, OpError> {
        self.steps.constant(&self.name, &tensor)
    }

    /// How many input slots there are.
    pub(crate) fn slots(&self) -> usize {
        self.operands.len()
    }

    /// All of the tensor at input `slot`.
    pub(crate) fn input(&mut self, slot: usize) -> Result<Access, OpError> {
        let tensor = self.tensor(slot)?;
        Ok(self.whole(tensor))
    }

    /// `tensor` with its axes in the order of `perm`.
    pub(crate) fn permuted(&mut self, tensor: TensorId, perm: Vec<usize>) -> TensorId {
        let shape = Shape(perm.iter().map(|&axis| self.shape_of(tensor)[axis]).collect());
        let PlanTensor { name, dtype, .. } = self.steps.problem.tensors[tensor].clone();
        let to = self.steps.add_tensor(&name, shape, dtype, Role::Intermediate);
        self.steps.push_move(&self.name, &self.label, tensor, to, Relation::Permute(perm));
        to
    }

    /// `tensor` under another shape of the same elements.
    pub(crate) fn viewed(&mut self, tensor: TensorId, shape: Shape) -> TensorId {
        let PlanTensor { name, dtype, .. } = self.steps.problem.tensors[tensor].clone();
        let to = self.steps.add_tensor(&name, shape, dtype, Role::Intermediate);
        self.steps.push_move(&self.name, &self.label, tensor, to, Relation::Reshape);
        to
    }

    /// `tensor` under a shape of the same elements, which may be its own.
    pub(crate) fn reshaped(&mut self, tensor: TensorId, shape: Shape) -> TensorId {
        if *self.shape_of(tensor) == shape { tensor } else { self.viewed(tensor, shape) }
    }

    /// The shape of a tensor.
    pub(crate) fn shape_of(&self, tensor: TensorId) -> &Shape {
        &self.steps.problem.tensors[tensor].shape
    }

    /// The type of the elements of a tensor.
    pub(crate) fn dtype_of(&self, tensor: TensorId) -> DType {
        self.steps.problem.tensors[tensor].dtype
    }

    /// The operator's first output, to be written.
    pub(crate) fn output(&mut self) -> TensorId {
        self.output_at(0)
    }

    /// Whether anything reads the operator's output `slot`.
    pub(crate) fn is_read(&self, slot: usize) -> bool {
        self.outlets[slot].is_read
    }

    /// The operator's output `slot`, to be written.
    pub(crate) fn output_at(&mut self, slot: usize) -> TensorId {
        let Outlet { name, ty, tensor, .. } = &mut self.outlets[slot];
        *tensor.get_or_insert_with(|| self.steps.add_tensor(name, ty.shape.clone(), ty.dtype, Role::Intermediate))
    }

    /// The operator's first output under another shape of the same elements, to be written before [`finish`](Self::finish).
    pub(crate) fn output_as(&mut self, shape: Shape) -> TensorId {
        self.steps.add_tensor(self.outlets[0].name, shape, self.ty().dtype, Role::Intermediate)
    }

    /// Moves `tensor` to the operator's output in row-major order.
    pub(crate) fn finish(&mut self, tensor: TensorId) {
        let to = self.output();
        self.steps.push_move(&self.name, &self.label, tensor, to, Relation::Reshape);
    }

    /// All of `tensor`.
    pub(crate) fn whole(&self, tensor: TensorId) -> Access {
        self.steps.problem.whole(tensor)
    }

    /// Image `n` of `tensor`, whose channels are its second axis.
    pub(crate) fn image(&self, tensor: TensorId, n: usize) -> Access {
        let mut access = Access { channel: Some(1), ..self.whole(tensor) };
        (access.start[0], access.dims[0]) = (n, 1);
        access
    }

    /// All of a new tensor, of the shape that `access` has.
    pub(crate) fn like(&mut self, access: &Access) -> Access {
        let tensor = self.between(Shape(access.dims.clone()));
        Access { channel: access.channel, ..self.whole(tensor) }
    }

    /// A tensor between steps of the operator.
    pub(crate) fn between(&mut self, shape: Shape) -> TensorId {
        self.between_of(self.dtype(), shape)
    }

    /// A tensor between steps of the operator, of elements of a type of its own.
    pub(crate) fn between_of(&mut self, dtype: DType, shape: Shape) -> TensorId {
        self.steps.add_tensor(&self.name, shape, dtype, Role::Intermediate)
    }

    /// Takes the last of the operators that this one stands for from the steps that follow, for [`go_on`](Self::go_on).
    pub(crate) fn set_last_aside(&mut self) -> Vec<String> {
        self.label.split_off(self.label.len().saturating_sub(1))
    }

    /// Says which operators the steps that follow stand for, and adds `suffix` to their names.
    pub(crate) fn go_on(&mut self, label: Vec<String>, suffix: &str) {
        self.label = label;
        self.name.push_str(suffix);
    }

    /// Says that the operator emits `count` steps, one an image; an error where those are too many.
    pub(crate) fn images(&mut self, count: usize) -> Result<(), OpError> {
        if count > MOST_IMAGES {
            return Err(
                OpError::unsupported(format!("computes {count} images, each by code of its own")).supported(format!("{MOST_IMAGES}"))
            );
        }
        self.images = if count > 1 { count } else { 0 };
        Ok(())
    }

    /// Adds weights for the steps that follow, packed from a constant of `bytes` bytes.
    pub(crate) fn add_weights<T: NoUninit>(&mut self, values: &[T], bytes: usize) -> Packed {
        Packed { range: self.steps.add_weights(values), bytes }
    }

    /// Emits the one step that computes the whole output, without weights.
    pub(crate) fn step(&mut self, kernel: impl Kernel + 'static, reads: Vec<Access>) {
        let output = self.output();
        let write = self.whole(output);
        self.push(Arc::new(kernel), reads, write, &Packed::default(), 0);
    }

    /// Emits the steps of a kernel that makes each element of the one in its place in the first input: a map at a time, as its rows can be
    /// computed one by one; other tensors as one row of one pixel.
    pub(crate) fn each_element(&mut self, kernel: impl Kernel + 'static, weights: &Packed) -> Result<(), OpError> {
        let (x, kernel): (_, Arc<dyn Kernel>) = (self.tensor(0)?, Arc::new(kernel));
        let shape = self.shape();
        let (n_images, map) = match shape.0.as_slice() {
            &[n, _, _, _] if n <= FEW_IMAGES => (n, shape.clone()),
            _ => (1, Shape(vec![1, shape.elements()])),
        };
        let is_map = map == shape;
        let from = if is_map { x } else { self.viewed(x, map.clone()) };
        let to = if is_map { self.output() } else { self.output_as(map) };
        self.images(n_images)?;
        for n in 0..n_images {
            let (read, write) = (self.image(from, n), self.image(to, n));
            self.push(Arc::clone(&kernel), vec![read], write, weights, 0);
        }
        if !is_map {
            self.finish(to);
        }
        Ok(())
    }

    /// Emits a step. `macs` are its multiply-accumulates.
    pub(crate) fn push(&mut self, kernel: Arc<dyn Kernel>, reads: Vec<Access>, write: Access, weights: &Packed, macs: u64) {
        let image = write.start.first().copied().unwrap_or(0);
        let name = if self.images > 0 { format!("{}_image_{image}", self.name) } else { self.name.clone() };
        let alone = reads.len() == 1;
        let is_map = self.steps.problem.tensors[write.tensor].shape.rank() == 4 && self.images == 0;
        let Places { interleaves, splits, in_place, rows } = kernel.places();
        self.steps.problem.steps.push(PlanStep {
            interleaves: interleaves && alone,
            splits: splits && alone && is_map,
            in_place,
            rows: rows.filter(|_| is_map),
            weights: weights.bytes,
            ..PlanStep::computing(self.steps.steps.len(), reads, write)
        });
        self.steps.steps.push(Step { name, label: self.label.clone(), kernel, weights: weights.range.clone(), macs });
    }

    /// Emits a move: `write` receives the elements of `read`, related by `relation`.
    pub(crate) fn push_move(&mut self, read: Access, write: Access, relation: Relation) {
        self.steps.push_access(&self.name, &self.label, read, write, relation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::{NumericClass, Target};

    /// More steps than that would be more code than anyone wants.
    #[test]
    fn images_are_counted() {
        let (mut steps, ty) = (Steps::default(), TensorType::f32([1]));
        let outlets = vec![Outlet::new("y", &ty, true)];
        let node = LoweredNode { name: "y".to_owned(), label: Vec::new(), operands: Vec::new(), outlets };
        let profile = Profile { target: Target::Generic, numeric: NumericClass::Plain };
        let mut ctx = Lowering::new(node, profile, None, &mut steps);
        let mut images = |count| ctx.images(count).map(|()| ctx.images);
        assert_eq!([0, 1, 2, MOST_IMAGES].map(|count| images(count).ok()), [Some(0), Some(0), Some(2), Some(MOST_IMAGES)]);
        assert!(images(MOST_IMAGES + 1).is_err());
    }
}
