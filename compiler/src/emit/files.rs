//! Writing the files: all of them or none.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file to be written: its name and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Path inside the output folder, with `/` between its parts.
    pub name: String,
    /// Contents.
    pub bytes: Vec<u8>,
}

#[cfg(feature = "cli")]
impl File {
    /// A file of text.
    pub(crate) fn text(name: &str, contents: impl Into<String>) -> Self {
        File { name: name.to_owned(), bytes: contents.into().into_bytes() }
    }
}

/// Writes `files` into `dir`, which is made if need be. Each is written beside its place first and all are renamed at the end; a file
/// that already has its bytes is left alone, so that a build does not see it as changed.
pub fn write(dir: &Path, files: &[File]) -> io::Result<()> {
    make_folder(dir)?;
    let mut ready = Vec::new();
    for File { name, bytes } in files {
        let path = dir.join(name);
        if std::fs::read(&path).is_ok_and(|old| old == *bytes) {
            continue;
        }
        let folder = path.parent().unwrap_or(dir);
        make_folder(folder)?;
        if path.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, format!("{} is a folder, and a file is to be there", path.display())));
        }
        let mut temporary = tempfile::Builder::new().prefix(".peleec-").tempfile_in(folder)?;
        temporary.write_all(bytes)?;
        make_readable(temporary.path())?;
        ready.push((temporary, path));
    }
    for (temporary, path) in ready {
        temporary.persist(path).map_err(|error| error.error)?;
    }
    Ok(())
}

/// Makes a folder, and says which file is in the way.
fn make_folder(folder: &Path) -> io::Result<()> {
    match folder.ancestors().find(|path| path.is_file()) {
        Some(file) => {
            Err(io::Error::new(io::ErrorKind::NotADirectory, format!("{} is a file, and a folder is to be there", file.display())))
        }
        None => std::fs::create_dir_all(folder),
    }
}

/// The runtime as a crate of its own in the folder `peleec-runtime`, for builds without a registry.
pub fn runtime() -> Vec<File> {
    use peleec_runtime::source::{FILES, MANIFEST};
    let all = FILES.iter().chain(&[("Cargo.toml", MANIFEST)]);
    all.map(|(name, text)| File { name: format!("peleec-runtime/{name}"), bytes: text.as_bytes().to_vec() }).collect()
}

/// Whether `dir` holds exactly these bytes under these names; the first file that differs otherwise.
pub fn differing(dir: &Path, files: &[File]) -> Option<PathBuf> {
    let differs = |file: &&File| std::fs::read(dir.join(&file.name)).ok().as_deref() != Some(&file.bytes[..]);
    files.iter().find(differs).map(|file| dir.join(&file.name))
}

/// A temporary file is private to its owner; a generated file is not.
#[cfg(unix)]
fn make_readable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &Path) -> io::Result<()> {
    Ok(())
}
