//! Counts the instructions that a measured program executes under QEMU, with a plugin that the system's C compiler builds.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::error::HarnessError;
use super::network::{CALLER, REGION};
use super::process::finish;
use super::project::Project;
use super::run::{Run, command, start};
use crate::Tensor;

/// Exact numbers of instructions, the same in every run of one program.
#[derive(Clone, Debug)]
pub struct Counts {
    /// One inference.
    pub run: u64,
    /// Each layer.
    pub layers: Vec<u64>,
    /// What the layers computed, called one by one.
    pub result: Run,
}

/// Runs a measured program on `inputs` and counts.
pub fn count(project: &Project, program: &Path, inputs: &[Tensor], limit: Duration) -> Result<Counts, HarnessError> {
    build_plugin(&project.folder)?;
    // Names as seen from the folder where the program runs: a comma in a path would end the option.
    let option = format!("../count.so,region={REGION},caller={CALLER},out=counts.txt");
    let result = start(project, command(project, program, &["-plugin", &option]), inputs, limit).map_err(without_plugins)?;
    let path = project.run_folder().join("counts.txt");
    let text = fs::read_to_string(&path).map_err(|error| HarnessError::io(&path, error))?;
    let (run, layers) = parse(&text)
        .filter(|(_, layers)| layers.len() == project.layers)
        .ok_or_else(|| HarnessError::Image(format!("has {} layers, and {} calls were counted", project.layers, text.lines().count())))?;
    Ok(Counts { run, layers, result: result.0 })
}

fn build_plugin(folder: &Path) -> Result<(), HarnessError> {
    let source = folder.join("count.c");
    fs::write(&source, include_str!("count.c")).map_err(|error| HarnessError::io(&source, error))?;
    let mut cc = Command::new("cc");
    cc.args(["-O2", "-shared", "-fPIC", "-o", "count.so", "count.c"]).current_dir(folder);
    let (status, printed) = finish(cc, &folder.join("cc.txt"), None)?;
    let remedy = "QEMU's plugins need a C compiler that links shared libraries: apt-get install build-essential".to_owned();
    let refused = || HarnessError::Computer { what: "cc does not build the plugin that counts".to_owned(), remedy, log: printed };
    status.success().then_some(()).ok_or_else(refused)
}

/// The whole network comes first, then its layers.
fn parse(text: &str) -> Option<(u64, Vec<u64>)> {
    let counts = text.lines().map(|line| line.split(' ').next()?.parse().ok()).collect::<Option<Vec<u64>>>()?;
    counts.split_first().map(|(&run, layers)| (run, layers.to_vec()))
}

/// A QEMU that refuses the plugin, or knows of none, says so and ends.
fn without_plugins(error: HarnessError) -> HarnessError {
    match error {
        HarnessError::Failed { text, .. } if text.contains("plugin") => {
            HarnessError::Missing { what: text.trim_end().to_owned(), remedy: "install a QEMU that is built with plugins".to_owned() }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_count_is_the_whole_network() {
        assert_eq!(parse("30 peleec_region_run\n10 peleec_region_0\n19 peleec_region_1\n"), Some((30, vec![10, 19])));
        assert_eq!(parse(""), None);
        assert_eq!(parse("many peleec_region_run\n"), None);
    }
}
