//! `compile --check`: whether a folder holds what its files say that it holds, and if not, why.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use peleec::{Head, ModelFile, Options, files};
use serde_json::json;

use super::{Args, summary};
use crate::failure::{Answer, Failure};
use crate::output::Output;

/// Why files are not what they should be.
struct Difference {
    /// One word, for programs.
    why: &'static str,
    path: PathBuf,
    text: String,
}

pub(super) fn run(args: &Args, model: &ModelFile, dir: &Path, output: &Output) -> Result<Answer, Failure> {
    let name = name(args, model, dir)?;
    let path = dir.join(format!("{name}.rs"));
    let head = head(&path);
    let written = head.as_ref().and_then(|head| Options::from_flags(&head.flags).ok());
    let asked = args.model.given_over(written.as_ref().unwrap_or(args.model.options()))?;
    let early = head.as_ref().and_then(|head| before(&path, head, model, written.as_ref(), &asked));
    let (difference, mut body) = match early {
        Some(difference) => (Some(difference), json!({})),
        None => {
            let (compilation, dump) = super::compile(args, model, &asked, output)?;
            let all = super::files(args, &compilation)?;
            let difference = files::differing(dir, &all).map(|path| after(path, head.as_ref(), &compilation.head()));
            if difference.is_none() {
                output.say(summary(&compilation.report(), dir));
            }
            (difference, super::document(&compilation, &all, dump))
        }
    };
    if let Some(Difference { path, text, .. }) = &difference {
        output.say(format_args!("{}: {text}", path.display()));
    }
    body["differing"] = json!(difference.as_ref().map(|found| found.path.display().to_string()));
    body["why"] = json!(difference.as_ref().map(|found| found.why));
    output.document(body);
    Ok(Answer::from(difference.is_none()))
}

/// The name of the module that is meant: as given, or of the one module in `dir` that was made from this model.
fn name(args: &Args, model: &ModelFile, dir: &Path) -> Result<String, Failure> {
    let own = args.model.options().name.clone().unwrap_or_else(|| model.module_name());
    if args.model.options().name.is_some() || dir.join(format!("{own}.rs")).exists() {
        return Ok(own);
    }
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let modules: BTreeMap<_, _> = entries.filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), head(&path)?))).collect();
    let hash = model.hash();
    let names: Vec<_> = modules.iter().filter(|(_, head)| head.model_sha256 == hash).map(|(name, _)| name).collect();
    match names[..] {
        [] => Ok(own),
        [name] => Ok(name.clone()),
        [..] => {
            let names: Vec<_> = names.into_iter().map(String::as_str).collect();
            let text = format!("{} holds several modules of this model: say which with --name: {}", dir.display(), names.join(", "));
            Err(Failure::Usage(text))
        }
    }
}

fn head(path: &Path) -> Option<Head> {
    Head::parse(&std::fs::read_to_string(path).ok()?)
}

/// What the head tells before anything is compiled.
fn before(path: &Path, head: &Head, model: &ModelFile, written: Option<&Options>, asked: &Options) -> Option<Difference> {
    let difference = |why, text| Some(Difference { why, path: path.to_owned(), text });
    let version = env!("CARGO_PKG_VERSION");
    if head.version != version {
        return difference("version", format!("another peleec: made by {}, and this is {version}; compile again", head.version));
    }
    let hash = model.hash();
    if head.model_sha256 != hash {
        return difference("model", format!("another model: made from sha256 {}, and this is {hash}; compile again", head.model_sha256));
    }
    match written {
        Some(written) if written != asked => difference("options", options(head, asked)),
        _ => None,
    }
}

fn options(head: &Head, asked: &Options) -> String {
    let shown = |flags: &str| if flags.is_empty() { "no flags".to_owned() } else { format!("`{flags}`") };
    format!("other options: made with {}, and asked for is {}", shown(&head.flags), shown(&asked.flags()))
}

/// Why a file is not what the same version writes for the same model and options.
fn after(path: PathBuf, head: Option<&Head>, own: &Head) -> Difference {
    let (why, text) = match head {
        _ if !path.exists() => ("missing", "it is not there; compile without --check".to_owned()),
        Some(head) if !own.has_bytes_of(head) => {
            ("model", "another model: the files in which it keeps weights have changed; compile again".to_owned())
        }
        _ => ("edited", "edited by hand: it is not what peleec writes; edit the model, and compile again".to_owned()),
    };
    Difference { why, path, text }
}
