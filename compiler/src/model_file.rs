//! A model as bytes, with the name and the folder that it came from.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use prost::bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::Error;
use crate::diagnostics::Diagnostic;
use crate::zoo::{self, ZooOptions};

/// The largest file that is read.
const MAX_BYTES: u64 = 256 << 20;

/// The bytes of an ONNX file.
#[derive(Clone, Debug)]
pub struct ModelFile {
    name: String,
    bytes: Bytes,
    folder: Option<PathBuf>,
}

impl ModelFile {
    /// Reads a file of at most 256 MiB.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let io = |source| Error::io(path, source);
        let mut bytes = Vec::new();
        File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(io)?;
        if bytes.len() as u64 > MAX_BYTES {
            let too_large = Diagnostic::unsupported("PL0102", "the file is too large").found("more than 256 MiB");
            return Err(Error::Model(too_large.supported("up to 256 MiB").into()));
        }
        let name = path.file_stem().map_or_else(|| "model".to_owned(), |stem| stem.to_string_lossy().into_owned());
        Ok(ModelFile { name, bytes: bytes.into(), folder: path.parent().map(Path::to_owned) })
    }

    /// Takes bytes that are already there.
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Self {
        ModelFile { name: name.to_owned(), bytes: bytes.into(), folder: None }
    }

    /// Writes a network of the zoo and takes its bytes.
    pub fn zoo(name: &str, options: &ZooOptions) -> Result<Self, Error> {
        let bytes = zoo::build(name, options).map_err(|error| Error::Data(error.to_string()))?;
        Ok(ModelFile::from_bytes(name, bytes))
    }

    /// The file's stem.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn shared(&self) -> Bytes {
        self.bytes.clone()
    }

    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// SHA-256 in hexadecimal.
    pub fn hash(&self) -> String {
        Sha256::digest(&self.bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
