//! Runs a built program on its machine and reads back what it computed.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::HarnessError;
use super::machine::{Board, Seat};
use super::project::Project;
use crate::{Shape, Tensor};

/// How often a running program is looked at.
const PATIENCE: Duration = Duration::from_millis(5);

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
        let values = input.as_f32().ok_or_else(|| HarnessError::Data(format!("input {index} is not f32")))?;
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let path = folder.join(format!("input_{index}.bin"));
        fs::write(&path, bytes).map_err(|error| HarnessError::io(&path, error))?;
    }
    let start = Instant::now();
    let printed = finish(command, &folder, limit)?;
    let wall = start.elapsed();
    let outputs = project.outputs.iter().enumerate();
    let outputs = outputs.map(|(index, (_, shape))| read(&folder.join(format!("output_{index}.bin")), shape)).collect::<Result<_, _>>()?;
    let stated = printed.lines().find_map(|line| u32::from_str_radix(line.strip_prefix("checksum ")?, 16).ok());
    let missing = || HarnessError::Failed { status: "no checksum".to_owned(), text: printed.clone() };
    Ok((Run { outputs, checksum: stated.ok_or_else(missing)?, wall }, printed))
}

/// The checksum over all outputs of a model, as the programs on every machine compute it.
pub fn checksum(outputs: &[Tensor]) -> u32 {
    outputs.iter().filter_map(Tensor::as_f32).fold(0, peleec_runtime::checksum)
}

/// How QEMU is told to be a board that ends with its program.
pub(crate) fn board_arguments(board: &Board) -> Vec<&'static str> {
    let mut arguments = vec!["-M", board.name];
    // Such a board has a network adapter, whose own firmware may not be installed.
    arguments.extend(board.cpu.iter().flat_map(|cpu| ["-cpu", cpu, "-nic", "none"]));
    arguments.extend("-display none -monitor none -serial none -semihosting-config enable=on,target=native".split(' '));
    arguments
}

/// The emulator that has the board.
pub(crate) fn emulator(board: &Board) -> &'static str {
    if board.cpu.is_some() { "qemu-system-aarch64" } else { "qemu-system-arm" }
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
            let mut command = Command::new(emulator(&board));
            command.args(board_arguments(&board)).args(options).arg("-kernel").arg(program);
            command
        }
    }
}

/// Runs a command to its end in `folder` and gives what it printed.
fn finish(mut command: Command, folder: &Path, limit: Duration) -> Result<String, HarnessError> {
    let log = folder.join("printed.txt");
    let io = |error| HarnessError::io(&log, error);
    let file = File::create(&log).map_err(io)?;
    command.current_dir(folder).stdin(Stdio::null()).stdout(file.try_clone().map_err(io)?).stderr(file);
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command.spawn().map_err(|error| not_started(&name, error))?;
    let status = wait(&mut child, limit).map_err(io)?.ok_or(HarnessError::TimedOut(limit))?;
    let printed = fs::read_to_string(&log).map_err(io)?;
    match status.code() {
        Some(0) => Ok(printed),
        _ => Err(HarnessError::Failed { status: meaning(status), text: printed }),
    }
}

/// Waits for the end; kills the program where that takes too long.
fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(PATIENCE);
    }
}

pub(crate) fn not_started(program: &str, error: std::io::Error) -> HarnessError {
    if error.kind() != std::io::ErrorKind::NotFound {
        return HarnessError::io(Path::new(program), error);
    }
    let (debian, mac) = match program {
        "qemu-aarch64" => ("apt-get install qemu-user", "brew install qemu"),
        qemu if qemu.starts_with("qemu-") => ("apt-get install qemu-system-arm", "brew install qemu"),
        _ => ("apt-get install gcc", "xcode-select --install"),
    };
    let remedy = if cfg!(target_os = "macos") { mac.to_owned() } else { debian.to_owned() };
    HarnessError::Missing { what: format!("{program} is not installed"), remedy }
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

fn read(path: &Path, shape: &Shape) -> Result<Tensor, HarnessError> {
    let bytes = fs::read(path).map_err(|error| HarnessError::io(path, error))?;
    let values: Vec<f32> = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let wrong = || HarnessError::Data(format!("{} does not hold {} values", path.display(), shape.elements()));
    Tensor::f32(shape.clone(), values).ok_or_else(wrong)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        finish(command, folder.path(), limit).map_err(|error| error.to_string())
    }

    #[test]
    fn a_program_that_does_not_end_is_stopped() {
        let start = Instant::now();
        let outcome = shell("exec sleep 60", Duration::from_millis(50));
        assert_eq!(outcome, Err("the program was stopped after 0 s".to_owned()));
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_program_that_fails_says_why() {
        let limit = Duration::from_secs(60);
        assert_eq!(shell("echo all; echo well >&2", limit), Ok("all\nwell\n".to_owned()));
        assert_eq!(shell("exit 99", limit), Err("the program failed (the core took an exception): ".to_owned()));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = finish(Command::new("qemu-that-is-nowhere"), folder.path(), Duration::from_secs(1)).unwrap_err();
        assert!(error.is_missing() && error.to_string().starts_with("qemu-that-is-nowhere is not installed: "), "{error}");
    }
}
