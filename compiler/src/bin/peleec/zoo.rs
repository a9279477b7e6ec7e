//! `zoo`: writes a network of the zoo as an ONNX file, and an input for it.

use std::path::{Path, PathBuf};

use peleec::zoo::{NETWORKS, seeded_input};
use peleec::{Error, Options, write_tensor};
use serde_json::json;

use crate::compile::{file_name, write_file};
use crate::failure::{Answer, Failure};
use crate::model::{ZooArgs, network};
use crate::numbers::{bytes, dims};
use crate::output::Output;

/// Write a network with seeded weights as an ONNX file; without a name, list the networks
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which network
    #[arg(requires = "out")]
    name: Option<String>,
    /// The file to write
    #[arg(short, long, value_name = "FILE", requires = "name")]
    out: Option<PathBuf>,
    /// Write DIR/test_data_set_0/input_0.pb with a seeded input as well
    #[arg(long, value_name = "DIR", requires = "name")]
    data: Option<PathBuf>,
    #[command(flatten)]
    zoo: ZooArgs,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<Answer, Failure> {
    match (&args.name, &args.out) {
        (Some(name), Some(path)) => write(args, name, path, output),
        _ => list(output),
    }
}

fn list(output: &Output) -> Result<Answer, Failure> {
    for (name, text) in NETWORKS {
        output.say(format_args!("{name:<15} {text}"));
    }
    let networks: Vec<_> = NETWORKS.iter().map(|(name, text)| json!({ "name": name, "text": text })).collect();
    output.document(json!({ "networks": networks }));
    Ok(Answer::Yes)
}

fn write(args: &Args, name: &str, path: &Path, output: &Output) -> Result<Answer, Failure> {
    file_name(path)?;
    let model = network(name, &args.zoo)?;
    if let Some(folder) = &args.data {
        let graph = peleec::import(&model, &Options::default()).map_err(Error::from)?.graph;
        for (index, (name, ty)) in graph.input_types().into_iter().enumerate() {
            let tensor = seeded_input(&ty, args.zoo.options().seed);
            write_file(&folder.join("test_data_set_0").join(format!("input_{index}.pb")), write_tensor(&name, &tensor))?;
            output.detail(format_args!("input {name} {} {}", ty.dtype, dims(&ty.shape)));
        }
    }
    write_file(path, model.bytes().to_vec())?;
    output.say(format_args!("{name} -> {}  {}", path.display(), bytes(model.bytes().len())));
    output.document(json!({ "file": path.display().to_string(), "bytes": model.bytes().len(), "sha256": model.hash() }));
    Ok(Answer::Yes)
}
