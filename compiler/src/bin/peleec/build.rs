//! The build of a generated module that `verify` and `bench` run.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use peleec::harness::{self, Figures, HarnessError, Machine, OptLevel, Project};

use crate::failure::Failure;
use crate::interrupt;
use crate::output::Output;
use crate::progress::Progress;

#[derive(clap::Args)]
pub(crate) struct BuildArgs {
    /// Optimisation level of the build: 2, 3, s or z
    #[arg(long, value_name = "LEVEL", default_value = "3", value_parser = opt_level, hide_short_help = true)]
    pub(crate) opt_level: OptLevel,
    /// Keep the build in a folder, as a cargo project
    #[arg(long, value_name = "DIR")]
    build_dir: Option<PathBuf>,
    /// Longest time that one run may take
    #[arg(long, value_name = "SECONDS", default_value_t = 300, hide_short_help = true)]
    time_limit: u64,
}

impl BuildArgs {
    pub(crate) fn limit(&self) -> Duration {
        Duration::from_secs(self.time_limit)
    }
}

fn opt_level(text: &str) -> Result<OptLevel, String> {
    OptLevel::ALL.into_iter().find(|level| level.name() == text).ok_or_else(|| "the levels are 2, 3, s and z".to_owned())
}

/// A built program, in a folder that goes with it unless it is to be kept.
pub(crate) struct Built {
    pub(crate) project: Project,
    pub(crate) program: PathBuf,
    pub(crate) figures: Option<Figures>,
    folder: Option<tempfile::TempDir>,
}

impl Built {
    /// Builds the project for a machine that `write` writes into a folder.
    pub(crate) fn new(
        args: &BuildArgs,
        machine: &Machine,
        output: &Output,
        write: impl FnOnce(&Path) -> Result<Project, HarnessError>,
    ) -> Result<Self, Failure> {
        let _progress = Progress::start(output, format!("building for {}", machine.target));
        let start = Instant::now();
        let (folder, path) = match &args.build_dir {
            Some(path) => (None, path.clone()),
            None => {
                let folder = temporary()?;
                let path = folder.path().to_owned();
                (Some(folder), path)
            }
        };
        let project = write(&path)?;
        let (program, figures) = harness::build(&project)?;
        output.warn(&harness::warnings(&project));
        output.detail(format_args!("built for {} in {:.1} s", machine.describe(), start.elapsed().as_secs_f32()));
        if let Some(Figures { text, rodata, bss, model }) = figures {
            output.detail(format_args!("image: text {text}, rodata {rodata}, bss {bss}, model {model} bytes; no panic path, no allocator"));
        }
        Ok(Built { project, program, figures, folder })
    }

    /// The folder that goes with it.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_ref().map(tempfile::TempDir::path)
    }
}

/// A folder that goes when it is dropped, or when the command is interrupted.
fn temporary() -> Result<tempfile::TempDir, HarnessError> {
    let folder = tempfile::Builder::new().prefix("peleec-").tempdir().map_err(|error| HarnessError::Missing {
        what: format!("no folder can be made in {}: {}", std::env::temp_dir().display(), error.kind()),
        remedy: "set TMPDIR to a folder that can be written, or give one with --build-dir".to_owned(),
    })?;
    interrupt::clear_up(folder.path());
    Ok(folder)
}
