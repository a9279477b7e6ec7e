//! The steps of a network: the planner's problem, and beside each of its steps the kernel that does it.

use std::ops::Range;

use bytemuck::NoUninit;

use super::kernel::Kernel;
use crate::aligned::AlignedBytes;
use crate::diagnostics::OpError;
use crate::ir::{DType, Shape, Tensor};
use crate::plan::Plan;
use crate::plan::problem::{Access, PlanStep, PlanTensor, Problem, Relation, Role, TensorId};

/// Weight ranges begin at multiples of this many bytes.
const ALIGNMENT: usize = 64;

/// The kernel of one step and what is said of it.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// The ONNX node's name.
    pub(crate) name: String,
    /// The `op_type`s that the step stands for.
    pub(crate) label: String,
    pub(crate) kernel: Kernel,
    /// Range of the weights, in bytes.
    pub(crate) weights: Option<Range<usize>>,
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
}

impl Steps {
    /// Bytes of the packed weights at each place in the plan's order.
    pub(crate) fn packed(&self, plan: &Plan) -> Vec<usize> {
        let kernels = plan.order.iter().map(|&step| &self.steps[plan.problem.steps[step].work]);
        kernels.map(|step| step.weights.as_ref().map_or(0, Range::len)).collect()
    }

    pub(crate) fn add_tensor(&mut self, name: &str, shape: Shape, dtype: DType, role: Role) -> TensorId {
        self.problem.tensors.push(PlanTensor { name: name.to_owned(), shape, dtype, role });
        self.problem.tensors.len() - 1
    }

    pub(crate) fn add_weights<T: NoUninit>(&mut self, values: &[T]) -> Range<usize> {
        self.weights.push(values, ALIGNMENT)
    }

    /// A tensor that lies in the weights.
    pub(crate) fn constant(&mut self, name: &str, tensor: &Tensor) -> Result<TensorId, OpError> {
        let values =
            tensor.as_f32().ok_or_else(|| OpError::unsupported(format!("holds `{name}` of type {}", tensor.dtype())).supported("f32"))?;
        let range = self.add_weights(values);
        Ok(self.add_tensor(name, tensor.shape().clone(), tensor.dtype(), Role::Constant(range.start)))
    }

    pub(crate) fn push_move(&mut self, name: &str, label: &str, from: TensorId, to: TensorId, relation: Relation) {
        let (read, write) = (self.problem.whole(from), self.problem.whole(to));
        self.push_access(name, label, read, write, relation);
    }

    pub(crate) fn push_access(&mut self, name: &str, label: &str, read: Access, write: Access, relation: Relation) {
        self.problem.steps.push(PlanStep::moving(self.steps.len(), read, write, relation));
        self.steps.push(Step { name: name.to_owned(), label: label.to_owned(), kernel: Kernel::Move, weights: None, macs: 0 });
    }
}
