//! Compares the leaves of a machine with an operating system with their twins.

mod bytes;
mod cases;
mod channels;
mod geometry;
mod units;

use std::process::ExitCode;

/// Prints to the standard output.
struct Console;

impl std::fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        print!("{text}");
        Ok(())
    }
}

fn main() -> ExitCode {
    let mut memory = Box::new(const { cases::Memory::new() });
    let mut check = cases::Check { memory: &mut memory, out: Console, rare: &cases::RARE, n_cases: 0, failed: false };
    units::all(&mut check);
    if check.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
