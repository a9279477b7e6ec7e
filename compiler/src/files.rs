//! Writing generated files: all of them or none.

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

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> File {
        File { name: name.to_owned(), bytes: text.as_bytes().to_vec() }
    }

    #[test]
    fn all_files_are_written_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("new");
        let files = [file("a.rs", "a"), file("inner/b.bin", "b")];
        assert_eq!(differing(&dir, &files), Some(dir.join("a.rs")));
        write(&dir, &files).unwrap();
        assert_eq!(differing(&dir, &files), None);
        std::fs::create_dir(dir.join("c")).unwrap();
        let refusal = write(&dir, &[file("a.rs", "another"), file("c", "c")]).unwrap_err();
        assert_eq!(refusal.kind(), io::ErrorKind::IsADirectory);
        assert_eq!(differing(&dir, &files), None);
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 3, "no temporary file is left");
        let refusal = write(&dir.join("a.rs").join("deeper"), &files).unwrap_err();
        assert_eq!(refusal.kind(), io::ErrorKind::NotADirectory);
        assert!(refusal.to_string().contains("a.rs is a file"), "{refusal}");
    }

    #[test]
    fn a_file_that_has_its_bytes_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.rs");
        write(folder.path(), &[file("a.rs", "a")]).unwrap();
        let long_ago = std::time::SystemTime::UNIX_EPOCH;
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();
        let modified = || std::fs::metadata(&path).unwrap().modified().unwrap();
        write(folder.path(), &[file("a.rs", "a")]).unwrap();
        assert_eq!(modified(), long_ago);
        write(folder.path(), &[file("a.rs", "b")]).unwrap();
        assert_ne!(modified(), long_ago);
    }
}
