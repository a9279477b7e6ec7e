//! Whose the files are that a compilation would write over: a model does not silently take the place of another.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::compilation::Compilation;
use crate::emit::files;
use crate::emit::head::Head;
use crate::error::Error;

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
