//! Writes a cargo project that stands alone: a generated module, the runtime, a program around them, and how to link and run it.

use std::path::Path;

use super::error::HarnessError;
use super::machine::{Board, Machine, Memory, Seat};
use super::project::{OptLevel, Project};
use super::{network, rustc};
use crate::files;
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

#[cfg(test)]
mod tests {
    use super::super::machine::{BARE_AARCH64, NETDUINO_PLUS_2, machine};
    use super::*;
    use crate::Target;

    const fn mib(origin: u32, mib: u32) -> Memory {
        Memory { origin, length: mib << 20 }
    }

    const BOARD: Board =
        Board { name: "board", code: mib(0, 1), ram: mib(0x2000_0000, 2), large: Some(mib(0x6000_0000, 8)), has_fpu: true, cpu: None };

    /// Where constants and statics lie.
    fn places(board: &Board, needs: [usize; 2]) -> Result<[String; 2], HarnessError> {
        let script = memory(board, needs, STACK)?;
        let of = |alias: &str| script.split_once(&format!("REGION_ALIAS(\"{alias}\", ")).unwrap().1.split_once(')').unwrap().0.to_owned();
        Ok(["CONSTANTS", "STATICS"].map(of))
    }

    #[test]
    fn what_does_not_fit_goes_to_the_large_memory() {
        let [code, ram, large] = [1, 2, 8].map(|mib| (mib << 20) - SPARE);
        for (needs, wanted) in [
            ([code, ram], ["CODE", "RAM"]),
            ([code + 1, ram], ["LARGE", "RAM"]),
            ([code, ram + 1], ["CODE", "LARGE"]),
            ([code + 1, large - code - 1], ["LARGE"; 2]),
            // Only what is far counts there.
            ([code, large], ["CODE", "LARGE"]),
        ] {
            assert_eq!(places(&BOARD, needs).unwrap(), wanted, "{needs:?}");
        }
        for (needs, far) in [([code + 1, large - code], large + 1), ([code, large + 1], large + 1), ([large + 2, 0], large + 2)] {
            let found = places(&BOARD, needs);
            let is_told = matches!(found, Err(HarnessError::TooLarge { needed, available, .. }) if (needed, available) == (far, 8 << 20));
            assert!(is_told, "{needs:?}: {found:?}");
        }
        // Without one, the linker finds what is too large.
        let small = Board { large: None, ..BOARD };
        assert_eq!(places(&small, [code + 1, 1 << 30]).unwrap(), ["CODE", "RAM"]);
    }

    #[test]
    fn a_boards_memories_lie_apart() {
        let machines = Target::ALL.into_iter().filter_map(|target| machine(target).ok()).chain([BARE_AARCH64]);
        let boards = machines.filter_map(|machine| if let Seat::Board(board) = machine.seat { Some(board) } else { None });
        let boards: Vec<_> = boards.chain([NETDUINO_PLUS_2]).collect();
        assert!(boards.len() >= 8);
        for board in boards {
            let mut ranges: Vec<[u64; 2]> = [Some(board.code), Some(board.ram), board.large]
                .into_iter()
                .flatten()
                .map(|memory| [memory.origin.into(), u64::from(memory.origin) + u64::from(memory.length)])
                .collect();
            ranges.sort_unstable();
            assert!(ranges.windows(2).all(|pair| pair[0][1] <= pair[1][0]) && ranges.iter().all(|range| range[1] <= 1 << 32), "{board:?}");
        }
    }

    #[test]
    fn only_a_build_of_a_developer_has_checks() {
        for (level, name) in [(OptLevel::Two, "2"), (OptLevel::Three, "3"), (OptLevel::S, "s"), (OptLevel::Z, "z"), (OptLevel::Dev, "0")] {
            for lto in [false, true] {
                let table: toml::Table = toml::from_str(&manifest("a-b", level, lto)).unwrap();
                let release = &table["profile"]["release"];
                let opt_level = &release["opt-level"];
                // Numbers are numbers to cargo, and letters text.
                let found = opt_level.as_integer().map(|level| level.to_string()).or(opt_level.as_str().map(str::to_owned));
                assert_eq!((found.as_deref(), opt_level.is_integer()), (Some(name), name.parse::<u8>().is_ok()));
                let is_dev = level == OptLevel::Dev;
                let keys = ["lto", "overflow-checks", "debug-assertions"];
                assert_eq!(keys.map(|key| release[key].as_bool()), [lto && !is_dev, is_dev, is_dev].map(Some));
            }
        }
    }

    #[test]
    fn cargo_is_told_of_every_flag_and_of_the_emulator() {
        let told = |machine: &Machine| {
            let table: toml::Table = toml::from_str(&configuration(machine, "some-triple")).unwrap();
            assert_eq!(table["build"]["target"].as_str(), Some("some-triple"));
            let all = &table["target"]["cfg(all())"];
            let flags: Vec<_> = all["rustflags"].as_array().unwrap().iter().map(|flag| flag.as_str().unwrap().to_owned()).collect();
            (flags, all.get("runner").map(|runner| runner.as_str().unwrap().to_owned()))
        };
        let of = |seat: Seat, flags: &'static [&'static str]| Machine { target: Target::Generic, triple: None, flags, seat };
        assert_eq!(told(&of(Seat::Host, &["-Ca=b"])), (vec!["-Ca=b".to_owned()], None));
        assert_eq!(told(&of(Seat::QemuUser("qemu-aarch64"), &[])), (vec![], Some("qemu-aarch64".to_owned())));
        let (flags, runner) = told(&of(Seat::Board(BOARD), &["-Ca=b"]));
        assert_eq!(flags, ["-Ca=b", "-Clink-arg=-Tlink.x", "-Clink-arg=--nmagic"]);
        let runner = runner.unwrap();
        assert!(runner.starts_with("qemu-system-arm -M board ") && runner.ends_with(" -kernel"), "{runner}");
        let (_, runner) = told(&BARE_AARCH64);
        assert!(runner.is_some_and(|runner| runner.starts_with("qemu-system-aarch64 -M virt -cpu cortex-a72 ")));
    }
}
