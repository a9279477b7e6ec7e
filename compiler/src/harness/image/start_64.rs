//! From reset to `firmware` on a 64-bit core: a table of exceptions, alignment checked, the floating-point unit on, and zeroed statics.

use core::arch::global_asm;

// Sixteen exceptions have 128 bytes of code each. Bit 1 of SCTLR_EL1 checks alignment, as memory does that no MMU says is normal; bits 20
// and 21 of CPACR_EL1 open the floating-point unit.
global_asm!(
    ".section .vectors, \"ax\"",
    ".balign 2048",
    "exceptions:",
    ".rept 16",
    "b fault",
    ".balign 128",
    ".endr",
    ".section .text.start, \"ax\"",
    ".global start",
    "start:",
    "ldr x0, =exceptions",
    "msr vbar_el1, x0",
    "mrs x0, sctlr_el1",
    "orr x0, x0, #2",
    "msr sctlr_el1, x0",
    "mov x0, #{fpu}",
    "msr cpacr_el1, x0",
    "isb",
    "ldr x0, =stack_top",
    "mov sp, x0",
    "ldr x0, =statics_start",
    "ldr x1, =statics_end",
    "2:",
    "cmp x0, x1",
    "b.hs 3f",
    "str wzr, [x0], #4",
    "b 2b",
    "3:",
    "bl firmware",
    ".pool",
    fpu = const if crate::machine::HAS_FPU { 3 << 20 } else { 0 },
);

/// Where every exception of the core leads.
#[unsafe(no_mangle)]
extern "C" fn fault() -> ! {
    crate::semihosting::exit(99)
}
