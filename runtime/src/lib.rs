//! Kernels.
#![no_std]
/// What a kernel does to each result before it stores it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// Negative values become zero; NaN passes.
    Relu,
    /// Negative values are multiplied by the slope.
    LeakyRelu(f32),
    /// Limits to `[low, high]`.
    Clip(f32, f32),
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
}

/// An element-wise operation on two operands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BinaryKind {
    /// `a + b`.
    Add,
    /// `a - b`.
    Sub,
    /// `a * b`.
    Mul,
    /// `a / b`.
    Div,
}
