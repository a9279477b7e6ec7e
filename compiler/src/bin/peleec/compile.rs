//! `compile`: a model to the files of a module.

use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use peleec::{Compilation, File, ModelFile, Options, Report, compile_observed, files, pass_names};
use serde_json::{Value, json};

use crate::failure::{Answer, Failure};
use crate::model::ModelArgs;
use crate::numbers::{bytes, dims, macs};
use crate::output::Output;

mod check;

/// Compile a model to NAME.rs, NAME.weights.bin and NAME.plan.json
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Folder of the files; all of them are written, or none
    #[arg(short, long, value_name = "DIR", required_unless_present = "dump_after")]
    out: Option<PathBuf>,
    /// Write nothing; fail where DIR does not hold what its files' own flags ask for
    #[arg(long, requires = "out")]
    check: bool,
    /// Write the runtime's source beside the module, in `peleec-runtime/`
    #[arg(long)]
    vendor_runtime: bool,
    /// Print the graph after a pass
    #[arg(long, value_name = "PASS", value_parser = PossibleValuesParser::new(pass_names()), hide_short_help = true)]
    dump_after: Option<String>,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<Answer, Failure> {
    let model = args.model.load()?;
    if let (Some(dir), true) = (&args.out, args.check) {
        return check::run(args, &model, dir, output);
    }
    let (compilation, dump) = compile(args, &model, args.model.options(), output)?;
    let all = files(args, &compilation)?;
    if let Some(dir) = &args.out {
        compilation.claim(dir)?;
        write(dir, &all)?;
        output.say(summary(&compilation.report(), dir));
    }
    output.document_of(|| document(&compilation, &all, dump));
    Ok(Answer::Yes)
}

fn document(compilation: &Compilation, all: &[File], dump: Option<String>) -> Value {
    let names: Vec<_> = all.iter().map(|file| &file.name).collect();
    json!({ "files": names, "differing": null, "graph": dump, "notes": compilation.notes(), "report": compilation.report() })
}

/// Compiles, and says what there is to say on the way; the graph after the pass that it is asked for.
fn compile(args: &Args, model: &ModelFile, options: &Options, output: &Output) -> Result<(Compilation, Option<String>), Failure> {
    let mut dump = None;
    let observe = |name: &'static str, graph: &peleec::Graph| {
        if args.dump_after.as_deref() == Some(name) {
            dump = Some(graph.to_string());
        }
    };
    let compilation = compile_observed(model, options, observe)?;
    output.advice(compilation.notes(), output.verbose);
    if let Some(text) = &dump {
        output.say_lines(text.trim_end());
    }
    Ok((compilation, dump))
}

/// What there is to write.
fn files(args: &Args, compilation: &Compilation) -> Result<Vec<File>, Failure> {
    let mut all = compilation.files()?;
    if args.vendor_runtime {
        all.extend(files::runtime());
    }
    Ok(all)
}

/// Writes all files or none.
fn write(dir: &Path, all: &[File]) -> Result<(), peleec::Error> {
    files::write(dir, all).map_err(|source| peleec::Error::Io { path: dir.display().to_string(), source })
}

/// The name of a file that is to be written.
pub(crate) fn file_name(path: &Path) -> Result<String, Failure> {
    let unusable = |why: &str| Failure::Usage(format!("{} {why}", path.display()));
    let name = path.file_name().ok_or_else(|| unusable("names no file"))?;
    name.to_str().map(str::to_owned).ok_or_else(|| unusable("is no text (UTF-8), as the name of a file that is written has to be"))
}

/// Writes one file.
pub(crate) fn write_file(path: &Path, bytes: Vec<u8>) -> Result<(), Failure> {
    let file = File { name: file_name(path)?, bytes };
    let dir = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    Ok(write(dir, &[file])?)
}

fn summary(report: &Report, dir: &Path) -> String {
    let inputs: Vec<_> = report.inputs.iter().map(|input| dims(&input.shape)).collect();
    format!(
        "{} {} -> {}/  {} layers (from {} nodes)  RAM {}  flash {} weights  {}{}",
        report.name,
        inputs.join(" and "),
        dir.display().to_string().trim_end_matches('/'),
        report.layers.len(),
        report.nodes,
        ram(report),
        bytes(report.weight_bytes),
        macs(report.macs),
        in_floats(report),
    )
}

/// What of a quantised network is left to floats.
fn in_floats(report: &Report) -> String {
    let each: Vec<_> = report.in_floats.iter().map(|(op, count)| format!("{count} {op}")).collect();
    if each.is_empty() { String::new() } else { format!("  over floats {}", each.join(", ")) }
}

/// What the arena takes, how often it makes weights be read, and what would be the least; what the caller's inputs take.
fn ram(report: &Report) -> String {
    let mut text = format!("{} arena", bytes(report.arena_bytes));
    let reads = report.weight_reads.factor;
    if (100.0 * reads).round() > 105.0 {
        text += &format!(" at {} weight reads", times(reads));
        if let Some(factor) = report.instructions_factor {
            text += &format!(" and some {} instructions", times(factor));
        }
    }
    let least = report.least;
    if least.arena_bytes < report.arena_bytes {
        text += &format!(" ({} with --ram-budget min, at {} weight reads)", bytes(least.arena_bytes), times(least.read_factor));
    }
    if report.pinned_bytes > 0 {
        text += &format!(" + {} copies of weights", bytes(report.pinned_bytes));
    }
    if report.detector_bytes > 0 {
        text += &format!(" + {} detections", bytes(report.detector_bytes));
    }
    let arrays = report.inputs.iter().filter(|input| !input.by_rows);
    let arrays: usize = arrays.map(|input| input.ty().bytes()).sum();
    if arrays > 0 {
        text += &format!(" + {} input", bytes(arrays));
    }
    text
}

/// `1.04x`, `5.0x`.
pub(crate) fn times(factor: f64) -> String {
    if factor < 1.995 { format!("{factor:.2}x") } else { format!("{factor:.1}x") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_have_as_many_digits_as_tell_them_apart() {
        for (factor, wanted) in [(1.0, "1.00x"), (1.049, "1.05x"), (1.9949, "1.99x"), (1.995, "2.0x"), (12.34, "12.3x"), (0.0, "0.00x")] {
            assert_eq!(times(factor), wanted);
        }
    }

    #[test]
    fn a_file_is_written_under_its_very_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/図 \n.svg");
        write_file(&path, b"picture".to_vec()).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"picture");
        for path in ["", ".", "..", "/", "a/.."] {
            assert!(matches!(write_file(Path::new(path), Vec::new()), Err(Failure::Usage(_))), "{path:?}");
        }
    }

    /// It would be another name, which the next such file would have as well.
    #[cfg(unix)]
    #[test]
    fn a_name_that_is_no_text_is_refused() {
        use std::os::unix::ffi::OsStrExt;
        let folder = tempfile::tempdir().unwrap();
        let odd = std::ffi::OsStr::from_bytes(b"a\xff");
        let refused = write_file(&folder.path().join(odd).with_extension("png"), Vec::new()).unwrap_err();
        assert!(refused.exit_code() == 2 && refused.text().contains("is no text"), "{}", refused.text());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        // The folder's name is as it is.
        write_file(&folder.path().join(odd).join("b"), Vec::new()).unwrap();
        assert!(folder.path().join(odd).join("b").is_file());
    }
}
