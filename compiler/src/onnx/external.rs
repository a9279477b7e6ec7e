//! Elements that a model keeps in another file: only with leave, only from a plain file beside the model or in a folder below.
//!
//! A model names the file, so the name is hostile until proven plain: no way out of the folder, no link, nothing but the bytes
//! asked for.

use std::fs::{self, File, Metadata};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use thiserror::Error;

use super::wire::StringStringEntryProto;

/// Why elements stored outside of the model file cannot be read.
#[derive(Debug, Error)]
pub(crate) enum ExternalError {
    #[error("its elements are stored in another file, `{0}`")]
    NotAllowed(String),
    #[error("the model was not read from a file, so `{0}` has no folder")]
    NoFolder(String),
    #[error("external data has the key `{0}`")]
    Key(String),
    #[error("external data names no file")]
    NoLocation,
    #[error("`{0}` is not a plain file in the model's folder or below it")]
    Name(String),
    #[error("`{0}` is not a regular file with one name (a link, or behind one?)")]
    Link(String),
    #[error("external data has the {0} `{1}`")]
    Number(&'static str, String),
    #[error("`{name}` has {found} bytes where offset and length ask for {needed}")]
    TooShort { name: String, found: u64, needed: u128 },
    #[error("external data has length {found} where the tensor needs {needed} bytes")]
    Length { found: u64, needed: u64 },
    #[error("`{name}` cannot be read: {source}")]
    Io { name: String, source: std::io::Error },
}

impl ExternalError {
    /// Whether the model may be fine and peleec only refuses to follow it.
    pub(crate) fn is_unsupported(&self) -> bool {
        matches!(self, ExternalError::NotAllowed(_) | ExternalError::NoFolder(_) | ExternalError::Link(_))
    }

    pub(crate) fn help(&self) -> Option<&'static str> {
        match self {
            ExternalError::NotAllowed(_) => Some("--allow-external, if you trust the model; or save it as one file"),
            ExternalError::NoFolder(_) => Some("give the model as a path"),
            ExternalError::Link(_) => Some("a cache of links? copy the files themselves: cp -L CACHE/* FOLDER/"),
            ExternalError::Name(_) => Some("put the data file beside the model, or in a folder below, and save the model again"),
            _ => None,
        }
    }
}

/// Reads exactly `needed` bytes as `entries` direct, from a file in `folder`. Allocates after every length has been compared.
pub(crate) fn read(
    entries: &[StringStringEntryProto],
    folder: Option<&Path>,
    allowed: bool,
    needed: usize,
) -> Result<Vec<u8>, ExternalError> {
    let place = Place::parse(entries)?;
    if !allowed {
        return Err(ExternalError::NotAllowed(place.name));
    }
    let Some(folder) = folder else { return Err(ExternalError::NoFolder(place.name)) };
    place.check_length(needed as u64)?;
    let io = |source| ExternalError::Io { name: place.name.clone(), source };
    let mut file = open_plain(folder, &place.name)?;
    let (found, end) = (file.metadata().map_err(io)?.len(), u128::from(place.offset) + needed as u128);
    if u128::from(found) < end {
        return Err(ExternalError::TooShort { name: place.name, found, needed: end });
    }
    file.seek(SeekFrom::Start(place.offset)).map_err(io)?;
    let mut bytes = vec![0; needed];
    file.read_exact(&mut bytes).map_err(io)?;
    Ok(bytes)
}

/// Where the bytes are: a checked file name, and offset and length as stated.
#[derive(Debug, PartialEq)]
struct Place {
    name: String,
    offset: u64,
    length: Option<u64>,
}

impl Place {
    fn parse(entries: &[StringStringEntryProto]) -> Result<Self, ExternalError> {
        let (mut location, mut offset, mut length) = (None, 0, None);
        for entry in entries {
            let value = entry.value.clone().unwrap_or_default();
            match entry.key.as_deref().unwrap_or_default() {
                "location" => location = Some(value),
                "offset" => offset = number("offset", value)?,
                "length" => length = Some(number("length", value)?),
                "checksum" => {}
                other => return Err(ExternalError::Key(other.to_owned())),
            }
        }
        let name = location.ok_or(ExternalError::NoLocation)?;
        if is_plain_path(&name) { Ok(Place { name, offset, length }) } else { Err(ExternalError::Name(name)) }
    }

    fn check_length(&self, needed: u64) -> Result<(), ExternalError> {
        match self.length {
            Some(found) if found != needed => Err(ExternalError::Length { found, needed }),
            _ => Ok(()),
        }
    }
}

fn number(key: &'static str, value: String) -> Result<u64, ExternalError> {
    value.parse().map_err(|_| ExternalError::Number(key, value))
}

/// Folders and a file name, each of which every system reads alike; `./` may stand in front.
fn is_plain_path(path: &str) -> bool {
    path.len() <= 4096 && parts(path).all(is_plain_name) && parts(path).next().is_some()
}

/// The folders and the file name of a path.
fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix("./").unwrap_or(path).split('/')
}

/// One path component and nothing that any system reads otherwise: no separator, drive, stream, NUL, `.` or `..`.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 255 && !matches!(name, "." | "..") && !name.contains(['/', '\\', ':', '\0'])
}

/// Opens the file `name` of `folder` if it and all folders on the way are no links, it is a regular file with a single name, and
/// still the same file once open.
fn open_plain(folder: &Path, name: &str) -> Result<File, ExternalError> {
    let io = |source| ExternalError::Io { name: name.to_owned(), source };
    let mut path = folder.to_owned();
    let mut parts = parts(name).peekable();
    while let Some(part) = parts.next() {
        path.push(part);
        if parts.peek().is_some() && !fs::symlink_metadata(&path).map_err(io)?.is_dir() {
            return Err(ExternalError::Link(name.to_owned()));
        }
    }
    let before = fs::symlink_metadata(&path).map_err(io)?;
    if !before.is_file() || !has_one_name(&before) {
        return Err(ExternalError::Link(name.to_owned()));
    }
    let file = File::open(&path).map_err(io)?;
    let after = file.metadata().map_err(io)?;
    if !after.is_file() || !is_same_file(&before, &after) {
        return Err(ExternalError::Link(name.to_owned()));
    }
    Ok(file)
}

#[cfg(unix)]
fn has_one_name(metadata: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(metadata) == 1
}

#[cfg(unix)]
fn is_same_file(before: &Metadata, after: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (before.dev(), before.ino(), after.nlink()) == (after.dev(), after.ino(), 1)
}

#[cfg(not(unix))]
fn has_one_name(_: &Metadata) -> bool {
    true
}

#[cfg(not(unix))]
fn is_same_file(before: &Metadata, after: &Metadata) -> bool {
    before.len() == after.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(pairs: &[(&str, &str)]) -> Vec<StringStringEntryProto> {
        let entry = |&(key, value): &(&str, &str)| StringStringEntryProto { key: Some(key.into()), value: Some(value.into()) };
        pairs.iter().map(entry).collect()
    }

    #[test]
    fn reads_the_stated_bytes_only_with_leave() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("w.bin"), [1, 2, 3, 4, 5, 6]).unwrap();
        let place = entries(&[("location", "w.bin"), ("offset", "2"), ("length", "3")]);
        assert_eq!(read(&place, Some(folder.path()), true, 3).unwrap(), [3, 4, 5]);
        assert!(matches!(read(&place, Some(folder.path()), false, 3), Err(ExternalError::NotAllowed(_))));
        assert!(matches!(read(&place, None, true, 3), Err(ExternalError::NoFolder(_))));
        assert!(matches!(read(&place, Some(folder.path()), true, 4), Err(ExternalError::Length { found: 3, needed: 4 })));
        let open_ended = entries(&[("location", "w.bin"), ("offset", "2")]);
        assert!(matches!(read(&open_ended, Some(folder.path()), true, 5), Err(ExternalError::TooShort { .. })));
        let wrapping = entries(&[("location", "w.bin"), ("offset", "18446744073709551615")]);
        assert!(matches!(read(&wrapping, Some(folder.path()), true, 5), Err(ExternalError::TooShort { .. })));
    }

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        let out = [
            "",
            ".",
            "..",
            "../w",
            "/etc/passwd",
            "a\\w",
            "C:w",
            "w\0",
            "sub/../../w",
            "sub/../w",
            "./",
            "./../w",
            "././w",
            ".//w",
            "a//w",
            "a/",
            "a/.",
        ];
        for name in out {
            assert!(matches!(Place::parse(&entries(&[("location", name)])), Err(ExternalError::Name(_))), "{name:?}");
        }
        assert!(matches!(Place::parse(&entries(&[("location", "w"), ("basepath", "/")])), Err(ExternalError::Key(_))));
        assert!(matches!(Place::parse(&entries(&[("location", "w"), ("offset", "-1")])), Err(ExternalError::Number(..))));
        assert!(matches!(Place::parse(&[]), Err(ExternalError::NoLocation)));
    }

    #[test]
    fn the_folder_and_what_is_below_is_inside() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("weights/deep")).unwrap();
        for name in ["w.bin", "weights/w.bin", "weights/deep/w.bin"] {
            fs::write(folder.path().join(name), name).unwrap();
            for written in [name.to_owned(), format!("./{name}")] {
                let read = read(&entries(&[("location", &written)]), Some(folder.path()), true, name.len());
                assert_eq!(read.unwrap(), name.as_bytes(), "{written}");
            }
        }
        assert!(read(&entries(&[("location", "w.bin/w")]), Some(folder.path()), true, 1).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_is_a_link_leads_nowhere() {
        let [folder, other] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        fs::write(other.path().join("w"), [0; 4]).unwrap();
        std::os::unix::fs::symlink(other.path(), folder.path().join("out")).unwrap();
        let linked = read(&entries(&[("location", "out/w")]), Some(folder.path()), true, 4);
        assert!(matches!(linked, Err(ExternalError::Link(_))));
    }

    #[cfg(unix)]
    #[test]
    fn links_of_both_kinds_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("real");
        fs::write(&real, [0; 4]).unwrap();
        std::os::unix::fs::symlink(&real, folder.path().join("soft")).unwrap();
        let soft = read(&entries(&[("location", "soft")]), Some(folder.path()), true, 4).unwrap_err();
        assert!(soft.help().unwrap().contains("cp -L"), "{soft}");
        fs::hard_link(&real, folder.path().join("hard")).unwrap();
        let hard = read(&entries(&[("location", "hard")]), Some(folder.path()), true, 4);
        assert!(matches!(hard, Err(ExternalError::Link(_))));
    }
}
