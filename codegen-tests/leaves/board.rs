//! Compares the leaves of a board's core with their twins.
#![no_std]
#![no_main]

mod bytes;
mod cases;
mod channels;
mod geometry;
mod machine;
mod panic;
mod semihosting;
mod start;
mod units;

static mut MEMORY: cases::Memory = cases::Memory::new();

/// Called by the start code, once.
#[unsafe(no_mangle)]
extern "C" fn firmware() -> ! {
    // SAFETY: the only thread's only use of it.
    let memory = unsafe { &mut *(&raw mut MEMORY) };
    let mut check = cases::Check { memory, out: semihosting::Console, rare: &cases::RARE, n_cases: 0, failed: false };
    units::all(&mut check);
    semihosting::exit(check.failed.into())
}
