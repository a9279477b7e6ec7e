//! Runs a built program on its machine and reads back what it computed.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use peleec_runtime::Values;

use super::error::HarnessError;
use super::machine::Seat;
use super::process;
use super::project::Project;
use crate::ir::Data;
use crate::{Tensor, TensorType};

/// What a program computed.
#[derive(Clone, Debug)]
pub struct Run {
    /// One tensor an output of the model.
    pub outputs: Vec<Tensor>,
    /// The checksum over all outputs, computed on the machine.
    pub checksum: u32,
    /// Time from start to end of the program.
    pub wall: Duration,
}

/// Runs `program` on `inputs`, at most for `limit`.
pub fn run(project: &Project, program: &Path, inputs: &[Tensor], limit: Duration) -> Result<Run, HarnessError> {
    start(project, command(project, program, &[]), inputs, limit).map(|(run, _)| run)
}

/// Runs a `program` that has no network, at most for `limit`, and gives what it printed.
pub fn print(project: &Project, program: &Path, limit: Duration) -> Result<String, HarnessError> {
    let folder = project.run_folder();
    fs::create_dir_all(&folder).map_err(|error| HarnessError::io(&folder, error))?;
    finish(command(project, program, &[]), &folder, limit)
}

/// Runs `command` on `inputs`, and gives what it printed as well.
pub(crate) fn start(project: &Project, command: Command, inputs: &[Tensor], limit: Duration) -> Result<(Run, String), HarnessError> {
    let folder = project.run_folder();
    fs::create_dir_all(&folder).map_err(|error| HarnessError::io(&folder, error))?;
    for (index, input) in inputs.iter().enumerate() {
        let path = folder.join(format!("input_{index}.bin"));
        fs::write(&path, input.as_bytes()).map_err(|error| HarnessError::io(&path, error))?;
    }
    let start = Instant::now();
    let printed = finish(command, &folder, limit)?;
    let wall = start.elapsed();
    let outputs = project.outputs.iter().enumerate();
    let outputs = outputs.map(|(index, (_, ty))| read(&folder.join(format!("output_{index}.bin")), ty)).collect::<Result<_, _>>()?;
    let stated = printed.lines().find_map(|line| u32::from_str_radix(line.strip_prefix("checksum ")?, 16).ok());
    let missing = || HarnessError::Failed { status: "no checksum".to_owned(), text: printed.clone() };
    Ok((Run { outputs, checksum: stated.ok_or_else(missing)?, wall }, printed))
}

/// The checksum over all outputs of a model, as the programs on every machine compute it.
pub fn checksum(outputs: &[Tensor]) -> u32 {
    outputs.iter().map(values).fold(0, peleec_runtime::checksum)
}

/// The elements as the runtime has them.
fn values(tensor: &Tensor) -> Values<'_> {
    match tensor.data() {
        Data::F32(elements) => (&**elements).into(),
        Data::I8(elements) => (&**elements).into(),
        Data::U8(elements) => (&**elements).into(),
        Data::I32(elements) => (&**elements).into(),
        Data::I64(elements) => (&**elements).into(),
        Data::Bool(_) => tensor.as_bytes().into(),
    }
}

/// How the program is started; an emulator gets `options` as well.
pub(crate) fn command(project: &Project, program: &Path, options: &[&str]) -> Command {
    match project.machine.seat {
        Seat::Host => Command::new(program),
        Seat::QemuUser(qemu) => {
            let mut command = Command::new(qemu);
            command.args(options).arg(program);
            command
        }
        Seat::Board(board) => {
            let mut command = Command::new(board.emulator());
            command.args(board.arguments()).args(options).arg("-kernel").arg(program);
            command
        }
    }
}

/// Runs a command in `folder`, and gives what it printed.
fn finish(mut command: Command, folder: &Path, limit: Duration) -> Result<String, HarnessError> {
    command.current_dir(folder);
    let (status, printed) = process::finish(command, &folder.join("printed.txt"), Some(limit))?;
    match status.code() {
        Some(0) => Ok(printed),
        _ => Err(HarnessError::Failed { status: meaning(status), text: printed }),
    }
}

/// An exit status in words; the numbers are those of the programs in `image/`.
fn meaning(status: ExitStatus) -> String {
    match status.code() {
        Some(2) => "it could not read its input".to_owned(),
        Some(3) => "the model refused its operands".to_owned(),
        Some(4) => "it could not write its output".to_owned(),
        Some(5) => "the layers, called one by one, compute other outputs than the network".to_owned(),
        Some(98) => "it panicked".to_owned(),
        Some(99) => "the core took an exception".to_owned(),
        _ => status.to_string(),
    }
}

fn read(path: &Path, ty: &TensorType) -> Result<Tensor, HarnessError> {
    let bytes = fs::read(path).map_err(|error| HarnessError::io(path, error))?;
    Tensor::from_le_bytes(ty, &bytes).ok_or_else(|| HarnessError::Data(format!("{} does not hold {ty}", path.display())))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_fails_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "exit 99"]);
        let outcome = finish(command, folder.path(), Duration::from_secs(60)).map_err(|error| error.to_string());
        assert_eq!(outcome, Err("the program failed (the core took an exception): ".to_owned()));
    }
}
