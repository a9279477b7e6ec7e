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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::wire::GraphProto;
    use crate::onnx::write::ModelWriter;

    fn refusal(bytes: &[u8]) -> Diagnostic {
        open(bytes.to_vec().into()).unwrap_err()
    }

    #[test]
    fn what_the_file_is_instead() {
        for (bytes, what) in [
            (&b"version https://git-lfs.github.com/spec/v1\noid"[..], "Git LFS pointer"),
            (b"PK\x03\x04\x14\x00", "zip archive"),
            (b"\x1c\x00\x00\x00TFL3\x14\x00", "TensorFlow Lite"),
            (b"\x18\x00\x00\x00ORTM\x00", "onnxruntime's own format"),
            (b"\x1f\x8b\x08\x00", "compressed with gzip"),
            (b"ir_version: 8\ngraph { }\n", "is text"),
            (b"{\"model\": [1, 2]}\r\n\t", "is text"),
            (b" ", "is text"),
        ] {
            let diagnostic = refusal(bytes);
            assert!(diagnostic.title.contains(what) && diagnostic.help.is_some(), "{bytes:?}: {}", diagnostic.title);
            assert_eq!((diagnostic.code, diagnostic.kind), (Code::DAMAGED.name(), crate::diagnostics::Kind::Invalid));
        }
    }

    /// Bytes that begin as something else, or that are a part of a beginning.
    #[test]
    fn what_is_nothing_that_is_known() {
        for bytes in [&b"\x00\x00\x00\x00TFL"[..], b"\x1f", b"PK\x03", b"\xff\xff\xff\xff", "schön".as_bytes(), b"text\0"] {
            let diagnostic = refusal(bytes);
            let known = ["Lite", "gzip", "zip", "text,"].into_iter().find(|what| diagnostic.title.contains(what));
            assert_eq!(known, None, "{bytes:?}: {}", diagnostic.title);
        }
        assert_eq!(refusal(&[0x08, 0x08]).title, "the file holds no graph");
    }

    #[test]
    fn a_model_is_opened_whatever_its_graph_holds() {
        let (model, scan) = open(ModelWriter::new("g", 17).finish().into()).unwrap();
        assert_eq!(model.graph.map(|graph| graph.node.len()), Some(0));
        assert!(!scan.has_functions);
        // Parts of one message that stand apart are one.
        let mut file = ModelWriter::new("first", 17).node("Relu", "a", &["x"], &["y"], &[]).finish();
        file.extend(ModelWriter::new("second", 17).node("Relu", "b", &["y"], &["z"], &[]).finish());
        let graph = open(file.into()).unwrap().0.graph.unwrap();
        let GraphProto { name, node, .. } = graph;
        assert_eq!((name.as_deref(), node.len()), (Some("second"), 2));
    }
}
