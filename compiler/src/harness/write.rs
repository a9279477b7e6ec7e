//! Writes a cargo project that stands alone: a generated module, the runtime, a program around them, and how to link and run it.

use std::path::Path;

use super::error::HarnessError;
use super::machine::{Board, Machine, Memory, Seat};
use super::project::{OptLevel, Project};
use super::{network, rustc};
use crate::emit::files;
use crate::report::{InputReport, OutputReport};
use crate::{Compilation, File, Report};

/// Room for the program's own code and tables beside the weights, and for the stack beside the statics.
const SPARE: usize = 128 << 10;

/// Bytes at the end of a board's RAM that the linker keeps for the stack, of which PeleeNet takes a third on a Cortex-M4F.
pub const STACK: usize = 4 << 10;

impl Project {
    /// Writes a project that runs the network once into `folder`.
    ///
    /// A file that already has its bytes is left alone, so a second build of the same is quick.
    pub fn write(compilation: &Compilation, machine: &Machine, opt_level: OptLevel, folder: &Path) -> Result<Self, HarnessError> {
        let network = network::once(&compilation.report(), machine);
        Project::around(network, compilation, machine, opt_level, folder)
    }

    /// Writes a project that runs the network whole and layer by layer, for [`time`](super::time()) or [`count`](super::count()).
    pub fn write_measured(compilation: &Compilation, machine: &Machine, opt_level: OptLevel, folder: &Path) -> Result<Self, HarnessError> {
        let network = network::layer_by_layer(compilation, machine)?;
        Project::around(network, compilation, machine, opt_level, folder)
    }

    /// Writes a project of a program that has no network: `src/main.rs` and what else `sources` has. On a board its `main` is `firmware`,
    /// and it has the modules `machine`, `panic`, `semihosting` and `start`.
    pub fn write_program(
        name: &str,
        sources: Vec<File>,
        machine: &Machine,
        opt_level: OptLevel,
        folder: &Path,
    ) -> Result<Self, HarnessError> {
        let mut all = sources;
        if let Seat::Board(board) = machine.seat {
            all.extend(firmware(&board, include_str!("image/panic.rs")));
            all.push(File::text("memory.x", memory(&board, [0, 0], 16 * STACK)?));
        }
        let name = format!("{name}-{}", machine.target);
        let project = Project {
            folder: folder.to_path_buf(),
            machine: *machine,
            keeps_promises: false,
            name,
            outputs: Vec::new(),
            layers: 0,
            arena_bytes: 0,
        };
        project.write_files(all, opt_level)
    }

    fn around(
        network: Vec<File>,
        compilation: &Compilation,
        machine: &Machine,
        opt_level: OptLevel,
        folder: &Path,
    ) -> Result<Self, HarnessError> {
        let report = compilation.report();
        let (keeps_promises, arena_bytes) = (opt_level != OptLevel::Dev, report.model_bytes());
        let mut all = network;
        match machine.seat {
            Seat::Host | Seat::QemuUser(_) => all.push(File::text("src/main.rs", include_str!("image/host.rs"))),
            Seat::Board(board) => {
                let panic = if keeps_promises { include_str!("image/no_panic.rs") } else { include_str!("image/panic.rs") };
                all.extend(firmware(&board, panic));
                all.push(File::text("src/main.rs", include_str!("image/board.rs")));
                all.push(File::text("memory.x", memory(&board, needs(&report), if keeps_promises { STACK } else { 16 * STACK })?));
            }
        }
        let module = compilation.files().map_err(|error| HarnessError::Build(error.to_string()))?;
        all.extend(module.into_iter().map(|file| File { name: format!("src/generated/{}", file.name), ..file }));
        let name = format!("{}-{}", report.name.replace('_', "-"), machine.target);
        let layers = report.calls().len();
        let outputs = report.outputs.into_iter().map(|output| (output.name.clone(), output.ty())).collect();
        let project = Project { folder: folder.to_path_buf(), machine: *machine, keeps_promises, name, outputs, layers, arena_bytes };
        project.write_files(all, opt_level)
    }

    /// Writes the files, those that cargo reads, and the runtime.
    fn write_files(self, mut all: Vec<File>, opt_level: OptLevel) -> Result<Self, HarnessError> {
        let folder = std::path::absolute(&self.folder).map_err(|error| HarnessError::io(&self.folder, error))?;
        all.push(File::text("Cargo.toml", manifest(&self.name, opt_level, matches!(self.machine.seat, Seat::Board(_)))));
        all.push(File::text(".cargo/config.toml", configuration(&self.machine, &rustc::triple(&self.machine)?)));
        all.extend(files::runtime());
        files::write(&folder, &all).map_err(|error| HarnessError::io(&folder, error))?;
        Ok(Project { folder, ..self })
    }
}

/// What every image of a board has.
fn firmware(board: &Board, panic: &str) -> Vec<File> {
    let has_fpu = board.has_fpu;
    let machine = format!(
        "//! What the start code must know.\n\n/// Whether the core has a floating-point unit.\npub(crate) const HAS_FPU: bool = {has_fpu};\n"
    );
    vec![
        File::text("src/machine.rs", machine),
        File::text("src/panic.rs", panic),
        File::text("src/semihosting.rs", include_str!("image/semihosting.rs")),
        File::text("src/start.rs", if board.cpu.is_some() { include_str!("image/start_64.rs") } else { include_str!("image/start.rs") }),
        File::text("link.x", include_str!("image/link.x")),
    ]
}

/// Optimisation across crates is what proves an image free of panics; linking Rust's standard library that way takes seconds.
fn manifest(name: &str, opt_level: OptLevel, lto: bool) -> String {
    let checks = opt_level == OptLevel::Dev;
    let lto = lto && !checks;
    let opt_level = match opt_level {
        OptLevel::Two | OptLevel::Three | OptLevel::Dev => opt_level.name().to_owned(),
        OptLevel::S | OptLevel::Z => format!("\"{}\"", opt_level.name()),
    };
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n\
         [dependencies]\npeleec-runtime = {{ path = \"peleec-runtime\" }}\n\n\
         [profile.release]\nopt-level = {opt_level}\npanic = \"abort\"\nlto = {lto}\ncodegen-units = 1\nincremental = false\n\
         overflow-checks = {checks}\ndebug-assertions = {checks}\n\n\
         [workspace]\nexclude = [\"peleec-runtime\"]\n"
    )
}

fn configuration(machine: &Machine, triple: &str) -> String {
    let mut flags: Vec<_> = machine.flags.to_vec();
    let mut runner = String::new();
    match machine.seat {
        Seat::Host => {}
        Seat::QemuUser(program) => runner = format!("runner = \"{program}\"\n"),
        Seat::Board(board) => {
            flags.extend(["-Clink-arg=-Tlink.x", "-Clink-arg=--nmagic"]);
            runner = format!("runner = \"{} {} -kernel\"\n", board.emulator(), board.arguments().join(" "));
        }
    }
    // A table named for the platform does not do: cargo does not find one with a dot in its name. In `[build]`, a table of the user's
    // own configuration would displace these flags; here both count.
    format!("[build]\ntarget = \"{triple}\"\n\n[target.'cfg(all())']\n{runner}rustflags = {flags:?}\n")
}

/// Bytes of constants and of statics.
fn needs(report: &Report) -> [usize; 2] {
    let (inputs, outputs) = (report.inputs.iter().map(InputReport::ty), report.outputs.iter().map(OutputReport::ty));
    let caller: usize = inputs.chain(outputs).map(|ty| ty.bytes()).sum();
    [report.weight_bytes, report.model_bytes() + caller]
}

/// The board's memories; constants and statics that the small ones cannot hold go to the large one. Where there is none, inputs lie in
/// flash, into which the emulator reads files as well, so that the RAM holds no more than the network, its outputs and the stack.
fn memory(board: &Board, [constants, statics]: [usize; 2], stack: usize) -> Result<String, HarnessError> {
    let fits = |bytes: usize, memory: Memory| bytes + SPARE <= memory.length as usize;
    let near = |bytes: usize, memory: Memory| board.large.is_none() || fits(bytes, memory);
    let (constants_near, statics_near) = (near(constants, board.code), near(statics, board.ram));
    let far = if constants_near { 0 } else { constants } + if statics_near { 0 } else { statics };
    if let Some(large) = board.large.filter(|&large| far > 0 && !fits(far, large)) {
        let available = large.length as usize;
        return Err(HarnessError::TooLarge { what: "weights and statics", board: board.name, needed: far, available });
    }
    let region = |name: &str, memory: Memory| format!("    {name} : ORIGIN = {:#010x}, LENGTH = {:#x}\n", memory.origin, memory.length);
    Ok(format!(
        "/* {} */\nMEMORY\n{{\n{}{}{}}}\nREGION_ALIAS(\"CONSTANTS\", {})\nREGION_ALIAS(\"STATICS\", {})\nSTACK = {stack:#x};\n",
        board.name,
        region("CODE", board.code),
        region("RAM", board.ram),
        board.large.map_or(String::new(), |large| region("LARGE", large)),
        if constants_near { "CODE" } else { "LARGE" },
        if statics_near { "RAM" } else { "LARGE" },
    ))
}
