//! Stored tensors as values of the graph: wherever the file keeps them, checked for their size; and what is said of NaN among them.

use std::path::Path;

use super::external::{self, ExternalError};
use super::tensor::{self, TensorError};
use super::wire::TensorProto;
use crate::diagnostics::{Code, Diagnostic};
use crate::tensor::{Tensor, TensorType};

/// Where elements may come from besides the model file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct External<'a> {
    pub(crate) folder: Option<&'a Path>,
    pub(crate) allowed: bool,
}

/// The type of `proto`'s value, of which nothing is read.
pub(crate) fn ty(proto: &TensorProto, what: &str) -> Result<TensorType, Diagnostic> {
    tensor::header(proto).map(|(_, ty)| ty).map_err(|error| refused(what, &error))
}

/// Reads `proto`; `what` names it for people, such as "initializer `w`".
pub(crate) fn read(proto: &TensorProto, what: &str, external: External<'_>) -> Result<Tensor, Diagnostic> {
    let (element, ty) = tensor::header(proto).map_err(|error| refused(what, &error))?;
    let is_external = proto.data_location == Some(1) || !proto.external_data.is_empty();
    let bytes = if is_external {
        let needed = ty.shape.elements().saturating_mul(element.bytes);
        let bytes = external::read(&proto.external_data, external.folder, external.allowed, needed);
        Some(bytes.map_err(|error| not_followed(what, &error))?)
    } else {
        None
    };
    tensor::decode(proto, bytes.as_deref()).map_err(|error| refused(what, &error))
}

/// The first element that is NaN; infinities are values, as in masks and open bounds.
pub(crate) fn first_nan(value: &Tensor) -> Option<usize> {
    value.as_f32()?.iter().position(|x| x.is_nan())
}

/// What is said of a value of type `ty` whose element `at` is NaN.
pub(crate) fn no_number(what: &str, ty: &TensorType, at: usize) -> Diagnostic {
    let help = "did training diverge? look at the weights in the framework that wrote the model";
    let diagnostic = Diagnostic::invalid(Code::NOT_A_NUMBER, format!("{what} holds a value that is no number"));
    diagnostic.found(format!("NaN at element {at} of {ty}")).help(help)
}

fn refused(what: &str, error: &TensorError) -> Diagnostic {
    match error {
        TensorError::DType(_) => Diagnostic::unsupported(Code::ELEMENT_TYPE, format!("{what} cannot be taken: {error}"))
            .supported("float, float16, bfloat16, double, int8 to int64, uint8 to uint32, bool"),
        error if error.is_unsupported() => Diagnostic::unsupported(Code::TOO_LARGE, format!("{what} cannot be taken: {error}")),
        error => Diagnostic::invalid(Code::STORED_VALUE, format!("{what} cannot be read: {error}")),
    }
}

fn not_followed(what: &str, error: &ExternalError) -> Diagnostic {
    let title = format!("{what} cannot be read: {error}");
    let kind = if error.is_unsupported() { Diagnostic::unsupported } else { Diagnostic::invalid };
    let diagnostic = kind(Code::EXTERNAL, title).because(error.to_string(), what);
    match error.help() {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}
