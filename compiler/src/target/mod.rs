//! The machines that code is specialised for.

use std::fmt;
use std::str::FromStr;

/// A machine: it decides register tiles and the features that the build must enable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Target {
    /// Portable Rust for any machine.
    #[default]
    Generic,
    /// x86-64 with AVX2 and FMA.
    X86_64V3,
    /// x86-64 with AVX-512.
    X86_64V4,
    /// x86-64 with AVX-512 and its dot product of bytes.
    X86_64V4Vnni,
    /// 64-bit Arm with NEON.
    Aarch64,
    /// 64-bit Arm with NEON and its dot product of bytes.
    Aarch64Dotprod,
    /// Cortex-M0 and M0+: no floating-point unit.
    CortexM0Plus,
    /// Cortex-M3: no floating-point unit.
    CortexM3,
    /// Cortex-M4 with its floating-point unit.
    CortexM4F,
    /// Cortex-M7 with its floating-point unit.
    CortexM7,
    /// Cortex-M33 with its floating-point unit.
    CortexM33,
    /// Cortex-M55 with its floating-point and vector units.
    CortexM55,
}

impl Target {
    /// Every target, in the order in which they are listed.
    pub const ALL: [Target; 12] = [
        Target::Generic,
        Target::X86_64V3,
        Target::X86_64V4,
        Target::X86_64V4Vnni,
        Target::Aarch64,
        Target::Aarch64Dotprod,
        Target::CortexM0Plus,
        Target::CortexM3,
        Target::CortexM4F,
        Target::CortexM7,
        Target::CortexM33,
        Target::CortexM55,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Target::Generic => "generic",
            Target::X86_64V3 => "x86-64-v3",
            Target::X86_64V4 => "x86-64-v4",
            Target::X86_64V4Vnni => "x86-64-v4-vnni",
            Target::Aarch64 => "aarch64",
            Target::Aarch64Dotprod => "aarch64-dotprod",
            Target::CortexM0Plus => "cortex-m0plus",
            Target::CortexM3 => "cortex-m3",
            Target::CortexM4F => "cortex-m4f",
            Target::CortexM7 => "cortex-m7",
            Target::CortexM33 => "cortex-m33",
            Target::CortexM55 => "cortex-m55",
        }
    }

    /// The target of the cargo build that runs a build script, from what cargo tells the script: the processor's family, the platform's name,
    /// the features of the processor, and the flags for rustc, of which `target-cpu` names a core. 32-bit Arm platforms hide their features;
    /// without a core they mean the smallest that has them all, whose code the others of the platform run.
    pub fn from_cargo(arch: &str, platform: &str, features: &str, rustflags: &str) -> Self {
        let has = |feature: &str| features.split(',').any(|each| each == feature);
        let bare = |flag: &'_ str| flag.trim_start_matches("-C").trim_start_matches("--codegen=").to_owned();
        let core =
            rustflags.split(['\u{1f}', ' ']).filter_map(|flag| bare(flag).strip_prefix("target-cpu=").map(str::to_owned)).next_back();
        let has_fpu = platform.ends_with("eabihf");
        match (arch, platform.split('-').next().unwrap_or_default(), core.as_deref()) {
            ("aarch64", ..) if has("neon") && has("dotprod") => Target::Aarch64Dotprod,
            ("aarch64", ..) if has("neon") => Target::Aarch64,
            ("x86_64", ..) if has("avx512f") && has("avx512vnni") => Target::X86_64V4Vnni,
            ("x86_64", ..) if has("avx512f") => Target::X86_64V4,
            ("x86_64", ..) if has("avx2") && has("fma") => Target::X86_64V3,
            ("arm", "thumbv6m" | "thumbv8m.base", _) => Target::CortexM0Plus,
            ("arm", "thumbv7em", Some("cortex-m7")) if has_fpu => Target::CortexM7,
            ("arm", "thumbv7em", _) if has_fpu => Target::CortexM4F,
            ("arm", "thumbv8m.main", Some("cortex-m55" | "cortex-m85")) if has_fpu => Target::CortexM55,
            ("arm", "thumbv8m.main", _) if has_fpu => Target::CortexM33,
            ("arm", "thumbv7m" | "thumbv7em" | "thumbv8m.main", _) => Target::CortexM3,
            _ => Target::Generic,
        }
    }

    /// Whether its instruction for products of bytes takes those of a map without signs, and that for maps with signs is dearer.
    pub(crate) fn multiplies_unsigned_bytes(self) -> bool {
        self == Target::X86_64V4Vnni
    }

    /// The numeric classes that the machine's arithmetic can be of, the one that is meant when none is named first.
    pub fn classes(self) -> &'static [NumericClass] {
        match self {
            Target::Generic | Target::CortexM0Plus | Target::CortexM3 => &[NumericClass::Plain],
            _ => &[NumericClass::Fused, NumericClass::Plain],
        }
    }

    /// A `cfg` predicate that a build for this target fulfils, and the flag that makes it so.
    pub(crate) fn requirement(self) -> Option<(&'static str, &'static str)> {
        match self {
            Target::Generic => None,
            Target::X86_64V3 => Some(("all(target_feature = \"avx2\", target_feature = \"fma\")", "-C target-cpu=x86-64-v3")),
            Target::X86_64V4 => Some(("target_feature = \"avx512f\"", "-C target-cpu=x86-64-v4")),
            Target::X86_64V4Vnni => Some((
                "all(target_feature = \"avx512f\", target_feature = \"avx512vnni\")",
                "-C target-cpu=x86-64-v4 -C target-feature=+avx512vnni",
            )),
            Target::Aarch64 => Some(("all(target_arch = \"aarch64\", target_feature = \"neon\")", "--target aarch64-unknown-none")),
            Target::Aarch64Dotprod => Some((
                "all(target_arch = \"aarch64\", target_feature = \"dotprod\")",
                "-C target-feature=+dotprod` and `--target aarch64-unknown-none",
            )),
            Target::CortexM0Plus => Some(("target_arch = \"arm\"", "--target thumbv6m-none-eabi")),
            Target::CortexM3 => Some(("target_arch = \"arm\"", "--target thumbv7m-none-eabi")),
            Target::CortexM4F | Target::CortexM7 => {
                Some(("all(target_arch = \"arm\", target_abi = \"eabihf\")", "--target thumbv7em-none-eabihf"))
            }
            Target::CortexM33 | Target::CortexM55 => {
                Some(("all(target_arch = \"arm\", target_abi = \"eabihf\")", "--target thumbv8m.main-none-eabihf"))
            }
        }
    }
}

/// How the products of a convolution are added: results are the same bits on every machine under one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NumericClass {
    /// Every product is rounded before it is added.
    Plain,
    /// Product and sum are rounded once.
    Fused,
}

impl NumericClass {
    /// Every class.
    pub const ALL: [NumericClass; 2] = [NumericClass::Plain, NumericClass::Fused];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            NumericClass::Plain => "plain",
            NumericClass::Fused => "fused",
        }
    }
}

impl fmt::Display for NumericClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A machine and the numeric class of its arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) target: Target,
    pub(crate) numeric: NumericClass,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no target's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a target; the targets are {all}", name = .0, all = Target::ALL.map(Target::name).join(", "))]
pub struct UnknownTarget(pub String);

impl FromStr for Target {
    type Err = UnknownTarget;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Target::ALL.into_iter().find(|target| target.name() == name).ok_or_else(|| UnknownTarget(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for target in Target::ALL {
            assert_eq!(target.name().parse(), Ok(target));
        }
        assert!("cortex-m9".parse::<Target>().is_err());
    }

    #[test]
    fn cargo_tells_the_core_or_its_family() {
        let cases = [
            ("x86_64", "x86_64-unknown-linux-gnu", "fxsr,sse,sse2", "", Target::Generic),
            ("x86_64", "x86_64h-apple-darwin", "avx,avx2,fma,sse", "", Target::X86_64V3),
            ("x86_64", "x86_64-unknown-linux-gnu", "avx,avx2,avx512f,fma", "", Target::X86_64V4),
            ("x86_64", "x86_64-unknown-linux-gnu", "avx,avx2,avx512f,avx512vnni,fma", "", Target::X86_64V4Vnni),
            ("aarch64", "my-board", "neon", "", Target::Aarch64),
            ("aarch64", "my-board", "dotprod,neon", "", Target::Aarch64Dotprod),
            ("aarch64", "aarch64-unknown-none-softfloat", "", "", Target::Generic),
            ("arm", "thumbv6m-none-eabi", "", "", Target::CortexM0Plus),
            ("arm", "thumbv8m.base-none-eabi", "", "", Target::CortexM0Plus),
            ("arm", "thumbv7m-none-eabi", "", "", Target::CortexM3),
            ("arm", "thumbv7em-none-eabihf", "", "", Target::CortexM4F),
            ("arm", "thumbv7em-none-eabihf", "", "-C\u{1f}link-arg=-Tlink.x\u{1f}-Ctarget-cpu=cortex-m7", Target::CortexM7),
            ("arm", "thumbv7em-none-eabi", "", "-C\u{1f}target-cpu=cortex-m7", Target::CortexM3),
            ("arm", "thumbv8m.main-none-eabihf", "", "--codegen=target-cpu=cortex-m55", Target::CortexM55),
            ("arm", "thumbv8m.main-none-eabihf", "", "-C\u{1f}target-cpu=cortex-m85", Target::CortexM55),
            ("arm", "thumbv8m.main-none-eabihf", "", "-C\u{1f}target-cpu=cortex-m33", Target::CortexM33),
            ("riscv32", "riscv32imc-unknown-none-elf", "", "", Target::Generic),
            // Another tool's variable, outside cargo.
            ("", "thumbv7em-none-eabihf", "", "", Target::Generic),
        ];
        for (arch, platform, features, rustflags, target) in cases {
            assert_eq!(Target::from_cargo(arch, platform, features, rustflags), target, "{platform} {rustflags}");
        }
    }
}
