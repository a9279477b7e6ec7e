//! Bytes of an ONNX file to a [`Graph`](crate::ir::Graph), or every problem of the file at once.
//!
//! Invariant: the only code that sees protobuf types; never panics on any bytes, trusts no length, opens no path that the model
//! names without leave.

mod alternatives;
mod asked;
mod attributes;
mod branch;
mod catalogue;
mod constants;
mod data_files;
mod exact;
mod external;
mod flags;
mod import;
mod importer;
mod inputs;
mod integers;
mod names;
mod nodes;
mod open;
mod order;
mod outline;
mod prescan;
mod quantized;
mod scope;
mod support;
pub(crate) mod tensor;
mod wire;
pub(crate) mod write;

pub use catalogue::{Family, Member, OperatorDetails, families, operators};
pub(crate) use constants::{first_nan, no_number};
pub(crate) use data_files::data_files;
pub use import::OPSETS;
pub(crate) use import::{Refused, import};
pub(crate) use importer::ImportOptions;
pub(crate) use outline::outline;
pub use tensor::{TensorError, read_tensor, write_tensor};

#[cfg(test)]
mod tests;
