//! Kernels over integers of 8 bits.
//!
//! A quantised tensor stands for `scale * (q - zero)`. Sums are exact, in 32 bits, and become integers of 8 bits by one rule
//! ([`Requantize`]), so results are the same bits on every machine.

pub(crate) mod average;
pub(crate) mod binary;
pub(crate) mod conv2d;
pub(crate) mod depthwise;
pub(crate) mod lookup;
pub(crate) mod pool;
pub(crate) mod products;
pub(crate) mod requantize;
pub(crate) mod softmax;
pub(crate) mod sum;
