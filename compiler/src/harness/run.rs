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
use crate::tensor::Data;
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
pub(super) mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::harness::machine::{Machine, machine};
    use crate::{DType, Target};

    /// A project in `folder`, of a network with outputs of these types, for a machine whose programs are scripts of a shell.
    pub(crate) fn project(folder: &Path, outputs: &[TensorType]) -> Project {
        Project {
            folder: folder.to_owned(),
            machine: Machine { seat: Seat::QemuUser("sh"), ..machine(Target::Generic).unwrap() },
            keeps_promises: false,
            name: "net-generic".to_owned(),
            outputs: outputs.iter().enumerate().map(|(index, ty)| (index.to_string(), ty.clone())).collect(),
            layers: 0,
            arena_bytes: 0,
        }
    }

    /// A program.
    pub(crate) fn built(project: &Project, script: &str) -> PathBuf {
        let path = project.folder.join("program");
        fs::write(&path, script).unwrap();
        path
    }

    fn ran(outputs: &[TensorType], inputs: &[Tensor], script: &str) -> Result<Run, String> {
        let folder = tempfile::tempdir().unwrap();
        let project = project(folder.path(), outputs);
        let program = built(&project, script);
        let path = folder.path().display().to_string();
        run(&project, &program, inputs, Duration::from_secs(60)).map_err(|error| error.to_string().replace(&path, "FOLDER"))
    }

    #[test]
    fn a_program_that_fails_says_why() {
        for (code, why) in [
            (2, "it could not read its input"),
            (3, "the model refused its operands"),
            (4, "it could not write its output"),
            (5, "the layers, called one by one, compute other outputs than the network"),
            (98, "it panicked"),
            (99, "the core took an exception"),
            (1, "exit status: 1"),
        ] {
            let outcome = ran(&[], &[], &format!("echo said; exit {code}")).map(|run| run.checksum);
            assert_eq!(outcome, Err(format!("the program failed ({why}): said\n")));
        }
        let killed = ran(&[], &[], "kill -9 $$").map(|run| run.checksum).unwrap_err();
        assert!(killed.starts_with("the program failed (signal: 9"), "{killed}");
    }

    /// Inputs are there as files of their bytes, and outputs are read from such.
    #[test]
    fn bytes_go_in_and_out() {
        let inputs = [Tensor::f32([2], [1.5, -0.0]).unwrap(), Tensor::i64s([]), Tensor::i64s([-1])];
        let types = [TensorType::f32([1, 2]), TensorType::new(DType::I8, [8]), TensorType::new(DType::I32, [0])];
        let script = "cp input_0.bin output_0.bin; cp input_2.bin output_1.bin; cp input_1.bin output_2.bin; echo checksum 00c0ffee";
        let found = ran(&types, &inputs, script).unwrap();
        assert_eq!(found.checksum, 0x00c0_ffee);
        assert_eq!(found.outputs.iter().map(Tensor::ty).collect::<Vec<_>>(), types);
        assert_eq!(found.outputs[0].as_f32().map(|values| values[1].to_bits()), Some((-0.0f32).to_bits()));
        assert_eq!(found.outputs[1].to_i64s(), Some(vec![-1; 8]));
    }

    #[test]
    fn outputs_that_are_not_there_or_not_whole_are_told() {
        let ty = [TensorType::f32([2])];
        let refused = |script: &str| ran(&ty, &[], script).map(|run| run.checksum).unwrap_err();
        assert!(refused("echo checksum 0").starts_with("FOLDER/run/output_0.bin: "));
        for bytes in ["", "1234567", "123456789"] {
            let told = refused(&format!("printf '{bytes}' > output_0.bin; echo checksum 0"));
            assert_eq!(told, "FOLDER/run/output_0.bin does not hold f32[2]");
        }
        for checksum in ["", "checksum", "checksum ", "checksum 1ffffffff", "checksum -1", "Checksum 1", " checksum 1"] {
            let told = refused(&format!("printf 12345678 > output_0.bin; echo '{checksum}'"));
            assert!(told.starts_with("the program failed (no checksum): "), "{checksum:?}: {told}");
        }
    }

    #[test]
    fn a_program_without_a_network_prints() {
        let folder = tempfile::tempdir().unwrap();
        let project = project(folder.path(), &[]);
        let limit = Duration::from_secs(60);
        let program = built(&project, "pwd; echo $#; printf '\\377'");
        let there = fs::canonicalize(folder.path()).unwrap().join("run");
        assert_eq!(print(&project, &program, limit).unwrap(), format!("{}\n0\n\u{fffd}", there.display()));
        let error = print(&project, &folder.path().join("gone"), limit).unwrap_err();
        assert!(matches!(&error, HarnessError::Failed { text, .. } if text.contains("gone")), "{error}");
    }

    /// Words of 32 bits into FNV-1a, a longer element as two, the lower one first; truth as bytes.
    #[test]
    fn checksums_are_of_all_outputs() {
        let fnv = |seed: u32, words: &[u32]| words.iter().fold(seed ^ 0x811c_9dc5, |hash, word| (hash ^ word).wrapping_mul(0x0100_0193));
        let outputs = [
            Tensor::f32([2], [1.0, -0.0]).unwrap(),
            Tensor::i64s([-2]),
            Tensor::from_low_bytes(&TensorType::new(DType::Bool, [2]), |at| at as u8),
            Tensor::from_low_bytes(&TensorType::new(DType::I8, [1]), |_| 0x80),
        ];
        let words = [&[0x3f80_0000, 0x8000_0000][..], &[0xffff_fffe, 0xffff_ffff], &[0, 1]];
        let wanted = words.iter().fold(0, |seed, words| fnv(seed, words));
        assert_eq!(checksum(&outputs[..3]), wanted);
        assert_ne!(checksum(&outputs), wanted);
        assert_eq!(checksum(&[]), 0);
    }

    #[test]
    fn an_emulator_gets_the_program_last() {
        let folder = tempfile::tempdir().unwrap();
        for target in Target::ALL {
            let Ok(machine) = machine(target) else { continue };
            let project = Project { machine, ..project(folder.path(), &[]) };
            let command = command(&project, Path::new("a program"), &["-plugin", "x"]);
            let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy().into_owned()).collect();
            match machine.seat {
                Seat::Host => assert!(arguments.is_empty() && command.get_program() == "a program", "{command:?}"),
                Seat::QemuUser(qemu) => assert!(arguments == ["-plugin", "x", "a program"] && command.get_program() == qemu),
                Seat::Board(board) => {
                    assert!(arguments.ends_with(&["-plugin", "x", "-kernel", "a program"].map(str::to_owned)), "{arguments:?}");
                    assert!(arguments.starts_with(&["-M".to_owned(), board.name.to_owned()]) && command.get_program() == board.emulator());
                }
            }
        }
    }
}
