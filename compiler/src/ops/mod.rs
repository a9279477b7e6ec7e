//! The operators: one trait, one list, a family with one shape rule a file.
//!
//! To add an operator:
//! 1. write its file (or a row in a family's file) with the list of its attributes, `parse`, `infer`, `evaluate` and `lower`;
//! 2. add its line to the list below, with the most inputs that it takes;
//! 3. if no kernel of `peleec-runtime` computes it, add one there (a file that ends in its doors' macro, a `mod` and a `pub use`, a line in
//!    `source.rs`), and its file in `steps/kernels/` with a `mod` and a `use`;
//! 4. add a case to `codegen-tests/cases/` and review the new snapshot.
//!
//! So `HardSwish` is a variant in the runtime's `activation.rs`, a row in `unary.rs`, its name below and a case: four files and a new
//! snapshot. `Split` at run time is `runs` and `lower` in `pick.rs` and a case. `Resize` is three files, of the operator and of both
//! sides of its kernel, and lines in `lib.rs`, `f32/mod.rs` and `source.rs` of the runtime, in `steps/kernels/mod.rs`, below, and a case.
//! `Mish` is a type in the runtime's `function.rs`, a row in the `function.rs` here, its name below and a case.
//!
//! Invariant: an operator sees its own attributes and its inputs' types and values, never the graph or another node.
//! A match over all operators stands nowhere else; passes name those that they rewrite.

pub(crate) mod broadcast;
mod byte_scale;
mod macros;
pub(crate) mod operands;
mod pairwise;
mod pixels;
#[cfg(test)]
pub(crate) mod test_case;
mod volume;
mod window;

pub use byte_scale::ByteScale;

pub(crate) use crate::diagnostics::OpError;

use crate::node::NodeView;
use crate::node::known::KnownAttribute;
use crate::steps::Lowering;
use crate::tensor::{DType, Tensor, TensorType};

/// What the drivers ask of an operator.
pub(crate) trait Operator: Sized {
    /// The attributes that ONNX has of the file's operators: `parse` is not given what is not in here.
    const ATTRIBUTES: &'static [KnownAttribute] = &[];

    /// Reads the node's attributes and those inputs that must be known when compiling (shapes, axes, bounds). No node of a file is one of an
    /// operator that only passes make.
    fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        Err(OpError::unsupported(format!("`{}` comes of passes alone", node.op_type)))
    }

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

    /// Whether passes look for it, so that it is not computed at once where its inputs are known.
    fn is_awaited(&self) -> bool {
        false
    }

    /// Multiply-accumulates of one inference.
    fn macs(&self, _inputs: &[Option<&TensorType>]) -> u64 {
        0
    }

    /// What `evaluate` costs beside visiting each element once; more than `macs` where an operator works without multiplying, or by functions
    /// that take as long as many products.
    fn work(&self, inputs: &[Option<&TensorType>]) -> u64 {
        self.macs(inputs)
    }

    /// Whether firmware can compute it from inputs of these types; where not, every input must be known when compiling.
    fn runs(&self, inputs: &[Option<&TensorType>]) -> bool {
        inputs.iter().flatten().all(|ty| ty.dtype == DType::F32)
    }

    /// Emits the steps that compute the outputs; the default is for operators that do not [run](Self::runs): import has refused
    /// them where an input is not known, and folding has computed them but where that takes too long.
    fn lower(&self, _ctx: &mut Lowering<'_>) -> Result<(), OpError> {
        Err(too_large())
    }
}

/// Of an operator that firmware does not compute, and folding left alone.
fn too_large() -> OpError {
    OpError::unsupported("is too large to be computed when compiling")
        .supported("some 2^25 elements and products altogether, and more of a file that holds many")
}

/// The most inputs of an operator that takes any number of them.
const ANY: usize = usize::MAX;

macros::operators! {
    arg::Arg: "ArgMax" 1, "ArgMin" 1;
    batch_normalization::BatchNormalization: "BatchNormalization" 5;
    binary::Binary: "Add" 2, "Sub" 2, "Mul" 2, "Div" 2;
    cast::Cast: "Cast" 1, "CastLike" 2;
    concat::Concat: "Concat" ANY;
    constant::Constant: "Constant" 0, "NonZero" 1;
    constant_of_shape::ConstantOfShape: "ConstantOfShape" 1;
    conv::Conv: "Conv" 3;
    conv_transpose::ConvTranspose: "ConvTranspose" 3;
    cumulative_sum::CumulativeSum: "CumSum" 2;
    depth_to_space::DepthToSpace: "DepthToSpace" 1, "SpaceToDepth" 1;
    einsum::Einsum: "Einsum" ANY;
    elementwise::Elementwise: "Not" 1, "And" 2, "Or" 2, "Xor" 2, "Equal" 2, "Less" 2, "LessOrEqual" 2, "Greater" 2, "GreaterOrEqual" 2,
        "Mod" 2, "Pow" 2, "Min" ANY, "Max" ANY, "Mean" ANY, "Where" 3, "IsNaN" 1, "IsInf" 1;
    function::Function: "Neg" 1, "Abs" 1, "Sign" 1, "Floor" 1, "Ceil" 1, "Round" 1, "Sqrt" 1, "Reciprocal" 1, "Exp" 1, "Log" 1, "Tanh" 1,
        "Erf" 1, "Elu" 1, "Selu" 1, "Celu" 1, "Softplus" 1, "Softsign" 1, "HardSigmoid" 1, "Gelu" 1, "Mish" 1, "ThresholdedRelu" 1;
    gather::Gather: "Gather" 2;
    identity::Identity: "Identity" 1, "Dropout" 3;
    log_softmax::LogSoftmax: "LogSoftmax" 1, "Hardmax" 1;
    lookup::Lookup:;
    lrn::Lrn: "LRN" 1;
    matmul::MatMul: "MatMul" 2, "Gemm" 3;
    non_max_suppression::NonMaxSuppression: "NonMaxSuppression" 5;
    normalization::Normalization: "LayerNormalization" 3, "RMSNormalization" 2, "GroupNormalization" 3, "InstanceNormalization" 3,
        "MeanVarianceNormalization" 1, "LpNormalization" 1;
    pad::Pad: "Pad" 4;
    pick::Pick: "Slice" 5, "Split" 2, "Expand" 2, "Tile" 2;
    pool::Pool: "MaxPool" 1, "AveragePool" 1, "GlobalMaxPool" 1, "GlobalAveragePool" 1;
    prelu::PRelu: "PRelu" 2;
    quantize::Quantize: "QuantizeLinear" 3, "DequantizeLinear" 3;
    quantized_binary::QuantizedBinary:;
    quantized_conv::QuantizedConv: "QLinearConv" 9;
    quantized_pool::QuantizedPool:;
    quantized_softmax::QuantizedSoftmax:;
    range::Range: "Range" 3;
    reduce::Reduce: "ReduceSum" 2, "ReduceProd" 2, "ReduceMin" 2, "ReduceMax" 2, "ReduceL1" 2, "ReduceL2" 2,
        "ReduceSumSquare" 2, "ReduceLogSum" 2, "ReduceLogSumExp" 2;
    reduce_mean::ReduceMean: "ReduceMean" 2;
    reshape::Reshape: "Reshape" 2, "Flatten" 1, "Squeeze" 2, "Unsqueeze" 2;
    resize::Resize: "Resize" 4, "Upsample" 2;
    shape::ShapeOf: "Shape" 1, "Size" 1;
    softmax::Softmax: "Softmax" 1;
    sum::Sum: "Sum" ANY;
    top_k::TopK: "TopK" 2;
    transpose::Transpose: "Transpose" 1;
    unary::Unary: "Relu" 1, "LeakyRelu" 1, "Clip" 3, "Sigmoid" 1, "HardSwish" 1, "Swish" 1;
}

/// What the file that holds an operator says of attributes; nothing of an operator that is in no file.
pub(crate) fn attributes_of(op_type: &str) -> &'static [KnownAttribute] {
    OPERATORS.iter().find(|(name, ..)| *name == op_type).map(|&(.., list)| list).unwrap_or_default()
}
