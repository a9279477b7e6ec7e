//! The face for build scripts.

use std::path::{Path, PathBuf};

use crate::model_file::ModelFile;
use crate::options::Options;
use crate::options::words::as_methods;
use crate::{Compilation, Diagnostic, Error, Severity, Target, compile, render};

/// Compiles one model in a build script, with a method for every option.
///
/// The target follows the build's own by default. Cargo shows warnings as those of the package, and an error that the script's `main`
/// returns. Build scripts are built without optimisation by default, and compile a model ten times as fast with this in `Cargo.toml`:
///
/// ```toml
/// [profile.dev.build-override]
/// opt-level = 3
/// [profile.release.build-override]
/// opt-level = 3
/// ```
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
        let (arch, features) = (variable("CARGO_CFG_TARGET_ARCH"), variable("CARGO_CFG_TARGET_FEATURE"));
        let target = Target::from_cargo(&arch, &variable("TARGET"), &features, &variable("CARGO_ENCODED_RUSTFLAGS"));
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
        if self.model.as_os_str().is_empty() {
            return Err(Error::Data("there is no model: call `.model(PATH)` with the path of an ONNX file".to_owned()));
        }
        ModelFile::read(&self.model).and_then(|model| compile(&model, &self.options)).map_err(in_methods)
    }

    /// Compiles the model and writes its files, all or none; tells cargo of warnings, and of every file that it is to watch.
    pub fn emit(self) -> Result<(), Error> {
        watch(&self.model);
        let compilation = self.compile()?;
        compilation.files_read().iter().skip(1).for_each(|path| watch(path));
        compilation.notes().iter().filter(|note| note.severity == Severity::Warning).for_each(warn);
        let out_dir = self.out_dir.or_else(|| std::env::var_os("OUT_DIR").map(PathBuf::from));
        let out_dir = out_dir.ok_or_else(|| Error::Data("neither `.out_dir(PATH)` nor cargo's OUT_DIR is set".to_owned()))?;
        compilation.write(&out_dir).map_err(in_methods)
    }
}

/// Tells cargo to run the script again when the file changes. A name of several lines would be several things told.
fn watch(path: &Path) {
    if let Some(path) = path.to_str().filter(|path| !path.is_empty() && !path.contains(['\n', '\r'])) {
        println!("cargo::rerun-if-changed={path}");
    }
}

fn warn(warning: &Diagnostic) {
    for line in render::block(&diagnostic(warning.clone()), &render::plain).lines() {
        println!("cargo::warning={line}");
    }
}

/// The error in words of this face.
fn in_methods(error: Error) -> Error {
    match error {
        Error::Model(mut problems) => {
            problems.0 = problems.0.into_iter().map(diagnostic).collect();
            Error::Model(problems)
        }
        Error::Option(mut error) => {
            error.flag = as_methods(&format!("{} {}", error.flag, error.value));
            error.value.clear();
            error.why = as_methods(&error.why);
            Error::Option(error)
        }
        Error::Budget { budget, least, alive, way } => Error::Budget { budget, least, alive, way: as_methods(&way) },
        Error::Taken { path, model, way } => Error::Taken { path, model, way: as_methods(&way) },
        other => other,
    }
}

fn diagnostic(mut diagnostic: Diagnostic) -> Diagnostic {
    diagnostic.title = as_methods(&diagnostic.title);
    for text in [&mut diagnostic.found, &mut diagnostic.supported, &mut diagnostic.help] {
        *text = text.as_deref().map(as_methods);
    }
    diagnostic
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RamBudget;
    use crate::onnx::write::ModelWriter;
    use crate::tensor::TensorType;

    /// A file of one operator that is not supported, or of one that is.
    fn file(folder: &Path, op_type: &str) -> PathBuf {
        let ty = TensorType::f32([1, 8]);
        let mut model = ModelWriter::new("g", 17);
        model.input("x", &ty).node("Relu", "r", &["x"], &["c"], &[]).node(op_type, "n", &["c"], &["y"], &[]).output("y", &ty);
        let path = folder.join("net.onnx");
        std::fs::write(&path, model.finish()).unwrap();
        path
    }

    #[test]
    fn a_module_is_written_where_it_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let (path, out) = (file(folder.path(), "Sigmoid"), folder.path().join("out"));
        Builder::new().model(&path).out_dir(&out).emit().unwrap();
        let mut names: Vec<_> = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["net.plan.json", "net.rs", "net.weights.bin"]);
        let compiled = Builder::new().model(&path).compile().unwrap();
        assert_eq!(compiled.files().unwrap()[0].bytes, std::fs::read(out.join("net.rs")).unwrap());
    }

    /// A build script has methods, and no flags.
    #[test]
    fn errors_are_in_words_of_methods() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Builder::new().compile().err().unwrap().exit_code(), 3);
        assert!(Builder::new().model(folder.path().join("gone")).compile().err().unwrap().to_string().contains("gone: "));
        let path = file(folder.path(), "Frobnicate");
        let refused = Builder::new().model(&path).compile().err().unwrap();
        let Error::Model(problems) = &refused else { panic!("{refused}") };
        let help = problems.0[0].help.as_deref().unwrap();
        assert!(!help.contains("--") && help.contains(".output"), "{help}");
        let mut small = Builder::new().model(file(folder.path(), "Sigmoid"));
        small.options.ram_budget = RamBudget::Bytes(1);
        let refused = small.compile().err().unwrap().to_string();
        assert!(refused.contains(".ram_budget(") && !refused.contains("--"), "{refused}");
    }
}
