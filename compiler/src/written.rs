//! Whose the files are that a compilation would write over: a model does not silently take the place of another.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::compilation::Compilation;
use crate::emit::head::Head;
use crate::error::Error;
use crate::files;

/// The modules that this process has written: what each was made from, and a hash of its text.
static WRITTEN: Mutex<BTreeMap<PathBuf, (String, [u8; 32])>> = Mutex::new(BTreeMap::new());

impl Compilation {
    /// What the first lines of the module say.
    pub fn head(&self) -> Head {
        let named = self.options.name.is_some();
        Head {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            model: if named { self.name.clone() } else { self.origin.name.clone() },
            model_sha256: self.model_hash.clone(),
            data_sha256: self.origin.data_hash.clone(),
            flags: self.options.flags(),
        }
    }

    /// The files that were read: the model's, and those beside it in which it keeps weights.
    pub fn files_read(&self) -> &[PathBuf] {
        &self.origin.files
    }

    /// Refuses where `dir` has a module of this name that was made from another model.
    ///
    /// A model that was trained or exported again is the same one: its file is younger than the module. One whose file is older than a
    /// module of other bytes, or that has another name, is not.
    pub fn claim(&self, dir: &Path) -> Result<(), Error> {
        let path = dir.join(format!("{}.rs", self.name));
        let Some(found) = std::fs::read_to_string(&path).ok().and_then(|text| Head::parse(&text)) else { return Ok(()) };
        let own = self.head();
        let written = std::fs::metadata(&path).and_then(|metadata| metadata.modified()).ok();
        let is_older = self.origin.changed.zip(written).is_some_and(|(changed, written)| changed < written);
        if own.has_bytes_of(&found) || own.has_name_of(&found) && !is_older {
            return Ok(());
        }
        Err(taken(&path, format!("another model, `{}` of sha256 {}", found.model, found.model_sha256), "; or remove the file"))
    }

    /// Writes the files into `dir`, all or none; a file that already has its bytes is left alone.
    ///
    /// A module that this process has written there under the same name is not written over by another.
    pub fn write(&self, dir: &Path) -> Result<(), Error> {
        let io = |source| Error::io(dir, source);
        let all = self.files()?;
        let path = std::path::absolute(dir.join(&all[0].name)).map_err(io)?;
        let hash = Sha256::digest(&all[0].bytes).into();
        let mut written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((model, _)) = written.get(&path).filter(|(_, other)| *other != hash) {
            return Err(taken(&path, format!("`{model}` in this build"), ""));
        }
        files::write(dir, &all).map_err(io)?;
        let model = self.origin.files.first().map_or(self.origin.name.clone(), |path| path.display().to_string());
        written.insert(path, (model, hash));
        Ok(())
    }

    /// The first of the files that `dir` holds otherwise, or not at all.
    pub fn differing(&self, dir: &Path) -> Result<Option<PathBuf>, Error> {
        Ok(files::differing(dir, &self.files()?))
    }
}

fn taken(path: &Path, model: String, more: &str) -> Error {
    let way = format!("--name NAME gives this one files of its own{more}");
    Error::Taken { path: path.display().to_string(), model, way }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::onnx::write::ModelWriter;
    use crate::tensor::TensorType;
    use crate::{ModelFile, Options, compile};

    /// A network of one operator, as a file of this name or as bytes.
    fn compiled(path: &Path, op_type: &str, options: &Options) -> Compilation {
        let ty = TensorType::f32([1, 2]);
        let mut model = ModelWriter::new("g", 17);
        model.input("x", &ty).node(op_type, "n", &["x"], &["y"], &[]).output("y", &ty);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, model.finish()).unwrap();
        compile(&ModelFile::read(path).unwrap(), options).unwrap()
    }

    fn named(name: &str) -> Options {
        Options { name: Some(name.to_owned()), ..Options::default() }
    }

    fn module(dir: &Path, name: &str) -> String {
        fs::read_to_string(dir.join(name)).unwrap()
    }

    #[test]
    fn a_head_says_the_stem_of_the_file_or_the_name_that_was_given() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Net.onnx");
        let [own, given] = [Options::default(), named("given")].map(|options| compiled(&path, "Relu", &options));
        assert_eq!((own.name(), own.head().model.as_str(), own.head().flags.as_str()), ("net", "Net", ""));
        assert_eq!((given.name(), given.head().model.as_str()), ("given", "given"));
        assert_eq!(own.head().model_sha256, ModelFile::read(&path).unwrap().hash());
        assert_eq!(own.files_read(), [path]);
    }

    #[test]
    fn a_name_is_claimed_where_nothing_of_another_model_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("out");
        let mine = compiled(&folder.path().join("a/net.onnx"), "Relu", &Options::default());
        assert!(mine.claim(&dir).is_ok(), "there is no such folder");
        mine.write(&dir).unwrap();
        assert!(mine.claim(&dir).is_ok() && mine.differing(&dir).unwrap().is_none());
        // Other bytes of the same name: younger than the module they are the same network, older ones are not.
        let other = compiled(&folder.path().join("b/net.onnx"), "Sigmoid", &Options::default());
        let set = |time: SystemTime| fs::File::options().write(true).open(dir.join("net.rs")).unwrap().set_modified(time).unwrap();
        set(SystemTime::now() + Duration::from_secs(3600));
        let error = other.claim(&dir).unwrap_err();
        assert!(matches!(&error, Error::Taken { model, .. } if model.contains("another model, `net` of sha256 ")), "{error}");
        assert_eq!(error.exit_code(), 2);
        set(SystemTime::UNIX_EPOCH);
        assert!(other.claim(&dir).is_ok());
        // Of another name it never is; of a folder or of somebody's own file nothing is said.
        let unlike = compiled(&folder.path().join("Net!.onnx"), "Sigmoid", &Options::default());
        assert_eq!(unlike.name(), "net");
        assert!(unlike.claim(&dir).is_err() && mine.claim(&dir).is_ok());
        fs::write(dir.join("net.rs"), "// mine\n").unwrap();
        assert!(unlike.claim(&dir).is_ok());
        fs::write(dir.join("net.rs"), [0xff, 0xfe]).unwrap();
        assert!(unlike.claim(&dir).is_ok());
    }

    #[test]
    fn what_this_process_has_written_it_does_not_write_over() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("out");
        let mine = compiled(&folder.path().join("a/net.onnx"), "Relu", &Options::default());
        mine.write(&dir).unwrap();
        let before = module(&dir, "net.rs");
        assert!(mine.write(&dir).is_ok(), "the same once more");
        let other = compiled(&folder.path().join("b/net.onnx"), "Sigmoid", &Options::default());
        for dir in [dir.clone(), folder.path().join("out/."), folder.path().join("./out")] {
            let error = other.write(&dir).unwrap_err();
            assert!(matches!(&error, Error::Taken { model, .. } if model.contains("a/net.onnx` in this build")), "{error}");
        }
        assert_eq!(module(&dir, "net.rs"), before);
        // Elsewhere, or under another name, it has its place.
        assert!(other.write(&folder.path().join("elsewhere")).is_ok());
        assert!(compiled(&folder.path().join("b/net.onnx"), "Sigmoid", &named("other")).write(&dir).is_ok());
    }

    #[test]
    fn what_differs_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("out");
        let mine = compiled(&folder.path().join("net.onnx"), "Relu", &Options::default());
        assert_eq!(mine.differing(&dir).unwrap(), Some(dir.join("net.rs")));
        mine.write(&dir).unwrap();
        for name in ["net.rs", "net.plan.json", "net.weights.bin"] {
            let bytes = fs::read(dir.join(name)).unwrap();
            fs::write(dir.join(name), [&bytes[..], b"\n"].concat()).unwrap();
            assert_eq!(mine.differing(&dir).unwrap(), Some(dir.join(name)));
            fs::write(dir.join(name), bytes).unwrap();
        }
        assert_eq!(mine.differing(&dir).unwrap(), None);
    }

    #[test]
    fn a_folder_that_cannot_be_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let mine = compiled(&folder.path().join("net.onnx"), "Relu", &Options::default());
        let error = mine.write(&folder.path().join("net.onnx")).unwrap_err();
        assert!(matches!(error, Error::Io { .. }) && error.exit_code() == 3, "{error}");
    }
}
