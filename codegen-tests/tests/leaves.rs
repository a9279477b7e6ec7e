//! Every leaf on its own core: what it computes, bit for bit, against portable Rust that runs on the same core.
//!
//! A lane whose platform or emulator is not installed says so on stderr, in a line that begins with `SKIPPED LANE`, and is left out; with
//! `CI=true` it fails.

use std::time::Duration;

use codegen_tests::lanes;
use peleec::harness::{self, BARE_AARCH64, HarnessError, Machine, OptLevel, Project, Seat};
use peleec::{File, Target};

const LIMIT: Duration = Duration::from_secs(300);

/// A unit and its twin, with its tiles of pixels and channels.
struct Unit {
    name: &'static str,
    twin: &'static str,
    tiles: &'static [(usize, usize)],
    /// How many of the rare values of `cases.rs` it has no part in. The vector unit takes subnormal numbers for zeros. And where LLVM 22
    /// makes vectors for it of a portable loop, it takes "less", which is true of what is not a number, for a comparison that is false.
    without: usize,
}

const fn unit(name: &'static str, twin: &'static str, tiles: &'static [(usize, usize)]) -> Unit {
    Unit { name, twin, tiles, without: 0 }
}

const VFP: &[Unit] = &[unit("Vfp<Plain>", "Plain", &[(4, 4), (1, 16)]), unit("Vfp<Fused>", "Fused", &[(4, 4), (1, 16)])];
const MVE: &[Unit] = &[Unit { without: 1, ..unit("Mve", "Fused", &[(3, 8)]) }, Unit { without: 5, ..unit("Plain", "Plain", &[(2, 8)]) }];
const NEON: &[Unit] =
    &[unit("Fused", "Fused", &[(5, 16), (4, 16), (8, 8), (12, 4), (1, 32)]), unit("Plain", "Plain", &[(4, 16), (8, 8), (12, 4), (1, 32)])];

#[test]
fn cortex_m3() {
    check(Target::CortexM3, &[]);
}

#[test]
fn cortex_m4f() {
    check(Target::CortexM4F, VFP);
}

#[test]
fn cortex_m7() {
    check(Target::CortexM7, VFP);
}

#[test]
fn cortex_m33() {
    check(Target::CortexM33, VFP);
}

#[test]
fn cortex_m55() {
    check(Target::CortexM55, MVE);
}

#[test]
fn aarch64() {
    check(Target::Aarch64, NEON);
}

#[test]
fn aarch64_without_an_operating_system() {
    check_on(&BARE_AARCH64, NEON);
}

/// Twenty geometries of each combination of layout and activation.
const N_CASES_OF_CHANNELS: usize = 20 * 3 * 6;

/// Forty geometries of bytes of each layout.
const N_CASES_OF_BYTES: usize = 40 * 3;

/// Two geometries of each combination of layout, channels, second window and epilogue that a tile can have.
fn n_cases(pixels: usize) -> usize {
    let (layouts, channels, rests, others) = (3, 4, 4, 3);
    let (activations, pools) = (5, if pixels.is_multiple_of(4) { 3 } else { 0 });
    2 * layouts * channels * ((rests + others) * (activations + pools) + others)
}

fn check(target: Target, units: &[Unit]) {
    check_on(&harness::machine(target).expect("the machine is an emulator's"), units);
}

fn check_on(machine: &Machine, units: &[Unit]) {
    let target = machine.describe();
    match printed(machine, units) {
        Err(error) if error.is_missing() => lanes::skip(format_args!("leaves on {target}"), error),
        printed => {
            let printed = printed.map_err(|error| format!("{target}: {error}")).expect("every leaf computes what its twin does");
            let lines = |unit: &Unit| {
                let tiles = unit.tiles.iter().map(|&(t, n)| format!("{} {t}x{n}: {} cases", unit.name, n_cases(t)));
                tiles.chain([format!("{} channels: {N_CASES_OF_CHANNELS} cases", unit.name)]).collect::<Vec<_>>()
            };
            let of_bytes = units_of_bytes(units).iter().map(|unit| format!("{unit} bytes: {N_CASES_OF_BYTES} cases"));
            let tiles_of_bytes = tiles_of_bytes(machine, units).iter();
            let tiles_of_bytes =
                tiles_of_bytes.map(|(bytes, unit, _, p, n)| format!("{bytes}, {unit} {p}x{n} bytes: {N_CASES_OF_BYTES} cases"));
            let wanted = units.iter().flat_map(lines).chain(of_bytes).chain(tiles_of_bytes);
            assert_eq!(printed.lines().collect::<Vec<_>>(), wanted.collect::<Vec<_>>(), "{target}");
        }
    }
}

fn printed(machine: &Machine, units: &[Unit]) -> Result<String, HarnessError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str, text: &str| File { name: format!("src/{name}"), bytes: text.as_bytes().to_vec() };
    let main = match machine.seat {
        Seat::Board(_) => include_str!("../leaves/board.rs"),
        Seat::Host | Seat::QemuUser(_) => include_str!("../leaves/linux.rs"),
    };
    let sources = vec![
        file("main.rs", main),
        file("bytes.rs", include_str!("../leaves/bytes.rs")),
        file("cases.rs", include_str!("../leaves/cases.rs")),
        file("channels.rs", include_str!("../leaves/channels.rs")),
        file("geometry.rs", include_str!("../leaves/geometry.rs")),
        file("units.rs", &list(machine, units)),
    ];
    let project = Project::write_program("leaves", sources, machine, OptLevel::Three, folder.path())?;
    let (program, _) = harness::build(&project)?;
    harness::print(&project, &program, LIMIT)
}

/// The units that sum channels of bytes where there are these, behind the bytes that they read and write.
fn units_of_bytes(units: &[Unit]) -> &'static [&'static str] {
    let has = |name: &str| units.iter().any(|unit| unit.name == name);
    if has("Mve") {
        &["i8, i8, Mve", "i8, u8, Mve", "u8, i8, Mve", "u8, u8, Mve"]
    } else if has("Vfp<Plain>") {
        &["i8, i8, Dsp", "i8, u8, Dsp", "u8, i8, Dsp", "u8, u8, Dsp"]
    } else {
        &["i8, i8, Single", "i8, u8, Single"]
    }
}

/// The tiles of convolutions of bytes: bytes, unit, and a twin in plain Rust that reads weights in the same order.
fn tiles_of_bytes(machine: &Machine, units: &[Unit]) -> &'static [(&'static str, &'static str, &'static str, usize, usize)] {
    let has = |name: &str| units.iter().any(|unit| unit.name == name);
    if has("Mve") {
        &[("i8", "Mve", "Filters", 3, 8), ("i8", "Mve", "Filters", 3, 16), ("u8", "Mve", "Filters", 3, 16), ("i8", "Mve", "Filters", 3, 32)]
    } else if has("Vfp<Plain>") {
        &[("i8", "Dsp", "Quads", 4, 8), ("u8", "Dsp", "Quads", 4, 16), ("i8", "Dsp", "Quads", 4, 32)]
    } else if machine.target == Target::CortexM3 {
        &[("i8", "Thumb2", "Single", 3, 8)]
    } else {
        &[]
    }
}

/// The calls for all tiles of the units.
fn list(machine: &Machine, units: &[Unit]) -> String {
    let call = |Unit { name, twin, tiles, without }: &Unit| -> String {
        let calls = tiles.iter().map(|(t, n)| format!("    check.tile::<{name}, {twin}, {t}, {n}>(\"{name}\");\n"));
        let channels = format!("    check.channels::<{name}, {twin}>(\"{name}\");\n");
        format!("    check.rare = &crate::cases::RARE[{without}..];\n{}{channels}", calls.collect::<String>())
    };
    let of_bytes = units_of_bytes(units).iter().map(|unit| format!("    check.bytes::<{unit}>(\"{unit}\");\n"));
    let tile_of_bytes = |&(bytes, unit, twin, p, n): &(&str, &str, &str, usize, usize)| {
        format!("    check.tile_of_bytes::<{bytes}, {unit}, {twin}, {p}, {n}>(\"{bytes}, {unit}\");\n")
    };
    let tiles_of_bytes = tiles_of_bytes(machine, units).iter().map(tile_of_bytes);
    let calls: String = units.iter().map(call).chain(of_bytes).chain(tiles_of_bytes).collect();
    format!(
        "//! The leaves of this machine.\n\n#[allow(unused_imports, reason = \"a machine has some of them\")]\n\
         use peleec_runtime::{{Dsp, Filters, Fused, Mve, Plain, Quads, Single, Thumb2, Vfp}};\n\n\
         pub(crate) fn all<W: core::fmt::Write>(check: &mut crate::cases::Check<'_, W>) {{\n{calls}}}\n"
    )
}
