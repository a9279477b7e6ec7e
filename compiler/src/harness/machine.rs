//! Where code for each target runs: this computer, qemu-user, or a board that QEMU models; and what its build needs.

use super::error::HarnessError;
use crate::Target;

/// A range of a board's address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// First address.
    pub origin: u32,
    /// Bytes.
    pub length: u32,
}

/// A board that QEMU models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Board {
    /// QEMU's name.
    pub name: &'static str,
    /// Where the vector table is read and code runs.
    pub code: Memory,
    /// Fast memory, with the stack at its end.
    pub ram: Memory,
    /// Memory for what fits in neither. Without it nothing goes elsewhere: the linker refuses what is too large.
    pub large: Option<Memory>,
    /// Whether the start code must switch a floating-point unit on.
    pub has_fpu: bool,
    /// QEMU's name of the core, of which a board with 64-bit Arm cores takes several; none where the board says it.
    pub cpu: Option<&'static str>,
}

/// How a program is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    /// As a program of this computer.
    Host,
    /// As a Linux program under qemu-user.
    QemuUser(&'static str),
    /// As the firmware of a board.
    Board(Board),
}

/// A machine that generated code is built for and run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// What the code is specialised for.
    pub target: Target,
    /// Rust's name of the platform; `None` for this computer's own.
    pub triple: Option<&'static str>,
    /// Flags for rustc.
    pub flags: &'static [&'static str],
    /// How the program is started.
    pub seat: Seat,
}

const fn mib(origin: u32, mib: u32) -> Memory {
    Memory { origin, length: mib << 20 }
}

const AN385: Board =
    Board { name: "mps2-an385", code: mib(0, 4), ram: mib(0x2000_0000, 4), large: Some(mib(0x2100_0000, 16)), has_fpu: false, cpu: None };
const AN386: Board = Board { name: "mps2-an386", has_fpu: true, ..AN385 };
const AN500: Board = Board { name: "mps2-an500", large: Some(mib(0x6000_0000, 16)), has_fpu: true, ..AN385 };
const AN505: Board = Board {
    name: "mps2-an505",
    code: mib(0x1000_0000, 4),
    ram: mib(0x3800_0000, 4),
    large: Some(mib(0x8000_0000, 16)),
    has_fpu: true,
    cpu: None,
};
const AN547: Board = Board {
    name: "mps3-an547",
    code: Memory { origin: 0x1000_0000, length: 512 << 10 },
    ram: mib(0x3100_0000, 2),
    large: Some(mib(0x7000_0000, 256)),
    has_fpu: true,
    cpu: None,
};

/// A Cortex-M4F with the memory of a real one, an STM32F405, for networks that fit: the machine of the target with this as its seat. QEMU
/// models 192 KiB of RAM in one piece; the chip has 128, and 64 elsewhere, which are left alone.
pub const NETDUINO_PLUS_2: Board = Board {
    name: "netduinoplus2",
    code: mib(0x0800_0000, 1),
    ram: Memory { origin: 0x2000_0000, length: 128 << 10 },
    large: None,
    has_fpu: true,
    cpu: None,
};

/// A 64-bit Arm core without an operating system, its MMU off and alignment checked. The memory begins behind what QEMU puts there.
pub const BARE_AARCH64: Machine = Machine {
    target: Target::Aarch64,
    triple: Some("aarch64-unknown-none"),
    flags: &[],
    seat: Seat::Board(Board {
        name: "virt",
        code: mib(0x4020_0000, 30),
        ram: mib(0x4200_0000, 32),
        large: None,
        has_fpu: true,
        cpu: Some("cortex-a72"),
    }),
};

/// The machine of a target, or what this computer lacks for it.
///
/// ARMv6-M is a subset of ARMv7-M, so code for Cortex-M0+ runs on the board of the Cortex-M3: QEMU's boards of that core have too
/// little memory for a network.
pub fn machine(target: Target) -> Result<Machine, HarnessError> {
    let host = |flags| Machine { target, triple: None, flags, seat: Seat::Host };
    let board = |triple, flags, board| Machine { target, triple: Some(triple), flags, seat: Seat::Board(board) };
    Ok(match target {
        Target::Generic => host(&[]),
        Target::X86_64V3 if runs_here(target) => host(&["-Ctarget-cpu=x86-64-v3"]),
        Target::X86_64V4 if runs_here(target) => host(&["-Ctarget-cpu=x86-64-v4"]),
        Target::X86_64V4Vnni if runs_here(target) => host(&["-Ctarget-cpu=x86-64-v4", "-Ctarget-feature=+avx512vnni"]),
        Target::X86_64V3 | Target::X86_64V4 | Target::X86_64V4Vnni => {
            let what = format!("this computer does not run code for {target}");
            return Err(HarnessError::Missing { what, remedy: "choose another --target, such as `generic`".to_owned() });
        }
        Target::Aarch64 if cfg!(target_arch = "aarch64") => host(&[]),
        Target::Aarch64Dotprod if cfg!(target_arch = "aarch64") && runs_here(target) => host(&["-Ctarget-feature=+dotprod"]),
        Target::Aarch64 | Target::Aarch64Dotprod => Machine {
            target,
            triple: Some("aarch64-unknown-linux-musl"),
            flags: match target {
                Target::Aarch64Dotprod => &["-Clinker=rust-lld", "-Ctarget-feature=+dotprod"],
                _ => &["-Clinker=rust-lld"],
            },
            seat: Seat::QemuUser("qemu-aarch64"),
        },
        Target::CortexM0Plus => board("thumbv6m-none-eabi", &["-Ctarget-cpu=cortex-m0plus"], AN385),
        Target::CortexM3 => board("thumbv7m-none-eabi", &["-Ctarget-cpu=cortex-m3"], AN385),
        Target::CortexM4F => board("thumbv7em-none-eabihf", &[], AN386),
        Target::CortexM7 => board("thumbv7em-none-eabihf", &["-Ctarget-cpu=cortex-m7"], AN500),
        Target::CortexM33 => board("thumbv8m.main-none-eabihf", &[], AN505),
        Target::CortexM55 => board("thumbv8m.main-none-eabihf", &["-Ctarget-cpu=cortex-m55"], AN547),
    })
}

/// The target of which this computer runs the widest vectors.
pub fn best_target() -> Target {
    let wide =
        [Target::X86_64V4Vnni, Target::X86_64V4, Target::X86_64V3, Target::Aarch64Dotprod].into_iter().find(|&target| runs_here(target));
    let here = if cfg!(target_arch = "aarch64") { Target::Aarch64 } else { Target::Generic };
    wide.unwrap_or(here)
}

/// The target of which this program itself was built with the vectors: as a rule `generic` on x86-64, where the kernels in this process would
/// have to do without the fused multiply-add that wider targets call for.
pub fn own_target() -> Target {
    if cfg!(all(target_feature = "avx512f", target_feature = "avx512vnni")) {
        Target::X86_64V4Vnni
    } else if cfg!(target_feature = "avx512f") {
        Target::X86_64V4
    } else if cfg!(all(target_feature = "avx2", target_feature = "fma")) {
        Target::X86_64V3
    } else if cfg!(all(target_arch = "aarch64", target_feature = "dotprod")) {
        Target::Aarch64Dotprod
    } else if cfg!(target_arch = "aarch64") {
        Target::Aarch64
    } else {
        Target::Generic
    }
}

#[cfg(target_arch = "x86_64")]
fn runs_here(target: Target) -> bool {
    let v3 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("bmi2");
    let v4 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512cd")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    match target {
        Target::X86_64V3 => v3,
        Target::X86_64V4 => v3 && v4,
        _ => v3 && v4 && is_x86_feature_detected!("avx512vnni"),
    }
}

#[cfg(target_arch = "aarch64")]
fn runs_here(target: Target) -> bool {
    target == Target::Aarch64Dotprod && std::arch::is_aarch64_feature_detected!("dotprod")
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn runs_here(_: Target) -> bool {
    false
}

impl Board {
    /// The emulator that has the board.
    pub(crate) fn emulator(&self) -> &'static str {
        if self.cpu.is_some() { "qemu-system-aarch64" } else { "qemu-system-arm" }
    }

    /// How QEMU is told to be the board, and to end with its program.
    pub(crate) fn arguments(&self) -> Vec<&'static str> {
        let mut arguments = vec!["-M", self.name];
        arguments.extend(self.cpu.iter().flat_map(|cpu| ["-cpu", cpu, "-nic", "none"]));
        arguments.extend("-display none -monitor none -serial none -semihosting-config enable=on,target=native".split(' '));
        arguments
    }
}

impl Machine {
    /// In words, such as `cortex-m7 (qemu mps2-an500)`.
    pub fn describe(&self) -> String {
        let seat = match self.seat {
            Seat::Host => "this computer".to_owned(),
            Seat::QemuUser(program) => program.to_owned(),
            Seat::Board(board) if self.target == Target::CortexM0Plus => format!("qemu {}, a Cortex-M3 board", board.name),
            Seat::Board(board) => format!("qemu {}", board.name),
        };
        format!("{} ({seat})", self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machines() -> impl Iterator<Item = Machine> {
        Target::ALL.into_iter().filter_map(|target| machine(target).ok())
    }

    /// A build for the machine is what a build script takes it for, and has what generated code asks for.
    #[test]
    fn a_board_is_built_for_as_its_target_wants() {
        let mut boards = 0;
        for Machine { target, triple, flags, seat } in machines().filter(|machine| matches!(machine.seat, Seat::Board(_))) {
            let triple = triple.unwrap();
            assert_eq!(Target::from_cargo("arm", triple, "", &flags.join("\u{1f}")), target);
            let (_, flag) = target.requirement().unwrap();
            assert_eq!(flag, format!("--target {triple}"));
            // A core without a floating-point unit must not be told to switch it on, and one that has it must.
            let has_fpu = triple.ends_with("eabihf");
            assert!(matches!(seat, Seat::Board(board) if board.has_fpu == has_fpu && board.emulator() == "qemu-system-arm"), "{target}");
            boards += 1;
        }
        assert_eq!(boards, 6);
    }

    #[test]
    fn a_machine_is_that_of_its_target_or_what_lacks_is_told() {
        for target in Target::ALL {
            match machine(target) {
                Ok(machine) => {
                    assert_eq!(machine.target, target);
                    assert!(machine.describe().starts_with(&format!("{target} (")), "{}", machine.describe());
                    // What is not this computer's has a platform of its own, and is emulated.
                    let is_here = machine.seat == Seat::Host;
                    assert_eq!((machine.triple.is_none(), !machine.describe().contains("qemu")), (is_here, is_here));
                }
                Err(error) => assert!(error.is_missing() && error.to_string().contains(target.name()), "{error}"),
            }
        }
        assert!(machine(Target::CortexM0Plus).unwrap().describe().contains("a Cortex-M3 board"));
        assert!(!machine(Target::CortexM3).unwrap().describe().contains("a Cortex-M3 board"));
    }

    #[test]
    fn this_computer_runs_what_it_is_said_to_run() {
        assert!(machine(Target::Generic).is_ok());
        for target in [best_target(), own_target()] {
            assert!(matches!(machine(target), Ok(Machine { seat: Seat::Host, .. })), "{target}");
        }
        // What has wider vectors has the narrower ones.
        let runs = [Target::X86_64V4Vnni, Target::X86_64V4, Target::X86_64V3].map(|target| machine(target).is_ok());
        assert!(runs.is_sorted(), "{runs:?}");
    }

    /// QEMU takes each option once, and no word of one is split.
    #[test]
    fn a_board_is_told_to_the_emulator() {
        for board in
            machines().chain([BARE_AARCH64]).filter_map(|machine| if let Seat::Board(board) = machine.seat { Some(board) } else { None })
        {
            let arguments = board.arguments();
            let mut options: Vec<_> = arguments.iter().filter(|argument| argument.starts_with('-')).collect();
            options.sort_unstable();
            assert!(options.windows(2).all(|pair| pair[0] != pair[1]) && arguments.iter().all(|argument| !argument.contains(' ')));
            assert_eq!(arguments.len(), 2 * options.len(), "{arguments:?}");
            assert_eq!(board.emulator() == "qemu-system-aarch64", arguments.contains(&"-cpu"));
        }
    }
}
