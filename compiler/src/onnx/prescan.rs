//! Walks the wire of an ONNX file before anything is decoded: counts messages, strings and numbers, bounds lengths.
//!
//! A message of two bytes becomes hundreds once decoded, so a small file could fill the memory; the limits stop it here.
//! The walk is a loop over the stack of open messages. Only fields that `wire` decodes are entered, so it stays shallow.

use thiserror::Error;

/// Largest model file, in bytes.
pub(crate) const FILE_BYTES: usize = 256 << 20;
const DEPTH: usize = 32;
const NODES: usize = 65_536;
const INITIALIZERS: usize = 65_536;
const MESSAGES: usize = 1 << 19;
const STRINGS: usize = 1 << 20;
/// Bytes of varint lists; each byte may become eight.
const NUMBER_BYTES: usize = 64 << 20;

/// Why the bytes cannot be an acceptable ONNX file.
#[derive(Clone, Debug, PartialEq, Error)]
pub(crate) enum ScanError {
    #[error("the file is empty")]
    Empty,
    #[error("the file ends early: field {field}, at byte {at}, goes beyond the end")]
    Truncated { field: u64, at: usize },
    #[error("byte {at} does not start a valid field")]
    Malformed { at: usize },
    #[error("the file has more than {limit} {what}")]
    TooMany { what: &'static str, limit: usize },
}

/// What the walk saw.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Scan {
    /// Whether the model has functions, which are not entered.
    pub(crate) has_functions: bool,
    nodes: usize,
    initializers: usize,
    messages: usize,
    strings: usize,
    number_bytes: usize,
}

/// Walks a `ModelProto`.
pub(crate) fn scan_model(bytes: &[u8]) -> Result<Scan, ScanError> {
    let mut scan = Scan::default();
    scan.walk(bytes, Message::Model)?;
    Ok(scan)
}

/// Walks a file that holds one `TensorProto`.
pub(crate) fn scan_tensor(bytes: &[u8]) -> Result<(), ScanError> {
    Scan::default().walk(bytes, Message::Tensor)
}

#[derive(Clone, Copy, PartialEq)]
enum Message {
    Model,
    OpsetId,
    Graph,
    Node,
    Attribute,
    Tensor,
    SparseTensor,
    SparseValues,
    Entry,
    ValueInfo,
    Type,
    TensorType,
    Shape,
    Dimension,
}

enum Field {
    Message(Message),
    String,
    Numbers,
    Function,
    Skipped,
}

fn field(message: Message, number: u64) -> Field {
    use Message as M;
    match (message, number) {
        (M::Model, 7) => Field::Message(M::Graph),
        (M::Model, 8) => Field::Message(M::OpsetId),
        (M::Model, 25) => Field::Function,
        (M::Graph, 1) => Field::Message(M::Node),
        (M::Graph, 5) => Field::Message(M::Tensor),
        (M::Graph, 11 | 12) => Field::Message(M::ValueInfo),
        (M::Graph, 15) => Field::Message(M::SparseTensor),
        (M::SparseTensor, 1) => Field::Message(M::SparseValues),
        (M::Node, 5) => Field::Message(M::Attribute),
        (M::Attribute, 5) => Field::Message(M::Tensor),
        (M::Tensor, 13) => Field::Message(M::Entry),
        (M::ValueInfo, 2) => Field::Message(M::Type),
        (M::Type, 1) => Field::Message(M::TensorType),
        (M::TensorType, 2) => Field::Message(M::Shape),
        (M::Shape, 1) => Field::Message(M::Dimension),
        (M::OpsetId, 1) | (M::Graph, 2) | (M::Node, 1..=4 | 7) | (M::Attribute, 1 | 21) => Field::String,
        (M::Tensor | M::SparseValues, 8) | (M::Entry, 1 | 2) | (M::ValueInfo, 1) | (M::Dimension, 2) => Field::String,
        (M::Attribute, 7 | 8) | (M::Tensor, 1 | 5 | 7 | 11) => Field::Numbers,
        _ => Field::Skipped,
    }
}

impl Scan {
    /// Walks a `GraphProto` that is a part of the same file, and counts it with the rest.
    pub(crate) fn graph(&mut self, bytes: &[u8]) -> Result<(), ScanError> {
        self.walk(bytes, Message::Graph)
    }

    fn walk(&mut self, bytes: &[u8], root: Message) -> Result<(), ScanError> {
        if bytes.is_empty() {
            return Err(ScanError::Empty);
        }
        let mut open = vec![(root, bytes.len())];
        let mut at = 0;
        while let Some(&(message, end)) = open.last() {
            if at == end {
                open.pop();
                continue;
            }
            let key_at = at;
            let key = read_varint(bytes, &mut at, end).ok_or(ScanError::Malformed { at })?;
            let (number, wire_type) = (key >> 3, key & 7);
            if number == 0 || !matches!(wire_type, 0 | 1 | 2 | 5) {
                return Err(ScanError::Malformed { at: key_at });
            }
            let length = payload_length(bytes, &mut at, end, wire_type);
            let field_end = length.and_then(|length| at.checked_add(length)).filter(|&field_end| field_end <= end);
            let field_end = field_end.ok_or(ScanError::Truncated { field: number, at: key_at })?;
            let length = field_end - at;
            match field(message, number) {
                Field::Message(child) if wire_type == 2 => {
                    self.count(message, child)?;
                    if open.len() >= DEPTH {
                        return Err(ScanError::TooMany { what: "levels of nesting", limit: DEPTH });
                    }
                    open.push((child, field_end));
                    continue;
                }
                Field::String => tally(&mut self.strings, 1, "strings", STRINGS)?,
                Field::Numbers => tally(&mut self.number_bytes, length.max(1), "bytes of number lists", NUMBER_BYTES)?,
                Field::Function => self.has_functions = true,
                Field::Message(_) | Field::Skipped => {}
            }
            at = field_end;
        }
        Ok(())
    }

    fn count(&mut self, parent: Message, child: Message) -> Result<(), ScanError> {
        match (parent, child) {
            (_, Message::Node) => tally(&mut self.nodes, 1, "nodes", NODES)?,
            (Message::Graph, Message::Tensor) => tally(&mut self.initializers, 1, "initializers", INITIALIZERS)?,
            _ => {}
        }
        tally(&mut self.messages, 1, "messages", MESSAGES)
    }
}

fn tally(count: &mut usize, by: usize, what: &'static str, limit: usize) -> Result<(), ScanError> {
    *count = count.saturating_add(by);
    if *count > limit { Err(ScanError::TooMany { what, limit }) } else { Ok(()) }
}

/// How many bytes follow for a field of this wire type; moves `at` to them. `None` where the bytes end before.
fn payload_length(bytes: &[u8], at: &mut usize, end: usize, wire_type: u64) -> Option<usize> {
    match wire_type {
        0 => read_varint(bytes, at, end).map(|_| 0),
        1 => Some(8),
        5 => Some(4),
        _ => usize::try_from(read_varint(bytes, at, end)?).ok(),
    }
}

/// Reads a base-128 number of at most ten bytes that ends before `end`, and moves `at` behind it.
fn read_varint(bytes: &[u8], at: &mut usize, end: usize) -> Option<u64> {
    let mut value = 0;
    for (index, &byte) in bytes.get(*at..end)?.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(7 * index as u32)?;
        if byte < 0x80 {
            *at += index + 1;
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_and_truncated_files_are_told_apart() {
        assert_eq!(scan_model(&[]), Err(ScanError::Empty));
        assert_eq!(scan_model(&[0x3a, 5, 1]), Err(ScanError::Truncated { field: 7, at: 0 }));
        assert_eq!(scan_model(&[0x08]), Err(ScanError::Truncated { field: 1, at: 0 }));
        assert_eq!(scan_model(b"\x0b"), Err(ScanError::Malformed { at: 0 }));
    }

    #[test]
    fn a_bomb_of_empty_messages_is_stopped() {
        let nodes = [0x0a, 0].repeat(5 << 20);
        let mut file = vec![0x3a];
        prost::encode_length_delimiter(nodes.len(), &mut file).unwrap();
        file.extend(nodes);
        assert_eq!(scan_model(&file), Err(ScanError::TooMany { what: "nodes", limit: NODES }));
    }

    #[test]
    fn functions_are_noted_and_not_entered() {
        assert!(scan_model(&[0xca, 0x01, 2, 0xff, 0xff]).unwrap().has_functions);
    }
}
