//! Bytes to a `ModelProto`, or in plain words what the file is instead of a model.

use prost::Message;
use prost::bytes::Bytes;

use super::prescan::{FILE_BYTES, Scan, ScanError, scan_model};
use super::wire::ModelProto;
use crate::diagnostics::{Code, Diagnostic};

/// Scans the wire, then decodes it. Tensors of the model share `bytes`.
pub(crate) fn open(bytes: Bytes) -> Result<(ModelProto, Scan), Diagnostic> {
    if bytes.len() > FILE_BYTES {
        let found = format!("{} MiB", bytes.len() >> 20);
        let supported = format!("up to {} MiB", FILE_BYTES >> 20);
        return Err(Diagnostic::unsupported(Code::TOO_LARGE, "the file is too large").found(found).supported(supported));
    }
    let scan = scan_model(&bytes).map_err(|error| unreadable(&bytes, error))?;
    let model = ModelProto::decode(bytes.clone())
        .map_err(|error| Diagnostic::invalid(Code::DAMAGED, "the file is damaged").found(error.to_string()))?;
    match model.graph {
        Some(_) => Ok((model, scan)),
        None => Err(not_a_model(&bytes).unwrap_or_else(|| Diagnostic::invalid(Code::NO_GRAPH, "the file holds no graph"))),
    }
}

fn unreadable(bytes: &[u8], error: ScanError) -> Diagnostic {
    if let Some(diagnostic) = not_a_model(bytes) {
        return diagnostic;
    }
    match error {
        ScanError::Empty => Diagnostic::invalid(Code::DAMAGED, "the file is empty").help("was the export or the download cut short?"),
        ScanError::Truncated { .. } => Diagnostic::invalid(Code::DAMAGED, error.to_string())
            .help("is the download or the copy complete? compare its size with the source"),
        ScanError::Malformed { .. } => {
            Diagnostic::invalid(Code::DAMAGED, "the file is not an ONNX model, or it is damaged").found(error.to_string())
        }
        ScanError::TooMany { .. } => Diagnostic::unsupported(Code::TOO_LARGE, error.to_string()),
    }
}

/// What the file is, where its beginning tells.
fn not_a_model(bytes: &[u8]) -> Option<Diagnostic> {
    let says = |title: &str, help: &str| Some(Diagnostic::invalid(Code::DAMAGED, title).help(help));
    let magic = |at: usize, text: &[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(text));
    if magic(0, b"version https://git-lfs") {
        says("the file is a Git LFS pointer, not the model itself", "git lfs pull")
    } else if magic(0, b"PK\x03\x04") {
        says(
            "the file is a zip archive, perhaps a PyTorch checkpoint",
            "export it to ONNX: torch.onnx.export(model, example, 'model.onnx')",
        )
    } else if magic(4, b"TFL3") {
        says("the file is a TensorFlow Lite model", "convert it to ONNX: python -m tf2onnx.convert --tflite MODEL --output model.onnx")
    } else if magic(4, b"ORTM") {
        says("the file is in onnxruntime's own format", "give the .onnx file that it was made from")
    } else if magic(0, b"\x1f\x8b") {
        says("the file is compressed with gzip", "gunzip it first")
    } else if is_text(bytes) {
        says("the file is text, not an ONNX model", "ONNX models are binary protobuf files, usually named *.onnx")
    } else {
        None
    }
}

fn is_text(bytes: &[u8]) -> bool {
    let start = bytes.get(..512).unwrap_or(bytes);
    !start.is_empty() && start.iter().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~'))
}
