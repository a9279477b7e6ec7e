//! The steps that operators are computed by: where an operator emits them (`Lowering`), the kernels that they know, and how they become
//! layers once the planner has placed what they read and write (`bind`).
//!
//! Invariant: places nothing, and sees neither graph nor operators.

mod agreement;
pub(crate) mod bind;
pub(crate) mod kernels;
mod lowering;
pub(crate) mod micro;
mod step;
mod views;
mod words;

pub(crate) use agreement::Agreements;
pub(crate) use bind::unplaceable;
pub(crate) use lowering::{FEW_IMAGES, LoweredNode, Lowering, Operand, Outlet};
pub(crate) use step::{Packed, Step, Steps};
