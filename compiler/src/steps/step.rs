//! The steps of a network: the planner's problem, and beside each of its steps the kernel that does it.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::ops::Range;
use std::sync::Arc;

use bytemuck::NoUninit;

use super::kernels::{Kernel, Move};
use crate::aligned::AlignedBytes;
use crate::diagnostics::OpError;
use crate::plan::Plan;
use crate::plan::problem::{Access, PlanStep, PlanTensor, Problem, Relation, Role, TensorId};
use crate::tensor::{DType, Shape, Tensor, TensorType, elements};

/// Weight ranges begin at multiples of this many bytes.
const ALIGNMENT: usize = 64;

/// The kernel of one step and what is said of it.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// The ONNX node's name.
    pub(crate) name: String,
    /// The `op_type`s that the step stands for.
    pub(crate) label: Vec<String>,
    pub(crate) kernel: Arc<dyn Kernel>,
    /// Range of the packed weights, in bytes; empty where there are none.
    pub(crate) weights: Range<usize>,
    /// Multiply-accumulates of one run.
    pub(crate) macs: u64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Steps {
    pub(crate) problem: Problem,
    /// One entry a step of the problem.
    pub(crate) steps: Vec<Step>,
    /// All weights, packed for their kernels.
    pub(crate) weights: AlignedBytes,
    /// Where weights lie, by the hash of their bytes: equal ones are stored once.
    stored: HashMap<u64, Vec<Range<usize>>>,
}

/// Weights that were packed for a kernel.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packed {
    /// Where they lie, in bytes.
    pub(crate) range: Range<usize>,
    /// Bytes of the constant that one pass over them reads: without padding, and without a bias.
    pub(crate) bytes: usize,
}

impl Steps {
    /// Bytes of the packed weights at each place in the plan's order.
    pub(crate) fn packed(&self, plan: &Plan) -> Vec<usize> {
        let kernels = plan.order.iter().map(|&step| &self.steps[plan.problem.steps[step].work]);
        kernels.map(|step| step.weights.len()).collect()
    }

    /// Name and type of every output.
    pub(crate) fn outputs(&self) -> Vec<(String, TensorType)> {
        let outputs = self.problem.tensors.iter().filter(|tensor| matches!(tensor.role, Role::Output(_)));
        outputs.map(|tensor| (tensor.name.clone(), TensorType::new(tensor.dtype, tensor.shape.clone()))).collect()
    }

    pub(crate) fn add_tensor(&mut self, name: &str, shape: Shape, dtype: DType, role: Role) -> TensorId {
        self.problem.tensors.push(PlanTensor { name: name.to_owned(), shape, dtype, role });
        self.problem.tensors.len() - 1
    }

    pub(crate) fn add_weights<T: NoUninit>(&mut self, values: &[T]) -> Range<usize> {
        let bytes: &[u8] = bytemuck::cast_slice(values);
        let places = self.stored.entry(BuildHasherDefault::<DefaultHasher>::default().hash_one(bytes)).or_default();
        if let Some(range) = places.iter().find(|range| self.weights.get(Range::clone(range)) == Some(bytes)) {
            return range.clone();
        }
        let range = self.weights.push(values, ALIGNMENT);
        places.push(range.clone());
        range
    }

    /// A tensor that lies in the weights.
    pub(crate) fn constant(&mut self, name: &str, tensor: &Tensor) -> Result<TensorId, OpError> {
        if tensor.shape().elements() == 0 {
            return Err(OpError::unsupported(format!("reads `{name}`, which has no elements")).supported("extents from 1"));
        }
        let range = elements!(tensor.data(), values => self.add_weights(values));
        Ok(self.add_tensor(name, tensor.shape().clone(), tensor.dtype(), Role::Constant(range.start)))
    }

    pub(crate) fn push_move(&mut self, name: &str, label: &[String], from: TensorId, to: TensorId, relation: Relation) {
        let (read, write) = (self.problem.whole(from), self.problem.whole(to));
        self.push_access(name, label, read, write, relation);
    }

    pub(crate) fn push_access(&mut self, name: &str, label: &[String], read: Access, write: Access, relation: Relation) {
        self.problem.steps.push(PlanStep::moving(self.steps.len(), read, write, relation));
        self.steps.push(Step { name: name.to_owned(), label: label.to_vec(), kernel: Arc::new(Move), weights: 0..0, macs: 0 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_weights_are_stored_once() {
        let mut steps = Steps::default();
        let [first, other] = [[1.0f32, 2.0], [1.0, 3.0]].map(|values| steps.add_weights(&values));
        assert_eq!((&first, &other), (&(0..8), &(ALIGNMENT..ALIGNMENT + 8)));
        // Of another type, and as a tensor.
        assert_eq!(steps.add_weights(&[1.0f32, 2.0].map(f32::to_bits)), first);
        let tensor = Tensor::f32([2], [1.0, 3.0]).unwrap();
        let id = steps.constant("w", &tensor).unwrap();
        assert_eq!(steps.problem.tensors[id].role, Role::Constant(other.start));
        assert_eq!(steps.weights.len(), ALIGNMENT + 8);
        let nothing = Tensor::f32([0], [0.0; 0]).unwrap();
        assert!(steps.constant("none", &nothing).is_err());
    }
}
