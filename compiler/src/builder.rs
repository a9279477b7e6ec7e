//! The face for build scripts.

use std::path::{Path, PathBuf};

use crate::emit::files;
use crate::model_file::ModelFile;
use crate::options::Options;
use crate::{Compilation, Error, Target, compile};

/// Compiles one model in a build script, with a method for every option.
///
/// The target follows the build's own by default. On errors, `emit` prints a `cargo::error` line each and returns them.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    model: PathBuf,
    out_dir: Option<PathBuf>,
    pub(crate) options: Options,
}

impl Builder {
    /// Nothing chosen yet but the target of the present cargo build, if there is one.
    pub fn new() -> Self {
        let variable = |name| std::env::var(name).unwrap_or_default();
        let target = Target::from_cargo(&variable("CARGO_CFG_TARGET_ARCH"), &variable("CARGO_CFG_TARGET_FEATURE"));
        Builder { options: Options { target, ..Options::default() }, ..Builder::default() }
    }

    /// The ONNX file.
    #[must_use]
    pub fn model(mut self, path: impl Into<PathBuf>) -> Self {
        self.model = path.into();
        self
    }

    /// The folder of the generated files; cargo's `OUT_DIR` by default.
    #[must_use]
    pub fn out_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.out_dir = Some(path.into());
        self
    }

    /// Reads and compiles the model without writing anything.
    pub fn compile(&self) -> Result<Compilation, Error> {
        compile(&ModelFile::read(&self.model)?, &self.options)
    }

    /// Compiles the model and writes its files, all or none; tells cargo when to run again.
    pub fn emit(self) -> Result<(), Error> {
        println!("cargo::rerun-if-changed={}", self.model.display());
        let result = self.compile().and_then(|compilation| {
            let out_dir = self.out_dir.clone().or_else(|| std::env::var_os("OUT_DIR").map(PathBuf::from));
            let out_dir = out_dir.ok_or_else(|| Error::Data("neither `out_dir` nor cargo's OUT_DIR is set".to_owned()))?;
            compilation.write(&out_dir)
        });
        if let Err(error) = &result {
            for line in error.to_string().lines() {
                println!("cargo::error={line}");
            }
        }
        result
    }
}

impl Compilation {
    /// Writes the files into `dir`, all or none; a file that already has its bytes is left alone.
    pub fn write(&self, dir: &Path) -> Result<(), Error> {
        files::write(dir, &self.files()?).map_err(|source| Error::io(dir, source))
    }

    /// The first of the files that `dir` holds otherwise, or not at all.
    pub fn differing(&self, dir: &Path) -> Result<Option<PathBuf>, Error> {
        Ok(files::differing(dir, &self.files()?))
    }
}
