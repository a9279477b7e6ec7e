//! Writes a cargo project that stands alone: a generated module, the runtime, a program around them, and how to link and run it.

use std::path::Path;

use super::machine::{Board, Machine, Memory, Seat};
use super::project::{OptLevel, Project};
use super::{HarnessError, network, rustc};
use crate::emit::files;
use crate::{Compilation, File, Report, Shape};

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
        around(network, compilation, machine, opt_level, folder)
    }

    /// Writes a project that runs the network whole and layer by layer, for [`time`](super::time()) or [`count`](super::count()).
    pub fn write_measured(compilation: &Compilation, machine: &Machine, opt_level: OptLevel, folder: &Path) -> Result<Self, HarnessError> {
        let network = network::layer_by_layer(compilation, machine)?;
        around(network, compilation, machine, opt_level, folder)
    }
}

fn around(
    network: Vec<File>,
    compilation: &Compilation,
    machine: &Machine,
    opt_level: OptLevel,
    folder: &Path,
) -> Result<Project, HarnessError> {
    let folder = std::path::absolute(folder).map_err(|error| HarnessError::io(folder, error))?;
    let report = compilation.report();
    let name = format!("{}-{}", report.name.replace('_', "-"), machine.target);
    let mut all = network;
    all.extend(program(machine));
    all.push(File::text("Cargo.toml", manifest(&name, opt_level, matches!(machine.seat, Seat::Board(_)))));
    all.push(File::text(".cargo/config.toml", configuration(machine, &rustc::triple(machine)?)));
    if let Seat::Board(board) = machine.seat {
        all.push(File::text("memory.x", memory(&report, &board)?));
    }
    let module = compilation.files().map_err(|error| HarnessError::Build(error.to_string()))?;
    all.extend(module.into_iter().map(|file| File { name: format!("src/generated/{}", file.name), ..file }));
    all.extend(files::runtime());
    files::write(&folder, &all).map_err(|error| HarnessError::io(&folder, error))?;
    let layers = report.calls().len();
    let outputs = report.outputs.into_iter().map(|output| (output.name, Shape(output.shape))).collect();
    Ok(Project { folder, machine: *machine, name, outputs, layers, arena_bytes: report.arena_bytes + report.pinned_bytes })
}

fn program(machine: &Machine) -> Vec<File> {
    match machine.seat {
        Seat::Host | Seat::QemuUser(_) => vec![File::text("src/main.rs", include_str!("image/host.rs"))],
        Seat::Board(_) => vec![
            File::text("src/main.rs", include_str!("image/board.rs")),
            File::text("src/semihosting.rs", include_str!("image/semihosting.rs")),
            File::text("src/start.rs", include_str!("image/start.rs")),
            File::text("link.x", include_str!("image/link.x")),
        ],
    }
}

/// Optimisation across crates is what proves an image free of panics; linking Rust's standard library that way takes seconds.
fn manifest(name: &str, opt_level: OptLevel, lto: bool) -> String {
    let opt_level = match opt_level {
        OptLevel::Two | OptLevel::Three => opt_level.name().to_owned(),
        OptLevel::S | OptLevel::Z => format!("\"{}\"", opt_level.name()),
    };
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n\
         [dependencies]\npeleec-runtime = {{ path = \"peleec-runtime\" }}\n\n\
         [profile.release]\nopt-level = {opt_level}\npanic = \"abort\"\nlto = {lto}\ncodegen-units = 1\nincremental = false\n\n\
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
            runner = format!("runner = \"qemu-system-arm {} -kernel\"\n", board.arguments().join(" "));
        }
    }
    // A table named for the platform does not do: cargo does not find one with a dot in its name. In `[build]`, a table of the user's
    // own configuration would displace these flags; here both count.
    format!("[build]\ntarget = \"{triple}\"\n\n[target.'cfg(all())']\n{runner}rustflags = {flags:?}\n")
}

/// The board's memories; weights and statics that the small ones cannot hold go to the large one. Where there is none, inputs lie in
/// flash, into which the emulator reads files as well, so that the RAM holds no more than the network, its outputs and the stack.
fn memory(report: &Report, board: &Board) -> Result<String, HarnessError> {
    let elements = |shape: &Vec<usize>| shape.iter().product::<usize>();
    let caller: usize = report.inputs.iter().map(|input| elements(&input.shape)).sum();
    let caller = caller + report.outputs.iter().map(|output| elements(&output.shape)).sum::<usize>();
    let (constants, statics) = (report.weight_bytes, report.arena_bytes + report.pinned_bytes + size_of::<f32>() * caller);
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
        "/* {} */\nMEMORY\n{{\n{}{}{}}}\nREGION_ALIAS(\"CONSTANTS\", {})\nREGION_ALIAS(\"STATICS\", {})\nSTACK = {STACK:#x};\n",
        board.name,
        region("CODE", board.code),
        region("RAM", board.ram),
        board.large.map_or(String::new(), |large| region("LARGE", large)),
        if constants_near { "CODE" } else { "LARGE" },
        if statics_near { "RAM" } else { "LARGE" },
    ))
}
