//! The operators: one trait, one list, a family with one shape rule a file.
//!
//! To add an operator:
//! 1. write its file (or a row in a family's file) with `parse`, `infer`, `evaluate` and `lower`;
//! 2. add its line to the list below;
//! 3. if no kernel of `peleec-runtime` computes it, add one there and its row in `lower/kernel.rs`;
//! 4. add a case to `codegen-tests/cases/` and review the new snapshot.
//!
//! Invariant: an operator sees its own attributes and its inputs' types and values, never the graph or another node.
//! A match over operators stands nowhere else.

pub(crate) mod broadcast;
#[cfg(test)]
pub(crate) mod case;
mod macros;
pub(crate) mod operands;
mod window;

pub(crate) use crate::diagnostics::OpError;

use crate::ir::{Tensor, TensorType};
use crate::lower::Lowering;
use crate::onnx::node::NodeView;

/// What the drivers ask of an operator.
pub(crate) trait Operator: Sized {
    /// Reads the node's attributes and those inputs that must be known when compiling (shapes, axes, bounds).
    fn parse(node: &NodeView<'_>) -> Result<Self, OpError>;

    /// The ONNX `op_type` that it stands for, where that is not the name of its struct.
    fn op_type(&self) -> Option<&'static str> {
        None
    }

    /// How many leading inputs are data; the rest was read by `parse` and is no longer an input of the node.
    fn data_inputs(&self) -> usize {
        usize::MAX
    }

    /// The types of the outputs.
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<Vec<TensorType>, OpError>;

    /// The outputs' values: naive, NCHW, the meaning that everything else is compared with.
    fn evaluate(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError>;

    /// The output, where it follows from the inputs' types alone.
    fn value(&self, _inputs: &[Option<&TensorType>]) -> Option<Tensor> {
        None
    }

    /// Multiply-accumulates of one inference.
    fn macs(&self, _inputs: &[Option<&TensorType>]) -> u64 {
        0
    }

    /// What `evaluate` costs beside visiting each element once; more than `macs` where an operator works without multiplying.
    fn work(&self, inputs: &[Option<&TensorType>]) -> u64 {
        self.macs(inputs)
    }

    /// Emits the steps that compute the outputs; the default is for operators that must fold.
    fn lower(&self, _ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        Err(OpError::unsupported("has an input that is not known when compiling")
            .supported("this operator where all its inputs are constants")
            .help("simplify the model first: `python -m onnxsim model.onnx simple.onnx`"))
    }
}

macros::operators! {
    batch_normalization::BatchNormalization: "BatchNormalization";
    binary::Binary: "Add" "Sub" "Mul" "Div";
    cast::Cast: "Cast";
    concat::Concat: "Concat";
    constant::Constant: "Constant" "ConstantOfShape";
    conv::Conv: "Conv";
    gather::Gather: "Gather";
    identity::Identity: "Identity" "Dropout";
    matmul::MatMul: "MatMul" "Gemm";
    pad::Pad: "Pad";
    pool::Pool: "MaxPool" "AveragePool" "GlobalMaxPool" "GlobalAveragePool";
    reduce_mean::ReduceMean: "ReduceMean";
    reshape::Reshape: "Reshape" "Flatten" "Squeeze" "Unsqueeze";
    shape::ShapeOf: "Shape";
    softmax::Softmax: "Softmax";
    transpose::Transpose: "Transpose";
    unary::Unary: "Relu" "LeakyRelu" "Clip" "Sigmoid";
}

/// Every supported ONNX operator in alphabetical order, with the first sentence of the file that holds it.
pub fn operators() -> Vec<(&'static str, String)> {
    let mut list: Vec<_> = OPERATORS.iter().map(|&(name, file)| (name, first_sentence(file))).collect();
    list.sort();
    list
}

fn first_sentence(file: &str) -> String {
    let lines: Vec<_> = file.lines().map_while(|line| line.strip_prefix("//! ")).collect();
    let text = lines.join(" ");
    text.split_inclusive(". ").next().unwrap_or_default().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_has_a_sentence() {
        let list = operators();
        assert!(list.iter().all(|(_, sentence)| sentence.len() > 20 && sentence.ends_with(['.', ':'])), "{list:?}");
        assert!(list.is_sorted());
    }
}
