//! A model as bytes, with the name and the folder that it came from.

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::time::Duration;
use std::time::SystemTime;

use prost::bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::description::Description;
use crate::diagnostics::{Code, Diagnostic};
use crate::error::Error;
use crate::names::identifier;
use crate::zoo::{self, ZooOptions};

/// The largest file that is read.
const MAX_BYTES: u64 = 256 << 20;

/// How much of the files with weights is hashed: more than a model can have of them.
const MAX_DATA_BYTES: u64 = 1 << 30;

/// The bytes of an ONNX file.
#[derive(Clone, Debug)]
pub struct ModelFile {
    name: String,
    bytes: Bytes,
    path: Option<PathBuf>,
    /// What peleec knows of a network that it wrote itself.
    description: Option<Description>,
}

/// The files that a compilation has read, and what is known of them.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// Stem of the model's file.
    pub(crate) name: String,
    /// Every file: the model's, those in which it keeps weights, and the one that describes it.
    pub(crate) files: Vec<PathBuf>,
    /// SHA-256 over the files with weights, where there are any.
    pub(crate) data_hash: Option<String>,
    /// When one of the files was last written or moved to where it is.
    pub(crate) changed: Option<SystemTime>,
}

impl ModelFile {
    /// Reads a file of at most 256 MiB.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let io = |source| Error::io(path, source);
        let mut bytes = Vec::new();
        if path.as_os_str().is_empty() {
            return Err(Error::Data("there is no model: give the path of an ONNX file".to_owned()));
        }
        File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(io)?;
        if bytes.len() as u64 > MAX_BYTES {
            let too_large = Diagnostic::unsupported(Code::TOO_LARGE, "the file is too large").found("more than 256 MiB");
            return Err(Error::Model(too_large.supported("up to 256 MiB").into()));
        }
        let name = path.file_stem().map_or_else(|| "model".to_owned(), |stem| stem.to_string_lossy().into_owned());
        Ok(ModelFile { name, bytes: bytes.into(), path: Some(path.to_owned()), description: None })
    }

    /// Takes bytes that are already there.
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Self {
        ModelFile { name: name.to_owned(), bytes: bytes.into(), path: None, description: None }
    }

    /// Writes a network of the zoo and takes its bytes.
    pub fn zoo(name: &str, options: &ZooOptions) -> Result<Self, Error> {
        let (bytes, description) = zoo::described(name, options).map_err(|error| Error::Data(error.to_string()))?;
        Ok(ModelFile { description, ..ModelFile::from_bytes(name, bytes) })
    }

    /// The file's stem.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of a module that is given none: the stem made an identifier.
    pub fn module_name(&self) -> String {
        identifier(&self.name)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn shared(&self) -> Bytes {
        self.bytes.clone()
    }

    pub(crate) fn folder(&self) -> Option<&Path> {
        self.path.as_deref().and_then(Path::parent)
    }

    /// The path of the file that describes the model: beside it, of its name, with `.toml`.
    pub fn description_path(&self) -> Option<PathBuf> {
        self.path.as_ref().map(|path| path.with_extension("toml"))
    }

    /// What describes the model: of a network of the zoo what peleec knows, of others the file beside it, where there is one.
    pub fn description(&self) -> Result<Option<Description>, Error> {
        match self.description_path().filter(|path| path.is_file()) {
            Some(path) => Description::read(&path).map(Some),
            None => Ok(self.description.clone()),
        }
    }

    /// SHA-256 in hexadecimal.
    pub fn hash(&self) -> String {
        hexadecimal(&Sha256::digest(&self.bytes))
    }

    /// SHA-256 in hexadecimal over the files beside the model's that hold weights, which `data` names, where there are any.
    pub(crate) fn data_hash(&self, data: &BTreeSet<String>) -> Result<Option<String>, Error> {
        let data = self.data_paths(data);
        let (mut hash, mut left) = (Sha256::new(), MAX_DATA_BYTES);
        for path in &data {
            let io = |source| Error::io(path, source);
            let file = File::open(path).map_err(io)?;
            hash.update(file.metadata().map_err(io)?.len().to_le_bytes());
            left -= std::io::copy(&mut file.take(left), &mut Digested(&mut hash)).map_err(io)?;
        }
        Ok((!data.is_empty()).then(|| hexadecimal(&hash.finalize())))
    }

    fn data_paths(&self, data: &BTreeSet<String>) -> Vec<PathBuf> {
        data.iter().filter_map(|name| inside(self.folder()?, name)).collect()
    }

    /// What is known of the files; `data` names those beside the model's that hold weights, `described` has the paths of what is said of it.
    pub(crate) fn origin(&self, data: &BTreeSet<String>, described: impl Iterator<Item = PathBuf>) -> Result<Origin, Error> {
        let (data_hash, data) = (self.data_hash(data)?, self.data_paths(data));
        let files: Vec<PathBuf> = self.path.iter().cloned().chain(data).chain(described).collect();
        let times = |path: &PathBuf| [std::fs::metadata(path), std::fs::symlink_metadata(path)].map(|metadata| changed(&metadata.ok()?));
        let changed = files.iter().flat_map(times).flatten().max();
        Ok(Origin { name: self.name.clone(), files, data_hash, changed })
    }
}

/// The path of a plain file inside a folder; none where the name leads out of it.
fn inside(folder: &Path, name: &str) -> Option<PathBuf> {
    let path = folder.join(name);
    let folder = if folder == Path::new("") { Path::new(".") } else { folder };
    let is_plain = std::fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file());
    (is_plain && path.canonicalize().ok()?.starts_with(folder.canonicalize().ok()?)).then_some(path)
}

/// Bytes as text.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is written is hashed.
struct Digested<'a>(&'a mut Sha256);

impl Write for Digested<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// When a file was written, or moved or copied to where it is.
#[cfg(unix)]
fn changed(metadata: &Metadata) -> Option<SystemTime> {
    use std::os::unix::fs::MetadataExt;
    let (seconds, nanos) = (u64::try_from(metadata.ctime()).ok()?, u32::try_from(metadata.ctime_nsec()).ok()?);
    SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanos)).max(metadata.modified().ok())
}

#[cfg(not(unix))]
fn changed(metadata: &Metadata) -> Option<SystemTime> {
    metadata.created().ok().max(metadata.modified().ok())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names(files: &[&str]) -> BTreeSet<String> {
        files.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_file_goes_by_its_stem_and_is_described_beside_itself() {
        let folder = tempfile::tempdir().unwrap();
        for (name, stem, module, described) in [
            ("net.onnx", "net", "net", "net.toml"),
            ("v1.2.onnx", "v1.2", "v1_2", "v1.2.toml"),
            ("Net", "Net", "net", "Net.toml"),
            (".onnx", ".onnx", "onnx", ".onnx.toml"),
            ("図.onnx", "図", "n", "図.toml"),
            ("type.onnx", "type", "type_", "type.toml"),
            ("a b\n.onnx", "a b\n", "a_b", "a b\n.toml"),
        ] {
            let path = folder.path().join(name);
            fs::write(&path, b"bytes").unwrap();
            let model = ModelFile::read(&path).unwrap();
            assert_eq!((model.name(), model.module_name().as_str(), model.bytes()), (stem, module, &b"bytes"[..]));
            assert_eq!(model.description_path(), Some(folder.path().join(described)));
            assert!(matches!(model.description(), Ok(None)), "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_name_may_be_no_text() {
        use std::os::unix::ffi::OsStrExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(std::ffi::OsStr::from_bytes(b"n\xff.onnx"));
        fs::write(&path, b"").unwrap();
        let model = ModelFile::read(&path).unwrap();
        assert_eq!((model.name(), model.module_name().as_str()), ("n\u{fffd}", "n"));
        let origin = model.origin(&BTreeSet::new(), std::iter::empty()).unwrap();
        assert_eq!(origin.files, [path]);
    }

    #[test]
    fn what_is_no_file_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_owned(), folder.path().join("gone.onnx"), folder.path().join("gone/net.onnx")] {
            let error = ModelFile::read(&path).unwrap_err();
            assert!(error.to_string().starts_with(&format!("{}: ", path.display())), "{error}");
            assert_eq!(error.exit_code(), 3);
        }
        assert!(matches!(ModelFile::read(Path::new("")), Err(Error::Data(_))));
        // A description that is a folder is none.
        fs::write(folder.path().join("net.onnx"), b"").unwrap();
        fs::create_dir(folder.path().join("net.toml")).unwrap();
        assert!(matches!(ModelFile::read(&folder.path().join("net.onnx")).unwrap().description(), Ok(None)));
    }

    /// The digests are those of FIPS 180-2.
    #[test]
    fn hashes_are_sha_256() {
        let hash = |bytes: &[u8]| ModelFile::from_bytes("n", bytes.to_vec()).hash();
        assert_eq!(hash(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(hash(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(hexadecimal(&[0, 0x0f, 0xa0, 0xff]), "000fa0ff");
    }

    #[test]
    fn files_with_weights_are_hashed_with_where_each_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.onnx");
        fs::write(&path, b"model").unwrap();
        fs::create_dir(folder.path().join("deep")).unwrap();
        let hash = |a: &[u8], b: &[u8]| {
            fs::write(folder.path().join("a"), a).unwrap();
            fs::write(folder.path().join("deep/b"), b).unwrap();
            ModelFile::read(&path).unwrap().data_hash(&names(&["a", "deep/b"])).unwrap().unwrap()
        };
        let all = [hash(b"12", b"3"), hash(b"1", b"23"), hash(b"123", b""), hash(b"", b"123"), hash(b"3", b"12")];
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        assert_eq!(hash(b"12", b"3"), all[0]);
        // What is not there, or not the model's, is none of its files.
        let model = ModelFile::read(&path).unwrap();
        let outside = tempfile::NamedTempFile::new().unwrap();
        let beside = outside.path().file_name().unwrap().to_str().unwrap();
        for name in ["gone", "deep", "", ".", "..", "a/b", "../a", &format!("../{beside}"), outside.path().to_str().unwrap(), "a\0"] {
            assert_eq!(model.data_hash(&names(&[name])).unwrap(), None, "{name:?}");
        }
        assert_eq!(ModelFile::from_bytes("net", b"model".to_vec()).data_hash(&names(&["a"])).unwrap(), None);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_none_of_the_files() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("deep")).unwrap();
        fs::write(folder.path().join("net.onnx"), b"model").unwrap();
        fs::write(folder.path().join("deep/w"), b"w").unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("w"), b"secret").unwrap();
        std::os::unix::fs::symlink(outside.path().join("w"), folder.path().join("file")).unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("way")).unwrap();
        let model = ModelFile::read(&folder.path().join("net.onnx")).unwrap();
        for (name, is_one) in [("file", false), ("way/w", false), ("deep/w", true)] {
            assert_eq!(model.data_hash(&names(&[name])).unwrap().is_some(), is_one, "{name}");
            let origin = model.origin(&names(&[name]), [PathBuf::from("said.toml")].into_iter()).unwrap();
            let wanted = [Some("net.onnx"), is_one.then_some(name)].into_iter().flatten().map(|name| folder.path().join(name));
            assert_eq!(origin.files, wanted.chain([PathBuf::from("said.toml")]).collect::<Vec<_>>());
        }
    }

    /// A copy of an old file is new where it is put: it was changed when it came.
    #[cfg(unix)]
    #[test]
    fn a_file_is_as_young_as_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.onnx");
        fs::write(&path, b"model").unwrap();
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400);
        File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();
        let origin = ModelFile::read(&path).unwrap().origin(&BTreeSet::new(), std::iter::empty()).unwrap();
        assert!(origin.changed.unwrap() > long_ago + Duration::from_secs(86_400));
        let none = ModelFile::from_bytes("net", Vec::new()).origin(&names(&["a"]), std::iter::empty()).unwrap();
        assert_eq!((none.changed, none.files.len(), none.data_hash), (None, 0, None));
    }
}
