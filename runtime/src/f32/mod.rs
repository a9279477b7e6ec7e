//! Kernels over `f32`, a family of operators a file, but for convolution: of that, how sums over `f32` are made (`arithmetic`) and what is
//! made of them (`epilogue`). Each kernel's file has the geometry (plain data that the compiler builds, prints or runs), what it asks of
//! its operands' lengths, and the leaf.
//!
//! A leaf is `unsafe` and takes pointers: its callers have proven, from the geometry's [`Extent`](crate::Extent), that every
//! index it forms lies inside its operand. It is one machine-code copy for all layers.

#![allow(clippy::needless_range_loop, reason = "loops over lanes are written by index, as the lanes of several arrays go together")]

/// The most values of a sum of a pool, a softmax or a matrix product of two tensors, as rounding errors grow with their number: a longer
/// one is made of sums over so many values each, in their order.
pub(crate) const LONGEST_SUM: usize = 1024;

pub mod activation;
pub mod arg;
pub(crate) mod arithmetic;
pub mod conv_transpose;
pub mod cumulative;
pub mod depthwise;
pub(crate) mod elementary;
pub mod elementwise;
pub(crate) mod epilogue;
pub mod exp;
pub mod function;
pub mod log_softmax;
pub mod lrn;
pub mod matmul;
pub mod non_max_suppression;
pub mod normalize;
pub mod pool;
pub mod power;
pub mod prelu;
pub mod reduce;
pub mod resample;
pub mod softmax;
pub mod top_k;
