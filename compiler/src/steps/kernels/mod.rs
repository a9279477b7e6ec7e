//! The kernels of `peleec-runtime` as steps know them, a file each: what a kernel asks of places, what it costs, how it is bound to views.
//!
//! A step knows everything of a kernel's geometry but where the operands lie; bound to views it becomes the runtime's own geometry.

mod arg;
mod average_pool2d;
mod binary;
mod bound;
mod cast;
mod conv2d;
mod conv_transpose2d;
mod cumulative_sum;
mod depthwise_conv2d;
mod each;
mod gather;
mod log_softmax;
mod lookup;
mod lrn;
mod map;
mod matmul;
mod max_pool2d;
mod non_max_suppression;
mod normalize;
mod pad;
mod pairwise;
mod pool2d;
mod prelu;
mod quantize;
mod quantized_binary;
mod quantized_conv2d;
mod quantized_depthwise_conv2d;
mod quantized_softmax;
mod quantized_sum;
mod reduce;
mod resample;
mod softmax;
mod source;
mod strided;
#[cfg(test)]
mod tests;
mod top_k;

use std::fmt::Debug;

pub(crate) use arg::{Arg, Hardmax};
pub(crate) use average_pool2d::AveragePool2d;
pub(crate) use binary::Binary;
pub(crate) use bound::Bound;
pub(crate) use cast::Cast;
pub(crate) use conv_transpose2d::{ConvTranspose2d, pack_transposed};
pub(crate) use conv2d::{Convolution, PackedConvolution};
pub(crate) use cumulative_sum::CumulativeSum;
pub(crate) use depthwise_conv2d::DepthwiseConv2d;
pub(crate) use each::Each;
pub(crate) use gather::Gather;
pub(crate) use log_softmax::LogSoftmax;
pub(crate) use lookup::Lookup;
pub(crate) use lrn::Lrn;
pub(crate) use map::{Map, Move};
pub(crate) use matmul::MatMul;
pub(crate) use max_pool2d::MaxPool2d;
pub(crate) use non_max_suppression::NonMaxSuppression;
pub(crate) use normalize::Normalize;
pub(crate) use pad::{Pad, PadValue};
pub(crate) use pairwise::{Function, Pairwise};
pub(crate) use pool2d::Pool2d;
pub(crate) use prelu::PRelu;
pub(crate) use quantize::{Dequantize, Quantize, Steps};
pub(crate) use quantized_binary::QuantizedBinary;
pub(crate) use quantized_conv2d::{Parts, QuantizedConv2d, Tile};
pub(crate) use quantized_depthwise_conv2d::QuantizedDepthwiseConv2d;
pub(crate) use quantized_softmax::QuantizedSoftmax;
pub(crate) use quantized_sum::QuantizedSum;
pub(crate) use reduce::{Reduce, ReduceKind};
pub(crate) use resample::Resample;
pub(crate) use softmax::Softmax;
pub(crate) use source::{Asked, Source};
pub(crate) use strided::Strided;
pub(crate) use top_k::TopK;

use super::micro::MicroKernel;
use super::views::View;
use crate::diagnostics::OpError;
use crate::plan::problem::{Relation, Rows};
use crate::tensor::window::Window;

/// What computes a step. Every kernel answers every question.
pub(crate) trait Kernel: Debug + Send + Sync {
    /// What the planner may do with the operands.
    fn places(&self) -> Places;

    /// What it takes to compute `channels` channels of output.
    fn cost(&self, channels: usize) -> Cost;

    /// The kernel over these operands; an error where it cannot walk them.
    fn bind(&self, views: &Views<'_>) -> Result<Work, OpError>;
}

/// What the planner may do with a kernel's operands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Places {
    /// Its only input and its output may be interleaved channel slices of one host.
    pub(crate) interleaves: bool,
    /// The channels of its only input may lie in two places.
    pub(crate) splits: bool,
    /// Its output may lie where its only input does.
    pub(crate) in_place: bool,
    /// How rows depend on each other, where it can compute row by row.
    pub(crate) rows: Option<Rows>,
}

/// An estimate of what a kernel takes, in hundredths of an instruction or, on x86-64, of a cycle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    /// Of the whole map; zero where it was not estimated.
    pub(crate) whole: u64,
    /// Blocks of channels that each row is computed under, one after the other.
    pub(crate) row_blocks: u64,
}

/// The operands of a step.
pub(crate) struct Views<'a> {
    /// At least one, but for a source.
    pub(crate) inputs: &'a [View],
    pub(crate) output: &'a View,
    /// How a move's elements relate.
    pub(crate) relation: Option<&'a Relation>,
    /// Whether the second input holds the channels behind those of the first.
    pub(crate) split: bool,
    /// Whether rows are computed one by one.
    pub(crate) by_rows: bool,
}

/// What a layer does.
#[derive(Debug)]
pub(crate) enum Work {
    /// Runs a kernel.
    Kernel(Box<dyn Bound>),
    /// Asks the caller for the rows of a graph input.
    Source(Asked),
}

impl Work {
    /// The name of the runtime's kernel, with its register tile.
    pub(crate) fn name(&self) -> String {
        match self {
            Work::Kernel(bound) => bound.name(),
            Work::Source(_) => "rows".to_owned(),
        }
    }
}

/// Which of the leaves of a convolution a layer links, of those that the runtime has for one geometry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LeafKind {
    pub(crate) micro: MicroKernel,
    pub(crate) is_pooled: bool,
    pub(crate) is_dense: bool,
}

/// The rows that a window reads for a row of its output.
fn rows_of(window: &Window) -> Rows {
    Rows { stride: window.strides[0], divisor: 1, pad: window.pads[0], reach: window.reach(0) }
}
