//! Bytes of an ONNX file to a [`Graph`](crate::ir::Graph), or every problem of the file at once.
//!
//! Invariant: the only code that sees protobuf types; never panics on any bytes, trusts no length, opens no path that the model
//! names without leave.

pub(crate) mod external;
pub(crate) mod node;
pub(crate) mod prescan;
pub(crate) mod tensor;
pub(crate) mod wire;
